// A complex object and its full spectrum, with the operations of real.hpp.
//
// A spectrum of one start is stored in blocks of L neighbouring columns (blocks.hpp), rows and columns in the order in
// which their transforms leave them. Lanes beyond the last column hold zeros, and so do their magnitudes. An image is
// stored in groups of L rows, [group][column] of Complex<V>: one row a lane. Rows share no line, so that what stands in
// those beyond the image reaches no other.
#pragma once
#include "fields/blocks.hpp"
#include "philox.hpp"
#include "rule.hpp"

namespace rephase {

template <class T>
class ComplexField : public Blocks<T> {
 public:
  using V = Vector<T>;
  static constexpr size_t L = lanes<V>;
  static constexpr size_t kGroupRows = L;
  static constexpr double kStored = 1;
  static constexpr bool kIsOrdered = false;
  static constexpr bool kFusesAll = false;
  static constexpr bool kHasWeights = true;

  ComplexField(size_t rows, size_t columns) : Base(rows, columns, columns, kGroupRows) {}

  size_t bytes() const { return Base::bytes() + object_magnitudes_.bytes(); }
  // `bytes_needed` counts the magnitudes of the object, whether it has any or not.
  static double bytes_needed(double rows, double columns) {
    return Base::bytes_needed(rows, columns, columns) + image_bytes(rows, columns) / 2;
  }
  static double spectrum_bytes(double rows, double columns) { return Base::spectrum_bytes(rows, columns, kGroupRows); }
  static double image_bytes(double rows, double columns) {
    return std::ceil(rows / kGroupRows) * columns * sizeof(Complex<V>);
  }

  void set_magnitudes(const T* magnitudes, const uint8_t* mask, double scale);
  // The size of each pixel, for rules that ask for it. After set_magnitudes. False when memory ran out.
  bool set_object_magnitudes(const T* magnitudes);
  // Of a group of rows.
  const V* object_magnitudes(size_t group) const { return &object_magnitudes_[group * columns_]; }

  void seed(Complex<V>* spectrum, const T* magnitudes, const uint8_t* mask, UniformStart uniform) const;
  void write_spectrum(Complex<V>* spectrum, const T* in) const { write_stored(spectrum, 0, rows_, in); }
  void read_spectrum(const Complex<V>* spectrum, size_t row, size_t rows, T* out) const;
  // Here the stored form is the spectrum itself.
  void read_stored(const Complex<V>* spectrum, size_t row, size_t rows, T* out) const {
    read_spectrum(spectrum, row, rows, out);
  }
  void write_stored(Complex<V>* spectrum, size_t row, size_t rows, const T* in) const;

  double pass_columns(Complex<V>* spectrum, Complex<V>* scratch, const FourierRule& rule) const;
  [[gnu::noinline]] double constrain(Complex<V>* spectrum, bool imposes, const FourierRule& rule) const;

  // What a start's weights are kept in: what was imposed last, [block][row] in the spectrum's order, and what brings
  // its norm to that of the magnitudes.
  struct Weights {
    Complex<V>* imposed;
    double& gain;
  };
  size_t weights_size() const { return blocks_ * rows_; }
  static double weights_bytes(double rows, double columns) {
    return std::ceil(columns / L) * rows * sizeof(Complex<V>) + sizeof(double);
  }
  // As large as the magnitudes.
  void begin_weights(Weights weights) const;
  // The same two for a rule with weights.
  [[gnu::noinline]] double pass_columns(Complex<V>* spectrum, Complex<V>* scratch, const FourierRule& rule,
                                        Weights weights) const;
  [[gnu::noinline]] double constrain(Complex<V>* spectrum, const FourierRule& rule, Weights weights) const;

  [[gnu::noinline]] void load_rows(const Complex<V>* spectrum, size_t group, Complex<V>* line) const;
  [[gnu::noinline]] void store_rows(Complex<V>* spectrum, size_t group, const Complex<V>* line) const;

  void write_image(Complex<V>* image, size_t row, size_t rows, const T* in) const;
  void read_image(const Complex<V>* image, size_t row, size_t rows, T* out) const;
  void read_brightness(const Complex<V>* image, T* out) const;
  void clear_padding(Complex<V>*) const {}
  size_t count_above(const Complex<V>* line, size_t group, const uint8_t* support, T threshold) const;

