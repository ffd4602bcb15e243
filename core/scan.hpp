// The CPU session of a ptychographic scan: a probe is moved over an object, and each position has a pattern. It holds
// all state, and the state after any mixture of its operations is the same. src/backends/interface.ts says what they
// promise.
//
// A wave, of rows × columns pixels, is stored in blocks of columns (fields/blocks.hpp). A transformed wave lies in the
// plans' orders, rows and columns. Lanes beyond the last column hold zeros.
//
// Transforms here carry no factor, and a pattern is kept as √(rows·columns·counts), the size of such a transform.
#pragma once
#include <algorithm>
#include <cstdint>

#include "fields/blocks.hpp"

namespace rephase {

struct ScanShape {
  size_t positions, rows, columns, object_rows, object_columns, modes, batch;
};

// An algorithm as data: what becomes of a wave ψ of P·O, and how object and probe follow.
struct ScanRule {
  // ψ ← (1−a−b)ψ + a·PO + b·F⁻¹impose F(c·PO + (1−c)ψ), kept from one iteration to the next.
  bool keeps_waves = false;
  double a = 0, b = 1, c = 1;
  // Steps by least squares along directions that the illumination of the whole scan weights.
  bool least_squares = false;
  double ridge = 0.1;
  double alpha = 0.1, step = 1;
  bool updates_probe = true;
};

template <class T>
class Scan {
 public:
  using Number = T;
  using V = Vector<T>;
  static constexpr size_t L = lanes<V>;
  static constexpr uint32_t kRecords = 1024;

  Scan(const ScanShape& shape, bool keeps_waves);

  // False when memory ran out: the scan must not be used.
  bool valid() const { return valid_; }
  size_t bytes() const;
  // An upper bound of what such a scan holds.
  static double bytes_needed(const ScanShape& shape, bool keeps_waves);

  // Counts of one pattern, zero frequency first; `mask` is null or has rows × columns bytes, 0 where not measured.
  void set_pattern(size_t position, const T* counts, const uint8_t* mask);
  // Row and column of each position in pixels of the object, where the probe's pixel [0, 0] lies.
  void set_positions(const double* positions);
  const double* positions() const { return positions_.data(); }

  // Interleaved. What is written ends an iteration that is under way; kept waves begin anew as P·O.
  void write_object(const T* in);
  void read_object(T* out) const;
  void write_probe(const T* in);
  void read_probe(T* out) const;
  // The waves of the batch, [number in the batch][mode][row][column], zero frequency first where they are transformed.
  void read_waves(T* out);
  void write_waves(const T* in);

  // The four kernels work on one batch of positions, the `first` of an iteration or not, the `last` or not. What
  // returns bool is false when memory ran out.
  bool forward(const uint32_t* batch, size_t count, bool first, const ScanRule& rule);
  void constrain_fourier(const ScanRule& rule);
  void inverse();
  void constrain_object(bool last, const ScanRule& rule);
  // Batches of an iteration's order of all positions, from `begin` to `end`.
  bool iterate(const uint32_t* order, size_t begin, size_t end, const ScanRule& rule);

  // Moves every position to where its wave fits better, by at most so many pixels, and none on the whole.
  bool correct_positions(double most);

  // Counts of all measured pixels, as the model has them and as they were measured.
  double model_counts();
  double measured_counts() const { return energy_; }

  // √(Σ(|Ψ| − √I)² / ΣI) of each iteration since the last call, but no more than the newest kRecords.
  uint32_t records() const { return static_cast<uint32_t>(std::min<uint64_t>(recorded_ - taken_, kRecords)); }
  uint32_t take_residuals(double* out);

 private:
  using Wave = Complex<V>;
  // Two planes of rows of `pitch_` numbers: vectors are loaded from any column.
  struct Planes {
    Buffer<T> re, im;
    bool allocate(size_t count) { return re.allocate(count) && im.allocate(count); }
    size_t bytes() const { return re.bytes() + im.bytes(); }
    // From a corner on.
    struct Patch {
      T *re, *im;
      Complex<V> load(size_t i) const { return {rephase::load<V>(re + i), rephase::load<V>(im + i)}; }
      void add(size_t i, Complex<V> z) const {
        store<V>(re + i, rephase::load<V>(re + i) + z.re);
        store<V>(im + i, rephase::load<V>(im + i) + z.im);
      }
    };
    Patch patch(size_t corner) const { return {re.data() + corner, im.data() + corner}; }
    Complex<V> load(size_t i) const { return patch(0).load(i); }
    void add(size_t i, Complex<V> z) const { patch(0).add(i, z); }
  };
  // Rows and columns of the object's planes that a batch reaches, columns in whole vectors.
  struct Region {
    size_t top, bottom, left, right;
  };

  // Which sums a pass over a wave adds to.
  struct Sums {
    bool object, illumination, probe;
  };
  // Sums of a position's least-squares problem.
  struct Normal {
    double a11, a22, a12_re, a12_im, b1, b2;
  };

