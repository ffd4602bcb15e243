/**
 * Turns the caller's scan into what a backend takes, and checks every array of it. It copies the arrays first, as image.ts
 * does for patterns.
 */
import type { BackendScan } from '../backends/interface.js';
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { scanDefaults, scanRuleOf } from '../scan-rules.js';
import {
  PATTERN_PLACES,
  SCAN_ALGORITHMS,
  type CountArray,
  type PatternPlace,
  type Scan,
  type ScanAlgorithm,
  type ScanOptions,
  type ScanRunOptions,
  type ScanSessionOptions,
} from '../scan-types.js';
import { plainView, typedKind, typedLength } from '../typed-arrays.js';
import type { RealArray, Shape } from '../types.js';
import { LEAVE_OUT, checkFinite, checkMask, checkRealArray, checkShape, position } from './image.js';
import {
  checkFunction,
  checkInteger,
  checkName,
  checkRun,
  commonSettings,
  rejectUnknownKeys,
  type CommonSettings,
} from './options.js';

const SCAN_KEYS: readonly (keyof Scan)[] = [
  ...(['patterns', 'shape', 'positions', 'probe', 'object', 'mask', 'pixel', 'wavelength', 'distance'] as const),
];
const SESSION_KEYS: readonly (keyof ScanSessionOptions)[] = [
  ...(['algorithm', 'alpha', 'beta', 'batch', 'modes', 'probeFrom', 'positionsFrom', 'keepPatterns'] as const),
  ...(['seed', 'backend', 'device', 'precision', 'history', 'firstIteration'] as const),
];
const RUN_KEYS: readonly (keyof ScanRunOptions)[] = ['onProgress', 'signal', 'onPreview', 'previewSeconds'];

/** Between previews. */
/** Beams have few modes with light; making one that is orthogonal to all before takes time in proportion to their number. */
const MOST_MODES = 100;
export const PREVIEW_SECONDS = 5;

/** Options of a scan's session with every default filled in. The number of modes waits for the probe. */
export interface ScanSettings extends CommonSettings {
  algorithm: ScanAlgorithm;
  alpha: number;
  beta: number;
  batch: number;
  modes: number | undefined;
  probeFrom: number;
  positionsFrom: number;
  keepPatterns: PatternPlace | undefined;
  firstIteration: number;
}

/** Everything that opens a session of a scan. Structured cloning keeps it, so that a worker can open it. */
export interface ScanSetup extends BackendScan {
  settings: ScanSettings;
  /** Of the caller: fewer modes than `modes`, or none where it is to be guessed. Interleaved. */
  probe?: RealArray;
  object?: RealArray;
}

/** Pixels around the patches, and around those of positions that move. */
const MARGIN = 2;
const MARGIN_OF_MOVING = 8;

/** How many times as many pixels as all patches have the object may have: a sparse scan has some, metres have billions. */
const MOST_EMPTY = 64;

/**
 * Metres. Wavelengths are those from electrons of 1.5 MeV to the far infrared. A value in another unit, or an energy, is almost
 * always outside.
 */
export const METRES = {
  wavelength: [5e-13, 1e-4],
  distance: [1e-6, 100],
  detectorPixel: [1e-8, 1e-2],
} as const;

/** Whether `retrieve` and `createSession` were given a scan. */
export function isScan(problem: object): problem is Scan {
  return 'patterns' in Object(problem);
}

/** Throws an `InvalidArgumentError` that names the option, what it got and what it takes. */
export function checkScanSessionOptions(options: ScanSessionOptions): ScanSettings {
  rejectUnknownKeys('options', options, SESSION_KEYS);
  return scanSettings(options);
}

/** The same for `retrieve`. */
export function checkScanOptions(options: ScanOptions): ScanSettings & { iterations: number } {
  rejectUnknownKeys('options', options, [...SESSION_KEYS, ...RUN_KEYS, 'iterations']);
  checkScanRun(options);
  const { iterations = 200 } = options;
  checkInteger('iterations', iterations, 1);
  return { ...scanSettings(options), iterations };
}

