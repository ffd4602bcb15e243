// What a session does to spectra and magnitudes of real objects, once or on request: it encodes magnitudes, makes
// starts, and converts spectra. None of it is in the loop of fused iterations. complex_spectrum.cuh is the same of
// complex objects.
#pragma once
#include "../fields/real.cuh"
#include "random_start.cuh"

namespace rephase::cuda::real_spectrum {

__device__ inline int mirrored(int k, int n) {
  return k == 0 ? 0 : n - k;
}

// `given`: rows × columns; negative where not measured. `out`: [column][magnitude index], the Nyquist column apart.
__global__ void encode_magnitudes(View v, AnyLine columns, const float* given, float doubled, float* out,
                                  float* nyquist) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int c = static_cast<int>(i / v.rows), r = static_cast<int>(i % v.rows);
  if (c >= v.stored_columns + (v.packed ? 1 : 0)) return;
  const int column = c == v.stored_columns ? v.columns / 2 : c;
  const size_t here = static_cast<size_t>(r) * v.columns + column;
  const size_t there = static_cast<size_t>(mirrored(r, v.rows)) * v.columns + mirrored(column, v.columns);
  const bool measured = given[here] >= 0, mirror_measured = given[there] >= 0;
  const float m = measured ? given[here] * doubled : 0, mirror = mirror_measured ? given[there] * doubled : 0;
  float coded = INFINITY;
  if (measured && mirror_measured)
    coded = (m + mirror) / 2;
  else if (measured)
    coded = -m;
  else if (mirror_measured)
    coded = -mirror;
  const int index = columns.magnitude_index[columns.frequency_index[r]];
  if (c == v.stored_columns)
    nyquist[index] = coded;
  else
    out[static_cast<size_t>(c) * v.magnitude_stride + index] = coded;
}

// The Hermitian part, doubled, of what is at k and at -k; under a mask only the side that was measured.
__device__ inline Wide hermitian(Wide here, Wide there, bool measured, bool mirror_measured) {
  there.y = -there.y;
  if (measured && mirror_measured) return {here.x + there.x, here.y + there.y};
  if (measured) return {2 * here.x, 2 * here.y};
  if (mirror_measured) return {2 * there.x, 2 * there.y};
  return {0, 0};
}

// Writes one stored number of a spectrum. doubled(c): the doubled Hermitian part at this row and column c.
template <class F>
__device__ inline void store_doubled(const View& v, const AnyLine& columns, int start, int r, int c, F&& doubled) {
  Wide z = doubled(c);
  if (c == 0 && v.packed) {
    const Wide nyquist = doubled(v.columns / 2);
    z = {z.x - nyquist.y, z.y + nyquist.x};
  }
  v.spectrum[v.column_base(start, c) + v.row_offset(columns.storage_index[columns.frequency_index[r]])] = {
      static_cast<float>(z.x), static_cast<float>(z.y)};
}

// The Hermitian part of M·exp(2πi·U), U from core/philox.hpp.
__global__ void start_from_seed(View v, AnyLine columns, const float* given, double scale, uint64_t seed,
                                uint32_t first_start) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int r = static_cast<int>(i / v.stored_columns), c = static_cast<int>(i % v.stored_columns);
  if (r >= v.rows) return;
  for (int start = blockIdx.y; start < v.starts; start += gridDim.y) {
    const auto random = [&](size_t pixel) {
      return random_start(given[pixel] * scale, pixel, seed, first_start + start);
    };
    store_doubled(v, columns, start, r, c, [&](int column) {
      const size_t here = static_cast<size_t>(r) * v.columns + column;
      const size_t there = static_cast<size_t>(mirrored(r, v.rows)) * v.columns + mirrored(column, v.columns);
      const bool measured = given[here] >= 0, mirror_measured = given[there] >= 0;
      return hermitian(measured ? random(here) : Wide{0, 0}, mirror_measured ? random(there) : Wide{0, 0}, measured,
                       mirror_measured);
    });
  }
}

// `given`: for each of `count` rows from `row` on, the full row of a spectrum and the full row opposite to it.
__global__ void write_spectrum(View v, AnyLine columns, int start, int row, int count, const Complex* given,
                               double scale) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int side = static_cast<int>(i % 2), c = static_cast<int>(i / 2 % v.stored_columns);
  const int k = static_cast<int>(i / 2 / v.stored_columns), n = v.columns;
  if (k >= count) return;
  const int r = side == 0 ? row + k : mirrored(row + k, v.rows);
  const Complex *here = given + static_cast<size_t>(2 * k + side) * n,
                *there = given + static_cast<size_t>(2 * k + 1 - side) * n;
  const auto wide = [&](Complex z) -> Wide { return {z.x * scale, z.y * scale}; };
  store_doubled(v, columns, start, r, c, [&](int column) {
    return hermitian(wide(here[column]), wide(there[mirrored(column, n)]), true, true);
  });
}

// Writes full rows of a spectrum at their true size.
__global__ void read_spectrum(View v, AnyLine columns, int start, int row, int count, Complex* out, float scale) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int k = static_cast<int>(i / v.columns), c = static_cast<int>(i % v.columns);
  if (k >= count) return;
  const int given = row + k;
  const bool stored = c <= v.columns / 2;
  const int r = stored ? given : mirrored(given, v.rows), column = stored ? c : v.columns - c;
  const bool nyquist = v.packed && column == v.columns / 2;
  const auto at = [&](int r) {
    return v.spectrum[v.column_base(start, nyquist ? 0 : column) +
                      v.row_offset(columns.storage_index[columns.frequency_index[r]])];
  };
  const Complex a = at(r);
  Complex z = a;
  if (v.packed && (column == 0 || nyquist)) {
    const Complex b = at(mirrored(r, v.rows));
    z = nyquist ? Complex{(a.y + b.y) / 2, (b.x - a.x) / 2} : Complex{(a.x + b.x) / 2, (a.y - b.y) / 2};
  }
  z = scale * z;
  out[i] = stored ? z : conjugate(z);
}

}  // namespace rephase::cuda::real_spectrum
