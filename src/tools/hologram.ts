/**
 * Holograms: the phases of a light modulator whose far field has wanted magnitudes. A session of two planes iterates, with a
 * Fourier rule of its own; this file makes its problem, and judges what comes out.
 */
import { selectDevice } from '../backends/registry.js';
import { InvalidArgumentError, gotTakes } from '../errors.js';
import {
  checkRealArray,
  checkShape,
  largestOf,
  position,
  prepare,
  ruleFor,
  toMask,
  type HologramConstraints,
} from '../problems/image.js';
import { checkInteger, checkName, checkRun, checkSessionOptions, rejectUnknownKeys } from '../problems/options.js';
import { openSession, type Session } from '../session/session.js';
import { sumOfSquares } from './align.js';
import type { BackendName, MaskArray, Precision, Problem, RealArray, RunOptions } from '../types.js';
import type { SessionOptions, Shape } from '../types.js';

/** How the far field is led to the wanted magnitudes. */
export const HOLOGRAM_METHODS = ['gs', 'leonardo', 'kim'] as const;

/**
 * `gs` imposes the wanted magnitudes (Gerchberg & Saxton, Optik 35, 237, 1972). `leonardo` raises those that come out too
 * weak and lowers the others, iteration by iteration (Di Leonardo, Ianni & Ruocco, Optics Express 15, 1913, 2007). `kim`
 * does the same, and keeps the phases of the far field from an iteration on, which converges faster (Kim et al., Optics
 * Letters 44, 3178, 2019).
 */
export type HologramMethod = (typeof HOLOGRAM_METHODS)[number];

/** What `hologram` takes beside the target, every field optional. */
export interface HologramOptions extends RunOptions {
  /** Default `kim`. */
  method?: HologramMethod | undefined;
  /** Number of iterations ≥ 1. Default 30. */
  iterations?: number | undefined;
  /**
   * The exponent with which `leonardo` and `kim` follow a ratio of wanted to present magnitude, above 0 and at most 1.
   * Default 1. Images, whose speckle is dark in places, want less: 0.5 to 0.8.
   */
  feedback?: number | undefined;
  /** The iteration from which `kim` keeps the phases of the far field, ≥ 1. Default: a third of all. */
  phasesFrom?: number | undefined;
  /** Magnitudes of the light that falls on the modulator, rows × columns, ≥ 0. Default: the same everywhere. */
  light?: RealArray | undefined;
  /**
   * Where the far field may be anything, rows × columns, zero frequency first: light goes there that would make the wanted
   * part uneven (mixed-region amplitude freedom, Pasienski & DeMarco, Optics Express 16, 2176, 2008). Default: nowhere, and
   * what is not wanted is dark.
   */
  noise?: MaskArray | undefined;
  /** With `noise`: how much the wanted part counts against the free one, above 0 and below 1. Default 0.4. */
  mixing?: number | undefined;
  /** The modulator has 2^bits levels from 0 to 2π, 1 ≤ bits ≤ 16. Left out: phases are not rounded. */
  bits?: number | undefined;
  /**
   * The share of the area of a modulator's pixels that modulates, above 0 and at most 1. The far field of one pixel then
   * counts: wanted magnitudes are raised where it is weak, and the light between the pixels is lost. Left out: points.
   */
  fillFactor?: number | undefined;
  /** Of the random phases to begin with. Default 0. */
  seed?: number | undefined;
  /** As for `createSession`. */
  backend?: BackendName | 'auto' | undefined;
  /** As for `createSession`. */
  device?: number | undefined;
  /** Default `single`. */
  precision?: Precision | undefined;
}

/** What `hologram` resolves to. */
export interface Hologram {
  /** Phases of the modulator in radians, from 0 to below 2π, rows × columns; with `bits` those of the levels. */
  phase: Float64Array<ArrayBuffer>;
  /** With `bits`: the levels. */
  levels?: Uint16Array<ArrayBuffer>;
  /** Magnitudes of the far field, rows × columns, zero frequency first, in the unit of the target. */
  farField: Float64Array<ArrayBuffer>;
  /** Rows and columns of all. */
  shape: Shape;
  /**
   * 1 − (greatest − least)/(greatest + least) of intensity by wanted intensity, over what is wanted: 1 where all is as
   * wanted, 0 where something is missing.
   */
  uniformity: number;
  /** The share of the light that goes to where it is wanted. */
  efficiency: number;
  /** ‖far field − target‖ / ‖target‖ over what is wanted, the far field multiplied by what makes it least. */
  error: number;
  /** The method that was used. */
  method: HologramMethod;
  /** Iterations finished. */
  iterations: number;
  /** The backend that was used. */
  backend: BackendName;
}

