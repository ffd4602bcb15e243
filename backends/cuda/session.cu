#include "session.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/any_length.cuh"
#include "kernels/problem_kernels.cuh"
#include "runtime/device.hpp"

namespace rephase::cuda {

namespace {

constexpr size_t kPieceBytes = size_t{2} << 20;
constexpr int kGraphIterations = 16;
constexpr size_t kGraphs = 4;

// Magnitudes begin at multiples of 16 bytes.
int magnitude_stride(int rows) {
  return static_cast<int>(ceil_div(rows, 4) * 4);
}

size_t line_bytes(const AnyLine& line) {
  return (spread(line.size) + 1) * sizeof(Complex);
}

// Room for the lines that do not fit shared memory, two blocks a multiprocessor.
int scratch_blocks(int multiprocessors) {
  return 2 * multiprocessors;
}

// At least two full rows of a spectrum, and no more than one of them all.
size_t piece_bytes(int rows, int columns) {
  const size_t row = columns * sizeof(Complex);
  return std::max(2 * row, std::min(kPieceBytes, rows * row));
}

// The device, once it is known to have room.
int device_for(const Problem& p) {
  choose_device(p.device);
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  const double needed = Session::bytes_needed(p);
  if (needed > double(free)) throw OutOfMemory("out of device memory", needed, double(free));
  return p.device;
}

}  // namespace

double Session::bytes_needed(const Problem& p) {
  const cudaDeviceProp& device = devices().at(p.device);
  const int stored = RealField::stored_columns(p.columns);
  const double pixels = double(p.rows) * p.columns, tiled = double(ceil_div(p.rows, kTile) * kTile);
  const double spectrum = tiled * stored * sizeof(Complex);
  const double images = pixels * sizeof(RealField::Pixel) * (p.rule.keeps_iterate ? 2 : 1);
  const double magnitudes = double(stored + 1) * magnitude_stride(p.rows) * sizeof(float);
  const double support = p.support ? double(p.rows) * ceil_div(p.columns, 32) * 4 : 0;
  const double records = double(p.starts) * (kRecords * 8 + 4 + stored * 4.0);
  // A convolution is less than 2.5 times as long as its line; see `spread` for the rest.
  const double line = std::max(p.rows, p.columns) * 2.5 * 17 / 16 * sizeof(Complex) + 1024;
  const double lines = line > device.sharedMemPerBlockOptin ? scratch_blocks(device.multiProcessorCount) * line : 0;
  return p.starts * (spectrum + images) + magnitudes + support + records + lines + piece_bytes(p.rows, p.columns) +
         Axis::bytes_needed(p.rows) + Axis::bytes_needed(p.columns);
}

Session::Session(const Problem& p)
    : device_(device_for(p)),
      scale_(p.scale),
      rule_(p.rule),
      stream_(make_stream()),
      launcher_(p.device, stream_.get(), *stopwatch_),
      on_chip_(find_on_chip(p.rows, p.columns, p.starts, launcher_.multiprocessors())),
      row_axis_(p.columns, on_chip_ ? &on_chip_->row_line : find_fast_row(p.columns, double(p.starts) * p.rows)),
      column_axis_(p.rows, on_chip_
                               ? &on_chip_->column_line
                               : find_fast_column(p.rows, double(p.starts) * RealField::stored_columns(p.columns))) {
  View& v = view_;
  v.rows = p.rows;
  v.columns = p.columns;
  v.starts = p.starts;
  v.stored_columns = RealField::stored_columns(p.columns);
  v.tiles = static_cast<int>(ceil_div(p.rows, kTile));
  v.pairs = static_cast<int>(ceil_div(p.rows, RealField::rows_per_line));
  v.magnitude_stride = magnitude_stride(p.rows);
  v.support_words = static_cast<int>(ceil_div(p.columns, 32));
  v.packed = RealField::packs(p.columns);
  v.masked = p.mask != nullptr;
  v.row_twiddles = row_axis_.twiddles();
  v.column_twiddles = column_axis_.twiddles();

  *bytes_ = row_axis_.bytes() + column_axis_.bytes();
  spectrum_ = allocate<Complex>(p.starts * v.tiles * v.pitch());
  magnitudes_ = allocate<float>(size_t(v.stored_columns) * v.magnitude_stride);
  nyquist_ = allocate<float>(v.magnitude_stride);
  object_ = allocate<float>(p.starts * pixels());
  if (rule_.keeps_iterate) allocate_iterate();
  partials_ = allocate<float>(size_t(p.starts) * v.stored_columns);
  records_ = allocate<double>(size_t(kRecords) * p.starts);
  recorded_on_device_ = allocate<uint32_t>(p.starts);
  piece_ = allocate<char>(piece_bytes(p.rows, p.columns));
  staging_ = Staging(piece_.bytes());
  v.spectrum = spectrum_.data();
  v.magnitudes = magnitudes_.data();
  v.nyquist = nyquist_.data();
  v.object = object_.data();
  v.partials = partials_.data();
  v.records = records_.data();
  v.recorded = recorded_on_device_.data();
  const auto clear = [&](void* memory, size_t bytes) {
    check(cudaMemsetAsync(memory, 0, bytes, stream_.get()), "clearing memory");
  };
  // Rows beyond the last one in a tile stay zero.
  clear(spectrum_.data(), spectrum_.bytes());
  clear(magnitudes_.data(), magnitudes_.bytes());
  clear(nyquist_.data(), nyquist_.bytes());
  clear(v.recorded, recorded_on_device_.bytes());
  choose_kernels();

  // The object's array is not used yet: the magnitudes pass through it, those that were not measured as negative ones.
  staging_.upload(stream_.get(), object_.data(), pixels() * sizeof(float), [&](char* to, size_t at, size_t bytes) {
    float* const staged = reinterpret_cast<float*>(to);
    const size_t first = at / sizeof(float), count = bytes / sizeof(float);
    std::copy_n(p.magnitudes + first, count, staged);
    if (!p.mask) return;
    for (size_t i = 0; i < count; i++)
      if (!p.mask[first + i]) staged[i] = -1;
  });
  launcher_.each(encode_magnitudes, int64_t(v.stored_columns + 1) * v.rows, v, column_axis_.any(), object_.data(),
                 static_cast<float>(2 * p.scale), magnitudes_.data(), nyquist_.data());
  if (p.seeded) {
    launcher_.each(start_from_seed, int64_t(v.rows) * v.stored_columns, v, column_axis_.any(), object_.data(), p.scale,
                   p.seed, p.first_start);
  }
  if (p.support) set_support(p.support);
  stopwatch_->discard();
  check(cudaStreamSynchronize(stream_.get()), "setting the problem up");
}

// Before its members free what they own.
Session::~Session() {
  cudaSetDevice(device_);
}

template <class T>
DeviceBuffer<T> Session::allocate(size_t count) {
  DeviceBuffer<T> buffer(count);
  *bytes_ += buffer.bytes();
  return buffer;
}

void Session::allocate_iterate() {
  if (iterate_.data()) return;
  choose_device(device_);
  iterate_ = allocate<float>(object_.bytes() / sizeof(float));
  view_.iterate = iterate_.data();
}

void Session::use(const Rule& rule) {
  if (rule == rule_) return;
  choose_device(device_);
  if (deferred_ > 0) launch_deferred();  // with the rule before
  if (rule.keeps_iterate) allocate_iterate();
  rule_ = rule;
}

void Session::set_support(const uint8_t* support) {
  use_device();
  View& v = view_;
  // Graphs know whether there is a support.
  if (!support != !v.support) graphs_.clear();
  v.support = nullptr;
  if (!support) return;
  if (!support_.data()) support_ = allocate<uint32_t>(size_t(v.rows) * v.support_words);
  View some = v;
  const int at_once = static_cast<int>(piece_.bytes() / v.columns);
  for (int row = 0; row < v.rows; row += at_once) {
    some.rows = std::min(at_once, v.rows - row);
    staging_.upload(stream_.get(), piece_.data(), support + size_t(row) * v.columns, size_t(some.rows) * v.columns);
    launcher_.each(pack_support, int64_t(some.rows) * v.support_words, some, reinterpret_cast<uint8_t*>(piece_.data()),
                   support_.data() + size_t(row) * v.support_words);
  }
  v.support = support_.data();
}

// ---- passes ----

void Session::choose_kernels() {
  const auto allow = [&](const void* kernel, size_t bytes) { return launcher_.allow_shared_memory(kernel, bytes); };
  const auto allow_fast = [&](const FastLine* line) {
    return line && allow(line->whole.function, line->whole.shared) && allow(line->part.function, line->part.shared);
  };
  const FastLine *row_line = row_axis_.fast(), *column_line = column_axis_.fast();
  fast_rows_ = allow_fast(row_line);
  fast_columns_ = allow_fast(column_line);
  if (on_chip_ && !allow(on_chip_->kernel.function, on_chip_->kernel.shared)) on_chip_ = nullptr;
  const size_t row_bytes = line_bytes(row_axis_.any()), column_bytes = line_bytes(column_axis_.any());
  rows_fit_ = fast_rows_ || allow(reinterpret_cast<const void*>(any_rows<true>), row_bytes);
  columns_fit_ = fast_columns_ || allow(reinterpret_cast<const void*>(any_columns<true>), column_bytes);
  // Lines that do not fit get scratch.
  if (!rows_fit_ || !columns_fit_)
    scratch_ = allocate<Complex>(scratch_blocks(launcher_.multiprocessors()) * std::max(row_bytes, column_bytes) /
                                 sizeof(Complex));
  if (fast_rows_ && fast_columns_)
    launcher_.divide_cache({row_line->whole, column_line->whole},
                           {row_line->part.function, column_line->part.function,
                            reinterpret_cast<const void*>(rephase::cuda::constrain_object)});
}

int Session::recorders(int threads) const {
  return static_cast<int>(ceil_div(view_.starts, threads / 32));
}

// A column pass leaves partial residuals, which the next row pass records, or this does.
void Session::record() {
  constexpr int threads = Launcher::kSimpleThreads;
  if (measured_) launcher_.each(record_residuals, int64_t(recorders(threads)) * threads, view_);
  measured_ = false;
}

void Session::columns(ColumnWork work) {
  const bool measures = work.impose || work.measure;
  if (measures) record();
  const int64_t lines = int64_t(view_.starts) * view_.stored_columns;
  if (fast_columns_) {
    const FastLine& line = *column_axis_.fast();
    const bool whole = work.forward && work.impose && work.inverse && work.scale == 1;
    const Kernel& kernel = whole ? line.whole : line.part;
    void* arguments[] = {&view_, &work};
    launcher_.launch(kernel.function, ceil_div(lines, kernel.lines), kernel.threads, kernel.shared, arguments, true);
  } else {
    AnyLine line = column_axis_.any();
    Complex* scratch = scratch_.data();
    void* arguments[] = {&view_, &line, &work, &scratch};
    const void* const kernel = reinterpret_cast<const void*>(columns_fit_ ? any_columns<true> : any_columns<false>);
    const int64_t most = columns_fit_ ? 1 << 20 : scratch_blocks(launcher_.multiprocessors());
    launcher_.launch(kernel, std::min(lines, most), kAnyThreads, columns_fit_ ? line_bytes(line) : 0, arguments, true);
  }
  // Not before: what could not be started is tried again.
  if (measures) measured_ = true;
}

void Session::rows(RowWork work, Rule rule) {
  rows(work, fast_rows_ ? &row_axis_.fast()->part : nullptr, rule);
}

void Session::rows(RowWork work, const Kernel* fast, Rule rule) {
  const int64_t lines = int64_t(view_.starts) * view_.pairs;
  int recording = measured_ ? recorders(fast ? fast->threads : kAnyThreads) : 0;
  if (fast) {
    void* arguments[] = {&view_, &work, &recording, &rule};
    launcher_.launch(fast->function, recording + ceil_div(lines, fast->lines), fast->threads, fast->shared, arguments,
                     true);
  } else {
    AnyLine line = row_axis_.any();
    // Blocks that only record have no line, but count in the numbering of scratch.
    Complex* scratch = scratch_.data();
    if (scratch) scratch -= static_cast<int64_t>(recording) * (spread(line.size) + 1);
    void* arguments[] = {&view_, &line, &work, &recording, &rule, &scratch};
    const void* const kernel = reinterpret_cast<const void*>(rows_fit_ ? any_rows<true> : any_rows<false>);
    const int64_t most = rows_fit_ ? 1 << 20 : scratch_blocks(launcher_.multiprocessors());
    launcher_.launch(kernel, recording + std::min(lines, most), kAnyThreads, rows_fit_ ? line_bytes(line) : 0,
                     arguments, true);
  }
  measured_ = false;
}

void Session::iterate_rows() {
  const RowWork all = {true, true, false, true, normal(view_.rows)};
  if (fast_rows_ && !rule_.general) return rows(all, &row_axis_.fast()->whole, rule_);
  rows(all, rule_);
}

// The factor that undoes the doubling and the transforms along rows, and along columns of that length.
float Session::normal(int column_length) const {
  return static_cast<float>(0.5 / view_.columns / column_length);
}

// ---- the three granularities ----

void Session::iterate(uint32_t count) {
  choose_device(device_);
  if (count > 0 && holds_ != Holds::rows) {
    invert_columns();
    holds_ = Holds::rows;
    iterate_rows();
    count--;
  }
  deferred_ += count;
  recorded_ += count;
  if (deferred_ < kGraphIterations) return;
  stopwatch_->start(stream_.get());  // before a graph is recorded, not in it
  if (on_chip()) return launch_deferred();
  const cudaGraphExec_t iterations = graph();
  for (; deferred_ >= kGraphIterations; deferred_ -= kGraphIterations)
    check(cudaGraphLaunch(iterations, stream_.get()), "starting a graph");
}

cudaGraphExec_t Session::graph() {
  for (const RuleGraph& known : graphs_)
    if (known.rule == rule_) return known.graph.get();
  Graph graph = record_graph(stream_.get(), [&] {
    for (int i = 0; i < kGraphIterations; i++) iteration();
  });
  if (graphs_.size() == kGraphs) graphs_.erase(graphs_.begin());
  graphs_.push_back({rule_, std::move(graph)});
  return graphs_.back().graph.get();
}

void Session::launch_deferred() {
  if (deferred_columns_.any()) columns(deferred_columns_);
  deferred_columns_ = {};
  if (on_chip() && deferred_ > 0) {
    Rule rule = rule_;
    int count = static_cast<int>(deferred_);
    void* arguments[] = {&view_, &count, &rule};
    const Kernel& kernel = on_chip_->kernel;
    launcher_.launch(kernel.function, view_.starts, kernel.threads, kernel.shared, arguments, true);
    deferred_ = 0;
  }
  for (; deferred_ > 0; deferred_--) iteration();
}

// An iteration that begins with a pending column pass.
void Session::iteration() {
  columns({true, true, true, 1});
  iterate_rows();
}

void Session::use_device() {
  choose_device(device_);
  launch_deferred();
}

void Session::copy(float* to, const float* from, size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_.get()), "copying the iterate");
}

