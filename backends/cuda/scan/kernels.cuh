// Kernels that are no transforms and no sums over positions: what is given and read, constraints of several modes,
// steps by least squares, positions, residuals.
#pragma once
#include "sums.cuh"

namespace rephase::cuda {

// The index of an array's element that a thread has.
__device__ inline int64_t item() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

// Sums of a block's numbers, for its first thread, in a fixed order.
template <class T, int Count>
__device__ inline void sum_each_of_block(T (&x)[Count]) {
  __shared__ T shares[Count][32];
  for (int i = 0; i < Count; i++) {
    for (int offset = 16; offset > 0; offset /= 2) x[i] += __shfl_xor_sync(~0u, x[i], offset);
    if (threadIdx.x % 32 == 0) shares[i][threadIdx.x / 32] = x[i];
  }
  __syncthreads();
  for (int i = 0; i < Count; i++) {
    x[i] = 0;
    for (int w = 0; w < blockDim.x / 32; w++) x[i] += shares[i][w];
  }
  __syncthreads();
}

// ---- what is given and read ----

// `counts`: `count` numbers of all patterns from number `first` on; negative where not measured.
__global__ void encode_patterns(ScanView v, ScanAxis row_axis, ScanAxis column_axis, const float* counts, int64_t first,
                                int64_t count, float* magnitudes) {
  if (item() >= count) return;
  const int64_t i = first + item();
  const int pixel = static_cast<int>(i % v.pixels()), row = pixel / v.columns, column = pixel % v.columns;
  const float scale = static_cast<float>(v.pixels()), given = counts[item()];
  const int stored_row = column_axis.any.storage_index[column_axis.any.frequency_index[row]],
            stored_column = row_axis.any.storage_index[row_axis.any.frequency_index[column]];
  const size_t at = v.magnitudes_at(static_cast<int>(i / v.pixels()), stored_column) + stored_row * kStrip;
  magnitudes[at] = given < 0 ? INFINITY : sqrtf(given * scale);
}

// Reads waves as callers see them, zero frequency first where they are transformed, or writes them.
__global__ void copy_waves(ScanView v, ScanAxis row_axis, ScanAxis column_axis, Complex* given, int64_t first,
                           int64_t count, bool transformed, bool writes, float scale) {
  if (item() >= count) return;
  const int64_t i = first + item();
  const int pixel = static_cast<int>(i % v.pixels()), row = pixel / v.columns, column = pixel % v.columns;
  int at = pixel;
  if (transformed)
    at = column_axis.any.storage_index[column_axis.any.frequency_index[row]] * v.columns +
         row_axis.any.storage_index[row_axis.any.frequency_index[column]];
  Complex& wave = v.waves[i - pixel + at];
  if (writes)
    wave = scale * given[item()];
  else
    given[item()] = scale * wave;
}

// Where patches lie: of the positions in a given order, or as they are numbered.
__global__ void locate(int positions, const double* at, const uint32_t* order, Place* places) {
  const int i = static_cast<int>(item());
  if (i >= positions) return;
  const int j = order ? static_cast<int>(order[i]) : i;
  const double row = floor(at[2 * j] + 0.5), column = floor(at[2 * j + 1] + 0.5);
  places[i] = {static_cast<int>(row), static_cast<int>(column), at[2 * j] != row || at[2 * j + 1] != column, j};
}

// exp(−2πi·k·f/n) for the fraction f of a position, and of both signs of the Nyquist frequency the mean.
__global__ void make_ramps(ScanView v, ScanAxis row_axis, ScanAxis column_axis, const double* at, Complex* ramps) {
  const int length = v.rows + v.columns, i = static_cast<int>(item() % length);
  const int64_t j = item() / length;
  if (j >= v.positions) return;
  const bool is_row = i < v.rows;
  const int k = is_row ? i : i - v.rows, n = is_row ? v.rows : v.columns;
  const double position = at[2 * j + (is_row ? 0 : 1)], fraction = position - floor(position + 0.5);
  double sine = 0, cosine = 0;
  if (2 * k == n)
    cosine = cospi(fraction);
  else
    sincospi(-2. * (2 * k < n ? k : k - n) * fraction / n, &sine, &cosine);
  const AnyLine& any = is_row ? column_axis.any : row_axis.any;
  ramps[j * length + (is_row ? 0 : v.rows) + any.storage_index[any.frequency_index[k]]] = {static_cast<float>(cosine),
                                                                                           static_cast<float>(sine)};
}

// ---- waves ----

// The kept waves of a batch ← P·O.
__global__ void begin_kept_waves(ScanView v, ScanBatch batch) {
  const int64_t wave = item() / v.pixels();
  const int number = static_cast<int>(wave / v.modes), mode = static_cast<int>(wave % v.modes);
  if (number >= batch.count) return;
  const int pixel = static_cast<int>(item() % v.pixels());
  const Place at = batch.places[number];
  v.kept[(static_cast<size_t>(at.position) * v.modes + mode) * v.pixels() + pixel] =
      v.probe_at(number, mode, at.is_shifted)[pixel] * v.object_at(at, pixel / v.columns, pixel % v.columns);
}

// What `inverse_rows` does with RowSink::finish, of waves in memory. Their changes are in `moved`, or are the
// differences from what was transformed where the caller has made the waves.
__global__ void finish_waves(ScanView v, ScanBatch batch, WaveRowWork work, bool has_changes) {
  const int64_t wave = item() / v.pixels();
  const int number = static_cast<int>(wave / v.modes), mode = static_cast<int>(wave % v.modes);
  if (number >= batch.count) return;
  const int pixel = static_cast<int>(item() % v.pixels());
  const Place at = batch.places[number];
  Complex* const to = finished_wave(v, work, number, at.position, mode) + pixel;
  const Complex po =
      v.probe_at(number, mode, at.is_shifted)[pixel] * v.object_at(at, pixel / v.columns, pixel % v.columns);
  const auto change_of_given = [&] {
    const Complex before = work.keeps_waves ? combine(work.c, po, 1 - work.c, *to) : po;
    return v.waves[item()] - static_cast<float>(v.pixels()) * before;
  };
  const Complex change = has_changes ? v.moved[item()] : change_of_given();
  *to = work.keeps_waves ? finished(work, change, finish_part(work, po, to)) : work.scale * change;
}

// Gives waves in frequency their measured size, which `moved` has the changes to.
__global__ void change_waves(ScanView v, int64_t count) {
  if (item() < count) v.waves[item()] = v.waves[item()] + v.moved[item()];
}

// The constraint on several modes together. A block has 32 columns of the waves of a position, each warp every eighth
// row.
__global__ void __launch_bounds__(kSumThreads) constrain_modes(ScanView v, ScanBatch batch, WaveColumnWork work) {
  __shared__ float shares[kSumWarps][32];
  wait_for_previous_kernel();
  let_next_kernel_start();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, pieces = (v.columns + 31) / 32;
  const int number = blockIdx.x / pieces, column = blockIdx.x % pieces * 32 + lane;
  const Complex* const waves = work.from + static_cast<size_t>(number) * v.modes * v.pixels();
  Complex* const to = work.to + static_cast<size_t>(number) * v.modes * v.pixels();
  const float* const magnitudes = batch.magnitudes_at(v, number, batch.places[number], column);
  float residual = 0;
  if (column < v.columns) {
    for (int row = warp; row < v.rows; row += kSumWarps) {
      const int pixel = row * v.columns + column;
      const float m = magnitudes[row * kStrip];
      float total = 0;
      for (int mode = 0; mode < v.modes; mode++) total += power(waves[static_cast<size_t>(mode) * v.pixels() + pixel]);
      const Lack lack = lack_of(total, m);
      residual += work.count ? (m == INFINITY ? 0.f : total) : lack.size * lack.size;
      if (!work.impose) continue;
      for (int mode = 0; mode < v.modes; mode++) {
        const size_t at = static_cast<size_t>(mode) * v.pixels() + pixel;
        to[at] = imposed_change(waves[at], lack, mode);
      }
    }
  }
  shares[warp][lane] = residual;
  __syncthreads();
  if (warp > 0 || column >= v.columns || !(work.measure || work.count)) return;
  float sum = 0;
  for (int w = 0; w < kSumWarps; w++) sum += shares[w][lane];
  v.partials[static_cast<size_t>(batch.first + number) * v.columns + column] = sum;
}

// ---- least squares ----

constexpr int kNormalParts = 4, kNormals = 6;

// What the steps follow from, of a part of the pixels of each position: u = dO·p and v = dP·o against d, Σ|u|², Σ|v|²,
// Σ u·conj(v), Re Σ conj(u)·d and Re Σ conj(v)·d (Odstrčil, Menzel & Guizar-Sicairos, Optics Express 26, 3108, 2018,
// eqs. 19-25). dP at positions between pixels is in `moved`.
__global__ void __launch_bounds__(kSumThreads) sum_normals(ScanView v, ScanBatch batch, float alpha, bool updates_probe,
                                                           Most weight_most, const float* weight, float* normals) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  const int number = blockIdx.x / kNormalParts, part = blockIdx.x % kNormalParts;
  const Place at = batch.places[number];
  const float most = largest(weight_most), share = 1.f / batch.count;
  float sums[kNormals] = {};
  for (int mode = 0; mode < v.modes; mode++) {
    const size_t wave = static_cast<size_t>(number) * v.modes + mode;
    const Complex* const probe = v.probe_at(number, mode, at.is_shifted);
    const Complex* const direction =
        at.is_shifted ? v.moved + wave * v.pixels() : v.probe_sum + static_cast<size_t>(mode) * v.pixels();
    for (int pixel = part * kSumThreads + threadIdx.x; pixel < v.pixels(); pixel += kNormalParts * kSumThreads) {
      const int row = pixel / v.columns, column = pixel % v.columns;
      const size_t here = static_cast<size_t>(at.row + row) * v.object_columns + at.column + column;
      const Complex object_direction = weighted(v.object_sum[here], weight_of(weight[here], alpha, most));
      const Complex a = object_direction * probe[pixel];
      const Complex b = updates_probe ? share * direction[pixel] * v.object[here] : Complex{};
      const Complex d = v.waves[wave * v.pixels() + pixel];
      sums[0] += power(a);
      sums[1] += power(b);
      sums[2] += inner(b, a);
      sums[3] += fmaf(a.y, b.x, -a.x * b.y);
      sums[4] += inner(a, d);
      sums[5] += inner(b, d);
    }
  }
  sum_each_of_block(sums);
  if (threadIdx.x == 0)
    for (int i = 0; i < kNormals; i++) normals[static_cast<size_t>(blockIdx.x) * kNormals + i] = sums[i];
}

