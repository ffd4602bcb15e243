// The functions that the WebAssembly module exports: a C interface to core/. `precision` is 4 (float) or 8 (double);
// "numbers" below are of the session's or plan's precision. Pointers are offsets into the module's memory. Arguments
// arrive validated from TypeScript and are not checked again.
#pragma once
#include <cstddef>
#include <cstdint>

extern "C" {

// Memory, 16-byte aligned; 0 when there is none left.
void* rephase_allocate(size_t bytes);
void rephase_free(void* memory);

// Sessions; see src/backends/interface.ts for what each operation promises.
// `algorithm` is the index in src/types.ts ALGORITHMS. 0 when memory ran out.
void* rephase_session_create(int precision, uint32_t rows, uint32_t columns, uint32_t starts, int algorithm,
                             double beta);
void rephase_session_destroy(void* session);
// The most that such a session will hold.
double rephase_session_bytes_needed(int precision, double rows, double columns, double starts, int algorithm);
// magnitudes: rows x columns numbers; mask: rows x columns bytes or 0. Setting the support returns 0 when memory ran
// out.
void rephase_session_set_magnitudes(void* session, const void* magnitudes, const uint8_t* mask, double scale);
int rephase_session_set_support(void* session, const uint8_t* support);
// Needs the full magnitudes and mask again: the session keeps only their symmetric part.
void rephase_session_start_from_seed(void* session, const void* magnitudes, const uint8_t* mask, uint32_t seed_low,
                                     uint32_t seed_high, uint32_t first_start);
// The operations below that can need the object array for the first time return 0 when memory ran out, else 1.
int rephase_session_inverse(void* session);
int rephase_session_constrain_object(void* session, int first);
void rephase_session_forward(void* session);
void rephase_session_constrain_fourier(void* session);
void rephase_session_iterate(void* session, uint32_t count, int first);
int rephase_session_settle(void* session);
// Copies the records [record][start] since the last call to `out` (room for 1024 x starts doubles); returns how many
// records.
uint32_t rephase_session_take_residuals(void* session, double* out);
// Row ranges, so that a small staging buffer serves any image: `rows` rows from `row` on, natural order, unscaled.
void rephase_session_read_object(const void* session, uint32_t start, uint32_t row, uint32_t rows, void* out);
int rephase_session_write_object(void* session, uint32_t start, uint32_t row, uint32_t rows, const void* in,
                                 int as_iterate);
void rephase_session_keep_object(void* session, uint32_t start);
// Full spectrum, interleaved. Reading is by row ranges; writing takes all rows at once (2 x rows x columns numbers).
void rephase_session_read_spectrum(void* session, uint32_t start, uint32_t row, uint32_t rows, void* out);
void rephase_session_write_spectrum(void* session, uint32_t start, const void* in);

// One-dimensional complex transforms of any length, natural order, in place, forward unnormalised and inverse divided
// by n: for tests and benchmarks. `lines` transforms of `length` interleaved numbers each, one behind the other.
void* rephase_plan_create(int precision, uint32_t length);
void rephase_plan_destroy(void* plan);
void rephase_plan_transform(const void* plan, void* data, uint32_t lines, int inverse);
}
