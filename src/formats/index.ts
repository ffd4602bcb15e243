/**
 * Images from bytes and to bytes, whatever the format: what a file is is told by its content, never by its name. Touches
 * no files, so that browsers can use it; files.ts reads and writes them.
 */
import { FileFormatError, InvalidArgumentError, gotTakes } from '../errors.js';
import { checkName, rejectUnknownKeys } from '../problems/options.js';
import { plainBytes } from './bytes.js';
import type { Scan } from '../scan-types.js';
import { type ComplexDecodeOptions, type ComplexImage, decodeComplex } from './complex-image.js';
import { encodeCxiImage } from './cxi-image.js';
import { isBytes } from '../typed-arrays.js';
import { decodeHdf5, isHdf5 } from './hdf5/hdf5.js';
import { type EncodeOptions, type Image, type ImageFormat, checkImage, toSingle } from './image.js';
import { decodeNpyImage, encodeNpy, isNpy } from './npy.js';
import { decodeCbf, decodeEdf, decodeMrc, isCbf, isEdf, isMrc } from './detectors.js';
import { decodeMatlab5, isMatlab5 } from './matlab.js';
import { decodeNpz, gunzip, insideOf, isGzip, isNpz } from './packed.js';
import { decodeBmp, decodeJpeg, decodePnm, isBmp, isJpeg, isPnm } from './pictures.js';
import { unreadFormat } from './unread.js';
import { type DecodeOptions, checkDecodeOptions } from './options.js';
import { decodePng, encodePng, isPng } from './png.js';
import { type ScanGeometry, GEOMETRY_KEYS } from './scan/assemble.js';
import { decodeScan as decodeScanFile } from './scan/decode.js';
import { decodeTiff, isTiff } from './tiff/decode.js';
import { encodeTiff } from './tiff/encode.js';

export { IMAGE_FORMATS, type EncodeOptions, type Image, type ImageFormat } from './image.js';
export { type ComplexDecodeOptions, type ComplexImage, encodeComplexImage } from './complex-image.js';
export { type NpyArray, decodeComplexNpy, decodeNpy, encodeComplexNpy, encodeNpy } from './npy.js';

export type { DecodeOptions } from './options.js';
export type { ScanGeometry } from './scan/assemble.js';

const ENCODE_KEYS = ['bits', 'range', 'settings'] as const satisfies readonly (keyof EncodeOptions)[];
/** The formats that `encodeImage` writes. */
export const WRITABLE_FORMATS = ['npy', 'png', 'tiff', 'cxi'] as const;

/** One of `WRITABLE_FORMATS`. */
export type WritableFormat = (typeof WRITABLE_FORMATS)[number];

/** Asked in this order: HDF5 may have anything in front of it, MATLAB's header for one. */
const DETECTORS: readonly [ImageFormat, (bytes: Uint8Array) => boolean][] = [
  ['npy', isNpy],
  ['png', isPng],
  ['tiff', isTiff],
  ['hdf5', isHdf5],
  ['npz', isNpz],
  ['matlab', isMatlab5],
  ['gzip', isGzip],
  ['jpeg', isJpeg],
  ['bmp', isBmp],
  ['pnm', isPnm],
  ['edf', isEdf],
  ['cbf', isCbf],
  ['mrc', isMrc],
];

/** Tells the format by the content; undefined when it is none that can be read. */
export function detectFormat(bytes: Uint8Array): ImageFormat | undefined {
  return DETECTORS.find(([, is]) => is(bytes))?.[0];
}

