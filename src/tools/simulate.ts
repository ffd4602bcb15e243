/** The diffraction pattern that a detector would record of an image: for demonstrations, tests and trials of methods. */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { requireMemory } from '../session/memory.js';
import { checkInteger, checkName, rejectUnknownKeys } from '../problems/options.js';
import { poisson } from './poisson.js';
import { checkFinite, checkObjectArray, checkShape, largestOf } from '../problems/image.js';
import { uniformStream } from '../random.js';
import { requireBackend } from '../backends/registry.js';
import { checkPropagation, intoFrame } from '../problems/propagation.js';
import { OBJECT_KINDS, type ObjectKind, type Propagation, type RealArray, type Shape } from '../types.js';
import { magnitude } from './complex-images.js';
import { ImageTransform } from '../session/image-transform.js';

/** What `simulate` takes. */
export interface SimulateOptions {
  /** The object, rows × columns, finite and ≥ 0, not all zero; a complex one of any finite numbers, interleaved re, im. */
  image: RealArray;
  /** Rows and columns of the image. */
  shape: Shape;
  /** What the image's pixels are. Default `real`. */
  object?: ObjectKind | undefined;
  /** Of a complex image: the detector is near by. As in `Problem`, for the padded frame. Default: the far field. */
  propagation?: Propagation | undefined;
  /** The pattern is this many times larger than the image in both directions, ≥ 1, rounded to pixels. Default 2. */
  pad?: number | undefined;
  /** Photons expected on the whole detector, > 0 and ≤ 1e15: adds Poisson noise. No noise when left out. */
  photons?: number | undefined;
  /** Radius in pixels, ≥ 0, of the disc around zero frequency that is not measured. None when left out. */
  beamstop?: number | undefined;
  /** An integer from 0 to 2⁵³−1 from which the noise is drawn. Default 0. */
  seed?: number | undefined;
}

/** A problem for `retrieve` and `createSession`. */
export interface Simulation {
  /**
   * Fourier magnitudes, zero frequency at index 0, in units of |FFT2 of the image| also where photons were counted; 0 where
   * the mask is 0.
   */
  magnitudes: Float64Array<ArrayBuffer>;
  /** Rows and columns of the pattern and the masks, with the padding. */
  shape: Shape;
  /** The rectangle of the image, at the top left. */
  support: Uint8Array<ArrayBuffer>;
  /** With `beamstop`: 0 behind it. */
  mask?: Uint8Array<ArrayBuffer>;
}

const KEYS = [
  'image',
  'shape',
  'object',
  'propagation',
  'pad',
  'photons',
  'beamstop',
  'seed',
] as const satisfies readonly (keyof SimulateOptions)[];

/** Up to here counts are exact integers in a double, with room for the noise of the brightest pixel. */
const MOST_PHOTONS = 1e15;

/**
 * Pads the image with zeros to its right and below, transforms it, and adds what a detector adds. The padding is what
 * makes the solution unique but for shift, rotation by 180° and sign (R. H. T. Bates, Optik 61, 247, 1982).
 *
 * @throws InvalidArgumentError for a value out of its range; OutOfMemoryError for images beyond the wasm backend's 4 GiB
 */
export async function simulate(options: SimulateOptions): Promise<Simulation> {
  rejectUnknownKeys('options', options, KEYS);
  const { object: kind = 'real', pad = 2, photons, beamstop, seed = 0 } = options;
  checkName('object', kind, OBJECT_KINDS);
  const inner = checkShape('shape', options.shape);
  const image = checkImage(options.image, inner, kind);
  checkRange('pad', pad, (n) => n >= 1, 'a finite number of at least 1');
  checkRange('photons', photons, (n) => n > 0 && n <= MOST_PHOTONS, 'a number above 0 and up to 1e15');
  checkRange('beamstop', beamstop, (n) => n >= 0, 'a finite number of at least 0');
  checkInteger('seed', seed, 0);

  const shape: Shape = [Math.round(pad * inner[0]), Math.round(pad * inner[1])];
  requireMemory(shape, 'double', kind);
  const mask = beamstop === undefined ? undefined : beamstopMask(shape, beamstop);
  const { object, support } = padded(image, inner, shape);
  intoFrame(object, checkPropagation(options.propagation, shape, kind, support));
  const magnitudes = await magnitudesOf(object, shape, kind);
  if (photons !== undefined) countPhotons(magnitudes, photons, seed);
  // What is not measured is not known: a caller who forgets the mask must not have it either.
  mask?.forEach((measured, k) => (magnitudes[k] *= measured));
  return { magnitudes, shape, support, ...(mask && { mask }) };
}

