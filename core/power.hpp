// x to the power p in all lanes, for finite x ≥ 0 and 0 < p ≤ 1. Other numbers than that may become any finite number.
#pragma once
#include "fft/simd.hpp"

namespace rephase {

// 2^(p·log2 x) with x = m·2^e and √½ ≤ m < √2. With s = (m − 1)/(m + 1), log2 m is 2/ln 2·(s + s³/3 + s⁵/5 + …), and
// 2^f is 1 + f·ln 2 + (f·ln 2)²/2! + … for |f| ≤ ½: as many terms of both as the precision needs. The C library's
// function takes several times as long in floats, and tables for doubles. Of 0 it makes about 2^(−127p) or 2^(−1023p).
template <class V>
inline V power(V x, Number<V> p) {
  using T = Number<V>;
  constexpr bool kDouble = sizeof(T) == sizeof(double);
  constexpr int kLogTerms = kDouble ? 11 : 5, kTerms = kDouble ? 15 : 8, kFraction = kDouble ? 52 : 23;
  constexpr T kLargest = kDouble ? 1022 : 126, kLn2 = T(0.693147180559945309);
  constexpr auto kRootHalf = kDouble ? 0x3fe6a09e667f3bcd : 0x3f3504f3;
  // Adding it rounds to an integer, which is left in the low bits.
  constexpr T kRounder = kDouble ? T(0x1.8p52) : T(0x1.8p23);

  const Mask<V> bits = (Mask<V>)x, e = (bits - static_cast<decltype(bits[0] + 0)>(kRootHalf)) >> kFraction;
  const V m = (V)(bits - (e << kFraction)), s = (m - T(1)) / (m + T(1)), t = s * s;
  V series = splat<V>(T(1) / (2 * kLogTerms - 1));
  for (int k = kLogTerms - 2; k >= 0; k--) series = series * t + T(1) / T(2 * k + 1);
  V y = (__builtin_convertvector(e, V) + series * s * (2 / kLn2)) * p;
  y = select<V>(y < -kLargest, splat<V>(-kLargest), select<V>(y > kLargest, splat<V>(kLargest), y));
  const V rounded = y + kRounder, f = (y - (rounded - kRounder)) * kLn2;
  V result = splat<V>(1);
  for (int k = kTerms - 1; k > 0; k--) result = result * f * (T(1) / T(k)) + T(1);
  return (V)((Mask<V>)result + ((Mask<V>)rounded << kFraction));
}

}  // namespace rephase
