// What the peers on plain cuFFT share: cuFFT itself, opened when the program runs, so that building needs nvcc only;
// and one way of using it, timed in a CUDA graph.
#pragma once
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gs_cufft.hpp"

inline void require(int status, const char* doing) {
  if (status != 0) throw std::runtime_error("error " + std::to_string(status) + " while " + doing);
}

// Converts to the type of the function that it is assigned to.
struct Symbol {
  void* address;
  template <class F>
  operator F*() const {
    return reinterpret_cast<F*>(address);
  }
};

inline Symbol find(const char* name) {
  static void* const library = [] {
    const char* const own = std::getenv("REPHASE_CUFFT");
    for (const char* path : {own, "libcufft.so.12", "libcufft.so.11", "/usr/local/cuda/lib64/libcufft.so"})
      if (void* const opened = path ? dlopen(path, RTLD_NOW) : nullptr) return opened;
    throw std::runtime_error("cuFFT was not found (REPHASE_CUFFT may name its library)");
  }();
  void* const address = dlsym(library, name);
  if (!address) throw std::runtime_error(std::string("cuFFT has no ") + name);
  return {address};
}

// The functions and constants that the peer uses, as cufft.h declares them.
struct Cufft {
  int (*create)(int*) = find("cufftCreate");
  int (*destroy)(int) = find("cufftDestroy");
  int (*set_auto_allocation)(int, int) = find("cufftSetAutoAllocation");
  int (*set_work_area)(int, void*) = find("cufftSetWorkArea");
  int (*set_stream)(int, cudaStream_t) = find("cufftSetStream");
  int (*get_version)(int*) = find("cufftGetVersion");
  int (*make_2d)(int, int, int, int, size_t*) = find("cufftMakePlan2d");
  int (*make_many)(int, int, int*, int*, int, int, int*, int, int, int, int, size_t*) = find("cufftMakePlanMany");
  int (*execute_r2c)(int, float*, float2*) = find("cufftExecR2C");
  int (*execute_c2r)(int, float2*, float*) = find("cufftExecC2R");
  int (*execute_c2c)(int, float2*, float2*, int) = find("cufftExecC2C");
};
constexpr int kR2C = 0x2a, kC2R = 0x2c, kC2C = 0x29;
constexpr int kForward = -1, kInverse = 1;

inline const Cufft& cufft() {
  static const Cufft library;
  return library;
}

inline unsigned blocks(size_t count) {
  return static_cast<unsigned>((count + 255) / 256);
}

inline size_t round_up(size_t value, size_t to) {
  return (value + to - 1) / to * to;
}

// From 0 to 1, the same for the same index and seed.
static __device__ float noise(unsigned index, unsigned seed) {
  unsigned x = index * 747796405u + seed;
  x ^= x >> 16;
  x *= 2246822519u;
  x ^= x >> 13;
  return (x & 0xffffff) / 16777216.f;
}

static __global__ void impose(float2* spectrum, const float* magnitudes, size_t count) {
  const size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x;
  if (i >= count) return;
  const float2 c = spectrum[i];
  const float square = c.x * c.x + c.y * c.y, m = magnitudes[i], gain = square > 0 ? m * rsqrtf(square) : 0;
  spectrum[i] = square > 0 ? make_float2(c.x * gain, c.y * gain) : make_float2(m, 0);
}

// One way of using cuFFT. A class derived from it plans, allocates, and enqueues an iteration.
class CufftWay : public CufftPeer {
 public:
  ~CufftWay() override {
    if (graph_) cudaGraphExecDestroy(graph_);
    for (const int plan : plans_) cufft().destroy(plan);
    for (void* memory : owned_) cudaFree(memory);
    if (stream_) cudaStreamDestroy(stream_);
  }
  CufftWay(const CufftWay&) = delete;

  // Throws where cuFFT, or the memory, refuses.
  virtual void prepare() = 0;

  void run(int iterations) override {
    for (int i = 0; i < iterations; i += kIterations) require(cudaGraphLaunch(graph_, stream_), "launching the graph");
  }
  void wait() override { require(cudaStreamSynchronize(stream_), "running the graph"); }

