/** What backends promise of supports that shrink, against the definition in double precision. */
import { describe, expect, it } from 'vitest';
import type { BackendSession, ShrinkSupport } from '../src/backends/interface.js';
import { selectDevice } from '../src/backends/registry.js';
import { createSession, type Shape } from '../src/index.js';
import { checkSessionOptions } from '../src/problems/options.js';
import { POSITIVE, projection, ruleOf, withoutPrevious } from '../src/rules.js';
import { onEveryBackend } from './support/backends.js';
import { noise, noisyProblem, randomMask, relativeError } from './support/images.js';

const UNBOUNDED = projection({ bounds: [-Infinity, Infinity] });

onEveryBackend('shrinkSupport', ({ backend, precision, tolerance }) => {
  /** Three starts, whose objects are given. */
  const open = async (shape: Shape, support?: Uint8Array): Promise<BackendSession> => {
    const { backend: chosen, index } = await selectDevice(checkSessionOptions({ backend, precision }));
    const pattern = { ...noisyProblem(shape), scale: 1, energy: 1, asymmetry: 0 };
    return chosen.createSession({ pattern, batch: { starts: 3 }, precision, support, rule: UNBOUNDED }, index);
  };
  const imagesOf = ([rows, columns]: Shape) => [1, 2, 3].map((seed) => noise(rows * columns, seed).map((u) => u - 0.2));
  const write = (session: BackendSession, images: readonly Float64Array[]) =>
    images.forEach((image, start) => session.writeObject(start, image, false));
  const read = (session: BackendSession) => Promise.all([0, 1, 2].map((start) => session.readSupport(start)));

  it.each<[...Shape, sigma: number]>([
    [1, 1, 1],
    [1, 7, 0.3],
    [6, 1, 3],
    [9, 8, 1.2],
    [17, 20, 3],
    [31, 34, 0.8],
  ])('of %i × %i leaves what is above the threshold after a blur of σ = %d', async (rows, columns, sigma) => {
    const shape: Shape = [rows, columns];
    const images = imagesOf(shape);
    for (const support of [undefined, randomMask(shape, 0.7, 2)]) {
      const session = await open(shape, support);
      const limit = support ?? new Uint8Array(rows * columns).fill(1);
      write(session, images);
      let supports = images.map(() => limit);
      // The second threshold is of the pixels that the first left; the last two leave too few and too many.
      for (const shrink of [
        { sigma, threshold: 0.9, least: 1, most: Infinity },
        { sigma, threshold: 0.5, least: 1, most: Infinity },
        { sigma, threshold: 0.9, least: 0.9 * rows * columns, most: Infinity },
        { sigma, threshold: 0.2, least: 0, most: 0.1 * rows * columns },
      ]) {
        session.shrinkSupport(shrink);
        supports = images.map((image, start) => shrunk(image, shape, supports[start], limit, shrink));
        expect(await read(session)).toEqual(supports);
      }
      session.dispose();
    }
  });

  it('gives rules the support of their start, until setSupport', async () => {
    const shape: Shape = [12, 10];
    const images = imagesOf(shape);
    const session = await open(shape);
    write(session, images);
    session.shrinkSupport({ sigma: 1, threshold: 0.9, least: 1, most: Infinity });
    const supports = await read(session);
    const sizes = supports.map((support) => support.reduce((sum, inside) => sum + inside, 0));
    expect(new Set(sizes).size).toBe(3);
    const outsideAreZero = async () => {
      for (const [start, support] of supports.entries()) {
        const object = await session.readObject(start);
        expect(object.filter((pixel, i) => pixel !== 0 && support[i] === 0)).toHaveLength(0);
      }
    };

    session.constrainObject(UNBOUNDED);
    for (const [start, support] of supports.entries()) {
      const cleared = images[start].map((pixel, i) => pixel * support[i]);
      expect(relativeError(await session.readObject(start), cleared)).toBeLessThan(tolerance);
    }
    session.forward();
    session.constrainFourier(UNBOUNDED);
    const hio = ruleOf('hio', {
      beta: 0.7,
      alpha: 0.4,
      delta: 0.1,
      bounds: POSITIVE,
      momentum: 0,
      tolerance: 0,
      limit: Infinity,
    });
    session.iterate(1, withoutPrevious(hio));
    session.iterate(2, hio);
    session.iterate(1, UNBOUNDED);
    session.completeIteration();
    await outsideAreZero();
    session.measureObject(UNBOUNDED);
    expect(await session.takeResiduals()).toHaveLength(3 * 6);
    await outsideAreZero();

    // Of one start; the next shrink is not limited by it.
    supports[1] = randomMask(shape, 0.5, 5);
    session.writeSupport(1, supports[1]);
    expect(await read(session)).toEqual(supports);
    session.constrainObject(UNBOUNDED);
    await outsideAreZero();
    write(session, images);
    const shrink = { sigma: 0.5, threshold: 0.1, least: 1, most: Infinity };
    session.shrinkSupport(shrink);
    const everywhere = new Uint8Array(120).fill(1);
    supports.forEach((support, start) => {
      supports[start] = shrunk(images[start], shape, support, everywhere, shrink);
    });
    expect(await read(session)).toEqual(supports);

    const support = randomMask(shape, 0.5, 4);
    session.setSupport(support);
    session.writeSupport(2, everywhere);
    expect(await read(session)).toEqual([support, support, everywhere]);
    session.setSupport(support);
    expect(await read(session)).toEqual([support, support, support]);
    session.setSupport(undefined);
    expect(await read(session)).toEqual(images.map((image) => new Uint8Array(image.length).fill(1)));
    session.constrainObject(UNBOUNDED);
    session.dispose();
  });
});

