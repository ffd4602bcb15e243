/** What stands beside the reconstruction of scans: simulation, guesses, light, and the error where the truth is known. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  AbortError,
  InvalidArgumentError,
  alignedScanError,
  guessProbe,
  guessScan,
  illumination,
  orientScan,
  retrieve,
  simulateScan,
  type Orientation,
  type Scan,
  type SimulateScanOptions,
} from '../src/index.js';
import type { Shape } from '../src/types.js';
import { powerOf } from '../src/session/probe.js';
import { relativeError } from './support/images.js';
import { defocusOf, discs, lensProbe, spiral } from './support/lens.js';
import { makeScene } from './support/scans.js';

const RADIUS = 0.35;
const DEFOCUS = 14;
const SHAPE: Shape = [64, 64];

/** The scan of the specification's experiment: 49 positions, a beam that is defocused by 14 radians. */
let scan: Awaited<ReturnType<typeof simulateScan>>;
beforeAll(async () => {
  const positions = spiral(49, 10);
  const most = [0, 1].map((axis) => Math.max(...positions.filter((_, i) => i % 2 === axis)));
  const shape: Shape = [most[0] + 66, most[1] + 66];
  const probe = await lensProbe(SHAPE, RADIUS, DEFOCUS);
  scan = await simulateScan({ object: { data: discs(shape, 7), shape }, probe, shape: SHAPE, positions, photons: 1e6 });
});

