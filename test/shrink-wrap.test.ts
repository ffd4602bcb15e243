/** Supports that shrink in `retrieve`: they find isolated objects, and leave grey backgrounds alone. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  alignedComplexError,
  alignedError,
  retrieve,
  simulate,
  type Problem,
  type RealArray,
  type RetrieveOptions,
  type Shape,
  type ShrinkWrapOptions,
} from '../src/index.js';
import { judge, noShrinks } from '../src/session/shrink-wrap.js';
import { readImage } from '../src/files.js';
import { reduced } from '../bench/images.mjs';
import { overlappingDiscs, padded } from '../bench/scene.mjs';
import { onEveryBackend } from './support/backends.js';
import { noise, noisyProblem } from './support/images.js';

const PERIODS = '(hio:0.7*90+er*10)*12';

/** The pattern of an image of side × side pixels, padded twofold, and the image in its shape. */
async function patternOf(image: Float64Array, side: number, larger: number, photons = 1e10, seed = 3) {
  const given = { image, shape: [side, side] as const };
  const { magnitudes, shape } = await simulate({ ...given, pad: 2, photons, seed });
  const [truth, support] = padded(given, shape, larger);
  return { problem: { magnitudes, shape, support } satisfies Problem, truth };
}

/** The camera's photograph, whose background is grey up to its edges. */
async function camera(side: number): Promise<Float64Array> {
  const photograph = await readImage(fileURLToPath(new URL('../examples/camera.png', import.meta.url)));
  return reduced(photograph, side).image;
}

