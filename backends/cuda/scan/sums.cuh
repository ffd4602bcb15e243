// What object and probe follow from: sums over positions, gathered where they are needed and always in the same order,
// so that two runs have the same bits. A warp has a tile of the object, 32 columns wide; a block a piece of the probe.
#pragma once
#include "passes.cuh"

namespace rephase::cuda {

// The tiles that warps take: one, or every so many.
__device__ inline int tiles_across(const ScanView& v) {
  return (v.object_columns + kTileColumns - 1) / kTileColumns;
}
__device__ inline int tiles_of(const ScanView& v) {
  return tiles_across(v) * ((v.object_rows + kTileRows - 1) / kTileRows);
}

struct Covering {
  int number;  // in the batch
  Place at;
};

// f(one, another, whether there is another) for those whose patches reach a tile. The whole warp calls it.
template <class F>
__device__ inline void each_covering(const ScanView& v, const ScanBatch& batch, int top, int left, F&& f) {
  const int lane = threadIdx.x % 32;
  for (int first = 0; first < batch.count; first += 32) {
    const bool exists = first + lane < batch.count;
    const Place at = exists ? batch.places[first + lane] : Place{};
    const bool covers = exists && at.row < top + kTileRows && at.row + v.rows > top &&
                        at.column < left + kTileColumns && at.column + v.columns > left;
    unsigned rest = __ballot_sync(~0u, covers);
    const auto take = [&] {
      const int from = __ffs(rest) - 1;
      rest &= rest - 1;
      return Covering{first + from,
                      {__shfl_sync(~0u, at.row, from), __shfl_sync(~0u, at.column, from),
                       __shfl_sync(~0u, at.is_shifted, from), __shfl_sync(~0u, at.position, from)}};
    };
    while (rest != 0) {
      const Covering one = take();
      if (rest == 0)
        f(one, one, false);
      else
        f(one, take(), true);
    }
  }
}

__device__ inline float most_of_warp(float x) {
  for (int offset = 16; offset > 0; offset /= 2) x = fmaxf(x, __shfl_xor_sync(~0u, x, offset));
  return x;
}

__device__ inline void store_most(float x, float* to) {
  __shared__ float shares[kSumWarps];
  x = most_of_warp(x);
  if (threadIdx.x % 32 == 0) shares[threadIdx.x / 32] = x;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  x = most_of_warp(threadIdx.x < kSumWarps ? shares[threadIdx.x] : 0.f);
  if (threadIdx.x == 0) *to = x;
}

__device__ inline float largest(Most most) {
  float x = 0;
  for (int i = threadIdx.x % 32; i < most.count; i += 32) x = fmaxf(x, most.values[i]);
  return most_of_warp(x);
}

__device__ inline float sum_tile(const ScanView& v, const ScanBatch& batch, const SumWork& work, int tile) {
  const int top = tile / tiles_across(v) * kTileRows, left = tile % tiles_across(v) * kTileColumns;
  const int column = left + threadIdx.x % 32;
  const bool inside = column < v.object_columns;
  const auto pixel = [&](int i) { return static_cast<size_t>(top + i) * v.object_columns + column; };
  const auto exists = [&](int i) { return inside && top + i < v.object_rows; };
  Complex sum[kTileRows] = {};
  float weight[kTileRows] = {};
#pragma unroll
  for (int i = 0; i < kTileRows; i++) {
    if (!exists(i)) continue;
    if (work.adds && work.object) sum[i] = v.object_sum[pixel(i)];
    if (work.adds && work.illumination) weight[i] = v.illumination[pixel(i)];
  }
  bool covered = false;
  each_covering(v, batch, top, left, [&](Covering one, Covering other, bool has_other) {
    covered = true;
    for (int mode = 0; mode < v.modes; mode++) {
      // All of both are on their way before the first is used.
      Complex p[2][kTileRows], wave[2][kTileRows];
#pragma unroll
      for (int which = 0; which < 2; which++) {
        const auto [number, at] = which == 0 ? one : other;
        const int row = top - at.row, patch_column = column - at.column, first = row * v.columns + patch_column;
        const bool reaches = patch_column >= 0 && patch_column < v.columns && (which == 0 || has_other);
        const Complex* const probe = v.probe_at(number, mode, at.is_shifted);
        const Complex* const waves = differences(v, work.kept, number, at.position, mode);
#pragma unroll
        for (int i = 0; i < kTileRows; i++) {
          const bool in_patch = reaches && row + i >= 0 && row + i < v.rows;
          p[which][i] = in_patch ? probe[first + i * v.columns] : Complex{};
          wave[which][i] = in_patch && work.object ? waves[first + i * v.columns] : Complex{};
        }
      }
#pragma unroll
      for (int which = 0; which < 2; which++) {
#pragma unroll
        for (int i = 0; i < kTileRows; i++) {
          weight[i] += power(p[which][i]);
          const Complex o = work.kept && exists(i) ? v.object[pixel(i)] : Complex{};
          sum[i] = add_conjugate_product(sum[i], p[which][i], difference(work.kept, wave[which][i], p[which][i], o));
        }
      }
    }
  });
  if (threadIdx.x % 32 == 0) work.covered[tile] = covered;
  float most = 0;
  if (!covered) return most;
#pragma unroll
  for (int i = 0; i < kTileRows; i++) {
    if (!exists(i)) continue;
    if (work.object) v.object_sum[pixel(i)] = sum[i];
    if (work.illumination) v.illumination[pixel(i)] = weight[i];
    most = fmaxf(most, weight[i]);
  }
  return most;
}

// Four warps sum 32 pixels of the probe, each every fourth position; then the warps' shares are added up. A block does
// this for two pieces at once. The whole block calls it.
__device__ inline float sum_probe(const ScanView& v, const ScanBatch& batch, const SumWork& work, int piece) {
  __shared__ Complex shares[2][kSumWarps][32];
  __shared__ float weights[kSumWarps][32];
  const int lane = threadIdx.x % 32, all = threadIdx.x / 32, first_warp = all / kProbeWarps * kProbeWarps;
  const int warp = all - first_warp, pixel = (piece * (kSumWarps / kProbeWarps) + all / kProbeWarps) * 32 + lane;
  const bool exists = pixel < v.pixels();
  const int row = pixel / v.columns, column = pixel % v.columns;
  float most = 0;
  for (int mode = 0; mode < v.modes; mode++) {
    Complex sum = {}, shifted = {};
    float weight = 0;
    if (exists) {
      const Complex p = work.kept ? v.probe[static_cast<size_t>(mode) * v.pixels() + pixel] : Complex{};
      constexpr int together = 4;
      for (int first = warp; first < batch.count; first += together * kProbeWarps) {
        Complex o[together], wave[together];
        bool is_shifted[together];
#pragma unroll
        for (int i = 0; i < together; i++) {
          const bool counts = first + i * kProbeWarps < batch.count;
          const int number = counts ? first + i * kProbeWarps : first;
          const Place at = batch.places[number];
          is_shifted[i] = at.is_shifted;
          const Complex* const from = at.is_shifted
                                          ? v.moved + (static_cast<size_t>(number) * v.modes + mode) * v.pixels()
                                          : differences(v, work.kept, number, at.position, mode);
          o[i] = v.object_at(at, row, column);
          wave[i] = from[pixel];
          if (!counts) o[i] = wave[i] = {};
        }
#pragma unroll
        for (int i = 0; i < together; i++) {
          weight += power(o[i]);
          if (is_shifted[i])
            shifted = shifted + wave[i];
          else
            sum = add_conjugate_product(sum, o[i], difference(work.kept, wave[i], p, o[i]));
        }
      }
    }
    shares[0][all][lane] = sum;
    shares[1][all][lane] = shifted;
    weights[all][lane] = weight;
    __syncthreads();
    const size_t to = static_cast<size_t>(mode) * v.pixels() + pixel;
    const auto total = [&](auto before, auto&& share) {
      for (int w = 0; w < kProbeWarps; w++) before = before + share(first_warp + w);
      return before;
    };
    if (exists && warp == 0)
      v.probe_sum[to] = total(work.adds ? v.probe_sum[to] : Complex{}, [&](int w) { return shares[0][w][lane]; });
    if (exists && warp == 1 && v.shifted_sum)
      v.shifted_sum[to] = total(work.adds ? v.shifted_sum[to] : Complex{}, [&](int w) { return shares[1][w][lane]; });
    if (exists && warp == 2 && mode == 0) {
      most = total(work.adds ? v.probe_weight[pixel] : 0.f, [&](int w) { return weights[w][lane]; });
      v.probe_weight[pixel] = most;
    }
    __syncthreads();
  }
  return most;
}

__global__ void __launch_bounds__(kSumThreads, 4)
    gather_sums(const ScanView v, const ScanBatch batch, const SumWork work, float* most) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  float largest = 0;
  if (blockIdx.x < work.object_blocks) {
    const int warps = work.object_blocks * kSumWarps, tiles = tiles_of(v);
    for (int tile = blockIdx.x * kSumWarps + threadIdx.x / 32; tile < tiles; tile += warps)
      largest = fmaxf(largest, sum_tile(v, batch, work, tile));
  } else {
    const int pieces = (v.pixels() + kProbePixels - 1) / kProbePixels;
    for (int piece = blockIdx.x - work.object_blocks; piece < pieces; piece += work.probe_blocks)
      largest = fmaxf(largest, sum_probe(v, batch, work, piece));
  }
  store_most(largest, most + blockIdx.x);
}

