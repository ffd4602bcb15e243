// The two passes of an iteration, for lengths with a plan of their own. Each block works on a few lines that are in
// registers all the way; several blocks share a multiprocessor, and one loads while another computes. The same code
// does parts of a pass, for the finest granularity: Whole compiles a kernel that does all of it, without branches.
#pragma once
#include "../fft/line.cuh"
#include "../fft/team.cuh"
#include "../fields/real.cuh"
#include "rule.cuh"

namespace rephase::cuda {

// Blocks a multiprocessor has to have room for: 64 registers a thread hold 16 numbers and what it takes to transform
// them, 128 hold 32.
constexpr int resident_blocks(int values, int threads) {
  const int resident = values > 20 ? 512 : 1024;
  // 16 is the most that every GPU takes.
  return threads >= resident ? 1 : resident / threads > 16 ? 16 : resident / threads;
}

template <class L>
constexpr int magnitudes_footprint = (L::length + 3) / 4 * 4;

// Whether magnitudes are fetched into shared memory while the kernel before still runs. Those of long lines would leave
// too little of the L1 cache to the twiddles, and are only brought into the L2 cache.
template <class L>
constexpr bool fetches_early = L::length < 2048;
template <class L, int Lines>
constexpr size_t columns_shared = Lines*(L::footprint(2) * sizeof(Complex) +
                                         (fetches_early<L> ? magnitudes_footprint<L> * sizeof(float) : 0));
template <class L, int Lines>
constexpr size_t rows_shared = Lines* L::footprint(Lines) * sizeof(Complex);

template <int Count>
__device__ inline void load_together(const float* from, float* to) {
  if constexpr (Count == 4)
    *reinterpret_cast<float4*>(to) = *reinterpret_cast<const float4*>(from);
  else if constexpr (Count == 2)
    *reinterpret_cast<float2*>(to) = *reinterpret_cast<const float2*>(from);
  else
    *to = *from;
}

// The Fourier constraint on a line that is in frequency; returns this thread's part of the residual. In the packed
// column each number needs the one at the opposite frequency as well, which some other thread has.
template <class L, class T, class Constraint>
__device__ inline float constrain_line(Constraint constraint, const View& v, Complex* x, Complex* shared,
                                       const float* magnitudes, bool packed) {
  constexpr int R = L::radix(L::last), butterflies = L::length / R;
  const int t = T::rank();
  float residual = 0;
  if (T::any(packed)) {
    L::template store_to_shared<L::last>(shared, x, t);
    T::barrier();
    if (packed) {
      L::template each_butterfly<L::last>(t, [&](int i, int b) {
#pragma unroll
        for (int j = 0; j < R; j++) {
          const int k = L::frequency_of_run(L::last, b) + j * butterflies,
                    index = magnitude_index_of<R>(b, j, butterflies);
          const Complex opposite = shared[L::padded(L::frequency_index(k == 0 ? 0 : L::length - k))];
          const Imposed c =
              RealField::constrain_packed(constraint, x[i + j], opposite, magnitudes[index], v.nyquist[index]);
          x[i + j] = c.value;
          residual += c.residual;
        }
      });
    }
    T::barrier();
  }
  if (!packed) {
    L::template each_butterfly<L::last>(t, [&](int i, int b) {
#pragma unroll
      for (int j = 0; j < R; j += magnitude_group<R>) {
        alignas(16) float m[4];
        load_together<magnitude_group<R>>(magnitudes + magnitude_index_of<R>(b, j, butterflies), m);
#pragma unroll
        for (int g = 0; g < magnitude_group<R>; g++) {
          const Imposed c = constraint(x[i + j + g], m[g]);
          x[i + j + g] = c.value;
          residual += c.residual;
        }
      }
    });
  }
  return residual;
}

// `plain` and `general` do all of a pass, for plain rules and for any; `part` does what `work` says.
enum class PassKernel { plain, general, part };

// Columns: forward, Fourier constraint, inverse.
template <class L, int Lines, PassKernel Kind>
__global__ void __launch_bounds__(L::threads* Lines, resident_blocks(L::values, L::threads* Lines))
    column_pass(const View v, const ColumnWork work) {
  using T = Team<L::threads, Lines>;
  constexpr int R = L::radix(L::last), group = magnitude_group<R>, butterflies = L::length / R;
  constexpr int R0 = L::radix(0), M0 = L::span(1);
  constexpr bool Whole = Kind != PassKernel::part;
  const bool forward = Whole || work.forward, imposes = Whole || work.impose, inverse = Whole || work.inverse;
  const bool measures = !Whole && work.measure;
  extern __shared__ float4 memory[];
  constexpr bool early = fetches_early<L>;
  static_assert(early || Lines == 1);
  __shared__ float shares[L::threads >= 32 ? L::threads * Lines / 32 : Lines];
  Complex* const shared = reinterpret_cast<Complex*>(memory) + T::index() * L::footprint(2);
  float* const fetched = reinterpret_cast<float*>(reinterpret_cast<Complex*>(memory) + Lines * L::footprint(2)) +
                         T::index() * magnitudes_footprint<L>;
  const int t = T::rank();
  const unsigned at = blockIdx.x * Lines + T::index();
  const int start = at / static_cast<unsigned>(v.stored_columns), column = at % static_cast<unsigned>(v.stored_columns);
  const bool live = start < v.starts;

  const float* const magnitudes = v.magnitudes + static_cast<size_t>(column) * v.magnitude_stride;
  if (early && live && (imposes || measures))
    L::template each_butterfly<L::last>(t, [&](int, int b) {
#pragma unroll
      for (int j = 0; j < R; j += group) {
        const int index = magnitude_index_of<R>(b, j, butterflies);
        fetch<4 * group>(fetched + index, magnitudes + index);
      }
    });
  if (!early && live && (imposes || measures))
    for (int index = t * 32; index < L::length; index += L::threads * 32) prefetch(magnitudes + index);
  wait_for_previous_kernel();
  let_next_kernel_start();

  Complex x[L::values];
  Complex* const spectrum = v.spectrum + (live ? v.column_base(start, column) : 0);
  // f(which of the thread's numbers, where it is in memory): in the order of rows, and in that of storage indices.
  const auto each_row = [&](auto&& f) {
    const size_t step = M0 / kTile * v.pitch();
    L::template each_butterfly<0>(t, [&](int i, int b) {
      Complex* const first = spectrum + v.row_offset(b);
#pragma unroll
      for (int j = 0; j < R0; j++) f(i + j, M0 % kTile == 0 ? first + j * step : spectrum + v.row_offset(b + j * M0));
    });
  };
  const auto each_stored = [&](auto&& f) {
    L::template each_butterfly<L::last>(t, [&](int i, int b) {
#pragma unroll
      for (int j = 0; j < R; j++) f(i + j, spectrum + v.row_offset(b + j * butterflies));
    });
  };
  const auto load = [&](int i, const Complex* from) { x[i] = live ? __ldcg(from) : Complex{0, 0}; };
  const auto store = [&](int i, Complex* to) { __stcg(to, x[i]); };

  if (forward)
    each_row(load);
  else
    each_stored(load);
  if (!Whole && work.scale != 1) {
#pragma unroll
    for (int i = 0; i < L::values; i++) x[i] = work.scale * x[i];
  }
  if (forward) L::forward(x, shared, t, v.column_twiddles, T::barrier);
  float not_finite = 0;
  if (measures) {
    if (live) each_stored(store);
    // The constraint's approximate root would hide what is not finite.
    L::template each_butterfly<L::last>(t, [&](int i, int) {
#pragma unroll
      for (int j = 0; j < R; j++) not_finite += 0.f * (x[i + j].x + x[i + j].y);
    });
  }
  if (imposes || measures) {
    if (early) wait_for_fetches();
    const bool packed = live && v.packed && column == 0;
    const float* const line = early ? fetched : magnitudes;
    const auto constrain = [&](auto constraint) {
      return constrain_line<L, T>(constraint, v, x, shared, line, packed);
    };
    const float residual = Kind == PassKernel::general ? constrain(ApplyFourierRule{work.fourier})
                           : Kind == PassKernel::plain ? with_plain_constraint(v, constrain)
                                                       : with_constraint(v, work.fourier, constrain);
    T::begin_sum(shares, Whole ? residual : residual + not_finite);
    if (!inverse) T::barrier();
  }
  if (inverse) L::inverse(x, shared, t, v.column_twiddles, T::barrier);
  if (!live) return;
  if (inverse)
    each_row(store);
  else if (!measures)
    each_stored(store);
  if ((imposes || measures) && t == 0) v.partials[at] = RealField::residual_weight(v, column) * T::end_sum(shares);
}

// f(one of the thread's numbers, its column), after the first stage's inverse.
template <class L, class F>
__device__ inline void each_pixel(Complex* x, int t, F&& f) {
  constexpr int R0 = L::radix(0), M0 = L::span(1);
  L::template each_butterfly<0>(t, [&](int i, int b) {
#pragma unroll
    for (int j = 0; j < R0; j++) f(x[i + j], b + j * M0);
  });
}

// The rule on two rows of pixels, which are `normal` too large. Sets a row beyond the last one to zero.
// R, threshold: see `apply`.
template <class L, class R>
__device__ inline void apply_to_rows(Complex* x, int t, const View& v, const R& rule, int start, int row, float normal,
                                     float threshold = kNoThreshold) {
  constexpr int R0 = L::radix(0), M0 = L::span(1);
  const bool both_rows = row + 1 < v.rows;
  if (!v.support && rule.scales) {
    // Without looking anything up, a pixel is one multiplication, and where it is cleared not even a choice.
    const float violated = rule.next.violated.y * normal, satisfied = rule.next.satisfied.y * normal;
    const float second_violated = both_rows ? violated : 0, second_satisfied = both_rows ? satisfied : 0;
    if (violated == 0) {
      each_pixel<L>(x, t, [&](Complex& z, int) { z = {fmaxf(satisfied * z.x, 0), fmaxf(second_satisfied * z.y, 0)}; });
      return;
    }
    each_pixel<L>(x, t, [&](Complex& z, int) {
      z.x *= z.x < 0 ? violated : satisfied;
      z.y *= z.y < 0 ? second_violated : second_satisfied;
    });
    return;
  }
  L::template each_butterfly<0>(t, [&](int i, int b) {
    // Several are read before any is written, so that reading them takes as long as one does.
    constexpr int together = L::values > 20 || R0 % 4 != 0 ? R0 : 4;
#pragma unroll
    for (int first = 0; first < R0; first += together) {
      float before[2 * together];
#pragma unroll
      for (int j = 0; j < together; j++) {
        before[2 * j] = iterate_before(rule, v, start, row, b + (first + j) * M0);
        before[2 * j + 1] = both_rows ? iterate_before(rule, v, start, row + 1, b + (first + j) * M0) : 0.f;
      }
#pragma unroll
      for (int j = 0; j < together; j++) {
        const int column = b + (first + j) * M0;
        Complex& z = x[i + first + j];
        z.x = apply(rule, v, start, row, column, z.x * normal, before[2 * j], threshold);
        z.y = both_rows ? apply(rule, v, start, row + 1, column, z.y * normal, before[2 * j + 1], threshold) : 0.f;
      }
    }
  });
}

// Rows: inverse, pixel rule, forward. A line is two neighbouring rows, one the real and one the imaginary part. The
// first `recorders` blocks instead record the residuals that the column pass before has left in parts.
template <class L, int Lines, PassKernel Kind>
__global__ void __launch_bounds__(L::threads* Lines, resident_blocks(L::values, L::threads* Lines))
    row_pass(const View v, const RowWork work, const int recorders,
             const std::conditional_t<Kind == PassKernel::plain, PlainRule, Rule> rule) {
  constexpr bool Whole = Kind != PassKernel::part;
  constexpr int n = L::length, threads = L::threads * Lines;
  static_assert(L::radix(L::last) % 2 == 0 && threads % 32 == 0);
  const bool inverse = Whole || work.inverse, forward = Whole || work.forward;
  extern __shared__ float4 memory[];
  wait_for_previous_kernel();
  let_next_kernel_start();
  if (blockIdx.x < recorders) {
    const int start = blockIdx.x * (threads / 32) + threadIdx.x / 32;
    if (start < v.starts) record_residual(v, start);
    return;
  }
  // Neighbouring threads have the same column of neighbouring pairs: theirs are the same 32 bytes, and more.
  const int t = threadIdx.x / Lines;
  Complex* const shared = reinterpret_cast<Complex*>(memory) + threadIdx.x % Lines * L::footprint(Lines);
  const unsigned at = (blockIdx.x - recorders) * Lines + threadIdx.x % Lines, pairs = v.pairs;
  const int start = at / pairs, row = at % pairs * 2;
  const bool live = start < v.starts, both_rows = row + 1 < v.rows;
  const auto barrier = [] {
    if constexpr (threads <= 32)
      __syncwarp();
    else
      __syncthreads();
  };

  Complex x[L::values];
  float4* const spectrum =
      reinterpret_cast<float4*>(v.spectrum + (live ? v.column_base(start, 0) + v.row_offset(row) : 0));
  constexpr int step = kTile / 2;  // from column to column
  if (inverse)
    RealField::load_rows<L>(x, t, [&](int column) {
      return live ? __ldcg(spectrum + column * step) : float4{0, 0, 0, 0};
    });
  if (Whole && rule.reads_iterate && live) {
    // The two rows of the iterate lie side by side.
    const float* const iterate = v.iterate + (static_cast<size_t>(start) * v.rows + row) * n;
    for (int i = t * 32; i < (both_rows ? 2 * n : n); i += L::threads * 32) prefetch(iterate + i);
  }
  if (inverse) L::inverse(x, shared, t, v.row_twiddles, barrier);

  const float normal = Whole ? 0.5f / (static_cast<float>(v.rows) * static_cast<float>(n)) : work.scale;
  float* const object = v.object + (static_cast<size_t>(start) * v.rows + row) * n;
  if (!inverse && live)
    each_pixel<L>(x, t, [&](Complex& z, int column) { z = {object[column], both_rows ? object[n + column] : 0.f}; });
  if constexpr (Whole) {
    if (live) apply_to_rows<L>(x, t, v, rule, start, row, normal);
  } else if (work.rule) {
    if (live) apply_to_rows<L>(x, t, v, rule, start, row, normal, threshold_of(rule, v, start));
  } else if (inverse) {
    each_pixel<L>(x, t, [&](Complex& z, int) { z = normal * z; });
  }
  if (!Whole && work.to_object && live)
    each_pixel<L>(x, t, [&](Complex z, int column) {
      object[column] = z.x;
      if (both_rows) object[n + column] = z.y;
    });
  if (!forward) return;
  // Addresses are computed again: kept in registers since the inverse, they would push other numbers out.
  int rank = t;
  asm volatile("" : "+r"(rank));
  L::forward(x, shared, rank, v.row_twiddles, barrier);
  if (live) RealField::store_rows<L>(x, rank, [&](int column, float4 f) { __stcg(spectrum + column * step, f); });
}

}  // namespace rephase::cuda
