#include "probe.hpp"

#include <chrono>

namespace rephase::cuda {

namespace {

__global__ void empty() {}

template <class F>
double seconds(F&& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

}  // namespace

Probe::Probe(int device) {
  check(cudaSetDevice(device), "choosing the device");
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
  check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "recording a graph");
  for (int i = 0; i < kGraphKernels; i++) empty<<<1, 32, 0, stream_>>>();
  cudaGraph_t graph;
  check(cudaStreamEndCapture(stream_, &graph), "recording a graph");
  const cudaError_t status = cudaGraphInstantiate(&graph_, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "recording a graph");
}

Probe::~Probe() {
  if (stream_) cudaStreamSynchronize(stream_);
  if (graph_) cudaGraphExecDestroy(graph_);
  if (stream_) cudaStreamDestroy(stream_);
}

void Probe::launch(int count) {
  stopwatch_.start(stream_);
  for (int i = 0; i < count; i++) empty<<<1, 32, 0, stream_>>>();
  check(cudaGetLastError(), "starting a kernel");
}

void Probe::launch_graph(int count) {
  stopwatch_.start(stream_);
  for (int i = 0; i < count; i++) check(cudaGraphLaunch(graph_, stream_), "starting a graph");
}

void Probe::synchronize() {
  stopwatch_.stop(stream_);
  check(cudaStreamSynchronize(stream_), "waiting");
}

cudaEvent_t Probe::mark() {
  cudaEvent_t event;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync), "making an event");
  const cudaError_t status = cudaEventRecord(event, stream_);
  if (status != cudaSuccess) cudaEventDestroy(event);
  check(status, "marking the stream");
  return event;
}

double Probe::device_seconds() {
  return stopwatch_.seconds();
}

double Probe::copy_seconds(void* array, size_t bytes, bool up, bool page_locked) {
  if (device_.bytes() < bytes) device_ = DeviceBuffer<char>(bytes);
  if (page_locked && host_.bytes() < bytes) host_ = HostBuffer(bytes);
  void* const host = page_locked ? host_.data() : array;
  return seconds([&] {
    check(cudaMemcpyAsync(up ? device_.data() : host, up ? host : device_.data(), bytes,
                          up ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost, stream_),
          "copying");
    check(cudaStreamSynchronize(stream_), "copying");
  });
}

double Probe::page_lock_seconds(size_t bytes) {
  return seconds([&] { HostBuffer buffer(bytes); });
}

size_t Probe::free_bytes() {
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  return free;
}

}  // namespace rephase::cuda
