// The functions of the WebAssembly module: a C interface to core/, and the only list of them. instance.ts takes their
// names from the module; what each operation promises stands in src/backends/interface.ts. Arguments arrive validated
// from TypeScript and are not checked again.
//
// `precision` is 4 (float) or 8 (double), and pointers to void are to numbers of the session's precision. Pointers are
// offsets into the module's memory. Functions that return int return 0 when memory ran out, else 1.
#include <cstdlib>
#include <type_traits>

#include "exports.hpp"
#include "session.hpp"

using namespace rephase;

namespace {

template <class T>
using RealSession = Session<RealField<T>>;
template <class T>
using ComplexSession = Session<ComplexField<T>>;

// A session of either precision and of either kind of object, and the rule of its next operations.
struct AnySession : OneOf<RealSession<float>, RealSession<double>, ComplexSession<float>, ComplexSession<double>> {
  Rule rule;
};

// Calls `f` with a null pointer to the class of such sessions.
template <class F>
auto with_kind(int precision, int is_complex, F&& f) {
  const auto of_object = [&]<class Real, class Complex>(Real* real, Complex* complex) {
    return is_complex ? f(complex) : f(real);
  };
  if (precision == sizeof(float))
    return of_object(static_cast<RealSession<float>*>(nullptr), static_cast<ComplexSession<float>*>(nullptr));
  return of_object(static_cast<RealSession<double>*>(nullptr), static_cast<ComplexSession<double>*>(nullptr));
}

}  // namespace

// 16-byte aligned; 0 when there is no memory left.
EXPORT(rephase_allocate) void* rephase_allocate(size_t bytes) {
  return std::aligned_alloc(16, (bytes + 15) / 16 * 16);
}

EXPORT(rephase_free) void rephase_free(void* memory) {
  std::free(memory);
}

// The most that a session will hold, with a previous iterate or without, and with weights.
EXPORT(rephase_bytes_needed)
double rephase_bytes_needed(int precision, int is_complex, double rows, double columns, double starts, int with_iterate,
                            int with_weights) {
  return with_kind(precision, is_complex,
                   [&]<class S>(S*) { return S::bytes_needed(rows, columns, starts, with_iterate, with_weights); });
}

// 0 when memory ran out. `with_iterate`: whether to allocate the previous iterate at once. `with_weights`: whether
// rules have weights.
EXPORT(rephase_create)
AnySession* rephase_create(int precision, int is_complex, uint32_t rows, uint32_t columns, uint32_t starts,
                           int with_iterate, int with_weights) {
  Rule rule = {{0, 1}, {{0, 1}, {0, 1}}, {{0, 0}, {0, 0}}, with_iterate != 0};
  rule.fourier.exponent = with_weights;
  AnySession* const session = new (std::nothrow) AnySession{{}, rule};
  if (!session) return nullptr;
  const bool is_made =
      with_kind(precision, is_complex, [&]<class S>(S*) { return session->make<S>(rows, columns, starts, rule); });
  if (is_made) return session;
  delete session;
  return nullptr;
}

EXPORT(rephase_destroy) void rephase_destroy(AnySession* session) {
  delete session;
}

// The rule of the operations that follow: coefficients in the order of `coefficients` in src/rules.ts, and what only
// complex objects have.
EXPORT(rephase_use_rule)
void rephase_use_rule(AnySession* session, double tx, double ty, double six, double siy, double snx, double sny,
                      double vix, double viy, double vnx, double vny, double lx, double ly, double pi, double pn,
                      double low, double high, double reflects_iterate, double support_size, double tolerance,
                      double limit, double likelihood, int keeps_iterate, double centre, double half_width,
                      int in_two_planes, double unmeasured, double exponent, int keeps_phases) {
  const Update satisfied = {{six, siy}, {snx, sny}}, violated = {{vix, viy}, {vnx, vny}};
  const bool keeps = keeps_iterate != 0, reflects = reflects_iterate != 0;
  const FourierRule fourier = {tolerance, limit, likelihood != 0, unmeasured, exponent, keeps_phases != 0};
  const uint32_t size = static_cast<uint32_t>(support_size);
  const Phases phases = {centre, half_width};
  session->rule = {{tx, ty}, satisfied, violated, keeps,   {lx, ly}, {pi, pn},          low,
                   high,     reflects,  size,     fourier, phases,   in_two_planes != 0};
}

// mask: rows × columns bytes or 0.
EXPORT(rephase_set_magnitudes)
void rephase_set_magnitudes(AnySession* session, const void* magnitudes, const uint8_t* mask, double scale) {
  session->with([&](auto& s) { s.set_magnitudes(numbers(s, magnitudes), mask, scale); });
}

// The size of each pixel of a complex object, after `rephase_set_magnitudes`.
EXPORT(rephase_set_object_magnitudes)
int rephase_set_object_magnitudes(AnySession* session, const void* magnitudes) {
  return session->with([&](auto& s) {
    if constexpr (requires { s.field().set_object_magnitudes(numbers(s, magnitudes)); })
      return s.field().set_object_magnitudes(numbers(s, magnitudes));
    else
      return false;
  });
}

// support: rows × columns bytes, or 0 for everywhere.
EXPORT(rephase_set_support) int rephase_set_support(AnySession* session, const uint8_t* support) {
  return session->with([&](auto& s) { return s.set_support(support); });
}

