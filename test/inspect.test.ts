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
import { inspectResult } from '../src/inspect/index.js';
import { fftshift } from '../src/tools/fftshift.js';
import { readImage } from '../src/formats/files.js';
import { uniformStream } from '../src/tools/random.js';
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
    for (const cut of [0, 2, 4, 8]) {
      const inside = new Uint8Array(image.length);
      for (let row = 0; row < height - cut; row++) inside.fill(1, row * shape[1], row * shape[1] + width - cut);
      const seen = codes(inspect({ magnitudes: exact.magnitudes, shape, support: inside }));
      expect(seen, `${cut} pixels cut off`).toEqual(cut === 0 ? [] : ['SUPPORT_TOO_SMALL']);
    }
  });

  it('whose outermost pixels are bright, where the image does not explain the pattern', () => {
    const isEdge = (row: number, column: number) =>
      row === 0 || column === 0 || row === OBJECT[0] - 1 || column === OBJECT[1] - 1;
    const imageWith = (edge: number, inner: number) =>
      Float64Array.from(support, (is, k) => (is ? (isEdge(Math.floor(k / SIDE), k % SIDE) ? edge : inner) : 0));
    const warningsOf = (feasible: Float64Array, residual: number) =>
      inspectResult({ feasible, shape: SHAPE, residual, feasibleResidual: residual }, support, []);
    const [warning, ...others] = warningsOf(imageWith(2, 1), 0.2);
    expect(others).toEqual([]);
    expect(warning.code).toBe('BRIGHT_EDGE');
    const edgePixels = 2 * (OBJECT[0] + OBJECT[1]) - 4;
    const innerPixels = OBJECT[0] * OBJECT[1] - edgePixels;
    expect(warning.value).toBeCloseTo((4 * edgePixels) / (4 * edgePixels + innerPixels), 12);
    expect(warningsOf(imageWith(2, 1), 0.01)).toEqual([]);
    expect(warningsOf(imageWith(1, 1), 0.2)).toEqual([]);
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

it('every code is explained in docs/warnings.md', () => {
  const text = readFileSync(new URL('../docs/warnings.md', import.meta.url), 'utf8');
  for (const code of WARNING_CODES) expect(text).toContain(`### ${code}\n`);
});
