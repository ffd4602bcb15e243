// Lines of any length by a plan known only when the program runs, a line in shared memory where it fits and in global
// memory otherwise: correct for every length, slower than the plans of fast_lines.cu. Decimation in
// frequency forward and in time backward; `slots` and `places` say where a fast line would keep a number. Lengths with
// other prime factors than 2, 3, 5, 7, 11 and 13 become a convolution of a longer smooth length (Bluestein, IEEE Trans.
// Audio Electroacoustics 18, 451, 1970), in natural order.
#pragma once
#include "any_line.hpp"
#include "constraint.cuh"
#include "line.cuh"
#include "rules.cuh"
#include "team.cuh"

namespace rephase::cuda {

template <int R, bool Inverse>
__device__ void any_stage(Complex* x, int size, int span, const Complex* table) {
  const int m = span / R;
  for (int b = threadIdx.x; b < size / R; b += blockDim.x) {
    const int block = b / m, offset = b - block * m, p = block * span + offset;
    Complex y[R];
#pragma unroll
    for (int j = 0; j < R; j++) y[j] = x[spread(p + j * m)];
    if (!Inverse) butterfly<R, false>(y);
    if (m > 1) twiddle<R, Inverse>(y, __ldg(table + offset));
    if (Inverse) butterfly<R, true>(y);
#pragma unroll
    for (int j = 0; j < R; j++) x[spread(p + j * m)] = y[j];
  }
}

template <bool Inverse>
__device__ inline void any_stages(Complex* x, const AnyLine& line) {
  int span = Inverse ? 1 : line.size, at = Inverse ? line.size : 0;
  // The inverse meets the tables from the back; their sizes are the spans.
  if (Inverse) {
    at = 0;
    for (int i = 0, s = line.size; i < line.stages; i++) at += s /= line.radix[i];
  }
  for (int i = 0; i < line.stages; i++) {
    const int R = line.radix[Inverse ? line.stages - 1 - i : i];
    if (Inverse) {
      at -= span;
      span *= R;
    }
    const Complex* table = line.twiddles + at;
    switch (R) {
#define REPHASE_STAGE(R)                              \
  case R:                                             \
    any_stage<R, Inverse>(x, line.size, span, table); \
    break;
      REPHASE_STAGE(2)
      REPHASE_STAGE(3)
      REPHASE_STAGE(4)
      REPHASE_STAGE(5)
      REPHASE_STAGE(6)
      REPHASE_STAGE(7)
      REPHASE_STAGE(8)
      REPHASE_STAGE(10)
      REPHASE_STAGE(11)
      REPHASE_STAGE(12)
      REPHASE_STAGE(13)
      REPHASE_STAGE(15)
      REPHASE_STAGE(16)
#undef REPHASE_STAGE
    }
    if (!Inverse) {
      span /= R;
      at += span;
    }
    __syncthreads();
  }
}

// x is complete and the block is in step before and after; unnormalised.
template <bool Inverse>
__device__ inline void any_transform(Complex* x, const AnyLine& line) {
  if (!line.chirp) return any_stages<Inverse>(x, line);
  for (int k = threadIdx.x; k < line.size; k += blockDim.x) {
    Complex z = {0, 0};
    if (k < line.length) z = turn<Inverse>(x[spread(k)], line.chirp[k]);
    // The inverse is the conjugate of the conjugate's forward transform.
    x[spread(k)] = Inverse ? conjugate(z) : z;
  }
  __syncthreads();
  any_stages<false>(x, line);
  for (int p = threadIdx.x; p < line.size; p += blockDim.x) x[spread(p)] = x[spread(p)] * line.convolution[p];
  __syncthreads();
  any_stages<true>(x, line);
  for (int k = threadIdx.x; k < line.length; k += blockDim.x) {
    const Complex z = x[spread(k)] * line.chirp[k];
    x[spread(k)] = Inverse ? conjugate(z) : z;
  }
  __syncthreads();
}

// The sum over the block, for its first thread, in a fixed order.
__device__ inline float sum_of_block(float x) {
  __shared__ float shares[32];
  for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(~0u, x, offset);
  if (threadIdx.x % 32 == 0) shares[threadIdx.x / 32] = x;
  __syncthreads();
  float sum = 0;
  for (int w = 0; w < blockDim.x / 32; w++) sum += shares[w];
  __syncthreads();
  return sum;
}

// The memory for one line of this block: shared, or its own piece of `scratch`.
template <bool Shared>
__device__ inline Complex* line_memory(Complex* scratch, const AnyLine& line) {
  extern __shared__ float4 memory[];
  return Shared ? reinterpret_cast<Complex*>(memory)
                : scratch + static_cast<size_t>(blockIdx.x) * (spread(line.size) + 1);
}

// Imposes the magnitudes on a column; returns this thread's part of the misfit.
template <bool Masked>
__device__ inline float any_impose(const View& v, const AnyLine& line, Complex* x, const float* magnitudes,
                                   bool packed) {
  float misfit = 0;
  for (int p = threadIdx.x; p < line.length; p += blockDim.x) {
    const int slot = line.slots[p];
    if (!packed) {
      const Imposed c = impose<Masked>(x[spread(p)], magnitudes[slot]);
      x[spread(p)] = c.value;
      misfit += c.misfit;
      continue;
    }
    const int q = line.mirror[p];
    if (q < p) continue;  // done with its mirror image
    const Complex a = x[spread(p)], b = x[spread(q)];
    const Imposed c = impose_packed<Masked>(a, b, magnitudes[slot], v.nyquist[slot]);
    x[spread(p)] = c.value;
    misfit += c.misfit;
    if (q == p) continue;
    const Imposed d = impose_packed<Masked>(b, a, magnitudes[slot], v.nyquist[slot]);
    x[spread(q)] = d.value;
    misfit += d.misfit;
  }
  return misfit;
}

template <bool Shared>
__global__ void __launch_bounds__(kAnyThreads, 2)
    any_columns(const View v, const AnyLine line, const ColumnWork work, Complex* scratch) {
  Complex* const x = line_memory<Shared>(scratch, line);
  wait_for_previous_kernel();
  let_next_kernel_start();
  const int64_t count = static_cast<int64_t>(v.starts) * v.stored_columns;
  for (int64_t at = blockIdx.x; at < count; at += gridDim.x) {
    const int start = static_cast<int>(at / v.stored_columns), column = static_cast<int>(at % v.stored_columns);
    Complex* const spectrum = v.spectrum + v.column_base(start, column);
    for (int i = threadIdx.x; i < line.length; i += blockDim.x)
      x[spread(i)] = work.scale * spectrum[v.row_offset(work.forward ? i : line.places[i])];
    __syncthreads();
    if (work.forward) any_transform<false>(x, line);
    if (work.impose) {
      const float* magnitudes = v.magnitudes + static_cast<size_t>(column) * v.magnitude_stride;
      const bool packed = v.packed && column == 0;
      const float misfit = v.masked ? any_impose<true>(v, line, x, magnitudes, packed)
                                    : any_impose<false>(v, line, x, magnitudes, packed);
      const float sum = sum_of_block(misfit);
      if (threadIdx.x == 0) v.partials[at] = misfit_weight(v, column) * sum;
    }
    if (work.inverse) any_transform<true>(x, line);
    for (int i = threadIdx.x; i < line.length; i += blockDim.x)
      spectrum[v.row_offset(work.inverse ? i : line.places[i])] = x[spread(i)];
    __syncthreads();
  }
}

template <bool Shared>
__global__ void __launch_bounds__(kAnyThreads, 2) any_rows(const View v, const AnyLine line, const RowWork work,
                                                           const Rule rule, const int recorders, Complex* scratch) {
  Complex* const x = line_memory<Shared>(scratch, line);
  wait_for_previous_kernel();
  let_next_kernel_start();
  if (blockIdx.x < recorders) {
    const int start = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (start < v.starts) record_residual(v, start);
    return;
  }
  const int n = v.columns;
  const int64_t count = static_cast<int64_t>(v.starts) * v.pairs;
  for (int64_t at = blockIdx.x - recorders; at < count; at += gridDim.x - recorders) {
    const int start = static_cast<int>(at / v.pairs), row = static_cast<int>(at % v.pairs) * 2;
    const bool both_rows = row + 1 < v.rows;
    Complex* const spectrum = v.spectrum + v.column_base(start, 0) + v.row_offset(row);
    const size_t pixels = (static_cast<size_t>(start) * v.rows + row) * n;
    if (work.inverse) {
      for (int c = threadIdx.x; c < v.stored_columns; c += blockDim.x) {
        const float4 f = *reinterpret_cast<const float4*>(spectrum + static_cast<size_t>(c) * kTile);
        if (c > 0) {
          x[spread(line.position[c])] = {f.x - f.w, f.y + f.z};
          x[spread(line.position[n - c])] = {f.x + f.w, f.z - f.y};
        } else {
          x[spread(line.position[0])] = {f.x, f.z};
          if (v.packed) x[spread(line.position[n / 2])] = {f.y, f.w};
        }
      }
      __syncthreads();
      any_transform<true>(x, line);
    }
    for (int c = threadIdx.x; c < n; c += blockDim.x) {
      Complex z;
      if (work.inverse)
        z = work.scale * x[spread(c)];
      else
        z = {v.object[pixels + c], both_rows ? v.object[pixels + n + c] : 0.f};
      if (work.rule) {
        z.x = apply(rule, v, start, row, c, z.x, iterate_before(rule, v, start, row, c));
        z.y = both_rows ? apply(rule, v, start, row + 1, c, z.y, iterate_before(rule, v, start, row + 1, c)) : 0.f;
      }
      if (work.to_object) {
        v.object[pixels + c] = z.x;
        if (both_rows) v.object[pixels + n + c] = z.y;
      }
      x[spread(c)] = z;
    }
    __syncthreads();
    if (!work.forward) continue;
    any_transform<false>(x, line);
    for (int c = threadIdx.x; c < v.stored_columns; c += blockDim.x) {
      float4 f;
      if (c > 0) {
        const Complex z = x[spread(line.position[c])], mirror = x[spread(line.position[n - c])];
        f = {z.x + mirror.x, z.y - mirror.y, z.y + mirror.y, mirror.x - z.x};
      } else {
        const Complex zero = x[spread(line.position[0])];
        f = {2 * zero.x, 0, 2 * zero.y, 0};
        if (v.packed) {
          const Complex nyquist = x[spread(line.position[n / 2])];
          f.y = 2 * nyquist.x;
          f.w = 2 * nyquist.y;
        }
      }
      *reinterpret_cast<float4*>(spectrum + static_cast<size_t>(c) * kTile) = f;
    }
    __syncthreads();
  }
}

}  // namespace rephase::cuda
