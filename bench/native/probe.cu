#include "probe.hpp"

#include <chrono>

#include "../../backends/cuda/runtime/device.hpp"

namespace rephase::cuda {

namespace {

__global__ void empty() {}

void launch_empty(cudaStream_t stream) {
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(1);
  config.blockDim = dim3(32);
  config.stream = stream;
  check(cudaLaunchKernelExC(&config, reinterpret_cast<const void*>(empty), nullptr), "starting a kernel");
}

template <class F>
double seconds(F&& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

}  // namespace

Probe::Probe(int device) {
  choose_device(device);
  stream_ = make_stream();
  graph_ = record_graph(stream_.get(), [&] {
    for (int i = 0; i < kGraphKernels; i++) launch_empty(stream_.get());
  });
}

void Probe::launch(int count) {
  stopwatch_.start(stream_.get());
  for (int i = 0; i < count; i++) launch_empty(stream_.get());
}

void Probe::launch_graph(int count) {
  stopwatch_.start(stream_.get());
  for (int i = 0; i < count; i++) check(cudaGraphLaunch(graph_.get(), stream_.get()), "starting a graph");
}

void Probe::synchronize() {
  stopwatch_.stop(stream_.get());
  check(cudaStreamSynchronize(stream_.get()), "waiting");
}

double Probe::device_seconds() {
  return stopwatch_.seconds();
}

double Probe::copy_seconds(void* array, size_t bytes, bool up, bool page_locked) {
  if (device_memory_->bytes() < bytes) {
    device_memory_ = std::make_unique<DeviceMemory>();
    device_ = device_memory_->allocate<char>(bytes);
  }
  if (page_locked && host_bytes_ < bytes) {
    host_ = allocate_on_host(bytes);
    host_bytes_ = bytes;
  }
  void* const host = page_locked ? host_.get() : array;
  void *const to = up ? device_ : host, *const from = up ? host : device_;
  const cudaMemcpyKind kind = up ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
  return seconds([&] {
    check(cudaMemcpyAsync(to, from, bytes, kind, stream_.get()), "copying");
    check(cudaStreamSynchronize(stream_.get()), "copying");
  });
}

double Probe::page_lock_seconds(size_t bytes) {
  return seconds([&] { allocate_on_host(bytes); });
}

size_t Probe::free_bytes() {
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  return free;
}

}  // namespace rephase::cuda