void Session::complete_iteration() {
  use_device();
  if (holds_ != Holds::rows) return;
  if (rule_.keeps_iterate) {
    copy(object_.data(), iterate_.data(), object_.bytes());
  } else {
    // The spectrum's array holds the object's transform along rows. Exact zeros come back from it with rounding noise;
    // a projection may be applied again.
    rows({true, is_projection(rule_), true, false, normal(1)}, rule_);
  }
  object_is_iterate_ = false;
  deferred_columns_ = {true, true, false, 1};
  recorded_++;
  holds_ = Holds::spectrum;
}

void Session::inverse() {
  choose_device(device_);
  invert_columns();
  rows({true, false, true, false, normal(view_.rows)});
  object_is_iterate_ = false;
}

void Session::constrain_object() {
  use_device();
  make_object_the_iterate();
  void* arguments[] = {&view_, &rule_};
  launcher_.launch(reinterpret_cast<const void*>(rephase::cuda::constrain_object),
                   std::min<int64_t>(int64_t(view_.starts) * view_.rows, 1 << 20), Launcher::kSimpleThreads, 0,
                   arguments, true);
  object_is_iterate_ = rule_.general && rule_.keeps_iterate;
}

void Session::make_object_the_iterate() {
  if (object_is_iterate_) copy(object_.data(), iterate_.data(), object_.bytes());
  object_is_iterate_ = false;
}

