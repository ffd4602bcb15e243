// Streams, events and graphs with an owner.
#pragma once
#include <memory>
#include <utility>

#include "check.hpp"

namespace rephase::cuda {

// Work that is under way may use what is freed next: a stream ends when it has nothing left to do.
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

// Whoever waits for it sleeps.
inline Event make_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync), "making an event");
  return Event(event);
}

// What `enqueue` puts into the stream, as a graph. When it throws, the stream is as it was.
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
