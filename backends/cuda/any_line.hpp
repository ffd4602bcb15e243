// The plan of one axis as kernels that take any length see it, and what they can be asked to do.
#pragma once
#include "view.cuh"

namespace rephase::cuda {

constexpr int kMostStages = 20, kAnyThreads = 256;

// The plan of one axis, with its tables on the device.
struct AnyLine {
  int length, size, stages;  // size: of the transform carried out, the length or the convolution's
  int radix[kMostStages];
  int last_radix;              // for slots; 1 where positions are slots
  const Complex* twiddles;     // as in line.cuh
  const int* position;         // of frequency k
  const int* mirror;           // of a position: where the opposite frequency is
  const Complex* chirp;        // exp(-πi k²/length), or null
  const Complex* convolution;  // the chirp's transform over size, in the transform's order

  __host__ __device__ int slot(int p) const { return slot_of_position(p, length, last_radix); }
};

__host__ __device__ inline int spread(int p) {
  return p + p / 16;
}  // over the banks of shared memory

// Which parts of the column pass to do, in this order. `scale` multiplies what is loaded.
struct ColumnWork {
  bool forward, impose, inverse;
  float scale;
};
struct RowWork {
  bool inverse;  // from the spectrum; otherwise from the object
  bool rule;
  bool to_object;
  bool forward;  // to the spectrum
  float scale;   // of what comes out of the inverse
};

}  // namespace rephase::cuda
