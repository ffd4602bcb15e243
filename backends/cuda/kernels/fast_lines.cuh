// Makes the tables of lengths that have a plan of their own.
#pragma once
#include "fast_lines.hpp"
#include "passes.cuh"

namespace rephase::cuda {

inline int itself(int e) {
  return e;
}
template <class L, int I>
int run_in_memory(int frequency) {
  return L::reversed_run(I, frequency);
}

// Tables of the forward transform are by run, in the order in which the kernels number them; of the inverse, by
// offset.
template <class L, int I = 1>
void append_line_twiddles(std::vector<float4>& table) {
  if constexpr (I < L::stages) {
    append_twiddles(table, L::radix(I), L::runs(I), L::paired && I == L::last ? itself : run_in_memory<L, I>);
    append_line_twiddles<L, I + 1>(table);
  } else {
    for (int i = 0; i < L::last; i++) append_twiddles(table, L::radix(i), L::offsets(i), itself);
  }
}

template <class L>
int magnitude_index_of_frequency(int k) {
  constexpr int R = L::radix(L::last), butterflies = L::length / R;
  return magnitude_index_of<R>(L::reversed_run(L::last, k % butterflies), k / butterflies, butterflies);
}

template <class L>
int storage_index_of_frequency(int k) {
  constexpr int butterflies = L::length / L::radix(L::last);
  return L::reversed_run(L::last, k % butterflies) + k / butterflies * butterflies;
}

// A block takes `Lines` lines.
template <class L, int Lines>
FastLine columns() {
  constexpr int threads = Lines * L::threads;
  return {L::length,
          {column_pass<L, Lines, PassKernel::plain>, Lines, threads, columns_shared<L, Lines>},
          {column_pass<L, Lines, PassKernel::part>, Lines, threads, columns_shared<L, Lines>},
          {column_pass<L, Lines, PassKernel::general>, Lines, threads, columns_shared<L, Lines>},
          append_line_twiddles<L>,
          magnitude_index_of_frequency<L>,
          storage_index_of_frequency<L>,
          L::radix(0),
          {column_pass<L, Lines, PassKernel::skipping>, Lines, threads, columns_shared<L, Lines>},
          {column_pass<L, Lines, PassKernel::weighted>, Lines, threads, columns_shared<L, Lines>}};
}
template <class Field, class L, int Lines>
FastLine rows() {
  constexpr int threads = Lines * L::threads;
  return {L::length,
          {row_pass<Field, L, Lines, PassKernel::plain>, Lines, threads, rows_shared<L, Lines>},
          {row_pass<Field, L, Lines, PassKernel::part>, Lines, threads, rows_shared<L, Lines>},
          {row_pass<Field, L, Lines, PassKernel::general>, Lines, threads, rows_shared<L, Lines>},
          append_line_twiddles<L>,
          nullptr,
          nullptr,
          L::radix(0),
          {row_pass<Field, L, Lines, PassKernel::skipping>, Lines, threads, rows_shared<L, Lines>}};
}

// This many numbers keep a large GPU busy for a few microseconds.
constexpr double kMany = 1 << 20;

template <size_t Count>
const FastLine* find_line(const FastLine (&lines)[Count], int length) {
  for (const FastLine& line : lines)
    if (line.length == length) return &line;
  return nullptr;
}

// The plan for so many rows at once, or null without one of that length.
template <size_t Count, size_t ManyCount>
const FastLine* find_fast_row(const FastLine (&few)[Count], const FastLine (&many)[ManyCount], int length,
                              double rows) {
  const FastLine* const line = length * rows >= 2 * kMany ? find_line(many, length) : nullptr;
  return line ? line : find_line(few, length);
}

}  // namespace rephase::cuda
