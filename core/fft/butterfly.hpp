// Discrete Fourier transforms of a few points, in registers: the only place that knows the arithmetic of each radix.
// Forward is exp(-2πi/R), inverse its conjugate, neither normalised. Radices 2, 4 and 8 are the usual split; odd primes
// share one formula that pairs x[t] with x[R-t].
#pragma once
#include "fft/simd.hpp"

namespace rephase {

enum class Direction { forward, inverse };

// Multiplied by -i forward, by i inverse: a quarter turn in the transform's own sense.
template <Direction D, class V>
inline Complex<V> quarter_turn(Complex<V> a) {
  if constexpr (D == Direction::forward)
    return {a.im, -a.re};
  else
    return {-a.im, a.re};
}

// cos and sin of 2πk/R for the odd primes, correctly rounded from 20 digits.
template <int R>
struct Roots;
template <>
struct Roots<3> {
  static constexpr double cos[] = {1, -0.5};
  static constexpr double sin[] = {0, 0.86602540378443864676};
};
template <>
struct Roots<5> {
  static constexpr double cos[] = {1, 0.30901699437494742410, -0.80901699437494742410};
  static constexpr double sin[] = {0, 0.95105651629515357212, 0.58778525229247312917};
};
template <>
struct Roots<7> {
  static constexpr double cos[] = {1, 0.62348980185873353053, -0.22252093395631440429, -0.90096886790241912624};
  static constexpr double sin[] = {0, 0.78183148246802980871, 0.97492791218182360702, 0.43388373911755812048};
};
template <>
struct Roots<11> {
  static constexpr double cos[] = {1,
                                   0.84125353283118116886,
                                   0.41541501300188642553,
                                   -0.14231483827328514044,
                                   -0.65486073394528506406,
                                   -0.95949297361449738989};
  static constexpr double sin[] = {0,
                                   0.54064081745559758211,
                                   0.90963199535451837141,
                                   0.98982144188093273238,
                                   0.75574957435425828377,
                                   0.28173255684142969771};
};
template <>
struct Roots<13> {
  static constexpr double cos[] = {1,
                                   0.88545602565320989590,
                                   0.56806474673115580251,
                                   0.12053668025532305335,
                                   -0.35460488704253562597,
                                   -0.74851074817110109863,
                                   -0.97094181742605202716};
  static constexpr double sin[] = {0,
                                   0.46472317204376854566,
                                   0.82298386589365639458,
                                   0.99270887409805399280,
                                   0.93501624268541482344,
                                   0.66312265824079520238,
                                   0.23931566428755776715};
};

// x[q] becomes the sum over t of x[t]·exp(∓2πi·tq/R).
template <int R, Direction D, class V>
inline void butterfly(Complex<V> (&x)[R]) {
  using T = Number<V>;
  if constexpr (R == 2) {
    const Complex<V> a = x[0];
    x[0] = a + x[1];
    x[1] = a - x[1];
  } else if constexpr (R == 4) {
    const Complex<V> a = x[0] + x[2], b = x[0] - x[2], c = x[1] + x[3], d = quarter_turn<D>(x[1] - x[3]);
    x[0] = a + c;
    x[1] = b + d;
    x[2] = a - c;
    x[3] = b - d;
  } else if constexpr (R == 8) {
    Complex<V> even[4] = {x[0], x[2], x[4], x[6]}, odd[4] = {x[1], x[3], x[5], x[7]};
    butterfly<4, D>(even);
    butterfly<4, D>(odd);
    const V h = splat<V>(static_cast<T>(0.70710678118654752440));
    const Complex<V> a = quarter_turn<D>(odd[1]), b = quarter_turn<D>(odd[3]);
    odd[1] = {(odd[1].re + a.re) * h, (odd[1].im + a.im) * h};
    odd[2] = quarter_turn<D>(odd[2]);
    odd[3] = {(b.re - odd[3].re) * h, (b.im - odd[3].im) * h};
    for (int q = 0; q < 4; q++) {
      x[q] = even[q] + odd[q];
      x[q + 4] = even[q] - odd[q];
    }
  } else {
    static_assert(R % 2 == 1);
    constexpr int half = R / 2;
    Complex<V> sums[half + 1], differences[half + 1];
    Complex<V> total = x[0];
#pragma GCC unroll 8
    for (int t = 1; t <= half; t++) {
      sums[t] = x[t] + x[R - t];
      differences[t] = quarter_turn<D>(x[t] - x[R - t]);
      total = total + sums[t];
    }
    const Complex<V> first = x[0];
    x[0] = total;
    const auto pair = [&](int q, int t, Complex<V>& a, Complex<V>& b) {
      const int k = t * q % R;
      const V c = splat<V>(static_cast<T>(Roots<R>::cos[k <= half ? k : R - k]));
      const V s = splat<V>(static_cast<T>(k <= half ? Roots<R>::sin[k] : -Roots<R>::sin[R - k]));
      a = {a.re + sums[t].re * c, a.im + sums[t].im * c};
      b = {b.re + differences[t].re * s, b.im + differences[t].im * s};
    };
    // The sums and differences of the two largest do not fit in registers: unrolling them would only cost code.
    if constexpr (R <= 7) {
#pragma GCC unroll 8
      for (int q = 1; q <= half; q++) {
        Complex<V> a = first, b = {V{}, V{}};
#pragma GCC unroll 8
        for (int t = 1; t <= half; t++) pair(q, t, a, b);
        x[q] = a + b;
        x[R - q] = a - b;
      }
    } else {
#pragma GCC unroll 1
      for (int q = 1; q <= half; q++) {
        Complex<V> a = first, b = {V{}, V{}};
#pragma GCC unroll 1
        for (int t = 1; t <= half; t++) pair(q, t, a, b);
        x[q] = a + b;
        x[R - q] = a - b;
      }
    }
  }
}

}  // namespace rephase
