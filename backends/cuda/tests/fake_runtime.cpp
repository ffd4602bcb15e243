// Stands in for CUDA's runtime where there is no GPU, so that the host's side can be tested: who waits for what, what
// is freed and when, what happens when a call fails. Two devices; streams, events, copies and memory work, kernels only
// take time. Whatever is not freed, be it a stream, an event or page-locked memory, leaves less free memory. Read from
// the environment whenever free memory is asked for, which every session begins with:
//   FAKE_CUDA_MICROSECONDS   of a kernel
//   FAKE_CUDA_FAIL           so many calls from then on one fails, for want of memory
//   FAKE_CUDA_TRAP           the kernel after so many is the end of its device
//   FAKE_CUDA_DRIVER         version, 13000 unless told
//   FAKE_CUDA_TRACE          1: prints the name of each kernel that is started, or recorded in a graph
#include <cuda_runtime_api.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr size_t kMemory = size_t{64} << 20, kHandleBytes = 4096;
// What can be page-locked. Of device memory such an allocation takes as much as a handle.
constexpr size_t kHostMemory = size_t{256} << 20;

using Clock = std::chrono::steady_clock;
// When a stream comes to a point in its work.
using Point = std::shared_future<Clock::time_point>;

std::atomic<cudaError_t> ends[2] = {cudaSuccess, cudaSuccess};
std::atomic<long> microseconds{0}, calls_left{-1}, kernels_left{-1}, tracing{0};
thread_local int current = 0;

std::mutex memory_mutex;
std::atomic<size_t> used[2] = {0, 0}, host_used = 0;

cudaError_t status() {
  if (calls_left >= 0 && calls_left-- == 0) return cudaErrorMemoryAllocation;
  return ends[current];
}

}  // namespace

struct CUstream_st {
  int device = current;
  // The stream whose work is recorded in a graph together with this one's: itself, or one whose event it waited for.
  CUstream_st* origin = nullptr;
  long captured = 0;
  std::set<CUstream_st*> joined;
  bool unjoined = false;  // the origin has not waited for what was recorded last
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> work;
  std::thread thread;

  CUstream_st() {
    thread = std::thread([this] {
      for (;;) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return !work.empty(); });
        const std::function<void()> next = std::move(work.front());
        work.pop_front();
        lock.unlock();
        if (!next) return;
        next();
      }
    });
  }
  void push(std::function<void()> f) {
    const std::lock_guard lock(mutex);
    work.push_back(std::move(f));
    changed.notify_one();
  }
  void kernels(long count) {
    if (origin) {
      origin->captured += count;
      unjoined = origin != this;
      return;
    }
    push([this, count] {
      if (kernels_left >= 0 && (kernels_left -= count) < 0) ends[device] = cudaErrorIllegalAddress;
      std::this_thread::sleep_for(std::chrono::microseconds(microseconds * count));
    });
  }
  Point mark() {
    const auto reached = std::make_shared<std::promise<Clock::time_point>>();
    push([reached] { reached->set_value(Clock::now()); });
    return reached->get_future();
  }
};
struct CUevent_st {
  int device = current;
  Point point;
  CUstream_st *stream = nullptr, *origin = nullptr;  // that recorded it, and recorded it in a graph
};
struct CUgraph_st {
  long kernels;
};
struct CUgraphExec_st {
  int device;
  long kernels;
};

namespace {

std::mutex streams_mutex;
std::set<CUstream_st*> streams;

template <class T>
cudaError_t made(T** out, T* handle) {
  used[current] += kHandleBytes;
  *out = handle;
  return cudaSuccess;
}
template <class T>
cudaError_t destroyed(T* handle) {
  used[handle->device] -= kHandleBytes;
  delete handle;
  return cudaSuccess;
}

struct Allocation {
  int device;
  size_t bytes, host_bytes;
};
std::map<void*, Allocation> allocations;

cudaError_t allocate(void** out, size_t bytes, size_t host_bytes) {
  if (const cudaError_t error = status()) return error;
  if (used[current] + bytes > kMemory || host_used + host_bytes > kHostMemory) return cudaErrorMemoryAllocation;
  *out = std::malloc(std::max(bytes, host_bytes));
  used[current] += bytes;
  host_used += host_bytes;
  const std::lock_guard lock(memory_mutex);
  allocations[*out] = {current, bytes, host_bytes};
  return cudaSuccess;
}

// Waits, as a GPU does, until everything on the device is done.
cudaError_t release(void* memory) {
  if (!memory) return cudaSuccess;
  Allocation allocation;
  {
    const std::lock_guard lock(memory_mutex);
    allocation = allocations.at(memory);
    allocations.erase(memory);
  }
  std::vector<Point> points;
  {
    const std::lock_guard lock(streams_mutex);
    for (CUstream_st* stream : streams)
      if (stream->device == allocation.device) points.push_back(stream->mark());
  }
  for (const Point& point : points) point.wait();
  used[allocation.device] -= allocation.bytes;
  host_used -= allocation.host_bytes;
  std::free(memory);
  return cudaSuccess;
}

// Mangled. They are registered before this file's own variables are made.
std::map<const void*, const char*>& kernel_names() {
  static std::map<const void*, const char*> names;
  return names;
}

long setting(const char* name, long otherwise) {
  const char* const value = std::getenv(name);
  return value && *value ? std::atol(value) : otherwise;
}

}  // namespace

