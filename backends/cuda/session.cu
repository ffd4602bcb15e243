#include "session.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "device.hpp"
#include "problem_kernels.cuh"

namespace rephase::cuda {

namespace {

constexpr size_t kPieceBytes = size_t{2} << 20;
constexpr int kGraphIterations = 16;

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

int stored(int columns) {
  return (columns + 1) / 2;
}

// Magnitudes begin at multiples of 16 bytes.
int magnitude_stride(int rows) {
  return static_cast<int>(ceil_div(rows, 4) * 4);
}

size_t line_bytes(const AnyLine& line) {
  return (spread(line.size) + 1) * sizeof(Complex);
}

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "asking the device for its limits");
  return value;
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
  const double pixels = double(p.rows) * p.columns, tiled = double(ceil_div(p.rows, kTile) * kTile);
  const double spectrum = tiled * stored(p.columns) * sizeof(Complex);
  const double image = pixels * sizeof(float);
  const double magnitudes = double(stored(p.columns) + 1) * magnitude_stride(p.rows) * sizeof(float);
  const double support = p.support ? double(p.rows) * ceil_div(p.columns, 32) * 4 : 0;
  const double records = double(p.starts) * (kRecords * 8 + 4 + stored(p.columns) * 4.0);
  // A convolution is less than 2.5 times as long as its line; see `spread` for the rest.
  const double line = std::max(p.rows, p.columns) * 2.5 * 17 / 16 * sizeof(Complex) + 1024;
  const double lines = line > device.sharedMemPerBlockOptin ? scratch_blocks(device.multiProcessorCount) * line : 0;
  return p.starts * (spectrum + image * (has_memory(p.algorithm) ? 2 : 1)) + magnitudes + support + records + lines +
         piece_bytes(p.rows, p.columns) + Axis::bytes_needed(p.rows) + Axis::bytes_needed(p.columns);
}

Session::Session(const Problem& p)
    : device_(device_for(p)),
      algorithm_(p.algorithm),
      beta_(p.beta),
      scale_(p.scale),
      on_chip_(find_on_chip(p.rows, p.columns, p.starts, attribute(cudaDevAttrMultiProcessorCount, p.device))),
      row_axis_(p.columns, on_chip_ ? &on_chip_->row_line : find_fast_row(p.columns, double(p.starts) * p.rows)),
      column_axis_(p.rows,
                   on_chip_ ? &on_chip_->column_line : find_fast_column(p.rows, double(p.starts) * stored(p.columns))) {
  View& v = view_;
  v.rows = p.rows;
  v.columns = p.columns;
  v.starts = p.starts;
  v.stored_columns = stored(p.columns);
  v.tiles = static_cast<int>(ceil_div(p.rows, kTile));
  v.pairs = static_cast<int>(ceil_div(p.rows, 2));
  v.magnitude_stride = magnitude_stride(p.rows);
  v.support_words = static_cast<int>(ceil_div(p.columns, 32));
  v.packed = p.columns % 2 == 0;
  v.masked = p.mask != nullptr;
  v.row_turns = row_axis_.turns();
  v.column_turns = column_axis_.turns();

  const size_t pixels = size_t(p.rows) * p.columns;
  multiprocessors_ = attribute(cudaDevAttrMultiProcessorCount, device_);
  programmatic_ = attribute(cudaDevAttrComputeCapabilityMajor, device_) >= 9;
  stream_ = make_stream();
  for (Event& event : passed_) event = make_event();
  spectrum_ = DeviceBuffer<Complex>(p.starts * v.tiles * v.pitch());
  magnitudes_ = DeviceBuffer<float>(size_t(v.stored_columns) * v.magnitude_stride);
  nyquist_ = DeviceBuffer<float>(v.magnitude_stride);
  object_ = DeviceBuffer<float>(p.starts * pixels);
  if (has_memory(p.algorithm)) iterate_ = DeviceBuffer<float>(p.starts * pixels);
  partials_ = DeviceBuffer<float>(size_t(p.starts) * v.stored_columns);
  records_ = DeviceBuffer<double>(size_t(kRecords) * p.starts);
  recorded_on_device_ = DeviceBuffer<uint32_t>(p.starts);
  if (p.support) support_ = DeviceBuffer<uint32_t>(size_t(p.rows) * v.support_words);
  piece_ = DeviceBuffer<char>(piece_bytes(p.rows, p.columns));
  staging_ = HostBuffer(2 * piece_.bytes());
  v.spectrum = spectrum_.data();
  v.magnitudes = magnitudes_.data();
  v.nyquist = nyquist_.data();
  v.object = object_.data();
  v.iterate = iterate_.data();
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
  allow_shared_memory();

  // The object's array is not used yet: the magnitudes pass through it, those that were not measured as negative ones.
  upload(object_.data(), pixels * sizeof(float), [&](char* to, size_t at, size_t bytes) {
    float* const staged = reinterpret_cast<float*>(to);
    const size_t first = at / sizeof(float), count = bytes / sizeof(float);
    std::copy_n(p.magnitudes + first, count, staged);
    if (!p.mask) return;
    for (size_t i = 0; i < count; i++)
      if (!p.mask[first + i]) staged[i] = -1;
  });
  simple(encode_magnitudes, int64_t(v.stored_columns + 1) * v.rows, v, column_axis_.any(), object_.data(),
         static_cast<float>(2 * p.scale), magnitudes_.data(), nyquist_.data());
  if (p.seeded) {
    simple(start_from_seed, int64_t(v.rows) * v.stored_columns, v, column_axis_.any(), object_.data(), p.scale, p.seed,
           p.first_start);
  }
  if (p.support) {
    v.support = support_.data();
    View some = v;
    const int at_once = static_cast<int>(piece_.bytes() / p.columns);
    for (int row = 0; row < p.rows; row += at_once) {
      some.rows = std::min(at_once, p.rows - row);
      upload(piece_.data(), p.support + size_t(row) * p.columns, size_t(some.rows) * p.columns);
      simple(pack_support, int64_t(some.rows) * v.support_words, some, reinterpret_cast<uint8_t*>(piece_.data()),
             support_.data() + size_t(row) * v.support_words);
    }
  }
  stopwatch_->discard();
  check(cudaStreamSynchronize(stream_.get()), "setting the problem up");
}

