// The real field: what the passes would do otherwise for a complex object. One complex line holds two real rows, and
// the spectrum's other half follows from k ↔ -k:
//
//   columns of the half spectrum   0 | 1 | 2 | … | n/2 - 1     n even; column 0 holds 0 + i·(n/2): "packed"
//                                  0 | 1 | 2 | … | (n - 1)/2   n odd
#pragma once
#include "../fft/any_line.hpp"
#include "../kernels/constraint.cuh"
#include "../kernels/rule.cuh"

namespace rephase::cuda {

struct RealField {
  using Pixel = float;
  // The numbers of a line's rows in one column, side by side in memory.
  using Numbers = float4;
  static constexpr int pixel_floats = 1, rows_per_line = 2;
  // How many times its value a number of the spectrum is.
  static constexpr float spectrum_scale = 2;
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

  // The object's pixels in a line's rows: the first row's are the real part, the second's the imaginary one. A row
  // beyond the last one is zero.
  struct Pixels {
    float* const first;
    const int columns;
    const bool both;

    __device__ Pixels(const View& v, int start, int row)
        : first(v.object + (static_cast<size_t>(start) * v.rows + row) * v.columns),
          columns(v.columns),
          both(row + 1 < v.rows) {}
    __device__ Complex read(int column) const { return {first[column], both ? first[columns + column] : 0.f}; }
    __device__ void write(int column, Complex z) const {
      first[column] = z.x;
      if (both) first[columns + column] = z.y;
    }
  };

  // The rule on a line in its registers, whose pixels are `normal` too large.
  // R, threshold: see `apply`.
  template <class L, class R>
  __device__ static void apply_to_line(Complex* x, int t, const View& v, const R& rule, int start, int row,
                                       float normal, float threshold = kNoThreshold) {
    const bool both_rows = row + 1 < v.rows;
    if (!v.support && rule.scales) {
      // Without looking anything up, a pixel is one multiplication, and where it is cleared not even a choice.
      const float violated = rule.next.violated.y * normal, satisfied = rule.next.satisfied.y * normal;
      const float second_violated = both_rows ? violated : 0, second_satisfied = both_rows ? satisfied : 0;
      if (violated == 0) {
        L::each_number(x, t, [&](Complex& z, int) {
          z = {fmaxf(satisfied * z.x, 0), fmaxf(second_satisfied * z.y, 0)};
        });
        return;
      }
      L::each_number(x, t, [&](Complex& z, int) {
        z.x *= z.x < 0 ? violated : satisfied;
        z.y *= z.y < 0 ? second_violated : second_satisfied;
      });
      return;
    }
    // Kernels for plain rules have code of their own for images without a support.
    if constexpr (std::is_same_v<R, PlainRule>)
      if (!v.support) return apply_inside<L>(x, t, v, rule, start, row, normal, threshold, Everywhere{}, Everywhere{});
    apply_inside<L>(x, t, v, rule, start, row, normal, threshold, Inside<L>(v, start, row, t),
                    Inside<L>(v, start, both_rows ? row + 1 : row, t));
  }
  template <class L, class R, class Support>
  __device__ static void apply_inside(Complex* x, int t, const View& v, const R& rule, int start, int row, float normal,
                                      float threshold, const Support& first_row, const Support& second_row) {
    const bool both_rows = row + 1 < v.rows;
    constexpr int R0 = L::radix(0), M0 = L::span(1);
    L::template each_butterfly<0>(t, [&](int i, int b) {
      // Several are read before any is written, so that reading them takes as long as one does.
      constexpr int together = L::values > 20 || R0 % 4 != 0 ? R0 : 4;
#pragma unroll
      for (int first = 0; first < R0; first += together) {
        float before[2 * together];
#pragma unroll
        for (int j = 0; j < together; j++) {
          before[2 * j] = iterate_before<float>(rule, v, start, row, b + (first + j) * M0);
          before[2 * j + 1] = both_rows ? iterate_before<float>(rule, v, start, row + 1, b + (first + j) * M0) : 0.f;
        }
#pragma unroll
        for (int j = 0; j < together; j++) {
          const int column = b + (first + j) * M0, at = i + first + j;
          const float y = x[at].x * normal, second_y = x[at].y * normal;
          x[at].x = apply(rule, v, start, row, column, first_row[at], y, before[2 * j], threshold);
          x[at].y = 0;
          if (both_rows)
            x[at].y = apply(rule, v, start, row + 1, column, second_row[at], second_y, before[2 * j + 1], threshold);
        }
      }
    });
  }
  // Likewise on the pixels of one column, in their true size.
  __device__ static Complex apply_to_column(const View& v, const Rule& rule, int start, int row, int column,
                                            Complex z) {
    const float threshold = threshold_of(rule, v, start);
    const auto applied = [&](int r, float y) {
      return apply_any(rule, v, start, r, column, y, iterate_before<float>(rule, v, start, r, column), threshold);
    };
    return {applied(row, z.x), row + 1 < v.rows ? applied(row + 1, z.y) : 0.f};
  }

  // `load_rows` and `store_rows` for a line of any length in shared or global memory, by any number of threads.
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
