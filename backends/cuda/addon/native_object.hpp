// What the sessions of images and of scans have in common as JavaScript sees them: `This` is the class that JavaScript
// makes objects of, `Native` what works on the device.
#pragma once
#include <napi.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <type_traits>

#include "environment.hpp"

namespace rephase::cuda {

// Undefined for types of which no array is taken.
template <class Element>
struct ArrayType;
template <>
struct ArrayType<float> : std::integral_constant<napi_typedarray_type, napi_float32_array> {};
template <>
struct ArrayType<double> : std::integral_constant<napi_typedarray_type, napi_float64_array> {};
template <>
struct ArrayType<uint8_t> : std::integral_constant<napi_typedarray_type, napi_uint8_array> {};
template <>
struct ArrayType<uint32_t> : std::integral_constant<napi_typedarray_type, napi_uint32_array> {};

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

// Copies between the caller's arrays and the device, counted when they are asked for.
struct Copies {
  uint64_t count = 0, bytes = 0;
  void add(size_t copied) {
    count++;
    bytes += copied;
  }
};

template <class This, class Native>
class NativeObject : public Napi::ObjectWrap<This> {
 protected:
  // Disposes of the session, unless that has been done already. `This` has a Finalize that calls it: the one of a base
  // class would not be found.
  void release(Napi::Env env) {
    if (!thread_) return;
    environment_->end(thread_);
    thread_ = nullptr;
    tell_collector(env, 0);
  }

  // make(): the session.
  template <class Make>
  NativeObject(const Napi::CallbackInfo& info, Make&& make)
      : Napi::ObjectWrap<This>(info), environment_(Environment::of(info.Env())) {
    try {
      std::shared_ptr<Native> session = make();
      session_ = session.get();
      thread_ = environment_->start(std::move(session));
    } catch (...) {
      throw to_javascript(info.Env(), std::current_exception());
    }
    tell_collector(info.Env(), session().device_bytes());
  }

  // JavaScript calls this for a method of `This`, or for one of `Native` without arguments. It turns what the method
  // throws into an error of JavaScript.
  template <auto Method>
  auto call(const Napi::CallbackInfo& info) {
    try {
      if (!thread_)
        throw Napi::Error::New(info.Env(), "a backend session was used after dispose(): a defect of rephase");
      if constexpr (std::is_same_v<decltype(Method), void (Native::*)()>)
        enqueue([](Native& s) { (s.*Method)(); });
      else
        return (static_cast<This*>(this)->*Method)(info);
    } catch (...) {
      throw to_javascript(info.Env(), std::current_exception());
    }
  }

  // For what any thread may call, before the session is disposed of.
  Native& session() const { return *session_; }

  // See SessionThread.
  template <class Work>
  void enqueue(Work work) {
    thread_->enqueue([work = std::move(work), s = session_] { work(*s); });
  }
  template <class Work>
  void hand_over(Work work, Promised* promised = nullptr) {
    thread_->hand_over([work = std::move(work), s = session_] { work(*s); }, promised);
  }

  // `read` fills an array of `count` elements, with which the promise resolves. `bytes`: of it on the device, where it
  // has another form there.
  template <class Element, class Read>
  Napi::Value read(size_t count, Read read, size_t bytes = 0) {
    auto array = Napi::TypedArrayOf<Element>::New(this->Env(), count);
    Promised* const promised = environment_->promise();
    const auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(array.template As<Napi::Object>()));
    promised->result = [kept](Napi::Env) -> Napi::Value { return kept->Value(); };
    hand_over([to = array.Data(), read = std::move(read)](Native& s) { read(s, to); }, promised);
    downloads_->add(bytes > 0 ? bytes : array.ByteLength());
    return promised->deferred.Promise();
  }

  // The thread calls `write` with a copy of the array.
  template <class Element, class Write>
  void write(const Napi::TypedArrayOf<Element>& array, Write write) {
    const size_t count = array.ElementLength(), bytes = array.ByteLength();
    *written_bytes_ += bytes;
    const std::shared_ptr<Element[]> copy(new Element[count], [bytes, written = written_bytes_](Element* memory) {
      delete[] memory;
      *written -= bytes;
    });
    std::copy_n(array.Data(), count, copy.get());
    hand_over([copy, write](Native& s) { write(s, copy.get()); });
  }

  Napi::Value take_residuals(const Napi::CallbackInfo&) {
    Promised* const promised = environment_->promise();
    const auto residuals = std::make_shared<std::vector<double>>();
    promised->result = [residuals, downloads = downloads_](Napi::Env env) -> Napi::Value {
      Napi::Float64Array array = Napi::Float64Array::New(env, residuals->size());
      std::copy(residuals->begin(), residuals->end(), array.Data());
      downloads->add(array.ByteLength());
      return array;
    };
    hand_over([residuals](Native& s) { *residuals = s.take_residuals(); }, promised);
    return promised->deferred.Promise();
  }

  Napi::Value finish(const Napi::CallbackInfo&) {
    const auto event = std::make_shared<Event>();
    enqueue([event](Native& s) { *event = s.mark(); });
    Promised* const promised = environment_->promise();
    thread_->wait_for([event, s = session_] { s->wait(*event); }, promised);
    return promised->deferred.Promise();
  }

  Napi::Value memory(const Napi::CallbackInfo& info) {
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

  Napi::Value device_seconds(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), session().device_seconds());
  }

  void dispose(const Napi::CallbackInfo& info) { release(info.Env()); }

  // Tells the garbage collector that this small object holds so much memory on the device.
  void tell_collector(Napi::Env env, size_t bytes) {
    if (bytes == told_bytes_) return;
    Napi::MemoryManagement::AdjustExternalMemory(env, static_cast<int64_t>(bytes) - static_cast<int64_t>(told_bytes_));
    told_bytes_ = bytes;
  }

  std::shared_ptr<Environment> environment_;
  SessionThread* thread_ = nullptr;  // null once it was disposed of
  Copies uploads_;
  // Residuals are counted when they have arrived: only the session knows how many. This object may be gone by then.
  std::shared_ptr<Copies> downloads_ = std::make_shared<Copies>();

 private:
  Native* session_ = nullptr;
  size_t told_bytes_ = 0;
  // Bytes in copies of what was written that the thread has not come to yet. They may outlive this object.
  std::shared_ptr<std::atomic<size_t>> written_bytes_ = std::make_shared<std::atomic<size_t>>(0);
};

}  // namespace rephase::cuda