/**
 * Reads an image from the bytes of a file: `.npy`, npz, PNG, TIFF, HDF5 (CXI, NeXus, MATLAB 7.3), MATLAB 5 to 7, EDF, MRC,
 * CBF, BMP, PBM, PGM, PPM or JPEG, any of them also inside gzip.
 * @throws FileFormatError, InvalidArgumentError
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  if (!isBytes(bytes)) {
    throw new InvalidArgumentError('bytes', gotTakes('bytes', bytes, 'a Uint8Array, the content of a file'));
  }
  checkDecodeOptions(options);
  const plain = plainBytes(bytes);
  const format = detectFormat(plain);
  const hasDatasets = format === undefined || ['hdf5', 'npz', 'matlab', 'gzip'].includes(format);
  if (options.dataset !== undefined && !hasDatasets) {
    const message = `has no datasets, because it is ${format.toUpperCase()}: leave ${options.dataset} out`;
    throw new FileFormatError(message, { format });
  }
  const image = await decodeFormat(plain, format, options);
  if (options.as !== 'mask' || format === 'hdf5') return image;
  return { data: image.data.map((value) => (value === 0 ? 0 : 1)), shape: image.shape };
}

async function decodeFormat(
  bytes: Uint8Array,
  format: ImageFormat | undefined,
  options: DecodeOptions,
): Promise<Image> {
  switch (format) {
    case 'npy':
      return decodeNpyImage(bytes, options);
    case 'png':
      return decodePng(bytes, options);
    case 'tiff':
      return decodeTiff(bytes, options);
    case 'hdf5':
      return decodeHdf5(bytes, options);
    case 'npz':
      return decodeNpz(bytes, options);
    case 'matlab':
      return decodeMatlab5(bytes, options);
    case 'gzip':
      return decodeGzip(bytes, options);
    case 'jpeg':
      return decodeJpeg(bytes, options);
    case 'bmp':
      return decodeBmp(bytes, options);
    case 'pnm':
      return decodePnm(bytes, options);
    case 'edf':
      return decodeEdf(bytes, options);
    case 'cbf':
      return decodeCbf(bytes, options);
    case 'mrc':
      return decodeMrc(bytes, options);
    case undefined: {
      const known = unreadFormat(bytes);
      if (known) throw new FileFormatError(`it is ${known}`);
      throw new FileFormatError(`not an .npy, PNG, TIFF or HDF5 file: ${beginning(bytes)}`);
    }
  }
}

function decodeGzip(bytes: Uint8Array, options: DecodeOptions): Promise<Image> {
  const inner = gunzip(bytes, options);
  if (isGzip(inner)) throw new FileFormatError('the gzip file holds another gzip file', { format: 'gzip' });
  return decodeImage(inner, insideOf(bytes, options));
}

/**
 * Reads an image of complex numbers, interleaved re, im, from the bytes of an `.npy` file, or of an HDF5 file as h5py and
 * `encodeComplexImage` write it: the dataset that is named, or else that of CXI's first image or result. Real images, of every
 * format that `decodeImage` reads, become complex ones.
 * @throws FileFormatError, InvalidArgumentError
 */
export async function decodeComplexImage(bytes: Uint8Array, options: ComplexDecodeOptions = {}): Promise<ComplexImage> {
  if (!isBytes(bytes)) {
    throw new InvalidArgumentError('bytes', gotTakes('bytes', bytes, 'a Uint8Array, the content of a file'));
  }
  rejectUnknownKeys('options', options, ['dataset', 'sources']);
  checkDecodeOptions(options);
  const plain = plainBytes(bytes);
  const image = await decodeComplex(plain, options);
  if (image) return image;
  const { data, shape } = await decodeImage(plain, options);
  return { data: Float64Array.from({ length: 2 * data.length }, (_, i) => (i % 2 ? 0 : data[i >> 1])), shape };
}

/**
 * Reads a ptychographic scan from the bytes of an HDF5 file: CXI (as cdtools and PyNX write it, and NXcxi_ptycho), ptypy's
 * .ptyd or PtyLab's. What is given goes before what the file says. `readScan` of rephase/files says what becomes of patterns
 * and positions.
 * @throws FileFormatError when it is no scan, InvalidArgumentError for options, and where the geometry is incomplete
 */
export async function decodeScan(bytes: Uint8Array, options: ScanGeometry = {}): Promise<Scan> {
  if (!isBytes(bytes)) {
    throw new InvalidArgumentError('bytes', gotTakes('bytes', bytes, 'a Uint8Array, the content of a file'));
  }
  rejectUnknownKeys('options', options, GEOMETRY_KEYS);
  return (await decodeScanFile(plainBytes(bytes), options)).scan;
}

/**
 * The bytes of a file with this image.
 * @throws InvalidArgumentError when the format cannot hold it as asked
 */
export async function encodeImage(
  image: Image,
  format: WritableFormat,
  options: EncodeOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  checkName('format', format, WRITABLE_FORMATS);
  rejectUnknownKeys('options', options, ENCODE_KEYS);
  const checked = checkImage(image);
  switch (format) {
    case 'npy':
      return encodeNpyImage(checked, options);
    case 'png':
      // The encoder makes a new array, and its types do not say so.
      return (await encodePng(checked, options)) as Uint8Array<ArrayBuffer>;
    case 'tiff':
      return encodeTiff(checked, options);
    case 'cxi':
      return encodeCxiImage(checked, options);
  }
}

function encodeNpyImage(image: Image, { bits }: EncodeOptions): Uint8Array<ArrayBuffer> {
  if (bits === undefined) return encodeNpy(image.data, image.shape);
  if (bits === 32) return encodeNpy(toSingle(image), image.shape);
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
