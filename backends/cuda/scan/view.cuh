// A scan as kernels see it. A wave is rows × columns complex numbers, row by row, and in frequency in the storage order
// of its two axes (fft/any_line.hpp). Transforms carry no factor: a pattern is kept as √(rows·columns·counts), the size
// of such a transform.
#pragma once
#include <cstdint>

#include "../fft/any_line.hpp"
#include "../fft/complex.cuh"

namespace rephase::cuda {

constexpr uint32_t kScanRecords = 1024;
// Columns whose magnitudes lie together, row by row: as many as most blocks of the column passes have.
constexpr int kStrip = 8;

// A position: where its patch lies in the object, and whether the probe is moved by a fraction of a pixel there.
struct alignas(16) Place {
  int row, column, is_shifted, position;
};

struct ScanView {
  int positions, rows, columns, object_rows, object_columns, modes;
  // [position][strip][row][column of the strip]; infinite where not measured. On the device or on the host.
  const float* magnitudes;
  const Complex* ramps;     // [position][rows, then columns]: what moves the probe by a fraction
  Complex *object, *probe;  // [row][column], [mode][pixel]
  // [number in the batch][mode][pixel]: the waves, later their differences from P·O; the probe as it lies at positions
  // between pixels; what else is transformed.
  Complex *waves, *placed, *moved;
  Complex* kept;            // [position][mode][pixel]: the waves that a rule keeps
  Complex* probe_spectrum;  // [mode][pixel]
  // The sums that object and probe follow from: Σ conj(p)·d and Σ|p|² over the object, Σ conj(o)·d and Σ|o|² over the
  // probe. Parts from positions between pixels are summed as transforms.
  Complex *object_sum, *probe_sum, *shifted_sum;
  float *illumination, *probe_weight;
  float* partials;  // [index in the order][column] of the residual

  __host__ __device__ int pixels() const { return rows * columns; }
  // Numbers of a pattern, whose last strip may be wider than it needs to be.
  __host__ __device__ int pattern_size() const { return (columns + kStrip - 1) / kStrip * kStrip * rows; }
  // Where the magnitudes of a column of a pattern begin; they are kStrip apart.
  __device__ size_t magnitudes_at(int pattern, int column) const {
    return static_cast<size_t>(pattern) * pattern_size() + column / kStrip * kStrip * rows + column % kStrip;
  }
  __device__ const Complex* probe_at(int number, int mode, bool is_shifted) const {
    return is_shifted ? placed + (static_cast<size_t>(number) * modes + mode) * pixels()
                      : probe + static_cast<size_t>(mode) * pixels();
  }
  __device__ Complex object_at(Place at, int row, int column) const {
    return object[static_cast<size_t>(at.row + row) * object_columns + at.column + column];
  }
};

// Positions that are done together.
struct ScanBatch {
  const Place* places;
  int count;
  int first;  // its index in the order of the iteration
  // As ScanView::magnitudes, [number in the batch]: those that were brought from the host, by the kernel before. Null
  // where all are on the device.
  const float* patterns = nullptr;

  __device__ const float* magnitudes_at(const ScanView& v, int number, Place at, int column) const {
    return patterns ? patterns + v.magnitudes_at(number, column) : v.magnitudes + v.magnitudes_at(at.position, column);
  }
};

// What the rows of a forward transform are made of.
enum class RowSource {
  modes,    // one wave of each mode, from `from`
  mixture,  // c·PO + (1−c)ψ
  back,     // conj(o)·d, of positions between pixels
};
// What becomes of the rows of an inverse transform.
enum class RowSink {
  store,      // scale·wave
  finish,     // what the rule makes of a change: a difference from P·O, or a kept wave
  add_probe,  // probe_sum += scale·wave
};

struct WaveRowWork {
  Complex* waves;  // [number][mode][pixel]
  const Complex* from;
  RowSource source;
  RowSink sink;
  float scale;
  bool only_shifted;  // waves of other positions stay as they are
  bool keeps_waves;
  float c;                   // of the mixture
  float kept_part, po_part;  // of what is kept, besides scale·change
};

// What the columns do, in this order.
struct WaveColumnWork {
  Complex *from, *to;  // [number][mode][pixel]; `to` null: only the residuals are wanted
  bool from_modes;     // `from` is [mode][pixel]
  bool shift;          // multiplies by the ramps
  bool forward;
  bool measure, count;  // residuals, or counts
  bool impose;          // leaves how the wave changes that is given its measured size
  bool shift_back;      // multiplies by the ramps' conjugates
  bool inverse;
  bool only_shifted;
};

constexpr int kSumThreads = 256, kSumWarps = kSumThreads / 32;
// The object's pixels of a block, of which a thread has some rows of a column, and the probe's.
constexpr int kThreadRows = 4, kTileRows = kThreadRows * kSumWarps, kTileColumns = 32, kProbePixels = 64;

// Which sums to gather, and over what.
struct SumWork {
  bool object, illumination, probe;
  bool kept;      // differences of kept waves, not of the batch's
  bool adds;      // to what the arrays hold; otherwise they begin anew
  bool* covered;  // [tile]: whether a patch reaches it
  int object_blocks, probe_blocks;
};

// The largest of each block's numbers, of which so many are.
struct Most {
  float* values;
  int count;
};

// How object and probe move: by step·N / ((1−α)D + α max D).
struct MoveWork {
  bool object, probe;
  float alpha;
  float object_step, probe_step;
  const float* steps;          // null, or what the two steps are multiplied by
  const float* object_weight;  // D of the object
  Most object_most, probe_most;
  bool weights_probe;   // otherwise the probe moves by probe_step·N
  const bool* covered;  // null: every tile moves
  int object_blocks;
};

__device__ inline float power(Complex a) {
  return fmaf(a.x, a.x, a.y * a.y);
}
// The real part of conj(a)·b.
__device__ inline float inner(Complex a, Complex b) {
  return fmaf(a.x, b.x, a.y * b.y);
}
// sum + conj(a)·b.
__device__ inline Complex add_conjugate_product(Complex sum, Complex a, Complex b) {
  return {fmaf(a.x, b.x, fmaf(a.y, b.y, sum.x)), fmaf(a.x, b.y, fmaf(-a.y, b.x, sum.y))};
}
// a·x + b·y.
__device__ inline Complex combine(float a, Complex x, float b, Complex y) {
  return {fmaf(a, x.x, b * y.x), fmaf(a, x.y, b * y.y)};
}

}  // namespace rephase::cuda
