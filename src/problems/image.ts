/**
 * Turns the caller's problem into what a backend takes, and checks every array of a problem and a start. It copies the
 * arrays first, so that what was checked is what is computed with, whatever the caller does to them meanwhile. It runs on
 * the caller's thread, so its loops over pixels are plain.
 */
import type { BackendProblem, Pattern } from '../backends/interface.js';
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { checkName, checkTakesObject, rejectUnknownKeys, type RuleSettings, type Settings } from './options.js';
import {
  ANY_PHASE,
  POSITIVE,
  momentumOf,
  ruleOf,
  type Bounds,
  type ObjectRule,
  type Phases,
  type Rule,
} from '../rules.js';
import { plainView, typedKind, typedLength } from '../typed-arrays.js';
import { checkPropagation, intoFrame } from './propagation.js';
import { OBJECT_KINDS } from '../types.js';
import type { MaskArray, ObjectKind, Precision, Problem, RealArray, Shape, Start } from '../types.js';

/** What turns a caller's numbers into a backend's. */
export interface Units {
  /** That of the pattern. */
  scale: number;
  /** The standard deviation of the object's pixels, in scaled units, by Parseval's theorem. */
  deviation: number;
}

/** What a problem says beside its arrays, in the caller's own units. */
export interface Constraints {
  object: ObjectKind;
  /** Of the object, or of the sizes of a complex one. */
  bounds: Bounds;
  /** Of a complex object, in radians; both infinite: any. */
  phaseBounds: Bounds;
  /** The sizes of a complex object's pixels are known, and stand in place of the bounds. */
  inTwoPlanes: boolean;
  /** Of the object; 0: any. */
  supportSize: number;
  /** Of magnitudes. */
  tolerance: number;
  unmeasuredLimit: number;
  /** Left out: magnitudes are imposed as they are. */
  hologram?: HologramConstraints;
}

/** What becomes of the far field of a hologram. */
export interface HologramConstraints {
  /** Where it may be anything, it becomes so many times as large. */
  unmeasured: number;
  /** The exponent of weights; left out: there are none. */
  feedback?: number | undefined;
  /** Phases stay when so many iterations are done. */
  phasesFrom: number;
}

/** Everything that opens a session. Structured cloning keeps it, so that a worker can open it. */
export interface Setup extends BackendProblem {
  object: ObjectKind;
  ruleSettings: RuleSettings;
  constraints: Constraints;
  units: Units;
  /** The caller's own start: the arrays of all starts of the batch, one behind the other. */
  start?: Start;
  /** What objects are multiplied by where the detector is near: the caller's are not, those of the backend are. */
  chirp?: Float64Array | undefined;
  history: boolean;
}

const PROBLEM_KEYS: readonly (keyof Problem)[] = [
  ...(['magnitudes', 'shape', 'object', 'support', 'mask', 'bounds', 'amplitudeBounds', 'phaseBounds'] as const),
  ...(['objectMagnitudes', 'supportSize', 'tolerance', 'unmeasuredLimit', 'propagation'] as const),
];

/** Magnitudes beyond these powers of two lose digits when they are rounded to the precision, before any scaling. */
const LARGEST_EXPONENT: Record<Precision, number> = { single: 100, double: 1000 };

/** Numbers from here on round to infinity: in single precision, half a step beyond the largest finite number. */
const ROUNDS_TO_INFINITY: Record<Precision, number> = { single: 2 ** 128 - 2 ** 103, double: Infinity };

/** Throws an `InvalidArgumentError` that names the argument, what it got and what it takes. */
export function prepare(problem: Problem, settings: Omit<Settings, 'device'>, start: Start | undefined): Setup {
  rejectUnknownKeys('problem', problem, PROBLEM_KEYS);
  const shape = checkShape('shape', problem.shape);
  const { object = 'real' } = problem;
  checkName('object', object, OBJECT_KINDS);
  const magnitudes = checkRealArray('magnitudes', problem.magnitudes, shape).slice();
  const mask = checkMask(problem.mask, shape);
  const largest = largestOf('magnitudes', magnitudes, shape, mask, LEAVE_OUT);
  if (largest === 0) {
    const where = mask ? 'every measured entry' : 'every entry';
    const hint = mask ? ' (1 in the mask means measured: is it the other way round?)' : '';
    throw new InvalidArgumentError('magnitudes', `magnitudes: ${where} is zero; takes at least one above 0${hint}`);
  }
  const support = checkSupport(problem.support, shape);
  const { starts, firstStart, algorithm, beta, alpha, delta, precision, seed, history } = settings;
  checkTakesObject(algorithm, object);
  const scale = scaleOf(largest, precision);
  const chirp = checkPropagation(problem.propagation, shape, object, support);
  const ownStart = start === undefined ? undefined : checkStart(start, starts, shape, object, precision);
  if (ownStart && 'object' in ownStart) intoFrame(ownStart.object, chirp);
  const pattern = patternOf({ shape, magnitudes, scale, mask }, object);
  const constraints = checkConstraints(problem, shape, object);
  const objectMagnitudes = checkObjectMagnitudes(problem, shape, object, precision);
  const units = { scale, deviation: deviation(pattern) };
  const ruleSettings = { algorithm, beta, alpha, delta };
  return {
    pattern,
    batch: { starts, seeded: ownStart ? undefined : { seed, firstStart } },
    precision,
    object,
    ...(objectMagnitudes && { objectMagnitudes }),
    support,
    rule: ruleFor({ units, constraints }, ruleSettings),
    ruleSettings,
    constraints,
    units,
    start: ownStart,
    ...(chirp && { chirp }),
    history,
  };
}

