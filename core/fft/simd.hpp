// The portable vector type: 16 bytes, for WASM SIMD128, SSE and NEON, through the compiler's vector extensions. Each
// lane carries another line, so that lines of every length profit and no butterfly knows of lanes. Only transposes and
// interleaved loads do.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace rephase {

using float4 = float __attribute__((vector_size(16)));
using double2 = double __attribute__((vector_size(16)));
using int4 = int32_t __attribute__((vector_size(16)));
using long2 = int64_t __attribute__((vector_size(16)));

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using type = float4;
};
template <>
struct VectorOf<double> {
  using type = double2;
};
template <class T>
using Vector = typename VectorOf<T>::type;

// The number type, the type of comparisons, and the number of lanes of a vector.
template <class V>
struct Lanes;
template <>
struct Lanes<float4> {
  using Number = float;
  using Mask = int4;
  static constexpr int count = 4;
};
template <>
struct Lanes<double2> {
  using Number = double;
  using Mask = long2;
  static constexpr int count = 2;
};
template <class V>
using Number = typename Lanes<V>::Number;
template <class V>
using Mask = typename Lanes<V>::Mask;
template <class V>
inline constexpr int lanes = Lanes<V>::count;

template <class V>
inline V splat(Number<V> x) {
  if constexpr (lanes<V> == 4)
    return V{x, x, x, x};
  else
    return V{x, x};
}

// Unaligned vector access, as rows of the caller's arrays need it.
template <class V>
inline V load(const Number<V>* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof(V));
  return v;
}
template <class V>
inline void store(Number<V>* p, V v) {
  __builtin_memcpy(p, &v, sizeof(V));
}

// a where the mask is set (all ones), b where it is clear.
template <class V>
inline V select(Mask<V> mask, V a, V b) {
  return (V)((mask & (Mask<V>)a) | (~mask & (Mask<V>)b));
}

// All ones in the lanes whose bit is clear.
template <class V>
inline Mask<V> outside(uint32_t bits) {
  if constexpr (lanes<V> == 4) {
    const int32_t b = static_cast<int32_t>(bits);
    return (int4{b, b, b, b} & int4{1, 2, 4, 8}) == int4{};
  } else {
    const int64_t b = bits;
    return (long2{b, b} & long2{1, 2}) == long2{};
  }
}

// Whether a mask is clear in all lanes.
template <class M>
inline bool none(M mask) {
#if defined(__wasm_simd128__)
  return !__builtin_wasm_any_true_v128((signed char __attribute__((vector_size(16))))mask);
#else
  for (int i = 0; i < static_cast<int>(sizeof(M) / sizeof(mask[0])); i++)
    if (mask[i]) return false;
  return true;
#endif
}

inline float4 square_root(float4 v) {
#if defined(__wasm_simd128__)
  return (float4)__builtin_wasm_sqrt_f32x4(v);
#else
  return float4{std::sqrt(v[0]), std::sqrt(v[1]), std::sqrt(v[2]), std::sqrt(v[3])};
#endif
}
inline double2 square_root(double2 v) {
#if defined(__wasm_simd128__)
  return (double2)__builtin_wasm_sqrt_f64x2(v);
#else
  return double2{std::sqrt(v[0]), std::sqrt(v[1])};
#endif
}

inline float4 absolute(float4 v) {
  return (float4)((int4)v & 0x7fffffff);
}
inline double2 absolute(double2 v) {
  return (double2)((long2)v & 0x7fffffffffffffff);
}

template <class V>
inline double sum_of_lanes(V v) {
  double sum = 0;
  for (int i = 0; i < lanes<V>; i++) sum += v[i];
  return sum;
}

// In place: lane j of v[i] becomes lane i of v[j].
inline void transpose(float4 (&v)[4]) {
  const float4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  const float4 c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}
inline void transpose(double2 (&v)[2]) {
  const double2 a = v[0];
  v[0] = __builtin_shufflevector(a, v[1], 0, 2);
  v[1] = __builtin_shufflevector(a, v[1], 1, 3);
}

// Interleaved re, im, re, im, … to one vector of each, and back.
inline void deinterleave(float4& a, float4& b) {
  const float4 x = a;
  a = __builtin_shufflevector(x, b, 0, 2, 4, 6);
  b = __builtin_shufflevector(x, b, 1, 3, 5, 7);
}
inline void interleave(float4& a, float4& b) {
  const float4 x = a;
  a = __builtin_shufflevector(x, b, 0, 4, 1, 5);
  b = __builtin_shufflevector(x, b, 2, 6, 3, 7);
}
inline void deinterleave(double2& a, double2& b) {
  const double2 x = a;
  a = __builtin_shufflevector(x, b, 0, 2);
  b = __builtin_shufflevector(x, b, 1, 3);
}
inline void interleave(double2& a, double2& b) {
  deinterleave(a, b);
}

// One complex number per lane, or a single one.
template <class V>
struct Complex {
  V re, im;
};

template <class V>
inline Complex<V> operator+(Complex<V> a, Complex<V> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class V>
inline Complex<V> operator-(Complex<V> a, Complex<V> b) {
  return {a.re - b.re, a.im - b.im};
}
template <class V>
inline Complex<V> operator*(Complex<V> a, Complex<V> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <class V>
inline Complex<V> operator*(Complex<V> a, V b) {
  return {a.re * b, a.im * b};
}
template <class V>
inline Complex<V> conjugate(Complex<V> a) {
  return {a.re, -a.im};
}
template <class V>
inline Complex<V> select(Complex<Mask<V>> mask, Complex<V> a, Complex<V> b) {
  return {select<V>(mask.re, a.re, b.re), select<V>(mask.im, a.im, b.im)};
}
template <class V>
inline Complex<V> swapped(Complex<V> a) {
  return {a.im, a.re};
}

}  // namespace rephase
