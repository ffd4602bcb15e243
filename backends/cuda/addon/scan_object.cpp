#include "scan_object.hpp"

namespace rephase::cuda {

namespace {

ScanRule read_rule(const Napi::Value& numbers) {
  return make_scan_rule(array_of<double>(numbers, kScanNumbers, "numbers").Data());
}

ScanProblem read_problem(const Napi::Object& given) {
  const auto number = [&](const char* name) { return given.Get(name).As<Napi::Number>().Int32Value(); };
  ScanProblem p = {};
  p.device = number("device");
  p.positions = number("positions");
  p.rows = number("rows");
  p.columns = number("columns");
  p.object_rows = number("objectRows");
  p.object_columns = number("objectColumns");
  p.modes = number("modes");
  p.batch = number("batch");
  if (std::min({p.positions, p.rows, p.columns, p.object_rows, p.object_columns, p.modes, p.batch}) < 1)
    throw Napi::RangeError::New(given.Env(), "sizes of a scan: take 1 or more: a defect of rephase");
  const size_t pixels = static_cast<size_t>(p.rows) * p.columns;
  p.rule = read_rule(given.Get("numbers"));
  p.patterns = array_of<float>(given.Get("patterns"), p.positions * pixels, "patterns").Data();
  p.mask = data_or_null<uint8_t>(given, pixels, "mask");
  const Napi::Value keep = given.Get("keepPatterns");
  if (!keep.IsUndefined())
    p.keep = keep.As<Napi::String>().Utf8Value() == "host" ? KeepPatterns::on_host : KeepPatterns::on_device;
  p.places = array_of<double>(given.Get("places"), 2 * static_cast<size_t>(p.positions), "places").Data();
  return p;
}

}  // namespace

Napi::Function ScanObject::define(Napi::Env env) {
  using This = ScanObject;
  return DefineClass(env, "Scan",
                     {InstanceMethod("setRule", &This::call<&This::set_rule>),
                      InstanceMethod("setOrder", &This::call<&This::set_order>),
                      InstanceMethod("forward", &This::call<&This::forward>),
                      InstanceMethod("constrainFourier", &This::call<&This::constrain_fourier>),
                      InstanceMethod("inverse", &This::call<&Scan::inverse>),
                      InstanceMethod("constrainObject", &This::call<&This::constrain_object>),
                      InstanceMethod("iterate", &This::call<&This::iterate>),
                      InstanceMethod("correctPositions", &This::call<&This::correct_positions>),
                      InstanceMethod("takeResiduals", &This::call<&This::take_residuals>),
                      InstanceMethod("counts", &This::call<&This::counts>),
                      InstanceMethod("patternsOnHost", &This::call<&This::patterns_on_host>),
                      InstanceMethod("readObject", &This::call<&This::read_object>),
                      InstanceMethod("writeObject", &This::call<&This::write_object>),
                      InstanceMethod("readProbe", &This::call<&This::read_probe>),
                      InstanceMethod("writeProbe", &This::call<&This::write_probe>),
                      InstanceMethod("readPositions", &This::call<&This::read_positions>),
                      InstanceMethod("writePositions", &This::call<&This::write_positions>),
                      InstanceMethod("readWaves", &This::call<&This::read_waves>),
                      InstanceMethod("writeWaves", &This::call<&This::write_waves>),
                      InstanceMethod("finish", &This::call<&This::finish>),
                      InstanceMethod("memory", &This::call<&This::memory>),
                      InstanceMethod("deviceSeconds", &This::call<&This::device_seconds>),
                      InstanceMethod("dispose", &This::dispose)});
}

ScanObject::ScanObject(const Napi::CallbackInfo& info)
    : NativeObject(info, [&] { return std::make_shared<Scan>(read_problem(info[0].As<Napi::Object>())); }) {
  uploads_.add(session().pattern_numbers() * sizeof(float));
}

void ScanObject::bring(int patterns) {
  if (session().patterns_on_host())
    uploads_.add(session().pattern_numbers() / session().positions() * patterns * sizeof(float));
}

Napi::Value ScanObject::patterns_on_host(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), session().patterns_on_host());
}

std::pair<int, int> ScanObject::bounds_of(const Napi::CallbackInfo& info) const {
  const int begin = info[0].As<Napi::Number>().Int32Value(), end = info[1].As<Napi::Number>().Int32Value();
  if (0 <= begin && begin <= end && end <= session().positions()) return {begin, end};
  throw Napi::RangeError::New(info.Env(), "bounds of a batch: take some within the order: a defect of rephase");
}

