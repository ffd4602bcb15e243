/** The order in which an iteration visits the positions of a scan. */
import { keyOf, philox4x32 } from '../random.js';

/**
 * The positions 0 … count − 1 in the order of random 32-bit keys, ties by index. The key of position j in an iteration is
 * word j mod 4 of Philox4x32-10 for the counter (⌊j/4⌋, iteration, 0, 2): the last word is 0 for starts and 1 for streams.
 */
export function scanOrder(count: number, seed: number, iteration: number): Uint32Array {
  const keys = new Uint32Array(Math.ceil(count / 4) * 4);
  const key = keyOf(seed);
  for (let j = 0; j < count; j += 4)
    [keys[j], keys[j + 1], keys[j + 2], keys[j + 3]] = philox4x32([j / 4, iteration, 0, 2], key);
  let order: Uint32Array = new Uint32Array(count).map((_, j) => j);
  for (let shift = 0; shift < 32; shift += 8) order = orderByByte(order, keys, shift);
  return order;
}

/**
 * Orders by one byte of the keys, and keeps the order of equal ones. A comparing sort takes longer than an iteration of small
 * patterns on a GPU.
 */
function orderByByte(order: Uint32Array, keys: Uint32Array, shift: number): Uint32Array {
  const next = new Uint32Array(257);
  for (const j of order) next[((keys[j] >>> shift) & 255) + 1]++;
  for (let byte = 0; byte < 256; byte++) next[byte + 1] += next[byte];
  const ordered = new Uint32Array(order.length);
  for (const j of order) ordered[next[(keys[j] >>> shift) & 255]++] = j;
  return ordered;
}
