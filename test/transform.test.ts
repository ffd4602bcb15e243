/**
 * One-dimensional transforms by the core's plans, compiled to WebAssembly: their properties over random inputs, and their
 * errors against a direct sum. core/tests/plan_test.cpp holds every length to the same bounds, natively.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadLines } from '../bench/native/lines.mjs';
import type { Precision, RealArray } from '../src/index.js';
import { noise, relativeError } from './support/images.js';

const module = await loadLines();

/** Short ones of every kind, with primes, and products of 2, 3, 5, 7, 11 and 13 among them, and some longer. */
const lengths = fc.oneof(
  fc.integer({ min: 1, max: 100 }),
  fc.constantFrom(127, 128, 169, 251, 256, 360, 361, 509, 512, 521, 625, 1000, 1001, 1021, 1024, 1155, 2047, 2048),
);
const seeds = fc.nat(1e6);

/** Relative ℓ2 errors that the project allows a transform; of one number it is the identity. */
function bound(precision: Precision, length: number): number {
  return precision === 'single' ? 4e-7 : 1e-15 * Math.log2(length);
}

/** Of one or several lines, interleaved, one behind the other. */
function transform(precision: Precision, length: number, data: RealArray, inverse = false): RealArray {
  const lines = module.plan(precision, length, data.length / (2 * length));
  lines.numbers().set(data);
  lines.transform(inverse);
  const result = lines.numbers().slice();
  lines.free();
  return result;
}

/** Uniform numbers in [−1, 1), exact in the precision. */
function numbers(precision: Precision, count: number, seed: number): RealArray {
  const values = noise(count, seed).map((u) => 2 * u - 1);
  return precision === 'single' ? Float32Array.from(values) : values;
}

