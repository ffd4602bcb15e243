/** A look at patterns: quiet where nothing is wrong, and where something is, named, with an option that mends it. */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type CleanOptions,
  type Problem,
  type Shape,
  WARNING_CODES,
  alignedError,
  clean,
  inspect,
  inspectImage,
  retrieve,
  simulate,
} from '../src/index.js';
import { autocorrelation, reachesBeyond, spread } from '../src/inspect/autocorrelation.js';
import { backgroundLevel } from '../src/inspect/background.js';
import { brightest, findCentre, isBetter, symmetryNear } from '../src/inspect/centre.js';
import { percent, pixelsAt } from '../src/inspect/findings.js';
import { inspectResult } from '../src/inspect/index.js';
import { type Pattern, areWhole, quantile } from '../src/inspect/pattern.js';
import { beamstopHole, deadPixels, hotPixels, negatives, notFinite, saturations } from '../src/inspect/sentinels.js';
import { isAsymmetric, symmetryAbout } from '../src/inspect/symmetry.js';
import { transform } from '../src/inspect/transform.js';
import { fftshift } from '../src/tools/fftshift.js';
import { readImage } from '../src/formats/files.js';
import { uniformStream } from '../src/random.js';
import { poisson } from '../src/tools/poisson.js';
import { noise } from './support/images.js';
import { readFileSync } from 'node:fs';

const SIDE = 96;
const SHAPE: Shape = [SIDE, SIDE];
const OBJECT: Shape = [34, 38];

/** Smooth and irregular, and not symmetric. */
const object = (() => {
  const rough = noise(OBJECT[0] * OBJECT[1], 11);
  return rough.map((_, at) => {
    let [sum, count] = [0, 0];
    for (const step of [0, 1, -1, OBJECT[1], -OBJECT[1]]) {
      const value = rough[at + step];
      if (value !== undefined) [sum, count] = [sum + value, count + 1];
    }
    return (sum / count) ** 3 + 0.02;
  });
})();

const truth = new Float64Array(SIDE * SIDE);
const support = new Uint8Array(SIDE * SIDE);
for (let row = 0; row < OBJECT[0]; row++) {
  truth.set(object.subarray(row * OBJECT[1], (row + 1) * OBJECT[1]), row * SIDE);
  support.fill(1, row * SIDE, row * SIDE + OBJECT[1]);
}

/** Magnitudes without noise, counts with it, both with the zero frequency in the middle. */
let magnitudes: Float64Array;
let counts: Float64Array;

beforeAll(async () => {
  const { magnitudes: exact } = await simulate({ image: object, shape: OBJECT, pad: SIDE / OBJECT[0] });
  expect(exact).toHaveLength(SIDE * Math.round((OBJECT[1] * SIDE) / OBJECT[0]));
  const square = await simulate({ image: truth, shape: SHAPE, pad: 1 });
  magnitudes = fftshift(square.magnitudes, SHAPE);
  const greatest = magnitudes.reduce((most, value) => Math.max(most, value), 0);
  const next = uniformStream(3, 0);
  counts = magnitudes.map((value) => poisson(1e7 * (value / greatest) ** 2, next));
});

const codes = ({ warnings }: { warnings: { code: string }[] }) => warnings.map(({ code }) => code).sort();
const asCounts = (data: Float64Array) =>
  codes(inspectImage({ data, shape: SHAPE }, { intensity: true, centered: true }));
const changed = (change: (data: Float64Array) => void) => {
  const data = counts.slice();
  change(data);
  return data;
};

/** The error of an image that is found in what `clean` makes, with scale removed. */
async function errorOf(data: Float64Array, options: CleanOptions): Promise<number> {
  const { magnitudes: measured, mask } = clean({ data, shape: SHAPE }, { intensity: true, ...options });
  const problem: Problem = { magnitudes: measured, shape: SHAPE, support, ...(mask && { mask }) };
  const { feasible } = await retrieve(problem, { algorithm: 'hio', iterations: 600, starts: 4, backend: 'wasm' });
  const { aligned } = await alignedError(feasible, truth, SHAPE);
  const scale =
    aligned.reduce((sum, value, at) => sum + value * truth[at], 0) / aligned.reduce((sum, v) => sum + v * v, 0);
  return (
    await alignedError(
      aligned.map((value) => scale * value),
      truth,
      SHAPE,
    )
  ).error;
}

describe('nothing is said of', () => {
  it('the vectors', async () => {
    for (const size of ['31x37', '40x56', '64x64']) {
      const at = (what: string) => fileURLToPath(new URL(`vectors/${size}.${what}.npy`, import.meta.url));
      const { data, shape } = await readImage(at('magnitudes'));
      const given = Uint8Array.from((await readImage(at('support'))).data);
      const found = codes(inspect({ magnitudes: data, shape, support: given }));
      // The support of one of them is everywhere, and that is said.
      expect(found, size).toEqual(given.includes(0) ? [] : ['SUPPORT_TOO_LARGE']);
    }
  });

  it('photographs, with and without noise and beam stop, of even and odd shapes', async () => {
    const camera = await readImage(fileURLToPath(new URL('../examples/camera.png', import.meta.url)));
    const crop = ([rows, columns]: Shape) =>
      Float32Array.from(
        { length: rows * columns },
        (_, at) => camera.data[(150 + Math.floor(at / columns)) * camera.shape[1] + 200 + (at % columns)],
      );
    for (const shape of [
      [64, 64],
      [61, 97],
      [33, 50],
    ] as const) {
      for (const photons of [undefined, 1e6, 1e8, 1e10]) {
        for (const beamstop of [undefined, 4]) {
          const options = { ...(photons && { photons }), ...(beamstop && { beamstop }) };
          const {
            magnitudes: measured,
            shape: padded,
            ...rest
          } = await simulate({ image: crop(shape), shape, ...options });
          for (const data of [measured, Float32Array.from(measured)]) {
            const problem = {
              magnitudes: data,
              shape: padded,
              support: rest.support,
              ...(rest.mask && { mask: rest.mask }),
            };
            expect(codes(inspect(problem)), `${shape.join('×')} ${photons} ${beamstop}`).toEqual([]);
          }
        }
      }
    }
  });

  it('counts, and of magnitudes', () => {
    expect(asCounts(counts)).toEqual([]);
    expect(inspectImage({ data: counts, shape: SHAPE })).toMatchObject({
      intensity: true,
      centered: true,
      warnings: [],
    });
    expect(inspectImage({ data: magnitudes, shape: SHAPE })).toMatchObject({ intensity: false, warnings: [] });
  });
});

