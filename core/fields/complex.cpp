#include "fields/complex.hpp"

#include <cmath>

namespace rephase {

// ---- the pattern and its spectra ----

template <class T>
void ComplexField<T>::set_magnitudes(const T* magnitudes, const uint8_t* mask, double scale) {
  scale_ = scale;
  masked_ = mask != nullptr;
  energy_ = 0;
  for (size_t r = 0; r < rows_; r++) {
    for (size_t c = 0; c < columns_; c++) {
      const size_t i = r * columns_ + c;
      const bool measured = !mask || mask[i];
      const T magnitude = measured ? magnitudes[i] * static_cast<T>(scale) : std::numeric_limits<T>::infinity();
      magnitudes_[row_plan_.order()[c] / L * rows_ + column_plan_.order()[r]][lane(c)] = magnitude;
      if (measured) energy_ += static_cast<double>(magnitude) * magnitude;
    }
  }
}

template <class T>
bool ComplexField<T>::set_object_magnitudes(const T* magnitudes) {
  if (!object_magnitudes_.allocate(Base::image_size())) return false;
  const T scale = static_cast<T>(scale_);
  each_pixel(0, rows_, [&](size_t i, size_t lane) { object_magnitudes_[i][lane] = *magnitudes++ * scale; });
  return true;
}

template <class T>
void ComplexField<T>::seed(Complex<V>* spectrum, const T* magnitudes, const uint8_t* mask, UniformStart uniform) const {
  for (size_t r = 0; r < rows_; r++) {
    for (size_t c = 0; c < columns_; c++) {
      const size_t i = r * columns_ + c;
      const bool measured = !mask || mask[i];
      const double m = measured ? magnitudes[i] * scale_ : 0;
      // The far field of a hologram is dark nearly everywhere.
      const double angle = m > 0 ? 6.283185307179586477 * uniform(i) : 0;
      Complex<V>& z = spectrum[at(r, c)];
      z.re[lane(c)] = static_cast<T>(m > 0 ? m * std::cos(angle) : 0);
      z.im[lane(c)] = static_cast<T>(m > 0 ? m * std::sin(angle) : 0);
    }
  }
}

template <class T>
void ComplexField<T>::read_spectrum(const Complex<V>* spectrum, size_t row, size_t rows, T* out) const {
  const T scale = static_cast<T>(1 / scale_);
  for (size_t r = row; r < row + rows; r++) {
    for (size_t c = 0; c < columns_; c++) {
      const Complex<V>& z = spectrum[at(r, c)];
      *out++ = z.re[lane(c)] * scale;
      *out++ = z.im[lane(c)] * scale;
    }
  }
}

template <class T>
void ComplexField<T>::write_stored(Complex<V>* spectrum, size_t row, size_t rows, const T* in) const {
  const T scale = static_cast<T>(scale_);
  for (size_t r = row; r < row + rows; r++) {
    for (size_t c = 0; c < columns_; c++) {
      Complex<V>& z = spectrum[at(r, c)];
      z.re[lane(c)] = *in++ * scale;
      z.im[lane(c)] = *in++ * scale;
    }
  }
}

// ---- columns ----

template <class T>
template <class Op>
double ComplexField<T>::constrain(Complex<V>* spectrum, bool imposes, const Op& prototype) const {
  double sum = 0;
  for (size_t b = 0; b < blocks_; b++) {
    Complex<V>* x = spectrum + b * stride_;
    Op op = Base::on(prototype, &magnitudes_[b * rows_]);
    for (size_t r = 0; r < rows_; r++) {
      const Complex<V> z = op(r, x[r]);
      if (imposes) x[r] = z;
    }
    sum += sum_of_lanes(op.residual);
  }
  return sum;
}

template <class T>
double ComplexField<T>::constrain(Complex<V>* spectrum, bool imposes, const FourierRule& rule) const {
  return Base::with_operation(rule, kStored, [&](auto op) { return constrain(spectrum, imposes, op); });
}

template <class T>
template <class Op>
double ComplexField<T>::pass_columns(Complex<V>* spectrum, Complex<V>* scratch, const Op& prototype) const {
  double sum = 0;
  for (size_t b = 0; b < blocks_; b++) {
    Op op = Base::on(prototype, &magnitudes_[b * rows_]);
    column_plan_.through_frequency(spectrum + b * stride_, scratch, op);
    sum += sum_of_lanes(op.residual);
  }
  return sum;
}

template <class T>
double ComplexField<T>::pass_columns(Complex<V>* spectrum, Complex<V>* scratch, const FourierRule& rule) const {
  return Base::with_operation(rule, kStored, [&](auto op) { return pass_columns(spectrum, scratch, op); });
}

// ---- weights ----

template <class T>
void ComplexField<T>::begin_weights(Weights weights) const {
  for (size_t i = 0; i < weights_size(); i++) {
    const V m = magnitudes_[i];
    weights.imposed[i] = {select<V>(m == splat<V>(std::numeric_limits<T>::infinity()), V{}, m), V{}};
  }
  weights.gain = 1;
}

// Inside the butterflies, the operation would take ten times as much code.
template <class T>
double ComplexField<T>::weigh(Complex<V>* spectrum, Complex<V>* scratch, bool transforms, const FourierRule& rule,
                              Weights weights) const {
  double sum = 0, power = 0;
  for (size_t b = 0; b < blocks_; b++) {
    Complex<V>* x = spectrum + b * stride_;
    ImposeWeighted<V> op(rule, weights.gain, &magnitudes_[b * rows_], weights.imposed + b * rows_);
    if (transforms) column_plan_.forward(x, scratch);
    for (size_t r = 0; r < rows_; r++) x[r] = op(r, x[r]);
    if (transforms) column_plan_.inverse(x, scratch);
    sum += sum_of_lanes(op.residual);
    power += sum_of_lanes(op.imposed_power);
  }
  weights.gain = power > 0 && std::isfinite(power) ? std::sqrt(energy_ / power) : 1;
  return sum;
}

template <class T>
double ComplexField<T>::constrain(Complex<V>* spectrum, const FourierRule& rule, Weights weights) const {
  const double sum = weigh(spectrum, nullptr, false, rule, weights);
  const V gain = splat<V>(static_cast<T>(weights.gain));
  for (size_t b = 0; b < blocks_; b++) {
    for (size_t r = 0; r < rows_; r++) {
      const size_t i = b * rows_ + r;
      const Mask<V> unmeasured = magnitudes_[i] == splat<V>(std::numeric_limits<T>::infinity());
      weights.imposed[i] = weights.imposed[i] * gain;
      Complex<V>& z = spectrum[b * stride_ + r];
      z = select<V>({unmeasured, unmeasured}, z, weights.imposed[i]);
    }
  }
  weights.gain = 1;
  return sum;
}

// The gain is known when all columns have been through, and is made up for in the next iteration: the object, whose
// sizes are known, does not depend on it, unless some frequencies have no weights.
template <class T>
double ComplexField<T>::pass_columns(Complex<V>* spectrum, Complex<V>* scratch, const FourierRule& rule,
                                     Weights weights) const {
  if (!masked_) return weigh(spectrum, scratch, true, rule, weights);
  Base::forward_columns(spectrum, scratch);
  const double sum = constrain(spectrum, rule, weights);
  Base::inverse_columns(spectrum, scratch);
  return sum;
}

// ---- rows ----

template <class T>
void ComplexField<T>::load_rows(const Complex<V>* spectrum, size_t group, Complex<V>* line) const {
  gather_lines(spectrum + group * L, blocks_, stride_, line);
}

template <class T>
void ComplexField<T>::store_rows(Complex<V>* spectrum, size_t group, const Complex<V>* line) const {
  scatter_lines(spectrum + group * L, blocks_, stride_, line);
}

// ---- pixels ----

template <class T>
void ComplexField<T>::write_image(Complex<V>* image, size_t row, size_t rows, const T* in) const {
  const T scale = static_cast<T>(scale_);
  each_pixel(row, rows, [&](size_t i, size_t lane) {
    image[i].re[lane] = *in++ * scale;
    image[i].im[lane] = *in++ * scale;
  });
}

template <class T>
void ComplexField<T>::read_image(const Complex<V>* image, size_t row, size_t rows, T* out) const {
  const T scale = static_cast<T>(1 / scale_);
  each_pixel(row, rows, [&](size_t i, size_t lane) {
    *out++ = image[i].re[lane] * scale;
    *out++ = image[i].im[lane] * scale;
  });
}

template <class T>
void ComplexField<T>::read_brightness(const Complex<V>* image, T* out) const {
  const T scale = static_cast<T>(1 / scale_);
  each_pixel(0, rows_, [&](size_t i, size_t lane) { *out++ = size_of(image[i])[lane] * scale; });
}

template <class T>
size_t ComplexField<T>::count_above(const Complex<V>* line, size_t group, const uint8_t* support, T threshold) const {
  const uint32_t existing = (1u << std::min(L, rows_ - group * L)) - 1;
  const V t = splat<V>(threshold);
  Mask<V> minus_count = {};
  for (size_t c = 0; c < columns_; c++)
    minus_count += (size_of(line[c]) > t) & ~outside<V>(support ? support[c] & existing : existing);
  size_t count = 0;
  for (size_t i = 0; i < L; i++) count += static_cast<size_t>(-minus_count[i]);
  return count;
}

template <class T>
typename ComplexField<T>::Constraint ComplexField<T>::constraint(const Rule& rule, size_t group) const {
  const auto in_lanes = [](double number) { return splat<V>(static_cast<T>(number)); };
  const auto on_circle = [&](double angle) -> Complex<V> {
    return {in_lanes(std::cos(angle)), in_lanes(std::sin(angle))};
  };
  const V* const sizes = rule.in_two_planes ? object_magnitudes(group) : nullptr;
  const auto& [centre, half_width] = rule.phases;
  return {in_lanes(rule.low),     in_lanes(rule.high), rule.support_size > 0, sizes,
          !rule.phases.are_any(), on_circle(centre),   on_circle(half_width)};
}

template class ComplexField<float>;
template class ComplexField<double>;

}  // namespace rephase
