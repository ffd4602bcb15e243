// Smart pointers to what CUDA's runtime makes: streams, events, graphs and memory. The device of the thread that frees
// them has to be theirs.
#pragma once
#include <memory>
#include <utility>

#include "device.hpp"

namespace rephase::cuda {

template <auto Call>
struct CallAtEnd {
  template <class T>
  void operator()(T* handle) const {
    Call(handle);
  }
};
using Stream = std::unique_ptr<CUstream_st, CallAtEnd<cudaStreamDestroy>>;
using Event = std::unique_ptr<CUevent_st, CallAtEnd<cudaEventDestroy>>;
using Graph = std::unique_ptr<CUgraphExec_st, CallAtEnd<cudaGraphExecDestroy>>;

inline Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return Stream(stream);
}

// Waiting on this event blocks the thread instead of spinning.
inline Event make_event(unsigned flags = cudaEventDisableTiming | cudaEventBlockingSync) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, flags), "making an event");
  return Event(event);
}

// Records what `enqueue` puts into the stream as a graph. When it throws, the stream is as it was.
template <class F>
Graph record_graph(cudaStream_t stream, F&& enqueue) {
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "recording a graph");
  cudaGraph_t graph = nullptr;
  try {
    std::forward<F>(enqueue)();
  } catch (...) {
    cudaStreamEndCapture(stream, &graph);
    if (graph) cudaGraphDestroy(graph);
    throw;
  }
  check(cudaStreamEndCapture(stream, &graph), "recording a graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "recording a graph");
  return Graph(executable);
}

}  // namespace rephase::cuda
