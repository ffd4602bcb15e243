/** From the files that `reconstruct` is given to the problem that the library takes. */
import { type Command } from 'commander';
import { InvalidArgumentError } from '../errors.js';
import { type CleanOptions, type Warning, type WarningCode, clean, inspectImage } from '../inspect/index.js';
import { type Problem, type RealArray, type Shape, type Start } from '../types.js';
import { UsageError, usage } from './exit.js';
import { type Input, type InputOptions, type NamedFile, readInput, withDataset } from './files.js';
import { numberOrAuto, oneOf, parseShape, point, whole } from './values.js';

export interface ProblemOptions extends InputOptions {
  support?: string;
  mask?: string;
  start?: string;
  intensity?: boolean;
  centered?: boolean;
  center?: CleanOptions['center'];
  maskBad?: boolean;
  maskNan?: boolean;
  maskNegative?: boolean;
  clipNegative?: boolean;
  saturation?: number | 'auto';
  hot?: 'auto';
  dead?: 'auto';
  beamstop?: 'auto';
  dark?: string;
  background?: number | 'auto';
  clean?: boolean;
}

/** Adds the options that say how a pattern is to be read and cleaned. */
export function addPatternOptions(command: Command): Command {
  return command
    .option('--dataset <path>', 'where the pattern is in an HDF5, MATLAB or npz file (also as FILE:/PATH)')
    .option('--frame <number>', 'of a stack of frames: the one to take, counted from 0', whole('--frame', 0))
    .option('--frames <which>', 'of a stack: sum or mean of all, or A:B, the sum of frames A to B - 1')
    .option('--max-pixels <n>', 'take larger images than is usual for a file of its size', whole('--max-pixels', 1))
    .option('--mask <file>', 'image that is zero where nothing was measured')
    .option('--mask-bad', 'the mask is the other way round: zero where a pixel is good')
    .option('--intensity', 'the pattern holds intensities (counts), not their square roots')
    .option('--centered', 'the zero frequency is in the middle of the pattern and the mask, not at their corner')
    .option('--center <R,C|auto>', 'row and column of the zero frequency, or where symmetry says', point('--center'))
    .option('--saturation <value|auto>', 'leave out pixels from this value on', numberOrAuto('--saturation'))
    .option('--hot <auto>', 'leave out single pixels that are far too bright', oneOf('--hot', ['auto']))
    .option('--dead <auto>', 'leave out zeros opposite to light', oneOf('--dead', ['auto']))
    .option('--beamstop <auto>', 'leave out the hole around the zero frequency', oneOf('--beamstop', ['auto']))
    .option('--mask-nan', 'leave out pixels that are NaN or infinite')
    .option('--mask-negative', 'leave out negative pixels')
    .option('--clip-negative', 'take negative pixels for 0')
    .option('--dark <file>', 'subtract a frame without light')
    .option('--background <value|auto>', 'subtract a constant from the intensities', numberOrAuto('--background'))
    .option('--clean', 'all of these that the pattern needs, as `rephase inspect` finds them');
}

/** What was read for which purpose. */
export interface InputFile {
  role: 'pattern' | 'support' | 'mask' | 'start' | 'dark';
  path: string;
  sha256: string;
}

export interface ReadProblem {
  problem: Problem;
  start?: Start;
  files: InputFile[];
  /** What was seen of the pattern as the file has it, and is not mended by the options. */
  warnings: Warning[];
  /** What was done to it, one line each. */
  done: string[];
}

/** The files that are read beside the pattern. */
export function otherInputs({ support, mask, start, dark }: ProblemOptions): NamedFile[] {
  return [
    { what: 'the support', path: parseShape(support ?? '') ? undefined : support },
    { what: 'the mask', path: mask },
    { what: 'the start', path: start },
    { what: 'the dark frame', path: dark },
  ];
}

/**
 * Reads the pattern and what belongs to it. `--centered`, `--center` and all that is cleaned concern detector images: the
 * pattern, its mask and its dark frame.
 */
