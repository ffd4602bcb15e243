// What object and probe follow from: sums over positions, gathered where they are needed and always in the same order,
// so that two runs have the same bits. A block has a tile of the object, or a piece of the probe.
#pragma once
#include <cfloat>

#include "passes.cuh"

namespace rephase::cuda {

__host__ __device__ inline int tiles_across(const ScanView& v) {
  return (v.object_columns + kTileColumns - 1) / kTileColumns;
}
__host__ __device__ inline int tiles_of(const ScanView& v) {
  return tiles_across(v) * ((v.object_rows + kTileRows - 1) / kTileRows);
}
__host__ __device__ inline int pieces_of(const ScanView& v) {
  return (v.pixels() + kProbePixels - 1) / kProbePixels;
}

// The pixels of the object that a thread has: some rows of a column.
struct ObjectPixels {
  int top, column;
  size_t first;

  __device__ ObjectPixels(const ScanView& v, int tile)
      : top(tile / tiles_across(v) * kTileRows + static_cast<int>(threadIdx.x) / 32 * kThreadRows),
        column(tile % tiles_across(v) * kTileColumns + threadIdx.x % 32),
        first(static_cast<size_t>(top) * v.object_columns + column) {}
  __device__ bool exists(const ScanView& v, int i) const {
    return column < v.object_columns && top + i < v.object_rows;
  }
  __device__ size_t at(const ScanView& v, int i) const { return first + static_cast<size_t>(i) * v.object_columns; }
};

struct Covering {
  int number;  // in the batch
  Place at;
};

// Finds those of kSumThreads positions whose patches reach a tile, in their order; returns how many. The whole block
// calls it.
__device__ inline int find_covering(const ScanView& v, const ScanBatch& batch, int first, int tile, Covering* found) {
  __shared__ int counts[kSumWarps];
  const int top = tile / tiles_across(v) * kTileRows, left = tile % tiles_across(v) * kTileColumns;
  const int number = first + threadIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const bool exists = number < batch.count;
  const Place at = exists ? batch.places[number] : Place{};
  const bool covers = exists && at.row < top + kTileRows && at.row + v.rows > top && at.column < left + kTileColumns &&
                      at.column + v.columns > left;
  const unsigned those = __ballot_sync(~0u, covers);
  if (lane == 0) counts[warp] = __popc(those);
  __syncthreads();
  int before = 0, count = 0;
  for (int w = 0; w < kSumWarps; w++) {
    if (w < warp) before += counts[w];
    count += counts[w];
  }
  if (covers) found[before + __popc(those & ((1u << lane) - 1))] = {number, at};
  __syncthreads();
  return count;
}

__device__ inline float most_of_warp(float x) {
  for (int offset = 16; offset > 0; offset /= 2) x = fmaxf(x, __shfl_xor_sync(~0u, x, offset));
  return x;
}
// The whole block calls it.
__device__ inline float most_of_block(float x) {
  __shared__ float shares[kSumWarps];
  x = most_of_warp(x);
  if (threadIdx.x % 32 == 0) shares[threadIdx.x / 32] = x;
  __syncthreads();
  for (int w = 0; w < kSumWarps; w++) x = fmaxf(x, shares[w]);
  return x;
}
__device__ inline float largest(Most most) {
  float x = 0;
  for (int i = threadIdx.x; i < most.count; i += kSumThreads) x = fmaxf(x, most.values[i]);
  return most_of_block(x);
}

// A number that is read once: past the L1 cache, which keeps what is read again.
__device__ inline Complex read_once(const Complex* from) {
#if __CUDA_ARCH__
  return __ldcg(from);
#else
  return *from;
#endif
}

__device__ inline float sum_tile(const ScanView& v, const ScanBatch& batch, const SumWork& work, int tile) {
  __shared__ Covering found[kSumThreads];
  const ObjectPixels pixels(v, tile);
  Complex sum[kThreadRows] = {};
  float weight[kThreadRows] = {};
  bool covered = false;
  for (int first = 0; first < batch.count; first += kSumThreads) {
    const int count = find_covering(v, batch, first, tile, found);
    covered = covered || count > 0;
    for (int mode = 0; mode < v.modes; mode++) {
      constexpr int together = 2;  // patches whose numbers are on their way before the first is used
      for (int next = 0; next < count; next += together) {
        Complex p[together][kThreadRows], wave[together][kThreadRows];
#pragma unroll
        for (int j = 0; j < together; j++) {
          const auto [number, at] = found[min(next + j, count - 1)];
          const int row = pixels.top - at.row, column = pixels.column - at.column;
          const bool reaches = next + j < count && column >= 0 && column < v.columns;
          const Complex* const probe = v.probe_at(number, mode, at.is_shifted) + row * v.columns + column;
          const Complex* const waves = differences(v, work.kept, number, at.position, mode) + row * v.columns + column;
#pragma unroll
          for (int i = 0; i < kThreadRows; i++) {
            const bool in_patch = reaches && row + i >= 0 && row + i < v.rows;
            p[j][i] = in_patch ? probe[i * v.columns] : Complex{};
            wave[j][i] = in_patch && work.object ? read_once(waves + i * v.columns) : Complex{};
          }
        }
#pragma unroll
        for (int j = 0; j < together; j++) {
#pragma unroll
          for (int i = 0; i < kThreadRows; i++) {
            weight[i] += power(p[j][i]);
            sum[i] = add_conjugate_product(sum[i], p[j][i], wave[j][i]);
          }
        }
      }
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) work.covered[tile] = covered;
  float most = 0;
  if (!covered) return most;
#pragma unroll
  for (int i = 0; i < kThreadRows; i++) {
    if (!pixels.exists(v, i)) continue;
    const size_t at = pixels.at(v, i);
    if (work.kept) sum[i] = sum[i] - weight[i] * v.object[at];  // Σ conj(p)·(ψ − p·o) = Σ conj(p)·ψ − o·Σ|p|²
    if (work.adds && work.object) sum[i] = sum[i] + v.object_sum[at];
    if (work.adds && work.illumination) weight[i] += v.illumination[at];
    if (work.object) v.object_sum[at] = sum[i];
    if (work.illumination) v.illumination[at] = weight[i];
    most = fmaxf(most, weight[i]);
  }
  return most;
}

// Each warp of a block sums every so manieth position for all pixels of a piece, each thread for two; then the warps'
// shares are added up. The whole block calls it.
__device__ inline float sum_probe(const ScanView& v, const ScanBatch& batch, const SumWork& work, int piece) {
  __shared__ Complex shares[2][kSumWarps][kProbePixels];
  __shared__ float weights[kSumWarps][kProbePixels];
  constexpr int each = kProbePixels / 32;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, first_pixel = piece * kProbePixels;
  int pixel[each], object_pixel[each];
#pragma unroll
  for (int k = 0; k < each; k++) {
    pixel[k] = min(first_pixel + 32 * k + lane, v.pixels() - 1);
    object_pixel[k] = pixel[k] / v.columns * v.object_columns + pixel[k] % v.columns;
  }
  float most = 0;
  for (int mode = 0; mode < v.modes; mode++) {
    Complex sum[each] = {}, shifted[each] = {}, p[each] = {};
    float weight[each] = {};
    const size_t mode_pixels = static_cast<size_t>(mode) * v.pixels();
#pragma unroll
    for (int k = 0; k < each; k++)
      if (work.kept) p[k] = v.probe[mode_pixels + pixel[k]];
    constexpr int together = 2;
    for (int first = warp; first < batch.count; first += together * kSumWarps) {
      Complex o[together][each], wave[together][each];
      bool is_shifted[together];
#pragma unroll
      for (int i = 0; i < together; i++) {
        const bool counts = first + i * kSumWarps < batch.count;
        const int number = counts ? first + i * kSumWarps : first;
        const Place at = batch.places[number];
        is_shifted[i] = at.is_shifted;
        const Complex* const object = v.object + static_cast<size_t>(at.row) * v.object_columns + at.column;
        const Complex* const from = at.is_shifted
                                        ? v.moved + (static_cast<size_t>(number) * v.modes + mode) * v.pixels()
                                        : differences(v, work.kept, number, at.position, mode);
#pragma unroll
        for (int k = 0; k < each; k++) {
          o[i][k] = counts ? object[object_pixel[k]] : Complex{};
          wave[i][k] = counts ? read_once(from + pixel[k]) : Complex{};
        }
      }
#pragma unroll
      for (int i = 0; i < together; i++) {
#pragma unroll
        for (int k = 0; k < each; k++) {
          weight[k] += power(o[i][k]);
          if (is_shifted[i])
            shifted[k] = shifted[k] + wave[i][k];
          else
            sum[k] = add_conjugate_product(sum[k], o[i][k], difference(work.kept, wave[i][k], p[k], o[i][k]));
        }
      }
    }
#pragma unroll
    for (int k = 0; k < each; k++) {
      shares[0][warp][32 * k + lane] = sum[k];
      shares[1][warp][32 * k + lane] = shifted[k];
      weights[warp][32 * k + lane] = weight[k];
    }
    __syncthreads();
    const int which = threadIdx.x / kProbePixels, of = threadIdx.x % kProbePixels;
    const size_t to = mode_pixels + first_pixel + of;
    const auto total = [&](auto before, auto&& share) {
      for (int w = 0; w < kSumWarps; w++) before = before + share(w);
      return before;
    };
    if (first_pixel + of < v.pixels()) {
      if (which == 0)
        v.probe_sum[to] = total(work.adds ? v.probe_sum[to] : Complex{}, [&](int w) { return shares[0][w][of]; });
      if (which == 1 && v.shifted_sum)
        v.shifted_sum[to] = total(work.adds ? v.shifted_sum[to] : Complex{}, [&](int w) { return shares[1][w][of]; });
      if (which == 2 && mode == 0) {
        most = total(work.adds ? v.probe_weight[to] : 0.f, [&](int w) { return weights[w][of]; });
        v.probe_weight[to] = most;
      }
    }
    __syncthreads();
  }
  return most;
}

__global__ void __launch_bounds__(kSumThreads, 4)
    gather_sums(const ScanView v, const ScanBatch batch, const SumWork work, float* most) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  float x = 0;
  if (blockIdx.x < work.object_blocks) {
    for (int tile = blockIdx.x; tile < tiles_of(v); tile += work.object_blocks)
      x = fmaxf(x, sum_tile(v, batch, work, tile));
  } else {
    for (int piece = blockIdx.x - work.object_blocks; piece < pieces_of(v); piece += work.probe_blocks)
      x = fmaxf(x, sum_probe(v, batch, work, piece));
  }
  x = most_of_block(x);
  if (threadIdx.x == 0) most[blockIdx.x] = x;
}

// The largest of `count` numbers that are at least 0.
__global__ void __launch_bounds__(kSumThreads) find_most(const float* from, int64_t count, float* most) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  float x = 0;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kSumThreads) + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * kSumThreads)
    x = fmaxf(x, from[i]);
  x = most_of_block(x);
  if (threadIdx.x == 0) most[blockIdx.x] = x;
}

