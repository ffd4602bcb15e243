// Discrete Fourier transforms of a few points, in registers: the only place that knows the arithmetic of each radix.
// Forward is exp(-2πi/R), inverse its conjugate, neither normalised. Radices 2, 4 and 8 are the usual split; odd primes
// share one formula that pairs x[t] with x[R-t].
#pragma once
#include <type_traits>

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

// The sums over t of load(t)·exp(∓2πi·tq/R) go to store(q, …). Numbers are loaded just before they are used and stored
// as soon as they are known, since there are fewer registers than numbers, and compilers keep this order.
template <int R, Direction D, class Load, class Store>
[[gnu::always_inline]] inline void butterfly(Load&& load, Store&& store) {
  using Z = std::remove_cvref_t<decltype(load(0))>;
  using V = decltype(Z::re);
  using T = Number<V>;
  if constexpr (R == 2) {
    const Z a = load(0), b = load(1);
    store(0, a + b);
    store(1, a - b);
  } else if constexpr (R == 4) {
    const Z x0 = load(0), x2 = load(2), a = x0 + x2, b = x0 - x2;
    const Z x1 = load(1), x3 = load(3), c = x1 + x3, d = quarter_turn<D>(x1 - x3);
    store(0, a + c);
    store(2, a - c);
    store(1, b + d);
    store(3, b - d);
  } else if constexpr (R == 8) {
    Z even[4], odd[4];
    butterfly<4, D>(
        [&](int t) __attribute__((always_inline)) { return load(2 * t); }, [&](int q, Z z) __attribute__((
                                                                               always_inline)) { even[q] = z; });
    butterfly<4, D>(
        [&](int t) __attribute__((always_inline)) { return load(2 * t + 1); }, [&](int q, Z z) __attribute__((
                                                                                   always_inline)) { odd[q] = z; });
    const V h = splat<V>(static_cast<T>(0.70710678118654752440));
    const auto both = [&](int q, Z z) __attribute__((always_inline)) {
      store(q, even[q] + z);
      store(q + 4, even[q] - z);
    };
    const Z a = quarter_turn<D>(odd[1]), b = quarter_turn<D>(odd[3]);
    both(0, odd[0]);
    both(1, {(odd[1].re + a.re) * h, (odd[1].im + a.im) * h});
    both(2, quarter_turn<D>(odd[2]));
    both(3, {(b.re - odd[3].re) * h, (b.im - odd[3].im) * h});
  } else {
    static_assert(R % 2 == 1);
    constexpr int half = R / 2;
    Z sums[half + 1], differences[half + 1];
    const Z first = load(0);
    Z total = first;
#pragma GCC unroll 8
    for (int t = 1; t <= half; t++) {
      const Z x = load(t), y = load(R - t);
      sums[t] = x + y;
      differences[t] = quarter_turn<D>(x - y);
      total = total + sums[t];
    }
    store(0, total);
    const auto pair = [&](int q, int t, Z& a, Z& b) __attribute__((always_inline)) {
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
        Z a = first, b = {V{}, V{}};
#pragma GCC unroll 8
        for (int t = 1; t <= half; t++) pair(q, t, a, b);
        store(q, a + b);
        store(R - q, a - b);
      }
    } else {
#pragma GCC unroll 1
      for (int q = 1; q <= half; q++) {
        Z a = first, b = {V{}, V{}};
#pragma GCC unroll 1
        for (int t = 1; t <= half; t++) pair(q, t, a, b);
        store(q, a + b);
        store(R - q, a - b);
      }
    }
  }
}

// In place.
template <int R, Direction D, class V>
inline void butterfly(Complex<V> (&x)[R]) {
  butterfly<R, D>(
      [&](int t) __attribute__((always_inline)) { return x[t]; }, [&](int q, Complex<V> z)
                                                                      __attribute__((always_inline)) { x[q] = z; });
}

}  // namespace rephase
