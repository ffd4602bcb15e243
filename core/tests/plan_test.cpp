// Transforms against a direct sum in long double: every length to 512, and a sample of longer ones with primes among
// them for which only some frequencies are summed.
#include <cmath>
#include <complex>

#include "check.hpp"
#include "fft/plan.hpp"
#include "line.hpp"

using namespace rephase;
using namespace rephase::test;

namespace {

using Exact = std::complex<long double>;

// exp(-2πi·k/n) for all k.
std::vector<Exact> roots(size_t n) {
  std::vector<Exact> w(n);
  for (size_t k = 0; k < n; k++) {
    const long double angle = -2 * 3.14159265358979323846264338327950288L * static_cast<long double>(k) / n;
    w[k] = {std::cos(angle), std::sin(angle)};
  }
  return w;
}

// The error bounds that the project promises, relative ℓ2. A transform of one number is the identity.
template <class T>
double bound(size_t n) {
  return sizeof(T) == sizeof(float) ? 4e-7 : 1e-15 * std::log2(static_cast<double>(n));
}

// Lanes carry different lines, so that one that leaks into another is seen.
template <class T>
void check_length(size_t n, size_t frequencies) {
  using V = Vector<T>;
  const std::string name = std::string(sizeof(T) == 4 ? "float" : "double") + ", length " + std::to_string(n);
  const Plan<T> plan(n);
  check(plan.valid(), name + ": plan");
  const std::vector<double> numbers = normal_numbers(2 * n * lanes<V>, static_cast<unsigned>(n));
  Buffer<Complex<V>> x(n), scratch(plan.scratch());
  for (size_t j = 0; j < n; j++)
    for (int l = 0; l < lanes<V>; l++) {
      x[j].re[l] = static_cast<T>(numbers[2 * (j * lanes<V> + l)]);
      x[j].im[l] = static_cast<T>(numbers[2 * (j * lanes<V> + l) + 1]);
    }
  const std::vector<Complex<V>> original(x.data(), x.data() + n);
  std::vector<T> line(2 * n);
  for (size_t j = 0; j < n; j++) line[2 * j] = x[j].re[0], line[2 * j + 1] = x[j].im[0];

  plan.forward(x.data(), scratch.data());
  const Line<T> natural(n);
  check(natural.valid(), name + ": line");
  const std::vector<T> line_original = line;
  natural.transform(line.data(), Direction::forward);

  const std::vector<Exact> w = roots(n);
  long double error[4] = {}, size[4] = {}, line_error = 0;
  for (size_t i = 0; i < frequencies; i++) {
    const size_t k = frequencies == n ? i : i * 7919 % n;
    Exact sum[4] = {};
    for (size_t j = 0; j < n; j++)
      for (int l = 0; l < lanes<V>; l++) sum[l] += Exact(original[j].re[l], original[j].im[l]) * w[j * k % n];
    const Complex<V> z = x[plan.order()[k]];
    for (int l = 0; l < lanes<V>; l++) {
      error[l] += std::norm(Exact(z.re[l], z.im[l]) - sum[l]);
      size[l] += std::norm(sum[l]);
    }
    line_error += std::norm(Exact(line[2 * k], line[2 * k + 1]) - sum[0]);
  }
  for (int l = 0; l < lanes<V>; l++)
    check_at_most(static_cast<double>(std::sqrt(error[l] / size[l])), bound<T>(n), name + ": forward");
  check_at_most(static_cast<double>(std::sqrt(line_error / size[0])), bound<T>(n), name + ": natural order");

  plan.inverse(x.data(), scratch.data());
  natural.transform(line.data(), Direction::inverse);
  long double back = 0, line_back = 0, total = 0;
  for (size_t j = 0; j < n; j++) {
    const Exact was(original[j].re[0], original[j].im[0]);
    back += std::norm(Exact(x[j].re[0], x[j].im[0]) / static_cast<long double>(n) - was);
    line_back += std::norm(Exact(line[2 * j], line[2 * j + 1]) - Exact(line_original[2 * j], line_original[2 * j + 1]));
    total += std::norm(was);
  }
  // Two transforms and, in `Line`, a rounding for the division.
  const double twice = 2 * bound<T>(n) + std::numeric_limits<T>::epsilon() / 2;
  check_at_most(static_cast<double>(std::sqrt(back / total)), twice, name + ": round trip");
  check_at_most(static_cast<double>(std::sqrt(line_back / total)), twice, name + ": round trip in natural order");
}

// The fused passes do what forward, operation and inverse do one after the other, to the last bit.
void check_turns(size_t n) {
  using V = Vector<float>;
  const Plan<float> plan(n);
  const std::vector<double> numbers = normal_numbers(2 * n, static_cast<unsigned>(n));
  Buffer<Complex<V>> a(n), b(n), scratch(plan.scratch());
  const auto fill = [&] {
    for (size_t j = 0; j < n; j++)
      a[j] = b[j] = {splat<V>(static_cast<float>(numbers[2 * j])), splat<V>(static_cast<float>(numbers[2 * j + 1]))};
  };
  const auto equal = [&] {
    bool same = true;
    for (size_t j = 0; j < n; j++) same = same && a[j].re[0] == b[j].re[0] && a[j].im[3] == b[j].im[3];
    return same;
  };
  const auto op = [](size_t i, Complex<V> z) -> Complex<V> {
    return {z.re + splat<V>(static_cast<float>(i)), z.im * z.im};
  };
  fill();
  plan.through_frequency(a.data(), scratch.data(), op);
  plan.forward(b.data(), scratch.data());
  for (size_t i = 0; i < n; i++) b[i] = op(i, b[i]);
  plan.inverse(b.data(), scratch.data());
  check(equal(), "through frequency, length " + std::to_string(n));
  fill();
  plan.through_space(a.data(), scratch.data(), op);
  plan.inverse(b.data(), scratch.data());
  for (size_t i = 0; i < n; i++) b[i] = op(i, b[i]);
  plan.forward(b.data(), scratch.data());
  check(equal(), "through space, length " + std::to_string(n));
}

}  // namespace

int main() {
  for (size_t n = 1; n <= 512; n++) {
    check_length<float>(n, n);
    check_length<double>(n, n);
  }
  for (size_t n : {600,  1000, 1001,  1021,  1024,  1536,  2048,  2187,  3000,  3125,  4093,
                   4096, 8192, 14641, 16384, 28561, 30030, 32749, 32768, 46189, 65521, 65536}) {
    check_length<float>(n, 12);
    check_length<double>(n, 12);
  }
  for (size_t n : {1, 2, 3, 4, 8, 12, 17, 32, 40, 56, 64, 100, 512, 1000, 1024, 1536, 2048, 4096, 5000}) check_turns(n);
  return report("plan");
}
