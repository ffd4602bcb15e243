/**
 * Random numbers that are alike on every platform and backend. Philox4x32-10 is counter-based: number i needs none
 * before it, so that each backend draws a start in whatever order suits it. J. K. Salmon, M. A. Moraes, R. O. Dror and
 * D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11. The core and the shaders implement the same.
 */

type Four = readonly [number, number, number, number];

/**
 * Philox4x32-10 of Salmon et al., SC'11 (https://doi.org/10.1145/2063384.2063405): four 32-bit words for a counter of four
 * words and a key of two.
 */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): readonly [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high2 = multiplyHigh(0xcd9e8d57, c2);
    const low2 = Math.imul(0xcd9e8d57, c2);
    c0 = high2 ^ c1 ^ k0;
    c1 = low2;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/**
 * The random number U in [0, 1) of a seeded start: the phase at `index` (row-major) is 2πU. `seed` is an integer from 0 to
 * 2⁵³−1, `start` the index of the start. U has 24 bits, so that single precision holds it exactly.
 */
export function uniform(seed: number, start: number, index: number): number {
  const block = Math.floor(index / 4);
  const words = philox4x32([block >>> 0, Math.floor(block / 2 ** 32), start, 0], keyOf(seed));
  return (words[index % 4] >>> 8) * 2 ** -24;
}

/**
 * An endless stream of uniform numbers in [0, 1) with 53 bits each, one stream for each `index` of a seed, all apart from
 * those of the starts.
 */
export function uniformStream(seed: number, index: number): () => number {
  const key = keyOf(seed);
  let drawn = 0;
  let words: Four = [0, 0, 0, 0];
  return () => {
    const odd = drawn % 2;
    // The last word is 1 here and 0 in `uniform`.
    if (!odd) words = philox4x32([drawn / 2, index >>> 0, Math.floor(index / 2 ** 32), 1], key);
    drawn += 1;
    const [high, low] = odd ? [words[2], words[3]] : [words[0], words[1]];
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) * 2 ** -53;
  };
}

/** The two words of a seed. */
export function keyOf(seed: number): [number, number] {
  return [seed >>> 0, Math.floor(seed / 2 ** 32)];
}

/** The upper half of the 64-bit product of two unsigned words, by halves that a double holds exactly. */
function multiplyHigh(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const middle2 = aLow * bHigh + (middle % 65536);
  return aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(middle2 / 65536);
}
