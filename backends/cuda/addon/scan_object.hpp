// A scan's session as JavaScript sees it: an object with the methods of BackendScanSession
// (src/backends/interface.ts), but with the rule and the order set by calls of their own. backends/cuda/scan-session.ts
// puts arguments in order.
#pragma once
#include "../scan/scan.hpp"
#include "native_object.hpp"

namespace rephase::cuda {

class ScanObject : public NativeObject<ScanObject, Scan> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit ScanObject(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release(env); }

 private:
  void set_rule(const Napi::CallbackInfo& info);
  void set_order(const Napi::CallbackInfo& info);
  void forward(const Napi::CallbackInfo& info);
  void constrain_fourier(const Napi::CallbackInfo& info);
  void constrain_object(const Napi::CallbackInfo& info);
  void iterate(const Napi::CallbackInfo& info);
  void correct_positions(const Napi::CallbackInfo& info);
  Napi::Value counts(const Napi::CallbackInfo& info);
  Napi::Value patterns_on_host(const Napi::CallbackInfo& info);
  Napi::Value read_object(const Napi::CallbackInfo& info);
  void write_object(const Napi::CallbackInfo& info);
  Napi::Value read_probe(const Napi::CallbackInfo& info);
  void write_probe(const Napi::CallbackInfo& info);
  Napi::Value read_positions(const Napi::CallbackInfo& info);
  void write_positions(const Napi::CallbackInfo& info);
  Napi::Value read_waves(const Napi::CallbackInfo& info);
  void write_waves(const Napi::CallbackInfo& info);

  // Both arguments, bounds of a batch in the order.
  std::pair<int, int> bounds_of(const Napi::CallbackInfo& info) const;

  // Work is asked for that brings so many patterns to the device, where they stay on the host.
  void bring(int patterns);

  int in_batch_ = 0;  // positions in the batch under way
};

}  // namespace rephase::cuda
