// The little that these tests need of a test framework: counting checks, reporting those that fail, random numbers,
// and distances.
#pragma once
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace rephase::test {

inline int failures = 0, checks = 0;

inline void check(bool holds, const std::string& what) {
  checks++;
  if (holds) return;
  failures++;
  std::printf("FAILED: %s\n", what.c_str());
}

// Not `value <= bound` alone: NaN must fail.
inline void check_at_most(double value, double bound, const std::string& what) {
  check(value <= bound, what + ": " + std::to_string(value / bound) + " times the bound");
}

// ‖a − b‖ / ‖b‖, or ‖a − b‖ where b is zero.
template <class A, class B>
double distance(const std::vector<A>& a, const std::vector<B>& b) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < a.size(); i++) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += double(b[i]) * b[i];
  }
  return std::sqrt(difference / (size > 0 ? size : 1));
}

inline int report(const char* name) {
  std::printf("%s: %d checks, %d failed\n", name, checks, failures);
  return failures == 0 && checks > 0 ? 0 : 1;
}

inline std::vector<double> normal_numbers(size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  std::vector<double> numbers(count);
  for (double& x : numbers) x = normal(generator);
  return numbers;
}

}  // namespace rephase::test