void Session::forward() {
  use_device();
  rows({false, false, false, true, 1});
  deferred_columns_ = {true, false, false, 1};
  holds_ = Holds::spectrum;
}

void Session::measure_object() {
  use_device();
  make_object_the_iterate();
  Rule projection = rule_;
  projection.scales = false;  // the short way clears what is not a number
  rows({false, true, false, true, 1}, projection);
  ColumnWork work;
  work.forward = work.measure = true;
  columns(work);
  recorded_++;
  holds_ = Holds::spectrum;
}

void Session::constrain_fourier() {
  choose_device(device_);
  // Deferred work goes on, unless it has come as far already.
  if (deferred_columns_.impose || deferred_columns_.inverse) launch_deferred();
  restore_spectrum();
  deferred_columns_.impose = true;
  recorded_++;
}

// Brings the columns to where rows can be transformed back.
void Session::invert_columns() {
  if (holds_ == Holds::spectrum) deferred_columns_.inverse = true;
  holds_ = Holds::inverted;
  launch_deferred();
}

// Undoes what `inverse` did to the columns. Nothing is deferred then.
void Session::restore_spectrum() {
  if (holds_ != Holds::inverted) return;
  deferred_columns_ = {true, false, false, 1.0f / view_.rows};
  holds_ = Holds::spectrum;
}

