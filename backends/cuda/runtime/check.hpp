// CUDA's error codes as exceptions, so that nothing is forgotten and a constructor that fails leaves nothing behind.
#pragma once
#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace rephase::cuda {

struct DeviceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Bytes of device memory or page-locked host memory; NaN where unknown.
struct OutOfMemory : std::runtime_error {
  OutOfMemory(const char* what, double required, double available)
      : std::runtime_error(what), required(required), available(available) {}
  double required, available;
};

// Throws an OutOfMemory or a DeviceError. Remembers it for `choose_device`, where CUDA will not use the device again.
[[noreturn]] void fail(cudaError_t status, const char* doing);

inline void check(cudaError_t status, const char* doing) {
  if (status != cudaSuccess) fail(status, doing);
}

}  // namespace rephase::cuda
