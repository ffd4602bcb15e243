/** Starts that help each other, and what they have in common. */
import { describe, expect, it } from 'vitest';
import {
  AbortError,
  alignedComplexError,
  alignedError,
  combineStarts,
  createSession,
  refineAverage,
  retrieve,
  simulate,
  type CombinedStarts,
  type Problem,
  type Progress,
  type RealArray,
  type RealResult,
  type RetrieveOptions,
  type StartsToCombine,
} from '../src/index.js';
import { requireBackend } from '../src/backends/registry.js';
import { fourierSums } from '../src/cli/validate/textbook.js';
import { combine } from '../src/retrieve/combine.js';
import { onEveryBackend } from './support/backends.js';
import { noise, relativeError } from './support/images.js';

const SIDE = 24;

/** A smooth image with a dark corner, and its noisy pattern. */
async function noisy(photons: number) {
  const rough = noise(SIDE * SIDE, 4);
  const image = rough.map((value, i) => {
    const [row, column] = [Math.floor(i / SIDE), i % SIDE];
    return 0.2 * value + (Math.hypot(row - 9, column - 14) < 7 ? 1 : 0.1) + (row > 15 && column < 8 ? 0.7 : 0);
  });
  const { magnitudes, shape, support } = await simulate({ image, shape: [SIDE, SIDE], pad: 2, photons, seed: 2 });
  const truth = new Float64Array(magnitudes.length);
  image.forEach((value, i) => (truth[Math.floor(i / SIDE) * shape[1] + (i % SIDE)] = value));
  const error = async (object: Float32Array | Float64Array) => (await alignedError(object, truth, shape)).error;
  return { problem: { magnitudes, shape, support }, error };
}

/** What is done with the images of a backend does not depend on it, and takes a GPU in software minutes. */
const whereSampled = (isSampled: boolean) => (isSampled ? ' (left out on a GPU in software, for its time)' : '');

onEveryBackend('generations', ({ backend, precision, isSampled }) => {
  const options = { backend, precision, chain: 'hio:0.7*60+er*5', starts: 6, seed: 3 } as const;

  it.skipIf(isSampled || precision === 'double')(
    `make an average nearer to the truth than the best start (in single precision, and not on a GPU in software: it takes many seeds)`,
    async () => {
      const { problem, error } = await noisy(3e5);
      // Where one start ends is chance, so several seeds judge.
      let [ofBest, ofAverage] = [0, 0];
      for (const seed of [3, 4, 5, 6]) {
        const single = await retrieve(problem, { ...options, seed, chain: '(hio:0.7*60+er*5)*3' });
        const together = await retrieve(problem, { ...options, seed, generations: 3, refine: 0 });
        ofBest += await error(single.feasible);
        ofAverage += await error(together.feasible);
      }
      expect(ofAverage).toBeLessThan(0.95 * ofBest);
    },
  );

  it.skipIf(isSampled)(
    `refine the average, which brings it nearer to the truth${whereSampled(isSampled)}`,
    async () => {
      const { problem, error } = await noisy(3e5);
      let [ofAverage, ofRefined] = [0, 0];
      for (const seed of [3, 4]) {
        const average = await retrieve(problem, { ...options, seed, generations: 1, refine: 0 });
        const refined = await retrieve(problem, { ...options, seed, generations: 1 });
        expect(refined.agreement).toEqual(average.agreement);
        expect(refined.feasible).toEqual(refined.object);
        ofAverage += await error(average.feasible);
        ofRefined += await error(refined.feasible);
      }
      expect(ofRefined).toBeLessThan(0.7 * ofAverage);
    },
  );

  it.skipIf(isSampled)(
    `refine within bounds and a support size, which forbids smoothing${whereSampled(isSampled)}`,
    async () => {
      const { problem } = await noisy(3e5);
      const { object } = await retrieve({ ...problem, bounds: [-0.05, 1] }, { ...options, generations: 1 });
      expect(Math.max(...object)).toBeLessThanOrEqual(1.000001);
      expect(Math.min(...object)).toBeGreaterThanOrEqual(-0.050001);
      const few = await retrieve({ ...problem, supportSize: 150 }, { ...options, generations: 1, refine: 20 });
      expect(few.object.filter((value) => value !== 0).length).toBeLessThanOrEqual(150);
    },
  );

  it('return the average, its residual, and what the starts have in common', async () => {
    const { problem } = await noisy(3e5);
    const { feasible, agreement, ...result } = await retrieve(problem, { ...options, generations: 3 });
    expect(result).toMatchObject({ iterations: 195, chain: 'hio:0.7*60+er*5' });
    expect(result.feasibleResidual).toBe(result.residual);
    expect(result.residual).toBeLessThan(0.2);
    expect(agreement!.kept.length).toBeGreaterThan(2);
    expect(agreement!.distances).toHaveLength(6);
    expect(agreement!.distances[result.best]).toBe(0);
    expect(agreement!.spread).toHaveLength(feasible.length);
    expect(Math.max(...agreement!.spread)).toBeGreaterThan(0);
    // Where there is light, phases agree; where there is only noise, they do not.
    const { frequencies, prtf, frc } = agreement!;
    expect([frequencies.length, prtf.length, frc.length]).toEqual([25, 25, 25]);
    expect(frequencies[24]).toBe(0.5);
    expect(prtf[1]).toBeGreaterThan(0.95);
    expect(frc[1]).toBeGreaterThan(0.99);
    expect(prtf[22]).toBeLessThan(prtf[2]);
  });

  it.skipIf(isSampled)(
    `give the same again, and report their progress as one run${whereSampled(isSampled)}`,
    async () => {
      const { problem } = await noisy(1e6);
      const seen: Progress[] = [];
      const onProgress = (progress: Progress) => seen.push(progress);
      const first = await retrieve(problem, { ...options, generations: 2, onProgress });
      const second = await retrieve(problem, { ...options, generations: 2 });
      expect(second.object).toEqual(first.object);
      expect(second.agreement).toEqual(first.agreement);
      expect(seen.every(({ iterations }) => iterations === 130)).toBe(true);
      expect(seen.at(-1)!.iteration).toBe(130);
      expect(seen.every(({ iteration }, i) => i === 0 || iteration >= seen[i - 1].iteration)).toBe(true);
    },
  );

  it('end with what they have reached when they are aborted', async () => {
    const { problem } = await noisy(1e6);
    const abort = new AbortController();
    const onProgress = ({ iteration }: Progress) => {
      if (iteration >= 65) abort.abort();
    };
    const run = retrieve(problem, { ...options, generations: 50, signal: abort.signal, onProgress });
    const error = (await run.catch((thrown: unknown) => thrown)) as AbortError;
    expect(error).toBeInstanceOf(AbortError);
    expect(error.partial!.iterations).toBeGreaterThanOrEqual(65);
    expect(error.partial!.feasible).toHaveLength(problem.magnitudes.length);
  });
});

