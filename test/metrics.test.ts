/** The error that is left when everything that magnitudes cannot tell has been undone. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignedError, type Shape } from '../src/index.js';
import { noise, relativeError } from './support/images.js';

describe('alignedError', () => {
  it('undoes any shift, rotation and sign', async () => {
    const property = fc.asyncProperty(
      fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 2, max: 13 })),
      fc.nat(20),
      fc.nat(20),
      fc.boolean(),
      fc.boolean(),
      async (shape: Shape, down, right, rotated, negative) => {
        const truth = noise(shape[0] * shape[1], 1 + down);
        const estimate = new Float64Array(truth.length);
        const [rows, columns] = shape;
        for (const [i, value] of truth.entries()) {
          const [row, column] = [Math.floor(i / columns) + down, (i % columns) + right];
          const to = (n: number, period: number) => (rotated ? period * 21 - n : n) % period;
          estimate[to(row, rows) * columns + to(column, columns)] = negative ? -value : value;
        }
        const { error, aligned, sign } = await alignedError(estimate, truth, shape);
        expect(error).toBe(0);
        expect(aligned).toEqual(truth);
        expect(sign).toBe(negative ? -1 : 1);
      },
    );
    await fc.assert(property, { numRuns: 60, seed: 1 });
  });

  it('says what was done to the estimate', async () => {
    const truth = noise(30, 2);
    const shape: Shape = [5, 6];
    expect(await alignedError(truth, truth, shape)).toMatchObject({ error: 0, shift: [0, 0], rotated: false, sign: 1 });
    const shifted = truth.map((_, i) => truth[((Math.floor(i / 6) + 2) % 5) * 6 + ((i + 1) % 6)]);
    expect(await alignedError(shifted, truth, shape)).toMatchObject({ error: 0, shift: [2, 1], rotated: false });
    const rotated = truth.map((_, i) => truth[((5 - Math.floor(i / 6)) % 5) * 6 + ((6 - (i % 6)) % 6)]);
    expect(await alignedError(rotated, truth, shape)).toMatchObject({ error: 0, shift: [0, 0], rotated: true });
  });

  it('is the relative distance of what remains, and changes neither image', async () => {
    const truth = noise(64, 3);
    const estimate = Float32Array.from(truth, (value, i) => value + (i === 5 ? 0.25 : 0));
    const copy = estimate.slice();
    const { error, aligned } = await alignedError(estimate, truth, [8, 8]);
    // Rounding to float32 is what the tolerance is for.
    expect(error).toBeCloseTo(0.25 / Math.sqrt(truth.reduce((sum, value) => sum + value * value, 0)), 6);
    expect(relativeError(aligned, estimate)).toBe(0);
    expect(estimate).toEqual(copy);
  });
});
