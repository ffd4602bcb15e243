#include "session_object.hpp"

#include "waiting.hpp"

namespace rephase::cuda {

namespace {

template <class Array>
auto data_or_null(const Napi::Object& object, const char* name) -> decltype(Array().Data()) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() ? nullptr : value.As<Array>().Data();
}

Problem read_problem(const Napi::Object& given) {
  const auto number = [&](const char* name) { return given.Get(name).As<Napi::Number>().DoubleValue(); };
  Problem problem = {};
  problem.device = static_cast<int>(number("device"));
  problem.rows = static_cast<int>(number("rows"));
  problem.columns = static_cast<int>(number("columns"));
  problem.starts = static_cast<int>(number("starts"));
  problem.algorithm = static_cast<Algorithm>(static_cast<int>(number("algorithm")));
  problem.beta = static_cast<float>(number("beta"));
  problem.scale = number("scale");
  problem.magnitudes = data_or_null<Napi::Float32Array>(given, "magnitudes");
  problem.mask = data_or_null<Napi::Uint8Array>(given, "mask");
  problem.support = data_or_null<Napi::Uint8Array>(given, "support");
  problem.seeded = !given.Get("seed").IsUndefined();
  if (problem.seeded) {
    problem.seed = static_cast<uint64_t>(number("seed"));
    problem.first_start = static_cast<uint32_t>(number("firstStart"));
  }
  return problem;
}

void await(cudaEvent_t event, const char* doing) {
  check(cudaEventSynchronize(event), doing);
}

}  // namespace

Napi::Error to_javascript(Napi::Env env, const std::exception& error) {
  Napi::Error thrown = Napi::Error::New(env, error.what());
  if (const auto* memory = dynamic_cast<const OutOfMemory*>(&error)) {
    thrown.Set("code", "OUT_OF_MEMORY");
    thrown.Set("required", memory->required);
    thrown.Set("available", memory->available);
  } else {
    thrown.Set("code", "DEVICE_LOST");
  }
  return thrown;
}

Napi::Function SessionObject::define(Napi::Env env) {
  return DefineClass(
      env, "Session",
      {InstanceMethod("inverse", &SessionObject::inverse),
       InstanceMethod("constrainObject", &SessionObject::constrain_object),
       InstanceMethod("forward", &SessionObject::forward),
       InstanceMethod("constrainFourier", &SessionObject::constrain_fourier),
       InstanceMethod("iterate", &SessionObject::iterate), InstanceMethod("settle", &SessionObject::settle),
       InstanceMethod("takeResiduals", &SessionObject::take_residuals),
       InstanceMethod("readObject", &SessionObject::read_object),
       InstanceMethod("writeObject", &SessionObject::write_object),
       InstanceMethod("readSpectrum", &SessionObject::read_spectrum),
       InstanceMethod("writeSpectrum", &SessionObject::write_spectrum),
       InstanceMethod("finish", &SessionObject::finish), InstanceMethod("memory", &SessionObject::memory),
       InstanceMethod("deviceSeconds", &SessionObject::device_seconds),
       InstanceMethod("dispose", &SessionObject::dispose)});
}

SessionObject::SessionObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  try {
    session_ = std::make_shared<Session>(read_problem(info[0].As<Napi::Object>()));
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw to_javascript(info.Env(), error);
  }
  // A small object that holds much memory elsewhere: the collector should know.
  reported_bytes_ = static_cast<int64_t>(session_->bytes());
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), reported_bytes_);
}

void SessionObject::Finalize(Napi::Env env) {
  let_go(env);
}

void SessionObject::let_go(Napi::Env env) {
  if (!session_) return;
  session_ = nullptr;
  Napi::MemoryManagement::AdjustExternalMemory(env, -reported_bytes_);
}

template <class F>
auto SessionObject::with_session(Napi::Env env, F&& f) {
  if (!session_) throw Napi::Error::New(env, "a backend session was used after dispose(): a defect of rephase");
  try {
    return f(*session_);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw to_javascript(env, error);
  }
}