void ScanObject::set_rule(const Napi::CallbackInfo& info) {
  enqueue([rule = read_rule(info[0])](Scan& s) { s.use(rule); });
  tell_collector(info.Env(), session().device_bytes());
}

void ScanObject::set_order(const Napi::CallbackInfo& info) {
  const auto array = array_of<uint32_t>(info[0], session().positions(), "order");
  enqueue([order = std::vector<uint32_t>(array.Data(), array.Data() + array.ElementLength())](Scan& s) {
    s.set_order(order.data());
  });
  uploads_.add(array.ByteLength());
}

void ScanObject::forward(const Napi::CallbackInfo& info) {
  const auto [begin, end] = bounds_of(info);
  enqueue([begin = begin, end = end](Scan& s) { s.forward(begin, end); });
  in_batch_ = end - begin;
}

void ScanObject::constrain_fourier(const Napi::CallbackInfo&) {
  enqueue([](Scan& s) { s.constrain_fourier(); });
  bring(in_batch_);
}

void ScanObject::constrain_object(const Napi::CallbackInfo& info) {
  enqueue([last = info[0].ToBoolean().Value()](Scan& s) { s.constrain_object(last); });
}

void ScanObject::iterate(const Napi::CallbackInfo& info) {
  const auto [begin, end] = bounds_of(info);
  enqueue([begin = begin, end = end](Scan& s) { s.iterate(begin, end); });
  bring(end - begin);
}

void ScanObject::correct_positions(const Napi::CallbackInfo& info) {
  enqueue([most = info[0].As<Napi::Number>().DoubleValue()](Scan& s) { s.correct_positions(most); });
  bring(session().positions());
  tell_collector(info.Env(), session().device_bytes());
}

Napi::Value ScanObject::counts(const Napi::CallbackInfo&) {
  Promised* const promised = environment_->promise();
  const auto model = std::make_shared<double>(), measured = std::make_shared<double>();
  promised->result = [=](Napi::Env env) -> Napi::Value {
    Napi::Object counts = Napi::Object::New(env);
    counts.Set("model", *model);
    counts.Set("measured", *measured);
    return counts;
  };
  hand_over(
      [=](Scan& s) {
        *model = s.model_counts();
        *measured = s.measured_counts();
      },
      promised);
  bring(session().positions());
  return promised->deferred.Promise();
}

Napi::Value ScanObject::read_object(const Napi::CallbackInfo&) {
  return read<float>(session().object_numbers(), [](Scan& s, float* to) { s.read_object(to); });
}

void ScanObject::write_object(const Napi::CallbackInfo& info) {
  const auto array = array_of<float>(info[0], session().object_numbers(), "object");
  write(array, [](Scan& s, const float* object) { s.write_object(object); });
  uploads_.add(array.ByteLength());
}

Napi::Value ScanObject::read_probe(const Napi::CallbackInfo&) {
  return read<float>(session().probe_numbers(), [](Scan& s, float* to) { s.read_probe(to); });
}

void ScanObject::write_probe(const Napi::CallbackInfo& info) {
  const auto array = array_of<float>(info[0], session().probe_numbers(), "probe");
  write(array, [](Scan& s, const float* probe) { s.write_probe(probe); });
  uploads_.add(array.ByteLength());
}

Napi::Value ScanObject::read_positions(const Napi::CallbackInfo&) {
  return read<double>(2 * static_cast<size_t>(session().positions()),
                      [](Scan& s, double* to) { s.read_positions(to); });
}

void ScanObject::write_positions(const Napi::CallbackInfo& info) {
  const auto array = array_of<double>(info[0], 2 * static_cast<size_t>(session().positions()), "positions");
  write(array, [](Scan& s, const double* positions) { s.write_positions(positions); });
  uploads_.add(array.ByteLength());
}

Napi::Value ScanObject::read_waves(const Napi::CallbackInfo&) {
  return read<float>(in_batch_ * session().probe_numbers(), [](Scan& s, float* to) { s.read_waves(to); });
}

void ScanObject::write_waves(const Napi::CallbackInfo& info) {
  const auto array = array_of<float>(info[0], in_batch_ * session().probe_numbers(), "waves");
  write(array, [](Scan& s, const float* waves) { s.write_waves(waves); });
  uploads_.add(array.ByteLength());
}

}  // namespace rephase::cuda
