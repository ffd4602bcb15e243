// The kernels of scans against the core in double precision: all algorithms, modes, masks, positions on and between
// pixels, batches and lengths; and against themselves: iterations, single kernels, second runs and patterns on the host
// give the same bits. Needs a GPU. Prints what failed and how far off the worst was. `cuda_scan_check every-kernel`
// takes each kernel once or twice, for compute-sanitizer.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>

#include "../../../core/scan.hpp"
#include "../../../core/tests/check.hpp"
#include "../runtime/device.hpp"
#include "../scan/scan.hpp"

namespace {

using Gpu = rephase::cuda::Scan;
using Cpu = rephase::Scan<double>;
using Keep = rephase::cuda::KeepPatterns;
using rephase::test::distance;

int failures = 0, checks = 0;
double worst = 0;

// The numbers of src/scan-rules.ts.
struct NamedRule {
  const char* name;
  double n[rephase::cuda::kScanNumbers];
};
constexpr int kRpie = 0, kLsqml = 1, kDm = 2, kRaar = 3, kAp = 4, kRules = 5;
const NamedRule kNamed[kRules] = {
    {"rpie", {0, 0, 1, 1, 0, 0.1, 0.1, 1, 1}},  {"lsqml", {0, 0, 1, 1, 1, 0.1, 0.1, 0.9, 1}},
    {"dm", {1, -1, 1, 2, 0, 0.1, 0.001, 1, 1}}, {"raar", {1, -0.5, 0.75, 2, 0, 0.1, 0.001, 1, 1}},
    {"ap", {1, 0, 1, 1, 0, 0.1, 0.001, 1, 1}},
};

struct Case {
  int rows, columns, rule = kRpie, modes = 1, batch = 5, positions = 12;
  bool between = false, mask = false, known_probe = false;
  std::string name() const {
    return std::to_string(rows) + "x" + std::to_string(columns) + " " + kNamed[rule].name + ", " +
           std::to_string(modes) + " modes, batches of " + std::to_string(batch) + (between ? ", between pixels" : "") +
           (mask ? ", masked" : "") + (known_probe ? ", known probe" : "");
  }
};

void expect(const Case& c, const char* what, double error, double tolerance) {
  checks++;
  if (error > worst) worst = error;
  if (error <= tolerance) return;
  failures++;
  if (failures < 60)
    std::printf("FAILED %s: %s is off by %.2e (allowed %.1e)\n", c.name().c_str(), what, error, tolerance);
}

// Object, probe, positions and residuals, as far as they have come.
struct State {
  std::vector<float> object, probe;
  std::vector<double> positions, residuals;
  explicit State(Gpu& gpu) : object(gpu.object_numbers()), probe(gpu.probe_numbers()), positions(2 * gpu.positions()) {
    gpu.read_object(object.data());
    gpu.read_probe(probe.data());
    gpu.read_positions(positions.data());
    residuals = gpu.take_residuals();
  }
};

struct Setting {
  Case c;
  int object_rows, object_columns;
  std::vector<float> patterns, object, probe;
  std::vector<uint8_t> mask;
  std::vector<double> positions;
  std::vector<uint32_t> order;

  explicit Setting(const Case& c) : c(c), object_rows(c.rows + 19), object_columns(c.columns + 23) {
    std::mt19937 random(c.rows * 1000 + c.columns);
    const auto uniform = [&] { return random() * 0x1p-32; };
    const size_t pixels = size_t(c.rows) * c.columns;
    for (int j = 0; j < c.positions; j++) {
      const double row = uniform() * 19, column = uniform() * 23;
      positions.push_back(c.between && j % 4 != 0 ? row : std::floor(row));
      positions.push_back(c.between && j % 4 != 0 ? column : std::floor(column));
      order.push_back(c.positions - 1 - j);
    }
    for (size_t i = 0; i < c.positions * pixels; i++)
      patterns.push_back(static_cast<float>(100 * uniform() * uniform()));
    for (size_t i = 0; i < size_t(object_rows) * object_columns; i++) {
      object.push_back(static_cast<float>(1 + 0.2 * uniform()));
      object.push_back(static_cast<float>(0.3 * uniform()));
    }
    for (int mode = 0; mode < c.modes; mode++) {
      for (int row = 0; row < c.rows; row++) {
        for (int column = 0; column < c.columns; column++) {
          const double y = (row - c.rows / 2.0) / c.rows, x = (column - c.columns / 2.0) / c.columns;
          const double size = 10 * std::exp(-8 * (y * y + x * x)) * (mode == 0 ? 1 : x + 0.1 * uniform());
          probe.push_back(static_cast<float>(size * std::cos(9 * x * x + 7 * y)));
          probe.push_back(static_cast<float>(size * std::sin(9 * x * x + 7 * y)));
        }
      }
    }
    for (size_t i = 0; c.mask && i < pixels; i++) mask.push_back(random() % 7 != 0);
  }