const KEYS: readonly (keyof HologramOptions)[] = [
  ...(['method', 'iterations', 'feedback', 'phasesFrom', 'light', 'noise', 'mixing', 'bits', 'fillFactor'] as const),
  ...(['seed', 'backend', 'device', 'precision', 'onProgress', 'signal'] as const),
];

/**
 * Computes the phases of a light modulator whose far field has these magnitudes, rows × columns, each finite and ≥ 0, zero
 * frequency at [0, 0]; their unit makes no difference. The far field is the Fourier transform of the modulator's light. A
 * target may be spots or an image; magnitudes are the square roots of intensities.
 *
 * The wasm backend computes on the calling thread, whose event loop has its turn as during `session.run`. `onProgress` gets
 * ‖far field − target‖ / ‖target‖ over all that is not `noise`.
 *
 * @throws InvalidArgumentError, and what `createSession` and `session.run` throw. The promise rejects.
 *
 * ```ts
 * const { phase, uniformity } = await hologram(spots, [512, 512], { bits: 8 });
 * ```
 */
export async function hologram(target: RealArray, shape: Shape, options: HologramOptions = {}): Promise<Hologram> {
  const size = checkShape('shape', shape);
  const magnitudes = checkMagnitudes('target', target, size);
  rejectUnknownKeys('options', options, KEYS);
  checkRun(options);
  const { method = 'kim', iterations = 30, feedback = 1, mixing = 0.4, bits, fillFactor } = options;
  const { phasesFrom = Math.ceil(iterations / 3), seed, backend, device, precision, signal, onProgress } = options;
  checkName('method', method, HOLOGRAM_METHODS);
  checkInteger('iterations', iterations, 1);
  checkInteger('phasesFrom', phasesFrom, 1);
  checkShare('feedback', feedback, true);
  checkShare('mixing', mixing, false);
  if (fillFactor !== undefined) checkShare('fillFactor', fillFactor, true);
  if (bits !== undefined && !(Number.isInteger(bits) && bits >= 1 && bits <= 16)) {
    throw new InvalidArgumentError('bits', gotTakes('bits', bits, 'an integer from 1 to 16'));
  }
  const noise = checkNoise(options.noise, magnitudes, size);
  const light = options.light ? checkMagnitudes('light', options.light, size) : magnitudes.map(() => 1);
  const envelope = fillFactor === undefined ? undefined : farFieldOfPixel(size, fillFactor);
  // All of the light, by Parseval's theorem.
  const total = light.length * sumOfSquares(light);
  const wanted = scaled(envelope ? magnitudes.map((m, k) => m / envelope[k]) : magnitudes, total);

  const session = await openHologram(
    {
      magnitudes: wanted,
      shape: size,
      object: 'complex',
      objectMagnitudes: light,
      mask: noise?.map((free) => 1 - free),
    },
    { seed, backend, device, precision },
    {
      // The object's sizes are known, so that a factor of the whole far field makes no difference.
      unmeasured: noise ? (1 - mixing) / mixing : 1,
      feedback: method === 'gs' ? undefined : feedback,
      phasesFrom: method === 'kim' ? phasesFrom : Infinity,
    },
  );
  try {
    await session.run(iterations, { onProgress, signal });
    session.inverse();
    session.constrainObject();
    const object = await session.readObject();
    const { phase, levels } = phasesOf(object, bits);
    if (levels) session.writeObject(withPhases(light, phase));
    session.forward();
    const sizes = sizesOf(await session.readSpectrum(), envelope);
    const { lit, factor, ...judged } = judge(sizes, magnitudes);
    return {
      ...{ phase, ...(levels && { levels }), farField: sizes.map((own) => factor * own), shape: size, ...judged },
      efficiency: ((fillFactor ?? 1) * lit) / total,
      ...{ method, iterations, backend: session.backend },
    };
  } finally {
    session.dispose();
  }
}

/** @internal A session whose Fourier rule is that of a hologram. */
export async function openHologram(
  problem: Problem,
  options: SessionOptions,
  hologram: HologramConstraints,
): Promise<Session> {
  const settings = checkSessionOptions({ ...options, algorithm: 'gs' });
  const setup = prepare(problem, settings, undefined);
  const constraints = { ...setup.constraints, hologram };
  const rule = ruleFor({ units: setup.units, constraints }, setup.ruleSettings);
  const { backend, index } = await selectDevice(settings);
  return openSession(backend, index, { ...setup, constraints, rule });
}

