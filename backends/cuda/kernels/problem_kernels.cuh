// Kernels that run once or on request, whatever the object is: see field_kind.cuh for those that know its pixels.
#pragma once
#include "constraint.cuh"

namespace rephase::cuda {

// Packs the pixels of a word of a support: see View.
__global__ void pack_support(View v, const uint8_t* given, uint32_t* out) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int row = static_cast<int>(i / v.support_words), word = static_cast<int>(i % v.support_words);
  if (row >= v.rows) return;
  uint32_t bits = 0;
  for (int bit = 0, column = word; column < v.columns; bit++, column += v.support_words)
    bits |= static_cast<uint32_t>(given[static_cast<size_t>(row) * v.columns + column] != 0) << bit;
  out[i] = bits;
}

__global__ void rescale(float* x, int64_t count, float scale) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) x[i] *= scale;
}

// Clears the rows of spectra that are in no strip of so many rows.
__global__ void clear_other_rows(View v, Strips strips, int strip_rows) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int row = static_cast<int>(i % v.rows), column = static_cast<int>(i / v.rows % v.stored_columns);
  const int start = static_cast<int>(i / v.rows / v.stored_columns);
  if (start < v.starts && !(strips >> row / strip_rows & 1))
    v.spectrum[v.column_base(start, column) + v.row_offset(row)] = {0, 0};
}

__global__ void record_residuals(View v) {
  const int start = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (start < v.starts) record_residual(v, start);
}

}  // namespace rephase::cuda
