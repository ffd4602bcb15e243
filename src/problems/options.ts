/**
 * Checks the options that callers pass (names, ranges, unknown keys) and fills in the defaults. image.ts checks the arrays
 * of a problem or a start, because that takes the shape.
 */
import { InvalidArgumentError, brief, gotTakes } from '../errors.js';
import { needsOrder } from '../rules.js';
import {
  ALGORITHMS,
  BACKEND_NAMES,
  PRECISIONS,
  type Algorithm,
  type ObjectKind,
  type RetrieveOptions,
  type RuleOptions,
  type RunOptions,
  type SessionOptions,
  type Shape,
  type ShrinkSupportOptions,
} from '../types.js';

/** A rule's options with every default filled in. */
export type RuleSettings = Required<RuleOptions>;

/** Session options with every default filled in. The start is left out: image.ts checks it. */
export type Settings = Required<Omit<SessionOptions, 'start' | 'device'>> & Pick<SessionOptions, 'device'>;

const RULE_KEYS = ['algorithm', 'beta', 'alpha', 'delta'] as const satisfies readonly (keyof RuleOptions)[];
const SESSION_KEYS = [
  ...RULE_KEYS,
  'seed',
  'start',
  'starts',
  'firstStart',
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
  'chain',
  'generations',
  'refine',
  'heldOut',
  'onCheckpoint',
  'checkpointSeconds',
  'resume',
  'inspect',
  'keepObjects',
  'shrinkWrap',
  'detwin',
] as const satisfies readonly (keyof RetrieveOptions)[];

/** How many steps refine the average of generations by default. */
export const REFINING_STEPS = 250;

/** A seed has no more starts: backends count them in 32 bits. */
const MOST_STARTS = 2 ** 32;

/** Whether an algorithm has a feedback strength. That of the others is reported as 1. */
export function hasBeta(algorithm: Algorithm): boolean {
  return !['er', 'gs', 'dm', 'cf', 'ml'].includes(algorithm);
}

/** Throws an `InvalidArgumentError` that names the option, what it got and what it takes. */
export function checkSessionOptions(options: SessionOptions): Settings {
  rejectUnknownKeys('options', options, SESSION_KEYS);
  return sessionSettings(options);
}

/** The same for `retrieve`, which takes the options of a session and of a run, and a few more. chain.ts checks chains, periods.ts
 * shrink-wrap. */
export function checkRetrieveOptions(
  options: RetrieveOptions,
): Omit<Settings, 'device'> &
  Required<
    Pick<
      RetrieveOptions,
      'iterations' | 'inspect' | 'keepObjects' | 'checkpointSeconds' | 'refine' | 'heldOut' | 'detwin'
    >
  > &
  Pick<RetrieveOptions, 'device' | 'generations'> {
  rejectUnknownKeys('options', options, RETRIEVE_KEYS);
  checkRun(options);
  const {
    iterations = 1000,
    inspect = true,
    keepObjects = false,
    generations,
    refine = REFINING_STEPS,
    heldOut = 0.01,
    detwin = false,
  } = options;
  const { onCheckpoint, checkpointSeconds = 60 } = options;
  const excluded = (['algorithm', 'beta', 'iterations'] as const).find((key) => options[key] !== undefined);
  if (options.chain !== undefined && excluded) {
    throw new InvalidArgumentError(excluded, `${excluded}: cannot be given with a chain, which says it`);
  }
  checkInteger('iterations', iterations, 1);
  checkFlag('inspect', inspect);
  checkFlag('keepObjects', keepObjects);
  checkFlag('detwin', detwin);
  const { device } = options;
  if (device !== undefined && device !== 'all' && !(Number.isSafeInteger(device) && device >= 0)) {
    throw new InvalidArgumentError('device', gotTakes('device', device, "an integer of at least 0, or 'all'"));
  }
  const settings = sessionSettings({ ...options, device: undefined });
  if (generations !== undefined) checkInteger('generations', generations, 1);
  if (generations !== undefined && settings.starts < 2) {
    throw new InvalidArgumentError('starts', gotTakes('starts', settings.starts, 'at least 2 with generations'));
  }
  if (generations !== undefined && settings.firstStart > 0) {
    throw new InvalidArgumentError('firstStart', gotTakes('firstStart', settings.firstStart, '0 with generations'));
  }
  checkInteger('refine', refine, 0);
  if (!(typeof heldOut === 'number' && heldOut >= 0 && heldOut <= 0.5)) {
    throw new InvalidArgumentError('heldOut', gotTakes('heldOut', heldOut, 'a number from 0 to 0.5'));
  }
  const ofGenerations = (['refine', 'heldOut'] as const).find((key) => options[key] !== undefined);
  if (generations === undefined && ofGenerations) {
    throw new InvalidArgumentError(ofGenerations, `${ofGenerations}: takes generations, which are not given`);
  }
  checkFunction('onCheckpoint', onCheckpoint);
  if (!(typeof checkpointSeconds === 'number' && checkpointSeconds > 0)) {
    throw new InvalidArgumentError(
      'checkpointSeconds',
      gotTakes('checkpointSeconds', checkpointSeconds, 'a number above 0'),
    );
  }
  return {
    ...settings,
    device,
    iterations,
    inspect,
    keepObjects,
    generations,
    refine,
    heldOut,
    checkpointSeconds,
    detwin,
  };
}

