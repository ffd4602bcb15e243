// One-dimensional transforms of single lines in natural order: what `Plan` leaves out because no iteration needs it.
// A line whose length allows it is spread over the lanes of a vector: lane l takes every L-th number from l on, all
// lanes are transformed at once, and a last pass of radix L combines them (one step of decimation in time). Any other
// line has one lane to itself: a second set of butterflies for single numbers would double the module for a case nobody
// waits for.
#pragma once
#include "fft/plan.hpp"

namespace rephase {

template <class T>
class Line {
 public:
  explicit Line(size_t length)
      : length_(length),
        spread_(length % (L * L) == 0),
        plan_(spread_ ? length / L : length),
        data_(plan_.length()),
        scratch_(plan_.scratch()) {
    if (spread_ && factors_.allocate(length / L))
      for (size_t k = 0; k < length / L; k++)
        for (size_t l = 0; l < L; l++) {
          const Complex<double> w = twiddle(k * l, length);
          factors_[k].re[l] = static_cast<T>(w.re);
          factors_[k].im[l] = static_cast<T>(w.im);
        }
    valid_ = plan_.valid() && data_ && scratch_ && (!spread_ || factors_);
  }

  bool valid() const { return valid_; }
  size_t length() const { return length_; }

  // In place, interleaved; the inverse divides by the length. Uses the object's own scratch: one call at a time.
  void transform(T* data, Direction direction) const {
    if (direction == Direction::forward)
      spread_ ? spread<Direction::forward>(data) : alone<Direction::forward>(data);
    else
      spread_ ? spread<Direction::inverse>(data) : alone<Direction::inverse>(data);
  }

 private:
  using V = Vector<T>;
  static constexpr size_t L = lanes<V>;

  template <Direction D>
  void alone(T* data) const {
    Complex<V>* x = data_.data();
    for (size_t i = 0; i < length_; i++) x[i] = part<D>(splat<V>(data[2 * i]), splat<V>(data[2 * i + 1]));
    plan_.forward(x, scratch_.data());
    const T normal = D == Direction::forward ? T(1) : T(1) / static_cast<T>(length_);
    for (size_t k = 0; k < length_; k++) {
      const Complex<V> z = x[plan_.order()[k]];
      const Complex<T> out = part<D>(z.re[0], z.im[0]);
      data[2 * k] = out.re * normal;
      data[2 * k + 1] = out.im * normal;
    }
  }

  template <Direction D>
  void spread(T* data) const {
    const size_t part_length = length_ / L;
    Complex<V>* x = data_.data();
    for (size_t i = 0; i < part_length; i++) {
      V a = load<V>(data + 2 * L * i), b = load<V>(data + 2 * L * i + L);
      deinterleave(a, b);
      x[i] = part<D>(a, b);
    }
    plan_.forward(x, scratch_.data());
    const uint32_t* order = plan_.order();
    const V normal = splat<V>(D == Direction::forward ? T(1) : T(1) / static_cast<T>(length_));
    for (size_t k = 0; k < part_length; k += L) {
      V re[L], im[L];
      for (size_t i = 0; i < L; i++) {
        const Complex<V> z = x[order[k + i]] * factors_[k + i];
        re[i] = z.re;
        im[i] = z.im;
      }
      transpose(re);
      transpose(im);
      Complex<V> z[L];
      for (size_t i = 0; i < L; i++) z[i] = {re[i], im[i]};
      butterfly<static_cast<int>(L), Direction::forward>(z);
      for (size_t q = 0; q < L; q++) {
        Complex<V> out = part<D>(z[q].re, z[q].im);
        if constexpr (D == Direction::inverse) out = {out.re * normal, out.im * normal};
        interleave(out.re, out.im);
        store(data + 2 * (k + q * part_length), out.re);
        store(data + 2 * (k + q * part_length) + L, out.im);
      }
    }
  }

  // The inverse is the forward transform of the number with its parts swapped, swapped back.
  template <Direction D, class W>
  static Complex<W> part(W re, W im) {
    if constexpr (D == Direction::forward)
      return {re, im};
    else
      return {im, re};
  }

  size_t length_;
  bool spread_, valid_ = false;
  Plan<T> plan_;
  Buffer<Complex<V>> data_;
  Buffer<Complex<V>> scratch_;
  Buffer<Complex<V>> factors_;  // exp(-2πi·kl/n), lane l
};

}  // namespace rephase
