// Memory on the device, and page-locked memory on the host for copies that overlap with work.
#pragma once
#include <atomic>
#include <cmath>
#include <vector>

#include "handles.hpp"

namespace rephase::cuda {

// The arrays of one session, which are freed together.
class DeviceMemory {
 public:
  template <class T>
  T* allocate(size_t count) {
    if (count == 0) return nullptr;
    void* memory = nullptr;
    const size_t bytes = count * sizeof(T);
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
      size_t free = 0, total = 0;
      cudaGetLastError();
      cudaMemGetInfo(&free, &total);
      throw OutOfMemory("out of device memory", double(bytes), double(free));
    }
    check(status, "allocating device memory");
    arrays_.emplace_back(memory);
    bytes_ += bytes;
    return static_cast<T*>(memory);
  }

  template <class T>
  T* allocate_zeros(size_t count, cudaStream_t stream) {
    T* const zeros = allocate<T>(count);
    check(cudaMemsetAsync(zeros, 0, count * sizeof(T), stream), "clearing memory");
    return zeros;
  }

  template <class T>
  T* allocate_copy(const std::vector<T>& table) {
    T* const copy = allocate<T>(table.size());
    check(cudaMemcpy(copy, table.data(), table.size() * sizeof(T), cudaMemcpyHostToDevice), "copying tables");
    return copy;
  }

  // Any thread may ask.
  size_t bytes() const { return bytes_; }

 private:
  std::vector<std::unique_ptr<void, CallAtEnd<cudaFree>>> arrays_;
  std::atomic<size_t> bytes_ = 0;
};

using HostMemory = std::unique_ptr<char, CallAtEnd<cudaFreeHost>>;

inline HostMemory allocate_on_host(size_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaMallocHost(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw OutOfMemory("out of page-locked host memory", double(bytes), NAN);
  }
  check(status, "allocating page-locked host memory");
  return HostMemory(static_cast<char*>(memory));
}

}  // namespace rephase::cuda