describe('a session whose support shrinks', () => {
  const shape: Shape = [16, 16];
  const open = () => createSession(noisyProblem(shape), { backend: 'wasm', algorithm: 'hio', seed: 2, starts: 2 });

  it('has feasible objects inside it, and goes on inside it', async () => {
    using session = await open();
    await session.run(5);
    expect(await session.readSupport(1)).toEqual(new Uint8Array(256).fill(1));
    session.shrinkSupport({ sigma: 1, threshold: 0.8 });
    for (const start of [0, 1]) {
      const support = await session.readSupport(start);
      const size = support.reduce((sum, inside) => sum + inside, 0);
      expect(size).toBeGreaterThan(0);
      expect(size).toBeLessThan(256);
      const feasible = await session.readFeasible(start);
      expect(feasible.filter((pixel, i) => pixel !== 0 && support[i] === 0)).toHaveLength(0);
    }
    expect(await session.readSupport(0)).not.toEqual(await session.readSupport(1));
    session.use({ algorithm: 'er' });
    await session.run(3);
    const [object, support] = [await session.readObject(1), await session.readSupport(1)];
    expect(Math.max(...object.filter((_, i) => support[i] === 0).map(Math.abs))).toBeLessThan(1e-5);
    session.setSupport(undefined);
    expect(await session.readSupport(1)).toEqual(new Uint8Array(256).fill(1));
  });

  it.each([
    ['sigma', { sigma: 0, threshold: 0.1 }],
    ['sigma', { sigma: NaN, threshold: 0.1 }],
    ['sigma', { sigma: 17, threshold: 0.1 }],
    ['threshold', { sigma: 1, threshold: 0 }],
    ['threshold', { sigma: 1 }],
    ['least', { sigma: 1, threshold: 0.1, least: 0 }],
    ['most', { sigma: 1, threshold: 0.1, least: 5, most: 4 }],
    ['sigmas', { sigma: 1, threshold: 0.1, sigmas: 4 }],
  ])('refuses a wrong %s by name', async (argument, options) => {
    using session = await open();
    expect(() => session.shrinkSupport(options as never)).toThrow(expect.objectContaining({ argument }) as never);
  });
});

function shrunk(
  image: Float64Array,
  shape: Shape,
  support: Uint8Array,
  limit: Uint8Array,
  { sigma, threshold, least, most }: ShrinkSupport,
): Uint8Array {
  const blurred = blur(image, shape, sigma);
  const inside = blurred.filter((_, i) => support[i] === 1);
  const level = threshold * Math.sqrt(inside.reduce((sum, value) => sum + value * value, 0) / inside.length);
  const next = Uint8Array.from(blurred, (value, i) => (value > level ? limit[i] : 0));
  const pixels = next.reduce((sum, isInside) => sum + isInside, 0);
  return pixels < least || pixels > most ? support : next;
}

/** Periodic, by its definition: every pixel with every weight. */
function blur(image: Float64Array, [rows, columns]: Shape, sigma: number): Float64Array {
  const reach = Math.ceil(3 * sigma);
  const distances = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
  const weight = (distance: number) => Math.exp(-0.5 * (distance / sigma) ** 2);
  const total = distances.reduce((sum, distance) => sum + weight(distance), 0) ** 2;
  return image.map((_, i) => {
    let sum = 0;
    for (const down of distances) {
      for (const right of distances) {
        const row = wrapped(Math.floor(i / columns) + down, rows);
        const column = wrapped((i % columns) + right, columns);
        sum += weight(down) * weight(right) * image[row * columns + column];
      }
    }
    return sum / total;
  });
}

function wrapped(i: number, length: number): number {
  return ((i % length) + length) % length;
}
