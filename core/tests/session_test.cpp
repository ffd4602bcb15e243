// The session against the iteration as its definition states it: full complex spectrum, direct sums, double precision,
// no tricks. Magnitudes are not symmetric, masks leave holes, and shapes are odd, even, prime and flat.
#include "session.hpp"

#include <cmath>
#include <complex>

#include "check.hpp"

using namespace rephase;
using namespace rephase::test;

namespace {

using C = std::complex<double>;

constexpr double kBeta = 0.8;

struct Image {
  double iterate, next;
};

// A rule twice: as the session takes it, and as a formula of the new value y, the previous one as it is fed back, the
// previous one as it is kept, and whether the pixel is outside the support.
struct Case {
  const char* name;
  Rule rule;
  Image (*formula)(double y, double fed_back, double kept, bool outside);
};

Image both(double x) {
  return {x, x};
}

const Case kCases[] = {
    {"gs",
     {{0, 1}, {{0, 1}, {0, 1}}, {{0, 0}, {0, 0}}, false},
     [](double y, double, double, bool outside) { return both(outside ? 0 : std::max(y, 0.0)); }},
    {"hio",
     {{0, 1}, {{0, 1}, {0, 1}}, {{1, -kBeta}, {1, -kBeta}}, true},
     [](double y, double x, double, bool outside) { return both(outside || y < 0 ? x - kBeta * y : y); }},
    {"input-output",
     {{0, 1}, {{1, 0}, {1, 0}}, {{1, -kBeta}, {1, -kBeta}}, true},
     [](double y, double x, double kept, bool outside) { return both(outside || y < 0 ? x - kBeta * y : kept); }},
    {"output-output",
     {{0, 1}, {{0, 1}, {0, 1}}, {{0, 1 - kBeta}, {0, 1 - kBeta}}, false},
     [](double y, double, double, bool outside) { return both(outside || y < 0 ? y - kBeta * y : y); }},
    {"one that reflects, with ten coefficients",
     {{-0.5, 1.5}, {{0.1, 0.9}, {-0.2, 1.2}}, {{0.75, -0.25}, {0.5, -0.375}}, true},
     [](double y, double x, double kept, bool outside) -> Image {
       const bool violates = outside || y + (y - x) / 2 < 0;
       if (violates) return {x - (x + y) / 4, (x - 0.75 * y) / 2};
       return {kept / 10 + 0.9 * y, 1.2 * y - kept / 5};
     }},
};

// As in src/rules.ts: where there is no previous iterate, y is fed back and 0 is kept.
Rule without_previous(Rule r) {
  const auto replaced = [](Combination c) -> Combination { return {0, c.x + c.y}; };
  const auto dropped = [](Combination c) -> Combination { return {0, c.y}; };
  return {replaced(r.tested),
          {dropped(r.satisfied.iterate), dropped(r.satisfied.next)},
          {replaced(r.violated.iterate), replaced(r.violated.next)},
          r.keeps_iterate};
}

struct Reference {
  size_t rows, columns;
  std::vector<double> magnitudes;
  std::vector<uint8_t> mask, support;
  std::vector<C> spectrum;
  std::vector<double> x;
  bool first = true;
  double residual = 0;

  size_t size() const { return rows * columns; }
  size_t mirror(size_t i) const {
    const size_t r = i / columns, c = i % columns;
    return (r ? rows - r : 0) * columns + (c ? columns - c : 0);
  }

  std::vector<C> transform(const std::vector<C>& in, int sign) const {
    const double angle = sign * 2 * 3.14159265358979323846;
    std::vector<C> half(size()), out(size());
    for (size_t r = 0; r < rows; r++)
      for (size_t k = 0; k < columns; k++)
        for (size_t c = 0; c < columns; c++)
          half[r * columns + k] +=
              in[r * columns + c] * std::polar(1.0, angle * static_cast<double>(c * k % columns) / columns);
    for (size_t k = 0; k < rows; k++)
      for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
          out[k * columns + c] +=
              half[r * columns + c] * std::polar(1.0, angle * static_cast<double>(r * k % rows) / rows);
    return out;
  }

  double residual_of(const std::vector<C>& c) const {
    double sum = 0;
    for (size_t i = 0; i < size(); i++)
      if (mask[i]) sum += (std::abs(c[i]) - magnitudes[i]) * (std::abs(c[i]) - magnitudes[i]);
    return sum;
  }

