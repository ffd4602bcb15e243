// CUDA's error codes as exceptions, so that nothing is forgotten and a constructor that fails leaves nothing behind.
#pragma once
#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace rephase::cuda {

struct DeviceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct OutOfMemory : std::runtime_error {
  OutOfMemory(double required, double available)
      : std::runtime_error("out of device memory"), required(required), available(available) {}
  double required, available;
};

inline void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // what is not sticky must not surface in the next call
  throw DeviceError(std::string("CUDA failed while ") + doing + ": " + cudaGetErrorString(status) + " (" +
                    cudaGetErrorName(status) + ")");
}

}  // namespace rephase::cuda
