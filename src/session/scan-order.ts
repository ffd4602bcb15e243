/** The order in which an iteration visits the positions of a scan. */
import { keyOf, philox4x32 } from '../random.js';

/**
 * The positions 0 … count − 1 in the order of random 32-bit keys, ties by index. The key of position j in an iteration is
 * word j mod 4 of Philox4x32-10 for the counter (⌊j/4⌋, iteration, 0, 2): the last word is 0 for starts and 1 for streams.
 */
export function scanOrder(count: number, seed: number, iteration: number): Uint32Array {
  const keys = new Uint32Array(count);
  for (let j = 0; j < count; j += 4) {
    const words = philox4x32([j / 4, iteration, 0, 2], keyOf(seed));
    keys.set(words.slice(0, Math.min(4, count - j)), j);
  }
  return Uint32Array.from(keys, (_, j) => j).sort((a, b) => keys[a] - keys[b] || a - b);
}
