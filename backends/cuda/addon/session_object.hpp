// What JavaScript sees of a session: an object whose methods are BackendSession's (src/backend.ts), with arguments that
// backends/cuda/session.ts has put in order.
#pragma once
#include <napi.h>

#include <memory>

#include "../session.hpp"

namespace rephase::cuda {

class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit SessionObject(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

 private:
  void inverse(const Napi::CallbackInfo& info);
  void constrain_object(const Napi::CallbackInfo& info);
  void forward(const Napi::CallbackInfo& info);
  void constrain_fourier(const Napi::CallbackInfo& info);
  void iterate(const Napi::CallbackInfo& info);
  void settle(const Napi::CallbackInfo& info);
  Napi::Value take_residuals(const Napi::CallbackInfo& info);
  Napi::Value read_object(const Napi::CallbackInfo& info);
  void write_object(const Napi::CallbackInfo& info);
  Napi::Value read_spectrum(const Napi::CallbackInfo& info);
  void write_spectrum(const Napi::CallbackInfo& info);
  Napi::Value finish(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value device_seconds(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  // Runs `f` with the session and turns what it throws into an error of JavaScript's.
  template <class F>
  auto with_session(Napi::Env env, F&& f);
  template <class Array>
  Napi::Value fetch(Napi::Env env, std::unique_ptr<Download> download, double factor);
  void let_go(Napi::Env env);

  // Shared with what waits on other threads: the last of them frees it.
  std::shared_ptr<Session> session_;
  int64_t reported_bytes_ = 0;  // to the garbage collector
};

}  // namespace rephase::cuda
