// One line's transform by a fixed plan: numbers stay in registers, threads exchange them through shared memory.
//
// Transforms are in place and unordered: decimation in frequency forward, in time backward. Forward, stage i splits
// each run of span(i) numbers into radix(i) runs; number j of a butterfly is span(i + 1) places further on. Frequency k
// ends at position(k). A stage writes where it has read, so that one barrier an exchange is enough: a thread's next
// numbers are read by nobody else, and its last ones were.
#pragma once
#include "butterfly.cuh"

namespace rephase::cuda {

//
// What depends on the plan alone is named in a constexpr variable before it is used: only that keeps the compiler from
// computing it when the kernel runs.
template <int Length, int Threads, int... Radices>
struct Line {
  static constexpr int length = Length, threads = Threads, stages = sizeof...(Radices);

  static constexpr int radix(int i) {
    const int radices[] = {Radices...};
    return radices[i];
  }
  static constexpr int span(int i) {
    int n = Length;
    for (int s = 0; s < i; s++) n /= radix(s);
    return n;
  }
  static_assert(span(stages) == 1, "the radices make the length");
  // Butterflies a thread has at most in stage i, and the numbers in all of them.
  static constexpr int turns(int i) { return (Length / radix(i) + Threads - 1) / Threads; }
  static constexpr int most_values() {
    int most = 0;
    for (int i = 0; i < stages; i++) most = turns(i) * radix(i) > most ? turns(i) * radix(i) : most;
    return most;
  }
  static constexpr int values = most_values(), last = stages - 1;
  // Where the twiddles of stage i begin in the table, which has span(i + 1) for each stage.
  static constexpr int twiddles(int i) {
    int at = 0;
    for (int s = 0; s < i; s++) at += span(s + 1);
    return at;
  }

  // Shared memory is padded so that neither neighbours in a stage nor neighbouring frequencies share a bank.
  static constexpr int first_run = span(1);
  __host__ __device__ static constexpr int padded(int p) { return p + p / 16 + (stages > 1 ? p / first_run : 0); }
  // Lines that are loaded side by side are 8 modulo 16 numbers apart.
  static constexpr int footprint = (padded(Length - 1) + 1 + 7) / 16 * 16 + 8;

  // Whether padding commutes with adding j·span(i + 1), because no digit of one carries into the other's.
  static constexpr bool fixed_offsets(int i) {
    const int s = span(i), m = span(i + 1);
    return s % 16 == 0 ? (m % 16 == 0 || 16 % m == 0) : 16 % s == 0;
  }

  template <int I>
  __device__ static int address(int block, int offset, int j) {
    constexpr int S = span(I), M = span(I + 1);
    if constexpr (fixed_offsets(I)) {
      constexpr int high = I == 0 ? 1 : 0;  // only the first stage's digit is the second padding's
      return padded(block * S) + offset + (M % 16 == 0 ? offset / 16 : 0) + j * M + (j * M) / 16 +
             high * (stages > 1 ? j : 0);
    } else {
      return padded(block * S + offset + j * M);
    }
  }

  template <int I, class F>
  __device__ static void each_butterfly(int t, F&& f) {
    constexpr int R = radix(I), count = Length / R, most = turns(I);
#pragma unroll
    for (int u = 0; u < most; u++) {
      const int b = t + u * Threads;
      if (count % Threads == 0 || b < count) f(u * R, b);
    }
  }

  template <int I>
  __device__ static void put(Complex* shared, const Complex* v, int t) {
    constexpr int R = radix(I), M = span(I + 1);
    each_butterfly<I>(t, [&](int at, int b) {
      const int block = b / M, offset = b % M;
#pragma unroll
      for (int j = 0; j < R; j++) shared[address<I>(block, offset, j)] = v[at + j];
    });
  }
  template <int I>
  __device__ static void take(const Complex* shared, Complex* v, int t) {
    constexpr int R = radix(I), M = span(I + 1);
    each_butterfly<I>(t, [&](int at, int b) {
      const int block = b / M, offset = b % M;
#pragma unroll
      for (int j = 0; j < R; j++) v[at + j] = shared[address<I>(block, offset, j)];
    });
  }

  template <int I, bool Inverse>
  __device__ static void stage(Complex* v, int t, const Complex* table) {
    constexpr int R = radix(I), M = span(I + 1), entries = twiddles(I);
    each_butterfly<I>(t, [&](int at, int b) {
      if constexpr (!Inverse) butterfly<R, false>(v + at);
      if constexpr (M > 1) twiddle<R, Inverse>(v + at, __ldg(table + entries + b % M));
      if constexpr (Inverse) butterfly<R, true>(v + at);
    });
  }

  // From the first stage's numbers, in natural order, to the last one's. `barrier` joins the line's threads.
  template <int I = 0, class Barrier>
  __device__ static void forward(Complex* v, Complex* shared, int t, const Complex* table, Barrier&& barrier) {
    stage<I, false>(v, t, table);
    if constexpr (I < last) {
      put<I>(shared, v, t);
      barrier();
      take<I + 1>(shared, v, t);
      forward<I + 1>(v, shared, t, table, barrier);
    }
  }
  // The way back, unnormalised.
  template <int I = last, class Barrier>
  __device__ static void inverse(Complex* v, Complex* shared, int t, const Complex* table, Barrier&& barrier) {
    stage<I, true>(v, t, table);
    if constexpr (I > 0) {
      put<I>(shared, v, t);
      barrier();
      take<I - 1>(shared, v, t);
      inverse<I - 1>(v, shared, t, table, barrier);
    }
  }

  template <int I = 0>
  __device__ static int position(int k) {
    constexpr int R = radix(I), M = span(I + 1);
    if constexpr (I == last)
      return k;
    else
      return k % R * M + position<I + 1>(k / R);
  }
};

}  // namespace rephase::cuda
