/** Photographs to simulate from: BMP, PBM, PGM and PPM, and JPEG through jpeg-js. All become brightness. */
import { FileFormatError, messageOf } from '../errors.js';
import { type Image, type ImageFormat, checkSize, luminance, toGrey } from './image.js';
import { type DecodeOptions, chooseFrames } from './options.js';

export function isBmp(bytes: Uint8Array): boolean {
  return (
    bytes[0] === 0x42 && bytes[1] === 0x4d && bytes.length >= 30 && bytes[6] + bytes[7] + bytes[8] + bytes[9] === 0
  );
}

/** @throws FileFormatError */
export function decodeBmp(bytes: Uint8Array, options: DecodeOptions): Image {
  const bad = (what: string) => refused('bmp', `the BMP file ${what}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, header] = [view.getUint32(10, true), view.getUint32(14, true)];
  if (header < 40 || bytes.length < 14 + header) throw bad('has a header of a kind that is not read');
  const [columns, signedRows] = [view.getInt32(18, true), view.getInt32(22, true)];
  const [bits, compression] = [view.getUint16(28, true), view.getUint32(30, true)];
  // A negative height says that the first line is the top one.
  const rows = Math.abs(signedRows);
  if (![1, 4, 8, 24, 32].includes(bits)) throw bad(`has ${bits} bits a pixel; takes 1, 4, 8, 24 and 32`);
  if (compression !== 0 && !(compression === 3 && bits === 32)) throw bad('is compressed, which is not read');
  checkSize('bmp', [rows, columns], limits(bytes, options, bits < 8));
  chooseFrames(options, 1, 'bmp', () => 'the BMP file');
  const line = Math.ceil((columns * bits) / 32) * 4;
  if (start + line * rows > bytes.length) throw bad('is cut short');
  const colours = bits <= 8 ? view.getUint32(46, true) || 2 ** bits : 0;
  const palette = 14 + header;
  if (palette + 4 * Math.min(colours, 256) > bytes.length) throw bad('is cut short');
  const brightness = (at: number): number => luminance(bytes[at + 2], bytes[at + 1], bytes[at]);
  const shades = Float32Array.from({ length: 256 }, (_, i) => (i < colours ? brightness(palette + 4 * i) : 0));
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const from = start + line * (signedRows < 0 ? row : rows - 1 - row);
    for (let column = 0; column < columns; column++) {
      const bit = column * bits;
      const at = from + (bit >> 3);
      data[row * columns + column] =
        bits > 8 ? brightness(at) : shades[(bytes[at] >> (8 - bits - (bit & 7))) & ((1 << bits) - 1)];
    }
  }
  return { data, shape: [rows, columns] };
}

export function isPnm(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] >= 0x31 && bytes[1] <= 0x36 && /\s/.test(String.fromCharCode(bytes[2]));
}

/** Netpbm's formats P1 to P6: bits, grey and colour, as text and as bytes. @throws FileFormatError */
export function decodePnm(bytes: Uint8Array, options: DecodeOptions): Image {
  const bad = (what: string) => refused('pnm', `the PNM file ${what}`);
  const kind = bytes[1] - 0x30;
  const [isText, isBits, isColour] = [kind <= 3, kind % 3 === 1, kind % 3 === 0];
  let at = 2;
  const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);
  const number = (oneDigit = false): number => {
    for (; at < bytes.length && (isSpace(bytes[at]) || bytes[at] === 0x23); at++) {
      if (bytes[at] === 0x23) while (at < bytes.length && bytes[at] !== 10) at++;
    }
    let value = -1;
    for (; at < bytes.length && bytes[at] >= 0x30 && bytes[at] <= 0x39; at++) {
      value = Math.max(value, 0) * 10 + bytes[at] - 0x30;
      if (oneDigit) return (at++, value);
      if (value > 2 ** 31) throw bad('has a damaged header');
    }
    if (value < 0) throw bad('is cut short, or has a damaged header');
    return value;
  };
  const [columns, rows] = [number(), number()];
  const most = isBits ? 1 : number();
  if (most < 1 || most > 65535) throw bad(`has a greatest value of ${most}`);
  checkSize('pnm', [rows, columns], limits(bytes, options, isBits));
  chooseFrames(options, 1, 'pnm', () => 'the PNM file');
  const channels = isColour ? 3 : 1;
  // A pixel takes a bit at least, a byte where it is text.
  if (rows * columns > (isBits && !isText ? 8 : 1) * bytes.length) throw bad('is cut short');
  const data = new Float32Array(rows * columns);
  if (isText) {
    for (let i = 0; i < data.length; i++) {
      if (isColour) data[i] = luminance(number(), number(), number());
      else data[i] = isBits ? 1 - number(true) : number();
    }
    return { data, shape: [rows, columns] };
  }
  at++;
  const size = most > 255 ? 2 : 1;
  const line = isBits ? Math.ceil(columns / 8) : columns * channels * size;
  if (at + line * rows > bytes.length) throw bad('is cut short');
  const sample = (from: number): number => (size === 2 ? (bytes[from] << 8) | bytes[from + 1] : bytes[from]);
  for (let row = 0, i = 0; row < rows; row++) {
    const from = at + row * line;
    for (let column = 0; column < columns; column++, i++) {
      // Of bits, 1 is black.
      if (isBits) data[i] = 1 - ((bytes[from + (column >> 3)] >> (7 - (column & 7))) & 1);
      else {
        const pixel = from + column * channels * size;
        data[i] = isColour ? luminance(sample(pixel), sample(pixel + size), sample(pixel + 2 * size)) : sample(pixel);
      }
    }
  }
  return { data, shape: [rows, columns] };
}

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** @throws FileFormatError */
export async function decodeJpeg(bytes: Uint8Array, options: DecodeOptions): Promise<Image> {
  const { rows, columns } = jpegSize(bytes);
  checkSize('jpeg', [rows, columns], { ...limits(bytes, options, true), pixelBytes: 16 });
  // A block of 8 × 8 pixels takes two bits at least.
  if (rows * columns > 256 * bytes.length) throw refused('jpeg', 'the JPEG file is cut short');
  chooseFrames(options, 1, 'jpeg', () => 'the JPEG file');
  const { default: jpeg } = await import('jpeg-js');
  try {
    const decoded = jpeg.decode(bytes, {
      ...{ useTArray: true, formatAsRGBA: false, tolerantDecoding: false },
      // The size is checked above; these are the library's own limits.
      ...{ maxResolutionInMP: Infinity, maxMemoryUsageInMB: 64 + (rows * columns) / 2 ** 14 },
    });
    const { width, height, data } = decoded;
    if (data.length !== width * height * 3) throw new Error('it holds less than its header says');
    return { data: toGrey(data, width * height, 3), shape: [height, width] };
  } catch (error) {
    throw refused('jpeg', `the JPEG file cannot be read: ${messageOf(error)}`);
  }
}

/** The size stands in the frame's header, a segment of type C0 to CF. */
function jpegSize(bytes: Uint8Array): { rows: number; columns: number } {
  for (let at = 2; at + 9 < bytes.length;) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff) break;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { rows: (bytes[at + 5] << 8) | bytes[at + 6], columns: (bytes[at + 7] << 8) | bytes[at + 8] };
    }
    at += marker === 0xff ? 1 : 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
  }
  throw refused('jpeg', 'the JPEG file is damaged: it has no header of a frame');
}

function limits(bytes: Uint8Array, { maxPixels }: DecodeOptions, expands: boolean) {
  return { ...(expands && { fileBytes: bytes.length }), ...(maxPixels !== undefined && { maxPixels }) };
}

function refused(format: ImageFormat, message: string): FileFormatError {
  return new FileFormatError(message, { format });
}
