// A session as JavaScript sees it: an object with the methods of BackendSession (src/backends/interface.ts), but with
// the rule set by a call of its own. backends/cuda/session.ts puts arguments in order.
#pragma once
#include <napi.h>

#include <atomic>
#include <memory>

#include "environment.hpp"
#include "session_thread.hpp"

namespace rephase::cuda {

struct Downloads {
  uint64_t count = 0, bytes = 0;
};

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
  void complete_iteration(const Napi::CallbackInfo& info);
  void measure_object(const Napi::CallbackInfo& info);
  void set_rule(const Napi::CallbackInfo& info);
  void set_support(const Napi::CallbackInfo& info);
  Napi::Value take_residuals(const Napi::CallbackInfo& info);
  Napi::Value read_object(const Napi::CallbackInfo& info);
  void write_object(const Napi::CallbackInfo& info);
  void keep_object(const Napi::CallbackInfo& info);
  Napi::Value read_spectrum(const Napi::CallbackInfo& info);
  void write_spectrum(const Napi::CallbackInfo& info);
  Napi::Value finish(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value device_seconds(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  // Turns what is thrown into an error of JavaScript.
  template <class F>
  auto with_thread(Napi::Env env, F&& f);
  void enqueue(Napi::Env env, SessionThread::Work work);
  // `read` fills an array of `count` floats, with which the promise resolves.
  Napi::Value read(Napi::Env env, size_t count, std::function<void(Session&, float*)> read);
  // The thread calls `write` with a copy of the array.
  template <class Array, class Write>
  void write(Napi::Env env, const Array& array, Write write);
  // The first argument, one of the session's starts.
  int start_of(const Napi::CallbackInfo& info) const;
  void count_upload(size_t bytes);
  void tell_collector(Napi::Env env, size_t bytes);
  void let_go(Napi::Env env);

  std::shared_ptr<Environment> environment_;
  std::shared_ptr<SessionThread> thread_;  // none once it was disposed of
  std::shared_ptr<Stopwatch> stopwatch_;
  std::shared_ptr<std::atomic<size_t>> device_bytes_;
  int starts_ = 0;
  size_t pixels_ = 0, told_bytes_ = 0, pinned_bytes_ = 0, spectrum_upload_bytes_ = 0;
  // Bytes in copies of what was written that the thread has not come to yet. They may outlive this object.
  std::shared_ptr<std::atomic<size_t>> written_bytes_ = std::make_shared<std::atomic<size_t>>(0);
  // Counted when they are asked for. Residuals are counted when they have arrived: only the session knows how many.
  uint64_t uploads_ = 0, uploaded_bytes_ = 0;
  std::shared_ptr<Downloads> downloads_ = std::make_shared<Downloads>();
};

}  // namespace rephase::cuda
