/** How far a complex reconstruction is from the truth, where the truth is known. */
import { requireBackend } from '../backends/registry.js';
import { InvalidArgumentError } from '../errors.js';
import { checkFinite, checkObjectArray, checkShape, opposite } from '../problems/image.js';
import { checkFlag, rejectUnknownKeys } from '../problems/options.js';
import { ImageTransform, indexOfLargestSize, spectrumProduct } from '../session/image-transform.js';
import { sumOfSquares } from './align.js';
import { magnitude } from './complex-images.js';
import { peakNear } from './peak.js';
import { roll } from './roll.js';
import type { RealArray, Shape } from '../types.js';

/** What `alignedComplexError` takes beside the images, every field optional. */
export interface AlignComplexOptions {
  /**
   * Whether a linear phase is removed as well. A pattern whose zero frequency is off [0, 0], by whole pixels or by a part of one, is that
   * of an object times such a phase. Default false.
   */
  ramp?: boolean | undefined;
}

/** What `alignedComplexError` resolves to. */
export interface ComplexAlignment {
  /** ‖aligned − truth‖ / ‖truth‖. */
  error: number;
  /** First step: whether the estimate was replaced by its twin conj(o(−r)), about index [0, 0]. */
  twin: boolean;
  /** Second step: how far the estimate was shifted down and to the right, in pixels, around the edges. */
  shift: readonly [rows: number, columns: number];
  /** Third step: the linear phase that was added, 0 at [0, 0], in radians a pixel from −π to π. [0, 0] unless it was asked for. */
  ramp: readonly [rows: number, columns: number];
  /** Fourth step: the phase that was added everywhere, in radians from −π to π. */
  phase: number;
  /** The estimate after these steps, interleaved re, im. */
  aligned: Float64Array<ArrayBuffer>;
}

/**
 * The relative error of a complex estimate after removing what magnitudes cannot tell: circular shift by whole pixels, the
 * twin conj(o(−r)), and a constant phase. Both are rows × columns complex numbers, interleaved re, im, the truth padded like
 * the estimate and not all zero. The alignment is the one of least error, found as the largest cross-correlation (J. R.
 * Fienup, Applied Optics 36, 8352, 1997).
 *
 * With `ramp: true`, shift and twin are those for which the sizes |o|² and the products of neighbours o(r + 1)·conj(o(r)), which
 * a linear phase leaves alike but for a constant, correlate best; ramp and phase are those of least error.
 *
 * @throws InvalidArgumentError for arrays of another length, numbers that are not finite, or a truth that is zero everywhere;
 * OutOfMemoryError for images beyond the wasm backend's 4 GiB
 */
export async function alignedComplexError(
  estimate: RealArray,
  truth: RealArray,
  shape: Shape,
  options: AlignComplexOptions = {},
): Promise<ComplexAlignment> {
  rejectUnknownKeys('options', options, ['ramp']);
  const { ramp: removesRamp = false } = options;
  checkFlag('ramp', removesRamp);
  const size = checkShape('shape', shape);
  const [own, ownTruth] = Object.entries({ estimate, truth }).map(([argument, array]) => {
    const copy = Float64Array.from(checkObjectArray(argument, array, size, 'complex'));
    checkFinite(argument, copy, 2 * size[1], 'double');
    return copy;
  });
  const norm = Math.sqrt(sumOfSquares(ownTruth));
  if (norm === 0) throw new InvalidArgumentError('truth', 'truth: every pixel is zero; takes at least one that is not');

  const transform = await ImageTransform.create(await requireBackend('wasm'), size, 'complex');
  try {
    const fieldsOf = (image: Float64Array) => (removesRamp ? rampInvariants(image, size) : [image]);
    const truthSpectra = await spectraOf(transform, fieldsOf(ownTruth));
    let best: ComplexAlignment | undefined;
    for (const twin of [false, true]) {
      const upright = twin ? twinOf(own, size) : own;
      const shift = await bestShift(transform, await spectraOf(transform, fieldsOf(upright)), truthSpectra, size);
      const moved = roll(upright, [size[0], 2 * size[1]], [shift[0], 2 * shift[1]]);
      const product = spectrumProduct(moved, ownTruth, -1);
      const ramp = removesRamp ? await rampOf(transform, product, size) : ([0, 0] as const);
      const { re, im } = momentsOf(product, size, ramp)[0];
      const phase = Math.atan2(0 - im, re);
      const aligned = turned(moved, size, ramp, phase);
      const error = Math.sqrt(sumOfSquares(aligned.map((value, i) => value - ownTruth[i]))) / norm;
      if (!best || error < best.error) best = { error, twin, shift, ramp, phase, aligned };
    }
    return best!;
  } finally {
    transform.dispose();
  }
}

/** |o|² and the products of neighbours, complex. A linear phase multiplies each of them by a constant of size 1. */
function rampInvariants(image: Float64Array, shape: Shape): Float64Array[] {
  const width = [shape[0], 2 * shape[1]] as const;
  const neighbours = [image, roll(image, width, [-1, 0]), roll(image, width, [0, -2])];
  return neighbours.map((neighbour) => spectrumProduct(neighbour, image, -1));
}

async function spectraOf(transform: ImageTransform, images: readonly Float64Array[]): Promise<RealArray[]> {
  const spectra: RealArray[] = [];
  for (const image of images) spectra.push(await transform.forward(image));
  return spectra;
}

