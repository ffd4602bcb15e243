// The scan where its answers are known without its formulas: the truth is a fixed point of every algorithm, a disturbed
// object comes back to it, single kernels and parts of iterations give the bits of whole ones, and float follows
// double. test/scan-vectors.test.ts compares with an independent program; here the sanitizers see each line of the
// core.
#include "scan.hpp"

#include <cmath>
#include <complex>
#include <memory>

#include "check.hpp"

using namespace rephase;
using namespace rephase::test;

namespace {

using C = std::complex<double>;

struct Named {
  const char* name;
  ScanRule rule;
};
// As in src/scan-rules.ts.
const Named kRules[] = {
    {"rpie", {false, 0, 1, 1, false, 0.1, 0.1, 1}},        {"epie", {false, 0, 1, 1, false, 0.1, 1, 1}},
    {"lsqml", {false, 0, 1, 1, true, 0.1, 0.1, 0.9}},      {"dm", {true, -1, 1, 2, false, 0.1, 0.001, 1}},
    {"raar", {true, -0.5, 0.75, 2, false, 0.1, 0.001, 1}}, {"ap", {true, 0, 1, 1, false, 0.1, 0.001, 1}},
};

struct Case {
  size_t rows, columns, modes, batch;
  bool between, mask;
};
const Case kCases[] = {
    {8, 12, 1, 4, false, false}, {6, 5, 2, 1, false, true},   {7, 9, 1, 3, true, false},
    {16, 8, 2, 5, true, true},   {1, 11, 1, 12, false, true}, {32, 32, 1, 4, true, false},
};
constexpr size_t kPositions = 12, kMargin = 7;

// An object, a probe, and the counts that they give at each position, by direct sums.
struct Truth {
  Case c;
  size_t object_rows, object_columns;
  std::vector<double> object, probe, counts, positions;
  std::vector<uint8_t> mask;
  std::vector<uint32_t> order;

  explicit Truth(const Case& c) : c(c), object_rows(c.rows + kMargin), object_columns(c.columns + kMargin) {
    const size_t pixels = c.rows * c.columns;
    const auto around = [](double size, size_t count, unsigned seed) {
      std::vector<double> numbers = normal_numbers(2 * count, seed);
      for (size_t i = 0; i < numbers.size(); i++) numbers[i] = size * numbers[i] + (i % 2 == 0 ? 1 : 0);
      return numbers;
    };
    object = around(0.2, object_rows * object_columns, 1);
    probe = around(0.4, c.modes * pixels, 2);
    // The probe is dark at its edges, so that a part of a pixel can move it.
    for (size_t i = 0; i < c.modes * pixels; i++) {
      const double y = ((i % pixels) / c.columns + 0.5) / c.rows - 0.5, x = (i % c.columns + 0.5) / c.columns - 0.5;
      for (size_t part = 0; part < 2; part++)
        probe[2 * i + part] *= std::exp(-10 * (x * x + y * y)) * (i < pixels ? 1 : 0.4);
    }
    for (size_t j = 0; j < kPositions; j++) {
      positions.push_back(j * 5 % kMargin);
      positions.push_back(j * 3 % kMargin);
      order.push_back(static_cast<uint32_t>((5 * j + 2) % kPositions));
    }
    for (size_t i = 0; c.mask && i < pixels; i++) mask.push_back(i % 7 != 3);
    for (size_t j = 0; j < kPositions; j++) add_pattern(j);
    if (!c.between) return;
    for (size_t j = 0; j < kPositions; j++)
      if (j % 3 != 0) positions[2 * j] += 0.3, positions[2 * j + 1] += 0.45 * (j % 2);
  }

