/**
 * Where the zero frequency is. The light is brightest around it, and the pattern of a real object is symmetric about it:
 * the convolution of the pattern with itself then has its peak at twice the centre.
 */
import { roll } from '../tools/roll.js';
import { type Pattern, middle, quantile } from './pattern.js';
import { isAsymmetric, symmetryAbout, type Symmetry } from './symmetry.js';
import { transform } from './transform.js';
import type { Shape } from '../types.js';

export interface Centre {
  /** Row and column of the pattern as it was given, each a multiple of one half where it is not whole. */
  centre: readonly [row: number, column: number];
  symmetry: Symmetry;
}

/** Longest side of the part of a pattern that is looked at: its speckles near the zero frequency are the brightest. */
const LARGEST_PART = 256;
/** Side of the square whose light tells where the pattern is brightest, as a share of the pattern's. */
const BRIGHT_SQUARE = 1 / 16;

/** The point about which the pattern is most symmetric, near where it is brightest; undefined where nothing is. */
export function findCentre(pattern: Pattern): Centre | undefined {
  const [rows, columns] = pattern.shape;
  let around = brightest(pattern);
  for (let attempt = 0; attempt < 2; attempt++) {
    const peak = mostSymmetric(pattern, around);
    if (peak === undefined) return undefined;
    const moved = Math.max(Math.abs(peak[0] - around[0]), Math.abs(peak[1] - around[1]));
    around = peak;
    if (moved < Math.min(rows, columns, LARGEST_PART) / 16) break;
  }
  const centre = [wrap(around[0], rows), wrap(around[1], columns)] as const;
  return { centre, symmetry: symmetryNear(pattern, centre) };
}

/** The symmetry about a point of a pattern that may lie across the edges of its array. */
export function symmetryNear(pattern: Pattern, [row, column]: readonly [number, number]): Symmetry {
  const [middleRow, middleColumn] = middle(pattern.shape);
  const [down, right] = [middleRow - Math.floor(row), middleColumn - Math.floor(column)];
  const moved: Pattern = {
    ...pattern,
    intensities: roll(pattern.intensities, pattern.shape, [down, right]),
    usable: roll(pattern.usable, pattern.shape, [down, right]),
  };
  return symmetryAbout(moved, [row + down, column + right]);
}

/** The other point explains the pattern and this one does not: its asymmetry is plainly smaller. */
export function isBetter(other: Symmetry, than: Symmetry): boolean {
  return isAsymmetric(than) && other.asymmetry < 0.8 * than.asymmetry;
}

function wrap(position: number, size: number): number {
  return ((position % size) + size) % size;
}

/** The middle of the square with the most magnitude, around the edges: single bright pixels count little. */
export function brightest(pattern: Pattern): [row: number, column: number] {
  const { intensities } = pattern;
  const [rows, columns] = pattern.shape;
  const [height, width] = [rows, columns].map((size) => Math.max(1, Math.round(size * BRIGHT_SQUARE)));
  // No pixel counts for more than the thousandth brightest.
  const ceiling = quantile(intensities, 0.999) || Infinity;
  const magnitudes = new Float64Array(intensities.length);
  for (let at = 0; at < magnitudes.length; at++) magnitudes[at] = Math.sqrt(Math.min(intensities[at], ceiling));
  const sums = squareSums(magnitudes, pattern.shape, height, width);
  let best = 0;
  for (let at = 1; at < sums.length; at++) if (sums[at] > sums[best]) best = at;
  return [Math.floor(best / columns) + (height - 1) / 2, (best % columns) + (width - 1) / 2];
}

/** The sum of each height × width square, at its first pixel, around the edges. */
function squareSums(data: Float64Array, [rows, columns]: Shape, height: number, width: number): Float64Array {
  const [across, sums] = [new Float64Array(data.length), new Float64Array(data.length)];
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let sum = 0;
    for (let i = 0; i < width; i++) sum += data[start + i];
    for (let i = 0; i < columns; i++) {
      across[start + i] = sum;
      sum += data[start + ((i + width) % columns)] - data[start + i];
    }
  }
  const sum = new Float64Array(columns);
  for (let row = 0; row < height; row++) for (let i = 0; i < columns; i++) sum[i] += across[row * columns + i];
  for (let row = 0; row < rows; row++) {
    const [first, next] = [row * columns, ((row + height) % rows) * columns];
    sums.set(sum, first);
    for (let i = 0; i < columns; i++) sum[i] += across[next + i] - across[first + i];
  }
  return sums;
}

/** The peak of the self-convolution of the part of the pattern around a point. */
function mostSymmetric(pattern: Pattern, [row, column]: readonly [number, number]): [number, number] | undefined {
  const [rows, columns] = pattern.shape;
  const [height, width] = [Math.min(rows, LARGEST_PART), Math.min(columns, LARGEST_PART)];
  const [top, left] = [Math.round(row) - Math.floor(height / 2), Math.round(column) - Math.floor(width / 2)];
  const speckles = specklesOf(pattern, top, left, height, width);
  const size = 2 ** Math.ceil(Math.log2(2 * Math.max(height, width)));
  const image = { re: new Float64Array(size * size), im: new Float64Array(size * size), size };
  for (let i = 0; i < height; i++) {
    image.re.set(speckles.subarray(i * width, (i + 1) * width), i * size);
  }
  transform(image);
  const { re, im } = image;
  for (let k = 0; k < re.length; k++) [re[k], im[k]] = [re[k] * re[k] - im[k] * im[k], -2 * re[k] * im[k]];
  // Of the conjugate, which makes the forward transform the inverse one.
  transform(image);
  let best = 0;
  let energy = 0;
  for (let at = 0; at < re.length; at++) {
    energy += re[at] * re[at];
    if (re[at] > re[best]) best = at;
  }
  // Of as many numbers of noise the largest is about five standard deviations.
  if (!(re[best] > 6 * Math.sqrt(energy / re.length))) return undefined;
  return [top + Math.floor(best / size) / 2, left + (best % size) / 2];
}

/** Magnitudes less their surroundings' mean, and limited, so that many speckles count alike and no single pixel does. */
function specklesOf(
  { intensities, usable, shape: [rows, columns] }: Pattern,
  top: number,
  left: number,
  height: number,
  width: number,
): Float64Array {
  const magnitudes = new Float64Array(height * width);
  const known = new Float64Array(height * width);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = wrap(top + row, rows) * columns + wrap(left + column, columns);
      if (!usable[at]) continue;
      magnitudes[row * width + column] = Math.sqrt(intensities[at]);
      known[row * width + column] = 1;
    }
  }
  const square = Math.min(7, height, width);
  const half = (square - 1) >> 1;
  const [sums, counts] = [magnitudes, known].map((data) => squareSums(data, [height, width], square, square));
  const speckles = new Float64Array(height * width);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = row * width + column;
      const square = wrap(row - half, height) * width + wrap(column - half, width);
      if (known[at]) speckles[at] = magnitudes[at] - sums[square] / counts[square];
    }
  }
  const sizes = speckles.map(Math.abs).filter((size) => size > 0);
  const limit = 10 * (quantile(sizes, 0.5) || 0);
  return speckles.map((value) => Math.max(-limit, Math.min(limit, value)));
}
