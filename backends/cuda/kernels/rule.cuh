// Applies a rule of rule.hpp to one pixel, a real or a complex one.
#pragma once
#include <cfloat>
#include <type_traits>

#include "../rule.hpp"
#include "view.cuh"

namespace rephase::cuda {

template <class Pixel>
__device__ inline Pixel* iterate_at(const View& v, int start, int row, int column) {
  return reinterpret_cast<Pixel*>(v.iterate) + (static_cast<size_t>(start) * v.rows + row) * v.columns + column;
}
// The previous iterate, where the rule reads it.
template <class Pixel>
__device__ inline Pixel iterate_before(const PlainRule& rule, const View& v, int start, int row, int column) {
  return rule.reads_iterate ? *iterate_at<Pixel>(v, start, row, column) : Pixel{};
}

// A zero coefficient takes no part: times a negative number it would make -0, times an infinity NaN.
__device__ inline float term(float coefficient, float image) {
  return coefficient * (coefficient == 0 ? 0 : image);
}
// A zero coefficient adds nothing to finite images by itself. Selects for it would cost up to 3 % of the time.
__device__ inline float combine(Combination c, float x, float y) {
  return fmaf(c.y, y, c.x * x);
}

// What says which of two pixels is the larger one.
__device__ inline float brightness(float pixel) {
  return pixel;
}

// A value brought into the bounds of a rule, and 0 where `cleared`.
__device__ inline float projected(const Rule& rule, bool cleared, float value) {
  return cleared ? 0 : fminf(fmaxf(value, rule.low), rule.high);
}

__device__ inline bool is_inside(const View& v, int start, int row, int column) {
  if (!v.support) return true;
  const int bit = v.support_bit(column);
  return __ldg(v.support + v.support_row(start, row) + column - bit * v.support_words) >> bit & 1;
}

// The support of the pixels that a thread has of a row in the first stage.
template <class L>
class Inside {
 public:
  __device__ Inside(const View& v, int start, int row, int t) {
    const uint32_t* const of_row = v.support + v.support_row(start, row);
    L::template each_butterfly<0>(t, [&](int i, int b) { words_[i / radix] = v.support ? __ldg(of_row + b) : ~0u; });
  }
  // Of number `at` of the thread's.
  __device__ bool operator[](int at) const { return words_[at / radix] >> at % radix & 1; }

 private:
  static constexpr int radix = L::radix(0);
  uint32_t words_[L::butterflies_per_thread(0)];
};
// The same without a support.
struct Everywhere {
  __device__ constexpr bool operator[](int) const { return true; }
};

constexpr float kNoThreshold = -HUGE_VALF;
// What `find_thresholds` has found for a rule with a support size.
__device__ inline float threshold_of(const Rule& rule, const View& v, int start) {
  return rule.support_size > 0 ? v.thresholds[start].y : kNoThreshold;
}

// An iterate reflected at the constraint: 2P(x) - x.
__device__ inline float reflected(const Rule& rule, bool cleared, float iterate) {
  return fmaf(2, projected(rule, cleared, iterate), -iterate);
}

// The image to transform next, for the new image y and the previous iterate x, which becomes the new one. Tested values
// that are not above the threshold are cleared.
__device__ inline float next_image(const Rule& rule, bool inside, float y, float& x, float threshold) {
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
  float next = iterate;
  if (rule.two_images)
    next = rule.reflects_iterate ? reflected(rule, !inside, iterate) : image(rule.next, rule.projected.next);
  x = iterate;
  return next;
}

// The same, for R: PlainRule or Rule. Stores the new iterate where the rule keeps it.
template <class R>
__device__ inline float apply(const R& rule, const View& v, int start, int row, int column, bool inside, float y,
                              float x, float threshold = kNoThreshold) {
  if constexpr (std::is_same_v<R, Rule>) {
    const float next = next_image(rule, inside, y, x, threshold);
    if (rule.keeps_iterate) *iterate_at<float>(v, start, row, column) = x;
    return next;
  }
  const bool violates = y < 0 || !inside;
  // A copy first: a choice between two members would be a choice between two addresses, and leave the registers.
  const Image next = rule.next;
  const Combination chosen = violates ? next.violated : next.satisfied;
  if (!rule.keeps_iterate) return term(chosen.y, y);
  const float image = combine(chosen, x, y);
  *iterate_at<float>(v, start, row, column) = image;
  return image;
}

// ---- complex pixels ----

// Rounded by itself, whatever is added to it: what is compiled together must round as it does apart.
__device__ inline Complex scaled(float factor, Complex z) {
  return {__fmul_rn(factor, z.x), __fmul_rn(factor, z.y)};
}
__device__ inline float dot(Complex a, Complex b) {
  return fmaf(a.x, b.x, __fmul_rn(a.y, b.y));
}
__device__ inline Complex combine(Combination c, Complex x, Complex y) {
  return {combine(c, x.x, y.x), combine(c, x.y, y.y)};
}
__device__ inline float brightness(Complex pixel) {
  return sqrtf(dot(pixel, pixel));
}

// What a rule says of one complex pixel: its size is that of the object's plane, where it is known, or within bounds,
// and above the threshold; its phase in a range.
struct ComplexConstraint {
  const Rule& rule;
  const bool outside;
  const float least, most, threshold;

