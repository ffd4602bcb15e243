/** Conversion between the spectra that callers see, row by row, and those that the device keeps, column by column. */
import type { RealArray } from '../../../../src/types.js';
import type { Field } from '../field.js';

export function toStored(full: RealArray, field: Field, scale: number): Float32Array<ArrayBuffer> {
  const stored = new Float32Array(2 * field.columns * field.columnStride);
  eachNumber(field, (to, from) => {
    stored[to] = full[from] * scale;
    stored[to + 1] = full[from + 1] * scale;
  });
  return stored;
}

export function fromStored(stored: Float32Array, field: Field, scale: number): Float32Array<ArrayBuffer> {
  const full = new Float32Array(2 * field.rows * field.columns);
  eachNumber(field, (from, to) => {
    full[to] = stored[from] / scale;
    full[to + 1] = stored[from + 1] / scale;
  });
  return full;
}

/** Where each number's real part is in what is stored, and in the full spectrum. */
function eachNumber({ rows, columns, columnStride }: Field, visit: (stored: number, full: number) => void): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      visit(2 * (column * columnStride + row), 2 * (row * columns + column));
    }
  }
}
