// Gerchberg-Saxton on plain cuFFT as a good CUDA engineer writes it: R2C and C2R, one pointwise kernel after each
// transform, ten iterations in a CUDA graph. cuFFT is opened when the program runs, because the backend does not need
// it and neither does building this.
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <cstdlib>

#include "../../backends/cuda/runtime/check.hpp"
#include "cufft_peer.hpp"

namespace {

using rephase::cuda::check;

__global__ void clear_negative(float* image, size_t count, float scale) {
  const size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x;
  if (i >= count / 4) return;
  float4 v = reinterpret_cast<float4*>(image)[i];
  v.x = v.x < 0 ? 0 : v.x * scale;
  v.y = v.y < 0 ? 0 : v.y * scale;
  v.z = v.z < 0 ? 0 : v.z * scale;
  v.w = v.w < 0 ? 0 : v.w * scale;
  reinterpret_cast<float4*>(image)[i] = v;
}

// A last piece that makes no four.
__global__ void clear_rest(float* image, size_t count, float scale) {
  const size_t i = count / 4 * 4 + threadIdx.x;
  if (i < count) image[i] = image[i] < 0 ? 0 : image[i] * scale;
}

__global__ void impose(float2* spectrum, const float* magnitudes, size_t count) {
  const size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x;
  if (i >= count) return;
  const float2 c = spectrum[i];
  const float square = c.x * c.x + c.y * c.y, m = magnitudes[i], gain = square > 0 ? m * rsqrtf(square) : 0;
  spectrum[i] = square > 0 ? make_float2(c.x * gain, c.y * gain) : make_float2(m, 0);
}

__global__ void fill(float* p, size_t count, unsigned seed) {
  const size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x;
  if (i >= count) return;
  unsigned x = static_cast<unsigned>(i) * 747796405u + seed;
  x ^= x >> 16;
  x *= 2246822519u;
  x ^= x >> 13;
  p[i] = (x & 0xffffff) / 16777216.f;
}

template <class F>
F find(void* library, const char* name) {
  void* const symbol = library ? dlsym(library, name) : nullptr;
  if (!symbol)
    throw rephase::cuda::DeviceError(std::string("cuFFT was not found (REPHASE_CUFFT may name it): ") + name);
  return reinterpret_cast<F>(symbol);
}

void* open_cufft() {
  if (const char* path = std::getenv("REPHASE_CUFFT")) return dlopen(path, RTLD_NOW);
  for (const char* name : {"libcufft.so.12", "libcufft.so.11", "libcufft.so", "/usr/local/cuda/lib64/libcufft.so"})
    if (void* library = dlopen(name, RTLD_NOW)) return library;
  return nullptr;
}

void require(int status, const char* doing) {
  if (status != 0) throw rephase::cuda::DeviceError(std::string("cuFFT failed while ") + doing);
}

int blocks(size_t count) {
  return static_cast<int>((count + 255) / 256);
}

}  // namespace

struct CufftPeer::State {
  cudaStream_t stream;
  cudaGraphExec_t graph;
  float *image, *magnitudes;
  float2* spectrum;
  int forward, inverse;
  int (*destroy)(int);
};

CufftPeer::CufftPeer(int rows, int columns, int batch) : state_(new State) {
  static void* const library = open_cufft();
  const auto plan_many =
      find<int (*)(int*, int, int*, int*, int, int, int*, int, int, int, int)>(library, "cufftPlanMany");
  const auto set_stream = find<int (*)(int, cudaStream_t)>(library, "cufftSetStream");
  const auto execute_r2c = find<int (*)(int, float*, float2*)>(library, "cufftExecR2C");
  const auto execute_c2r = find<int (*)(int, float2*, float*)>(library, "cufftExecC2R");
  State& s = *state_;
  s.destroy = find<int (*)(int)>(library, "cufftDestroy");
  const size_t pixels = size_t(rows) * columns * batch, half = size_t(rows) * (columns / 2 + 1) * batch;
  check(cudaStreamCreate(&s.stream), "making a stream");
  check(cudaMalloc(&s.image, pixels * sizeof(float)), "allocating");
  check(cudaMalloc(&s.spectrum, half * sizeof(float2)), "allocating");
  check(cudaMalloc(&s.magnitudes, half * sizeof(float)), "allocating");
  fill<<<blocks(half), 256, 0, s.stream>>>(s.magnitudes, half, 1);
  fill<<<blocks(2 * half), 256, 0, s.stream>>>(reinterpret_cast<float*>(s.spectrum), 2 * half, 7);
  int shape[] = {rows, columns};
  require(plan_many(&s.forward, 2, shape, nullptr, 1, 0, nullptr, 1, 0, 0x2a, batch), "planning");
  require(plan_many(&s.inverse, 2, shape, nullptr, 1, 0, nullptr, 1, 0, 0x2c, batch), "planning");
  require(set_stream(s.forward, s.stream), "choosing a stream");
  require(set_stream(s.inverse, s.stream), "choosing a stream");
  const auto iterate = [&] {
    require(execute_c2r(s.inverse, s.spectrum, s.image), "transforming");
    clear_negative<<<blocks(pixels / 4), 256, 0, s.stream>>>(s.image, pixels, 1 / (rows * float(columns)));
    if (pixels % 4) clear_rest<<<1, 4, 0, s.stream>>>(s.image, pixels, 1 / (rows * float(columns)));
    require(execute_r2c(s.forward, s.image, s.spectrum), "transforming");
    impose<<<blocks(half), 256, 0, s.stream>>>(s.spectrum, s.magnitudes, half);
  };
  iterate();
  check(cudaStreamSynchronize(s.stream), "running the peer once");
  cudaGraph_t graph;
  check(cudaStreamBeginCapture(s.stream, cudaStreamCaptureModeGlobal), "recording");
  for (int i = 0; i < kIterations; i++) iterate();
  check(cudaStreamEndCapture(s.stream, &graph), "recording");
  check(cudaGraphInstantiate(&s.graph, graph, 0), "recording");
  cudaGraphDestroy(graph);
}

CufftPeer::~CufftPeer() {
  State& s = *state_;
  s.destroy(s.forward);
  s.destroy(s.inverse);
  cudaGraphExecDestroy(s.graph);
  cudaFree(s.image);
  cudaFree(s.spectrum);
  cudaFree(s.magnitudes);
  cudaStreamDestroy(s.stream);
  delete state_;
}

void CufftPeer::run(int iterations) {
  for (int i = 0; i < iterations; i += kIterations)
    check(cudaGraphLaunch(state_->graph, state_->stream), "running the peer");
}

void CufftPeer::wait() {
  check(cudaStreamSynchronize(state_->stream), "running the peer");
}
