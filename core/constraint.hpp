// The Fourier constraint: how a measured magnitude is stored, and what imposing it does to one frequency.
//
// Magnitudes are symmetrised once, M_s(k) = (M(k) + M(-k)) / 2, since the spectrum of a real image has |C(k)| =
// |C(-k)|; a frequency measured at k or -k only takes the side that was measured. One number a frequency says all of
// it: its sign bit is set where only one of k and -k was measured, and it is infinite where neither was.
#pragma once
#include <limits>

#include "fft/simd.hpp"
#include "power.hpp"

namespace rephase {

template <class T>
inline T encode_magnitude(bool measured, bool mirror_measured, T magnitude, T mirror) {
  if (measured && mirror_measured) return (magnitude + mirror) / 2;
  if (measured) return -magnitude;
  if (mirror_measured) return -mirror;
  return std::numeric_limits<T>::infinity();
}

// C becomes M·exp(i·arg C) with arg 0 = 0, lane by lane; the squares (|C| - M)² add up in `residual`, weighted by
// 1 where both of k and -k were measured, by 1/2 where one was and by 0 where none was.
template <class V, bool Masked>
struct Impose {
  const V* magnitudes;
  V residual = V{};

  Complex<V> operator()(size_t i, Complex<V> c) {
    using T = Number<V>;
    const V coded = magnitudes[i], size = square_root(c.re * c.re + c.im * c.im);
    V m = coded, d;
    if constexpr (Masked) {
      const V magnitude = absolute(coded);
      // What was not measured stays as large as it is.
      m = select<V>(magnitude == splat<V>(std::numeric_limits<T>::infinity()), size, magnitude);
      d = size - m;
      const Mask<V> one_sided = ((Mask<V>)coded ^ (Mask<V>)magnitude) != Mask<V>{};
      d = d * select<V>(one_sided, d * splat<V>(T(0.5)), d);
    } else {
      d = size - m;
      d = d * d;
    }
    const Mask<V> zero = size == V{};
    const V gain = m / select<V>(zero, splat<V>(T(1)), size);
    residual += d;
    return {select<V>(zero, m, c.re * gain), c.im * gain};
  }
};

// What becomes of a frequency, as `FourierRule` in src/rules.ts says, in the unit of the magnitudes.
struct FourierRule {
  double tolerance = 0, limit = std::numeric_limits<double>::infinity();
  bool likelihood = false;
  double unmeasured = 1;  // what was not measured becomes so many times as large
  // Of weights; 0: there are none.
  double exponent = 0;
  bool keeps_phases = false;

  bool imposes_magnitudes() const {
    return tolerance == 0 && limit == std::numeric_limits<double>::infinity() && !likelihood && unmeasured == 1 &&
           !has_weights();
  }
  bool has_weights() const { return exponent > 0; }
};

// The same as `Impose` for any rule without weights.
template <class V>
struct ImposeRule {
  const V* magnitudes;
  V tolerance, limit, unmeasured_gain;
  bool likelihood;
  V residual = V{};

  // `scale`: how many times as large as the rule's are the magnitudes here.
  ImposeRule(const FourierRule& rule, double scale)
      : magnitudes(nullptr),
        tolerance(splat<V>(static_cast<Number<V>>(rule.tolerance * scale))),
        limit(splat<V>(static_cast<Number<V>>(rule.limit * scale))),
        unmeasured_gain(splat<V>(static_cast<Number<V>>(rule.unmeasured))),
        likelihood(rule.likelihood) {}

  Complex<V> operator()(size_t i, Complex<V> c) {
    using T = Number<V>;
    const V coded = magnitudes[i], m = absolute(coded), size = square_root(c.re * c.re + c.im * c.im);
    const Mask<V> zero = size == V{}, unmeasured = m == splat<V>(std::numeric_limits<T>::infinity());
    const Mask<V> one_sided = ((Mask<V>)coded ^ (Mask<V>)m) != Mask<V>{};
    const V divisor = select<V>(zero, splat<V>(T(1)), size);
    V wanted;
    if (likelihood) {
      wanted = (size + select<V>(zero, m + m, least(m * m / divisor, m + m))) * splat<V>(T(0.5));
    } else {
      const V raised = select<V>(size < m - tolerance, m - tolerance, size);
      wanted = least(raised, m + tolerance);
    }
    wanted = select<V>(unmeasured, least(size * unmeasured_gain, limit), wanted);
    const V gain = wanted / divisor, d = size - m;
    residual += select<V>(unmeasured, V{}, select<V>(one_sided, d * d * splat<V>(T(0.5)), d * d));
    return {select<V>(zero, wanted, c.re * gain), c.im * gain};
  }

 private:
  static V least(V a, V b) { return select<V>(b < a, b, a); }
};

// The same for a rule with weights: what is imposed is what was imposed last, `gain` times (M / |C|)^exponent as large.
template <class V>
struct ImposeWeighted {
  const V* magnitudes;
  Complex<V>* imposed;
  V gain, unmeasured_gain;
  double exponent;
  bool keeps_phases;
  V residual = V{}, imposed_power = V{};

  ImposeWeighted(const FourierRule& rule, double gain, const V* magnitudes, Complex<V>* imposed)
      : magnitudes(magnitudes),
        imposed(imposed),
        gain(splat<V>(static_cast<Number<V>>(gain))),
        unmeasured_gain(splat<V>(static_cast<Number<V>>(rule.unmeasured))),
        exponent(rule.exponent),
        keeps_phases(rule.keeps_phases) {}

  Complex<V> operator()(size_t i, Complex<V> c) {
    using T = Number<V>;
    const V m = magnitudes[i], square = c.re * c.re + c.im * c.im;
    // Most of the far field of spots.
    if (none(m > V{})) {
      residual += square;
      return {V{}, V{}};
    }
    const V size = square_root(square);
    const Mask<V> zero = size == V{}, unmeasured = m == splat<V>(std::numeric_limits<T>::infinity());
    const V divisor = select<V>(zero, splat<V>(T(1)), size), d = size - m;
    residual += select<V>(unmeasured, V{}, d * d);
    V factor = m / divisor;
    if (exponent != 1) factor = power(factor, static_cast<T>(exponent));
    factor = gain * select<V>(zero, splat<V>(T(1)), factor);
    const Complex<V> last = imposed[i];
    Complex<V> next = last * factor;
    if (!keeps_phases) {
      const V length = square_root(last.re * last.re + last.im * last.im) * factor, scaled = length / divisor;
      next = {select<V>(zero, length, c.re * scaled), c.im * scaled};
    }
    next = {select<V>(unmeasured, V{}, next.re), select<V>(unmeasured, V{}, next.im)};
    imposed[i] = next;
    imposed_power += next.re * next.re + next.im * next.im;
    return {select<V>(unmeasured, c.re * unmeasured_gain, next.re),
            select<V>(unmeasured, c.im * unmeasured_gain, next.im)};
  }
};

}  // namespace rephase
