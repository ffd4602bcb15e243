/** Writes TIFF: grey images of 8, 16 and 32 bits, uncompressed. */
import { InvalidArgumentError, gotTakes } from '../../errors.js';
import { type EncodeOptions, type Image, toIntegers, toSingle } from '../image.js';

/**
 * Writes a grey image as one uncompressed strip: 32-bit floats (default), or integers of 8 or 16 bits.
 * @throws InvalidArgumentError for other bits, or an image beyond TIFF's 4 GiB
 */
export function encodeTiff(image: Image, options: EncodeOptions = {}): Uint8Array<ArrayBuffer> {
  const { bits = 32 } = options;
  if (bits !== 8 && bits !== 16 && bits !== 32)
    throw new InvalidArgumentError('bits', gotTakes('bits', bits, '8, 16 or 32 for TIFF'));
  const samples = bits === 32 ? toSingle(image) : toIntegers(image, bits, options.range);
  const [rows, columns] = image.shape;
  const [SHORT, LONG, RATIONAL] = [3, 4, 5];
  const RESOLUTION = 8;
  const DIRECTORY = 16;
  // In rising order of their numbers, as the specification demands (TIFF 6.0, section 8, bilevel and grey images).
  const fields: [tag: number, type: number, value: number][] = [
    [256, LONG, columns],
    [257, LONG, rows],
    [258, SHORT, bits],
    [259, SHORT, 1], // not compressed
    [262, SHORT, 1], // zero is black
    [273, LONG, 0], // the strip's offset, known below
    [277, SHORT, 1],
    [278, LONG, rows],
    [279, LONG, samples.byteLength],
    [282, RATIONAL, RESOLUTION],
    [283, RATIONAL, RESOLUTION],
    [296, SHORT, 1], // no unit of resolution
    [339, SHORT, bits === 32 ? 3 : 1], // IEEE float, or unsigned
  ];
  const start = DIRECTORY + 2 + fields.length * 12 + 4;
  fields[5][2] = start;
  if (start + samples.byteLength > 0xffffffff) {
    throw new InvalidArgumentError('image', `TIFF holds up to 4 GiB, and the image is ${samples.byteLength} bytes`);
  }

  const bytes = new Uint8Array(start + samples.byteLength);
  const view = new DataView(bytes.buffer);
  bytes.set([0x49, 0x49, 42, 0]); // little-endian, as typed arrays are
  view.setUint32(4, DIRECTORY, true);
  view.setUint32(RESOLUTION, 1, true);
  view.setUint32(RESOLUTION + 4, 1, true);
  view.setUint16(DIRECTORY, fields.length, true);
  fields.forEach(([tag, type, value], index) => {
    const at = DIRECTORY + 2 + index * 12;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, 1, true);
    view.setUint32(at + 8, value, true);
  });
  bytes.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), start);
  return bytes;
}
