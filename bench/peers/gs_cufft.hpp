// Gerchberg-Saxton on plain cuFFT, as a good CUDA engineer writes it: R2C and C2R, one pointwise kernel after each
// transform, a CUDA graph of ten iterations. The strongest peer without kernels of its own for the transform.
#pragma once
#include <chrono>
#include <memory>
#include <string>

class CufftPeer {
 public:
  // Iterations in a graph. `run` takes multiples of it.
  static constexpr int kIterations = 10;

  virtual ~CufftPeer() = default;
  // Enqueues.
  virtual void run(int iterations) = 0;
  virtual void wait() = 0;

  // How it uses cuFFT, and what an iteration takes.
  std::string way;
  double microseconds = 0;
};

// Times the ways of using cuFFT for a batch of n × n images, and returns the fastest. Prints all of them to stderr.
std::unique_ptr<CufftPeer> fastest_cufft(int n, int batch);
// The same for complex objects, with a support.
std::unique_ptr<CufftPeer> fastest_complex_cufft(int n, int batch);

// Of cuFFT, such as "12.0.0".
std::string cufft_version();

// Microseconds until `work` returns.
template <class Work>
double time_us(const Work& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began).count();
}

// Bytes a second of a large device-to-device copy, which reads and writes.
double copy_bandwidth();