// The supports of all starts shrink to where their blurred objects are above a threshold.
EXPORT(rephase_shrink_support)
int rephase_shrink_support(AnySession* session, double sigma, double threshold, double least, double most) {
  return session->with([&](auto& s) { return s.shrink_support(sigma, threshold, least, most); });
}

// A byte a pixel, rows × columns.
EXPORT(rephase_read_support) void rephase_read_support(AnySession* session, uint32_t start, uint8_t* out) {
  session->with([&](auto& s) { s.read_support(start, out); });
}

EXPORT(rephase_write_support)
int rephase_write_support(AnySession* session, uint32_t start, const uint8_t* support) {
  return session->with([&](auto& s) { return s.write_support(start, support); });
}

// Needs the full magnitudes and mask again: the session keeps only their symmetric part.
EXPORT(rephase_start_from_seed)
void rephase_start_from_seed(AnySession* session, const void* magnitudes, const uint8_t* mask, uint32_t seed_low,
                             uint32_t seed_high, uint32_t first_start) {
  const uint64_t seed = static_cast<uint64_t>(seed_high) << 32 | seed_low;
  session->with([&](auto& s) { s.start_from_seed(numbers(s, magnitudes), mask, seed, first_start); });
}

EXPORT(rephase_inverse) int rephase_inverse(AnySession* session) {
  return session->with([](auto& s) { return s.inverse(); });
}

EXPORT(rephase_constrain_object) int rephase_constrain_object(AnySession* session) {
  return session->with([&](auto& s) { return s.constrain_object(session->rule); });
}

EXPORT(rephase_forward) void rephase_forward(AnySession* session) {
  session->with([](auto& s) { s.forward(); });
}

EXPORT(rephase_constrain_fourier) void rephase_constrain_fourier(AnySession* session) {
  session->with([&](auto& s) { s.constrain_fourier(session->rule); });
}

EXPORT(rephase_iterate) int rephase_iterate(AnySession* session, uint32_t count) {
  return session->with([&](auto& s) { return s.iterate(count, session->rule); });
}

EXPORT(rephase_complete_iteration) int rephase_complete_iteration(AnySession* session) {
  return session->with([](auto& s) { return s.complete_iteration(); });
}

EXPORT(rephase_measure_object) void rephase_measure_object(AnySession* session) {
  session->with([&](auto& s) { s.measure_object(session->rule); });
}

// How many records `rephase_take_residuals` copies to `out`, [record][start].
EXPORT(rephase_records) uint32_t rephase_records(AnySession* session) {
  return session->with([](auto& s) { return s.records(); });
}

EXPORT(rephase_take_residuals) void rephase_take_residuals(AnySession* session, double* out) {
  session->with([&](auto& s) { s.take_residuals(out); });
}

// Reading and writing take `rows` rows from `row` on, so that a small staging buffer serves any image. Spectra are full
// and interleaved, and one is written as a whole; what is stored of them is the packed half for a
// real object, and all for a complex one.
EXPORT(rephase_read_object)
void rephase_read_object(AnySession* session, uint32_t start, uint32_t row, uint32_t rows, void* out) {
  session->with([&](auto& s) { s.read_object(start, row, rows, numbers(s, out)); });
}

EXPORT(rephase_write_object)
int rephase_write_object(AnySession* session, uint32_t start, uint32_t row, uint32_t rows, const void* in,
                         int as_iterate) {
  return session->with([&](auto& s) { return s.write_object(start, row, rows, numbers(s, in), as_iterate != 0); });
}

EXPORT(rephase_keep_object) int rephase_keep_object(AnySession* session, uint32_t start) {
  return session->with([&](auto& s) { return s.keep_object(start); });
}

EXPORT(rephase_read_spectrum)
void rephase_read_spectrum(AnySession* session, uint32_t start, uint32_t row, uint32_t rows, void* out) {
  session->with([&](auto& s) { s.read_spectrum(start, row, rows, numbers(s, out)); });
}

EXPORT(rephase_write_spectrum) void rephase_write_spectrum(AnySession* session, uint32_t start, const void* in) {
  session->with([&](auto& s) { s.write_spectrum(start, numbers(s, in)); });
}

// The threshold of the last support size, in scaled units.
EXPORT(rephase_threshold) double rephase_threshold(AnySession* session, uint32_t start) {
  return session->with([&](auto& s) -> double { return s.threshold(start); });
}

EXPORT(rephase_set_threshold) void rephase_set_threshold(AnySession* session, uint32_t start, double threshold) {
  session->with(
      [&](auto& s) { s.threshold(start) = static_cast<std::decay_t<decltype(s.threshold(start))>>(threshold); });
}

EXPORT(rephase_read_stored)
void rephase_read_stored(AnySession* session, uint32_t start, uint32_t row, uint32_t rows, void* out) {
  session->with([&](auto& s) { s.read_stored(start, row, rows, numbers(s, out)); });
}

EXPORT(rephase_write_stored)
void rephase_write_stored(AnySession* session, uint32_t start, uint32_t row, uint32_t rows, const void* in) {
  session->with([&](auto& s) { s.write_stored(start, row, rows, numbers(s, in)); });
}
