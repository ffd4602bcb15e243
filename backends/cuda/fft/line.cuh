// One line's transform by a fixed plan: numbers stay in registers, threads exchange them through shared memory.
//
// Transforms are in place and unordered, with every twiddle ahead of its butterfly (Cooley and Tukey both ways): stage
// i splits each run of span(i) numbers into radix(i) runs, number j of a butterfly being span(i + 1) numbers further
// on. Forward, a run's twiddle is given by the frequencies modulo span(0)/span(i) that it holds; in the inverse
// direction, by the offset within the run. Frequency k ends at frequency_index(k). A stage writes where it has read, so
// that one barrier an exchange is enough: a thread's next numbers are read by nobody else, and its last ones were.
//
// Where the runs of span(1) have a part of a warp each, only the exchange between the first two stages joins all
// threads of a line; the warps then go on by themselves, some computing while others exchange.
#pragma once
#include "butterfly.cuh"

namespace rephase::cuda {

// A constexpr variable names whatever depends on the plan alone before it is used: only that keeps the compiler from
// computing it when the kernel runs.
//
// Paired: in the last stage, each thread has pairs of butterflies whose frequencies are each other's opposites: what
// the row pass needs to take two real rows out of one complex transform.
template <bool Paired, int Length, int Threads, int... Radices>
struct Line {
  static constexpr int length = Length, threads = Threads, stages = sizeof...(Radices);
  static constexpr bool paired = Paired;

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
  static constexpr int butterflies_per_thread(int i) { return (Length / radix(i) + Threads - 1) / Threads; }
  static constexpr int last = stages - 1;
  static constexpr int most_values() {
    int most = 0;
    for (int i = 0; i < stages; i++) {
      const int pairs = Length / radix(i) / 2, pairs_per_thread = (pairs + Threads - 1) / Threads;
      const int numbers = radix(i) * (Paired && i == last ? 2 * pairs_per_thread : butterflies_per_thread(i));
      most = numbers > most ? numbers : most;
    }
    return most;
  }
  static constexpr int values = most_values();
  // Butterflies that differ in their frequencies, and in their offset in a run: the angles of stage i forward and
  // inverse.
  static constexpr int runs(int i) { return Length / span(i); }
  static constexpr int offsets(int i) { return span(i + 1); }
  // Where the table of stage i begins: those of the forward transform from stage 1 on, then those of the inverse.
  static constexpr int forward_twiddles(int i) {
    int at = 0;
    for (int s = 1; s < i; s++) at += twiddle_quads(radix(s)) * runs(s);
    return at;
  }
  static constexpr int inverse_twiddles(int i) {
    int at = forward_twiddles(stages);
    for (int s = 0; s < i; s++) at += twiddle_quads(radix(s)) * offsets(s);
    return at;
  }

  // Threads that share a run of span(1), and whether they are in one warp in all later stages.
  static constexpr int lanes = Threads < radix(0) ? 1 : Threads / radix(0);
  static constexpr bool is_local() {
    bool local = !Paired && stages > 1 && Threads % radix(0) == 0 && lanes <= 32 && 32 % lanes == 0;
    for (int i = 1; i < stages; i++) local = local && span(1) / radix(i) % lanes == 0;
    return local;
  }

  // Shared memory is padded so that neither neighbours in a stage nor, where Paired, neighbouring frequencies share a
  // bank.
  static constexpr int first_run = span(1);
  static constexpr bool pads_runs = Paired && first_run > 16;
  __host__ __device__ static constexpr int padded(int p) { return p + p / 16 + (pads_runs ? p / first_run : 0); }
  // Lines that neighbouring threads work on are a part of the banks apart.
  static constexpr int footprint(int lines) {
    const int apart = lines < 16 ? 16 / lines : 1;
    return (padded(Length - 1) + 1 + 15 - apart) / 16 * 16 + apart;
  }

  // Whether padding commutes with adding j·span(i + 1), because no digit of one carries into the other's.
  static constexpr bool fixed_offsets(int i) {
    const int s = span(i), m = span(i + 1);
    return s % 16 == 0 ? (m % 16 == 0 || 16 % m == 0) : 16 % s == 0;
  }

  template <int I = 0>
  __device__ static int frequency_index(int k) {
    constexpr int R = radix(I), M = span(I + 1);
    if constexpr (I == last)
      return k;
    else
      return k % R * M + frequency_index<I + 1>(k / R);
  }

  // The index in memory of the run of stage I that holds frequency k, as frequency_index(k) is for the last stage; and
  // the reverse.
  static constexpr __host__ __device__ int reversed_run(int i, int k) {
    int run = 0;
    for (int s = 0; s < i; s++) {
      run = run * radix(s) + k % radix(s);
      k /= radix(s);
    }
    return run;
  }
  // The frequency of number 0 of butterfly b of the last stage, whose numbers are length/radix apart.
  static constexpr __host__ __device__ int first_frequency(int b) { return Paired ? b : frequency_of_run(last, b); }
  static constexpr __host__ __device__ int frequency_of_run(int i, int run) {
    int k = 0;
    for (int s = i - 1; s >= 0; s--) {
      k = k * radix(s) + run % radix(s);
      run /= radix(s);
    }
    return k;
  }

