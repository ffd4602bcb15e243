// The addon: `devices()`, the class `Session`, and `benchmark`. Nothing is global, so that every environment (the main thread, each
// worker) has its own. It links CUDA's runtime statically, which opens the driver when it is first used: without one
// the addon loads, and `devices()` says so.
#include <napi.h>

#include "probe.hpp"
#include "session_object.hpp"
#include "waiting.hpp"

namespace rephase::cuda {

namespace {

std::string version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

Napi::Value devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    int driver = 0, runtime = 0, count = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    if (driver == 0) throw DeviceError("there is no NVIDIA driver here");
    if (driver / 1000 < runtime / 1000)
      throw DeviceError("the NVIDIA driver is for CUDA " + version(driver) + "; this needs one for CUDA " +
                        version(runtime / 1000 * 1000) + " or later");
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0))
      throw DeviceError("the NVIDIA driver finds no GPU");
    check(status, "looking for GPUs");
    Napi::Array found = Napi::Array::New(env);
    for (int i = 0; i < count; i++) {
      cudaDeviceProp properties;
      check(cudaGetDeviceProperties(&properties, i), "asking a GPU for its properties");
      Napi::Object device = Napi::Object::New(env), details = Napi::Object::New(env);
      details.Set("compute capability", std::to_string(properties.major) + "." + std::to_string(properties.minor));
      details.Set("CUDA driver", version(driver));
      details.Set("multiprocessors", properties.multiProcessorCount);
      device.Set("name", properties.name);
      device.Set("memory", static_cast<double>(properties.totalGlobalMem));
      device.Set("software", false);
      device.Set("details", details);
      found.Set(i, device);
    }
    return found;
  } catch (const DeviceError& error) {
    throw to_javascript(env, error);
  }
}

}  // namespace

}  // namespace rephase::cuda

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("devices", Napi::Function::New(env, rephase::cuda::devices, "devices"));
  exports.Set("Session", rephase::cuda::SessionObject::define(env));
  exports.Set("benchmark", rephase::cuda::benchmark_exports(env));
  return exports;
}

NODE_API_MODULE(rephase_cuda, initialize)