/** What a session's run takes. */
export function checkScanRunOptions(options: ScanRunOptions): void {
  rejectUnknownKeys('options', options, RUN_KEYS);
  checkScanRun(options);
}

function checkScanRun(options: ScanRunOptions): void {
  checkRun(options);
  checkFunction('onPreview', options.onPreview);
  const { previewSeconds = PREVIEW_SECONDS } = options;
  if (typeof previewSeconds === 'number' && previewSeconds > 0) return;
  const message = gotTakes('previewSeconds', previewSeconds, 'a number above 0');
  throw new InvalidArgumentError('previewSeconds', message);
}

function scanSettings(options: ScanSessionOptions): ScanSettings {
  const { algorithm = 'rpie', modes, probeFrom = 0, positionsFrom = Infinity, firstIteration = 0 } = options;
  checkName('algorithm', algorithm, SCAN_ALGORITHMS);
  const defaults = scanDefaults(algorithm);
  const { alpha = defaults.alpha, beta, batch = defaults.batch, keepPatterns } = options;
  const common = commonSettings(options);
  if (!(typeof alpha === 'number' && alpha >= 0 && alpha <= 1)) {
    throw new InvalidArgumentError('alpha', gotTakes('alpha', alpha, 'a number from 0 to 1'));
  }
  if (beta !== undefined && !(typeof beta === 'number' && beta > 0 && beta <= 1)) {
    throw new InvalidArgumentError('beta', gotTakes('beta', beta, 'a number above 0 and at most 1'));
  }
  checkInteger('batch', batch, 1);
  if (modes !== undefined) checkInteger('modes', modes, 1, MOST_MODES);
  if (probeFrom !== Infinity) checkInteger('probeFrom', probeFrom, 0);
  if (positionsFrom !== Infinity) checkInteger('positionsFrom', positionsFrom, 0);
  if (keepPatterns !== undefined) checkName('keepPatterns', keepPatterns, PATTERN_PLACES);
  checkInteger('firstIteration', firstIteration, 0);
  const strength = defaults.hasBeta ? (beta ?? defaults.beta) : 1;
  const whole = { ...common, algorithm, alpha, beta: strength, batch, modes };
  return { ...whole, probeFrom, positionsFrom, keepPatterns, firstIteration };
}

/** Throws an `InvalidArgumentError` that names the argument, what it got and what it takes. */
export function prepareScan(scan: Scan, settings: ScanSettings): ScanSetup {
  const { shape, mask, patterns } = checkMeasured(scan);
  const count = patterns.length / (shape[0] * shape[1]);
  const { precision } = settings;
  const given = checkPositions(scan.positions, count);
  const object = scan.object && checkObject(scan.object, precision);
  const { positions, objectShape } = object
    ? { positions: requireInside(given, shape, object.shape), objectShape: object.shape }
    : placed(given, shape, settings.positionsFrom === Infinity ? MARGIN : MARGIN_OF_MOVING);
  const probe = scan.probe && checkProbe(scan.probe, shape, settings);
  const modesGiven = probe ? probe.length / (2 * shape[0] * shape[1]) : 1;
  return {
    patterns,
    shape,
    ...(mask && { mask }),
    positions,
    objectShape,
    modes: settings.modes ?? modesGiven,
    batch: Math.min(settings.batch, count),
    precision,
    keepPatterns: settings.keepPatterns,
    rule: scanRuleOf(settings.algorithm, settings.alpha, settings.beta),
    settings,
    ...(probe && { probe }),
    ...(object && { object: object.data }),
  };
}

