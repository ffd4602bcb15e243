// The lengths that have a plan of their own, with kernels compiled for it.
#pragma once
#include <cstddef>
#include <vector>

#include "../fft/twiddles.hpp"
#include "../runtime/launcher.hpp"

namespace rephase::cuda {

struct FastLine {
  int length;
  Kernel whole, part, general;  // of its pass; see PassKernel
  void (*append_twiddles)(std::vector<float4>& table);
  int (*magnitude_index)(int frequency), (*storage_index)(int frequency);  // see View; of columns only
  int first_radix;
  Kernel skipping;
  Kernel weighted;  // of columns of complex objects
};

// Iterations of a real image in one block, which take these plans.
struct OnChip {
  int rows, columns;
  FastLine column_line, row_line;
  Kernel whole, general;  // for plain rules and for any
};

// Return the plan for that many columns, or rows, at once, or null without a plan of that length.
const FastLine* find_fast_column(int length, double columns);
const FastLine* find_fast_row_of_real(int length, double rows);
const FastLine* find_fast_row_of_complex(int length, double rows);
// Returns null where so few starts would leave multiprocessors idle.
const OnChip* find_on_chip(int rows, int columns, int starts, int multiprocessors);

}  // namespace rephase::cuda
