/**
 * Decompressors of what detectors write. Each fills an output of a known size and stops at its end, so that no input can
 * make it write more. Formats: liblzf 3 (M. Lehmann), the LZ4 block format (Y. Collet), bitshuffle 0.5 (K. Masui et al.,
 * Astronomy and Computing 12, 181, 2015).
 */
import { decompress as decompressZstd } from 'fzstd';
import { damaged } from './cursor.js';

/** A control byte below 32 begins literals; others copy from what is there already. Returns the bytes written. */
export function decodeLzf(input: Uint8Array, output: Uint8Array): number {
  let [at, to] = [0, 0];
  while (at < input.length) {
    const control = input[at++];
    if (control < 32) {
      const count = control + 1;
      if (at + count > input.length || to + count > output.length) throw damaged('holds LZF data that do not fit');
      output.set(input.subarray(at, at + count), to);
      at += count;
      to += count;
      continue;
    }
    let length = (control >> 5) + 2;
    if (length === 9) length += input[at++];
    const from = to - ((control & 31) << 8) - input[at++] - 1;
    if (at > input.length || from < 0 || to + length > output.length) throw damaged('holds LZF data that do not fit');
    for (let i = 0; i < length; i++) output[to++] = output[from + i];
  }
  return to;
}

export function decodeLz4Block(input: Uint8Array, output: Uint8Array): void {
  let [at, to] = [0, 0];
  const long = (length: number): number => {
    for (let byte = 255; byte === 255 && at < input.length;) {
      byte = input[at++];
      length += byte;
    }
    return length;
  };
  while (at < input.length) {
    const token = input[at++];
    const literals = token >> 4 === 15 ? long(15) : token >> 4;
    if (at + literals > input.length || to + literals > output.length) throw damaged('holds LZ4 data that do not fit');
    output.set(input.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at >= input.length) break;
    const from = to - (input[at] | (input[at + 1] << 8));
    at += 2;
    const length = 4 + ((token & 15) === 15 ? long(15) : token & 15);
    if (at > input.length || from < 0 || from === to || to + length > output.length) {
      throw damaged('holds LZ4 data that do not fit');
    }
    for (let i = 0; i < length; i++) output[to++] = output[from + i];
  }
  if (to !== output.length) throw damaged('holds less LZ4 data than it says');
}

const bigEndian32 = (bytes: Uint8Array, at: number): number => {
  if (at + 4 > bytes.length) throw damaged('holds compressed data that are cut short');
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
};

/** The size that filters of HDF5 put in front of their data, 8 bytes big-endian. */
function statedSize(input: Uint8Array, most: number): number {
  const size = bigEndian32(input, 0) * 2 ** 32 + bigEndian32(input, 4);
  if (size > most) throw damaged('has a chunk that expands to more than it holds');
  return size;
}

/** HDF5's filter 32004: blocks of LZ4; a block that did not shrink is stored as it is. */
export function decodeLz4(input: Uint8Array, most: number): Uint8Array {
  const output = new Uint8Array(statedSize(input, most));
  const block = Math.min(bigEndian32(input, 8), output.length);
  if (block === 0 && output.length > 0) throw damaged('holds LZ4 blocks of no size');
  for (let to = 0, at = 12; to < output.length; to += block) {
    const size = bigEndian32(input, at);
    const part = output.subarray(to, to + block);
    const data = input.subarray(at + 4, at + 4 + size);
    if (data.length !== size) throw damaged('holds LZ4 data that are cut short');
    if (size === part.length) part.set(data);
    else decodeLz4Block(data, part);
    at += 4 + size;
  }
  return output;
}

/** Zstandard, after the size that its frame states is checked; a frame that states none is refused. */
export function decodeZstd(input: Uint8Array, most: number): Uint8Array {
  const size = zstdSize(input);
  if (size === undefined) throw damaged('holds a Zstandard frame that does not state its size');
  if (size > most) throw damaged('has a chunk that expands to more than it holds');
  let output: Uint8Array;
  try {
    output = decompressZstd(input, new Uint8Array(size));
  } catch {
    throw damaged('holds Zstandard data that cannot be read');
  }
  if (output.length !== size) throw damaged('holds less Zstandard data than it says');
  return output;
}

