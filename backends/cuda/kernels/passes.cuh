// The two passes of an iteration, for lengths with a plan of their own. Each block works on a few lines that are in
// registers all the way; several blocks share a multiprocessor, and one loads while another computes. The same code
// does parts of a pass, for the finest granularity: Whole compiles a kernel that does all of it, without branches.
#pragma once
#include "../fft/line.cuh"
#include "../fft/team.cuh"
#include "../fields/real.cuh"
#include "rule.cuh"
#include "weights.cuh"

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

// Reads and writes numbers that lie side by side.
template <int Count>
__device__ inline void load_numbers(const Complex* from, Complex* to) {
  if constexpr (Count % 2 == 0) {
#pragma unroll
    for (int i = 0; i < Count / 2; i++)
      reinterpret_cast<float4*>(to)[i] = __ldcg(reinterpret_cast<const float4*>(from) + i);
  } else {
    *to = __ldcg(from);
  }
}
template <int Count>
__device__ inline void store_numbers(const Complex* from, Complex* to) {
  if constexpr (Count % 2 == 0) {
#pragma unroll
    for (int i = 0; i < Count / 2; i++)
      __stcg(reinterpret_cast<float4*>(to) + i, reinterpret_cast<const float4*>(from)[i]);
  } else {
    __stcg(to, *from);
  }
}

// The same with weights; `imposed` is the column's.
template <class L>
__device__ inline WeighedSums weigh_line(const Weigh& weigh, Complex* x, int t, const float* magnitudes,
                                         Complex* imposed) {
  constexpr int R = L::radix(L::last), butterflies = L::length / R, group = magnitude_group<R>;
  WeighedSums sums;
  L::template each_butterfly<L::last>(t, [&](int i, int b) {
#pragma unroll
    for (int j = 0; j < R; j += group) {
      const int index = magnitude_index_of<R>(b, j, butterflies);
      alignas(16) float m[4];
      alignas(16) Complex last[4] = {};
      load_together<group>(magnitudes + index, m);
      bool has_weights = false;
#pragma unroll
      for (int g = 0; g < group; g++) has_weights |= m[g] > 0 && !isinf(m[g]);
      // Most of the far field of spots has none.
      if (has_weights) load_numbers<group>(imposed + index, last);
#pragma unroll
      for (int g = 0; g < group; g++) x[i + j + g] = weigh(x[i + j + g], m[g], last[g], sums);
      if (has_weights) store_numbers<group>(last, imposed + index);
    }
  });
  return sums;
}

// Multiplies what was imposed on the spectrum by what makes up for its norm.
template <class L>
__device__ inline void normalise_line(float gain, Complex* x, int t, const float* magnitudes) {
  constexpr int R = L::radix(L::last), butterflies = L::length / R, group = magnitude_group<R>;
  L::template each_butterfly<L::last>(t, [&](int i, int b) {
#pragma unroll
    for (int j = 0; j < R; j += group) {
      alignas(16) float m[4];
      load_together<group>(magnitudes + magnitude_index_of<R>(b, j, butterflies), m);
#pragma unroll
      for (int g = 0; g < group; g++)
        if (!isinf(m[g])) x[i + j + g] = gain * x[i + j + g];
    }
  });
}

// `plain` and `general` do all of a pass, for plain rules and for any; `part` does what `work` says, and so does
// `weighted`, of columns, by rules with weights. `skipping` is `plain` without some strips; what that takes would cost
// passes over all rows 3 %.
enum class PassKernel { plain, general, part, weighted, skipping };

