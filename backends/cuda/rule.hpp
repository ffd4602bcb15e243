// A pixel rule as kernels take it: the numbers of src/rules.ts, and what follows from them.
#pragma once
#include <cmath>
#include <cstdint>

#include "../../core/on_device.hpp"

namespace rephase::cuda {

// x·(previous iterate) + y·(new image). A zero takes no part.
struct Combination {
  float x, y;
};
// An image that is made of a pixel, by whether it satisfies the constraint.
struct Image {
  Combination satisfied, violated;
};

// All that kernels for plain rules are given: those that choose between two combinations by the sign of y, and
// transform the new iterate, and the one that only imposes known sizes. Kernels fetch their arguments line by line.
struct PlainRule {
  bool keeps_iterate;  // stores the new iterate
  bool reads_iterate;
  bool scales;         // only multiplies y
  bool imposes_sizes;  // of complex pixels inside the support, and clears the others
  Image next;
};

struct Shares {
  float iterate, next;
};

// What becomes of a frequency, as src/rules.ts says. As many times its value as the spectrum.
struct FourierRule {
  bool general = false;                    // does more than to impose the magnitudes
  float tolerance = 0, limit = HUGE_VALF;  // the tolerance is 0 with the likelihood
  bool likelihood = false;
  float unmeasured = 1;
  float exponent = 0;  // of weights; 0: there are none
  bool keeps_phases = false;

