/** How far the object of a scan is from the truth, where the truth is known. */
import { requireBackend } from '../backends/registry.js';
import { InvalidArgumentError } from '../errors.js';
import { checkFinite, checkRealArray, checkShape } from '../problems/image.js';
import { rejectUnknownKeys } from '../problems/options.js';
import { ImageTransform } from '../session/image-transform.js';
import type { RealArray, Shape } from '../types.js';

/** What `alignedScanError` takes beside the objects. */
export interface AlignScanOptions {
  /** How much each pixel counts in the alignment, rows × columns, ≥ 0; the error is over those above 0. Default: all alike. */
  weight?: RealArray | undefined;
}

/** What `alignedScanError` resolves to. */
export interface ScanAlignment {
  /** ‖aligned − truth‖ / ‖truth‖ over pixels whose weight is above 0. */
  error: number;
  /** Pixels by which the estimate was shifted down and to the right, around the edges. */
  shift: readonly [rows: number, columns: number];
  /** Radians per pixel of the linear phase that it was multiplied by. */
  ramp: readonly [rows: number, columns: number];
  /** The complex factor, re and im. */
  factor: readonly [re: number, im: number];
  /** The estimate after these steps, rows × columns, interleaved. */
  aligned: Float64Array<ArrayBuffer>;
}

interface Fit extends Pick<ScanAlignment, 'aligned' | 'factor'> {
  /** How `aligned` changes with the shift along rows and columns. */
  derivatives: Float64Array[];
  /** Σ weight·|aligned − truth|². */
  residual: number;
}

/** Gauss–Newton steps come to rest within ten where object and estimate are alike. */
const MOST_STEPS = 50;
const AT_REST = 1e-9;
/** Shift and ramp along rows and columns, and the real and the imaginary part of a change of the factor. */
const UNKNOWNS = 6;

/**
 * The relative error of an estimated object after removing what a scan's patterns cannot tell: a complex factor, a linear
 * phase and a shift by parts of a pixel, those of least squares. Both objects are rows × columns, interleaved re, im. The
 * twin (conjugated, rotated by 180°) is not removed. The search begins with no shift and finds one of a few pixels, about as
 * far as details of the object reach.
 *
 * @throws InvalidArgumentError for arrays of another length, numbers that are not finite, and a truth that is zero wherever
 * the weight is not
 */
export async function alignedScanError(
  estimate: RealArray,
  truth: RealArray,
  shape: Shape,
  options: AlignScanOptions = {},
): Promise<ScanAlignment> {
  rejectUnknownKeys('options', options, ['weight']);
  const size = checkShape('shape', shape);
  const [rows, columns] = size;
  const [own, wanted] = Object.entries({ estimate, truth }).map(([argument, array]) => {
    const copy = Float64Array.from(checkRealArray(argument, array, [rows, 2 * columns]));
    checkFinite(argument, copy, 2 * columns, 'double');
    return copy;
  });
  const weight = checkWeight(options.weight, size);
  if (weightedPower(wanted, weight) === 0) {
    throw new InvalidArgumentError('truth', 'truth: every pixel that counts is zero; takes at least one that is not');
  }
  const transform = await ImageTransform.create(await requireBackend('wasm'), size, 'complex');
  try {
    // Most of the linear phase is removed before any shift, which would take its jump at the edges along.
    const coarse = meanGradient(own, wanted, weight, size);
    applyRamp([own], size, coarse);
    const spectrum = await transform.forward(own);
    let parameters = [0, 0, 0, 0];
    const evaluate = async (parameters: readonly number[]) => {
      const spectra = [undefined, 0, 1].map((axis) => shiftedSpectrum(spectrum, size, parameters, axis));
      const images: Float64Array<ArrayBuffer>[] = [];
      for (const moved of spectra) images.push(Float64Array.from(await transform.inverse(moved)));
      return fitted(images, wanted, weight, size, parameters);
    };
    let best = await evaluate(parameters);
    for (let step = 0, damping = 0; step < MOST_STEPS; step++) {
      const move = gaussNewton(best, wanted, weight, size, damping);
      const next = parameters.map((value, i) => value + move[i]);
      const tried = await evaluate(next);
      // A step that makes it worse is repeated shorter.
      if (tried.residual > best.residual) {
        damping = Math.max(1e-3, 4 * damping);
        continue;
      }
      damping /= 4;
      [parameters, best] = [next, tried];
      if (Math.max(...move.map(Math.abs)) < AT_REST) break;
    }
    const inside = weight.map((value) => Number(value > 0));
    const difference = best.aligned.map((value, i) => value - wanted[i]);
    const error = Math.sqrt(weightedPower(difference, inside) / weightedPower(wanted, inside));
    const [down, right, alongRows, alongColumns] = parameters;
    // As if the whole phase came after the shift.
    const factor = Float64Array.from(best.factor);
    const angle = -(coarse[0] * down + coarse[1] * right);
    multiply(factor, 0, Math.cos(angle), Math.sin(angle));
    return {
      error,
      shift: [down, right],
      ramp: [coarse[0] + alongRows, coarse[1] + alongColumns],
      factor: [factor[0], factor[1]],
      aligned: best.aligned,
    };
  } finally {
    transform.dispose();
  }
}

