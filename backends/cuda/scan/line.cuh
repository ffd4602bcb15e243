// Lines of a wave under transformation, in the same words for both kinds: those with a plan of their own are in
// registers, several to a block; those of any other length in shared memory, one a block. The kernels in passes.cuh are
// written once over both.
#pragma once
#include "../fft/any_transform.cuh"
#include "../fft/line.cuh"

namespace rephase::cuda {

// An axis as its kernels need it.
struct ScanAxis {
  const float4* twiddles;
  AnyLine any;
};

// Brings the twiddles of a line into the L1 cache before they are needed.
template <class L>
__device__ inline void fetch_twiddles(const float4* twiddles) {
#if __CUDA_ARCH__
  constexpr int count = L::inverse_twiddles(L::last);
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    float unused;
    asm volatile("ld.global.nc.f32 %0, [%1];" : "=f"(unused) : "l"(twiddles + i));
  }
#endif
}

// Neighbouring threads have the same number of neighbouring lines.
template <class L, int Lines>
struct FastLines {
  static constexpr int lines = Lines, threads = L::threads * Lines;
  static constexpr size_t shared = Lines * L::footprint(Lines) * sizeof(Complex);
  // Room for 64 registers a thread, or 128 where it has more numbers.
  static constexpr int resident = L::values > 16 ? 512 : 1024;
  static constexpr int min_blocks = threads >= resident ? 1 : resident / threads > 16 ? 16 : resident / threads;
  // Later exchanges of a line stay in one warp.
  static_assert(L::stages == 2 || !L::is_local() || (L::lanes * Lines <= 32 && 32 % (L::lanes * Lines) == 0));

  __device__ explicit FastLines(const ScanAxis& axis) : twiddles_(axis.twiddles) {}
  // What may come before a kernel waits for the one before it.
  __device__ static void prepare(const ScanAxis& axis) { fetch_twiddles<L>(axis.twiddles); }
  __device__ static int line() { return threadIdx.x % Lines; }

  // x[i] ← f(i), the line in its natural order.
  template <class F>
  __device__ void load(F&& f) {
    each([&](Complex& x, int i) { x = f(i); });
  }
  // x[i] ← f(i), a transform in storage order.
  template <class F>
  __device__ void load_frequencies(F&& f) {
    each_frequency([&](Complex& x, int i) { x = f(i); });
  }
  // f(x[i], i)
  template <class F>
  __device__ void each(F&& f) {
    constexpr int R = L::radix(0), M = L::span(1);
    L::template each_butterfly<0>(rank(), [&](int at, int b) {
#pragma unroll
      for (int j = 0; j < R; j++) f(x_[at + j], b + j * M);
    });
  }
  // f(x[i], given(i), i): several are given before the first f, so that waiting for them takes as long as for one.
  template <class G, class F>
  __device__ void each(G&& given, F&& f) {
    constexpr int R = L::radix(0), M = L::span(1), together = R < 8 ? R : 8;
    L::template each_butterfly<0>(rank(), [&](int at, int b) {
#pragma unroll
      for (int first = 0; first < R; first += together) {
        Complex y[together];
#pragma unroll
        for (int j = 0; j < together; j++) y[j] = given(b + (first + j) * M);
#pragma unroll
        for (int j = 0; j < together; j++) f(x_[at + first + j], y[j], b + (first + j) * M);
      }
    });
  }
  template <class F>
  __device__ void each_frequency(F&& f) {
    constexpr int R = L::radix(L::last), butterflies = L::length / R;
    L::template each_butterfly<L::last>(rank(), [&](int at, int b) {
#pragma unroll
      for (int j = 0; j < R; j++) f(x_[at + j], b + j * butterflies);
    });
  }
  __device__ void forward() {
    L::forward(x_, shared_memory(), rank(), twiddles_, barrier);
  }
  __device__ void inverse() {
    L::inverse(x_, shared_memory(), rank(), twiddles_, barrier);
  }

  // The sum over each line, for its first thread: always in the same order.
  __device__ static float sum(float x) {
    __shared__ float shares[threads];
    shares[threadIdx.x] = x;
    __syncthreads();
    float total = 0;
    if (rank() == 0)
      for (int t = 0; t < L::threads; t++) total += shares[t * Lines + line()];
    __syncthreads();
    return total;
  }
  __device__ static bool is_first() {
    return rank() == 0;
  }

 private:
  __device__ static int rank() {
    return threadIdx.x / Lines;
  }
  __device__ static Complex* shared_memory() {
    extern __shared__ float4 memory[];
    return reinterpret_cast<Complex*>(memory) + line() * L::footprint(Lines);
  }
  __device__ static void barrier() {
    __syncthreads();
  }

  const float4* twiddles_;
  Complex x_[L::values];
};

struct AnyLines {
  static constexpr int lines = 1, threads = 256, min_blocks = 2;

  __device__ explicit AnyLines(const ScanAxis& axis) : any_(axis.any) {}
  __device__ static void prepare(const ScanAxis&) {}
  __device__ static int line() { return 0; }

  template <class F>
  __device__ void load(F&& f) {
    each([&](Complex& x, int i) { x = f(i); });
    __syncthreads();
  }
  template <class F>
  __device__ void load_frequencies(F&& f) {
    each_frequency([&](Complex& x, int i) { x = f(i); });
    __syncthreads();
  }
  template <class F>
  __device__ void each(F&& f) {
    for (int i = threadIdx.x; i < any_.length; i += blockDim.x) f(shared_memory()[spread(i)], i);
  }
  template <class G, class F>
  __device__ void each(G&& given, F&& f) {
    each([&](Complex& x, int i) { f(x, given(i), i); });
  }
  // Storage order is the transform's own.
  template <class F>
  __device__ void each_frequency(F&& f) {
    each(f);
    __syncthreads();
  }
  __device__ void forward() { any_transform<false>(shared_memory(), any_); }
  __device__ void inverse() { any_transform<true>(shared_memory(), any_); }

  __device__ static float sum(float x) {
    __shared__ float shares[threads];
    shares[threadIdx.x] = x;
    __syncthreads();
    float total = 0;
    if (threadIdx.x == 0)
      for (int t = 0; t < blockDim.x; t++) total += shares[t];
    __syncthreads();
    return total;
  }
  __device__ static bool is_first() { return threadIdx.x == 0; }

 private:
  __device__ static Complex* shared_memory() {
    extern __shared__ float4 memory[];
    return reinterpret_cast<Complex*>(memory);
  }
  const AnyLine& any_;
};

}  // namespace rephase::cuda
