#include "session.hpp"

#include <algorithm>

#include "problem_kernels.cuh"

namespace rephase::cuda {

namespace {

constexpr size_t kUploadBytes = size_t{8} << 20;  // two halves of it are filled and copied in turn
constexpr size_t kSpectrumRowsBytes = size_t{8} << 20;
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

int full_rows_at_once(int columns) {
  return static_cast<int>(std::max<size_t>(2, kSpectrumRowsBytes / (columns * sizeof(Complex)) / 2 * 2));
}

int usable_device(int device) {
  check(cudaSetDevice(device), "choosing the device");
  return device;
}

}  // namespace

double Session::bytes_needed(const Problem& p) {
  const double pixels = double(p.rows) * p.columns, tiled = double(ceil_div(p.rows, kTile) * kTile);
  const double spectrum = tiled * stored(p.columns) * sizeof(Complex);
  const double image = pixels * sizeof(float);
  const double magnitudes = double(stored(p.columns) + 1) * magnitude_stride(p.rows) * sizeof(float);
  const double support = p.support ? double(p.rows) * ceil_div(p.columns, 32) * 4 + pixels : 0;
  const double records = double(p.starts) * (kRecords * 8 + 4 + stored(p.columns) * 4.0);
  const double lines = std::max(p.rows, p.columns) > 8192 ? 3.0 * 8 * 264 * std::max(p.rows, p.columns) : 0;
  // The mask is on the device only while the problem is set up.
  return p.starts * (spectrum + image * (has_memory(p.algorithm) ? 2 : 1)) + magnitudes +
         std::max(support, p.mask ? pixels : 0) + records + lines + kSpectrumRowsBytes + Axis::bytes_needed(p.rows) +
         Axis::bytes_needed(p.columns) + 64 * 1024;
}

Session::Session(const Problem& p)
    : device_(usable_device(p.device)),
      algorithm_(p.algorithm),
      beta_(p.beta),
      scale_(p.scale),
      row_axis_((
                    [&] {
                      size_t free = 0, total = 0;
                      check(cudaMemGetInfo(&free, &total), "asking for free memory");
                      if (bytes_needed(p) > double(free)) throw OutOfMemory(bytes_needed(p), double(free));
                    }(),
                    p.columns),
                double(p.starts) * p.rows / 2),
      column_axis_(p.rows, double(p.starts) * stored(p.columns)) {
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
  v.row_twiddles = row_axis_.any().twiddles;
  v.column_twiddles = column_axis_.any().twiddles;
  v.column_mirror = column_axis_.any().mirror;

  const size_t pixels = size_t(p.rows) * p.columns;
  multiprocessors_ = attribute(cudaDevAttrMultiProcessorCount, device_);
  programmatic_ = attribute(cudaDevAttrComputeCapabilityMajor, device_) >= 9;
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
  for (cudaEvent_t& event : uploaded_)
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  spectrum_ = DeviceBuffer<Complex>(p.starts * v.tiles * v.pitch());
  magnitudes_ = DeviceBuffer<float>(size_t(v.stored_columns) * v.magnitude_stride);
  nyquist_ = DeviceBuffer<float>(v.magnitude_stride);
  object_ = DeviceBuffer<float>(p.starts * pixels);
  if (has_memory(p.algorithm)) iterate_ = DeviceBuffer<float>(p.starts * pixels);
  partials_ = DeviceBuffer<float>(size_t(p.starts) * v.stored_columns);
  records_ = DeviceBuffer<double>(size_t(kRecords) * p.starts);
  recorded_on_device_ = DeviceBuffer<uint32_t>(p.starts);
  upload_ = HostBuffer(kUploadBytes);
  v.spectrum = spectrum_.data();
  v.magnitudes = magnitudes_.data();
  v.nyquist = nyquist_.data();
  v.object = object_.data();
  v.iterate = iterate_.data();
  v.partials = partials_.data();
  v.records = records_.data();
  v.recorded = recorded_on_device_.data();
  const auto clear = [&](void* memory, size_t bytes) {
    check(cudaMemsetAsync(memory, 0, bytes, stream_), "clearing memory");
  };
  // Rows beyond the last one in a tile stay zero.
  clear(spectrum_.data(), spectrum_.bytes());
  clear(magnitudes_.data(), magnitudes_.bytes());
  clear(nyquist_.data(), nyquist_.bytes());
  clear(v.recorded, recorded_on_device_.bytes());
  allow_shared_memory();

  // The object's array is not used yet: the magnitudes pass through it.
  upload(object_.data(), p.magnitudes, pixels * sizeof(float));
  DeviceBuffer<uint8_t> bytes((p.mask || p.support) ? pixels : 0);
  if (p.mask) upload(bytes.data(), p.mask, pixels);
  const uint8_t* const mask = p.mask ? bytes.data() : nullptr;
  simple(encode_magnitudes, int64_t(v.stored_columns + 1) * v.rows, v, column_axis_.any(), object_.data(), mask,
         static_cast<float>(2 * p.scale), magnitudes_.data(), nyquist_.data());
  if (p.seeded) {
    simple(start_from_seed, int64_t(v.rows) * v.stored_columns, v, column_axis_.any(), object_.data(), mask, p.scale,
           p.seed, p.first_start);
  }
  if (p.support) {
    support_ = DeviceBuffer<uint32_t>(size_t(p.rows) * v.support_words);
    upload(bytes.data(), p.support, pixels);
    v.support = support_.data();
    simple(pack_support, int64_t(p.rows) * v.support_words, v, bytes.data(), support_.data());
  }
  stopwatch_.discard();
  check(cudaStreamSynchronize(stream_), "setting the problem up");
}

Session::~Session() {
  cudaSetDevice(device_);
  if (stream_) cudaStreamSynchronize(stream_);
  if (graph_) cudaGraphExecDestroy(graph_);
  for (const cudaEvent_t event : uploaded_)
    if (event) cudaEventDestroy(event);
  if (stream_) cudaStreamDestroy(stream_);
}

size_t Session::bytes() const {
  return row_axis_.bytes() + column_axis_.bytes() + spectrum_.bytes() + scratch_.bytes() + spectrum_rows_.bytes() +
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
    if (bytes + attributes.sharedSizeBytes > static_cast<size_t>(limit)) return false;
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               limit - static_cast<int>(attributes.sharedSizeBytes)),
          "asking for shared memory");
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, 100), "dividing the cache");
    return true;
  };
  const size_t row_bytes = line_bytes(row_axis_.any()), column_bytes = line_bytes(column_axis_.any());
  const bool rows_fit = allow(reinterpret_cast<const void*>(any_rows<true>), row_bytes);
  const bool columns_fit = allow(reinterpret_cast<const void*>(any_columns<true>), column_bytes);
  if (!rows_fit || !columns_fit)
    scratch_ =
        DeviceBuffer<Complex>(scratch_blocks(multiprocessors_) * std::max(row_bytes, column_bytes) / sizeof(Complex));
  rows_fit_ = rows_fit;
  columns_fit_ = columns_fit;
  const FastLine *fast_rows = row_axis_.fast(), *fast_columns = column_axis_.fast();
  const auto resident = [&](const Pass& pass) {
    int blocks = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, pass.kernel, pass.threads, pass.shared),
          "asking how many blocks a multiprocessor takes");
    return static_cast<unsigned>(blocks * multiprocessors_);
  };
  fast_rows_ = fast_rows && allow(fast_rows->rows.kernel, fast_rows->rows.shared);
  fast_columns_ = fast_columns && allow(fast_columns->columns.kernel, fast_columns->columns.shared);
  // Large blocks gain nothing from it.
  if (fast_rows_ && fast_rows->rows.threads <= 128) rows_ahead_ = resident(fast_rows->rows);
  if (fast_columns_ && fast_columns->columns.threads <= 128) columns_ahead_ = resident(fast_columns->columns);
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
  config.stream = stream_;
  config.attrs = &attribute;
  config.numAttrs = early && programmatic_ ? 1 : 0;
  stopwatch_.start(stream_);
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

