// Measures time on the device's own clock, from the first work after a wait to the next wait: two events for each such
// stretch, however many kernels are in it. Time in which the device waits for the host within a stretch counts.
// `seconds` may be called on any thread; the other methods are for the thread that enqueues.
#pragma once
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "handles.hpp"

namespace rephase::cuda {

class Stopwatch {
 public:
  void start(cudaStream_t stream) {
    if (begun_) return;
    const std::lock_guard lock(mutex_);
    begun_ = record(stream);
  }

  void stop(cudaStream_t stream) {
    if (!begun_) return;
    const std::lock_guard lock(mutex_);
    Event end = record(stream);
    stretches_.emplace_back(std::move(begun_), std::move(end));
    collect();
  }

  // Forgets a stretch that has begun.
  void discard() {
    const std::lock_guard lock(mutex_);
    begun_ = nullptr;
  }

  // The total of the stretches that are over.
  double seconds() {
    const std::lock_guard lock(mutex_);
    collect();
    return seconds_;
  }

 private:
  // Events are used again: making one takes longer than recording it.
  Event record(cudaStream_t stream) {
    Event event;
    if (unused_.empty()) {
      event = make_event(cudaEventDefault);
    } else {
      event = std::move(unused_.back());
      unused_.pop_back();
    }
    check(cudaEventRecord(event.get(), stream), "marking the stream");
    return event;
  }

  void collect() {
    while (!stretches_.empty()) {
      auto& [begin, end] = stretches_.front();
      const cudaError_t status = cudaEventQuery(end.get());
      if (status == cudaErrorNotReady) return;
      check(status, "reading the device's clock");
      float milliseconds = 0;
      check(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()), "reading the device's clock");
      seconds_ += milliseconds / 1000;
      unused_.push_back(std::move(begin));
      unused_.push_back(std::move(end));
      stretches_.pop_front();
    }
  }

  std::mutex mutex_;
  std::deque<std::pair<Event, Event>> stretches_;
  std::vector<Event> unused_;
  Event begun_;  // of the stretch that has begun, null where none has
  double seconds_ = 0;
};

}  // namespace rephase::cuda