extern "C" {

cudaError_t cudaDriverGetVersion(int* version) {
  *version = static_cast<int>(setting("FAKE_CUDA_DRIVER", 13000));
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 2;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  std::strcpy(properties->name, device == 0 ? "Fake A" : "Fake B");
  properties->totalGlobalMem = kMemory;
  properties->major = 9;
  properties->multiProcessorCount = 132;
  properties->sharedMemPerBlockOptin = 227 << 10;
  properties->sharedMemPerMultiprocessor = 228 << 10;
  properties->reservedSharedMemPerBlock = 1 << 10;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  current = device;
  return ends[device];
}
cudaError_t cudaGetLastError() {
  return ends[current];
}
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation"
         : error == cudaErrorIllegalAddress ? "cudaErrorIllegalAddress"
                                            : "another error";
}
const char* cudaGetErrorString(cudaError_t error) {
  return cudaGetErrorName(error);
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  microseconds = setting("FAKE_CUDA_MICROSECONDS", 0);
  calls_left = setting("FAKE_CUDA_FAIL", -1);
  kernels_left = setting("FAKE_CUDA_TRAP", -1);
  tracing = setting("FAKE_CUDA_TRACE", 0);
  *free = kMemory - used[current];
  *total = kMemory;
  return ends[current];
}
cudaError_t cudaMalloc(void** out, size_t bytes) {
  return allocate(out, bytes, 0);
}
cudaError_t cudaMallocHost(void** out, size_t bytes) {
  return allocate(out, kHandleBytes, bytes);
}
cudaError_t cudaFree(void* memory) {
  return release(memory);
}
cudaError_t cudaFreeHost(void* memory) {
  return release(memory);
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  if (const cudaError_t error = status()) return error;
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  if (const cudaError_t error = status()) return error;
  stream->push([=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (const cudaError_t error = status()) return error;
  stream->push([=] { std::memset(to, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* out, unsigned) {
  if (const cudaError_t error = status()) return error;
  made(out, new CUstream_st);
  const std::lock_guard lock(streams_mutex);
  streams.insert(*out);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const cudaError_t error = status();
  stream->mark().wait();
  return error ? error : ends[stream->device].load();
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  {
    const std::lock_guard lock(streams_mutex);
    streams.erase(stream);
  }
  stream->push(nullptr);
  stream->thread.join();
  return destroyed(stream);
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* out, unsigned) {
  if (const cudaError_t error = status()) return error;
  return made(out, new CUevent_st);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (const cudaError_t error = status()) return error;
  event->stream = stream;
  event->origin = stream->origin;
  if (!event->origin) event->point = stream->mark();
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (const cudaError_t error = status()) return error;
  if (event->origin && event->origin->origin != event->origin) return cudaErrorCapturedEvent;
  if (event->origin) {
    stream->origin = event->origin;
    event->origin->joined.insert(stream);
    if (stream == event->origin) event->stream->unjoined = false;
  } else if (stream->origin) {
    return cudaErrorStreamCaptureIsolation;
  } else if (event->point.valid()) {
    stream->push([point = event->point] { point.wait(); });
  }
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const cudaError_t error = status()) return error;
  if (event->point.valid()) event->point.wait();
  return ends[event->device];
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (const cudaError_t error = status()) return error;
  const bool reached = event->point.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  return reached ? ends[event->device].load() : cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (const cudaError_t error = status()) return error;
  *milliseconds = std::chrono::duration<float, std::milli>(end->point.get() - start->point.get()).count();
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return destroyed(event);
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (const cudaError_t error = status()) return error;
  if (stream->origin) return cudaErrorIllegalState;
  stream->origin = stream;
  stream->joined = {stream};
  stream->captured = 0;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* out) {
  bool unjoined = false;
  for (CUstream_st* each : stream->joined) {
    unjoined |= std::exchange(each->unjoined, false);
    each->origin = nullptr;
  }
  *out = unjoined ? nullptr : new CUgraph_st{stream->captured};
  return unjoined ? cudaErrorStreamCaptureUnjoined : cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* out, cudaGraph_t graph, unsigned long long) {
  if (const cudaError_t error = status()) return error;
  return made(out, new CUgraphExec_st{current, graph->kernels});
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  if (const cudaError_t error = status()) return error;
  stream->kernels(graph->kernels);
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  return destroyed(graph);
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel, void**) {
  if (const cudaError_t error = status()) return error;
  if (tracing) std::fprintf(stderr, "%s\n", kernel_names().at(kernel));
  config->stream->kernels(1);
  return cudaSuccess;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  *attributes = {};
  return status();
}
cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) {
  return status();
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int, size_t) {
  *blocks = 1;
  return status();
}

// Code that nvcc generates calls these as a program begins and ends. Kernels themselves are never called.
void** __cudaRegisterFatBinary(void*) {
  static void* handle;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* kernel, char*, const char* name, int, void*, void*, void*, void*,
                            int*) {
  kernel_names()[kernel] = name;
}
cudaError_t __cudaGetKernel(void*, const void*) {
  return cudaErrorNotSupported;
}
cudaError_t __cudaLaunchKernel(void*, dim3, dim3, void**, size_t, cudaStream_t) {
  return cudaErrorNotSupported;
}
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, size_t*, void*) {
  return cudaErrorNotSupported;
}

}  // extern "C"
