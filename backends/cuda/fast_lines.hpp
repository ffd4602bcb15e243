// The lengths that have a plan of their own, with kernels compiled for it.
#pragma once
#include <cstddef>

namespace rephase::cuda {

struct Pass {
  const void* kernel;
  int lines, threads;  // of a block
  size_t shared;       // bytes
};

struct FastLine {
  int length, stages, radix[8];
  Pass columns, rows;
};

// The plan for `lines` lines at once; null where there is none.
const FastLine* find_fast_line(int length, double lines);

}  // namespace rephase::cuda
