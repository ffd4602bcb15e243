#include "pattern_feed.hpp"

namespace rephase::cuda {

namespace {

// Few blocks saturate the bus, and leave the multiprocessors to the waves.
constexpr unsigned kThreads = 16 * Launcher::kSimpleThreads, kTogether = 4;

// to[number] ← the pattern, of `size` numbers, of each position of a part. Several numbers of a thread are on their way
// at a time.
__global__ void bring_patterns(const float4* __restrict__ host, const Place* places, unsigned count, unsigned size,
                               float4* to) {
  const unsigned all = count * size;
  for (unsigned first = blockIdx.x * blockDim.x + threadIdx.x; first < all; first += kTogether * kThreads) {
    float4 numbers[kTogether];
#pragma unroll
    for (unsigned k = 0; k < kTogether; k++) {
      const unsigned i = first + k * kThreads;
      if (i < all) numbers[k] = host[static_cast<size_t>(places[i / size].position) * size + i % size];
    }
#pragma unroll
    for (unsigned k = 0; k < kTogether; k++)
      if (first + k * kThreads < all) to[first + k * kThreads] = numbers[k];
  }
}

}  // namespace

void PatternFeed::begin() {
  for (const Half& half : halves_) check(cudaEventRecord(half.used.get(), session_), "marking the stream");
  is_ahead_ = false;
}

void PatternFeed::bring(const ScanBatch& part, const Half& half) {
  check(cudaStreamWaitEvent(stream_.get(), half.used.get(), 0), "bringing patterns");
  launcher_.each(bring_patterns, int64_t(kThreads), reinterpret_cast<const float4*>(host()), part.places, part.count,
                 size_ / 4, reinterpret_cast<float4*>(half.at));
  check(cudaEventRecord(half.came.get(), stream_.get()), "bringing patterns");
}

const float* PatternFeed::take(const ScanBatch& part, const ScanBatch& next) {
  const Half& half = halves_[current_];
  if (!is_ahead_) bring(part, half);
  is_ahead_ = next.count > 0;
  if (is_ahead_) bring(next, halves_[1 - current_]);
  check(cudaStreamWaitEvent(session_, half.came.get(), 0), "waiting for patterns");
  return half.at;
}

void PatternFeed::release() {
  check(cudaEventRecord(halves_[current_].used.get(), session_), "marking the stream");
  current_ = 1 - current_;
}

}  // namespace rephase::cuda
