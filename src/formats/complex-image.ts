/** Images of complex numbers, interleaved re, im: from `.npy` and HDF5, and to `.npy` and CXI. */
import { FileFormatError, InvalidArgumentError, gotTakes } from '../errors.js';
import { checkObjectArray, checkShape } from '../problems/image.js';
import { checkName, rejectUnknownKeys } from '../problems/options.js';
import type { RealArray, Shape } from '../types.js';
import { IMAGE, encodeCxi } from './cxi-image.js';
import { isHdf5, readHdf5 } from './hdf5/hdf5.js';
import type { EncodeOptions } from './image.js';
import type { DecodeOptions } from './options.js';
import { decodeComplexNpy, encodeComplexNpy, isNpy } from './npy.js';
import { Contents, type Stored } from './scan/contents.js';

/** An image of complex numbers, row-major. */
export interface ComplexImage {
  /** The pixels, 2 × rows × columns numbers, interleaved re, im. */
  data: RealArray;
  /** Rows and columns. */
  shape: Shape;
}

/** What `decodeComplexImage` and `readComplexImage` take beside the file. */
export type ComplexDecodeOptions = Pick<DecodeOptions, 'dataset' | 'sources'>;

/** Where complex images are in a CXI file: an image, and the object that was found of a scan. */
const PLACES = [`${IMAGE}/data`, '/entry_1/result_1/data'];

/**
 * Reads complex numbers from an `.npy` file, or from HDF5; undefined where the bytes hold none.
 * @throws FileFormatError
 */
export async function decodeComplex(
  bytes: Uint8Array,
  options: ComplexDecodeOptions,
): Promise<ComplexImage | undefined> {
  if (isNpy(bytes)) {
    const { data, shape } = decodeComplexNpy(bytes);
    return { data, shape: imageShape(shape, 'npy') };
  }
  const stored = isHdf5(bytes) ? await complexDataset(bytes, options) : undefined;
  return stored && { data: stored.data, shape: imageShape(stored.extents, 'hdf5') };
}

function complexDataset(bytes: Uint8Array, options: ComplexDecodeOptions): Promise<Stored | undefined> {
  const paths = options.dataset === undefined ? PLACES : [options.dataset];
  return readHdf5(bytes, options, (file) => new Contents(file, bytes.length).complex(...paths));
}

/** Axes of extent 1 in front are left out. */
function imageShape(extents: readonly number[], format: 'npy' | 'hdf5'): Shape {
  const [rows, columns] = extents.slice(-2);
  const isImage =
    extents.length >= 2 && rows > 0 && columns > 0 && extents.slice(0, -2).every((extent) => extent === 1);
  if (isImage) return [rows, columns];
  const message = `has an array of (${extents.join(', ')}) where one image of complex numbers is wanted`;
  throw new FileFormatError(message, { format });
}

/**
 * The bytes of a file with this image, `complex64` or `complex128` by the type of its numbers. `settings` are kept in CXI.
 * @throws InvalidArgumentError
 */
export function encodeComplexImage(
  image: ComplexImage,
  format: 'npy' | 'cxi',
  options: Pick<EncodeOptions, 'settings'> = {},
): Uint8Array<ArrayBuffer> {
  checkName('format', format, ['npy', 'cxi']);
  rejectUnknownKeys('options', options, ['settings']);
  if (typeof image !== 'object' || image === null) {
    throw new InvalidArgumentError('image', gotTakes('image', image, '{ data, shape }'));
  }
  const shape = checkShape('shape', image.shape);
  const data = checkObjectArray('data', image.data, shape, 'complex');
  if (format === 'npy') return encodeComplexNpy(data, shape);
  return encodeCxi({ data, extents: shape, isComplex: true }, undefined, options.settings);
}
