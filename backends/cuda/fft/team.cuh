// The threads of a block that share a line, and what they do together. A block has several such teams, each of a power
// of two up to a warp or of whole warps.
#pragma once
#include <cstdint>

#include "complex.cuh"

namespace rephase::cuda {

// Programmatic dependent launch: a kernel may begin before the one ahead of it in the stream has ended, do what does
// not depend on it, and wait. Every kernel of an iteration waits, so that each follows all before it.
__device__ inline void let_next_kernel_start() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}
__device__ inline void wait_for_previous_kernel() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Global to shared memory without a register in between; each thread reads only what it fetched itself.
template <int Bytes>
__device__ inline void fetch(void* shared, const void* global) {
#if __CUDA_ARCH__ >= 800
  const uint32_t at = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  if constexpr (Bytes == 16)  // past the L1 cache, which is for twiddles
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(at), "l"(global) : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(at), "l"(global), "n"(Bytes) : "memory");
#else
  for (int i = 0; i < Bytes / 4; i++) static_cast<float*>(shared)[i] = static_cast<const float*>(global)[i];
#endif
}
__device__ inline void wait_for_fetches() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

// Brings a line of device memory to the L2 cache before this block reads it.
__device__ inline void prefetch(const void* global) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(global));
}

__device__ inline uint32_t sum_of_warp(uint32_t x) {
#if __CUDA_ARCH__ >= 800
  return __reduce_add_sync(~0u, x);
#else
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(~0u, x, offset);
  return x;
#endif
}

// The sum over the block, in a fixed order.
template <class T>
__device__ inline T sum_of_block(T x) {
  __shared__ T shares[32];
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(~0u, x, offset);
  if (threadIdx.x % 32 == 0) shares[threadIdx.x / 32] = x;
  __syncthreads();
  T sum = 0;
  for (int w = 0; w < blockDim.x / 32; w++) sum += shares[w];
  __syncthreads();
  return sum;
}

template <int Threads, int Teams>
struct Team {
  static_assert(Threads % 32 == 0 || 32 % Threads == 0);
  static_assert(Threads * Teams % 32 == 0 || Teams == 1);

  __device__ static int rank() { return threadIdx.x % Threads; }
  __device__ static int index() { return threadIdx.x / Threads; }

  __device__ static void barrier() {
    if constexpr (Threads <= 32) {
      __syncwarp();
    } else if constexpr (Teams == 1) {
      __syncthreads();
    } else {
      asm volatile("bar.sync %0, %1;" ::"r"(index() + 1), "n"(Threads) : "memory");
    }
  }
  // True when it holds for any thread that shares this team's barrier.
  __device__ static bool any(bool condition) {
    if constexpr (Threads <= 32) return __any_sync(~0u, condition);
    return condition;
  }

  // The sum over the team in two halves, with a barrier between them: `begin` leaves each warp's share in `shares`.
  __device__ static void begin_sum(float* shares, float x) {
    for (int offset = (Threads < 32 ? Threads : 32) / 2; offset > 0; offset /= 2) x += __shfl_xor_sync(~0u, x, offset);
    if (Threads <= 32 ? rank() == 0 : threadIdx.x % 32 == 0) shares[Threads <= 32 ? index() : threadIdx.x / 32] = x;
  }
  __device__ static float end_sum(const float* shares) {
    if constexpr (Threads <= 32) return shares[index()];
    float sum = 0;
    for (int w = 0; w < Threads / 32; w++) sum += shares[index() * (Threads / 32) + w];
    return sum;
  }
};

}  // namespace rephase::cuda
