// A real object and its half spectrum: how both lie in memory, how lines are loaded and stored, how the frequencies k
// and -k relate, and what a pixel is. The session knows none of it: complex.hpp has another such class.
//
// The spectrum of one start is stored in blocks of L neighbouring columns, L being the lanes of a vector. With L = 4:
//
//               block 0          block 1           block 2
//            columns 0 – 3    columns 4 – 7    columns 8 – 11
//   row 0   [ *  1  2  3 ]   [ 4  5  6  7 ]   [ 8  9 10 11 ]     [ ] is one Complex<V>:
//   row 1   [ *  1  2  3 ]   [ 4  5  6  7 ]   [ 8  9 10 11 ]     L real, then L imaginary parts
//     ·            |                |                |
//     ·            v                v                v            memory runs down a block, then down the next
//   padding
//
// - The column pass transforms a block in place, one column a lane. The row pass finds the same columns of neighbouring
//   rows side by side. Rows lie in the order in which the column transform leaves them.
// - * is the zero frequency. Once rows are transformed it is real, and so is the Nyquist frequency of an even number of
//   columns: the two make one complex column, and columns/2 are stored. Of an odd number, (columns+1)/2 are.
// - All values are stored doubled. Splitting two rows from one transform then needs no halving.
//
// An image is stored in groups of 2L rows, [group][column] of Complex<V>: rows i and i + L of a group are the real and
// the imaginary part of one complex line, one line a lane.
#pragma once
#include "fields/blocks.hpp"
#include "philox.hpp"
#include "rule.hpp"

namespace rephase {

template <class T>
class RealField : public Blocks<T> {
 public:
  using V = Vector<T>;
  static constexpr size_t L = lanes<V>;
  static constexpr size_t kGroupRows = 2 * L;
  static constexpr double kStored = 2;      // times its true value
  static constexpr bool kIsOrdered = true;  // one pixel can be less than another
  static constexpr bool kFusesAll = true;   // every row pass that can be fused is
  static constexpr bool kHasWeights = false;

  RealField(size_t rows, size_t columns);

  size_t bytes() const;
  // Upper bounds of what a field occupies, and the spectrum and an image of one start. While the tables of a plan for
  // a length with large prime factors are made, a little more is needed.
  static double bytes_needed(double rows, double columns);
  static double spectrum_bytes(double rows, double columns);
  static double image_bytes(double rows, double columns);

  // All starts share one pattern. A scan, with a pattern for each, would keep several sets of magnitudes.
  void set_magnitudes(const T* magnitudes, const uint8_t* mask, double scale);

  // Spectra: the Hermitian part of M·exp(2πi·U) or of a full one, and rows of the full one, interleaved.
  void seed(Complex<V>* spectrum, const T* magnitudes, const uint8_t* mask, UniformStart uniform);
  void write_spectrum(Complex<V>* spectrum, const T* in);
  void read_spectrum(const Complex<V>* spectrum, size_t row, size_t rows, T* out) const;
  // Rows of the spectrum as it is stored, at its true size, to its last bit: (columns+1)/2 numbers a row, interleaved,
  // * the first.
  void read_stored(const Complex<V>* spectrum, size_t row, size_t rows, T* out) const;
  void write_stored(Complex<V>* spectrum, size_t row, size_t rows, const T* in) const;

  // The column pass: forward, Fourier constraint, inverse. Returns the residual's sum.
  double pass_columns(Complex<V>* spectrum, Complex<V>* scratch, const FourierRule& rule) const;
  // The Fourier constraint alone. Without `imposes`, the residual's sum is all that it computes.
  [[gnu::noinline]] double constrain(Complex<V>* spectrum, bool imposes, const FourierRule& rule) const;

  // Rows: a group of them to and from lines of the complex transform that carries two real rows. `line` is in the order
  // of the row plan. Not inlined into every rule's pass: the module stays small.
  [[gnu::noinline]] void load_rows(const Complex<V>* spectrum, size_t group, Complex<V>* line) const;
  [[gnu::noinline]] void store_rows(Complex<V>* spectrum, size_t group, const Complex<V>* line) const;