void Session::columns(ColumnWork work) {
  AnyLine line = column_axis_.any();
  Complex* scratch = scratch_.data();
  void* arguments[] = {&view_, &line, &work, &scratch};
  const int64_t lines = int64_t(view_.starts) * view_.stored_columns;
  if (columns_fit_)
    launch(reinterpret_cast<const void*>(any_columns<true>), std::min<int64_t>(lines, 1 << 20), kAnyThreads,
           line_bytes(line), arguments, true);
  else
    launch(reinterpret_cast<const void*>(any_columns<false>),
           std::min<int64_t>(lines, scratch_blocks(multiprocessors_)), kAnyThreads, 0, arguments, true);
}

void Session::rows(RowWork work, Rule rule, bool record) {
  AnyLine line = row_axis_.any();
  int recording = record ? recorders(kAnyThreads) : 0;
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

void Session::turn_columns() {
  if (!fast_columns_) return columns({true, true, true, 1});
  const Pass& pass = column_axis_.fast()->columns;
  void* arguments[] = {&view_, &columns_ahead_};
  launch(pass.kernel, ceil_div(int64_t(view_.starts) * view_.stored_columns, pass.lines), pass.threads, pass.shared,
         arguments, true);
}

void Session::turn_rows(Rule rule, bool record) {
  if (!fast_rows_) return rows({true, true, false, true, normal(view_.rows)}, rule, record);
  const Pass& pass = row_axis_.fast()->rows;
  int recording = record ? recorders(pass.threads) : 0;
  void* arguments[] = {&view_, &rule, &recording, &rows_ahead_};
  launch(pass.kernel, recording + ceil_div(int64_t(view_.starts) * view_.pairs, pass.lines), pass.threads, pass.shared,
         arguments, true);
}

// What undoes the doubling and the transforms along rows, and along columns of that length.
float Session::normal(int column_length) const {
  return static_cast<float>(0.5 / view_.columns / column_length);
}

// ---- the three granularities ----

void Session::iterate(uint32_t count, bool first) {
  check(cudaSetDevice(device_), "choosing the device");
  if (count > 0 && holds_ != Holds::rows) {
    if (holds_ == Holds::spectrum) columns({false, false, true, 1});
    holds_ = Holds::rows;
    turn_rows(make_rule(algorithm_, beta_, first), false);
    count--;
  }
  waiting_ += count;
  recorded_ += count;
  if (waiting_ >= kGraphIterations) stopwatch_.start(stream_);  // before a graph is recorded, not in it
  if (waiting_ >= kGraphIterations && !graph_) {
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "recording a graph");
    for (int i = 0; i < kGraphIterations; i++) turn();
    cudaGraph_t graph;
    check(cudaStreamEndCapture(stream_, &graph), "recording a graph");
    const cudaError_t status = cudaGraphInstantiate(&graph_, graph, 0);
    cudaGraphDestroy(graph);
    check(status, "recording a graph");
  }
  for (; waiting_ >= kGraphIterations; waiting_ -= kGraphIterations)
    check(cudaGraphLaunch(graph_, stream_), "starting a graph");
}

