// The plan of one axis as kernels that take any length see it, and what they can be asked to do.
#pragma once
#include "view.cuh"

namespace rephase::cuda {

constexpr int kMostStages = 20, kAnyThreads = 256;

// The plan of one axis, with its tables on the device.
struct AnyLine {
  int length, size, stages;  // size: of the transform carried out, the length or the convolution's
  int radix[kMostStages];
  const Complex* twiddles;     // of each stage, span by span: exp(-2πi·place/span)
  const int* position;         // of frequency k
  const int* mirror;           // of a position: where the opposite frequency is
  const int *slots, *places;   // of a position: where its magnitude and its number are kept, see View
  const Complex* chirp;        // exp(-πi k²/length), or null
  const Complex* convolution;  // the chirp's transform over size, in the transform's order
};

__host__ __device__ inline int spread(int p) {
  return p + p / 16;
}  // over the banks of shared memory

// Which parts of the column pass to do, in this order. `scale` multiplies what is loaded.
struct ColumnWork {
  bool forward = false, impose = false, inverse = false;
  float scale = 1;
};
struct RowWork {
  bool inverse;  // from the spectrum; otherwise from the object
  bool rule;
  bool to_object;
  bool forward;  // to the spectrum
  float scale;   // of what comes out of the inverse
};

}  // namespace rephase::cuda
