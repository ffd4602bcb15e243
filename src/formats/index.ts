/**
 * Images from bytes and to bytes, whatever the format: what a file is is told by its content, never by its name. Touches
 * no files, so that browsers can use it; files.ts reads and writes them.
 */
import { FileFormatError, InvalidArgumentError, gotTakes } from '../errors.js';
import { checkName, rejectUnknownKeys } from '../problems/options.js';
import { decodeHdf5, isHdf5 } from './hdf5.js';
import { type EncodeOptions, type Image, type ImageFormat, checkImage } from './image.js';
import { decodeNpyImage, encodeNpy, isNpy } from './npy.js';
import { decodePng, encodePng, isPng } from './png.js';
import { decodeTiff, encodeTiff, isTiff } from './tiff.js';

export type { EncodeOptions, Image, ImageFormat } from './image.js';
export { type NpyArray, decodeNpy, encodeNpy } from './npy.js';

/** What `decodeImage` and `readImage` take. */
export interface DecodeOptions {
  /** For HDF5: the path of the dataset. Default: CXI's `/entry_1/data_1/data`, or else the only one that is an image. */
  dataset?: string | undefined;
}

const ENCODE_KEYS = ['bits', 'range'] as const satisfies readonly (keyof EncodeOptions)[];
const DECODE_KEYS = ['dataset'] as const satisfies readonly (keyof DecodeOptions)[];
const WRITTEN: readonly ImageFormat[] = ['npy', 'png', 'tiff'];

/** By the first bytes; undefined when it is none that can be read. */
export function detectFormat(bytes: Uint8Array): ImageFormat | undefined {
  if (isNpy(bytes)) return 'npy';
  if (isPng(bytes)) return 'png';
  if (isTiff(bytes)) return 'tiff';
  if (isHdf5(bytes)) return 'hdf5';
  return undefined;
}

/**
 * Reads an image from the bytes of an `.npy`, PNG, TIFF or HDF5 file.
 * @throws FileFormatError, InvalidArgumentError
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  if (!(bytes instanceof Uint8Array)) {
    throw new InvalidArgumentError('bytes', gotTakes('bytes', bytes, 'a Uint8Array, the content of a file'));
  }
  checkDecodeOptions(options);
  const format = detectFormat(bytes);
  switch (format) {
    case 'npy':
      return decodeNpyImage(bytes);
    case 'png':
      return decodePng(bytes);
    case 'tiff':
      return decodeTiff(bytes);
    case 'hdf5':
      return decodeHdf5(bytes, options.dataset);
    case undefined:
      throw new FileFormatError(`not an .npy, PNG, TIFF or HDF5 file: ${beginning(bytes)}`);
  }
}

function checkDecodeOptions(options: DecodeOptions): void {
  rejectUnknownKeys('options', options, DECODE_KEYS);
  const { dataset } = options;
  if (dataset === undefined || typeof dataset === 'string') return;
  throw new InvalidArgumentError('dataset', gotTakes('dataset', dataset, 'a path in an HDF5 file'));
}

/**
 * The bytes of a file with this image.
 * @throws InvalidArgumentError when the format cannot hold it as asked
 */
export async function encodeImage(
  image: Image,
  format: Exclude<ImageFormat, 'hdf5'>,
  options: EncodeOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  checkName('format', format, WRITTEN);
  rejectUnknownKeys('options', options, ENCODE_KEYS);
  checkImage(image);
  switch (format) {
    case 'npy':
      return encodeNpyImage(image, options);
    case 'png':
      // The encoder makes a new array, and its types do not say so.
      return (await encodePng(image, options)) as Uint8Array<ArrayBuffer>;
    case 'tiff':
      return encodeTiff(image, options);
  }
}

function encodeNpyImage(image: Image, { bits }: EncodeOptions): Uint8Array<ArrayBuffer> {
  if (bits === undefined) return encodeNpy(image.data, image.shape);
  if (bits === 32) return encodeNpy(Float32Array.from(image.data), image.shape);
  if (bits === 64) return encodeNpy(Float64Array.from(image.data), image.shape);
  throw new InvalidArgumentError('bits', gotTakes('bits', bits, '32 or 64 for .npy'));
}

/** What there is instead, in words. */
function beginning(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'it is empty';
  const first = bytes.subarray(0, 32);
  const isText = first.every((byte) => (byte >= 32 && byte < 127) || byte === 9 || byte === 10 || byte === 13);
  if (isText) return `it is text that begins ${JSON.stringify(new TextDecoder().decode(first.subarray(0, 24)))}`;
  return `it begins with the bytes ${Array.from(first.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ')}`;
}