// An iteration that begins unsettled.
void Session::turn() {
  turn_columns();
  turn_rows(make_rule(algorithm_, beta_, false), true);
}

void Session::use_device() {
  check(cudaSetDevice(device_), "choosing the device");
  for (; waiting_ > 0; waiting_--) turn();
}

void Session::settle() {
  use_device();
  if (holds_ != Holds::rows) return;
  if (has_memory(algorithm_)) {
    check(cudaMemcpyAsync(object_.data(), iterate_.data(), object_.bytes(), cudaMemcpyDeviceToDevice, stream_),
          "copying the iterate");
  } else {
    // What the iteration keeps is the object's transform along rows. Exact zeros come back with rounding noise around
    // them; a projection may be applied again.
    const Rule rule = make_rule(algorithm_, beta_, false);
    rows({true, is_projection(algorithm_), true, false, normal(1)}, rule, false);
  }
  columns({true, true, false, 1});
  holds_ = Holds::spectrum;
  record();
}

void Session::inverse() {
  use_device();
  if (holds_ == Holds::spectrum) columns({false, false, true, 1});
  holds_ = Holds::inverted;
  rows({true, false, true, false, normal(view_.rows)}, {}, false);
}

void Session::constrain_object(bool first) {
  use_device();
  simple(rephase::cuda::constrain_object, int64_t(view_.starts) * view_.rows * view_.columns, view_,
         make_rule(algorithm_, beta_, first));
}

void Session::forward() {
  use_device();
  rows({false, false, false, true, 1}, {}, false);
  columns({true, false, false, 1});
  holds_ = Holds::spectrum;
}

void Session::constrain_fourier() {
  use_device();
  restore_spectrum();
  columns({false, true, false, 1});
  record();
}

void Session::restore_spectrum() {
  if (holds_ != Holds::inverted) return;
  columns({true, false, false, 1.0f / view_.rows});
  holds_ = Holds::spectrum;
}

void Session::record() {
  simple(record_residuals, int64_t(recorders(kSimpleThreads)) * kSimpleThreads, view_);
  recorded_++;
}

// ---- reading and writing ----

cudaEvent_t Session::mark() {
  use_device();
  stopwatch_.stop(stream_);
  cudaEvent_t event;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync), "making an event");
  const cudaError_t status = cudaEventRecord(event, stream_);
  if (status != cudaSuccess) cudaEventDestroy(event);
  check(status, "marking the stream");
  return event;
}

// Through two halves of the staging buffer: one is filled while the other is copied. Returns when `from` has been read.
void Session::upload(void* to, const void* from, size_t bytes) {
  const size_t half = upload_.bytes() / 2;
  for (size_t at = 0, turn = 0; at < bytes; at += half, turn++) {
    const size_t count = std::min(half, bytes - at);
    char* const staged = static_cast<char*>(upload_.data()) + turn % 2 * half;
    check(cudaEventSynchronize(uploaded_[turn % 2]), "uploading");
    std::memcpy(staged, static_cast<const char*>(from) + at, count);
    check(cudaMemcpyAsync(static_cast<char*>(to) + at, staged, count, cudaMemcpyHostToDevice, stream_), "uploading");
    check(cudaEventRecord(uploaded_[turn % 2], stream_), "uploading");
  }
  copies_.uploads++;
  copies_.uploaded_bytes += bytes;
}

