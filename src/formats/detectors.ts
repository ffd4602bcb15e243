/** Plain formats of detectors and microscopes: EDF of the ESRF, MRC of electron microscopy, CBF of pixel detectors. */
import { FileFormatError } from '../errors.js';
import { type SampleKind, fitsSingle, sampleReader } from './bytes.js';
import { type Image, type ImageFormat, checkSize } from './image.js';
import { type DecodeOptions, chooseFrames, combineFrames } from './options.js';

const latin1 = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes);

interface Raw {
  format: ImageFormat;
  rows: number;
  columns: number;
  kind: SampleKind;
  bits: number;
  little: boolean;
  /** Where each frame begins. */
  frames: number[];
}

function readRaw(bytes: Uint8Array, raw: Raw, options: DecodeOptions): Image {
  const { format, rows, columns, kind, bits, little, frames } = raw;
  const { maxPixels } = options;
  checkSize(format, [rows, columns], maxPixels === undefined ? {} : { maxPixels });
  const size = bits / 8;
  const pixels = rows * columns;
  if (frames.some((start) => start + pixels * size > bytes.length)) throw bad(format, 'is cut short');
  const read = sampleReader(kind, bits, little)!;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const range = chooseFrames(options, frames.length, format, () => `the ${format.toUpperCase()} file`);
  const data = combineFrames(range, (frame) => {
    const image = fitsSingle(kind, bits) ? new Float32Array(pixels) : new Float64Array(pixels);
    for (let i = 0, at = frames[frame]; i < pixels; i++, at += size) image[i] = read(view, at);
    return image;
  });
  return { data, shape: [rows, columns] };
}

