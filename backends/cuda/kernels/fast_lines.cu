#include "fast_lines.cuh"
#include "on_chip.cuh"

namespace rephase::cuda {

namespace {

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
    rows<RealField, RowLine<32, 4, 8, 4>, 8>(),
    rows<RealField, RowLine<64, 8, 4, 4, 4>, 8>(),
    rows<RealField, RowLine<128, 16, 8, 4, 4>, 4>(),
    rows<RealField, RowLine<256, 32, 8, 8, 4>, 2>(),
    rows<RealField, RowLine<512, 64, 8, 4, 4, 4>, 2>(),
    rows<RealField, RowLine<600, 64, 10, 10, 6>, 2>(),
    rows<RealField, RowLine<1000, 128, 10, 5, 5, 4>, 2>(),
    rows<RealField, RowLine<1024, 64, 8, 16, 8>, 2>(),
    rows<RealField, RowLine<1536, 64, 16, 6, 16>, 2>(),
    rows<RealField, RowLine<2048, 64, 16, 8, 16>, 2>(),
    rows<RealField, RowLine<3000, 160, 15, 20, 10>, 2>(),
    rows<RealField, RowLine<4096, 128, 16, 16, 16>, 2>(),
    rows<RealField, RowLine<8192, 256, 16, 32, 16>, 2>(),
    rows<RealField, RowLine<16384, 512, 16, 16, 4, 16>, 1>(),
};

// Many lines keep the GPU busy in any case, and the number of instructions counts, not how soon one line is done: fewer
// threads with more numbers each.
const FastLine kManyColumns[] = {
    columns<ColumnLine<128, 8, 8, 16>, 4>(),
    columns<ColumnLine<256, 16, 16, 16>, 2>(),
    columns<ColumnLine<512, 64, 8, 8, 8>, 1>(),
};
const FastLine kManyRows[] = {
    rows<RealField, RowLine<128, 8, 16, 8>, 4>(),
    rows<RealField, RowLine<256, 8, 16, 16>, 4>(),
    rows<RealField, RowLine<512, 32, 8, 8, 8>, 4>(),
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

}  // namespace

const FastLine* find_fast_column(int length, double columns) {
  const FastLine* const many = length * columns >= kMany ? find_line(kManyColumns, length) : nullptr;
  return many ? many : find_line(kColumns, length);
}
const FastLine* find_fast_row_of_real(int length, double rows) {
  return find_fast_row(kRows, kManyRows, length, rows);
}

const OnChip* find_on_chip(int rows, int columns, int starts, int multiprocessors) {
  for (const OnChip& shape : kOnChip)
    if (shape.rows == rows && shape.columns == columns && (starts >= multiprocessors || rows <= 32)) return &shape;
  return nullptr;
}

}  // namespace rephase::cuda
