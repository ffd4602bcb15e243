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
#if defined(ALT)
const FastLine kFastLines[] = {
    describe<Line<32, 4, 8, 4>, 8, 8>(),
    describe<Line<64, 8, 8, 8>, 4, 4>(),
    describe<Line<128, 8, 8, 16>, 4, 4>(),
    describe<Line<256, 16, 16, 16>, 4, 4>(),
    describe<Line<512, 32, 4, 8, 16>, 2, 4>(),
    describe<Line<600, 64, 6, 10, 10>, 2, 2>(),
    describe<Line<1000, 128, 10, 10, 10>, 2, 2>(),
    describe<Line<1024, 128, 8, 4, 4, 8>, 1, 2>(),
    describe<Line<1536, 128, 12, 8, 16>, 2, 2>(),
    describe<Line<2048, 128, 8, 16, 16>, 2, 2>(),
    describe<Line<3000, 320, 6, 5, 10, 10>, 1, 2>(),
    describe<Line<4096, 128, 8, 16, 32>, 1, 2>(),
    describe<Line<8192, 512, 16, 16, 8, 4>, 1, 1>(),
    describe<Line<16384, 1024, 16, 16, 16, 4>, 1, 1>(),
};
#elif defined(V4)
const FastLine kFastLines[] = {
    describe<Line<32, 4, 8, 4>, 8, 8>(),
    describe<Line<64, 8, 8, 8>, 4, 4>(),
    describe<Line<128, 16, 4, 4, 8>, 4, 4>(),
    describe<Line<256, 64, 4, 4, 4, 4>, 2, 2>(),
    describe<Line<512, 128, 4, 4, 4, 8>, 2, 2>(),
    describe<Line<600, 128, 5, 5, 4, 6>, 2, 2>(),
    describe<Line<1000, 224, 5, 5, 5, 8>, 2, 2>(),
    describe<Line<1024, 256, 4, 4, 4, 4, 4>, 2, 2>(),
    describe<Line<1536, 96, 6, 16, 16>, 2, 2>(),
    describe<Line<2048, 128, 16, 16, 8>, 1, 2>(),
    describe<Line<3000, 320, 10, 15, 20>, 1, 2>(),
    describe<Line<4096, 256, 16, 16, 16>, 1, 2>(),
    describe<Line<8192, 256, 16, 16, 32>, 1, 2>(),
    describe<Line<16384, 1024, 16, 16, 16, 4>, 1, 1>(),
};
#else
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
#endif

}  // namespace

const FastLine* find_fast_line(int length) {
  for (const FastLine& line : kFastLines)
    if (line.length == length) return &line;
  return nullptr;
}

}  // namespace rephase::cuda
