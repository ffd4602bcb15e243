// The GPUs as this process sees them, in all its threads and environments: what they are, and which of them have
// failed. CUDA's error codes become exceptions, so that none is forgotten.
#pragma once
#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>
#include <vector>

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

// Throws an OutOfMemory or a DeviceError. Remembers a failure after which CUDA refuses the device, for `choose_device`.
[[noreturn]] void fail(cudaError_t status, const char* doing);

inline void check(cudaError_t status, const char* doing) {
  if (status != cudaSuccess) fail(status, doing);
}

// Asked for once, as it takes milliseconds and does not change. Throws a DeviceError that says why there are none.
const std::vector<cudaDeviceProp>& devices();

// Makes it this thread's device. Throws a DeviceError when it does not exist, or when a kernel has failed on it so that
// CUDA refuses all further work of this process there.
void choose_device(int device);

// Returns 13000 for CUDA 13.0, and 0 without a driver.
int driver_version();

// Writes 13000 as "13.0".
std::string version_name(int version);

}  // namespace rephase::cuda
