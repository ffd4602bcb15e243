// A WebAssembly module of single transforms, for tests and benchmarks; bench/native/lines.mjs loads it. Natural order,
// in place, forward unnormalised and inverse divided by the length: `lines` transforms of `length` interleaved numbers
// each, one behind the other. `precision` is 4 (float) or 8 (double).
#include <cstdlib>
#include <new>

#include "line.hpp"

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

using namespace rephase;

namespace {

template <class T>
void transform_all(const void* plan, void* data, uint32_t lines, int inverse) {
  const Line<T>& line = *static_cast<const Line<T>*>(plan);
  for (uint32_t i = 0; i < lines; i++)
    line.transform(static_cast<T*>(data) + 2 * line.length() * i, inverse ? Direction::inverse : Direction::forward);
}

}  // namespace

EXPORT(allocate) void* allocate(size_t bytes) {
  return std::aligned_alloc(16, (bytes + 15) / 16 * 16);
}

EXPORT(release) void release(void* memory) {
  std::free(memory);
}

EXPORT(plan_create) void* plan_create(int precision, uint32_t length) {
  if (precision == sizeof(float)) return new (std::nothrow) Line<float>(length);
  return new (std::nothrow) Line<double>(length);
}

EXPORT(plan_destroy) void plan_destroy(int precision, void* plan) {
  if (precision == sizeof(float))
    delete static_cast<Line<float>*>(plan);
  else
    delete static_cast<Line<double>*>(plan);
}

EXPORT(plan_transform)
void plan_transform(int precision, const void* plan, void* data, uint32_t lines, int inverse) {
  (precision == sizeof(float) ? transform_all<float> : transform_all<double>)(plan, data, lines, inverse);
}