  // Pixels: rows of an image from and to the caller's array.
  void write_image(Complex<V>* image, size_t row, size_t rows, const T* in) const;
  void read_image(const Complex<V>* image, size_t row, size_t rows, T* out) const;
  // One number a pixel, by which supports shrink.
  void read_brightness(const Complex<V>* image, T* out) const { read_image(image, 0, rows_, out); }
  // Clears the rows of the last group that lie beyond the image. They share lines with its rows, so that the noise of
  // rounding in them would reach the image's last bits.
  void clear_padding(Complex<V>* image) const;
  // How many numbers of a group of rows are above a threshold, and inside the support, null for everywhere.
  size_t count_above(const Complex<V>* line, size_t group, const uint8_t* support, T threshold) const;
  // Which numbers of a line violate the constraint: below `low`, or outside the support, which has a bit for each row.
  static Complex<Mask<V>> violated(Complex<V> tested, uint32_t support, V low = V{}) {
    return {(tested.re < low) | outside<V>(support), (tested.im < low) | outside<V>(support >> L)};
  }
  // Any rule's constraint on a group of rows. Numbers below its low bound become it, or 0 where few may be large.
  struct Constraint {
    V low, high, least;

    Complex<Mask<V>> violated(Complex<V> tested, uint32_t support, size_t) const {
      return {(tested.re < low) | (tested.re > high) | outside<V>(support),
              (tested.im < low) | (tested.im > high) | outside<V>(support >> L)};
    }
    Complex<V> projected(Complex<V> z, uint32_t support, size_t) const {
      const auto clamped = [this](V v) { return select<V>(v < low, least, select<V>(v > high, high, v)); };
      return {select<V>(outside<V>(support), V{}, clamped(z.re)),
              select<V>(outside<V>(support >> L), V{}, clamped(z.im))};
    }
  };
  Constraint constraint(const Rule& rule, size_t) const {
    const auto in_lanes = [](double number) { return splat<V>(static_cast<T>(number)); };
    return {in_lanes(rule.low), in_lanes(rule.high), in_lanes(rule.support_size > 0 ? 0 : rule.low)};
  }
  static Complex<V> greater(Complex<V> a, Complex<V> b) {
    return {select<V>(a.re < b.re, b.re, a.re), select<V>(a.im < b.im, b.im, a.im)};
  }

 private:
  T& pixel(Complex<V>* image, size_t r, size_t c) const {
    return reinterpret_cast<T*>(image + r / kGroupRows * columns_ + c)[r % kGroupRows];
  }
  bool nyquist_packed() const { return columns_ % 2 == 0; }
  size_t mirror_row(size_t r) const { return r == 0 ? 0 : rows_ - r; }
  size_t mirror_column(size_t c) const { return c == 0 ? 0 : columns_ - c; }

  template <class Op>
  double pass_columns(Complex<V>* spectrum, Complex<V>* scratch, const Op& op) const;
  template <class Op>
  double constrain(Complex<V>* spectrum, bool imposes, const Op& op) const;
  template <class Op>
  double constrain_packed(Complex<V>* x, bool imposes, const Op& op) const;
  double weighted(size_t b, V residual) const;

  template <class Row>
  void write_hermitian_part(Complex<V>* spectrum, const uint8_t* mask, Row&& row);
  Complex<double> frequency(const Complex<V>* spectrum, size_t r, size_t c) const;

  using Base = Blocks<T>;
  using Base::blocks_, Base::columns_, Base::groups_, Base::magnitudes_, Base::rows_, Base::scale_;
  using Base::column_plan_, Base::masked_, Base::row_plan_, Base::stored_columns_, Base::stride_, Base::valid_;

  Buffer<T> nyquist_magnitudes_;
  Buffer<Complex<double>> full_rows_;  // two rows of a full spectrum
};

extern template class RealField<float>;
extern template class RealField<double>;

}  // namespace rephase
