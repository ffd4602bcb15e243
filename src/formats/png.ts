/**
 * PNG through fast-png: grey, colour and palette images of every bit depth to brightness, and grey images of 8 and 16 bits
 * back. Walks the chunks itself first: hands on only those that make up the image, and none whose header asks for more
 * than the data can hold. The library is loaded when it is first needed.
 */
import { FileFormatError, InvalidArgumentError, gotTakes, messageOf } from '../errors.js';
import { type DecodeOptions, chooseFrames } from './options.js';
import { MOST_DEFLATED, inflatesWithin } from './expansion.js';
import { type EncodeOptions, type Image, checkSize, toGrey, toIntegers } from './image.js';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, index) => bytes[index] === byte);
}

/**
 * Reads the brightness of an image; alpha is left out, an animation gives its first picture.
 * @throws FileFormatError
 */
export async function decodePng(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  const { image, header } = imageChunks(bytes, options);
  chooseFrames(options, 1, 'png', () => 'the PNG file');
  const { decode, convertIndexedToRgb } = await import('fast-png');
  try {
    const png = decode(image, { checkCrc: true });
    const { width, height, depth } = png;
    const shape = [height, width] as const;
    if (header.indexed) return { data: toGrey(convertIndexedToRgb(png), width * height, 3), shape };
    const samples = depth < 8 ? unpack(png.data, width, height, depth) : png.data;
    if (samples.length !== width * height * png.channels) throw bad('holds less than its header says');
    return { data: toGrey(samples, width * height, header.channels), shape };
  } catch (error) {
    if (error instanceof FileFormatError) throw error;
    throw bad(`cannot be read: ${messageOf(error)}`, error);
  }
}

/**
 * Writes a grey image of 8 (default) or 16 bits.
 * @throws InvalidArgumentError
 */
export async function encodePng(image: Image, options: EncodeOptions = {}): Promise<Uint8Array> {
  const { bits = 8 } = options;
  if (bits !== 8 && bits !== 16) throw new InvalidArgumentError('bits', gotTakes('bits', bits, '8 or 16 for PNG'));
  // Taken before the library is waited for: the caller may change the image meanwhile.
  const [height, width] = image.shape;
  const data = toIntegers(image, bits, options.range);
  const { encode } = await import('fast-png');
  return encode({ width, height, depth: bits, channels: 1, data });
}

interface PngHeader {
  rows: number;
  columns: number;
  depth: number;
  channels: number;
  /** Pixels are numbers of colours in a palette. */
  indexed: boolean;
  interlaced: boolean;
}

/** Counts the result, the samples and their copy without filters, and what palettes and packed bits become on the way. */
const pixelBytes = ({ channels, depth, indexed }: PngHeader): number =>
  4 + (2 * channels * depth) / 8 + (indexed ? 8 : depth < 8 ? 1 : 0);

/** How many channels each of PNG's colour types has. */
const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** The file without the chunks that are not part of the image, after checking that its sizes are plausible. */
function imageChunks(bytes: Uint8Array, { maxPixels }: DecodeOptions): { image: Uint8Array; header: PngHeader } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const limits = { fileBytes: bytes.length, ...(maxPixels !== undefined && { maxPixels }) };
  const kept = [bytes.subarray(0, 8)];
  const data: Uint8Array[] = [];
  let header: PngHeader | undefined;
  for (let at = 8, type = ''; type !== 'IEND';) {
    if (at + 12 > bytes.length) throw bad('is cut short');
    const length = view.getUint32(at);
    const end = at + 12 + length;
    if (end > bytes.length) throw bad('is cut short');
    type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if ((type === 'IHDR') !== (header === undefined)) throw bad('does not begin with one header');
    if (type === 'IHDR') header = readHeader(view, at + 8, length);
    if (type === 'IHDR')
      checkSize('png', [header!.rows, header!.columns], { ...limits, pixelBytes: pixelBytes(header!) });
    if (type === 'IDAT') data.push(bytes.subarray(at + 8, end - 4));
    // A palette may also come with true colour, as a suggestion, which fast-png would take for one to look up in.
    const wanted = ['IHDR', 'IDAT', 'IEND'].includes(type) || (type === 'PLTE' && header?.indexed);
    if (wanted) kept.push(bytes.subarray(at, end));
    at = end;
  }
  if (!header) throw bad('has no header');

  const { rows, columns, depth, channels, interlaced } = header;
  const line = Math.ceil((columns * channels * depth) / 8) + 1;
  // Interlacing cuts the image into seven, each of whose lines takes a byte for its filter and a started byte.
  const most = interlaced ? line * rows + 14 * (rows + columns) : line * rows;
  const least = interlaced ? Math.floor((rows * columns * channels * depth) / 8) : line * rows;
  const compressed = data.reduce((sum, part) => sum + part.length, 0);
  if (least > compressed * MOST_DEFLATED) {
    throw bad(`says ${rows} rows × ${columns} columns, which its ${compressed} bytes of data cannot hold`);
  }
  if (!inflatesWithin(data, most)) throw bad('holds more data than its header says');
  return { image: concatenate(kept), header };
}

function readHeader(view: DataView, at: number, length: number): PngHeader {
  if (length !== 13) throw bad('has a damaged header');
  const [columns, rows, depth] = [view.getUint32(at), view.getUint32(at + 4), view.getUint8(at + 8)];
  const channels = CHANNELS[view.getUint8(at + 9)];
  const indexed = view.getUint8(at + 9) === 3;
  const interlaced = view.getUint8(at + 12) === 1;
  const depths = indexed ? [1, 2, 4, 8] : channels === 1 ? [1, 2, 4, 8, 16] : [8, 16];
  if (channels === undefined || !depths.includes(depth)) throw bad('has a damaged header');
  if (interlaced && depth < 8) throw bad(`is interlaced with ${depth} bits a pixel, which is not supported`);
  return { rows, columns, depth, channels, indexed, interlaced };
}

/** One number a pixel from lines of 1, 2 or 4 bits a pixel, each line beginning a new byte. */
function unpack(packed: ArrayLike<number>, columns: number, rows: number, depth: number): Uint8Array {
  const line = Math.ceil((columns * depth) / 8);
  const pixels = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const bit = column * depth;
      const byte = packed[row * line + (bit >> 3)];
      pixels[row * columns + column] = (byte >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
    }
  }
  return pixels;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function bad(what: string, cause?: unknown): FileFormatError {
  return new FileFormatError(`the PNG file ${what}`, { format: 'png' }, { cause });
}
