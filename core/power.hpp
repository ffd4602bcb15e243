// x to the power p in all lanes, for finite x ≥ 0 and 0 < p ≤ 1; of other x the result may be any finite number.
#pragma once
#include "fft/simd.hpp"

namespace rephase {

// 2^(p·log2 x) to about 1e-6, several times as fast as the C library: x = m·2^e with √½ ≤ m < √2, log2 m by the series in
// s = (m − 1)/(m + 1), and 2^f for |f| ≤ ½ by a polynomial, both with the coefficients of a least-squares fit. That of 0 is
// 2^(−127p) or so, which stands for 0.
inline float4 power(float4 x, float p) {
  const int4 bits = (int4)x, e = (bits - 0x3f3504f3) >> 23;
  const float4 m = (float4)(bits - (e << 23)), s = (m - 1.0f) / (m + 1.0f), t = s * s;
  const float4 log2_m = s * (2.88539008f + t * (0.9617984f + t * (0.57676343f + t * 0.43044973f)));
  float4 y = (__builtin_convertvector(e, float4) + log2_m) * p;
  y = select<float4>(y < -126.0f, splat<float4>(-126), select<float4>(y > 126.0f, splat<float4>(126), y));
  // Adding it rounds to an integer, which is left in the low bits.
  constexpr float kRounder = 0x1.8p23f;
  const float4 rounded = y + kRounder, f = y - (rounded - kRounder);
  const int4 n = (int4)rounded << 23;
  const float4 fraction =
      1.0f + f * (0.693147199f + f * (0.240226474f + f * (0.0555034228f +
                  f * (0.00961849101f + f * (0.00133947018f + f * 0.00015332507f)))));
  return (float4)((int4)fraction + n);
}

inline double2 power(double2 x, double p) {
  return double2{std::pow(x[0], p), std::pow(x[1], p)};
}

}  // namespace rephase
