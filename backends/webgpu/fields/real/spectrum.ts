/** Conversion between the full spectra that callers see and the doubled half that the device keeps. */
import type { RealArray } from '../../../../src/types.js';
import type { Field } from '../field.js';

/** The Hermitian part of a full spectrum, (A(k) + conj A(−k)) / 2, doubled and scaled. */
export function toStored(full: RealArray, { rows, columns, stored, columnStride }: Field, scale: number) {
  const half = new Float32Array(2 * stored * columnStride);
  for (let row = 0; row < rows; row++) {
    const rowStart = row * columns;
    const mirrorRowStart = (row === 0 ? 0 : rows - row) * columns;
    for (let column = 0; column < stored; column++) {
      const at = 2 * (rowStart + column);
      const mirror = 2 * (mirrorRowStart + (column === 0 ? 0 : columns - column));
      const to = 2 * (column * columnStride + row);
      half[to] = (full[at] + full[mirror]) * scale;
      half[to + 1] = (full[at + 1] - full[mirror + 1]) * scale;
    }
  }
  return half;
}

export function fromStored(half: Float32Array, { rows, columns, stored, columnStride }: Field, scale: number) {
  const full = new Float32Array(2 * rows * columns);
  const factor = 0.5 / scale;
  for (let row = 0; row < rows; row++) {
    const mirrorRow = row === 0 ? 0 : rows - row;
    for (let column = 0; column < columns; column++) {
      const isStored = column < stored;
      const from = 2 * (isStored ? column * columnStride + row : (columns - column) * columnStride + mirrorRow);
      const to = 2 * (row * columns + column);
      full[to] = half[from] * factor;
      full[to + 1] = half[from + 1] * (isStored ? factor : -factor);
    }
  }
  return full;
}