function checkWeight(weight: RealArray | undefined, shape: Shape): Float64Array {
  if (weight === undefined) return new Float64Array(shape[0] * shape[1]).fill(1);
  const copy = Float64Array.from(checkRealArray('weight', weight, shape));
  checkFinite('weight', copy, shape[1], 'double');
  if (copy.some((value) => value < 0) || copy.every((value) => value === 0)) {
    throw new InvalidArgumentError('weight', 'weight: got numbers below 0, or only zeros; takes numbers of at least 0');
  }
  return copy;
}

/** Σ weight·|image|². */
function weightedPower(image: Float64Array, weight: Float64Array): number {
  return image.reduce((sum, value, i) => sum + weight[i >> 1] * value * value, 0);
}

/** Multiplies a shifted estimate and its derivatives in place by the phase, and then by the factor of least squares. */
function fitted(
  [moved, ...derivatives]: Float64Array<ArrayBuffer>[],
  truth: Float64Array,
  weight: Float64Array,
  shape: Shape,
  parameters: readonly number[],
): Fit {
  applyRamp([moved, ...derivatives], shape, parameters.slice(2));
  let [re, im, power] = [0, 0, 0];
  for (let i = 0; i < moved.length; i += 2) {
    const pixel = i >> 1;
    re += weight[pixel] * (moved[i] * truth[i] + moved[i + 1] * truth[i + 1]);
    im += weight[pixel] * (moved[i] * truth[i + 1] - moved[i + 1] * truth[i]);
    power += weight[pixel] * (moved[i] ** 2 + moved[i + 1] ** 2);
  }
  const factor = [re / (power || 1), im / (power || 1)] as const;
  for (const image of [moved, ...derivatives]) {
    for (let i = 0; i < image.length; i += 2) multiply(image, i, ...factor);
  }
  const difference = moved.map((value, i) => value - truth[i]);
  return { aligned: moved, derivatives, factor, residual: weightedPower(difference, weight) };
}

/** Multiplies images by a linear phase, which is 0 in the middle: radians per pixel along rows and columns. */
function applyRamp(images: Float64Array[], [rows, columns]: Shape, [alongRows, alongColumns]: readonly number[]): void {
  for (let pixel = 0; pixel < rows * columns; pixel++) {
    const [y, x] = [Math.floor(pixel / columns) - rows / 2, (pixel % columns) - columns / 2];
    const [cos, sin] = [Math.cos(alongRows * y + alongColumns * x), Math.sin(alongRows * y + alongColumns * x)];
    for (const image of images) multiply(image, 2 * pixel, cos, sin);
  }
}

/** One complex number of an image by another. */
function multiply(image: Float64Array, i: number, re: number, im: number): void {
  [image[i], image[i + 1]] = [image[i] * re - image[i + 1] * im, image[i] * im + image[i + 1] * re];
}

