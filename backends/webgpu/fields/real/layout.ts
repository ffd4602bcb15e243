/**
 * A real object and its spectrum in a session's buffers. This folder holds all that a complex object would do otherwise:
 * the layout, how lines are loaded and stored, how k and −k relate, and what a pixel is. Lengths, transforms, records and
 * the order of passes are outside it.
 *
 *     image      [start][row][column]           f32
 *     spectrum   [start][column][row]           vec2f, columns 0 … columns/2, each with padding behind it
 *     magnitudes [column][row]                  u32, one start, without padding, encoded as wgsl/constraint.ts says
 *     support    [pair of rows][butterfly]      u32, the butterflies at the far end of a row; of all starts, or
 *                                               [start][pair of rows][butterfly]
 *
 * A column of the spectrum is contiguous, and two rows of one column are one vec4f. Every number in it is twice its value:
 * splitting two rows from one transform then needs no halving. Bit k of a word of the support is the pixel of number k of
 * the butterfly in the first row, and bit 16 + k that in the second.
 */
import type { Shape } from '../../../../src/types.js';

export interface RealField {
  /** Tells the shape from every other. */
  key: string;
  rows: number;
  columns: number;
  /** Columns of the half spectrum. */
  stored: number;
  /** Numbers from one column of the spectrum to the next. */
  columnStride: number;
  /** Pairs of rows; the last may have only one. */
  pairs: number;
}

export function realField([rows, columns]: Shape): RealField {
  const pairs = Math.ceil(rows / 2);
  const stored = Math.floor(columns / 2) + 1;
  return { key: `${rows}×${columns}`, rows, columns, stored, columnStride: strideOf(2 * pairs), pairs };
}

/**
 * Columns a large power of two apart would crowd into the same memory channels, since a pass over rows touches all
 * columns at one row. (Measured on an H200: 9 % of an iteration at 8192, 6 % at 4096, nothing below.)
 */
function strideOf(rows: number): number {
  return rows % 4096 === 0 ? rows + 16 : rows;
}

export function spectrumBytes({ stored, columnStride }: RealField): number {
  return 8 * stored * columnStride;
}

export function imageBytes({ rows, columns }: RealField): number {
  return 4 * rows * columns;
}

export function magnitudesBytes({ rows, stored }: RealField): number {
  return 4 * rows * stored;
}

/** Bytes of a support, with words for `butterflies` of each pair of rows. */
export function supportBytes({ pairs }: RealField, butterflies: number): number {
  return 4 * pairs * butterflies;
}

/** The support as words, one for each of the `butterflies` of a pair of rows. */
export function packSupport(support: Uint8Array, field: RealField, butterflies: number): Uint32Array<ArrayBuffer> {
  const { rows, columns, pairs } = field;
  const words = new Uint32Array(pairs * butterflies);
  for (let row = 0; row < rows; row++) {
    const first = (row >> 1) * butterflies;
    const shift = row % 2 === 0 ? 0 : 16;
    for (let column = 0; column < columns; column++) {
      if (!support[row * columns + column]) continue;
      words[first + (column % butterflies)] |= 1 << (shift + Math.floor(column / butterflies));
    }
  }
  return words;
}

/** The reverse. */
export function unpackSupport(words: Uint32Array, { rows, columns }: RealField, butterflies: number): Uint8Array {
  const support = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const first = (row >> 1) * butterflies;
    const shift = row % 2 === 0 ? 0 : 16;
    for (let column = 0; column < columns; column++) {
      const word = words[first + (column % butterflies)];
      support[row * columns + column] = (word >> (shift + Math.floor(column / butterflies))) & 1;
    }
  }
  return support;
}
