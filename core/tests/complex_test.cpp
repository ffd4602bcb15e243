// Sessions of complex objects against the iteration as its definition states it: direct sums, double precision.
#include <cmath>
#include <complex>

#include "check.hpp"
#include "session.hpp"

using namespace rephase;
using namespace rephase::test;

namespace {

using C = std::complex<double>;

constexpr double kBeta = 0.8, kPi = 3.14159265358979323846;

// What is known about a pixel: its nearest number inside the support.
struct Known {
  const char* name;
  C (*project)(C t, double size);
};

const Known kKnown[] = {
    {"the support", [](C t, double) { return t; }},
    {"bounds of sizes", [](C t, double) { return std::polar(std::min(std::max(std::abs(t), 0.2), 0.5), std::arg(t)); }},
    {"phases from -1 to 1",
     [](C t, double) {
       const double phase = std::min(std::max(std::arg(t), -1.0), 1.0);
       return phase == std::arg(t) ? t : std::polar(std::max(0.0, (t * std::polar(1.0, -phase)).real()), phase);
     }},
    {"sizes", [](C t, double size) { return std::polar(size, std::arg(t)); }},
};

// Hybrid input-output, or error reduction, in the session's words.
Rule rule_of(size_t known, bool hybrid, double scale) {
  Rule rule = {{0, 1}, {{0, 1}, {0, 1}}, {{0, 0}, {0, 0}}, false};
  rule.projected = {1, 1};
  if (hybrid) {
    rule.violated = {{1, -kBeta}, {1, -kBeta}};
    rule.projected = {kBeta, kBeta};
    rule.keeps_iterate = true;
  }
  if (known == 1) rule.low = 0.2 * scale, rule.high = 0.5 * scale;
  if (known == 2) rule.phases = {0, 1};
  rule.in_two_planes = known == 3;
  return rule;
}

std::vector<C> transform(const std::vector<C>& in, size_t rows, size_t columns, int sign) {
  std::vector<C> half(in.size()), out(in.size());
  for (size_t r = 0; r < rows; r++)
    for (size_t k = 0; k < columns; k++)
      for (size_t c = 0; c < columns; c++)
        half[r * columns + k] +=
            in[r * columns + c] * std::polar(1.0, sign * 2 * kPi * static_cast<double>(c * k % columns) / columns);
  for (size_t k = 0; k < rows; k++)
    for (size_t r = 0; r < rows; r++)
      for (size_t c = 0; c < columns; c++)
        out[k * columns + c] +=
            half[r * columns + c] * std::polar(1.0, sign * 2 * kPi * static_cast<double>(r * k % rows) / rows);
  return out;
}

template <class T>
void check_problem(size_t rows, size_t columns, size_t known, bool hybrid, double tolerance) {
  using Cpu = Session<ComplexField<T>>;
  const size_t size = rows * columns;
  const std::string name = std::string(sizeof(T) == 4 ? "float " : "double ") + std::to_string(rows) + "x" +
                           std::to_string(columns) + (hybrid ? ", hio, " : ", er, ") + kKnown[known].name;
  const std::vector<double> noise = normal_numbers(4 * size, 3);
  std::vector<T> magnitudes(size), sizes(size);
  std::vector<uint8_t> mask(size), support(size);
  for (size_t i = 0; i < size; i++) {
    magnitudes[i] = static_cast<T>(std::abs(noise[i]) + 0.1);
    sizes[i] = static_cast<T>(std::abs(noise[size + i]));
    mask[i] = i == 0 || noise[2 * size + i] > -0.5;
    support[i] = i == 0 || noise[3 * size + i] > -0.3;
  }
  const double scale = 0.5;
  const Rule rule = rule_of(known, hybrid, scale);
  Cpu session(rows, columns, 2, rule);
  check(session.valid(), name);
  session.set_magnitudes(magnitudes.data(), mask.data(), scale);
  if (known == 3) check(session.field().set_object_magnitudes(sizes.data()), name + ": sizes");
  check(session.set_support(support.data()), name + ": support");
  session.start_from_seed(magnitudes.data(), mask.data(), 7, 40);

  UniformStart uniform(7, 41);
  std::vector<C> spectrum(size), x(size);
  for (size_t i = 0; i < size; i++) spectrum[i] = mask[i] ? std::polar(double(magnitudes[i]), 2 * kPi * uniform(i)) : 0;
  for (int iteration = 0; iteration < 4; iteration++) {
    const std::vector<C> y = transform(spectrum, rows, columns, 1);
    for (size_t i = 0; i < size; i++) {
      const C v = y[i] / static_cast<double>(size), p = support[i] ? kKnown[known].project(v, sizes[i]) : 0;
      const bool satisfied = known == 3 ? false : support[i] && std::abs(p - v) < 1e-14;
      x[i] = !hybrid ? p : satisfied ? v : (iteration == 0 ? v : x[i]) - kBeta * (v - p);
    }
    spectrum = transform(x, rows, columns, -1);
    double residual = 0, energy = 0;
    for (size_t i = 0; i < size; i++) {
      if (!mask[i]) continue;
      residual += std::pow(std::abs(spectrum[i]) - magnitudes[i], 2);
      energy += double(magnitudes[i]) * magnitudes[i];
      spectrum[i] = std::polar(double(magnitudes[i]), std::arg(spectrum[i]));
    }
    Rule now = rule;
    if (iteration == 0 && hybrid) now.violated = {{0, 1 - kBeta}, {0, 1 - kBeta}};
    if (iteration % 2 == 0) {
      session.iterate(1, now);
      session.complete_iteration();
    } else {
      session.inverse();
      session.constrain_object(now);
      session.forward();
      session.constrain_fourier(now);
    }
    const std::string what = name + ", iteration " + std::to_string(iteration);
    std::vector<double> records(Cpu::kRecords * 2);
    check(session.take_residuals(records.data()) == 1, what + ": one residual");
    check_at_most(std::abs(records[1] / (scale * scale) - residual) / energy, 10 * tolerance, what + ": residual");
    std::vector<T> object(2 * size), read(2 * size);
    session.read_object(1, 0, rows, object.data());
    session.read_spectrum(1, 0, rows, read.data());
    double object_error = 0, spectrum_error = 0;
    for (size_t i = 0; i < size; i++) {
      object_error += std::norm(C(object[2 * i], object[2 * i + 1]) - x[i]);
      spectrum_error += std::norm(C(read[2 * i], read[2 * i + 1]) - spectrum[i]);
    }
    check_at_most(std::sqrt(object_error * static_cast<double>(size) / energy), tolerance, what + ": object");
    check_at_most(std::sqrt(spectrum_error / energy), 10 * tolerance, what + ": spectrum");
    std::vector<T> again(2 * size);
    session.write_stored(1, 0, rows, read.data());
    session.read_stored(1, 0, rows, again.data());
    check(again == read, what + ": what is stored comes back to its last bit");
  }
  check(session.shrink_support(0.7, 0.2, 1, 1e9), name + ": shrinks");
  const double bound = Cpu::bytes_needed(static_cast<double>(rows), static_cast<double>(columns), 2, hybrid, false);
  const double own_supports = 2.0 * static_cast<double>((size + columns) * sizeof(T));
  check(static_cast<double>(session.bytes()) <= bound + own_supports + 4096, name + ": bytes");
}

// Holograms: what is imposed follows what comes out, and the phases stay from the third iteration on.
template <class T>
void check_weights(size_t rows, size_t columns, double exponent, bool masked, double tolerance) {
  using Cpu = Session<ComplexField<T>>;
  const size_t size = rows * columns;
  const std::string name = std::string(sizeof(T) == 4 ? "float " : "double ") + std::to_string(rows) + "x" +
                           std::to_string(columns) + ", weights to the power " + std::to_string(exponent) +
                           (masked ? ", masked" : "");
  const std::vector<double> noise = normal_numbers(3 * size, 5);
  std::vector<T> magnitudes(size), sizes(size);
  std::vector<uint8_t> mask(size);
  double energy = 0;
  for (size_t i = 0; i < size; i++) {
    mask[i] = i == 0 || !masked || noise[2 * size + i] > -0.5;
    magnitudes[i] = static_cast<T>(i % 3 == 1 ? 0 : std::abs(noise[i]) + 0.1);
    sizes[i] = static_cast<T>(std::abs(noise[size + i]) + 0.1);
    if (mask[i]) energy += double(magnitudes[i]) * magnitudes[i];
  }
  const double scale = 0.5, unmeasured = masked ? 1.5 : 1;
  Rule rule = rule_of(3, false, scale);
  rule.fourier.unmeasured = unmeasured;
  rule.fourier.exponent = exponent;
  Cpu session(rows, columns, 2, rule);
  check(session.valid(), name);
  session.set_magnitudes(magnitudes.data(), masked ? mask.data() : nullptr, scale);
  check(session.field().set_object_magnitudes(sizes.data()), name + ": sizes");
  session.start_from_seed(magnitudes.data(), masked ? mask.data() : nullptr, 7, 40);
  const double bound = Cpu::bytes_needed(static_cast<double>(rows), static_cast<double>(columns), 2, false, true);
  check(static_cast<double>(session.bytes()) <= bound + 4096, name + ": bytes");

  UniformStart uniform(7, 41);
  std::vector<C> spectrum(size), imposed(size);
  for (size_t i = 0; i < size; i++) {
    spectrum[i] = mask[i] ? std::polar(double(magnitudes[i]), 2 * kPi * uniform(i)) : 0;
    imposed[i] = mask[i] ? magnitudes[i] : 0;
  }
  for (int iteration = 0; iteration < 5; iteration++) {
    rule.fourier.keeps_phases = iteration >= 3;
    std::vector<C> x = transform(spectrum, rows, columns, 1);
    for (size_t i = 0; i < size; i++) x[i] = std::polar(double(sizes[i]), std::arg(x[i]));
    const std::vector<C> far = transform(x, rows, columns, -1);
    double norm = 0;
    for (size_t i = 0; i < size; i++) {
      const double phase = std::arg(rule.fourier.keeps_phases ? imposed[i] : far[i]);
      const double ratio = std::pow(magnitudes[i] / std::abs(far[i]), exponent);
      imposed[i] = std::polar(std::abs(imposed[i]) * ratio, phase);
      norm += std::norm(imposed[i]);
    }
    for (size_t i = 0; i < size; i++) {
      imposed[i] *= std::sqrt(energy / norm);
      spectrum[i] = mask[i] ? imposed[i] : far[i] * unmeasured;
    }
    // One pass pending and not, and single kernels.
    if (iteration % 3 < 2) {
      session.iterate(1, rule);
    } else {
      session.complete_iteration();
      session.inverse();
      session.constrain_object(rule);
      session.forward();
      session.constrain_fourier(rule);
    }
    if (iteration == 0) continue;
    session.complete_iteration();
    std::vector<T> read(2 * size);
    session.read_spectrum(1, 0, rows, read.data());
    double error = 0, all = 0;
    for (size_t i = 0; i < size; i++) {
      error += std::norm(C(read[2 * i], read[2 * i + 1]) - spectrum[i]);
      all += std::norm(spectrum[i]);
    }
    check_at_most(std::sqrt(error / all), tolerance, name + ", iteration " + std::to_string(iteration));
  }
}

template <class T>
void check_powers(double tolerance) {
  using V = Vector<T>;
  const auto power_of = [](double x, double p) { return power(splat<V>(static_cast<T>(x)), static_cast<T>(p))[1]; };
  for (double p : {0.01, 0.3, 0.5, 0.99, 1.0}) {
    for (double x = 1e-12; x < 1e12; x *= 1.37) {
      const double exact = std::pow(static_cast<double>(static_cast<T>(x)), static_cast<double>(static_cast<T>(p)));
      check_at_most(std::abs(power_of(x, p) / exact - 1), tolerance,
                    std::to_string(x) + " to the " + std::to_string(p));
    }
    check(std::isfinite(power_of(0, p)), "a power of 0");
  }
  check_at_most(power_of(0, 1), 1e-30, "0");
}

}  // namespace

int main() {
  check_powers<float>(4e-6);
  check_powers<double>(1e-14);
  const size_t shapes[][2] = {{1, 1}, {1, 9}, {8, 1}, {3, 5}, {4, 6}, {8, 8}, {9, 16}, {17, 12}, {10, 31}};
  for (const auto& [rows, columns] : shapes)
    for (size_t known = 0; known < std::size(kKnown); known++)
      for (bool hybrid : {false, true}) {
        check_problem<double>(rows, columns, known, hybrid, 1e-11);
        check_problem<float>(rows, columns, known, hybrid, 1e-3);
      }
  for (const auto& [rows, columns] : shapes) {
    for (double exponent : {1.0, 0.6}) {
      for (bool masked : {false, true}) {
        check_weights<double>(rows, columns, exponent, masked, 1e-9);
        check_weights<float>(rows, columns, exponent, masked, 2e-3);
      }
    }
  }
  return report("complex");
}
