// The Fourier constraint of one frequency: C becomes M·exp(i·arg C) with arg 0 = 0. Magnitudes are coded as
// core/constraint.hpp says: negative where only one of k and -k was measured, infinite where neither was.
#pragma once
#include <cfloat>

#include "../fft/complex.cuh"
#include "view.cuh"

namespace rephase::cuda {

struct Imposed {
  Complex value;
  float residual;  // partial: (|C| - M)², weighted by 1, 1/2 or 0 by how many of k and -k were measured
};

// Masked: some frequencies were not measured. Next to any number but zero, whose argument it makes 0, kNudge is lost in
// rounding; its square is still a normal number.
constexpr float kNudge = 2e-19f;

template <bool Masked>
__device__ inline Imposed impose(Complex c, float coded) {
  const float m = Masked ? fabsf(coded) : coded, x = c.x + kNudge;
  const float square = fmaxf(fmaf(x, x, c.y * c.y), FLT_MIN);
  float inverse;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(square));
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

// The residual of a start from its columns' parts, in a fixed order, by one warp.
__device__ inline void record_residual(const View& v, int start) {
  const int lane = threadIdx.x % 32;
  const float* part = v.partials + static_cast<size_t>(start) * v.stored_columns;
  double sum = 0;
  for (int c = lane; c < v.stored_columns; c += 32) sum += part[c];
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(~0u, sum, offset);
  if (lane > 0) return;
  const uint32_t record = v.recorded[start]++;
  v.records[static_cast<size_t>(record % kRecords) * v.starts + start] = sum;
}

}  // namespace rephase::cuda
