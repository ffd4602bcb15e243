/** Complex images as pictures: the magnitude and the phase of each pixel. */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { checkRealArray, checkShape } from '../problems/image.js';
import { rejectUnknownKeys } from '../problems/options.js';
import { typedLength } from '../typed-arrays.js';
import type { RealArray, Shape } from '../types.js';

/** What `phase` takes beside the image. */
export interface PhaseOptions {
  /**
   * Rows and columns. With them, what the patterns of a scan cannot tell is taken away first: the linear phase and the mean
   * phase, as they are where `weight` is large.
   */
  shape?: Shape | undefined;
  /** How much each pixel counts for that, rows × columns, ≥ 0: the light that fell on it, for one. Default: all alike. */
  weight?: RealArray | undefined;
}

/** |z| of each pixel of an image that is interleaved re, im. */
export function magnitude(image: RealArray): Float64Array<ArrayBuffer> {
  const pixels = checkInterleaved(image);
  return Float64Array.from({ length: pixels }, (_, i) => Math.hypot(image[2 * i], image[2 * i + 1]));
}

/**
 * arg z of each pixel of an image that is interleaved re, im, in radians from −π to π; 0 where z is 0.
 *
 * @throws InvalidArgumentError for arrays of another length
 */
export function phase(image: RealArray, options: PhaseOptions = {}): Float64Array<ArrayBuffer> {
  rejectUnknownKeys('options', options, ['shape', 'weight']);
  const pixels = checkInterleaved(image);
  const { shape, weight } = options;
  if (shape === undefined) {
    return Float64Array.from({ length: pixels }, (_, i) => Math.atan2(image[2 * i + 1], image[2 * i]));
  }
  const [rows, columns] = checkShape('shape', shape);
  checkRealArray('image', image, [rows, 2 * columns]);
  if (weight !== undefined) checkRealArray('weight', weight, [rows, columns]);
  const flat = (down: number, right: number) => {
    // The mean of conj(z)·z of the neighbour has the mean step as its phase.
    let [re, im] = [0, 0];
    for (let row = 0; row + down < rows; row++) {
      for (let column = 0; column + right < columns; column++) {
        const [a, b] = [row * columns + column, (row + down) * columns + column + right];
        const share = weight ? Math.min(weight[a], weight[b]) : 1;
        re += share * (image[2 * a] * image[2 * b] + image[2 * a + 1] * image[2 * b + 1]);
        im += share * (image[2 * a] * image[2 * b + 1] - image[2 * a + 1] * image[2 * b]);
      }
    }
    return Math.atan2(im, re);
  };
  const [down, right] = [flat(1, 0), flat(0, 1)];
  const turned = (i: number, angle: number) => {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    return [image[2 * i] * cos - image[2 * i + 1] * sin, image[2 * i] * sin + image[2 * i + 1] * cos];
  };
  const ramp = (i: number) => -down * Math.floor(i / columns) - right * (i % columns);
  let [re, im] = [0, 0];
  for (let i = 0; i < pixels; i++) {
    const [x, y] = turned(i, ramp(i));
    const share = weight ? weight[i] : 1;
    [re, im] = [re + share * x, im + share * y];
  }
  const mean = Math.atan2(im, re);
  return Float64Array.from({ length: pixels }, (_, i) => {
    const [x, y] = turned(i, ramp(i) - mean);
    return Math.atan2(y, x);
  });
}

function checkInterleaved(image: RealArray): number {
  const length = typedLength(image);
  if (length > 0 && length % 2 === 0) return length / 2;
  throw new InvalidArgumentError(
    'image',
    gotTakes('image', image, 'a Float32Array or Float64Array, interleaved re, im'),
  );
}