  // Pixels violate the constraint outside the support, or where they are smaller than `low` as well.
  static Complex<Mask<V>> violated(Complex<V>, uint32_t support) {
    const Mask<V> is_outside = outside<V>(support);
    return {is_outside, is_outside};
  }
  static Complex<Mask<V>> violated(Complex<V> tested, uint32_t support, V low) {
    const Mask<V> violates = (size_of(tested) < low) | outside<V>(support);
    return {violates, violates};
  }

  // Any rule's constraint on a group of rows: bounds of the size, or the size of each pixel, and a range of phases.
  struct Constraint {
    V low, high;
    bool few;           // pixels below the low bound become 0
    const V* sizes;     // of the group's pixels, or null
    bool has_phases;    // otherwise all phases will do
    Complex<V> centre;  // the middle of the phases, as a number of size 1
    Complex<V> edge;    // their end, when the middle is turned to 0

    Complex<Mask<V>> violated(Complex<V> tested, uint32_t support, size_t c) const {
      const V size = size_of(tested);
      Mask<V> violates = (size < least(c)) | (size > most(c)) | outside<V>(support);
      if (has_phases) violates |= turned(tested).re < size * edge.re;
      return {violates, violates};
    }

    // The nearest number that satisfies the constraint. That of 0 has the phase in the middle.
    Complex<V> projected(Complex<V> z, uint32_t support, size_t c) const {
      V size = size_of(z);
      const Mask<V> is_zero = size == V{};
      const V divisor = select<V>(is_zero, splat<V>(1), size);
      Complex<V> direction = {select<V>(is_zero, centre.re, z.re / divisor),
                              select<V>(is_zero, centre.im, z.im / divisor)};
      if (has_phases) {
        const Complex<V> w = turned(z);
        const Mask<V> beyond = w.re < size * edge.re;
        const V side = select<V>(w.im < V{}, splat<V>(-1), splat<V>(1));
        const V along = w.re * edge.re + side * w.im * edge.im;
        const Complex<V> nearest = centre * Complex<V>{edge.re, side * edge.im};
        direction = {select<V>(beyond, nearest.re, direction.re), select<V>(beyond, nearest.im, direction.im)};
        size = select<V>(beyond, along, size);
      }
      const V raised = select<V>(size < least(c), few ? V{} : least(c), size);
      const V wanted = select<V>(outside<V>(support), V{}, select<V>(raised > most(c), most(c), raised));
      return direction * wanted;
    }

   private:
    V least(size_t c) const { return sizes ? sizes[c] : low; }
    V most(size_t c) const { return sizes ? sizes[c] : high; }
    Complex<V> turned(Complex<V> z) const { return z * conjugate(centre); }
  };
  Constraint constraint(const Rule& rule, size_t group) const;

 private:
  static V size_of(Complex<V> z) { return square_root(z.re * z.re + z.im * z.im); }
  // Where a frequency is stored, and in which lane.
  size_t at(size_t r, size_t c) const { return row_plan_.order()[c] / L * stride_ + column_plan_.order()[r]; }
  size_t lane(size_t c) const { return row_plan_.order()[c] % L; }
  template <class F>
  void each_pixel(size_t row, size_t rows, F&& f) const {
    for (size_t r = row; r < row + rows; r++)
      for (size_t c = 0; c < columns_; c++) f(r / L * columns_ + c, r % L);
  }

  template <class Op>
  double pass_columns(Complex<V>* spectrum, Complex<V>* scratch, const Op& op) const;
  template <class Op>
  double constrain(Complex<V>* spectrum, bool imposes, const Op& op) const;
  // A rule with weights on all columns, transformed before and after it or not. The gain is left for the next time.
  [[gnu::noinline]] double weigh(Complex<V>* spectrum, Complex<V>* scratch, bool transforms, const FourierRule& rule,
                                 Weights weights) const;

  using Base = Blocks<T>;
  using Base::blocks_, Base::columns_, Base::groups_, Base::magnitudes_, Base::rows_, Base::scale_;
  using Base::column_plan_, Base::masked_, Base::row_plan_, Base::stride_;

  Buffer<V> object_magnitudes_;  // [group][column]
  double energy_ = 0;            // of the magnitudes that were measured
};

extern template class ComplexField<float>;
extern template class ComplexField<double>;

}  // namespace rephase