/** Returns the rule of some settings for a problem, in the backend's units, in the k-th iteration by it, from 0. */
export function ruleFor(
  { units, constraints }: Pick<Setup, 'units' | 'constraints'>,
  settings: RuleSettings,
  k = 0,
): Rule {
  const { scale, deviation } = units;
  const { unmeasured = 1, feedback, phasesFrom = Infinity } = constraints.hologram ?? {};
  return ruleOf(settings.algorithm, {
    ...settings,
    delta: settings.delta * deviation,
    momentum: momentumOf(k),
    ...objectRule({ units, constraints }),
    tolerance: constraints.tolerance * scale,
    limit: constraints.unmeasuredLimit * scale,
    unmeasured,
    weights: feedback === undefined ? undefined : { exponent: feedback, keepsPhases: k >= phasesFrom },
  });
}

/** Returns what makes a pixel feasible, in the backend's units. */
export function objectRule({
  units,
  constraints,
}: Pick<Setup, 'units' | 'constraints'>): ObjectRule & { bounds: Bounds } {
  const { bounds, phaseBounds, inTwoPlanes, supportSize } = constraints;
  const [low, high] = bounds;
  return {
    bounds: [low * units.scale, high * units.scale],
    phases: phasesOf(phaseBounds),
    ...{ inTwoPlanes, supportSize },
  };
}

/** Returns the middle of a range of phases, and how far it reaches. */
export function phasesOf([low, high]: Bounds): Phases {
  return low === -Infinity ? ANY_PHASE : { centre: (low + high) / 2, halfWidth: (high - low) / 2 };
}

function deviation({ magnitudes, mask, scale, energy }: Pattern): number {
  const mean = mask?.[0] === 0 ? 0 : magnitudes[0] * scale;
  return Math.sqrt(Math.max(0, energy - mean * mean)) / magnitudes.length;
}

/** Returns the setup of some of the starts. Alone they give the same results as together. */
export function selectStarts(setup: Setup, first: number, count: number): Setup {
  const { batch, start } = setup;
  // A copy: of a view, structured cloning would send the memory of all starts.
  const some = (array: RealArray) => {
    const length = array.length / batch.starts;
    return array.slice(first * length, (first + count) * length);
  };
  const { seeded } = batch;
  return {
    ...setup,
    batch: { starts: count, seeded: seeded && { ...seeded, firstStart: seeded.firstStart + first } },
    start: start && ('phase' in start ? { phase: some(start.phase) } : { object: some(start.object) }),
  };
}

/** Copies a mask of frequencies to zeros and ones; undefined where it excludes nothing. */
export function checkMask(mask: MaskArray | undefined, shape: Shape): Uint8Array | undefined {
  return toMask('mask', mask, shape, 'no frequency was measured');
}

/** Copies a support to zeros and ones; undefined where it excludes nothing. */
export function checkSupport(support: MaskArray | undefined, shape: Shape): Uint8Array | undefined {
  return toMask('support', support, shape, 'the object would be zero everywhere');
}

