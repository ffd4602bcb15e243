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
#include "../device.hpp"
#include "../session.hpp"

void start_trap();  // trap.cu

namespace {

using Gpu = rephase::cuda::Session;
using Cpu = rephase::Session<double>;

int failures = 0, checks = 0;
double worst = 0;

struct Case {
  int rows, columns, starts = 1, algorithm = 0;
  bool support = false, mask = false;
  std::string name() const {
    const char* names[] = {"gs", "hio", "input-output", "output-output"};
    return std::to_string(rows) + "x" + std::to_string(columns) + " x" + std::to_string(starts) + " " +
           names[algorithm] + (support ? " support" : "") + (mask ? " mask" : "");
  }
};

double distance(const float* a, const double* b, size_t count) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < count; i++) {
    const double d = a[i] - b[i];
    difference += d * d;
    size += b[i] * b[i];
  }
  return std::sqrt(difference / (size > 0 ? size : 1));
}

void expect(const Case& c, const char* what, double error, double tolerance) {
  checks++;
  if (error > worst) worst = error;
  if (error <= tolerance) return;
  failures++;
  if (failures < 60)
    std::printf("FAILED %s: %s is off by %.2e (allowed %.1e)\n", c.name().c_str(), what, error, tolerance);
}

struct Pair {
  Case c;
  size_t pixels;
  std::vector<float> magnitudes;
  std::vector<uint8_t> mask, support;
  double scale = 0.5;
  Gpu gpu;
  Cpu cpu;

  explicit Pair(const Case& c)
      : c(c),
        pixels(size_t(c.rows) * c.columns),
        magnitudes(make_magnitudes(c)),
        mask(make_bits(c.mask, pixels, 5)),
        support(make_bits(c.support, pixels, 3)),
        gpu(problem()),
        cpu(c.rows, c.columns, c.starts, static_cast<rephase::Algorithm>(c.algorithm), 0.8) {
    const std::vector<double> wide(magnitudes.begin(), magnitudes.end());
    cpu.set_magnitudes(wide.data(), c.mask ? mask.data() : nullptr, scale);
    if (c.support) cpu.set_support(support.data());
    cpu.start_from_seed(wide.data(), c.mask ? mask.data() : nullptr, 7, 2);
  }

  rephase::cuda::Problem problem(int device = 0) const {
    return {device,
            c.rows,
            c.columns,
            c.starts,
            gpu_algorithm(),
            0.8f,
            scale,
            magnitudes.data(),
            c.mask ? mask.data() : nullptr,
            c.support ? support.data() : nullptr,
            true,
            7,
            2};
  }
  // What is asked of the device before anything is allocated has to be enough.
  void bytes() {
    expect(c, "what is allocated beyond what was announced",
           std::max(0.0, double(gpu.bytes()) - Gpu::bytes_needed(problem())), 0);
  }
  static std::vector<float> make_magnitudes(const Case& c) {
    std::mt19937 random(c.rows * 1000 + c.columns);
    std::vector<float> m(size_t(c.rows) * c.columns);
    for (float& x : m) x = 0.1f + (random() >> 8) * 0x1p-24f * 2;
    m[0] *= 3;
    return m;
  }
  static std::vector<uint8_t> make_bits(bool wanted, size_t count, unsigned every) {
    std::mt19937 random(3);
    std::vector<uint8_t> bits(wanted ? count : 0);
    for (uint8_t& b : bits) b = random() % every != 0;
    if (wanted) bits[0] = 1;
    return bits;
  }

  std::vector<float> object(int start) {
    std::vector<float> out(pixels);
    gpu.read_object(start, out.data());
    return out;
  }
  std::vector<float> spectrum(int start) {
    std::vector<float> out(2 * pixels);
    gpu.read_spectrum(start, out.data());
    return out;
  }
  void objects(const char* what, double tolerance) {
    for (int s = 0; s<c.starts; s += c.starts> 3 ? c.starts - 1 : 1) {
      std::vector<double> want(pixels);
      cpu.read_object(s, 0, c.rows, want.data());
      expect(c, what, distance(object(s).data(), want.data(), pixels), tolerance);
    }
  }
  void spectra(const char* what, double tolerance) {
    for (int s = 0; s<c.starts; s += c.starts> 3 ? c.starts - 1 : 1) {
      std::vector<double> want(2 * pixels);
      cpu.read_spectrum(s, 0, c.rows, want.data());
      expect(c, what, distance(spectrum(s).data(), want.data(), 2 * pixels), tolerance);
    }
  }
  void residuals(const char* what, double tolerance) {
    std::vector<double> want(size_t(Cpu::kRecords) * c.starts);
    want.resize(size_t(cpu.take_residuals(want.data())) * c.starts);
    const std::vector<double> got = gpu.take_residuals();
    if (got.size() != want.size()) return expect(c, what, INFINITY, tolerance);
    // Against the energy, so that a residual near zero is not held to its own rounding.
    double energy = 0, error = 0;
    for (float m : magnitudes) energy += double(m) * m * scale * scale / 2;
    for (size_t i = 0; i < got.size(); i++) error = std::max(error, std::abs(got[i] - want[i]) / energy);
    expect(c, what, std::isnan(error) ? INFINITY : error, tolerance);
  }