  REPHASE_ON_DEVICE_TOO bool has_weights() const { return exponent > 0; }
};

struct Rule : PlainRule {
  bool general;     // not plain
  bool two_images;  // transforms another image than the iterate
  Image iterate;
  Combination tested, at_least;
  Shares projected;  // of the tested value, brought into bounds, for pixels that violate the constraint
  float low, high;
  bool reflects_iterate;
  uint32_t support_size;  // 0: none
  // Tests and reflects the iterate, and does nothing but to clear pixels that are not among the largest inside the
  // support: rrr.
  bool reflects_largest;
  FourierRule fourier;
  // Of complex pixels, whose bounds are those of their sizes.
  bool bounds_pixels;  // says more of one than the support and the support's size do
  bool has_phases;
  Combination phase_centre, phase_edge;  // cosine and sine of the range's middle and of its half width
  bool in_two_planes;                    // each has a size that is known
};

inline bool operator==(Combination a, Combination b) {
  return a.x == b.x && a.y == b.y;
}
inline bool operator==(const Image& a, const Image& b) {
  return a.satisfied == b.satisfied && a.violated == b.violated;
}
inline bool operator==(const FourierRule& a, const FourierRule& b) {
  return a.tolerance == b.tolerance && a.limit == b.limit && a.likelihood == b.likelihood &&
         a.unmeasured == b.unmeasured && a.exponent == b.exponent && a.keeps_phases == b.keeps_phases;
}
inline bool operator==(const Rule& a, const Rule& b) {
  return a.next == b.next && a.iterate == b.iterate && a.tested == b.tested && a.keeps_iterate == b.keeps_iterate &&
         a.at_least == b.at_least && a.projected.iterate == b.projected.iterate &&
         a.projected.next == b.projected.next && a.low == b.low && a.high == b.high &&
         a.reflects_iterate == b.reflects_iterate && a.support_size == b.support_size && a.fourier == b.fourier &&
         a.has_phases == b.has_phases && a.phase_centre == b.phase_centre && a.phase_edge == b.phase_edge &&
         a.in_two_planes == b.in_two_planes;
}

// A range of phases as wide on either side of its middle has all of them.
constexpr double kHalfTurn = 3.14159265358979323846;

// How many numbers src/rules.ts makes of a rule.
constexpr int kCoefficients = 27;

// `coefficients`: in the order of src/rules.ts. `spectrum_scale`: how many times its value a number of the spectrum is.
// A rule that reads the iterate keeps it in any case, and one whose two images differ or that has a support size: its
// iterate is the object, and cannot be made from the image that was transformed.
inline Rule make_rule(const double* coefficients, bool keeps_iterate, float spectrum_scale) {
  float n[kCoefficients];
  for (int i = 0; i < kCoefficients; i++) n[i] = static_cast<float>(coefficients[i]);
  Rule rule = {};
  rule.tested = {n[0], n[1]};
  rule.iterate = {{n[2], n[3]}, {n[6], n[7]}};
  rule.next = {{n[4], n[5]}, {n[8], n[9]}};
  rule.at_least = {n[10], n[11]};
  rule.projected = {n[12], n[13]};
  rule.low = n[14];
  rule.high = n[15];
  rule.reflects_iterate = n[16] != 0;
  rule.support_size = static_cast<uint32_t>(coefficients[17]);
  const bool likelihood = n[20] != 0;
  const float tolerance = likelihood ? 0 : spectrum_scale * n[18], limit = spectrum_scale * n[19];
  const float unmeasured = n[24];
  const bool is_general = likelihood || tolerance != 0 || limit != HUGE_VALF || unmeasured != 1;
  rule.fourier = {is_general, tolerance, limit, likelihood, unmeasured, n[25], n[26] != 0};
  const double centre = coefficients[21], half_width = coefficients[22];
  rule.has_phases = half_width < kHalfTurn;
  rule.phase_centre = {1, 0};
  if (rule.has_phases) {
    rule.phase_centre = {static_cast<float>(std::cos(centre)), static_cast<float>(std::sin(centre))};
    rule.phase_edge = {static_cast<float>(std::cos(half_width)), static_cast<float>(std::sin(half_width))};
  }
  rule.in_two_planes = n[23] != 0;
  rule.two_images = !(rule.iterate == rule.next) || n[12] != n[13] || rule.reflects_iterate;
  for (int i = 0; i < 12; i += 2) rule.reads_iterate |= n[i] != 0;
  const bool is_sized = rule.support_size > 0;
  rule.keeps_iterate = keeps_iterate || rule.reads_iterate || rule.two_images || is_sized;
  const bool is_positivity = rule.low == 0 && rule.high == HUGE_VALF;
  rule.imposes_sizes = rule.in_two_planes && !rule.keeps_iterate && !rule.has_phases &&
                       rule.tested == Combination{0, 1} && rule.next == Image{{0, 1}, {}} && rule.projected.next == 1;
  rule.general = rule.two_images || !(rule.tested == Combination{0, 1}) || !(rule.at_least == Combination{}) ||
                 !is_positivity || is_sized || rule.has_phases || (rule.in_two_planes && !rule.imposes_sizes);
  rule.bounds_pixels = !is_positivity || rule.has_phases || rule.in_two_planes;
  rule.reflects_largest = is_sized && rule.reflects_iterate && !rule.bounds_pixels &&
                          rule.tested == Combination{1, 0} && rule.at_least == Combination{};
  rule.scales = !rule.keeps_iterate && !rule.general && !rule.imposes_sizes;
  return rule;
}

// The two steps of a rule that reflects: it makes the new iterate, and reflects that.
REPHASE_ON_DEVICE_TOO inline Rule without_reflection(Rule rule) {
  if (rule.reflects_iterate) rule.reflects_iterate = rule.two_images = false;
  return rule;
}
REPHASE_ON_DEVICE_TOO inline Rule reflection(Rule rule) {
  rule.keeps_iterate = rule.reads_iterate = false;
  rule.tested = {0, 1};
  rule.iterate = rule.next = {{0, 1}, {0, -1}};
  rule.at_least = {};
  rule.projected = {2, 2};
  return without_reflection(rule);
}

// True when the image to transform next is 0 outside the support, whatever was there before, and nothing is stored.
inline bool clears_outside(const Rule& rule) {
  return !rule.general && !rule.keeps_iterate && rule.next.violated == Combination{};
}

// True when a second application changes nothing: the rule sets pixels to y, to y brought into bounds, or to 0.
inline bool is_projection(const Rule& rule) {
  const auto keeps_or_clears = [](Combination c) { return c.x == 0 && (c.y == 0 || c.y == 1); };
  return !rule.keeps_iterate && rule.tested == Combination{0, 1} && keeps_or_clears(rule.next.satisfied) &&
         keeps_or_clears(rule.next.violated) && keeps_or_clears(rule.at_least) &&
         (rule.projected.iterate == 0 || rule.projected.iterate == 1);
}

}  // namespace rephase::cuda
