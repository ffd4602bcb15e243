// A session as kernels see it, and how a spectrum lies in memory.
//
// A spectrum is stored as tiles of kTile rows, [start][tile][column][row in tile]: a column's piece of a tile is half a
// cache line, which the column pass reads whole, and the row pass, whose neighbouring blocks share it, stays within one
// tile. Of an even number of columns the zero and the Nyquist frequency, real once rows are transformed, make one
// complex column, so that columns/2 are stored; of an odd number (columns + 1)/2. Everything in it is twice its value:
// splitting two rows from one transform then needs no halving.
//
// Three orders of a column's frequencies, once columns are transformed as well:
// - frequency index: where the transform leaves a frequency.
// - storage index: its row in memory, in the order in which the column's threads have the numbers: number j of the last
//   stage's butterfly b is in row b + j·butterflies.
// - magnitude index: where its magnitude is, so that a thread finds four side by side.
//
// That is a real object's. Of a complex one all columns are stored, none packed, at their true size; its arrays of
// pixels are interleaved.
#pragma once
#include <cstdint>

#include "../fft/complex.cuh"
#include "../rule.hpp"

namespace rephase::cuda {

constexpr int kTile = 8;
constexpr uint32_t kRecords = 1024;

// Of Fourier rules with weights, see weights.cuh.
struct Weights {
  Complex* imposed = nullptr;  // last, [start][column][magnitude index]; null without such a rule
  float* powers;               // squares of its norm, [start][stored column]
  float* gains;                // [start]
  double energy;               // the square of the norm that it should have
};

struct View {
  Complex* spectrum;
  const float* magnitudes;  // [column][magnitude index], as many times their size, coded as core/constraint.hpp says
  const float* nyquist;     // [magnitude index], where it is packed
  float* object;            // [start][row][column]
  float* iterate;           // likewise; null before the first rule that keeps it
  const uint32_t* support;  // [start][row][word], see `support_bit`; null: everywhere
  float* partials;          // [start][stored column] of the residual
  double* records;          // [record % kRecords][start]
  uint32_t* recorded;       // how many, [start]
  const float* sizes;       // of the object's pixels, [row][column], where they are known
  float2* thresholds;       // of support sizes, [start]: x that of the last image, y that of the next rule's
  int rows, columns, starts, stored_columns, tiles, row_lines, magnitude_stride, support_words;
  uint32_t support_step;                         // 2³² / support_words, rounded up
  int support_rows;                              // from start to start; 0: all starts share a support
  const float4 *row_twiddles, *column_twiddles;  // twiddles of lines with a plan of their own, see twiddles.hpp
  float weight, zero_weight;                     // of a column's part of the residual, of column 0's
  bool packed, masked;
  Weights weights;

  __host__ __device__ size_t pitch() const { return static_cast<size_t>(stored_columns) * kTile; }
  __host__ __device__ size_t column_base(int start, int column) const {
    return static_cast<size_t>(start) * tiles * pitch() + static_cast<size_t>(column) * kTile;
  }
  __host__ __device__ float residual_weight(int column) const { return column > 0 ? weight : zero_weight; }
  // Bit j of word i of a row is column i + j·support_words: where rows have a plan of their own, the columns of one
  // butterfly of the first stage are in one word.
  __host__ __device__ int support_bit(int column) const {
    return static_cast<int>(static_cast<uint64_t>(column) * support_step >> 32);
  }
  // The words of a row of a start's support.
  __host__ __device__ size_t support_row(int start, int row) const {
    return (static_cast<size_t>(start) * support_rows + row) * support_words;
  }
  __host__ __device__ size_t row_offset(int row) const {
    return static_cast<size_t>(row / kTile) * pitch() + row % kTile;
  }
};

// Magnitudes that a thread finds side by side: four, where the radix of the last stage allows.
template <int R>
constexpr int magnitude_group = R % 4 == 0   ? 4
                                : R % 2 == 0 ? 2
                                             : 1;

// The magnitude index of number j of the last stage's butterfly b, of so many.
template <int R>
__host__ __device__ constexpr int magnitude_index_of(int b, int j, int butterflies) {
  return (j / magnitude_group<R> * butterflies + b) * magnitude_group<R> + j % magnitude_group<R>;
}

// Strips of an image's rows, a bit each, from the first row on: those of one number of a column's first butterflies. A
// row pass skips strips where no pixel of the support lies, if its rule clears them; the column pass before does not
// store them, and the one after takes them for zero.
using Strips = uint32_t;
constexpr Strips kAllStrips = ~0u;

// Which parts of the column pass to do, in this order. `scale` multiplies what is loaded. `measure` leaves the partial
// residuals and does not change the spectrum; nothing else but `forward` goes with it.
struct ColumnWork {
  bool forward = false, impose = false, inverse = false;
  float scale = 1;
  bool measure = false;
  FourierRule fourier = {};
  bool normalise = false;                        // what weights imposed, before the inverse
  Strips load = kAllStrips, store = kAllStrips;  // of rows; the others are zero, or stay as they are
  bool any() const { return forward || impose || inverse; }
};
struct RowWork {
  bool inverse;  // from the spectrum; otherwise from the object
  bool rule;
  bool to_object;
  bool forward;  // to the spectrum
  float scale;   // of what comes out of the inverse
};
// The lines of a row pass that skips some strips, in one and in all that are left.
struct RowStrips {
  Strips strips = kAllStrips;
  unsigned lines_per_strip = 0, lines = 0;
};

}  // namespace rephase::cuda
