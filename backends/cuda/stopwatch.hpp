// Time on the device's own clock, in stretches: from the first work after somebody waited to the next wait. Two events
// a stretch, however many kernels are in it; what the device waits for the host in between counts. `seconds` may be
// asked for on any thread, the rest is for whoever enqueues.
#pragma once
#include <deque>
#include <mutex>
#include <vector>

#include "check.hpp"

namespace rephase::cuda {

class Stopwatch {
 public:
  Stopwatch() = default;
  Stopwatch(const Stopwatch&) = delete;
  ~Stopwatch() {
    discard();
    for (const auto& [begin, end] : stretches_) free_.insert(free_.end(), {begin, end});
    for (const cudaEvent_t event : free_) cudaEventDestroy(event);
  }

  void start(cudaStream_t stream) {
    if (running_) return;
    const std::lock_guard lock(mutex_);
    begun_ = record(stream);
    running_ = true;
  }

  void stop(cudaStream_t stream) {
    if (!running_) return;
    const std::lock_guard lock(mutex_);
    stretches_.push_back({begun_, record(stream)});
    running_ = false;
    collect();
  }

  // Forgets a stretch that has begun.
  void discard() {
    if (!running_) return;
    const std::lock_guard lock(mutex_);
    free_.push_back(begun_);
    running_ = false;
  }

  // Of the stretches that are over.
  double seconds() {
    const std::lock_guard lock(mutex_);
    collect();
    return seconds_;
  }

 private:
  struct Stretch {
    cudaEvent_t begin, end;
  };

  cudaEvent_t record(cudaStream_t stream) {
    cudaEvent_t event = nullptr;
    if (free_.empty()) {
      check(cudaEventCreateWithFlags(&event, cudaEventDefault), "making an event");
    } else {
      event = free_.back();
      free_.pop_back();
    }
    const cudaError_t status = cudaEventRecord(event, stream);
    if (status != cudaSuccess) free_.push_back(event);
    check(status, "marking the stream");
    return event;
  }

  void collect() {
    while (!stretches_.empty()) {
      const auto [begin, end] = stretches_.front();
      const cudaError_t status = cudaEventQuery(end);
      if (status == cudaErrorNotReady) return;
      check(status, "reading the device's clock");
      float milliseconds = 0;
      check(cudaEventElapsedTime(&milliseconds, begin, end), "reading the device's clock");
      seconds_ += milliseconds / 1000;
      free_.insert(free_.end(), {begin, end});
      stretches_.pop_front();
    }
  }

  std::mutex mutex_;
  std::deque<Stretch> stretches_;
  std::vector<cudaEvent_t> free_;
  cudaEvent_t begun_ = nullptr;
  bool running_ = false;
  double seconds_ = 0;
};

}  // namespace rephase::cuda
