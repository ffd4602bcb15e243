/**
 * A guard before libraries that decompress without a limit: what compressed data expands to, found in little memory. It
 * costs about as much as decompressing, and is what keeps a file of a few megabytes from asking for gigabytes.
 */
import { Decompress, Gunzip, Inflate, Unzlib } from 'fflate';

/** Deflate, which PNG, TIFF and HDF5 use, cannot make data smaller than by this factor. */
export const MOST_DEFLATED = 1032;

/** TIFF's LZW: a code of 12 bits stands for at most 4096 bytes. */
export const MOST_LZW = 2731;

/** A piece expands to 16 MB at most, which are thrown away. */
const PIECE = 16384;

/**
 * Whether deflated data, given in parts, expands to no more than `most` bytes. Damaged data counts up to the damage,
 * where the library that reads it stops as well, and says what is wrong.
 */
export function inflatesWithin(parts: readonly Uint8Array[], most: number): boolean {
  let size = 0;
  const inflate = new Decompress((chunk) => {
    size += chunk.length;
  });
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length; at += PIECE) {
        inflate.push(part.subarray(at, at + PIECE));
        if (size > most) return false;
      }
    }
  } catch {
    return size <= most;
  }
  return true;
}

/**
 * What zlib data expand to, at most `most` bytes.
 * @throws RangeError for more, and whatever fflate throws for damaged data
 */
export function inflateAtMost(data: Uint8Array, most: number): Uint8Array {
  return expandAtMost((take) => new Unzlib(take), data, most);
}

/** The same for Deflate without zlib's header. */
export function inflateRawAtMost(data: Uint8Array, most: number): Uint8Array {
  return expandAtMost((take) => new Inflate(take), data, most);
}

/** The same for gzip. */
export function gunzipAtMost(data: Uint8Array, most: number): Uint8Array {
  return expandAtMost((take) => new Gunzip(take), data, most);
}

type Take = (chunk: Uint8Array) => void;

function expandAtMost(start: (take: Take) => Unzlib | Inflate | Gunzip, data: Uint8Array, most: number): Uint8Array {
  // What the data can become at most is known before they are expanded.
  const output = new Uint8Array(Math.min(most, data.length * MOST_DEFLATED));
  let size = 0;
  const stream = start((chunk) => {
    if (size + chunk.length > most) throw new RangeError('expands to more than it may');
    output.set(chunk, size);
    size += chunk.length;
  });
  for (let at = 0; at < data.length; at += PIECE) {
    stream.push(data.subarray(at, at + PIECE), at + PIECE >= data.length);
  }
  return output.subarray(0, size);
}
