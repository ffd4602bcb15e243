/** Strips and tiles of a TIFF file back to samples: decompression, each within a known size, and prediction. */
import { messageOf } from '../../errors.js';
import { decodeZstd } from '../hdf5/codecs.js';
import { inflateAtMost } from '../expansion.js';
import { Compression, type Page, bad } from './directory.js';

/** What a strip or a tile holds: `size` bytes, of which a strip at the end may have fewer. */
export function expandPiece(piece: Uint8Array, { compression, reversed }: Page, size: number): Uint8Array {
  const input = reversed ? piece.map(reverseBits) : piece;
  switch (compression) {
    case Compression.None:
      return input.subarray(0, size);
    case Compression.Lzw:
      return expandLzw(input, size);
    case Compression.PackBits:
      return expandPackBits(input, size);
    case Compression.Zstandard:
      return decodeZstd(input, size);
    default:
      return inflate(input, size);
  }
}

function inflate(input: Uint8Array, size: number): Uint8Array {
  if (input[0] === 0x1f && input[1] === 0x8b) throw bad('is compressed by gzip');
  try {
    return inflateAtMost(input, size);
  } catch (error) {
    if (error instanceof RangeError) throw bad('holds more data than its directory says');
    throw bad(`cannot be read: ${messageOf(error)}`, error);
  }
}

function reverseBits(byte: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 8; bit++) reversed |= ((byte >> bit) & 1) << (7 - bit);
  return reversed;
}

/** TIFF 6.0, section 9: a count, and that many bytes, or one byte that many times. */
function expandPackBits(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size);
  let to = 0;
  for (let at = 0; at < input.length && to < size;) {
    const count = (input[at++] << 24) >> 24;
    if (count >= 0) {
      const part = input.subarray(at, at + Math.min(count + 1, size - to));
      output.set(part, to);
      to += part.length;
      at += count + 1;
    } else if (count !== -128) {
      output.fill(input[at++], to, Math.min(to + 1 - count, size));
      to = Math.min(to + 1 - count, size);
    }
  }
  return output.subarray(0, to);
}

/** TIFF 6.0, section 13. An entry of the table is a stretch of the output, which the previous code made. */
export function expandLzw(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size);
  const starts = new Uint32Array(4096);
  const lengths = new Uint32Array(4096);
  let [next, width, previousStart, previousLength] = [258, 9, 0, 0];
  let [bits, held, at, to] = [0, 0, 0, 0];
  for (;;) {
    while (held < width) {
      if (at >= input.length) return output.subarray(0, to);
      bits = ((bits << 8) | input[at++]) & 0xffffff;
      held += 8;
    }
    held -= width;
    const code = (bits >> held) & ((1 << width) - 1);
    if (code === 257) return output.subarray(0, to);
    if (code === 256) {
      [next, width, previousLength] = [258, 9, 0];
      continue;
    }
    const start = to;
    if (code < 256) {
      if (to >= size) throw bad('holds more data than its directory says');
      output[to++] = code;
    } else {
      if (code > next || (code === next && previousLength === 0)) throw bad('holds damaged LZW data');
      const isNew = code === next;
      const from = isNew ? previousStart : starts[code];
      const length = isNew ? previousLength + 1 : lengths[code];
      if (to + length > size) throw bad('holds more data than its directory says');
      for (let i = 0; i < length; i++) output[to++] = output[from + i];
    }
    if (previousLength > 0 && next < 4096) {
      // The previous string and the first letter of this one stand side by side in the output.
      starts[next] = previousStart;
      lengths[next] = previousLength + 1;
      next++;
      // TIFF widens its codes one early.
      if (next === (1 << width) - 1 && width < 12) width++;
    }
    [previousStart, previousLength] = [start, to - start];
  }
}

/** Undoes prediction along the lines of a piece, in place. Returns whether its samples now are little-endian. */
export function undoPrediction(piece: Uint8Array, page: Page, line: number): boolean {
  const { predictor, bits, littleEndian } = page;
  const step = page.planar ? 1 : page.channels;
  if (predictor === 1) return littleEndian;
  const size = bits / 8;
  for (let start = 0; start + line <= piece.length; start += line) {
    const row = piece.subarray(start, start + line);
    if (predictor === 3) undoFloat(row, size, step);
    else undoDifferences(row, size, step, littleEndian);
  }
  return predictor === 3 ? false : littleEndian;
}

/** TIFF 6.0, section 14: each sample is stored as its difference from the one to its left. */
function undoDifferences(row: Uint8Array, size: number, step: number, little: boolean): void {
  for (let at = step * size; at + size <= row.length; at += size) {
    let carry = 0;
    for (let byte = 0; byte < size; byte++) {
      const place = little ? byte : size - 1 - byte;
      carry += row[at + place] + row[at - step * size + place];
      row[at + place] = carry;
      carry >>= 8;
    }
  }
}

/** Technical note 3 of Adobe Photoshop: bytes of a line by their significance, the greatest first, then differences. */
function undoFloat(row: Uint8Array, size: number, step: number): void {
  for (let at = step; at < row.length; at++) row[at] += row[at - step];
  const bytes = row.slice();
  const samples = Math.floor(row.length / size);
  for (let sample = 0; sample < samples; sample++) {
    for (let byte = 0; byte < size; byte++) row[sample * size + byte] = bytes[byte * samples + sample];
  }
}
