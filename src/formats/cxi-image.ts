/** Images as CXI, version 1.5: numbers, mask, and how they were made. */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { PROGRAM, processOf } from './cxi-process.js';
import { encodeHdf5 } from './hdf5/write.js';
import { type EncodeOptions, type Image, toSingle } from './image.js';

const IMAGE = '/entry_1/image_1';

/** Of pixels that were not measured. */
const BAD_PIXEL = 1;

export function encodeCxiImage(image: Image, { bits, settings = {} }: EncodeOptions): Uint8Array<ArrayBuffer> {
  if (bits !== undefined && bits !== 32 && bits !== 64) {
    throw new InvalidArgumentError('bits', gotTakes('bits', bits, '32 or 64 for .cxi'));
  }
  const { shape: extents, mask } = image;
  const data = bits === 32 ? toSingle(image) : bits === 64 ? Float64Array.from(image.data) : image.data;
  return encodeHdf5({
    '/cxi_version': { data: Uint32Array.of(150), extents: [] },
    '/entry_1/program_name': PROGRAM,
    [`${IMAGE}/data`]: { data, extents },
    [`${IMAGE}/data_space`]: 'real',
    [`${IMAGE}/mask`]: mask && { data: Uint32Array.from(mask, (good) => (good ? 0 : BAD_PIXEL)), extents },
    ...processOf(IMAGE, settings),
  });
}
