/** The support that is estimated from a pattern. */
import { describe, expect, it } from 'vitest';
import { estimateSupport, simulate, type Shape } from '../src/index.js';
import { noise } from './support/images.js';

/** A bright image of smooth spots, which ends where its shape does. */
async function pattern(shape: Shape, options: { pad?: number; photons?: number; beamstop?: number } = {}) {
  const image = noise(shape[0] * shape[1], 3).map((u) => 0.3 + u * u);
  return simulate({ image, shape, pad: 2, ...options });
}

describe('an estimated support', () => {
  it.each([
    [[40, 40], { pad: 2.5 }],
    [[31, 50], { pad: 3 }],
    [[64, 20], { pad: 2.5, photons: 1e9 }],
    [[48, 48], { pad: 3, photons: 1e9, beamstop: 2 }],
  ] as const)('of an image of %j, simulated with %j, holds it and little more', async (shape, options) => {
    const { magnitudes, mask, shape: size } = await pattern(shape, options);
    const { support, extent, found } = estimateSupport({ magnitudes, shape: size, mask });
    expect(found).toEqual([true, true]);
    extent.forEach((side, axis) => {
      expect(side).toBeGreaterThanOrEqual(shape[axis]);
      expect(side).toBeLessThanOrEqual(1.06 * shape[axis] + 2);
    });
    expect(support.reduce((sum, one) => sum + one, 0)).toBe(extent[0] * extent[1]);
    expect(support[(extent[0] - 1) * size[1] + extent[1] - 1]).toBe(1);
  });

  it('is half of the pattern where the autocorrelation ends nowhere', async () => {
    const { magnitudes, shape } = await pattern([32, 48], { pad: 1 });
    expect(estimateSupport({ magnitudes, shape })).toMatchObject({ extent: [16, 24], found: [false, false] });
    const [first] = estimateSupport({ magnitudes: new Float32Array([1, 2, 3, 4, 5]), shape: [1, 5] }).extent;
    expect(first).toBe(1);
  });

  it('is half of the pattern where too little was measured', async () => {
    const { magnitudes, shape } = await pattern([32, 32], { pad: 3 });
    const mask = magnitudes.map((_, k) => ((k + Math.floor(k / shape[1])) % 3 === 0 ? 0 : 1));
    const { extent, found } = estimateSupport({ magnitudes, shape, mask: Uint8Array.from(mask) });
    expect({ extent, found }).toEqual({ extent: [48, 48], found: [false, false] });
  });

  it('refuses arrays that do not fit', () => {
    const magnitudes = new Float32Array(16);
    expect(() => estimateSupport({ magnitudes, shape: [4, 5] })).toThrow(/magnitudes: got .*; takes .* 4 × 5/);
    expect(() => estimateSupport({ magnitudes, shape: [4, 4], mask: new Uint8Array(15) })).toThrow(/mask: got/);
  });
});
