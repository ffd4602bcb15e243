// Patterns that stay on the host, page-locked. A kernel on a stream of its own brings them to one of two places on the
// device: the next ones come while the session's stream works on those before, and each number crosses the bus once
// every time that its pattern is worked on.
#pragma once
#include "../runtime/launcher.hpp"
#include "../runtime/memory.hpp"
#include "view.cuh"

namespace rephase::cuda {

class PatternFeed {
 public:
  // `size`: numbers of a pattern. `most`: patterns that are brought together.
  PatternFeed(int positions, size_t size, int most, DeviceMemory& memory, const cudaDeviceProp& device,
              cudaStream_t session, Stopwatch& stopwatch)
      : session_(session),
        stream_(make_stream()),
        launcher_(device, stream_.get(), stopwatch),
        size_(size),
        bytes_(positions * size * sizeof(float)),
        host_(allocate_on_host(bytes_)),
        work_(stream_.get()) {
    for (Half& half : halves_) half = {memory.allocate<float>(most * size), make_event(), make_event()};
  }

  // All of them, which kernels reach as well.
  float* host() const { return reinterpret_cast<float*>(host_.get()); }
  size_t host_bytes() const { return bytes_; }

  // Before the first `take` of a run: both places are free once the session's stream has come here. A run that has
  // failed may have left patterns on their way that nobody took.
  void begin();
  // The patterns of a part are there for what the session's stream is given next, and those of the part that follows,
  // if it has any, are on their way.
  const float* take(const ScanBatch& part, const ScanBatch& next);
  // The session's stream has been given all that uses the part that was taken last.
  void release();

 private:
  struct Half {
    float* at;
    Event came, used;
  };

  void bring(const ScanBatch& part, const Half& half);

  const cudaStream_t session_;
  const Stream stream_;
  const Launcher launcher_;
  const size_t size_, bytes_;
  const HostMemory host_;
  Half halves_[2];
  int current_ = 0;
  bool is_ahead_ = false;  // the patterns of the next part are on their way
  // Destroyed first, which waits.
  const std::unique_ptr<CUstream_st, CallAtEnd<cudaStreamSynchronize>> work_;
};

}  // namespace rephase::cuda
