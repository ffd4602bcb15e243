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

// The rule of a block's rows, whose iterates stay in registers from one iteration to the next. Each thread has the
// pixels that are its numbers of two rows.
template <class L, int Threads>
class RowsOnChip {
 public:
  // Reads what the last launch left.
  __device__ RowsOnChip(const View& v, const Rule& rule, int start, int row, int t)
      : v_(v), rule_(rule), start_(start), row_(row), t_(t) {
    if (rule.support_size > 0) guess_ = v.thresholds[start].x;
    if (!rule.reads_iterate) return;
    L::each_number(x_, t, [&](Complex& x, int column) {
      x = {*iterate_at<float>(v, start, row, column), *iterate_at<float>(v, start, row + 1, column)};
    });
  }
  // Writes what the next one goes on from.
  __device__ void store() {
    if (rule_.support_size > 0 && threadIdx.x == 0) v_.thresholds[start_].x = guess_;
    if (!rule_.keeps_iterate) return;
    L::each_number(x_, t_, [&](Complex x, int column) {
      *iterate_at<float>(v_, start_, row_, column) = x.x;
      *iterate_at<float>(v_, start_, row_ + 1, column) = x.y;
    });
  }

  // Makes the image to transform next of the new one, which is `normal` too large.
  __device__ void apply(Complex* y, float normal) {
    if (rule_.reflects_largest && !v_.support) return reflect_largest(y, normal, Everywhere{}, Everywhere{});
    const Inside<L> first_row(v_, start_, row_, t_), second_row(v_, start_, row_ + 1, t_);
    if (rule_.reflects_largest) return reflect_largest(y, normal, first_row, second_row);
    const auto each = [&](auto&& f) { each_pixel(y, first_row, second_row, f); };
    each([&](float& y, float, bool) { y *= normal; });
    const bool reflects_sized = rule_.support_size > 0 && rule_.reflects_iterate;
    const Rule rule = reflects_sized ? without_reflection(rule_) : rule_;
    float threshold = kNoThreshold;
    if (rule.support_size > 0)
      threshold = find_threshold(each, [&](float y, float x) { return combine(rule.tested, x, y); });
    each([&](float& y, float& x, bool inside) { y = next_image(rule, inside, y, x, threshold); });
    if (!reflects_sized) return;
    threshold = find_threshold(each, [](float, float x) { return x; });
    each([&](float& y, float x, bool inside) { y = reflected(rule, !inside || x <= threshold, x); });
  }

 private:
  // See `Rule`. The threshold of an iterate is found once: as it is reflected, for the next iteration too.
  template <class Support>
  __device__ void reflect_largest(Complex* y, float normal, const Support& first_row, const Support& second_row) {
    const auto each = [&](auto&& f) { each_pixel(y, first_row, second_row, f); };
    const auto iterate = [](float, float x) { return x; };
    if (threshold_ < 0) threshold_ = find_threshold(each, iterate);
    // `normal` is a power of two: products with it are not rounded.
    const auto normalized = [&](Combination c) -> Combination { return {c.x, c.y * normal}; };
    const Combination largest = normalized(rule_.iterate.satisfied), others = normalized(rule_.iterate.violated);
    const auto is_largest = [&](float x, bool inside) { return inside && x > threshold_; };
    each([&](float y, float& x, bool inside) {
      x = is_largest(x, inside) ? combine(largest, x, y) : combine(others, x, y);
    });
    threshold_ = find_threshold(each, iterate);
    each([&](float& y, float x, bool inside) { y = is_largest(x, inside) ? x : -x; });
  }

  // f(number, its iterate, whether it is inside the support), for all pixels of the thread.
  template <class Support, class F>
  __device__ void each_pixel(Complex* y, const Support& first_row, const Support& second_row, F&& f) {
#pragma unroll
    for (int i = 0; i < L::values; i++) {
      f(y[i].x, x_[i].x, first_row[i]);
      f(y[i].y, x_[i].y, second_row[i]);
    }
  }

  // tested(number, its iterate). See core/support_size.hpp.
  template <class Each, class Tested>
  __device__ float find_threshold(Each&& each, Tested&& tested) {
    const uint32_t k = rule_.support_size;
    return threshold_of_largest(k, k / 200, guess_, [&](float threshold) {
      uint32_t count = 0;
      each([&](float y, float x, bool inside) { count += inside && tested(y, x) > threshold; });
      return sum_of_block(count);
    });
  }

  // With one barrier: calls take turns at two places.
  __device__ uint32_t sum_of_block(uint32_t count) {
    constexpr int warps = Threads / 32;
    __shared__ uint32_t shares[2][warps];
    uint32_t* const of_warp = shares[turn_];
    turn_ = !turn_;
    count = sum_of_warp(count);
    const int lane = threadIdx.x % 32;
    if (lane == 0) of_warp[threadIdx.x / 32] = count;
    __syncthreads();
    return sum_of_warp(lane < warps ? of_warp[lane] : 0);
  }

  const View& v_;
  const Rule& rule_;
  const int start_, row_, t_;
  Complex x_[L::values] = {};
  float guess_ = 0, threshold_ = -1;  // the latter not known yet
  bool turn_ = false;
};

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
  const int line = threadIdx.x / 32 * Shape::together + threadIdx.x % Shape::together;
  [[maybe_unused]] auto on_rows = [&] {
    if constexpr (General)
      return RowsOnChip<Rows, threads>(v, rule, start, 2 * line, threadIdx.x % 32 / Shape::together);
    else
      return 0;
  }();
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
        residual =
            rule.fourier.general ? constrain(ApplyFourierRule{rule.fourier}) : with_plain_constraint(v, constrain);
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
      const int row = 2 * line;
      Complex* const shared = numbers + line * Shape::row_step;
      Complex x[Rows::values];
      RealField::load_rows<Rows>(x, t, [&](int column) {
        const Complex a = number_at(column, row), b = number_at(column, row + 1);
        return float4{a.x, a.y, b.x, b.y};
      });
      __syncthreads();
      Rows::inverse(x, shared, t, row_twiddles, [] { __syncwarp(); });
      constexpr float normal = 0.5f / (rows * columns);
      if constexpr (General)
        on_rows.apply(x, normal);
      else
        RealField::apply_to_line<Rows>(x, t, v, rule, start, row, normal);
      Rows::forward(x, shared, t, row_twiddles, [] { __syncwarp(); });
      __syncthreads();
      RealField::store_rows<Rows>(x, t, [&](int column, float4 f) {
        number_at(column, row) = {f.x, f.y};
        number_at(column, row + 1) = {f.z, f.w};
      });
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) v.recorded[start] = record;
  if constexpr (General) on_rows.store();
  for (int i = threadIdx.x; i < rows * columns / 2; i += threads)
    spectrum[static_cast<size_t>(i / rows) * kTile + v.row_offset(i % rows)] = number_at(i / rows, i % rows);
}

}  // namespace rephase::cuda
