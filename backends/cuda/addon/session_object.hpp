// A session as JavaScript sees it: an object with the methods of BackendSession (src/backends/interface.ts), but with
// the rule set by a call of its own. backends/cuda/session.ts puts arguments in order.
#pragma once
#include <napi.h>

#include <atomic>
#include <memory>

#include "environment.hpp"

namespace rephase::cuda {

// Copies between the caller's arrays and the device, counted when they are asked for.
struct Copies {
  uint64_t count = 0, bytes = 0;
  void add(size_t copied) {
    count++;
    bytes += copied;
  }
};

class SessionObject : public Napi::ObjectWrap<SessionObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit SessionObject(const Napi::CallbackInfo& info);
  // Disposes of the session, unless `dispose` has done so already.
  void Finalize(Napi::Env env) override;

 private:
  void iterate(const Napi::CallbackInfo& info);
  void set_rule(const Napi::CallbackInfo& info);
  void set_support(const Napi::CallbackInfo& info);
  void shrink_support(const Napi::CallbackInfo& info);
  Napi::Value take_residuals(const Napi::CallbackInfo& info);
  Napi::Value read_object(const Napi::CallbackInfo& info);
  void write_object(const Napi::CallbackInfo& info);
  void keep_object(const Napi::CallbackInfo& info);
  Napi::Value read_spectrum(const Napi::CallbackInfo& info);
  void write_spectrum(const Napi::CallbackInfo& info);
  Napi::Value read_support(const Napi::CallbackInfo& info);
  Napi::Value finish(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value device_seconds(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info) { Finalize(info.Env()); }

  // JavaScript calls this for a method above, or for one of `Session` without arguments. It turns what the method
  // throws into an error of JavaScript.
  template <auto Method>
  auto call(const Napi::CallbackInfo& info);
  Session& session() const { return thread_->session(); }
  // `read` fills an array of `count` elements, with which the promise resolves, from so many bytes on the device.
  template <class Element>
  Napi::Value read(size_t count, size_t bytes, void (Session::*read)(int start, Element* to), int start);
  // The thread calls `write` with a copy of the array.
  template <class Element, class Write>
  void write(const Napi::TypedArrayOf<Element>& array, Write write);
  // Checks that the first argument is one of the session's starts, and returns it.
  int start_of(const Napi::CallbackInfo& info) const;
  void tell_collector(Napi::Env env, size_t bytes);

  std::shared_ptr<Environment> environment_;
  SessionThread* thread_ = nullptr;  // null once it was disposed of
  size_t told_bytes_ = 0;
  // Bytes in copies of what was written that the thread has not come to yet. They may outlive this object.
  std::shared_ptr<std::atomic<size_t>> written_bytes_ = std::make_shared<std::atomic<size_t>>(0);
  Copies uploads_;
  // Residuals are counted when they have arrived: only the session knows how many. This object may be gone by then.
  std::shared_ptr<Copies> downloads_ = std::make_shared<Copies>();
};

}  // namespace rephase::cuda