// Does what `use_device` does, and brings the spectrum into its array.
void Session::use_spectrum() {
  use_device();
  restore_spectrum();
  launch_deferred();
}

// ---- reading and writing ----

Event Session::mark() {
  use_device();
  stopwatch_->stop(stream_.get());
  Event event = make_event();
  check(cudaEventRecord(event.get(), stream_.get()), "marking the stream");
  return event;
}

void Session::wait(const Event& event) const {
  choose_device(device_);
  check(cudaEventSynchronize(event.get()), "iterating");
}

std::vector<double> Session::take_residuals() {
  use_device();
  record();
  const uint64_t count = std::min<uint64_t>(recorded_ - taken_, kRecords);
  taken_ = recorded_;
  const size_t starts = view_.starts;
  std::vector<double> residuals(count * starts);
  // The records are a ring.
  const uint64_t first = (recorded_ - count) % kRecords, straight = std::min(count, kRecords - first);
  const auto read = [&](uint64_t record, uint64_t some, double* to) {
    const auto* const from = reinterpret_cast<const char*>(records_.data() + record * starts);
    staging_.download(
        stream_.get(), *stopwatch_, some * starts * sizeof(double), sizeof(double),
        [&](char* staged, size_t at, size_t bytes) {
          check(cudaMemcpyAsync(staged, from + at, bytes, cudaMemcpyDeviceToHost, stream_.get()), "reading residuals");
        },
        [&](const char* staged, size_t at, size_t bytes) {
          std::memcpy(reinterpret_cast<char*>(to) + at, staged, bytes);
        });
  };
  read(first, straight, residuals.data());
  read(0, count - straight, residuals.data() + straight * starts);
  return residuals;
}