/** Checks what a problem says beside its arrays, and fills in the defaults. */
export function checkConstraints(problem: Problem, shape: Shape, object: ObjectKind): Constraints {
  const { tolerance = 0, unmeasuredLimit = Infinity } = problem;
  if (!(typeof tolerance === 'number' && tolerance >= 0 && tolerance < Infinity)) {
    throw new InvalidArgumentError('tolerance', gotTakes('tolerance', tolerance, 'a finite number of at least 0'));
  }
  if (!(typeof unmeasuredLimit === 'number' && unmeasuredLimit > 0)) {
    throw new InvalidArgumentError('unmeasuredLimit', gotTakes('unmeasuredLimit', unmeasuredLimit, 'a number above 0'));
  }
  const supportSize = checkSupportSize(problem.supportSize, shape);
  const inTwoPlanes = problem.objectMagnitudes !== undefined;
  const [bounds, phaseBounds] =
    object === 'real' ? [checkBounds(problem.bounds), ANY] : checkComplexBounds(problem, supportSize);
  return { object, bounds, phaseBounds, inTwoPlanes, supportSize, tolerance, unmeasuredLimit };
}

const ANY: Bounds = [-Infinity, Infinity];

/** Bounds of the sizes and of the phases of a complex object. */
function checkComplexBounds(problem: Problem, supportSize: number): [Bounds, Bounds] {
  const { bounds, amplitudeBounds, phaseBounds, objectMagnitudes } = problem;
  if (bounds !== undefined) {
    const takes =
      "nothing with object: 'complex', whose pixels have no order (amplitudeBounds and phaseBounds bound them)";
    throw new InvalidArgumentError('bounds', gotTakes('bounds', bounds, takes));
  }
  const [least, most] = twoNumbers(amplitudeBounds ?? POSITIVE);
  if (!(least >= 0 && least < Infinity && most >= least && most > 0)) {
    const takes = 'two numbers [low, high] with 0 ≤ low ≤ high, low finite and high above 0';
    throw new InvalidArgumentError('amplitudeBounds', gotTakes('amplitudeBounds', amplitudeBounds, takes));
  }
  const [first, last] = twoNumbers(phaseBounds ?? ANY);
  const isRange = Number.isFinite(first) && last >= first && last - first < 2 * Math.PI;
  if (phaseBounds !== undefined && !isRange) {
    const takes = 'two finite numbers [low, high] in radians with low ≤ high < low + 2π';
    throw new InvalidArgumentError('phaseBounds', gotTakes('phaseBounds', phaseBounds, takes));
  }
  if (phaseBounds !== undefined && problem.propagation !== undefined) {
    const takes = 'nothing with propagation, which changes the phase of every pixel';
    throw new InvalidArgumentError('phaseBounds', gotTakes('phaseBounds', phaseBounds, takes));
  }
  if (objectMagnitudes !== undefined && amplitudeBounds !== undefined) {
    const takes = 'nothing with objectMagnitudes, which say the size of every pixel';
    throw new InvalidArgumentError('amplitudeBounds', gotTakes('amplitudeBounds', amplitudeBounds, takes));
  }
  if (supportSize > 0 && (least > 0 || phaseBounds !== undefined || objectMagnitudes !== undefined)) {
    const takes =
      'nothing with objectMagnitudes, phaseBounds, or amplitudeBounds above 0, with which small pixels are no zeros';
    throw new InvalidArgumentError('supportSize', gotTakes('supportSize', supportSize, takes));
  }
  return [
    [least, most],
    [first, last],
  ];
}

/** NaN where there are not two numbers. */
function twoNumbers(given: readonly [number, number]): [number, number] {
  const entries: unknown[] = Array.isArray(given) && given.length === 2 ? Array.from(given) : [];
  return entries.length === 2 && entries.every((entry) => typeof entry === 'number')
    ? (entries as [number, number])
    : [NaN, NaN];
}

function checkObjectMagnitudes(
  { objectMagnitudes, amplitudeBounds, phaseBounds }: Problem,
  shape: Shape,
  object: ObjectKind,
  precision: Precision,
): RealArray | undefined {
  if (object === 'real') {
    for (const [name, value] of Object.entries({ objectMagnitudes, amplitudeBounds, phaseBounds })) {
      if (value === undefined) continue;
      throw new InvalidArgumentError(name, gotTakes(name, value, "nothing without object: 'complex'"));
    }
  }
  if (objectMagnitudes === undefined) return undefined;
  const copy = checkRealArray('objectMagnitudes', objectMagnitudes, shape).slice();
  checkFinite('objectMagnitudes', copy, shape[1], precision);
  if (largestOf('objectMagnitudes', copy, shape) === 0) {
    const message = 'objectMagnitudes: every entry is zero; takes at least one above 0';
    throw new InvalidArgumentError('objectMagnitudes', message);
  }
  return copy;
}

function checkBounds(bounds: Bounds | undefined): Bounds {
  if (bounds === undefined) return POSITIVE;
  const [low, high] = twoNumbers(bounds);
  if (low <= 0 && high >= 0 && low < high) return [low, high];
  const takes = 'two numbers [low, high] with low ≤ 0 ≤ high and low < high';
  throw new InvalidArgumentError('bounds', gotTakes('bounds', bounds, takes));
}

