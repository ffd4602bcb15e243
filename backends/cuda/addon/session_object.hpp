// A session as JavaScript sees it: an object with the methods of BackendSession (src/backends/interface.ts), but with
// the rule set by a call of its own. backends/cuda/session.ts puts arguments in order.
#pragma once
#include "../session.hpp"
#include "native_object.hpp"

namespace rephase::cuda {

class SessionObject : public NativeObject<SessionObject, Session> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit SessionObject(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release(env); }

 private:
  void iterate(const Napi::CallbackInfo& info);
  void set_rule(const Napi::CallbackInfo& info);
  void set_support(const Napi::CallbackInfo& info);
  void shrink_support(const Napi::CallbackInfo& info);
  Napi::Value read_object(const Napi::CallbackInfo& info);
  void write_object(const Napi::CallbackInfo& info);
  void keep_object(const Napi::CallbackInfo& info);
  Napi::Value read_spectrum(const Napi::CallbackInfo& info);
  void write_spectrum(const Napi::CallbackInfo& info);
  Napi::Value read_support(const Napi::CallbackInfo& info);
  void write_support(const Napi::CallbackInfo& info);

  // Checks that the first argument is one of the session's starts, and returns it.
  int start_of(const Napi::CallbackInfo& info) const;
};

}  // namespace rephase::cuda