  // Sets `microseconds` to the least of five batches of 20 ms or more.
  void time() {
    microseconds = std::numeric_limits<double>::infinity();
    for (int batch = 0, iterations = kIterations; batch < 5;) {
      const double all = time_us([&] {
        run(iterations);
        wait();
      });
      if (all < 20e3) {
        iterations *= 2;
      } else {
        microseconds = std::min(microseconds, all / iterations);
        batch++;
      }
    }
  }

  // The first row of the spectrum after one iteration, which depends on every pixel.
  const std::vector<float2>& first_row() const { return first_row_; }

 protected:
  CufftWay() { require(cudaStreamCreate(&stream_), "making a stream"); }

  virtual void forward() = 0;
  virtual void iterate() = 0;

  // A plan without a workspace.
  int new_plan() {
    int plan;
    require(cufft().create(&plan), "creating a plan");
    plans_.push_back(plan);
    require(cufft().set_auto_allocation(plan, 0), "creating a plan");
    return plan;
  }

  // After planning.
  void give(int plan, void* workspace) {
    require(cufft().set_work_area(plan, workspace), "giving a workspace");
    require(cufft().set_stream(plan, stream_), "choosing a stream");
  }

  // Memory of these sizes: `one` allocation, or one for each.
  std::vector<char*> allocate(const std::vector<size_t>& sizes, bool one) {
    std::vector<char*> parts;
    size_t all = 0;
    for (const size_t size : sizes) all += round_up(size, 1024);
    char* next = one ? own(all) : nullptr;
    for (const size_t size : sizes) {
      parts.push_back(one ? next : own(size));
      next += one ? round_up(size, 1024) : 0;
    }
    return parts;
  }

  // Computes one iteration to be compared, and records the graph. `width`: numbers of the first row.
  void record(const float2* spectrum, int width) {
    forward();
    iterate();
    first_row_.resize(width);
    require(cudaMemcpyAsync(first_row_.data(), spectrum, width * sizeof(float2), cudaMemcpyDeviceToHost, stream_),
            "reading");
    wait();
    cudaGraph_t graph;
    require(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal), "recording");
    for (int i = 0; i < kIterations; i++) iterate();
    require(cudaStreamEndCapture(stream_, &graph), "recording");
    require(cudaGraphInstantiate(&graph_, graph, 0), "recording");
    cudaGraphDestroy(graph);
    run(2 * kIterations);
    wait();
  }

  cudaStream_t stream_ = nullptr;

 private:
  char* own(size_t bytes) {
    void* memory = nullptr;
    if (bytes == 0) return nullptr;
    require(cudaMalloc(&memory, bytes), "allocating");
    owned_.push_back(memory);
    return static_cast<char*>(memory);
  }

  std::vector<int> plans_;
  std::vector<void*> owned_;
  cudaGraphExec_t graph_ = nullptr;
  std::vector<float2> first_row_;
};

// A way that transforms something else may be fast.
inline bool same(const std::vector<float2>& a, const std::vector<float2>& b) {
  double difference = 0, energy = 0;
  for (size_t i = 0; i < a.size(); i++) {
    difference += std::pow(a[i].x - b[i].x, 2) + std::pow(a[i].y - b[i].y, 2);
    energy += std::pow(b[i].x, 2) + std::pow(b[i].y, 2);
  }
  return difference <= 1e-4 * energy;
}

// The fastest of these ways, each of which is made, timed, and dropped where another is faster.
template <class Make>
std::unique_ptr<CufftPeer> fastest_of(int n, int batch, const std::vector<Make>& ways) {
  std::vector<float2> expected;
  std::unique_ptr<CufftPeer> fastest;
  for (const Make& make : ways) {
    std::unique_ptr<CufftWay> tried = make();
    std::fprintf(stderr, "gs_cufft: %d x %d x %d, %s: ", n, n, batch, tried->way.c_str());
    try {
      tried->prepare();
      if (expected.empty()) expected = tried->first_row();
      if (!same(tried->first_row(), expected)) throw std::runtime_error("its results differ");
      tried->time();
      std::fprintf(stderr, "%.3f us\n", tried->microseconds);
      if (!fastest || tried->microseconds < fastest->microseconds) fastest = std::move(tried);
    } catch (const std::runtime_error& error) {
      // cuFFT, or the memory, refuses this way.
      std::fprintf(stderr, "%s\n", error.what());
    }
  }
  if (!fastest) throw std::runtime_error("cuFFT refused every way of this size");
  return fastest;
}
