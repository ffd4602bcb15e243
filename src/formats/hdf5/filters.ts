/** The filters that chunks went through on their way into the file, undone in reverse order. */
import { inflateAtMost } from '../expansion.js';
import { decodeBitshuffle, decodeLz4, decodeLzf, decodeZstd } from './codecs.js';
import { type Cursor, damaged, decodeText, refused } from './cursor.js';
import { decodeScaleOffset } from './scale-offset.js';
import { viewOf } from './types.js';

export interface Filter {
  id: number;
  name: string;
  values: number[];
}

type Undo = (input: Uint8Array, most: number, values: readonly number[]) => Uint8Array;

/** Filters have the numbers that The HDF Group registers. `most` is what the chunk may become. */
const FILTERS: Record<number, { name: string; undo?: Undo }> = {
  1: { name: 'gzip', undo: inflate },
  2: { name: 'shuffle', undo: (input, _most, [size = 1]) => unshuffle(input, size) },
  3: { name: 'Fletcher-32', undo: checkFletcher32 },
  4: { name: 'SZIP' },
  5: { name: 'N-bit' },
  6: { name: 'scale-offset', undo: decodeScaleOffset },
  32000: { name: 'LZF', undo: lzf },
  32001: { name: 'Blosc' },
  32004: { name: 'LZ4', undo: decodeLz4 },
  32008: { name: 'bitshuffle', undo: (input, most, values) => decodeBitshuffle(input, values, most) },
  32013: { name: 'ZFP' },
  32015: { name: 'Zstandard', undo: decodeZstd },
  32017: { name: 'SZ' },
  32026: { name: 'Blosc2' },
};

/** More than any pipeline has; HDF5's own limit. */
const MOST_FILTERS = 32;

export function readFilters(cursor: Cursor): Filter[] {
  const version = cursor.u8();
  const count = cursor.u8();
  if (version < 1 || version > 2) throw refused(`has a filter pipeline of version ${version}; takes 1 and 2`);
  if (count > MOST_FILTERS) throw damaged(`has ${count} filters`);
  if (version === 1) cursor.advance(6);
  return Array.from({ length: count }, () => {
    const id = cursor.u16();
    const nameLength = version === 1 || id >= 256 ? cursor.u16() : 0;
    cursor.advance(2);
    const values = cursor.u16();
    const start = cursor.at;
    const name = decodeText(cursor.bytes(nameLength));
    if (version === 1) cursor.align8(start);
    const list = Array.from({ length: values }, () => cursor.u32());
    if (version === 1 && values % 2 === 1) cursor.advance(4);
    return { id, name, values: list };
  });
}

/** @throws FileFormatError that names the first filter that is not read, and the command that removes it */
export function checkFilters(filters: readonly Filter[], path: string): void {
  for (const { id, name } of filters) {
    if (FILTERS[id]?.undo) continue;
    const called = FILTERS[id]?.name ?? (name || 'an unknown filter');
    throw refused(
      `compresses ${path} by ${called} (filter ${id}), which is not read: convert it by h5repack -f GZIP=4 IN.h5 OUT.h5`,
    );
  }
}

/** The numbers of a chunk of `size` bytes. */
export function undoFilters(
  data: Uint8Array,
  filters: readonly Filter[],
  filterMask: number,
  size: number,
): Uint8Array {
  // What one filter hands to the next can be a little more than the chunk, where it did not shrink.
  const most = size + (size >> 3) + 4096;
  let current = data;
  for (let index = filters.length - 1; index >= 0; index--) {
    if (filterMask & (1 << index)) continue;
    const { id, values } = filters[index];
    current = FILTERS[id].undo!(current, most, values);
  }
  if (current.length < size) throw damaged('has a chunk that holds less than it should');
  return current.subarray(0, size);
}

function inflate(input: Uint8Array, most: number): Uint8Array {
  try {
    return inflateAtMost(input, most);
  } catch (error) {
    throw damaged(
      error instanceof RangeError ? 'has a chunk that expands to more than it holds' : 'holds damaged gzip',
    );
  }
}

function lzf(input: Uint8Array, most: number, values: readonly number[]): Uint8Array {
  const output = new Uint8Array(Math.min(most, values[2] || most));
  return output.subarray(0, decodeLzf(input, output));
}

/** Byte b of all elements stands together. Bytes after the last whole element stay. */
function unshuffle(input: Uint8Array, size: number): Uint8Array {
  if (size <= 1 || size > input.length) return input;
  const count = Math.floor(input.length / size);
  const output = input.slice();
  for (let byte = 0, from = 0; byte < size; byte++) {
    for (let i = 0, to = byte; i < count; i++, to += size) output[to] = input[from++];
  }
  return output;
}

/** Fletcher's checksum over 16-bit words, which stands behind the data (J. G. Fletcher, 1982). */
function checkFletcher32(input: Uint8Array): Uint8Array {
  if (input.length < 4) throw damaged('has a chunk without its checksum');
  const data = input.subarray(0, input.length - 4);
  let [low, high] = [0, 0];
  for (let i = 0; i < data.length; i += 2) {
    low = (low + ((data[i] << 8) | (data[i + 1] ?? 0))) % 65535;
    high = (high + low) % 65535;
  }
  const stated = viewOf(input).getUint32(input.length - 4, true);
  // 0 and 65535 are one number there.
  const same = (a: number, b: number): boolean => a % 65535 === b % 65535;
  const swapped = (word: number): number => ((word & 0xff) << 8) | (word >> 8);
  const [statedLow, statedHigh] = [stated & 0xffff, stated >>> 16];
  const fits =
    (same(low, statedLow) && same(high, statedHigh)) ||
    // Files of HDF5 before 1.6.3 have the bytes of both words swapped.
    (same(low, swapped(statedLow)) && same(high, swapped(statedHigh)));
  if (!fits) throw damaged('has a chunk whose checksum is wrong');
  return data;
}
