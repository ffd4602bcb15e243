// Applies a rule of rules.hpp.
#pragma once
#include "rules.hpp"
#include "view.cuh"

namespace rephase::cuda {

// One pixel through the rule.
__device__ inline float apply(const Rule& rule, const View& v, int start, int row, int column, float y) {
  bool bad = y < 0;
  if (v.support) {
    const uint32_t word = __ldg(v.support + static_cast<size_t>(row) * v.support_words + column / 32);
    bad = bad || !(word >> (column % 32) & 1);
  }
  // Copies first: a choice between two members would be a choice between two addresses, and leave the registers.
  const float bad_y = rule.bad_y, good_y = rule.good_y, bad_x = rule.bad_x, good_x = rule.good_x;
  const float by = bad ? bad_y : good_y;
  if (!rule.keeps_iterate) return by * y;
  float* const at = v.iterate + (static_cast<size_t>(start) * v.rows + row) * v.columns + column;
  const float x = rule.reads_iterate ? *at : 0.f;
  return *at = fmaf(by, y, (bad ? bad_x : good_x) * x);
}

}  // namespace rephase::cuda
