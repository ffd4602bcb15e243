#include "session_object.hpp"

#include <algorithm>
#include <string>
#include <type_traits>

namespace rephase::cuda {

namespace {

// Undefined for types of which no array is taken.
template <class Element>
struct ArrayType;
template <>
struct ArrayType<float> : std::integral_constant<napi_typedarray_type, napi_float32_array> {};
template <>
struct ArrayType<double> : std::integral_constant<napi_typedarray_type, napi_float64_array> {};
template <>
struct ArrayType<uint8_t> : std::integral_constant<napi_typedarray_type, napi_uint8_array> {};

// A typed array of `count` elements. Arguments were checked in TypeScript; a shorter one would be read beyond its end.
template <class Element>
Napi::TypedArrayOf<Element> array_of(const Napi::Value& value, size_t count, const char* name) {
  if (value.IsTypedArray()) {
    const auto array = value.As<Napi::TypedArray>();
    if (array.TypedArrayType() == ArrayType<Element>::value && array.ElementLength() == count)
      return value.As<Napi::TypedArrayOf<Element>>();
  }
  const std::string takes = std::to_string(count) + " elements of " + std::to_string(sizeof(Element)) + " bytes";
  throw Napi::TypeError::New(value.Env(), std::string(name) + ": takes " + takes + ": a defect of rephase");
}

template <class Element>
const Element* data_or_null(const Napi::Object& object, size_t count, const char* name) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() ? nullptr : array_of<Element>(value, count, name).Data();
}

Rule read_rule(const Napi::Value& coefficients, const Napi::Value& keeps_iterate) {
  return make_rule(array_of<double>(coefficients, kCoefficients, "coefficients").Data(), keeps_iterate.ToBoolean());
}

Problem read_problem(const Napi::Object& given) {
  const auto number = [&](const char* name) { return given.Get(name).As<Napi::Number>().DoubleValue(); };
  Problem problem = {};
  problem.device = static_cast<int>(number("device"));
  problem.rows = static_cast<int>(number("rows"));
  problem.columns = static_cast<int>(number("columns"));
  problem.starts = static_cast<int>(number("starts"));
  problem.rule = read_rule(given.Get("coefficients"), given.Get("keepsIterate"));
  problem.scale = number("scale");
  // Two negative sizes would have a positive product.
  if (std::min({problem.rows, problem.columns, problem.starts}) < 1)
    throw Napi::RangeError::New(given.Env(), "rows, columns, starts: take 1 or more: a defect of rephase");
  const size_t pixels = static_cast<size_t>(problem.rows) * static_cast<size_t>(problem.columns);
  problem.magnitudes = array_of<float>(given.Get("magnitudes"), pixels, "magnitudes").Data();
  problem.mask = data_or_null<uint8_t>(given, pixels, "mask");
  problem.support = data_or_null<uint8_t>(given, pixels, "support");
  problem.seeded = !given.Get("seed").IsUndefined();
  if (problem.seeded) {
    problem.seed = static_cast<uint64_t>(number("seed"));
    problem.first_start = static_cast<uint32_t>(number("firstStart"));
  }
  return problem;
}

}  // namespace

template <auto Method>
auto SessionObject::call(const Napi::CallbackInfo& info) {
  try {
    if (!thread_) throw Napi::Error::New(info.Env(), "a backend session was used after dispose(): a defect of rephase");
    if constexpr (std::is_same_v<decltype(Method), void (Session::*)()>)
      thread_->enqueue([](Session& s) { (s.*Method)(); });
    else
      return (this->*Method)(info);
  } catch (...) {
    throw to_javascript(info.Env(), std::current_exception());
  }
}

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
                      InstanceMethod("finish", &This::call<&This::finish>),
                      InstanceMethod("memory", &This::call<&This::memory>),
                      InstanceMethod("deviceSeconds", &This::call<&This::device_seconds>),
                      InstanceMethod("dispose", &This::dispose)});
}

SessionObject::SessionObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), environment_(Environment::of(info.Env())) {
  try {
    const Problem problem = read_problem(info[0].As<Napi::Object>());
    thread_ = environment_->start(std::make_unique<Session>(problem));
    uploads_.add(session().pixels() * sizeof(float));
    if (problem.support) uploads_.add(session().pixels());
  } catch (...) {
    throw to_javascript(info.Env(), std::current_exception());
  }
  tell_collector(info.Env(), session().device_bytes());
}

// Tells the garbage collector that this small object holds so much memory on the device.
void SessionObject::tell_collector(Napi::Env env, size_t bytes) {
  if (bytes == told_bytes_) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, static_cast<int64_t>(bytes) - static_cast<int64_t>(told_bytes_));
  told_bytes_ = bytes;
}

void SessionObject::Finalize(Napi::Env env) {
  if (!thread_) return;
  environment_->end(thread_);
  thread_ = nullptr;
  tell_collector(env, 0);
}

template <class Element, class Write>
void SessionObject::write(const Napi::TypedArrayOf<Element>& array, Write write) {
  const size_t count = array.ElementLength(), bytes = array.ByteLength();
  *written_bytes_ += bytes;
  const std::shared_ptr<Element[]> copy(new Element[count], [bytes, written = written_bytes_](Element* memory) {
    delete[] memory;
    *written -= bytes;
  });
  std::copy_n(array.Data(), count, copy.get());
  thread_->hand_over([copy, write](Session& s) { write(s, copy.get()); });
}

