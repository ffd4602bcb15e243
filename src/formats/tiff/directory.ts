/**
 * The directories of a TIFF or BigTIFF file, one a page, checked: that each describes an image which the reader can take,
 * and that the file is long enough for it. A directory can claim any size, point anywhere, and point at itself.
 */
import { FileFormatError } from '../../errors.js';
import { MOST_DEFLATED, MOST_LZW } from '../expansion.js';
import { type SampleKind, fitsSingle } from '../bytes.js';
import { type SizeLimits, checkSize } from '../image.js';
import type { Shape } from '../../types.js';

export interface Page {
  shape: Shape;
  /** Samples a pixel. */
  channels: number;
  /** Bits of a sample. */
  bits: number;
  kind: SampleKind;
  colour: 'white-is-zero' | 'black-is-zero' | 'rgb' | 'palette';
  /** Red, green and blue of every palette entry, one colour behind the other. */
  palette: readonly number[];
  compression: number;
  predictor: number;
  /** Each channel has pieces of its own. */
  planar: boolean;
  /** Bits are numbered from the least of a byte. */
  reversed: boolean;
  pieceShape: Shape;
  pieceIsTile: boolean;
  pieces: Uint8Array[];
  littleEndian: boolean;
}

const enum Tag {
  SubfileType = 254,
  Columns = 256,
  Rows = 257,
  BitsPerSample = 258,
  Compression = 259,
  Photometric = 262,
  FillOrder = 266,
  StripOffsets = 273,
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
  ...[254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 339],
]);

export const Compression = {
  None: 1,
  Lzw: 5,
  Deflate: 8,
  PackBits: 32773,
  OldDeflate: 32946,
  Zstandard: 50000,
} as const;

/** The factor by which each compression can expand data at most. */
const MOST_EXPANDED: Record<number, number> = {
  [Compression.None]: 1,
  [Compression.Lzw]: MOST_LZW,
  [Compression.Deflate]: MOST_DEFLATED,
  [Compression.PackBits]: 64,
  [Compression.OldDeflate]: MOST_DEFLATED,
  // A block of Zstandard that repeats one byte takes 4 bytes for up to 128 KiB.
  [Compression.Zstandard]: 32768,
};

const OTHER_COMPRESSIONS: Record<number, string> = {
  2: 'CCITT 1D',
  3: 'fax group 3',
  4: 'fax group 4',
  6: 'old JPEG',
  7: 'JPEG',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34925: 'LZMA',
  50001: 'WebP',
};

/** Fields of one directory, as numbers. */
type Fields = Map<number, number[]>;

/** More pages than any stack of frames has. */
const MOST_PAGES = 65536;

/** Thumbnails and masks are marked, or of another size than the first page. */
function isFrame(fields: Fields, first: Fields): boolean {
  const [subfile] = fields.get(Tag.SubfileType) ?? [0];
  const same = (tag: Tag): boolean => fields.get(tag)?.[0] === first.get(tag)?.[0];
  return (subfile & 5) === 0 && same(Tag.Rows) && same(Tag.Columns);
}

/** The fields of all pages as large as the first: the frames of a stack. @throws FileFormatError */
export function readPages(bytes: Uint8Array): Fields[] {
  const littleEndian = bytes[0] === 0x49;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isBig = bytes.length >= 16 && view.getUint16(2, littleEndian) === 43;
  if (bytes.length < 8) throw bad('is cut short');
  let next = isBig ? wide(view, 8, littleEndian) : view.getUint32(4, littleEndian);
  const pages: Fields[] = [];
  const visited = new Set<number>();
  while (next !== 0 && !visited.has(next)) {
    if (visited.size >= MOST_PAGES) throw bad(`has more than ${MOST_PAGES} pages`);
    visited.add(next);
    const { fields, following } = readFields(view, next, littleEndian, isBig);
    if (pages.length === 0 || isFrame(fields, pages[0])) pages.push(fields);
    next = following;
  }
  if (pages.length === 0) throw bad('is cut short: its directory is outside it');
  return pages;
}

