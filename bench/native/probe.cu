// The benchmarks' own addon: what single calls of Node-API and of CUDA cost. The library does not use it. All functions
// that use CUDA share one stream on device 0.
#define NODE_ADDON_API_CPP_EXCEPTIONS_ALL
#include <napi.h>

#include "../../backends/cuda/runtime/device.hpp"
#include "../../backends/cuda/runtime/handles.hpp"
#include "../../backends/cuda/runtime/memory.hpp"

namespace rephase::cuda {

namespace {

constexpr int kGraphKernels = 32;  // as many as a session's graph has

__global__ void empty_kernel() {}

void launch_empty(cudaStream_t stream) {
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(1);
  config.blockDim = dim3(32);
  config.stream = stream;
  check(cudaLaunchKernelExC(&config, reinterpret_cast<const void*>(empty_kernel), nullptr), "starting a kernel");
}

struct Device {
  Device() {
    choose_device(0);
    stream = make_stream();
    graph = record_graph(stream.get(), [&] {
      for (int i = 0; i < kGraphKernels; i++) launch_empty(stream.get());
    });
  }

  Stream stream;
  Graph graph;
  DeviceMemory memory;
  char* array = nullptr;
  HostMemory page_locked;
  size_t bytes = 0;  // of both
};

// Never freed, because the driver may be gone when the process ends.
Device& device() {
  static Device& device = *new Device();
  return device;
}

// A call that does nothing, and one that takes what a call with data takes.
void empty(const Napi::CallbackInfo&) {}

Napi::Value with_array(const Napi::CallbackInfo& info) {
  const Napi::Float32Array array = info[0].As<Napi::Float32Array>();
  const double sum = info[1].As<Napi::Number>().DoubleValue() + info[2].As<Napi::Number>().DoubleValue();
  return Napi::Number::New(info.Env(), array.Data() ? sum : -1);
}

void launch(const Napi::CallbackInfo& info) {
  const int count = info[0].As<Napi::Number>().Int32Value();
  for (int i = 0; i < count; i++) launch_empty(device().stream.get());
}

void launch_graph(const Napi::CallbackInfo&) {
  check(cudaGraphLaunch(device().graph.get(), device().stream.get()), "starting a graph");
}

void synchronize(const Napi::CallbackInfo&) {
  check(cudaStreamSynchronize(device().stream.get()), "waiting");
}

// Copies (array, up, page-locked) and waits: from or to the array, which is pageable, or from or to page-locked memory of
// the same size.
void copy(const Napi::CallbackInfo& info) {
  Napi::Float32Array array = info[0].As<Napi::Float32Array>();
  const size_t bytes = array.ByteLength();
  Device& d = device();
  if (d.bytes < bytes) {
    d.array = d.memory.allocate<char>(bytes);
    d.page_locked = allocate_on_host(bytes);
    d.bytes = bytes;
  }
  void* const host = info[2].ToBoolean() ? static_cast<void*>(d.page_locked.get()) : array.Data();
  if (info[1].ToBoolean())
    check(cudaMemcpyAsync(d.array, host, bytes, cudaMemcpyHostToDevice, d.stream.get()), "copying");
  else
    check(cudaMemcpyAsync(host, d.array, bytes, cudaMemcpyDeviceToHost, d.stream.get()), "copying");
  check(cudaStreamSynchronize(d.stream.get()), "copying");
}

// Gets and gives back page-locked memory.
void page_lock(const Napi::CallbackInfo& info) {
  allocate_on_host(static_cast<size_t>(info[0].As<Napi::Number>().Int64Value()));
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("empty", Napi::Function::New<empty>(env));
  exports.Set("withArray", Napi::Function::New<with_array>(env));
  exports.Set("launch", Napi::Function::New<launch>(env));
  exports.Set("launchGraph", Napi::Function::New<launch_graph>(env));
  exports.Set("synchronize", Napi::Function::New<synchronize>(env));
  exports.Set("copy", Napi::Function::New<copy>(env));
  exports.Set("pageLock", Napi::Function::New<page_lock>(env));
  return exports;
}

// The macro makes a name of the function's, so that it stands where that needs no qualification.
NODE_API_MODULE(rephase_probe, initialize)

}  // namespace

}  // namespace rephase::cuda