/** A complex specimen of smooth parts with edges in a support without symmetry, and its noisy pattern. */
async function noisySpecimen(photons: number) {
  const image = new Float64Array(2 * SIDE * SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    const [row, column] = [Math.floor(i / SIDE), i % SIDE];
    if (row + 0.6 * column > 22 || (row > 15 && column < 4)) continue;
    const size = 0.7 + (Math.hypot(row - 6, column - 10) < 4 ? 0.3 : 0);
    const angle =
      Math.exp(-((row - 5) ** 2 + (column - 6) ** 2) / 15) - (Math.hypot(row - 8, column - 14) < 3 ? 0.8 : 0);
    image[2 * i] = size * Math.cos(angle);
    image[2 * i + 1] = size * Math.sin(angle);
  }
  const object = 'complex' as const;
  const { magnitudes, shape } = await simulate({ image, shape: [SIDE, SIDE], object, pad: 2, photons, seed: 2 });
  const truth = new Float64Array(2 * magnitudes.length);
  for (let row = 0; row < SIDE; row++)
    truth.set(image.subarray(2 * row * SIDE, 2 * (row + 1) * SIDE), 2 * row * shape[1]);
  const support = magnitudes.map((_, i) => Math.hypot(truth[2 * i], truth[2 * i + 1]));
  const problem: Problem = { magnitudes, shape, object, support: Uint8Array.from(support, (size) => Number(size > 0)) };
  const error = async (estimate: RealArray) => (await alignedComplexError(estimate, truth, shape)).error;
  return { problem, error };
}

