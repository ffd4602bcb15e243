/** What only wraps other files: gzip, and npz, NumPy's archive of arrays. Both expand to no more than is allowed. */
import { zipSync } from 'fflate';
import { FileFormatError } from '../errors.js';
import { gunzipAtMost, inflateRawAtMost } from './expansion.js';
import { type Image, WORKING_BYTES } from './image.js';
import { decodeNpy, decodeNpyImage } from './npy.js';
import type { DecodeOptions } from './options.js';

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/** The most bytes that a compressed file may become. */
function mostBytes(bytes: Uint8Array, { maxPixels }: DecodeOptions): number {
  return maxPixels === undefined ? 20 * 2 ** 20 + 8 * bytes.length : 8 * maxPixels + 65536;
}

/** What is inside is limited by the size of the file around it. */
export function insideOf(bytes: Uint8Array, options: DecodeOptions): DecodeOptions {
  return { ...options, maxPixels: options.maxPixels ?? Math.floor((WORKING_BYTES + 16 * bytes.length) / 8) };
}

/** @throws FileFormatError */
export function gunzip(bytes: Uint8Array, options: DecodeOptions): Uint8Array {
  const most = mostBytes(bytes, options);
  try {
    return gunzipAtMost(bytes, most);
  } catch (error) {
    const what = error instanceof RangeError ? `expands to more than ${most} bytes` : 'is damaged';
    throw new FileFormatError(`the gzip file ${what}`, { format: 'gzip' }, { cause: error });
  }
}

/** A zip archive that begins with a file in `.npy`. */
export function isNpz(bytes: Uint8Array): boolean {
  return isZip(bytes) && members(bytes).some(({ name }) => name.endsWith('.npy'));
}

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && (bytes[2] === 3 || bytes[2] === 5);
}

interface Member {
  name: string;
  method: number;
  packed: number;
  size: number;
  offset: number;
}

/** The archive's own list, which stands at its end (APPNOTE.TXT, PKWARE, section 4.3); empty where it is damaged. */
function members(bytes: Uint8Array): Member[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && end > bytes.length - 65557 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0 || view.getUint32(end, true) !== 0x06054b50) return [];
  const found: Member[] = [];
  const count = view.getUint16(end + 10, true);
  for (let entry = 0, at = view.getUint32(end + 16, true); entry < count; entry++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50) return [];
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    let [packed, size, offset] = [20, 24, 42].map((field) => view.getUint32(at + field, true));
    // Zip64: sizes of all ones stand in an extra field, in this order.
    for (let from = at + 46 + nameLength; from + 4 <= at + 46 + nameLength + extra && from + 4 <= bytes.length;) {
      let value = from + 4;
      const wide = (given: number): number => {
        if (given !== 0xffffffff || value + 8 > bytes.length) return given;
        value += 8;
        return Number(view.getBigUint64(value - 8, true));
      };
      if (view.getUint16(from, true) === 1) [size, packed, offset] = [wide(size), wide(packed), wide(offset)];
      from += 4 + view.getUint16(from + 2, true);
    }
    found.push({ name, method: view.getUint16(at + 10, true), packed, size, offset });
    at += 46 + nameLength + extra + comment;
  }
  return found;
}

/**
 * Reads the array of that name, or the only one that is an image.
 * @throws FileFormatError, which lists the arrays there are
 */
export function decodeNpz(bytes: Uint8Array, options: DecodeOptions): Image {
  const arrays = members(bytes).filter(({ name }) => name.endsWith('.npy'));
  const named = options.dataset?.replace(/^\//, '').replace(/\.npy$/, '');
  const chosen = named === undefined ? arrays : arrays.filter(({ name }) => name === `${named}.npy`);
  const list = arrays.map(({ name }) => name.slice(0, -4)).slice(0, 20);
  if (chosen.length === 0) throw bad(`has no array ${options.dataset}; it has ${list.join(', ')}`);
  if (chosen.length === 1) return decodeNpyImage(extract(bytes, chosen[0], options), insideOf(bytes, options));
  const images = chosen.filter((member) => {
    try {
      return decodeNpy(extract(bytes, member, options)).shape.filter((extent) => extent > 1).length >= 2;
    } catch (error) {
      if (error instanceof FileFormatError) return false;
      throw error;
    }
  });
  if (images.length !== 1) throw bad(`has several arrays; name one: ${list.join(', ')}`);
  const image = decodeNpyImage(extract(bytes, images[0], options), insideOf(bytes, options));
  return { ...image, dataset: images[0].name.slice(0, -4) };
}

/**
 * All members of an archive that may hold others than arrays, by their names.
 * @throws FileFormatError when it is no such archive, or damaged
 */
export function decodeMembers(bytes: Uint8Array): Map<string, Uint8Array> {
  const found = isZip(bytes) ? members(bytes) : [];
  if (found.length === 0) throw bad('is damaged, or none');
  // An array may be nearly all zeros, and so far larger than its file.
  const options = { maxPixels: Infinity };
  return new Map(found.map((member) => [member.name, extract(bytes, member, options)]));
}

/** Writes an archive, which `numpy.load` reads where its members are arrays. */
export function encodeMembers(content: Record<string, Uint8Array>): Uint8Array {
  return zipSync(content, { level: 1 });
}

function extract(
  bytes: Uint8Array,
  { name, method, packed, size, offset }: Member,
  options: DecodeOptions,
): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (offset + 30 > bytes.length || view.getUint32(offset, true) !== 0x04034b50) throw bad('is damaged');
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + packed > bytes.length) throw bad('is cut short');
  if (size > mostBytes(bytes, options)) throw bad(`has ${name}, which expands to ${size} bytes`);
  const data = bytes.subarray(start, start + packed);
  if (method === 0) return data.slice();
  if (method !== 8) throw bad(`compresses ${name} by method ${method}; takes none (0) and Deflate (8)`);
  try {
    return inflateRawAtMost(data, size);
  } catch (error) {
    throw bad(`has a damaged ${name}`, error);
  }
}

function bad(what: string, cause?: unknown): FileFormatError {
  return new FileFormatError(`the npz file ${what}`, { format: 'npz' }, { cause });
}
