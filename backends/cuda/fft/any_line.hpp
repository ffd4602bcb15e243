// The plan of one axis as kernels that take any length see it.
#pragma once
#include "complex.cuh"

namespace rephase::cuda {

constexpr int kMostStages = 20;

// The plan of one axis, with its tables on the device.
struct AnyLine {
  int length, size, stages;  // size: of the transform carried out, the length or the convolution's
  int radix[kMostStages];
  const Complex* twiddles;     // of each stage, span by span: exp(-2πi·offset/span)
  const int* frequency_index;  // of frequency k: where the transform leaves it
  const int* mirror;           // of a frequency index: that of the opposite frequency
  const int* magnitude_index;  // of a frequency index: where its magnitude is kept, see View
  const int* storage_index;    // of a frequency index: where its number is kept, see View
  const Complex* chirp;        // exp(-πi k²/length), or null
  const Complex* convolution;  // the chirp's transform over size, in the transform's order
};

// Spreads numbers over the banks of shared memory.
__host__ __device__ inline int spread(int p) {
  return p + p / 16;
}

}  // namespace rephase::cuda
