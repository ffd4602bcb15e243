// Gerchberg-Saxton on plain cuFFT, as a good CUDA engineer writes it: R2C and C2R, one pointwise kernel after each
// transform, a CUDA graph of ten iterations. The strongest peer without kernels of its own for the transform.
#pragma once
#include <memory>
#include <string>
#include <vector>

class CufftPeer {
 public:
  // Iterations in a graph. `run` takes multiples of it, so that what is counted is what was done.
  static constexpr int kIterations = 10;

  // Times every way of using cuFFT that is known here, and keeps the fastest.
  CufftPeer(int rows, int columns, int batch);
  ~CufftPeer();
  CufftPeer(const CufftPeer&) = delete;

  // Enqueues.
  void run(int iterations);
  void wait();

  struct Trial {
    std::string way;
    double microseconds;  // an iteration; 0 where cuFFT refused
  };
  const std::vector<Trial>& trials() const { return trials_; }
  // The one that was kept.
  const Trial& fastest() const { return trials_[fastest_]; }

  // Of cuFFT, such as "12.0.0".
  static std::string version();

 private:
  class Way;
  std::unique_ptr<Way> kept_;
  std::vector<Trial> trials_;
  size_t fastest_ = 0;
};
