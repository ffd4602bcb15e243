// The CUDA session: one problem, or a batch of starts of it, on one device and one stream. What its operations promise,
// and the order in which they may be called, src/backends/interface.ts says; core/session.hpp is the same on the CPU.
// Everything enqueues; only reads, writes, `wait` and the destructor wait. A session serves one thread at a time.
#pragma once
#include <memory>
#include <tuple>
#include <vector>

#include "axis.hpp"
#include "handles.hpp"
#include "rules.hpp"
#include "stopwatch.hpp"

namespace rephase::cuda {

struct Problem {
  int device, rows, columns, starts;
  Algorithm algorithm;
  float beta;
  double scale;
  const float* magnitudes;
  const uint8_t *mask, *support;  // null where there is none
  bool seeded;
  uint64_t seed;
  uint32_t first_start;
};

class Session {
 public:
  explicit Session(const Problem& problem);
  ~Session();
  Session(const Session&) = delete;

  // Bytes on the device that a session needs, at most. Nothing is allocated once it is made.
  static double bytes_needed(const Problem& problem);

  void inverse();
  void constrain_object(bool first);
  void forward();
  void constrain_fourier();
  void iterate(uint32_t count, bool first);
  void settle();

  // Records since the last call, [record][start]; the newest kRecords.
  std::vector<double> take_residuals();
  void read_object(int start, float* to);
  void write_object(int start, const float* object, bool as_iterate);
  // The object of one start becomes its previous iterate.
  void keep_object(int start);
  // The full spectrum, interleaved.
  void read_spectrum(int start, float* to);
  void write_spectrum(int start, const float* spectrum);

  // An event behind everything enqueued so far.
  Event mark();
  // Returns once it has happened. Another thread may use the session meanwhile.
  void wait(const Event& event) const;
  // Of the device's work since the session was made.
  const std::shared_ptr<Stopwatch>& stopwatch() const { return stopwatch_; }
  size_t bytes() const;
  // Page-locked.
  size_t host_bytes() const { return staging_.bytes(); }
  // What a spectrum takes on its way to the device: each row with the one opposite to it.
  size_t spectrum_upload_bytes() const { return size_t(view_.rows / 2 + 1) * 2 * view_.columns * sizeof(Complex); }
  size_t pixels() const { return static_cast<size_t>(view_.rows) * view_.columns; }

 private:
  enum class Holds { spectrum, inverted, rows };  // as in core/session.hpp, once what waits is done

  void columns(ColumnWork work);
  void rows(RowWork work, Rule rule);
  void any_columns(ColumnWork work);
  void fast_columns(const Kernel& kernel, ColumnWork work);
  void fast_rows(const Kernel& kernel, RowWork work, Rule rule);
  void turn_rows(Rule rule);
  void invert_columns();
  void restore_spectrum();
  void use_spectrum();
  void record();
  int take_recorders(int threads);
  float normal(int column_length) const;
  int recorders(int threads) const;
  void allow_shared_memory();
  void divide_cache();
  void launch(const void* kernel, int64_t blocks, int threads, size_t shared, void** arguments, bool early = false);
  template <class... Parameters, class... Arguments>
  void simple(void (*kernel)(Parameters...), int64_t items, Arguments... arguments);
  template <class Fill>
  void upload(void* to, size_t bytes, Fill&& fill);
  void upload(void* to, const void* from, size_t bytes);
  template <class Enqueue, class Take>
  void download(size_t bytes, size_t unit, Enqueue&& enqueue, Take&& take);
  char* staged(size_t half) const { return staging_.data() + half * staging_.bytes() / 2; }
  void turn();
  void start_waiting();
  // Starts what has been waiting. Every call begins with it, but for those that may go on with that: `iterate`,
  // `inverse` and `constrain_fourier`.
  void use_device();

  const int device_;
  const Algorithm algorithm_;
  const float beta_;
  const double scale_;
  const OnChip* on_chip_;  // null where it does not pay
  Axis row_axis_, column_axis_;
  View view_ = {};
  Holds holds_ = Holds::spectrum;
  bool measured_ = false;  // a misfit that is not recorded yet
  uint64_t recorded_ = 0, taken_ = 0;
  int multiprocessors_ = 0;
  bool programmatic_ = false, rows_fit_ = false, columns_fit_ = false, fast_rows_ = false, fast_columns_ = false;
  // Iterations are started sixteen at a time, by the graph where they are not on chip, so that a loop of single ones
  // costs no more than one call for all; those that do not yet make a graph's worth wait for more, or for any other
  // call.
  Graph graph_;
  uint32_t waiting_ = 0;
  // Column work of single kernels waits too: what continues it will be done in the same pass, any other call starts it.
  // There is none while iterations wait.
  ColumnWork waiting_columns_;

  DeviceBuffer<Complex> spectrum_, scratch_;
  DeviceBuffer<float> magnitudes_, nyquist_, object_, iterate_, partials_;
  DeviceBuffer<uint32_t> support_, recorded_on_device_;
  DeviceBuffer<double> records_;
  // What comes in or goes out passes through the two halves of the staging buffer, one in use by the host and one by
  // the device, until `passed_`; what is in another form on the device, through `piece_` too, which is as large as a
  // half.
  DeviceBuffer<char> piece_;
  HostBuffer staging_;
  Event passed_[2];
  int next_half_ = 0;
  std::shared_ptr<Stopwatch> stopwatch_ = std::make_shared<Stopwatch>();
  // The first to be destroyed: what is still running uses the others.
  Stream stream_;
};

}  // namespace rephase::cuda