export function checkRunOptions(options: RunOptions): void {
  rejectUnknownKeys('options', options, RUN_KEYS);
  checkRun(options);
}

function sessionSettings(options: SessionOptions): Settings {
  const { starts = 1, firstStart = 0 } = options;
  const [rule, common] = [ruleSettings(options), commonSettings(options)];
  checkInteger('starts', starts, 1);
  checkFirstStart(firstStart, starts, options.start !== undefined);
  return { ...rule, ...common, starts, firstStart };
}

/** What sessions of every kind of problem take. */
export type CommonSettings = Pick<Settings, 'seed' | 'backend' | 'device' | 'precision' | 'history'>;

export function commonSettings(options: Pick<SessionOptions, keyof CommonSettings>): CommonSettings {
  const { seed = 0, backend = 'auto', device, precision = 'single', history = false } = options;
  checkInteger('seed', seed, 0);
  checkName('backend', backend, [...BACKEND_NAMES, 'auto']);
  if (device !== undefined) checkInteger('device', device, 0);
  checkName('precision', precision, PRECISIONS);
  checkFlag('history', history);
  return { seed, backend, device, precision, history };
}

function checkFirstStart(firstStart: number, starts: number, isCallers: boolean): void {
  const most = isCallers ? 0 : Math.max(0, MOST_STARTS - starts);
  if (Number.isSafeInteger(firstStart) && firstStart >= 0 && firstStart <= most) return;
  const takes = isCallers ? '0 with a start of your own' : `an integer from 0 to 2³² − ${starts} (starts)`;
  throw new InvalidArgumentError('firstStart', gotTakes('firstStart', firstStart, takes));
}

/** Checks what `session.use` takes. What is left out stays as in `current`, but for β, whose default is the algorithm's. */
export function checkRuleOptions(options: RuleOptions, current: RuleSettings): RuleSettings {
  rejectUnknownKeys('options', options, RULE_KEYS);
  const { algorithm = current.algorithm, beta, alpha = current.alpha, delta = current.delta } = options;
  return ruleSettings({ algorithm, beta, alpha, delta });
}

function ruleSettings({ algorithm = 'gs', beta, alpha = 0.4, delta = 1.1 }: RuleOptions): RuleSettings {
  checkName('algorithm', algorithm, ALGORITHMS);
  const checked = beta === undefined ? defaultBeta(algorithm) : checkBeta('beta', beta, algorithm);
  if (!(typeof alpha === 'number' && alpha > 0 && alpha <= 1)) {
    throw new InvalidArgumentError('alpha', gotTakes('alpha', alpha, 'a number above 0 and at most 1'));
  }
  if (!(typeof delta === 'number' && delta >= 0 && delta < Infinity)) {
    throw new InvalidArgumentError('delta', gotTakes('delta', delta, 'a finite number of at least 0'));
  }
  return { algorithm, beta: checked, alpha, delta };
}

