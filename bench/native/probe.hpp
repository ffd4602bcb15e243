// Measures what single calls into CUDA cost, for the benchmarks.
#pragma once
#include "../../backends/cuda/runtime/handles.hpp"
#include "../../backends/cuda/runtime/memory.hpp"
#include "../../backends/cuda/runtime/stopwatch.hpp"

namespace rephase::cuda {

class Probe {
 public:
  static constexpr int kGraphKernels = 32;  // as many as a session's graph has

  explicit Probe(int device);

  // Empty kernels, one after another, and graphs of kGraphKernels of them.
  void launch(int count);
  void launch_graph(int count);
  void synchronize();
  // The time of everything that was launched, on the device's clock.
  double device_seconds();

  // Seconds of one copy, waited for, by the host's clock: from or to `array`, which is pageable, or from or to page-locked
  // memory of the probe.
  double copy_seconds(void* array, size_t bytes, bool up, bool page_locked);
  // Seconds to get and give back page-locked memory.
  static double page_lock_seconds(size_t bytes);
  // Free device memory, as the driver sees it.
  static size_t free_bytes();

 private:
  Graph graph_;
  Stopwatch stopwatch_;
  std::unique_ptr<DeviceMemory> device_memory_ = std::make_unique<DeviceMemory>();
  char* device_ = nullptr;
  HostMemory host_;
  size_t host_bytes_ = 0;
  Stream stream_;
};

}  // namespace rephase::cuda
