/**
 * What several starts of one pattern have in common: which agree, their average, how far they spread, and up to which
 * frequency they agree. A worker does it, because it takes several transforms for each start.
 */
import type { Backend, BackendProblem, ShrinkSupport } from '../backends/interface.js';
import { numbersPerPixel } from '../problems/image.js';
import { PROJECTION } from '../rules.js';
import type { Agreement, ObjectKind, RealArray, RealResult, Shape } from '../types.js';
import { Registration, type Registered } from './registration.js';
import { indexOfLeast } from '../session/residuals.js';
import { freeResidualOf } from './held-out.js';
import { ImageTransform } from '../session/image-transform.js';

export interface Starts {
  shape: Shape;
  /** What the objects' pixels are. */
  object: ObjectKind;
  magnitudes: RealArray;
  mask?: Uint8Array | undefined;
  /** 1 for frequencies that were measured, and that the starts have not seen. */
  heldOut?: Uint8Array | undefined;
  /** The feasible object of every start, and its residual. */
  objects: RealResult[];
  residuals: Float64Array;
  /** Starts that began anew in a later generation, and the least residual of the first, after as many iterations. */
  anew?: { starts: readonly number[]; least: number } | undefined;
  /** How a support would shrink to the average, and what it lies inside. */
  shrink?: { by: ShrinkSupport; within: Uint8Array | undefined } | undefined;
}

export interface Combined extends Agreement {
  /** The mean of those that agree, moved over the best one. */
  average: RealResult;
  /** Where those that agree go on in another generation: half their own object and half the average. */
  next: { start: number; object: RealResult }[];
  /** The support that has shrunk to the average, where it is asked for. */
  shrunk?: Uint8Array;
}

/**
 * Starts whose residual is larger than this times the best one's have not found the image. Where there is little noise, residuals
 * fall on and on: those with fewer iterations are compared with the best that had as many.
 */
const WORST_RESIDUAL = 1.15;
/** Nor have those that are further from the best one than this times the nearest. */
const LARGEST_DISTANCE = 1.5;

/** Combines the objects of at least two starts. `backend`: wasm's, which transforms. */
export async function combine(backend: Backend, starts: Starts): Promise<Combined> {
  const { shape, object, mask, objects, residuals, anew, shrink } = starts;
  const best = indexOfLeast(residuals);
  const registration = await Registration.create(backend, objects[best], shape, mask, object);
  const registered: Registered[] = [];
  try {
    for (const one of objects) registered.push(await registration.register(one));
  } finally {
    registration.dispose();
  }
  const distances = Float64Array.from(registered, ({ distance }, start) => (start === best ? 0 : distance));
  const nearest = Math.min(...distances.filter((_, start) => start !== best));
  const leastOf = (start: number) =>
    anew?.starts.includes(start) ? Math.max(anew.least, residuals[best]) : residuals[best];
  const kept = [...objects.keys()].filter(
    (start) => residuals[start] <= WORST_RESIDUAL * leastOf(start) && distances[start] <= LARGEST_DISTANCE * nearest,
  );
  const images = kept.map((start) => registered[start].image);
  const average = meanOf(images);
  const ofSpectra = await curves(backend, starts, images, average);
  const makeLike = (numbers: RealArray): RealResult =>
    objects[0] instanceof Float32Array ? Float32Array.from(numbers) : Float64Array.from(numbers);
  return {
    kept,
    distances,
    spread: makeLike(deviationOf(images, average, object)),
    ...ofSpectra,
    ...(shrink && { shrunk: await shrunkTo(backend, average, starts, shrink) }),
    average: makeLike(average),
    next: kept.map((start, i) => ({
      start,
      object: makeLike(average.map((value, pixel) => (value + images[i][pixel]) / 2)),
    })),
  };
}

