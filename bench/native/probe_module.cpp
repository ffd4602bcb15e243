// The benchmarks' own addon: what single calls of Node-API and of CUDA cost. The library does not use it.
#include <napi.h>

#include <memory>

#include "probe.hpp"

namespace rephase::cuda {

namespace {

// A call that does nothing, and one that takes what a call with data takes.
void empty(const Napi::CallbackInfo&) {}

Napi::Value with_array(const Napi::CallbackInfo& info) {
  const Napi::Float32Array array = info[0].As<Napi::Float32Array>();
  const double sum = info[1].As<Napi::Number>().DoubleValue() + info[2].As<Napi::Number>().DoubleValue();
  return Napi::Number::New(info.Env(), array.Data() ? sum : -1);
}

template <class F>
auto translated(const Napi::CallbackInfo& info, F&& f) {
  try {
    return f();
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

class ProbeObject : public Napi::ObjectWrap<ProbeObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Probe",
        {InstanceMethod("launch", &ProbeObject::launch), InstanceMethod("launchGraph", &ProbeObject::launch_graph),
         InstanceMethod("synchronize", &ProbeObject::synchronize),
         InstanceMethod("deviceSeconds", &ProbeObject::device_seconds),
         InstanceMethod("copySeconds", &ProbeObject::copy_seconds),
         InstanceMethod("pageLockSeconds", &ProbeObject::page_lock_seconds),
         InstanceMethod("freeBytes", &ProbeObject::free_bytes)});
  }

  explicit ProbeObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    probe_ = translated(info, [&] { return std::make_unique<Probe>(info[0].ToNumber().Int32Value()); });
  }

 private:
  static Napi::Value number(const Napi::CallbackInfo& info, double value) {
    return Napi::Number::New(info.Env(), value);
  }

  void launch(const Napi::CallbackInfo& info) {
    translated(info, [&] { probe_->launch(info[0].As<Napi::Number>().Int32Value()); });
  }
  void launch_graph(const Napi::CallbackInfo& info) {
    translated(info, [&] { probe_->launch_graph(info[0].As<Napi::Number>().Int32Value()); });
  }
  void synchronize(const Napi::CallbackInfo& info) {
    translated(info, [&] { probe_->synchronize(); });
  }
  Napi::Value device_seconds(const Napi::CallbackInfo& info) {
    return number(info, translated(info, [&] { return probe_->device_seconds(); }));
  }
  Napi::Value copy_seconds(const Napi::CallbackInfo& info) {
    Napi::Float32Array array = info[0].As<Napi::Float32Array>();
    return number(info, translated(info, [&] {
                    return probe_->copy_seconds(array.Data(), array.ByteLength(), info[1].ToBoolean(),
                                                info[2].ToBoolean());
                  }));
  }
  Napi::Value page_lock_seconds(const Napi::CallbackInfo& info) {
    const int64_t bytes = info[0].As<Napi::Number>().Int64Value();
    return number(info, translated(info, [&] { return Probe::page_lock_seconds(static_cast<size_t>(bytes)); }));
  }
  Napi::Value free_bytes(const Napi::CallbackInfo& info) {
    return number(info, translated(info, [&] { return static_cast<double>(Probe::free_bytes()); }));
  }

  std::unique_ptr<Probe> probe_;
};

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("empty", Napi::Function::New<empty>(env));
  exports.Set("withArray", Napi::Function::New<with_array>(env));
  exports.Set("Probe", ProbeObject::define(env));
  return exports;
}

// The macro makes a name of the function's, so that it stands where that needs no qualification.
NODE_API_MODULE(rephase_probe, initialize)

}  // namespace

}  // namespace rephase::cuda