/** @throws FileFormatError */
export function readPage(bytes: Uint8Array, fields: Fields, limits: SizeLimits): Page {
  const one = (tag: Tag, otherwise?: number): number => {
    const value = fields.get(tag)?.[0] ?? otherwise;
    if (value === undefined) throw bad(`lacks field ${tag}`);
    return value;
  };
  const [rows, columns, channels] = [one(Tag.Rows), one(Tag.Columns), one(Tag.Channels, 1)];
  if (channels < 1 || channels > 16) throw bad(`has ${channels} samples a pixel`);
  const sampleBits = fields.get(Tag.BitsPerSample) ?? [1];
  const bits = sampleBits[0];
  const code = one(Tag.SampleFormat, 1);
  const kind = code === 2 ? 'signed' : code === 3 ? 'float' : 'unsigned';
  const depths = { unsigned: [1, 2, 4, 8, 12, 16, 32, 64], signed: [8, 16, 32, 64], float: [16, 32, 64] }[kind];
  if (code < 1 || code > 4 || !depths.includes(bits) || sampleBits.some((other) => other !== bits)) {
    const takes = 'takes integers of 1, 2, 4, 8, 12, 16, 32 and 64 bits and floats of 16, 32 and 64';
    throw bad(`has ${kind} samples of ${sampleBits.slice(0, 8).join(', ')} bits; ${takes}`);
  }
  // Many programs of laboratories leave the field out, and mean that black is zero.
  const photometric = one(Tag.Photometric, 1);
  if (photometric > 3) throw bad(`has the colour space ${photometric}; takes grey, RGB and palettes`);
  if (photometric === 0 && kind !== 'unsigned') throw bad('counts white as zero in signed samples');
  if (photometric === 2 && channels < 3) throw bad(`is in colour with ${channels} samples a pixel`);
  const palette = fields.get(Tag.ColorMap) ?? [];
  if (photometric === 3) {
    if (channels !== 1 || bits > 16 || kind !== 'unsigned') throw bad('has a palette and more than one sample a pixel');
    if (palette.length !== 3 * 2 ** bits) throw bad(`has a palette of ${palette.length} numbers`);
  }
  const compression = one(Tag.Compression, Compression.None);
  const factor = MOST_EXPANDED[compression];
  if (factor === undefined) {
    const name = OTHER_COMPRESSIONS[compression] ?? 'a method that is not known';
    const takes = 'takes none (1), LZW (5), Deflate (8), PackBits (32773) and Zstandard (50000)';
    throw bad(`is compressed by ${name} (${compression}); ${takes}: convert it by tiffcp -c none IN.tif OUT.tif`);
  }
  const predictor = one(Tag.Predictor, 1);
  const predictable = predictor === 2 ? bits >= 8 && bits !== 12 : predictor === 3 ? kind === 'float' : predictor === 1;
  if (!predictable) throw bad(`has the predictor ${predictor} for ${kind} samples of ${bits} bits`);

  const expands = compression !== Compression.None || bits < 8;
  const sized = { ...limits, ...(!expands && { fileBytes: undefined }), pixelBytes: pixelBytes(kind, bits, channels) };
  checkSize('tiff', [rows, columns], sized);
  const pieceIsTile = fields.has(Tag.TileColumns);
  const pieceShape: Shape = pieceIsTile
    ? [one(Tag.TileRows), one(Tag.TileColumns)]
    : [Math.min(one(Tag.RowsPerStrip, rows), rows), columns];
  checkSize('tiff', pieceShape, sized);
  const planar = channels > 1 && one(Tag.Planar, 1) === 2;
  const inLine = planar ? 1 : channels;
  const line = Math.ceil((pieceShape[1] * inLine * bits) / 8);
  const inPlane = Math.ceil(rows / pieceShape[0]) * Math.ceil(columns / pieceShape[1]);
  const count = inPlane * (planar ? channels : 1);
  const offsets = fields.get(pieceIsTile ? Tag.TileOffsets : Tag.StripOffsets) ?? [];
  const lengths = fields.get(pieceIsTile ? Tag.TileLengths : Tag.StripLengths) ?? [];
  if (offsets.length !== count || lengths.length !== count) {
    throw bad(`should have ${count} pieces, and lists ${offsets.length} offsets and ${lengths.length} lengths`);
  }
  let total = 0;
  const pieces = offsets.map((offset, index) => {
    const length = lengths[index];
    if (offset + length > bytes.length) throw bad('is cut short');
    total += length;
    const last = !pieceIsTile && index % inPlane === inPlane - 1;
    const needed = line * (last ? rows - pieceShape[0] * (inPlane - 1) : pieceShape[0]);
    if (length * factor < needed) throw bad('says that it is larger than its data can hold');
    return bytes.subarray(offset, offset + length);
  });
  // Before any of them is decompressed: many pieces could be the same large one.
  if (total > bytes.length) throw bad('has pieces that overlap');
  return {
    ...{ shape: [rows, columns], channels, bits, kind, palette, compression, predictor, planar },
    colour: (['white-is-zero', 'black-is-zero', 'rgb', 'palette'] as const)[photometric],
    reversed: one(Tag.FillOrder, 1) === 2,
    ...{ pieceShape, pieceIsTile, pieces, littleEndian: bytes[0] === 0x49 },
  };
}