/** The magnitudes of a far field. Not by Math.hypot, which takes many times as long: these numbers do not overflow. */
function sizesOf(field: RealArray, envelope: Float64Array | undefined): Float64Array<ArrayBuffer> {
  const sizes = new Float64Array(field.length / 2);
  for (let k = 0; k < sizes.length; k++) {
    const [re, im] = [field[2 * k], field[2 * k + 1]];
    sizes[k] = Math.sqrt(re * re + im * im) * (envelope?.[k] ?? 1);
  }
  return sizes;
}

/** How near the magnitudes of a far field are to the target, and how much light is where it is wanted. */
function judge(present: Float64Array, target: Float64Array) {
  let [least, greatest, lit, product, norm] = [Infinity, 0, 0, 0, 0];
  for (let k = 0; k < target.length; k++) {
    const wanted = target[k];
    if (wanted === 0) continue;
    const ratio = (present[k] / wanted) ** 2;
    least = Math.min(least, ratio);
    greatest = Math.max(greatest, ratio);
    lit += present[k] * present[k];
    product += present[k] * wanted;
    norm += wanted * wanted;
  }
  // The factor that makes the difference least.
  const factor = lit > 0 ? product / lit : 0;
  return {
    factor,
    uniformity: lit > 0 ? 1 - (greatest - least) / (greatest + least) : 0,
    error: Math.sqrt(Math.max(0, norm - factor * product) / norm),
    lit,
  };
}

/** The phases of a modulator, on its levels where it has some. */
function phasesOf(object: RealArray, bits: number | undefined) {
  const count = 2 ** (bits ?? 0);
  const phase = new Float64Array(object.length / 2);
  const levels = bits === undefined ? undefined : new Uint16Array(phase.length);
  for (let i = 0; i < phase.length; i++) {
    const turns = Math.atan2(object[2 * i + 1], object[2 * i]) / (2 * Math.PI);
    const positive = turns < 0 ? turns + 1 : turns;
    if (levels) levels[i] = Math.round(positive * count) % count;
    phase[i] = 2 * Math.PI * (levels ? levels[i] / count : positive);
  }
  return { phase, levels };
}

/** Light of these magnitudes with these phases, interleaved. */
function withPhases(light: Float64Array, phase: Float64Array): Float64Array {
  const numbers = new Float64Array(2 * light.length);
  for (let i = 0; i < light.length; i++) {
    numbers[2 * i] = light[i] * Math.cos(phase[i]);
    numbers[2 * i + 1] = light[i] * Math.sin(phase[i]);
  }
  return numbers;
}

/** Magnitudes of the far field of a square that covers this share of a pixel, 1 at the zero frequency. */
function farFieldOfPixel([rows, columns]: Shape, fillFactor: number): Float64Array {
  const along = (k: number, count: number) => {
    const x = (Math.PI * Math.sqrt(fillFactor) * (2 * k < count ? k : k - count)) / count;
    return x === 0 ? 1 : Math.sin(x) / x;
  };
  return Float64Array.from(
    { length: rows * columns },
    (_, k) => along(Math.floor(k / columns), rows) * along(k % columns, columns),
  );
}

/** Numbers multiplied by what makes the sum of their squares this. */
function scaled(numbers: Float64Array, square: number): Float64Array {
  const factor = Math.sqrt(square / sumOfSquares(numbers));
  return numbers.map((number) => factor * number);
}

function checkMagnitudes(argument: string, given: RealArray, shape: Shape): Float64Array {
  const copy = Float64Array.from(checkRealArray(argument, given, shape));
  const largest = largestOf(argument, copy, shape);
  if (largest > 0) return copy.map((number) => number / largest);
  throw new InvalidArgumentError(argument, `${argument}: every entry is zero; takes at least one above 0`);
}

function checkNoise(given: MaskArray | undefined, target: Float64Array, shape: Shape): Uint8Array | undefined {
  const noise = toMask('noise', given, shape, 'the far field is free nowhere');
  const both = given === undefined ? -1 : target.findIndex((wanted, k) => wanted > 0 && noise?.[k] !== 0);
  if (both < 0) return noise;
  const message = `noise: covers the target at ${position(both, shape[1])}; takes 0 wherever the target is not`;
  throw new InvalidArgumentError('noise', message);
}

function checkShare(argument: string, value: number, takesOne: boolean): void {
  if (typeof value === 'number' && value > 0 && (takesOne ? value <= 1 : value < 1)) return;
  const takes = `a number above 0 and ${takesOne ? 'at most' : 'below'} 1`;
  throw new InvalidArgumentError(argument, gotTakes(argument, value, takes));
}