function checkSupportSize(size: number | undefined, [rows, columns]: Shape): number {
  if (size === undefined) return 0;
  const pixels = rows * columns;
  if (Number.isInteger(size) && size >= 1 && size <= pixels) return size;
  const takes = `an integer from 1 to the number of pixels, ${pixels}`;
  throw new InvalidArgumentError('supportSize', gotTakes('supportSize', size, takes));
}

/** Checks that a shape is two integers of at least 1. */
export function checkShape(argument: string, shape: Shape): Shape {
  const takes = 'two integers [rows, columns], both at least 1';
  // Read once: a proxy may say something else the next time. `every` would pass over the holes of a sparse array.
  const given: unknown[] = Array.isArray(shape) && shape.length === 2 ? Array.from(shape) : [];
  if (given.length !== 2 || !given.every((n) => Number.isSafeInteger(n) && (n as number) >= 1)) {
    throw new InvalidArgumentError(argument, gotTakes(argument, shape, takes));
  }
  return given as [number, number];
}

/**
 * Checks that an array is a Float32Array or Float64Array of `count` images; any values pass. Returns a plain view of it,
 * which is as long as it says.
 */
export function checkRealArray(argument: string, array: RealArray, shape: Shape, count = 1): RealArray {
  const [rows, columns] = shape;
  const size = `${count === 1 ? '' : `${count} × `}${rows} × ${columns} = ${count * rows * columns} numbers`;
  const kind = typedKind(array);
  const isReal = kind === 'Float32Array' || kind === 'Float64Array';
  if (!isReal || typedLength(array) !== count * rows * columns) {
    const takes = `a Float32Array or Float64Array of ${size}`;
    throw new InvalidArgumentError(argument, gotTakes(argument, array, takes));
  }
  return plainView(array);
}

/** The same for `count` objects of a kind. */
export function checkObjectArray(
  argument: string,
  array: RealArray,
  shape: Shape,
  object: ObjectKind,
  count = 1,
): RealArray {
  if (object === 'real') return checkRealArray(argument, array, shape, count);
  const [rows, columns] = shape;
  const kind = typedKind(array);
  const isReal = kind === 'Float32Array' || kind === 'Float64Array';
  if (isReal && typedLength(array) === 2 * count * rows * columns) return plainView(array);
  const many = count === 1 ? '' : `${count} × `;
  const takes = `a Float32Array or Float64Array of ${many}${rows} × ${columns} complex numbers, interleaved re, im: ${2 * count * rows * columns} numbers`;
  throw new InvalidArgumentError(argument, gotTakes(argument, array, takes));
}

/** How many numbers a pixel of an object is. */
export function numbersPerPixel(object: ObjectKind): 1 | 2 {
  return object === 'complex' ? 2 : 1;
}

/** Checks that all values are finite after rounding to the precision. `width`: how many numbers a row has. */
export function checkFinite(argument: string, array: RealArray, width: number, precision: Precision): void {
  const i = indexOfNonFinite(array, precision);
  if (i >= 0) {
    const subject = `${argument} at ${position(i, width)}`;
    throw new InvalidArgumentError(argument, gotTakes(subject, array[i], `finite numbers in ${precision} precision`));
  }
}

/** Returns the index of the first number that is not finite after rounding to the precision, or −1. */
export function indexOfNonFinite(array: RealArray, precision: Precision): number {
  const limit = ROUNDS_TO_INFINITY[precision];
  for (let i = 0; i < array.length; i++) {
    // The comparison is false for NaN too.
    if (!(Math.abs(array[i]) < limit)) return i;
  }
  return -1;
}

/** Copies a mask to zeros and ones; undefined where it clears nothing. `whenEmpty` says what an empty one would mean. */
export function toMask(
  argument: string,
  given: MaskArray | undefined,
  shape: Shape,
  whenEmpty: string,
): Uint8Array | undefined {
  if (given === undefined) return undefined;
  const [rows, columns] = shape;
  const kind = typedKind(given);
  const isMask = kind === 'Uint8Array' || kind === 'Uint8ClampedArray' || Array.isArray(given);
  if (!isMask || (kind ? typedLength(given as Uint8Array) : given.length) !== rows * columns) {
    const takes = `a Uint8Array or an array of booleans, ${rows} × ${columns} = ${rows * columns} of them`;
    throw new InvalidArgumentError(argument, gotTakes(argument, given, takes));
  }
  // The copy lets the loop meet one kind of array only, which makes it several times as fast.
  const mask = kind ? new Uint8Array(given as Uint8Array) : Uint8Array.from(given, (value) => (value ? 1 : 0));
  let inside = 0;
  for (let i = 0; i < mask.length; i++) inside += mask[i] = mask[i] === 0 ? 0 : 1;
  if (inside === 0) {
    throw new InvalidArgumentError(argument, `${argument}: every entry is zero, so ${whenEmpty}; takes at least one 1`);
  }
  return inside < mask.length ? mask : undefined;
}

