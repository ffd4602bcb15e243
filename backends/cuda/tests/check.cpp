// Every kernel against the core in double precision: all rules, supports, masks, batches and lengths, one iteration at
// a time from equal states and over short runs. Needs a GPU. Prints what failed and how far off the worst was.
// `cuda_check every-kernel` takes each kernel once or twice, for compute-sanitizer; `cuda_check poisoned` ends GPU 0
// for its process, and checks what is said of it.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>

#include "../../../core/session.hpp"
#include "../../../core/tests/check.hpp"
#include "../runtime/device.hpp"
#include "../session.hpp"

void start_trap();  // trap.cu

namespace {

using Gpu = rephase::cuda::Session;
using rephase::test::distance;

int failures = 0, checks = 0;
double worst = 0;

// The numbers of src/rules.ts: tested, iterate and next where satisfied, and where violated, the floor; then
// `projected`, the bounds, whether the iterate is reflected, the support's size and the Fourier rule.
struct NamedRule {
  const char* name;
  double c[21];
  bool keeps;
  // Of complex pixels.
  rephase::Phases phases = {};
  bool in_two_planes = false;
  double unmeasured = 1, exponent = 0;
  bool keeps_phases = false;
};
constexpr double kBeta = 0.8, kInfinity = HUGE_VAL;
const int kOwnPlans[] = {32, 64, 128, 256, 512, 600, 1000, 1024, 1536, 2048, 3000, 4096, 8192, 16384};
constexpr int kGs = 0, kHio = 1, kBounded = 5, kInvented = 7, kTolerant = 8, kSized = 10, kSizedRrr = 11,
              kLargestRrr = 12, kRules = 13, kInPlanes = 14, kWeighted = 17, kWeightedPhases = 18, kAllRules = 20,
              kSteep = 20;
// Those from `kRules` on are for complex objects only.
const NamedRule kNamed[] = {
    {"gs", {0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, kInfinity, 0, 0, 0, kInfinity, 0}, false},
    {"hio", {0, 1, 0, 1, 0, 1, 1, -kBeta, 1, -kBeta, 0, 0, kBeta, kBeta, 0, kInfinity, 0, 0, 0, kInfinity, 0}, true},
    {"input-output",
     {0, 1, 1, 0, 1, 0, 1, -kBeta, 1, -kBeta, 0, 0, kBeta, kBeta, 0, kInfinity, 0, 0, 0, kInfinity, 0},
     true},
    {"output-output",
     {0, 1, 0, 1, 0, 1, 0, 1 - kBeta, 0, 1 - kBeta, 0, 0, kBeta, kBeta, 0, kInfinity, 0, 0, 0, kInfinity, 0},
     false},
    {"raar",
     {-1,    2,     0, 1,         0, 1, kBeta, 1 - 2 * kBeta, kBeta, 1 - 2 * kBeta, 0, 0,
      kBeta, kBeta, 0, kInfinity, 0, 0, 0,     kInfinity,     0},
     true},
    {"bounded gs", {0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, -0.1, 0.4, 0, 0, 0, kInfinity, 0}, false},
    {"rrr", {1, 0, 0.5, 0.5, 0.5, 0.5, 1, 0.5, 1, 0.5, 0, 0, -0.5, -0.5, -0.1, 0.4, 1, 0, 0, kInfinity, 0}, true},
    {"invented",
     {-0.3, 1.2, 0.1, 0.9, -0.2, 1.1, 0.7, -0.5, 0.6, -0.4, 0.4, 0.3, 0.2, 0.2, 0, 0.5, 0, 0, 0, kInfinity, 0},
     true},
    {"tolerant", {0, 1, 0, 1, 0, 1, 1, -kBeta, 1, -kBeta, 0, 0, kBeta, kBeta, 0, kInfinity, 0, 0, 0.05, 0.2, 0}, true},
    {"ml", {0, 1, 0, 1, -0.4, 1.4, 0, 0, -0.4, 0, 0, 0, 1, 1.4, 0, kInfinity, 0, 0, 0, kInfinity, 1}, true},
    {"sized gs", {0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, kInfinity, 0, 20, 0, kInfinity, 0}, false},
    {"sized rrr", {1, 0, 0.5, 0.5, 0.5, 0.5, 1, 0.5, 1, 0.5, 0, 0, -0.5, -0.5, 0, 2, 1, 150, 0, kInfinity, 0}, true},
    {"largest rrr",
     {1, 0, 0.5, 0.5, 0.5, 0.5, 1, 0.5, 1, 0.5, 0, 0, -0.5, -0.5, 0, kInfinity, 1, 150, 0, kInfinity, 0},
     true},
    {"phases hio",
     {0, 1, 0, 1, 0, 1, 1, -kBeta, 1, -kBeta, 0, 0, kBeta, kBeta, 0.001, 0.4, 0, 0, 0, kInfinity, 0},
     true,
     {0.3, 0.8}},
    {"two planes", {0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, kInfinity, 0, 0, 0, kInfinity, 0}, false, {}, true},
    {"two planes rrr",
     {1, 0, 0.5, 0.5, 0.5, 0.5, 1, 0.5, 1, 0.5, 0, 0, -0.5, -0.5, 0, kInfinity, 1, 0, 0, kInfinity, 0},
     true,
     {},
     true},
    {"sized phases", {0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 2, 0, 150, 0, kInfinity, 0}, false, {-2.5, 2}},
    {"weights",
     {0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, kInfinity, 0, 0, 0, kInfinity, 0},
     false,
     {},
     true,
     1.5,
     0.3},
    {"weights with phases",
     {0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, kInfinity, 0, 0, 0, kInfinity, 0},
     false,
     {},
     true,
     1.5,
     0.5,
     true},
    {"unmeasured",
     {0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, kInfinity, 0, 0, 0, kInfinity, 0},
     false,
     {},
     true,
     1.5},
    // Frequencies that come out near 0 get weights as large as rounding makes them: for small images only.
    {"weights that follow at once",
     {0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, kInfinity, 0, 0, 0, kInfinity, 0},
     false,
     {},
     true,
     1.5,
     1},
};

// `withoutPrevious` of src/rules.ts: y takes the place of x, but not where the constraint is satisfied.
NamedRule without_previous(NamedRule rule) {
  for (int i = 0; i < 12; i += 2) {
    if (i != 2 && i != 4 && i != 10) rule.c[i + 1] += rule.c[i];
    rule.c[i] = 0;
  }
  return rule;
}

struct Case {
  int rows, columns, starts = 1, rule = kGs;
  bool support = false, mask = false;
  bool padded = false;  // the support is in the second quarter of the rows
  std::string name() const {
    return std::to_string(rows) + "x" + std::to_string(columns) + " x" + std::to_string(starts) + " " +
           kNamed[rule].name + (support ? " support" : "") + (padded ? ", padded" : "") + (mask ? " mask" : "");
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

template <class Field>
struct PairOf {
  using Cpu = rephase::Session<Field>;
  static constexpr bool kComplex = !Field::kIsOrdered;

  Case c;
  size_t pixels, image;  // numbers of an image
  std::vector<float> magnitudes, sizes;
  std::vector<uint8_t> mask, support;
  double scale = 0.5;
  Gpu gpu;
  Cpu cpu;

  explicit PairOf(const Case& c)
      : c(c),
        pixels(size_t(c.rows) * c.columns),
        image(pixels * (kComplex ? 2 : 1)),
        magnitudes(make_magnitudes(c)),
        sizes(kComplex ? make_sizes(pixels) : std::vector<float>()),
        mask(make_bits(c.mask, pixels, 5)),
        support(make_support(c)),
        gpu(problem()),
        cpu(c.rows, c.columns, c.starts, cpu_rule(rule(false))) {
    const std::vector<double> wide(magnitudes.begin(), magnitudes.end());
    cpu.set_magnitudes(wide.data(), data_or_null(mask), scale);
    if constexpr (kComplex) cpu.field().set_object_magnitudes(std::vector<double>(sizes.begin(), sizes.end()).data());
    if (c.support) cpu.set_support(support.data());
    cpu.start_from_seed(wide.data(), data_or_null(mask), 7, 2);
  }

  rephase::cuda::Problem problem(int device = 0) const {
    return {device,
            c.rows,
            c.columns,
            c.starts,
            kComplex,
            gpu_rule(rule(false)),
            scale,
            magnitudes.data(),
            data_or_null(mask),
            data_or_null(support),
            kComplex ? sizes.data() : nullptr,
            true,
            7,
            2};
  }
  static const uint8_t* data_or_null(const std::vector<uint8_t>& bits) { return bits.empty() ? nullptr : bits.data(); }
  // The bytes announced before anything is allocated have to be enough.
  void bytes() {
    expect(c, "what is allocated beyond what was announced",
           std::max(0.0, double(gpu.device_bytes()) - Gpu::bytes_needed(problem())), 0);
  }
  static std::vector<float> make_magnitudes(const Case& c) {
    std::mt19937 random(c.rows * 1000 + c.columns);
    std::vector<float> m(size_t(c.rows) * c.columns);
    for (float& x : m) x = 0.1f + (random() >> 8) * 0x1p-24f * 2;
    m[0] *= 3;
    // As of spots: whole columns have no weights, and single frequencies of others.
    for (size_t i = 0; i < m.size() && kNamed[c.rule].exponent > 0; i++)
      if (i % c.columns % 3 == 1 || i % 7 == 3) m[i] = 0;
    return m;
  }
  static std::vector<float> make_sizes(size_t pixels) {
    std::mt19937 random(11);
    std::vector<float> sizes(pixels);
    // As large as the pixels of such a pattern.
    const float most = 2 / std::sqrt(static_cast<float>(pixels));
    for (float& x : sizes) x = (random() >> 8) * 0x1p-24f * most;
    return sizes;
  }
  static std::vector<uint8_t> make_bits(bool wanted, size_t count, unsigned every) {
    std::mt19937 random(3);
    std::vector<uint8_t> bits(wanted ? count : 0);
    for (uint8_t& b : bits) b = random() % every != 0;
    if (wanted) bits[0] = 1;
    return bits;
  }

  static std::vector<uint8_t> make_support(const Case& c) {
    std::vector<uint8_t> bits = make_bits(c.support, size_t(c.rows) * c.columns, 3);
    for (size_t i = 0; i < bits.size() && c.padded; i++)
      if (i < bits.size() / 4 || i >= bits.size() / 2) bits[i] = 0;
    return bits;
  }

  std::vector<float> object(int start) {
    std::vector<float> out(image);
    gpu.read_object(start, out.data());
    return out;
  }
  std::vector<float> spectrum(int start) {
    std::vector<float> out(2 * pixels);
    gpu.read_spectrum(start, out.data());
    return out;
  }
  // Calls f for each start; of many, for the first and the last only.
  template <class F>
  void each_start(F&& f) {
    for (int start = 0; start<c.starts; start += c.starts> 3 ? c.starts - 1 : 1) f(start);
  }
  void objects(const char* what, double tolerance) {
    each_start([&](int start) {
      std::vector<double> want(image);
      cpu.read_object(start, 0, c.rows, want.data());
      expect(c, what, distance(object(start), want), tolerance);
    });
  }
  void spectra(const char* what, double tolerance) {
    each_start([&](int start) {
      std::vector<double> want(2 * pixels);
      cpu.read_spectrum(start, 0, c.rows, want.data());
      expect(c, what, distance(spectrum(start), want), tolerance);
    });
  }
  void residuals(const char* what, double tolerance) {
    std::vector<double> want(size_t(Cpu::kRecords) * c.starts);
    want.resize(size_t(cpu.take_residuals(want.data())) * c.starts);
    const std::vector<double> got = gpu.take_residuals();
    if (got.size() != want.size()) return expect(c, what, INFINITY, tolerance);
    // Against the energy, so that a residual near zero is not held to its own rounding.
    double energy = 0, error = 0;
    for (float m : magnitudes) energy += double(m) * m * scale * scale / 2;
    // Of many starts, one or the other has a pixel so close to 0 that rounding decides on its sign: their mean counts.
    for (size_t i = 0; i < got.size(); i++) {
      const double off = std::abs(got[i] - want[i]) / energy;
      error = c.starts > 3 ? error + off / static_cast<double>(got.size()) : std::max(error, off);
    }
    expect(c, what, std::isnan(error) ? INFINITY : error, tolerance);
  }

  NamedRule rule(bool first) const { return first ? without_previous(kNamed[c.rule]) : kNamed[c.rule]; }
  static rephase::cuda::Rule gpu_rule(const NamedRule& r) {
    double c[rephase::cuda::kCoefficients];
    std::copy(r.c, r.c + 21, c);
    c[21] = r.phases.centre;
    c[22] = r.phases.half_width;
    c[23] = r.in_two_planes;
    c[24] = r.unmeasured;
    c[25] = r.exponent;
    c[26] = r.keeps_phases;
    return rephase::cuda::make_rule(c, r.keeps, Gpu::spectrum_scale(kComplex));
  }
  static rephase::Rule cpu_rule(const NamedRule& r) {
    return {{r.c[0], r.c[1]},
            {{r.c[2], r.c[3]}, {r.c[4], r.c[5]}},
            {{r.c[6], r.c[7]}, {r.c[8], r.c[9]}},
            r.keeps,
            {r.c[10], r.c[11]},
            {r.c[12], r.c[13]},
            r.c[14],
            r.c[15],
            r.c[16] != 0,
            static_cast<uint32_t>(r.c[17]),
            {r.c[18], r.c[19], r.c[20] != 0, r.unmeasured, r.exponent, r.keeps_phases},
            r.phases,
            r.in_two_planes};
  }
  void gpu_iterate(uint32_t count, bool first) {
    gpu.use(gpu_rule(rule(first)));
    gpu.iterate(count);
  }
  void gpu_constrain_object(bool first) {
    gpu.use(gpu_rule(rule(first)));
    gpu.constrain_object();
  }
  void iterate(uint32_t count, bool first) {
    gpu_iterate(count, first);
    cpu.iterate(count, cpu_rule(rule(first)));
  }
  void constrain_object(bool first) {
    gpu_constrain_object(first);
    cpu.constrain_object(cpu_rule(rule(first)));
  }
  void measure_object(int projection = kGs) {
    gpu.use(gpu_rule(kNamed[projection]));
    gpu.measure_object();
    cpu.measure_object(cpu_rule(kNamed[projection]));
  }
  template <class F>
  void both(F&& f) {
    f(gpu);
    f(cpu);
  }
  void inverse() {
    both([](auto& session) { session.inverse(); });
  }
  void forward() {
    both([](auto& session) { session.forward(); });
  }
  void constrain_fourier() {
    const NamedRule now = rule(false);
    gpu.use(gpu_rule(now));
    gpu.constrain_fourier();
    cpu.constrain_fourier(cpu_rule(now));
  }
  void complete_iteration() {
    both([](auto& session) { session.complete_iteration(); });
  }
  void set_support(const uint8_t* bits) {
    both([bits](auto& session) { session.set_support(bits); });
  }
  void write_support(int start, const uint8_t* bits) {
    both([=](auto& session) { session.write_support(start, bits); });
  }
  // Supports that shrink from equal objects. Rounding may decide on a pixel next to the level.
  void shrink(double sigma, double threshold, double least) {
    equalize();
    both([&](auto& session) { session.shrink_support(sigma, threshold, least, HUGE_VAL); });
    each_start([&](int start) {
      std::vector<uint8_t> got(pixels), want(pixels);
      gpu.read_support(start, got.data());
      cpu.read_support(start, want.data());
      double different = 0;
      for (size_t i = 0; i < pixels; i++) different += got[i] != want[i];
      expect(c, "the share of pixels of a support that shrank", different / static_cast<double>(pixels), 1e-4);
    });
  }
  // Gives the core the GPU's object, iterate and spectrum: next to a rule's discontinuity rounding would part them.
  void equalize() {
    for (int s = 0; s < c.starts; s++) {
      const std::vector<float> x = object(s), z = spectrum(s);
      cpu.write_object(s, 0, c.rows, std::vector<double>(x.begin(), x.end()).data(), true);
      cpu.write_spectrum(s, std::vector<double>(z.begin(), z.end()).data());
    }
  }
  // Does what src/session/iteration-state.ts does between iterations.
  void change_rule(int rule) {
    equalize();
    c.rule = rule;
    for (int s = 0; s < c.starts && kNamed[rule].keeps; s++) both([s](auto& session) { session.keep_object(s); });
  }
  // A start, an iteration by fused passes, and two more by kernels.
  void everything() {
    bytes();
    spectra("the start", 2e-6);
    iterate(1, true);
    complete_iteration();
    objects("object after 1", 2e-5);
    spectra("spectrum after 1", 2e-4);
    residuals("residual after 1", 2e-5);
    inverse();
    objects("inverse", 2e-4);
    spectra("restored spectrum", 2e-4);
    inverse();
    constrain_object(false);
    objects("constrained object", 2e-4);
    forward();
    spectra("forward", 2e-4);
    constrain_fourier();
    objects("object after kernels", 2e-4);
    spectra("spectrum after kernels", 1e-3);
    residuals("residual after kernels", 1e-4);
    iterate(2, false);
    complete_iteration();
    // A tolerance leaves sizes as they are, and what rounding has done to them; a range turns small numbers far.
    objects("object after 4", c.rule == kTolerant || !kNamed[c.rule].phases.are_any() ? 5e-2 : 1e-2);
    // Rules that keep an iterate are chaotic, and the more starts, the further one of them departs.
    residuals("residuals after 4", kNamed[c.rule].keeps ? 5e-3 : 2e-3);
    std::vector<float> numbers(2 * pixels);
    std::mt19937 random(9);
    for (float& x : numbers) x = (random() >> 8) * 0x1p-24f - 0.5f;
    const std::vector<double> wide(numbers.begin(), numbers.end());
    each_start([&](int start) {
      gpu.write_spectrum(start, numbers.data());
      cpu.write_spectrum(start, wide.data());
      gpu.write_object(start, numbers.data(), true);
      cpu.write_object(start, 0, c.rows, wide.data(), true);
    });
    objects("written object", 1e-6);
    spectra("written spectrum", 1e-6);
  }

  // Other rules and supports in one session, and the residual of the projected objects.
  void changes() {
    const std::vector<uint8_t> other = make_bits(true, pixels, 2);
    iterate(1, true);
    iterate(1, false);
    complete_iteration();
    residuals("residuals after 2", 1e-4);
    measure_object();
    residuals("residual of the projected object", 1e-4);
    spectra("spectrum of the projected object", 3e-4);
    objects("object after measuring", 1e-4);
    // As src/session/iteration-state.ts goes on: a spectrum of projected objects has pixels at 0 but for rounding.
    forward();
    spectra("spectrum of the object", 3e-4);
    constrain_fourier();
    residuals("residual after measuring", 1e-4);
    change_rule(kHio);
    iterate(1, false);
    complete_iteration();
    objects("object after another rule", 3e-4);
    shrink(1.5, 0.7, 1);
    shrink(0.4, 0.5, 1);
    shrink(0.4, 0.9, HUGE_VAL);
    write_support(c.starts - 1, other.data());
    iterate(1, false);
    complete_iteration();
    objects("object inside a support of its own", 3e-4);
    set_support(other.data());
    change_rule(kInvented);
    iterate(1, false);
    complete_iteration();
    objects("object after another support", 5e-3);
    equalize();
    inverse();
    constrain_object(false);
    objects("iterate of a rule that reflects", 5e-3);
    forward();
    spectra("image that a rule that reflects transforms", 5e-3);
    measure_object();
    residuals("residuals with the iterate's projection", 1e-3);
    objects("iterate after measuring", 5e-3);
    forward();
    spectra("spectrum of the iterate", 5e-3);
    constrain_fourier();
    equalize();
    measure_object(kSized);
    residuals("residuals of the largest pixels", 1e-3);
    objects("object after measuring its largest pixels", 5e-3);
    forward();
    constrain_fourier();
    set_support(nullptr);
    change_rule(kGs);
    iterate(1, false);
    complete_iteration();
    objects("object without a support", 5e-3);
    residuals("residuals without a support", 1e-3);
    std::vector<float> bad(image, 1);
    bad[image / 2] = NAN;
    gpu.write_object(c.starts - 1, bad.data(), false);
    gpu.use(gpu_rule(rule(false)));
    gpu.measure_object();
    expect(c, "the residual of what is not a number", std::isfinite(gpu.take_residuals().back()) ? 1 : 0, 0);
  }

  void quick() {
    bytes();
    iterate(2, true);
    complete_iteration();
    objects("object after 2", 1e-4);
    residuals("residuals after 2", 1e-4);
  }
};

using Pair = PairOf<rephase::RealField<double>>;
using ComplexPair = PairOf<rephase::ComplexField<double>>;

// Runs the same in several ways, which must give the same numbers bit for bit. run(pair, way, append).
template <class Pair, class F>
void expect_same(const Case& c, const char* what, int ways, F&& run) {
  std::vector<double> first;
  for (int way = 0; way < ways; way++) {
    Pair p(c);
    std::vector<double> all;
    run(p, way, [&](const auto& numbers) { all.insert(all.end(), numbers.begin(), numbers.end()); });
    if (way == 0) first = all;
    const bool same = first.size() == all.size() && !std::memcmp(first.data(), all.data(), all.size() * sizeof(double));
    expect(c, what, same ? 0 : 1, 0);
  }
}

// Whatever the granularity of calls to `iterate`.
template <class Pair = ::Pair>
void repeatable(const Case& c) {
  expect_same<Pair>(c, "bit-for-bit repetition", 3, [](Pair& p, int way, auto append) {
    p.gpu_iterate(1, true);
    for (int i = 0; i < 40; i += way < 2 ? 40 : 1) p.gpu_iterate(way < 2 ? 40 : 1, false);
    p.gpu.complete_iteration();
    append(p.object(p.c.starts - 1));
    append(p.gpu.take_residuals());
  });
}

// What iterations on chip make is what the four kernels make. Residuals are added up in another order.
template <class Pair = ::Pair>
void on_chip_as_apart(const Case& c) {
  expect_same<Pair>(c, "bit-for-bit iterations on chip", 2, [](Pair& p, int way, auto append) {
    p.gpu_iterate(1, true);
    for (int i = 0; i < 5; i++) {
      if (way == 0) {
        p.gpu_iterate(1, false);
        continue;
      }
      p.gpu.complete_iteration();
      p.gpu.inverse();
      p.gpu_constrain_object(false);
      p.gpu.forward();
      p.gpu.constrain_fourier();
    }
    p.gpu.complete_iteration();
    append(p.spectrum(p.c.starts - 1));
  });
}

// Whether the column work of several calls is done in one pass or, because somebody reads in between, in several.
template <class Pair = ::Pair>
void joined(const Case& c) {
  expect_same<Pair>(c, "bit-for-bit joining of column work", 8, [](Pair& p, int reads, auto append) {
    const int start = p.c.starts - 1;
    for (int i = 0; i < 3; i++) {
      p.gpu.inverse();
      if (reads & 4) p.object(start);
      p.gpu_constrain_object(i == 0);
      p.gpu.forward();
      if (reads & 1) p.spectrum(start);
      p.gpu.constrain_fourier();
      if (reads & 2) append(p.gpu.take_residuals());
    }
    // Out of order: the spectrum is transformed back for `inverse`, and needed again.
    p.gpu.inverse();
    if (reads & 1) p.spectrum(start);
    p.gpu.constrain_fourier();
    p.gpu.constrain_fourier();
    if (reads & 2) p.spectrum(start);
    p.gpu.inverse();
    append(p.gpu.take_residuals());
    append(p.object(start));
    append(p.spectrum(start));
  });
}

// Every kernel once or twice: what compute-sanitizer gets through in a minute.
void every_kernel() {
  for (const int rule : {kGs, kHio, kInvented, kSized}) {
    Pair({40, 56, 2, rule, true, true}).everything();
    Pair({31, 37, 1, rule}).everything();
  }
  Pair({64, 128, 2, kGs, true, true}).changes();
  Pair({64, 128, 2, kGs, true, true, true}).everything();
  Pair({31, 37}).changes();
  Pair({32, 32, 3, kHio}).changes();  // on chip
  for (const int n : kOwnPlans) {
    Pair({n, 6}).quick();
    Pair({4, n, 1, 1, true, false}).quick();
    Pair({n, 6, 1, kTolerant}).quick();  // general columns
    Pair({4, n, 1, kBounded}).quick();   // general rows
  }
  for (const int n : {128, 256, 512}) Pair({n, n, (1 << 21) / n / n}).quick();  // their plans for many lines
  for (const int n : {32, 64, 128})                                             // on chip
    for (const int rule : {kHio, kSizedRrr, kLargestRrr}) Pair({n, n, 200, rule, true, true}).quick();
  for (const int rule : {kGs, kHio, kSized, kInPlanes, kWeightedPhases})
    ComplexPair({40, 56, 2, rule, true, true}).everything();
  ComplexPair({31, 37}).changes();
  ComplexPair({31, 37, 2, kWeighted}).everything();
  for (const int n : kOwnPlans) {
    ComplexPair({4, n, 1, kHio, true, false}).quick();
    ComplexPair({4, n, 1, kInPlanes}).quick();
    ComplexPair({n, 6, 2, kWeighted, false, true}).quick();
  }
  for (const int n : {128, 256, 512}) ComplexPair({n, n, (1 << 21) / n / n}).quick();
  ComplexPair({64, 128, 2, kGs, true, true, true}).everything();
  Pair({30030, 2}).quick();
  joined({64, 128, 2, 1, true, true});
  joined({31, 37});
}

void everything() {
  const std::pair<int, int> shapes[] = {{4, 6},   {5, 7},   {1, 1},   {1, 8},    {9, 1},    {2, 2},    {31, 37},
                                        {33, 35}, {34, 50}, {40, 56}, {64, 128}, {256, 32}, {128, 512}};
  for (const auto& [rows, columns] : shapes)
    for (int rule = 0; rule < kRules; rule++)
      for (int flags = 0; flags < 4; flags++)
        Pair({rows, columns, flags == 3 ? 3 : 1, rule, flags % 2 == 1, flags / 2 == 1}).everything();
  std::printf("shapes and rules: %d checks, %d failures\n", checks, failures);
  for (const int n : kOwnPlans) {
    if (n <= 2048) Pair({n, n}).quick();
    Pair({n, 12, 1, 1, true, true}).everything();
    Pair({13, n, 1, 2, true, false}).everything();
    Pair({n, 12, 1, kTolerant, true, true}).everything();  // general columns
    Pair({13, n, 1, kBounded, true, false}).everything();  // general rows
    if (n > 512) continue;
    for (const int rule : {kHio, kBounded, kTolerant})  // their plans for many lines
      Pair({n, n, std::max(5, (1 << 21) / n / n), rule, false, true}).quick();
  }
  for (const int n : {32, 64, 128})  // on chip, on any GPU of today
    for (int rule = 0; rule < kRules; rule++)
      Pair({n, n, n == 32 ? 20 : 200, rule, rule % 2 == 1, rule / 2 == 1}).everything();
  std::printf("own plans: %d checks, %d failures\n", checks, failures);
  for (int n = 1; n <= 512; n++) {
    Pair({n, 6}).quick();
    Pair({6, n}).quick();
  }
  std::printf("lengths to 512: %d checks, %d failures\n", checks, failures);
  for (const int n : {1021, 2310, 4099, 5000, 8191, 10007, 16807, 20000, 27000, 30030, 32768, 40000, 65521, 65536}) {
    Pair({n, 4, 1, 0, false, true}).quick();
    Pair({3, n, 1, 1, true, false}).quick();
  }
  for (const int rule : {kGs, kHio, 3}) {
    for (const bool support : {false, true}) {
      Pair({64, 128, 3, rule, support, true}).changes();
      Pair({128, 600, 1, rule, support}).changes();
      Pair({31, 37, 2, rule, support}).changes();
      Pair({1021, 40, 1, rule, support, true}).changes();
      Pair({64, 64, 200, rule, support}).changes();  // on chip
    }
  }
  Pair({3, 30030, 1, kHio, true}).changes();
  std::printf("changes of rule and support: %d checks, %d failures\n", checks, failures);
  repeatable({256, 256, 3, 1, true, true});
  repeatable({256, 256, 1, kInvented, true});
  repeatable({100, 90, 2, 0});
  for (const int n : {64, 600, 1024, 3000}) {  // rows outside the support
    Pair({n, 128, 2, kGs, true, n == 600, true}).everything();
    Pair({128, n, 2, kGs, true, n == 600, true}).changes();
  }
  repeatable({256, 256, 3, kGs, true, true, true});
  repeatable({1024, 1024});
  repeatable({64, 64, 200});
  // A kernel of each length that has its own: what is compiled together must round as it does apart.
  for (const int n : kOwnPlans)
    for (const bool mask : {false, true}) joined({n, 12, 2, 1, true, mask});
  joined({64, 128, 2, kInvented, true, true});
  joined({64, 128, 2, kSizedRrr, true, true});
  for (const int n : {32, 64, 128})
    for (int rule = 0; rule < kRules; rule++) on_chip_as_apart({n, n, n == 32 ? 20 : 200, rule, true, true});
  joined({128, 1024, 16});
  joined({256, 1024, 8});
  joined({512, 512, 16});
  joined({100, 90, 2, 0, false, true});
  joined({1021, 7});
  joined({30030, 6});
}

void everything_complex() {
  const std::pair<int, int> shapes[] = {{4, 6},   {5, 7},   {1, 1},   {1, 8},    {9, 1},    {2, 2},
                                        {31, 37}, {33, 35}, {40, 56}, {64, 128}, {128, 512}};
  for (const auto& [rows, columns] : shapes)
    for (int rule = 0; rule < kAllRules; rule++)
      for (int flags = 0; flags < 4; flags++)
        ComplexPair({rows, columns, flags == 3 ? 3 : 1, rule, flags % 2 == 1, flags / 2 == 1}).everything();
  for (const int n : kOwnPlans) {
    if (n <= 2048) ComplexPair({n, n}).quick();
    ComplexPair({n, 12, 1, kHio, true, true}).everything();
    ComplexPair({13, n, 1, kGs, true, false}).everything();
    ComplexPair({13, n, 2, kInPlanes}).everything();
    ComplexPair({n, 12, 2, kWeighted}).everything();
    ComplexPair({n, 12, 1, kWeightedPhases, false, true}).everything();
    if (n > 512) continue;
    for (const int rule : {kHio, kBounded, kTolerant, kWeighted})  // their plans for many lines
      ComplexPair({n, n, std::max(5, (1 << 21) / n / n), rule, false, true}).quick();
  }
  for (int n = 1; n <= 128; n++) {
    ComplexPair({n, 6}).quick();
    ComplexPair({6, n}).quick();
  }
  for (const int n : {1021, 2310, 8191, 30030, 32768, 65536}) {
    ComplexPair({n, 4, 1, kGs, false, true}).quick();
    ComplexPair({3, n, 1, kHio, true, false}).quick();
  }
  for (const int rule : {kGs, kHio, 3}) {
    for (const bool support : {false, true}) {
      ComplexPair({64, 128, 3, rule, support, true}).changes();
      ComplexPair({31, 37, 2, rule, support}).changes();
      ComplexPair({1021, 40, 1, rule, support, true}).changes();
    }
  }
  repeatable<ComplexPair>({256, 256, 3, kHio, true, true});
  repeatable<ComplexPair>({1024, 1024, 1, kGs, true});
  repeatable<ComplexPair>({100, 90, 2, kGs});
  repeatable<ComplexPair>({256, 256, 3, kWeighted});
  repeatable<ComplexPair>({100, 90, 2, kWeightedPhases, false, true});
  for (const int n : kOwnPlans)
    for (const bool mask : {false, true}) joined<ComplexPair>({6, n, 2, mask ? kInPlanes : kGs, true, mask});
  for (int rule = 0; rule < kAllRules; rule++) joined<ComplexPair>({64, 128, 2, rule, true, true});
  for (const bool mask : {false, true})
    for (const int n : {6, 32}) ComplexPair({n, 8, 2, kSteep, false, mask}).everything();
  for (const int n : {32, 64, 256, 600, 1024, 2048}) {  // rows outside the support
    ComplexPair({n, 64, 2, kGs, true, n == 256, true}).everything();
    ComplexPair({64, n, 2, kInPlanes, true, n == 256, true}).everything();
    ComplexPair({n, 32, 2, kWeighted, true, true, true}).quick();
    ComplexPair({n, 64, 1, kGs, true, false, true}).changes();
  }
  repeatable<ComplexPair>({256, 256, 3, kGs, true, true, true});
  joined<ComplexPair>({256, 64, 2, kGs, true, true, true});
  for (const int n : kOwnPlans) joined<ComplexPair>({n, 6, 2, kWeighted});
  joined<ComplexPair>({31, 37, 2, kWeighted});
  joined<ComplexPair>({128, 1024, 16});
  joined<ComplexPair>({512, 512, 16});
  joined<ComplexPair>({100, 90, 2, kGs, false, true});
  std::printf("complex objects: %d checks, %d failures\n", checks, failures);
}

template <class F>
std::string failure_of(F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

// A kernel that ended its device ends it for later sessions too, which say so, and for no other device.
void poisoned() {
  const Case c = {64, 48};
  Pair p(c);
  start_trap();
  cudaDeviceSynchronize();
  const std::string first = failure_of([&] {
    p.gpu_iterate(1, true);
    p.gpu.wait(p.gpu.mark());
  });
  const std::string later = failure_of([&] { Gpu session(p.problem()); });
  std::printf("first: %s\nlater: %s\n", first.c_str(), later.c_str());
  expect(c, "the failure of a session that was there", first.empty(), 0);
  expect(c, "the failure of a later one", later.find("GPU 0 (") == 0 && later.find(first) != later.npos ? 0 : 1, 0);
  if (rephase::cuda::devices().size() < 2) return;
  const std::string other = failure_of([&] {
    Gpu session(p.problem(1));
    session.iterate(20);
    session.wait(session.mark());
  });
  std::printf("GPU 1: %s\n", other.c_str());
  expect(c, "the use of another GPU", other.empty() ? 0 : 1, 0);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 1 && std::string(argv[1]) == "every-kernel")
      every_kernel();
    else if (argc > 1 && std::string(argv[1]) == "poisoned")
      poisoned();
    else {
      everything_complex();
      everything();
    }
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
    failures++;
  }
  std::printf("%d checks, %d failures, worst error %.2e\n", checks, failures, worst);
  return failures > 0;
}
