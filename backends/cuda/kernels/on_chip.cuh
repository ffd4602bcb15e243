// Whole iterations on chip, for many starts of a small image: each block has the half spectrum of one start in shared
// memory, which is the columns' lines, and between the passes' barriers the rows' lines too. Device memory is touched
// before and after, and by rules that keep an iterate.
#pragma once
#include "../../../core/support_size.hpp"
#include "passes.cuh"

namespace rephase::cuda {

// Columns and rows have the same number of threads in all, and a line's are in one warp.
template <class Columns, class Rows>
struct OnChipShape {
  static constexpr int rows = Columns::length, columns = Rows::length;
  static constexpr int threads = Columns::threads * columns / 2;
  static_assert(threads == Rows::threads * rows / 2 && threads % 32 == 0);
  static_assert(Columns::threads <= 32 && Rows::threads <= 32 && rows % 4 == 0);
  static constexpr int column_step = Columns::footprint(2);
  static_assert(column_step > Columns::padded(rows - 1) + 1);
  // Lines of rows that a warp interleaves.
  static constexpr int together = 32 / Rows::threads;
  static constexpr int row_step = Rows::footprint(together);
  static constexpr int numbers = column_step * columns > row_step* rows ? column_step* columns / 2 : row_step* rows / 2;
  static constexpr size_t shared = numbers * sizeof(Complex) + sizeof(float) * rows * columns / 2;
};

// A rule with a support size on the pixels of a block's threads. They find the threshold as `find_thresholds` does.
template <class L>
__device__ inline void apply_sized_to_rows(Complex* x, int t, const View& v, const Rule& rule, int start, int row,
                                           float& guess) {
  const auto count_above = [&](float threshold) {
    unsigned count = 0;
    const auto is_above = [&](float y, int r, int column) {
      const float before = rule.tested.x != 0 ? *iterate_at<float>(v, start, r, column) : 0;
      return combine(rule.tested, before, y) > threshold && is_inside(v, start, r, column);
    };
    L::each_number(x, t, [&](Complex z, int column) {
      count += is_above(z.x, row, column);
      count += is_above(z.y, row + 1, column);
    });
    return sum_of_block(count);
  };
  const size_t k = rule.support_size;
  const float threshold = threshold_of_largest(k, k / 200, guess, count_above);
  RealField::apply_to_line<L>(x, t, v, rule, start, row, 1, threshold);
}

// `General`: for any rule; otherwise for plain ones.
template <class Columns, class Rows, bool General, int Threads = OnChipShape<Columns, Rows>::threads>
__global__ void __launch_bounds__(Threads, Threads < 512 ? 512 / Threads : 1)
    iterate_on_chip(const View v, const int count, const std::conditional_t<General, Rule, PlainRule> rule) {
  using Shape = OnChipShape<Columns, Rows>;
  using T = Team<Columns::threads, Shape::threads / Columns::threads>;
  constexpr int rows = Shape::rows, columns = Shape::columns, threads = Shape::threads;
  extern __shared__ float4 memory[];
  __shared__ float shares[threads / 32];
  Complex* const numbers = reinterpret_cast<Complex*>(memory);
  float* const magnitudes = reinterpret_cast<float*>(numbers + Shape::numbers);
  // Four neighbouring columns begin in banks 0, 8, 1 and 9 of 16, for the rows' threads that read four pairs of each.
  const auto column_at = [&](int column) { return numbers + column * Shape::column_step + column / 2 % 2; };
  const auto number_at = [&](int column, int row) -> Complex& { return column_at(column)[Columns::padded(row)]; };
  const int start = blockIdx.x;
  Complex* const spectrum = v.spectrum + v.column_base(start, 0);

  for (int i = threadIdx.x; i < rows * columns / 2; i += threads)
    magnitudes[i] = v.magnitudes[static_cast<size_t>(i / rows) * v.magnitude_stride + i % rows];
  wait_for_previous_kernel();
  let_next_kernel_start();
  for (int i = threadIdx.x; i < rows * columns / 2; i += threads)
    number_at(i / rows, i % rows) = spectrum[static_cast<size_t>(i / rows) * kTile + v.row_offset(i % rows)];
  __syncthreads();

  uint32_t record = threadIdx.x == 0 ? v.recorded[start] : 0;
  float threshold_guess = 0;  // above 0 with a support size
  if constexpr (General) threshold_guess = rule.support_size > 0 ? v.thresholds[start].x : 0;
  for (int i = 0; i < count; i++) {
    // Twiddles are read again in each iteration: kept in registers, they would push other numbers out.
    const float4 *column_twiddles = v.column_twiddles, *row_twiddles = v.row_twiddles;
    asm volatile("" : "+l"(column_twiddles), "+l"(row_twiddles));
    {
      const int t = T::rank(), column = T::index();
      Complex* const shared = column_at(column);
      Complex x[Columns::values];
      Columns::template load_from_shared<0>(shared, x, t);
      Columns::forward(x, shared, t, column_twiddles, T::barrier);
      const bool packed = column == 0;
      const float* const line = magnitudes + column * rows;
      const auto constrain = [&](auto constraint) {
        return constrain_line<Columns, T>(constraint, v, x, shared, line, packed);
      };
      float residual;
      if constexpr (General)
        residual = constrain(ApplyFourierRule{rule.fourier});
      else
        residual = with_plain_constraint(v, constrain);
      residual *= v.residual_weight(column);
      for (int offset = 16; offset > 0; offset /= 2) residual += __shfl_xor_sync(~0u, residual, offset);
      if (threadIdx.x % 32 == 0) shares[threadIdx.x / 32] = residual;
      Columns::inverse(x, shared, t, column_twiddles, T::barrier);
      Columns::template store_to_shared<0>(shared, x, t);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      double sum = 0;
      for (int w = 0; w < threads / 32; w++) sum += shares[w];
      v.records[static_cast<size_t>(record++ % kRecords) * v.starts + start] = sum;
    }
    {
      const int t = threadIdx.x % 32 / Shape::together;
      const int line = threadIdx.x / 32 * Shape::together + threadIdx.x % Shape::together, row = 2 * line;
      Complex* const shared = numbers + line * Shape::row_step;
      Complex x[Rows::values];
      RealField::load_rows<Rows>(x, t, [&](int column) {
        const Complex a = number_at(column, row), b = number_at(column, row + 1);
        return float4{a.x, a.y, b.x, b.y};
      });
      __syncthreads();
      Rows::inverse(x, shared, t, row_twiddles, [] { __syncwarp(); });
      constexpr float normal = 0.5f / (rows * columns);
      if (!General || threshold_guess == 0) {
        RealField::apply_to_line<Rows>(x, t, v, rule, start, row, normal);
      } else if constexpr (General) {
        Rows::each_number(x, t, [&](Complex& z, int) { z = normal * z; });
        apply_sized_to_rows<Rows>(x, t, v, without_reflection(rule), start, row, threshold_guess);
        if (rule.reflects_iterate) apply_sized_to_rows<Rows>(x, t, v, reflection(rule), start, row, threshold_guess);
      }
      Rows::forward(x, shared, t, row_twiddles, [] { __syncwarp(); });
      __syncthreads();
      RealField::store_rows<Rows>(x, t, [&](int column, float4 f) {
        number_at(column, row) = {f.x, f.y};
        number_at(column, row + 1) = {f.z, f.w};
      });
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    v.recorded[start] = record;
    if (threshold_guess > 0) v.thresholds[start].x = threshold_guess;
  }
  for (int i = threadIdx.x; i < rows * columns / 2; i += threads)
    spectrum[static_cast<size_t>(i / rows) * kTile + v.row_offset(i % rows)] = number_at(i / rows, i % rows);
}

}  // namespace rephase::cuda
