// What JavaScript sees of a session: an object whose methods are BackendSession's (src/backends/interface.ts), with
// arguments that backends/cuda/session.ts has put in order.
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
  void settle(const Napi::CallbackInfo& info);
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

  // Throws what is thrown as an error of JavaScript's.
  template <class F>
  auto with_thread(Napi::Env env, F&& f);
  void enqueue(Napi::Env env, SessionThread::Work work);
  // `read` fills an array of so many floats, which the promise resolves with.
  Napi::Value read(Napi::Env env, size_t count, std::function<void(Session&, float*)> read);
  // `write` gets a copy of the array.
  void write(Napi::Env env, const Napi::Float32Array& array, std::function<void(Session&, const float*)> write);
  void count_upload(size_t bytes);
  void let_go(Napi::Env env);

  std::shared_ptr<Environment> environment_;
  std::shared_ptr<SessionThread> thread_;  // none once it was disposed of
  std::shared_ptr<Stopwatch> stopwatch_;
  size_t pixels_ = 0, device_bytes_ = 0, pinned_bytes_ = 0, spectrum_upload_bytes_ = 0;
  // Of copies of what was written, until the thread has come to them. They may outlive this object.
  std::shared_ptr<std::atomic<size_t>> written_bytes_ = std::make_shared<std::atomic<size_t>>(0);
  // Counted when they are called for, residuals when they have come: how many there are only the session knows.
  uint64_t uploads_ = 0, uploaded_bytes_ = 0;
  std::shared_ptr<Downloads> downloads_ = std::make_shared<Downloads>();
};

}  // namespace rephase::cuda
