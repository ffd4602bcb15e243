// The state that the sessions of one environment (the main thread, a worker) share: the way back to its event loop, and
// the threads that have to end before it does. All of it is called on the event loop, except `settle` and `ended`.
#pragma once
#include <napi.h>

#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "session_thread.hpp"

namespace rephase::cuda {

// A failure as an error of JavaScript: `code` tells DEVICE_LOST and OUT_OF_MEMORY apart, the latter with both numbers.
Napi::Error to_javascript(Napi::Env env, std::exception_ptr failure);

// A promise that another thread will settle.
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

  // Keeps the event loop alive until it is settled.
  Promised* promise();
  // From any thread: settles it on the event loop.
  void settle(Promised* promised, std::exception_ptr failure);

  // Valid until `end`.
  SessionThread* start(std::unique_ptr<Session> session);
  // Returns at once. The session is freed when what was called before has been done.
  void end(SessionThread* thread);
  // From any thread: called by one that is about to return.
  void ended(SessionThread* thread);
  // A promise of whether memory has been freed: of true once all sessions that were to end have, of false where there
  // is none.
  Napi::Value freed();

 private:
  using Delivery = std::function<void(Napi::Env)>;
  static void receive(Napi::Env env, Napi::Function, std::nullptr_t*, Delivery* delivery);
  using Deliveries = Napi::TypedThreadSafeFunction<std::nullptr_t, Delivery, receive>;

  void deliver(Delivery delivery);
  void settle_now(Promised* promised, std::exception_ptr failure);
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
