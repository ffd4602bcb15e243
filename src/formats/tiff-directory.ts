/**
 * The first directory of a TIFF file, checked: that it describes an image which the reader can take, and that the file is
 * long enough for it. A directory can claim any size, point anywhere, and point at itself; this is what stands between
 * such a file and the library that reads it.
 */
import { FileFormatError } from '../errors.js';
import { MOST_DEFLATED, MOST_LZW, inflatesWithin, lzwExpandsWithin } from './expansion.js';
import { checkDimensions } from './image.js';

export interface TiffDirectory {
  rows: number;
  columns: number;
  channels: number;
  /** Of one sample. */
  bits: number;
  format: 'unsigned' | 'signed' | 'float';
  compressed: boolean;
  tiled: boolean;
  /** Where the strips or tiles lie, all inside the file. */
  pieces: { offset: number; length: number }[];
  littleEndian: boolean;
  /** A copy of the file with a directory of the fields checked here, and of no others. */
  checked: Uint8Array;
}

const enum Tag {
  Columns = 256,
  Rows = 257,
  BitsPerSample = 258,
  Compression = 259,
  Photometric = 262,
  FillOrder = 266,
  StripOffsets = 273,
  Orientation = 274,
  Channels = 277,
  RowsPerStrip = 278,
  StripLengths = 279,
  Planar = 284,
  Predictor = 317,
  ColorMap = 320,
  TileColumns = 322,
  TileRows = 323,
  TileOffsets = 324,
  TileLengths = 325,
  SampleFormat = 339,
}

const READ = new Set<number>([
  256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 339,
]);

const [NONE, LZW, DEFLATE, OLD_DEFLATE] = [1, 5, 8, 32946];

/** @throws FileFormatError */
export function readDirectory(bytes: Uint8Array): TiffDirectory {
  const littleEndian = bytes[0] === 0x49;
  const { fields, checked } = readFields(bytes, littleEndian);
  const one = (tag: Tag, otherwise?: number): number => {
    const value = fields.get(tag)?.[0] ?? otherwise;
    if (value === undefined) throw bad(`lacks field ${tag}`);
    return value;
  };

  const [rows, columns, channels] = [one(Tag.Rows), one(Tag.Columns), one(Tag.Channels, 1)];
  checkDimensions('tiff', rows, columns);
  if (channels < 1 || channels > 16) throw bad(`has ${channels} samples a pixel`);
  const sampleBits = fields.get(Tag.BitsPerSample) ?? [1];
  const bits = sampleBits[0];
  const code = one(Tag.SampleFormat, 1);
  const format = code === 2 ? 'signed' : code === 3 ? 'float' : 'unsigned';
  const depths = { unsigned: [1, 8, 16, 32], signed: [8, 16, 32], float: [32, 64] }[format];
  if (code < 1 || code > 4 || !depths.includes(bits) || sampleBits.some((other) => other !== bits)) {
    const takes = 'takes integers of 1, 8, 16 and 32 bits and floats of 32 and 64';
    throw bad(`has ${format} samples of ${sampleBits.join(', ')} bits; ${takes}`);
  }
  const photometric = one(Tag.Photometric);
  if (photometric > 3) throw bad(`has the colour space ${photometric}; takes grey, RGB and palettes`);
  if (photometric === 0 && format !== 'unsigned') throw bad('counts white as zero in signed samples');
  if (photometric === 2 && channels < 3) throw bad(`is in colour with ${channels} samples a pixel`);
  if (photometric === 3 && (channels !== 1 || bits > 16)) throw bad('has a palette and more than one sample a pixel');
  if (one(Tag.FillOrder, 1) !== 1) throw bad('has its bits in reverse order, which is not supported');
  if (channels > 1 && one(Tag.Planar, 1) !== 1) throw bad('keeps its colours apart, which is not supported');

  const compression = one(Tag.Compression, NONE);
  if (![NONE, LZW, DEFLATE, OLD_DEFLATE].includes(compression)) {
    throw bad(`is compressed by method ${compression}; takes none (1), LZW (5) and Deflate (8)`);
  }
  const tiled = fields.has(Tag.TileColumns);
  if (tiled && (channels > 1 || bits === 1)) throw bad('is tiled and in colour or bilevel, which is not supported');

  // The size of a strip or tile as it is when decompressed, and how many of them there must be.
  const pieceColumns = tiled ? one(Tag.TileColumns) : columns;
  const pieceRows = tiled ? one(Tag.TileRows) : Math.min(one(Tag.RowsPerStrip, rows), rows);
  checkDimensions('tiff', pieceRows, pieceColumns);
  const line = Math.ceil((pieceColumns * channels * bits) / 8);
  const count = Math.ceil(rows / pieceRows) * Math.ceil(columns / pieceColumns);
  const offsets = fields.get(tiled ? Tag.TileOffsets : Tag.StripOffsets) ?? [];
  const lengths = fields.get(tiled ? Tag.TileLengths : Tag.StripLengths) ?? [];
  if (offsets.length !== count || lengths.length !== count) {
    throw bad(`should have ${count} pieces, and lists ${offsets.length} offsets and ${lengths.length} lengths`);
  }
  const pieces = offsets.map((offset, index) => ({ offset, length: lengths[index] }));
  if (pieces.some(({ offset, length }) => offset + length > bytes.length)) throw bad('is cut short');
  // Before any of them is decompressed: many pieces could be the same large one.
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (total > bytes.length) throw bad('has pieces that overlap');
  pieces.forEach(({ offset, length }, index) => {
    const last = !tiled && index === count - 1;
    const needed = line * (last ? rows - pieceRows * (count - 1) : pieceRows);
    checkPiece(bytes.subarray(offset, offset + length), compression, needed, line * pieceRows);
  });
  return {
    rows,
    columns,
    channels,
    bits,
    format,
    compressed: compression !== NONE,
    tiled,
    pieces,
    littleEndian,
    checked,
  };
}

