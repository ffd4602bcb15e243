// Copies arrays between host and device in pieces, through the two halves of a page-locked buffer: the host fills or
// reads one half while the device copies the other.
#pragma once
#include <algorithm>
#include <cstring>

#include "memory.hpp"
#include "stopwatch.hpp"

namespace rephase::cuda {

class Staging {
 public:
  Staging(cudaStream_t stream, Stopwatch& stopwatch, size_t half)
      : stream_(stream), stopwatch_(stopwatch), half_(half), buffer_(allocate_on_host(2 * half)) {
    for (Event& event : copied_) event = make_event();
  }

  size_t half() const { return half_; }
  size_t bytes() const { return 2 * half_; }

  // fill(staged, at, count) writes the `count` bytes that begin at byte `at`.
  template <class Fill>
  void upload(void* to, size_t bytes, Fill&& fill) {
    for (size_t at = 0; at < bytes; at += half_) {
      const size_t count = std::min(half_, bytes - at);
      char* const staged = buffer_.get() + next_ * half_;
      cudaEvent_t copied = copied_[next_].get();
      check(cudaEventSynchronize(copied), "uploading");
      fill(staged, at, count);
      check(cudaMemcpyAsync(static_cast<char*>(to) + at, staged, count, cudaMemcpyHostToDevice, stream_), "uploading");
      check(cudaEventRecord(copied, stream_), "uploading");
      next_ ^= 1;
    }
  }

  void upload(void* to, const void* from, size_t bytes) {
    upload(to, bytes, [&](char* staged, size_t at, size_t count) {
      std::memcpy(staged, static_cast<const char*>(from) + at, count);
    });
  }

  // Downloads pieces of whole units. from(at, count) returns where the device has the `count` bytes that begin at byte
  // `at`; it may enqueue what puts them there. read(staged, at, count) takes them while the next are on their way.
  template <class From, class Read>
  void download(size_t bytes, size_t unit, From&& from, Read&& read) {
    const size_t piece = half_ / unit * unit, pieces = (bytes + piece - 1) / piece;
    const auto staged = [&](size_t i) { return buffer_.get() + i % 2 * half_; };
    const auto count = [&](size_t i) { return std::min(piece, bytes - i * piece); };
    for (size_t i = 0; i <= pieces; i++) {
      if (i < pieces) {
        const void* const source = from(i * piece, count(i));
        check(cudaMemcpyAsync(staged(i), source, count(i), cudaMemcpyDeviceToHost, stream_), "copying results");
        check(cudaEventRecord(copied_[i % 2].get(), stream_), "copying results");
        if (i == pieces - 1) stopwatch_.stop(stream_);
      }
      if (i == 0) continue;
      check(cudaEventSynchronize(copied_[(i - 1) % 2].get()), "copying results");
      read(staged(i - 1), (i - 1) * piece, count(i - 1));
    }
  }

 private:
  cudaStream_t stream_;
  Stopwatch& stopwatch_;
  size_t half_;
  HostMemory buffer_;
  Event copied_[2];
  int next_ = 0;
};

}  // namespace rephase::cuda
