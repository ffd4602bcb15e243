// Applies a rule of rule.hpp to one pixel.
#pragma once
#include "../rule.hpp"
#include "view.cuh"

namespace rephase::cuda {

__device__ inline float* iterate_at(const View& v, int start, int row, int column) {
  return v.iterate + (static_cast<size_t>(start) * v.rows + row) * v.columns + column;
}
// The previous iterate, where the rule reads it.
__device__ inline float iterate_before(const Rule& rule, const View& v, int start, int row, int column) {
  return rule.reads_iterate ? *iterate_at(v, start, row, column) : 0.f;
}

// A zero coefficient takes no part: times a negative number it would make -0, times an infinity NaN.
__device__ inline float term(float coefficient, float image) {
  return coefficient * (coefficient == 0 ? 0 : image);
}
__device__ inline float combine(float cx, float cy, float x, float y) {
  return fmaf(cy, cy == 0 ? 0 : y, term(cx, x));
}

// The image to transform next, for the new image y and the previous iterate x. Stores the new iterate where the rule
// keeps it. Reflects: false serves the rules that do not.
template <bool Reflects>
__device__ inline float apply(const Rule& rule, const View& v, int start, int row, int column, float y, float x) {
  const float tested = Reflects ? combine(rule.tested.x, rule.tested.y, x, y) : y;
  bool violates = tested < 0;
  if (v.support) {
    const uint32_t word = __ldg(v.support + static_cast<size_t>(row) * v.support_words + column / 32);
    violates = violates || !(word >> (column % 32) & 1);
  }
  // Copies first: a choice between two members would be a choice between two addresses, and leave the registers.
  const Image next = rule.next, iterate = rule.iterate;
  const float cx = violates ? next.violated.x : next.satisfied.x, cy = violates ? next.violated.y : next.satisfied.y;
  if (!rule.keeps_iterate) return term(cy, y);
  // A zero coefficient adds nothing to finite images by itself. Its selects would cost plain rules up to 3 % of the
  // time.
  const float image = Reflects ? combine(cx, cy, x, y) : fmaf(cy, y, cx * x);
  *iterate_at(v, start, row, column) = Reflects ? combine(violates ? iterate.violated.x : iterate.satisfied.x,
                                                          violates ? iterate.violated.y : iterate.satisfied.y, x, y)
                                                : image;
  return image;
}

}  // namespace rephase::cuda
