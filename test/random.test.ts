/** The generator of starts against its authors' known answers, and what is made of it. */
import { describe, expect, it } from 'vitest';
import { createSession, philox4x32, uniform, type Shape } from '../src/index.js';
import { poisson } from '../src/tools/poisson.js';
import { uniformStream } from '../src/random.js';
import { onEveryBackend } from './support/backends.js';
import { asymmetricMagnitudes, randomMask, relativeError } from './support/images.js';
import { hermitianPart, textbookStart } from '../src/cli/validate/textbook.js';

describe('Philox4x32-10', () => {
  // kat_vectors of Random123, https://github.com/DEShawResearch/random123
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('gives the published answer for counter %j and key %j', (counter, key, answer) => {
    const [c0, c1, c2, c3] = counter;
    expect(philox4x32([c0, c1, c2, c3], [key[0], key[1]])).toEqual(answer);
  });
});

describe('the numbers of a seeded start', () => {
  it('begin as they always have', () => {
    const first = Array.from({ length: 6 }, (_, i) => Math.round(uniform(1, 0, i) * 2 ** 24));
    expect(first).toEqual(PINNED.seed1);
    expect(Math.round(uniform(2 ** 53 - 1, 3, 1e6) * 2 ** 24)).toBe(PINNED.large);
    // Four numbers to a counter, whose second word counts the first one's 2³².
    expect(uniform(1, 3, 2 ** 34 + 5)).toBe((philox4x32([1, 1, 3, 0], [1, 0])[1] >>> 8) * 2 ** -24);
  });

  it('are spread evenly', () => {
    const numbers = Array.from({ length: 40000 }, (_, i) => uniform(7, 0, i));
    const mean = numbers.reduce((sum, u) => sum + u, 0) / numbers.length;
    // Four standard errors, and the numbers are the same every time.
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 / Math.sqrt(12 * numbers.length));
  });

  it('have 53 bits in a stream, 27 of one word and 26 of the next', () => {
    const next = uniformStream(1, 2 ** 32 + 3);
    const words = [0, 1].flatMap((block) => [...philox4x32([block, 3, 1, 1], [1, 0])]);
    const expected = [0, 2, 4, 6].map((at) => BigInt(words[at] >>> 5) * 2n ** 26n + BigInt(words[at + 1] >>> 6));
    expect(Array.from({ length: 4 }, () => BigInt(next() * 2 ** 53))).toEqual(expected);
  });

  it('differ between seeds, starts and streams', () => {
    const drawn = [uniform(1, 0, 0), uniform(2, 0, 0), uniform(1, 1, 0), uniform(2 ** 32 + 1, 0, 0)];
    drawn.push(uniformStream(1, 0)(), uniformStream(1, 1)());
    expect(new Set(drawn).size).toBe(drawn.length);
  });
});

onEveryBackend('a seeded start', ({ backend, precision }) => {
  const rounding = precision === 'double' ? 1e-14 : 1e-6;
  const shape: Shape = [7, 10];
  const magnitudes = asymmetricMagnitudes(shape);

  it.each([false, true])('is M·exp(2πiU) on every backend, masked: %j', async (masked) => {
    const mask = masked ? randomMask(shape, 0.5, 8) : undefined;
    const seed = 2 ** 40 + 5;
    const options = { backend, precision, seed, starts: 2 } as const;
    using session = await createSession({ magnitudes, shape, ...(mask && { mask }) }, options);
    for (const start of [0, 1]) {
      const phase = magnitudes.map((_, i) => 2 * Math.PI * uniform(seed, start, i));
      const problem = { magnitudes, shape, ...(mask && { mask }), algorithm: 'gs', beta: 1 } as const;
      const expected = hermitianPart(textbookStart(problem, phase), shape);
      expect(relativeError(await session.readSpectrum(start), expected)).toBeLessThan(rounding);
    }
  });
});

describe('Poisson counts', () => {
  it.each([0.3, 4, 9.9, 10, 40, 1e3, 1e7, 1e15])('have the mean and the variance %d', (mean) => {
    const count = 20000;
    const next = uniformStream(5, 0);
    const counts = Array.from({ length: count }, () => poisson(mean, next));
    const average = counts.reduce((sum, n) => sum + n, 0) / count;
    const variance = counts.reduce((sum, n) => sum + (n - average) ** 2, 0) / count;
    // Five standard errors; the fourth moment gives the variance's.
    expect(Math.abs(average - mean)).toBeLessThan(5 * Math.sqrt(mean / count));
    expect(Math.abs(variance - mean)).toBeLessThan(5 * Math.sqrt((2 * mean * mean + mean) / count));
    expect(counts.every((n) => Number.isSafeInteger(n) && n >= 0)).toBe(true);
  });

  it('follow the distribution where the method changes', () => {
    const mean = 12;
    const count = 50000;
    const next = uniformStream(6, 0);
    const seen = new Array<number>(60).fill(0);
    for (let i = 0; i < count; i++) seen[poisson(mean, next)] += 1;
    let [probability, chiSquare, bins] = [Math.exp(-mean), 0, 0];
    for (let n = 0; n < seen.length; n++) {
      if (n > 0) probability *= mean / n;
      const expected = probability * count;
      if (expected < 20) continue;
      chiSquare += (seen[n] - expected) ** 2 / expected;
      bins += 1;
    }
    // Mean and four standard deviations of the chi-square distribution.
    expect(chiSquare).toBeLessThan(bins + 4 * Math.sqrt(2 * bins));
  });

  it('are zero where nothing arrives', () => {
    expect(poisson(0, () => 0.5)).toBe(0);
  });
});

/** The first values in units of 2⁻²⁴, by which every version and backend starts alike. */
const PINNED = {
  seed1: [14936070, 15010318, 9826850, 11933098, 11274260, 14665164],
  large: 12611544,
};
