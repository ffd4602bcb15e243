/**
 * The packed half of a real object's spectrum: rows × ⌈columns/2⌉ complex numbers, interleaved, which are as many numbers
 * as the object has pixels where columns are even. Column 0 then holds F(r, 0) + i·F(r, columns/2): both come from real
 * sequences, so that the two are its Hermitian and its anti-Hermitian part.
 */
import type { RealArray, Shape } from '../types.js';

/** The half of a full spectrum, which is interleaved and Hermitian. */
export function packHalf(full: RealArray, [rows, columns]: Shape): RealArray {
  const width = Math.ceil(columns / 2);
  const half = likeOf(full, 2 * rows * width);
  for (let row = 0; row < rows; row++) {
    const from = 2 * row * columns;
    half.set(full.subarray(from, from + 2 * width), 2 * row * width);
    if (columns % 2 === 1) continue;
    half[2 * row * width] -= full[from + columns + 1];
    half[2 * row * width + 1] += full[from + columns];
  }
  return half;
}

/** The full spectrum, interleaved, of its half. */
export function unpackHalf(half: RealArray, [rows, columns]: Shape): RealArray {
  const width = Math.ceil(columns / 2);
  const full = likeOf(half, 2 * rows * columns);
  for (let row = 0; row < rows; row++) {
    const mirror = row === 0 ? 0 : rows - row;
    const [own, opposite] = [2 * row * width, 2 * mirror * width];
    const to = 2 * row * columns;
    for (let column = 1; column < columns; column++) {
      const isStored = column < width;
      const from = isStored ? own + 2 * column : opposite + 2 * (columns - column);
      full[to + 2 * column] = half[from];
      full[to + 2 * column + 1] = isStored ? half[from + 1] : -half[from + 1];
    }
    const [re, im, mirrorRe, mirrorIm] = [half[own], half[own + 1], half[opposite], half[opposite + 1]];
    const isPacked = columns % 2 === 0;
    full[to] = isPacked ? (re + mirrorRe) / 2 : re;
    full[to + 1] = isPacked ? (im - mirrorIm) / 2 : im;
    if (!isPacked) continue;
    full[to + columns] = (im + mirrorIm) / 2;
    full[to + columns + 1] = (mirrorRe - re) / 2;
  }
  return full;
}

function likeOf(array: RealArray, length: number): RealArray {
  return array instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
}
