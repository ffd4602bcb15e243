/** Images as CXI, version 1.5: numbers, mask, and how they were made. */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { PROGRAM, type Settings, processOf } from './cxi-process.js';
import { type Hdf5Array, encodeHdf5 } from './hdf5/write.js';
import { type EncodeOptions, type Image, toSingle } from './image.js';

export const IMAGE = '/entry_1/image_1';

/** What CXI's mask has where nothing was measured. */
const BAD_PIXEL = 1;

export function encodeCxiImage(image: Image, { bits, settings = {} }: EncodeOptions): Uint8Array<ArrayBuffer> {
  if (bits !== undefined && bits !== 32 && bits !== 64) {
    throw new InvalidArgumentError('bits', gotTakes('bits', bits, '32 or 64 for .cxi'));
  }
  const { shape: extents, mask } = image;
  const data = bits === 32 ? toSingle(image) : bits === 64 ? Float64Array.from(image.data) : image.data;
  return encodeCxi({ data, extents }, mask, settings);
}

/** The bytes of a file with this array as its image. */
export function encodeCxi(
  data: Hdf5Array,
  mask: Uint8Array | undefined,
  settings: Settings = {},
): Uint8Array<ArrayBuffer> {
  const bad = mask && Uint32Array.from(mask, (good) => (good ? 0 : BAD_PIXEL));
  return encodeHdf5({
    '/cxi_version': { data: Uint32Array.of(150), extents: [] },
    '/entry_1/program_name': PROGRAM,
    [`${IMAGE}/data`]: data,
    [`${IMAGE}/data_space`]: 'real',
    [`${IMAGE}/mask`]: bad && { data: bad, extents: data.extents },
    ...processOf(IMAGE, settings),
  });
}
