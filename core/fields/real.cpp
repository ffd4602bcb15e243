#include "fields/real.hpp"

#include <algorithm>
#include <cmath>

namespace rephase {

template <class T>
RealField<T>::RealField(size_t rows, size_t columns) : Base(rows, columns, (columns + 1) / 2, kGroupRows) {
  valid_ = valid_ && nyquist_magnitudes_.allocate(rows) && full_rows_.allocate(2 * columns);
}

template <class T>
size_t RealField<T>::bytes() const {
  return Base::bytes() + nyquist_magnitudes_.bytes() + full_rows_.bytes();
}

template <class T>
double RealField<T>::image_bytes(double rows, double columns) {
  return std::ceil(rows / kGroupRows) * kGroupRows * columns * sizeof(T);
}

template <class T>
double RealField<T>::spectrum_bytes(double rows, double columns) {
  return Base::spectrum_bytes(rows, std::floor((columns + 1) / 2), kGroupRows);
}

template <class T>
double RealField<T>::bytes_needed(double rows, double columns) {
  return Base::bytes_needed(rows, columns, std::floor((columns + 1) / 2)) + columns * 2 * sizeof(Complex<double>);
}

// ---- the pattern and its spectra ----

template <class T>
void RealField<T>::set_magnitudes(const T* magnitudes, const uint8_t* mask, double scale) {
  scale_ = scale;
  masked_ = mask != nullptr;
  const T doubled = static_cast<T>(kStored * scale);
  const auto coded = [&](size_t r, size_t c) {
    const size_t i = r * columns_ + c, mirror = mirror_row(r) * columns_ + mirror_column(c);
    const bool measured = !mask || mask[i], mirror_measured = !mask || mask[mirror];
    return encode_magnitude<T>(measured, mirror_measured, measured ? magnitudes[i] * doubled : T(0),
                               mirror_measured ? magnitudes[mirror] * doubled : T(0));
  };
  for (size_t r = 0; r < rows_; r++) {
    const size_t stored_row = column_plan_.order()[r];
    for (size_t c = 0; c < stored_columns_; c++)
      reinterpret_cast<T*>(&magnitudes_[c / L * rows_ + stored_row])[c % L] = coded(r, c);
    if (nyquist_packed()) nyquist_magnitudes_[r] = coded(r, columns_ / 2);
  }
}

// Writes the Hermitian part (A(k) + conj A(-k)) / 2 of a full spectrum A. `row(r, buffer)` returns row r of it, which
// it may build in `buffer`. Under a mask, a frequency measured on one side takes that side, one measured on neither is
// 0.
template <class T>
template <class Row>
void RealField<T>::write_hermitian_part(Complex<V>* spectrum, const uint8_t* mask, Row&& row) {
  for (size_t r = 0; r <= rows_ / 2; r++) {
    const size_t sides[2] = {r, mirror_row(r)};
    const Complex<double>* const full[2] = {row(sides[0], &full_rows_[0]), row(sides[1], &full_rows_[columns_])};
    for (int side = 0; side < 2; side++) {
      const size_t own = sides[side], opposite = sides[1 - side];
      const auto doubled = [&](size_t c) -> Complex<double> {
        const size_t m = mirror_column(c);
        const Complex<double> a = full[side][c], mirror = conjugate(full[1 - side][m]);
        const bool measured = !mask || mask[own * columns_ + c], mirrored = !mask || mask[opposite * columns_ + m];
        if (measured && mirrored) return a + mirror;
        if (measured) return a + a;
        if (mirrored) return mirror + mirror;
        return {0, 0};
      };
      const size_t stored_row = column_plan_.order()[own];
      for (size_t c = 0; c < stored_columns_; c++) {
        Complex<double> z = doubled(c);
        if (c == 0 && nyquist_packed()) {
          const Complex<double> nyquist = doubled(columns_ / 2);
          z = {z.re - nyquist.im, z.im + nyquist.re};
        }
        Complex<V>& stored = spectrum[c / L * stride_ + stored_row];
        stored.re[c % L] = static_cast<T>(z.re);
        stored.im[c % L] = static_cast<T>(z.im);
      }
    }
  }
}

template <class T>
void RealField<T>::seed(Complex<V>* spectrum, const T* magnitudes, const uint8_t* mask, UniformStart uniform) {
  write_hermitian_part(spectrum, mask, [&](size_t r, Complex<double>* buffer) {
    for (size_t c = 0; c < columns_; c++) {
      const size_t i = r * columns_ + c;
      if (mask && !mask[i]) continue;  // not used
      const double m = magnitudes[i] * scale_, angle = 6.283185307179586477 * uniform(i);
      buffer[c] = {m * std::cos(angle), m * std::sin(angle)};
    }
    return buffer;
  });
}

template <class T>
void RealField<T>::write_spectrum(Complex<V>* spectrum, const T* in) {
  write_hermitian_part(spectrum, nullptr, [&](size_t r, Complex<double>* buffer) {
    const T* full = in + 2 * r * columns_;
    for (size_t c = 0; c < columns_; c++) buffer[c] = {full[2 * c] * scale_, full[2 * c + 1] * scale_};
    return buffer;
  });
}

// A frequency of the stored half, c ≤ columns/2, at its true size.
template <class T>
Complex<double> RealField<T>::frequency(const Complex<V>* spectrum, size_t r, size_t c) const {
  const bool nyquist = nyquist_packed() && c == columns_ / 2;
  const auto stored = [&](size_t row) -> Complex<double> {
    const Complex<V> z = spectrum[(nyquist ? 0 : c / L * stride_) + column_plan_.order()[row]];
    const size_t i = nyquist ? 0 : c % L;
    return {z.re[i] * 0.5 / scale_, z.im[i] * 0.5 / scale_};
  };
  const Complex<double> a = stored(r);
  if (!nyquist_packed() || (c != 0 && !nyquist)) return a;
  const Complex<double> b = stored(mirror_row(r));
  if (nyquist) return {(a.im + b.im) / 2, (b.re - a.re) / 2};
  return {(a.re + b.re) / 2, (a.im - b.im) / 2};
}

template <class T>
void RealField<T>::read_spectrum(const Complex<V>* spectrum, size_t row, size_t rows, T* out) const {
  for (size_t r = row; r < row + rows; r++)
    for (size_t c = 0; c < columns_; c++) {
      const Complex<double> z =
          c <= columns_ / 2 ? frequency(spectrum, r, c) : conjugate(frequency(spectrum, mirror_row(r), columns_ - c));
      *out++ = static_cast<T>(z.re);
      *out++ = static_cast<T>(z.im);
    }
}

template <class T>
void RealField<T>::read_stored(const Complex<V>* spectrum, size_t row, size_t rows, T* out) const {
  const T scale = static_cast<T>(1 / kStored / scale_);
  for (size_t r = row; r < row + rows; r++)
    for (size_t c = 0; c < stored_columns_; c++) {
      const Complex<V> z = spectrum[c / L * stride_ + column_plan_.order()[r]];
      *out++ = z.re[c % L] * scale;
      *out++ = z.im[c % L] * scale;
    }
}

template <class T>
void RealField<T>::write_stored(Complex<V>* spectrum, size_t row, size_t rows, const T* in) const {
  const T scale = static_cast<T>(kStored * scale_);
  for (size_t r = row; r < row + rows; r++)
    for (size_t c = 0; c < stored_columns_; c++) {
      Complex<V>& z = spectrum[c / L * stride_ + column_plan_.order()[r]];
      z.re[c % L] = *in++ * scale;
      z.im[c % L] = *in++ * scale;
    }
}

// ---- columns ----

// The part of the residual that a block adds. All columns but the zero frequency's stand for their mirror image too.
template <class T>
double RealField<T>::weighted(size_t b, V residual) const {
  if (b == 0) residual[0] = nyquist_packed() ? T(0) : residual[0] / 2;
  return 2 * sum_of_lanes(residual);
}

// The Fourier constraint on the two real columns that share the first lane of the first block. Their spectra are the
// Hermitian and the anti-Hermitian part of what the lane holds.
template <class T>
template <class Op>
double RealField<T>::constrain_packed(Complex<V>* x, bool imposes, const Op& op) const {
  double residual = 0;
  for (size_t k = 0; k <= rows_ / 2; k++) {
    const size_t mirror = mirror_row(k);
    Complex<V>&own = x[column_plan_.order()[k]], &opposite = x[column_plan_.order()[mirror]];
    const T ar = own.re[0], ai = own.im[0], br = opposite.re[0], bi = opposite.im[0], half = T(0.5);
    // Lane 0 is the zero frequency, lane 1 the Nyquist frequency.
    Complex<V> c = {V{}, V{}};
    c.re[0] = (ar + br) * half;
    c.im[0] = (ai - bi) * half;
    c.re[1] = (ai + bi) * half;
    c.im[1] = (br - ar) * half;
    V m = V{};
    m[0] = magnitudes_[column_plan_.order()[k]][0];
    m[1] = nyquist_magnitudes_[k];
    Op impose = Base::on(op, &m);
    c = impose(0, c);
    residual += (k == mirror ? 1 : 2) * sum_of_lanes(impose.residual);
    if (!imposes) continue;
    own.re[0] = c.re[0] - c.im[1];
    own.im[0] = c.im[0] + c.re[1];
    opposite.re[0] = c.re[0] + c.im[1];
    opposite.im[0] = c.re[1] - c.im[0];
  }
  return residual;
}

// The Fourier constraint on a spectrum, or only its residual. The loop over a block stands here and in the column pass:
// shared, it changes what the compiler inlines into the pass.
template <class T>
template <class Op>
double RealField<T>::constrain(Complex<V>* spectrum, bool imposes, const Op& prototype) const {
  double sum = 0;
  for (size_t b = 0; b < blocks_; b++) {
    Complex<V>* x = spectrum + b * stride_;
    Op op = Base::on(prototype, &magnitudes_[b * rows_]);
    const bool packed = b == 0 && nyquist_packed();
    for (size_t r = 0; r < rows_; r++) {
      Complex<V> z = op(r, x[r]);
      if (packed) z.re[0] = x[r].re[0], z.im[0] = x[r].im[0];
      if (imposes) x[r] = z;
    }
    if (packed) sum += constrain_packed(x, imposes, prototype);
    sum += weighted(b, op.residual);
  }
  return sum / (kStored * kStored);
}

template <class T>
double RealField<T>::constrain(Complex<V>* spectrum, bool imposes, const FourierRule& rule) const {
  return Base::with_operation(rule, kStored, [&](auto op) { return constrain(spectrum, imposes, op); });
}

template <class T>
template <class Op>
double RealField<T>::pass_columns(Complex<V>* spectrum, Complex<V>* scratch, const Op& prototype) const {
  double sum = 0;
  for (size_t b = 0; b < blocks_; b++) {
    Complex<V>* x = spectrum + b * stride_;
    Op op = Base::on(prototype, &magnitudes_[b * rows_]);
    if (b == 0 && nyquist_packed()) {
      column_plan_.forward(x, scratch);
      for (size_t r = 0; r < rows_; r++) {
        Complex<V> z = op(r, x[r]);
        z.re[0] = x[r].re[0], z.im[0] = x[r].im[0];
        x[r] = z;
      }
      sum += constrain_packed(x, true, prototype);
      column_plan_.inverse(x, scratch);
    } else {
      column_plan_.through_frequency(x, scratch, op);
    }
    sum += weighted(b, op.residual);
  }
  return sum / (kStored * kStored);
}

template <class T>
double RealField<T>::pass_columns(Complex<V>* spectrum, Complex<V>* scratch, const FourierRule& rule) const {
  return Base::with_operation(rule, kStored, [&](auto op) { return pass_columns(spectrum, scratch, op); });
}

// ---- rows ----

// Gathers a group of rows as lines of the complex transform that carries two real rows, in the order that its inverse
// expects: Z(k) = X(k) + i·Y(k) and Z(-k) = conj X(k) + i·conj Y(k).
template <class T>
void RealField<T>::load_rows(const Complex<V>* spectrum, size_t group, Complex<V>* line) const {
  const uint32_t* order = row_plan_.order();
  for (size_t b = 0; b < blocks_; b++) {
    const Complex<V>*x = spectrum + b * stride_ + group * kGroupRows, *y = x + L;
    V re[L], im[L], mirror_re[L], mirror_im[L];
    for (size_t i = 0; i < L; i++) {
      re[i] = x[i].re - y[i].im;
      im[i] = x[i].im + y[i].re;
      mirror_re[i] = x[i].re + y[i].im;
      mirror_im[i] = y[i].re - x[i].im;
    }
    transpose(re);
    transpose(im);
    transpose(mirror_re);
    transpose(mirror_im);
    const size_t end = std::min(L, stored_columns_ - b * L);
    for (size_t i = b == 0 ? 1 : 0; i < end; i++) {
      line[order[b * L + i]] = {re[i], im[i]};
      line[order[columns_ - b * L - i]] = {mirror_re[i], mirror_im[i]};
    }
    if (b > 0) continue;
    Complex<V> zero, nyquist;
    for (size_t i = 0; i < L; i++) {
      zero.re[i] = x[i].re[0];
      zero.im[i] = y[i].re[0];
      nyquist.re[i] = x[i].im[0];
      nyquist.im[i] = y[i].im[0];
    }
    line[order[0]] = zero;
    if (nyquist_packed()) line[order[columns_ / 2]] = nyquist;
  }
}

// The reverse of load_rows.
template <class T>
void RealField<T>::store_rows(Complex<V>* spectrum, size_t group, const Complex<V>* line) const {
  const uint32_t* order = row_plan_.order();
  const size_t rows = std::min(kGroupRows, rows_ - group * kGroupRows);
  for (size_t b = 0; b < blocks_; b++) {
    V xr[L] = {}, xi[L] = {}, yr[L] = {}, yi[L] = {};
    const size_t end = std::min(L, stored_columns_ - b * L);
    for (size_t i = b == 0 ? 1 : 0; i < end; i++) {
      const Complex<V> z = line[order[b * L + i]], mirror = line[order[columns_ - b * L - i]];
      xr[i] = z.re + mirror.re;
      xi[i] = z.im - mirror.im;
      yr[i] = z.im + mirror.im;
      yi[i] = mirror.re - z.re;
    }
    if (b == 0) {
      const Complex<V> zero = line[order[0]];
      xr[0] = zero.re + zero.re;
      yr[0] = zero.im + zero.im;
      if (nyquist_packed()) {
        const Complex<V> nyquist = line[order[columns_ / 2]];
        xi[0] = nyquist.re + nyquist.re;
        yi[0] = nyquist.im + nyquist.im;
      }
    }
    transpose(xr);
    transpose(xi);
    transpose(yr);
    transpose(yi);
    Complex<V>* x = spectrum + b * stride_ + group * kGroupRows;
    if (rows == kGroupRows) {
      for (size_t i = 0; i < L; i++) {
        x[i] = {xr[i], xi[i]};
        x[i + L] = {yr[i], yi[i]};
      }
    } else {  // rows beyond the last stay zero
      for (size_t i = 0; i < rows; i++) x[i] = i < L ? Complex<V>{xr[i], xi[i]} : Complex<V>{yr[i - L], yi[i - L]};
    }
  }
}

// ---- pixels ----

template <class T>
void RealField<T>::write_image(Complex<V>* image, size_t row, size_t rows, const T* in) const {
  const T scale = static_cast<T>(scale_);
  for (size_t r = row; r < row + rows; r++)
    for (size_t c = 0; c < columns_; c++) pixel(image, r, c) = *in++ * scale;
}

template <class T>
void RealField<T>::read_image(const Complex<V>* image, size_t row, size_t rows, T* out) const {
  const T scale = static_cast<T>(1 / scale_);
  for (size_t r = row; r < row + rows; r++)
    for (size_t c = 0; c < columns_; c++) *out++ = pixel(const_cast<Complex<V>*>(image), r, c) * scale;
}

// Rows beyond the last do not count: they hold what rounding makes of 0.
template <class T>
size_t RealField<T>::count_above(const Complex<V>* line, size_t group, const uint8_t* support, T threshold) const {
  const uint32_t existing = (1u << std::min(kGroupRows, rows_ - group * kGroupRows)) - 1;
  const V t = splat<V>(threshold);
  Mask<V> minus_count = {};
  if (!support && existing == (1u << kGroupRows) - 1) {
    for (size_t c = 0; c < columns_; c++) minus_count += (line[c].re > t) + (line[c].im > t);
  } else {
    for (size_t c = 0; c < columns_; c++) {
      const uint32_t inside = support ? support[c] & existing : existing;
      minus_count += (line[c].re > t) & ~outside<V>(inside);
      minus_count += (line[c].im > t) & ~outside<V>(inside >> L);
    }
  }
  size_t count = 0;
  for (size_t i = 0; i < L; i++) count += static_cast<size_t>(-minus_count[i]);
  return count;
}

template <class T>
void RealField<T>::clear_padding(Complex<V>* image) const {
  for (size_t r = rows_; r < groups_ * kGroupRows; r++)
    for (size_t c = 0; c < columns_; c++) pixel(image, r, c) = 0;
}

template class RealField<float>;
template class RealField<double>;

}  // namespace rephase
