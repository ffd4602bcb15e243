// Copies arrays between host and device in pieces, through the two halves of a page-locked buffer: the host fills or
// reads one half while the device copies the other.
#pragma once
#include <algorithm>
#include <cstring>

#include "handles.hpp"
#include "memory.hpp"
#include "stopwatch.hpp"

namespace rephase::cuda {

class Staging {
 public:
  Staging() = default;
  explicit Staging(size_t half) : buffer_(2 * half), half_(half) {
    for (Event& event : copied_) event = make_event();
  }

  size_t half() const { return half_; }
  size_t bytes() const { return buffer_.bytes(); }

  // fill(staged, at, count) writes the `count` bytes that begin at byte `at`.
  template <class Fill>
  void upload(cudaStream_t stream, void* to, size_t bytes, Fill&& fill) {
    for (size_t at = 0; at < bytes; at += half_) {
      const size_t count = std::min(half_, bytes - at);
      char* const staged = buffer_.data() + next_ * half_;
      cudaEvent_t copied = copied_[next_].get();
      check(cudaEventSynchronize(copied), "uploading");
      fill(staged, at, count);
      check(cudaMemcpyAsync(static_cast<char*>(to) + at, staged, count, cudaMemcpyHostToDevice, stream), "uploading");
      check(cudaEventRecord(copied, stream), "uploading");
      next_ ^= 1;
    }
  }

  void upload(cudaStream_t stream, void* to, const void* from, size_t bytes) {
    upload(stream, to, bytes, [&](char* staged, size_t at, size_t count) {
      std::memcpy(staged, static_cast<const char*>(from) + at, count);
    });
  }

  // In pieces of whole units: enqueue(staged, at, count) copies the `count` bytes that begin at byte `at` there, and
  // read(staged, at, count) takes them from there while the next are on their way.
  template <class Enqueue, class Read>
  void download(cudaStream_t stream, Stopwatch& stopwatch, size_t bytes, size_t unit, Enqueue&& enqueue, Read&& read) {
    const size_t piece = half_ / unit * unit, pieces = (bytes + piece - 1) / piece;
    const auto staged = [&](size_t i) { return buffer_.data() + i % 2 * half_; };
    const auto count = [&](size_t i) { return std::min(piece, bytes - i * piece); };
    for (size_t i = 0; i <= pieces; i++) {
      if (i < pieces) {
        enqueue(staged(i), i * piece, count(i));
        check(cudaEventRecord(copied_[i % 2].get(), stream), "copying results");
        if (i == pieces - 1) stopwatch.stop(stream);
      }
      if (i == 0) continue;
      check(cudaEventSynchronize(copied_[(i - 1) % 2].get()), "copying results");
      read(staged(i - 1), (i - 1) * piece, count(i - 1));
    }
  }

 private:
  HostBuffer buffer_;
  size_t half_ = 0;
  Event copied_[2];
  int next_ = 0;
};

}  // namespace rephase::cuda
