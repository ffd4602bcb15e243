/** Where the zero frequency is: at [0, 0], as transforms have it, or in the middle, as pictures and detectors have it. */
import { checkShape } from '../problems/image.js';
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { plainView, typedKind, typedLength } from '../typed-arrays.js';
import { roll } from './roll.js';
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
  return shifted(image, shape, Math.floor);
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
  return shifted(image, shape, Math.ceil);
}

const KINDS = ['Float32Array', 'Float64Array', 'Uint8Array', 'Uint8ClampedArray'];

function shifted<Pixels extends RealArray | MaskArray>(
  image: Pixels,
  shape: Shape,
  round: (half: number) => number,
): ShiftedArray<Pixels> {
  const [rows, columns] = checkShape('shape', shape);
  const isList = Array.isArray(image);
  const isKnown = isList
    ? Array.from<unknown>(image).every((one) => typeof one === 'boolean')
    : KINDS.includes(typedKind(image) ?? '');
  if (!isKnown || (isList ? image.length : typedLength(image as RealArray)) !== rows * columns) {
    const takes = `a Float32Array, a Float64Array or a mask of ${rows} × ${columns} = ${rows * columns} entries`;
    throw new InvalidArgumentError('image', gotTakes('image', image, takes));
  }
  const pixels = isList ? Uint8Array.from(image, Number) : plainView(image as RealArray);
  const rolled = roll(pixels, [rows, columns], [round(rows / 2), round(columns / 2)]);
  return (isList ? Array.from(rolled, Boolean) : rolled) as ShiftedArray<Pixels>;
}
