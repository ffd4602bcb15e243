/** `rephase reconstruct`: from a diffraction pattern to an image. */
import { extname } from 'node:path';
import process from 'node:process';
import { type Command } from 'commander';
import { AbortError } from '../errors.js';
import { createSession } from '../backends.js';
import { retrieve } from '../retrieve.js';
import {
  ALGORITHMS,
  BACKEND_NAMES,
  PRECISIONS,
  type Algorithm,
  type BackendName,
  type Precision,
  type Problem,
  type Reconstruction,
  type RetrieveOptions,
} from '../types.js';
import { EXIT, UsageError } from './exit.js';
import { checkOutput, writeOutput, writeText } from './files.js';
import { examples } from './help.js';
import { interruptible } from './interrupt.js';
import { type Printer, brief, printer } from './print.js';
import { type ProblemOptions, readProblem } from './problem.js';
import { duration, progressBar } from './progress.js';
import { reconstructionReport } from './reconstruction-report.js';
import { oneOf, positive, whole } from './values.js';

export interface ReconstructOptions extends ProblemOptions {
  output: string;
  algorithm: Algorithm;
  beta?: number;
  iterations: number;
  seed: number;
  starts: number;
  backend: BackendName | 'auto';
  device: number;
  precision: Precision;
  bits: '8' | '16';
  history?: string;
  report?: string;
  json?: boolean;
  quiet?: boolean;
}

/** A finished or interrupted run, and what was measured of the image that is written. */
export interface Outcome {
  problem: Problem;
  result: Reconstruction;
  /** Residual of the feasible image, the one that is written. */
  imageResidual: number;
  interrupted: boolean;
}

const HELP = `
The image written is the feasible one: negative pixels and those outside the support are cleared. PNG shows its smallest
value as black and its largest as white; .npy and .tiff hold the numbers. Without --support the object may fill the whole
image, and then the result is hardly ever the right one. The support that simulate writes is used only if it is named.

The first Ctrl-C stops the run and writes the image so far (exit code 130), the second one quits at once.
`;

export function addReconstruct(program: Command): void {
  program
    .command('reconstruct')
    .description('Recover the image from a diffraction pattern.')
    .argument('<pattern>', 'Fourier magnitudes: .npy, .png, .tiff, .h5 or .cxi (- reads standard input)')
    .requiredOption('-o, --output <image>', 'image to write: .npy, .png or .tiff (- writes .npy to standard output)')
    .option('--algorithm <name>', ALGORITHMS.join(', '), oneOf('--algorithm', ALGORITHMS), 'gs')
    .option('--beta <number>', 'feedback strength, not used by gs (default: 0.9)', positive('--beta'))
    .option('--iterations <number>', 'how many iterations', whole('--iterations', 1), 1000)
    .option('--support <file|RxC>', 'where the object may be non-zero: an image, or a rectangle such as 256x256')
    .option('--mask <file>', 'image that is zero where nothing was measured')
    .option('--intensity', 'the pattern holds intensities (counts), not their square roots')
    .option('--centered', 'the zero frequency is in the middle of the pattern and the mask, not at their corner')
    .option('--seed <number>', 'seed of the random start', whole('--seed', 0), 0)
    .option('--start <file>', 'image to continue from instead of a random start')
    .option('--starts <number>', 'try several random starts and keep the best', whole('--starts', 1), 1)
    .option(
      '--backend <name>',
      `${BACKEND_NAMES.join(', ')} or auto`,
      oneOf('--backend', [...BACKEND_NAMES, 'auto']),
      'auto',
    )
    .option(
      '--device <number>',
      "one of the backend's devices, as `rephase backends` counts them",
      whole('--device', 0),
      0,
    )
    .option('--precision <name>', 'single, or double (wasm only)', oneOf('--precision', PRECISIONS), 'single')
    .option('--bits <number>', 'of a pixel of a PNG: 8 or 16', oneOf('--bits', ['8', '16']), '8')
    .option('--history <file>', 'write the residual of every iteration: .csv or .json')
    .option('--report <file>', 'write a page with pictures, residual curve and settings: .html')
    .option('--dataset <path>', 'where the pattern is in an HDF5 file')
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'no progress bar, and print nothing but errors')
    .addHelpText(
      'after',
      HELP +
        examples([
          'rephase reconstruct pattern.npy -o image.png --support pattern.support.npy --algorithm hio --report run.html',
          'rephase reconstruct counts.h5 --dataset /entry/data --intensity --centered --mask dead.png --support 200x200 -o image.tiff',
          'rephase reconstruct pattern.npy -o best.npy --support 256x256 --algorithm hio --starts 8',
          'rephase reconstruct pattern.npy -o image.png --support 256x256 --start best.npy --iterations 100',
        ]),
    )
    .action(runReconstruct);
}

