/** `rephase reconstruct`: from a diffraction pattern to an image. */
import { extname } from 'node:path';
import process from 'node:process';
import { type Command } from 'commander';
import { AbortError, DivergedError } from '../../errors.js';
import { readBytes } from '../../formats/files.js';
import { type FittedSupport, type Warning, type WarningCode, fitSupport } from '../../inspect/index.js';
import { numbersPerPixel } from '../../problems/image.js';
import { REFINING_STEPS } from '../../problems/options.js';
import { EFFORTS, chooseRecipe, type Effort } from '../../retrieve/recipe.js';
import { retrieve } from '../../retrieve/retrieve.js';
import { settingsOfRun } from '../../retrieve/settings.js';
import { ALGORITHMS, OBJECT_KINDS, type Problem, type Progress, type RetrieveOptions } from '../../types.js';
import { EXIT, UsageError, exitCode, usage } from '../exit.js';
import { besides, checkDistinct, checkOutput, checkPlace, isPng } from '../files.js';
import { examples } from '../help.js';
import { interruptible } from '../interrupt.js';
import { type Live, addLiveOptions, secondsBetweenImages, startLive } from '../live/live.js';
import { note, printer, quote } from '../print.js';
import { addPatternOptions, otherInputs, readProblem } from '../problem.js';
import { progressBar } from '../progress.js';
import { bestImage } from './best-image.js';
import { checkpointFile, recipeOf } from './checkpoint.js';
import { defaultNames, type Names } from './names.js';
import type { GivenOptions, Outcome, ReconstructOptions } from './outcome.js';
import { writePart } from '../part.js';
import { printOutcome, writeImage, writeRecords } from './output.js';
import {
  named,
  numberBetween,
  numberFrom,
  oneOf,
  pair,
  positive,
  range,
  shrinkWrap,
  starts,
  whole,
} from '../values.js';
import { addWhereOptions } from '../where.js';

/** As parsed: `--starts` is two options of the library. */
type Parsed = Omit<GivenOptions, 'starts' | 'firstStart'> & { starts?: Pick<GivenOptions, 'starts' | 'firstStart'> };

const UNFINISHED = 'stopped: a part is written only when all of its starts are finished';
/** A longer file cannot be read. */
const MOST_PART_BYTES = 2 ** 31 - 1;

/** Options that say what is run, so that no recipe is chosen. */
const RECIPE = ['algorithm', 'beta', 'iterations', 'chain', 'start'] as const;

const HELP = `
What is not given is chosen, and the command that repeats the run is printed. Where nothing is said about the pattern
(--intensity, --centered and the like), it is taken for what it looks like, and cleaned. Without --support, or a --start that
says where the object lies, it is the rectangle that the autocorrelation leaves room for; one as large as the pattern is none.
Without --algorithm, --beta, --iterations or --chain a recipe is chosen: see --effort.

The image written is the feasible one: negative pixels and those outside the support are cleared. PNG shows its smallest
value as black and its largest as white; .npy and .tiff hold the numbers. Of a complex object, PNG and TIFF show the size, --phase
the phase, and .npy and .cxi hold the complex numbers, which --start takes. Phases outside the support are 0, with --unwrap NaN
(in PNG black). Without --output a run of PATTERN.npy leaves PATTERN.reconstruction.png, .npy (the numbers), .html (the report)
and .json (what --json prints), and of a complex object .phase.png. It replaces those of an
earlier run, and no other file. A support that was found is left beside the image, in IMAGE.found-support.npy, and one that
shrank in IMAGE.support.npy.

The first Ctrl-C, SIGTERM or SIGHUP stops the run and writes the image so far, and the checkpoint. The second one ends the
program at once. A run that was resumed has the result of one that was never interrupted, except that the last digits may
differ on a GPU. What --effort would choose is taken from the checkpoint.
`;