// Before its members free what they own.
Session::~Session() {
  cudaSetDevice(device_);
}

size_t Session::bytes() const {
  return row_axis_.bytes() + column_axis_.bytes() + spectrum_.bytes() + scratch_.bytes() + piece_.bytes() +
         magnitudes_.bytes() + nyquist_.bytes() + object_.bytes() + iterate_.bytes() + partials_.bytes() +
         support_.bytes() + recorded_on_device_.bytes() + records_.bytes();
}

// ---- launching ----

// More than 48 KiB of shared memory has to be asked for, kernel by kernel; lines that do not fit get scratch.
void Session::allow_shared_memory() {
  const int limit = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device_);
  const auto allow = [&](const void* kernel, size_t bytes) {
    cudaFuncAttributes attributes;
    check(cudaFuncGetAttributes(&attributes, kernel), "loading a kernel");
    const int rest = limit - static_cast<int>(attributes.sharedSizeBytes);
    if (bytes > static_cast<size_t>(rest)) return false;
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, rest), "asking for shared memory");
    return true;
  };
  const auto allow_fast = [&](const FastLine* line) {
    return line && allow(line->whole.function, line->whole.shared) && allow(line->part.function, line->part.shared);
  };
  fast_rows_ = allow_fast(row_axis_.fast());
  fast_columns_ = allow_fast(column_axis_.fast());
  if (on_chip_ && !allow(on_chip_->kernel.function, on_chip_->kernel.shared)) on_chip_ = nullptr;
  const size_t row_bytes = line_bytes(row_axis_.any()), column_bytes = line_bytes(column_axis_.any());
  rows_fit_ = fast_rows_ || allow(reinterpret_cast<const void*>(any_rows<true>), row_bytes);
  columns_fit_ = fast_columns_ || allow(reinterpret_cast<const void*>(rephase::cuda::any_columns<true>), column_bytes);
  if (!rows_fit_ || !columns_fit_)
    scratch_ =
        DeviceBuffer<Complex>(scratch_blocks(multiprocessors_) * std::max(row_bytes, column_bytes) / sizeof(Complex));
  if (fast_rows_ && fast_columns_) divide_cache();
}

