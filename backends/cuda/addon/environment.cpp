#include "environment.hpp"

#include <cmath>
#include <new>

#include "session_thread.hpp"

namespace rephase::cuda {

Napi::Error to_javascript(Napi::Env env, std::exception_ptr failure) {
  const auto make = [env](const std::exception& error, const char* code) {
    Napi::Error thrown = Napi::Error::New(env, error.what());
    if (code) thrown.Set("code", code);
    return thrown;
  };
  try {
    std::rethrow_exception(failure);
  } catch (const Napi::Error& error) {
    return error;
  } catch (const OutOfMemory& error) {
    Napi::Error thrown = make(error, "OUT_OF_MEMORY");
    thrown.Set("required", error.required);
    thrown.Set("available", error.available);
    return thrown;
  } catch (const std::bad_alloc&) {
    return to_javascript(env, std::make_exception_ptr(OutOfMemory("out of host memory", NAN, NAN)));
  } catch (const DeviceError& error) {
    return make(error, "DEVICE_LOST");
  } catch (const std::exception& error) {
    return make(error, nullptr);
  }
}

void Environment::open(Napi::Env env) {
  env.SetInstanceData(new std::shared_ptr<Environment>(std::make_shared<Environment>(env)));
}

std::shared_ptr<Environment> Environment::of(Napi::Env env) {
  return *env.GetInstanceData<std::shared_ptr<Environment>>();
}

Environment::Environment(Napi::Env env) : env_(env), deliveries_(Deliveries::New(env, "rephase:cuda", 0, 1)) {
  deliveries_.Unref(env);
  // Hooks run in the reverse order: this one before the one by which `deliveries_` ends.
  env.AddCleanupHook([](Environment* environment) { environment->close(); }, this);
}

void Environment::close() {
  closed_ = true;
  for (const auto& thread : threads_) thread->end();
  for (const auto& thread : threads_) thread->join();
  threads_.clear();
  promised_.clear();
  awaiting_freed_.clear();
  deliveries_.Abort();  // what it holds is not called any more, only freed
}

// Without an environment once it has ended.
void Environment::receive(Napi::Env env, Napi::Function, std::nullptr_t*, Delivery* delivery) {
  const std::unique_ptr<Delivery> owned(delivery);
  if (env) (*delivery)(env);
}

void Environment::deliver(Delivery delivery) {
  auto owned = std::make_unique<Delivery>(std::move(delivery));
  if (deliveries_.NonBlockingCall(owned.get()) == napi_ok) owned.release();
}

void Environment::hold_loop() {
  if (reasons_to_live_++ == 0) deliveries_.Ref(env_);
}

void Environment::release_loop() {
  if (--reasons_to_live_ == 0) deliveries_.Unref(env_);
}

Promised* Environment::promise() {
  promised_.emplace_back(env_);
  hold_loop();
  return &promised_.back();
}

void Environment::settle(Promised* promised, std::exception_ptr failure) {
  deliver([this, promised, failure](Napi::Env env) {
    try {
      if (failure) std::rethrow_exception(failure);
      promised->deferred.Resolve(promised->result(env));
    } catch (...) {
      promised->deferred.Reject(to_javascript(env, std::current_exception()).Value());
    }
    promised_.remove_if([promised](const Promised& each) { return &each == promised; });
    release_loop();
  });
}

void Environment::add(const std::shared_ptr<SessionThread>& thread) {
  threads_.insert(thread);
}

void Environment::end(const std::shared_ptr<SessionThread>& thread) {
  if (closed_) return;
  ending_++;
  thread->end();
}

void Environment::ended(SessionThread* thread) {
  deliver([this, thread](Napi::Env env) {
    thread->join();
    threads_.erase(thread->shared_from_this());
    if (--ending_ > 0) return;
    for (const Napi::Promise::Deferred& freed : awaiting_freed_) {
      freed.Resolve(Napi::Boolean::New(env, true));
      release_loop();
    }
    awaiting_freed_.clear();
  });
}

Napi::Value Environment::freed(const Napi::CallbackInfo& info) {
  const Napi::Promise::Deferred freed = Napi::Promise::Deferred::New(info.Env());
  if (ending_ == 0) {
    freed.Resolve(Napi::Boolean::New(info.Env(), false));
  } else {
    awaiting_freed_.push_back(freed);
    hold_loop();
  }
  return freed.Promise();
}

}  // namespace rephase::cuda