  template <int I>
  __device__ static int address(int first, int j) {
    constexpr int M = span(I + 1);
    if constexpr (fixed_offsets(I)) {
      constexpr int high = I == 0 ? 1 : 0;  // only the first stage's digit is the second padding's
      return padded(first) + j * M + (j * M) / 16 + (pads_runs ? high * j : 0);
    } else {
      return padded(first + j * M);
    }
  }

  // f(where among the thread's numbers they begin, one butterfly of the last stage, the one of opposite frequencies):
  // number 0, opposite to itself, is with the one in the middle, likewise.
  template <class F>
  __device__ static void each_pair(int t, F&& f) {
    constexpr int R = radix(last), count = Length / R, pairs = count / 2;
    static_assert(count % 2 == 0);
#pragma unroll
    for (int u = 0; u < (pairs + Threads - 1) / Threads; u++) {
      const int b = t + u * Threads;
      if (pairs % Threads == 0 || b < pairs) f(2 * u * R, b, b == 0 ? pairs : count - b);
    }
  }
  // f(where among the thread's numbers a butterfly begins, which of stage I it is). They are numbered as they lie in
  // memory, run by run; where Paired, those of the last stage by the frequencies they hold.
  template <int I, class F>
  __device__ static void each_butterfly(int t, F&& f) {
    constexpr int R = radix(I), count = Length / R;
    constexpr bool local = I > 0 && is_local();
    if constexpr (Paired && I == last) {
      each_pair(t, [&](int at, int a, int b) {
        f(at, a);
        f(at + R, b);
      });
    } else if constexpr (local) {
      constexpr int of_run = span(1) / R;
#pragma unroll
      for (int u = 0; u < of_run / lanes; u++) f(u * R, t / lanes * of_run + t % lanes + u * lanes);
    } else {
#pragma unroll
      for (int u = 0; u < butterflies_per_thread(I); u++) {
        const int b = t + u * Threads;
        if (count % Threads == 0 || b < count) f(u * R, b);
      }
    }
  }
  // f(one of the thread's numbers in the first stage, its place in the line)
  template <class F>
  __device__ static void each_number(Complex* v, int t, F&& f) {
    constexpr int R = radix(0), M = span(1);
    each_butterfly<0>(t, [&](int at, int b) {
#pragma unroll
      for (int j = 0; j < R; j++) f(v[at + j], b + j * M);
    });
  }
  // The index of a butterfly's number 0.
  template <int I>
  __device__ static int first(int b) {
    constexpr int S = span(I), M = span(I + 1);
    if constexpr (Paired && I == last)
      return frequency_index(b);
    else
      return b / M * S + b % M;
  }

  template <int I>
  __device__ static void store_to_shared(Complex* shared, const Complex* v, int t) {
    each_butterfly<I>(t, [&](int at, int b) {
      const int from = first<I>(b);
#pragma unroll
      for (int j = 0; j < radix(I); j++) shared[address<I>(from, j)] = v[at + j];
    });
  }
  template <int I>
  __device__ static void load_from_shared(const Complex* shared, Complex* v, int t) {
    each_butterfly<I>(t, [&](int at, int b) {
      const int from = first<I>(b);
#pragma unroll
      for (int j = 0; j < radix(I); j++) v[at + j] = shared[address<I>(from, j)];
    });
  }
  // Between stage I and the next.
  template <int I, class Barrier>
  __device__ static void join(Barrier&& barrier) {
    constexpr bool local = I > 0 && is_local();
    if constexpr (local)
      __syncwarp();
    else
      barrier();
  }

  // Transforms the first stage's numbers, in natural order, to the last one's. `barrier` joins the line's threads.
  template <int I = 0, class Barrier>
  __device__ static void forward(Complex* v, Complex* shared, int t, const float4* twiddles, Barrier&& barrier) {
    constexpr int R = radix(I), M = span(I + 1), angles = runs(I), table = forward_twiddles(I);
    each_butterfly<I>(t, [&](int at, int b) {
      if constexpr (I == 0)
        butterfly<R, false>(v + at);
      else
        twiddled_butterfly<R, false>(v + at, twiddles + table, angles, b / M);
    });
    if constexpr (I < last) {
      store_to_shared<I>(shared, v, t);
      join<I>(barrier);
      load_from_shared<I + 1>(shared, v, t);
      forward<I + 1>(v, shared, t, twiddles, barrier);
    }
  }
  // The way back, unnormalised.
  template <int I = last, class Barrier>
  __device__ static void inverse(Complex* v, Complex* shared, int t, const float4* twiddles, Barrier&& barrier) {
    constexpr int R = radix(I), M = span(I + 1), table = inverse_twiddles(I);
    each_butterfly<I>(t, [&](int at, int b) {
      if constexpr (I == last)
        butterfly<R, true>(v + at);
      else
        twiddled_butterfly<R, true>(v + at, twiddles + table, M, b % M);
    });
    if constexpr (I > 0) {
      store_to_shared<I>(shared, v, t);
      join<I - 1>(barrier);
      load_from_shared<I - 1>(shared, v, t);
      inverse<I - 1>(v, shared, t, twiddles, barrier);
    }
  }
};

template <int Length, int Threads, int... Radices>
using ColumnLine = Line<false, Length, Threads, Radices...>;
template <int Length, int Threads, int... Radices>
using RowLine = Line<true, Length, Threads, Radices...>;

}  // namespace rephase::cuda
