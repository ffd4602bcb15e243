// The CPU session: one problem, or a batch of starts of it, iterated in two fused passes over the half spectrum. It
// holds all state of the iteration and allocates none of it inside the loop; what its operations promise, and the order
// in which they may be called, src/backends/interface.ts says.
//
// Layout, with L the lanes of a vector:
// - A spectrum is stored as blocks of L neighbouring columns, [block][row] of Complex<V>: the column pass transforms a
//   block in place, one column a lane, and the row pass finds the same columns of neighbouring rows side by side. Of an
//   even number of columns the zero and the Nyquist frequency, real once rows are transformed, make one complex column,
//   so that columns/2 are stored; of an odd number (columns+1)/2. Rows lie in the order in which the column transform
//   leaves them. Everything in it is twice its value: splitting two rows from one transform then needs no halving.
// - Images (the object, the previous iterate) are stored as groups of 2L rows, [group][column][2L], as the row pass has
//   them in registers: row i and row i + L of a group are the real and imaginary part of one complex line, a lane each.
#pragma once
#include "constraint.hpp"
#include "plan.hpp"
#include "rules.hpp"

namespace rephase {

template <class T>
class Session {
 public:
  static constexpr uint32_t kRecords = 1024;

  Session(size_t rows, size_t columns, size_t starts, Algorithm algorithm, double beta);

  // False when memory ran out: the session must not be used.
  bool valid() const { return valid_; }
  size_t bytes() const;
  // An upper bound of what such a session holds at any time. Making the tables of a plan for lengths with large prime
  // factors takes a little more for a moment.
  static double bytes_needed(double rows, double columns, double starts, Algorithm algorithm);

  void set_magnitudes(const T* magnitudes, const uint8_t* mask, double scale);
  bool set_support(const uint8_t* support);
  void start_from_seed(const T* magnitudes, const uint8_t* mask, uint64_t seed, uint32_t first_start);

  bool inverse();
  bool constrain_object(bool first);
  void forward();
  void constrain_fourier();
  void iterate(uint32_t count, bool first);
  bool settle();

  uint32_t take_residuals(double* out);
  void read_object(size_t start, size_t row, size_t rows, T* out) const;
  bool write_object(size_t start, size_t row, size_t rows, const T* in, bool as_iterate);
  // The object of one start becomes its previous iterate.
  void keep_object(size_t start);
  void read_spectrum(size_t start, size_t row, size_t rows, T* out);
  void write_spectrum(size_t start, const T* in);

 private:
  using V = Vector<T>;
  static constexpr size_t L = lanes<V>;
  static constexpr size_t kGroup = 2 * L;

  // What the spectrum array holds between calls.
  enum class Holds {
    spectrum,
    inverted,  // transformed back along columns, unnormalised: what `inverse` needs on its way, undone on demand
    rows       // the object transformed along rows: between the two passes of an iteration
  };

  Complex<V>* block(size_t start, size_t b) const { return spectrum_.data() + (start * blocks_ + b) * stride_; }
  V* image_group(const Buffer<V>& image, size_t start, size_t group) const {
    return image.data() + (start * groups_ + group) * columns_ * 2;
  }
  static T& element(V* group, size_t column, size_t row) { return reinterpret_cast<T*>(group)[column * kGroup + row]; }
  size_t group_rows(size_t group) const { return rows_ - group * kGroup < kGroup ? rows_ - group * kGroup : kGroup; }
  // A bit a row of the group.
  uint32_t inside_bits(size_t group, size_t column) const {
    return support_ ? support_[group * columns_ + column] : 0xff;
  }
  size_t mirror_row(size_t r) const { return r == 0 ? 0 : rows_ - r; }
  size_t mirror_column(size_t c) const { return c == 0 ? 0 : columns_ - c; }
  bool nyquist_packed() const { return columns_ % 2 == 0; }

  // Columns.
  template <class F>
  void each_block(F&& f);
  void columns_inverse();
  void columns_forward();
  void restore_spectrum();
  template <bool Masked>
  double columns_turn(size_t start);
  template <bool Masked>
  double impose(size_t start);
  template <bool Masked>
  double impose_packed(Complex<V>* x);
  double weighted(size_t b, V misfit) const;

  // Rows. Loading and storing are not inlined into every rule's pass: the module stays small.
  [[gnu::noinline]] void load_rows(size_t start, size_t group, Complex<V>* line) const;
  [[gnu::noinline]] void store_rows(size_t start, size_t group, const Complex<V>* line);
  template <class Rule>
  void rows_turn(size_t start, bool first);
  template <class F>
  void inverse_rows(T normal, F&& f);
  template <class Rule>
  Update<V> update(V y, V* iterate, size_t i, uint32_t inside, bool first) const;

  template <class Row>
  void fill_spectrum(size_t start, const uint8_t* mask, Row&& row);
  Complex<double> half_spectrum(size_t start, size_t r, size_t c) const;
  bool need_work() { return work_ || work_.allocate(starts_ * groups_ * columns_ * 2); }
  double* record(uint64_t i) { return &records_[i % kRecords * starts_]; }

  size_t rows_, columns_, starts_, stored_columns_, blocks_, groups_, stride_;
  Algorithm algorithm_;
  T beta_;
  double scale_ = 1;
  bool masked_ = false, valid_ = false;
  Holds holds_ = Holds::spectrum;
  uint64_t recorded_ = 0, taken_ = 0;

  Plan<T> row_plan_, column_plan_;
  Buffer<Complex<V>> spectrum_;
  Buffer<V> magnitudes_;  // [block][row in the transform's order], doubled like the spectrum
  Buffer<T> nyquist_magnitudes_;
  // Images: the previous iterate, for rules with memory only, and an array that kernels use from their first call on.
  Buffer<V> iterate_, work_;
  // The object, where reading finds it, and the image that `forward` transforms. Each is one of the two.
  Buffer<V>*object_ = &work_, *next_ = &work_;
  Buffer<uint8_t> support_;  // [group][column], a bit a row
  Buffer<Complex<V>> line_, scratch_;
  Buffer<Complex<double>> staging_;  // two full rows of a spectrum
  Buffer<double> records_;
};

extern template class Session<float>;
extern template class Session<double>;

}  // namespace rephase
