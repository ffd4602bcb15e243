#include "fast_lines.hpp"

#include "passes.cuh"

namespace rephase::cuda {

namespace {

template <class L, int ColumnLines, int RowLines>
FastLine describe() {
  FastLine line = {L::length, L::stages, {}, {}, {}};
  for (int i = 0; i < L::stages; i++) line.radix[i] = L::radix(i);
  line.columns = {reinterpret_cast<const void*>(columns_turn<L, ColumnLines>), ColumnLines, ColumnLines * L::threads,
                  columns_shared<L, ColumnLines>};
  line.rows = {reinterpret_cast<const void*>(rows_turn<L, RowLines>), RowLines, RowLines * L::threads,
               rows_shared<L, RowLines>};
  return line;
}

// Length, threads a line, radices; lines a block in the column and in the row pass. Chosen by measuring.
const FastLine kFastLines[] = {
    describe<Line<32, 4, 8, 4>, 8, 8>(),
    describe<Line<64, 8, 8, 8>, 4, 4>(),
    describe<Line<128, 16, 4, 4, 8>, 4, 4>(),
    describe<Line<256, 64, 4, 4, 4, 4>, 2, 2>(),
    describe<Line<512, 128, 4, 4, 4, 8>, 2, 2>(),
    describe<Line<600, 128, 5, 5, 4, 6>, 2, 2>(),
    describe<Line<1000, 128, 10, 10, 10>, 2, 2>(),
    describe<Line<1024, 128, 8, 4, 4, 8>, 2, 2>(),
    describe<Line<1536, 128, 12, 8, 16>, 2, 2>(),
    describe<Line<2048, 128, 16, 16, 8>, 1, 2>(),
    describe<Line<3000, 320, 6, 5, 10, 10>, 1, 2>(),
    describe<Line<4096, 256, 16, 16, 16>, 1, 2>(),
    describe<Line<8192, 256, 16, 16, 32>, 1, 2>(),
    describe<Line<16384, 1024, 16, 16, 16, 4>, 1, 1>(),
};

// Where lines are many, what counts is not how soon one is done but how few instructions it takes: fewer threads with
// more numbers each.
const FastLine kFastLinesForMany[] = {
    describe<Line<128, 8, 8, 16>, 4, 4>(),
    describe<Line<256, 16, 16, 16>, 4, 4>(),
    describe<Line<512, 32, 4, 8, 16>, 2, 4>(),
};

// As many numbers as keep a large GPU busy for a few microseconds.
constexpr double kMany = 1 << 20;

}  // namespace

const FastLine* find_fast_line(int length, double lines) {
  if (length * lines >= kMany)
    for (const FastLine& line : kFastLinesForMany)
      if (line.length == length) return &line;
  for (const FastLine& line : kFastLines)
    if (line.length == length) return &line;
  return nullptr;
}

}  // namespace rephase::cuda
