// The CUDA session of a ptychographic scan, on one device and one stream. src/backends/interface.ts says what its
// operations promise and in which order they may be called; core/scan.hpp is the same on the CPU. Everything enqueues;
// only reads, writes, `wait` and the destructor wait. A session serves one thread at a time.
#pragma once
#include <memory>
#include <vector>

#include "../fft/axis.hpp"
#include "../runtime/launcher.hpp"
#include "../runtime/staging.hpp"
#include "lines.hpp"
#include "pattern_feed.hpp"
#include "rule.hpp"
#include "view.cuh"

namespace rephase::cuda {

// Where patterns are kept between the batches that use them.
enum class KeepPatterns { where_they_fit, on_device, on_host };

struct ScanProblem {
  int device, positions, rows, columns, object_rows, object_columns, modes, batch;
  ScanRule rule;
  const float* patterns;  // counts
  const uint8_t* mask;    // null where there is none
  const double* places;   // rows and columns of positions
  KeepPatterns keep = KeepPatterns::where_they_fit;
};

class Scan {
 public:
  explicit Scan(const ScanProblem& problem);
  ~Scan();
  Scan(const Scan&) = delete;

  // An upper bound of the bytes on the device that a session needs.
  static double bytes_needed(const ScanProblem& problem, bool on_host);

  // The rule from now on.
  void use(const ScanRule& rule);
  // The order of an iteration, of all positions, which `forward` and `iterate` go through from now on.
  void set_order(const uint32_t* order);

  void forward(int begin, int end);
  void constrain_fourier();
  void inverse();
  void constrain_object(bool last);
  void iterate(int begin, int end);
  void correct_positions(double most);

  std::vector<double> take_residuals();
  double model_counts();
  double measured_counts() const { return energy_; }
  void read_object(float* to);
  void write_object(const float* object);
  void read_probe(float* to);
  void write_probe(const float* probe);
  void read_positions(double* to);
  void write_positions(const double* positions);
  void read_waves(float* to);
  void write_waves(const float* waves);

  // An event behind everything enqueued so far.
  Event mark();

  // Any thread may call these, also while another one uses the session.
  void wait(const Event& event) const;
  double device_seconds() { return stopwatch_.seconds(); }
  size_t device_bytes() const { return memory_.bytes(); }
  // Page-locked.
  size_t host_bytes() const { return staging_.bytes() + orders_.bytes() + (feed_ ? feed_->host_bytes() : 0); }
  bool patterns_on_host() const { return on_host_; }
  int positions() const { return view_.positions; }
  size_t object_numbers() const { return 2 * static_cast<size_t>(view_.object_rows) * view_.object_columns; }
  size_t probe_numbers() const { return 2 * static_cast<size_t>(view_.modes) * view_.pixels(); }
  size_t pattern_numbers() const { return static_cast<size_t>(view_.positions) * view_.pixels(); }

 private:
  enum class Waves { none, transformed, inverted };

  void use_device() const;
  size_t wave_numbers(size_t count) const { return count * view_.modes * view_.pixels(); }
  void allocate_for(const ScanRule& rule);
  void allocate_shifts();
  void run(const Kernel& kernel, int64_t blocks, void** arguments);
  void rows(bool inverse, const ScanBatch& batch, WaveRowWork work, int64_t waves);
  void columns(const ScanBatch& batch, WaveColumnWork work, int64_t waves);
  void transform(const ScanBatch& batch, Complex* waves, float c);
  void constrain(const ScanBatch& batch, Complex* from, Complex* to, WaveColumnWork work);
  void transform_back(Complex* waves);
  void shift(const ScanBatch& batch, const Complex* modes, Complex* to);
  void place_probe(const ScanBatch& batch);
  void measure(const ScanBatch& batch, bool counts);
  const Kernel* on_chip(int waves, bool once) const;
  template <class F>
  void each_part(const ScanBatch& batch, int at_once, int end, F&& f);
  void through_frequency(const ScanBatch& batch, bool keeps_waves, int end);
  void pass_through_frequency(const ScanBatch& batch, const WaveRowWork& finish);
  WaveRowWork finish_work(bool keeps_waves) const;
  void gather(const ScanBatch& batch, SumWork work);
  void add_shifted_sums();
  void sum_everything(SumWork work, float* most);
  void move(MoveWork work);
  void begin_iteration();
  void begin_kept();
  void begin_batch(int begin, int end);
  void finish_batch(bool last);
  void record();
  void run_batches(int begin, int end);
  cudaGraphExec_t graph();
  void take_steps();
  void fit_waves();
  void locate_positions();
  void read(void* to, const void* from, size_t bytes);
  template <class F>
  void each_chunk(F&& f);
  template <class F>
  void each_fed_batch(F&& f);
  Most object_most() const { return {most_, object_blocks_}; }
  Most probe_most() const { return {most_ + object_blocks_, probe_blocks_}; }

  const int device_;
  const bool on_host_;  // patterns
  const int batch_size_;
  ScanRule rule_;
  Stopwatch stopwatch_;
  Stream stream_;
  DeviceMemory memory_;
  const Launcher launcher_;
  const ScanPasses *row_passes_, *column_passes_;  // null where the length has no plan of its own
  Axis row_axis_, column_axis_;
  ScanPasses any_rows_, any_columns_;
  std::vector<ScanOnChip> on_chip_;
  ScanView view_ = {};
  bool shifts_ = false;    // positions may lie between pixels
  bool has_kept_ = false;  // kept waves are those of object and probe, or follow from them
  Waves holds_ = Waves::none;
  bool computed_ = false;     // waves are what `forward` left, not the caller's
  bool has_changes_ = false;  // `moved` has what the Fourier constraint changes them by
  ScanBatch batch_ = {};
  double energy_ = 0;  // counts of all measured pixels
  int object_blocks_, probe_blocks_;
  uint32_t* order_ = nullptr;
  Place *ordered_ = nullptr, *everywhere_ = nullptr;  // positions in the order of the iteration, and as numbered
  bool* covered_ = nullptr;                           // [tile] by the batch
  double *positions_ = nullptr, *moves_ = nullptr, *records_ = nullptr, *counts_ = nullptr;
  float *most_ = nullptr, *whole_illumination_ = nullptr, *whole_most_ = nullptr, *normals_ = nullptr,
        *steps_ = nullptr;
  uint64_t recorded_ = 0, taken_ = 0;
  // A whole iteration.
  struct IterationGraph {
    ScanRule rule;
    bool shifts;
    Graph graph;
  };
  std::vector<IterationGraph> graphs_;
  Staging staging_, orders_;
  uint8_t* piece_ = nullptr;
  std::unique_ptr<PatternFeed> feed_;  // null where patterns are on the device
  // Destroyed first, which waits: running work uses the other members.
  const std::unique_ptr<CUstream_st, CallAtEnd<cudaStreamSynchronize>> work_{stream_.get()};
};

}  // namespace rephase::cuda