/** The patterns and their mask, copied. Checks what a scan carries along as well. */
export function checkMeasured(scan: Scan): { shape: Shape; mask: Uint8Array | undefined; patterns: CountArray } {
  rejectUnknownKeys('scan', scan, SCAN_KEYS);
  const shape = checkShape('shape', scan.shape);
  const mask = checkMask(scan.mask, shape);
  const patterns = checkPatterns(scan.patterns, shape, mask);
  checkPixel(scan.pixel);
  checkMetres('wavelength', scan.wavelength);
  checkMetres('distance', scan.distance);
  return { shape, mask, patterns };
}

function checkPatterns(patterns: CountArray, shape: Shape, mask: Uint8Array | undefined): CountArray {
  const [rows, columns] = shape;
  const pixels = rows * columns;
  const kind = typedKind(patterns) ?? '';
  const isCounts = ['Float32Array', 'Float64Array', 'Uint8Array', 'Uint16Array', 'Uint32Array'].includes(kind);
  const length = isCounts ? typedLength(patterns) : 0;
  if (length === 0 || length % pixels !== 0) {
    const takes = `a Float32Array, Float64Array, Uint8Array, Uint16Array or Uint32Array of positions × ${rows} × ${columns} numbers`;
    throw new InvalidArgumentError('patterns', gotTakes('patterns', patterns, takes));
  }
  const copy = plainView(patterns).slice();
  let total = 0;
  for (let i = 0; i < length; i++) {
    const counts = copy[i];
    if (mask?.[i % pixels] === 0) continue;
    if (!(counts >= 0 && counts < Infinity)) {
      const at = `patterns at [${Math.floor(i / pixels)}, ${position(i % pixels, columns).slice(1)}`;
      throw new InvalidArgumentError('patterns', gotTakes(at, counts, `finite numbers of at least 0${LEAVE_OUT}`));
    }
    total += counts;
  }
  if (total === 0) {
    const hint = mask ? ' (1 in the mask means measured: is it the other way round?)' : '';
    const message = `patterns: every measured entry is zero; takes at least one above 0${hint}`;
    throw new InvalidArgumentError('patterns', message);
  }
  return copy;
}

export function checkPositions(positions: RealArray, count: number): Float64Array {
  const kind = typedKind(positions);
  const length = kind === 'Float32Array' || kind === 'Float64Array' ? typedLength(positions) : 0;
  if (length !== 2 * count) {
    const takes = `a Float32Array or Float64Array of ${count} × 2 numbers, one row and column for each of the ${count} patterns`;
    throw new InvalidArgumentError('positions', gotTakes('positions', positions, takes));
  }
  const copy = Float64Array.from(plainView(positions));
  const broken = copy.findIndex((number) => !Number.isFinite(number));
  if (broken >= 0) {
    const at = `positions at [${Math.floor(broken / 2)}, ${broken % 2}]`;
    throw new InvalidArgumentError('positions', gotTakes(at, copy[broken], 'finite numbers'));
  }
  const reach = Math.max(...extents(copy).map(({ least, most }) => most - least));
  if (count > 1 && reach < 1e-3) {
    const message =
      reach === 0
        ? 'positions: all are equal; takes those that the beam was moved to, in pixels of the object'
        : `positions: all lie within ${reach.toPrecision(2)} pixels; takes pixels of the object (metres divided by the metres of one)`;
    throw new InvalidArgumentError('positions', message);
  }
  return copy;
}

/** The least and the greatest row, and column. */
export function extents(positions: Float64Array): { least: number; most: number }[] {
  return [0, 1].map((axis) => {
    let [least, most] = [Infinity, -Infinity];
    for (let i = axis; i < positions.length; i += 2) {
      least = Math.min(least, positions[i]);
      most = Math.max(most, positions[i]);
    }
    return { least, most };
  });
}