export async function readProblem(path: string, options: ProblemOptions): Promise<ReadProblem> {
  const paths = [path, ...otherInputs(options).map((input) => input.path)];
  if (paths.filter((input) => input === '-').length > 1) {
    throw new UsageError(
      'only one of the pattern, --support, --mask, --start and --dark can be read from standard input (-)',
    );
  }
  const pattern = await readInput(path, options);
  const { shape } = pattern;
  const patternPath = pattern.dataset === undefined ? path : withDataset(path, pattern.dataset);
  const files: InputFile[] = [{ role: 'pattern', path: patternPath, sha256: pattern.sha256 }];
  const readOther = async (role: 'support' | 'mask' | 'start' | 'dark') => {
    const given = options[role];
    if (given === undefined) return undefined;
    const { data, sha256, dataset } = await readMatching(`--${role}`, given, shape, path);
    files.push({ role, path: dataset === undefined ? given : withDataset(given, dataset), sha256 });
    return data;
  };
  const maskImage = await readOther('mask');
  const dark = await readOther('dark');
  const { intensity = false, centered = false, maskBad = false } = options;
  const named = maskImage && nonZero(maskImage);
  // A mask that is named replaces the file's own, of which the convention is known.
  const good = maskBad ? named?.map((value) => 1 - value) : (named ?? pattern.mask);
  if (options.mask === undefined && pattern.maskDataset !== undefined) {
    files.push({ role: 'mask', path: withDataset(path, pattern.maskDataset), sha256: pattern.sha256 });
  }
  const settings: CleanOptions = { ...pick(options), ...(good && { mask: good }), ...(dark && { dark }) };
  const cleaned = clean(pattern, settings);
  const seen = inspectImage(pattern, { intensity, centered, mask: good });
  const rectangle = parseShape(options.support ?? '');
  const supportImage = rectangle ? rectangleIn(shape, rectangle) : await readOther('support');
  const start = await readOther('start');
  return {
    problem: {
      magnitudes: cleaned.magnitudes,
      shape,
      ...(supportImage && { support: nonZero(supportImage) }),
      ...(cleaned.mask && { mask: cleaned.mask }),
    },
    ...(start && { start: { object: start } }),
    files,
    warnings: seen.warnings.filter((warning) => !isMended(warning, options)),
    done: cleaned.done,
  };
}

/** `ROWSxCOLS` is a rectangle at the top left: where it lies makes no difference, since magnitudes do not tell. */
function rectangleIn([rows, columns]: Shape, [height, width]: Shape): Uint8Array {
  if (height < 1 || width < 1 || height > rows || width > columns) {
    throw usage('--support', `${height}x${width}`, `a file, or ROWSxCOLS from 1x1 to the pattern's ${rows}x${columns}`);
  }
  const support = new Uint8Array(rows * columns);
  for (let row = 0; row < height; row++) support.fill(1, row * columns, row * columns + width);
  return support;
}

export async function readMatching(option: string, path: string, shape: Shape, pattern: string): Promise<Input> {
  // As large as the pattern, however well it is compressed.
  const maxPixels = Math.max(shape[0] * shape[1], 2 ** 23);
  const image = await readInput(path, { maxPixels, as: option === '--mask' ? 'mask' : 'image' });
  if (image.shape[0] === shape[0] && image.shape[1] === shape[1]) return image;
  const message = `${option}: ${path} is ${image.shape.join('×')}, but the pattern ${pattern} is ${shape.join('×')}`;
  throw new InvalidArgumentError(option, message);
}

/** 1 where an image is not zero. */
export function nonZero(data: RealArray | Uint8Array): Uint8Array {
  return Uint8Array.from(data.map((value) => (value ? 1 : 0)));
}

/** The options that `clean` takes as they are. */
function pick(options: ProblemOptions): CleanOptions {
  const { intensity, centered, center, maskNan, maskNegative, clipNegative } = options;
  const { saturation, hot, dead, beamstop, background, clean: all } = options;
  const kind = { intensity, centered, center };
  return { ...kind, maskNan, maskNegative, clipNegative, saturation, hot, dead, beamstop, background, clean: all };
}

/** Whether an option was given for what a warning is about. */
export function isMended({ code }: Warning, options: ProblemOptions): boolean {
  const { clean: all = false } = options;
  const given: Partial<Record<WarningCode, unknown>> = {
    NOT_FINITE: options.maskNan,
    NEGATIVE: (options.maskNegative ?? options.clipNegative) || options.dark !== undefined,
    SATURATED: options.saturation,
    HOT_PIXELS: options.hot,
    DEAD_PIXELS: options.dead,
    BEAMSTOP: options.beamstop,
    OFF_CENTER: options.center,
    ZERO_FREQUENCY_IN_MIDDLE: options.center,
    ZERO_FREQUENCY_AT_CORNER: options.center,
    BACKGROUND: options.background ?? options.dark,
  };
  return code in given && (all || (given[code] !== undefined && given[code] !== false));
}
