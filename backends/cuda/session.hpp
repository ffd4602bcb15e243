// The CUDA session: one problem, or a batch of starts of it, on one device and one stream. What its operations promise,
// and the order in which they may be called, src/backend.ts says; core/session.hpp is the same on the CPU. Everything
// enqueues; only `wait`, uploads and the destructor wait.
#pragma once
#include <memory>
#include <tuple>
#include <vector>

#include "axis.hpp"
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

struct Copies {
  uint64_t uploads = 0, uploaded_bytes = 0, downloads = 0, downloaded_bytes = 0;
};

// A copy to the host that is under way: `bytes` of `staging` are valid once `done` has happened.
struct Download {
  HostBuffer staging;
  size_t bytes = 0;
  cudaEvent_t done = nullptr;
  Download() = default;
  Download(const Download&) = delete;
  ~Download();
};

class Session {
 public:
  explicit Session(const Problem& problem);
  ~Session();
  Session(const Session&) = delete;

  // Bytes on the device that a session needs, at most.
  static double bytes_needed(const Problem& problem);

  void inverse();
  void constrain_object(bool first);
  void forward();
  void constrain_fourier();
  void iterate(uint32_t count, bool first);
  void settle();

  // Records since the last call, [record][start]; the newest kRecords.
  std::unique_ptr<Download> take_residuals();
  // `count` pixels from the `first` on, in scaled units.
  std::unique_ptr<Download> read_object(int start, size_t first, size_t count);
  void write_object(int start, const float* object, bool as_iterate);
  // The full spectrum, interleaved, at its true size.
  std::unique_ptr<Download> read_spectrum(int start);
  void write_spectrum(int start, const float* spectrum);

  // An event behind everything enqueued so far; the caller destroys it.
  cudaEvent_t mark();
  size_t bytes() const;
  size_t host_bytes() const { return upload_.bytes(); }
  const Copies& copies() const { return copies_; }
  // On the device, from the first kernel of the session's calls to what was last waited for.
  double device_seconds() { return stopwatch_.seconds(); }
  size_t pixels() const { return static_cast<size_t>(view_.rows) * view_.columns; }
  double scale() const { return scale_; }

 private:
  enum class Holds { spectrum, inverted, rows };  // as in core/session.hpp

  void columns(ColumnWork work);
  void rows(RowWork work, Rule rule, bool record);
  void turn_columns();
  void turn_rows(Rule rule, bool record);
  void restore_spectrum();
  void record();
  float normal(int column_length) const;
  int recorders(int threads) const;
  void allow_shared_memory();
  void launch(const void* kernel, int64_t blocks, int threads, size_t shared, void** arguments, bool early = false);
  template <class... Parameters, class... Arguments>
  void simple(void (*kernel)(Parameters...), int64_t items, Arguments... arguments);
  void upload(void* to, const void* from, size_t bytes);
  std::unique_ptr<Download> begin_download(size_t bytes);
  void need_spectrum_rows();
  void turn();
  // Every call but `iterate` begins with it: it starts the iterations that have been waiting.
  void use_device();

  const int device_;
  const Algorithm algorithm_;
  const float beta_;
  const double scale_;
  cudaStream_t stream_ = nullptr;
  Axis row_axis_, column_axis_;
  View view_ = {};
  Holds holds_ = Holds::spectrum;
  uint64_t recorded_ = 0, taken_ = 0;
  int multiprocessors_ = 0;
  bool programmatic_ = false, rows_fit_ = false, columns_fit_ = false, fast_rows_ = false, fast_columns_ = false;
  unsigned rows_ahead_ = 0, columns_ahead_ = 0;  // blocks, see passes.cuh
  // Iterations are started by the graph, so that a loop of single ones costs no more than one call for all; those that
  // do not yet make a graph's worth wait for more, or for any other call.
  cudaGraphExec_t graph_ = nullptr;
  uint32_t waiting_ = 0;

  DeviceBuffer<Complex> spectrum_, scratch_, spectrum_rows_;
  DeviceBuffer<float> magnitudes_, nyquist_, object_, iterate_, partials_;
  DeviceBuffer<uint32_t> support_, recorded_on_device_;
  DeviceBuffer<double> records_;
  HostBuffer upload_;
  cudaEvent_t uploaded_[2] = {};
  Stopwatch stopwatch_;
  Copies copies_;
};

}  // namespace rephase::cuda
