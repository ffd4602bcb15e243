// The CUDA session: one problem, or a batch of starts of it, on one device and one stream. src/backends/interface.ts
// says what its operations promise and in which order they may be called; core/session.hpp is the same on the CPU.
// Everything enqueues; only reads, writes, `wait` and the destructor wait. A session serves one thread at a time.
#pragma once
#include <memory>
#include <vector>

#include "fft/axis.hpp"
#include "kernels/view.cuh"
#include "rule.hpp"
#include "runtime/launcher.hpp"
#include "runtime/staging.hpp"

namespace rephase::cuda {

struct FieldKind;

struct Problem {
  int device, rows, columns, starts;
  bool complex;  // the object
  Rule rule;
  double scale;
  const float* magnitudes;
  const uint8_t *mask, *support;  // null where there is none
  const float* sizes;             // of a complex object's pixels, for rules in two planes, likewise
  bool seeded;
  uint64_t seed;
  uint32_t first_start;
};

class Session {
 public:
  explicit Session(const Problem& problem);
  ~Session();
  Session(const Session&) = delete;

  // An upper bound of the bytes on the device that a session needs. Beyond that it allocates an iterate with the first
  // rule that keeps one, a support with the first that is set, and an image and two supports for each start with the
  // first that shrinks.
  static double bytes_needed(const Problem& problem);
  // How many times its value a number of the spectrum is on the device: what `make_rule` asks for.
  static float spectrum_scale(bool complex);

  // The rule of `constrain_object`, `constrain_fourier`, `iterate`, `complete_iteration` and `measure_object` from now
  // on. A pass that is pending or deferred stays with the rule that it was asked for with.
  void use(const Rule& rule);
  void set_support(const uint8_t* support);  // null: everywhere
  void shrink_support(double sigma, double threshold, double least, double most);
  void allocate_own_supports();  // what the first `shrink_support` or `write_support` allocates

  void inverse();
  void constrain_object();
  void forward();
  void constrain_fourier();
  void iterate(uint32_t count);
  void complete_iteration();
  void measure_object();

  // Records since the last call, [record][start]; the newest kRecords.
  std::vector<double> take_residuals();
  void read_object(int start, float* to);
  void write_object(int start, const float* object, bool as_iterate);
  // Makes the object of one start its previous iterate.
  void keep_object(int start);
  void allocate_iterate();
  // The full spectrum, interleaved.
  void read_spectrum(int start, float* to);
  void write_spectrum(int start, const float* spectrum);
  void read_support(int start, uint8_t* to);
  void write_support(int start, const uint8_t* support);

  // An event behind everything enqueued so far.
  Event mark();

  // Any thread may call these, also while another one uses the session.

  // Returns once the event has happened.
  void wait(const Event& event) const;
  // The time of the device's work since the session was made.
  double device_seconds() { return stopwatch_.seconds(); }
  size_t device_bytes() const { return memory_.bytes(); }
  // Page-locked.
  size_t host_bytes() const { return staging_.bytes(); }
  size_t support_bytes() const { return size_t(view_.rows) * view_.support_words * sizeof(uint32_t); }
  // The bytes that a spectrum uploads.
  size_t spectrum_upload_bytes() const;
  int starts() const { return view_.starts; }
  size_t pixels() const { return static_cast<size_t>(view_.rows) * view_.columns; }
  // Numbers of an image: one a pixel, or two.
  size_t image_floats() const;
  bool is_complex() const;

 private:
  // The spectrum's array, once deferred work is done; see core/session.hpp.
  enum class Holds { spectrum, inverted, rows };

  void columns(ColumnWork work);
  void columns_normalised(ColumnWork work);
  void rows(RowWork work, Rule rule = {});
  void iteration(const FourierRule& pending);
  void iterate_rows();
  void constrain(const Rule& rule);
  void find_thresholds(Rule rule, bool exactly);
  cudaGraphExec_t graph();
  void invert_columns();
  void restore_spectrum();
  void use_spectrum();
  void make_object_the_iterate();
  void record();
  float normal(int column_length) const;
  int recorders(int threads) const;
  void choose_kernels();
  void copy_to_iterate(int start);
  void pack(const uint8_t* support, uint32_t* out);
  void give_each_its_support();
  void choose_support(const uint32_t* support, int support_rows, Strips strips = kAllStrips);
  Strips strips_of(const uint8_t* support) const;
  Strips strips_for(const Rule& rule) const;
  int strip_rows() const;
  void allocate_weights(const Problem& problem);
  void copy(float* to, const float* from, size_t count);
  void launch_deferred();
  // Launches deferred work. Every method calls this first, except those that can extend that work: `iterate`, `inverse`
  // and `constrain_fourier`.
  void use_device();

  const int device_;
  const FieldKind& kind_;
  const double scale_;
  Rule rule_;
  Stopwatch stopwatch_;
  Stream stream_;
  DeviceMemory memory_;
  const Launcher launcher_;
  const OnChip* on_chip_;  // null where it does not pay
  Axis row_axis_, column_axis_;
  // Transform the lines of an axis that has no plan of its own. Lines that do not fit shared memory are in `scratch_`.
  Kernel any_rows_ = {}, any_columns_ = {};
  Kernel constrain_object_ = {}, find_thresholds_ = {};
  Complex* scratch_ = nullptr;
  View view_ = {};
  Holds holds_ = Holds::spectrum;
  // Strips with pixels of the support, and while the array holds rows, those that it has; the others count as zero.
  Strips support_strips_ = kAllStrips, row_strips_ = kAllStrips;
  FourierRule pending_;  // of the column pass that is pending while the array holds rows
  // After a rule with two images: the object's array holds the image to transform next, and the object
  // is the iterate.
  bool object_is_iterate_ = false;
  bool measured_ = false;  // partial residuals wait to be recorded
  uint64_t recorded_ = 0, taken_ = 0;
  // Iterations are launched sixteen at a time, by a graph where they are not on chip, so that a loop of single ones
  // costs no more than one call for all. Fewer are deferred until there are sixteen, or until any other call.
  uint32_t deferred_ = 0;
  // A graph holds its rule. A chain of rules comes back to each.
  struct RuleGraph {
    Rule rule;
    Graph graph;
  };
  std::vector<RuleGraph> graphs_;
  // Column work of single kernels is deferred too: what continues it joins the same pass, any other call launches it.
  // There is none while iterations are deferred.
  ColumnWork deferred_columns_;

  uint32_t* support_ = nullptr;  // that all starts share, from the first support on
  // From the first support that shrinks on. Sums of squares lie where candidates do afterwards.
  uint32_t *own_supports_ = nullptr, *candidates_ = nullptr;
  float *blurred_ = nullptr, *levels_ = nullptr, *weights_ = nullptr;
  Staging staging_;
  // On the device, as large as a half of the staging buffer. Data with another form there passes through it too.
  uint8_t* piece_ = nullptr;
  // Destroyed first, which waits: running work uses the other members.
  const std::unique_ptr<CUstream_st, CallAtEnd<cudaStreamSynchronize>> work_{stream_.get()};
};

}  // namespace rephase::cuda