function checkPiece(piece: Uint8Array, compression: number, needed: number, most: number): void {
  const factor = compression === NONE ? 1 : compression === LZW ? MOST_LZW : MOST_DEFLATED;
  if (piece.length * factor < needed) throw bad('says that it is larger than its data can hold');
  if (compression === NONE) return;
  // The library would take gzip for Deflate, and believe the size that it states.
  if (compression !== LZW && piece[0] === 0x1f && piece[1] === 0x8b) throw bad('is compressed by gzip');
  const within = compression === LZW ? lzwExpandsWithin(piece, most) : inflatesWithin([piece], most);
  if (!within) throw bad('holds more data than its directory says');
}

/** The fields that are read, as numbers, and a copy of the file in which the library finds only them. */
function readFields(
  bytes: Uint8Array,
  littleEndian: boolean,
): { fields: Map<number, number[]>; checked: Uint8Array<ArrayBuffer> } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [];
  const fields = new Map<number, number[]>();
  if (bytes.length < 8) throw bad('is cut short');
  const directory = view.getUint32(4, littleEndian);
  if (directory < 8 || directory + 2 > bytes.length) throw bad('is cut short: its directory is outside it');
  const entries = view.getUint16(directory, littleEndian);
  if (directory + 2 + entries * 12 + 4 > bytes.length) throw bad('is cut short: its directory is outside it');
  for (let entry = 0, at = directory + 2; entry < entries; entry++, at += 12) {
    const [tag, type] = [view.getUint16(at, littleEndian), view.getUint16(at + 2, littleEndian)];
    if (!READ.has(tag)) continue;
    const count = view.getUint32(at + 4, littleEndian);
    const size = { 1: 1, 3: 2, 4: 4 }[type];
    if (size === undefined || count < 1 || fields.has(tag)) throw bad(`has a damaged field ${tag}`);
    const start = size * count > 4 ? view.getUint32(at + 8, littleEndian) : at + 8;
    if (start + size * count > bytes.length) throw bad(`is cut short: its field ${tag} is outside it`);
    const values = new Array<number>(count);
    for (let i = 0; i < count; i++) {
      const from = start + i * size;
      values[i] =
        size === 1
          ? view.getUint8(from)
          : size === 2
            ? view.getUint16(from, littleEndian)
            : view.getUint32(from, littleEndian);
    }
    fields.set(tag, values);
    kept.push(bytes.subarray(at, at + 12));
  }
  return { fields, checked: withDirectory(bytes, kept, fields.has(Tag.BitsPerSample), littleEndian) };
}

/** Appends a directory of these entries, the only one; the number of bits, 1 when left out, is always stated. */
function withDirectory(
  bytes: Uint8Array,
  entries: Uint8Array[],
  hasBits: boolean,
  littleEndian: boolean,
): Uint8Array<ArrayBuffer> {
  const count = entries.length + (hasBits ? 0 : 1);
  const checked = new Uint8Array(bytes.length + 2 + count * 12 + 4);
  const view = new DataView(checked.buffer);
  checked.set(bytes);
  view.setUint32(4, bytes.length, littleEndian);
  view.setUint16(bytes.length, count, littleEndian);
  entries.forEach((entry, index) => checked.set(entry, bytes.length + 2 + index * 12));
  if (!hasBits) {
    const at = bytes.length + 2 + entries.length * 12;
    view.setUint16(at, Tag.BitsPerSample, littleEndian);
    view.setUint16(at + 2, 3, littleEndian);
    view.setUint32(at + 4, 1, littleEndian);
    view.setUint16(at + 8, 1, littleEndian);
  }
  return checked;
}

function bad(what: string): FileFormatError {
  return new FileFormatError(`the TIFF file ${what}`, { format: 'tiff' });
}