onEveryBackend('generations of a complex object', ({ backend, precision, isSampled }) => {
  const options = { backend, precision, chain: '(raar:0.9*45+er*5)*2', starts: 6 } as const;

  it.skipIf(isSampled || precision === 'double')(
    `make an average nearer to the truth than its starts, and refine it (in single precision, and not on a GPU in software: it takes many seeds)`,
    async () => {
      const { problem, error } = await noisySpecimen(1e5);
      let [ofOne, ofBest, ofAverage, ofRefined] = [0, 0, 0, 0];
      for (const seed of [1, 2]) {
        const alone = await retrieve(problem, { ...options, seed, chain: `(${options.chain})*3`, keepObjects: true });
        const average = await retrieve(problem, { ...options, seed, generations: 3, refine: 0 });
        const refined = await retrieve(problem, { ...options, seed, generations: 3 });
        for (const object of alone.objects!) ofOne += (await error(object)) / alone.objects!.length;
        ofBest += await error(alone.feasible);
        ofAverage += await error(average.feasible);
        ofRefined += await error(refined.feasible);
      }
      expect(ofAverage).toBeLessThan(0.95 * ofOne);
      expect(ofRefined).toBeLessThan(0.7 * ofBest);
    },
  );

  it('say what the starts have in common, and give the same again from a checkpoint', async () => {
    const { problem } = await noisySpecimen(1e6);
    const pixels = problem.magnitudes.length;
    const checkpoints: Uint8Array[] = [];
    const onCheckpoint = (checkpoint: Uint8Array) => checkpoints.push(checkpoint);
    const run = { ...options, seed: 3, generations: 2, refine: 20, keepObjects: true };
    const whole = await retrieve(problem, { ...run, onCheckpoint });
    const { kept, spread, distances, freeResiduals, prtf, frc } = whole.agreement!;
    expect([whole.object.length, spread.length, distances.length]).toEqual([2 * pixels, pixels, 6]);
    expect(kept.length).toBeGreaterThan(2);
    expect(freeResiduals!.every((residual) => residual > 0 && residual < 0.5)).toBe(true);
    expect(prtf[1]).toBeGreaterThan(0.95);
    expect(prtf[22]).toBeLessThan(prtf[2]);
    expect(frc[1]).toBeGreaterThan(0.99);
    expect(whole.objects!.map((object) => object.length)).toEqual(Array(6).fill(2 * pixels));

    const resumed = await retrieve(problem, { ...run, resume: checkpoints[2] });
    const difference = resumed.object.map((value, i) => value - whole.object[i]);
    // A GPU rounds otherwise when it begins elsewhere.
    expect(Math.hypot(...difference)).toBeLessThan((backend === 'wasm' ? 1e-15 : 1e-2) * Math.hypot(...whole.object));
  });

  it.skipIf(isSampled)(`shrink the support to the sizes of the average${whereSampled(isSampled)}`, async () => {
    const { problem } = await noisySpecimen(1e8);
    const { magnitudes, shape } = problem;
    const support = problem.support as Uint8Array;
    // Three pixels wider to the right and below.
    const loose = Uint8Array.from(magnitudes, (_, i) =>
      Number([0, 1, 2, 3].some((down) => [0, 1, 2, 3].some((right) => support[i - down * shape[1] - right]))),
    );
    const run = { ...options, seed: 3, chain: '(hio:0.7*45+er*5)*3', generations: 5, refine: 0 };
    const shrinkWrap = { threshold: 0.3, sigma: [2, 1] as const };
    const count = (mask: ArrayLike<unknown>) => Array.from(mask).filter(Boolean).length;
    const { support: last, shrunk } = await retrieve({ ...problem, support: loose }, { ...run, shrinkWrap });
    expect(shrunk).toHaveLength(1);
    expect(shrunk![0].pixels).toBe(count(last!));
    // Five of eight seeds come to a shrink within these generations, and rounding decides for each.
    if (backend === 'wasm') expect(count(last!)).toBeLessThan(0.95 * count(loose));
    expect(last!.every((inside, i) => inside <= loose[i])).toBe(true);
  });
});

describe('generations', () => {
  it('take several starts, and at least one generation', async () => {
    const { problem } = await noisy(1e6);
    const run = (options: RetrieveOptions) => retrieve(problem, { backend: 'wasm', iterations: 2, ...options });
    await expect(run({ generations: 2 })).rejects.toThrow(/starts: got 1; takes at least 2 with generations/);
    await expect(run({ generations: 0, starts: 2 })).rejects.toThrow(/generations: got 0; takes an integer/);
    await expect(run({ generations: 1, starts: 2, refine: -1 })).rejects.toThrow(/refine: got -1; takes an integer/);
    await expect(run({ starts: 2, refine: 9 })).rejects.toThrow(/^refine: takes generations, which are not given$/);
    const { agreement } = await run({ starts: 2 });
    expect(agreement).toBeUndefined();
  });
});

