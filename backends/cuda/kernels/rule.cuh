// Applies a rule of rule.hpp to one pixel.
#pragma once
#include <type_traits>

#include "../rule.hpp"
#include "view.cuh"

namespace rephase::cuda {

__device__ inline float* iterate_at(const View& v, int start, int row, int column) {
  return v.iterate + (static_cast<size_t>(start) * v.rows + row) * v.columns + column;
}
// The previous iterate, where the rule reads it.
__device__ inline float iterate_before(const PlainRule& rule, const View& v, int start, int row, int column) {
  return rule.reads_iterate ? *iterate_at(v, start, row, column) : 0.f;
}

// A zero coefficient takes no part: times a negative number it would make -0, times an infinity NaN.
__device__ inline float term(float coefficient, float image) {
  return coefficient * (coefficient == 0 ? 0 : image);
}
// A zero coefficient adds nothing to finite images by itself. Selects for it would cost up to 3 % of the time.
__device__ inline float combine(Combination c, float x, float y) {
  return fmaf(c.y, y, c.x * x);
}

// A value brought into the bounds of a rule, and 0 where `cleared`.
__device__ inline float projected(const Rule& rule, bool cleared, float value) {
  return cleared ? 0 : fminf(fmaxf(value, rule.low), rule.high);
}

__device__ inline bool is_inside(const View& v, int start, int row, int column) {
  if (!v.support) return true;
  const uint32_t word = __ldg(v.support + v.support_row(start, row) + column / 32);
  return word >> (column % 32) & 1;
}

constexpr float kNoThreshold = -HUGE_VALF;
// What `find_thresholds` has found for a rule with a support size.
__device__ inline float threshold_of(const Rule& rule, const View& v, int start) {
  return rule.support_size > 0 ? v.thresholds[start].y : kNoThreshold;
}

// The image to transform next, for the new image y and the previous iterate x. Stores the new iterate where the rule
// keeps it. R: PlainRule or Rule, which clears tested values that are not above the threshold.
template <class R>
__device__ inline float apply(const R& rule, const View& v, int start, int row, int column, float y, float x,
                              float threshold = kNoThreshold) {
  const bool inside = is_inside(v, start, row, column);
  if constexpr (std::is_same_v<R, Rule>) {
    const float tested = combine(rule.tested, x, y);
    const bool cleared = !inside || tested <= threshold;
    const bool violates = cleared || tested < rule.low || tested > rule.high;
    const float feasible = projected(rule, cleared, tested);
    const bool has_floor = rule.at_least.x != 0 || rule.at_least.y != 0;
    const float floor = has_floor ? combine(rule.at_least, x, y) : -HUGE_VALF;
    const auto image = [&](const Image& of, float share) {
      const Combination violated = of.violated, satisfied = of.satisfied;
      return violates ? fmaf(share, feasible, combine(violated, x, y)) : fmaxf(combine(satisfied, x, y), floor);
    };
    const float iterate = image(rule.iterate, rule.projected.iterate);
    if (rule.keeps_iterate) *iterate_at(v, start, row, column) = iterate;
    if (!rule.two_images) return iterate;
    return rule.reflects_iterate ? 2 * projected(rule, !inside, iterate) - iterate
                                 : image(rule.next, rule.projected.next);
  }
  const bool violates = y < 0 || !inside;
  // A copy first: a choice between two members would be a choice between two addresses, and leave the registers.
  const Image next = rule.next;
  const Combination chosen = violates ? next.violated : next.satisfied;
  if (!rule.keeps_iterate) return term(chosen.y, y);
  const float image = combine(chosen, x, y);
  *iterate_at(v, start, row, column) = image;
  return image;
}

}  // namespace rephase::cuda
