// The GPUs as this process sees them, in all its threads and environments: what they are, and which of them have
// failed.
#pragma once
#include <vector>

#include "check.hpp"

namespace rephase::cuda {

// Asked for once, as it takes milliseconds and does not change. Throws a DeviceError that says why there are none.
const std::vector<cudaDeviceProp>& devices();

// Makes it this thread's device. Throws a DeviceError when it does not exist, or when a kernel has failed on it so that
// CUDA refuses all further work of this process there.
void choose_device(int device);

// 13000 for 13.0; 0 where there is no driver.
int driver_version();

// 13000 as "13.0".
std::string version_name(int version);

}  // namespace rephase::cuda