/** Frame_Content_Size of RFC 8878, section 3.1.1.1. */
function zstdSize(input: Uint8Array): number | undefined {
  if (input.length < 6 || bigEndian32(input, 0) !== 0x28b52ffd) throw damaged('holds no Zstandard data');
  const descriptor = input[4];
  const single = (descriptor & 32) !== 0;
  const bytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6];
  const at = 5 + (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3];
  if (bytes === 0) return undefined;
  let size = bytes === 2 ? 256 : 0;
  for (let i = 0; i < bytes; i++) size += (input[at + i] ?? 0) * 256 ** i;
  return size;
}

/** HDF5's filter 32008, alone or with LZ4 (2) or Zstandard (3) behind it. */
export function decodeBitshuffle(input: Uint8Array, values: readonly number[], most: number): Uint8Array {
  const [, , elementSize = 1, elementsStated = 0, compression = 0] = values;
  if (elementSize < 1 || elementSize > 64) throw damaged('has bitshuffled elements of impossible size');
  const compressed = compression !== 0;
  const output = new Uint8Array(compressed ? statedSize(input, most) : input.length);
  const stated = compressed ? Math.floor(bigEndian32(input, 8) / elementSize) : elementsStated;
  const block = stated || Math.max(128, Math.floor(8192 / elementSize / 8) * 8);
  if (block % 8 !== 0) throw damaged('has bitshuffled blocks of impossible size');
  const elements = Math.floor(output.length / elementSize);
  // Of the last block only whole groups of 8 elements are shuffled; the rest follows as it is.
  const shuffled = elements - (elements % 8);
  let at = compressed ? 12 : 0;
  for (let first = 0; first < shuffled; first += block) {
    const count = Math.min(block, shuffled - first);
    const part = output.subarray(first * elementSize, (first + count) * elementSize);
    let data: Uint8Array;
    if (compressed) {
      const size = bigEndian32(input, at);
      const packed = input.subarray(at + 4, at + 4 + size);
      if (packed.length !== size) throw damaged('holds compressed data that are cut short');
      at += 4 + size;
      if (compression === 2) {
        data = new Uint8Array(part.length);
        decodeLz4Block(packed, data);
      } else if (compression === 3) data = decodeZstd(packed, part.length);
      else throw damaged(`compresses bitshuffled data by the unknown method ${compression}`);
    } else {
      data = input.subarray(at, at + part.length);
      at += part.length;
    }
    if (data.length !== part.length) throw damaged('holds less bitshuffled data than it says');
    unshuffleBits(data, part, elementSize);
  }
  const rest = output.subarray(shuffled * elementSize);
  if (at + rest.length > input.length) throw damaged('holds less bitshuffled data than it says');
  rest.set(input.subarray(at, at + rest.length));
  return output;
}

/** Row r of the input holds bit r of every element, of which 8 make a byte. */
function unshuffleBits(input: Uint8Array, output: Uint8Array, elementSize: number): void {
  const row = input.length / (8 * elementSize);
  for (let byte = 0; byte < elementSize; byte++) {
    for (let group = 0; group < row; group++) {
      const base = byte * 8 * row + group;
      // Transposes 8 × 8 bits in two halves of 32 (H. S. Warren, Hacker's Delight, section 7-3).
      let low = input[base] | (input[base + row] << 8) | (input[base + 2 * row] << 16) | (input[base + 3 * row] << 24);
      let high =
        input[base + 4 * row] |
        (input[base + 5 * row] << 8) |
        (input[base + 6 * row] << 16) |
        (input[base + 7 * row] << 24);
      if ((low | high) === 0) continue;
      let swap = (low ^ (low >>> 7)) & 0x00aa00aa;
      low ^= swap ^ (swap << 7);
      swap = (high ^ (high >>> 7)) & 0x00aa00aa;
      high ^= swap ^ (swap << 7);
      swap = (low ^ (low >>> 14)) & 0x0000cccc;
      low ^= swap ^ (swap << 14);
      swap = (high ^ (high >>> 14)) & 0x0000cccc;
      high ^= swap ^ (swap << 14);
      const first = (low & 0x0f0f0f0f) | ((high & 0x0f0f0f0f) << 4);
      const second = ((low >>> 4) & 0x0f0f0f0f) | (high & 0xf0f0f0f0);
      let to = group * 8 * elementSize + byte;
      for (let i = 0; i < 4; i++, to += elementSize) output[to] = first >>> (8 * i);
      for (let i = 0; i < 4; i++, to += elementSize) output[to] = second >>> (8 * i);
    }
  }
}