void Session::read_object(int start, float* to) {
  use_device();
  const float* const object = object_is_iterate_ ? iterate_.data() : object_.data();
  const auto* const from = reinterpret_cast<const char*>(object + start * pixels());
  const float factor = static_cast<float>(1 / scale_);
  staging_.download(
      stream_.get(), *stopwatch_, pixels() * sizeof(float), sizeof(float),
      [&](char* staged, size_t at, size_t bytes) {
        check(cudaMemcpyAsync(staged, from + at, bytes, cudaMemcpyDeviceToHost, stream_.get()), "reading the object");
      },
      [&](const char* staged, size_t at, size_t bytes) {
        const auto* const piece = reinterpret_cast<const float*>(staged);
        for (size_t i = 0; i < bytes / sizeof(float); i++) to[at / sizeof(float) + i] = piece[i] * factor;
      });
}

void Session::write_object(int start, const float* object, bool as_iterate) {
  use_device();
  const size_t bytes = pixels() * sizeof(float);
  float* const to = object_.data() + start * pixels();
  staging_.upload(stream_.get(), to, object, bytes);
  if (scale_ != 1) launcher_.each(rescale, int64_t(pixels()), to, int64_t(pixels()), static_cast<float>(scale_));
  if (as_iterate || object_is_iterate_) copy_to_iterate(start);
}

