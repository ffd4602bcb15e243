// Complex numbers in registers: float2 with the arithmetic that transforms need.
#pragma once
#include <cuda_runtime.h>
#include <math.h>

namespace rephase::cuda {

using Complex = float2;

__device__ inline Complex operator+(Complex a, Complex b) {
  return {a.x + b.x, a.y + b.y};
}
__device__ inline Complex operator-(Complex a, Complex b) {
  return {a.x - b.x, a.y - b.y};
}
__device__ inline Complex operator*(float s, Complex a) {
  return {s * a.x, s * a.y};
}
__device__ inline Complex conjugate(Complex a) {
  return {a.x, -a.y};
}
__device__ inline Complex operator*(Complex a, Complex b) {
  return {fmaf(a.x, b.x, -a.y * b.y), fmaf(a.x, b.y, a.y * b.x)};
}

__device__ inline float inverse_root(float square) {
  float inverse;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(square));
  return inverse;
}

// a·w, or a·conj w in the inverse direction: how every twiddle is applied.
template <bool Inverse>
__device__ inline Complex multiply(Complex a, Complex w) {
  return a * (Inverse ? conjugate(w) : w);
}

}  // namespace rephase::cuda
