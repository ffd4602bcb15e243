/**
 * A guard before libraries that decompress without a limit: what compressed data expands to, found in little memory. It
 * costs about as much as decompressing, and is what keeps a file of a few megabytes from asking for gigabytes.
 */
import { Decompress } from 'fflate';

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

/** Whether a strip of TIFF's LZW expands to no more than `most` bytes: follows the codes and keeps only lengths. */
export function lzwExpandsWithin(strip: Uint8Array, most: number): boolean {
  const lengths = new Uint32Array(4097).fill(1, 0, 256);
  let [next, width, previous, size] = [258, 9, -1, 0];
  let [bits, held, at] = [0, 0, 0];
  for (;;) {
    while (held < width) {
      if (at >= strip.length) return true;
      bits = ((bits << 8) | strip[at++]) & 0xffffff;
      held += 8;
    }
    held -= width;
    const code = (bits >> held) & ((1 << width) - 1);
    if (code === 257) return true;
    if (code === 256) {
      [next, width, previous] = [258, 9, -1];
      continue;
    }
    const length = code < next ? lengths[code] : lengths[previous] + 1;
    size += length;
    if (size > most) return false;
    if (previous >= 0) {
      // A full table is damage, which the library stops at.
      if (next > 4095) return true;
      lengths[next++] = lengths[previous] + 1;
      // TIFF widens its codes one early.
      if (next === (1 << width) - 1 && width < 12) width++;
    }
    previous = code < next ? code : next - 1;
  }
}
