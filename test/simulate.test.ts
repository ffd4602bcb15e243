/** Simulated patterns: what a detector would see, and no more. */
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, OutOfMemoryError, simulate, type Shape } from '../src/index.js';
import { requireBackend } from '../src/backends/registry.js';
import { ImageTransform } from '../src/session/image-transform.js';
import { noise, relativeError } from './support/images.js';
import { fourierSums } from '../src/cli/validate/textbook.js';

const shape: Shape = [9, 12];
const image = noise(9 * 12, 1);

describe('simulate', () => {
  it('gives the magnitudes of the image padded with zeros, and its rectangle as the support', async () => {
    const pattern = await simulate({ image, shape });
    expect(pattern.shape).toEqual([18, 24]);
    const complex = new Float64Array(2 * 18 * 24);
    const support = new Uint8Array(18 * 24);
    image.forEach((value, i) => {
      const at = Math.floor(i / 12) * 24 + (i % 12);
      complex[2 * at] = value;
      support[at] = 1;
    });
    const spectrum = fourierSums(complex, pattern.shape, -1);
    const expected = pattern.magnitudes.map((_, k) => Math.hypot(spectrum[2 * k], spectrum[2 * k + 1]));
    expect(relativeError(pattern.magnitudes, expected)).toBeLessThan(1e-14);
    expect(pattern.support).toEqual(support);
    expect(pattern.mask).toBeUndefined();
  });

  it('gives the magnitudes of a complex image', async () => {
    const complex = noise(2 * 9 * 12, 4).map((number) => number - 0.5);
    const pattern = await simulate({ image: complex, shape, object: 'complex' });
    const object = new Float64Array(2 * 18 * 24);
    for (let row = 0; row < 9; row++) object.set(complex.subarray(24 * row, 24 * row + 24), 48 * row);
    const spectrum = fourierSums(object, pattern.shape, -1);
    const expected = pattern.magnitudes.map((_, k) => Math.hypot(spectrum[2 * k], spectrum[2 * k + 1]));
    expect(relativeError(pattern.magnitudes, expected)).toBeLessThan(1e-14);
    expect(pattern.support).toEqual((await simulate({ image, shape })).support);
    const refused = (options: object) => simulate({ image: complex, shape, object: 'complex', ...options });
    await expect(refused({ image })).rejects.toThrow('9 × 12 complex numbers, interleaved re, im: 216 numbers');
    await expect(refused({ image: complex.fill(0) })).rejects.toThrow('image: every pixel is zero; takes at least one');
    await expect(refused({ object: 'complx' })).rejects.toThrow("takes 'real', 'complex'; did you mean 'complex'");
  });

  it('pads by any factor from 1 on', async () => {
    expect((await simulate({ image, shape, pad: 1 })).shape).toEqual(shape);
    expect((await simulate({ image, shape, pad: 1.5 })).shape).toEqual([14, 18]);
  });

  it('counts as many photons as are expected, in the units of the magnitudes', async () => {
    const photons = 1e5;
    const clean = await simulate({ image, shape });
    const noisy = await simulate({ image, shape, photons, seed: 3 });
    const total = (magnitudes: Float64Array) => magnitudes.reduce((sum, magnitude) => sum + magnitude ** 2, 0);
    const counts = noisy.magnitudes.map((magnitude) => (magnitude ** 2 * photons) / total(clean.magnitudes));
    expect(counts.every((count) => Math.abs(count - Math.round(count)) < 1e-6)).toBe(true);
    const counted = counts.reduce((sum, count) => sum + count, 0);
    // Four standard deviations of the total.
    expect(Math.abs(counted - photons)).toBeLessThan(4 * Math.sqrt(photons));
    // √counts have a standard deviation of about 1/2 each.
    const spread = Math.sqrt(clean.magnitudes.length / 4 / photons);
    expect(relativeError(noisy.magnitudes, clean.magnitudes)).toBeLessThan(2 * spread);
    expect(relativeError(noisy.magnitudes, clean.magnitudes)).toBeGreaterThan(spread / 4);
  });

  it('refuses photons and brightness whose counts would not be exact', async () => {
    const most = await simulate({ image, shape, photons: 1e15 });
    expect(most.magnitudes.every(Number.isFinite)).toBe(true);
    const dark = image.map((value) => value * 1e-200);
    const bright = image.map((value) => value * 1e200);
    for (const [options, message] of [
      [{ image, photons: 1e308 }, /^photons: got 1e\+308; takes a number above 0 and up to 1e15/],
      [{ image: dark, photons: 1e6 }, /intensities: got 0; takes brightness/],
      [{ image: bright, photons: 1e6 }, /intensities: got Infinity; takes brightness/],
    ] as const) {
      const error = await simulate({ shape, ...options }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect((error as Error).message).toMatch(message);
    }
  });

  it('refuses what cannot fit before it allocates anything', async () => {
    const wasm = await requireBackend('wasm');
    for (const attempt of [simulate({ image, shape, pad: 1e4 }), ImageTransform.create(wasm, [90_000, 120_000])]) {
      const error = await attempt.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(OutOfMemoryError);
      expect(error).toMatchObject({ requiredBytes: 20 * 90_000 * 120_000, availableBytes: 2 ** 32 });
      expect((error as Error).message).toMatch(
        /^90000 × 120000 pixels in double precision need at least 201 GiB \(216000000000 bytes\); .* 4 GiB/,
      );
    }
  });

  it('draws the same noise from the same seed and other noise from another', async () => {
    const [a, b, c] = await Promise.all([7, 7, 8].map((seed) => simulate({ image, shape, photons: 1e4, seed })));
    expect(b.magnitudes).toEqual(a.magnitudes);
    expect(c.magnitudes).not.toEqual(a.magnitudes);
  });

  it('hides the disc of the beam stop around zero frequency, over the edges', async () => {
    const { mask, magnitudes, shape: padded } = await simulate({ image, shape, beamstop: 2, photons: 1e6 });
    const hidden = [...mask!.entries()].filter(([, measured]) => !measured).map(([k]) => k);
    // The lattice points within a radius of 2.
    expect(hidden).toHaveLength(13);
    // What is seen is as without a beam stop, and what is hidden is not given away.
    const { magnitudes: all } = await simulate({ image, shape, photons: 1e6 });
    expect(magnitudes).toEqual(all.map((magnitude, k) => magnitude * mask![k]));
    expect(all[0]).toBeGreaterThan(0);
    const near = (n: number, period: number) => Math.min(n, period - n);
    for (const k of hidden) {
      const distance = Math.hypot(near(Math.floor(k / padded[1]), padded[0]), near(k % padded[1], padded[1]));
      expect(distance).toBeLessThanOrEqual(2);
    }
  });
});