describe('what is no number is found and left out', () => {
  const at = (row: number, column: number) => row * SIDE + column;
  const cases: [string, string, (data: Float64Array) => void, CleanOptions][] = [
    ['NaN', 'NOT_FINITE', (data) => void (data[at(10, 50)] = NaN), { maskNan: true }],
    ['−1', 'NEGATIVE', (data) => void data.fill(-1, at(70, 3), at(70, 40)), { maskNegative: true }],
    ['2³²−1', 'SATURATED', (data) => void (data[at(10, 50)] = data[at(60, 12)] = 2 ** 32 - 1), { saturation: 'auto' }],
    [
      'a clipped middle',
      'SATURATED',
      (data) => data.forEach((value, k) => (data[k] = Math.min(value, 65535))),
      { saturation: 65535 },
    ],
    ['a hot pixel', 'HOT_PIXELS', (data) => void (data[at(20, 30)] = 5e8), { hot: 'auto' }],
    [
      'a dead column',
      'DEAD_PIXELS',
      (data) => {
        for (let row = 0; row < SIDE; row++) data[at(row, 40)] = 0;
      },
      { dead: 'auto' },
    ],
    [
      'a beam stop',
      'BEAMSTOP',
      (data) => {
        for (let row = 47; row <= 49; row++) data.fill(0, at(row, 47), at(row, 50));
      },
      { beamstop: 'auto' },
    ],
  ];
  it.each(cases)('%s', async (_, code, change, options) => {
    const data = changed(change);
    expect(asCounts(data)).toEqual([code]);
    expect(await errorOf(data, { centered: true, ...options })).toBeLessThan(0.06);
    expect(await errorOf(data, { centered: true, clean: true })).toBeLessThan(0.06);
  });

  it('with counts and places as the image has them', () => {
    const data = changed((all) => void (all[at(10, 50)] = all[at(60, 12)] = 2 ** 32 - 1));
    const { warnings } = inspectImage({ data, shape: SHAPE }, { intensity: true, centered: true });
    expect(warnings[0]).toMatchObject({ count: 2, value: 2 ** 32 - 1, option: '--saturation auto' });
    expect(warnings[0].places).toEqual([
      [10, 50],
      [60, 12],
    ]);
  });

  it('or refused, with how many there are and where', () => {
    const data = changed((all) => void (all[at(10, 50)] = all[at(60, 12)] = -1));
    const message = /2 pixels \(row 10, column 50; row 60, column 12\) negative \(--mask-negative/;
    expect(() => clean({ data, shape: SHAPE }, { intensity: true })).toThrow(message);
  });
});

describe('how the pattern was taken', () => {
  const roll = (data: Float64Array, down: number, right: number) =>
    data.map((_, k) => {
      const [row, column] = [Math.floor(k / SIDE), k % SIDE];
      return data[((row - down + SIDE) % SIDE) * SIDE + ((column - right + SIDE) % SIDE)];
    });

  it.each([
    [5, -3],
    [0, 1],
    [-20, 11],
  ])('off centre by %d rows and %d columns', async (down, right) => {
    const data = roll(counts, down, right);
    const { warnings } = inspectImage({ data, shape: SHAPE }, { intensity: true, centered: true });
    expect(warnings.map(({ code, places }) => [code, places])).toEqual([['OFF_CENTER', [[48 + down, 48 + right]]]]);
    // What would come around the edges is not measured, so that frequencies there are measured on one side only.
    expect(await errorOf(data, { center: 'auto' })).toBeLessThan(0.12);
    expect(await errorOf(data, { center: [48 + down, 48 + right] })).toBeLessThan(0.12);
  });

  it('between two pixels', () => {
    // Half a pixel of the pattern is a phase ramp over the object, whose mean of two shifted copies has the centre there.
    const half = counts.map((value, k) => value + (counts[k - 1] ?? 0));
    const { warnings } = inspectImage({ data: half, shape: SHAPE }, { intensity: true, centered: true });
    expect(warnings.map(({ places }) => places)).toEqual([[[48, 48.5]]]);
  });

  it('in the middle or at the corner', () => {
    const options = { intensity: true, centered: false };
    expect(codes(inspectImage({ data: counts, shape: SHAPE }, options))).toEqual(['ZERO_FREQUENCY_IN_MIDDLE']);
    expect(asCounts(fftshift(counts, SHAPE))).toEqual(['ZERO_FREQUENCY_AT_CORNER']);
  });

  it('counts and other intensities for magnitudes, and the other way round', () => {
    const look = (data: Float64Array, intensity: boolean) =>
      codes(inspectImage({ data, shape: SHAPE }, { intensity, centered: true }));
    expect(look(counts, false)).toEqual(['LOOKS_LIKE_INTENSITIES']);
    expect(
      look(
        magnitudes.map((value) => 0.3 * value ** 2),
        false,
      ),
    ).toEqual(['LOOKS_LIKE_INTENSITIES']);
    expect(look(magnitudes, true)).toEqual(['LOOKS_LIKE_MAGNITUDES']);
  });

  it('a constant background', async () => {
    const next = uniformStream(5, 0);
    const data = counts.map((value) => value + poisson(20000, next));
    const { warnings } = inspectImage({ data, shape: SHAPE }, { intensity: true, centered: true });
    expect(warnings.map(({ code }) => code)).toEqual(['BACKGROUND']);
    expect(warnings[0].value).toBeGreaterThan(19000);
    expect(warnings[0].value).toBeLessThan(22000);
    expect(await errorOf(data, { centered: true, background: 'auto' })).toBeLessThan(
      (await errorOf(data, { centered: true })) / 2,
    );
    const dark = new Float64Array(SIDE * SIDE).fill(20000);
    expect(clean({ data, shape: SHAPE }, { intensity: true, centered: true, dark }).magnitudes[0]).toBeGreaterThan(
      1000,
    );
  });

  it('a complex object, whose pattern is symmetric about no point', () => {
    // The part of the spectrum at one side is brighter, as of an object with a phase.
    const data = counts.map((value, k) =>
      Math.round(value * (1 + 0.8 * Math.sin(Math.floor(k / SIDE) / 5 + (k % SIDE) / 3))),
    );
    expect(asCounts(data)).toEqual(['ASYMMETRIC']);
  });
});

describe('mask and support', () => {
  const problem = () => ({ magnitudes: fftshift(magnitudes, SHAPE), shape: SHAPE });

  it('a mask in the other convention', async () => {
    const bad = new Uint8Array(SIDE * SIDE);
    for (let row = 30; row < 36; row++) bad.fill(1, row * SIDE + 60, row * SIDE + 70);
    expect(codes(inspect({ ...problem(), support, mask: bad }))).toContain('FEW_MEASURED');
    expect(inspect({ ...problem(), support, mask: bad }).measured).toBeCloseTo(60 / SIDE ** 2);
    const data = changed((all) => bad.forEach((is, k) => (all[k] = is ? 7e6 : all[k])));
    expect(await errorOf(data, { centered: true, mask: bad, maskBad: true })).toBeLessThan(0.06);
    const none = { mask: new Uint8Array(SIDE * SIDE), centered: true };
    expect(() => clean({ data: counts, shape: SHAPE }, none)).toThrow('--mask-bad');
  });

  it('none, one that excludes nothing, one of more than half, and one that is too small', () => {
    expect(codes(inspect(problem()))).toEqual(['NO_SUPPORT']);
    expect(codes(inspect({ ...problem(), support: new Uint8Array(SIDE * SIDE).fill(1) }))).toEqual([
      'SUPPORT_TOO_LARGE',
    ]);
    expect(codes(inspect({ ...problem(), support: support.map((is) => 1 - is) }))).toEqual(['SUPPORT_TOO_LARGE']);
    const small = support.map((is, k) => (is && Math.floor(k / SIDE) < OBJECT[0] - 3 ? 1 : 0));
    expect(codes(inspect({ ...problem(), support: small }))).toEqual(['SUPPORT_TOO_SMALL']);
    const large = support.map((is, k) => (Math.floor(k / SIDE) < OBJECT[0] + 3 && k % SIDE < OBJECT[1] + 3 ? 1 : is));
    expect(codes(inspect({ ...problem(), support: large }))).toEqual([]);
  });

  it.each<{ shape: Shape; extent: Shape }>([
    { shape: [90, 120], extent: [40, 30] },
    { shape: [64, 64], extent: [24, 24] },
    { shape: [81, 75], extent: [30, 33] },
  ])('too small by two pixels or more, of $extent pixels in $shape', async ({ shape, extent: [height, width] }) => {
    const values = noise(height * width, 5).map((value) => value ** 3 + 0.02);
    const image = new Float64Array(shape[0] * shape[1]);
    for (let row = 0; row < height; row++) image.set(values.subarray(row * width, (row + 1) * width), row * shape[1]);
    const exact = await simulate({ image, shape, pad: 1 });
    const { mask: stopped } = await simulate({ image, shape, pad: 1, beamstop: 2 });
    for (const cut of [0, 2, 4, 8]) {
      const inside = new Uint8Array(image.length);
      for (let row = 0; row < height - cut; row++) inside.fill(1, row * shape[1], row * shape[1] + width - cut);
      // Lines beside a beam stop tell it too.
      for (const mask of [undefined, stopped]) {
        const seen = codes(inspect({ magnitudes: exact.magnitudes, shape, support: inside, mask }));
        expect(seen, `${cut} pixels cut off`).toEqual(cut === 0 ? [] : ['SUPPORT_TOO_SMALL']);
      }
    }
  });

  it('are said in the result, and change nothing in it', async () => {
    const options = { algorithm: 'hio', iterations: 20, backend: 'wasm' } as const;
    const unseen = await retrieve(problem(), { ...options, inspect: false });
    expect(codes(unseen)).toEqual([]);
    const result = await retrieve(problem(), options);
    expect(codes(result)).toEqual(['NO_SUPPORT']);
    expect(result.object).toEqual(unseen.object);
    expect(result.measured).toBe(1);
    const diverged = await retrieve({ ...problem(), support }, { ...options, algorithm: 'input-output', beta: 1e6 });
    expect(codes(diverged)).toEqual(['DIVERGED']);
  });

  it('of large patterns are found by a worker, and the calling thread stays free', async () => {
    const shape = [300, 320] as const;
    const magnitudes = Float32Array.from({ length: 300 * 320 }, (_, k) => 1 + ((k * 7919) % 13));
    const started = vi.spyOn(Worker.prototype, 'postMessage');
    const { warnings } = await retrieve({ magnitudes, shape }, { backend: 'wasm', iterations: 2 });
    expect(started.mock.calls.map(([message]) => (message as { type: string }).type).sort()).toEqual([
      'inspect',
      'run',
    ]);
    started.mockRestore();
    expect(warnings).toEqual(inspect({ magnitudes, shape }).warnings);
    expect(warnings).not.toEqual([]);
  });
});

/**
 * Both sides of each threshold, on patterns made for it: all zeros, or of one value, with the few pixels that it is about.
 * The functions are called one by one, because such a pattern is odd in more than one way.
 */
describe('thresholds', () => {
  const N = 16;
  const at = (row: number, column: number) => row * N + column;
  /** Counts with the zero frequency in the middle, at row 8 and column 8. */
  const patternOf = (values: Record<number, number>, more: Partial<Pattern> = {}): Pattern => {
    const intensities = new Float64Array(N * N);
    for (const [pixel, value] of Object.entries(values)) intensities[Number(pixel)] = value;
    return { intensities, usable: new Uint8Array(N * N).fill(1), shape: [N, N], zero: [8, 8], counts: true, ...more };
  };
  /** The same value at several pixels. */
  const all = (pixels: readonly number[], value: number) => Object.fromEntries(pixels.map((pixel) => [pixel, value]));
  const scattered = (count: number) =>
    Array.from({ length: count }, (_, i) => at(1 + 2 * Math.floor(i / 7), 1 + 2 * (i % 7)));

  describe('NOT_FINITE and NEGATIVE', () => {
    const of = (...data: number[]) => negatives(Float64Array.from(data), new Uint8Array(data.length).fill(1));

    it('up to three whole numbers are marks, and more of them, or others, are noise', () => {
      expect(of(4, -1, -2, -3, -1)).toEqual({ pixels: [1, 2, 3, 4], least: -3, marks: true });
      expect(of(-1, -2, -3, -4).marks).toBe(false);
      expect(of(-1, -1.5).marks).toBe(false);
    });

    it('−∞ is no negative number, nor is what the mask leaves out', () => {
      expect(of(0, -Infinity).pixels).toEqual([]);
      expect(notFinite(Float64Array.of(NaN, -Infinity, 1, Infinity), Uint8Array.of(1, 1, 1, 0))).toEqual([0, 1]);
      expect(negatives(Float64Array.of(-1, -2), Uint8Array.of(0, 1)).pixels).toEqual([1]);
    });
  });

  describe('SATURATED', () => {
    const values = (pattern: Pattern) => saturations(pattern).map(({ value }) => value);
    const five = scattered(5);
    /** As many different values, from this one down, in the last rows. */
    const below = (count: number, value: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [at(12, 0) + i, value - i]));

    // The density below 1000 is (16 + 1) / 100 a value, at which five at one value have a chance of 0.998 in a million.
    it.each([
      ['16 values in the tenth below the largest', { ...below(16, 950) }, [1000]],
      ['17 of them', { ...below(17, 950) }, []],
      ['16, and one below that tenth', { ...below(16, 950), ...all([at(0, 0)], 899) }, [1000]],
      ['16, and one at its end', { ...below(16, 950), ...all([at(0, 0)], 900) }, []],
    ])('five counts of 1000 above %s', (_, dim, expected) => {
      expect(values(patternOf({ ...all(five, 1000), ...dim }))).toEqual(expected);
    });

    // Three standard deviations of 100 are 30, which is wider than a tenth: (4 + 1) / 30 a value.
    it.each([
      ['four values within 30', { ...below(4, 75) }, [100]],
      ['four, and one further below', { ...below(4, 75), ...all([at(0, 0)], 69) }, [100]],
      ['four, and one at 30 below', { ...below(4, 75), ...all([at(0, 0)], 70) }, []],
    ])('five counts of 100 above %s', (_, dim, expected) => {
      expect(values(patternOf({ ...all(five, 100), ...dim }))).toEqual(expected);
    });

    it('five pixels anywhere, three or four where they touch or the value is the largest of a type', () => {
      expect(values(patternOf(all(scattered(4), 1000)))).toEqual([]);
      expect(values(patternOf(all(scattered(3), 1023)))).toEqual([1023]);
      const row = [at(3, 3), at(3, 4), at(3, 5)];
      const column = [at(3, 3), at(4, 3), at(5, 3)];
      const diagonal = [at(3, 3), at(4, 4), at(5, 5)];
      const otherDiagonal = [at(3, 5), at(4, 4), at(5, 3)];
      for (const touching of [row, column, diagonal, otherDiagonal]) {
        expect(values(patternOf(all(touching, 1000)))).toEqual([1000]);
        expect(values(patternOf(all(touching.slice(0, 2), 1000)))).toEqual([]);
        // Of four pixels two have to touch another that comes later.
        expect(values(patternOf(all([...touching, at(11, 11)], 1000)))).toEqual([1000]);
        expect(values(patternOf(all([...touching.slice(1), at(11, 11), at(13, 3)], 1000)))).toEqual([]);
      }
    });

    it('numbers that are no counts are not equal by chance', () => {
      const dim = all(
        [...Array(40).keys()].map((i) => at(12, 0) + i),
        0.95,
      );
      expect(values(patternOf({ ...all(five, 1), ...dim }, { counts: false }))).toEqual([1, 0.95]);
      expect(values(patternOf({ ...all(scattered(4), 1), ...dim }, { counts: false }))).toEqual([]);
      // The largest values of types are those of counts.
      expect(values(patternOf(all(scattered(4), 1023), { counts: false }))).toEqual([]);
    });

    const float32Largest = 2 ** 128 - 2 ** 104;
    const bits = [8, 10, 12, 14, 15, 16, 18, 20, 24, 31, 32, 53].map((bits) => 2 ** bits - 1);
    it.each([...bits, 2 ** 16 - 2, 2 ** 32 - 2, 2 ** 31, 2 ** 32, float32Largest])(
      'one pixel of %d is a mark',
      (value) => {
        expect(saturations(patternOf({ [at(3, 3)]: value }))).toEqual([{ value, pixels: [at(3, 3)], ofType: true }]);
        expect(values(patternOf({ [at(3, 3)]: value - Math.max(3, value / 2 ** 50) }))).toEqual([]);
      },
    );

    it('but not of 127, which counts reach', () => {
      expect(values(patternOf({ [at(3, 3)]: 127 }))).toEqual([]);
      expect(saturations(patternOf(all(scattered(5), 127)))).toMatchObject([{ value: 127, ofType: true }]);
    });

    it('one pixel is a mark where it is alone in the dark, and not at the zero frequency', () => {
      expect(values(patternOf({ [at(3, 3)]: 1023, [at(4, 2)]: 102 }))).toEqual([1023]);
      expect(values(patternOf({ [at(3, 3)]: 1023, [at(4, 2)]: 103 }))).toEqual([]);
      expect(values(patternOf({ [at(3, 3)]: 1023, [at(8, 9)]: 1023 }))).toEqual([]);
      expect(values(patternOf({ [at(7, 7)]: 1023 }))).toEqual([]);
      expect(values(patternOf({ [at(8, 10)]: 1023 }))).toEqual([1023]);
      expect(values(patternOf({ [at(6, 8)]: 1023 }))).toEqual([1023]);
      // Around the edges.
      expect(values(patternOf({ [at(15, 15)]: 1023 }, { zero: [0, 0] }))).toEqual([]);
    });

    it('up to four marks are found', () => {
      const marks = { [at(1, 1)]: 65535, [at(1, 13)]: 16383, [at(13, 1)]: 4095, [at(13, 13)]: 1023 };
      expect(values(patternOf({ ...marks, [at(3, 8)]: 255 }))).toEqual([65535, 16383, 4095, 1023]);
      expect(values(patternOf({}))).toEqual([]);
    });
  });

  describe('HOT_PIXELS', () => {
    const hot = (values: Record<number, number>, more: Partial<Pattern> = {}) => hotPixels(patternOf(values, more));
    const pixel = at(3, 4);
    const opposite = at(13, 12);

    it('with more than a ten-thousandth of the light', () => {
      expect(hot({ [at(8, 8)]: 1e6, [pixel]: 100 })).toEqual([]);
      expect(hot({ [at(8, 8)]: 1e6, [pixel]: 101 })).toEqual([pixel]);
    });

    it.each([
      ['a neighbour', at(4, 3)],
      ['what is opposite', opposite],
      ['what is beside that', at(14, 13)],
    ])('more than ten times as bright as %s', (_, other) => {
      expect(hot({ [other]: 20, [pixel]: 200 })).toEqual([]);
      expect(hot({ [other]: 20, [pixel]: 201 })).toEqual([pixel]);
      const usable = new Uint8Array(N * N).fill(1);
      usable[other] = 0;
      expect(hot({ [other]: 20, [pixel]: 200 }, { usable })).toEqual([pixel]);
    });

    // A count of ten beside none is no chance, nor are ten and ten standard deviations more.
    it('in counts more than ten above the noise of what is around', () => {
      expect(hot({ [pixel]: 10 })).toEqual([]);
      expect(hot({ [pixel]: 11 })).toEqual([pixel]);
      expect(hot({ [opposite]: 1, [pixel]: 21 })).toEqual([]);
      expect(hot({ [opposite]: 1, [pixel]: 22 })).toEqual([pixel]);
      expect(hot({ [pixel]: 10 }, { counts: false })).toEqual([pixel]);
    });

    it('not within a pixel of the zero frequency, around the edges', () => {
      expect(hot({ [at(9, 7)]: 1000 })).toEqual([]);
      expect(hot({ [at(10, 8)]: 1000 })).toEqual([at(10, 8)]);
      expect(hot({ [at(8, 6)]: 1000 })).toEqual([at(8, 6)]);
      expect(hot({ [at(0, 15)]: 1000 }, { zero: [0, 0] })).toEqual([]);
      expect(hot({ [at(0, 14)]: 1000, [at(0, 2)]: 100 }, { zero: [0, 0] })).toEqual([]);
    });
  });

  describe('DEAD_PIXELS', () => {
    const dead = (values: Record<number, number>, more: Partial<Pattern> = {}) => deadPixels(patternOf(values, more));

    // Of two equal means, 40 counts here and none there have a chance of 2⁻⁴⁰.
    it('zeros opposite to more than 40 counts', () => {
      expect(dead({ [at(3, 4)]: 40 })).toEqual([]);
      expect(dead({ [at(3, 4)]: 41 })).toEqual([at(13, 12)]);
      expect(dead({ [at(3, 4)]: 41, [at(13, 12)]: 1 })).toEqual([]);
      expect(dead({ [at(0, 1)]: 41 }, { zero: [0, 0] })).toEqual([at(0, 15)]);
    });

    it('and zeros beside them opposite to more than five', () => {
      expect(dead({ [at(3, 4)]: 41, [at(4, 3)]: 5 })).toEqual([at(13, 12)]);
      expect(dead({ [at(3, 4)]: 41, [at(4, 3)]: 6 })).toEqual([at(12, 13), at(13, 12)]);
      // One leads to the next.
      expect(dead({ [at(3, 4)]: 41, [at(4, 3)]: 6, [at(5, 2)]: 6 })).toEqual([at(11, 14), at(12, 13), at(13, 12)]);
      expect(dead({ [at(3, 4)]: 41, [at(5, 2)]: 6 })).toEqual([at(13, 12)]);
    });

    it('where numbers are no counts, the smallest stands for one', () => {
      expect(dead({ [at(3, 4)]: 20, [at(8, 8)]: 0.5 }, { counts: false })).toEqual([]);
      expect(dead({ [at(3, 4)]: 20.5, [at(8, 8)]: 0.5 }, { counts: false })).toEqual([at(13, 12)]);
    });
  });

  describe('BEAMSTOP', () => {
    const radius = (row: number, column: number) => Math.floor(Math.hypot(row - 8, column - 8) + 0.5);
    const rings = (valueAt: (ring: number, row: number, column: number) => number, more: Partial<Pattern> = {}) =>
      patternOf(
        Object.fromEntries(
          Array.from({ length: N * N }, (_, k) => [
            k,
            valueAt(radius(Math.floor(k / N), k % N), Math.floor(k / N), k % N),
          ]),
        ),
        more,
      );
    const inner = (size: number) => [...Array(N * N).keys()].filter((k) => radius(Math.floor(k / N), k % N) <= size);

    it('zeros inside a ring of 15 counts or more, the first that is lit or one of the two around it', () => {
      expect(beamstopHole(rings((ring) => (ring <= 3 ? 0 : 15)))).toEqual(inner(3));
      expect(beamstopHole(rings((ring) => (ring <= 3 ? 0 : 14)))).toEqual([]);
      expect(beamstopHole(rings((ring) => (ring <= 3 ? 0 : ring === 6 ? 15 : 1)))).toEqual(inner(3));
      expect(beamstopHole(rings((ring) => (ring <= 3 ? 0 : ring === 7 ? 15 : 1)))).toEqual([]);
    });

    it('in numbers that are no counts, of a thousandth of the brightest ring', () => {
      const hole = (edge: number) =>
        beamstopHole(rings((ring) => (ring <= 3 ? 0 : ring === 9 ? 1000 : ring < 9 ? edge : 0.5), { counts: false }));
      expect(hole(1)).toEqual(inner(3));
      expect(hole(0.99)).toEqual([]);
    });

    it('no light at the zero frequency, which is measured', () => {
      expect(beamstopHole(rings((ring) => (ring === 0 ? 1 : ring <= 3 ? 0 : 15)))).toEqual([]);
      const usable = new Uint8Array(N * N).fill(1);
      usable[at(8, 8)] = 0;
      expect(beamstopHole(rings((ring) => (ring <= 3 ? 0 : 15), { usable }))).toEqual([]);
      expect(beamstopHole(patternOf({}))).toEqual([]);
    });

    it('with a holder as far as the rings are bright, and zeros connected to it', () => {
      const holder = (row: number, column: number) => column === 8 && row > 8;
      const bright = (end: number) =>
        beamstopHole(rings((ring, row, column) => (ring <= 2 || holder(row, column) ? 0 : ring <= end ? 40 : 1)));
      expect(bright(5)).toEqual([...inner(2), at(11, 8), at(12, 8), at(13, 8)]);
      expect(bright(6)).toEqual([...inner(2), at(11, 8), at(12, 8), at(13, 8), at(14, 8)]);
      // A zero in a bright ring that is not connected is another's.
      const apart = beamstopHole(rings((ring, row, column) => (ring <= 2 || (row === 3 && column === 3) ? 0 : 40)));
      expect(apart).toEqual(inner(2));
    });

    it('its edge is the first ring of which more than half is lit', () => {
      // The ring at 1 has eight pixels.
      const lit = (count: number) => {
        const ring = [at(7, 7), at(7, 8), at(7, 9), at(8, 9), at(9, 9), at(9, 8), at(9, 7), at(8, 7)];
        return beamstopHole(
          patternOf({
            ...all(
              inner(8).filter((k) => !inner(2).includes(k)),
              20,
            ),
            ...all(ring.slice(0, count), 9),
          }),
        );
      };
      // The ring at 2, of zeros, is inside the edge at 3, or outside that at 1, where zeros would have to be bright.
      expect(lit(4)).toEqual(inner(2).filter((k) => ![at(7, 7), at(7, 8), at(7, 9), at(8, 9)].includes(k)));
      expect(lit(5)).toEqual([at(8, 7), at(8, 8), at(9, 7), at(9, 8)]);
    });
  });

  describe('BACKGROUND', () => {
    /** A checkerboard of 1 ± `swing`, whose contrast squared is the square of that. */
    const board = (side: number, swing: number, base = 1) =>
      Float64Array.from({ length: side * side }, (_, k) => base + swing * ((Math.floor(k / side) + k) % 2 ? 1 : -1));
    const levelOfBoard = (data: Float64Array, side: number, more: Partial<Pattern> = {}) =>
      backgroundLevel(
        patternOf(
          {},
          {
            intensities: data,
            usable: new Uint8Array(side * side).fill(1),
            shape: [side, side],
            counts: false,
            ...more,
          },
        ),
      );
    /** The first squares are the board, and the others as bright as this, with the contrast of speckles. */
    const dimIn = (squares: number, bright: number, size = 16, side = 64) =>
      board(side, 0.1).map((value, k) => {
        const square =
          Math.floor(Math.floor(k / side) / size) * Math.floor(side / size) + Math.floor((k % side) / size);
        return square < squares ? value : bright * (k % 2);
      });

    it('contrast squared of less than a twentieth, whose root is taken off', () => {
      expect(levelOfBoard(board(64, Math.sqrt(0.049)), 64)).toBeCloseTo(1 - Math.sqrt(0.049), 6);
      expect(levelOfBoard(board(64, Math.sqrt(0.051)), 64)).toBeUndefined();
      expect(levelOfBoard(board(64, 0, 0), 64)).toBeUndefined();
    });

    it('in the dimmest quarter of the squares, of 16 pixels, or 8 in small patterns', () => {
      expect(levelOfBoard(dimIn(4, 40), 64)).toBeCloseTo(0.9, 6);
      expect(levelOfBoard(dimIn(3, 40), 64)).toBeUndefined();
      const side = 63;
      expect(levelOfBoard(dimIn(13, 40, 8, side), side)).toBeCloseTo(0.9, 6);
      expect(levelOfBoard(dimIn(12, 40, 8, side), side)).toBeUndefined();
    });

    it('of a thousandth of the light or more', () => {
      const light = (bright: number) => {
        // The level is 0.9 everywhere.
        const data = board(64, 0.1);
        data[64 * 64 - 1] = bright;
        return levelOfBoard(data, 64);
      };
      expect(light(0.98 * 900 * 64 * 64)).toBeCloseTo(0.9, 6);
      expect(light(1.02 * 900 * 64 * 64)).toBeUndefined();
    });

    it('of squares that were measured', () => {
      const usable = new Uint8Array(64 * 64).fill(1);
      // One pixel in each of the dim squares.
      for (const column of [0, 16, 32, 63]) usable[column] = 0;
      expect(levelOfBoard(dimIn(4, 40), 64, { usable })).toBeUndefined();
      usable[63] = 1;
      usable[64 * 15 + 63] = 0;
      expect(levelOfBoard(dimIn(4, 40), 64, { usable })).toBeUndefined();
    });

    it('after the variance of counts is taken off, with four standard deviations of what that is worth', () => {
      // Of 400 counts the noise has a variance of 400, and the contrast of that is a four-hundredth.
      const noisy = (excess: number) =>
        levelOfBoard(board(64, Math.sqrt(400 + excess * 400 ** 2), 400), 64, { counts: true });
      // Four squares of 256 pixels: 4 √(4 (2 · 400² + 400) / 256) / (4 · 400²) = 0.0004.
      expect(noisy(0.0494)).toBeCloseTo(400 * (1 - Math.sqrt(0.0494)), 3);
      expect(noisy(0.0498)).toBeUndefined();
      // Single counts tell nothing: 4 √(4 · 3 / 256) / 4 = 0.22.
      expect(levelOfBoard(board(64, 1, 1), 64, { counts: true })).toBeUndefined();
    });
  });

  describe('symmetry', () => {
    const rough = noise(N * N, 9).map((value) => Math.floor(100 * value));
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

    it.each<[string, [number, number], boolean, boolean]>([
      ['the middle, around both edges', [8, 8], true, true],
      ['another row, around the edges of columns', [6, 8], false, true],
      ['between two columns', [8, 7.5], true, false],
      ['another point', [9.5, 5], false, false],
    ])('about %s is what its definition says', (_, [row, column], aroundRows, aroundColumns) => {
      const usable = Uint8Array.from(noise(N * N, 4), (value) => (value < 0.9 ? 1 : 0));
      const [differences, energies, lit]: number[][] = [[], [], []];
      for (let k = 0; k < N * N; k++) {
        let [r, c] = [2 * row - Math.floor(k / N), 2 * column - (k % N)];
        if (aroundRows) r = (r + N) % N;
        if (aroundColumns) c = (c + N) % N;
        if (r < 0 || r >= N || c < 0 || c >= N || !usable[k] || !usable[at(r, c)]) continue;
        differences.push((Math.sqrt(rough[k]) - Math.sqrt(rough[at(r, c)])) ** 2);
        energies.push(rough[k]);
        lit.push(rough[k] + rough[at(r, c)] > 0 ? 1 : 0);
      }
      const pattern = patternOf({}, { intensities: rough, usable });
      const { asymmetry, explained } = symmetryAbout(pattern, [row, column]);
      expect(asymmetry).toBeCloseTo(Math.sqrt(sum(differences) / sum(energies)), 10);
      expect(explained).toBeCloseTo(Math.sqrt((2 * 0.42 * sum(lit)) / sum(energies)), 10);
      expect(symmetryAbout({ ...pattern, counts: false }, [row, column]).explained).toBe(0);
    });

    it('differences that resemble their neighbours are structure, and those that alternate are not', () => {
      // The upper half is brighter than the lower. Rows 1 to 7 differ by 2 from those opposite.
      const halves = patternOf({}, { intensities: Float64Array.from(rough, (_, k) => (k < 8 * N ? 9 : 1)) });
      const pairs = 7 * 15 + 6 * 16;
      expect(symmetryAbout(halves, [8, 8]).structure).toBeCloseTo(Math.sqrt(pairs), 10);
      const board = Float64Array.from(rough, (_, k) => ((Math.floor(k / N) + k) % 2 ? 9 : 1));
      const alternating = board.map((value, k) => (k < 8 * N ? value : 4));
      expect(symmetryAbout(patternOf({}, { intensities: alternating }), [8, 8]).structure).toBeLessThan(0);
    });

    it('asymmetry of more than 2 %, a fifth more than noise explains, of more than six deviations of structure', () => {
      const is = (asymmetry: number, explained: number, structure: number) =>
        isAsymmetric({ asymmetry, explained, structure });
      expect([is(0.02, 0, 7), is(0.021, 0, 7)]).toEqual([false, true]);
      expect([is(0.24, 0.2, 7), is(0.241, 0.2, 7)]).toEqual([false, true]);
      expect([is(0.5, 0, 6), is(0.5, 0, 6.1)]).toEqual([false, true]);
    });

    it('another point is better whose asymmetry is less than four fifths', () => {
      const odd = { asymmetry: 0.5, explained: 0, structure: 7 };
      expect(isBetter({ ...odd, asymmetry: 0.4 }, odd)).toBe(false);
      expect(isBetter({ ...odd, asymmetry: 0.39 }, odd)).toBe(true);
      expect(isBetter({ ...odd, asymmetry: 0.001 }, { ...odd, asymmetry: 0.02 })).toBe(false);
    });
  });

  describe('FLAT', () => {
    const half = (ones: number) =>
      inspectImage(
        { data: Float64Array.from(noise(N * N, 2), (value, k) => (k < ones ? 1000 : 1 + value)), shape: [N, N] },
        { intensity: true, centered: true },
      ).warnings.map(({ code }) => code);

    it('more than half of the pixels at the largest value, or all measured ones at any', () => {
      expect(half(128)).toContain('SATURATED');
      expect(half(128)).not.toContain('FLAT');
      expect(half(129)).toEqual(['FLAT']);
      const data = Float64Array.from({ length: N * N }, (_, k) => (k === 7 ? 2 : 0.5));
      const mask = new Uint8Array(N * N).fill(1);
      expect(codes(inspectImage({ data, shape: [N, N] }, { mask }))).not.toContain('FLAT');
      mask[7] = 0;
      expect(codes(inspectImage({ data, shape: [N, N] }, { mask }))).toEqual(['FLAT']);
    });
  });

  describe('FEW_MEASURED, SUPPORT_TOO_LARGE and DIVERGED', () => {
    const problem = () => ({ magnitudes: fftshift(magnitudes, SHAPE), shape: SHAPE });
    const ones = (count: number) => new Uint8Array(SIDE * SIDE).fill(1, 0, count);

    it('fewer than half of the pixels measured, more than half of them in the support', () => {
      const half = (SIDE * SIDE) / 2;
      expect(codes(inspect({ ...problem(), mask: ones(half), support }))).not.toContain('FEW_MEASURED');
      expect(codes(inspect({ ...problem(), mask: ones(half - 1), support }))).toContain('FEW_MEASURED');
      expect(codes(inspect({ ...problem(), support: ones(half) }))).toEqual([]);
      const { warnings } = inspect({ ...problem(), support: ones(half + 1) });
      expect(warnings).toMatchObject([{ code: 'SUPPORT_TOO_LARGE', value: (half + 1) / (2 * half) }]);
      expect(warnings[0].message).toContain('it covers 50 % of the image');
      expect(inspect({ ...problem(), support: ones(2 * half) }).warnings[0].message).toContain('it excludes nothing');
    });

    it('a support around the edges is as large as one that is not', () => {
      const around = (cut: number) =>
        Uint8Array.from({ length: SIDE * SIDE }, (_, k) => {
          const [row, column] = [(Math.floor(k / SIDE) + 20) % SIDE, ((k % SIDE) + 9) % SIDE];
          return row < OBJECT[0] && column < OBJECT[1] - cut ? 1 : 0;
        });
      expect(codes(inspect({ ...problem(), support: around(0) }))).toEqual([]);
      expect(codes(inspect({ ...problem(), support: around(2) }))).toEqual(['SUPPORT_TOO_SMALL']);
    });

    it('a residual above 10, or that is no number, or a black image', () => {
      const result = { feasible: Float64Array.of(0, 1), residual: 0.1, feasibleResidual: 10 };
      expect(inspectResult(result)).toEqual([]);
      expect(inspectResult({ ...result, feasibleResidual: 10.1 })).toMatchObject([{ code: 'DIVERGED' }]);
      expect(codes({ warnings: inspectResult({ ...result, residual: NaN }) })).toEqual(['DIVERGED']);
      expect(codes({ warnings: inspectResult({ ...result, feasibleResidual: Infinity }) })).toEqual(['DIVERGED']);
      expect(codes({ warnings: inspectResult({ ...result, feasible: Float64Array.of(0, 0) }) })).toEqual(['DIVERGED']);
    });
  });

  describe('ZERO_FREQUENCY', () => {
    const SIZE = 32;
    /** Magnitudes of 1, and of `level` in the ninth by nine around the middle, with a peak `off` rows from it. */
    const lightInMiddle = (level: number, off = 0) => {
      const data = new Float64Array(SIZE * SIZE).fill(1);
      for (let row = 12; row <= 20; row++) data.fill(level, row * SIZE + 12, row * SIZE + 21);
      // Pairs about the middle, of different values, and 36 in sum, so that nothing is saturated or asymmetric.
      const peak = [3.9, 3.95, 4.05, 4.1, 4, 4.1, 4.05, 3.95, 3.9];
      peak.forEach((value, i) => (data[(15 + Math.floor(i / 3) + off) * SIZE + 15 + (i % 3)] = value));
      if (off > 0) peak.forEach((value, i) => (data[(15 + Math.floor(i / 3) - off) * SIZE + 15 + (i % 3)] = value));
      return data;
    };
    const said = (data: Float64Array) =>
      codes(inspectImage({ data, shape: [SIZE, SIZE] }, { intensity: false, centered: false }));

    // 81 pixels around the corner have a magnitude of 1, and around the middle 9 of 4 and 72 of this level.
    it('more than three times as much light around the other place', () => {
      expect(said(lightInMiddle(2.87))).not.toContain('ZERO_FREQUENCY_IN_MIDDLE');
      expect(said(lightInMiddle(2.88))).toContain('ZERO_FREQUENCY_IN_MIDDLE');
    });

    it('with the brightest two by two pixels within two of it, a sixteenth of the pattern', () => {
      expect(said(lightInMiddle(3, 1))).toContain('ZERO_FREQUENCY_IN_MIDDLE');
      expect(said(lightInMiddle(3, 2))).not.toContain('ZERO_FREQUENCY_IN_MIDDLE');
    });
  });

  describe('what the numbers are', () => {
    it('a picture has its largest value, of 8 or 16 bits, at two pixels at most', () => {
      const said = (largest: number, times: number) => {
        const scale = (largest - 1) / Math.max(...counts);
        let left = times;
        const byBrightness = [...counts.keys()].sort((a, b) => counts[b] - counts[a]).slice(0, times);
        const data = counts.map((value, k) =>
          byBrightness.includes(k) && left-- > 0 ? largest : Math.floor(scale * value),
        );
        return codes(inspectImage({ data, shape: SHAPE }, { intensity: false, centered: true }));
      };
      for (const largest of [255, 65535]) {
        expect(said(largest, 2)).not.toContain('LOOKS_LIKE_INTENSITIES');
        expect(said(largest, 3)).toContain('LOOKS_LIKE_INTENSITIES');
      }
      expect(said(65534, 1)).toContain('LOOKS_LIKE_INTENSITIES');
    });

    it('multiples of the smallest are counts, up to 10⁴ of it and to a hundredth', () => {
      const noiseOf = (data: Float64Array) =>
        inspectImage({ data, shape: SHAPE }, { intensity: true, centered: true }).noise;
      const exact = noiseOf(counts);
      expect(exact).toBeGreaterThan(0);
      // The smallest of the counts has to be 1.
      const ones = changed((all) => void (all[0] = 1));
      const scaled = ones.map((value) => 0.3 * value);
      expect(noiseOf(scaled)).toBeCloseTo(exact, 3);
      const except = (multiple: number, times = 1) => {
        const data = scaled.slice();
        for (let i = 1; i <= times; i++) data[i] = 0.3 * multiple;
        return noiseOf(data);
      };
      expect(except(2.009)).toBeGreaterThan(0);
      expect(except(2.011)).toBe(0);
      expect(except(9999.5)).toBe(0);
      expect(except(10001.5)).toBeGreaterThan(0);
      // Five that are more than one make a rule of it.
      const few = (several: number) =>
        noiseOf(
          Float64Array.from({ length: SIDE * SIDE }, (_, k) =>
            k % 7 === 0 ? 0.3 * (k / 7 <= several && k > 0 ? 1 + k / 7 : 1) : 0,
          ),
        );
      expect(few(4)).toBe(0);
      expect(few(5)).toBeGreaterThan(0);
    });

    it('whole numbers are of three values at least', () => {
      const wholeOf = (...data: number[]) =>
        areWhole(data as unknown as Float64Array, new Uint8Array(data.length).fill(1));
      expect([wholeOf(0, 1, 1), wholeOf(0, 1, 2), wholeOf(0, 1, 2, 2.5)]).toEqual([false, true, false]);
      expect(areWhole(Float64Array.of(0, 1, 2, 0.5), Uint8Array.of(1, 1, 1, 0))).toBe(true);
    });

    it('the number below which a share of numbers lies', () => {
      const numbers = noise(101, 8);
      const sorted = numbers.slice().sort();
      for (const share of [0, 0.1, 0.5, 0.99, 1]) {
        expect(quantile(numbers, share)).toBe(sorted[Math.min(100, Math.floor(share * 101))]);
      }
      expect(quantile(Float64Array.of(2, 1, 2, 1, 1, 2, 2), 0.5)).toBe(2);
    });
  });

  describe('SUPPORT_TOO_SMALL', () => {
    const LENGTH = 64;
    /** The same line in each column: a constant, and a wave for each shift, whose autocorrelation there is this part of it. */
    const waves = (parts: Record<number, number>, axis: 'rows' | 'columns' = 'rows'): Pattern => {
      const line = Float64Array.from({ length: LENGTH }, (_, i) => {
        const wave = ([shift, part]: [string, number]) =>
          (Number(shift) === LENGTH / 2 ? 1 : 2) * part * Math.cos((2 * Math.PI * Number(shift) * (i - 32)) / LENGTH);
        return (
          1 +
          Object.entries(parts)
            .map(wave)
            .reduce((sum, value) => sum + value, 0)
        );
      });
      const intensities = Float64Array.from({ length: LENGTH * LENGTH }, (_, k) =>
        axis === 'rows' ? line[Math.floor(k / LENGTH)] : line[k % LENGTH],
      );
      const usable = new Uint8Array(intensities.length).fill(1);
      return { intensities, usable, shape: [LENGTH, LENGTH], zero: [32, 32], counts: false };
    };
    const far = (part: number, from = 25) =>
      Object.fromEntries(Array.from({ length: 33 - from }, (_, i) => [from + i, part]));

    it.each(['rows', 'columns'] as const)('an autocorrelation of more than 0.003 beyond its %s', (axis) => {
      expect(reachesBeyond(waves({ 20: 0.0031 }, axis), axis, 20)).toBe(true);
      expect(reachesBeyond(waves({ 20: 0.0029 }, axis), axis, 20)).toBe(false);
      expect(reachesBeyond(waves({ 20: 0.0031 }, axis), axis, 19)).toBe(false);
      expect(reachesBeyond(waves({ 20: 0.0031 }, axis === 'rows' ? 'columns' : 'rows'), axis, 20)).toBe(false);
    });

    it('and of more than five times the least of that at the eight largest shifts', () => {
      expect(reachesBeyond(waves({ ...far(0.0199), 20: 0.1 }), 'rows', 20)).toBe(true);
      expect(reachesBeyond(waves({ ...far(0.0201), 20: 0.1 }), 'rows', 20)).toBe(false);
      expect(reachesBeyond(waves({ ...far(0.0201), 25: 0, 20: 0.1 }), 'rows', 20)).toBe(true);
      expect(reachesBeyond(waves({ ...far(0.0201), 24: 0, 20: 0.1 }), 'rows', 20)).toBe(false);
    });

    it('where two shifts are left beyond it', () => {
      expect(reachesBeyond(waves({ 30: 0.1 }), 'rows', 30)).toBe(true);
      expect(reachesBeyond(waves({ 31: 0.1 }), 'rows', 31)).toBe(false);
    });

    it('in lines all of whose pixels, or their opposites, were measured', () => {
      const pattern = waves({ 20: 0.1 });
      const broken = (columns: readonly number[], row: number) => {
        const usable = pattern.usable.slice();
        for (const column of columns) usable[row * LENGTH + column] = 0;
        const intensities = pattern.intensities.map((value, k) => (usable[k] ? value : 0));
        return reachesBeyond({ ...pattern, usable, intensities }, 'rows', 20);
      };
      const columns = [...Array(LENGTH).keys()];
      expect(broken(columns, 10)).toBe(true);
      expect(broken(columns.slice(1), 32)).toBe(true);
      expect(broken(columns, 32)).toBe(false);
    });

    it('is not said of a pattern that is wrong in something else', () => {
      const small = support.map((is, k) => (is && Math.floor(k / SIDE) < OBJECT[0] - 8 ? 1 : 0));
      const said = (data: Float64Array) => codes(inspect({ magnitudes: data, shape: SHAPE, support: small }));
      const atCorner = fftshift(magnitudes, SHAPE);
      expect(said(atCorner)).toEqual(['SUPPORT_TOO_SMALL']);
      expect(said(atCorner.map((value) => value ** 2))).toEqual(['LOOKS_LIKE_INTENSITIES']);
      expect(said(magnitudes)).toEqual(['ZERO_FREQUENCY_IN_MIDDLE']);
      const greatest = Math.max(...magnitudes);
      expect(said(atCorner.map((value) => Math.hypot(value, 0.05 * greatest)))).toEqual(['BACKGROUND']);
      const odd = atCorner.map((value, k) => value * (1 + 0.5 * Math.sin(Math.floor(k / SIDE) / 5 + (k % SIDE) / 3)));
      expect(said(odd)).toEqual(['ASYMMETRIC']);
    });
  });

  describe('the autocorrelation', () => {
    it('is spread as far as its last 6 % are to what is inside three fifths, without the first two shifts', () => {
      const profile = (outer: number) =>
        Float64Array.from({ length: 101 }, (_, i) => (i < 2 ? 50 : i <= 60 ? 4 : i < 94 ? 30 : outer));
      expect(spread({ rows: profile(2), columns: profile(8) })).toBeCloseTo(1, 12);
      expect(spread({ rows: profile(1), columns: profile(1) })).toBeCloseTo(0.25, 12);
      expect(spread({ rows: new Float64Array(101), columns: new Float64Array(101) })).toBe(0);
    });

    it('is the transform of a tapered pattern whose gaps are filled with what is opposite', () => {
      const shape = [16, 12] as const;
      const intensities = noise(16 * 12, 6);
      const usable = new Uint8Array(16 * 12).fill(1);
      // One pixel and its opposite are not known, and of another only the opposite is.
      usable[2 * 12 + 3] = usable[14 * 12 + 9] = usable[5 * 12 + 2] = 0;
      const found = autocorrelation({ intensities, usable, shape, zero: [8, 6], counts: false }, 0.5);
      const value = (row: number, column: number) => {
        if ((row === 2 && column === 3) || (row === 14 && column === 9)) return 0;
        const from = row === 5 && column === 2 ? 11 * 12 + 10 : row * 12 + column;
        const taper = Math.cos((Math.PI * (row - 8)) / 16) ** 2 * Math.cos((Math.PI * (column - 6)) / 12) ** 2;
        return taper * Math.sqrt(intensities[from]);
      };
      /** The field is square: 16 shifts in both directions. */
      const squared = (down: number, right: number) => {
        let [re, im] = [0, 0];
        for (let k = 0; k < 16 * 12; k++) {
          const [row, column] = [Math.floor(k / 12), k % 12];
          const angle = (2 * Math.PI * (down * (row - 8) + right * (column - 6))) / 16;
          re += value(row, column) * Math.cos(angle);
          im += value(row, column) * Math.sin(angle);
        }
        return re * re + im * im;
      };
      for (const shift of [0, 1, 3, 8]) {
        const across = [...Array(16).keys()];
        const rms = (of: (i: number) => number) => Math.sqrt(across.reduce((sum, i) => sum + of(i), 0) / 16);
        expect(found?.columns[shift]).toBeCloseTo(
          rms((down) => squared(down, shift)),
          10,
        );
        expect(found?.rows[shift]).toBeCloseTo(
          rms((right) => squared(shift, right)),
          10,
        );
      }
      expect(found?.rows).toHaveLength(9);
    });

    it('is not known where a sixteenth around the zero frequency is not', () => {
      const known = (row: number) => {
        const usable = new Uint8Array(40 * 40).fill(1);
        usable[(20 - row) * 40 + 20] = usable[(20 + row) * 40 + 20] = 0;
        const intensities = new Float64Array(40 * 40).fill(1);
        return (
          autocorrelation({ intensities, usable, shape: [40, 40], zero: [20, 20], counts: false }, 1) !== undefined
        );
      };
      expect([known(2), known(3)]).toEqual([false, true]);
    });
  });

  describe('OFF_CENTER', () => {
    const SIZE = 32;
    const lit = (values: (row: number, column: number) => number, shape: Shape = [SIZE, SIZE]): Pattern => ({
      intensities: Float64Array.from({ length: shape[0] * shape[1] }, (_, k) =>
        values(Math.floor(k / shape[1]), k % shape[1]),
      ),
      usable: new Uint8Array(shape[0] * shape[1]).fill(1),
      ...{ shape, zero: [shape[0] / 2, shape[1] / 2] as const, counts: false },
    });

    it('looks around the brightest square of a sixteenth, in which one pixel counts as the thousandth brightest', () => {
      const block = lit((row, column) => (row >> 1 === 5 && column >> 1 === 10 ? 4 : 0));
      block.intensities[3 * SIZE + 3] = 1e6;
      expect(brightest(block)).toEqual([10.5, 20.5]);
      expect(brightest(lit((row, column) => (row % 31 === 0 && column % 31 === 0 ? 4 : 0)))).toEqual([31.5, 31.5]);
      expect(brightest(lit((row, column) => (row >= 7 && row < 10 && column === 5 ? 4 : 0), [48, 16]))).toEqual([8, 5]);
    });

    /** Speckles symmetric about a point, under a bright hill around another. */
    const symmetric = (centre: readonly [number, number], hill: readonly [number, number]) => {
      const rough = noise(8 * SIZE * SIZE, 12);
      return lit((row, column) => {
        const [down, right] = [row - centre[0], column - centre[1]];
        const first = down > 0 || (down === 0 && right >= 0) ? 1 : -1;
        const speckle = rough[2 * first * down * 4 * SIZE + 2 * SIZE + 2 * first * right];
        return speckle ** 2 * (0.05 + 20 * Math.exp(-((row - hill[0]) ** 2 + (column - hill[1]) ** 2) / 40));
      });
    };

    it.each<[readonly [number, number], readonly [number, number]]>([
      [
        [13, 18],
        [13, 18],
      ],
      [
        [13.5, 18],
        [13.5, 18],
      ],
      [
        [17, 14.5],
        [17, 14.5],
      ],
    ])('finds %j', (centre, hill) => {
      const pattern = symmetric(centre, hill);
      const found = findCentre(pattern);
      expect(found?.centre).toEqual(centre);
      const beside = symmetryNear(pattern, [centre[0] + 0.5, centre[1]]);
      expect(found?.symmetry.asymmetry).toBeLessThan(beside.asymmetry / 3);
    });

    it('finds no centre in noise', () => {
      const rough = noise(SIZE * SIZE, 3);
      expect(findCentre(lit((row, column) => rough[row * SIZE + column]))).toBeUndefined();
      expect(findCentre(lit(() => 0))).toBeUndefined();
    });
  });

  it('DEAD_PIXELS are not said of a complex object, which has zeros opposite to light by right', () => {
    const odd = (change: (all: Float64Array) => void) =>
      asCounts(
        changed((data) => {
          data.forEach((value, k) => {
            data[k] = Math.round(value * (1 + 0.8 * Math.sin(Math.floor(k / SIDE) / 5 + (k % SIDE) / 3)));
          });
          change(data);
        }),
      );
    expect(odd((data) => void (data[45 * SIDE + 44] = 0))).toEqual(['ASYMMETRIC']);
  });

  it('a hot pixel hides no background', () => {
    const next = uniformStream(5, 0);
    const data = counts.map((value) => value + poisson(20000, next));
    const options = { intensity: true, centered: true };
    const { background } = inspectImage({ data, shape: SHAPE }, options);
    // With it, the background would be less than a thousandth of the light.
    data[20 * SIDE + 30] = 1e12;
    const seen = inspectImage({ data, shape: SHAPE }, options);
    expect(codes(seen)).toEqual(['BACKGROUND', 'HOT_PIXELS']);
    expect(seen.background).toBeCloseTo(background ?? NaN, -2);
    expect(inspectImage({ data: counts, shape: SHAPE }, options)).not.toHaveProperty('background');
  });

  it('what an image is', () => {
    const mask = new Uint8Array(SIDE * SIDE).fill(1);
    mask[5] = 0;
    const data = changed((all) => void (all[7] = NaN));
    expect(inspectImage({ data, shape: SHAPE }, { mask })).toMatchObject({
      ...{ shape: SHAPE, measured: 1 - 1 / SIDE ** 2, whole: true, center: [48, 48], intensity: true, centered: true },
      ...{ least: 0, greatest: Math.max(...counts) },
    });
    expect(inspectImage({ data: magnitudes, shape: SHAPE }).whole).toBe(false);
    const shifted = inspectImage({ data: fftshift(counts, SHAPE), shape: SHAPE });
    expect(shifted).toMatchObject({ centered: false, center: [0, 0], warnings: [] });
  });

  describe('clean', () => {
    const shape = [6, 8] as const;
    const image = (change: (data: Float64Array) => void = () => undefined) => {
      const data = Float64Array.from({ length: 48 }, (_, k) => 100 + ((k * 37) % 48));
      change(data);
      return { data, shape };
    };

    it('leaves out what is at the saturation or above it', () => {
      const { data } = image();
      const { mask, magnitudes: roots, done } = clean(image(), { intensity: true, saturation: 140 });
      expect(mask).toEqual(Uint8Array.from(data, (value) => (value < 140 ? 1 : 0)));
      expect(roots).toEqual(data.map((value) => (value < 140 ? Math.sqrt(value) : 0)));
      expect(done).toEqual([expect.stringMatching(/^left out 8 pixels \(.*\): from 140 on$/)]);
      expect(() => clean(image(), { saturation: 0 })).toThrow('a number above 0');
    });

    it('subtracts a background or a dark frame from intensities, and takes what is then negative for 0', () => {
      const { data } = image();
      const expected = data.map((value) => Math.sqrt(Math.max(0, value - 120)));
      expect(clean(image(), { intensity: true, background: 120 }).magnitudes).toEqual(expected);
      const dark = new Float64Array(48).fill(120);
      expect(clean(image(), { intensity: true, dark }).magnitudes).toEqual(expected);
      const squared = clean(image(), { background: 14400 });
      expect(squared.magnitudes).toEqual(data.map((value) => Math.sqrt(Math.max(0, value * value - 14400))));
      expect(squared.done).toEqual(['subtracted a background of 14400']);
    });

    it('takes negative numbers for 0 where it is asked to, and refuses them otherwise', () => {
      const negative = () => image((data) => void ([data[3], data[9]] = [-4, NaN]));
      const { magnitudes: roots, mask } = clean(negative(), { intensity: true, clipNegative: true, maskNan: true });
      expect([roots[3], roots[9], mask?.indexOf(0)]).toEqual([0, 0, 9]);
      expect(() => clean(negative(), { clipNegative: true })).toThrow(/the pattern: 1 pixel \(row 1, column 1\) NaN/);
      expect(() => clean(negative())).toThrow(
        /1 pixel \(row 1, column 1\) NaN.*, and 1 pixel \(row 0, column 3\) negative/,
      );
    });

    it('moves the zero frequency to index 0, and what would come around the edges is not measured', () => {
      const { data } = image();
      const moved = clean(image(), { intensity: true, center: [2, 5] });
      for (let row = -3; row < 3; row++) {
        for (let column = -4; column < 4; column++) {
          const [from, to] = [(row + 2) * 8 + column + 5, ((row + 6) % 6) * 8 + ((column + 8) % 8)];
          const inside = row + 2 >= 0 && row + 2 < 6 && column + 5 >= 0 && column + 5 < 8;
          expect(moved.mask?.[to]).toBe(inside ? 1 : 0);
          expect(moved.magnitudes[to]).toBe(inside ? Math.sqrt(data[from]) : 0);
        }
      }
      expect(clean(image(), { intensity: true, centered: true }).mask).toBeUndefined();
    });

    it('interpolates where the zero frequency is a tenth of a pixel or more from one', () => {
      const side = 32;
      const wave = (row: number, column: number) => 2 + Math.cos(row / 4) * Math.sin(column / 5);
      const data = Float64Array.from({ length: side * side }, (_, k) => wave(Math.floor(k / side), k % side));
      const centred = (row: number, column: number) => {
        const found = clean({ data, shape: [side, side] }, { intensity: true, center: [row, column] });
        return found.magnitudes.map((value) => value ** 2);
      };
      expect(centred(16.09, 16)).toEqual(centred(16, 16));
      for (const [row, column] of [
        [16.4, 16],
        [15.5, 16.25],
        [16, 15.8],
      ]) {
        const values = centred(row, column);
        for (const [down, right] of [
          [0, 0],
          [3, 5],
          [7, 1],
        ]) {
          expect(values[down * side + right]).toBeCloseTo(wave(row + down, column + right), 2);
        }
      }
    });
  });

  it('the small transform is what its definition says', () => {
    const size = 8;
    const [re, im] = [noise(size * size, 1), noise(size * size, 2)];
    const found = { re: re.slice(), im: im.slice(), size };
    transform(found);
    for (const k of [0, 1, 8, 13, 37, 63]) {
      let [sumRe, sumIm] = [0, 0];
      for (let x = 0; x < size * size; x++) {
        const turns = (Math.floor(k / size) * Math.floor(x / size) + (k % size) * (x % size)) / size;
        const [c, s] = [Math.cos(2 * Math.PI * turns), -Math.sin(2 * Math.PI * turns)];
        sumRe += re[x] * c - im[x] * s;
        sumIm += re[x] * s + im[x] * c;
      }
      expect(found.re[k]).toBeCloseTo(sumRe, 10);
      expect(found.im[k]).toBeCloseTo(sumIm, 10);
    }
  });

  it('what is said of pixels and shares', () => {
    expect(pixelsAt([5], [4, 4])).toBe('1 pixel (row 1, column 1)');
    expect(pixelsAt([0, 5, 10], [4, 4])).toBe('3 pixels (row 0, column 0; row 1, column 1; row 2, column 2)');
    expect(pixelsAt([0, 5, 10, 15], [4, 4])).toMatch(/^4 pixels .*column 2; …\)$/);
    expect([0, 9e-5, 1e-4, 0.0163, 1].map(percent)).toEqual(['0 %', 'under 0.01 %', '0.01 %', '1.6 %', '100 %']);
  });
});

it('every code is explained in docs/warnings.md', () => {
  const text = readFileSync(new URL('../docs/warnings.md', import.meta.url), 'utf8');
  for (const code of WARNING_CODES) expect(text).toContain(`### ${code}\n`);
});
