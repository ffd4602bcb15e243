// The session against the iteration as its definition states it: full complex spectrum, direct sums, double precision,
// no tricks. Magnitudes are not symmetric, masks leave holes, and shapes are odd, even, prime and flat.
#include <cmath>
#include <complex>

#include "check.hpp"
#include "philox.hpp"
#include "session.hpp"

using namespace rephase;
using namespace rephase::test;

namespace {

using C = std::complex<double>;

struct Reference {
  size_t rows, columns;
  Algorithm algorithm;
  double beta;
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
    const double turn = sign * 2 * 3.14159265358979323846;
    std::vector<C> half(size()), out(size());
    for (size_t r = 0; r < rows; r++)
      for (size_t k = 0; k < columns; k++)
        for (size_t c = 0; c < columns; c++)
          half[r * columns + k] +=
              in[r * columns + c] * std::polar(1.0, turn * static_cast<double>(c * k % columns) / columns);
    for (size_t k = 0; k < rows; k++)
      for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
          out[k * columns + c] +=
              half[r * columns + c] * std::polar(1.0, turn * static_cast<double>(r * k % rows) / rows);
    return out;
  }

  void iterate() {
    std::vector<C> y = transform(spectrum, 1);
    std::vector<C> next(size());
    for (size_t i = 0; i < size(); i++) {
      const double v = y[i].real() / static_cast<double>(size());
      const bool bad = !support[i] || v < 0;
      const double previous = first ? v : x[i], kept = first ? 0 : x[i];
      switch (algorithm) {
        case Algorithm::gerchberg_saxton:
          x[i] = bad ? 0 : v;
          break;
        case Algorithm::hybrid_input_output:
          x[i] = bad ? previous - beta * v : v;
          break;
        case Algorithm::input_output:
          x[i] = bad ? previous - beta * v : kept;
          break;
        case Algorithm::output_output:
          x[i] = bad ? v - beta * v : v;
          break;
      }
      next[i] = x[i];
    }
    first = false;
    spectrum = transform(next, -1);
    residual = 0;
    for (size_t i = 0; i < size(); i++) {
      const double size = std::abs(spectrum[i]);
      if (mask[i]) residual += (size - magnitudes[i]) * (size - magnitudes[i]);
      // A frequency that was not measured, but whose mirror image was, is as large as that one.
      const size_t measured = mask[i] ? i : mirror(i);
      if (mask[measured]) spectrum[i] = size > 0 ? spectrum[i] * (magnitudes[measured] / size) : magnitudes[measured];
    }
  }
};

template <class T>
void check_problem(size_t rows, size_t columns, Algorithm algorithm, bool masked, double tolerance) {
  const std::string name = std::string(sizeof(T) == 4 ? "float " : "double ") + std::to_string(rows) + "x" +
                           std::to_string(columns) + ", algorithm " + std::to_string(static_cast<int>(algorithm)) +
                           (masked ? ", masked" : "");
  const size_t size = rows * columns;
  Reference reference{rows, columns, algorithm, 0.8, normal_numbers(size, 1), {}, {}, {}, {}};
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
  Session<T> session(rows, columns, 2, algorithm, reference.beta);
  check(session.valid(), name);
  check(static_cast<double>(session.bytes()) <=
            Session<T>::bytes_needed(static_cast<double>(rows), static_cast<double>(columns), 2, algorithm) + 4096,
        name + ": bytes at creation stay within the bound");
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
  for (int iteration = 0; iteration < 4; iteration++) {
    reference.iterate();
    if (iteration % 2 == 0) {
      session.iterate(1, iteration == 0);
    } else {
      session.settle();
      session.inverse();
      session.constrain_object(false);
      session.forward();
      session.constrain_fourier();
    }
    session.settle();
    session.read_object(1, 0, rows, x.data());
    double error = 0;
    for (size_t i = 0; i < size; i++) error += (x[i] - reference.x[i]) * (x[i] - reference.x[i]);
    check_at_most(std::sqrt(error / (power / static_cast<double>(size))), tolerance,
                  name + ": object, iteration " + std::to_string(iteration));
    std::vector<double> records(Session<T>::kRecords * 2);
    const uint32_t count = session.take_residuals(records.data());
    check(count == 1, name + ": one residual an iteration");
    const double sum = records[1] / (scale * scale) + constant;
    check_at_most(std::abs(sum - reference.residual) / power, 10 * tolerance, name + ": residual");
  }
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
  std::vector<T> again(2 * size);
  session.read_spectrum(1, 0, rows, again.data());
  double difference = 0;
  for (size_t i = 0; i < 2 * size; i++) difference = std::max(difference, std::abs(double(again[i]) - spectrum[i]));
  check_at_most(difference, 10 * tolerance, name + ": a spectrum written is the spectrum read");
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
    for (int algorithm = 0; algorithm < 4; algorithm++)
      for (bool masked : {false, true}) {
        // Errors grow over the four iterations, most for the rules with memory.
        check_problem<double>(rows, columns, static_cast<Algorithm>(algorithm), masked, 1e-11);
        check_problem<float>(rows, columns, static_cast<Algorithm>(algorithm), masked, 1e-3);
      }
  return report("session");
}
