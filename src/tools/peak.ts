/** Peaks of transforms between the points at which a fast transform gives them. */
import type { RealArray, Shape } from '../types.js';

/** The transform is looked at in so many steps of a pixel, between which a parabola finds its peak. */
const STEPS = 8;

/**
 * Where, within a pixel of a `peak` in whole ones, the inverse transform of a spectrum has the largest size. `frequency`: the number that
 * an index of the spectrum stands for along an axis of this length.
 */
export function peakNear(
  spectrum: RealArray,
  [rows, columns]: Shape,
  peak: readonly [number, number],
  frequency: (index: number, length: number) => number = signed,
): [number, number] {
  const offsets = Array.from({ length: 2 * STEPS + 1 }, (_, i) => (i - STEPS) / STEPS);
  const heights: number[][] = [];
  for (const down of offsets) {
    // Summed over rows first, for every column.
    const sums = new Float64Array(2 * columns);
    for (let row = 0; row < rows; row++) {
      const angle = (2 * Math.PI * frequency(row, rows) * (peak[0] + down)) / rows;
      const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
      for (let column = 0; column < columns; column++) {
        const k = 2 * (row * columns + column);
        sums[2 * column] += spectrum[k] * cosine - spectrum[k + 1] * sine;
        sums[2 * column + 1] += spectrum[k] * sine + spectrum[k + 1] * cosine;
      }
    }
    const along: number[] = [];
    for (const right of offsets) {
      let [re, im] = [0, 0];
      for (let column = 0; column < columns; column++) {
        const angle = (2 * Math.PI * frequency(column, columns) * (peak[1] + right)) / columns;
        const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
        re += sums[2 * column] * cosine - sums[2 * column + 1] * sine;
        im += sums[2 * column] * sine + sums[2 * column + 1] * cosine;
      }
      along.push(Math.hypot(re, im));
    }
    heights.push(along);
  }
  const tallest = heights.map((along) => Math.max(...along));
  const i = tallest.indexOf(Math.max(...tallest));
  const j = heights[i].indexOf(tallest[i]);
  const rowPeak = parabolaPeak(
    heights.map((along) => along[j]),
    i,
  );
  return [peak[0] + (rowPeak - STEPS) / STEPS, peak[1] + (parabolaPeak(heights[i], j) - STEPS) / STEPS];
}

/** Where the parabola through three neighbouring numbers is largest. */
function parabolaPeak(numbers: readonly number[], at: number): number {
  if (at === 0 || at === numbers.length - 1) return at;
  // It is the first of the largest, so that the one before is smaller and the parabola has a peak.
  const [before, here, after] = numbers.slice(at - 1, at + 2);
  return at + (before - after) / (2 * (before - 2 * here + after));
}

/** An index of a transform as the frequency around zero that it stands for. */
export function signed(index: number, length: number): number {
  return 2 * index < length ? index : index - length;
}
