// The WebAssembly module: a C interface that picks the precision and calls core/.
#include "exports.h"

#include <cstdlib>
#include <new>

#include "line.hpp"
#include "session.hpp"

#if defined(__wasm__)
#define REPHASE_EXPORT(name) __attribute__((export_name(#name)))
#else
#define REPHASE_EXPORT(name)
#endif

using namespace rephase;

namespace {

// A session or plan of either precision behind one pointer.
template <template <class> class Of>
struct Either {
  Of<float>* single = nullptr;
  Of<double>* twice = nullptr;

  template <class... Args>
  static Either* create(int precision, Args... args) {
    Either* either = new (std::nothrow) Either;
    if (!either) return nullptr;
    if (precision == sizeof(float))
      either->single = new (std::nothrow) Of<float>(args...);
    else
      either->twice = new (std::nothrow) Of<double>(args...);
    if (either->single ? either->single->valid() : either->twice && either->twice->valid()) return either;
    delete either;
    return nullptr;
  }
  ~Either() {
    delete single;
    delete twice;
  }
  // Calls f with the object and a null pointer of its number type.
  template <class F>
  auto with(F&& f) const {
    return single ? f(*single, static_cast<float*>(nullptr)) : f(*twice, static_cast<double*>(nullptr));
  }
};

using AnySession = Either<Session>;
using AnyLine = Either<Line>;

const AnySession& session_of(const void* session) {
  return *static_cast<const AnySession*>(session);
}

template <class T>
const T* numbers(const void* p, T*) {
  return static_cast<const T*>(p);
}
template <class T>
T* numbers(void* p, T*) {
  return static_cast<T*>(p);
}

}  // namespace

extern "C" {

REPHASE_EXPORT(rephase_allocate) void* rephase_allocate(size_t bytes) {
  return std::aligned_alloc(16, (bytes + 15) / 16 * 16);
}

REPHASE_EXPORT(rephase_free) void rephase_free(void* memory) {
  std::free(memory);
}

REPHASE_EXPORT(rephase_session_create)
void* rephase_session_create(int precision, uint32_t rows, uint32_t columns, uint32_t starts, int algorithm,
                             double beta) {
  return AnySession::create(precision, rows, columns, starts, static_cast<Algorithm>(algorithm), beta);
}

REPHASE_EXPORT(rephase_session_destroy) void rephase_session_destroy(void* session) {
  delete static_cast<AnySession*>(session);
}

REPHASE_EXPORT(rephase_session_bytes_needed)
double rephase_session_bytes_needed(int precision, double rows, double columns, double starts, int algorithm) {
  const Algorithm a = static_cast<Algorithm>(algorithm);
  return precision == sizeof(float) ? Session<float>::bytes_needed(rows, columns, starts, a)
                                    : Session<double>::bytes_needed(rows, columns, starts, a);
}

REPHASE_EXPORT(rephase_session_set_magnitudes)
void rephase_session_set_magnitudes(void* session, const void* magnitudes, const uint8_t* mask, double scale) {
  session_of(session).with([&](auto& s, auto t) { s.set_magnitudes(numbers(magnitudes, t), mask, scale); });
}

REPHASE_EXPORT(rephase_session_set_support) int rephase_session_set_support(void* session, const uint8_t* support) {
  return session_of(session).with([&](auto& s, auto) { return s.set_support(support); });
}

REPHASE_EXPORT(rephase_session_start_from_seed)
void rephase_session_start_from_seed(void* session, const void* magnitudes, const uint8_t* mask, uint32_t seed_low,
                                     uint32_t seed_high, uint32_t first_start) {
  const uint64_t seed = static_cast<uint64_t>(seed_high) << 32 | seed_low;
  session_of(session).with(
      [&](auto& s, auto t) { s.start_from_seed(numbers(magnitudes, t), mask, seed, first_start); });
}

REPHASE_EXPORT(rephase_session_inverse) int rephase_session_inverse(void* session) {
  return session_of(session).with([](auto& s, auto) { return s.inverse(); });
}

REPHASE_EXPORT(rephase_session_constrain_object) int rephase_session_constrain_object(void* session, int first) {
  return session_of(session).with([&](auto& s, auto) { return s.constrain_object(first != 0); });
}

REPHASE_EXPORT(rephase_session_forward) void rephase_session_forward(void* session) {
  session_of(session).with([](auto& s, auto) { s.forward(); });
}

REPHASE_EXPORT(rephase_session_constrain_fourier) void rephase_session_constrain_fourier(void* session) {
  session_of(session).with([](auto& s, auto) { s.constrain_fourier(); });
}

REPHASE_EXPORT(rephase_session_iterate)
void rephase_session_iterate(void* session, uint32_t count, int first) {
  session_of(session).with([&](auto& s, auto) { s.iterate(count, first != 0); });
}

REPHASE_EXPORT(rephase_session_settle) int rephase_session_settle(void* session) {
  return session_of(session).with([](auto& s, auto) { return s.settle(); });
}

REPHASE_EXPORT(rephase_session_take_residuals) uint32_t rephase_session_take_residuals(void* session, double* out) {
  return session_of(session).with([&](auto& s, auto) { return s.take_residuals(out); });
}

REPHASE_EXPORT(rephase_session_read_object)
void rephase_session_read_object(const void* session, uint32_t start, uint32_t row, uint32_t rows, void* out) {
  session_of(session).with([&](auto& s, auto t) { s.read_object(start, row, rows, numbers(out, t)); });
}

REPHASE_EXPORT(rephase_session_write_object)
int rephase_session_write_object(void* session, uint32_t start, uint32_t row, uint32_t rows, const void* in,
                                 int as_iterate) {
  return session_of(session).with(
      [&](auto& s, auto t) { return s.write_object(start, row, rows, numbers(in, t), as_iterate != 0); });
}

REPHASE_EXPORT(rephase_session_keep_object) void rephase_session_keep_object(void* session, uint32_t start) {
  session_of(session).with([&](auto& s, auto) { s.keep_object(start); });
}

REPHASE_EXPORT(rephase_session_read_spectrum)
void rephase_session_read_spectrum(void* session, uint32_t start, uint32_t row, uint32_t rows, void* out) {
  session_of(session).with([&](auto& s, auto t) { s.read_spectrum(start, row, rows, numbers(out, t)); });
}

REPHASE_EXPORT(rephase_session_write_spectrum)
void rephase_session_write_spectrum(void* session, uint32_t start, const void* in) {
  session_of(session).with([&](auto& s, auto t) { s.write_spectrum(start, numbers(in, t)); });
}

REPHASE_EXPORT(rephase_plan_create) void* rephase_plan_create(int precision, uint32_t length) {
  return AnyLine::create(precision, length);
}

REPHASE_EXPORT(rephase_plan_destroy) void rephase_plan_destroy(void* plan) {
  delete static_cast<AnyLine*>(plan);
}

REPHASE_EXPORT(rephase_plan_transform)
void rephase_plan_transform(const void* plan, void* data, uint32_t lines, int inverse) {
  static_cast<const AnyLine*>(plan)->with([&](auto& l, auto t) {
    for (uint32_t i = 0; i < lines; i++)
      l.transform(numbers(data, t) + size_t{2} * l.length() * i, inverse ? Direction::inverse : Direction::forward);
  });
}
}
