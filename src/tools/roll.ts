import type { Shape } from '../types.js';

/** Moves an image down and to the right by whole pixels, around the edges. Returns a new array. */
export function roll<Data extends Float32Array | Float64Array | Uint8Array | Uint8ClampedArray>(
  data: Data,
  [rows, columns]: Shape,
  [down, right]: readonly [number, number],
): Data {
  const rolled = data.slice() as Data;
  const shift = ((right % columns) + columns) % columns;
  for (let row = 0; row < rows; row++) {
    const to = ((((row + down) % rows) + rows) % rows) * columns;
    const from = row * columns;
    rolled.set(data.subarray(from, from + columns - shift), to + shift);
    rolled.set(data.subarray(from + columns - shift, from + columns), to);
  }
  return rolled;
}
