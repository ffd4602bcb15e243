// Discrete Fourier transforms of a few points, in registers: the only place that knows the arithmetic of each radix.
// Forward is exp(-2πi/R), inverse its conjugate, neither normalised; natural order in and out.
//
// Powers of two are a network of a ± w·b, each six multiply-adds: with w = c·(1 - iτ), c the cosine and τ the tangent,
// first r = b·(1 - iτ), then a ± c·r (Linzer and Feig, IEEE Trans. Signal Processing 41, 93, 1993). It is as accurate
// for steep angles as for others, because what τ amplifies c makes small again, the rounding too. A twiddle of the
// whole transform costs nothing more: it is another angle in the same network. Other composite radices are split by
// Cooley and Tukey's rule with roots known to the compiler; odd primes pair x[t] with x[R-t].
#pragma once
#include <type_traits>

#include "complex.cuh"
#include "twiddles.hpp"

namespace rephase::cuda {

// cos and sin of 2πk/R, for the compiler: Taylor series within an eighth of the circle.
struct Root {
  double cos, sin;
};
constexpr Root root(int k, int R) {
  k = ((k % R) + R) % R;
  const int eighth = (8 * k + R / 2) / R;  // the nearest
  const double x = 6.283185307179586477 * (8 * k - eighth * R) / (8.0 * R);
  double c = 1, s = x, term = x;
  double even = 1;
  for (int i = 1; i < 12; i++) {
    even *= -x * x / ((2 * i - 1) * (2 * i));
    term *= -x * x / ((2 * i) * (2 * i + 1));
    c += even;
    s += term;
  }
  const double h = 0.70710678118654752440;
  const double ec[] = {1, h, 0, -h, -1, -h, 0, h, 1}, es[] = {0, h, 1, h, 0, -h, -1, -h, 0};
  return {ec[eighth] * c - es[eighth] * s, es[eighth] * c + ec[eighth] * s};
}

// a·exp(∓2πi·K/R), with the multiplications that are none left out.
template <int K, int R, bool Inverse>
__device__ inline Complex rotate(Complex a) {
  constexpr int k = K % R;
  if constexpr (k == 0) {
    return a;
  } else if constexpr (2 * k == R) {
    return {-a.x, -a.y};
  } else if constexpr (4 * k == R || 4 * k == 3 * R) {
    if constexpr ((4 * k == R) != Inverse)
      return {a.y, -a.x};
    else
      return {-a.y, a.x};
  } else if constexpr (8 * k == R || 8 * k == 3 * R) {
    // exp(∓iπ/4) and exp(∓3iπ/4)
    constexpr float h = 0.70710678118654752440f, c = 8 * k == R ? h : -h;
    if constexpr (!Inverse)
      return {c * a.x + h * a.y, c * a.y - h * a.x};
    else
      return {c * a.x - h * a.y, c * a.y + h * a.x};
  } else {
    constexpr float c = static_cast<float>(root(k, R).cos), s = static_cast<float>(root(k, R).sin);
    return multiply<Inverse>(a, Complex{c, -s});
  }
}

constexpr int smallest_split(int R) {
  if (R % 4 == 0) return 4;
  for (int p = 2; p * p <= R; p++)
    if (R % p == 0) return p;
  return R;
}

// f(i) for i from First to Last - 1, as constants that templates can take.
template <int First, int Last, class F>
__device__ inline void each_constant(F&& f) {
  if constexpr (First < Last) {
    f(std::integral_constant<int, First>{});
    each_constant<First + 1, Last>(f);
  }
}

// a, b ← a + w·b, a - w·b for w = c·(1 - iτ), in the inverse direction its conjugate; times i more where Quarter.
template <bool Inverse, bool Quarter>
__device__ inline void cross(Complex& a, Complex& b, float c, float tangent) {
  const float t = Inverse ? -tangent : tangent;
  Complex r = {fmaf(t, b.y, b.x), fmaf(-t, b.x, b.y)};
  if constexpr (Quarter) r = rotate<1, 4, Inverse>(r);
  b = {fmaf(-c, r.x, a.x), fmaf(-c, r.y, a.y)};
  a = {fmaf(c, r.x, a.x), fmaf(c, r.y, a.y)};
}

constexpr int reversed(int i, int R) {
  int result = 0;
  for (int bit = 1; bit < R; bit *= 2) result = result * 2 + (i / bit & 1);
  return result;
}

// The levels of the network from blocks of S on. twiddles: as twiddles.hpp says; null: there are none.
template <int R, int S, bool Inverse, bool Twiddled>
__device__ inline void levels(Complex* y, const float2* twiddles) {
  if constexpr (S <= R) {
    each_constant<0, S / 2>([&](auto constant) {
      constexpr int q = decltype(constant)::value, base = S < 4 ? 0 : q % (S / 4);
      constexpr bool quarter = 4 * q >= S && S > 2;
      if constexpr (Twiddled) {
        const float2 w = twiddles[twiddle_index(S, base)];
#pragma unroll
        for (int g = 0; g < R; g += S) cross<Inverse, quarter>(y[g + q], y[g + q + S / 2], w.x, w.y);
      } else if constexpr (base == 0) {
#pragma unroll
        for (int g = 0; g < R; g += S) {
          const Complex a = y[g + q], b = rotate < quarter ? 1 : 0, 4, Inverse > (y[g + q + S / 2]);
          y[g + q] = a + b;
          y[g + q + S / 2] = a - b;
        }
      } else {
        constexpr float c = static_cast<float>(root(base, S).cos);
        constexpr float tangent = static_cast<float>(root(base, S).sin / root(base, S).cos);
#pragma unroll
        for (int g = 0; g < R; g += S) cross<Inverse, quarter>(y[g + q], y[g + q + S / 2], c, tangent);
      }
    });
    levels<R, 2 * S, Inverse, Twiddled>(y, twiddles);
  }
}

// x[j] is multiplied by w^j first, where Twiddled.
template <int R, bool Inverse, bool Twiddled>
__device__ inline void network(Complex* x, const float2* twiddles) {
  Complex y[R];
  each_constant<0, R>([&](auto j) {
    constexpr int from = reversed(decltype(j)::value, R);
    y[decltype(j)::value] = x[from];
  });
  levels<R, 2, Inverse, Twiddled>(y, twiddles);
#pragma unroll
  for (int q = 0; q < R; q++) x[q] = y[q];
}

template <int R, bool Inverse>
__device__ inline void butterfly(Complex* x);

template <int R, bool Inverse>
__device__ inline void prime_butterfly(Complex* x) {
  constexpr int half = (R - 1) / 2;
  Complex sum[half], difference[half], total = x[0];
#pragma unroll
  for (int t = 0; t < half; t++) {
    sum[t] = x[t + 1] + x[R - 1 - t];
    difference[t] = x[t + 1] - x[R - 1 - t];
    total = total + sum[t];
  }
  const Complex first = x[0];
  x[0] = total;
#pragma unroll
  for (int q = 1; q <= half; q++) {
    Complex even = first, odd = {0, 0};
#pragma unroll
    for (int t = 1; t <= half; t++) {
      const float c = static_cast<float>(root(q * t, R).cos), s = static_cast<float>(root(q * t, R).sin);
      even = {fmaf(c, sum[t - 1].x, even.x), fmaf(c, sum[t - 1].y, even.y)};
      odd = {fmaf(s, difference[t - 1].x, odd.x), fmaf(s, difference[t - 1].y, odd.y)};
    }
    const Complex rotated = Inverse ? Complex{-odd.y, odd.x} : Complex{odd.y, -odd.x};
    x[q] = even + rotated;
    x[R - q] = even - rotated;
  }
}

template <int R, bool Inverse>
__device__ inline void butterfly(Complex* x) {
  if constexpr (is_power_of_two(R)) {
    network<R, Inverse, false>(x, nullptr);
  } else if constexpr (smallest_split(R) == R) {
    prime_butterfly<R, Inverse>(x);
  } else {
    constexpr int A = smallest_split(R), B = R / A;
    Complex columns[B][A];
    each_constant<0, B>([&](auto b) {
#pragma unroll
      for (int a = 0; a < A; a++) columns[b][a] = x[a * B + b];
      butterfly<A, Inverse>(columns[b]);
      each_constant<1, A>([&](auto q) { columns[b][q] = rotate<b * q, A * B, Inverse>(columns[b][q]); });
    });
#pragma unroll
    for (int q = 0; q < A; q++) {
      Complex row[B];
#pragma unroll
      for (int b = 0; b < B; b++) row[b] = columns[b][q];
      butterfly<B, Inverse>(row);
#pragma unroll
      for (int b = 0; b < B; b++) x[q + A * b] = row[b];
    }
  }
}

// x[q] ← x[q]·w^q. Powers are made four at a time from w, w², w³ and w⁴, w⁸, …, so that few are alive at once and
// none is more than four multiplications from the table.
template <int R, bool Inverse>
__device__ inline void twiddle(Complex* x, Complex w) {
  if constexpr (R == 2) {
    x[1] = multiply<Inverse>(x[1], w);
    return;
  }
  const Complex w2 = w * w, w3 = w2 * w, w4 = w2 * w2;
  x[1] = multiply<Inverse>(x[1], w);
  x[2] = multiply<Inverse>(x[2], w2);
  if constexpr (R > 3) x[3] = multiply<Inverse>(x[3], w3);
  Complex base = w4;
#pragma unroll
  for (int q = 4; q < R; q += 4) {
    x[q] = multiply<Inverse>(x[q], base);
    if (q + 1 < R) x[q + 1] = multiply<Inverse>(x[q + 1], base * w);
    if (q + 2 < R) x[q + 2] = multiply<Inverse>(x[q + 2], base * w2);
    if (q + 3 < R) x[q + 3] = multiply<Inverse>(x[q + 3], base * w3);
    if (q + 4 < R) base = q == 4 ? w4 * w4 : base * w4;
  }
}

// The transform of x[j]·w^j, for w at `index` of a table of `count` angles: see twiddles.hpp.
template <int R, bool Inverse>
__device__ inline void twiddled_butterfly(Complex* x, const float4* table, int count, int index) {
  constexpr int quads = twiddle_quads(R);
  if constexpr (is_power_of_two(R)) {
    float2 twiddles[2 * quads];
#pragma unroll
    for (int i = 0; i < quads; i++) {
      const float4 f = __ldg(table + i * count + index);
      twiddles[2 * i] = {f.x, f.y};
      twiddles[2 * i + 1] = {f.z, f.w};
    }
    network<R, Inverse, true>(x, twiddles);
  } else {
    const float4 f = __ldg(table + index);
    twiddle<R, Inverse>(x, {f.x, f.y});
    butterfly<R, Inverse>(x);
  }
}

}  // namespace rephase::cuda