async function shrunkTo(
  backend: Backend,
  image: Float64Array,
  { shape, object }: Pick<Starts, 'shape' | 'object'>,
  { by, within }: NonNullable<Starts['shrink']>,
): Promise<Uint8Array> {
  // Magnitudes have no part in it.
  const magnitudes = new Float64Array(shape[0] * shape[1]).fill(1);
  const pattern = { shape, magnitudes, scale: 1, energy: 1, asymmetry: 0 };
  const problem: BackendProblem = {
    ...{ pattern, batch: { starts: 1 }, object, support: within, rule: PROJECTION },
    precision: 'double',
  };
  const session = await backend.createSession(problem, 0);
  try {
    session.writeObject(0, image, false);
    session.shrinkSupport(by);
    return await session.readSupport(0);
  } finally {
    session.dispose();
  }
}

function meanOf(images: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(images[0].length);
  for (const image of images) for (let i = 0; i < mean.length; i++) mean[i] += image[i] / images.length;
  return mean;
}

/** The standard deviation of each pixel. */
function deviationOf(images: readonly Float64Array[], mean: Float64Array, object: ObjectKind): Float64Array {
  const parts = numbersPerPixel(object);
  const squares = new Float64Array(mean.length / parts);
  for (const image of images) {
    for (let i = 0; i < mean.length; i++) squares[Math.floor(i / parts)] += (image[i] - mean[i]) ** 2;
  }
  return squares.map((sum) => Math.sqrt(sum / Math.max(1, images.length - 1)));
}

/**
 * The free residuals. By rings of frequencies: the phase retrieval transfer function |average of the starts' spectra| / M
 * (Shapiro et al., PNAS 102, 15343, 2005; measured frequencies only), and the Fourier ring correlation of the averages of
 * every second one (van Heel, Ultramicroscopy 21, 95, 1987; NaN where there is only one).
 */
async function curves(
  backend: Backend,
  { shape, object: kind, magnitudes, mask, heldOut, objects }: Starts,
  images: readonly Float64Array[],
  average: Float64Array,
): Promise<Pick<Combined, 'frequencies' | 'prtf' | 'frc' | 'freeResiduals'>> {
  const [rows, columns] = shape;
  const rings = Math.floor(Math.min(rows, columns) / 2) + 1;
  const sums = Array.from({ length: 5 }, () => new Float64Array(rings));
  const [transfer, transferred, cross, power, otherPower] = sums;
  const halves = [0, 1].map((odd) => images.filter((_, i) => i % 2 === odd));
  let freeResiduals: Float64Array | undefined;
  const transform = await ImageTransform.create(backend, shape, kind);
  try {
    const whole = await transform.forward(average);
    if (heldOut) {
      freeResiduals = new Float64Array(objects.length);
      for (const [start, object] of objects.entries()) {
        freeResiduals[start] = freeResidualOf(await transform.forward(object), magnitudes, heldOut);
      }
    }
    const [a, b] =
      images.length > 1 ? [await transform.forward(meanOf(halves[0])), await transform.forward(meanOf(halves[1]))] : [];
    for (let k = 0; k < magnitudes.length; k++) {
      const [row, column] = [Math.floor(k / columns), k % columns];
      const [down, right] = [Math.min(row, rows - row) / rows, Math.min(column, columns - column) / columns];
      const ring = Math.round(Math.hypot(down, right) * Math.min(rows, columns));
      if (ring >= rings) continue;
      if (mask?.[k] !== 0 && magnitudes[k] > 0) {
        transfer[ring] += Math.hypot(whole[2 * k], whole[2 * k + 1]);
        transferred[ring] += magnitudes[k];
      }
      if (!a || !b) continue;
      cross[ring] += a[2 * k] * b[2 * k] + a[2 * k + 1] * b[2 * k + 1];
      power[ring] += a[2 * k] ** 2 + a[2 * k + 1] ** 2;
      otherPower[ring] += b[2 * k] ** 2 + b[2 * k + 1] ** 2;
    }
  } finally {
    transform.dispose();
  }
  return {
    ...(freeResiduals && { freeResiduals }),
    frequencies: Float64Array.from({ length: rings }, (_, ring) => ring / Math.min(rows, columns)),
    prtf: transfer.map((sum, ring) => sum / transferred[ring]),
    frc: cross.map((sum, ring) => sum / Math.sqrt(power[ring] * otherPower[ring])),
  };
}
