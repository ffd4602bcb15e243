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

// Length, threads a line, radices; lines a block in the column and in the row pass. Small images want many small blocks,
// large ones small enough lines a block that several share a multiprocessor.
const FastLine kFastLines[] = {
    describe<Line<32, 4, 8, 4>, 8, 8>(),
    describe<Line<64, 8, 8, 8>, 4, 4>(),
    describe<Line<128, 16, 8, 16>, 4, 4>(),
    describe<Line<256, 32, 8, 8, 4>, 2, 2>(),
    describe<Line<512, 64, 8, 8, 8>, 2, 2>(),
    describe<Line<600, 64, 6, 10, 10>, 2, 2>(),
    describe<Line<1000, 128, 10, 10, 10>, 2, 2>(),
    describe<Line<1024, 128, 8, 4, 4, 8>, 2, 2>(),
    describe<Line<1536, 96, 6, 16, 16>, 2, 2>(),
    describe<Line<2048, 128, 16, 16, 8>, 1, 2>(),
    describe<Line<3000, 320, 6, 5, 10, 10>, 1, 2>(),
    describe<Line<4096, 256, 16, 16, 16>, 1, 2>(),
    describe<Line<8192, 512, 16, 16, 8, 4>, 1, 2>(),
    describe<Line<16384, 1024, 16, 16, 16, 4>, 1, 1>(),
};

}  // namespace

const FastLine* find_fast_line(int length) {
  for (const FastLine& line : kFastLines)
    if (line.length == length) return &line;
  return nullptr;
}

}  // namespace rephase::cuda