/** Counts the numbers, one channel after the other, and the samples that they come from. */
const pixelBytes = (kind: SampleKind, bits: number, channels: number): number =>
  (fitsSingle(kind, bits) ? 4 : 8) * Math.min(channels, 3) + (channels * bits) / 8;

/** Bytes of a value by its type: BYTE, SHORT, LONG, and BigTIFF's LONG8. */
const SIZES: Record<number, number> = { 1: 1, 3: 2, 4: 4, 16: 8 };

function readFields(
  view: DataView,
  directory: number,
  little: boolean,
  isBig: boolean,
): { fields: Fields; following: number } {
  const outside = bad('is cut short: its directory is outside it');
  const [countBytes, entryBytes, pointerBytes] = isBig ? [8, 20, 8] : [2, 12, 4];
  if (directory < 8 || directory + countBytes > view.byteLength) throw outside;
  const entries = isBig ? wide(view, directory, little) : view.getUint16(directory, little);
  const end = directory + countBytes + entries * entryBytes;
  if (entries > 65535 || end > view.byteLength) throw outside;
  const fields: Fields = new Map();
  for (let entry = 0, at = directory + countBytes; entry < entries; entry++, at += entryBytes) {
    const [tag, type] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    if (!READ.has(tag)) continue;
    const count = isBig ? wide(view, at + 4, little) : view.getUint32(at + 4, little);
    const value = at + 4 + pointerBytes;
    const size = SIZES[type];
    if (size === undefined || count < 1 || fields.has(tag)) throw bad(`has a damaged field ${tag}`);
    const inside = size * count <= pointerBytes;
    const start = inside ? value : isBig ? wide(view, value, little) : view.getUint32(value, little);
    if (start + size * count > view.byteLength) throw bad(`is cut short: its field ${tag} is outside it`);
    const read = { 1: uint8, 2: uint16, 4: uint32, 8: wide }[size]!;
    const values = new Array<number>(count);
    for (let i = 0; i < count; i++) values[i] = read(view, start + i * size, little);
    fields.set(tag, values);
  }
  // Some writers leave the last pointer out.
  const following =
    end + pointerBytes > view.byteLength ? 0 : isBig ? wide(view, end, little) : uint32(view, end, little);
  return { fields, following };
}

const uint8 = (view: DataView, at: number): number => view.getUint8(at);
const uint16 = (view: DataView, at: number, little: boolean): number => view.getUint16(at, little);
const uint32 = (view: DataView, at: number, little: boolean): number => view.getUint32(at, little);

/** 8 bytes; beyond 2^53 nothing can be inside the file. */
const wide = (view: DataView, at: number, little: boolean): number => Number(view.getBigUint64(at, little));

export function bad(what: string, cause?: unknown): FileFormatError {
  return new FileFormatError(`the TIFF file ${what}`, { format: 'tiff' }, { cause });
}
