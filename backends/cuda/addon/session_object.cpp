#include "session_object.hpp"

#include <algorithm>
#include <string>

namespace rephase::cuda {

namespace {

Rule read_rule(const Napi::Value& coefficients, const Napi::Value& keeps_iterate, bool complex) {
  const auto numbers = array_of<double>(coefficients, kCoefficients, "coefficients");
  return make_rule(numbers.Data(), keeps_iterate.ToBoolean(), Session::spectrum_scale(complex));
}

Problem read_problem(const Napi::Object& given) {
  const auto number = [&](const char* name) { return given.Get(name).As<Napi::Number>().DoubleValue(); };
  Problem problem = {};
  problem.device = static_cast<int>(number("device"));
  problem.rows = static_cast<int>(number("rows"));
  problem.columns = static_cast<int>(number("columns"));
  problem.starts = static_cast<int>(number("starts"));
  problem.complex = given.Get("complex").ToBoolean();
  problem.rule = read_rule(given.Get("coefficients"), given.Get("keepsIterate"), problem.complex);
  problem.scale = number("scale");
  // Two negative sizes would have a positive product.
  if (std::min({problem.rows, problem.columns, problem.starts}) < 1)
    throw Napi::RangeError::New(given.Env(), "rows, columns, starts: take 1 or more: a defect of rephase");
  const size_t pixels = static_cast<size_t>(problem.rows) * static_cast<size_t>(problem.columns);
  problem.magnitudes = array_of<float>(given.Get("magnitudes"), pixels, "magnitudes").Data();
  problem.mask = data_or_null<uint8_t>(given, pixels, "mask");
  problem.support = data_or_null<uint8_t>(given, pixels, "support");
  problem.sizes = data_or_null<float>(given, pixels, "sizes");
  problem.seeded = !given.Get("seed").IsUndefined();
  if (problem.seeded) {
    problem.seed = static_cast<uint64_t>(number("seed"));
    problem.first_start = static_cast<uint32_t>(number("firstStart"));
  }
  return problem;
}

}  // namespace

Napi::Function SessionObject::define(Napi::Env env) {
  using This = SessionObject;
  return DefineClass(env, "Session",
                     {InstanceMethod("inverse", &This::call<&Session::inverse>),
                      InstanceMethod("constrainObject", &This::call<&Session::constrain_object>),
                      InstanceMethod("forward", &This::call<&Session::forward>),
                      InstanceMethod("constrainFourier", &This::call<&Session::constrain_fourier>),
                      InstanceMethod("iterate", &This::call<&This::iterate>),
                      InstanceMethod("completeIteration", &This::call<&Session::complete_iteration>),
                      InstanceMethod("measureObject", &This::call<&Session::measure_object>),
                      InstanceMethod("setRule", &This::call<&This::set_rule>),
                      InstanceMethod("setSupport", &This::call<&This::set_support>),
                      InstanceMethod("shrinkSupport", &This::call<&This::shrink_support>),
                      InstanceMethod("takeResiduals", &This::call<&This::take_residuals>),
                      InstanceMethod("readObject", &This::call<&This::read_object>),
                      InstanceMethod("writeObject", &This::call<&This::write_object>),
                      InstanceMethod("keepObject", &This::call<&This::keep_object>),
                      InstanceMethod("readSpectrum", &This::call<&This::read_spectrum>),
                      InstanceMethod("writeSpectrum", &This::call<&This::write_spectrum>),
                      InstanceMethod("readSupport", &This::call<&This::read_support>),
                      InstanceMethod("writeSupport", &This::call<&This::write_support>),
                      InstanceMethod("finish", &This::call<&This::finish>),
                      InstanceMethod("memory", &This::call<&This::memory>),
                      InstanceMethod("deviceSeconds", &This::call<&This::device_seconds>),
                      InstanceMethod("dispose", &This::dispose)});
}

SessionObject::SessionObject(const Napi::CallbackInfo& info)
    : NativeObject(info, [&] { return std::make_shared<Session>(read_problem(info[0].As<Napi::Object>())); }) {
  uploads_.add(session().pixels() * sizeof(float));
  if (!info[0].As<Napi::Object>().Get("support").IsUndefined()) uploads_.add(session().pixels());
}

int SessionObject::start_of(const Napi::CallbackInfo& info) const {
  const int start = info[0].As<Napi::Number>().Int32Value(), starts = session().starts();
  if (start >= 0 && start < starts) return start;
  throw Napi::RangeError::New(info.Env(), "start: takes less than " + std::to_string(starts) + ": a defect of rephase");
}

void SessionObject::iterate(const Napi::CallbackInfo& info) {
  enqueue([count = info[0].As<Napi::Number>().Uint32Value()](Session& s) { s.iterate(count); });
}

void SessionObject::set_rule(const Napi::CallbackInfo& info) {
  enqueue([rule = read_rule(info[0], info[1], session().is_complex())](Session& s) { s.use(rule); });
  tell_collector(info.Env(), session().device_bytes());
}

void SessionObject::set_support(const Napi::CallbackInfo& info) {
  if (info[0].IsUndefined()) return enqueue([](Session& s) { s.set_support(nullptr); });
  write(array_of<uint8_t>(info[0], session().pixels(), "support"),
        [](Session& s, const uint8_t* support) { s.set_support(support); });
  uploads_.add(session().pixels());
}

void SessionObject::shrink_support(const Napi::CallbackInfo& info) {
  const auto number = [&](int i) { return info[i].As<Napi::Number>().DoubleValue(); };
  enqueue([](Session& s) { s.allocate_own_supports(); });  // here, if it can be: it may fail
  hand_over([sigma = number(0), threshold = number(1), least = number(2), most = number(3)](Session& s) {
    s.shrink_support(sigma, threshold, least, most);
  });
  tell_collector(info.Env(), session().device_bytes());
}

Napi::Value SessionObject::read_object(const Napi::CallbackInfo& info) {
  return read<float>(session().image_floats(),
                     [start = start_of(info)](Session& s, float* to) { s.read_object(start, to); });
}

Napi::Value SessionObject::read_spectrum(const Napi::CallbackInfo& info) {
  return read<float>(2 * session().pixels(),
                     [start = start_of(info)](Session& s, float* to) { s.read_spectrum(start, to); });
}

Napi::Value SessionObject::read_support(const Napi::CallbackInfo& info) {
  return read<uint8_t>(
      session().pixels(), [start = start_of(info)](Session& s, uint8_t* to) { s.read_support(start, to); },
      session().support_bytes());
}

void SessionObject::write_support(const Napi::CallbackInfo& info) {
  const int start = start_of(info);
  const auto array = array_of<uint8_t>(info[1], session().pixels(), "support");
  enqueue([](Session& s) { s.allocate_own_supports(); });  // here, if it can be: it may fail
  write(array, [=](Session& s, const uint8_t* support) { s.write_support(start, support); });
  uploads_.add(array.ByteLength());
  tell_collector(info.Env(), session().device_bytes());
}

void SessionObject::write_object(const Napi::CallbackInfo& info) {
  const int start = start_of(info);
  const auto array = array_of<float>(info[1], session().image_floats(), "object");
  const bool as_iterate = info[2].ToBoolean();
  if (as_iterate) enqueue([](Session& s) { s.allocate_iterate(); });  // here, if it can be: it may fail
  write(array, [=](Session& s, const float* object) { s.write_object(start, object, as_iterate); });
  uploads_.add(array.ByteLength());
}

void SessionObject::keep_object(const Napi::CallbackInfo& info) {
  enqueue([start = start_of(info)](Session& s) { s.keep_object(start); });
}

void SessionObject::write_spectrum(const Napi::CallbackInfo& info) {
  const int start = start_of(info);
  write(array_of<float>(info[1], 2 * session().pixels(), "spectrum"),
        [=](Session& s, const float* spectrum) { s.write_spectrum(start, spectrum); });
  uploads_.add(session().spectrum_upload_bytes());
}

}  // namespace rephase::cuda
