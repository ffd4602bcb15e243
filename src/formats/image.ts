/**
 * What every file format here reads and writes: one real image, and the few things that several formats need: the limit
 * on what a header may claim, brightness of colours, and the mapping of real numbers to integers. No file access.
 */
import { FileFormatError, InvalidArgumentError, gotTakes } from '../errors.js';
import { checkRealArray, checkShape } from '../problems/image.js';
import type { RealArray, Shape } from '../types.js';

/** A real image, row-major. Integers are kept as they were in the file: 0…255 for 8 bits, 0…65535 for 16. */
export interface Image {
  /** The pixels, rows × columns. */
  data: RealArray;
  /** Rows and columns. */
  shape: Shape;
  /** From a file that says which of its pixels were measured: 1 where they were, 0 where not, row-major. */
  mask?: Uint8Array | undefined;
  /** From an HDF5 file: the path of the dataset that was read. */
  dataset?: string | undefined;
  /** The path of the dataset that `mask` comes from; undefined where the mask is what no file of a virtual dataset holds. */
  maskDataset?: string | undefined;
}

/** The formats that can be read. */
// prettier-ignore
export const IMAGE_FORMATS = [
  'npy', 'png', 'tiff', 'hdf5', 'npz', 'matlab', 'gzip', 'bmp', 'pnm', 'jpeg', 'edf', 'mrc', 'cbf',
] as const;

/** One of `IMAGE_FORMATS`. A file's first bytes tell which. */
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** How an image becomes the bytes of a file. */
export interface EncodeOptions {
  /**
   * Bits of a pixel. `npy`: 32 or 64 (floating point, by default what the image has). `png`: 8 (default) or 16. `tiff`: 8,
   * 16, or 32 (floating point, default). `cxi`: as `npy`.
   */
  bits?: 8 | 16 | 32 | 64 | undefined;
  /**
   * For integer pixels: which values become black and white; what lies outside is clipped. Default: the image's least and
   * greatest value.
   */
  range?: readonly [black: number, white: number] | undefined;
  /** Names and values that `cxi` keeps with the image, under /entry_1/image_1/process_1. */
  settings?: Readonly<Record<string, string | number>> | undefined;
}

/** More pixels than any backend can hold; a header that claims more is damaged or hostile. */
export const MOST_PIXELS = 2 ** 29;

/** What reading any compressed file may take, beside 16 times its size: 56 MiB. */
export const WORKING_BYTES = 56 * 2 ** 20;

export interface SizeLimits {
  /** The caller's own limit, which replaces the others. */
  maxPixels?: number;
  /** The size of a file whose content expands; it limits the image. */
  fileBytes?: number;
  /** What a pixel takes in memory while it is read, by all steps of reading together. */
  pixelBytes?: number;
}

/**
 * Checks the size that a header claims, before anything is allocated for it.
 * @throws FileFormatError
 */
export function checkSize(format: ImageFormat, [rows, columns]: Shape, limits: SizeLimits): void {
  const { maxPixels, fileBytes, pixelBytes = 4 } = limits;
  const size = `${rows} rows × ${columns} columns`;
  if (!(rows >= 1 && columns >= 1)) throw new FileFormatError(`the image has no pixels: ${size}`, { format });
  const most =
    maxPixels ?? (fileBytes === undefined ? MOST_PIXELS : Math.floor((WORKING_BYTES + 16 * fileBytes) / pixelBytes));
  if (rows * columns > most) {
    const why = maxPixels === undefined ? '; the option maxPixels takes more' : '';
    throw new FileFormatError(`the image is too large: ${size}; takes up to ${most} pixels${why}`, { format });
  }
}

/** Brightness of a colour, by the weights of Rec. 709; a grey stays as it is. */
export function luminance(red: number, green: number, blue: number): number {
  return red === green && green === blue ? red : 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The brightness of `pixels`, which hold `channels` ≥ 1 samples each: grey or RGB, and alpha, which is left out. */
export function toGrey(samples: ArrayLike<number>, pixels: number, channels: number): Float32Array {
  const grey = new Float32Array(pixels);
  const coloured = channels >= 3;
  for (let pixel = 0, at = 0; pixel < pixels; pixel++, at += channels) {
    grey[pixel] = coloured ? luminance(samples[at], samples[at + 1], samples[at + 2]) : samples[at];
  }
  return grey;
}

/**
 * Maps an image linearly to integers of 8 or 16 bits: `range` to 0…255 or 0…65535, rounded and clipped. NaN becomes 0,
 * and so does an image without contrast, unless a range is given.
 * @throws InvalidArgumentError when the range is not two finite, rising numbers
 */
export function toIntegers(image: Image, bits: 8 | 16, range?: EncodeOptions['range']): Uint8Array | Uint16Array {
  if (range !== undefined && !isRange(range)) {
    throw new InvalidArgumentError('range', gotTakes('range', range, 'two finite numbers, the smaller first'));
  }
  const [black, white] = range ?? extent(image.data);
  const most = bits === 8 ? 255 : 65535;
  const integers = bits === 8 ? new Uint8Array(image.data.length) : new Uint16Array(image.data.length);
  // Divided before multiplied, so that it does not overflow; a range of nothing maps everything above it to white.
  const span = white - black;
  for (let i = 0; i < integers.length; i++) {
    const fraction = (image.data[i] - black) / span;
    integers[i] = fraction > 0 ? Math.round(Math.min(fraction, 1) * most) : 0;
  }
  return integers;
}

/**
 * The image's numbers as float32.
 * @throws InvalidArgumentError where a finite number is beyond float32, and would become infinite
 */
export function toSingle({ data, shape }: Image): Float32Array {
  const single = Float32Array.from(data);
  const at = single.findIndex((value, index) => Math.abs(value) === Infinity && Number.isFinite(data[index]));
  if (at < 0) return single;
  const where = `data at [${Math.floor(at / shape[1])}, ${at % shape[1]}]`;
  throw new InvalidArgumentError('data', gotTakes(where, data[at], 'numbers that float32 can hold, up to 3.4e38'));
}

function isRange(range: unknown): boolean {
  return Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] <= range[1];
}

/** Least and greatest of the finite numbers; [0, 0] where there are none. */
export function extent(data: ArrayLike<number>): [least: number, greatest: number] {
  let least = Infinity;
  let greatest = -Infinity;
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return least <= greatest ? [least, greatest] : [0, 0];
}

/**
 * Checks that an image is one before it is written, and returns it with plain numbers.
 * @throws InvalidArgumentError
 */
export function checkImage(image: Image): Image {
  if (typeof image !== 'object' || image === null) {
    throw new InvalidArgumentError('image', gotTakes('image', image, '{ data, shape }'));
  }
  const shape = checkShape('shape', image.shape);
  return { ...image, shape, data: checkRealArray('data', image.data, shape) };
}