/** Where the correlations of two sets of images, each by the sizes of its images, add up to the most. */
async function bestShift(
  transform: ImageTransform,
  estimates: readonly RealArray[],
  truths: readonly RealArray[],
  [rows, columns]: Shape,
): Promise<[number, number]> {
  const scores = new Float64Array(rows * columns);
  for (const [i, truth] of truths.entries()) {
    const power = sumOfSquares(truth) * sumOfSquares(estimates[i]);
    if (power === 0) continue;
    const sizes = magnitude(await transform.inverse(spectrumProduct(truth, estimates[i], -1)));
    for (let at = 0; at < scores.length; at++) scores[at] += sizes[at] ** 2 / power;
  }
  const at = indexOfLargestSize(scores);
  return [Math.floor(at / columns), at % columns];
}

/** Newton's steps double the digits, of which the parabola through neighbouring points gives some. */
const MOST_STEPS = 10;

/** The ramp q for which |Σ product·exp(iq·r)| is largest. */
async function rampOf(transform: ImageTransform, product: Float64Array, shape: Shape): Promise<[number, number]> {
  const [rows, columns] = shape;
  const at = indexOfLargestSize(magnitude(await transform.inverse(product)));
  const near = peakNear(product, shape, [Math.floor(at / columns), at % columns], (index) => index);
  const q: [number, number] = [(2 * Math.PI * near[0]) / rows, (2 * Math.PI * near[1]) / columns];
  for (let step = 0; step < MOST_STEPS; step++) {
    // Of the sum, its first and its second derivatives, without i and −1.
    const [sum, down, right, downDown, downRight, rightRight] = momentsOf(product, shape, q);
    const [a, b] = [down, right].map((first) => first.re * sum.im - first.im * sum.re);
    const second = (one: Complex, other: Complex, both: Complex) =>
      one.re * other.re + one.im * other.im - both.re * sum.re - both.im * sum.im;
    // Along an axis of one pixel all are 0, and any curvature will do.
    const [c, d, e] = [
      second(down, down, downDown) || -1,
      second(down, right, downRight),
      second(right, right, rightRight) || -1,
    ];
    const determinant = c * e - d * d;
    // Only near a peak does the step lead up.
    if (!(c < 0 && determinant > 0)) break;
    const move = [(d * b - e * a) / determinant, (d * a - c * b) / determinant];
    q[0] += move[0];
    q[1] += move[1];
    if (Math.hypot(move[0] * rows, move[1] * columns) < 1e-12) break;
  }
  return [wrapped(q[0]), wrapped(q[1])];
}

interface Complex {
  re: number;
  im: number;
}

/** Σ w·product·exp(iq·r), where w is 1, y, x, y², yx and x², for the row y and the column x of r. */
function momentsOf(product: Float64Array, [rows, columns]: Shape, q: readonly [number, number]): Complex[] {
  const sums = Array.from({ length: 6 }, () => ({ re: 0, im: 0 }));
  const across = Float64Array.from({ length: 2 * columns }, (_, i) => (i % 2 ? Math.sin : Math.cos)(q[1] * (i >> 1)));
  const add = (at: number, weight: number, re: number, im: number) => {
    sums[at].re += weight * re;
    sums[at].im += weight * im;
  };
  for (let y = 0; y < rows; y++) {
    // Of the row, with 1, x and x².
    const ofRow = [0, 0, 0, 0, 0, 0];
    for (let x = 0; x < columns; x++) {
      const i = 2 * (y * columns + x);
      const re = product[i] * across[2 * x] - product[i + 1] * across[2 * x + 1];
      const im = product[i] * across[2 * x + 1] + product[i + 1] * across[2 * x];
      ofRow[0] += re;
      ofRow[1] += im;
      ofRow[2] += x * re;
      ofRow[3] += x * im;
      ofRow[4] += x * x * re;
      ofRow[5] += x * x * im;
    }
    const [cosine, sine] = [Math.cos(q[0] * y), Math.sin(q[0] * y)];
    const [one, byX, byXX] = [0, 2, 4].map((part) => ({
      re: ofRow[part] * cosine - ofRow[part + 1] * sine,
      im: ofRow[part] * sine + ofRow[part + 1] * cosine,
    }));
    add(0, 1, one.re, one.im);
    add(1, y, one.re, one.im);
    add(2, 1, byX.re, byX.im);
    add(3, y * y, one.re, one.im);
    add(4, y, byX.re, byX.im);
    add(5, 1, byXX.re, byXX.im);
  }
  return sums;
}

/** An angle between −π and π. */
function wrapped(angle: number): number {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}

/** conj(o(−r)). */
function twinOf(object: Float64Array, shape: Shape): Float64Array {
  return object.map((_, i) => (i % 2 ? -1 : 1) * object[2 * opposite(i >> 1, shape) + (i % 2)]);
}

function turned(
  object: RealArray,
  [, columns]: Shape,
  ramp: readonly [number, number],
  phase: number,
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(object.length);
  for (let i = 0; i < object.length; i += 2) {
    const pixel = i / 2;
    const angle = phase + ramp[0] * Math.floor(pixel / columns) + ramp[1] * (pixel % columns);
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    result[i] = object[i] * cosine - object[i + 1] * sine;
    result[i + 1] = object[i] * sine + object[i + 1] * cosine;
  }
  return result;
}
