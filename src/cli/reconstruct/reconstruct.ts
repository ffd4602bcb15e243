/** `rephase reconstruct`: from a diffraction pattern to an image. */
import process from 'node:process';
import { type Command } from 'commander';
import { AbortError } from '../../errors.js';
import { DEFAULT_BETA } from '../../problems/options.js';
import { retrieve } from '../../retrieve/retrieve.js';
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
} from '../../types.js';
import { EXIT, UsageError, exitCode } from '../exit.js';
import { checkDistinct, checkOutput, isPng } from '../files.js';
import { examples } from '../help.js';
import { interruptible } from '../interrupt.js';
import { printer } from '../print.js';
import { type InputFile, type ProblemOptions, otherInputs, readProblem } from '../problem.js';
import { progressBar } from '../progress.js';
import { printOutcome, writeImage, writeRecords } from './output.js';
import { oneOf, positive, whole } from '../values.js';

export interface ReconstructOptions extends ProblemOptions {
  output: string;
  algorithm: Algorithm;
  beta?: number;
  iterations: number;
  seed: number;
  starts: number;
  backend: BackendName | 'auto';
  device?: number;
  precision: Precision;
  bits?: '8' | '16';
  history?: string;
  report?: string;
  json?: boolean;
  quiet?: boolean;
}

/** A finished or interrupted run, and what was measured of the image that is written. */
export interface Outcome {
  problem: Problem;
  files: readonly InputFile[];
  result: Reconstruction;
  interrupted: boolean;
}

const HELP = `
The image written is the feasible one: negative pixels and those outside the support are cleared. PNG shows its smallest
value as black and its largest as white; .npy and .tiff hold the numbers. Without --support the object may fill the whole
image, and then the result is hardly ever the right one. The support that simulate writes is used only if it is named.

The first Ctrl-C or SIGTERM stops the run and writes the image so far (exit code 130 or 143), the second one quits at once.
`;

export function addReconstruct(program: Command): void {
  program
    .command('reconstruct')
    .description('Recover the image from a diffraction pattern.')
    .argument('<pattern>', 'Fourier magnitudes: .npy, .png, .tiff, .h5 or .cxi (- reads standard input)')
    .requiredOption('-o, --output <image>', 'image to write: .npy, .png or .tiff (- writes .npy to standard output)')
    .option('--algorithm <name>', ALGORITHMS.join(', '), oneOf('--algorithm', ALGORITHMS), 'gs')
    .option('--beta <number>', `feedback strength, not used by gs (default: ${DEFAULT_BETA})`, positive('--beta'))
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
      "one of the backend's devices, as `rephase backends` counts them (default: the first that works)",
      whole('--device', 0),
    )
    .option('--precision <name>', 'single, or double (wasm only)', oneOf('--precision', PRECISIONS), 'single')
    .option('--bits <number>', 'of a pixel of a PNG: 8 or 16 (default: 8)', oneOf('--bits', ['8', '16']))
    .option('--history <file>', 'write the residual of every iteration: .csv or .json')
    .option('--report <file>', 'write a page with pictures, residual curve and settings: .html')
    .option('--dataset <path>', 'where the pattern is in an HDF5, MATLAB or npz file (also as FILE:/PATH)')
    .option('--frame <number>', 'of a stack of frames: the one to take, counted from 0', whole('--frame', 0))
    .option('--frames <which>', 'of a stack: sum or mean of all, or A:B, the sum of frames A to B - 1')
    .option(
      '--max-pixels <number>',
      'take larger images than is usual for a file of its size',
      whole('--max-pixels', 1),
    )
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
  checkTogether(options);
  await checkOutputs(path, options);
  const out = printer(options, options.output === '-');
  const { problem, start, files } = await readProblem(path, options);
  const { code, ...run } = await reconstruct(
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
  // The image first: whatever fails after it, it is safe.
  await writeImage(options, run.result);
  const outcome: Outcome = { ...run, problem, files };
  await writeRecords(path, options, outcome);
  printOutcome(out, path, options, outcome);
  process.exitCode = code;
}

/** Options that exclude each other: none of them is ignored in silence. */
function checkTogether({ output, json, bits, start, starts }: ReconstructOptions): void {
  if (output === '-' && json) throw new UsageError('--json and -o - cannot both write to standard output');
  if (bits !== undefined && !isPng(output)) {
    throw new UsageError(`--bits is for PNG, and --output is ${output}, whose numbers are not rounded`);
  }
  if (start !== undefined && starts > 1) {
    throw new UsageError(`--start gives one image to continue from, and --starts ${starts} asks for random starts`);
  }
}

/** Everything that can be known to fail is found before the run, not after it. */
async function checkOutputs(path: string, options: ReconstructOptions): Promise<void> {
  const { output, history, report } = options;
  await checkOutput('--output', output, ['.npy', '.png', '.tif', '.tiff'], true);
  if (history !== undefined) await checkOutput('--history', history, ['.csv', '.json']);
  if (report !== undefined) await checkOutput('--report', report, ['.html']);
  await checkDistinct(
    [{ what: 'the pattern', path }, ...otherInputs(options)],
    [
      { what: '--output', path: output },
      { what: '--history', path: history },
      { what: '--report', path: report },
    ],
  );
}

async function reconstruct(problem: Problem, options: RetrieveOptions, quiet: boolean) {
  const bar = progressBar(options.iterations ?? 0, quiet);
  try {
    return await interruptible(async (signal) => {
      try {
        const result = await retrieve(problem, { ...options, signal, onProgress: bar.update });
        return { result, interrupted: false, code: EXIT.success };
      } catch (error) {
        if (!(error instanceof AbortError && error.partial)) throw error;
        return { result: error.partial, interrupted: true, code: exitCode(error) };
      }
    });
  } finally {
    bar.stop();
  }
}