void Session::keep_object(int start) {
  use_device();
  if (!object_is_iterate_) copy_to_iterate(start);
}

void Session::copy_to_iterate(int start) {
  allocate_iterate();
  const size_t at = start * pixels();
  copy(iterate_.data() + at, object_.data() + at, pixels() * sizeof(float));
}

void Session::read_spectrum(int start, float* to) {
  use_spectrum();
  const size_t row_bytes = view_.columns * sizeof(Complex);
  Complex* const rows = reinterpret_cast<Complex*>(piece_.data());
  staging_.download(
      stream_.get(), *stopwatch_, view_.rows * row_bytes, row_bytes,
      [&](char* staged, size_t at, size_t bytes) {
        launcher_.each(rephase::cuda::read_spectrum, int64_t(bytes / sizeof(Complex)), view_, column_axis_.any(), start,
                       int(at / row_bytes), int(bytes / row_bytes), rows, static_cast<float>(0.5 / scale_));
        check(cudaMemcpyAsync(staged, rows, bytes, cudaMemcpyDeviceToHost, stream_.get()), "reading the spectrum");
      },
      [&](const char* staged, size_t at, size_t bytes) {
        std::memcpy(reinterpret_cast<char*>(to) + at, staged, bytes);
      });
}

void Session::write_spectrum(int start, const float* spectrum) {
  use_spectrum();  // of the other starts
  const Complex* const full = reinterpret_cast<const Complex*>(spectrum);
  const size_t n = view_.columns, row_bytes = n * sizeof(Complex), at_once = piece_.bytes() / (2 * row_bytes);
  Complex* const pairs = reinterpret_cast<Complex*>(piece_.data());
  const size_t rows = view_.rows / 2 + 1;
  for (size_t row = 0; row < rows; row += at_once) {
    const size_t count = std::min(at_once, rows - row);
    staging_.upload(stream_.get(), pairs, 2 * count * row_bytes, [&](char* staged, size_t, size_t) {
      Complex* to = reinterpret_cast<Complex*>(staged);
      for (size_t r = row; r < row + count; r++, to += 2 * n) {
        std::copy_n(full + r * n, n, to);
        std::copy_n(full + (r == 0 ? 0 : view_.rows - r) * n, n, to + n);
      }
    });
    launcher_.each(rephase::cuda::write_spectrum, int64_t(2) * view_.stored_columns * count, view_, column_axis_.any(),
                   start, int(row), int(count), pairs, scale_);
  }
  holds_ = Holds::spectrum;
}

}  // namespace rephase::cuda
