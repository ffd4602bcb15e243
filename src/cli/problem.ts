/** From the files that `reconstruct` is given to the problem that the library takes. */
import { InvalidArgumentError } from '../errors.js';
import { ifftshift } from '../tools/fftshift.js';
import { magnitudesFromIntensities } from '../tools/intensities.js';
import { type Problem, type RealArray, type Shape, type Start } from '../types.js';
import { UsageError, usage } from './exit.js';
import { type Input, type InputOptions, type NamedFile, readInput } from './files.js';
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
  const files: InputFile[] = [{ role: 'pattern', path, sha256: pattern.sha256 }];
  const readOther = async (role: 'support' | 'mask' | 'start') => {
    const given = options[role];
    if (given === undefined) return undefined;
    const { data, sha256 } = await readMatching(`--${role}`, given, shape, path);
    files.push({ role, path: given, sha256 });
    return data;
  };
  const centred = (data: RealArray) => (options.centered ? ifftshift(data, shape) : data);
  const maskImage = await readOther('mask');
  const mask = maskImage && nonZero(centred(maskImage));
  const measured = centred(pattern.data);
  const magnitudes = options.intensity ? magnitudesFromIntensities(measured, shape, mask) : measured;
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
  const image = await readInput(path);
  if (image.shape[0] === shape[0] && image.shape[1] === shape[1]) return image;
  const message = `${option}: ${path} is ${image.shape.join('×')}, but the pattern ${pattern} is ${shape.join('×')}`;
  throw new InvalidArgumentError(option, message);
}

/** 1 where an image is not zero. */
function nonZero(data: RealArray | Uint8Array): Uint8Array {
  return Uint8Array.from(data.map((value) => (value ? 1 : 0)));
}