  void add_pattern(size_t position) {
    const size_t top = positions[2 * position], left = positions[2 * position + 1], pixels = c.rows * c.columns;
    for (size_t k = 0; k < pixels; k++) {
      double power = 0;
      for (size_t mode = 0; mode < c.modes; mode++) {
        C sum = 0;
        for (size_t i = 0; i < pixels; i++) {
          const size_t row = i / c.columns, column = i % c.columns;
          const size_t o = (top + row) * object_columns + left + column, p = mode * pixels + i;
          const double turns = double(k / c.columns * row) / c.rows + double(k % c.columns * column) / c.columns;
          sum += std::polar(1.0, -2 * M_PI * turns) * C(object[2 * o], object[2 * o + 1]) *
                 C(probe[2 * p], probe[2 * p + 1]);
        }
        power += std::norm(sum) / pixels;
      }
      counts.push_back(power);
    }
  }
};

template <class T>
std::vector<T> narrow(const std::vector<double>& numbers) {
  return {numbers.begin(), numbers.end()};
}

template <class T>
std::unique_ptr<Scan<T>> open(const Truth& t, const ScanRule& rule, const std::vector<double>& object) {
  const Case& c = t.c;
  const ScanShape shape{kPositions, c.rows, c.columns, t.object_rows, t.object_columns, c.modes, c.batch};
  auto scan = std::make_unique<Scan<T>>(shape, rule.keeps_waves);
  check(scan->valid(), "memory");
  const std::vector<T> counts = narrow<T>(t.counts);
  for (size_t j = 0; j < kPositions; j++)
    scan->set_pattern(j, &counts[j * c.rows * c.columns], t.mask.empty() ? nullptr : t.mask.data());
  scan->set_positions(t.positions.data());
  scan->write_object(narrow<T>(object).data());
  scan->write_probe(narrow<T>(t.probe).data());
  return scan;
}

template <class T>
struct State {
  std::vector<T> object, probe;
  std::vector<double> residuals, positions;
  State(Scan<T>& scan, const Truth& t)
      : object(t.object.size()),
        probe(t.probe.size()),
        residuals(scan.records()),
        positions(scan.positions(), scan.positions() + 2 * kPositions) {
    scan.read_object(object.data());
    scan.read_probe(probe.data());
    scan.take_residuals(residuals.data());
  }
  bool operator==(const State&) const = default;
};

void check_rule(const Truth& t, const Named& named) {
  const Case& c = t.c;
  const ScanRule& rule = named.rule;
  const std::string name = std::string(named.name) + ", " + std::to_string(c.rows) + " x " + std::to_string(c.columns);
  const auto iterate = [&](auto& scan, int count) {
    for (int i = 0; i < count; i++) check(scan.iterate(t.order.data(), 0, kPositions, rule), name + ": memory");
  };
  if (!c.between) {
    const auto scan = open<double>(t, rule, t.object);
    iterate(*scan, 3);
    const State<double> state(*scan, t);
    check_at_most(distance(state.object, t.object), 1e-12, name + ": the truth is a fixed point");
    check_at_most(distance(state.probe, t.probe), 1e-12, name + ": so is its probe");
    for (double residual : state.residuals) check_at_most(residual, 1e-12, name + ": the residual of the truth");
    double counts = 0;
    for (size_t i = 0; i < t.counts.size(); i++)
      counts += t.mask.empty() || t.mask[i % (c.rows * c.columns)] ? t.counts[i] : 0;
    check_at_most(std::abs(scan->measured_counts() / counts - 1), 1e-12, name + ": measured counts");
    check_at_most(std::abs(scan->model_counts() / counts - 1), 1e-10, name + ": the model's counts");
  }

  std::vector<double> disturbed = normal_numbers(t.object.size(), 3);
  for (size_t i = 0; i < disturbed.size(); i++) disturbed[i] = t.object[i] + 0.1 * disturbed[i];
  const auto scan = open<double>(t, rule, disturbed);
  iterate(*scan, 2);
  const State<double> whole(*scan, t);
  if (!c.between) {
    iterate(*scan, 60);
    const double last = State<double>(*scan, t).residuals.back();
    check_at_most(last / whole.residuals[0], 0.3, name + ": a disturbed object comes back");
  }

  const auto single = open<double>(t, rule, disturbed);
  std::vector<double> waves(2 * c.batch * c.modes * c.rows * c.columns);
  for (int i = 0; i < 2; i++) {
    for (size_t begin = 0; begin < kPositions; begin += c.batch) {
      const size_t end = std::min(begin + c.batch, kPositions);
      check(single->forward(&t.order[begin], end - begin, begin == 0, rule), name + ": memory");
      single->constrain_fourier(rule);
      single->read_waves(waves.data());
      single->inverse();
      single->constrain_object(end == kPositions, rule);
    }
  }
  check(State<double>(*single, t) == whole, name + ": single kernels give other bits");

  const auto parts = open<double>(t, rule, disturbed);
  parts->iterate(t.order.data(), 0, c.batch, rule);
  if (c.batch < kPositions) parts->iterate(t.order.data(), c.batch, kPositions, rule);
  iterate(*parts, 1);
  check(State<double>(*parts, t) == whole, name + ": parts of iterations give other bits");
  check(parts->bytes() <=
            Scan<double>::bytes_needed(
                {kPositions, c.rows, c.columns, t.object_rows, t.object_columns, c.modes, c.batch}, rule.keeps_waves),
        name + ": more memory than was announced");

  const auto narrowed = open<float>(t, rule, disturbed);
  iterate(*narrowed, 2);
  const State<float> rounded(*narrowed, t);
  check_at_most(distance(rounded.object, whole.object), 1e-3, name + ": the object in float");
  check_at_most(distance(rounded.probe, whole.probe), 1e-3, name + ": the probe in float");
  check_at_most(distance(rounded.residuals, whole.residuals), 1e-3, name + ": the residuals in float");

  check(narrowed->correct_positions(0.5) && parts->correct_positions(0.5), name + ": memory");
  check_at_most(distance(State<float>(*narrowed, t).positions, State<double>(*parts, t).positions), 1e-2,
                name + ": the positions in float");
  iterate(*narrowed, 1);
}

}  // namespace

int main() {
  for (const Case& c : kCases)
    for (const Named& named : kRules) check_rule(Truth(c), named);
  return report("scan");
}