/** Returns the index of −k for the row-major index of k. */
export function opposite(index: number, [rows, columns]: Shape): number {
  const column = index % columns;
  const row = (index - column) / columns;
  return (row === 0 ? 0 : rows - row) * columns + (column === 0 ? 0 : columns - column);
}

/** What to do about a pixel that is no measurement. */
export const LEAVE_OUT = ' (leave dead or hidden pixels out with `mask`)';

/** Checks that the numbers that were measured are finite and at least 0, and returns the largest of them. */
export function largestOf(
  argument: string,
  numbers: RealArray,
  [, columns]: Shape,
  mask?: Uint8Array,
  hint = '',
): number {
  let largest = 0;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i];
    // Nearly all pass here, and NaN never does.
    if (number >= 0 && number <= largest) continue;
    if (mask?.[i] === 0) continue;
    if (!(number >= 0 && number < Infinity)) {
      const takes = `finite numbers of at least 0${hint}`;
      throw new InvalidArgumentError(argument, gotTakes(`${argument} at ${position(i, columns)}`, number, takes));
    }
    largest = number;
  }
  return largest;
}

/** How many pixels are inside. */
export function countOf(support: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < support.length; i++) count += support[i];
  return count;
}

/** Adds the sums over the whole pattern that residuals need. */
export function patternOf(given: Omit<Pattern, 'energy' | 'asymmetry'>, object: ObjectKind): Pattern {
  const { magnitudes, mask, scale, shape } = given;
  const [rows, columns] = shape;
  let energy = 0;
  let asymmetry = 0;
  for (let row = 0, k = 0; row < rows; row++) {
    const oppositeRow = row === 0 ? 0 : (rows - row) * columns;
    for (let column = 0; column < columns; column++, k++) {
      if (mask?.[k] === 0) continue;
      const magnitude = magnitudes[k] * scale;
      energy += magnitude * magnitude;
      if (object === 'complex') continue;
      const minusK = oppositeRow + (column === 0 ? 0 : columns - column);
      if (minusK <= k || mask?.[minusK] === 0) continue;
      const difference = (magnitudes[k] - magnitudes[minusK]) * scale;
      asymmetry += (difference * difference) / 2;
    }
  }
  return { ...given, energy, asymmetry };
}

/** Returns the power of two that brings the largest magnitude into [1, 2). */
function scaleOf(largest: number, precision: Precision): number {
  const exponent = LARGEST_EXPONENT[precision];
  if (largest < 2 ** -exponent || largest > 2 ** exponent) {
    const [low, high] = [2 ** -exponent, 2 ** exponent].map((bound) => bound.toExponential(1));
    const takes = `a largest magnitude between ${low} and ${high} in ${precision} precision: multiply all by a factor`;
    throw new InvalidArgumentError('magnitudes', gotTakes('magnitudes', largest, takes));
  }
  let scale = 2 ** -Math.floor(Math.log2(largest));
  // log2 rounds, and is one off next to a power of two.
  if (largest * scale >= 2) scale /= 2;
  if (largest * scale < 1) scale *= 2;
  return scale;
}

function checkStart(start: Start, starts: number, shape: Shape, kind: ObjectKind, precision: Precision): Start {
  rejectUnknownKeys('start', start, ['phase', 'object']);
  const { phase, object } = start as { phase?: RealArray; object?: RealArray };
  if ((phase === undefined) === (object === undefined)) {
    const got = phase === undefined ? 'neither' : 'both';
    throw new InvalidArgumentError('start', `start: got ${got}; takes either { phase } or { object }`);
  }
  const [argument, array, what] =
    phase === undefined ? (['start.object', object!, kind] as const) : (['start.phase', phase, 'real'] as const);
  const copy = checkObjectArray(argument, array, shape, what, starts).slice();
  checkFinite(argument, copy, numbersPerPixel(what) * shape[1], precision);
  return phase === undefined ? { object: copy } : { phase: copy };
}

export function position(index: number, width: number): string {
  return `[${Math.floor(index / width)}, ${index % width}]`;
}