  // The modes of a wave of the batch. Where one after the other is finished, they share a slot.
  Wave* slot(size_t number) const { return &waves_[number % slots_ * shape_.modes * wave_size_]; }
  Wave* kept_wave(size_t position) const { return &kept_[position * shape_.modes * wave_size_]; }
  Wave* measured_wave() const { return measured_.data(); }
  Wave* line(size_t mode) const { return &line_[mode * blocks_ * L]; }
  const V* magnitudes(size_t position, size_t group) const {
    return &magnitudes_[position * pattern_size_ + group * shape_.columns];
  }
  bool is_shifted(size_t position) const { return fractions_[2 * position] != 0 || fractions_[2 * position + 1] != 0; }
  // Of the object's planes, where the patch of a position begins.
  size_t corner(size_t position) const { return corners_[2 * position] * pitch_ + corners_[2 * position + 1]; }

  template <class F>
  void each_number(F&& f) const;
  template <class F>
  void each_wave_number(F&& f);
  // Blocks of columns.
  struct Span {
    size_t begin, end;
  };
  // Neighbouring blocks whose columns fill two cache lines of the object's planes: more of each line is used while it
  // is near.
  static constexpr size_t kSpan = 128 / sizeof(V);
  template <class F>
  void each_span(F&& f) const;
  template <class F>
  void each_pixel(Span span, F&& f) const;
  template <class F>
  void each_pixel(F&& f) const;
  template <class F>
  void each_in_region(F&& f) const;
  template <Direction D>
  void transform_columns(Wave* x, Span span);
  template <class F>
  void each_row_group(Wave* first, size_t modes, bool stores, F&& f);
  template <Direction D>
  void transform_rows(Wave* x);
  [[gnu::noinline]] void transform(Wave* x);
  void transform_back(Wave* x);
  double impose_lines(const V* magnitudes, bool imposes) const;
  double impose(Wave* first, size_t position, bool imposes);
  double pass_rows(Wave* first, size_t position);
  [[gnu::noinline]] void shift(Wave* x, size_t position, bool adjoint);
  [[gnu::noinline]] void place_probe(size_t position);
  [[gnu::noinline]] void mix(Wave* out, size_t position, Span span, double c, double d, const Wave* wave) const;
  bool begin_batch(const uint32_t* batch, size_t count, size_t slots, bool first, const ScanRule& rule);
  void begin_iteration(const ScanRule& rule);
  void clear_sums(const uint32_t* positions, size_t count);
  void start_wave(size_t number, const ScanRule& rule);
  void measure(size_t position);
  void finish_wave(size_t number, const ScanRule& rule, bool inverts_columns);
  void illuminate();
  template <class F>
  void add_sums(size_t position, Wave* differences, const Wave* waves, double normal, Sums sums, F&& before);
  template <bool All>
  [[gnu::noinline]] void add_span(size_t position, size_t mode, Span span, Wave* differences, const Wave* waves,
                                  double normal, Sums sums);
  void weight_object(const T* weight, double alpha);
  void weight_probe(double alpha);
  void move_object(double step);
  void move_probe(double step);
  void take_steps(const ScanRule& rule);
  void fit_waves(const ScanRule& rule);
  void finish_batch(bool last, const ScanRule& rule);

  ScanShape shape_;
  bool valid_ = false;
  size_t blocks_, stride_, wave_size_, pattern_size_, pitch_, slots_ = 1, batch_size_ = 0;
  V tail_;  // 1 in lanes of the last block that are columns, else 0
  Plan<T> row_plan_, column_plan_;
  Buffer<Wave> line_, scratch_;
  // [position][group of L rows][column], one row a lane, in the plans' orders; infinite where not measured. Lanes
  // beyond the last row hold zeros.
  Buffer<V> magnitudes_;
  bool masked_ = false;
  double energy_ = 0;  // counts in all
  Buffer<double> positions_, fractions_, moves_;
  Buffer<uint32_t> corners_, batch_, everywhere_;
  Planes object_, object_sum_, gradient_[2];
  Buffer<T> illumination_, whole_illumination_;
  Buffer<Wave> probe_, probe_sum_;  // [mode] of a wave each
  Buffer<V> probe_weight_;
  // Waves of the batch, kept waves of all positions, the probe moved by a fraction, and what single steps work in.
  Buffer<Wave> waves_, kept_, shifted_, moved_, measured_;
  Buffer<const Wave*> placed_;
  Buffer<Wave> row_ramp_, column_ramp_;
  Buffer<Normal> normals_;
  bool has_kept_ = false, transformed_ = false;
  double residual_ = 0;
  Region region_;
  Buffer<double> records_;
  uint64_t recorded_ = 0, taken_ = 0;
};

extern template class Scan<float>;
extern template class Scan<double>;

}  // namespace rephase
