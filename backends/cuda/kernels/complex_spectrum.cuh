// What real_spectrum.cuh does, for complex objects, whose k and -k are independent.
#pragma once
#include "../fields/complex.cuh"
#include "random_start.cuh"

namespace rephase::cuda::complex_spectrum {

__device__ inline size_t number_at(const View& v, const AnyLine& columns, int start, int r, int c) {
  return v.column_base(start, c) + v.row_offset(columns.storage_index[columns.frequency_index[r]]);
}

// `given`: rows × columns; negative where not measured. `out`: [column][magnitude index].
__global__ void encode_magnitudes(View v, AnyLine columns, const float* given, float scale, float* out, float*) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int c = static_cast<int>(i / v.rows), r = static_cast<int>(i % v.rows);
  if (c >= v.columns) return;
  const float m = given[static_cast<size_t>(r) * v.columns + c];
  const int index = columns.magnitude_index[columns.frequency_index[r]];
  out[static_cast<size_t>(c) * v.magnitude_stride + index] = m >= 0 ? m * scale : INFINITY;
}

// M·exp(2πi·U), U from core/philox.hpp.
__global__ void start_from_seed(View v, AnyLine columns, const float* given, double scale, uint64_t seed,
                                uint32_t first_start) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int r = static_cast<int>(i / v.columns), c = static_cast<int>(i % v.columns);
  if (r >= v.rows) return;
  for (int start = 0; start < v.starts; start++) {
    const Wide z = given[i] >= 0 ? random_start(given[i] * scale, i, seed, first_start + start) : Wide{0, 0};
    v.spectrum[number_at(v, columns, start, r, c)] = {static_cast<float>(z.x), static_cast<float>(z.y)};
  }
}

// `given`: `count` rows of a spectrum from `row` on.
__global__ void write_spectrum(View v, AnyLine columns, int start, int row, int count, const Complex* given,
                               double scale) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int k = static_cast<int>(i / v.columns), c = static_cast<int>(i % v.columns);
  if (k < count) v.spectrum[number_at(v, columns, start, row + k, c)] = static_cast<float>(scale) * given[i];
}

__global__ void read_spectrum(View v, AnyLine columns, int start, int row, int count, Complex* out, float scale) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int k = static_cast<int>(i / v.columns), c = static_cast<int>(i % v.columns);
  if (k < count) out[i] = scale * v.spectrum[number_at(v, columns, start, row + k, c)];
}

// What weights imposed last ← the magnitudes. An item a frequency.
__global__ void begin_weights(View v) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t size = static_cast<int64_t>(v.stored_columns) * v.magnitude_stride;
  if (i < v.starts) v.weights.gains[i] = 1;
  if (i >= v.starts * size) return;
  const float m = v.magnitudes[i % size];
  v.weights.imposed[i] = {isinf(m) ? 0 : m, 0};
}

}  // namespace rephase::cuda::complex_spectrum
