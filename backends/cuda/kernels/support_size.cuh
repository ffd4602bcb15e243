// The threshold that the k largest positive pixels, or the sizes of the k largest complex ones, inside the support are
// above, as core/support_size.hpp finds it: the threshold of the last image is corrected until k ± k/200 pixels are
// above it.
#pragma once
#include "../../../core/support_size.hpp"
#include "../fft/team.cuh"
#include "rule.cuh"

namespace rephase::cuda {

constexpr int kThresholdThreads = 1024;

// v.thresholds ← of the values that the rule tests, made of objects and iterates. A block does a start, because each
// count decides the next threshold. Exactly: k pixels, and the next image does not begin with this threshold.
template <class Field>
__global__ void __launch_bounds__(kThresholdThreads) find_thresholds(View v, Rule rule, bool exactly) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  const int start = blockIdx.x;
  const float last = v.thresholds[start].x;
  float guess = last;
  // What takes no part may hold anything.
  const bool has_x = rule.tested.x != 0, has_y = rule.tested.y != 0;
  using Pixel = typename Field::Pixel;
  const auto *const iterates = reinterpret_cast<const Pixel*>(v.iterate), *const objects =
                                                                              reinterpret_cast<const Pixel*>(v.object);
  const auto count_above = [&](float t) {
    unsigned long long count = 0;
    for (int row = threadIdx.x / 32; row < v.rows; row += kThresholdThreads / 32) {
      const size_t first = (static_cast<size_t>(start) * v.rows + row) * v.columns;
      for (int column = threadIdx.x % 32; column < v.columns; column += 32) {
        const Pixel x = has_x ? iterates[first + column] : Pixel{}, y = has_y ? objects[first + column] : Pixel{};
        count += brightness(combine(rule.tested, x, y)) > t && is_inside(v, start, row, column);
      }
    }
    return sum_of_block(count);
  };
  const uint32_t k = rule.support_size;
  const float threshold = threshold_of_largest(k, exactly ? 0 : k / 200, guess, count_above);
  if (threadIdx.x == 0) v.thresholds[start] = {exactly ? last : guess, threshold};
}

}  // namespace rephase::cuda
