#include "../fields/complex.cuh"
#include "fast_lines.cuh"

namespace rephase::cuda {

namespace {

// As those of real objects; a block takes more lines, so that the numbers that it reads are side by side in memory.
// Plans of columns do as well, because no two butterflies need to be in one thread.
const FastLine kRows[] = {
    rows<ComplexField, RowLine<32, 4, 8, 4>, 8>(),
    rows<ComplexField, RowLine<64, 8, 4, 4, 4>, 8>(),
    rows<ComplexField, RowLine<128, 16, 8, 4, 4>, 4>(),
    rows<ComplexField, ColumnLine<256, 32, 8, 8, 4>, 4>(),
    rows<ComplexField, RowLine<512, 64, 8, 4, 4, 4>, 4>(),
    rows<ComplexField, RowLine<600, 64, 10, 10, 6>, 4>(),
    rows<ComplexField, RowLine<1000, 128, 10, 5, 5, 4>, 4>(),
    rows<ComplexField, ColumnLine<1024, 32, 32, 32>, 4>(),
    rows<ComplexField, RowLine<1536, 64, 16, 6, 16>, 4>(),
    rows<ComplexField, RowLine<2048, 64, 16, 8, 16>, 4>(),
    rows<ComplexField, RowLine<3000, 160, 15, 20, 10>, 2>(),
    rows<ComplexField, RowLine<4096, 128, 16, 16, 16>, 4>(),
    rows<ComplexField, RowLine<8192, 256, 16, 32, 16>, 2>(),
    rows<ComplexField, RowLine<16384, 512, 16, 16, 4, 16>, 1>(),
};
const FastLine kManyRows[] = {
    rows<ComplexField, RowLine<128, 8, 16, 8>, 4>(),
    rows<ComplexField, RowLine<256, 32, 8, 8, 4>, 4>(),
    rows<ComplexField, RowLine<512, 32, 8, 8, 8>, 4>(),
};

}  // namespace

const FastLine* find_fast_row_of_complex(int length, double rows) {
  return find_fast_row(kRows, kManyRows, length, rows);
}

}  // namespace rephase::cuda
