#include "environment.hpp"

#include <cmath>
#include <new>

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
  for (SessionThread& thread : threads_) thread.end();
  threads_.clear();
  promised_.clear();
  deliveries_.Abort();  // what it holds is not called any more, only freed
}

// Node calls this without an environment once the environment has ended.
void Environment::receive(Napi::Env env, Napi::Function, std::nullptr_t*, Delivery* delivery) {
  const std::unique_ptr<Delivery> owned(delivery);
  if (env) (*delivery)(env);
}

void Environment::deliver(Delivery delivery) {
  auto owned = std::make_unique<Delivery>(std::move(delivery));
  if (deliveries_.NonBlockingCall(owned.get()) == napi_ok) owned.release();
}

Promised* Environment::promise() {
  if (promised_.empty()) deliveries_.Ref(env_);
  return &promised_.emplace_back(env_);
}

void Environment::complete(Promised* promised, std::exception_ptr failure) {
  deliver([=, this](Napi::Env) { complete_now(promised, failure); });
}

void Environment::complete_now(Promised* promised, std::exception_ptr failure) {
  try {
    if (failure) std::rethrow_exception(failure);
    promised->deferred.Resolve(promised->result(env_));
  } catch (...) {
    promised->deferred.Reject(to_javascript(env_, std::current_exception()).Value());
  }
  promised_.remove_if([promised](const Promised& each) { return &each == promised; });
  if (promised_.empty()) deliveries_.Unref(env_);
}

SessionThread* Environment::start(std::shared_ptr<void> session) {
  return &threads_.emplace_back(std::move(session), *this);
}

void Environment::end(SessionThread* thread) {
  if (closed_) return;
  ending_++;
  thread->end();
}

void Environment::ended(SessionThread* thread) {
  deliver([this, thread](Napi::Env) {
    threads_.remove_if([thread](const SessionThread& each) { return &each == thread; });
    if (--ending_ > 0) return;
    for (Promised* const freed : awaiting_freed_) complete_now(freed, nullptr);
    awaiting_freed_.clear();
  });
}

Napi::Value Environment::freed() {
  Promised* const freed = promise();
  const Napi::Promise promise = freed->deferred.Promise();
  freed->result = [any = ending_ > 0](Napi::Env env) { return Napi::Boolean::New(env, any); };
  if (ending_ > 0)
    awaiting_freed_.push_back(freed);
  else
    complete_now(freed, nullptr);
  return promise;
}

}  // namespace rephase::cuda
