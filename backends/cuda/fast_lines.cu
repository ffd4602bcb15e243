#include "fast_lines.hpp"

#include "passes.cuh"

namespace rephase::cuda {

namespace {

int itself(int e) {
  return e;
}
template <class L, int I>
int run_in_memory(int frequency) {
  return L::reversed_run(I, frequency);
}

// Tables of the forward transform are by run, in the order in which the kernels number them; of the inverse, by place.
template <class L, bool Paired, int I = 1>
void append_line_turns(std::vector<float4>& table) {
  if constexpr (I < L::stages) {
    append_turns(table, L::radix(I), L::runs(I), Paired && I == L::last ? itself : run_in_memory<L, I>);
    append_line_turns<L, Paired, I + 1>(table);
  } else {
    for (int i = 0; i < L::last; i++) append_turns(table, L::radix(i), L::places(i), itself);
  }
}

template <class L>
int slot_of_frequency(int k) {
  constexpr int R = L::radix(L::last), butterflies = L::length / R;
  return slot_of<R>(L::reversed_run(L::last, k % butterflies), k / butterflies, butterflies);
}

template <class L, int Lines, bool Whole>
Kernel column_kernel() {
  return {reinterpret_cast<const void*>(turn_columns<L, Lines, Whole>), Lines, Lines * L::threads,
          columns_shared<L, Lines>};
}
template <class L, int Lines, bool Whole>
Kernel row_kernel() {
  return {reinterpret_cast<const void*>(turn_rows<L, Lines, Whole>), Lines, Lines * L::threads, rows_shared<L, Lines>};
}
// Lines a block.
template <class L, int Lines>
FastLine columns() {
  return {L::length, column_kernel<L, Lines, true>(), column_kernel<L, Lines, false>(), append_line_turns<L, false>,
          slot_of_frequency<L>};
}
template <class L, int Lines>
FastLine rows() {
  return {L::length, row_kernel<L, Lines, true>(), row_kernel<L, Lines, false>(), append_line_turns<L, true>, nullptr};
}

// Length, threads a line, radices; lines a block. Chosen by measuring.
const FastLine kColumns[] = {
    columns<Line<32, 4, 4, 8>, 8>(),
    columns<Line<64, 8, 8, 8>, 4>(),
    columns<Line<128, 16, 4, 4, 8>, 4>(),
    columns<Line<256, 64, 4, 4, 4, 4>, 2>(),
    columns<Line<512, 128, 4, 4, 4, 8>, 2>(),
    columns<Line<600, 128, 5, 5, 4, 6>, 2>(),
    columns<Line<1000, 128, 10, 10, 10>, 2>(),
    columns<Line<1024, 128, 8, 4, 4, 8>, 2>(),
    columns<Line<1536, 128, 12, 8, 16>, 2>(),
    columns<Line<2048, 128, 16, 8, 16>, 1>(),
    columns<Line<3000, 320, 6, 5, 10, 10>, 1>(),
    columns<Line<4096, 256, 16, 16, 16>, 1>(),
    columns<Line<8192, 256, 16, 32, 16>, 1>(),
    columns<Line<16384, 1024, 16, 4, 16, 16>, 1>(),
};
const FastLine kRows[] = {
    rows<Line<32, 4, 8, 4>, 8>(),
    rows<Line<64, 4, 8, 8>, 8>(),
    rows<Line<128, 16, 8, 4, 4>, 4>(),
    rows<Line<256, 32, 8, 8, 4>, 2>(),
    rows<Line<512, 64, 8, 4, 4, 4>, 2>(),
    rows<Line<600, 64, 10, 6, 10>, 2>(),
    rows<Line<1000, 64, 10, 10, 10>, 2>(),
    rows<Line<1024, 128, 8, 8, 4, 4>, 2>(),
    rows<Line<1536, 96, 16, 12, 8>, 2>(),
    rows<Line<2048, 128, 16, 16, 8>, 2>(),
    rows<Line<3000, 160, 10, 10, 5, 6>, 2>(),
    rows<Line<4096, 128, 16, 16, 16>, 2>(),
    rows<Line<8192, 256, 16, 32, 16>, 2>(),
    rows<Line<16384, 512, 16, 16, 4, 16>, 1>(),
};

// Where lines are many, what counts is not how soon one is done but how few instructions it takes: fewer threads with
// more numbers each.
const FastLine kManyColumns[] = {
    columns<Line<128, 8, 8, 16>, 4>(),
    columns<Line<256, 16, 16, 16>, 4>(),
    columns<Line<512, 32, 8, 4, 16>, 2>(),
};
const FastLine kManyRows[] = {
    rows<Line<128, 8, 16, 8>, 4>(),
    rows<Line<256, 8, 16, 16>, 8>(),
    rows<Line<512, 32, 16, 4, 8>, 4>(),
};

// As many numbers as keep a large GPU busy for a few microseconds.
constexpr double kMany = 1 << 20;

template <size_t Count>
const FastLine* find(const FastLine (&lines)[Count], int length) {
  for (const FastLine& line : lines)
    if (line.length == length) return &line;
  return nullptr;
}

}  // namespace

const FastLine* find_fast_column(int length, double columns) {
  const FastLine* const many = length * columns >= kMany ? find(kManyColumns, length) : nullptr;
  return many ? many : find(kColumns, length);
}
const FastLine* find_fast_row(int length, double rows) {
  const FastLine* const many = length * rows >= 2 * kMany ? find(kManyRows, length) : nullptr;
  return many ? many : find(kRows, length);
}

}  // namespace rephase::cuda
