/** Probes to begin with. */
import type { Backend } from '../backends/interface.js';
import type { RealArray, Shape } from '../types.js';
import { ImageTransform } from './image-transform.js';

/** A mode that is made of the first begins with this share of its power. */
const POWER_OF_ADDED = 0.05;

export interface MeanPattern {
  patterns: ArrayLike<number>;
  shape: Shape;
  /** 1 where measured. */
  mask?: Uint8Array | undefined;
}

/**
 * F⁻¹ of the root of the mean pattern, its middle at [rows/2, columns/2]: the focus of a lens whose aperture the mean pattern
 * shows. `phase`: of each frequency in radians, none when left out. `backend`: wasm's. Interleaved.
 */
export async function focusOf(
  backend: Backend,
  { patterns, shape, mask }: MeanPattern,
  phase?: (k: number) => number,
): Promise<RealArray> {
  const pixels = shape[0] * shape[1];
  const count = patterns.length / pixels;
  const mean = new Float64Array(pixels);
  for (let i = 0; i < patterns.length; i++) if (mask?.[i % pixels] !== 0) mean[i % pixels] += patterns[i] / count;
  const spectrum = new Float64Array(2 * pixels);
  for (let k = 0; k < pixels; k++) {
    // A scan's transform is unitary, and this inverse divides by the number of pixels.
    const [size, angle] = [Math.sqrt(pixels * mean[k]), phase?.(k) ?? 0];
    spectrum[2 * k] = size * Math.cos(angle);
    spectrum[2 * k + 1] = size * Math.sin(angle);
  }
  const transform = await ImageTransform.create(backend, shape, 'complex');
  try {
    return shiftedToMiddle(await transform.inverse(spectrum), shape);
  } finally {
    transform.dispose();
  }
}

/** Moves [0, 0] to the middle. */
function shiftedToMiddle(image: RealArray, [rows, columns]: Shape): RealArray {
  const result = new Float64Array(image.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const to = ((row + (rows >> 1)) % rows) * columns + ((column + (columns >> 1)) % columns);
      result.set(image.subarray(2 * (row * columns + column), 2 * (row * columns + column) + 2), 2 * to);
    }
  }
  return result;
}

/**
 * As many modes as wanted: those given, and others that are differences of these along columns and rows in turn, made
 * orthogonal to those before. A partly coherent beam's modes look like derivatives of its first.
 */
export function completedModes(given: RealArray, shape: Shape, modes: number): Float64Array {
  const one = 2 * shape[0] * shape[1];
  const result = new Float64Array(modes * one);
  result.set(given);
  const mode = (k: number) => result.subarray(k * one, (k + 1) * one);
  for (let k = given.length / one; k < modes; k++) {
    const made = difference(mode((k - 1) >> 1), shape, k % 2);
    for (let before = 0; before < k; before++) removeFrom(made, mode(before));
    const factor = Math.sqrt((POWER_OF_ADDED * powerOf(mode(0))) / (powerOf(made) || 1));
    mode(k).set(made.map((number) => number * factor));
  }
  return result;
}

/** The difference of both neighbours along columns, or along rows, around the edges. */
function difference(image: Float64Array, [rows, columns]: Shape, alongColumns: number): Float64Array {
  const [down, right] = alongColumns ? [0, 1] : [1, 0];
  const at = (row: number, column: number) => 2 * (((row + rows) % rows) * columns + ((column + columns) % columns));
  return image.map((_, i) => {
    const [row, column] = [Math.floor(i / 2 / columns), (i >> 1) % columns];
    return image[at(row - down, column - right) + (i % 2)] - image[at(row + down, column + right) + (i % 2)];
  });
}

/** Takes the part of `image` along `direction` away from it. */
function removeFrom(image: Float64Array, direction: Float64Array): void {
  let [re, im] = [0, 0];
  for (let i = 0; i < image.length; i += 2) {
    re += direction[i] * image[i] + direction[i + 1] * image[i + 1];
    im += direction[i] * image[i + 1] - direction[i + 1] * image[i];
  }
  const power = powerOf(direction) || 1;
  for (let i = 0; i < image.length; i += 2) {
    image[i] -= (re * direction[i] - im * direction[i + 1]) / power;
    image[i + 1] -= (re * direction[i + 1] + im * direction[i]) / power;
  }
}

export function powerOf(image: RealArray): number {
  let power = 0;
  for (const number of image) power += number * number;
  return power;
}