  const uint8_t* mask_or_null() const { return mask.empty() ? nullptr : mask.data(); }
  rephase::cuda::ScanRule gpu_rule() const {
    rephase::cuda::ScanRule rule = rephase::cuda::make_scan_rule(kNamed[c.rule].n);
    rule.updates_probe = !c.known_probe;
    return rule;
  }
  rephase::cuda::ScanProblem problem(Keep keep) const {
    return {0,       c.positions, c.rows,     c.columns,       object_rows,    object_columns,
            c.modes, c.batch,     gpu_rule(), patterns.data(), mask_or_null(), positions.data(),
            keep};
  }
  rephase::ScanRule cpu_rule() const {
    const double* n = kNamed[c.rule].n;
    return {n[0] != 0, n[1], n[2], n[3], n[4] != 0, n[5], n[6], n[7], !c.known_probe};
  }
};

std::unique_ptr<Gpu> open(const Setting& s, Keep keep = Keep::on_device) {
  auto gpu = std::make_unique<Gpu>(s.problem(keep));
  expect(s.c, "what is allocated beyond what was announced",
         std::max(0.0, double(gpu->device_bytes()) - Gpu::bytes_needed(s.problem(keep), keep == Keep::on_host)), 0);
  gpu->write_object(s.object.data());
  gpu->write_probe(s.probe.data());
  gpu->set_order(s.order.data());
  return gpu;
}

void kernels(Gpu& gpu, const Case& c) {
  for (int at = 0; at < c.positions; at += c.batch) {
    const int end = std::min(c.positions, at + c.batch);
    gpu.forward(at, end);
    gpu.constrain_fourier();
    gpu.inverse();
    gpu.constrain_object(end == c.positions);
  }
}

void check_case(const Case& c) {
  const Setting s(c);
  const auto gpu = open(s);
  Cpu cpu({size_t(c.positions), size_t(c.rows), size_t(c.columns), size_t(s.object_rows), size_t(s.object_columns),
           size_t(c.modes), size_t(c.batch)},
          s.cpu_rule().keeps_waves);
  const auto wide = [](const std::vector<float>& x) { return std::vector<double>(x.begin(), x.end()); };
  const size_t pixels = size_t(c.rows) * c.columns;
  const std::vector<double> patterns = wide(s.patterns);
  for (int j = 0; j < c.positions; j++) cpu.set_pattern(j, &patterns[j * pixels], s.mask_or_null());
  cpu.set_positions(s.positions.data());
  cpu.write_object(wide(s.object).data());
  cpu.write_probe(wide(s.probe).data());
  const double counts = gpu->model_counts();
  expect(c, "the model's counts", std::abs(counts / cpu.model_counts() - 1), 1e-5);
  expect(c, "the measured counts", std::abs(gpu->measured_counts() / cpu.measured_counts() - 1), 1e-12);

  const auto compare = [&](const State& state, double tolerance) {
    std::vector<double> object(state.object.size()), probe(state.probe.size());
    cpu.read_object(object.data());
    cpu.read_probe(probe.data());
    expect(c, "the object", distance(state.object, object), tolerance);
    expect(c, "the probe", distance(state.probe, probe), tolerance);
    std::vector<double> residuals(cpu.records());
    cpu.take_residuals(residuals.data());
    expect(c, "the number of residuals", std::abs(double(residuals.size()) - double(state.residuals.size())), 0);
    expect(c, "the residuals", distance(state.residuals, residuals), tolerance);
  };
  for (int i = 0; i < 2; i++) {
    gpu->iterate(0, c.positions);
    cpu.iterate(s.order.data(), 0, c.positions, s.cpu_rule());
  }
  const State whole(*gpu);
  compare(whole, 3e-4);
  gpu->correct_positions(0.5);
  cpu.correct_positions(0.5);
  gpu->iterate(0, c.positions);
  cpu.iterate(s.order.data(), 0, c.positions, s.cpu_rule());
  const State moved(*gpu);
  const std::vector<double> positions(cpu.positions(), cpu.positions() + 2 * c.positions);
  expect(c, "the positions", distance(moved.positions, positions), 1e-4);
  compare(moved, 2e-3);

  const auto same = [&](const char* what, const State& a, const State& b) {
    const bool is_same =
        a.object == b.object && a.probe == b.probe && a.positions == b.positions && a.residuals == b.residuals;
    expect(c, what, is_same ? 0 : 1, 0);
  };
  const auto single = open(s);
  kernels(*single, c);
  kernels(*single, c);
  same("the state after single kernels", State(*single), whole);
  const auto mixed = open(s);
  mixed->iterate(0, std::min(c.batch, c.positions));
  if (c.batch < c.positions) mixed->iterate(c.batch, c.positions);
  mixed->iterate(0, c.positions);
  same("the state after parts of iterations", State(*mixed), whole);
  mixed->correct_positions(0.5);
  mixed->iterate(0, c.positions);
  same("a second run", State(*mixed), moved);

  const auto fed = open(s, Keep::on_host);
  expect(c, "the model's counts by patterns on the host", std::abs(fed->model_counts() - counts), 0);
  kernels(*fed, c);
  fed->iterate(0, c.positions);
  same("the state with patterns on the host", State(*fed), whole);
  fed->correct_positions(0.5);
  fed->iterate(0, std::min(c.batch, c.positions));
  if (c.batch < c.positions) fed->iterate(c.batch, c.positions);
  same("the state with patterns on the host and positions corrected", State(*fed), moved);
}

// Waves that are read, between the kernels, are those of the core.
void check_waves(const Case& c) {
  const Setting s(c);
  const auto gpu = open(s);
  const size_t numbers = size_t(c.batch) * gpu->probe_numbers();
  std::vector<float> waves(numbers), again(numbers);
  gpu->forward(0, c.batch);
  gpu->constrain_fourier();
  gpu->read_waves(waves.data());
  // A wave has its measured size.
  double difference = 0, size = 0;
  const size_t pixels = size_t(c.rows) * c.columns;
  for (int n = 0; n < c.batch; n++) {
    for (size_t i = 0; i < pixels; i++) {
      double total = 0;
      for (int mode = 0; mode < c.modes; mode++) {
        const size_t at = 2 * ((size_t(n) * c.modes + mode) * pixels + i);
        total += double(waves[at]) * waves[at] + double(waves[at + 1]) * waves[at + 1];
      }
      const double wanted = s.patterns[s.order[n] * pixels + i];
      difference += (std::sqrt(total) - std::sqrt(wanted)) * (std::sqrt(total) - std::sqrt(wanted));
      size += wanted;
    }
  }
  expect(c, "the waves' size", std::sqrt(difference / size), 1e-5);
  gpu->write_waves(waves.data());
  gpu->read_waves(again.data());
  expect(c, "waves written and read again", distance(again, waves), 1e-6);
  gpu->inverse();
  gpu->read_waves(waves.data());
  gpu->write_waves(waves.data());
  gpu->read_waves(again.data());
  expect(c, "waves in space written and read again", distance(again, waves), 1e-6);
}

void check_everything(bool briefly) {
  for (int rule = 0; rule < kRules; rule++) {
    for (const bool between : {false, true}) {
      check_case({12, 10, rule, 1, 5, 12, between, rule == kDm});
      check_case({9, 14, rule, 2, 4, 12, between, true});
      check_case({32, 64, rule, 1, 5, 12, between, false});
      if (!between) check_case({128, 128, rule, 1, 2, 4});
      if (rule == kDm && !between) check_case({256, 256, rule, 1, 2, 4});
      if (briefly) continue;
      // Fewer blocks have a wave where more waves are at once.
      if (!between)
        for (const int batch : {24, 60, 140}) check_case({128, 128, rule, 1, batch, batch});
      check_case({64, 32, rule, 3, 5, 37, between, true});
      check_case({12, 32, rule, 1, 1, 7, between, false, true});
      check_case({128, 128, rule, 1, 16, 40, between, false});
      check_case({128, 128, rule, 2, 16, 40, between, true});
      check_case({256, 256, rule, 1, 8, 20, between, true});
    }
  }
  check_waves({12, 10});
  check_waves({31, 64, kRpie, 2});
  if (briefly) return;
  for (const int length : {512, 1024, 2048, 4096}) {
    check_case({length, 32, kRpie, 1, 3, 6, true, true});
    check_case({32, length, kRpie, 1, 3, 6, true, true});
    check_waves({length, 64});
  }
  check_case({512, 512, kRpie, 1, 3, 6, false, true});
  // Batches of more patterns than are brought from the host at a time.
  check_case({512, 512, kDm, 1, 10, 12});
  check_case({512, 512, kRpie, 2, 10, 12, true});
  for (const int length : {1, 2, 37, 100, 1021}) check_case({length, 24, kRpie, 1, 3, 6, true, true});
  check_case({64, 64, kAp, 1, 1, 300, false, false});
}

}  // namespace

int main(int argc, char** argv) {
  try {
    check_everything(argc > 1 && std::strcmp(argv[1], "every-kernel") == 0);
  } catch (const std::exception& error) {
    std::printf("FAILED with an exception: %s\n", error.what());
    return 1;
  }
  std::printf("%d checks, %d failed, the worst error is %.2e\n", checks, failures, worst);
  return failures > 0;
}
