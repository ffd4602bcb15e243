// Gerchberg-Saxton on plain cuFFT, as a good CUDA engineer writes it: R2C and C2R, one pointwise kernel after each
// transform, a CUDA graph of ten iterations. The strongest peer without kernels of its own for the transform.
#pragma once
#include <chrono>
#include <memory>
#include <string>

class CufftPeer {
 public:
  // Iterations in a graph. `run` takes multiples of it, so that what is counted is what was done.
  static constexpr int kIterations = 10;

  // Times the ways of using cuFFT for a batch of n × n images, and keeps the fastest. Prints all of them to stderr.
  CufftPeer(int n, int batch);
  ~CufftPeer();
  CufftPeer(const CufftPeer&) = delete;

  // Enqueues.
  void run(int iterations);
  void wait();

  // The way that was kept, and what an iteration takes.
  std::string way;
  double microseconds = 0;

  // Of cuFFT, such as "12.0.0".
  static std::string version();

 private:
  class Way;
  std::unique_ptr<Way> kept_;
};

// Microseconds until `work` returns.
template <class Work>
double time_us(const Work& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began).count();
}

// Bytes a second of a large device-to-device copy, which reads and writes.
double copy_bandwidth();
