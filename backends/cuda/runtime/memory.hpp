// Owners of memory: on the device, and page-locked on the host for copies that overlap with work.
#pragma once
#include <cmath>
#include <memory>

#include "check.hpp"

namespace rephase::cuda {

struct FreeOnDevice {
  void operator()(void* memory) const { cudaFree(memory); }
};
struct FreeOnHost {
  void operator()(void* memory) const { cudaFreeHost(memory); }
};

template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  explicit DeviceBuffer(size_t count) {
    if (count == 0) return;
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, count * sizeof(T));
    if (status == cudaErrorMemoryAllocation) {
      size_t free = 0, total = 0;
      cudaGetLastError();
      cudaMemGetInfo(&free, &total);
      throw OutOfMemory("out of device memory", double(count * sizeof(T)), double(free));
    }
    check(status, "allocating device memory");
    data_.reset(static_cast<T*>(memory));
    count_ = count;
  }

  T* data() const { return data_.get(); }
  size_t bytes() const { return count_ * sizeof(T); }

 private:
  std::unique_ptr<T, FreeOnDevice> data_;
  size_t count_ = 0;
};

class HostBuffer {
 public:
  HostBuffer() = default;
  explicit HostBuffer(size_t bytes) {
    void* memory = nullptr;
    const cudaError_t status = cudaMallocHost(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      throw OutOfMemory("out of page-locked host memory", double(bytes), NAN);
    }
    check(status, "allocating page-locked host memory");
    data_.reset(static_cast<char*>(memory));
    bytes_ = bytes;
  }

  char* data() const { return data_.get(); }
  size_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<char, FreeOnHost> data_;
  size_t bytes_ = 0;
};

}  // namespace rephase::cuda
