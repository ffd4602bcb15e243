/** The error that is left when everything that magnitudes cannot tell has been undone. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alignedComplexError, alignedError, type Shape } from '../src/index.js';
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

describe('alignedComplexError', () => {
  it('undoes any shift, the twin and a constant phase', async () => {
    const property = fc.asyncProperty(
      fc.tuple(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 2, max: 13 })),
      fc.nat(20),
      fc.nat(20),
      fc.boolean(),
      fc.double({ min: -3, max: 3, noNaN: true }),
      async (shape: Shape, down, right, twin, angle) => {
        const [rows, columns] = shape;
        const truth = noise(2 * rows * columns, 1 + down).map((u) => u - 0.4);
        const estimate = new Float64Array(truth.length);
        const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
        for (let i = 0; i < rows * columns; i++) {
          const [row, column] = [Math.floor(i / columns) + down, (i % columns) + right];
          const to = (n: number, period: number) => (twin ? period * 21 - n : n) % period;
          const at = 2 * (to(row, rows) * columns + to(column, columns));
          const [re, im] = [truth[2 * i], twin ? -truth[2 * i + 1] : truth[2 * i + 1]];
          estimate[at] = re * cosine - im * sine;
          estimate[at + 1] = re * sine + im * cosine;
        }
        const { error, aligned } = await alignedComplexError(estimate, truth, shape);
        expect(error).toBeLessThan(1e-14);
        expect(relativeError(aligned, truth)).toBeCloseTo(error, 14);
      },
    );
    await fc.assert(property, { numRuns: 60, seed: 1 });
  });

  it('says what it did, and what is left', async () => {
    const shape: Shape = [6, 7];
    const truth = noise(84, 2);
    const estimate = truth.map((_, i) => truth[(i + 2) % 84]);
    const { error, twin, shift, phase } = await alignedComplexError(estimate, truth, shape);
    expect({ twin, shift }).toEqual({ twin: false, shift: [0, 1] });
    expect(Math.abs(phase)).toBeLessThan(0.1);
    expect(error).toBeGreaterThan(0.1);
  });

  it('refuses arrays that are not interleaved, NaN and an empty truth', async () => {
    const shape: Shape = [2, 3];
    const [zeros, ones] = [new Float64Array(12), new Float64Array(12).fill(1)];
    await expect(alignedComplexError(new Float64Array(6), ones, shape)).rejects.toThrow(/^estimate: .* interleaved/);
    await expect(
      alignedComplexError(
        ones,
        ones.map(() => NaN),
        shape,
      ),
    ).rejects.toThrow(/^truth at \[0, 0\]: got NaN/);
    await expect(alignedComplexError(ones, zeros, shape)).rejects.toThrow(/^truth: every pixel is zero/);
  });
});