// The means over a batch of the steps of object and probe that fit each position's difference best. One block.
__global__ void __launch_bounds__(kSumThreads)
    find_steps(const float* normals, int count, float ridge, bool updates_probe, float* steps) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  const auto normal = [&](int number, int i) {
    double sum = 0;
    for (int part = 0; part < kNormalParts; part++)
      sum += normals[(static_cast<size_t>(number) * kNormalParts + part) * kNormals + i];
    return sum;
  };
  const auto quotient = [](double n, double d) { return d > 0 ? n / d : 0; };
  double mean[2] = {0, 0}, total[2] = {0, 0};
  for (int number = threadIdx.x; number < count; number += blockDim.x) {
    mean[0] += normal(number, 0) / count;
    mean[1] += normal(number, 1) / count;
  }
  sum_each_of_block(mean);
  for (int number = threadIdx.x; number < count; number += blockDim.x) {
    double s[kNormals];
    for (int i = 0; i < kNormals; i++) s[i] = normal(number, i);
    if (!updates_probe) {
      total[0] += fmax(0., quotient(s[4], s[0]));
      continue;
    }
    const double a11 = s[0] + ridge * mean[0], a22 = s[1] + ridge * mean[1];
    const double determinant = a11 * a22 - s[2] * s[2] - s[3] * s[3];
    total[0] += fmax(0., quotient(a22 * s[4] - s[2] * s[5], determinant));
    total[1] += fmax(0., quotient(a11 * s[5] - s[2] * s[4], determinant));
  }
  sum_each_of_block(total);
  if (threadIdx.x < 2) steps[threadIdx.x] = static_cast<float>(total[threadIdx.x] / count);
}

