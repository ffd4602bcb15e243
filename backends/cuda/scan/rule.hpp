// An algorithm of ptychography as kernels take it: the numbers of src/scan-rules.ts.
#pragma once

namespace rephase::cuda {

// ψ ← (1−a−b)·ψ + a·PO + b·F⁻¹(impose F(c·PO + (1−c)·ψ)), where waves are kept; then object and probe follow once an
// iteration. Otherwise they follow each batch: to weighted means, or by steps of least squares.
struct ScanRule {
  bool keeps_waves;
  float a, b, c;
  bool least_squares;
  float ridge, alpha, step;
  bool updates_probe;
};

constexpr int kScanNumbers = 9;

inline ScanRule make_scan_rule(const double* n) {
  const auto f = [&](int i) { return static_cast<float>(n[i]); };
  return {n[0] != 0, f(1), f(2), f(3), n[4] != 0, f(5), f(6), f(7), n[8] != 0};
}

inline bool operator==(const ScanRule& x, const ScanRule& y) {
  return x.keeps_waves == y.keeps_waves && x.a == y.a && x.b == y.b && x.c == y.c &&
         x.least_squares == y.least_squares && x.ridge == y.ridge && x.alpha == y.alpha && x.step == y.step &&
         x.updates_probe == y.updates_probe;
}

}  // namespace rephase::cuda
