/**
 * Checks the options that callers pass (names, ranges, unknown keys) and fills in the defaults. image.ts checks the arrays
 * of a problem or a start, because that takes the shape.
 */
import { InvalidArgumentError, brief, gotTakes } from '../errors.js';
import {
  ALGORITHMS,
  BACKEND_NAMES,
  PRECISIONS,
  type Algorithm,
  type RetrieveOptions,
  type RunOptions,
  type SessionOptions,
} from '../types.js';

/** Session options with every default filled in. The start is left out: image.ts checks it. */
export type Settings = Required<Omit<SessionOptions, 'start' | 'device'>> & Pick<SessionOptions, 'device'>;

const SESSION_KEYS = [
  'algorithm',
  'beta',
  'seed',
  'start',
  'starts',
  'backend',
  'device',
  'precision',
  'history',
] as const satisfies readonly (keyof SessionOptions)[];
const RUN_KEYS = ['onProgress', 'signal'] as const satisfies readonly (keyof RunOptions)[];
const RETRIEVE_KEYS = [
  ...SESSION_KEYS,
  ...RUN_KEYS,
  'iterations',
  'inspect',
] as const satisfies readonly (keyof RetrieveOptions)[];

/** The default feedback strength of all algorithms but `gs`, which has none. */
export const DEFAULT_BETA = 0.9;

/** Throws an `InvalidArgumentError` that names the option, what it got and what it takes. */
export function checkSessionOptions(options: SessionOptions): Settings {
  rejectUnknownKeys('options', options, SESSION_KEYS);
  return sessionSettings(options);
}

/** The same for `retrieve`, which takes the options of a session and of a run, and `iterations`. */
export function checkRetrieveOptions(options: RetrieveOptions): Settings & { iterations: number; inspect: boolean } {
  rejectUnknownKeys('options', options, RETRIEVE_KEYS);
  checkRun(options);
  const { iterations = 1000, inspect = true } = options;
  checkInteger('iterations', iterations, 1);
  checkFlag('inspect', inspect);
  return { ...sessionSettings(options), iterations, inspect };
}

export function checkRunOptions(options: RunOptions): void {
  rejectUnknownKeys('options', options, RUN_KEYS);
  checkRun(options);
}

function sessionSettings(options: SessionOptions): Settings {
  const { algorithm = 'gs', seed = 0, starts = 1, backend = 'auto', device, precision = 'single' } = options;
  const beta = checkAlgorithm(algorithm, options.beta);
  const { history = false } = options;
  checkInteger('seed', seed, 0);
  checkInteger('starts', starts, 1);
  checkName('backend', backend, [...BACKEND_NAMES, 'auto']);
  if (device !== undefined) checkInteger('device', device, 0);
  checkName('precision', precision, PRECISIONS);
  checkFlag('history', history);
  return { algorithm, beta, seed, starts, backend, device, precision, history };
}

/** Returns β, or its default where it is undefined. */
export function checkAlgorithm(algorithm: Algorithm, beta: number | undefined): number {
  checkName('algorithm', algorithm, ALGORITHMS);
  if (beta === undefined) return algorithm === 'gs' ? 1 : DEFAULT_BETA;
  if (typeof beta === 'number' && beta > 0 && beta < Infinity) return beta;
  throw new InvalidArgumentError('beta', gotTakes('beta', beta, 'a finite number above 0'));
}

function checkRun({ onProgress, signal }: RunOptions): void {
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new InvalidArgumentError('onProgress', gotTakes('onProgress', onProgress, 'a function'));
  }
  const { addEventListener, removeEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  const isSignal = typeof addEventListener === 'function' && typeof removeEventListener === 'function';
  if (signal !== undefined && !isSignal) {
    throw new InvalidArgumentError('signal', gotTakes('signal', signal, 'an AbortSignal'));
  }
}

/** Checks that a value is an integer from `least` to 2⁵³ − 1. */
export function checkInteger(argument: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InvalidArgumentError(argument, gotTakes(argument, value, `an integer of at least ${least}`));
}

/** Checks that a value is true or false. */
function checkFlag(argument: string, value: unknown): void {
  if (typeof value === 'boolean') return;
  throw new InvalidArgumentError(argument, gotTakes(argument, value, 'true or false'));
}

/** Checks that a value is one of `names`. The message suggests the nearest name where the value looks misspelt. */
export function checkName(argument: string, value: unknown, names: readonly string[]): void {
  if (names.includes(value as string)) return;
  const listed = names.map((name) => `'${name}'`).join(', ');
  const hint = typeof value === 'string' ? didYouMean(value, names) : '';
  throw new InvalidArgumentError(argument, gotTakes(argument, value, listed) + hint);
}

/** Throws for keys that are not known, because a misspelt option must not be ignored. `argument`: name of the object. */
export function rejectUnknownKeys(argument: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidArgumentError(argument, gotTakes(argument, value, 'an object'));
  }
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const message = `${argument}: there is no '${brief(key)}'; takes ${known.join(', ')}${didYouMean(key, known)}`;
    throw new InvalidArgumentError(brief(key), message);
  }
}

function didYouMean(given: string, names: readonly string[]): string {
  if (given.length > 60) return '';
  const distances = names.map((name) => editDistance(given.toLowerCase(), name.toLowerCase()));
  const least = Math.min(...distances);
  return least <= 2 && least < given.length ? `; did you mean '${names[distances.indexOf(least)]}'?` : '';
}

/** Computes Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