export function addReconstruct(program: Command): void {
  const command = program
    .command('reconstruct')
    .description('Recover the image from a diffraction pattern.')
    .argument('<pattern>', 'Fourier magnitudes: .npy, .png, .tiff, .h5 or .cxi (- reads standard input)')
    .option(
      '-o, --output <image>',
      'image to write: .npy, .png, .tiff or .cxi (with all settings), or .npz for `rephase combine` (- writes .npy to standard output; default: beside the pattern)',
    )
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
    .option(
      '--object <kind>',
      `${OBJECT_KINDS.join(' or ')}: what its pixels are (default: real; complex not on cuda)`,
      oneOf('--object', OBJECT_KINDS),
    )
    .option('--phase <file>', 'of a complex object: phases to write, .png (-π to π), .tiff or .npy')
    .option('--unwrap', 'write and show phases without jumps of 2π, in PNG from the least to the greatest')
    .option('--amplitude-bounds <low..high>', 'sizes that a complex object may have', range('--amplitude-bounds', true))
    .option('--phase-bounds <low..high>', 'phases that it may have, in radians', range('--phase-bounds', true))
    .option('--object-magnitudes <file>', 'magnitudes of a complex object, measured in its own plane')
    .option('--object-intensity', 'these are intensities')
    .option('--distance <metres>', 'of a complex object: to a detector that is near by', positive('--distance'))
    .option('--wavelength <metres>', 'with --distance', positive('--wavelength'))
    .option('--pixel <metres>', "with --distance: of the detector's pixel, or ROWS,COLUMNS", pair('--pixel'))
    .option('--bounds <low..high>', 'values that the object may have (default: 0..inf)', range('--bounds'))
    .option('--no-positivity', 'the object may be negative: --bounds -inf..inf')
    .option('--tolerance <number>', 'how far magnitudes may be from the measured ones', numberFrom('--tolerance', 0))
    .option(
      '--unmeasured-limit <number>',
      'the greatest magnitude of frequencies that were not measured',
      positive('--unmeasured-limit'),
    )
    .option('--support-size <number>', 'at most so many pixels are not 0: the largest ones', whole('--support-size', 1))
    .option(
      '--support <file|RxC|auto>',
      'where the object may be non-zero: an image, a rectangle such as 256x256, or what the autocorrelation leaves room for',
    )
    .option(
      '--fit-support',
      'take the middle of a rectangle that is larger than the object, where the autocorrelation tells how large that is, and give any support some room where there is much noise (default, where a recipe is chosen)',
    )
    .option('--no-fit-support', 'leave the support as it is')
    .option('--save-support <file>', 'write the support in the end: .npy, 1 where the object may be non-zero')
    .option(
      '--effort <name>',
      'choose what is not given of chain, starts and generations, so that the run takes about 5 s (quick), 30 s (normal) or 5 min (thorough) on this machine (default: normal, where nothing says what is run)',
      oneOf('--effort', EFFORTS),
    )
    .option('--seed <number>', 'seed of the random start', whole('--seed', 0), 0)
    .option('--start <file>', 'image to continue from instead of a random start')
    .option(
      '--starts <number|first..last>',
      'try several random starts and keep the best; 100..199 are the second hundred of the seed',
      starts('--starts'),
    )
    .option(
      '--generations <number>',
      'so often, the starts that agree go on from their average; the image is their average, refined',
      whole('--generations', 1),
    )
    .option(
      '--refine <number>',
      `with generations: how many steps lead from their average to the most likely image (default: ${REFINING_STEPS})`,
      whole('--refine', 0),
    )
    .option(
      '--held-out <share>',
      'with generations: measured frequencies that no iteration sees, which tell how good the image is (default: 0.01)',
      numberBetween('--held-out', 0, 0.5),
    )
    .option(
      '--shrink-wrap [settings]',
      'shrink the support to the object where the chain leaves er, or between generations, and take back what does harm (default: every=1,sigma=3..1,threshold=0.2,area=0.01..1,guard=1.2)',
      shrinkWrap('--shrink-wrap'),
    )
    .option('--detwin', 'after a quarter of the chain, do 10 iterations on half of the support');
  addWhereOptions(command, true)
    .option('--bits <number>', 'of a pixel of a PNG: 8 or 16 (default: 8)', oneOf('--bits', ['8', '16']))
    .option('--history <file>', 'write the residual of every iteration: .csv or .json')
    .option(
      '--checkpoint <file>',
      'write what the run has reached, every so often and when it is stopped',
      named('--checkpoint', 'the name of a file'),
    )
    .option('--checkpoint-every <seconds>', 'how often (default: 60)', positive('--checkpoint-every'))
    .option('--resume <file>', 'a checkpoint to go on from, with the pattern and the options of the run that wrote it')
    .option('--report <file>', 'write a page with pictures, residual curve and settings: .html');
  addLiveOptions(command)
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'no progress bar, and print nothing but errors')
    .addHelpText(
      'after',
      HELP +
        examples([
          'rephase reconstruct pattern.npy',
          'rephase reconstruct pattern.npy -o image.png --effort quick --report run.html',
          'rephase reconstruct pattern.npy -o image.png --support pattern.support.npy --algorithm hio',
          'rephase reconstruct counts.h5 --dataset /entry/data --intensity --centered --mask dead.png --support 200x200 -o image.tiff',
          "rephase reconstruct pattern.npy -o best.npy --support auto --chain 'hio:0.7*500+er*20' --starts 8 --generations 4",
          "rephase reconstruct pattern.npy -o image.png --support 280x280 --chain '(hio:0.7*90+er*10)*10' --shrink-wrap",
          'rephase reconstruct pattern.npy -o image.png --support 256x256 --start best.npy --iterations 100',
          'rephase reconstruct pattern.npy -o size.png --object complex --phase phase.png --support support.npy',
          'rephase reconstruct pattern.npy -o image.png --effort thorough --checkpoint run.checkpoint',
          'rephase reconstruct pattern.npy --preview',
          'rephase reconstruct pattern.npy --effort thorough --watch 8080',
          'rephase reconstruct pattern.npy -o image.png --checkpoint run.checkpoint --resume run.checkpoint',
        ]),
    )
    .action((path: string, { starts, ...options }: Parsed) => runReconstruct(path, { ...options, ...starts }));
  addPatternOptions(command);
}

