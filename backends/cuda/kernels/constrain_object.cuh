// The object constraint by itself, for the finest granularity.
#pragma once
#include "../fft/team.cuh"
#include "rule.cuh"

namespace rephase::cuda {

// object ← the next image, and the iterate where the rule keeps it. A block does a row, or several one after the other.
template <class Field>
__global__ void constrain_object(View v, Rule rule) {
  using Pixel = typename Field::Pixel;
  constexpr int together = 4;  // read before any is written
  wait_for_previous_kernel();
  let_next_kernel_start();
  const int64_t rows = static_cast<int64_t>(v.starts) * v.rows;
  for (int64_t at = blockIdx.x; at < rows; at += gridDim.x) {
    const int start = static_cast<int>(at / v.rows), row = static_cast<int>(at % v.rows);
    Pixel* const object = reinterpret_cast<Pixel*>(v.object) + at * v.columns;
    const float threshold = threshold_of(rule, v, start);
    for (int first = threadIdx.x; first < v.columns; first += together * blockDim.x) {
      Pixel y[together], before[together];
#pragma unroll
      for (int i = 0; i < together; i++) {
        const int column = first + i * blockDim.x;
        if (column >= v.columns) break;
        y[i] = object[column];
        before[i] = iterate_before<Pixel>(rule, v, start, row, column);
      }
#pragma unroll
      for (int i = 0; i < together; i++) {
        const int column = first + i * blockDim.x;
        if (column >= v.columns) break;
        object[column] = apply_any(rule, v, start, row, column, y[i], before[i], threshold);
      }
    }
  }
}

}  // namespace rephase::cuda
