/** The support that is estimated from a pattern. */
import { describe, expect, it } from 'vitest';
import { estimateSupport, fitSupport, simulate, type Shape } from '../src/index.js';
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
    // The autocorrelation of white noise ends at once.
    const noise = magnitudes.map((_, k) => Math.sqrt(1 + ((k * 7919) % 101)));
    const [rows, columns] = estimateSupport({ magnitudes: noise, shape }).extent;
    expect([rows > 1, columns > 1]).toEqual([true, true]);
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

/** A rectangle of a support, around the edges. */
const rectangle = ([rows, columns]: Shape, [height, width]: Shape, [top, left]: readonly [number, number] = [0, 0]) => {
  const support = new Uint8Array(rows * columns);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      support[((top + row) % rows) * columns + ((left + column) % columns)] = 1;
    }
  }
  return support;
};

describe('a tightened support', () => {
  const side = 48;
  /** The largest distance from the middle, along rows or columns, of a pixel of the image; 1 is its edge. */
  const out = (at: number) =>
    Math.max(...[Math.floor(at / side), at % side].map((i) => Math.abs(i - (side - 1) / 2) / (side / 2)));
  const grain = noise(side * side, 5);
  const imageOf = (brightness: (at: number) => number) => grain.map((u, at) => (0.3 + u) * brightness(at));
  const even = imageOf(() => 1);
  const simulated = (image: Float64Array, options: { pad?: number; photons?: number; beamstop?: number } = {}) =>
    simulate({ image, shape: [side, side], pad: 2, ...options });

  it.each([
    [{}, [53, 53], [0, 0]],
    [{ photons: 1e8 }, [58, 50], [3, 11]],
    [{ photons: 1e8 }, [53, 60], [80, 90]],
    [{ photons: 1e9, beamstop: 2 }, [53, 53], [0, 0]],
    [{ pad: 3 }, [100, 48], [0, 0]],
  ] as const)(
    'of a pattern simulated with %j and a support of %j at %j is as large as the object',
    async (options, given, at) => {
      const { magnitudes, mask, shape } = await simulated(even, options);
      const tight = fitSupport({ magnitudes, mask, shape, support: rectangle(shape, given, at) });
      expect(tight).toMatchObject({ extent: [side, side], given });
      const middle = given.map((length, axis) => at[axis] + Math.floor((length - side) / 2)) as [number, number];
      expect(tight!.support).toEqual(rectangle(shape, [side, side], middle));
    },
  );

  it.each([
    ['fades at its edges', imageOf((at) => Math.cos((Math.PI / 2) * out(at)) ** 2), 1e9],
    ['has a narrow ramp at its edges', imageOf((at) => Math.min(1, 8 * (1 - out(at)))), 1e9],
    ['has a faint rim, which noise hides', imageOf((at) => (out(at) < 0.9 ? 1 : 0.03)), 1e8],
    ['has two parts that lie far apart', imageOf((at) => Number(at % side < 6 || at % side > side - 7)), 1e9],
  ])('is none where the object %s', async (_, image, photons) => {
    const { magnitudes, shape } = await simulated(image, { photons });
    const tight = fitSupport({ magnitudes, shape, support: rectangle(shape, [48, 53]) });
    expect(tight).toBeUndefined();
  });

  it('is none where the object fills more than half of the pattern, or as much as the support', async () => {
    const dense = await simulated(even, { pad: 1.5, photons: 1e9 });
    expect(fitSupport({ ...dense, support: rectangle(dense.shape, [60, 60]) })).toBeUndefined();
    const { magnitudes, shape } = await simulated(even);
    for (const given of [
      [48, 48],
      [40, 48],
    ] as const) {
      expect(fitSupport({ magnitudes, shape, support: rectangle(shape, given) })).toBeUndefined();
    }
  });

  it('is none of supports of other shapes, of complex objects, and of patterns with gaps', async () => {
    const { magnitudes, shape } = await simulated(even);
    const support = rectangle(shape, [53, 53]);
    expect(fitSupport({ magnitudes, shape, support })).toBeDefined();
    expect(fitSupport({ magnitudes, shape, support, object: 'complex' })).toBeUndefined();
    expect(fitSupport({ magnitudes, shape })).toBeUndefined();
    const mask = magnitudes.map((_, k) => Number(k % 7 > 0));
    expect(fitSupport({ magnitudes, shape, support, mask: Uint8Array.from(mask) })).toBeUndefined();
    support[0] = 0;
    expect(fitSupport({ magnitudes, shape, support })).toBeUndefined();
  });
});