  rephase::cuda::Algorithm gpu_algorithm() const { return static_cast<rephase::cuda::Algorithm>(c.algorithm); }

  // A start, an iteration by fused passes, and two more by kernels.
  void everything() {
    bytes();
    spectra("the start", 2e-6);
    gpu.iterate(1, true);
    cpu.iterate(1, true);
    gpu.settle();
    cpu.settle();
    objects("object after 1", 2e-5);
    spectra("spectrum after 1", 2e-4);
    residuals("residual after 1", 2e-5);
    gpu.inverse();
    cpu.inverse();
    objects("inverse", 2e-4);
    spectra("restored spectrum", 2e-4);
    gpu.inverse();
    cpu.inverse();
    gpu.constrain_object(false);
    cpu.constrain_object(false);
    gpu.forward();
    cpu.forward();
    spectra("forward", 2e-4);
    gpu.constrain_fourier();
    cpu.constrain_fourier();
    objects("object after kernels", 2e-4);
    spectra("spectrum after kernels", 1e-3);
    residuals("residual after kernels", 1e-4);
    gpu.iterate(2, false);
    cpu.iterate(2, false);
    gpu.settle();
    cpu.settle();
    objects("object after 4", 1e-2);
    // Rules with memory are chaotic, and the more starts, the further one of them departs.
    residuals("residuals after 4", rephase::cuda::has_memory(gpu_algorithm()) ? 5e-3 : 2e-3);
    // Own spectrum and object.
    std::vector<float> spectrum(2 * pixels);
    std::mt19937 random(9);
    for (float& x : spectrum) x = (random() >> 8) * 0x1p-24f - 0.5f;
    const std::vector<double> wide(spectrum.begin(), spectrum.end());
    gpu.write_spectrum(c.starts - 1, spectrum.data());
    cpu.write_spectrum(c.starts - 1, wide.data());
    gpu.write_object(0, spectrum.data(), true);
    cpu.write_object(0, 0, c.rows, wide.data(), true);
    std::vector<double> want(2 * pixels);
    cpu.read_object(0, 0, c.rows, want.data());
    expect(c, "written object", distance(object(0).data(), want.data(), pixels), 1e-6);
    cpu.read_spectrum(c.starts - 1, 0, c.rows, want.data());
    expect(c, "written spectrum", distance(this->spectrum(c.starts - 1).data(), want.data(), 2 * pixels), 1e-6);
  }

  void quick() {
    bytes();
    gpu.iterate(2, true);
    cpu.iterate(2, true);
    gpu.settle();
    cpu.settle();
    objects("object after 2", 1e-4);
    residuals("residuals after 2", 1e-4);
  }
};

// The same numbers bit for bit, whatever the granularity of calls to `iterate`.
void repeatable(const Case& c) {
  std::vector<float> first;
  for (int way = 0; way < 3; way++) {
    Pair p(c);
    if (way < 2) {
      p.gpu.iterate(41, true);
    } else {
      for (int i = 0; i < 41; i++) p.gpu.iterate(1, i == 0);
    }
    p.gpu.settle();
    const std::vector<float> x = p.object(c.starts - 1);
    const std::vector<double> r = p.gpu.take_residuals();
    std::vector<float> all(x);
    for (double value : r) all.push_back(static_cast<float>(value));
    if (way == 0) first = all;
    expect(c, "bit-for-bit repetition",
           first.size() == all.size() && !std::memcmp(first.data(), all.data(), all.size() * 4) ? 0 : 1, 0);
  }
}

