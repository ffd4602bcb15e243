// The CPU session: one problem, or a batch of starts of it, iterated in two fused passes over the spectrum. It holds
// all state of the iteration and allocates nothing inside the loop. src/backends/interface.ts says what its operations
// promise and in which order they may be called; the field says how object and spectrum lie in memory.
#pragma once
#include "fields/complex.hpp"
#include "fields/real.hpp"
#include "rule.hpp"
#include "support_size.hpp"

namespace rephase {

template <class Field>
class Session {
 public:
  using Number = typename Field::Number;
  using T = Number;
  static constexpr uint32_t kRecords = 1024;

  // Allocates the iterate where `rule` needs it, and what weights are kept in where it has any; no rule has them
  // otherwise.
  Session(size_t rows, size_t columns, size_t starts, const Rule& rule);

  // False when memory ran out: the session must not be used.
  bool valid() const { return valid_; }
  Field& field() { return field_; }
  size_t bytes() const;
  // An upper bound of what such a session holds at any time, with the previous iterate or without, and with weights.
  static double bytes_needed(double rows, double columns, double starts, bool with_iterate, bool with_weights);

  void set_magnitudes(const T* magnitudes, const uint8_t* mask, double scale);
  void start_from_seed(const T* magnitudes, const uint8_t* mask, uint64_t seed, uint32_t first_start);

  // What returns bool is false when memory ran out, and has then changed nothing.
  bool set_support(const uint8_t* support);  // null: everywhere
  bool shrink_support(double sigma, double threshold, double least, double most);
  void read_support(size_t start, uint8_t* out) const;
  bool write_support(size_t start, const uint8_t* support);

  bool inverse();
  bool constrain_object(const Rule& rule);
  void forward();
  void constrain_fourier(const Rule& rule);
  bool iterate(uint32_t count, const Rule& rule);
  bool complete_iteration();
  void measure_object(const Rule& projection);

  // How many records `take_residuals` copies: those since the last call, but no more than the newest kRecords.
  uint32_t records() const { return static_cast<uint32_t>(std::min<uint64_t>(recorded_ - taken_, kRecords)); }
  uint32_t take_residuals(double* out);
  // A range of rows at a time.
  void read_object(size_t start, size_t row, size_t rows, T* out) const;
  bool write_object(size_t start, size_t row, size_t rows, const T* in, bool as_iterate);
  bool keep_object(size_t start);
  void read_spectrum(size_t start, size_t row, size_t rows, T* out);
  void write_spectrum(size_t start, const T* in);
  // From which the next one of a support size is found.
  T& threshold(size_t start) { return thresholds_[start]; }
  void read_stored(size_t start, size_t row, size_t rows, T* out);
  void write_stored(size_t start, size_t row, size_t rows, const T* in);

 private:
  using V = typename Field::V;

  // What the spectrum array holds between calls.
  enum class Holds {
    spectrum,
    inverted,  // transformed back along columns, unnormalised: what `inverse` needs on its way, undone on demand
    rows       // the object transformed along rows: between the two passes of an iteration
  };

  Complex<V>* spectrum(size_t start) const { return spectrum_.data() + start * field_.spectrum_size(); }
  Complex<V>* group(const Buffer<Complex<V>>& image, size_t start, size_t g) const {
    return image.data() + start * field_.image_size() + g * field_.columns();
  }
  void pack_support(const uint8_t* support, uint8_t* packed) const;
  bool give_each_its_support();
  // A byte a column, a bit a row.
  const uint8_t* shared_support(size_t g) const {
    return support_ ? &support_[g * field_.columns()] : everywhere_.data();
  }
  const uint8_t* support(size_t start, size_t g) const {
    return own_supports_ ? &own_supports_[(start * field_.groups() + g) * field_.columns()] : shared_support(g);
  }

  auto weights(size_t start) const {
    if constexpr (Field::kHasWeights)
      return typename Field::Weights{&imposed_[start * field_.weights_size()], gains_[start]};
  }
  double pass_columns(size_t start, const FourierRule& rule);
  double constrain_spectrum(size_t start, const FourierRule& rule);

  // Of the inverse transform.
  T normal() const {
    return static_cast<T>(1 / Field::kStored / static_cast<double>(field_.rows()) /
                          static_cast<double>(field_.columns()));
  }
  template <class F>
  void each_group(F&& f);
  void invert_columns();
  void restore_spectrum();
  template <class F>
  void transform_forward(F&& load);
  void clear_padding(Buffer<Complex<V>>& image);
  void invert_rows(size_t start);
  void constrain(const Rule& rule, size_t start, const Buffer<Complex<V>>& image);
  [[gnu::noinline]] Rule sized(const Rule& rule, size_t start, const Buffer<Complex<V>>& image, bool exactly);
  [[gnu::noinline]] size_t count_above(const Combination& tested, size_t start, const Buffer<Complex<V>>& image,
                                       T threshold);
  void pass_rows_in_parts(size_t start, const Rule& rule);
  void pass_rows(size_t start, const Rule& rule);
  void pass_rows_in_two_planes(size_t start, const Rule& rule);
  template <Terms Tested, Terms Satisfied, Terms Violated, bool Keeps>
  void pass_rows_fused(size_t start, const Rule& rule);
  using RowPass = void (Session::*)(size_t start, const Rule& rule);
  static RowPass row_pass(const Rule& rule);
  [[gnu::noinline]] void constrain_group(const Rule& rule, size_t start, size_t g, const Complex<V>* y, T normal,
                                         Complex<V>* next);
  template <Terms Tested, Terms Satisfied, Terms Violated>
  void constrain_group_fast(const Rule& rule, size_t start, size_t g, const Complex<V>* y, T normal, Complex<V>* next);

  bool have(Buffer<Complex<V>>& image) { return image || image.allocate(starts_ * field_.image_size()); }
  bool have_what(const Rule& rule) { return !rule.needs_iterate() || have(iterate_); }
  double* record(uint64_t i) { return &records_[i % kRecords * starts_]; }

  size_t starts_;
  bool valid_ = false;
  Holds holds_ = Holds::spectrum;
  Rule rule_;  // of the last iterations
  uint64_t recorded_ = 0, taken_ = 0;

  Field field_;
  Buffer<Complex<V>> spectrum_;
  // Images: the previous iterate, from the first rule on that needs it, and what the single kernels work in.
  Buffer<Complex<V>> iterate_, work_;
  // The object, where reading finds it, and the image that `forward` transforms. Each is one of the two.
  Buffer<Complex<V>>*object_ = &work_, *next_ = &work_;
  Buffer<uint8_t> support_, everywhere_;  // [group][column], and a group for where there is no support
  Buffer<uint8_t> own_supports_;          // [start][group][column], from the first shrink on
  Buffer<T> thresholds_;                  // of the last support size of each start
  Buffer<Complex<V>> imposed_;            // [start], as the field says
  Buffer<double> gains_;
  Buffer<Complex<V>> line_, scratch_;
  Buffer<double> records_;
};

extern template class Session<RealField<float>>;
extern template class Session<RealField<double>>;
extern template class Session<ComplexField<float>>;
extern template class Session<ComplexField<double>>;

}  // namespace rephase