// ---- positions ----

// How far each position of a batch should move, to first order (Odstrčil et al., 2018, eq. 31): along each axis, the
// derivative of a wave by the position is P times the object's central difference.
__global__ void __launch_bounds__(kSumThreads) fit_positions(ScanView v, ScanBatch batch, double* moves) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  const int number = blockIdx.x;
  const Place at = batch.places[number];
  float sums[4] = {};
  for (int mode = 0; mode < v.modes; mode++) {
    const Complex* const probe = v.probe_at(number, mode, at.is_shifted);
    const Complex* const wave = v.waves + (static_cast<size_t>(number) * v.modes + mode) * v.pixels();
    for (int pixel = threadIdx.x; pixel < v.pixels(); pixel += kSumThreads) {
      const int row = at.row + pixel / v.columns, column = at.column + pixel % v.columns;
      const Complex* const object = v.object + static_cast<size_t>(row) * v.object_columns + column;
      const auto derivative = [&](bool inside, int apart) {
        return inside ? .5f * (object[apart] - object[-apart]) : Complex{};
      };
      const Complex p = probe[pixel], d = wave[pixel];
      const Complex along_rows = p * derivative(row > 0 && row + 1 < v.object_rows, v.object_columns),
                    along_columns = p * derivative(column > 0 && column + 1 < v.object_columns, 1);
      sums[0] += inner(along_rows, d);
      sums[1] += power(along_rows);
      sums[2] += inner(along_columns, d);
      sums[3] += power(along_columns);
    }
  }
  sum_each_of_block(sums);
  if (threadIdx.x < 2) {
    const double below = sums[2 * threadIdx.x + 1];
    moves[2 * static_cast<size_t>(at.position) + threadIdx.x] = below > 0 ? sums[2 * threadIdx.x] / below : 0;
  }
}