describe('a loosened support', () => {
  const [side, shape] = [48, [100, 96]] as const;
  const image = noise(side * side, 5).map((u) => 0.3 + u);
  const simulated = (photons: number, options: { pad?: number; beamstop?: number } = {}) =>
    simulate({ image, shape: [side, side], pad: 2, photons, ...options });
  /** What differs between opposite frequencies, of those that were measured, over their magnitudes. */
  const noiseOf = ({ magnitudes, mask, shape: [rows, columns] }: Awaited<ReturnType<typeof simulated>>) => {
    let [differences, energy] = [0, 0];
    for (let k = 0; k < magnitudes.length; k++) {
      const minusK = ((rows - Math.floor(k / columns)) % rows) * columns + ((columns - (k % columns)) % columns);
      if (mask?.[k] === 0 || mask?.[minusK] === 0) continue;
      differences += (magnitudes[k] - magnitudes[minusK]) ** 2 / 2;
      energy += magnitudes[k] ** 2;
    }
    return Math.sqrt(differences / energy);
  };

  it('has 2 % of its rows and columns more on each side where noise is more than 6 %, and no room where it is less', async () => {
    for (const options of [{}, { beamstop: 3 }]) {
      const seen = new Set<boolean>();
      for (let photons = 1e4; photons < 1e7; photons *= 3) {
        const pattern = await simulated(photons, options);
        const { magnitudes, mask, shape } = pattern;
        const isNoisy = noiseOf(pattern) > 0.06;
        seen.add(isNoisy);
        const fitted = fitSupport({ magnitudes, mask, shape, support: rectangle(shape, [48, 48], [5, 90]) });
        expect(fitted?.extent[0] === 50, `${photons} photons`).toBe(isNoisy);
        if (!isNoisy) continue;
        expect(fitted).toMatchObject({ extent: [50, 50], given: [48, 48] });
        expect(fitted!.support).toEqual(rectangle(shape, [50, 50], [4, 89]));
      }
      expect(seen.size).toBe(2);
    }
    // So few tell nothing of a support that is too large.
    const { magnitudes, shape } = await simulated(1e4);
    const given = rectangle(shape, [48, 53]);
    expect(fitSupport({ magnitudes, shape, support: given })).toMatchObject({ extent: [50, 55] });
  });

  it('has room around each pixel, whatever the shape, by its rows and by its columns', () => {
    const magnitudes = noise(100 * 96, 7);
    const support = new Uint8Array(magnitudes.length);
    for (const [row, column] of [
      [2, 3],
      [2, 4],
      [60, 3],
    ] as const)
      support[row * 96 + column] = 1;
    const fitted = fitSupport({ magnitudes, shape, support });
    // 43 rows, around the edges, and 2 columns.
    expect(fitted).toMatchObject({ given: [43, 2], extent: [45, 4] });
    const expected = new Uint8Array(magnitudes.length);
    for (const [row, first, last] of [
      [1, 2, 5],
      [2, 2, 5],
      [3, 2, 5],
      [59, 2, 4],
      [60, 2, 4],
      [61, 2, 4],
    ]) {
      expected.fill(1, row * 96 + first, row * 96 + last + 1);
    }
    expect(fitted!.support).toEqual(expected);
    const tall = rectangle(shape, [50, 5], [0, 0]);
    expect(fitSupport({ magnitudes, shape, support: rectangle(shape, [75, 5]) })).toMatchObject({ extent: [79, 7] });
    expect(fitSupport({ magnitudes, shape, support: tall })).toMatchObject({ extent: [52, 7] });
  });

  it('is none of a complex object, nor where more than half of what was measured would be inside', () => {
    const magnitudes = noise(100 * 96, 7);
    const support = rectangle(shape, [48, 48]);
    expect(fitSupport({ magnitudes, shape, support })).toBeDefined();
    expect(fitSupport({ magnitudes, shape, support, object: 'complex' })).toBeUndefined();
    const measured = (pixels: number) => Uint8Array.from(magnitudes, (_, k) => Number(k < pixels));
    expect(fitSupport({ magnitudes, shape, support, mask: measured(2 * 50 * 50 - 1) })).toBeUndefined();
    expect(fitSupport({ magnitudes, shape, support, mask: measured(2 * 50 * 50) })).toBeDefined();
    expect(fitSupport({ magnitudes: new Float32Array(9600), shape, support })).toBeUndefined();
  });

  it('refuses arrays that do not fit', () => {
    const magnitudes = new Float32Array(16).fill(1);
    const support = new Uint8Array(16).fill(1);
    expect(() => fitSupport({ magnitudes, shape: [4, 5], support })).toThrow(/magnitudes: got .*; takes .* 4 × 5/);
    expect(() => fitSupport({ magnitudes, shape: [4, 4], support: support.subarray(1) })).toThrow(/support: got/);
  });
});
