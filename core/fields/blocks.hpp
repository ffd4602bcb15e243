// How the fields and scans store a spectrum: in blocks of L neighbouring columns, L being the lanes of a vector. Memory
// runs down a block, then down the next. A column transforms in place, one a lane; rows become lines on their way.
#pragma once
#include <algorithm>
#include <cmath>

#include "buffer.hpp"
#include "constraint.hpp"
#include "fft/plan.hpp"

namespace rephase {

inline size_t round_up(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// Rows of a power of two apart would share cache sets, and the row pass touches one place in every block.
inline size_t block_stride(size_t padded_rows) {
  return padded_rows % 32 == 0 ? padded_rows + 8 : padded_rows;
}

// L rows, of which `x` is the first in the first block, become lines of blocks × L numbers, one a lane.
template <class V>
void gather_lines(const Complex<V>* x, size_t blocks, size_t stride, Complex<V>* line) {
  constexpr size_t L = lanes<V>;
  for (size_t b = 0; b < blocks; b++, x += stride, line += L) {
    V re[L], im[L];
    for (size_t i = 0; i < L; i++) {
      re[i] = x[i].re;
      im[i] = x[i].im;
    }
    transpose(re);
    transpose(im);
    for (size_t i = 0; i < L; i++) line[i] = {re[i], im[i]};
  }
}

// The reverse.
template <class V>
void scatter_lines(Complex<V>* x, size_t blocks, size_t stride, const Complex<V>* line) {
  constexpr size_t L = lanes<V>;
  for (size_t b = 0; b < blocks; b++, x += stride, line += L) {
    V re[L], im[L];
    for (size_t i = 0; i < L; i++) {
      re[i] = line[i].re;
      im[i] = line[i].im;
    }
    transpose(re);
    transpose(im);
    for (size_t i = 0; i < L; i++) x[i] = {re[i], im[i]};
  }
}

// What the fields have in common: the sizes of their arrays, plans, magnitudes, and transforms of all columns.
template <class T>
class Blocks {
 public:
  using Number = T;
  using V = Vector<T>;
  static constexpr size_t L = lanes<V>;

  // False when memory ran out: the field must not be used.
  bool valid() const { return valid_; }

  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  size_t groups() const { return groups_; }
  // How many Complex<V> the spectrum and an image of one start take, a line, and the scratch of a call.
  size_t spectrum_size() const { return blocks_ * stride_; }
  size_t image_size() const { return groups_ * columns_; }
  size_t line_size() const { return round_up(columns_, L); }
  size_t scratch() const { return std::max(row_plan_.scratch(), column_plan_.scratch()); }
  const Plan<T>& row_plan() const { return row_plan_; }
  double scale() const { return scale_; }

  // Columns. The inverse is not normalised; `undo_inverse_columns` goes back to the spectrum.
  void forward_columns(Complex<V>* spectrum, Complex<V>* scratch) const {
    for (size_t b = 0; b < blocks_; b++) column_plan_.forward(spectrum + b * stride_, scratch);
  }
  void inverse_columns(Complex<V>* spectrum, Complex<V>* scratch) const {
    for (size_t b = 0; b < blocks_; b++) column_plan_.inverse(spectrum + b * stride_, scratch);
  }
  void undo_inverse_columns(Complex<V>* spectrum, Complex<V>* scratch) const {
    forward_columns(spectrum, scratch);
    const V normal = splat<V>(T(1) / static_cast<T>(rows_));
    for (size_t b = 0; b < blocks_; b++)
      for (size_t r = 0; r < rows_; r++) spectrum[b * stride_ + r] = spectrum[b * stride_ + r] * normal;
  }

 protected:
  Blocks(size_t rows, size_t columns, size_t stored_columns, size_t group_rows)
      : rows_(rows),
        columns_(columns),
        stored_columns_(stored_columns),
        blocks_((stored_columns + L - 1) / L),
        groups_((rows + group_rows - 1) / group_rows),
        stride_(block_stride(round_up(rows, group_rows))),
        row_plan_(columns),
        column_plan_(rows) {
    valid_ = row_plan_.valid() && column_plan_.valid() && magnitudes_.allocate(blocks_ * rows);
  }

  size_t bytes() const { return row_plan_.bytes() + column_plan_.bytes() + magnitudes_.bytes(); }

  // Upper bounds.
  static double spectrum_bytes(double rows, double stored_columns, double group_rows) {
    return std::ceil(stored_columns / L) * (std::ceil(rows / group_rows) * group_rows + 8) * sizeof(Complex<V>);
  }
  static double bytes_needed(double rows, double columns, double stored_columns) {
    const double magnitudes = std::ceil(stored_columns / L) * rows * sizeof(V);
    // Twiddles and order, or Bluestein's tables and scratch at up to 8/3 of the length.
    const double plans = (rows + columns) * (4 + 20 * sizeof(T)) + std::max(rows, columns) * 3 * sizeof(Complex<V>);
    return magnitudes + plans;
  }

  // Calls `f` with what a rule does to a number that is stored at `stored` times its size. It has no magnitudes yet.
  template <class F>
  double with_operation(const FourierRule& rule, double stored, F&& f) const {
    if (!rule.imposes_magnitudes()) return f(ImposeRule<V>(rule, stored));
    return masked_ ? f(Impose<V, true>{nullptr}) : f(Impose<V, false>{nullptr});
  }
  template <class Op>
  static Op on(Op op, const V* magnitudes) {
    op.magnitudes = magnitudes;
    return op;
  }

  size_t rows_, columns_, stored_columns_, blocks_, groups_, stride_;
  double scale_ = 1;
  bool masked_ = false, valid_ = false;
  Plan<T> row_plan_, column_plan_;
  Buffer<V> magnitudes_;  // [block][row in the transform's order], as many times their size as the spectrum
};

}  // namespace rephase
