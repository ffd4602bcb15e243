// The addon: `devices()`, `freed()` and the classes `Session` and `Scan`. Each environment (the main thread, each
// worker) has its own state; all share the GPUs (runtime/device.hpp). It links CUDA's runtime statically, which opens
// the driver when it is first used: without one the addon loads, and `devices()` says so.
#include <napi.h>

#include "../runtime/device.hpp"
#include "environment.hpp"
#include "scan_object.hpp"
#include "session_object.hpp"

namespace rephase::cuda {

namespace {

Napi::Value list_devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    Napi::Array found = Napi::Array::New(env);
    for (const cudaDeviceProp& properties : devices()) {
      Napi::Object device = Napi::Object::New(env), details = Napi::Object::New(env);
      details.Set("compute capability", std::to_string(properties.major) + "." + std::to_string(properties.minor));
      details.Set("CUDA driver", version_name(driver_version()));
      details.Set("multiprocessors", properties.multiProcessorCount);
      device.Set("name", properties.name);
      device.Set("memory", static_cast<double>(properties.totalGlobalMem));
      device.Set("software", false);
      device.Set("details", details);
      found.Set(found.Length(), device);
    }
    return found;
  } catch (...) {
    throw to_javascript(env, std::current_exception());
  }
}

}  // namespace

}  // namespace rephase::cuda

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  rephase::cuda::Environment::open(env);
  exports.Set("devices", Napi::Function::New(env, rephase::cuda::list_devices, "devices"));
  const auto freed = [](const Napi::CallbackInfo& info) { return rephase::cuda::Environment::of(info.Env())->freed(); };
  exports.Set("freed", Napi::Function::New(env, freed, "freed"));
  exports.Set("Session", rephase::cuda::SessionObject::define(env));
  exports.Set("Scan", rephase::cuda::ScanObject::define(env));
  return exports;
}

NODE_API_MODULE(rephase_cuda, initialize)
