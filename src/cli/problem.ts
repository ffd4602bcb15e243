/** Reads the files that `reconstruct` is given, and makes the library's problem of them. */
import { type Command } from 'commander';
import { InvalidArgumentError } from '../errors.js';
import {
  type CleanOptions,
  type SupportEstimate,
  type Warning,
  type WarningCode,
  cleanAndInspect,
  OF_REAL_OBJECTS,
  estimateSupport,
  inspectImage,
} from '../inspect/index.js';
import { magnitudesFromIntensities } from '../tools/intensities.js';
import { type ObjectKind, type Problem, type Propagation, type RealArray, type Shape, type Start } from '../types.js';
import { UsageError, usage } from './exit.js';
import {
  type Input,
  type InputOptions,
  type NamedFile,
  addInputOptions,
  readComplexInput,
  readInput,
  withDataset,
} from './files.js';
import { numberOrAuto, oneOf, parseShape, point } from './values.js';

export interface ProblemOptions extends InputOptions {
  support?: string;
  mask?: string;
  start?: string;
  object?: ObjectKind;
  bounds?: readonly [low: number, high: number];
  amplitudeBounds?: readonly [low: number, high: number];
  phaseBounds?: readonly [low: number, high: number];
  objectMagnitudes?: string;
  objectIntensity?: boolean;
  supportSize?: number;
  wavelength?: number;
  distance?: number;
  pixel?: readonly [rows: number, columns: number];
  /** False with --no-positivity. */
  positivity?: boolean;
  tolerance?: number;
  unmeasuredLimit?: number;
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

/** Adds the options that say how a pattern is read and cleaned. */
export function addPatternOptions(command: Command): Command {
  return addInputOptions(command, 'pattern')
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
    .option('--clean', 'all of these that the pattern needs, as `rephase inspect` finds them')
    .option('--no-clean', 'the pattern is right as it is: what nobody says about it is not looked for either');
}

/** A file that was read, and what for. */
export interface InputFile {
  role: 'pattern' | 'support' | 'mask' | 'start' | 'dark' | 'object-magnitudes';
  path: string;
  sha256: string;
}

export interface ReadProblem {
  problem: Problem;
  start?: Start;
  files: InputFile[];
  /** The options, with what was read off the pattern where nobody said anything about it. */
  options: ProblemOptions;
  /** The options that were read off the pattern, as words of a command. Without any change to it there are none. */
  chosen: string[];
  /** Warnings about the pattern as the file has it, without those that the options mend. */
  warnings: Warning[];
  /** One line for each change that was made to the pattern. */
  done: string[];
}

/** The inputs besides the pattern. */
export function otherInputs({ support, mask, start, dark, objectMagnitudes }: ProblemOptions): NamedFile[] {
  return [
    { what: 'the support', path: support === 'auto' || parseShape(support ?? '') ? undefined : support },
    { what: 'the mask', path: mask },
    { what: 'the start', path: start },
    { what: 'the dark frame', path: dark },
    { what: 'the object magnitudes', path: objectMagnitudes },
  ];
}

/**
 * Reads the pattern and what belongs to it. `--centered`, `--center` and the cleaning options concern the detector's images:
 * the pattern, its mask and its dark frame.
 */
export async function readProblem(path: string, given: ProblemOptions): Promise<ReadProblem> {
  const paths = [path, ...otherInputs(given).map((input) => input.path)];
  if (paths.filter((input) => input === '-').length > 1) {
    throw new UsageError(
      'only one of the pattern, --support, --mask, --start, --dark and --object-magnitudes can be read from standard input (-)',
    );
  }
  const pattern = await readInput(path, given);
  const { shape } = pattern;
  const patternPath = pattern.dataset === undefined ? path : withDataset(path, pattern.dataset);
  const files: InputFile[] = [{ role: 'pattern', path: patternPath, sha256: pattern.sha256 }];
  const readOther = async (role: Exclude<InputFile['role'], 'pattern'>) => {
    const other = role === 'object-magnitudes' ? given.objectMagnitudes : given[role];
    if (other === undefined) return undefined;
    const { data, sha256, dataset } = await readMatching(`--${role}`, other, shape, path);
    files.push({ role, path: dataset === undefined ? other : withDataset(other, dataset), sha256 });
    return data;
  };
  const maskImage = await readOther('mask');
  const dark = await readOther('dark');
  // A mask that is named replaces the file's own. --mask-bad concerns the named one: the file's convention is known.
  const named = maskImage && maskOf(maskImage, given);
  const good = named ?? pattern.mask;
  if (given.mask === undefined && pattern.maskDataset !== undefined) {
    files.push({ role: 'mask', path: withDataset(path, pattern.maskDataset), sha256: pattern.sha256 });
  }
  const options = isDescribed(given) ? given : { ...given, ...described(pattern, good) };
  const { cleaned, inspection } = cleanAndInspect(pattern, { ...cleanOptions(options), mask: good, dark });
  const changes = [...kindsRead(given, options), ...cleaned.done];
  const estimate = options.support === 'auto' ? estimateSupport({ ...cleaned, shape }) : undefined;
  const rectangle = parseShape(options.support ?? '');
  const supportImage = estimate?.support ?? (rectangle ? rectangleIn(shape, rectangle) : await readOther('support'));
  const start =
    given.object === 'complex' && given.start !== undefined
      ? await readComplexStart(given.start, shape, path, files)
      : await readOther('start');
  const inObject = await readOther('object-magnitudes');
  const second = inObject && secondPlane(inObject, shape, cleaned.magnitudes, cleaned.mask, options);
  return {
    problem: {
      magnitudes: cleaned.magnitudes,
      shape,
      object: options.object,
      ...(second && { objectMagnitudes: second.magnitudes }),
      amplitudeBounds: options.amplitudeBounds,
      phaseBounds: options.phaseBounds,
      ...(supportImage && { support: nonZero(supportImage) }),
      ...(cleaned.mask && { mask: cleaned.mask }),
      bounds: options.positivity === false ? [-Infinity, Infinity] : options.bounds,
      tolerance: options.tolerance,
      unmeasuredLimit: options.unmeasuredLimit,
      supportSize: options.supportSize,
      propagation: propagationOf(options),
    },
    ...(start && { start: { object: start } }),
    files,
    options,
    chosen: options !== given && changes.length > 0 ? wordsOf(options) : [],
    warnings: inspection.warnings.filter((warning) => !isMended(warning, options) && concerns(warning, options)),
    done: [...changes, ...(estimate ? [aboutSupport(estimate)] : []), ...(second ? [second.done] : [])],
  };
}

/** Magnitudes in the object's plane, multiplied by what makes their light that of the pattern, by Parseval's theorem. */
function secondPlane(
  given: RealArray,
  shape: Shape,
  magnitudes: RealArray,
  mask: Uint8Array | undefined,
  { objectIntensity }: ProblemOptions,
): { magnitudes: RealArray; done: string } {
  const own = objectIntensity ? magnitudesFromIntensities(given, shape) : given;
  const light = (numbers: RealArray, where?: Uint8Array) => {
    let sum = 0;
    for (let i = 0; i < numbers.length; i++) if (where?.[i] !== 0) sum += numbers[i] * numbers[i];
    return sum;
  };
  const factor = Math.sqrt(light(magnitudes, mask) / (light(own) * own.length));
  if (!(factor > 0 && factor < Infinity)) return { magnitudes: own, done: 'left the object magnitudes as they are' };
  return {
    magnitudes: own.map((number) => factor * number),
    done: `multiplied the object magnitudes by ${factor.toPrecision(4)}, so that both planes have the same light`,
  };
}

/** All three of the options, or none: reconstruct has seen to it. */
function propagationOf({ wavelength, distance, pixel }: ProblemOptions): Propagation | undefined {
  return wavelength === undefined || distance === undefined || pixel === undefined
    ? undefined
    : { wavelength, distance, pixel };
}

function aboutSupport({ extent, found }: SupportEstimate): string {
  const size = `the support is ${extent.join(' × ')} pixels`;
  if (found[0] && found[1]) return `${size}: the autocorrelation ends there`;
  const where = found[0] ? ' along columns' : found[1] ? ' along rows' : '';
  return `${size}: half of the pattern${where}, because the autocorrelation is not seen to end`;
}

/** A rectangle at the top left. Its place makes no difference, since magnitudes do not tell where an object lies. */
function rectangleIn([rows, columns]: Shape, [height, width]: Shape): Uint8Array {
  if (height < 1 || width < 1 || height > rows || width > columns) {
    throw usage('--support', `${height}x${width}`, `a file, or ROWSxCOLS from 1x1 to the pattern's ${rows}x${columns}`);
  }
  const support = new Uint8Array(rows * columns);
  for (let row = 0; row < height; row++) support.fill(1, row * columns, row * columns + width);
  return support;
}

/** Reads complex numbers of the pattern's shape. Real ones become complex. */
async function readComplexStart(start: string, shape: Shape, pattern: string, files: InputFile[]): Promise<RealArray> {
  const { sha256, ...image } = await readComplexInput(start);
  checkMatches('--start', image.shape, start, shape, pattern);
  files.push({ role: 'start', path: start, sha256 });
  return image.data;
}

/** Reads an image that must have the shape of the pattern. */
export async function readMatching(option: string, path: string, shape: Shape, pattern: string): Promise<Input> {
  // It may be as large as the pattern, even if it is better compressed.
  const maxPixels = Math.max(shape[0] * shape[1], 2 ** 23);
  const image = await readInput(path, { maxPixels, as: option === '--mask' ? 'mask' : 'image' });
  checkMatches(option, image.shape, path, shape, pattern);
  return image;
}

function checkMatches(option: string, own: Shape, path: string, shape: Shape, pattern: string): void {
  if (own[0] === shape[0] && own[1] === shape[1]) return;
  const message = `${option}: ${path} is ${own.join('×')}, but the pattern ${pattern} is ${shape.join('×')}`;
  throw new InvalidArgumentError(option, message);
}

/** 1 where an image is not zero, or the other way round with `--mask-bad`. */
export function maskOf(data: RealArray | Uint8Array, { maskBad = false }: { maskBad?: boolean }): Uint8Array {
  return maskBad ? nonZero(data).map((value) => 1 - value) : nonZero(data);
}

/** 1 where an image is not zero. */
function nonZero(data: RealArray | Uint8Array): Uint8Array {
  return Uint8Array.from(data.map((value) => (value ? 1 : 0)));
}

/** Whether an option says anything about the numbers of the pattern. */
function isDescribed({ dark, ...options }: ProblemOptions): boolean {
  return dark !== undefined || Object.values(cleanOptions(options)).some((option) => option !== undefined);
}

/** What the numbers look like. One value everywhere would be saturation, of which cleaning leaves nothing. */
function described(pattern: Input, mask: Uint8Array | undefined): ProblemOptions {
  const { intensity, centered, warnings } = inspectImage(pattern, { mask });
  const clean = warnings.every(({ code }) => code !== 'FLAT');
  return { ...(intensity && { intensity }), ...(centered && { centered }), ...(clean && { clean }) };
}

function wordsOf(options: ProblemOptions): string[] {
  return (['intensity', 'centered', 'clean'] as const).filter((name) => options[name]).map((name) => `--${name}`);
}

/** One line for each of the options that were read off the pattern. */
function kindsRead(given: ProblemOptions, { intensity, centered }: ProblemOptions): string[] {
  return [
    ...(intensity && !given.intensity ? ['took the numbers for intensities, as they look'] : []),
    ...(centered && !given.centered ? ['took the middle for the zero frequency, as it looks'] : []),
  ];
}

/** The options that `clean` takes as they are. */
function cleanOptions(options: ProblemOptions): CleanOptions {
  const { intensity, centered, center, maskNan, maskNegative, clipNegative } = options;
  const { saturation, hot, dead, beamstop, background, clean } = options;
  const pixels = { maskNan, maskNegative, clipNegative, saturation, hot, dead, beamstop };
  return { intensity, centered, center, ...pixels, background, clean };
}

/** Warnings of symmetry concern real objects only. */
function concerns({ code }: Warning, { object }: ProblemOptions): boolean {
  return object !== 'complex' || !OF_REAL_OBJECTS.includes(code);
}

/** Whether an option mends what the warning is about. */
function isMended({ code }: Warning, options: ProblemOptions): boolean {
  const mends: Partial<Record<WarningCode, unknown>> = {
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
  return code in mends && Boolean(options.clean || mends[code]);
}
