/**
 * TIFF: the first image of a file to brightness through the `tiff` library, and grey images of 8, 16 and 32 bits back,
 * uncompressed. Reads the directory itself first (tiff-directory.ts), so that the library meets only sizes that the file
 * bears out, and reads uncompressed 32-bit integers itself, which detectors write and the library does not take.
 */
import { FileFormatError, InvalidArgumentError, gotTakes } from '../errors.js';
import { type EncodeOptions, type Image, toGrey, toIntegers } from './image.js';
import { type TiffDirectory, readDirectory } from './tiff-directory.js';

export function isTiff(bytes: Uint8Array): boolean {
  const mark = String.fromCharCode(...bytes.subarray(0, 4));
  return mark === 'II*\0' || mark === 'MM\0*' || isBigTiff(bytes);
}

function isBigTiff(bytes: Uint8Array): boolean {
  const mark = String.fromCharCode(...bytes.subarray(0, 4));
  return mark === 'II+\0' || mark === 'MM\0+';
}

/**
 * Reads the first image: grey, RGB or palette, with or without alpha, which is left out. Samples: 1, 8 and 16 bits,
 * 32-bit integers (uncompressed), floats of 32 and 64 bits. Compressed by LZW or Deflate or not at all.
 * @throws FileFormatError
 */
export async function decodeTiff(bytes: Uint8Array): Promise<Image> {
  if (isBigTiff(bytes)) throw bad('is a BigTIFF, which is not supported');
  const directory = readDirectory(bytes);
  const { rows, columns, channels, bits, format } = directory;
  const shape = [rows, columns] as const;
  if (bits === 32 && format !== 'float') return { data: readWideIntegers(bytes, directory), shape };

  const { decode } = await import('tiff');
  try {
    const [page] = decode(directory.checked, { pages: [0] });
    let samples = page.data as Uint8Array | Uint16Array | Float32Array | Float64Array | Int8Array | Int16Array;
    if (samples.length !== rows * columns * channels) throw bad('holds less than its directory says');
    if (format === 'signed') {
      const signed = bits === 8 ? Int8Array : Int16Array;
      samples = new signed(samples.buffer as ArrayBuffer, samples.byteOffset, samples.length);
    }
    if (page.type === 3) {
      const brightness = toGrey((page.palette ?? []).flat(), page.palette?.length ?? 0, 3);
      // Palettes are of 16 bits: 65535 / 257 = 255.
      return { data: Float32Array.from(samples).map((index) => brightness[index] / 257), shape };
    }
    if (samples instanceof Float64Array && channels === 1) return { data: samples, shape };
    return { data: toGrey(samples, rows * columns, channels), shape };
  } catch (error) {
    if (error instanceof FileFormatError) throw error;
    throw bad(`cannot be read: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

function readWideIntegers(bytes: Uint8Array, directory: TiffDirectory): Float64Array {
  const { rows, columns, channels, format, compressed, tiled, pieces, littleEndian } = directory;
  if (compressed || tiled || channels > 1) {
    throw bad('holds 32-bit integers that are compressed, tiled or in colour, which is not supported');
  }
  const data = new Float64Array(rows * columns);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let pixel = 0;
  for (const { offset, length } of pieces) {
    for (let at = offset; at + 4 <= offset + length && pixel < data.length; at += 4) {
      data[pixel++] = format === 'signed' ? view.getInt32(at, littleEndian) : view.getUint32(at, littleEndian);
    }
  }
  return data;
}

/**
 * Writes a grey image as one uncompressed strip: 32-bit floats (default), or integers of 8 or 16 bits.
 * @throws InvalidArgumentError for other bits, or an image beyond TIFF's 4 GiB
 */
export function encodeTiff(image: Image, options: EncodeOptions = {}): Uint8Array<ArrayBuffer> {
  const { bits = 32 } = options;
  if (bits !== 8 && bits !== 16 && bits !== 32)
    throw new InvalidArgumentError('bits', gotTakes('bits', bits, '8, 16 or 32 for TIFF'));
  const samples = bits === 32 ? Float32Array.from(image.data) : toIntegers(image, bits, options.range);
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

function bad(what: string, cause?: unknown): FileFormatError {
  return new FileFormatError(`the TIFF file ${what}`, { format: 'tiff' }, { cause });
}
