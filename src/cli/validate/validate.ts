/**
 * `rephase validate`: checks what is computed on this machine. Double precision on the wasm backend is compared with the
 * textbook's sums, and everything else with double precision. The iterations are few, because the rules with feedback
 * amplify rounding until nothing is left to compare. Images and scans are small, or one is as large as the user's own.
 */
import process from 'node:process';
import { type Command } from 'commander';
import { createSession, listBackends } from '../../backends/registry.js';
import { BackendUnavailableError } from '../../errors.js';
import { hasBeta } from '../../problems/options.js';
import { uniform } from '../../random.js';
import { needsOrder } from '../../rules.js';
import { SCAN_ALGORITHMS, type Scan, type ScanAlgorithm, type ScanSessionOptions } from '../../scan-types.js';
import { simulate } from '../../tools/simulate.js';
import {
  ALGORITHMS,
  BACKEND_NAMES,
  OBJECT_KINDS,
  type Algorithm,
  type BackendName,
  type ObjectKind,
  type Precision,
  type Problem,
  type RealArray,
  type SessionOptions,
  type Shape,
} from '../../types.js';
import { EXIT } from '../exit.js';
import { examples } from '../help.js';
import { printer, table } from '../print.js';
import { startedScan, summedScan, type KnownScan } from './scans.js';
import { TextbookSession, textbookComplexRule, textbookRule, type TextbookProblem } from './textbook.js';
import { oneOf, whole } from '../values.js';

interface ValidateOptions {
  backend?: BackendName;
  size?: number;
  json?: boolean;
}

interface Check {
  backend: BackendName;
  device: number;
  precision: Precision;
  problem: 'image' | 'complex image' | 'scan';
  algorithm: Algorithm | ScanAlgorithm;
  reference: string;
  iterations: number;
  /** The largest relative ℓ2 error over all problems; NaN when a backend failed. */
  error: number;
  limit: number;
  passed: boolean;
}

/** Its mask is one as simulate makes it, which the textbook reads too. */
type PlainProblem = TextbookProblem;

type Subject = Pick<Check, 'backend' | 'device' | 'precision'>;

const BETA = 0.9;
/** Rounding of one iteration in double precision is about 1e-15. */
const DOUBLE_LIMIT = 1e-9;
/** In single precision it is about 1e-7, and more if rounding decides on which side of 0 a pixel lies. */
const SINGLE_LIMIT = 1e-4;
/** Shapes of images: odd, even, prime, oblong, and one of many tiles in both passes. Patterns are twice as large. */
const SMALL: readonly Shape[] = [
  [8, 8],
  [7, 9],
  [1, 11],
];
const LARGE: readonly Shape[] = [
  [32, 32],
  [20, 28],
  [31, 37],
  [1, 17],
  [150, 101],
];

/** Shapes of a scan's patterns, with the number of modes. */
const SMALL_SCANS: readonly [Shape, number][] = [
  [[8, 9], 1],
  [[7, 6], 2],
];
const LARGE_SCANS: readonly [Shape, number][] = [
  [[32, 32], 1],
  [[21, 26], 2],
  [[31, 37], 1],
];
/** Scans of more pixels would take minutes in double precision. */
const LARGEST_SCAN = 512;

