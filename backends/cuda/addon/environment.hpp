// The state that the sessions of one environment (the main thread, a worker) share: the way back to its event loop, and
// the threads that have to end before it does. All of it is called on the event loop, except `complete` and `ended`.
#pragma once
#include <napi.h>

#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "../runtime/device.hpp"
#include "session_thread.hpp"

namespace rephase::cuda {

// A failure as an error of JavaScript: `code` tells DEVICE_LOST and OUT_OF_MEMORY apart, the latter with both numbers.
Napi::Error to_javascript(Napi::Env env, std::exception_ptr failure);

// A promise that waits for another thread.
struct Promised {
  explicit Promised(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise::Deferred deferred;
  // Makes, on the event loop, the value that it resolves with.
  std::function<Napi::Value(Napi::Env)> result = [](Napi::Env env) { return env.Undefined(); };
};

class Environment {
 public:
  static void open(Napi::Env env);
  static std::shared_ptr<Environment> of(Napi::Env env);
  explicit Environment(Napi::Env env);

  // The promise keeps the event loop alive until `complete` is called.
  Promised* promise();
  // Resolves the promise, or rejects it with the failure, on the event loop. Any thread may call this.
  void complete(Promised* promised, std::exception_ptr failure);

  // Starts a thread for the session. The pointer is valid until `end`.
  SessionThread* start(std::shared_ptr<void> session);
  // Returns at once. The session is freed when what was called before has been done.
  void end(SessionThread* thread);
  // A thread of a session calls this when it is about to return.
  void ended(SessionThread* thread);
  // Returns a promise that resolves with true once all sessions that are ending have freed their memory, or with false
  // at once where none is ending.
  Napi::Value freed();

 private:
  using Delivery = std::function<void(Napi::Env)>;
  static void receive(Napi::Env env, Napi::Function, std::nullptr_t*, Delivery* delivery);
  using Deliveries = Napi::TypedThreadSafeFunction<std::nullptr_t, Delivery, receive>;

  void deliver(Delivery delivery);
  void complete_now(Promised* promised, std::exception_ptr failure);
  void close();

  const Napi::Env env_;
  Deliveries deliveries_;
  std::list<Promised> promised_;
  std::list<SessionThread> threads_;
  int ending_ = 0;
  std::vector<Promised*> awaiting_freed_;
  bool closed_ = false;
};

}  // namespace rephase::cuda