// What the blocks of a multiprocessor do not need as shared memory is left to the L1 cache, where twiddles are. Both
// passes and the object constraint get the same share, because a multiprocessor has to be empty to be divided anew.
// Attributes are the process's: of sessions that share a kernel, the last one made decides.
void Session::divide_cache() {
  const int all = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor, device_);
  const int reserved = attribute(cudaDevAttrReservedSharedMemoryPerBlock, device_);
  const FastLine* const lines[] = {row_axis_.fast(), column_axis_.fast()};
  int percent = 0;
  for (const FastLine* line : lines) {
    const Kernel& kernel = line->whole;
    cudaFuncAttributes attributes;
    check(cudaFuncGetAttributes(&attributes, kernel.function), "loading a kernel");
    int blocks = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel.function, kernel.threads, kernel.shared),
          "asking how many blocks a multiprocessor takes");
    const int64_t needed = blocks * int64_t(kernel.shared + attributes.sharedSizeBytes + reserved);
    percent = std::max(percent, static_cast<int>(std::min<int64_t>(ceil_div(100 * needed, all), 100)));
  }
  const auto divide = [&](const void* kernel) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, percent), "dividing the cache");
  };
  for (const FastLine* line : lines) {
    divide(line->whole.function);
    divide(line->part.function);
  }
  divide(reinterpret_cast<const void*>(rephase::cuda::constrain_object));
}

// `early`: the kernel waits by itself for the one before it.
void Session::launch(const void* kernel, int64_t blocks, int threads, size_t shared, void** arguments, bool early) {
  cudaLaunchAttribute attribute;
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared;
  config.stream = stream_.get();
  config.attrs = &attribute;
  config.numAttrs = early && programmatic_ ? 1 : 0;
  stopwatch_->start(stream_.get());
  check(cudaLaunchKernelExC(&config, kernel, arguments), "starting a kernel");
}

template <class... Parameters, class... Arguments>
void Session::simple(void (*kernel)(Parameters...), int64_t items, Arguments... arguments) {
  std::tuple<std::decay_t<Parameters>...> values(arguments...);
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {&value...};
        launch(reinterpret_cast<const void*>(kernel), ceil_div(items, kSimpleThreads), kSimpleThreads, 0, pointers);
      },
      values);
}

int Session::recorders(int threads) const {
  return static_cast<int>(ceil_div(view_.starts, threads / 32));
}

// Whatever measures the misfit leaves it in parts, which the next row pass records, or this does.
void Session::record() {
  if (measured_) simple(record_residuals, int64_t(recorders(kSimpleThreads)) * kSimpleThreads, view_);
  measured_ = false;
}

int Session::take_recorders(int threads) {
  return std::exchange(measured_, false) ? recorders(threads) : 0;
}

void Session::columns(ColumnWork work) {
  if (work.impose) record();
  if (fast_columns_) {
    const FastLine& line = *column_axis_.fast();
    const bool whole = work.forward && work.impose && work.inverse && work.scale == 1;
    fast_columns(whole ? line.whole : line.part, work);
  } else {
    any_columns(work);
  }
  // Not before: what could not be started is tried again.
  if (work.impose) measured_ = true;
}

void Session::any_columns(ColumnWork work) {
  AnyLine line = column_axis_.any();
  Complex* scratch = scratch_.data();
  void* arguments[] = {&view_, &line, &work, &scratch};
  const int64_t lines = int64_t(view_.starts) * view_.stored_columns;
  if (columns_fit_)
    launch(reinterpret_cast<const void*>(rephase::cuda::any_columns<true>), std::min<int64_t>(lines, 1 << 20),
           kAnyThreads, line_bytes(line), arguments, true);
  else
    launch(reinterpret_cast<const void*>(rephase::cuda::any_columns<false>),
           std::min<int64_t>(lines, scratch_blocks(multiprocessors_)), kAnyThreads, 0, arguments, true);
}

void Session::rows(RowWork work, Rule rule) {
  if (fast_rows_) return fast_rows(row_axis_.fast()->part, work, rule);
  AnyLine line = row_axis_.any();
  int recording = take_recorders(kAnyThreads);
  const int64_t lines = int64_t(view_.starts) * view_.pairs;
  // Blocks that only record have no line, but count in the numbering of scratch.
  Complex* scratch = scratch_.data();
  if (scratch) scratch -= static_cast<int64_t>(recording) * (spread(line.size) + 1);
  void* arguments[] = {&view_, &line, &work, &rule, &recording, &scratch};
  if (rows_fit_)
    launch(reinterpret_cast<const void*>(any_rows<true>), recording + std::min<int64_t>(lines, 1 << 20), kAnyThreads,
           line_bytes(line), arguments, true);
  else
    launch(reinterpret_cast<const void*>(any_rows<false>),
           recording + std::min<int64_t>(lines, scratch_blocks(multiprocessors_)), kAnyThreads, 0, arguments, true);
}