describe('combined starts', () => {
  it('leave out a stray and one with a larger residual, and move the others over the best one', async () => {
    const { problem } = await noisy(1e9);
    const { shape, magnitudes } = problem;
    const { object } = await retrieve(problem, { backend: 'wasm', chain: 'hio:0.7*300+er*20', starts: 4, seed: 1 });
    const wiggled = (seed: number, size: number) =>
      object.map((value, i) => value + size * (noise(object.length, seed)[i] - 0.5));
    // Rotated by 180°.
    const [rows, columns] = shape;
    const twin = object.map(
      (_, i) => object[((rows - Math.floor(i / columns)) % rows) * columns + ((columns - (i % columns)) % columns)],
    );
    const objects = [wiggled(1, 0.02), object, twin, wiggled(2, 2), wiggled(3, 0.02)];
    const residuals = Float64Array.of(0.011, 0.01, 0.0101, 0.0102, 0.02);
    const combined = await combine(await requireBackend('wasm'), {
      ...{ shape, object: 'real', magnitudes, objects, residuals },
    });
    // The twin is the nearest, and nothing else is as near.
    expect(combined.kept).toEqual([1, 2]);
    expect(combined.distances[2]).toBeLessThan(0.01);
    expect(combined.distances[3]).toBeGreaterThan(0.2);
    expect(combined.next.map(({ start }) => start)).toEqual([1, 2]);
    expect(combined.average).toBeInstanceOf(Float32Array);
    combined.average.forEach((value, i) => expect(Math.abs(value - object[i])).toBeLessThan(0.01));
  });

  it('have curves by rings of frequencies, of the measured ones and of two halves', async () => {
    const { problem } = await noisy(1e6);
    const { shape, magnitudes } = problem;
    const [rows, columns] = shape;
    const { object } = await retrieve(problem, { backend: 'wasm', precision: 'double', iterations: 20, seed: 1 });
    const objects = [1, 2, 3, 4].map((seed) => {
      const disturbance = noise(object.length, seed);
      return Float64Array.from(object, (value, i) => value + 0.05 * (disturbance[i] - 0.5));
    });
    const mask = new Uint8Array(magnitudes.length).fill(1);
    mask.fill(0, 0, 2);
    const starts = {
      shape,
      object: 'real' as const,
      magnitudes,
      mask,
      objects,
      residuals: Float64Array.of(0.1, 0.1, 0.1, 0.1),
    };
    const { kept, average, prtf, frc, spread } = await combine(await requireBackend('wasm'), starts);
    expect(kept).toEqual([0, 1, 2, 3]);
    const mean = (some: Float64Array[]) =>
      some[0].map((_, i) => some.reduce((sum, one) => sum + one[i], 0) / some.length);
    const spectra = [mean(objects), mean([objects[0], objects[2]]), mean([objects[1], objects[3]])].map((image) => {
      const complex = new Float64Array(2 * image.length);
      image.forEach((value, i) => (complex[2 * i] = value));
      return fourierSums(complex, shape, -1);
    });
    for (const ring of [1, 7, 20]) {
      const of = [...magnitudes.keys()].filter((k) => {
        const [row, column] = [Math.floor(k / columns), k % columns];
        return Math.round(Math.hypot(Math.min(row, rows - row), Math.min(column, columns - column))) === ring;
      });
      const size = (k: number) => Math.hypot(spectra[0][2 * k], spectra[0][2 * k + 1]);
      const measured = of.filter((k) => mask[k]);
      const total = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0);
      expect(prtf[ring]).toBeCloseTo(total(measured.map(size)) / total(measured.map((k) => magnitudes[k])), 2);
      const product = (a: Float64Array, b: Float64Array) =>
        total(of.map((k) => a[2 * k] * b[2 * k] + a[2 * k + 1] * b[2 * k + 1]));
      const [, a, b] = spectra;
      expect(frc[ring]).toBeCloseTo(product(a, b) / Math.sqrt(product(a, a) * product(b, b)), 2);
    }
    // Four numbers of a uniform distribution 0.05 wide.
    const typical = Math.hypot(...spread) / Math.sqrt(spread.length);
    expect(typical).toBeGreaterThan(0.012);
    expect(typical).toBeLessThan(0.017);
    expect(average).toHaveLength(object.length);
  });

  it('have no correlation between halves when only one is kept', async () => {
    const { problem } = await noisy(1e9);
    const { shape, magnitudes } = problem;
    const objects = [1, 2, 3].map((seed) => Float32Array.from(noise(magnitudes.length, seed)));
    const residuals = Float64Array.of(0.5, 0.01, 0.6);
    const { kept, frc, spread } = await combine(await requireBackend('wasm'), {
      shape,
      object: 'real',
      magnitudes,
      objects,
      residuals,
    });
    expect(kept).toEqual([1]);
    expect(frc.every(Number.isNaN)).toBe(true);
    expect(spread.every((value) => value === 0)).toBe(true);
  });
});

