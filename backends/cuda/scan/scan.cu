#include "scan.hpp"

#include <algorithm>
#include <cstring>

#include "../runtime/device.hpp"
#include "kernels.cuh"

namespace rephase::cuda {

namespace {

constexpr size_t kPieceBytes = size_t{2} << 20;
constexpr size_t kCachedBytes = size_t{16} << 20;
// Iterations that are kept as graphs, and the most batches of one.
constexpr size_t kGraphs = 4;
constexpr int kGraphBatches = 256;
// Blocks that gather sums: enough for any GPU, few enough for what each of them finds to be compared by a warp.
constexpr int kMostSumBlocks = 1024;

// Whether patterns stay on the host.
bool stay_on_host(const ScanProblem& p) {
  choose_device(p.device);
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  const double on_device = Scan::bytes_needed(p, false), on_host = Scan::bytes_needed(p, true);
  if (p.keep != KeepPatterns::on_host && on_device <= double(free)) return false;
  if (p.keep != KeepPatterns::on_device && on_host <= double(free)) return true;
  throw OutOfMemory("out of device memory", p.keep == KeepPatterns::on_device ? on_device : on_host, double(free));
}

// Waves that stay in the L2 cache between the passes, of so many numbers each.
int waves_at_once(double numbers) {
  return static_cast<int>(std::max(1., std::floor(kCachedBytes / (numbers * sizeof(Complex)))));
}

bool between_pixels(const double* positions, int count) {
  return std::any_of(positions, positions + 2 * count, [](double x) { return x != std::floor(x); });
}

// Gives a session's view back what it was, also when something fails.
struct Restored {
  ScanView& view;
  const ScanView whole = view;
  ~Restored() { view = whole; }
};

Axis make_axis(int length, const ScanPasses* passes, DeviceMemory& memory) {
  return {length, passes ? &passes->plan : nullptr, memory};
}

}  // namespace

double Scan::bytes_needed(const ScanProblem& p, bool on_host) {
  const double pixels = double(p.rows) * p.columns, object = double(p.object_rows) * p.object_columns;
  const double pattern = double(p.rows) * ceil_div(p.columns, kStrip) * kStrip;
  const double wave = p.modes * pixels * sizeof(Complex), positions = p.positions;
  const bool shifts = between_pixels(p.places, p.positions);
  const double waves = p.batch * (2.0 + shifts) + (p.rule.keeps_waves ? positions : 0) + 2 + (shifts ? 2 : 0);
  const double patterns = on_host ? 2. * std::min(p.batch, waves_at_once(p.modes * pixels)) : positions;
  const double ramps = shifts ? positions * (p.rows + p.columns) * sizeof(Complex) : 0;
  return (patterns * pattern + positions * p.columns + pixels) * sizeof(float) + waves * wave + ramps +
         object * (2 * sizeof(Complex) + (p.rule.least_squares ? 2 : 1) * sizeof(float)) + object / 64 + p.object_rows +
         p.object_columns + positions * 96 + p.batch * double(kNormalParts * kNormals * sizeof(float)) +
         kScanRecords * 8 + 2 * kMostSumBlocks * 8 + kPieceBytes + Axis::bytes_needed(p.rows) +
         Axis::bytes_needed(p.columns) + 4096;
}

Scan::Scan(const ScanProblem& p)
    : device_(p.device),
      on_host_(stay_on_host(p)),
      batch_size_(p.batch),
      rule_(p.rule),
      stream_(make_stream()),
      launcher_(devices()[p.device], stream_.get(), stopwatch_),
      row_passes_(find_scan_passes(p.columns)),
      column_passes_(find_scan_passes(p.rows)),
      row_axis_(make_axis(p.columns, row_passes_, memory_)),
      column_axis_(make_axis(p.rows, column_passes_, memory_)),
      any_rows_(any_scan_passes(row_axis_.any.size)),
      any_columns_(any_scan_passes(column_axis_.any.size)),
      staging_(stream_.get(), stopwatch_, kPieceBytes),
      orders_(stream_.get(), stopwatch_, p.positions * sizeof(uint32_t)) {
  if (!row_passes_) row_passes_ = &any_rows_;
  if (!column_passes_) column_passes_ = &any_columns_;
  for (const Kernel& kernel : {row_passes_->forward_rows, row_passes_->inverse_rows, column_passes_->columns})
    if (!launcher_.allow_shared_memory(kernel))
      throw DeviceError("the device has too little shared memory for such patterns");
  if (p.modes == 1) {
    for (const ScanOnChip& each : find_scan_on_chip(p.rows, p.columns)) {
      const bool has_clusters = devices()[p.device].major >= 9;
      if ((each.kernel.cluster == 1 || has_clusters) && launcher_.allow_shared_memory(each.kernel))
        on_chip_.push_back(each);
    }
  }

  ScanView& v = view_;
  v.positions = p.positions;
  v.rows = p.rows;
  v.columns = p.columns;
  v.object_rows = p.object_rows;
  v.object_columns = p.object_columns;
  v.modes = p.modes;
  const size_t object = object_numbers() / 2, probe = probe_numbers() / 2;
  if (on_host_)
    feed_ = std::make_unique<PatternFeed>(p.positions, v.pattern_size(), std::min(p.batch, waves_at_once(probe)),
                                          memory_, devices()[p.device], stream_.get(), stopwatch_);
  float* const magnitudes = on_host_ ? feed_->host() : memory_.allocate<float>(size_t(p.positions) * v.pattern_size());
  v.magnitudes = magnitudes;
  v.object = memory_.allocate<Complex>(object);
  v.object_sum = memory_.allocate<Complex>(object);
  v.illumination = memory_.allocate<float>(object);
  v.probe = memory_.allocate<Complex>(probe);
  v.probe_sum = memory_.allocate<Complex>(probe);
  v.probe_weight = memory_.allocate<float>(v.pixels());
  v.waves = memory_.allocate<Complex>(wave_numbers(p.batch));
  v.moved = memory_.allocate<Complex>(wave_numbers(p.batch));
  v.partials = memory_.allocate<float>(size_t(p.positions) * v.columns);
  order_ = memory_.allocate_zeros<uint32_t>(p.positions, stream_.get());
  positions_ = memory_.allocate<double>(2 * size_t(p.positions));
  moves_ = memory_.allocate<double>(2 * size_t(p.positions));
  records_ = memory_.allocate<double>(kScanRecords);
  counts_ = memory_.allocate<double>(1);
  ordered_ = memory_.allocate<Place>(p.positions);
  everywhere_ = memory_.allocate<Place>(p.positions);
  piece_ = memory_.allocate<uint8_t>(kPieceBytes);
  object_blocks_ = std::min(tiles_of(v), kMostSumBlocks);
  probe_blocks_ = std::min(pieces_of(v), kMostSumBlocks);
  covered_ = memory_.allocate<bool>(tiles_of(v));
  most_ = memory_.allocate<float>(object_blocks_ + probe_blocks_);
  allocate_for(rule_);
  write_positions(p.places);

  int64_t first = 0;
  const ScanAxis row_axis = {row_axis_.twiddles, row_axis_.any},
                 column_axis = {column_axis_.twiddles, column_axis_.any};
  const int64_t numbers = pattern_numbers(), at_once = kPieceBytes / sizeof(float);
  for (; first < numbers; first += at_once) {
    const int64_t count = std::min(at_once, numbers - first);
    staging_.upload(piece_, count * sizeof(float), [&](char* to, size_t at, size_t bytes) {
      float* const staged = reinterpret_cast<float*>(to);
      const size_t begin = first + at / sizeof(float);
      for (size_t i = 0; i < bytes / sizeof(float); i++) {
        const bool measured = !p.mask || p.mask[(begin + i) % v.pixels()];
        staged[i] = measured ? p.patterns[begin + i] : -1;
        if (measured) energy_ += p.patterns[begin + i];
      }
    });
    launcher_.each(encode_patterns, count, v, row_axis, column_axis, reinterpret_cast<float*>(piece_), first, count,
                   magnitudes);
  }
  stopwatch_.discard();
  check(cudaStreamSynchronize(stream_.get()), "setting the scan up");
}

// The members free what they own afterwards, on this device.
Scan::~Scan() {
  cudaSetDevice(device_);
}

void Scan::use_device() const {
  choose_device(device_);
}

void Scan::allocate_for(const ScanRule& rule) {
  if (rule.keeps_waves && !view_.kept) view_.kept = memory_.allocate<Complex>(wave_numbers(view_.positions));
  if (rule.least_squares && !whole_illumination_) {
    whole_illumination_ = memory_.allocate<float>(object_numbers() / 2);
    whole_most_ = memory_.allocate<float>(object_blocks_);
    normals_ = memory_.allocate<float>(size_t(batch_size_) * kNormalParts * kNormals);
    steps_ = memory_.allocate<float>(2);
  }
}

void Scan::allocate_shifts() {
  shifts_ = true;
  if (view_.placed) return;
  view_.placed = memory_.allocate<Complex>(wave_numbers(batch_size_));
  view_.probe_spectrum = memory_.allocate<Complex>(wave_numbers(1));
  view_.shifted_sum = memory_.allocate<Complex>(wave_numbers(1));
  view_.ramps = memory_.allocate<Complex>(size_t(view_.positions) * (view_.rows + view_.columns));
}

void Scan::use(const ScanRule& rule) {
  if (rule == rule_) return;
  use_device();
  allocate_for(rule);
  rule_ = rule;
}

void Scan::set_order(const uint32_t* order) {
  use_device();
  orders_.upload(order_, order, view_.positions * sizeof(uint32_t));
  launcher_.each(locate, int64_t(view_.positions), view_.positions, positions_, order_, ordered_);
}

// ---- transforms ----

void Scan::run(const Kernel& kernel, int64_t blocks, void** arguments) {
  launcher_.launch(kernel, blocks * kernel.lines, arguments);
}

void Scan::rows(bool inverse, const ScanBatch& batch, WaveRowWork work, int64_t waves) {
  const Kernel& kernel = inverse ? row_passes_->inverse_rows : row_passes_->forward_rows;
  ScanAxis axis = {row_axis_.twiddles, row_axis_.any};
  ScanBatch of = batch;
  void* arguments[] = {&view_, &axis, &of, &work};
  run(kernel, waves * ceil_div(view_.rows, kernel.lines), arguments);
}

void Scan::columns(const ScanBatch& batch, WaveColumnWork work, int64_t waves) {
  const Kernel& kernel = column_passes_->columns;
  ScanAxis axis = {column_axis_.twiddles, column_axis_.any};
  ScanBatch of = batch;
  void* arguments[] = {&view_, &axis, &of, &work};
  run(kernel, waves * ceil_div(view_.columns, kernel.lines), arguments);
}

// The rows' part of the transforms of c·PO + (1−c)ψ.
void Scan::transform(const ScanBatch& batch, Complex* waves, float c) {
  WaveRowWork work = {};
  work.waves = waves;
  work.source = RowSource::mixture;
  work.c = c;
  rows(false, batch, work, int64_t(batch.count) * view_.modes);
}

// The columns' part: `work` says whether forward, the constraint, and back. Several modes are constrained together, in
// a pass of its own.
void Scan::constrain(const ScanBatch& batch, Complex* from, Complex* to, WaveColumnWork work) {
  const int64_t count = int64_t(batch.count) * view_.modes;
  work.from = from;
  work.to = to;
  if (view_.modes == 1) return columns(batch, work, count);
  WaveColumnWork constraint = work;
  if (work.forward) {
    WaveColumnWork only = {};
    only.from = from;
    only.to = constraint.from = to ? to : from;
    only.forward = true;
    columns(batch, only, count);
  }
  const Kernel kernel = {constrain_modes, 1, kSumThreads, 0};
  ScanBatch of = batch;
  void* arguments[] = {&view_, &of, &constraint};
  run(kernel, int64_t(batch.count) * ceil_div(view_.columns, 32), arguments);
  if (!work.inverse) return;
  WaveColumnWork only = {};
  only.from = only.to = to;
  only.inverse = true;
  columns(batch, only, count);
}

// Moves modes to positions between pixels.
void Scan::shift(const ScanBatch& batch, const Complex* modes, Complex* to) {
  WaveRowWork row = {};
  row.source = RowSource::modes;
  row.from = modes;
  row.waves = view_.probe_spectrum;
  rows(false, batch, row, view_.modes);
  WaveColumnWork column = {};
  column.from = column.to = view_.probe_spectrum;
  column.forward = true;
  columns(batch, column, view_.modes);
  column = {};
  column.from = view_.probe_spectrum;
  column.from_modes = column.shift = column.inverse = column.only_shifted = true;
  column.to = to;
  columns(batch, column, int64_t(batch.count) * view_.modes);
  row = {};
  row.waves = to;
  row.sink = RowSink::store;
  row.scale = 1.f / view_.pixels();
  row.only_shifted = true;
  rows(true, batch, row, int64_t(batch.count) * view_.modes);
}

void Scan::place_probe(const ScanBatch& batch) {
  if (shifts_) shift(batch, view_.probe, view_.placed);
}

// The residual of P·O where the wave is another, or its counts.
void Scan::measure(const ScanBatch& batch, bool counts) {
  transform(batch, view_.moved, 1);
  WaveColumnWork work = {};
  work.forward = true;
  work.measure = !counts;
  work.count = counts;
  constrain(batch, view_.moved, nullptr, work);
}

// ψ ← (1−a−b)·ψ + a·PO + b·(c·PO + (1−c)·ψ + change), or the change alone.
WaveRowWork Scan::finish_work(bool keeps_waves) const {
  WaveRowWork work = {};
  work.waves = view_.waves;
  work.sink = RowSink::finish;
  work.keeps_waves = keeps_waves;
  work.scale = (keeps_waves ? rule_.b : 1) / view_.pixels();
  work.c = rule_.c;
  work.po_part = rule_.a + rule_.b * rule_.c;
  work.kept_part = 1 - work.po_part;
  return work;
}

// The kernel for so many waves at once, which go to frequency once or twice: it has the most blocks a wave that still
// run side by side. Null: passes.
const Kernel* Scan::on_chip(int waves, bool once) const {
  const Kernel* best = nullptr;
  for (const ScanOnChip& each : on_chip_) {
    const bool pays = each.pays_once || !once;
    if (pays && (!best || waves * each.kernel.cluster <= devices()[device_].multiProcessorCount)) best = &each.kernel;
  }
  return best;
}

// f(part), for so many positions of a batch at a time at most. Patterns that stay on the host are there for each part;
// those of the next are on their way, of the next batch too where it begins before `end`.
template <class F>
void Scan::each_part(const ScanBatch& batch, int at_once, int end, F&& f) {
  const Restored restored{view_};
  if (feed_) at_once = std::min(at_once, waves_at_once(wave_numbers(1)));
  for (int first = 0; first < batch.count; first += at_once) {
    const size_t begin = wave_numbers(first);
    view_.waves = restored.whole.waves + begin;
    view_.moved = restored.whole.moved + begin;
    if (view_.placed) view_.placed = restored.whole.placed + begin;
    const auto part_at = [&](int number, int most) {
      return ScanBatch{batch.places + number, std::min(at_once, most), batch.first + number};
    };
    ScanBatch part = part_at(first, batch.count - first);
    const int next = first + part.count, left = end - batch.first - next;
    if (feed_)
      part.patterns =
          feed_->take(part, part_at(next, next < batch.count ? batch.count - next : std::min(batch_size_, left)));
    f(part);
    if (feed_) feed_->release();
  }
}

// Forward, the constraint, back, and what becomes of the waves. `end`: see `each_part`.
void Scan::through_frequency(const ScanBatch& batch, bool keeps_waves, int end) {
  const bool once = !keeps_waves || rule_.c == 1;
  const int at_once = on_chip(batch.count, once) ? batch.count : waves_at_once(wave_numbers(1));
  each_part(batch, at_once, end, [&](ScanBatch part) {
    WaveRowWork work = finish_work(keeps_waves);
    const Kernel* const kernel = on_chip(part.count, once);
    if (!kernel) return pass_through_frequency(part, work);
    void* arguments[] = {&view_, &row_axis_.twiddles, &part, &work};
    run(*kernel, int64_t(part.count) * kernel->cluster, arguments);
  });
}

void Scan::pass_through_frequency(const ScanBatch& batch, const WaveRowWork& finish) {
  const float c = finish.keeps_waves ? rule_.c : 1;
  if (c != 1) measure(batch, false);
  transform(batch, view_.waves, c);
  WaveColumnWork work = {};
  work.forward = work.impose = work.inverse = true;
  work.measure = c == 1;
  constrain(batch, view_.waves, view_.waves, work);
  rows(true, batch, finish, int64_t(batch.count) * view_.modes);
}

// ---- sums and updates ----

void Scan::gather(const ScanBatch& batch, SumWork work) {
  work.object_blocks = work.object || work.illumination ? object_blocks_ : 0;
  work.probe_blocks = work.probe ? probe_blocks_ : 0;
  work.covered = covered_;
  if (work.probe && shifts_) {
    const int64_t waves = int64_t(batch.count) * view_.modes;
    WaveRowWork row = {};
    row.waves = view_.moved;
    row.source = RowSource::back;
    row.only_shifted = true;
    row.keeps_waves = work.kept;
    rows(false, batch, row, waves);
    WaveColumnWork column = {};
    column.from = column.to = view_.moved;
    column.forward = column.shift_back = column.only_shifted = true;
    columns(batch, column, waves);
  }
  const Kernel kernel = {gather_sums, 1, kSumThreads, 0};
  ScanBatch of = batch;
  float* most = work.object_blocks > 0 ? most_ : most_ + object_blocks_;
  void* arguments[] = {&view_, &of, &work, &most};
  run(kernel, work.object_blocks + work.probe_blocks, arguments);
}

// Positions between pixels have left their part of the probe's sum in frequency.
void Scan::add_shifted_sums() {
  if (!shifts_) return;
  WaveColumnWork column = {};
  column.from = column.to = view_.shifted_sum;
  column.inverse = true;
  columns(batch_, column, view_.modes);
  WaveRowWork row = {};
  row.waves = view_.shifted_sum;
  row.sink = RowSink::add_probe;
  row.scale = 1.f / view_.pixels();
  rows(true, batch_, row, view_.modes);
}

// Where the probe lies between pixels it is moved for a batch at a time; otherwise all positions are one.
template <class F>
void Scan::each_chunk(F&& f) {
  const int at_once = shifts_ ? batch_size_ : view_.positions;
  for (int first = 0; first < view_.positions; first += at_once) {
    const ScanBatch chunk = {everywhere_ + first, std::min(at_once, view_.positions - first), first};
    place_probe(chunk);
    f(chunk);
  }
}

// Sums over all positions, and the largest weights.
void Scan::sum_everything(SumWork work, float* most) {
  const auto clear = [&](void* array, size_t bytes) {
    check(cudaMemsetAsync(array, 0, bytes, stream_.get()), "clearing sums");
  };
  const size_t object = object_numbers() / 2, probe = probe_numbers() / 2;
  if (work.object) clear(view_.object_sum, object * sizeof(Complex));
  if (work.illumination) clear(view_.illumination, object * sizeof(float));
  if (work.probe) {
    clear(view_.probe_sum, probe * sizeof(Complex));
    clear(view_.probe_weight, view_.pixels() * sizeof(float));
    if (view_.shifted_sum) clear(view_.shifted_sum, probe * sizeof(Complex));
  }
  work.adds = true;
  each_chunk([&](const ScanBatch& chunk) { gather(chunk, work); });
  if (work.probe) add_shifted_sums();
  const float* from = work.probe ? view_.probe_weight : view_.illumination;
  int64_t count = work.probe ? view_.pixels() : object;
  const Kernel kernel = {find_most, 1, kSumThreads, 0};
  void* arguments[] = {&from, &count, &most};
  run(kernel, work.probe ? probe_blocks_ : object_blocks_, arguments);
}

void Scan::move(MoveWork work) {
  work.alpha = rule_.alpha;
  work.object_blocks = work.object ? object_blocks_ : 0;
  const int64_t probe_blocks =
      work.probe ? std::min<int64_t>(ceil_div(probe_numbers() / 2, kSumThreads), kMostSumBlocks) : 0;
  const Kernel kernel = {move_object_and_probe, 1, kSumThreads, 0};
  void* arguments[] = {&view_, &work};
  run(kernel, work.object_blocks + probe_blocks, arguments);
}

// ---- an iteration ----

void Scan::begin_iteration() {
  if (rule_.keeps_waves && !has_kept_) begin_kept();
  if (!rule_.least_squares) return;
  SumWork work = {};
  work.illumination = true;
  const Restored restored{view_};
  view_.illumination = whole_illumination_;
  sum_everything(work, whole_most_);
}

void Scan::begin_kept() {
  each_chunk([&](const ScanBatch& chunk) {
    launcher_.each(begin_kept_waves, int64_t(wave_numbers(chunk.count)), view_, chunk);
  });
  has_kept_ = true;
}

void Scan::begin_batch(int begin, int end) {
  if (begin == 0) begin_iteration();
  batch_ = {ordered_ + begin, end - begin, begin};
  place_probe(batch_);
}

void Scan::finish_batch(bool last) {
  if (rule_.least_squares) {
    take_steps();
  } else if (!rule_.keeps_waves) {
    SumWork sums = {};
    sums.object = sums.illumination = true;
    sums.probe = rule_.updates_probe;
    gather(batch_, sums);
    if (sums.probe) add_shifted_sums();
    MoveWork work = {};
    work.object = true;
    work.probe = work.weights_probe = rule_.updates_probe;
    work.object_step = work.probe_step = rule_.step;
    work.object_weight = view_.illumination;
    work.object_most = object_most();
    work.probe_most = probe_most();
    work.covered = covered_;
    move(work);
  } else if (last) {
    fit_waves();
  }
}

void Scan::take_steps() {
  SumWork sums = {};
  sums.object = true;
  sums.probe = rule_.updates_probe;
  gather(batch_, sums);
  if (sums.probe && shifts_) {
    add_shifted_sums();
    shift(batch_, view_.probe_sum, view_.moved);
  }
  const Most most = {whole_most_, object_blocks_};
  {
    const Kernel kernel = {sum_normals, 1, kSumThreads, 0};
    Most weight_most = most;
    void* arguments[] = {&view_,   &batch_, &rule_.alpha, &rule_.updates_probe, &weight_most, &whole_illumination_,
                         &normals_};
    run(kernel, int64_t(batch_.count) * kNormalParts, arguments);
  }
  {
    const Kernel kernel = {find_steps, 1, kSumThreads, 0};
    void* arguments[] = {&normals_, &batch_.count, &rule_.ridge, &rule_.updates_probe, &steps_};
    run(kernel, 1, arguments);
  }
  MoveWork work = {};
  work.object = true;
  work.probe = rule_.updates_probe;
  work.object_step = rule_.step;
  work.probe_step = rule_.step / batch_.count;
  work.steps = steps_;
  work.object_weight = whole_illumination_;
  work.object_most = most;
  work.covered = covered_;
  move(work);
}

// The object, then the probe with the new object, from all kept waves (Thibault et al., Ultramicroscopy 109, 338, 2009,
// eqs. 6 and 7), as corrections.
void Scan::fit_waves() {
  SumWork sums = {};
  sums.object = sums.illumination = sums.kept = true;
  sum_everything(sums, most_);
  MoveWork work = {};
  work.object = true;
  work.object_step = work.probe_step = 1;
  work.object_weight = view_.illumination;
  work.object_most = object_most();
  move(work);
  if (!rule_.updates_probe) return;
  sums = {};
  sums.probe = sums.kept = true;
  sum_everything(sums, most_ + object_blocks_);
  work.object = false;
  work.probe = work.weights_probe = true;
  work.probe_most = probe_most();
  move(work);
}

void Scan::run_batches(int begin, int end) {
  if (feed_) feed_->begin();
  for (int at = begin; at < end; at += batch_size_) {
    begin_batch(at, std::min(end, at + batch_size_));
    through_frequency(batch_, rule_.keeps_waves, end);
    finish_batch(at + batch_.count == view_.positions);
  }
}

void Scan::iterate(int begin, int end) {
  use_device();
  if (begin == end) return;
  const bool whole = begin == 0 && end == view_.positions;
  if (whole && ceil_div(end, batch_size_) <= kGraphBatches)
    check(cudaGraphLaunch(graph(), stream_.get()), "starting a graph");
  else
    run_batches(begin, end);
  if (end == view_.positions) record();
}

// A whole iteration.
cudaGraphExec_t Scan::graph() {
  if (rule_.keeps_waves && !has_kept_) begin_kept();  // the graph would begin them each time
  stopwatch_.start(stream_.get());                    // before a graph is recorded, not in it
  for (const IterationGraph& known : graphs_)
    if (known.rule == rule_ && known.shifts == shifts_) return known.graph.get();
  Graph graph = record_graph(stream_.get(), [&] { run_batches(0, view_.positions); });
  if (graphs_.size() == kGraphs) graphs_.erase(graphs_.begin());
  graphs_.push_back({rule_, shifts_, std::move(graph)});
  return graphs_.back().graph.get();
}

void Scan::forward(int begin, int end) {
  use_device();
  begin_batch(begin, end);
  transform(batch_, view_.waves, rule_.keeps_waves ? rule_.c : 1);
  WaveColumnWork work = {};
  work.from = work.to = view_.waves;
  work.forward = true;
  columns(batch_, work, int64_t(batch_.count) * view_.modes);
  holds_ = Waves::transformed;
  computed_ = true;
  has_changes_ = false;
}

void Scan::constrain_fourier() {
  use_device();
  const bool measures = rule_.keeps_waves && rule_.c != 1;
  WaveColumnWork work = {};
  work.impose = true;
  work.measure = !measures;
  if (feed_) feed_->begin();
  each_part(batch_, batch_.count, batch_.first + batch_.count, [&](const ScanBatch& part) {
    if (measures) measure(part, false);
    constrain(part, view_.waves, view_.moved, work);
  });
  const int64_t numbers = wave_numbers(batch_.count);
  launcher_.each(change_waves, numbers, view_, numbers);
  has_changes_ = computed_;
  computed_ = false;
}

void Scan::inverse() {
  use_device();
  transform_back(view_.waves);
  if (has_changes_) transform_back(view_.moved);
  holds_ = Waves::inverted;
}

void Scan::transform_back(Complex* waves) {
  const int64_t count = int64_t(batch_.count) * view_.modes;
  WaveColumnWork column = {};
  column.from = column.to = waves;
  column.inverse = true;
  columns(batch_, column, count);
  WaveRowWork row = {};
  row.waves = waves;
  row.sink = RowSink::store;
  row.scale = 1;
  rows(true, batch_, row, count);
}

void Scan::constrain_object(bool last) {
  use_device();
  launcher_.each(finish_waves, int64_t(wave_numbers(batch_.count)), view_, batch_, finish_work(rule_.keeps_waves),
                 has_changes_);
  finish_batch(last);
  holds_ = Waves::none;
  if (last) record();
}

// The residual of the iteration that has ended.
void Scan::record() {
  double scale = 1 / (double(view_.pixels()) * energy_), *to = records_ + recorded_ % kScanRecords;
  bool root = true;
  const Kernel kernel = {sum_partials, 1, 1024, 0};
  void* arguments[] = {&view_, &scale, &root, &to};
  run(kernel, 1, arguments);
  recorded_++;
}

// ---- beside the iteration ----

// f(batch), of all positions as they are numbered, whose patterns f wants.
template <class F>
void Scan::each_fed_batch(F&& f) {
  if (feed_) feed_->begin();
  for (int first = 0; first < view_.positions; first += batch_size_) {
    ScanBatch batch = {everywhere_ + first, std::min(batch_size_, view_.positions - first), first};
    place_probe(batch);
    f(batch);
  }
}

void Scan::locate_positions() {
  const ScanAxis row_axis = {row_axis_.twiddles, row_axis_.any},
                 column_axis = {column_axis_.twiddles, column_axis_.any};
  const uint32_t* const numbered = nullptr;
  launcher_.each(locate, int64_t(view_.positions), view_.positions, positions_, numbered, everywhere_);
  launcher_.each(locate, int64_t(view_.positions), view_.positions, positions_, order_, ordered_);
  if (shifts_)
    launcher_.each(make_ramps, int64_t(view_.positions) * (view_.rows + view_.columns), view_, row_axis, column_axis,
                   positions_, const_cast<Complex*>(view_.ramps));
}

void Scan::correct_positions(double most) {
  use_device();
  allocate_shifts();
  each_fed_batch([&](ScanBatch& batch) {
    through_frequency(batch, false, view_.positions);
    const Kernel kernel = {fit_positions, 1, kSumThreads, 0};
    void* arguments[] = {&view_, &batch, &moves_};
    run(kernel, batch.count, arguments);
  });
  const Kernel kernel = {move_positions, 1, kSumThreads, 0};
  void* arguments[] = {&view_, &moves_, &most, &positions_};
  run(kernel, 1, arguments);
  locate_positions();
}

double Scan::model_counts() {
  use_device();
  each_fed_batch([&](const ScanBatch& batch) {
    each_part(batch, batch.count, view_.positions, [&](const ScanBatch& part) { measure(part, true); });
  });
  double scale = 1.0 / view_.pixels();
  bool root = false;
  const Kernel kernel = {sum_partials, 1, 1024, 0};
  void* arguments[] = {&view_, &scale, &root, &counts_};
  run(kernel, 1, arguments);
  double counts = 0;
  read(&counts, counts_, sizeof(double));
  return counts;
}

std::vector<double> Scan::take_residuals() {
  use_device();
  const uint64_t count = std::min<uint64_t>(recorded_ - taken_, kScanRecords);
  taken_ = recorded_;
  std::vector<double> residuals(count);
  // The records are a ring.
  const uint64_t first = (recorded_ - count) % kScanRecords, straight = std::min(count, kScanRecords - first);
  read(residuals.data(), records_ + first, straight * sizeof(double));
  read(residuals.data() + straight, records_, (count - straight) * sizeof(double));
  return residuals;
}

void Scan::read(void* to, const void* from, size_t bytes) {
  staging_.download(
      bytes, 1, [&](size_t at, size_t) { return static_cast<const char*>(from) + at; },
      [&](const char* staged, size_t at, size_t count) { std::memcpy(static_cast<char*>(to) + at, staged, count); });
}

void Scan::read_object(float* to) {
  use_device();
  read(to, view_.object, object_numbers() * sizeof(float));
}

void Scan::write_object(const float* object) {
  use_device();
  staging_.upload(view_.object, object, object_numbers() * sizeof(float));
  has_kept_ = false;
}

void Scan::read_probe(float* to) {
  use_device();
  read(to, view_.probe, probe_numbers() * sizeof(float));
}

void Scan::write_probe(const float* probe) {
  use_device();
  staging_.upload(view_.probe, probe, probe_numbers() * sizeof(float));
  has_kept_ = false;
}

void Scan::read_positions(double* to) {
  use_device();
  read(to, positions_, 2 * size_t(view_.positions) * sizeof(double));
}

void Scan::write_positions(const double* positions) {
  use_device();
  if (between_pixels(positions, view_.positions)) allocate_shifts();
  staging_.upload(positions_, positions, 2 * size_t(view_.positions) * sizeof(double));
  locate_positions();
}

void Scan::read_waves(float* to) {
  use_device();
  const ScanAxis row_axis = {row_axis_.twiddles, row_axis_.any},
                 column_axis = {column_axis_.twiddles, column_axis_.any};
  const bool transformed = holds_ == Waves::transformed;
  const double pixels = view_.pixels();
  const float factor = static_cast<float>(1 / (transformed ? std::sqrt(pixels) : pixels));
  Complex* const piece = reinterpret_cast<Complex*>(piece_);
  staging_.download(
      wave_numbers(batch_.count) * sizeof(Complex), sizeof(Complex),
      [&](size_t at, size_t bytes) {
        const int64_t count = bytes / sizeof(Complex);
        launcher_.each(copy_waves, count, view_, row_axis, column_axis, piece, int64_t(at / sizeof(Complex)), count,
                       transformed, false, factor);
        return piece;
      },
      [&](const char* staged, size_t at, size_t bytes) {
        std::memcpy(reinterpret_cast<char*>(to) + at, staged, bytes);
      });
}

void Scan::write_waves(const float* waves) {
  use_device();
  computed_ = has_changes_ = false;
  const ScanAxis row_axis = {row_axis_.twiddles, row_axis_.any},
                 column_axis = {column_axis_.twiddles, column_axis_.any};
  const bool transformed = holds_ == Waves::transformed;
  const double pixels = view_.pixels();
  const float factor = static_cast<float>(transformed ? std::sqrt(pixels) : pixels);
  Complex* const piece = reinterpret_cast<Complex*>(piece_);
  const size_t numbers = wave_numbers(batch_.count), at_once = kPieceBytes / sizeof(Complex);
  for (size_t at = 0; at < numbers; at += at_once) {
    const size_t count = std::min(at_once, numbers - at);
    staging_.upload(piece, waves + 2 * at, count * sizeof(Complex));
    launcher_.each(copy_waves, int64_t(count), view_, row_axis, column_axis, piece, int64_t(at), int64_t(count),
                   transformed, true, factor);
  }
}

Event Scan::mark() {
  use_device();
  stopwatch_.stop(stream_.get());
  Event event = make_event();
  check(cudaEventRecord(event.get(), stream_.get()), "marking the stream");
  return event;
}

void Scan::wait(const Event& event) const {
  use_device();
  check(cudaEventSynchronize(event.get()), "iterating");
}

}  // namespace rephase::cuda
