/** From the files that `reconstruct` is given to the problem that the library takes. */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { type Problem, type RealArray, type Shape, type Start } from '../types.js';
import { UsageError, usage } from './exit.js';
import { type Input, type InputOptions, type NamedFile, readInput, withDataset } from './files.js';
import { uncentre } from './picture.js';
import { parseShape } from './values.js';

export interface ProblemOptions extends InputOptions {
  support?: string;
  mask?: string;
  start?: string;
  intensity?: boolean;
  centered?: boolean;
}

/** What was read for which purpose. */
export interface InputFile {
  role: 'pattern' | 'support' | 'mask' | 'start';
  path: string;
  sha256: string;
}

export interface ReadProblem {
  problem: Problem;
  start?: Start;
  files: InputFile[];
}

/** The files that are read beside the pattern. */
export function otherInputs({ support, mask, start }: ProblemOptions): NamedFile[] {
  return [
    { what: 'the support', path: parseShape(support ?? '') ? undefined : support },
    { what: 'the mask', path: mask },
    { what: 'the start', path: start },
  ];
}

/** Reads the pattern and what belongs to it. `--centered` concerns detector images: the pattern and its mask. */
export async function readProblem(path: string, options: ProblemOptions): Promise<ReadProblem> {
  const paths = [path, options.support, options.mask, options.start];
  if (paths.filter((input) => input === '-').length > 1) {
    throw new UsageError('only one of the pattern, --support, --mask and --start can be read from standard input (-)');
  }
  const pattern = await readInput(path, options);
  const { shape } = pattern;
  const patternPath = pattern.dataset === undefined ? path : withDataset(path, pattern.dataset);
  const files: InputFile[] = [{ role: 'pattern', path: patternPath, sha256: pattern.sha256 }];
  const readOther = async (role: 'support' | 'mask' | 'start') => {
    const given = options[role];
    if (given === undefined) return undefined;
    const { data, sha256, dataset } = await readMatching(`--${role}`, given, shape, path);
    files.push({ role, path: dataset === undefined ? given : withDataset(given, dataset), sha256 });
    return data;
  };
  const centred = (data: RealArray) => (options.centered ? uncentre(data, shape) : data);
  // A mask that is named replaces the file's own.
  const maskImage = (await readOther('mask')) ?? (pattern.mask && Float32Array.from(pattern.mask));
  if (options.mask === undefined && pattern.maskDataset !== undefined) {
    files.push({ role: 'mask', path: withDataset(path, pattern.maskDataset), sha256: pattern.sha256 });
  }
  const mask = maskImage && nonZero(centred(maskImage));
  const measured = centred(pattern.data);
  const magnitudes = options.intensity ? fromIntensity(measured, mask, shape) : measured;
  const rectangle = parseShape(options.support ?? '');
  const supportImage = rectangle ? rectangleIn(shape, rectangle) : await readOther('support');
  const start = await readOther('start');
  return {
    problem: { magnitudes, shape, ...(supportImage && { support: nonZero(supportImage) }), ...(mask && { mask }) },
    ...(start && { start: { object: start } }),
    files,
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

async function readMatching(option: string, path: string, shape: Shape, pattern: string): Promise<Input> {
  // As large as the pattern, however well it is compressed.
  const maxPixels = Math.max(shape[0] * shape[1], 2 ** 23);
  const image = await readInput(path, { maxPixels, as: option === '--mask' ? 'mask' : 'image' });
  if (image.shape[0] === shape[0] && image.shape[1] === shape[1]) return image;
  const message = `${option}: ${path} is ${image.shape.join('×')}, but the pattern ${pattern} is ${shape.join('×')}`;
  throw new InvalidArgumentError(option, message);
}

/** 1 where an image is not zero. */
function nonZero(data: RealArray | Uint8Array): Uint8Array {
  return Uint8Array.from(data.map((value) => (value ? 1 : 0)));
}

function fromIntensity(data: RealArray, mask: Uint8Array | undefined, [, columns]: Shape): RealArray {
  return data.map((value, at) => {
    if (mask?.[at] === 0) return 0;
    if (value >= 0) return Math.sqrt(value);
    const where = `--intensity: row ${Math.floor(at / columns)}, column ${at % columns} of the pattern`;
    throw new InvalidArgumentError(
      'magnitudes',
      gotTakes(where, value, 'numbers of at least 0; --mask leaves pixels out'),
    );
  });
}