/** Moves all positions by whole pixels, so that the patches lie inside an object with some pixels around them. */
function placed(given: Float64Array, shape: Shape, margin: number): { positions: Float64Array; objectShape: Shape } {
  const reach = extents(given);
  const moves = reach.map(({ least }) => margin - Math.floor(least));
  const objectShape = reach.map(
    ({ most }, axis) => Math.floor(most + moves[axis] + 0.5) + shape[axis] + margin,
  ) as unknown as Shape;
  if (leavesEmpty(objectShape, given.length / 2, shape, margin)) {
    const message = `positions: reach over ${objectShape.join(' × ')} pixels, which ${given.length / 2} patches of ${shape.join(' × ')} leave empty; takes pixels of the object`;
    throw new InvalidArgumentError('positions', message);
  }
  return { positions: given.map((number, i) => number + moves[i % 2]), objectShape };
}

/** Whether an object is so large that these patches leave next to all of it empty. */
export function leavesEmpty(objectShape: Shape, count: number, shape: Shape, margin = MARGIN): boolean {
  const patches = count * (shape[0] + 2 * margin) * (shape[1] + 2 * margin);
  return objectShape[0] * objectShape[1] > MOST_EMPTY * patches;
}

export function requireInside(positions: Float64Array, shape: Shape, objectShape: Shape): Float64Array {
  positions.forEach((number, i) => {
    const corner = Math.floor(number + 0.5);
    const most = objectShape[i % 2] - shape[i % 2];
    if (corner >= 0 && corner <= most) return;
    const takes = `0 to ${most}, so that the patch lies inside the object given`;
    throw new InvalidArgumentError(
      'positions',
      gotTakes(`positions at [${Math.floor(i / 2)}, ${i % 2}]`, number, takes),
    );
  });
  return positions;
}

export function checkObject(
  object: NonNullable<Scan['object']>,
  precision: ScanSettings['precision'],
): { data: RealArray; shape: Shape } {
  rejectUnknownKeys('object', object, ['data', 'shape']);
  const shape = checkShape('object.shape', object.shape);
  const data = checkRealArray('object.data', object.data, [shape[0], 2 * shape[1]]).slice();
  checkFinite('object.data', data, 2 * shape[1], precision);
  return { data, shape };
}

/** The probe's modes, at most as many as were asked for. */
export function checkProbe(
  probe: RealArray,
  [rows, columns]: Shape,
  { modes, precision }: Pick<ScanSettings, 'modes' | 'precision'>,
): RealArray {
  const one = 2 * rows * columns;
  const kind = typedKind(probe);
  const length = kind === 'Float32Array' || kind === 'Float64Array' ? typedLength(probe) : 0;
  if (length === 0 || length % one !== 0 || length / one > (modes ?? Infinity)) {
    const many = modes === undefined ? 'modes' : `at most ${modes} modes`;
    const takes = `a Float32Array or Float64Array of ${many} × ${rows} × ${columns} complex numbers, interleaved`;
    throw new InvalidArgumentError('probe', gotTakes('probe', probe, takes));
  }
  const copy = plainView(probe).slice();
  checkFinite('probe', copy, 2 * columns, precision);
  if (copy.every((number) => number === 0)) {
    throw new InvalidArgumentError('probe', 'probe: every number is zero; takes at least one that is not');
  }
  return copy;
}

function checkPixel(pixel: Scan['pixel']): void {
  if (pixel === undefined) return;
  const given: unknown[] = Array.isArray(pixel) && pixel.length === 2 ? Array.from(pixel) : [];
  if (given.length === 2 && given.every((size) => typeof size === 'number' && size > 0 && size < Infinity)) return;
  throw new InvalidArgumentError('pixel', gotTakes('pixel', pixel, 'two numbers above 0: metres of an object pixel'));
}

export function checkMetres(argument: keyof typeof METRES, metres: number | undefined): void {
  const [least, most] = METRES[argument];
  if (metres === undefined || (typeof metres === 'number' && metres >= least && metres <= most)) return;
  throw new InvalidArgumentError(argument, gotTakes(argument, metres, `metres, from ${least} to ${most}`));
}