__device__ inline float weight_of(float d, float alpha, float most) {
  return fmaf(1 - alpha, d, alpha * most);
}
__device__ inline Complex weighted(Complex n, float d) {
  // 1 / d costs two instructions, n / d sixteen. Numbers below FLT_MIN have no reciprocal here, and count as 0.
  return (d >= FLT_MIN ? __fdividef(1, d) : 0.f) * n;
}

__global__ void __launch_bounds__(kSumThreads) move_object_and_probe(const ScanView v, const MoveWork work) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  if (blockIdx.x < work.object_blocks) {
    const float step = work.object_step * (work.steps ? work.steps[0] : 1.f);
    float most = -1;
    for (int tile = blockIdx.x; tile < tiles_of(v); tile += work.object_blocks) {
      if (work.covered && !work.covered[tile]) continue;
      const ObjectPixels pixels(v, tile);
      Complex object[kThreadRows], sum[kThreadRows];
      float d[kThreadRows];
#pragma unroll
      for (int i = 0; i < kThreadRows; i++) {
        const bool exists = pixels.exists(v, i);
        object[i] = exists ? v.object[pixels.at(v, i)] : Complex{};
        sum[i] = exists ? v.object_sum[pixels.at(v, i)] : Complex{};
        d[i] = exists ? work.object_weight[pixels.at(v, i)] : 0;
      }
      if (most < 0) most = largest(work.object_most);  // while the tile is on its way
#pragma unroll
      for (int i = 0; i < kThreadRows; i++)
        if (pixels.exists(v, i))
          v.object[pixels.at(v, i)] = combine(step, weighted(sum[i], weight_of(d[i], work.alpha, most)), 1, object[i]);
    }
    return;
  }
  const float most = work.weights_probe ? largest(work.probe_most) : 0;
  const float step = work.probe_step * (work.steps ? work.steps[1] : 1.f);
  const int64_t threads = static_cast<int64_t>(gridDim.x - work.object_blocks) * kSumThreads,
                numbers = static_cast<int64_t>(v.modes) * v.pixels();
  for (int64_t i = (blockIdx.x - work.object_blocks) * static_cast<int64_t>(kSumThreads) + threadIdx.x; i < numbers;
       i += threads) {
    Complex n = v.probe_sum[i];
    if (work.weights_probe) n = weighted(n, weight_of(v.probe_weight[i % v.pixels()], work.alpha, most));
    v.probe[i] = combine(step, n, 1, v.probe[i]);
  }
}

}  // namespace rephase::cuda