async function runReconstruct(path: string, given: GivenOptions): Promise<void> {
  checkTogether(given);
  const named = { ...given, ...(await filesOf(path, given)) };
  await checkOutputs(path, named);
  const out = printer(named, named.output === '-');
  const { start, files, options: read, chosen, warnings, done, ...loaded } = await readProblem(path, named);
  const fits = given.fitSupport ?? effortOf(given) !== undefined;
  const fitted = fits ? fitSupport(loaded.problem) : undefined;
  const problem = fitted ? { ...loaded.problem, support: fitted.support } : loaded.problem;
  if (fitted) {
    done.push(`${whatWasFitted(fitted)} (--no-fit-support leaves it)`);
    if (given.fitSupport === undefined) chosen.push('--fit-support');
  }
  if (isPart(named.output)) checkPartSize(named, problem);
  const resume = given.resume === undefined ? undefined : await readBytes(given.resume);
  const options = await chooseRest(given, { ...named, ...read }, problem, chosen, resume);
  if (options.command !== commandOf([]))
    done.push(`what was not given was chosen; this repeats it: ${options.command}`);
  // Printed when the run begins: an error about an option then stands alone.
  const begun = once(() => {
    if (!options.json && !options.quiet) done.forEach(note);
    printWarnings(warnings, options);
  });
  // Files are written inside: a signal meanwhile lets them be finished.
  await interruptible(async (signal) => {
    const live = await startLive(options, `rephase: ${path}`);
    const { code, ...run } = await reconstruct(
      problem,
      {
        ...{ signal, resume },
        ...{ algorithm: options.algorithm, iterations: options.iterations, chain: options.chain },
        ...{
          seed: options.seed,
          starts: options.starts,
          firstStart: options.firstStart,
          generations: options.generations,
          refine: options.refine,
          heldOut: options.heldOut,
          shrinkWrap: options.shrinkWrap,
          detwin: options.detwin,
        },
        ...{ backend: options.backend, device: options.device, precision: options.precision },
        keepObjects: isPart(options.output),
        history: options.history !== undefined || options.report !== undefined,
        ...{ beta: options.beta, alpha: options.alpha, delta: options.delta },
        ...(start && { start }),
      },
      options,
      begun,
      live,
    );
    begun();
    if (run.interrupted && isPart(options.output)) throw new AbortError(signal.reason, UNFINISHED);
    const later = aboutSupport(run.result.warnings, warnings.length === 0);
    const failure = later.find((warning) => warning.code === 'DIVERGED');
    if (failure) throw new DivergedError(failure.message);
    printWarnings(later, options);
    const outcome: Outcome = { ...run, problem, files, warnings: [...warnings, ...later], done };
    // The image first: it is safe when a record cannot be written.
    if (isPart(options.output)) await writePart(path, options, outcome);
    else await writeImage(path, options, outcome);
    await writeRecords(path, options, outcome);
    printOutcome(out, path, options, outcome);
    process.exitCode = code;
  }, options);
}

/** The files of a run. Those that nobody names lie beside the pattern, and a support that is found beside the image. */
async function filesOf(path: string, given: GivenOptions) {
  // A start that is given says where the object lies, which an autocorrelation cannot.
  const support = given.support ?? (given.start === undefined ? 'auto' : undefined);
  const names = given.output === undefined ? await defaultNames(path, given.object) : undefined;
  const output = given.output ?? names!.output;
  const isBeside = output !== '-' && !isPart(output) && (support === 'auto' || given.shrinkWrap !== undefined);
  const found = isBeside ? besides(output, given.shrinkWrap ? 'support' : 'found-support') : undefined;
  return { ...names, ...given, support, output, saveSupport: given.saveSupport ?? found };
}

