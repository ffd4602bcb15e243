// A complex field: every column is stored, at its true size, and a line is one row.
#pragma once
#include "../fft/any_line.hpp"
#include "../kernels/rule.cuh"

namespace rephase::cuda {

struct ComplexField {
  using Pixel = Complex;
  using Numbers = Complex;
  static constexpr int pixel_floats = 2, rows_per_line = 1;
  static constexpr float spectrum_scale = 1;
  __host__ __device__ static constexpr int stored_columns(int columns) { return columns; }
  __host__ __device__ static constexpr bool packs(int) { return false; }

  template <class L, class From>
  __device__ static void load_rows(Complex* x, int t, From&& from) {
    constexpr int R = L::radix(L::last), butterflies = L::length / R;
    L::template each_butterfly<L::last>(t, [&](int i, int b) {
#pragma unroll
      for (int j = 0; j < R; j++) x[i + j] = from(L::first_frequency(b) + j * butterflies);
    });
  }
  template <class L, class To>
  __device__ static void store_rows(const Complex* x, int t, To&& to) {
    constexpr int R = L::radix(L::last), butterflies = L::length / R;
    L::template each_butterfly<L::last>(t, [&](int i, int b) {
#pragma unroll
      for (int j = 0; j < R; j++) to(L::first_frequency(b) + j * butterflies, x[i + j]);
    });
  }
  __device__ static void load_any_rows(Complex* x, const AnyLine& line, const Complex* spectrum, bool) {
    for (int c = threadIdx.x; c < line.length; c += blockDim.x)
      x[spread(line.frequency_index[c])] = spectrum[static_cast<size_t>(c) * kTile];
  }
  __device__ static void store_any_rows(const Complex* x, const AnyLine& line, Complex* spectrum, bool) {
    for (int c = threadIdx.x; c < line.length; c += blockDim.x)
      spectrum[static_cast<size_t>(c) * kTile] = x[spread(line.frequency_index[c])];
  }

  struct Pixels {
    Complex* const first;

    __device__ Pixels(const View& v, int start, int row)
        : first(reinterpret_cast<Complex*>(v.object) + (static_cast<size_t>(start) * v.rows + row) * v.columns) {}
    __device__ Complex read(int column) const { return first[column]; }
    __device__ void write(int column, Complex z) const { first[column] = z; }
  };

  template <class L, class R>
  __device__ static void apply_to_line(Complex* x, int t, const View& v, const R& rule, int start, int row,
                                       float normal, float threshold = kNoThreshold) {
    if (!v.support && rule.scales) {
      const float factor = __fmul_rn(rule.next.satisfied.y, normal);
      L::each_number(x, t, [&](Complex& z, int) { z = scaled(factor, z); });
      return;
    }
    if (rule.imposes_sizes) return impose_sizes<L>(x, t, v, start, row, normal);
    // Kernels for plain rules have code of their own for images without a support.
    if constexpr (std::is_same_v<R, PlainRule>)
      if (!v.support) return apply_inside<L>(x, t, v, rule, start, row, normal, threshold, Everywhere{});
    apply_inside<L>(x, t, v, rule, start, row, normal, threshold, Inside<L>(v, start, row, t));
  }
  // What `apply` does by such a rule.
  template <class L>
  __device__ static void impose_sizes(Complex* x, int t, const View& v, int start, int row, float normal) {
    constexpr int R0 = L::radix(0), M0 = L::span(1);
    const Inside<L> inside(v, start, row, t);
    const float* const sizes = size_at(v, row, 0);
    L::template each_butterfly<0>(t, [&](int i, int b) {
      // Several are read before any is used, as in `apply_inside`.
      constexpr int together = R0 > 16 ? R0 / 4 : R0;
#pragma unroll
      for (int first = 0; first < R0; first += together) {
        float size[together];
#pragma unroll
        for (int j = 0; j < together; j++) size[j] = inside[i + first + j] ? __ldg(sizes + b + (first + j) * M0) : 0;
#pragma unroll
        for (int j = 0; j < together; j++) x[i + first + j] = with_size(scaled(normal, x[i + first + j]), size[j]);
      }
    });
  }
  template <class L, class R, class Support>
  __device__ static void apply_inside(Complex* x, int t, const View& v, const R& rule, int start, int row, float normal,
                                      float threshold, const Support& inside) {
    constexpr int R0 = L::radix(0), M0 = L::span(1);
    L::template each_butterfly<0>(t, [&](int i, int b) {
      // Several are read before any is written, so that reading them takes as long as one does.
      constexpr int together = L::values > 20 || R0 % 4 != 0 ? R0 : 4;
#pragma unroll
      for (int first = 0; first < R0; first += together) {
        Complex before[together];
#pragma unroll
        for (int j = 0; j < together; j++)
          before[j] = iterate_before<Complex>(rule, v, start, row, b + (first + j) * M0);
#pragma unroll
        for (int j = 0; j < together; j++) {
          const int column = b + (first + j) * M0, at = i + first + j;
          x[at] = apply(rule, v, start, row, column, inside[at], scaled(normal, x[at]), before[j], threshold);
        }
      }
    });
  }
  __device__ static Complex apply_to_column(const View& v, const Rule& rule, int start, int row, int column,
                                            Complex z) {
    const Complex before = iterate_before<Complex>(rule, v, start, row, column);
    return apply_any(rule, v, start, row, column, z, before, threshold_of(rule, v, start));
  }
};

}  // namespace rephase::cuda