export function addValidate(program: Command): void {
  program
    .command('validate')
    .description('Check every available backend against the double-precision reference, and that against plain sums.')
    .option('--backend <name>', `only this one: ${BACKEND_NAMES.join(', ')}`, oneOf('--backend', BACKEND_NAMES))
    .option(
      '--size <n>',
      `with patterns of n × n instead of small ones; those of scans up to ${LARGEST_SCAN} × ${LARGEST_SCAN}`,
      whole('--size', 4),
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', examples(['rephase validate', 'rephase validate --backend webgpu --size 4096 --json']))
    .action(validate);
}

async function validate({ backend: only, size, json = false }: ValidateOptions): Promise<void> {
  const out = printer({ json });
  const checks = await checkReference();
  const problems = await Promise.all(size === undefined ? LARGE.map(padded) : [square(size)]);
  const scanSize = Math.min(size ?? 0, LARGEST_SCAN);
  const shapes = size === undefined ? LARGE_SCANS : [[[scanSize, scanSize], 1] as const];
  const scans = await Promise.all(shapes.map(([shape, modes]) => startedScan(shape, modes)));
  const reports = await listBackends();
  for (const { name, available, devices, reason = '' } of reports) {
    if (only && name !== only) continue;
    if (!available) out.line(`${name} is not available: ${reason}`);
    for (const [device, { reason }] of devices.entries()) {
      if (reason !== undefined) out.line(`${name}, device ${device}, is not available: ${reason}`);
      else {
        const subject = { backend: name, device, precision: 'single' } as const;
        checks.push(...(await checkSingle(subject, problems, 'real')));
        checks.push(...(await checkSingle(subject, problems, 'complex').catch(whereTaken)));
        checks.push(...(await checkScans(subject, scans).catch(whereTaken)));
      }
    }
  }
  // A backend named with --backend must be available; otherwise the check fails.
  const missing = only !== undefined && !reports.some(({ name, available }) => name === only && available);
  const passed = !missing && checks.every((check) => check.passed);
  const header = ['backend', 'precision', '', 'algorithm', 'against', 'iterations', 'error', 'limit', ''];
  const rows = checks.map((check) => [
    ...[
      check.backend + (check.device > 0 ? ` ${check.device}` : ''),
      check.precision,
      check.problem,
      check.algorithm,
      check.reference,
    ],
    ...[String(check.iterations), check.error.toExponential(1), check.limit.toExponential(0)],
    check.passed ? 'ok' : 'FAILED',
  ]);
  table(header, rows, 4).forEach(out.line);
  out.line(passed ? 'All checks passed.' : 'Some checks FAILED.');
  out.object({ command: 'validate', passed, checks });
  if (!passed) process.exitCode = EXIT.failure;

  function whereTaken(error: unknown): Check[] {
    if (!(error instanceof BackendUnavailableError)) throw error;
    out.line(error.message);
    return [];
  }
}

/** Double precision against the textbook, which is slow: small images. */
async function checkReference(): Promise<Check[]> {
  const subject: Subject = { backend: 'wasm', device: 0, precision: 'double' };
  const of = { ...subject, reference: 'plain sums', limit: DOUBLE_LIMIT } as const;
  const problems = await Promise.all(SMALL.map(padded));
  const checks: Check[] = [];
  for (const { object, algorithm } of OBJECT_KINDS.flatMap(algorithmsFor)) {
    const iterations = 10;
    const error = await worst(problems, async (image) => {
      const problem = { ...image, object };
      const numbers = image.magnitudes.length * (object === 'complex' ? 2 : 1);
      const start = Float64Array.from({ length: numbers }, (_, at) => uniform(2, 0, at) - 0.2);
      const how = { algorithm, beta: BETA };
      const rule = object === 'complex' ? textbookComplexRule(problem, how) : textbookRule(problem, how);
      const textbook = TextbookSession.fromObject(problem, start, rule);
      textbook.run(iterations);
      const options = { ...subject, algorithm, start: { object: start } };
      return difference(await iterate(problem, options, iterations), textbook.readObject());
    });
    checks.push(verdict({ ...of, problem: nameOf(object), algorithm, iterations, error }));
  }
  for (const algorithm of SCAN_ALGORITHMS) {
    const iterations = 3;
    // The truth stays where it is.
    const scans = SMALL_SCANS.map(([shape, modes]) => summedScan(shape, modes));
    const error = await worst(scans, async (scan) => {
      const [object, probe] = await iterateScan(scan, { ...subject, algorithm, batch: 4 }, iterations);
      return Math.max(difference(object, scan.object.data), difference(probe, scan.probe));
    });
    checks.push(verdict({ ...of, problem: 'scan', algorithm, iterations, error }));
  }
  return checks;
}

/** Single precision against double, from the same seed. */
async function checkSingle(subject: Subject, problems: readonly PlainProblem[], kind: ObjectKind): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { object, algorithm } of algorithmsFor(kind)) {
    for (const iterations of algorithm === 'gs' ? [1, 2, 10] : [1, 2]) {
      const error = await worst(problems, async (image) => {
        const problem = { ...image, object };
        const options = { algorithm, seed: 3 };
        const expected = await iterate(problem, { ...options, backend: 'wasm', precision: 'double' }, iterations);
        return difference(await iterate(problem, { ...options, ...subject }, iterations), expected);
      });
      const of = { problem: nameOf(object), reference: 'wasm double', limit: SINGLE_LIMIT };
      checks.push(verdict({ ...subject, ...of, algorithm, iterations, error }));
    }
  }
  return checks;
}

