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

Napi::Function SessionObject::define(Napi::Env env) {
  return DefineClass(
      env, "Session",
      {InstanceMethod("inverse", &SessionObject::inverse),
       InstanceMethod("constrainObject", &SessionObject::constrain_object),
       InstanceMethod("forward", &SessionObject::forward),
       InstanceMethod("constrainFourier", &SessionObject::constrain_fourier),
       InstanceMethod("iterate", &SessionObject::iterate),
       InstanceMethod("completeIteration", &SessionObject::complete_iteration),
       InstanceMethod("measureObject", &SessionObject::measure_object),
       InstanceMethod("setRule", &SessionObject::set_rule), InstanceMethod("setSupport", &SessionObject::set_support),
       InstanceMethod("takeResiduals", &SessionObject::take_residuals),
       InstanceMethod("readObject", &SessionObject::read_object),
       InstanceMethod("writeObject", &SessionObject::write_object),
       InstanceMethod("keepObject", &SessionObject::keep_object),
       InstanceMethod("readSpectrum", &SessionObject::read_spectrum),
       InstanceMethod("writeSpectrum", &SessionObject::write_spectrum),
       InstanceMethod("finish", &SessionObject::finish), InstanceMethod("memory", &SessionObject::memory),
       InstanceMethod("deviceSeconds", &SessionObject::device_seconds),
       InstanceMethod("dispose", &SessionObject::dispose)});
}

SessionObject::SessionObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), environment_(Environment::of(info.Env())) {
  try {
    const Problem problem = read_problem(info[0].As<Napi::Object>());
    auto session = std::make_unique<Session>(problem);
    pixels_ = session->pixels();
    starts_ = problem.starts;
    device_bytes_ = session->bytes();
    stopwatch_ = session->stopwatch();
    pinned_bytes_ = session->host_bytes();
    count_upload(pixels_ * sizeof(float));
    if (problem.support) count_upload(pixels_);
    spectrum_upload_bytes_ = session->spectrum_upload_bytes();
    thread_ = std::make_shared<SessionThread>(std::move(session), *environment_);
    environment_->add(thread_);
  } catch (...) {
    throw to_javascript(info.Env(), std::current_exception());
  }
  tell_collector(info.Env(), *device_bytes_);
}

// A small object that holds much memory elsewhere: the collector should know.
void SessionObject::tell_collector(Napi::Env env, size_t bytes) {
  if (bytes == told_bytes_) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, static_cast<int64_t>(bytes) - static_cast<int64_t>(told_bytes_));
  told_bytes_ = bytes;
}

void SessionObject::Finalize(Napi::Env env) {
  let_go(env);
}

void SessionObject::let_go(Napi::Env env) {
  if (!thread_) return;
  environment_->end(thread_);
  thread_ = nullptr;
  stopwatch_ = nullptr;
  tell_collector(env, 0);
}

template <class F>
auto SessionObject::with_thread(Napi::Env env, F&& f) {
  if (!thread_) throw Napi::Error::New(env, "a backend session was used after dispose(): a defect of rephase");
  try {
    return f(*thread_);
  } catch (...) {
    throw to_javascript(env, std::current_exception());
  }
}

void SessionObject::enqueue(Napi::Env env, SessionThread::Work work) {
  with_thread(env, [&](SessionThread& thread) { thread.enqueue(std::move(work)); });
}

template <class Array, class Write>
void SessionObject::write(Napi::Env env, const Array& array, Write write) {
  using Element = std::remove_const_t<std::remove_pointer_t<decltype(array.Data())>>;
  with_thread(env, [&](SessionThread& thread) {
    const size_t count = array.ElementLength(), bytes = count * sizeof(Element);
    *written_bytes_ += bytes;
    const std::shared_ptr<Element[]> copy(new Element[count], [bytes, written = written_bytes_](Element* memory) {
      delete[] memory;
      *written -= bytes;
    });
    std::copy_n(array.Data(), count, copy.get());
    thread.hand_over([copy, write](Session& s) { write(s, copy.get()); });
  });
}

int SessionObject::start_of(const Napi::CallbackInfo& info) const {
  const int start = info[0].As<Napi::Number>().Int32Value();
  if (start >= 0 && start < starts_) return start;
  throw Napi::RangeError::New(info.Env(),
                              "start: takes less than " + std::to_string(starts_) + ": a defect of rephase");
}

void SessionObject::inverse(const Napi::CallbackInfo& info) {
  enqueue(info.Env(), [](Session& s) { s.inverse(); });
}
void SessionObject::constrain_object(const Napi::CallbackInfo& info) {
  enqueue(info.Env(), [](Session& s) { s.constrain_object(); });
}
void SessionObject::forward(const Napi::CallbackInfo& info) {
  enqueue(info.Env(), [](Session& s) { s.forward(); });
}
void SessionObject::constrain_fourier(const Napi::CallbackInfo& info) {
  enqueue(info.Env(), [](Session& s) { s.constrain_fourier(); });
}
void SessionObject::iterate(const Napi::CallbackInfo& info) {
  enqueue(info.Env(), [count = info[0].As<Napi::Number>().Uint32Value()](Session& s) { s.iterate(count); });
}
void SessionObject::complete_iteration(const Napi::CallbackInfo& info) {
  enqueue(info.Env(), [](Session& s) { s.complete_iteration(); });
}
void SessionObject::measure_object(const Napi::CallbackInfo& info) {
  enqueue(info.Env(), [](Session& s) { s.measure_object(); });
}
void SessionObject::set_rule(const Napi::CallbackInfo& info) {
  enqueue(info.Env(), [rule = read_rule(info[0], info[1])](Session& s) { s.use(rule); });
  tell_collector(info.Env(), *device_bytes_);
}
void SessionObject::set_support(const Napi::CallbackInfo& info) {
  if (info[0].IsUndefined()) return enqueue(info.Env(), [](Session& s) { s.set_support(nullptr); });
  write(info.Env(), array_of<uint8_t>(info[0], pixels_, "support"),
        [](Session& s, const uint8_t* support) { s.set_support(support); });
  count_upload(pixels_);
}

