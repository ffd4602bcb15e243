// The little that these tests need of a test framework: counting checks, reporting those that fail, and random numbers.
#pragma once
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
