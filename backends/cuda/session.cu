#include "session.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/field_kind.cuh"
#include "kernels/problem_kernels.cuh"
#include "runtime/device.hpp"

namespace rephase::cuda {

namespace {

constexpr size_t kPieceBytes = size_t{2} << 20;
constexpr int kGraphIterations = 16;
constexpr size_t kGraphs = 4;
// Blocks of a kernel that takes one line after the other.
constexpr int kManyBlocks = 1 << 20;

const FieldKind& kind_of(bool complex) {
  static const FieldKind kinds[] = {real_kind(), complex_kind()};
  return kinds[complex];
}

// Magnitudes begin at multiples of 16 bytes.
int magnitude_stride(int rows) {
  return static_cast<int>(ceil_div(rows, 4) * 4);
}

size_t line_bytes(const AnyLine& line) {
  return (spread(line.size) + 1) * sizeof(Complex);
}

// Lines that do not fit shared memory get two blocks a multiprocessor.
int scratch_blocks(int multiprocessors) {
  return 2 * multiprocessors;
}

// Of a row, see View.
int support_words(const FastLine* rows, int columns) {
  return rows ? columns / rows->first_radix : std::max(2, static_cast<int>(ceil_div(columns, 32)));
}

// How far a Gaussian of this standard deviation reaches to each side.
int reach_of(double sigma) {
  return static_cast<int>(std::ceil(3 * sigma));
}

int count_of(Strips strips) {
  int count = 0;
  for (; strips != 0; strips &= strips - 1) count++;
  return count;
}

// A piece holds at least two full rows of a spectrum, and at most all of them.
size_t piece_bytes(int rows, int columns) {
  const size_t row = columns * sizeof(Complex);
  return std::max(2 * row, std::min(kPieceBytes, rows * row));
}

// Chooses the device, and checks that it has room.
int device_for(const Problem& p) {
  choose_device(p.device);
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  const double needed = Session::bytes_needed(p);
  if (needed > double(free)) throw OutOfMemory("out of device memory", needed, double(free));
  return p.device;
}

}  // namespace

float Session::spectrum_scale(bool complex) {
  return kind_of(complex).spectrum_scale;
}

double Session::bytes_needed(const Problem& p) {
  const cudaDeviceProp& device = devices().at(p.device);
  const FieldKind& kind = kind_of(p.complex);
  const int stored = kind.stored_columns(p.columns);
  const double pixels = double(p.rows) * p.columns, tiled = double(ceil_div(p.rows, kTile) * kTile);
  const double spectrum = tiled * stored * sizeof(Complex);
  const double images = pixels * kind.pixel_floats * sizeof(float) * (p.rule.keeps_iterate ? 2 : 1);
  const double magnitudes = double(stored + 1) * magnitude_stride(p.rows) * sizeof(float);
  const double imposed = double(stored) * magnitude_stride(p.rows) * sizeof(Complex) + stored * sizeof(float);
  const double weights = p.rule.fourier.has_weights() ? imposed + sizeof(float) : 0;
  const double sizes = p.sizes ? pixels * sizeof(float) : 0;
  const FastLine* const rows = kind.find_fast_row(p.columns, double(p.starts) * p.rows);
  const double support = p.support ? double(p.rows) * support_words(rows, p.columns) * sizeof(uint32_t) : 0;
  const double records = double(p.starts) * (kRecords * 8 + 4 + 8 + stored * 4.0);
  // A convolution is less than 2.5 times as long as its line; see `spread` for the rest.
  const double line = std::max(p.rows, p.columns) * 2.5 * 17 / 16 * sizeof(Complex) + 1024;
  const double lines = line > device.sharedMemPerBlockOptin ? scratch_blocks(device.multiProcessorCount) * line : 0;
  return p.starts * (spectrum + images + weights) + magnitudes + sizes + support + records + lines +
         piece_bytes(p.rows, p.columns) + Axis::bytes_needed(p.rows) + Axis::bytes_needed(p.columns);
}

Session::Session(const Problem& p)
    : device_(device_for(p)),
      kind_(kind_of(p.complex)),
      scale_(p.scale),
      rule_(p.rule),
      stream_(make_stream()),
      launcher_(devices()[p.device], stream_.get(), stopwatch_),
      on_chip_(p.complex ? nullptr
                         : find_on_chip(p.rows, p.columns, p.starts, devices()[p.device].multiProcessorCount)),
      row_axis_(p.columns, on_chip_ ? &on_chip_->row_line : kind_.find_fast_row(p.columns, double(p.starts) * p.rows),
                memory_),
      column_axis_(p.rows,
                   on_chip_ ? &on_chip_->column_line
                            : find_fast_column(p.rows, double(p.starts) * kind_.stored_columns(p.columns)),
                   memory_),
      staging_(stream_.get(), stopwatch_, piece_bytes(p.rows, p.columns)) {
  View& v = view_;
  v.rows = p.rows;
  v.columns = p.columns;
  v.starts = p.starts;
  v.stored_columns = kind_.stored_columns(p.columns);
  v.tiles = static_cast<int>(ceil_div(p.rows, kTile));
  v.row_lines = static_cast<int>(ceil_div(p.rows, kind_.rows_per_line));
  v.magnitude_stride = magnitude_stride(p.rows);
  v.support_words = support_words(row_axis_.fast, p.columns);
  v.support_step = static_cast<uint32_t>(ceil_div(int64_t{1} << 32, v.support_words));
  const float scale = kind_.spectrum_scale;
  v.zero_weight = 1 / (scale * scale);
  v.weight = v.zero_weight * (kind_.is_hermitian ? 2 : 1);
  v.packed = kind_.packs(p.columns);
  v.masked = p.mask != nullptr;
  v.row_twiddles = row_axis_.twiddles;
  v.column_twiddles = column_axis_.twiddles;

  // Rows beyond the last one in a tile stay zero.
  v.spectrum = memory_.allocate_zeros<Complex>(p.starts * v.tiles * v.pitch(), stream_.get());
  const size_t magnitudes_size = size_t(v.stored_columns) * v.magnitude_stride;
  float* const magnitudes = memory_.allocate_zeros<float>(magnitudes_size, stream_.get());
  float* const nyquist = memory_.allocate_zeros<float>(v.magnitude_stride, stream_.get());
  v.magnitudes = magnitudes;
  v.nyquist = nyquist;
  v.object = memory_.allocate<float>(p.starts * image_floats());
  if (rule_.keeps_iterate) allocate_iterate();
  v.partials = memory_.allocate<float>(size_t(p.starts) * v.stored_columns);
  v.records = memory_.allocate<double>(size_t(kRecords) * p.starts);
  v.recorded = memory_.allocate_zeros<uint32_t>(p.starts, stream_.get());
  // The order of a pixel's size, since the largest magnitude is near 1.
  v.thresholds = memory_.allocate_copy(std::vector<float2>(p.starts, {1.0f / static_cast<float>(pixels()), 0}));
  piece_ = memory_.allocate<uint8_t>(staging_.half());
  choose_kernels();

  // The object's array is not used yet: the magnitudes pass through it, those that were not measured as negative ones.
  staging_.upload(v.object, pixels() * sizeof(float), [&](char* to, size_t at, size_t bytes) {
    float* const staged = reinterpret_cast<float*>(to);
    const size_t first = at / sizeof(float), count = bytes / sizeof(float);
    std::copy_n(p.magnitudes + first, count, staged);
    if (!p.mask) return;
    for (size_t i = 0; i < count; i++)
      if (!p.mask[first + i]) staged[i] = -1;
  });
  launcher_.each(kind_.encode_magnitudes, int64_t(v.stored_columns + 1) * v.rows, v, column_axis_.any, v.object,
                 static_cast<float>(scale * p.scale), magnitudes, nyquist);
  if (p.seeded) {
    launcher_.each(kind_.start_from_seed, int64_t(v.rows) * v.stored_columns, v, column_axis_.any, v.object, p.scale,
                   p.seed, p.first_start);
  }
  if (p.rule.fourier.has_weights()) allocate_weights(p);
  if (p.support) set_support(p.support);
  if (p.sizes) {
    float* const sizes = memory_.allocate<float>(pixels());
    staging_.upload(sizes, p.sizes, pixels() * sizeof(float));
    launcher_.each(rescale, int64_t(pixels()), sizes, int64_t(pixels()), static_cast<float>(p.scale));
    v.sizes = sizes;
  }
  stopwatch_.discard();
  check(cudaStreamSynchronize(stream_.get()), "setting the problem up");
}

void Session::allocate_weights(const Problem& p) {
  View& v = view_;
  const int64_t columns = int64_t(v.starts) * v.stored_columns, frequencies = columns * v.magnitude_stride;
  v.weights = {memory_.allocate<Complex>(frequencies), memory_.allocate_zeros<float>(columns, stream_.get()),
               memory_.allocate<float>(v.starts), 0};
  for (size_t i = 0; i < pixels(); i++) {
    const double m = p.mask && !p.mask[i] ? 0 : p.magnitudes[i] * p.scale;
    v.weights.energy += m * m;
  }
  launcher_.each(complex_spectrum::begin_weights, frequencies, v);
}

// The members free what they own afterwards, on this device.
Session::~Session() {
  cudaSetDevice(device_);
}

size_t Session::image_floats() const {
  return pixels() * kind_.pixel_floats;
}

// Each row of a real object's with the one opposite to it.
size_t Session::spectrum_upload_bytes() const {
  const size_t rows = kind_.is_hermitian ? size_t(view_.rows / 2 + 1) * 2 : view_.rows;
  return rows * view_.columns * sizeof(Complex);
}

bool Session::is_complex() const {
  return !kind_.is_hermitian;
}

void Session::allocate_iterate() {
  if (view_.iterate) return;
  choose_device(device_);
  view_.iterate = memory_.allocate<float>(view_.starts * image_floats());
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
  if (!support) return choose_support(nullptr, 0);
  const Strips strips = strips_of(support);
  if (!support_) support_ = memory_.allocate<uint32_t>(size_t(v.rows) * v.support_words);
  pack(support, support_);
  choose_support(support_, 0, strips);
}

// Only passes that have plans of their own skip rows. An iteration on chip has no rows in memory.
Strips Session::strips_of(const uint8_t* support) const {
  const FastLine* const columns = column_axis_.fast;
  if (!columns || !row_axis_.fast || on_chip_) return kAllStrips;
  const size_t strip = size_t(strip_rows()) * view_.columns;
  Strips strips = 0;
  for (int i = 0; i < columns->first_radix; i++)
    if (std::any_of(support + i * strip, support + (i + 1) * strip, [](uint8_t inside) { return inside != 0; }))
      strips |= Strips{1} << i;
  const bool is_all = strips == (uint64_t{1} << columns->first_radix) - 1;
  return is_all || strips == 0 ? kAllStrips : strips;
}

int Session::strip_rows() const {
  return view_.rows / column_axis_.fast->first_radix;
}

// Those that an iteration by this rule may not skip.
Strips Session::strips_for(const Rule& rule) const {
  return clears_outside(rule) && !rule.fourier.general ? support_strips_ : kAllStrips;
}

void Session::pack(const uint8_t* support, uint32_t* out) {
  const View& v = view_;
  View some = v;
  const int at_once = static_cast<int>(staging_.half() / v.columns);
  for (int row = 0; row < v.rows; row += at_once) {
    some.rows = std::min(at_once, v.rows - row);
    staging_.upload(piece_, support + size_t(row) * v.columns, size_t(some.rows) * v.columns);
    launcher_.each(pack_support, int64_t(some.rows) * v.support_words, some, piece_,
                   out + size_t(row) * v.support_words);
  }
}

void Session::choose_support(const uint32_t* support, int support_rows, Strips strips) {
  // Graphs hold both.
  if (support != view_.support || strips != support_strips_) graphs_.clear();
  support_strips_ = strips;
  view_.support = support;
  view_.support_rows = support_rows;
}

void Session::allocate_own_supports() {
  choose_device(device_);
  const size_t words = view_.starts * support_bytes() / sizeof(uint32_t);
  const auto allocate = [&](auto*& array, size_t count) {
    if (!array) array = memory_.allocate<std::remove_reference_t<decltype(*array)>>(count);
  };
  allocate(blurred_, view_.starts * pixels());
  allocate(own_supports_, words);
  allocate(candidates_, words);
  allocate(levels_, view_.starts);
  allocate(weights_, 2 * size_t(reach_of(std::max(view_.rows, view_.columns))) + 1);
}

void Session::give_each_its_support() {
  allocate_own_supports();
  if (view_.support_rows > 0) return;
  if (!view_.support) set_support(std::vector<uint8_t>(pixels(), 1).data());
  launcher_.each(copy_support, int64_t(view_.starts) * view_.rows * view_.support_words, view_, support_,
                 own_supports_);
  choose_support(own_supports_, view_.rows, support_strips_);
}

void Session::shrink_support(double sigma, double threshold, double least, double most) {
  use_device();
  give_each_its_support();
  const View& v = view_;
  const int reach = reach_of(sigma);
  std::vector<float> weights(2 * reach + 1);
  double total = 0;
  const auto weight = [&](int i) { return std::exp(-0.5 * (i - reach) * (i - reach) / (sigma * sigma)); };
  for (int i = 0; i <= 2 * reach; i++) total += weight(i);
  for (int i = 0; i <= 2 * reach; i++) weights[i] = static_cast<float>(weight(i) / total);
  staging_.upload(weights_, weights.data(), weights.size() * sizeof(float));

  const Shrink shrink = {weights_, reach, threshold, least, most};
  const int64_t words = int64_t(v.starts) * v.rows * v.support_words;
  const int64_t a_block_each = int64_t(v.starts) * Launcher::kSimpleThreads;
  float* const squares = reinterpret_cast<float*>(candidates_);
  const float* const objects = object_is_iterate_ ? v.iterate : v.object;
  launcher_.each(kind_.blur_rows, int64_t(v.starts) * pixels(), v, shrink, objects, blurred_);
  launcher_.each(sum_squares, 32 * words, v, shrink, blurred_, squares);
  launcher_.each(find_levels, a_block_each, v, shrink, squares, levels_);
  launcher_.each(find_candidates, 32 * words, v, shrink, blurred_, levels_, support_, candidates_);
  launcher_.each(replace_supports, a_block_each, v, shrink, candidates_, own_supports_);
}

// ---- passes ----

void Session::choose_kernels() {
  constrain_object_ = {kind_.constrain_object, 1, Launcher::kSimpleThreads, 0, kManyBlocks};
  find_thresholds_ = {kind_.find_thresholds, 1, kThresholdThreads, 0};
  const auto allow = [&](const Kernel& kernel) { return launcher_.allow_shared_memory(kernel); };
  const auto if_allowed = [&](const FastLine* line) {
    const bool allowed =
        line && allow(line->whole) && allow(line->part) && allow(line->general) && allow(line->skipping);
    return allowed && (!line->weighted.function || allow(line->weighted)) ? line : nullptr;
  };
  row_axis_.fast = if_allowed(row_axis_.fast);
  column_axis_.fast = if_allowed(column_axis_.fast);
  if (on_chip_ && !(allow(on_chip_->whole) && allow(on_chip_->general))) on_chip_ = nullptr;
  const int blocks = scratch_blocks(devices()[device_].multiProcessorCount);
  size_t scratch_line = 0;
  const auto any_kernel = [&](auto* in_shared_memory, auto* in_scratch, const Axis& axis) -> Kernel {
    const size_t bytes = line_bytes(axis.any);
    const Kernel kernel = {in_shared_memory, 1, kAnyThreads, bytes, kManyBlocks};
    if (allow(kernel)) return kernel;
    scratch_line = std::max(scratch_line, bytes);
    return {in_scratch, 1, kAnyThreads, 0, blocks};
  };
  if (!row_axis_.fast) any_rows_ = any_kernel(kind_.any_rows, kind_.any_rows_in_scratch, row_axis_);
  if (!column_axis_.fast) any_columns_ = any_kernel(any_columns<true>, any_columns<false>, column_axis_);
  scratch_ = memory_.allocate<Complex>(blocks * scratch_line / sizeof(Complex));
  if (row_axis_.fast && column_axis_.fast)
    launcher_.divide_cache(
        {row_axis_.fast->whole, column_axis_.fast->whole},
        {row_axis_.fast->part.function, row_axis_.fast->general.function, row_axis_.fast->skipping.function,
         column_axis_.fast->part.function, column_axis_.fast->general.function, column_axis_.fast->skipping.function,
         column_axis_.fast->weighted.function, constrain_object_.function});
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
  if (column_axis_.fast) {
    const FastLine& fast = *column_axis_.fast;
    const bool whole = work.forward && work.impose && work.inverse && work.scale == 1;
    const bool skips = work.load != kAllStrips || work.store != kAllStrips;
    const Kernel& kernel = work.fourier.has_weights() ? fast.weighted
                           : !whole                   ? fast.part
                           : work.fourier.general     ? fast.general
                           : skips                    ? fast.skipping
                                                      : fast.whole;
    void* arguments[] = {&view_, &work};
    launcher_.launch(kernel, lines, arguments);
  } else {
    AnyLine line = column_axis_.any;
    void* arguments[] = {&view_, &line, &work, &scratch_};
    launcher_.launch(any_columns_, lines, arguments);
  }
  // Only now: a pass that could not be started is tried again.
  if (measures) measured_ = true;
}

// The same, and the norm of what weights imposed is made up for at once.
void Session::columns_normalised(ColumnWork work) {
  if (!work.impose || !work.fourier.has_weights()) return columns(work);
  ColumnWork rest = {};
  rest.normalise = true;
  rest.inverse = std::exchange(work.inverse, false);
  rest.fourier = work.fourier;
  rest.store = work.store;
  columns(work);
  record();
  columns(rest);
}

void Session::rows(RowWork work, Rule rule) {
  const FastLine* const fast = row_axis_.fast;
  const bool whole = work.inverse && work.rule && !work.to_object && work.forward;
  RowStrips left;
  if (fast && whole) left.strips = strips_for(rule);
  const bool skips = left.strips != kAllStrips;
  const Kernel& kernel = !fast          ? any_rows_
                         : !whole       ? fast->part
                         : rule.general ? fast->general
                         : skips        ? fast->skipping
                                        : fast->whole;
  if (skips) {
    left.lines_per_strip = strip_rows() / kind_.rows_per_line;
    left.lines = left.lines_per_strip * count_of(left.strips);
  }
  const int64_t lines = int64_t(view_.starts) * (skips ? left.lines : view_.row_lines);
  int recording = measured_ ? recorders(kernel.threads) : 0;
  if (fast) {
    // A plain rule stands at the beginning of a rule.
    void* arguments[] = {&view_, &work, &recording, &rule, &left};
    launcher_.launch(kernel, lines, arguments, recording);
  } else {
    AnyLine line = row_axis_.any;
    // Blocks that only record have no line, but count in the numbering of scratch.
    Complex* scratch = scratch_;
    if (scratch) scratch -= static_cast<int64_t>(recording) * (spread(line.size) + 1);
    void* arguments[] = {&view_, &line, &work, &recording, &rule, &scratch};
    launcher_.launch(kernel, lines, arguments, recording);
  }
  measured_ = false;
  if (work.forward) row_strips_ = left.strips;
}

void Session::iterate_rows() {
  if (rule_.support_size == 0) return rows({true, true, false, true, normal(view_.rows)}, rule_);
  // A threshold has to be found in the whole image before the rule is applied to it.
  rows({true, false, true, false, normal(view_.rows)});
  constrain(rule_);
  rows({false, false, false, true, 1});
}

// object, iterate ← rule(object, iterate).
void Session::constrain(const Rule& rule) {
  if (rule.support_size > 0) {
    if (rule.reflects_iterate) {
      constrain(without_reflection(rule));
      return constrain(reflection(rule));
    }
    find_thresholds(rule, false);
  }
  Rule argument = rule;
  void* arguments[] = {&view_, &argument};
  launcher_.launch(constrain_object_, int64_t(view_.starts) * view_.rows, arguments);
}

void Session::find_thresholds(Rule rule, bool exactly) {
  void* arguments[] = {&view_, &rule, &exactly};
  launcher_.launch(find_thresholds_, view_.starts, arguments);
}

// The factor that undoes the spectrum's scale and the transforms along rows, and along columns of that length.
float Session::normal(int column_length) const {
  return static_cast<float>(1.0 / kind_.spectrum_scale / view_.columns / column_length);
}

// ---- the three granularities ----

void Session::iterate(uint32_t count) {
  choose_device(device_);
  if (count == 0) return;
  if (holds_ != Holds::rows) {
    invert_columns();
    holds_ = Holds::rows;
    iterate_rows();
    count--;
  } else if (!(pending_ == rule_.fourier) || row_strips_ != strips_for(rule_)) {
    iteration(pending_);
    recorded_++;
    count--;
  }
  pending_ = rule_.fourier;
  deferred_ += count;
  recorded_ += count;
  if (deferred_ < kGraphIterations) return;
  stopwatch_.start(stream_.get());  // before a graph is recorded, not in it
  if (on_chip_) return launch_deferred();
  const cudaGraphExec_t iterations = graph();
  for (; deferred_ >= kGraphIterations; deferred_ -= kGraphIterations)
    check(cudaGraphLaunch(iterations, stream_.get()), "starting a graph");
}

cudaGraphExec_t Session::graph() {
  for (const RuleGraph& known : graphs_)
    if (known.rule == rule_) return known.graph.get();
  Graph graph = record_graph(stream_.get(), [&] {
    for (int i = 0; i < kGraphIterations; i++) iteration(rule_.fourier);
  });
  if (graphs_.size() == kGraphs) graphs_.erase(graphs_.begin());
  graphs_.push_back({rule_, std::move(graph)});
  return graphs_.back().graph.get();
}

void Session::launch_deferred() {
  if (deferred_columns_.any()) columns_normalised(deferred_columns_);
  deferred_columns_ = {};
  if (on_chip_ && deferred_ > 0) {
    Rule rule = rule_;
    int count = static_cast<int>(deferred_);
    void* arguments[] = {&view_, &count, &rule};
    const bool general = rule.general || rule.fourier.general;
    launcher_.launch(general ? on_chip_->general : on_chip_->whole, view_.starts, arguments);
    deferred_ = 0;
  }
  for (; deferred_ > 0; deferred_--) iteration(rule_.fourier);
}

// An iteration that begins with a pending column pass, which is by this rule.
void Session::iteration(const FourierRule& pending) {
  ColumnWork work = {true, true, true, 1, false, pending};
  work.load = row_strips_;
  work.store = strips_for(rule_);
  // Where some frequencies have no weights, the object depends on the norm of the others.
  if (view_.masked)
    columns_normalised(work);
  else
    columns(work);
  iterate_rows();
}

void Session::use_device() {
  choose_device(device_);
  launch_deferred();
}

void Session::copy(float* to, const float* from, size_t count) {
  const cudaError_t status = cudaMemcpyAsync(to, from, count * sizeof(float), cudaMemcpyDeviceToDevice, stream_.get());
  check(status, "copying the iterate");
}

void Session::complete_iteration() {
  use_device();
  if (holds_ != Holds::rows) return;
  if (row_strips_ != kAllStrips) {
    const int64_t numbers = int64_t(view_.starts) * view_.stored_columns * view_.rows;
    launcher_.each(clear_other_rows, numbers, view_, row_strips_, strip_rows());
    row_strips_ = kAllStrips;
  }
  if (rule_.keeps_iterate) {
    copy(view_.object, view_.iterate, view_.starts * image_floats());
  } else {
    // The spectrum's array holds the object's transform along rows. Exact zeros come back from it with rounding noise;
    // a projection may be applied again.
    rows({true, is_projection(rule_), true, false, normal(1)}, rule_);
  }
  object_is_iterate_ = false;
  deferred_columns_ = {true, true, false, 1, false, pending_};
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
  constrain(rule_);
  object_is_iterate_ = rule_.two_images;
}

void Session::make_object_the_iterate() {
  if (object_is_iterate_) copy(view_.object, view_.iterate, view_.starts * image_floats());
  object_is_iterate_ = false;
}

void Session::forward() {
  use_device();
  rows({false, false, false, true, 1});
  make_object_the_iterate();
  deferred_columns_ = {true, false, false, 1};
  holds_ = Holds::spectrum;
}

void Session::measure_object() {
  use_device();
  make_object_the_iterate();
  Rule projection = rule_;
  projection.scales = false;  // the short way clears what is not a number
  projection.keeps_iterate = false;
  if (projection.support_size > 0) find_thresholds(projection, true);
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
  deferred_columns_.fourier = rule_.fourier;
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
  stopwatch_.stop(stream_.get());
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
    const auto* const from = reinterpret_cast<const char*>(view_.records + record * starts);
    staging_.download(
        some * starts * sizeof(double), sizeof(double), [&](size_t at, size_t) { return from + at; },
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
  const float* const from = (object_is_iterate_ ? view_.iterate : view_.object) + start * image_floats();
  const float factor = static_cast<float>(1 / scale_);
  staging_.download(
      image_floats() * sizeof(float), sizeof(float), [&](size_t at, size_t) { return from + at / sizeof(float); },
      [&](const char* staged, size_t at, size_t bytes) {
        const auto* const piece = reinterpret_cast<const float*>(staged);
        for (size_t i = 0; i < bytes / sizeof(float); i++) to[at / sizeof(float) + i] = piece[i] * factor;
      });
}

void Session::write_object(int start, const float* object, bool as_iterate) {
  use_device();
  float* const to = view_.object + start * image_floats();
  staging_.upload(to, object, image_floats() * sizeof(float));
  if (scale_ != 1)
    launcher_.each(rescale, int64_t(image_floats()), to, int64_t(image_floats()), static_cast<float>(scale_));
  if (as_iterate || object_is_iterate_) copy_to_iterate(start);
}

void Session::keep_object(int start) {
  use_device();
  if (!object_is_iterate_) copy_to_iterate(start);
}

void Session::copy_to_iterate(int start) {
  allocate_iterate();
  const size_t at = start * image_floats();
  copy(view_.iterate + at, view_.object + at, image_floats());
}

void Session::read_spectrum(int start, float* to) {
  use_spectrum();
  const size_t row_bytes = view_.columns * sizeof(Complex);
  Complex* const rows = reinterpret_cast<Complex*>(piece_);
  staging_.download(
      view_.rows * row_bytes, row_bytes,
      [&](size_t at, size_t bytes) {
        launcher_.each(kind_.read_spectrum, int64_t(bytes / sizeof(Complex)), view_, column_axis_.any, start,
                       int(at / row_bytes), int(bytes / row_bytes), rows,
                       static_cast<float>(1 / kind_.spectrum_scale / scale_));
        return rows;
      },
      [&](const char* staged, size_t at, size_t bytes) {
        std::memcpy(reinterpret_cast<char*>(to) + at, staged, bytes);
      });
}

void Session::write_spectrum(int start, const float* spectrum) {
  use_spectrum();  // of the other starts
  const Complex* const full = reinterpret_cast<const Complex*>(spectrum);
  // A row of a real object's spectrum comes with the one opposite to it.
  const int sides = kind_.is_hermitian ? 2 : 1;
  const size_t n = view_.columns, row_bytes = sides * n * sizeof(Complex), at_once = staging_.half() / row_bytes;
  Complex* const piece = reinterpret_cast<Complex*>(piece_);
  const size_t rows = spectrum_upload_bytes() / row_bytes;
  for (size_t row = 0; row < rows; row += at_once) {
    const size_t count = std::min(at_once, rows - row);
    staging_.upload(piece, count * row_bytes, [&](char* staged, size_t, size_t) {
      Complex* to = reinterpret_cast<Complex*>(staged);
      for (size_t r = row; r < row + count; r++) {
        to = std::copy_n(full + r * n, n, to);
        if (sides == 2) to = std::copy_n(full + (r == 0 ? 0 : view_.rows - r) * n, n, to);
      }
    });
    launcher_.each(kind_.write_spectrum, int64_t(sides) * view_.stored_columns * count, view_, column_axis_.any, start,
                   int(row), int(count), piece, scale_);
  }
  holds_ = Holds::spectrum;
}

void Session::read_support(int start, uint8_t* to) {
  use_device();
  const View& v = view_;
  if (!v.support) return void(std::fill_n(to, pixels(), uint8_t{1}));
  const auto* const words = reinterpret_cast<const char*>(v.support + v.support_row(start, 0));
  const size_t row_bytes = v.support_words * sizeof(uint32_t);
  staging_.download(
      support_bytes(), row_bytes, [&](size_t at, size_t) { return words + at; },
      [&](const char* staged, size_t at, size_t bytes) {
        const auto* row = reinterpret_cast<const uint32_t*>(staged);
        uint8_t* out = to + at / row_bytes * v.columns;
        for (size_t r = 0; r < bytes / row_bytes; r++, row += v.support_words)
          for (int c = 0; c < v.columns; c++) *out++ = row[c % v.support_words] >> c / v.support_words & 1;
      });
}

void Session::write_support(int start, const uint8_t* support) {
  use_device();
  give_each_its_support();
  choose_support(own_supports_, view_.rows);
  pack(support, own_supports_ + view_.support_row(start, 0));
}

}  // namespace rephase::cuda
