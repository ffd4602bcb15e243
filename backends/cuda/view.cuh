// What kernels see of a session, and how a spectrum lies in memory.
//
// A spectrum is stored as tiles of kTile rows, [start][tile][column][row in tile]: a column's piece of a tile is half a
// cache line, which the column pass reads whole, and the row pass, whose neighbouring blocks share it, stays within one
// tile. Of an even number of columns the zero and the Nyquist frequency, real once rows are transformed, make one
// complex column, so that columns/2 are stored; of an odd number (columns + 1)/2. Everything in it is twice its value:
// splitting two rows from one transform then needs no halving.
//
// Once columns are transformed as well, a column's frequencies are in the order in which its threads have them: number
// j of the last stage's butterfly b is in row b + j·butterflies. Their magnitudes are in slots, so that a thread finds
// four side by side.
#pragma once
#include <cstdint>

#include "complex.cuh"

namespace rephase::cuda {

constexpr int kTile = 8;
constexpr uint32_t kRecords = 1024;

struct View {
  Complex* spectrum;
  const float* magnitudes;  // [column][slot], symmetrised, doubled, coded as core/constraint.hpp says
  const float* nyquist;     // [slot], where it is packed
  float* object;            // [start][row][column]
  float* iterate;           // likewise, for rules with memory
  const uint32_t* support;  // [row][word], a bit a column; null: everywhere
  float* partials;          // [start][stored column] of the residual
  double* records;          // [record % kRecords][start]
  uint32_t* recorded;       // how many, [start]
  int rows, columns, starts, stored_columns, tiles, pairs, magnitude_stride, support_words;
  const float4 *row_turns, *column_turns;  // twiddles of lines with a plan of their own, see turns.hpp
  bool packed, masked;

  __host__ __device__ size_t pitch() const { return static_cast<size_t>(stored_columns) * kTile; }
  __host__ __device__ size_t column_base(int start, int column) const {
    return static_cast<size_t>(start) * tiles * pitch() + static_cast<size_t>(column) * kTile;
  }
  __host__ __device__ size_t row_offset(int row) const {
    return static_cast<size_t>(row / kTile) * pitch() + row % kTile;
  }
};

// Number j of the last stage's butterfly b, of so many: four of a thread's numbers side by side, where the radix
// allows.
template <int R>
__host__ __device__ constexpr int slot_of(int b, int j, int butterflies) {
  return R % 4 == 0   ? (j / 4 * butterflies + b) * 4 + j % 4
         : R % 2 == 0 ? (j / 2 * butterflies + b) * 2 + j % 2
                      : j * butterflies + b;
}

}  // namespace rephase::cuda
