// The real field: what the passes would do otherwise for a complex object. One complex line holds two real rows, and
// the spectrum's other half follows from k ↔ -k:
//
//   columns of the half spectrum   0 | 1 | 2 | … | n/2 - 1     n even; column 0 holds 0 + i·(n/2): "packed"
//                                  0 | 1 | 2 | … | (n - 1)/2   n odd
//
// A complex field would have its own file beside this one: all columns, one row a line, no packed column, weights of 1.
#pragma once
#include "../fft/any_line.hpp"
#include "../kernels/constraint.cuh"

namespace rephase::cuda {

struct RealField {
  using Pixel = float;
  static constexpr int rows_per_line = 2;
  __host__ __device__ static constexpr int stored_columns(int columns) { return (columns + 1) / 2; }
  __host__ __device__ static constexpr bool packs(int columns) { return columns % 2 == 0; }

  // The Fourier constraint for a number of the packed column, where two real columns share one transform: their spectra
  // are the Hermitian and the anti-Hermitian part of it, so that the number at the mirrored frequency is needed as
  // well.
  template <class Constraint>
  __device__ static Imposed constrain_packed(Constraint constraint, Complex at, Complex opposite, float zero,
                                             float nyquist) {
    const Imposed c = constraint({(at.x + opposite.x) * 0.5f, (at.y - opposite.y) * 0.5f}, zero);
    const Imposed n = constraint({(at.y + opposite.y) * 0.5f, (opposite.x - at.x) * 0.5f}, nyquist);
    Imposed both;
    both.value = {c.value.x - n.value.y, c.value.y + n.value.x};
    both.residual = c.residual + n.residual;
    return both;
  }

  // The weight of a column's partial residual: every column but the zero frequency's stands for its mirror image too,
  // and the spectrum is stored doubled.
  __device__ static float residual_weight(const View& v, int column) { return column > 0 ? 0.5f : 0.25f; }

  // Two real rows x, y are the transform's real and imaginary part: the numbers z at frequency k and o at its opposite
  // are X + iY and conj X + i·conj Y. In memory, X is in f.x and f.y, Y in f.z and f.w.
  __device__ static void join_rows(float4 f, Complex& z, Complex& o) {
    z = {f.x - f.w, f.y + f.z};
    o = {f.x + f.w, f.z - f.y};
  }
  // Twice X and Y.
  __device__ static float4 split_rows(Complex z, Complex o) { return {z.x + o.x, z.y - o.y, z.y + o.y, o.x - z.x}; }

  // A thread has butterflies a and b of opposite frequencies: number j of a is opposite to number R - 1 - j of b. Only
  // thread 0 has in a the frequency zero and in b the one in the middle, each opposite to itself: there number j of a
  // is opposite to number R - j of a, and number j of b to R - 1 - j of b. `insert_nyquist` moves the opposites from
  // where all other threads have them to where thread 0 has them, and puts the Nyquist frequency at R / 2 of a;
  // `extract_nyquist` undoes it.
  template <int R>
  __device__ static void swap_second_halves(Complex* a, Complex* b) {
#pragma unroll
    for (int j = R / 2; j < R; j++) {
      const Complex c = a[j];
      a[j] = b[j];
      b[j] = c;
    }
  }
  template <int R>
  __device__ static void insert_nyquist(Complex* a, Complex* b, Complex nyquist) {
    swap_second_halves<R>(a, b);
#pragma unroll
    for (int j = R - 1; j > R / 2; j--) a[j] = a[j - 1];
    a[R / 2] = nyquist;
  }
  template <int R>
  __device__ static Complex extract_nyquist(Complex* a, Complex* b) {
    const Complex nyquist = a[R / 2];
#pragma unroll
    for (int j = R / 2; j < R - 1; j++) a[j] = a[j + 1];
    swap_second_halves<R>(a, b);
    return nyquist;
  }

  // Reads a line's numbers for the last stage, from(column) giving both rows', and writes them back, to(column, both).
  template <class L, class From>
  __device__ static void load_rows(Complex* x, int t, From&& from) {
    constexpr int R = L::radix(L::last), butterflies = L::length / R;
    L::each_pair(t, [&](int i, int a, int b) {
      Complex nyquist = {0, 0};
#pragma unroll
      for (int j = 0; j < R / 2; j++) {
        const float4 f = from(a + j * butterflies), g = from(b + j * butterflies);
        join_rows(f, x[i + j], x[i + 2 * R - 1 - j]);
        join_rows(g, x[i + R + j], x[i + R - 1 - j]);
        if (j == 0 && a == 0) {
          x[i] = {f.x, f.z};
          nyquist = {f.y, f.w};
        }
      }
      if (a == 0) insert_nyquist<R>(x + i, x + i + R, nyquist);
    });
  }
  template <class L, class To>
  __device__ static void store_rows(Complex* x, int t, To&& to) {
    constexpr int R = L::radix(L::last), butterflies = L::length / R;
    L::each_pair(t, [&](int i, int a, int b) {
      Complex nyquist = {0, 0};
      if (a == 0) nyquist = extract_nyquist<R>(x + i, x + i + R);
#pragma unroll
      for (int j = 0; j < R / 2; j++) {
        float4 f = split_rows(x[i + j], x[i + 2 * R - 1 - j]);
        if (j == 0 && a == 0) f = {2 * x[i].x, 2 * nyquist.x, 2 * x[i].y, 2 * nyquist.y};
        to(a + j * butterflies, f);
        to(b + j * butterflies, split_rows(x[i + R + j], x[i + R - 1 - j]));
      }
    });
  }

  // The same for a line of any length in shared or global memory, by any number of threads.
  __device__ static void load_any_rows(Complex* x, const AnyLine& line, const Complex* spectrum, bool packed) {
    for (int c = threadIdx.x; c < stored_columns(line.length); c += blockDim.x) {
      const float4 f = *reinterpret_cast<const float4*>(spectrum + static_cast<size_t>(c) * kTile);
      if (c > 0) {
        join_rows(f, x[spread(line.frequency_index[c])], x[spread(line.frequency_index[line.length - c])]);
      } else {
        x[spread(line.frequency_index[0])] = {f.x, f.z};
        if (packed) x[spread(line.frequency_index[line.length / 2])] = {f.y, f.w};
      }
    }
  }
  __device__ static void store_any_rows(const Complex* x, const AnyLine& line, Complex* spectrum, bool packed) {
    for (int c = threadIdx.x; c < stored_columns(line.length); c += blockDim.x) {
      float4 f;
      if (c > 0) {
        f = split_rows(x[spread(line.frequency_index[c])], x[spread(line.frequency_index[line.length - c])]);
      } else {
        const Complex zero = x[spread(line.frequency_index[0])];
        const Complex nyquist = packed ? x[spread(line.frequency_index[line.length / 2])] : Complex{0, 0};
        f = {2 * zero.x, 2 * nyquist.x, 2 * zero.y, 2 * nyquist.y};
      }
      *reinterpret_cast<float4*>(spectrum + static_cast<size_t>(c) * kTile) = f;
    }
  }
};

}  // namespace rephase::cuda