  void iterate(const Case& rule) {
    std::vector<C> y = transform(spectrum, 1);
    std::vector<C> next(size());
    for (size_t i = 0; i < size(); i++) {
      const double v = y[i].real() / static_cast<double>(size());
      const Image image = rule.formula(v, first ? v : x[i], first ? 0 : x[i], !support[i]);
      x[i] = image.iterate;
      next[i] = image.next;
    }
    first = false;
    spectrum = transform(next, -1);
    residual = residual_of(spectrum);
    for (size_t i = 0; i < size(); i++) {
      const double size = std::abs(spectrum[i]);
      // A frequency that was not measured, but whose mirror image was, is as large as that one.
      const size_t measured = mask[i] ? i : mirror(i);
      if (mask[measured]) spectrum[i] = size > 0 ? spectrum[i] * (magnitudes[measured] / size) : magnitudes[measured];
    }
  }

  double feasible_residual() const {
    std::vector<C> feasible(size());
    for (size_t i = 0; i < size(); i++) feasible[i] = support[i] ? std::max(x[i], 0.0) : 0;
    return residual_of(transform(feasible, -1));
  }
};

template <class T>
void check_problem(size_t rows, size_t columns, size_t chosen, bool masked, double tolerance) {
  using Cpu = Session<RealField<T>>;
  const Case& rule = kCases[chosen];
  const std::string name = std::string(sizeof(T) == 4 ? "float " : "double ") + std::to_string(rows) + "x" +
                           std::to_string(columns) + ", " + rule.name + (masked ? ", masked" : "");
  const size_t size = rows * columns;
  Reference reference{rows, columns, normal_numbers(size, 1), {}, {}, {}, {}};
  reference.mask.assign(size, 1);
  reference.support.assign(size, 1);
  const std::vector<double> noise = normal_numbers(2 * size, 2);
  for (size_t i = 0; i < size; i++) {
    reference.magnitudes[i] = static_cast<T>(std::abs(reference.magnitudes[i]) + 0.1);
    reference.support[i] = noise[i] > -0.5;
    if (masked) reference.mask[i] = noise[size + i] > -0.3;
  }
  reference.mask[0] = 1;
  reference.x.assign(size, 0);
  std::vector<T> magnitudes(reference.magnitudes.begin(), reference.magnitudes.end());
  const double scale = 0.25;
  Cpu session(rows, columns, 2, rule.rule);
  check(session.valid(), name);
  const auto bound = [&](bool with_iterate) {
    return Cpu::bytes_needed(static_cast<double>(rows), static_cast<double>(columns), 2, with_iterate, false) + 4096;
  };
  check(static_cast<double>(session.bytes()) <= bound(rule.rule.keeps_iterate), name + ": bytes at creation");
  const uint8_t* mask = masked ? reference.mask.data() : nullptr;
  session.set_magnitudes(magnitudes.data(), mask, scale);
  session.set_support(reference.support.data());
  session.start_from_seed(magnitudes.data(), mask, 7, 40);

  UniformStart uniform(7, 41);
  reference.spectrum.resize(size);
  for (size_t i = 0; i < size; i++)
    reference.spectrum[i] = std::polar(reference.magnitudes[i], 2 * 3.14159265358979323846 * uniform(i));
  for (size_t i = 0; i < size; i++) {
    if (reference.mask[i]) continue;
    const size_t m = reference.mirror(i);
    reference.spectrum[i] = reference.mask[m] ? std::conj(reference.spectrum[m]) : C(0);
  }

  // What errors are relative to, also where an object or a residual is zero: ‖M‖², by Parseval's theorem ‖x‖² times the
  // size.
  double power = 0;
  for (double m : reference.magnitudes) power += m * m;
  std::vector<T> x(size);
  const double constant = [&] {  // what the symmetrised magnitudes leave out of the residual
    double sum = 0;
    for (size_t i = 0; i < size; i++) {
      const size_t m = reference.mirror(i);
      const double d = reference.magnitudes[i] - reference.magnitudes[m];
      if (reference.mask[i] && reference.mask[m]) sum += d * d / 4;
    }
    return sum;
  }();
  const auto check_residual = [&](double expected, const std::string& what) {
    std::vector<double> records(Cpu::kRecords * 2);
    check(session.take_residuals(records.data()) == 1, name + ": one residual of " + what);
    const double sum = records[1] / (scale * scale) + constant;
    check_at_most(std::abs(sum - expected) / power, 10 * tolerance, name + ": residual of " + what);
  };
  const auto check_object = [&](const std::string& what) {
    session.read_object(1, 0, rows, x.data());
    double error = 0;
    for (size_t i = 0; i < size; i++) error += (x[i] - reference.x[i]) * (x[i] - reference.x[i]);
    check_at_most(std::sqrt(error / (power / static_cast<double>(size))), tolerance, name + ": object, " + what);
  };
  const auto iterate = [&](const Case& with, bool fused, const std::string& what) {
    const Rule now = reference.first ? without_previous(with.rule) : with.rule;
    reference.iterate(with);
    if (fused) {
      session.iterate(1, now);
      session.complete_iteration();
    } else {
      session.inverse();
      session.constrain_object(now);
      session.forward();
      session.constrain_fourier(now);
    }
    check_object(what);
    check_residual(reference.residual, what);
  };
  for (int iteration = 0; iteration < 4; iteration++)
    iterate(rule, iteration % 2 == 0, "iteration " + std::to_string(iteration));

  std::vector<T> spectrum(2 * size);
  session.read_spectrum(1, 0, rows, spectrum.data());
  double error = 0;
  for (size_t i = 0; i < size; i++) {
    // Magnitudes that are not symmetric: the session keeps the Hermitian part.
    const C expected = (reference.spectrum[i] + std::conj(reference.spectrum[reference.mirror(i)])) / 2.0;
    error += std::norm(C(spectrum[2 * i], spectrum[2 * i + 1]) - expected);
  }
  check_at_most(std::sqrt(error / power), 10 * tolerance, name + ": spectrum");
  session.write_spectrum(1, spectrum.data());
  std::vector<T> reread(2 * size);
  session.read_spectrum(1, 0, rows, reread.data());
  double difference = 0;
  for (size_t i = 0; i < 2 * size; i++) difference = std::max(difference, std::abs(double(reread[i]) - spectrum[i]));
  check_at_most(difference, 10 * tolerance, name + ": a spectrum written is the spectrum read");

  // Measuring changes neither object nor iterate, and the object is transformed next.
  session.measure_object(kCases[0].rule);
  check_residual(reference.feasible_residual(), "feasible objects");
  check_object("measured");
  session.forward();
  session.constrain_fourier({});
  std::vector<C> object(reference.x.begin(), reference.x.end());
  check_residual(reference.residual_of(reference.transform(object, -1)), "objects");
  session.write_spectrum(1, spectrum.data());

  // Every other rule in the same session, with another support each time. Where the last rule kept no iterate, the
  // object becomes it.
  bool kept = rule.rule.keeps_iterate, fused = false, supported = false;
  const size_t bytes = session.bytes();
  for (const Case& other : kCases) {
    for (size_t s = 0; s < 2 && !kept; s++) session.keep_object(s);
    kept = other.rule.keeps_iterate;
    reference.support.assign(size, 1);
    for (size_t i = 0; supported && i < size; i++) reference.support[i] = noise[i] < 0.5;
    session.set_support(supported ? reference.support.data() : nullptr);
    iterate(other, fused, std::string("changed to ") + other.name);
    fused = !fused;
    supported = !supported;
  }
  check(rule.rule.keeps_iterate || session.bytes() > bytes, name + ": the iterate is allocated when it is needed");
  check(static_cast<double>(session.bytes()) <= bound(true), name + ": bytes at the end");
}

// Random123's known answers for philox4x32, 10 rounds.
void check_philox() {
  const auto expect = [](Philox p, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    check(p.word[0] == a && p.word[1] == b && p.word[2] == c && p.word[3] == d, "philox");
  };
  expect(philox(0, 0, 0, 0, 0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
  expect(philox(~0u, ~0u, ~0u, ~0u, ~0u, ~0u), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
  expect(philox(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0), 0xd16cfe09, 0x94fdcceb,
         0x5001e420, 0x24126ea1);
}

}  // namespace

int main() {
  check_philox();
  const size_t shapes[][2] = {{1, 1}, {1, 2}, {2, 1},  {1, 9},  {8, 1},   {2, 2},   {3, 5},   {4, 6},
                              {7, 8}, {8, 8}, {9, 16}, {16, 9}, {17, 12}, {10, 31}, {21, 34}, {24, 40}};
  for (const auto& [rows, columns] : shapes)
    for (size_t rule = 0; rule < std::size(kCases); rule++)
      for (bool masked : {false, true}) {
        // Errors grow over the iterations, most for the rules that read an iterate.
        check_problem<double>(rows, columns, rule, masked, 1e-11);
        check_problem<float>(rows, columns, rule, masked, 1e-3);
      }
  return report("session");
}
