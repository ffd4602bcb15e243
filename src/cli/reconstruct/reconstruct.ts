/** `rephase reconstruct`: from a diffraction pattern to an image. */
import process from 'node:process';
import { type Command } from 'commander';
import { AbortError, DivergedError } from '../../errors.js';
import { type Warning, type WarningCode } from '../../inspect/index.js';
import { retrieve } from '../../retrieve/retrieve.js';
import {
  ALGORITHMS,
  BACKEND_NAMES,
  PRECISIONS,
  type Problem,
  type Progress,
  type RetrieveOptions,
} from '../../types.js';
import { EXIT, UsageError, exitCode } from '../exit.js';
import { checkDistinct, checkOutput, isPng } from '../files.js';
import { examples } from '../help.js';
import { interruptible } from '../interrupt.js';
import { note, printer } from '../print.js';
import { addPatternOptions, otherInputs, readProblem } from '../problem.js';
import { progressBar } from '../progress.js';
import type { Outcome, ReconstructOptions } from './outcome.js';
import { EFFORT_NAMES, chooseRecipe, type Recipe } from './recipe.js';
import { printOutcome, writeImage, writeRecords } from './output.js';
import { numberFrom, oneOf, positive, range, whole } from '../values.js';

const HELP = `
The image written is the feasible one: negative pixels and those outside the support are cleared. PNG shows its smallest
value as black and its largest as white; .npy and .tiff hold the numbers. Without --support the object may fill the whole
image, and then the result is hardly ever the right one. The support that simulate writes is used only if it is named.

The first Ctrl-C, SIGTERM or SIGHUP stops the run and writes the image so far. The second one ends the program at once.
`;

export function addReconstruct(program: Command): void {
  const command = program
    .command('reconstruct')
    .description('Recover the image from a diffraction pattern.')
    .argument('<pattern>', 'Fourier magnitudes: .npy, .png, .tiff, .h5 or .cxi (- reads standard input)')
    .requiredOption('-o, --output <image>', 'image to write: .npy, .png or .tiff (- writes .npy to standard output)')
    .option('--algorithm <name>', `${ALGORITHMS.join(', ')} (default: gs)`, oneOf('--algorithm', ALGORITHMS))
    .option(
      '--beta <number>',
      'feedback strength (default: 0.9, for rrr 0.5; er, gs, dm, cf, ml have none)',
      positive('--beta'),
    )
    .option('--alpha <number>', 'of chio, from 0 to 1 (default: 0.4)', positive('--alpha'))
    .option('--delta <number>', "of cf, in the object's standard deviations (default: 1.1)", numberFrom('--delta', 0))
    .option('--iterations <number>', 'how many iterations (default: 1000)', whole('--iterations', 1))
    .option('--chain <text>', "instead of these: algorithms one after the other, such as '(hio:0.7*180+er*20)*5'")
    .option('--bounds <low..high>', 'values that the object may have (default: 0..inf)', range('--bounds'))
    .option('--no-positivity', 'the object may be negative: --bounds -inf..inf')
    .option('--tolerance <number>', 'how far magnitudes may be from the measured ones', numberFrom('--tolerance', 0))
    .option(
      '--unmeasured-limit <number>',
      'the greatest magnitude of frequencies that were not measured',
      positive('--unmeasured-limit'),
    )
    .option(
      '--support <file|RxC|auto>',
      'where the object may be non-zero: an image, a rectangle such as 256x256, or what the autocorrelation leaves room for',
    )
    .option(
      '--effort <name>',
      `instead of an algorithm: a chain, starts and generations that suit this machine and take about 5 s (quick), 30 s (normal) or 5 min (thorough); takes --support auto where none is given`,
      oneOf('--effort', EFFORT_NAMES),
    )
    .option('--seed <number>', 'seed of the random start', whole('--seed', 0), 0)
    .option('--start <file>', 'image to continue from instead of a random start')
    .option('--starts <number>', 'try several random starts and keep the best', whole('--starts', 1), 1)
    .option(
      '--generations <number>',
      'so often, the starts that agree go on from their average; the image is their average',
      whole('--generations', 1),
    )
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
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'no progress bar, and print nothing but errors')
    .addHelpText(
      'after',
      HELP +
        examples([
          'rephase reconstruct pattern.npy -o image.png --effort normal --report run.html',
          'rephase reconstruct pattern.npy -o image.png --support pattern.support.npy --algorithm hio',
          'rephase reconstruct counts.h5 --dataset /entry/data --intensity --centered --mask dead.png --support 200x200 -o image.tiff',
          "rephase reconstruct pattern.npy -o best.npy --support auto --chain 'hio:0.7*500+er*20' --starts 8 --generations 4",
          'rephase reconstruct pattern.npy -o image.png --support 256x256 --start best.npy --iterations 100',
        ]),
    )
    .action(runReconstruct);
  addPatternOptions(command);
}