/** Chooses the recipe where nothing says what is run, and finds the command that repeats the run. */
async function chooseRest(
  given: GivenOptions,
  options: GivenOptions & { output: string },
  problem: Problem,
  chosen: readonly string[],
  resume: Uint8Array | undefined,
): Promise<ReconstructOptions> {
  const { backend, device, precision } = options;
  const effort = effortOf(given);
  const where = { backend, device: device === 'all' ? undefined : device, precision };
  const { chain, starts, generations, refine, shrinkWrap } = given;
  const parts = { chain, starts, generations, refine };
  const recipe =
    effort &&
    (resume ? recipeOf(resume, parts) : await chooseRecipe(problem, { effort, ...parts, ...where, shrinkWrap }));
  const command = commandOf([
    ...chosen,
    ...(options.support === given.support ? [] : [`--support ${options.support}`]),
    ...(recipe && given.chain === undefined ? [`--chain ${quote(recipe.chain)}`] : []),
    ...(recipe && given.starts === undefined ? [`--starts ${recipe.starts}`] : []),
    ...(recipe?.generations && given.generations === undefined ? [`--generations ${recipe.generations}`] : []),
    ...(recipe?.generations && given.refine === undefined ? [`--refine ${recipe.refine}`] : []),
  ]);
  return { ...options, starts: given.starts ?? 1, ...recipe, command };
}

/** Undefined where something says what is run. */
function effortOf(given: GivenOptions): Effort | undefined {
  return given.effort ?? (RECIPE.every((name) => given[name] === undefined) ? 'normal' : undefined);
}

function whatWasFitted({ given, extent }: FittedSupport): string {
  const [own, found] = [given, extent].map((sides) => sides.join(' × '));
  return extent.some((side, axis) => side < given[axis])
    ? `the support has ${own} pixels, and the autocorrelation ends where that of ${found} does: its middle is taken`
    : `the support has ${own} pixels, and there is much noise: it gets room, ${found} pixels`;
}

/** This command, with more options. */
function commandOf(options: readonly string[]): string {
  return ['rephase', ...process.argv.slice(2).map(quote), ...options].join(' ');
}

/** Whether a file is to hold all starts, for `rephase combine`. */
function isPart(path: string): boolean {
  return extname(path).toLowerCase() === '.npz';
}

