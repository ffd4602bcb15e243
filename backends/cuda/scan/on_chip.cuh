// Waves through frequency and back on chip: each wave has a cluster of blocks, whose registers and shared memory hold
// it from P·O to what the rule makes of it. A block has some of the wave's rows, later as many of its columns. Same
// arithmetic, number by number, as the passes.
#pragma once
#include "passes.cuh"

namespace rephase::cuda {

// All blocks of the cluster have come here, and see what the others wrote before.
template <int Blocks>
__device__ inline void cluster_barrier() {
#if __CUDA_ARCH__ >= 900
  if constexpr (Blocks > 1) {
    asm volatile("barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory");
    return;
  }
#endif
  __syncthreads();
}
// Writes to where `to` is in the shared memory of a block of the cluster.
template <int Blocks>
__device__ inline void store_in_cluster(Complex* to, unsigned block, Complex z) {
  if constexpr (Blocks == 1) {
    *to = z;
    return;
  }
#if __CUDA_ARCH__ >= 900
  const uint32_t here = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  uint32_t there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(here), "r"(block));
  asm volatile("st.shared::cluster.v2.f32 [%0], {%1, %2};" ::"r"(there), "f"(z.x), "f"(z.y) : "memory");
#endif
}

// `Blocks` of a cluster share a square wave of L::length rows, L having two stages.
template <class L, int Blocks>
struct OnChipWave {
  static_assert(L::stages == 2 && 32 % L::threads == 0 && (L::threads == 8 || L::threads == 16));
  static constexpr int size = L::length, lines = size / Blocks, threads = lines * L::threads;
  // Where a line begins. Neighbouring numbers of neighbouring lines, and one number of each, are in banks of their own:
  // a warp's half has two lines of eight threads, or one of sixteen.
  static constexpr int padded_size = L::padded(size - 1) + 1, pair = 2 * padded_size + 4;
  static_assert(L::threads == 16 ? padded_size % 2 == 1 : (padded_size + 1) % 16 == 8 && pair % 8 == 2);
  __device__ static int begin(int line) {
    return L::threads == 16 ? line * padded_size : line / 2 * pair + line % 2 * (padded_size + 1);
  }
  // Lines on their way to the other blocks lie across: [place in the line][line], so that what a warp sends to a block
  // is contiguous there.
  static constexpr int across = lines + (L::threads == 16 ? 1 : 2);
  static constexpr int numbers = lines / 2 * pair > size* across ? lines / 2 * pair : size* across;
  static constexpr int pitch = lines + 4;  // of magnitudes
  static constexpr size_t shared = numbers * sizeof(Complex) + size * pitch * sizeof(float);
};

