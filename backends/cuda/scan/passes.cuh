// Transforms of waves in passes: rows, columns. What goes into the first and comes out of the last is made on the way,
// and the measured size is imposed between the columns' transforms.
#pragma once
#include "../fft/team.cuh"
#include "line.cuh"
#include "view.cuh"

namespace rephase::cuda {

// What a wave lacks of its measured size m where its modes have `total` counts: 0 where nothing was measured. And 1
// over its size, or 0.
struct Lack {
  float size, reciprocal;
};
__device__ inline Lack lack_of(float total, float m) {
  const float r = total > 0 ? rsqrtf(total) : 0.f;
  return {m == INFINITY ? 0.f : fmaf(-total, r, m), r};
}
// What gives a mode its measured size; arg 0 is 0. This change goes back from frequency, not the wave: what follows
// from it needs P·O no more.
__device__ inline Complex imposed_change(Complex c, Lack lack, int mode) {
  const float part = lack.size * lack.reciprocal;
  return {lack.reciprocal > 0 || mode > 0 ? part * c.x : lack.size, part * c.y};
}

// How waves differ from P·O: kept waves are subtracted here, those of a batch have been.
__device__ inline const Complex* differences(const ScanView& v, bool kept, int number, int position, int mode) {
  const Complex* const waves = kept ? v.kept : v.waves;
  return waves + (static_cast<size_t>(kept ? position : number) * v.modes + mode) * v.pixels();
}
__device__ inline Complex difference(bool kept, Complex wave, Complex p, Complex o) {
  return kept ? wave - p * o : wave;
}

// What the rule makes of a change that came back from frequency: of P·O and the kept wave, where it keeps waves, then
// what is stored.
__device__ inline Complex finish_part(const WaveRowWork& work, Complex po, const Complex* kept) {
  return work.kept_part == 0 ? work.po_part * po : combine(work.po_part, po, work.kept_part, *kept);
}
__device__ inline Complex finished(const WaveRowWork& work, Complex change, Complex part) {
  return combine(1, part, work.scale, change);
}
// Where that goes.
__device__ inline Complex* finished_wave(const ScanView& v, const WaveRowWork& work, int number, int position,
                                         int mode) {
  return (work.keeps_waves ? v.kept + (static_cast<size_t>(position) * v.modes + mode) * v.pixels()
                           : v.waves + (static_cast<size_t>(number) * v.modes + mode) * v.pixels());
}

// Which line of which wave a block's lines are.
struct WhichLine {
  int number, mode, index;
  size_t wave;
};
template <class Lines>
__device__ inline WhichLine which_line(const ScanView& v, int lines_of_wave) {
  const unsigned blocks = (lines_of_wave + Lines::lines - 1) / Lines::lines;
  const unsigned wave = blockIdx.x / blocks;
  return {static_cast<int>(wave / v.modes), static_cast<int>(wave % v.modes),
          static_cast<int>(blockIdx.x % blocks) * Lines::lines + Lines::line(), wave};
}

template <class Lines>
__global__ void __launch_bounds__(Lines::threads, Lines::min_blocks)
    forward_rows(const ScanView v, const ScanAxis axis, const ScanBatch batch, const WaveRowWork work) {
  Lines::prepare(axis);
  wait_for_previous_kernel();
  let_next_kernel_start();
  const WhichLine at = which_line<Lines>(v, v.rows);
  const bool live = at.index < v.rows;
  const int begin = at.index * v.columns;
  Lines line(axis);
  if (work.source == RowSource::modes) {
    const Complex* const from = work.from + at.wave * v.pixels() + begin;
    line.load([&](int i) { return live ? from[i] : Complex{}; });
  } else {
    const Place place = batch.places[at.number];
    if (work.only_shifted && !place.is_shifted) return;
    const Complex* const probe = v.probe_at(at.number, at.mode, place.is_shifted) + begin;
    const size_t kept_wave = static_cast<size_t>(place.position) * v.modes + at.mode;
    if (work.source == RowSource::mixture && work.c == 1) {
      line.load([&](int i) { return live ? probe[i] * v.object_at(place, at.index, i) : Complex{}; });
    } else if (work.source == RowSource::mixture) {
      const Complex* const kept = v.kept + kept_wave * v.pixels() + begin;
      line.load([&](int i) {
        return live ? combine(work.c, probe[i] * v.object_at(place, at.index, i), 1 - work.c, kept[i]) : Complex{};
      });
    } else {
      const Complex* const wave = differences(v, work.keeps_waves, at.number, place.position, at.mode) + begin;
      line.load([&](int i) {
        if (!live) return Complex{};
        const Complex o = v.object_at(place, at.index, i);
        return conjugate(o) * difference(work.keeps_waves, wave[i], probe[i], o);
      });
    }
  }
  line.forward();
  Complex* const to = work.waves + at.wave * v.pixels() + begin;
  line.each_frequency([&](Complex& x, int i) {
    if (live) to[i] = x;
  });
}

template <class Lines>
__global__ void __launch_bounds__(Lines::threads, Lines::min_blocks)
    inverse_rows(const ScanView v, const ScanAxis axis, const ScanBatch batch, const WaveRowWork work) {
  Lines::prepare(axis);
  wait_for_previous_kernel();
  let_next_kernel_start();
  const WhichLine at = which_line<Lines>(v, v.rows);
  const bool live = at.index < v.rows;
  const int begin = at.index * v.columns;
  const Place place = work.only_shifted || work.sink == RowSink::finish ? batch.places[at.number] : Place{};
  if (work.only_shifted && !place.is_shifted) return;
  Complex* const wave = work.waves + at.wave * v.pixels() + begin;
  Lines line(axis);
  line.load_frequencies([&](int i) { return live ? wave[i] : Complex{}; });
  line.inverse();
  if (!live) return;
  if (work.sink == RowSink::store) {
    line.each([&](Complex& x, int i) { wave[i] = work.scale * x; });
  } else if (work.sink == RowSink::add_probe) {
    Complex* const sum = v.probe_sum + at.wave * v.pixels() + begin;
    line.each([&](Complex& x, int i) { sum[i] = combine(work.scale, x, 1, sum[i]); });
  } else {
    const Complex* const probe = v.probe_at(at.number, at.mode, place.is_shifted) + begin;
    Complex* const to = finished_wave(v, work, at.number, place.position, at.mode) + begin;
    if (work.keeps_waves)
      line.each([&](int i) { return finish_part(work, probe[i] * v.object_at(place, at.index, i), to + i); },
                [&](Complex& x, Complex part, int i) { to[i] = finished(work, x, part); });
    else
      line.each([&](Complex& x, int i) { to[i] = work.scale * x; });
  }
}

template <class Lines>
__global__ void __launch_bounds__(Lines::threads, Lines::min_blocks)
    scan_columns(const ScanView v, const ScanAxis axis, const ScanBatch batch, const WaveColumnWork work) {
  Lines::prepare(axis);
  const WhichLine at = which_line<Lines>(v, v.columns);
  const bool live = at.index < v.columns;
  const bool constrains = work.measure || work.impose || work.count, ramps = work.shift || work.shift_back;
  const Place place = constrains || ramps || work.only_shifted ? batch.places[at.number] : Place{};
  const float* const magnitudes = batch.magnitudes_at(v, at.number, place, at.index);
  // Places stay what they are: this may come before what the kernel waits for, also where a kernel before brings the
  // patterns, because threads read past what the L2 cache held too early.
  if (constrains) {
    const int first = at.index - Lines::line();
    const float* const from =
        batch.magnitudes_at(v, at.number, place, first / kStrip * kStrip) + first % kStrip * v.rows;
    constexpr int cache_line = 32;  // numbers
    for (int i = threadIdx.x * cache_line; i < Lines::lines * v.rows; i += blockDim.x * cache_line) prefetch(from + i);
  }
  wait_for_previous_kernel();
  let_next_kernel_start();
  if (work.only_shifted && !place.is_shifted) return;
  const Complex* const from = work.from + (work.from_modes ? at.mode : at.wave) * v.pixels() + at.index;
  Complex* const to = work.to + at.wave * v.pixels() + at.index;
  const Complex* const ramp = v.ramps + static_cast<size_t>(place.position) * (v.rows + v.columns);
  const Complex column_ramp = ramps && live ? ramp[v.rows + at.index] : Complex{};

  Lines line(axis);
  const auto load = [&](int i) { return live ? from[i * v.columns] : Complex{}; };
  if (work.forward)
    line.load(load);
  else
    line.load_frequencies(load);
  if (work.shift) line.each_frequency([&](Complex& x, int i) { x = x * (ramp[i] * column_ramp); });
  if (work.forward) line.forward();
  if (constrains) {
    float residual = 0;
    line.each_frequency([&](Complex& x, int i) {
      const float m = live ? magnitudes[i * kStrip] : INFINITY, total = power(x);
      const Lack lack = lack_of(total, m);
      residual += work.count ? (m == INFINITY ? 0.f : total) : lack.size * lack.size;
      if (work.impose) x = imposed_change(x, lack, 0);
    });
    const float sum = Lines::sum(residual);
    if ((work.measure || work.count) && live && Lines::is_first())
      v.partials[static_cast<size_t>(batch.first + at.number) * v.columns + at.index] = sum;
  }
  if (work.shift_back) line.each_frequency([&](Complex& x, int i) { x = x * conjugate(ramp[i] * column_ramp); });
  if (!work.to) return;
  const auto store = [&](Complex& x, int i) {
    if (live) to[i * v.columns] = x;
  };
  if (work.inverse) {
    line.inverse();
    line.each(store);
  } else {
    line.each_frequency(store);
  }
}

}  // namespace rephase::cuda
