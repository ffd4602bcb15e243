/** A pattern to look at: intensities, which of them are numbers, and where the zero frequency is taken to be. */
import { roll } from '../tools/roll.js';
import type { MaskArray, RealArray, Shape } from '../types.js';

export interface Pattern {
  /** Intensities, rows × columns; 0 where `usable` is 0. */
  intensities: Float64Array;
  /** 1 where the intensity is a number that was measured. */
  usable: Uint8Array;
  shape: Shape;
  /** Row and column of the pixel that is taken for the zero frequency. */
  zero: readonly [row: number, column: number];
  /** The numbers are counts: whole, so that their noise is known. */
  counts: boolean;
}

/** Where a detector image has its zero frequency if it is in the middle: NumPy's fftshift puts it there. */
export function middle([rows, columns]: Shape): readonly [number, number] {
  return [Math.floor(rows / 2), Math.floor(columns / 2)];
}

/** All entries that are not masked are whole numbers, and there are at least three different ones. */
export function areWhole(data: RealArray, usable: ArrayLike<number>): boolean {
  const different = new Set<number>();
  for (let i = 0; i < data.length; i++) {
    if (!usable[i]) continue;
    if (!Number.isInteger(data[i])) return false;
    if (different.size < 3) different.add(data[i]);
  }
  return different.size === 3;
}

/** The pattern with its zero frequency moved to the middle of the array, around the edges. */
export function centredPattern(pattern: Pattern): Pattern {
  const { shape, zero } = pattern;
  const [row, column] = middle(shape);
  const by = [row - zero[0], column - zero[1]] as const;
  if (by[0] === 0 && by[1] === 0) return pattern;
  const intensities = roll(pattern.intensities, shape, by);
  return { ...pattern, intensities, usable: roll(pattern.usable, shape, by), zero: [row, column] };
}

/** A mask as zeros and ones; all ones when there is none. */
export function usableOf(mask: MaskArray | undefined, pixels: number): Uint8Array {
  if (mask === undefined) return new Uint8Array(pixels).fill(1);
  const usable = new Uint8Array(pixels);
  for (let at = 0; at < pixels; at++) usable[at] = mask[at] ? 1 : 0;
  return usable;
}

/** The number below which `share` of the numbers lie: Hoare's selection (Communications of the ACM 4, 321, 1961). */
export function quantile(numbers: Float64Array, share: number): number {
  const values = numbers.slice();
  const wanted = Math.min(values.length - 1, Math.floor(share * values.length));
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let [left, right] = [low, high];
    while (left <= right) {
      while (values[left] < pivot) left++;
      while (values[right] > pivot) right--;
      if (left > right) break;
      const swapped = values[left];
      values[left++] = values[right];
      values[right--] = swapped;
    }
    if (wanted <= right) high = right;
    else if (wanted >= left) low = left;
    else break;
  }
  return values[wanted];
}