/** Those that take objects of a kind. */
function algorithmsFor(object: ObjectKind): { object: ObjectKind; algorithm: Algorithm }[] {
  const those = ALGORITHMS.filter((algorithm) => object === 'real' || !needsOrder(algorithm));
  return those.map((algorithm) => ({ object, algorithm }));
}

function nameOf(object: ObjectKind): Check['problem'] {
  return object === 'complex' ? 'complex image' : 'image';
}

/** The same for scans, positions that are corrected included. */
async function checkScans(subject: Subject, scans: readonly KnownScan[]): Promise<Check[]> {
  const checks: Check[] = [];
  for (const algorithm of SCAN_ALGORITHMS) {
    const iterations = 2;
    const error = await worst(scans, async (scan) => {
      const options = { algorithm, batch: 4, positionsFrom: 0 };
      const expected = await iterateScan(scan, { ...options, backend: 'wasm', precision: 'double' }, iterations);
      const results = await iterateScan(scan, { ...options, ...subject }, iterations);
      return Math.max(...results.map((result, i) => difference(result, expected[i])));
    });
    const of = { problem: 'scan', reference: 'wasm double', limit: SINGLE_LIMIT } as const;
    checks.push(verdict({ ...subject, ...of, algorithm, iterations, error }));
  }
  return checks;
}

/** A pattern twice as large as an image of this shape; every second has a beam stop. */
function padded(shape: Shape, index: number): Promise<PlainProblem> {
  return problemOf(shape, 2, index % 2 === 1);
}

/** A pattern of n × n, twice as large as its image or a pixel less. */
function square(n: number): Promise<PlainProblem> {
  const side = Math.ceil(n / 2);
  return problemOf([side, side], n / side, true);
}

/** Noisy, so that it is not symmetric. */
async function problemOf(shape: Shape, pad: number, stopped: boolean): Promise<PlainProblem> {
  const image = Float64Array.from({ length: shape[0] * shape[1] }, (_, at) => uniform(1, 0, at));
  const photons = Math.max(1e6, 100 * image.length);
  const options = { image, shape, pad, photons, ...(stopped && { beamstop: 1 }) };
  const { magnitudes, shape: pattern, support, mask } = await simulate(options);
  return { magnitudes, shape: pattern, support, ...(mask && { mask }) };
}

async function iterate(problem: Problem, options: SessionOptions, iterations: number): Promise<RealArray> {
  const session = await createSession(
    problem,
    hasBeta(options.algorithm ?? 'gs') ? { ...options, beta: BETA } : options,
  );
  try {
    await session.run(iterations);
    return await session.readObject();
  } finally {
    session.dispose();
  }
}

/** Object, probe and positions. */
async function iterateScan(scan: Scan, options: ScanSessionOptions, iterations: number): Promise<RealArray[]> {
  const session = await createSession(scan, options);
  try {
    await session.run(iterations);
    return [await session.readObject(), await session.readProbe(), await session.readPositions()];
  } finally {
    session.dispose();
  }
}

/** The largest error; NaN, which passes no limit, if there is one. */
async function worst<Problem>(
  problems: readonly Problem[],
  errorOf: (problem: Problem) => Promise<number>,
): Promise<number> {
  const errors: number[] = [];
  for (const problem of problems) errors.push(await errorOf(problem));
  return errors.some(Number.isNaN) ? NaN : Math.max(...errors);
}

/** ‖a − b‖ / ‖b‖. */
function difference(a: RealArray, b: RealArray): number {
  let [distance, norm] = [0, 0];
  b.forEach((value, at) => {
    distance += (a[at] - value) ** 2;
    norm += value ** 2;
  });
  return Math.sqrt(distance / norm);
}

function verdict(check: Omit<Check, 'passed'>): Check {
  return { ...check, passed: check.error <= check.limit };
}