async function runReconstruct(path: string, given: ReconstructOptions): Promise<void> {
  checkTogether(given);
  await checkOutputs(path, given);
  // The rectangle that the pattern leaves room for, where nothing else is known.
  let options: ReconstructOptions = given.effort ? { support: 'auto', ...given } : given;
  const out = printer(options, options.output === '-');
  const { problem, start, files, warnings, done } = await readProblem(path, options);
  if (options.effort) {
    const recipe = await chooseRecipe(problem, options.effort, options);
    options = { ...options, ...recipe };
    done.push(`the recipe is --support ${options.support} ${recipeText(recipe)}, which repeats it`);
  }
  // Printed when the run begins: an error about an option then stands alone.
  const begun = once(() => {
    if (!options.json && !options.quiet) done.forEach(note);
    printWarnings(warnings, options);
  });
  // Files are written inside: a signal meanwhile lets them be finished.
  await interruptible(async (signal) => {
    const { code, ...run } = await reconstruct(
      problem,
      {
        signal,
        ...{ algorithm: options.algorithm, iterations: options.iterations, chain: options.chain },
        ...{ seed: options.seed, starts: options.starts, generations: options.generations },
        ...{ backend: options.backend, device: options.device, precision: options.precision },
        history: options.history !== undefined || options.report !== undefined,
        ...{ beta: options.beta, alpha: options.alpha, delta: options.delta },
        ...(start && { start }),
      },
      options.quiet ?? false,
      begun,
    );
    begun();
    const later = aboutSupport(run.result.warnings, warnings.length === 0);
    const failure = later.find((warning) => warning.code === 'DIVERGED');
    if (failure) throw new DivergedError(failure.message);
    printWarnings(later, options);
    // The image first: it is safe when a record cannot be written.
    await writeImage(options, run.result);
    const outcome: Outcome = { ...run, problem, files, warnings: [...warnings, ...later], done };
    await writeRecords(path, options, outcome);
    printOutcome(out, path, options, outcome);
    process.exitCode = code;
  }, options);
}

function recipeText({ chain, starts, generations }: Recipe): string {
  return `--chain '${chain}' --starts ${starts} --generations ${generations}`;
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}

function printWarnings(warnings: readonly Warning[], { quiet }: ReconstructOptions): void {
  if (!quiet) for (const { message } of warnings) note(`warning: ${message}`);
}

/** Warnings of `retrieve` about the support and the result. The pattern was inspected as the file has it. */
const ABOUT_SUPPORT: readonly WarningCode[] = ['NO_SUPPORT', 'SUPPORT_TOO_LARGE', 'DIVERGED'];
function aboutSupport(warnings: readonly Warning[], patternIsRight: boolean): Warning[] {
  // An autocorrelation that reaches too far means something only when the pattern is right.
  const codes = patternIsRight ? [...ABOUT_SUPPORT, 'SUPPORT_TOO_SMALL'] : ABOUT_SUPPORT;
  return warnings.filter(({ code }) => codes.includes(code));
}

/** Refuses options that exclude each other. */
function checkTogether(options: ReconstructOptions): void {
  const { output, json, bits, start, starts, bounds, positivity, generations, effort } = options;
  if (bounds && !positivity) throw new UsageError('--bounds and --no-positivity both say which values are allowed');
  if (output === '-' && json) throw new UsageError('--json and -o - cannot both write to standard output');
  if (bits !== undefined && !isPng(output)) {
    throw new UsageError(`--bits is for PNG, and --output is ${output}, whose numbers are not rounded`);
  }
  const excluded = ['algorithm', 'beta', 'iterations', 'chain', 'generations', 'start'] as const;
  const also = excluded.find((name) => options[name] !== undefined);
  if (effort && also) throw new UsageError(`--effort chooses the recipe, and --${also} is a part of one`);
  if (effort && starts > 1) throw new UsageError('--effort chooses the recipe, and --starts is a part of one');
  if (generations !== undefined && starts < 2) {
    throw new UsageError('--generations takes several starts that help each other: --starts 8');
  }
  if (start !== undefined && starts > 1) {
    throw new UsageError(`--start gives one image to continue from, and --starts ${starts} asks for random starts`);
  }
}

/** Finds before the run which files cannot be written. */
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

async function reconstruct(problem: Problem, options: RetrieveOptions, quiet: boolean, begun: () => void) {
  const bar = progressBar(quiet);
  try {
    const onProgress = (progress: Progress) => {
      begun();
      bar.update(progress);
    };
    const result = await retrieve(problem, { ...options, onProgress });
    return { result, interrupted: false, code: EXIT.success };
  } catch (error) {
    if (!(error instanceof AbortError && error.partial)) throw error;
    return { result: error.partial, interrupted: true, code: exitCode(error) };
  } finally {
    bar.stop();
  }
}