void SessionObject::inverse(const Napi::CallbackInfo& info) {
  with_session(info.Env(), [](Session& s) { s.inverse(); });
}
void SessionObject::constrain_object(const Napi::CallbackInfo& info) {
  with_session(info.Env(), [&](Session& s) { s.constrain_object(info[0].ToBoolean()); });
}
void SessionObject::forward(const Napi::CallbackInfo& info) {
  with_session(info.Env(), [](Session& s) { s.forward(); });
}
void SessionObject::constrain_fourier(const Napi::CallbackInfo& info) {
  with_session(info.Env(), [](Session& s) { s.constrain_fourier(); });
}
void SessionObject::iterate(const Napi::CallbackInfo& info) {
  with_session(info.Env(),
               [&](Session& s) { s.iterate(info[0].As<Napi::Number>().Uint32Value(), info[1].ToBoolean()); });
}
void SessionObject::settle(const Napi::CallbackInfo& info) {
  with_session(info.Env(), [](Session& s) { s.settle(); });
}

// The copy is enqueued now; it is waited for, and moved into the array, elsewhere.
template <class Array>
Napi::Value SessionObject::fetch(Napi::Env env, std::unique_ptr<Download> download, double factor) {
  using T = std::remove_pointer_t<decltype(Array().Data())>;
  Array array = Array::New(env, download->bytes / sizeof(T));
  T* const to = array.Data();
  const std::shared_ptr<Download> shared = std::move(download);
  auto* waiting = new Waiting(env, array, [session = session_, shared, to, factor] {
    await(shared->done, "copying results");
    const T* const from = static_cast<const T*>(shared->staging.data());
    const T by = static_cast<T>(factor);
    for (size_t i = 0; i < shared->bytes / sizeof(T); i++) to[i] = from[i] * by;
  });
  const Napi::Promise promise = waiting->promise();
  waiting->Queue();
  return promise;
}

Napi::Value SessionObject::take_residuals(const Napi::CallbackInfo& info) {
  return with_session(info.Env(),
                      [&](Session& s) { return fetch<Napi::Float64Array>(info.Env(), s.take_residuals(), 1); });
}
Napi::Value SessionObject::read_object(const Napi::CallbackInfo& info) {
  return with_session(info.Env(), [&](Session& s) {
    const int start = info[0].As<Napi::Number>().Int32Value();
    return fetch<Napi::Float32Array>(info.Env(), s.read_object(start, 0, s.pixels()), 1 / s.scale());
  });
}
void SessionObject::write_object(const Napi::CallbackInfo& info) {
  with_session(info.Env(), [&](Session& s) {
    s.write_object(info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Float32Array>().Data(),
                   info[2].ToBoolean());
  });
}
Napi::Value SessionObject::read_spectrum(const Napi::CallbackInfo& info) {
  return with_session(info.Env(), [&](Session& s) {
    const int start = info[0].As<Napi::Number>().Int32Value();
    return fetch<Napi::Float32Array>(info.Env(), s.read_spectrum(start), 1);
  });
}
void SessionObject::write_spectrum(const Napi::CallbackInfo& info) {
  with_session(info.Env(), [&](Session& s) {
    s.write_spectrum(info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Float32Array>().Data());
  });
}

Napi::Value SessionObject::finish(const Napi::CallbackInfo& info) {
  return with_session(info.Env(), [&](Session& s) -> Napi::Value {
    const std::shared_ptr<CUevent_st> event(s.mark(), [](cudaEvent_t event) { cudaEventDestroy(event); });
    auto* waiting = new Waiting(info.Env(), info.Env().Undefined(),
                                [session = session_, event] { await(event.get(), "iterating"); });
    const Napi::Promise promise = waiting->promise();
    waiting->Queue();
    return promise;
  });
}

Napi::Value SessionObject::memory(const Napi::CallbackInfo& info) {
  return with_session(info.Env(), [&](Session& s) -> Napi::Value {
    Napi::Object report = Napi::Object::New(info.Env());
    const Copies& copies = s.copies();
    report.Set("deviceBytes", static_cast<double>(s.bytes()));
    report.Set("hostBytes", static_cast<double>(s.host_bytes()));
    report.Set("uploads", static_cast<double>(copies.uploads));
    report.Set("uploadedBytes", static_cast<double>(copies.uploaded_bytes));
    report.Set("downloads", static_cast<double>(copies.downloads));
    report.Set("downloadedBytes", static_cast<double>(copies.downloaded_bytes));
    return report;
  });
}

Napi::Value SessionObject::device_seconds(const Napi::CallbackInfo& info) {
  return with_session(info.Env(), [&](Session& s) { return Napi::Number::New(info.Env(), s.device_seconds()); });
}

void SessionObject::dispose(const Napi::CallbackInfo& info) {
  let_go(info.Env());
}

}  // namespace rephase::cuda