void Session::fast_columns(const Kernel& kernel, ColumnWork work) {
  void* arguments[] = {&view_, &work};
  launch(kernel.function, ceil_div(int64_t(view_.starts) * view_.stored_columns, kernel.lines), kernel.threads,
         kernel.shared, arguments, true);
}

void Session::fast_rows(const Kernel& kernel, RowWork work, Rule rule) {
  int recording = take_recorders(kernel.threads);
  void* arguments[] = {&view_, &work, &rule, &recording};
  launch(kernel.function, recording + ceil_div(int64_t(view_.starts) * view_.pairs, kernel.lines), kernel.threads,
         kernel.shared, arguments, true);
}

void Session::turn_rows(Rule rule) {
  const RowWork all = {true, true, false, true, normal(view_.rows)};
  if (!fast_rows_) return rows(all, rule);
  fast_rows(row_axis_.fast()->whole, all, rule);
}

// What undoes the doubling and the transforms along rows, and along columns of that length.
float Session::normal(int column_length) const {
  return static_cast<float>(0.5 / view_.columns / column_length);
}

// ---- the three granularities ----

void Session::iterate(uint32_t count, bool first) {
  choose_device(device_);
  if (count > 0 && holds_ != Holds::rows) {
    invert_columns();
    holds_ = Holds::rows;
    turn_rows(make_rule(algorithm_, beta_, first));
    count--;
  }
  waiting_ += count;
  recorded_ += count;
  if (waiting_ < kGraphIterations) return;
  stopwatch_->start(stream_.get());  // before a graph is recorded, not in it
  if (on_chip_) return start_waiting();
  if (!graph_)
    graph_ = record_graph(stream_.get(), [&] {
      for (int i = 0; i < kGraphIterations; i++) turn();
    });
  for (; waiting_ >= kGraphIterations; waiting_ -= kGraphIterations)
    check(cudaGraphLaunch(graph_.get(), stream_.get()), "starting a graph");
}

void Session::start_waiting() {
  const ColumnWork work = waiting_columns_;
  if (work.forward || work.impose || work.inverse) columns(work);
  waiting_columns_ = {};
  if (on_chip_ && waiting_ > 0) {
    Rule rule = make_rule(algorithm_, beta_, false);
    int count = static_cast<int>(waiting_);
    void* arguments[] = {&view_, &rule, &count};
    launch(on_chip_->kernel.function, view_.starts, on_chip_->kernel.threads, on_chip_->kernel.shared, arguments, true);
    waiting_ = 0;
  }
  for (; waiting_ > 0; waiting_--) turn();
}

// An iteration that begins unsettled.
void Session::turn() {
  columns({true, true, true, 1});
  turn_rows(make_rule(algorithm_, beta_, false));
}

void Session::use_device() {
  choose_device(device_);
  start_waiting();
}

void Session::settle() {
  use_device();
  if (holds_ != Holds::rows) return;
  if (has_memory(algorithm_)) {
    check(cudaMemcpyAsync(object_.data(), iterate_.data(), object_.bytes(), cudaMemcpyDeviceToDevice, stream_.get()),
          "copying the iterate");
  } else {
    // What the iteration keeps is the object's transform along rows. Exact zeros come back with rounding noise around
    // them; a projection may be applied again.
    const Rule rule = make_rule(algorithm_, beta_, false);
    rows({true, is_projection(algorithm_), true, false, normal(1)}, rule);
  }
  waiting_columns_ = {true, true, false, 1};
  recorded_++;
  holds_ = Holds::spectrum;
}

void Session::inverse() {
  choose_device(device_);
  invert_columns();
  rows({true, false, true, false, normal(view_.rows)}, {});
}

void Session::constrain_object(bool first) {
  use_device();
  Rule rule = make_rule(algorithm_, beta_, first);
  void* arguments[] = {&view_, &rule};
  launch(reinterpret_cast<const void*>(rephase::cuda::constrain_object),
         std::min<int64_t>(int64_t(view_.starts) * view_.rows, 1 << 20), kSimpleThreads, 0, arguments, true);
}

void Session::forward() {
  use_device();
  rows({false, false, false, true, 1}, {});
  waiting_columns_ = {true, false, false, 1};
  holds_ = Holds::spectrum;
}

void Session::constrain_fourier() {
  choose_device(device_);
  // What waits goes on, unless it has come as far already.
  if (waiting_columns_.impose || waiting_columns_.inverse) start_waiting();
  restore_spectrum();
  waiting_columns_.impose = true;
  recorded_++;
}

// Brings the columns to where rows can be transformed back.
void Session::invert_columns() {
  if (holds_ == Holds::spectrum) waiting_columns_.inverse = true;
  holds_ = Holds::inverted;
  start_waiting();
}