async function runReconstruct(path: string, options: ReconstructOptions): Promise<void> {
  await checkOutputs(options);
  const out = printer(options, options.output === '-');
  const { problem, start } = await readProblem(path, options);
  const outcome = await reconstruct(
    problem,
    {
      ...{ algorithm: options.algorithm, iterations: options.iterations, seed: options.seed, starts: options.starts },
      ...{ backend: options.backend, device: options.device, precision: options.precision },
      history: options.history !== undefined || options.report !== undefined,
      ...(options.beta !== undefined && { beta: options.beta }),
      ...(start && { start }),
    },
    options.quiet ?? false,
  );
  await writeResults(path, options, outcome);
  print(out, path, options, outcome);
  if (outcome.interrupted) process.exitCode = EXIT.interrupted;
}

/** Everything that can be known to fail is found before the run, not after it. */
async function checkOutputs(options: ReconstructOptions): Promise<void> {
  const { output, history, report, json } = options;
  if (output === '-' && json) throw new UsageError('--json and -o - cannot both write to standard output');
  await checkOutput('--output', output, ['.npy', '.png', '.tif', '.tiff'], true);
  if (history !== undefined) await checkOutput('--history', history, ['.csv', '.json']);
  if (report !== undefined) await checkOutput('--report', report, ['.html']);
}

async function reconstruct(problem: Problem, options: RetrieveOptions, quiet: boolean): Promise<Outcome> {
  const bar = progressBar(options.iterations ?? 0, quiet);
  let interrupted = false;
  try {
    const result = await interruptible(async (signal) => {
      try {
        return await retrieve(problem, { ...options, signal, onProgress: bar.update });
      } catch (error) {
        if (!(error instanceof AbortError && error.partial)) throw error;
        interrupted = true;
        return error.partial;
      }
    });
    return { problem, result, imageResidual: await residualOfImage(problem, result), interrupted };
  } finally {
    bar.stop();
  }
}

/** A session that starts from an object knows its residual before any iteration. */
async function residualOfImage(problem: Problem, { feasible, backend }: Reconstruction): Promise<number> {
  const precision = feasible instanceof Float64Array ? 'double' : 'single';
  const session = await createSession(problem, { start: { object: feasible }, backend, precision });
  try {
    return await session.residual();
  } finally {
    session.dispose();
  }
}

async function writeResults(path: string, options: ReconstructOptions, outcome: Outcome): Promise<void> {
  const { result } = outcome;
  const bits =
    extname(options.output).toLowerCase() === '.png' ? ({ bits: options.bits === '16' ? 16 : 8 } as const) : {};
  await writeOutput(options.output, { data: result.feasible, shape: result.shape }, bits);
  const history = [...(result.history ?? [])];
  if (options.history?.toLowerCase().endsWith('.json'))
    await writeText(options.history, `${JSON.stringify(history)}\n`);
  else if (options.history !== undefined) {
    const lines = history.map((residual, at) => `${at + 1},${residual}\n`);
    await writeText(options.history, `iteration,residual\n${lines.join('')}`);
  }
  if (options.report !== undefined) await writeText(options.report, await reconstructionReport(path, options, outcome));
}

function print(out: Printer, path: string, options: ReconstructOptions, outcome: Outcome): void {
  const { result, imageResidual, interrupted } = outcome;
  const { iterations, seconds, backend, device, residual, residuals, best, shape } = result;
  const { algorithm, beta = 0.9, seed, starts, precision, output, history, report } = options;
  const rate = (iterations * starts) / seconds;
  const feedback = algorithm === 'gs' ? '' : ` β ${beta}`;
  out.line(
    `${backend} (${device}) · ${algorithm}${feedback} · ${shape.join('×')}${starts > 1 ? ` · ${starts} starts` : ''}`,
  );
  out.line(`${iterations} iterations in ${duration(seconds)}, ${brief(rate)} iterations/s`);
  out.line(`residual of the image ${brief(imageResidual)}, of the iterate ${brief(residual)}`);
  if (starts > 1) out.line(`best of ${starts} starts: number ${best}`);
  if (interrupted) out.line(`stopped after ${iterations} of ${options.iterations} iterations`);
  out.line(`wrote ${[output, history, report].filter((file) => file !== undefined).join(', ')}`);
  out.object({
    ...{ command: 'reconstruct', pattern: path, output, history, report, shape },
    ...{ algorithm, beta: algorithm === 'gs' ? undefined : beta, seed, starts, precision, backend, device },
    ...{ iterations, seconds, iterationsPerSecond: rate, residual, imageResidual, residuals, best, interrupted },
  });
}