  __device__ ComplexConstraint(const Rule& rule, bool outside, const float* size, float threshold)
      : rule(rule),
        outside(outside),
        least(size ? *size : rule.low),
        most(size ? *size : rule.high),
        threshold(threshold) {}

  __device__ bool violated(Complex z) const {
    if (outside) return true;
    if (!rule.bounds_pixels && rule.support_size == 0) return false;
    const float size = brightness(z);
    return size <= threshold || size < least || size > most ||
           (rule.has_phases && turned_back(z).x < __fmul_rn(size, rule.phase_edge.x));
  }

  // The nearest number that satisfies the constraint. That of 0 has the phase in the middle.
  __device__ Complex projected(Complex z) const {
    if (!rule.bounds_pixels) return violated(z) ? Complex{0, 0} : z;
    if (outside) return {0, 0};
    const float size = brightness(z);
    Complex direction = size == 0 ? phase(rule.phase_centre) : Complex{z.x / size, z.y / size};
    float along = size;
    if (rule.has_phases) {
      const Complex turned = turned_back(z), edge = phase(rule.phase_edge);
      if (turned.x < __fmul_rn(size, edge.x)) {
        const Complex end = {edge.x, turned.y < 0 ? -edge.y : edge.y}, centre = phase(rule.phase_centre);
        direction = {dot(centre, conjugate(end)), dot(centre, {end.y, end.x})};
        along = dot(turned, end);
      }
    }
    if (along <= threshold) along = 0;
    return scaled(fminf(fmaxf(along, least), most), direction);
  }

 private:
  __device__ static Complex phase(Combination c) { return {c.x, c.y}; }
  // Turned so that the middle of the phases becomes 0.
  __device__ Complex turned_back(Complex z) const {
    const Complex centre = phase(rule.phase_centre);
    return {dot(z, centre), dot(centre, {z.y, -z.x})};
  }
};

__device__ inline const float* size_at(const View& v, int row, int column) {
  return v.sizes + static_cast<size_t>(row) * v.columns + column;
}
// z in that size. Of 0 the phase is 0.
__device__ inline Complex with_size(Complex z, float size) {
  const float square = dot(z, z), inverse = inverse_root(square);
  return square < FLT_MIN ? Complex{size, 0} : scaled(__fmul_rn(size, inverse), z);
}

template <class R>
__device__ inline Complex apply(const R& rule, const View& v, int start, int row, int column, bool inside, Complex y,
                                Complex x, float threshold = kNoThreshold) {
  if constexpr (std::is_same_v<R, Rule>) {
    const float* const size = rule.in_two_planes ? size_at(v, row, column) : nullptr;
    const ComplexConstraint constraint(rule, !inside, size, threshold);
    const Complex tested = combine(rule.tested, x, y);
    const bool violates = constraint.violated(tested);
    const auto image = [&](const Image& of, float share) -> Complex {
      const Combination satisfied = of.satisfied, violated = of.violated;
      if (!violates) return combine(satisfied, x, y);
      const Complex feasible = constraint.projected(tested), rest = combine(violated, x, y);
      return {fmaf(share, feasible.x, rest.x), fmaf(share, feasible.y, rest.y)};
    };
    const Complex iterate = image(rule.iterate, rule.projected.iterate);
    if (rule.keeps_iterate) *iterate_at<Complex>(v, start, row, column) = iterate;
    if (!rule.two_images) return iterate;
    if (!rule.reflects_iterate) return image(rule.next, rule.projected.next);
    return constraint.violated(iterate) ? scaled(2, constraint.projected(iterate)) - iterate : iterate;
  }
  if (rule.imposes_sizes) return with_size(y, inside ? *size_at(v, row, column) : 0);
  // A copy first: see above.
  const Image next = rule.next;
  const Combination chosen = inside ? next.satisfied : next.violated;
  if (!rule.keeps_iterate) return scaled(chosen.y, chosen.y == 0 ? Complex{0, 0} : y);
  const Complex image = combine(chosen, x, y);
  *iterate_at<Complex>(v, start, row, column) = image;
  return image;
}

// A rule that may be a plain one.
template <class Pixel>
__device__ inline Pixel apply_any(const Rule& rule, const View& v, int start, int row, int column, Pixel y, Pixel x,
                                  float threshold) {
  const bool inside = is_inside(v, start, row, column);
  return rule.general ? apply(rule, v, start, row, column, inside, y, x, threshold)
                      : apply<PlainRule>(rule, v, start, row, column, inside, y, x);
}

}  // namespace rephase::cuda