// The same numbers bit for bit, whether the column work of several calls is done in one pass or, because somebody reads
// in between, in several.
void joined(const Case& c) {
  std::vector<double> first;
  for (int reads = 0; reads < 8; reads++) {
    Pair p(c);
    const int start = c.starts - 1;
    std::vector<double> all;
    const auto append = [&](const auto& numbers) { all.insert(all.end(), numbers.begin(), numbers.end()); };
    for (int i = 0; i < 3; i++) {
      p.gpu.inverse();
      if (reads & 4) p.object(start);
      p.gpu.constrain_object(i == 0);
      p.gpu.forward();
      if (reads & 1) p.spectrum(start);
      p.gpu.constrain_fourier();
      if (reads & 2) append(p.gpu.take_residuals());
    }
    // Out of turn: the spectrum is transformed back for `inverse`, and needed again.
    p.gpu.inverse();
    if (reads & 1) p.spectrum(start);
    p.gpu.constrain_fourier();
    p.gpu.constrain_fourier();
    if (reads & 2) p.spectrum(start);
    p.gpu.inverse();
    append(p.gpu.take_residuals());
    append(p.object(start));
    append(p.spectrum(start));
    if (reads == 0) first = all;
    expect(c, "bit-for-bit joining of column work",
           first.size() == all.size() && !std::memcmp(first.data(), all.data(), all.size() * sizeof(double)) ? 0 : 1,
           0);
  }
}

// Every kernel once or twice: what compute-sanitizer gets through in a minute.
void every_kernel() {
  for (const int algorithm : {0, 1}) {
    Pair({40, 56, 2, algorithm, true, true}).everything();
    Pair({31, 37, 1, algorithm}).everything();
  }
  for (const int n : {32, 64, 128, 256, 512, 600, 1000, 1024, 1536, 2048, 3000, 4096, 8192, 16384}) {
    Pair({n, 6}).quick();
    Pair({4, n, 1, 1, true, false}).quick();
  }
  for (const int n : {128, 256, 512}) Pair({n, n, (1 << 21) / n / n}).quick();  // their plans for many lines
  for (const int n : {32, 64, 128}) Pair({n, n, 200, 1, true, true}).quick();   // on chip
  Pair({30030, 2}).quick();
  joined({64, 128, 2, 1, true, true});
  joined({31, 37});
}

void everything() {
  const std::pair<int, int> shapes[] = {{4, 6},   {5, 7},   {1, 1},   {1, 8},    {9, 1},    {2, 2},    {31, 37},
                                        {33, 35}, {34, 50}, {40, 56}, {64, 128}, {256, 32}, {128, 512}};
  for (const auto& [rows, columns] : shapes)
    for (int algorithm = 0; algorithm < 4; algorithm++)
      for (int flags = 0; flags < 4; flags++)
        Pair({rows, columns, flags == 3 ? 3 : 1, algorithm, flags % 2 == 1, flags / 2 == 1}).everything();
  std::printf("shapes and rules: %d checks, %d failures\n", checks, failures);
  for (const int n : {32, 64, 128, 256, 512, 600, 1000, 1024, 1536, 2048, 3000, 4096, 8192, 16384}) {
    if (n <= 2048) Pair({n, n}).quick();
    Pair({n, 12, 1, 1, true, true}).everything();
    Pair({13, n, 1, 2, true, false}).everything();
    if (n <= 512) Pair({n, n, std::max(5, (1 << 21) / n / n), 1, false, true}).quick();
  }
  for (const int n : {32, 64, 128})  // on chip, on any GPU of today
    for (int algorithm = 0; algorithm < 4; algorithm++)
      Pair({n, n, 200, algorithm, algorithm % 2 == 1, algorithm / 2 == 1}).everything();
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
  repeatable({256, 256, 3, 1, true, true});
  repeatable({100, 90, 2, 0});
  repeatable({1024, 1024});
  repeatable({64, 64, 200});
  // A kernel of each length that has its own: what is compiled together must round as it does apart.
  for (const int n : {32, 64, 128, 256, 512, 600, 1000, 1024, 1536, 2048, 3000, 4096, 8192, 16384})
    for (const bool mask : {false, true}) joined({n, 12, 2, 1, true, mask});
  joined({128, 1024, 16});
  joined({256, 1024, 8});
  joined({512, 512, 16});
  joined({100, 90, 2, 0, false, true});
  joined({1021, 7});
  joined({30030, 6});
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
    p.gpu.iterate(1, true);
    p.gpu.wait(p.gpu.mark());
  });
  const std::string later = failure_of([&] { Gpu session(p.problem()); });
  std::printf("first: %s\nlater: %s\n", first.c_str(), later.c_str());
  expect(c, "the failure of a session that was there", first.empty(), 0);
  expect(c, "the failure of a later one", later.find("GPU 0 (") == 0 && later.find(first) != later.npos ? 0 : 1, 0);
  if (rephase::cuda::devices().size() < 2) return;
  const std::string other = failure_of([&] {
    Gpu session(p.problem(1));
    session.iterate(20, true);
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
    else
      everything();
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
    failures++;
  }
  std::printf("%d checks, %d failures, worst error %.2e\n", checks, failures, worst);
  return failures > 0;
}
