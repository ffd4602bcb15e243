// Waiting for the device on a thread of libuv's pool, so that the event loop stays free.
#pragma once
#include <napi.h>

#include <functional>

#include "../check.hpp"

namespace rephase::cuda {

// What failed, as JavaScript gets it: `code` tells DEVICE_LOST and OUT_OF_MEMORY apart, the latter with both numbers.
Napi::Error to_javascript(Napi::Env env, const std::exception& error);

// Resolves its promise once `work`, which runs elsewhere, has returned, with `result` if there is one; rejects when
// `work` throws.
class Waiting : public Napi::AsyncWorker {
 public:
  Waiting(Napi::Env env, Napi::Value result, std::function<void()> work)
      : AsyncWorker(env, "rephase:cuda"), deferred_(Napi::Promise::Deferred::New(env)), work_(std::move(work)) {
    if (result.IsObject()) result_ = Napi::Persistent(result.As<Napi::Object>());
  }

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    work_();
    work_ = nullptr;  // what it holds is let go of here, not on the event loop
  }
  void OnOK() override {
    if (result_.IsEmpty())
      deferred_.Resolve(Env().Undefined());
    else
      deferred_.Resolve(result_.Value());
  }
  void OnError(const Napi::Error& error) override {
    error.Set("code", "DEVICE_LOST");
    deferred_.Reject(error.Value());
  }

 private:
  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference result_;
  std::function<void()> work_;
};

}  // namespace rephase::cuda