/** Checks that an algorithm takes objects of a kind. */
export function checkTakesObject(algorithm: Algorithm, object: ObjectKind): void {
  if (object === 'real' || !needsOrder(algorithm)) return;
  const names = ALGORITHMS.filter((name) => !needsOrder(name)).join(', ');
  const takes = `one of ${names} with complex objects, whose pixels have no order`;
  throw new InvalidArgumentError('algorithm', gotTakes('algorithm', algorithm, takes));
}

/** Checks how a support shrinks, and fills in the defaults. `of` is what the names of the options begin with. */
export function checkShrinkSupport(
  options: ShrinkSupportOptions,
  [rows, columns]: Shape,
  of = '',
): Required<ShrinkSupportOptions> {
  rejectUnknownKeys('options', options, ['sigma', 'threshold', 'least', 'most']);
  const { sigma, threshold, least = 1, most = Infinity } = options;
  const largest = Math.max(rows, columns);
  if (!(typeof sigma === 'number' && sigma > 0 && sigma <= largest)) {
    throw new InvalidArgumentError(
      `${of}sigma`,
      gotTakes(`${of}sigma`, sigma, `a number of pixels above 0 and at most ${largest}`),
    );
  }
  if (!(typeof threshold === 'number' && threshold > 0 && threshold < Infinity)) {
    throw new InvalidArgumentError(`${of}threshold`, gotTakes(`${of}threshold`, threshold, 'a finite number above 0'));
  }
  if (!(typeof least === 'number' && least >= 1)) {
    throw new InvalidArgumentError('least', gotTakes('least', least, 'a number of pixels of at least 1'));
  }
  if (!(typeof most === 'number' && most >= least)) {
    throw new InvalidArgumentError(
      'most',
      gotTakes('most', most, `a number of pixels of at least ${least}, which is the least`),
    );
  }
  return { sigma, threshold, least, most };
}

/** The feedback strength of an algorithm that is given none. */
export function defaultBeta(algorithm: Algorithm): number {
  if (!hasBeta(algorithm)) return 1;
  return algorithm === 'rrr' ? 0.5 : 0.9;
}

/** Whether an algorithm takes a feedback strength. Those that have none take 1, as which it is reported. */
export function takesBeta(algorithm: Algorithm, beta: number): boolean {
  return hasBeta(algorithm) || beta === 1;
}

/** Checks the feedback strength that an algorithm is given. */
export function checkBeta(argument: string, beta: number, algorithm: Algorithm): number {
  const isStrength = typeof beta === 'number' && beta > 0 && beta < Infinity;
  if (isStrength && takesBeta(algorithm, beta)) return beta;
  const takes = isStrength ? `nothing with ${algorithm}, which has no feedback strength` : 'a finite number above 0';
  throw new InvalidArgumentError(argument, gotTakes(argument, beta, takes));
}

export function checkRun({ onProgress, signal }: RunOptions): void {
  checkFunction('onProgress', onProgress);
  const { addEventListener, removeEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  const isSignal = typeof addEventListener === 'function' && typeof removeEventListener === 'function';
  if (signal !== undefined && !isSignal) {
    throw new InvalidArgumentError('signal', gotTakes('signal', signal, 'an AbortSignal'));
  }
}

/** Checks that a value is an integer from `least` to 2⁵³ − 1. */
export function checkInteger(argument: string, value: number, least: number, most = Infinity): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new InvalidArgumentError(argument, gotTakes(argument, value, `an integer ${range}`));
}

/** Checks that a value is a function, or left out. */
export function checkFunction(argument: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  throw new InvalidArgumentError(argument, gotTakes(argument, value, 'a function'));
}

/** Checks that a value is true or false. */
export function checkFlag(argument: string, value: unknown): void {
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
