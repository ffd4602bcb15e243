#include "fast_lines.hpp"

#include "on_chip.cuh"

namespace rephase::cuda {

namespace {

int itself(int e) {
  return e;
}
template <class L, int I>
int run_in_memory(int frequency) {
  return L::reversed_run(I, frequency);
}

// Tables of the forward transform are by run, in the order in which the kernels number them; of the inverse, by
// offset.
template <class L, bool Paired, int I = 1>
void append_line_twiddles(std::vector<float4>& table) {
  if constexpr (I < L::stages) {
    append_twiddles(table, L::radix(I), L::runs(I), Paired && I == L::last ? itself : run_in_memory<L, I>);
    append_line_twiddles<L, Paired, I + 1>(table);
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
          append_line_twiddles<L, false>,
          magnitude_index_of_frequency<L>,
          storage_index_of_frequency<L>};
}
template <class L, int Lines>
FastLine rows() {
  constexpr int threads = Lines * L::threads;
  return {L::length,
          {row_pass<L, Lines, PassKernel::plain>, Lines, threads, rows_shared<L, Lines>},
          {row_pass<L, Lines, PassKernel::part>, Lines, threads, rows_shared<L, Lines>},
          {row_pass<L, Lines, PassKernel::general>, Lines, threads, rows_shared<L, Lines>},
          append_line_twiddles<L, true>,
          nullptr,
          nullptr};
}

// Length, threads a line, radices; lines a block. Chosen by measuring.
const FastLine kColumns[] = {
    columns<ColumnLine<32, 4, 4, 8>, 8>(),           columns<ColumnLine<64, 16, 4, 4, 4>, 4>(),
    columns<ColumnLine<128, 32, 4, 2, 4, 4>, 2>(),   columns<ColumnLine<256, 64, 4, 4, 4, 4>, 2>(),
    columns<ColumnLine<512, 64, 8, 8, 8>, 2>(),      columns<ColumnLine<600, 64, 10, 6, 10>, 1>(),
    columns<ColumnLine<1000, 128, 10, 10, 10>, 1>(), columns<ColumnLine<1024, 128, 8, 16, 8>, 1>(),
    columns<ColumnLine<1536, 128, 12, 8, 16>, 1>(),  columns<ColumnLine<2048, 128, 16, 8, 16>, 1>(),
    columns<ColumnLine<3000, 256, 15, 20, 10>, 1>(), columns<ColumnLine<4096, 256, 16, 16, 16>, 1>(),
    columns<ColumnLine<8192, 256, 16, 16, 32>, 1>(), columns<ColumnLine<16384, 512, 16, 32, 32>, 1>(),
};
const FastLine kRows[] = {
    rows<RowLine<32, 4, 8, 4>, 8>(),
    rows<RowLine<64, 8, 4, 4, 4>, 8>(),
    rows<RowLine<128, 16, 8, 4, 4>, 4>(),
    rows<RowLine<256, 32, 8, 8, 4>, 2>(),
    rows<RowLine<512, 64, 8, 4, 4, 4>, 2>(),
    rows<RowLine<600, 64, 10, 10, 6>, 2>(),
    rows<RowLine<1000, 128, 10, 5, 5, 4>, 2>(),
    rows<RowLine<1024, 64, 8, 16, 8>, 2>(),
    rows<RowLine<1536, 64, 16, 6, 16>, 2>(),
    rows<RowLine<2048, 64, 16, 8, 16>, 2>(),
    rows<RowLine<3000, 160, 15, 20, 10>, 2>(),
    rows<RowLine<4096, 128, 16, 16, 16>, 2>(),
    rows<RowLine<8192, 256, 16, 32, 16>, 2>(),
    rows<RowLine<16384, 512, 16, 16, 4, 16>, 1>(),
};

// Many lines keep the GPU busy in any case, and the number of instructions counts, not how soon one line is done: fewer
// threads with more numbers each.
const FastLine kManyColumns[] = {
    columns<ColumnLine<128, 8, 8, 16>, 4>(),
    columns<ColumnLine<256, 16, 16, 16>, 2>(),
    columns<ColumnLine<512, 64, 8, 8, 8>, 1>(),
};
const FastLine kManyRows[] = {
    rows<RowLine<128, 8, 16, 8>, 4>(),
    rows<RowLine<256, 8, 16, 16>, 4>(),
    rows<RowLine<512, 32, 8, 8, 8>, 4>(),
};

// The kernels' own lines may have other threads, as long as radices are the same.
template <class Columns, class Rows>
OnChip on_chip(FastLine column_line, FastLine row_line) {
  using Shape = OnChipShape<Columns, Rows>;
  return {Shape::rows,
          Shape::columns,
          column_line,
          row_line,
          {iterate_on_chip<Columns, Rows, false>, 1, Shape::threads, Shape::shared},
          {iterate_on_chip<Columns, Rows, true>, 1, Shape::threads, Shape::shared}};
}
const OnChip kOnChip[] = {
    on_chip<ColumnLine<32, 4, 4, 8>, RowLine<32, 4, 8, 4>>(kColumns[0], kRows[0]),
    on_chip<ColumnLine<64, 8, 4, 4, 4>, RowLine<64, 8, 4, 4, 4>>(kColumns[1], kRows[1]),
    on_chip<ColumnLine<128, 8, 8, 16>, RowLine<128, 8, 16, 8>>(kManyColumns[0], kManyRows[0]),
};

// This many numbers keep a large GPU busy for a few microseconds.
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

const OnChip* find_on_chip(int rows, int columns, int starts, int multiprocessors) {
  for (const OnChip& shape : kOnChip)
    if (shape.rows == rows && shape.columns == columns && (starts >= multiprocessors || rows <= 32)) return &shape;
  return nullptr;
}

}  // namespace rephase::cuda