// The largest of `count` numbers that are at least 0.
__global__ void __launch_bounds__(kSumThreads) find_most(const float* from, int64_t count, float* most) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  float largest = 0;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kSumThreads) + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * kSumThreads)
    largest = fmaxf(largest, from[i]);
  store_most(largest, most + blockIdx.x);
}

__device__ inline float weight_of(float d, float alpha, float most) {
  return fmaf(1 - alpha, d, alpha * most);
}
__device__ inline Complex weighted(Complex n, float d) {
  return {ratio(n.x, d), ratio(n.y, d)};
}

__global__ void __launch_bounds__(kSumThreads) move_object_and_probe(const ScanView v, const MoveWork work) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  if (blockIdx.x < work.object_blocks) {
    const float most = largest(work.object_most), step = work.object_step * (work.steps ? work.steps[0] : 1.f);
    const int warps = work.object_blocks * kSumWarps, tiles = tiles_of(v);
    for (int tile = blockIdx.x * kSumWarps + threadIdx.x / 32; tile < tiles; tile += warps) {
      if (work.covered && !work.covered[tile]) continue;
      const int top = tile / tiles_across(v) * kTileRows,
                column = tile % tiles_across(v) * kTileColumns + threadIdx.x % 32;
      const auto exists = [&](int i) { return column < v.object_columns && top + i < v.object_rows; };
      const auto pixel = [&](int i) { return static_cast<size_t>(top + i) * v.object_columns + column; };
      Complex object[kTileRows], sum[kTileRows];
      float d[kTileRows];
#pragma unroll
      for (int i = 0; i < kTileRows; i++) {
        object[i] = exists(i) ? v.object[pixel(i)] : Complex{};
        sum[i] = exists(i) ? v.object_sum[pixel(i)] : Complex{};
        d[i] = exists(i) ? work.object_weight[pixel(i)] : 0;
      }
#pragma unroll
      for (int i = 0; i < kTileRows; i++)
        if (exists(i))
          v.object[pixel(i)] = combine(step, weighted(sum[i], weight_of(d[i], work.alpha, most)), 1, object[i]);
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