describe('a program that runs the starts itself', () => {
  const [starts, seed] = [4, 3];

  it.each(['real', 'complex', 'near'])('gets what generations of retrieve make of a %s object', async (kind) => {
    const made = await (kind === 'real' ? noisy : noisySpecimen)(1e6);
    const propagation = kind === 'near' ? { wavelength: 6.3e-7, distance: 4e-3, pixel: 1.2e-5 } : undefined;
    const problem: Problem = { ...made.problem, propagation };
    const recipe = { chain: 'hio:0.7*20+er*5', starts, generations: 2, refine: 30, heldOut: 0 };
    const precision = kind === 'near' ? 'double' : 'single';
    const expected = await retrieve(problem, { ...recipe, seed, backend: 'wasm', precision });
    let combined: CombinedStarts | undefined;
    for (const generation of [0, 1]) {
      const firstStart = generation * starts;
      using session = await createSession(problem, {
        backend: 'wasm',
        precision,
        starts,
        seed,
        firstStart,
        algorithm: 'hio',
        beta: 0.7,
      });
      for (const { start, object } of combined?.next ?? []) session.writeObject(object, start);
      await session.run(20);
      session.use({ algorithm: 'er' });
      await session.run(5);
      const objects: RealResult[] = [];
      for (let start = 0; start < starts; start++) objects.push(await session.readFeasible(start));
      combined = await combineStarts(problem, { objects, residuals: await session.residuals() });
    }
    const images: RealResult[] = [];
    for await (const image of refineAverage(problem, combined!, { steps: 30 })) images.push(image);
    expect(images).toHaveLength(30);
    if (kind === 'near') {
      // The phases between the planes come off and on again, which rounds, and iterations amplify it.
      expect(relativeError(images.at(-1)!, expected.object)).toBeLessThan(1e-9);
      expect(combined!.kept).toEqual(expected.agreement!.kept);
      return;
    }
    expect(images.at(-1)).toEqual(expected.object);
    expect(combined).toMatchObject(expected.agreement!);
  });

  it('gets the average where it is refined by no step', async () => {
    const { problem } = await noisy(1e6);
    const average = Float64Array.from(problem.support);
    const images = [];
    for await (const image of refineAverage(problem, { average, spread: average }, { steps: 0 })) images.push(image);
    expect(images).toEqual([average]);
  });

  it('hears what cannot be combined or refined', async () => {
    const { problem } = await noisy(1e6);
    const image = new Float32Array(problem.magnitudes.length);
    const combining = (starts: object, more: object = {}) =>
      combineStarts({ ...problem, ...more }, starts as StartsToCombine);
    await expect(combining({ objects: [image], residuals: [1] })).rejects.toThrow(
      /^objects: got .* at least 2 starts$/,
    );
    await expect(combining({ objects: [image, image.slice(1)], residuals: Float32Array.of(1, 1) })).rejects.toThrow(
      /^objects\[1\]: got .*; takes a Float32Array or Float64Array of 48 × 48/,
    );
    const broken = image.with(7, NaN);
    await expect(combining({ objects: [image, broken], residuals: Float32Array.of(1, 1) })).rejects.toThrow(
      /^objects\[1\] at .*: got NaN/,
    );
    await expect(combining({ objects: [image, image], residuals: Float32Array.of(1, NaN) })).rejects.toThrow(
      /^residuals at .*: got NaN/,
    );
    await expect(combining({ objects: [image, image], starts: 2 })).rejects.toThrow(/^starts: .*starts/);
    await expect(combining({ objects: [image, image] }, { object: 'complex' })).rejects.toThrow(
      /^objects\[0\]: .* interleaved re, im/,
    );
    const refining = (spread: RealResult, options: object) =>
      refineAverage(problem, { average: image, spread }, options).next();
    await expect(refining(image.slice(1), {})).rejects.toThrow(/^spread: got /);
    await expect(refining(image, { steps: -1 })).rejects.toThrow(/^steps: got -1; takes an integer/);
  });
});