describe('guessScan', () => {
  it('finds orientation and defocus, or their twin, far below all others', async () => {
    const mounted = orientScan(scan, [true, false, true]);
    const progress: number[] = [];
    const guesses = await guessScan(mounted, { onProgress: ({ iteration }) => progress.push(iteration) });
    expect(guesses).toHaveLength(56);
    expect(progress.at(-1)).toBe(28);
    const [best, twin, third] = guesses;
    expect(best.residual).toBeLessThan(0.7 * third.residual);
    expect(twin.residual).toBe(best.residual);
    expect(twin.defocus).toBe(-best.defocus);
    // What undoes a transposition and then a flip of columns is a transposition and then a flip of rows.
    const right = [best, twin].find(({ orientation }) => orientation.join() === 'true,true,false')!;
    const true_ = defocusOf(RADIUS, DEFOCUS);
    expect(right.defocus).toBeGreaterThan(0.6 * true_);
    expect(right.defocus).toBeLessThan(1.6 * true_);
    expect(orientScan(mounted, right.orientation).patterns).toEqual(scan.patterns);
  });

  it('refuses fewer than four positions, which fit anything', async () => {
    const { patterns, positions } = scan;
    const few = { patterns: patterns.slice(0, 3 * 64 * 64), positions: positions.slice(0, 6), shape: SHAPE };
    await expect(guessScan(few)).rejects.toThrow(/^positions: there are 3, and fewer than 4 do not tell/);
    const one = { patterns: patterns.slice(0, 64 * 64), positions: positions.slice(0, 2), shape: SHAPE };
    await expect(guessScan(one)).rejects.toThrow(/^positions: there is 1, and fewer than 4 do not tell/);
  });

  it('looks at the 64 positions that are nearest to the middle', async () => {
    const shape: Shape = [8, 8];
    // Four around [60, 40], far away, and 64 near it.
    const positions = Float64Array.of(
      0,
      40,
      120,
      40,
      60,
      0,
      60,
      80,
      ...spiral(64, 2).map((at, i) => at + [50, 30][i % 2]),
    );
    const object = { data: discs([130, 90], 4), shape: [130, 90] as Shape };
    const probe = await lensProbe(shape, RADIUS, 3);
    const { patterns } = await simulateScan({ object, probe, shape, positions });
    const guesses = (far: number) => {
      const changed = patterns.map((counts, i) => (i < 4 * 64 ? far * (i % 7) : counts));
      return guessScan({ patterns: changed, positions, shape }, { defocus: [0, 50], backend: 'wasm' });
    };
    expect(await guesses(1)).toEqual(await guesses(2));
  });

  it('says the same of a scan whose lengths are in metres, with defocus in metres', async () => {
    const [pixel, wavelength] = [2e-8, 1e-10];
    const metres = defocusOf(RADIUS, DEFOCUS) * (pixel ** 2 / wavelength);
    const measured = { ...scan, probe: undefined, object: undefined, pixel: [pixel, pixel] as const, wavelength };
    const guesses = await guessScan(measured, { defocus: [0, 0.7 * metres, 1.3 * metres] });
    expect(guesses).toHaveLength(24);
    expect(guesses[0].orientation).toEqual([false, false, false]);
    expect(guesses[0].defocus).toBeGreaterThan(0);
  });

  it('ends where its signal says so', async () => {
    const controller = new AbortController();
    const run = guessScan(scan, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(run).rejects.toThrow(AbortError);
  });

  it('refuses a defocus that is none', async () => {
    await expect(guessScan(scan, { defocus: [NaN] })).rejects.toThrow(/^defocus\[0\]: got NaN; takes a finite number/);
  });
});

it('recovers the object from the guess, and measures how well', async () => {
  const probe = await guessProbe(scan, { defocus: 0.7 * defocusOf(RADIUS, DEFOCUS) });
  const { object, objectShape } = await retrieve({ ...scan, object: undefined, probe }, { iterations: 100, batch: 8 });
  expect(objectShape).toEqual(scan.object.shape);
  const light = await illumination(scan);
  const most = Math.max(...light.data);
  const weight = light.data.map((counts) => Number(counts > 0.3 * most));
  const { error } = await alignedScanError(object, scan.object.data, objectShape, { weight });
  expect(error).toBeLessThan(0.05);
  // Without any defocus the object stays wrong.
  const focused = await guessProbe(scan);
  const wrong = await retrieve({ ...scan, object: undefined, probe: focused }, { iterations: 100, batch: 8 });
  const { error: ofWrong } = await alignedScanError(wrong.object, scan.object.data, objectShape, { weight });
  expect(ofWrong).toBeGreaterThan(0.15);
});

describe('guessProbe', () => {
  it('has the power of the mean pattern, and its size in the transform, whatever the defocus', async () => {
    for (const defocus of [0, 30]) {
      const probe = await guessProbe(scan, { defocus });
      const power = powerOf(probe);
      const counts = (scan.patterns as Uint32Array).reduce((sum, count) => sum + count, 0) / 49;
      expect(Math.abs(power / counts - 1)).toBeLessThan(1e-9);
    }
  });

  it('is of the focus by default, and takes pixels without a wavelength for none', async () => {
    expect(await guessProbe(scan)).toEqual(await guessProbe(scan, { defocus: 0 }));
    const inPixels = await guessProbe(scan, { defocus: 30 });
    expect(await guessProbe({ ...scan, pixel: [2e-8, 2e-8] }, { defocus: 30 })).toEqual(inPixels);
    expect(await guessProbe({ ...scan, wavelength: 1e-10 }, { defocus: 30 })).toEqual(inPixels);
  });

  it('refuses a defocus that is no number', async () => {
    await expect(guessProbe(scan, { defocus: Infinity })).rejects.toThrow(/^defocus: got Infinity; takes a finite/);
  });
});

describe('orientScan', () => {
  const patterns = Float64Array.from({ length: 2 * 12 }, (_, i) => i);
  const small: Scan = { patterns, shape: [3, 4], positions: Float64Array.of(0, 0, 6, 8) };
  const named: [Orientation, (row: number, column: number) => [number, number]][] = [
    [[false, true, false], (row, column) => [-row, column]],
    [[false, false, true], (row, column) => [row, -column]],
    [[true, false, false], (row, column) => [column, row]],
    [[true, true, false], (row, column) => [column, -row]],
    [[true, false, true], (row, column) => [-column, row]],
  ];
  it.each(named)('%j takes each frequency from where it was', (orientation, from) => {
    const mask = Uint8Array.from({ length: 12 }, (_, i) => Number(i !== 1));
    const { shape, patterns: oriented, mask: masked } = orientScan({ ...small, mask }, orientation);
    expect(shape).toEqual(orientation[0] ? [4, 3] : [3, 4]);
    for (let i = 0; i < oriented.length; i++) {
      const [row, column] = from(Math.floor((i % 12) / shape[1]), i % shape[1]);
      const at = ((row + 3) % 3) * 4 + ((column + 4) % 4);
      expect(oriented[i]).toBe(patterns[at + (i < 12 ? 0 : 12)]);
      expect((masked as Uint8Array)[i % 12]).toBe(mask[at]);
    }
  });

  it('keeps positions in metres where pixels change', () => {
    const pixel = [4e-9, 3e-9] as const;
    const turned = orientScan({ ...small, pixel }, [true, false, false]);
    expect(turned.pixel).toEqual([3e-9, 4e-9]);
    // A detector's square pixels make the object's pixels as 1/3 to 1/4.
    for (const { positions } of [turned, orientScan(small, [true, false, false])]) {
      expect(relativeError(positions, Float64Array.of(0, 0, (6 * 4) / 3, (8 * 3) / 4))).toBeLessThan(1e-14);
    }
  });

  it('refuses what is no orientation', () => {
    expect(() => orientScan(small, [0, 1, 0] as unknown as Orientation)).toThrow(
      'orientation: got [0, 1, 0]; takes three booleans [transpose, flipRows, flipColumns]',
    );
  });
});

describe('simulateScan', () => {
  it('makes the patterns of the definition, with modes', async () => {
    const { scan: scene } = await makeScene({ shape: [12, 10], modes: 2 });
    const { object, probe, shape, positions } = scene;
    const { patterns } = await simulateScan({ object, probe, shape, positions });
    expect(relativeError(patterns as Float64Array, scene.patterns as Float64Array)).toBeLessThan(1e-12);
  });

  it('shifts the probe between pixels', async () => {
    const { scan: scene } = await makeScene({ shape: [12, 10] });
    const positions = scene.positions.map((number, i) => number + 0.3 * Math.sin(i));
    const between = await simulateScan({ ...pick(scene), positions });
    await expectResidual(between, 1e-9);
  });

  it('counts photons: their mean and their variance, alike for a seed', async () => {
    const { scan: scene } = await makeScene({ shape: [12, 10] });
    const vacuum = { shape: scene.object.shape, data: scene.object.data.map((_, i) => 1 - (i % 2)) };
    const options = { ...pick(scene), object: vacuum, photons: 3e5 };
    const { patterns, probe } = await simulateScan({ ...options, seed: 3 });
    expect((await simulateScan({ ...options, seed: 3 })).patterns).toEqual(patterns);
    expect((await simulateScan({ ...options, seed: 4 })).patterns).not.toEqual(patterns);
    expect((await simulateScan(options)).patterns).toEqual((await simulateScan({ ...options, seed: 0 })).patterns);
    const exact = (await simulateScan({ ...pick(scene), object: vacuum, probe })).patterns;
    let [chi, pixels] = [0, 0];
    for (let i = 0; i < patterns.length; i++) {
      if (exact[i] < 20) continue;
      chi += (patterns[i] - exact[i]) ** 2 / exact[i];
      pixels += 1;
    }
    // χ² per pixel is 1 with a standard deviation of √(2/pixels).
    expect(pixels).toBeGreaterThan(100);
    expect(Math.abs(chi / pixels - 1)).toBeLessThan(5 * Math.sqrt(2 / pixels));
    const power = powerOf(probe);
    expect(Math.abs(power / 3e5 - 1)).toBeLessThan(1e-12);
  });

  it('takes positions whose nearest pixel leaves the patch inside the object', async () => {
    const { scan: scene } = await makeScene({ shape: [12, 10] });
    const at = (column: number) => simulateScan({ ...pick(scene), positions: Float64Array.of(0, column) });
    await expect(at(-0.5)).resolves.toBeDefined();
    await expect(at(16.4)).resolves.toBeDefined();
    await expect(at(-0.6)).rejects.toThrow('positions at [0, 1]: got -0.6; takes 0 to 16');
    await expect(at(16.5)).rejects.toThrow('positions at [0, 1]: got 16.5; takes 0 to 16');
  });

  it.each([
    [{ photons: 0 }, 'photons: got 0; takes a number above 0 and up to 4e9'],
    [{ photons: 1e10 }, 'photons: got 10000000000; takes a number above 0 and up to 4e9'],
    [{ positions: Float64Array.of(0, 99) }, 'positions at [0, 1]: got 99; takes 0 to 16'],
    [
      { positions: new Float64Array(3) },
      'positions: got a Float64Array of 3; takes a Float32Array or Float64Array of 2 × 2',
    ],
    [
      { positions: new Float64Array(0) },
      'positions: got a Float64Array of 0; takes a Float32Array or Float64Array of 1 × 2',
    ],
    [{ seed: -1 }, 'seed: got -1; takes an integer of at least 0'],
    [{ probe: new Float64Array(7) }, 'probe: got a Float64Array of 7; takes'],
  ])('refuses %j', async (wrong, message) => {
    const { scan: scene } = await makeScene({ shape: [12, 10] });
    await expect(simulateScan({ ...pick(scene), ...wrong })).rejects.toThrow(message);
  });
});

describe('illumination', () => {
  it('adds up the power of all modes at whole pixels', async () => {
    const probe = Float64Array.of(1, 1, 2, 0, 0, 3, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);
    const two: Scan = {
      patterns: new Float64Array(8).fill(1),
      shape: [2, 2],
      positions: Float64Array.of(0, 0, 1.4, 0.6),
    };
    const { data, shape, positions } = await illumination({ ...two, probe });
    // 2 pixels of margin on each side.
    expect(shape).toEqual([7, 7]);
    expect([...positions]).toEqual([2, 2, 3.4, 2.6]);
    const lit = [...data.keys()].filter((i) => data[i] > 0).map((i) => [Math.floor(i / 7), i % 7, data[i]]);
    expect(lit).toEqual([
      ...[[2, 2, 3], [2, 3, 4], [3, 2, 9], [3, 3, 3], [3, 4, 4], [4, 3, 9]], // prettier-ignore
    ]);
  });
});

describe('alignedScanError', () => {
  it('undoes factor, linear phase and shift', async () => {
    const shape: Shape = [40, 36];
    const truth = inVacuum(discs([28, 24], 5), [28, 24], shape);
    // A shift around the edges takes the linear phase's jump there along, so that the border does not count.
    const weight = Float64Array.from({ length: 40 * 36 }, (_, i) => {
      const [row, column] = [Math.floor(i / 36), i % 36];
      return Number(row >= 3 && row < 37 && column >= 3 && column < 33);
    });
    const moved = Float64Array.from({ length: truth.length }, (_, i) => {
      const [row, column] = [Math.floor(i / 2 / 36), (i >> 1) % 36];
      const from = 2 * (((row + 39) % 40) * 36 + ((column + 2) % 36));
      const [size, angle] = [0.7, 1 + 0.21 * row - 0.17 * column];
      const [cos, sin] = [size * Math.cos(angle), size * Math.sin(angle)];
      return i % 2 ? truth[from] * sin + truth[from + 1] * cos : truth[from] * cos - truth[from + 1] * sin;
    });
    const { error, shift, ramp, aligned } = await alignedScanError(moved, truth, shape, { weight });
    // Whatever the unit of either.
    const tiny = (image: Float64Array) => image.map((part) => 1e-6 * part);
    expect((await alignedScanError(tiny(moved), tiny(truth), shape, { weight })).error).toBeCloseTo(error, 8);
    expect(error).toBeLessThan(1e-6);
    expect(shift[0]).toBeCloseTo(-1, 5);
    expect(shift[1]).toBeCloseTo(2, 5);
    expect(ramp[0]).toBeCloseTo(-0.21, 5);
    expect(ramp[1]).toBeCloseTo(0.17, 5);
    const inside = (image: Float64Array) => image.filter((_, i) => weight[i >> 1] > 0);
    expect(relativeError(inside(aligned), inside(truth))).toBeCloseTo(error, 9);
  });

  it('is the error of what is left where only some pixels count', async () => {
    const shape: Shape = [24, 20];
    const truth = discs(shape, 6);
    const weight = Float64Array.from({ length: 480 }, (_, i) => Number(i % 20 < 15));
    const estimate = truth.map((number, i) => (weight[i >> 1] ? number : 5));
    expect((await alignedScanError(estimate, truth, shape, { weight })).error).toBeLessThan(1e-6);
    const noisy = truth.map((number, i) => number + 0.1 * Math.sin(i * i));
    const { error } = await alignedScanError(noisy, truth, shape);
    expect(error).toBeGreaterThan(0.05);
    expect(error).toBeLessThanOrEqual(relativeError(noisy, truth));
  });

  it('takes a flat object, which no shift and no step changes, and leaves it where it is', async () => {
    const flat = Float64Array.from({ length: 72 }, (_, i) => 1 - (i % 2));
    const { error, shift } = await alignedScanError(
      flat.map((number) => 3 * number),
      flat,
      [6, 6],
    );
    expect(error).toBeLessThan(1e-12);
    expect(shift).toEqual([0, 0]);
  });

  it.each([
    [[new Float64Array(7), new Float64Array(8), [2, 2], {}], 'estimate: got a Float64Array of 7'],
    [[new Float64Array(8), new Float64Array(8), [2, 2], {}], 'truth: every pixel that counts is zero'],
    [[new Float64Array(8), new Float64Array(8).fill(NaN), [2, 2], {}], 'truth at [0, 0]: got NaN'],
    [
      [new Float64Array(8), new Float64Array(8).fill(1), [2, 2], { weight: new Float64Array(4) }],
      'weight: got numbers below 0, or only zeros',
    ],
  ] as [Parameters<typeof alignedScanError>, string][])('refuses bad arguments: %#', async (given, message) => {
    await expect(alignedScanError(...given)).rejects.toThrow(message);
    await expect(alignedScanError(...given)).rejects.toThrow(InvalidArgumentError);
  });
});

it.each([
  [{ wavelength: 8 }, 'wavelength: got 8; takes metres, from 5e-13 to 0.0001'],
  [{ wavelength: 0 }, 'wavelength: got 0; takes metres, from 5e-13 to 0.0001'],
  [{ distance: -1 }, 'distance: got -1; takes metres, from 0.000001 to 100'],
])('a scan with %j is refused', async (wrong, message) => {
  await expect(illumination({ ...scan, ...wrong })).rejects.toThrow(message);
});

const pick = ({ object, probe, shape, positions }: SimulateScanOptions) => ({ object, probe, shape, positions });

/** After one iteration that begins with the truth. */
async function expectResidual(truth: Scan, most: number): Promise<void> {
  const { residual } = await retrieve(truth, { iterations: 1, precision: 'double', backend: 'wasm' });
  expect(residual).toBeLessThan(most);
}

/** In the middle of an object that is 1. */
function inVacuum(image: Float64Array, [height, width]: Shape, [rows, columns]: Shape): Float64Array {
  const [top, left] = [(rows - height) / 2, (columns - width) / 2];
  return Float64Array.from({ length: 2 * rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / 2 / columns) - top, ((i >> 1) % columns) - left];
    const isInside = row >= 0 && row < height && column >= 0 && column < width;
    return isInside ? image[2 * (row * width + column) + (i % 2)] : 1 - (i % 2);
  });
}