function checkPartSize({ starts = 1, precision }: GivenOptions, { shape, object = 'real' }: Problem): void {
  const numbers = starts * shape[0] * shape[1] * numbersPerPixel(object);
  const bytes = numbers * (precision === 'double' ? 8 : 4);
  if (bytes <= MOST_PART_BYTES) return;
  const takes = `parts of less than 2 GiB, and these of ${shape.join('×')} pixels are ${(bytes / 2 ** 30).toFixed(1)} GiB`;
  throw usage('--starts', `${starts} starts`, takes);
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
function checkTogether(options: GivenOptions): void {
  const { output, json, bits, start, starts = 1, bounds, positivity, generations, effort } = options;
  if (options.checkpointEvery !== undefined && options.checkpoint === undefined) {
    throw new UsageError('--checkpoint-every says how often, and takes --checkpoint, which says where');
  }
  const ofPhase = options.phase === undefined ? options.unwrap && 'unwrap' : 'phase';
  if (options.object !== 'complex' && ofPhase) {
    throw new UsageError(`--${ofPhase} is about the phases of a complex object, and takes --object complex`);
  }
  if (options.unwrap && options.phase === undefined && options.report === undefined && output !== undefined) {
    throw new UsageError('--unwrap is about --phase and --report, and neither is given');
  }
  const { wavelength, distance, pixel } = options;
  const lengths = [wavelength, distance, pixel].filter((length) => length !== undefined).length;
  if (lengths === 1 || lengths === 2) {
    throw new UsageError('--wavelength, --distance and --pixel say together how near the detector is');
  }
  if (options.objectIntensity && options.objectMagnitudes === undefined) {
    throw new UsageError('--object-intensity is about --object-magnitudes, and takes it');
  }
  const isOfRun = isPart(output ?? '') || options.firstStart !== undefined;
  if (isOfRun && (effort !== undefined || RECIPE.every((name) => options[name] === undefined))) {
    throw new UsageError('a part of the starts takes --chain, because all parts must run the same');
  }
  if (isOfRun && (generations !== undefined || start !== undefined)) {
    const name = start === undefined ? 'generations, which combine all starts' : 'start';
    throw new UsageError(`a part of the starts takes no --${name}`);
  }
  if (options.fitSupport && start !== undefined) {
    throw new UsageError('--fit-support takes no --start, which says where in the support the object lies');
  }
  if (bounds && !positivity) throw new UsageError('--bounds and --no-positivity both say which values are allowed');
  if (output === '-' && json) throw new UsageError('--json and -o - cannot both write to standard output');
  if (bits !== undefined && output !== undefined && !isPng(output)) {
    throw new UsageError(`--bits is for PNG, and --output is ${output}, whose numbers are not rounded`);
  }
  const said = RECIPE.filter((name) => options[name] !== undefined);
  const also = said.find((name) => name !== 'chain');
  if (effort && also) throw new UsageError(`--effort chooses the recipe, and --${also} is a part of one`);
  const mayChoose = effort !== undefined || said.length === 0;
  if (generations !== undefined && starts < 2 && !(mayChoose && options.starts === undefined)) {
    throw new UsageError('--generations takes several starts that help each other: --starts 8');
  }
  const ofGenerations = { '--refine': options.refine, '--held-out': options.heldOut };
  for (const [name, value] of Object.entries(ofGenerations)) {
    if (value === undefined || generations !== undefined || (mayChoose && options.starts !== 1)) continue;
    throw new UsageError(`${name} takes --generations: it says how they end`);
  }
  if (start !== undefined && starts > 1) {
    throw new UsageError(`--start gives one image to continue from, and --starts ${starts} asks for random starts`);
  }
}

/** Finds before the run which files cannot be written. */
async function checkOutputs(
  path: string,
  options: GivenOptions & Partial<Names> & Pick<Names, 'output'>,
): Promise<void> {
  const { output, numbers, phase, history, report, record, saveSupport, checkpoint, resume } = options;
  await checkOutput('--output', output, ['.npy', '.png', '.tif', '.tiff', '.cxi', '.npz'], true);
  if (checkpoint !== undefined) await checkPlace('--checkpoint', checkpoint);
  if (phase !== undefined) await checkOutput('--phase', phase, ['.npy', '.png', '.tif', '.tiff']);
  if (history !== undefined) await checkOutput('--history', history, ['.csv', '.json']);
  if (report !== undefined) await checkOutput('--report', report, ['.html']);
  if (saveSupport !== undefined) await checkOutput('--save-support', saveSupport, ['.npy']);
  const inputs = [{ what: 'the pattern', path }, ...otherInputs(options)];
  const outputs = [
    { what: '--output', path: output },
    { what: '--history', path: history },
    { what: '--report', path: report },
    { what: '--save-support', path: saveSupport },
    { what: 'the numbers', path: numbers },
    { what: '--phase', path: phase },
    { what: 'the record', path: record },
  ];
  await checkDistinct([...inputs, { what: '--resume', path: resume }], outputs);
  // A run may write over the checkpoint that it went on from.
  await checkDistinct(inputs, [...outputs, { what: '--checkpoint', path: checkpoint }]);
}

async function reconstruct(
  problem: Problem,
  options: RetrieveOptions,
  { quiet = false, checkpoint, checkpointEvery = 60, starts }: ReconstructOptions,
  begun: () => void,
  live: Live | undefined,
) {
  // What is watched takes checkpoints more often than the file does.
  const [rows, columns] = problem.shape;
  const imageSeconds = live ? secondsBetweenImages(starts * rows * columns) : Infinity;
  const checkpointSeconds = Math.min(imageSeconds, checkpointEvery);
  const file = checkpoint === undefined ? undefined : checkpointFile(checkpoint, live ? checkpointEvery : 0);
  const onCheckpoint = async (bytes: Uint8Array) => {
    const image = live && bestImage(bytes, problem);
    if (image) live.show(image);
    await file?.take(bytes);
  };
  const settings = settingsOfRun(problem, options);
  const bar = progressBar(quiet);
  try {
    const onProgress = (progress: Progress) => {
      begun();
      bar.update(progress);
      live?.progress(progress);
    };
    const checkpoints = (file || live) && { onCheckpoint, checkpointSeconds };
    const result = await retrieve(problem, { ...options, ...checkpoints, onProgress });
    return { result, settings, interrupted: false, code: EXIT.success };
  } catch (error) {
    if (!(error instanceof AbortError && error.partial)) throw error;
    return { result: error.partial, settings, interrupted: true, code: exitCode(error) };
  } finally {
    bar.stop();
    await file?.flush();
    await live?.end();
  }
}
