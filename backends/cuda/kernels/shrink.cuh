// Supports that shrink: of each start, the pixels whose blurred object is above a share of its root mean square. A warp
// has a word of a support, and each of its threads one pixel. The object is blurred along rows first; both kernels that
// need it blurred along columns too do that as they read it.
#pragma once
#include "../fft/team.cuh"
#include "rule.cuh"

namespace rephase::cuda {

struct Shrink {
  const float* weights;  // of the Gaussian, from -reach to reach
  int reach;
  double threshold, least, most;
};

__device__ inline int64_t words_of_start(const View& v) {
  return static_cast<int64_t>(v.rows) * v.support_words;
}

// The weighted sum over the brightness of pixel i of a periodic line and of its neighbours.
template <class Pixel>
__device__ inline float blurred(const Shrink& shrink, const Pixel* line, int i, int length, size_t step) {
  int from = (i - shrink.reach) % length;
  if (from < 0) from += length;
  float sum = 0;
  for (int d = 0; d <= 2 * shrink.reach; d++) {
    sum += shrink.weights[d] * brightness(line[from * step]);
    if (++from == length) from = 0;
  }
  return sum;
}

// `objects` → `out`, along rows; of complex ones their sizes.
template <class Field>
__global__ void blur_rows(View v, Shrink shrink, const float* objects, float* out) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, row = i / v.columns;
  if (row >= static_cast<int64_t>(v.starts) * v.rows) return;
  const auto* const line = reinterpret_cast<const typename Field::Pixel*>(objects) + row * v.columns;
  out[i] = blurred(shrink, line, static_cast<int>(i % v.columns), v.columns, 1);
}

// This thread's pixel of a word, blurred along both axes, from images that are blurred along rows.
__device__ inline float blurred_pixel(const View& v, const Shrink& shrink, const float* images, int64_t word) {
  const int64_t start = word / words_of_start(v), row = word / v.support_words % v.rows;
  const int64_t column = word % v.support_words + threadIdx.x % 32 * v.support_words;
  const float* const line = images + start * v.rows * v.columns + column;
  return blurred(shrink, line, static_cast<int>(row), v.rows, v.columns);
}

// `squares` ← for each word the sum of the squared pixels that are inside the start's own support.
__global__ void sum_squares(View v, Shrink shrink, const float* images, float* squares) {
  const int64_t word = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (word >= v.starts * words_of_start(v)) return;
  const int lane = threadIdx.x % 32;
  const float value = v.support[word] >> lane & 1 ? blurred_pixel(v, shrink, images, word) : 0;
  float square = value * value;
  for (int offset = 16; offset > 0; offset /= 2) square += __shfl_xor_sync(~0u, square, offset);
  if (lane == 0) squares[word] = square;
}

// A block for each start.
__global__ void find_levels(View v, Shrink shrink, const float* squares, float* levels) {
  const int64_t words = words_of_start(v), first = blockIdx.x * words;
  double power = 0, inside = 0;
  for (int64_t i = first + threadIdx.x; i < first + words; i += blockDim.x) {
    power += squares[i];
    inside += __popc(v.support[i]);
  }
  power = sum_of_block(power);
  inside = sum_of_block(inside);
  if (threadIdx.x == 0) levels[blockIdx.x] = static_cast<float>(shrink.threshold * sqrt(power / inside));
}

// `candidates` ← the pixels of the support `limit`, which all starts share, that are above their start's level.
__global__ void find_candidates(View v, Shrink shrink, const float* images, const float* levels, const uint32_t* limit,
                                uint32_t* candidates) {
  const int64_t word = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (word >= v.starts * words_of_start(v)) return;
  const int lane = threadIdx.x % 32;
  const float level = levels[word / words_of_start(v)];
  const bool stays = limit[word % words_of_start(v)] >> lane & 1 && blurred_pixel(v, shrink, images, word) > level;
  const uint32_t bits = __ballot_sync(~0u, stays);
  if (lane == 0) candidates[word] = bits;
}

// `supports` ← the candidates, unless they are too few or too many. A block for each start.
__global__ void replace_supports(View v, Shrink shrink, const uint32_t* candidates, uint32_t* supports) {
  const int64_t words = words_of_start(v), first = blockIdx.x * words;
  double pixels = 0;
  for (int64_t i = first + threadIdx.x; i < first + words; i += blockDim.x) pixels += __popc(candidates[i]);
  pixels = sum_of_block(pixels);
  if (pixels < shrink.least || pixels > shrink.most) return;
  for (int64_t i = first + threadIdx.x; i < first + words; i += blockDim.x) supports[i] = candidates[i];
}

// The supports of all starts ← the one that they share.
__global__ void copy_support(View v, const uint32_t* shared, uint32_t* supports) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < v.starts * words_of_start(v)) supports[i] = shared[i % words_of_start(v)];
}

}  // namespace rephase::cuda