std::unique_ptr<Download> Session::begin_download(size_t bytes) {
  auto download = std::make_unique<Download>();
  download->staging = HostBuffer(bytes);
  download->bytes = bytes;
  copies_.downloads++;
  copies_.downloaded_bytes += bytes;
  return download;
}

Download::~Download() {
  if (done) cudaEventDestroy(done);
}

std::unique_ptr<Download> Session::take_residuals() {
  use_device();
  const uint64_t count = std::min<uint64_t>(recorded_ - taken_, kRecords);
  const size_t row = size_t(view_.starts) * sizeof(double);
  auto download = begin_download(std::max<size_t>(count * row, 1));
  download->bytes = count * row;
  for (uint64_t done = 0; done < count;) {
    const uint64_t at = (recorded_ - count + done) % kRecords, some = std::min(count - done, kRecords - at);
    check(cudaMemcpyAsync(static_cast<char*>(download->staging.data()) + done * row,
                          records_.data() + at * view_.starts, some * row, cudaMemcpyDeviceToHost, stream_),
          "reading residuals");
    done += some;
  }
  taken_ = recorded_;
  download->done = mark();
  return download;
}

std::unique_ptr<Download> Session::read_object(int start, size_t first, size_t count) {
  use_device();
  auto download = begin_download(count * sizeof(float));
  const size_t pixels = size_t(view_.rows) * view_.columns;
  check(cudaMemcpyAsync(download->staging.data(), object_.data() + start * pixels + first, download->bytes,
                        cudaMemcpyDeviceToHost, stream_),
        "reading the object");
  download->done = mark();
  return download;
}

void Session::write_object(int start, const float* object, bool as_iterate) {
  use_device();
  const size_t pixels = size_t(view_.rows) * view_.columns;
  float* const to = object_.data() + start * pixels;
  upload(to, object, pixels * sizeof(float));
  if (scale_ != 1) simple(rescale, int64_t(pixels), to, int64_t(pixels), static_cast<float>(scale_));
  if (as_iterate && has_memory(algorithm_))
    check(cudaMemcpyAsync(iterate_.data() + start * pixels, to, pixels * sizeof(float), cudaMemcpyDeviceToDevice,
                          stream_),
          "copying the iterate");
}

void Session::need_spectrum_rows() {
  if (spectrum_rows_.count() == 0)
    spectrum_rows_ = DeviceBuffer<Complex>(size_t(full_rows_at_once(view_.columns)) * view_.columns);
}

std::unique_ptr<Download> Session::read_spectrum(int start) {
  use_device();
  restore_spectrum();
  need_spectrum_rows();
  const size_t row_bytes = view_.columns * sizeof(Complex);
  auto download = begin_download(view_.rows * row_bytes);
  const int at_once = full_rows_at_once(view_.columns);
  for (int row = 0; row < view_.rows; row += at_once) {
    const int count = std::min(at_once, view_.rows - row);
    simple(rephase::cuda::read_spectrum, int64_t(count) * view_.columns, view_, column_axis_.any(), start, row, count,
           spectrum_rows_.data(), static_cast<float>(0.5 / scale_));
    check(cudaMemcpyAsync(static_cast<char*>(download->staging.data()) + row * row_bytes, spectrum_rows_.data(),
                          count * row_bytes, cudaMemcpyDeviceToHost, stream_),
          "reading the spectrum");
  }
  download->done = mark();
  return download;
}

void Session::write_spectrum(int start, const float* spectrum) {
  use_device();
  restore_spectrum();  // for the other starts
  need_spectrum_rows();
  const Complex* const full = reinterpret_cast<const Complex*>(spectrum);
  const size_t n = view_.columns, at_once = full_rows_at_once(view_.columns) / 2;
  std::vector<Complex> pairs(2 * at_once * n);
  const size_t rows = view_.rows / 2 + 1;
  for (size_t row = 0; row < rows; row += at_once) {
    const size_t count = std::min(at_once, rows - row);
    for (size_t k = 0; k < count; k++) {
      const size_t r = row + k, mirror = r == 0 ? 0 : view_.rows - r;
      std::copy_n(full + r * n, n, &pairs[2 * k * n]);
      std::copy_n(full + mirror * n, n, &pairs[(2 * k + 1) * n]);
    }
    upload(spectrum_rows_.data(), pairs.data(), 2 * count * n * sizeof(Complex));
    simple(rephase::cuda::write_spectrum, int64_t(2) * view_.stored_columns * count, view_, column_axis_.any(), start,
           int(row), int(count), spectrum_rows_.data(), scale_);
  }
  holds_ = Holds::spectrum;
}

}  // namespace rephase::cuda