template <class Element>
Napi::Value SessionObject::read(size_t count, size_t bytes, void (Session::*read)(int start, Element* to), int start) {
  auto array = Napi::TypedArrayOf<Element>::New(Env(), count);
  Promised* const promised = environment_->promise();
  const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(array.template As<Napi::Object>()));
  promised->result = [kept](Napi::Env) -> Napi::Value { return kept->Value(); };
  thread_->hand_over([=, to = array.Data()](Session& s) { (s.*read)(start, to); }, promised);
  downloads_->add(bytes);
  return promised->deferred.Promise();
}

int SessionObject::start_of(const Napi::CallbackInfo& info) const {
  const int start = info[0].As<Napi::Number>().Int32Value(), starts = session().starts();
  if (start >= 0 && start < starts) return start;
  throw Napi::RangeError::New(info.Env(), "start: takes less than " + std::to_string(starts) + ": a defect of rephase");
}

void SessionObject::iterate(const Napi::CallbackInfo& info) {
  thread_->enqueue([count = info[0].As<Napi::Number>().Uint32Value()](Session& s) { s.iterate(count); });
}

void SessionObject::set_rule(const Napi::CallbackInfo& info) {
  thread_->enqueue([rule = read_rule(info[0], info[1])](Session& s) { s.use(rule); });
  tell_collector(info.Env(), session().device_bytes());
}

void SessionObject::set_support(const Napi::CallbackInfo& info) {
  if (info[0].IsUndefined()) return thread_->enqueue([](Session& s) { s.set_support(nullptr); });
  write(array_of<uint8_t>(info[0], session().pixels(), "support"),
        [](Session& s, const uint8_t* support) { s.set_support(support); });
  uploads_.add(session().pixels());
}

void SessionObject::shrink_support(const Napi::CallbackInfo& info) {
  const auto number = [&](int i) { return info[i].As<Napi::Number>().DoubleValue(); };
  thread_->enqueue([](Session& s) { s.allocate_own_supports(); });  // here, if it can be: it may fail
  thread_->hand_over([sigma = number(0), threshold = number(1), least = number(2), most = number(3)](Session& s) {
    s.shrink_support(sigma, threshold, least, most);
  });
  tell_collector(info.Env(), session().device_bytes());
}

Napi::Value SessionObject::finish(const Napi::CallbackInfo&) {
  const auto event = std::make_shared<Event>();
  thread_->enqueue([event](Session& s) { *event = s.mark(); });
  Promised* const promised = environment_->promise();
  thread_->wait_for([event](Session& s) { s.wait(*event); }, promised);
  return promised->deferred.Promise();
}

Napi::Value SessionObject::take_residuals(const Napi::CallbackInfo&) {
  Promised* const promised = environment_->promise();
  const auto residuals = std::make_shared<std::vector<double>>();
  promised->result = [residuals, downloads = downloads_](Napi::Env env) -> Napi::Value {
    Napi::Float64Array array = Napi::Float64Array::New(env, residuals->size());
    std::copy(residuals->begin(), residuals->end(), array.Data());
    downloads->add(array.ByteLength());
    return array;
  };
  thread_->hand_over([residuals](Session& s) { *residuals = s.take_residuals(); }, promised);
  return promised->deferred.Promise();
}

Napi::Value SessionObject::read_object(const Napi::CallbackInfo& info) {
  const size_t pixels = session().pixels();
  return read(pixels, pixels * sizeof(float), &Session::read_object, start_of(info));
}

Napi::Value SessionObject::read_spectrum(const Napi::CallbackInfo& info) {
  const size_t numbers = 2 * session().pixels();
  return read(numbers, numbers * sizeof(float), &Session::read_spectrum, start_of(info));
}

Napi::Value SessionObject::read_support(const Napi::CallbackInfo& info) {
  return read(session().pixels(), session().support_bytes(), &Session::read_support, start_of(info));
}

void SessionObject::write_object(const Napi::CallbackInfo& info) {
  const int start = start_of(info);
  const auto array = array_of<float>(info[1], session().pixels(), "object");
  const bool as_iterate = info[2].ToBoolean();
  if (as_iterate) thread_->enqueue([](Session& s) { s.allocate_iterate(); });  // here, if it can be: it may fail
  write(array, [=](Session& s, const float* object) { s.write_object(start, object, as_iterate); });
  uploads_.add(array.ByteLength());
}

void SessionObject::keep_object(const Napi::CallbackInfo& info) {
  thread_->enqueue([start = start_of(info)](Session& s) { s.keep_object(start); });
}

void SessionObject::write_spectrum(const Napi::CallbackInfo& info) {
  const int start = start_of(info);
  write(array_of<float>(info[1], 2 * session().pixels(), "spectrum"),
        [=](Session& s, const float* spectrum) { s.write_spectrum(start, spectrum); });
  uploads_.add(session().spectrum_upload_bytes());
}

Napi::Value SessionObject::memory(const Napi::CallbackInfo& info) {
  Napi::Object report = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, uint64_t value) { report.Set(name, static_cast<double>(value)); };
  set("deviceBytes", session().device_bytes());
  set("hostBytes", session().host_bytes() + *written_bytes_);
  set("uploads", uploads_.count);
  set("uploadedBytes", uploads_.bytes);
  set("downloads", downloads_->count);
  set("downloadedBytes", downloads_->bytes);
  return report;
}

Napi::Value SessionObject::device_seconds(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), session().device_seconds());
}

}  // namespace rephase::cuda
