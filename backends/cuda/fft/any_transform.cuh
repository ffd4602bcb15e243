// Transforms of any length by a plan known only when the program runs: correct for every length, slower than
// line.cuh's. Decimation in frequency forward and in time backward. Lengths with other prime factors than 2, 3, 5, 7,
// 11 and 13 become a convolution of a longer smooth length (Bluestein, IEEE Trans. Audio Electroacoustics 18, 451,
// 1970), in natural order.
#pragma once
#include "any_line.hpp"
#include "butterfly.cuh"
#include "team.cuh"

namespace rephase::cuda {

template <int R, bool Inverse>
__device__ void any_stage(Complex* x, int size, int span, const Complex* table) {
  const int m = span / R;
  for (int b = threadIdx.x; b < size / R; b += blockDim.x) {
    const int block = b / m, offset = b - block * m, p = block * span + offset;
    Complex y[R];
#pragma unroll
    for (int j = 0; j < R; j++) y[j] = x[spread(p + j * m)];
    if (!Inverse) butterfly<R, false>(y);
    if (m > 1) twiddle<R, Inverse>(y, __ldg(table + offset));
    if (Inverse) butterfly<R, true>(y);
#pragma unroll
    for (int j = 0; j < R; j++) x[spread(p + j * m)] = y[j];
  }
}

template <bool Inverse>
__device__ inline void any_stages(Complex* x, const AnyLine& line) {
  int span = Inverse ? 1 : line.size, at = 0;
  // The inverse meets the tables from the back; their sizes are the spans.
  for (int i = 0, s = line.size; Inverse && i < line.stages; i++) at += s /= line.radix[i];
  for (int i = 0; i < line.stages; i++) {
    const int R = line.radix[Inverse ? line.stages - 1 - i : i];
    if (Inverse) {
      at -= span;
      span *= R;
    }
    const Complex* table = line.twiddles + at;
    switch (R) {
#define REPHASE_STAGE(R)                              \
  case R:                                             \
    any_stage<R, Inverse>(x, line.size, span, table); \
    break;
      REPHASE_STAGE(2)
      REPHASE_STAGE(3)
      REPHASE_STAGE(4)
      REPHASE_STAGE(5)
      REPHASE_STAGE(6)
      REPHASE_STAGE(7)
      REPHASE_STAGE(8)
      REPHASE_STAGE(10)
      REPHASE_STAGE(11)
      REPHASE_STAGE(12)
      REPHASE_STAGE(13)
      REPHASE_STAGE(15)
      REPHASE_STAGE(16)
#undef REPHASE_STAGE
    }
    if (!Inverse) {
      span /= R;
      at += span;
    }
    __syncthreads();
  }
}

// x is complete and the block is in step before and after; unnormalised.
template <bool Inverse>
__device__ inline void any_transform(Complex* x, const AnyLine& line) {
  if (!line.chirp) return any_stages<Inverse>(x, line);
  for (int k = threadIdx.x; k < line.size; k += blockDim.x) {
    Complex z = {0, 0};
    if (k < line.length) z = multiply<Inverse>(x[spread(k)], line.chirp[k]);
    // The inverse is the conjugate of the conjugate's forward transform.
    x[spread(k)] = Inverse ? conjugate(z) : z;
  }
  __syncthreads();
  any_stages<false>(x, line);
  for (int p = threadIdx.x; p < line.size; p += blockDim.x) x[spread(p)] = x[spread(p)] * line.convolution[p];
  __syncthreads();
  any_stages<true>(x, line);
  for (int k = threadIdx.x; k < line.length; k += blockDim.x) {
    const Complex z = x[spread(k)] * line.chirp[k];
    x[spread(k)] = Inverse ? conjugate(z) : z;
  }
  __syncthreads();
}

}  // namespace rephase::cuda