// Columns: forward, Fourier constraint, inverse.
template <class L, int Lines, PassKernel Kind>
__global__ void __launch_bounds__(L::threads* Lines, resident_blocks(L::values, L::threads* Lines))
    column_pass(const View v, const ColumnWork work) {
  using T = Team<L::threads, Lines>;
  constexpr int R = L::radix(L::last), group = magnitude_group<R>, butterflies = L::length / R;
  constexpr int R0 = L::radix(0), M0 = L::span(1);
  constexpr bool Weighted = Kind == PassKernel::weighted, Skips = Weighted || Kind == PassKernel::skipping;
  constexpr bool Whole = !Weighted && Kind != PassKernel::part;
  const bool forward = Whole || work.forward, imposes = Whole || work.impose, inverse = Whole || work.inverse;
  const bool measures = Kind == PassKernel::part && work.measure, normalises = Weighted && work.normalise;
  const bool compares = imposes || measures || normalises;
  extern __shared__ float4 memory[];
  constexpr bool early = fetches_early<L>;
  static_assert(early || Lines == 1);
  constexpr int sums = L::threads >= 32 ? L::threads * Lines / 32 : Lines;
  __shared__ float shares[sums];
  Complex* const shared = reinterpret_cast<Complex*>(memory) + T::index() * L::footprint(2);
  float* const fetched = reinterpret_cast<float*>(reinterpret_cast<Complex*>(memory) + Lines * L::footprint(2)) +
                         T::index() * magnitudes_footprint<L>;
  const int t = T::rank();
  const unsigned at = blockIdx.x * Lines + T::index();
  const int start = at / static_cast<unsigned>(v.stored_columns), column = at % static_cast<unsigned>(v.stored_columns);
  const bool live = start < v.starts;

  const float* const magnitudes = v.magnitudes + static_cast<size_t>(column) * v.magnitude_stride;
  if (early && live && compares)
    L::template each_butterfly<L::last>(t, [&](int, int b) {
#pragma unroll
      for (int j = 0; j < R; j += group) {
        const int index = magnitude_index_of<R>(b, j, butterflies);
        fetch<4 * group>(fetched + index, magnitudes + index);
      }
    });
  if (!early && live && compares)
    for (int index = t * 32; index < L::length; index += L::threads * 32) prefetch(magnitudes + index);
  wait_for_previous_kernel();
  let_next_kernel_start();

  Complex x[L::values];
  Complex* const spectrum = v.spectrum + (live ? v.column_base(start, column) : 0);
  // f(which of the thread's numbers, where it is in memory): in the order of rows, and in that of storage indices.
  const auto each_row = [&](Strips strips, auto&& f) {
    const size_t step = M0 / kTile * v.pitch();
    L::template each_butterfly<0>(t, [&](int i, int b) {
      Complex* const first = spectrum + v.row_offset(b);
#pragma unroll
      for (int j = 0; j < R0; j++)
        if (!Skips || strips >> j & 1)
          f(i + j, M0 % kTile == 0 ? first + j * step : spectrum + v.row_offset(b + j * M0));
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

  if (forward && (!Skips || work.load == kAllStrips)) {
    each_row(kAllStrips, load);
  } else if (forward) {
#pragma unroll
    for (int i = 0; i < L::values; i++) x[i] = {0, 0};
    each_row(work.load, load);
  } else {
    each_stored(load);
  }
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
  if (early && compares) wait_for_fetches();
  const float* const line = early ? fetched : magnitudes;
  [[maybe_unused]] __shared__ float power_shares[Weighted ? sums : 1];
  if constexpr (Weighted) {
    if (imposes) {
      WeighedSums own;
      if (live)
        own = weigh_line<L>(Weigh(v, work.fourier, start), x, t, line,
                            v.weights.imposed + static_cast<size_t>(at) * v.magnitude_stride);
      T::begin_sum(shares, own.residual);
      T::begin_sum(power_shares, own.power);
      if (!inverse) T::barrier();
    } else if (normalises && live) {
      normalise_line<L>(v.weights.gains[start], x, t, line);
    }
  } else if (imposes || measures) {
    const bool packed = live && v.packed && column == 0;
    const auto constrain = [&](auto constraint) {
      return constrain_line<L, T>(constraint, v, x, shared, line, packed);
    };
    const float residual = Kind == PassKernel::general ? constrain(ApplyFourierRule{work.fourier})
                           : Whole                     ? with_plain_constraint(v, constrain)
                                                       : with_constraint(v, work.fourier, constrain);
    T::begin_sum(shares, Whole ? residual : residual + not_finite);
    if (!inverse) T::barrier();
  }
  if (inverse) L::inverse(x, shared, t, v.column_twiddles, T::barrier);
  if (!live) return;
  if (inverse)
    each_row(work.store, store);
  else if (!measures)
    each_stored(store);
  if ((imposes || measures) && t == 0) v.partials[at] = v.residual_weight(column) * T::end_sum(shares);
  if (Weighted && imposes && t == 0) v.weights.powers[at] = T::end_sum(power_shares);
}

// The line that is so many lines into the strips that are not skipped.
__device__ inline unsigned line_in_strips(const RowStrips& left, unsigned line) {
  Strips rest = left.strips;
  for (unsigned skipped = line / left.lines_per_strip; skipped > 0; skipped--) rest &= rest - 1;
  return (__ffs(rest) - 1) * left.lines_per_strip + line % left.lines_per_strip;
}

// Rows: inverse, pixel rule, forward. The first `recorders` blocks instead record the residuals that the column pass
// before has left in parts.
template <class Field, class L, int Lines, PassKernel Kind>
__global__ void __launch_bounds__(L::threads* Lines, resident_blocks(L::values, L::threads* Lines))
    row_pass(const View v, const RowWork work, const int recorders,
             const std::conditional_t<Kind == PassKernel::plain || Kind == PassKernel::skipping, PlainRule, Rule> rule,
             const RowStrips left) {
  constexpr bool Whole = Kind != PassKernel::part, Skips = Kind == PassKernel::skipping;
  constexpr int n = L::length, threads = L::threads * Lines;
  static_assert(L::radix(L::last) % 2 == 0 && threads % 32 == 0);
  // The threads of a run are neighbours, but for those of the other lines.
  static_assert(!L::is_local() || L::lanes * Lines <= 32);
  const bool inverse = Whole || work.inverse, forward = Whole || work.forward;
  extern __shared__ float4 memory[];
  wait_for_previous_kernel();
  let_next_kernel_start();
  if (blockIdx.x < recorders) {
    const int start = blockIdx.x * (threads / 32) + threadIdx.x / 32;
    if (start < v.starts) record_residual(v, start);
    return;
  }
  // Neighbouring threads have the same column of neighbouring lines: theirs are the same 32 bytes, and more.
  const int t = threadIdx.x / Lines;
  Complex* const shared = reinterpret_cast<Complex*>(memory) + threadIdx.x % Lines * L::footprint(Lines);
  const unsigned at = (blockIdx.x - recorders) * Lines + threadIdx.x % Lines, lines = Skips ? left.lines : v.row_lines;
  const int start = at / lines, row = (Skips ? line_in_strips(left, at % lines) : at % lines) * Field::rows_per_line;
  const bool live = start < v.starts;
  const auto barrier = [] {
    if constexpr (threads <= 32)
      __syncwarp();
    else
      __syncthreads();
  };

  Complex x[L::values];
  using Numbers = typename Field::Numbers;
  Numbers* const spectrum =
      reinterpret_cast<Numbers*>(v.spectrum + (live ? v.column_base(start, 0) + v.row_offset(row) : 0));
  constexpr int step = kTile / Field::rows_per_line;  // from column to column
  if (inverse)
    Field::template load_rows<L>(x, t, [&](int column) { return live ? __ldcg(spectrum + column * step) : Numbers{}; });
  if (Whole && rule.reads_iterate && live) {
    // Two rows of the iterate lie side by side.
    const float* const iterate = v.iterate + (static_cast<size_t>(start) * v.rows + row) * n * Field::pixel_floats;
    const int rows = Field::rows_per_line == 1 || row + 1 == v.rows ? 1 : 2;
    for (int i = t * 32; i < rows * n * Field::pixel_floats; i += L::threads * 32) prefetch(iterate + i);
  }
  if (inverse) L::inverse(x, shared, t, v.row_twiddles, barrier);

  constexpr float unscaled = 1 / Field::spectrum_scale;
  const float normal = Whole ? unscaled / (static_cast<float>(v.rows) * static_cast<float>(n)) : work.scale;
  const typename Field::Pixels object(v, start, row);
  if (!inverse && live) L::each_number(x, t, [&](Complex& z, int column) { z = object.read(column); });
  if constexpr (Whole) {
    if (live) Field::template apply_to_line<L>(x, t, v, rule, start, row, normal);
  } else if (work.rule) {
    if (live) Field::template apply_to_line<L>(x, t, v, rule, start, row, normal, threshold_of(rule, v, start));
  } else if (inverse) {
    L::each_number(x, t, [&](Complex& z, int) { z = normal * z; });
  }
  if (!Whole && work.to_object && live) L::each_number(x, t, [&](Complex z, int column) { object.write(column, z); });
  if (!forward) return;
  // Addresses are computed again: kept in registers since the inverse, they would push other numbers out.
  int rank = t;
  asm volatile("" : "+r"(rank));
  L::forward(x, shared, rank, v.row_twiddles, barrier);
  if (live) Field::template store_rows<L>(x, rank, [&](int column, Numbers f) { __stcg(spectrum + column * step, f); });
}

}  // namespace rephase::cuda
