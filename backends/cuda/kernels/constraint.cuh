// The Fourier constraint of one frequency: its size changes and its argument stays, with arg 0 = 0. Magnitudes are
// coded as core/constraint.hpp says: negative where only one of k and -k was measured, infinite where neither was.
#pragma once
#include <cfloat>

#include "../fft/complex.cuh"
#include "view.cuh"

namespace rephase::cuda {

struct Imposed {
  Complex value;
  float residual;  // partial: (|C| - M)², weighted by 1, 1/2 or 0 by how many of k and -k were measured
};

// Next to any number but zero, whose argument it makes 0, kNudge is lost in rounding; its square is still a normal
// number.
constexpr float kNudge = 2e-19f;

// C becomes M·exp(i·arg C). Masked: some frequencies were not measured.
template <bool Masked>
struct Impose {
  __device__ Imposed operator()(Complex c, float coded) const {
    const float m = Masked ? fabsf(coded) : coded, x = c.x + kNudge;
    const float square = fmaxf(fmaf(x, x, c.y * c.y), FLT_MIN), inverse = inverse_root(square);
    const float gain = m * inverse, d = fmaf(square, inverse, -m);
    Imposed imposed;
    imposed.value = {gain * x, gain * c.y};
    imposed.residual = d * d;
    if (Masked && isinf(m)) {
      imposed.value = c;
      imposed.residual = 0;
    } else if (Masked && signbit(coded)) {
      imposed.residual *= 0.5f;
    }
    return imposed;
  }
};

// Any rule, with a mask or without. One that imposes gives what `Impose` does, to the last bit.
struct ApplyFourierRule {
  FourierRule rule;

  __device__ Imposed operator()(Complex c, float coded) const {
    const float m = fabsf(coded), x = c.x + kNudge;
    const float square = fmaxf(fmaf(x, x, c.y * c.y), FLT_MIN), inverse = inverse_root(square);
    // Compilers may join a product and a sum, and would do so in one kernel and not in another.
    const float size = __fmul_rn(square, inverse), d = fmaf(square, inverse, -m);
    const bool measured = !isinf(m);
    float target = fminf(__fmul_rn(size, rule.unmeasured), rule.limit);
    if (measured) {
      target = rule.likelihood ? (size + fminf(m * m * inverse, 2 * m)) / 2
                               : fminf(fmaxf(size, m - rule.tolerance), m + rule.tolerance);
    }
    const bool stays = measured ? fabsf(d) < rule.tolerance : size <= rule.limit && rule.unmeasured == 1;
    const float gain = target * inverse;
    Imposed imposed;
    imposed.value = stays ? c : Complex{gain * x, gain * c.y};
    imposed.residual = d * d;
    if (!measured) imposed.residual = 0;
    if (signbit(coded)) imposed.residual *= 0.5f;
    return imposed;
  }
};

// f(the constraint), for rules that impose the magnitudes and for any.
template <class F>
__device__ inline float with_plain_constraint(const View& v, F&& f) {
  return v.masked ? f(Impose<true>{}) : f(Impose<false>{});
}
template <class F>
__device__ inline float with_constraint(const View& v, const FourierRule& rule, F&& f) {
  return v.masked || rule.general ? f(ApplyFourierRule{rule}) : f(Impose<false>{});
}

// The sum of a start's columns, in a fixed order, by one warp.
__device__ inline double sum_of_columns(const View& v, const float* parts, int start) {
  parts += static_cast<size_t>(start) * v.stored_columns;
  double sum = 0;
  for (int c = threadIdx.x % 32; c < v.stored_columns; c += 32) sum += parts[c];
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(~0u, sum, offset);
  return sum;
}

// The residual of a start from its columns' parts, and of weights what makes up for their norm, by one warp.
__device__ inline void record_residual(const View& v, int start) {
  const double sum = sum_of_columns(v, v.partials, start);
  const double power = v.weights.imposed ? sum_of_columns(v, v.weights.powers, start) : 0;
  if (threadIdx.x % 32 > 0) return;
  if (v.weights.imposed)
    v.weights.gains[start] = power > 0 && isfinite(power) ? static_cast<float>(sqrt(v.weights.energy / power)) : 1;
  const uint32_t record = v.recorded[start]++;
  v.records[static_cast<size_t>(record % kRecords) * v.starts + start] = sum;
}

}  // namespace rephase::cuda