/** The mean step of the phase of truth · conj estimate from pixel to pixel, along rows and columns. */
function meanGradient(
  estimate: Float64Array,
  truth: Float64Array,
  weight: Float64Array,
  [rows, columns]: Shape,
): [number, number] {
  const product = Float64Array.from(truth);
  for (let i = 0; i < product.length; i += 2) {
    multiply(product, i, weight[i >> 1] * estimate[i], -weight[i >> 1] * estimate[i + 1]);
  }
  const along = (ahead: number, height: number, width: number): number => {
    let [re, im] = [0, 0];
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const i = 2 * (row * columns + column);
        const next = i + 2 * ahead;
        re += product[next] * product[i] + product[next + 1] * product[i + 1];
        im += product[next + 1] * product[i] - product[next] * product[i + 1];
      }
    }
    return Math.atan2(im, re);
  };
  return [along(columns, rows - 1, columns), along(1, rows, columns - 1)];
}

/** The spectrum of the shifted image, or of its derivative with respect to the shift along an axis. */
function shiftedSpectrum(
  spectrum: RealArray,
  [rows, columns]: Shape,
  [down, right]: readonly number[],
  axis?: number,
): Float64Array {
  const result = Float64Array.from(spectrum);
  const signed = (index: number, count: number) => (2 * Math.PI * (index < count / 2 ? index : index - count)) / count;
  for (let k = 0; 2 * k < spectrum.length; k++) {
    const frequencies = [signed(Math.floor(k / columns), rows), signed(k % columns, columns)];
    const angle = -(frequencies[0] * down + frequencies[1] * right);
    multiply(result, 2 * k, Math.cos(angle), Math.sin(angle));
    if (axis !== undefined) multiply(result, 2 * k, 0, -frequencies[axis]);
  }
  return result;
}

/**
 * The step in shift and ramp, both along rows and columns, that fits the truth best to first order, together with a change of
 * the factor. A ramp changes an image by i·coordinate times itself.
 */
function gaussNewton(
  { aligned, derivatives: [down, right] }: Fit,
  truth: Float64Array,
  weight: Float64Array,
  [rows, columns]: Shape,
  damping: number,
): number[] {
  const normal = Array.from({ length: UNKNOWNS }, () => new Float64Array(UNKNOWNS + 1));
  for (let i = 0; i < aligned.length; i += 2) {
    const w = weight[i >> 1];
    if (w === 0) continue;
    const [y, x] = [Math.floor((i >> 1) / columns) - rows / 2, ((i >> 1) % columns) - columns / 2];
    const [re, im] = [aligned[i], aligned[i + 1]];
    const real = [down[i], right[i], -y * im, -x * im, re, -im, truth[i] - re];
    const imaginary = [down[i + 1], right[i + 1], y * re, x * re, im, re, truth[i + 1] - im];
    for (let a = 0; a < UNKNOWNS; a++) {
      for (let b = 0; b <= UNKNOWNS; b++) normal[a][b] += w * (real[a] * real[b] + imaginary[a] * imaginary[b]);
    }
  }
  normal.forEach((line, a) => (line[a] *= 1 + damping));
  return solved(normal).slice(0, 4);
}

/** Gauss–Jordan with pivots; 0 for unknowns on which nothing depends, such as the shift of a flat object. */
function solved(lines: Float64Array[]): number[] {
  const count = lines.length;
  const scale = Math.max(...lines.map((line, a) => line[a]));
  const done = new Set<number>();
  for (let step = 0; step < count; step++) {
    let pivot = -1;
    for (let a = 0; a < count; a++) {
      if (!done.has(a) && (pivot < 0 || lines[a][a] > lines[pivot][pivot])) pivot = a;
    }
    if (!(lines[pivot][pivot] > 1e-14 * scale)) break;
    done.add(pivot);
    for (let a = 0; a < count; a++) {
      if (a === pivot) continue;
      const factor = lines[a][pivot] / lines[pivot][pivot];
      for (let b = 0; b <= count; b++) lines[a][b] -= factor * lines[pivot][b];
    }
  }
  return lines.map((line, a) => (done.has(a) ? line[count] / line[a] : 0));
}
