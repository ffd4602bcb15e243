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

  describe('with a ramp', () => {
    /** Spots of sizes and phases in a part of the image, complex, as a specimen in its support. */
    function specimen([rows, columns]: Shape, seed: number): Float64Array {
      const u = noise(2 * rows * columns, seed);
      const object = new Float64Array(2 * rows * columns);
      for (let row = 0; row < Math.ceil(rows / 2); row++) {
        for (let column = 0; column < Math.ceil(columns / 2); column++) {
          const i = row * columns + column;
          const angle = 2 * u[2 * i + 1];
          object[2 * i] = (0.3 + u[2 * i]) * Math.cos(angle);
          object[2 * i + 1] = (0.3 + u[2 * i]) * Math.sin(angle);
        }
      }
      return object;
    }

    /** exp(i(slope·r + phase))·o, its twin, and a shift around the edges. */
    function disguised(
      object: Float64Array,
      [rows, columns]: Shape,
      how: { slope: readonly [number, number]; phase: number; twin: boolean; by: readonly [number, number] },
    ): Float64Array {
      const result = new Float64Array(object.length);
      for (let i = 0; i < rows * columns; i++) {
        const [row, column] = [Math.floor(i / columns), i % columns];
        const angle = how.slope[0] * row + how.slope[1] * column + how.phase;
        const [re, im] = [object[2 * i], object[2 * i + 1]];
        const to = (n: number, by: number, period: number) => ((((how.twin ? -n : n) + by) % period) + period) % period;
        const at = 2 * (to(row, how.by[0], rows) * columns + to(column, how.by[1], columns));
        result[at] = re * Math.cos(angle) - im * Math.sin(angle);
        result[at + 1] = (how.twin ? -1 : 1) * (re * Math.sin(angle) + im * Math.cos(angle));
      }
      return result;
    }

    it('depends on no unit of the images', async () => {
      const shape: Shape = [12, 14];
      const truth = specimen(shape, 3);
      const estimate = disguised(truth, shape, { slope: [0.4, -0.7], phase: 1, twin: true, by: [3, 5] });
      const tiny = (image: Float64Array) => image.map((part) => 1e-25 * part);
      const { shift, twin } = await alignedComplexError(estimate, truth, shape, { ramp: true });
      const found = await alignedComplexError(tiny(estimate), tiny(truth), shape, { ramp: true });
      expect(found).toMatchObject({ shift, twin });
      expect(found.error).toBeLessThan(1e-10);
    });

    it('undoes any slope, with shift, twin and constant phase at once', async () => {
      const angle = fc.double({ min: -3.1, max: 3.1, noNaN: true });
      const property = fc.asyncProperty(
        fc.tuple(fc.integer({ min: 5, max: 20 }), fc.integer({ min: 6, max: 21 })),
        fc.tuple(angle, angle),
        angle,
        fc.boolean(),
        fc.tuple(fc.nat(30), fc.nat(30)),
        async (shape: Shape, slope, phase, twin, by) => {
          const truth = specimen(shape, 1 + by[0]);
          const estimate = disguised(truth, shape, { slope, phase, twin, by });
          const found = await alignedComplexError(estimate, truth, shape, { ramp: true });
          expect(found.error).toBeLessThan(1e-10);
          expect(found.twin).toBe(twin);
          // The twin of a ramp is the same ramp, and to undo one is to add the opposite.
          found.ramp.forEach((step, axis) => expect(Math.cos(step + slope[axis])).toBeCloseTo(1, 10));
          expect(relativeError(found.aligned, truth)).toBeCloseTo(found.error, 12);
        },
      );
      await fc.assert(property, { numRuns: 60, seed: 1 });
    });

    it('is what a pattern of the shifted zero frequency asks for', async () => {
      // The pattern moves by 0.4 and −1.7 pixels, so that the object has a phase of so many parts of 2π from edge to edge.
      const shape: Shape = [24, 30];
      const truth = specimen(shape, 5);
      const slope = [(2 * Math.PI * 0.4) / 24, (2 * Math.PI * -1.7) / 30] as const;
      const estimate = disguised(truth, shape, { slope, phase: 0.3, twin: false, by: [3, 4] });
      const without = await alignedComplexError(estimate, truth, shape);
      expect(without.error).toBeGreaterThan(0.3);
      expect(without.ramp).toEqual([0, 0]);
      const noisy = estimate.map((value, i) => value + 0.02 * (noise(estimate.length, 8)[i] - 0.5));
      const found = await alignedComplexError(noisy, truth, shape, { ramp: true });
      const left = (0.02 * Math.sqrt(estimate.length / 12)) / Math.hypot(...truth);
      expect(found.error).toBeLessThan(1.05 * left);
      expect(found.error).toBeGreaterThan(0.9 * left);
      expect(found.shift).toEqual([21, 26]);
      expect((found.ramp[0] * 24) / (2 * Math.PI)).toBeCloseTo(-0.4, 2);
      expect((found.ramp[1] * 30) / (2 * Math.PI)).toBeCloseTo(1.7, 2);
    });

    it.each([[[1, 16]], [[16, 1]]] as const)('along one axis, of shape %j', async (shape) => {
      const truth = specimen(shape, 6);
      const slope = shape[0] === 1 ? ([0, 0.77] as const) : ([0.77, 0] as const);
      const how = { slope, phase: 1, twin: true, by: [5, 3] } as const;
      const estimate = disguised(truth, shape, how);
      expect((await alignedComplexError(estimate, truth, shape, { ramp: true })).error).toBeLessThan(1e-10);
    });

    it('finds points, which have no neighbours', async () => {
      const shape: Shape = [16, 16];
      const truth = new Float64Array(512);
      for (const [i, at] of [0, 35, 70, 118].entries()) truth[2 * at + (i % 2)] = 1 + i;
      const how = { slope: [0.3, -1.1], phase: -2, twin: true, by: [9, 2] } as const;
      const { error } = await alignedComplexError(disguised(truth, shape, how), truth, shape, { ramp: true });
      expect(error).toBeLessThan(1e-10);
    });

    it('takes true or false', async () => {
      const ones = new Float64Array(12).fill(1);
      await expect(alignedComplexError(ones, ones, [2, 3], { ramp: 1 } as never)).rejects.toThrow(
        /^ramp: got 1; takes true or false/,
      );
      await expect(alignedComplexError(ones, ones, [2, 3], { slope: true } as never)).rejects.toThrow(/no 'slope'/);
    });
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
