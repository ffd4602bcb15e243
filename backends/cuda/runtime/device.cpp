#include "device.hpp"

#include <atomic>
#include <cmath>
#include <map>
#include <mutex>

namespace rephase::cuda {

namespace {

thread_local int chosen = 0;

struct Failures {
  std::atomic<bool> any = false;
  std::mutex mutex;
  std::map<int, std::string> first;  // of each device that failed
};

// Never destroyed: threads may outlive static objects.
Failures& failures() {
  static Failures* const all = new Failures;
  return *all;
}

// CUDA's documentation: after any of these, everything on the same device fails until the process ends.
bool is_final(cudaError_t status) {
  switch (status) {
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorExternalDevice:
    case cudaErrorMpsClientTerminated:
      return true;
    default:
      return false;
  }
}

std::vector<cudaDeviceProp> find_devices() {
  int runtime = 0, count = 0;
  const int driver = driver_version();
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) throw DeviceError("there is no NVIDIA driver here");
  if (driver / 1000 < runtime / 1000)
    throw DeviceError("the NVIDIA driver is for CUDA " + version_name(driver) + "; this needs one for CUDA " +
                      version_name(runtime / 1000 * 1000) + " or later");
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0))
    throw DeviceError("the NVIDIA driver finds no GPU");
  check(status, "looking for GPUs");
  std::vector<cudaDeviceProp> found(count);
  for (int i = 0; i < count; i++) check(cudaGetDeviceProperties(&found[i], i), "asking a GPU for its properties");
  return found;
}

}  // namespace

void fail(cudaError_t status, const char* doing) {
  cudaGetLastError();  // what is not final must not surface in the next call
  const std::string message = std::string("CUDA failed while ") + doing + ": " + cudaGetErrorString(status) + " (" +
                              cudaGetErrorName(status) + ")";
  if (is_final(status)) {
    const std::lock_guard lock(failures().mutex);
    failures().first.emplace(chosen, message);
    failures().any = true;
  }
  if (status == cudaErrorMemoryAllocation) throw OutOfMemory(message.c_str(), NAN, NAN);
  throw DeviceError(message);
}

const std::vector<cudaDeviceProp>& devices() {
  static const auto* const found = new std::vector<cudaDeviceProp>(find_devices());
  return *found;
}

void choose_device(int device) {
  if (device < 0 || device >= static_cast<int>(devices().size()))
    throw DeviceError("there is no GPU " + std::to_string(device));
  chosen = device;
  if (failures().any) {
    const std::lock_guard lock(failures().mutex);
    const auto failure = failures().first.find(device);
    if (failure != failures().first.end())
      throw DeviceError("GPU " + std::to_string(device) + " (" + devices()[device].name +
                        ") cannot be used by this process any more, because it failed before: " + failure->second);
  }
  check(cudaSetDevice(device), "choosing the device");
}

int driver_version() {
  int version = 0;
  cudaDriverGetVersion(&version);
  return version;
}

std::string version_name(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace rephase::cuda