// Moves positions by at most so many pixels, by nothing on the whole, and keeps patches inside the object. One block.
__global__ void __launch_bounds__(kSumThreads)
    move_positions(ScanView v, const double* moves, double most, double* positions) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  double mean[2] = {0, 0};
  for (int j = threadIdx.x; j < v.positions; j += blockDim.x)
    for (int axis = 0; axis < 2; axis++) mean[axis] += moves[2 * j + axis] / v.positions;
  sum_each_of_block(mean);
  for (int j = threadIdx.x; j < v.positions; j += blockDim.x) {
    for (int axis = 0; axis < 2; axis++) {
      const double furthest = axis == 0 ? v.object_rows - v.rows : v.object_columns - v.columns;
      double& position = positions[2 * j + axis];
      position = fmin(fmax(position + fmin(fmax(moves[2 * j + axis] - mean[axis], -most), most), 0.), furthest);
    }
  }
}

// ---- residuals ----

// *to ← scale · Σ partials, or its root. One block.
__global__ void sum_partials(ScanView v, double scale, bool root, double* to) {
  wait_for_previous_kernel();
  let_next_kernel_start();
  double sum[1] = {0};
  const int64_t count = static_cast<int64_t>(v.positions) * v.columns;
  constexpr int together = 16;  // on their way before the first is added
  int64_t at = threadIdx.x;
  for (; at + (together - 1) * blockDim.x < count; at += together * blockDim.x) {
    float parts[together];
#pragma unroll
    for (int i = 0; i < together; i++) parts[i] = v.partials[at + i * blockDim.x];
#pragma unroll
    for (int step = 1; step < together; step *= 2) {
#pragma unroll
      for (int i = 0; i < together; i += 2 * step) parts[i] += parts[i + step];
    }
    sum[0] += parts[0];
  }
  for (; at < count; at += blockDim.x) sum[0] += v.partials[at];
  sum_each_of_block(sum);
  if (threadIdx.x == 0) *to = root ? sqrt(scale * sum[0]) : scale * sum[0];
}

}  // namespace rephase::cuda
