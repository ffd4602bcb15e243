/** A constant under the pattern: dark current, stray light, a detector's pedestal. */
import type { Pattern } from './pattern.js';

/** Sides of the squares in which the pattern's contrast is measured: several speckles. */
const SQUARE = 16;
/** The share of squares that are looked at, the dimmest. */
const DIMMEST = 0.25;
/** Contrast squared below this is no speckles': theirs is about one. */
const LEAST_CONTRAST = 0.05;
/** A background of less than this share of the light changes no image. */
const LEAST_SHARE = 1e-3;

/**
 * The level of a constant background; undefined where there is none that matters. Speckles reach down to zero everywhere:
 * the variance of intensities is about the square of their mean. Where it is far less, in the dimmest parts of a pattern,
 * what is there is constant. The noise of counts is taken off the variance first.
 */
export function backgroundLevel({ intensities, usable, shape, counts }: Pattern): number | undefined {
  const [rows, columns] = shape;
  const side = Math.min(rows, columns) >= 4 * SQUARE ? SQUARE : SQUARE / 2;
  const squares: { mean: number; variance: number }[] = [];
  for (let top = 0; top + side <= rows; top += side) {
    for (let left = 0; left + side <= columns; left += side) {
      const square = momentsOf(intensities, usable, columns, top, left, side);
      if (square !== undefined) squares.push(square);
    }
  }
  squares.sort((a, b) => a.mean - b.mean);
  const dimmest = squares.slice(0, Math.ceil(DIMMEST * squares.length));
  let [excess, square, mean, uncertainty] = [0, 0, 0, 0];
  for (const part of dimmest) {
    excess += part.variance - (counts ? part.mean : 0);
    square += part.mean ** 2;
    mean += part.mean / dimmest.length;
    uncertainty += counts ? (2 * part.mean ** 2 + part.mean) / side ** 2 : 0;
  }
  if (!(square > 0)) return undefined;
  const contrast = Math.max(0, excess / square);
  if (contrast + (4 * Math.sqrt(uncertainty)) / square > LEAST_CONTRAST) return undefined;
  // The speckles on it have a contrast of about one.
  const level = mean * (1 - Math.sqrt(contrast));
  const light = intensities.reduce((sum, value) => sum + value, 0);
  return level * intensities.length > LEAST_SHARE * light ? level : undefined;
}

/** Mean and variance of a square all of whose pixels were measured. */
function momentsOf(
  data: Float64Array,
  usable: Uint8Array,
  columns: number,
  top: number,
  left: number,
  side: number,
): { mean: number; variance: number } | undefined {
  let [sum, squares] = [0, 0];
  for (let row = top; row < top + side; row++) {
    for (let at = row * columns + left; at < row * columns + left + side; at++) {
      if (!usable[at]) return undefined;
      sum += data[at];
      squares += data[at] ** 2;
    }
  }
  const mean = sum / side ** 2;
  return { mean, variance: Math.max(0, squares / side ** 2 - mean ** 2) };
}
