// The two passes of an iteration for lines of any length, a line in shared memory where it fits and in global memory
// otherwise. `magnitude_index` and `storage_index` say where a fast line would keep a number.
#pragma once
#include "../fft/any_transform.cuh"
#include "../fields/real.cuh"
#include "weights.cuh"

namespace rephase::cuda {

constexpr int kAnyThreads = 256;

// The memory for one line of this block: shared, or its own piece of `scratch`.
template <bool Shared>
__device__ inline Complex* line_memory(Complex* scratch, const AnyLine& line) {
  extern __shared__ float4 memory[];
  return Shared ? reinterpret_cast<Complex*>(memory)
                : scratch + static_cast<size_t>(blockIdx.x) * (spread(line.size) + 1);
}

// The Fourier constraint on a column; returns this thread's partial residual.
template <class Constraint>
__device__ inline float constrain_any_line(Constraint constraint, const View& v, const AnyLine& line, Complex* x,
                                           const float* magnitudes, bool packed) {
  float residual = 0;
  for (int p = threadIdx.x; p < line.length; p += blockDim.x) {
    const int index = line.magnitude_index[p];
    if (!packed) {
      const Imposed c = constraint(x[spread(p)], magnitudes[index]);
      x[spread(p)] = c.value;
      residual += c.residual;
      continue;
    }
    const int q = line.mirror[p];
    if (q < p) continue;  // done with its mirror image
    const Complex a = x[spread(p)], b = x[spread(q)];
    const Imposed c = RealField::constrain_packed(constraint, a, b, magnitudes[index], v.nyquist[index]);
    x[spread(p)] = c.value;
    residual += c.residual;
    if (q == p) continue;
    const Imposed d = RealField::constrain_packed(constraint, b, a, magnitudes[index], v.nyquist[index]);
    x[spread(q)] = d.value;
    residual += d.residual;
  }
  return residual;
}

// The same with weights.
__device__ inline WeighedSums weigh_any_line(const Weigh& weigh, const AnyLine& line, Complex* x,
                                             const float* magnitudes, Complex* imposed) {
  WeighedSums sums;
  for (int p = threadIdx.x; p < line.length; p += blockDim.x) {
    const int index = line.magnitude_index[p];
    x[spread(p)] = weigh(x[spread(p)], magnitudes[index], imposed[index], sums);
  }
  return sums;
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
      x[spread(i)] = work.scale * spectrum[v.row_offset(work.forward ? i : line.storage_index[i])];
    __syncthreads();
    if (work.forward) any_transform<false>(x, line);
    const auto store = [&] {
      for (int i = threadIdx.x; i < line.length; i += blockDim.x)
        spectrum[v.row_offset(work.inverse ? i : line.storage_index[i])] = x[spread(i)];
    };
    float not_finite = 0;
    if (work.measure) {
      store();
      // The constraint's approximate root would hide what is not finite.
      for (int i = threadIdx.x; i < line.length; i += blockDim.x) not_finite += 0.f * (x[spread(i)].x + x[spread(i)].y);
      __syncthreads();
    }
    const float* const magnitudes = v.magnitudes + static_cast<size_t>(column) * v.magnitude_stride;
    if (work.impose && work.fourier.has_weights()) {
      Complex* const imposed = v.weights.imposed + static_cast<size_t>(at) * v.magnitude_stride;
      const WeighedSums sums = weigh_any_line(Weigh(v, work.fourier, start), line, x, magnitudes, imposed);
      const float residual = sum_of_block(sums.residual), power = sum_of_block(sums.power);
      if (threadIdx.x == 0) v.partials[at] = residual;
      if (threadIdx.x == 0) v.weights.powers[at] = power;
    } else if (work.impose || work.measure) {
      const bool packed = v.packed && column == 0;
      const float residual = with_constraint(v, work.fourier, [&](auto constraint) {
        return constrain_any_line(constraint, v, line, x, magnitudes, packed);
      });
      const float sum = sum_of_block(residual + not_finite);
      if (threadIdx.x == 0) v.partials[at] = v.residual_weight(column) * sum;
    }
    if (work.normalise) {
      for (int p = threadIdx.x; p < line.length; p += blockDim.x)
        if (!isinf(magnitudes[line.magnitude_index[p]])) x[spread(p)] = v.weights.gains[start] * x[spread(p)];
      __syncthreads();
    }
    if (work.inverse) any_transform<true>(x, line);
    if (!work.measure) store();
    __syncthreads();
  }
}

template <class Field, bool Shared>
__global__ void __launch_bounds__(kAnyThreads, 2) any_rows(const View v, const AnyLine line, const RowWork work,
                                                           const int recorders, const Rule rule, Complex* scratch) {
  Complex* const x = line_memory<Shared>(scratch, line);
  wait_for_previous_kernel();
  let_next_kernel_start();
  if (blockIdx.x < recorders) {
    const int start = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (start < v.starts) record_residual(v, start);
    return;
  }
  const int n = v.columns;
  const int64_t count = static_cast<int64_t>(v.starts) * v.row_lines;
  for (int64_t at = blockIdx.x - recorders; at < count; at += gridDim.x - recorders) {
    const int start = static_cast<int>(at / v.row_lines),
              row = static_cast<int>(at % v.row_lines) * Field::rows_per_line;
    Complex* const spectrum = v.spectrum + v.column_base(start, 0) + v.row_offset(row);
    const typename Field::Pixels object(v, start, row);
    if (work.inverse) {
      Field::load_any_rows(x, line, spectrum, v.packed);
      __syncthreads();
      any_transform<true>(x, line);
    }
    for (int c = threadIdx.x; c < n; c += blockDim.x) {
      Complex z = work.inverse ? work.scale * x[spread(c)] : object.read(c);
      if (work.rule) z = Field::apply_to_column(v, rule, start, row, c, z);
      if (work.to_object) object.write(c, z);
      x[spread(c)] = z;
    }
    __syncthreads();
    if (!work.forward) continue;
    any_transform<false>(x, line);
    Field::store_any_rows(x, line, spectrum, v.packed);
    __syncthreads();
  }
}

}  // namespace rephase::cuda