// Undoes what `inverse` did to the columns. Nothing waits then.
void Session::restore_spectrum() {
  if (holds_ != Holds::inverted) return;
  waiting_columns_ = {true, false, false, 1.0f / view_.rows};
  holds_ = Holds::spectrum;
}

// As `use_device`, and the spectrum's array holds the spectrum.
void Session::use_spectrum() {
  use_device();
  restore_spectrum();
  start_waiting();
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

// fill(staged, at, count) puts `count` bytes from `at` on where they are to be copied from.
template <class Fill>
void Session::upload(void* to, size_t bytes, Fill&& fill) {
  for (size_t at = 0; at < bytes; at += piece_.bytes()) {
    const size_t count = std::min(piece_.bytes(), bytes - at);
    cudaEvent_t passed = passed_[next_half_].get();
    check(cudaEventSynchronize(passed), "uploading");
    fill(staged(next_half_), at, count);
    check(
        cudaMemcpyAsync(static_cast<char*>(to) + at, staged(next_half_), count, cudaMemcpyHostToDevice, stream_.get()),
        "uploading");
    check(cudaEventRecord(passed, stream_.get()), "uploading");
    next_half_ ^= 1;
  }
}

void Session::upload(void* to, const void* from, size_t bytes) {
  upload(to, bytes, [&](char* staged, size_t at, size_t count) {
    std::memcpy(staged, static_cast<const char*>(from) + at, count);
  });
}

// In pieces of whole units: enqueue(staged, at, count) has `count` bytes from `at` on copied there, take(staged, at,
// count) takes them from there, while the next are on their way.
template <class Enqueue, class Take>
void Session::download(size_t bytes, size_t unit, Enqueue&& enqueue, Take&& take) {
  const size_t piece = piece_.bytes() / unit * unit, pieces = ceil_div(bytes, piece);
  const auto count = [&](size_t i) { return std::min(piece, bytes - i * piece); };
  for (size_t i = 0; i <= pieces; i++) {
    if (i < pieces) {
      enqueue(staged(i % 2), i * piece, count(i));
      check(cudaEventRecord(passed_[i % 2].get(), stream_.get()), "copying results");
      if (i == pieces - 1) stopwatch_->stop(stream_.get());
    }
    if (i == 0) continue;
    check(cudaEventSynchronize(passed_[(i - 1) % 2].get()), "copying results");
    take(staged((i - 1) % 2), (i - 1) * piece, count(i - 1));
  }
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
    download(
        some * starts * sizeof(double), sizeof(double),
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
  const auto* const from = reinterpret_cast<const char*>(object_.data() + start * pixels());
  const float factor = static_cast<float>(1 / scale_);
  download(
      pixels() * sizeof(float), sizeof(float),
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
  upload(to, object, bytes);
  if (scale_ != 1) simple(rescale, int64_t(pixels()), to, int64_t(pixels()), static_cast<float>(scale_));
  if (as_iterate) keep_object(start);
}

void Session::keep_object(int start) {
  use_device();
  if (!has_memory(algorithm_)) return;
  const size_t at = start * pixels();
  check(cudaMemcpyAsync(iterate_.data() + at, object_.data() + at, pixels() * sizeof(float), cudaMemcpyDeviceToDevice,
                        stream_.get()),
        "copying the iterate");
}

void Session::read_spectrum(int start, float* to) {
  use_spectrum();
  const size_t row_bytes = view_.columns * sizeof(Complex);
  Complex* const rows = reinterpret_cast<Complex*>(piece_.data());
  download(
      view_.rows * row_bytes, row_bytes,
      [&](char* staged, size_t at, size_t bytes) {
        simple(rephase::cuda::read_spectrum, int64_t(bytes / sizeof(Complex)), view_, column_axis_.any(), start,
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
    upload(pairs, 2 * count * row_bytes, [&](char* staged, size_t, size_t) {
      Complex* to = reinterpret_cast<Complex*>(staged);
      for (size_t r = row; r < row + count; r++, to += 2 * n) {
        std::copy_n(full + r * n, n, to);
        std::copy_n(full + (r == 0 ? 0 : view_.rows - r) * n, n, to + n);
      }
    });
    simple(rephase::cuda::write_spectrum, int64_t(2) * view_.stored_columns * count, view_, column_axis_.any(), start,
           int(row), int(count), pairs, scale_);
  }
  holds_ = Holds::spectrum;
}

}  // namespace rephase::cuda
