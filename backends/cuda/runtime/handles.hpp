// Owners of streams, events and graphs.
#pragma once
#include <memory>
#include <utility>

#include "check.hpp"

namespace rephase::cuda {

struct WaitForStream {
  void operator()(cudaStream_t stream) const { cudaStreamSynchronize(stream); }
};
// Waits first: running work may use what is freed next.
struct EndStream {
  void operator()(cudaStream_t stream) const {
    cudaStreamSynchronize(stream);
    cudaStreamDestroy(stream);
  }
};
struct EndEvent {
  void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
struct EndGraph {
  void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
};
using Stream = std::unique_ptr<CUstream_st, EndStream>;
using Event = std::unique_ptr<CUevent_st, EndEvent>;
using Graph = std::unique_ptr<CUgraphExec_st, EndGraph>;

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