describe('shrink-wrap', () => {
  const options = { chain: PERIODS, starts: 4, seed: 2, backend: 'wasm', keepObjects: true, inspect: false } as const;

  /** The errors of all starts, sorted, and the result. */
  async function run(given: Awaited<ReturnType<typeof patternOf>>, shrinkWrap: boolean | ShrinkWrapOptions) {
    const result = await retrieve(given.problem, { ...options, shrinkWrap });
    const { shape } = given.problem;
    const errors = await Promise.all(
      result.objects!.map(async (o) => (await alignedError(o, given.truth, shape)).error),
    );
    return { result, errors: errors.sort((a, b) => a - b) };
  }

  it('finds an isolated object in a support that is far too large', async () => {
    const given = await patternOf(overlappingDiscs(48), 48, 1);
    const [without, shrunk] = [await run(given, false), await run(given, true)];
    expect(without.errors[0]).toBeGreaterThan(0.05);
    expect(shrunk.errors[3]).toBeLessThan(0.01);
    const { support, shrunk: starts, feasible, best } = shrunk.result;
    expect(starts!.every(({ shrinks }) => shrinks >= 1)).toBe(true);
    expect(starts![best].pixels).toBe(support!.reduce((sum, inside) => sum + inside, 0));
    expect(starts![best].pixels).toBeLessThan(0.3 * 48 * 48);
    expect(feasible.some((pixel, i) => pixel !== 0 && support![i] === 0)).toBe(false);
    expect(without.result).not.toHaveProperty('support');
  });

  it('finds a complex object in a support of three times its pixels, where nothing else does', async () => {
    const side = 32;
    const sizes = overlappingDiscs(side);
    const image = new Float64Array(2 * side * side);
    for (const [i, size] of sizes.entries()) {
      const angle = 1.2 * Math.sin(Math.floor(i / side) / 5) + 0.8 * Math.cos((i % side) / 4);
      image[2 * i] = size * Math.cos(angle);
      image[2 * i + 1] = size * Math.sin(angle);
    }
    const object = 'complex' as const;
    const { magnitudes, shape } = await simulate({ image, shape: [side, side], object });
    const truth = new Float64Array(2 * magnitudes.length);
    for (let row = 0; row < side; row++) {
      truth.set(image.subarray(2 * row * side, 2 * (row + 1) * side), 2 * row * shape[1]);
    }
    // Three pixels wider on each side.
    const isNear = (row: number, column: number) => {
      for (let y = Math.max(0, row - 3); y <= Math.min(side - 1, row + 3); y++) {
        for (let x = Math.max(0, column - 3); x <= Math.min(side - 1, column + 3); x++) {
          if (sizes[y * side + x] > 0) return true;
        }
      }
      return false;
    };
    const support = Uint8Array.from(magnitudes, (_, i) => {
      const [row, column] = [Math.floor(i / shape[1]), i % shape[1]];
      return Number(row < side && column < side && isNear(row, column));
    });
    const problem: Problem = { magnitudes, shape, support, object };
    const given = { ...options, starts: 16, seed: 1, keepObjects: false };
    const alone = await retrieve(problem, given);
    const shrunk = await retrieve(problem, { ...given, shrinkWrap: { threshold: 0.3, sigma: [2, 1] } });
    const error = async ({ feasible }: { feasible: RealArray }) =>
      (await alignedComplexError(feasible, truth, shape)).error;
    expect(await error(alone)).toBeGreaterThan(0.3);
    expect(await error(shrunk)).toBeLessThan(0.05);
    const pixels = (mask: Uint8Array) => mask.reduce((sum, inside) => sum + inside, 0);
    expect(pixels(shrunk.support!)).toBeLessThan(0.6 * pixels(support));
    expect(shrunk.feasible.some((part, i) => part !== 0 && shrunk.support![i >> 1] === 0)).toBe(false);
  });

  it('takes back what cuts into a grey background, which it destroys without the guard', async () => {
    const given = await patternOf(await camera(64), 64, 1.1);
    const [without, guarded, naive] = [
      await run(given, false),
      await run(given, true),
      await run(given, { guard: Infinity }),
    ];
    expect(naive.errors[0]).toBeGreaterThan(0.15);
    expect(guarded.errors[3]).toBeLessThan(1.5 * without.errors[3]);
    expect(guarded.errors[3]).toBeLessThan(0.05);
    const { support } = given.problem;
    expect(guarded.result.shrunk).toEqual(
      Array.from({ length: 4 }, () => ({ shrinks: 0, takenBack: true, pixels: 70 * 70 })),
    );
    expect(guarded.result.support).toEqual(support);
  });

  it('shrinks to the average between generations, for all starts', async () => {
    const given = await patternOf(overlappingDiscs(32), 32, 1);
    const generations = { ...options, chain: 'hio:0.7*90+er*10', generations: 7, shrinkWrap: true, refine: 0 };
    const { shrunk, support, feasible } = await retrieve(given.problem, generations);
    expect(shrunk).toHaveLength(1);
    expect(shrunk![0].shrinks).toBeGreaterThan(0);
    expect(shrunk![0].pixels).toBe(support!.reduce((sum, inside) => sum + inside, 0));
    expect(feasible.some((pixel, i) => pixel !== 0 && support![i] === 0)).toBe(false);
  });

  it.each<[RetrieveOptions, string]>([
    [{ chain: 'hio*90+er*10' }, 'shrinkWrap: takes a chain that leaves er at least 3 times'],
    [{ chain: PERIODS, shrinkWrap: { every: 600 } }, 'shrinkWrap: takes a chain that leaves er at least 3 times'],
    [{ chain: 'hio*9+er*1', starts: 2, generations: 3 }, 'or at least 4 generations'],
    [
      { chain: '(hio*1)*900719925474099' },
      'chain: got "900719925474099 steps"; takes at most 10⁶ steps with shrinkWrap',
    ],
    [{ shrinkWrap: 'yes' as never }, 'shrinkWrap: got "yes"; takes an object'],
    [{ shrinkWrap: { sigmas: 3 } as never }, "there is no 'sigmas'"],
    [{ shrinkWrap: { every: 0 } }, 'shrinkWrap.every: got 0'],
    [{ shrinkWrap: { sigma: [3, 0] } }, 'sigma: got 0'],
    [{ shrinkWrap: { sigma: [3] as never } }, 'shrinkWrap.sigma: got'],
    [{ shrinkWrap: { threshold: -1 } }, 'threshold: got -1'],
    [{ shrinkWrap: { area: [0.5, 0.2] } }, 'shrinkWrap.area: got'],
    [{ shrinkWrap: { guard: 0.9 } }, 'shrinkWrap.guard: got 0.9; takes a number of at least 1'],
    [{ detwin: 1 as never }, 'detwin: got 1; takes true or false'],
  ])('refuses %j', async (wrong, message) => {
    const given = { chain: PERIODS, shrinkWrap: true, ...wrong };
    await expect(retrieve(noisyProblem([16, 16]), given)).rejects.toThrow(message);
    await expect(retrieve(noisyProblem([16, 16]), given)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

onEveryBackend('supports that shrink', ({ backend, precision }) => {
  it('are those of the images', async () => {
    const shape: Shape = [20, 24];
    const support = Uint8Array.from(noise(480, 3), (u) => Number(u < 0.6));
    const chain = '(er*9)*6';
    const shrinkWrap = { sigma: 0.7, threshold: 0.6, guard: Infinity };
    const options = { backend, precision, chain, shrinkWrap, starts: 3, detwin: true, keepObjects: true } as const;
    const result = await retrieve({ ...noisyProblem(shape), support }, options);
    expect(result.shrunk!.some(({ shrinks }) => shrinks > 0)).toBe(true);
    expect(result.support!.every((inside, i) => inside <= support[i])).toBe(true);
    expect(result.feasible.some((pixel, i) => pixel !== 0 && result.support![i] === 0)).toBe(false);
    expect(result.feasible).toEqual(result.objects![result.best]);
    expect(result.shrunk![result.best].pixels).toBe(result.support!.filter(Boolean).length);
  });
});

it('takes a shrink back where the residual has risen, and nothing where none was shrunk', () => {
  const [whole, smaller] = [Uint8Array.of(1, 1, 1), Uint8Array.of(1, 1, 0)];
  const progress = noShrinks();
  expect(judge(progress, 0.1, whole, whole, 1.2)).toEqual({ support: whole, mayShrink: false });
  expect(judge(progress, 0.2, whole, whole, 1.2)).toEqual({ support: whole, mayShrink: true });
  expect(progress.takenBack).toBe(false);
  progress.shrinks = 1;
  expect(judge(progress, 0.2, smaller, whole, 1.2).support).toBe(whole);
  expect(progress).toMatchObject({ shrinks: 0, takenBack: true });
});

describe('detwin', () => {
  const side = 32;
  // A disc is its own twin's support.
  const isInside = (row: number, column: number) => Math.hypot(row - 15.5, column - 15.5) < side / 2;

  /** How many of six patterns, which differ by their noise, are solved from a mixture of the image and its twin. */
  async function solved(image: Float64Array, detwin: boolean): Promise<number> {
    let count = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const { problem, truth } = await patternOf(image, side, 1, 1e12, seed);
      const columns = problem.shape[1];
      const support = problem.support.map(
        (inside, i) => inside && Number(isInside(Math.floor(i / columns), i % columns)),
      );
      const twin = (i: number) => (31 - Math.floor(i / columns)) * columns + 31 - (i % columns);
      const object = truth.map((pixel, i) => (problem.support[i] ? (pixel + truth[twin(i)]) / 2 : 0));
      const options = {
        chain: '(hio:0.9*80+er*20)*10',
        start: { object },
        backend: 'wasm',
        precision: 'double',
      } as const;
      const { feasible } = await retrieve({ ...problem, support }, { ...options, detwin });
      if ((await alignedError(feasible, truth, problem.shape)).error < 0.01) count++;
    }
    return count;
  }

  it('makes an object that is mixed with its twin decide for one', async () => {
    const photograph = await camera(side);
    const image = photograph.map((pixel, i) => (isInside(Math.floor(i / side), i % side) ? pixel : 0));
    expect(await solved(image, false)).toBe(0);
    expect(await solved(image, true)).toBeGreaterThanOrEqual(3);
  });
});
