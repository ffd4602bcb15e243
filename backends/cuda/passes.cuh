// The two passes of an iteration, for lengths with a plan of their own. Each block works on a few lines that are in
// registers all the way; several blocks share a multiprocessor, and one loads while another computes.
#pragma once
#include "constraint.cuh"
#include "line.cuh"
#include "rules.cuh"
#include "team.cuh"

namespace rephase::cuda {

// Blocks a multiprocessor has to have room for: 64 registers a thread hold 16 numbers and what it takes to transform
// them, 128 hold 32.
template <class L>
constexpr int resident_blocks(int lines) {
  const int resident = L::values > 20 ? 512 : 1024, threads = L::threads * lines;
  // 16 is the most that every GPU takes.
  return threads >= resident ? 1 : resident / threads > 16 ? 16 : resident / threads;
}

template <class L>
constexpr int magnitudes_footprint = (L::length + 3) / 4 * 4;

template <class L, int Lines>
constexpr size_t columns_shared = Lines*(L::footprint * sizeof(Complex) + magnitudes_footprint<L> * sizeof(float));
template <class L, int Lines>
constexpr size_t rows_shared = Lines* L::footprint * sizeof(Complex);

// Of number j of the last stage's butterfly b: see View.
template <class L>
__device__ inline int slot(int b, int j) {
  constexpr int R = L::radix(L::last), butterflies = L::length / R;
  return R % 4 == 0 ? (j / 4 * butterflies + b) * 4 + j % 4 : b * R + j;
}

// Imposes the magnitudes on a line that is in frequency; returns this thread's part of the misfit. In the packed column
// each number needs the one at the opposite frequency as well, which some other thread has.
template <bool Masked, class L, class T>
__device__ inline float impose_line(const View& v, Complex* x, Complex* shared, const float* magnitudes, bool packed) {
  constexpr int R = L::radix(L::last);
  const int t = T::rank();
  float misfit = 0;
  if (T::any(packed)) {
    L::template put<L::last>(shared, x, t);
    T::barrier();
    if (packed) {
      L::template each_butterfly<L::last>(t, [&](int i, int b) {
#pragma unroll
        for (int j = 0; j < R; j++) {
          const Complex opposite = shared[L::padded(v.column_mirror[b * R + j])];
          const Imposed c =
              impose_packed<Masked>(x[i + j], opposite, magnitudes[slot<L>(b, j)], v.nyquist[slot<L>(b, j)]);
          x[i + j] = c.value;
          misfit += c.misfit;
        }
      });
    }
    T::barrier();
  }
  if (!packed) {
    L::template each_butterfly<L::last>(t, [&](int i, int b) {
#pragma unroll
      for (int j = 0; j < R; j++) {
        const Imposed c = impose<Masked>(x[i + j], magnitudes[slot<L>(b, j)]);
        x[i + j] = c.value;
        misfit += c.misfit;
      }
    });
  }
  return misfit;
}

// Columns: forward, Fourier constraint, inverse. Each block has the cache fetch what the one `ahead` of it will load, 0
// for none: so that the memory is busy while everyone computes.
template <class L, int Lines>
__global__ void __launch_bounds__(L::threads* Lines, resident_blocks<L>(Lines))
    columns_turn(const View v, const unsigned ahead) {
  using T = Team<L::threads, Lines>;
  constexpr int R = L::radix(L::last), group = R % 4 == 0 ? 4 : R % 2 == 0 ? 2 : 1;
  constexpr int R0 = L::radix(0), M0 = L::span(1);
  extern __shared__ float4 memory[];
  __shared__ float shares[L::threads >= 32 ? L::threads * Lines / 32 : Lines];
  Complex* const shared = reinterpret_cast<Complex*>(memory) + T::index() * L::footprint;
  float* const magnitudes = reinterpret_cast<float*>(reinterpret_cast<Complex*>(memory) + Lines * L::footprint) +
                            T::index() * magnitudes_footprint<L>;
  const int t = T::rank();
  const unsigned at = blockIdx.x * Lines + T::index();
  const int start = at / static_cast<unsigned>(v.stored_columns), column = at % static_cast<unsigned>(v.stored_columns);
  const bool live = start < v.starts;

  if (live) {
    const float* source = v.magnitudes + static_cast<size_t>(column) * v.magnitude_stride;
    L::template each_butterfly<L::last>(t, [&](int, int b) {
#pragma unroll
      for (int j = 0; j < R; j += group) fetch<4 * group>(magnitudes + slot<L>(b, j), source + slot<L>(b, j));
    });
  }
  wait_for_previous_kernel();
  let_next_kernel_start();

  Complex x[L::values];
  Complex* const spectrum = v.spectrum + (live ? v.column_base(start, column) : 0);
  const size_t step = M0 / kTile * v.pitch();
  L::template each_butterfly<0>(t, [&](int i, int b) {
    const Complex* from = spectrum + v.row_offset(b);
#pragma unroll
    for (int j = 0; j < R0; j++)
      x[i + j] = !live ? Complex{0, 0} : M0 % kTile == 0 ? from[j * step] : spectrum[v.row_offset(b + j * M0)];
  });
  if (ahead && blockIdx.x + ahead < gridDim.x) {
    const unsigned later = min(at + ahead * Lines, v.starts * static_cast<unsigned>(v.stored_columns) - 1);
    const unsigned column = later % static_cast<unsigned>(v.stored_columns);
    const Complex* numbers = v.spectrum + v.column_base(later / static_cast<unsigned>(v.stored_columns), column);
    for (int i = t; i < L::length / kTile; i += L::threads) prefetch(numbers + i * v.pitch());
    const float* magnitudes = v.magnitudes + static_cast<size_t>(column) * v.magnitude_stride;
    for (int i = t * 32; i < L::length; i += L::threads * 32) prefetch(magnitudes + i);
  }
  L::forward(x, shared, t, v.column_twiddles, T::barrier);
  wait_for_fetches();

  const bool packed = live && v.packed && column == 0;
  const float misfit = v.masked ? impose_line<true, L, T>(v, x, shared, magnitudes, packed)
                                : impose_line<false, L, T>(v, x, shared, magnitudes, packed);
  T::begin_sum(shares, misfit);
  L::inverse(x, shared, t, v.column_twiddles, T::barrier);
  if (!live) return;
  L::template each_butterfly<0>(t, [&](int i, int b) {
    Complex* to = spectrum + v.row_offset(b);
#pragma unroll
    for (int j = 0; j < R0; j++) {
      if (M0 % kTile == 0)
        to[j * step] = x[i + j];
      else
        spectrum[v.row_offset(b + j * M0)] = x[i + j];
    }
  });
  if (t == 0) v.partials[at] = misfit_weight(v, column) * T::end_sum(shares);
}

// Rows: inverse, pixel rule, forward. A line is two neighbouring rows, one the real and one the imaginary part. The
// first `recorders` blocks instead record the residuals that the column pass before has left in parts.
template <class L, int Lines>
__global__ void __launch_bounds__(L::threads* Lines, resident_blocks<L>(Lines))
    rows_turn(const View v, const Rule rule, const int recorders, const unsigned ahead) {
  using T = Team<L::threads, Lines>;
  constexpr int n = L::length, threads = L::threads, columns = (n + 1) / 2;
  constexpr int R0 = L::radix(0), M0 = L::span(1), rounds = (columns + threads - 1) / threads;
  extern __shared__ float4 memory[];
  Complex* const lines = reinterpret_cast<Complex*>(memory);
  wait_for_previous_kernel();
  let_next_kernel_start();
  if (blockIdx.x < recorders) {
    const int start = blockIdx.x * (threads * Lines / 32) + threadIdx.x / 32;
    if (start < v.starts) record_residual(v, start);
    return;
  }
  const unsigned first = (blockIdx.x - recorders) * Lines, pairs = v.pairs;

  // Neighbouring threads take the same column of neighbouring pairs: theirs are the same 32 bytes, and more.
  const int pair = threadIdx.x % Lines, begin = threadIdx.x / Lines;
  const unsigned loaded = first + pair;
  const bool loads = loaded < v.starts * pairs;
  Complex* const spectrum =
      v.spectrum + (loads ? v.column_base(loaded / pairs, 0) + v.row_offset(loaded % pairs * 2) : 0);
  Complex* const line = lines + pair * L::footprint;
  float4 both[rounds];
#pragma unroll
  for (int i = 0; i < rounds; i++) {
    const int c = begin + i * threads;
    if (loads && (columns % threads == 0 || c < columns))
      both[i] = *reinterpret_cast<const float4*>(spectrum + static_cast<size_t>(c) * kTile);
    else
      both[i] = {0, 0, 0, 0};
  }
  if (ahead && blockIdx.x + ahead < gridDim.x) {
    // What a block's rows and its neighbours' take together is one piece of memory: each fetches an equal share of it.
    constexpr size_t share = static_cast<size_t>(Lines) * 2 * columns;
    const Complex* numbers = v.spectrum + (blockIdx.x - recorders + ahead) * share;
    for (int i = threadIdx.x * 16; i < share; i += threads * Lines * 16) prefetch(numbers + i);
  }
#pragma unroll
  for (int i = 0; i < rounds; i++) {
    const int c = begin + i * threads;
    if (columns % threads != 0 && c >= columns) break;
    const float4 f = both[i];  // row x in x, y; row y in z, w
    if (c > 0) {
      line[L::padded(L::position(c))] = {f.x - f.w, f.y + f.z};
      line[L::padded(L::position(n - c))] = {f.x + f.w, f.z - f.y};
    } else {
      line[0] = {f.x, f.z};
      if (n % 2 == 0) line[L::padded(L::position(n / 2))] = {f.y, f.w};
    }
  }
  __syncthreads();

  const int t = T::rank();
  Complex* const shared = lines + T::index() * L::footprint;
  Complex x[L::values];
  L::template take<L::last>(shared, x, t);
  L::inverse(x, shared, t, v.row_twiddles, T::barrier);

  const unsigned at = first + T::index();
  const int start = at / pairs, row = at % pairs * 2;
  const float normal = 0.5f / (static_cast<float>(v.rows) * static_cast<float>(n));
  const bool both_rows = row + 1 < v.rows;
  if (!v.support && !rule.keeps_iterate) {
    // Without looking anything up, a pixel is one multiplication.
    const float bad = rule.bad_y * normal, good = rule.good_y * normal;
    const float second_bad = both_rows ? bad : 0, second_good = both_rows ? good : 0;
    L::template each_butterfly<0>(t, [&](int i, int) {
#pragma unroll
      for (int j = 0; j < R0; j++) {
        x[i + j].x *= x[i + j].x < 0 ? bad : good;
        x[i + j].y *= x[i + j].y < 0 ? second_bad : second_good;
      }
    });
  } else if (start < v.starts) {
    L::template each_butterfly<0>(t, [&](int i, int b) {
#pragma unroll
      for (int j = 0; j < R0; j++) {
        const int c = b + j * M0;
        x[i + j].x = apply(rule, v, start, row, c, x[i + j].x * normal);
        x[i + j].y = both_rows ? apply(rule, v, start, row + 1, c, x[i + j].y * normal) : 0.f;
      }
    });
  }
  L::forward(x, shared, t, v.row_twiddles, T::barrier);
  L::template put<L::last>(shared, x, t);
  __syncthreads();
  if (!loads) return;
#pragma unroll
  for (int i = 0; i < rounds; i++) {
    const int c = begin + i * threads;
    if (columns % threads != 0 && c >= columns) break;
    float4 f;
    if (c > 0) {
      const Complex z = line[L::padded(L::position(c))], mirror = line[L::padded(L::position(n - c))];
      f = {z.x + mirror.x, z.y - mirror.y, z.y + mirror.y, mirror.x - z.x};
    } else {
      const Complex zero = line[0];
      f = {2 * zero.x, 0, 2 * zero.y, 0};
      if (n % 2 == 0) {
        const Complex nyquist = line[L::padded(L::position(n / 2))];
        f.y = 2 * nyquist.x;
        f.w = 2 * nyquist.y;
      }
    }
    *reinterpret_cast<float4*>(spectrum + static_cast<size_t>(c) * kTile) = f;
  }
}

}  // namespace rephase::cuda