export function isEdf(bytes: Uint8Array): boolean {
  return (
    bytes[0] === 0x7b && /^\{\s*(EDF_|HeaderID|ByteOrder|Dim_1|DataType|Image)/i.test(latin1(bytes.subarray(0, 64)))
  );
}

const EDF_TYPES: Record<string, [SampleKind, number]> = {
  signedbyte: ['signed', 8],
  unsignedbyte: ['unsigned', 8],
  signedshort: ['signed', 16],
  unsignedshort: ['unsigned', 16],
  signedinteger: ['signed', 32],
  unsignedinteger: ['unsigned', 32],
  signedlong: ['signed', 32],
  unsignedlong: ['unsigned', 32],
  signed64: ['signed', 64],
  unsigned64: ['unsigned', 64],
  float: ['float', 32],
  floatvalue: ['float', 32],
  real: ['float', 32],
  double: ['float', 64],
  doublevalue: ['float', 64],
};

/** Blocks of a header in braces and its numbers, one a frame. @throws FileFormatError */
export function decodeEdf(bytes: Uint8Array, options: DecodeOptions): Image {
  let raw: Raw | undefined;
  for (let at = 0; at < bytes.length && bytes[at] === 0x7b;) {
    const end = latin1(bytes.subarray(at, at + 65536)).indexOf('}\n');
    if (end < 0) throw bad('edf', 'has a header without an end');
    const text = latin1(bytes.subarray(at, at + end));
    const field = (name: string): string | undefined =>
      new RegExp(`\\b${name}\\s*=\\s*([^;]*?)\\s*;`, 'i').exec(text)?.[1];
    const [columns, rows] = [Number(field('Dim_1')), Number(field('Dim_2') ?? 1)];
    const type = EDF_TYPES[(field('DataType') ?? '').toLowerCase()];
    if (!type) throw bad('edf', `has the type ${field('DataType')}`);
    if (!Number.isSafeInteger(columns) || !Number.isSafeInteger(rows)) throw bad('edf', 'says no size');
    if (/^(?!none)\w/i.test(field('Compression') ?? '')) throw bad('edf', 'is compressed, which is not read');
    const little = !/high/i.test(field('ByteOrder') ?? 'LowByteFirst');
    raw ??= { format: 'edf', rows, columns, kind: type[0], bits: type[1], little, frames: [] };
    if (raw.rows !== rows || raw.columns !== columns || raw.kind !== type[0] || raw.bits !== type[1]) break;
    raw.frames.push(at + end + 2);
    at += end + 2 + Math.max(1, rows * columns * (type[1] / 8));
  }
  return readRaw(bytes, raw!, options);
}

export function isMrc(bytes: Uint8Array): boolean {
  return bytes.length >= 1024 && latin1(bytes.subarray(208, 211)) === 'MAP';
}

const MRC_MODES: Record<number, [SampleKind, number]> = {
  0: ['signed', 8],
  1: ['signed', 16],
  2: ['float', 32],
  6: ['unsigned', 16],
  12: ['float', 16],
};

/** MRC2014 (A. Cheng et al., Journal of Structural Biology 192, 146, 2015). @throws FileFormatError */
export function decodeMrc(bytes: Uint8Array, options: DecodeOptions): Image {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[212] !== 0x11;
  const [columns, rows, sections, mode] = [0, 4, 8, 12].map((at) => view.getInt32(at, little));
  const type = MRC_MODES[mode];
  if (!type) throw bad('mrc', `has mode ${mode}; takes 0, 1, 2, 6 and 12, which are real numbers`);
  const first = 1024 + Math.max(0, view.getInt32(92, little));
  checkSize('mrc', [rows, columns], {});
  const frameBytes = rows * columns * (type[1] / 8);
  if (sections < 1 || first + sections * frameBytes > bytes.length) throw bad('mrc', 'is cut short');
  const frames = Array.from({ length: sections }, (_, i) => first + i * frameBytes);
  return readRaw(bytes, { format: 'mrc', rows, columns, kind: type[0], bits: type[1], little, frames }, options);
}

export function isCbf(bytes: Uint8Array): boolean {
  return latin1(bytes.subarray(0, 7)) === '###CBF:';
}

/** The byte-offset compression of imgCIF, which PILATUS and EIGER write. @throws FileFormatError */
export function decodeCbf(bytes: Uint8Array, options: DecodeOptions): Image {
  const mark = [0x0c, 0x1a, 0x04, 0xd5];
  let start = bytes.indexOf(mark[0]);
  while (start >= 0 && !mark.every((byte, i) => bytes[start + i] === byte)) start = bytes.indexOf(mark[0], start + 1);
  if (start < 0) throw bad('cbf', 'has no binary section');
  const text = latin1(bytes.subarray(Math.max(0, start - 8192), start));
  const field = (name: string): number => Number(new RegExp(`X-Binary-Size-${name}:\\s*(\\d+)`, 'i').exec(text)?.[1]);
  const [columns, rows] = [field('Fastest-Dimension'), field('Second-Dimension')];
  if (!/x-CBF_BYTE_OFFSET/i.test(text)) throw bad('cbf', 'is not compressed by byte offsets, which alone is read');
  const { maxPixels } = options;
  checkSize('cbf', [rows, columns], {
    ...(maxPixels !== undefined && { maxPixels }),
    fileBytes: bytes.length,
    pixelBytes: 8,
  });
  if (rows * columns > bytes.length) throw bad('cbf', 'is cut short');
  chooseFrames(options, 1, 'cbf', () => 'the CBF file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Float64Array(rows * columns);
  let value = 0;
  let at = start + 4;
  const take = (size: number): number => {
    if (at + size > bytes.length) throw bad('cbf', 'is cut short');
    at += size;
    return at - size;
  };
  // Each pixel is the difference from the one before, in 1 byte, or in 2 or 4 after the least value of the smaller type.
  for (let i = 0; i < data.length; i++) {
    let difference = view.getInt8(take(1));
    if (difference === -128) difference = view.getInt16(take(2), true);
    if (difference === -32768) difference = view.getInt32(take(4), true);
    value += difference;
    data[i] = value;
  }
  return { data, shape: [rows, columns] };
}

function bad(format: ImageFormat, what: string): FileFormatError {
  return new FileFormatError(`the ${format.toUpperCase()} file ${what}`, { format });
}
