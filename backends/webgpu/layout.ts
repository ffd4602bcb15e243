/**
 * Where everything lies in a session's buffers.
 *
 * - A spectrum is the half that determines the rest, columns 0 … columns/2, stored [start][column][row], so that a
 *   column is contiguous and a pair of rows of one column is one vec4f; columns may have padding behind them.
 *   Everything in it is twice its value: splitting two rows from one transform then needs no halving.
 * - Magnitudes are stored like one start of it, [column][row] without padding, encoded as constraint.ts says.
 * - Images are row-major, [start][row][column].
 * - The support has a word for each butterfly at the far end of a pair of rows, with bit k for its number k in the first
 *   row and bit 16 + k for the second.
 */
import type { Shape } from '../../src/types.js';

export interface Layout {
  rows: number;
  columns: number;
  /** Columns of the half spectrum. */
  stored: number;
  /** Numbers from one column of the spectrum to the next. */
  columnStride: number;
  /** Pairs of rows; the last may have only one. */
  pairs: number;
}

export function layoutOf([rows, columns]: Shape): Layout {
  const pairs = Math.ceil(rows / 2);
  return { rows, columns, stored: Math.floor(columns / 2) + 1, columnStride: strideOf(2 * pairs), pairs };
}

/**
 * Columns a large power of two apart would crowd into the same memory channels, since a pass over rows touches all
 * columns at one place. (Measured on an H200: 9 % of an iteration at 8192, 6 % at 4096, nothing below.)
 */
function strideOf(rows: number): number {
  return rows % 4096 === 0 ? rows + 16 : rows;
}

export function spectrumBytes({ stored, columnStride }: Layout): number {
  return 8 * stored * columnStride;
}

export function imageBytes({ rows, columns }: Layout): number {
  return 4 * rows * columns;
}

export function magnitudesBytes({ rows, stored }: Layout): number {
  return 4 * rows * stored;
}

/** The support as words, `count` butterflies a row. */
export function packSupport(support: Uint8Array, { rows, columns, pairs }: Layout, count: number) {
  const words = new Uint32Array(pairs * count);
  for (let row = 0; row < rows; row++) {
    const first = (row >> 1) * count;
    const shift = row % 2 === 0 ? 0 : 16;
    for (let column = 0; column < columns; column++) {
      if (support[row * columns + column]) words[first + (column % count)] |= 1 << (shift + Math.floor(column / count));
    }
  }
  return words;
}