Napi::Value SessionObject::finish(const Napi::CallbackInfo& info) {
  return with_thread(info.Env(), [&](SessionThread& thread) -> Napi::Value {
    const auto event = std::make_shared<Event>();
    thread.enqueue([event](Session& s) { *event = s.mark(); });
    Promised* const promised = environment_->promise();
    thread.wait_for([event](Session& s) { s.wait(*event); }, promised);
    return promised->deferred.Promise();
  });
}

Napi::Value SessionObject::take_residuals(const Napi::CallbackInfo& info) {
  return with_thread(info.Env(), [&](SessionThread& thread) -> Napi::Value {
    Promised* const promised = environment_->promise();
    const auto residuals = std::make_shared<std::vector<double>>();
    promised->result = [residuals, downloads = downloads_](Napi::Env env) -> Napi::Value {
      Napi::Float64Array array = Napi::Float64Array::New(env, residuals->size());
      std::copy(residuals->begin(), residuals->end(), array.Data());
      downloads->count++;
      downloads->bytes += array.ByteLength();
      return array;
    };
    thread.hand_over([residuals](Session& s) { *residuals = s.take_residuals(); }, promised);
    return promised->deferred.Promise();
  });
}

Napi::Value SessionObject::read(Napi::Env env, size_t count, std::function<void(Session&, float*)> read) {
  return with_thread(env, [&](SessionThread& thread) -> Napi::Value {
    Napi::Float32Array array = Napi::Float32Array::New(env, count);
    Promised* const promised = environment_->promise();
    promised->array = Napi::Persistent(array.As<Napi::Object>());
    promised->result = [promised](Napi::Env) -> Napi::Value { return promised->array.Value(); };
    thread.hand_over([to = array.Data(), read = std::move(read)](Session& s) { read(s, to); }, promised);
    downloads_->count++;
    downloads_->bytes += array.ByteLength();
    return promised->deferred.Promise();
  });
}

Napi::Value SessionObject::read_object(const Napi::CallbackInfo& info) {
  const int start = start_of(info);
  return read(info.Env(), pixels_, [start](Session& s, float* to) { s.read_object(start, to); });
}
Napi::Value SessionObject::read_spectrum(const Napi::CallbackInfo& info) {
  const int start = start_of(info);
  return read(info.Env(), 2 * pixels_, [start](Session& s, float* to) { s.read_spectrum(start, to); });
}

void SessionObject::write_object(const Napi::CallbackInfo& info) {
  const int start = start_of(info);
  const auto array = array_of<float>(info[1], pixels_, "object");
  const bool as_iterate = info[2].ToBoolean();
  if (as_iterate) enqueue(info.Env(), [](Session& s) { s.allocate_iterate(); });  // here, if it can be: it may fail
  write(info.Env(), array, [=](Session& s, const float* object) { s.write_object(start, object, as_iterate); });
  count_upload(pixels_ * sizeof(float));
}
void SessionObject::keep_object(const Napi::CallbackInfo& info) {
  enqueue(info.Env(), [start = start_of(info)](Session& s) { s.keep_object(start); });
}
void SessionObject::write_spectrum(const Napi::CallbackInfo& info) {
  const int start = start_of(info);
  write(info.Env(), array_of<float>(info[1], 2 * pixels_, "spectrum"),
        [=](Session& s, const float* spectrum) { s.write_spectrum(start, spectrum); });
  count_upload(spectrum_upload_bytes_);
}

void SessionObject::count_upload(size_t bytes) {
  uploads_++;
  uploaded_bytes_ += bytes;
}

Napi::Value SessionObject::memory(const Napi::CallbackInfo& info) {
  Napi::Object report = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, uint64_t value) { report.Set(name, static_cast<double>(value)); };
  set("deviceBytes", *device_bytes_);
  set("hostBytes", pinned_bytes_ + *written_bytes_);
  set("uploads", uploads_);
  set("uploadedBytes", uploaded_bytes_);
  set("downloads", downloads_->count);
  set("downloadedBytes", downloads_->bytes);
  return report;
}

Napi::Value SessionObject::device_seconds(const Napi::CallbackInfo& info) {
  return with_thread(info.Env(), [&](SessionThread&) { return Napi::Number::New(info.Env(), stopwatch_->seconds()); });
}

void SessionObject::dispose(const Napi::CallbackInfo& info) {
  let_go(info.Env());
}

}  // namespace rephase::cuda