// At least `Resident` blocks fit a multiprocessor.
template <class L, int Blocks, int Resident>
__global__ void __launch_bounds__(OnChipWave<L, Blocks>::threads, Resident)
    waves_on_chip(const ScanView v, const float4* twiddles, const ScanBatch batch, const WaveRowWork work) {
  using Wave = OnChipWave<L, Blocks>;
  constexpr int n = L::length, lines = Wave::lines, T = L::threads;
  constexpr int R0 = L::radix(0), M0 = L::span(1), R1 = L::radix(1), M1 = n / R1;
  extern __shared__ float4 memory[];
  __shared__ float shares[Wave::threads];
  Complex* const numbers = reinterpret_cast<Complex*>(memory);
  float* const magnitudes = reinterpret_cast<float*>(numbers + Wave::numbers);
  const int t = threadIdx.x % T, line = threadIdx.x / T, number = blockIdx.x / Blocks;
  const unsigned block = blockIdx.x % Blocks;
  const int first_line = block * lines, row = first_line + line;
  Complex* const own = numbers + Wave::begin(line);
  const auto join = [] { __syncwarp(); };
  // f(one of the thread's numbers, its place in the line)
  const auto each = [&](Complex* x, auto&& f) {
    L::template each_butterfly<0>(t, [&](int at, int b) {
#pragma unroll
      for (int j = 0; j < R0; j++) f(x[at + j], b + j * M0);
    });
  };
  const auto each_frequency = [&](Complex* x, auto&& f) {
    L::template each_butterfly<1>(t, [&](int at, int b) {
#pragma unroll
      for (int j = 0; j < R1; j++) f(x[at + j], b + j * M1);
    });
  };
  // To the block that has line `first` + `further`.
  const auto send = [&](Complex z, int first, int further) {
    store_in_cluster<Blocks>(numbers + row * Wave::across + first + further % lines, further / lines, z);
  };
  const auto received = [&](int place) { return numbers[place * Wave::across + line]; };

  // Places, patterns and twiddles stay what they are: these may come before what the kernel waits for. But a kernel
  // before may have brought the patterns.
  fetch_twiddles<L>(twiddles);
  const Place place = batch.places[number];
  if (batch.patterns) wait_for_previous_kernel();
  const float* const pattern = batch.magnitudes_at(v, number, place, first_line);
  for (int i = threadIdx.x; i < n * lines / 4; i += Wave::threads) {
    constexpr int pieces = kStrip / 4;  // of a row of a strip
    const int r = i / pieces % n, c = i / (pieces * n) * kStrip + i % pieces * 4;
    fetch<16>(magnitudes + r * Wave::pitch + c, pattern + 4 * i);
  }
  wait_for_previous_kernel();
  let_next_kernel_start();

  const Complex* const probe = v.probe_at(number, 0, place.is_shifted) + row * n;
  const Complex* const object = v.object + static_cast<size_t>(place.row + row) * v.object_columns + place.column;
  const float c = work.keeps_waves ? work.c : 1;
  Complex x[L::values];
  // Where the wave is not P·O, the residual is that of P·O, which goes to frequency first.
  for (bool measures = true, imposes = c == 1;; imposes = true, measures = false) {
    if (imposes && c != 1) {
      const Complex* const kept = v.kept + static_cast<size_t>(place.position) * n * n + row * n;
      each(x, [&](Complex& z, int i) { z = combine(c, probe[i] * object[i], 1 - c, kept[i]); });
    } else {
      each(x, [&](Complex& z, int i) { z = probe[i] * object[i]; });
    }
    L::forward(x, own, t, twiddles, join);
    cluster_barrier<Blocks>();  // the rows' exchanges are over
    L::template each_butterfly<1>(t, [&](int at, int b) {
#pragma unroll
      for (int j = 0; j < R1; j++) send(x[at + j], b, j * M1);
    });
    wait_for_fetches();
    cluster_barrier<Blocks>();
    each(x, [&](Complex& z, int i) { z = received(i); });
    __syncthreads();
    L::forward(x, own, t, twiddles, join);
    float residual = 0;
    each_frequency(x, [&](Complex& z, int i) {
      const Lack lack = lack_of(power(z), magnitudes[i * Wave::pitch + line]);
      residual += lack.size * lack.size;
      if (imposes) z = imposed_change(z, lack, 0);
    });
    if (measures) {
      shares[threadIdx.x] = residual;
      __syncwarp();
      float sum = 0;
      if (t == 0)
        for (int s = 0; s < T; s++) sum += shares[threadIdx.x + s];
      if (t == 0) v.partials[static_cast<size_t>(batch.first + number) * n + first_line + line] = sum;
    }
    if (imposes) break;
    __syncwarp();  // the columns' exchanges are over
  }
  L::inverse(x, own, t, twiddles, join);
  cluster_barrier<Blocks>();
  L::template each_butterfly<0>(t, [&](int at, int b) {
#pragma unroll
    for (int j = 0; j < R0; j++) send(x[at + j], b, j * M0);
  });
  cluster_barrier<Blocks>();
  each_frequency(x, [&](Complex& z, int i) { z = received(i); });
  __syncthreads();
  L::inverse(x, own, t, twiddles, join);
  Complex* const to = finished_wave(v, work, number, place.position, 0) + row * n;
  if (!work.keeps_waves) return each(x, [&](Complex& z, int i) { to[i] = work.scale * z; });
  L::template each_butterfly<0>(t, [&](int at, int b) {
    constexpr int together = 8;
#pragma unroll
    for (int first = 0; first < R0; first += together) {
      Complex part[together];
#pragma unroll
      for (int j = 0; j < together; j++) {
        const int i = b + (first + j) * M0;
        part[j] = finish_part(work, probe[i] * object[i], to + i);
      }
#pragma unroll
      for (int j = 0; j < together; j++) to[b + (first + j) * M0] = finished(work, x[at + first + j], part[j]);
    }
  });
}

}  // namespace rephase::cuda
