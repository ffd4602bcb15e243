/** Where the zero frequency is: at [0, 0], as transforms have it, or in the middle, as pictures and detectors have it. */
import { checkShape } from '../problems/image.js';
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { typedKind } from '../typed-arrays.js';
import type { MaskArray, RealArray, Shape } from '../types.js';

/** A new array of the same kind. */
export type ShiftedArray<Pixels extends RealArray | MaskArray> = Pixels extends Float32Array
  ? Float32Array<ArrayBuffer>
  : Pixels extends Float64Array
    ? Float64Array<ArrayBuffer>
    : Pixels extends Uint8Array
      ? Uint8Array<ArrayBuffer>
      : Pixels extends Uint8ClampedArray
        ? Uint8ClampedArray<ArrayBuffer>
        : boolean[];

/**
 * Moves index [0, 0] to the middle, [⌊rows/2⌋, ⌊columns/2⌋], around the edges: NumPy's `fftshift`. Takes an image or a mask,
 * rows × columns, and returns a new array of the same kind.
 *
 * ```ts
 * const picture = fftshift(magnitudes, shape);
 * ```
 *
 * @throws InvalidArgumentError for a shape that is none, and for an array of another kind or length
 */
export function fftshift<Pixels extends RealArray | MaskArray>(image: Pixels, shape: Shape): ShiftedArray<Pixels> {
  const [rows, columns] = checkShape('shape', shape);
  return roll(image, [rows, columns], [Math.floor(rows / 2), Math.floor(columns / 2)]);
}

/**
 * Moves the middle, [⌊rows/2⌋, ⌊columns/2⌋], to index [0, 0], around the edges: NumPy's `ifftshift`, the inverse of
 * `fftshift` for every shape. Takes an image or a mask, rows × columns, and returns a new array of the same kind.
 *
 * ```ts
 * const problem = { magnitudes: ifftshift(detectorImage, shape), shape };
 * ```
 *
 * @throws InvalidArgumentError for a shape that is none, and for an array of another kind or length
 */
export function ifftshift<Pixels extends RealArray | MaskArray>(image: Pixels, shape: Shape): ShiftedArray<Pixels> {
  const [rows, columns] = checkShape('shape', shape);
  return roll(image, [rows, columns], [Math.ceil(rows / 2), Math.ceil(columns / 2)]);
}

const KINDS = ['Float32Array', 'Float64Array', 'Uint8Array', 'Uint8ClampedArray'];

function roll<Pixels extends RealArray | MaskArray>(
  image: Pixels,
  [rows, columns]: Shape,
  [down, right]: Shape,
): ShiftedArray<Pixels> {
  const known = Array.isArray(image) || KINDS.includes(typedKind(image) ?? '');
  if (!known || image.length !== rows * columns) {
    const takes = `a Float32Array, a Float64Array or a mask of ${rows} × ${columns} = ${rows * columns} entries`;
    throw new InvalidArgumentError('image', gotTakes('image', image, takes));
  }
  const pixels: ArrayLike<number | boolean> = image;
  const rolled = image.slice() as (number | boolean)[];
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    const to = ((row + down) % rows) * columns;
    for (let column = 0; column < columns; column++) {
      rolled[to + ((column + right) % columns)] = pixels[from + column];
    }
  }
  return rolled as ShiftedArray<Pixels>;
}