function checkImage(given: RealArray, shape: Shape, kind: ObjectKind): RealArray {
  const image = checkObjectArray('image', given, shape, kind).slice();
  if (kind === 'complex') checkFinite('image', image, 2 * shape[1], 'double');
  const isDark = kind === 'complex' ? image.every((part) => part === 0) : largestOf('image', image, shape) === 0;
  if (!isDark) return image;
  const takes = kind === 'complex' ? 'that is not' : 'above 0';
  throw new InvalidArgumentError('image', `image: every pixel is zero; takes at least one ${takes}`);
}

function padded(image: RealArray, [rows, columns]: Shape, shape: Shape) {
  const support = new Uint8Array(shape[0] * shape[1]);
  /** A pixel has one number, or two. */
  const numbers = image.length / (rows * columns);
  const object = new Float64Array(numbers * support.length);
  for (let row = 0; row < rows; row++) {
    const at = row * shape[1];
    object.set(image.subarray(numbers * row * columns, numbers * (row + 1) * columns), numbers * at);
    support.fill(1, at, at + columns);
  }
  return { object, support };
}

async function magnitudesOf(object: Float64Array, shape: Shape, kind: ObjectKind): Promise<Float64Array<ArrayBuffer>> {
  const transform = await ImageTransform.create(await requireBackend('wasm'), shape, kind);
  try {
    return magnitude(await transform.forward(object));
  } finally {
    transform.dispose();
  }
}

/** Replaces magnitudes by √counts, in the magnitudes' own units. Each pixel has its own stream of random numbers. */
function countPhotons(magnitudes: Float64Array, photons: number, seed: number): void {
  const intensity = magnitudes.reduce((sum, magnitude) => sum + magnitude * magnitude, 0);
  const photonsPerIntensity = photons / intensity;
  if (!(photonsPerIntensity > 0 && photonsPerIntensity < Infinity)) {
    const takes = 'brightness for which it is a finite number above 0: multiply all by a factor';
    throw new InvalidArgumentError('image', gotTakes("the sum of the pattern's intensities", intensity, takes));
  }
  for (let k = 0; k < magnitudes.length; k++) {
    const mean = magnitudes[k] * magnitudes[k] * photonsPerIntensity;
    magnitudes[k] = Math.sqrt(poisson(mean, uniformStream(seed, k)) / photonsPerIntensity);
  }
}

function beamstopMask([rows, columns]: Shape, radius: number): Uint8Array<ArrayBuffer> {
  const mask = new Uint8Array(rows * columns);
  let measured = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const distance = Math.hypot(Math.min(row, rows - row), Math.min(column, columns - column));
      measured += mask[row * columns + column] = distance > radius ? 1 : 0;
    }
  }
  if (measured === 0) {
    const takes = `a radius that leaves something of the ${rows} × ${columns} pattern to measure`;
    throw new InvalidArgumentError('beamstop', gotTakes('beamstop', radius, takes));
  }
  return mask;
}

/** Lets undefined pass: the option was left out. */
function checkRange(argument: string, value: unknown, inRange: (value: number) => boolean, takes: string): void {
  if (value === undefined || (Number.isFinite(value) && inRange(value as number))) return;
  throw new InvalidArgumentError(argument, gotTakes(argument, value, takes));
}