describe.each(['single', 'double'] as const)('a transform in %s precision', (precision) => {
  // What compares two transforms allows twice the error of one, and two roundings for what is done beside them.
  const tolerance = (length: number) => 2 * bound(precision, length) + (precision === 'single' ? 2 ** -23 : 2 ** -52);
  const holds = (property: (length: number, seed: number) => void) =>
    fc.assert(fc.property(lengths, seeds, property), { numRuns: 150, seed: 1 });

  it('is linear', () => {
    holds((length, seed) => {
      const [x, y] = [numbers(precision, 2 * length, seed), numbers(precision, 2 * length, seed + 1)];
      const [a, b] = numbers(precision, 2, seed + 2);
      const [X, Y] = [transform(precision, length, x), transform(precision, length, y)];
      const mixed = x.map((value, i) => a * value + b * y[i]);
      const expected = Float64Array.from(X, (value, i) => a * value + b * Y[i]);
      // Where the two nearly cancel, errors are as large as those of the parts.
      const parts = Math.abs(a) * norm(X) + Math.abs(b) * norm(Y);
      const difference = transform(precision, length, mixed).map((value, i) => value - expected[i]);
      expect(norm(difference)).toBeLessThanOrEqual(2 * tolerance(length) * parts);
    });
  });

  it('turns a circular shift into a factor of modulus 1', () => {
    holds((length, seed) => {
      const x = numbers(precision, 2 * length, seed);
      const shift = seed % length;
      const shifted = x.map((_, i) => x[(i + 2 * (length - shift)) % (2 * length)]);
      const X = transform(precision, length, x);
      const expected = new Float64Array(2 * length);
      for (let k = 0; k < length; k++) {
        const [c, s] = root(k * shift, length);
        expected[2 * k] = X[2 * k] * c - X[2 * k + 1] * s;
        expected[2 * k + 1] = X[2 * k] * s + X[2 * k + 1] * c;
      }
      expect(relativeError(transform(precision, length, shifted), expected)).toBeLessThanOrEqual(tolerance(length));
    });
  });

  it('of real numbers is conjugate symmetric', () => {
    holds((length, seed) => {
      const x = numbers(precision, 2 * length, seed).map((value, i) => (i % 2 === 0 ? value : 0));
      const X = transform(precision, length, x);
      const mirrored = X.map((_, i) => {
        const minusK = (length - (i >> 1)) % length;
        return i % 2 === 0 ? X[2 * minusK] : -X[2 * minusK + 1];
      });
      expect(relativeError(X, mirrored)).toBeLessThanOrEqual(tolerance(length));
    });
  });

  it('keeps the sum of squares, but for the factor n', () => {
    holds((length, seed) => {
      const x = numbers(precision, 2 * length, seed);
      const ratio = norm(transform(precision, length, x)) / (norm(x) * Math.sqrt(length));
      expect(Math.abs(ratio - 1)).toBeLessThanOrEqual(tolerance(length));
    });
  });

  it('comes back', () => {
    holds((length, seed) => {
      const x = numbers(precision, 2 * length, seed);
      for (const first of [false, true]) {
        const back = transform(precision, length, transform(precision, length, x, first), !first);
        expect(relativeError(back, x)).toBeLessThanOrEqual(tolerance(length));
      }
    });
  });

  it('of several lines is that of each', () => {
    fc.assert(
      fc.property(lengths, seeds, fc.integer({ min: 1, max: 9 }), fc.boolean(), (length, seed, lines, inverse) => {
        const x = numbers(precision, 2 * length * lines, seed);
        const together = transform(precision, length, x, inverse);
        for (let line = 0; line < lines; line++) {
          const range = [2 * length * line, 2 * length * (line + 1)] as const;
          expect(together.slice(...range)).toEqual(transform(precision, length, x.slice(...range), inverse));
        }
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  // Every radix and their products, primes and others that become a convolution, and the longest that are used.
  it.each([
    ...[
      1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 19, 23, 27, 31, 37, 49, 64, 97, 121, 125, 127, 128, 169, 243,
    ],
    ...[251, 256, 343, 360, 509, 512, 1000, 1021, 1024, 1536, 2047, 2048, 2197, 3000, 4096, 4099, 8192, 65521, 65536],
  ])('of %d numbers has the error that the project allows', (length) => {
    const x = numbers(precision, 2 * length, length);
    // Of long ones, some frequencies all over the range.
    const count = Math.min(length, Math.ceil(2e6 / length));
    const frequencies = Array.from({ length: count }, (_, i) => (count === length ? i : (i * 7919) % length));
    for (const inverse of [false, true]) {
      const result = transform(precision, length, x, inverse);
      const picked = frequencies.flatMap((k) => [result[2 * k], result[2 * k + 1]]);
      const expected = directTransform(x, frequencies, inverse);
      // The inverse rounds once more, when it divides.
      const rounding = inverse && precision === 'double' ? 2 ** -53 : 0;
      expect(relativeError(picked, expected)).toBeLessThanOrEqual(bound(precision, length) + rounding);
    }
  });
});

/**
 * The definition, at some frequencies. Sums are compensated and twiddles correctly rounded but for the last bit, so that
 * what is left, about 1e-16 relative to the whole, is a tenth of the strictest bound.
 */
function directTransform(x: RealArray, frequencies: number[], inverse: boolean): number[] {
  const length = x.length / 2;
  const roots = Array.from({ length }, (_, k) => root(k, length));
  return frequencies.flatMap((k) => {
    const [re, im] = [new CompensatedSum(), new CompensatedSum()];
    for (let j = 0; j < length; j++) {
      const [c, forwardSine] = roots[(j * k) % length];
      const s = inverse ? -forwardSine : forwardSine;
      re.add(x[2 * j] * c);
      re.add(-x[2 * j + 1] * s);
      im.add(x[2 * j] * s);
      im.add(x[2 * j + 1] * c);
    }
    return [re, im].map((sum) => (inverse ? sum.value / length : sum.value));
  });
}

/** exp(−2πi·k/n), from an angle within an eighth of a turn, where it is small and its rounding smaller still. */
function root(k: number, n: number): [cosine: number, sine: number] {
  const eighths = 8 * (k % n);
  const octant = Math.floor(eighths / n);
  const odd = octant % 2 === 1;
  // Measured from the nearer of the axes that bound the quadrant.
  const rest = odd ? (octant + 1) * n - eighths : eighths - octant * n;
  const angle = (2 * Math.PI * rest) / (8 * n);
  const [near, far] = [Math.cos(angle), Math.sin(angle)];
  const [c, s] = odd ? [far, near] : [near, far];
  const turned = [
    [c, s],
    [-s, c],
    [-c, -s],
    [s, -c],
  ][octant >> 1];
  return [turned[0], -turned[1]];
}

/** Neumaier's: what each addition loses is summed apart. */
class CompensatedSum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const sum = this.#sum + value;
    this.#lost += Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - sum + value : value - sum + this.#sum;
    this.#sum = sum;
  }

  get value(): number {
    return this.#sum + this.#lost;
  }
}

function norm(values: RealArray): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}
