/** From the files that `reconstruct` is given to the problem that the library takes. */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { type Problem, type RealArray, type Shape, type Start } from '../types.js';
import { UsageError, usage } from './exit.js';
import { type InputOptions, type Image, readInput } from './files.js';
import { uncentre } from './picture.js';
import { parseShape } from './values.js';

export interface ProblemOptions extends InputOptions {
  support?: string;
  mask?: string;
  start?: string;
  intensity?: boolean;
  centered?: boolean;
}

/** Reads the pattern and what belongs to it. `--centered` concerns detector images: the pattern and its mask. */
export async function readProblem(path: string, options: ProblemOptions): Promise<{ problem: Problem; start?: Start }> {
  const inputs = [path, options.support, options.mask, options.start];
  if (inputs.filter((input) => input === '-').length > 1) {
    throw new UsageError('only one of the pattern, --support, --mask and --start can be read from standard input (-)');
  }
  const pattern = await readInput(path, options);
  const { shape } = pattern;
  const maskImage = options.mask === undefined ? undefined : await readMatching('--mask', options.mask, shape, path);
  const centred = (data: RealArray) => (options.centered ? uncentre(data, shape) : data);
  const mask = maskImage && toMask(centred(maskImage.data));
  const measured = centred(pattern.data);
  const magnitudes = options.intensity ? fromIntensity(measured, mask, shape) : measured;
  const support = options.support === undefined ? undefined : await readSupport(options.support, shape, path);
  const start = options.start === undefined ? undefined : await readMatching('--start', options.start, shape, path);
  return {
    problem: { magnitudes, shape, ...(support && { support }), ...(mask && { mask }) },
    ...(start && { start: { object: start.data } }),
  };
}

/** `ROWSxCOLS` is a rectangle at the top left: where it lies makes no difference, since magnitudes do not tell. */
async function readSupport(given: string, shape: Shape, pattern: string): Promise<Uint8Array> {
  const rectangle = parseShape(given);
  if (!rectangle) return toMask((await readMatching('--support', given, shape, pattern)).data);
  const [height, width] = rectangle;
  const [rows, columns] = shape;
  if (height < 1 || width < 1 || height > rows || width > columns) {
    throw usage('--support', given, `a file, or ROWSxCOLS from 1x1 to the pattern's ${rows}x${columns}`);
  }
  const support = new Uint8Array(rows * columns);
  for (let row = 0; row < height; row++) support.fill(1, row * columns, row * columns + width);
  return support;
}

async function readMatching(option: string, path: string, shape: Shape, pattern: string): Promise<Image> {
  const image = await readInput(path);
  if (image.shape[0] === shape[0] && image.shape[1] === shape[1]) return image;
  const message = `${option}: ${path} is ${image.shape.join('×')}, but the pattern ${pattern} is ${shape.join('×')}`;
  throw new InvalidArgumentError(option, message);
}

function toMask(data: RealArray): Uint8Array {
  return Uint8Array.from(data, (value) => (value ? 1 : 0));
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
