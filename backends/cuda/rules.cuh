// Applies a rule of rules.hpp.
#pragma once
#include "rules.hpp"
#include "view.cuh"

namespace rephase::cuda {

__device__ inline float* iterate_at(const View& v, int start, int row, int column) {
  return v.iterate + (static_cast<size_t>(start) * v.rows + row) * v.columns + column;
}
// What `apply` needs to know of the iterate before.
__device__ inline float iterate_before(const Rule& rule, const View& v, int start, int row, int column) {
  return rule.reads_iterate ? *iterate_at(v, start, row, column) : 0.f;
}

// One pixel through the rule.
__device__ inline float apply(const Rule& rule, const View& v, int start, int row, int column, float y, float before) {
  bool bad = y < 0;
  if (v.support) {
    const uint32_t word = __ldg(v.support + static_cast<size_t>(row) * v.support_words + column / 32);
    bad = bad || !(word >> (column % 32) & 1);
  }
  // Copies first: a choice between two members would be a choice between two addresses, and leave the registers.
  const float bad_y = rule.bad_y, good_y = rule.good_y, bad_x = rule.bad_x, good_x = rule.good_x;
  const float by = bad ? bad_y : good_y;
  if (!rule.keeps_iterate) return by * y;
  return *iterate_at(v, start, row, column) = fmaf(by, y, (bad ? bad_x : good_x) * before);
}

}  // namespace rephase::cuda
