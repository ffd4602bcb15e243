/** Patterns from near by: the Fresnel integral in place of the Fourier transform. */
import { describe, expect, it } from 'vitest';
import {
  alignedComplexError,
  combineStarts,
  createSession,
  refineAverage,
  retrieve,
  simulate,
  type Problem,
  type Propagation,
  type RealArray,
  type RealResult,
  type Shape,
} from '../src/index.js';
import { onEveryBackend } from './support/backends.js';
import { noise, relativeError } from './support/images.js';

/** Red light, a detector of 0.3 mm at 4 mm: pixels of the object of about 8 µm, and a phase of several turns at its edge. */
const propagation: Propagation = { wavelength: 6.3e-7, distance: 4e-3, pixel: [1.2e-5, 1e-5] };
const inner: Shape = [14, 13];
const image = new Float64Array(2 * 14 * 13);
for (let i = 0; i < 14 * 13; i++) {
  const [row, column] = [Math.floor(i / 13), i % 13];
  if (row + column > 20 || (row > 9 && column < 3)) continue;
  const [size, angle] = [0.3 + noise(182, 4)[i], 2.5 * noise(182, 5)[i]];
  image[2 * i] = size * Math.cos(angle);
  image[2 * i + 1] = size * Math.sin(angle);
}

async function measured(photons?: number) {
  const given = { image, shape: inner, object: 'complex' as const, propagation, photons };
  const { magnitudes, shape } = await simulate(given);
  const truth = new Float64Array(2 * magnitudes.length);
  for (let row = 0; row < 14; row++) truth.set(image.subarray(26 * row, 26 * (row + 1)), 2 * row * shape[1]);
  const support = Uint8Array.from(magnitudes, (_, i) => Number(Math.hypot(truth[2 * i], truth[2 * i + 1]) > 0));
  const problem: Problem = { magnitudes, shape, support, object: 'complex', propagation };
  const error = async (estimate: RealArray) =>
    (await alignedComplexError(estimate, truth, shape, { ramp: true })).error;
  return { problem, truth, error };
}

/**
 * |U| at the centres of the detector's pixels by the Fresnel integral, pixel by pixel in metres: Σ o(r)·exp(iπ|R − r|²/(λz)),
 * R and r from the optical axis. The axis meets the detector at its pixel [0, 0], to which frequencies are counted around zero.
 */
function fresnelSums(object: RealArray, [rows, columns]: Shape): Float64Array {
  const { wavelength, distance, pixel } = propagation;
  const detector = pixel as readonly [number, number];
  const [height, width] = [rows, columns].map((n, axis) => (wavelength * distance) / (n * detector[axis]));
  const signed = (k: number, n: number) => (2 * k < n ? k : k - n);
  return Float64Array.from({ length: rows * columns }, (_, k) => {
    const [Y, X] = [signed(Math.floor(k / columns), rows) * detector[0], signed(k % columns, columns) * detector[1]];
    let [re, im] = [0, 0];
    for (let i = 0; i < rows * columns; i++) {
      if (object[2 * i] === 0 && object[2 * i + 1] === 0) continue;
      const y = (Math.floor(i / columns) - Math.floor(rows / 2)) * height;
      const x = ((i % columns) - Math.floor(columns / 2)) * width;
      const angle = (Math.PI * ((Y - y) ** 2 + (X - x) ** 2)) / (wavelength * distance);
      re += object[2 * i] * Math.cos(angle) - object[2 * i + 1] * Math.sin(angle);
      im += object[2 * i] * Math.sin(angle) + object[2 * i + 1] * Math.cos(angle);
    }
    return Math.hypot(re, im);
  });
}

/** The same pattern, taken for one from far away. */
const fromAfar = ({ propagation: _, ...problem }: Problem): Problem => problem;

describe('a pattern from near by', () => {
  it('is the Fresnel integral', async () => {
    const { problem, truth } = await measured();
    expect(relativeError(problem.magnitudes, fresnelSums(truth, problem.shape))).toBeLessThan(1e-10);
    const far = await simulate({ image, shape: inner, object: 'complex' });
    expect(relativeError(problem.magnitudes, far.magnitudes)).toBeGreaterThan(0.1);
  });

  it('is what the exact angular spectrum makes of a beam, but for the paraxial approximation', async () => {
    // A Gaussian beam: the exact spectrum exp(2πiz√(1/λ² − f²)) on a fine grid of its own, against the single transform.
    const [n, waist] = [64, 4e-5];
    const beam: Propagation = { wavelength: 6.3e-7, distance: 8e-3, pixel: 1.2e-5 };
    const objectPixel = (beam.wavelength * beam.distance) / (n * 1.2e-5);
    const amplitude = (x: number) => Math.exp(-((x / waist) ** 2));
    const image = new Float64Array(2 * n * n);
    for (let i = 0; i < n * n; i++) {
      const [y, x] = [Math.floor(i / n) - n / 2, (i % n) - n / 2];
      image[2 * i] = amplitude(y * objectPixel) * amplitude(x * objectPixel);
    }
    const { magnitudes } = await simulate({ image, shape: [n, n], object: 'complex', pad: 1, propagation: beam });
    // Both axes are alike and independent.
    const line = magnitudes.slice(0, n);
    const far = await simulate({ image, shape: [n, n], object: 'complex', pad: 1 });
    expect(relativeError(line, far.magnitudes.slice(0, n))).toBeGreaterThan(0.1);
    const [fine, step] = [2048, 1.2e-5 / 8];
    const exact = Float64Array.from({ length: n }, (_, k) => {
      const X = (2 * k < n ? k : k - n) * 1.2e-5;
      let [re, im] = [0, 0];
      for (let f = -fine / 2; f < fine / 2; f++) {
        const frequency = f / (fine * step);
        // The transform of the Gaussian.
        const size = Math.exp(-((Math.PI * waist * frequency) ** 2));
        const angle = 2 * Math.PI * (beam.distance * Math.sqrt(beam.wavelength ** -2 - frequency ** 2) + frequency * X);
        re += size * Math.cos(angle);
        im += size * Math.sin(angle);
      }
      return Math.hypot(re, im);
    });
    const scale = Math.max(...line) / Math.max(...exact);
    expect(
      relativeError(
        exact.map((value) => scale * value),
        line,
      ),
    ).toBeLessThan(5e-3);
  });
});

onEveryBackend('an object from near by', ({ backend, precision, tolerance }) => {
  const options = { backend, precision, seed: 3 } as const;

  it('has its spectrum where it is right, and comes back as it was written', async () => {
    const { problem, truth } = await measured();
    using session = await createSession(problem, { ...options, start: { object: truth } });
    expect(await session.residual()).toBeLessThan(tolerance);
    session.step();
    expect(relativeError(await session.readObject(), truth)).toBeLessThan(tolerance);
    session.writeObject(truth);
    expect(relativeError(await session.readObject(), truth)).toBeLessThan(tolerance);
    expect(relativeError(await session.readFeasible(), truth)).toBeLessThan(tolerance);
    using other = await createSession(fromAfar(problem), { ...options, start: { object: truth } });
    expect(await other.residual()).toBeGreaterThan(0.1);
  });

  it('is found, in its own plane', async () => {
    const { problem, error } = await measured();
    const run = { ...options, chain: '(hio*45+er*5)*8', starts: 6, keepObjects: true };
    const { object, feasible, objects, best } = await retrieve(problem, run);
    expect(await error(feasible)).toBeLessThan(0.05);
    expect(await error(object)).toBeLessThan(0.05);
    expect(relativeError(objects![best], feasible)).toBeLessThan(1e-6);
    const far = await retrieve(fromAfar(problem), run);
    expect(await error(far.feasible)).toBeGreaterThan(0.3);
  });
});

describe('an object from near by', () => {
  const options = { backend: 'wasm', seed: 3 } as const;
  const run = { ...options, chain: '(hio*45+er*5)*8', starts: 6 };

  it('is averaged by generations, also from a checkpoint, and by a program of its own', async () => {
    const { problem, error } = await measured(1e5);
    const checkpoints: Uint8Array[] = [];
    const generations = { ...run, generations: 2, refine: 0, heldOut: 0, keepObjects: true };
    const whole = await retrieve(problem, { ...generations, onCheckpoint: (bytes) => checkpoints.push(bytes) });
    expect(whole.agreement!.kept.length).toBeGreaterThan(1);
    expect(await error(whole.feasible)).toBeLessThan(0.2);
    const resumed = await retrieve(problem, { ...generations, resume: checkpoints.at(-1) });
    expect(relativeError(resumed.object, whole.object)).toBeLessThan(1e-12);
    const other = { ...problem, propagation: { ...propagation, distance: 4.1e-3 } };
    await expect(retrieve(other, { ...generations, resume: checkpoints.at(-1) })).rejects.toThrow(/propagation/);

    const { objects = [], feasibleResiduals } = whole;
    const combined = await combineStarts(problem, { objects, residuals: feasibleResiduals });
    // The result is feasible, and the average is not.
    expect(relativeError(combined.average, whole.object)).toBeLessThan(1e-2);
    let refined: RealResult | undefined;
    for await (refined of refineAverage(problem, combined, { steps: 40 }));
    expect(await error(refined!)).toBeLessThan(0.2);
    for (const { object } of combined.next) expect(await error(object)).toBeLessThan(0.2);
  });

  it('is smoothed in its own plane, where it is smooth', async () => {
    const { problem } = await measured();
    const { shape, support } = problem;
    const flat = Float64Array.from({ length: 2 * shape[0] * shape[1] }, (_, i) =>
      i % 2 ? 0 : Number(support![i >> 1]),
    );
    const { magnitudes } = await simulate({ image: flat, shape, object: 'complex', pad: 1, propagation });
    const spread = new Float64Array(flat.length / 2).fill(0.3);
    const average = { average: flat, spread };
    for await (const image of refineAverage({ ...problem, magnitudes }, average, { steps: 3 })) {
      expect(relativeError(image, flat)).toBeLessThan(1e-9);
    }
  });

  const wrong: [what: string, given: object, argument: string, message: RegExp][] = [
    ['a real object', { object: 'real' }, 'propagation', /nothing without object: 'complex'/],
    ['phases that are known', { phaseBounds: [0, 1] }, 'phaseBounds', /nothing with propagation/],
    [
      'no wavelength',
      { propagation: { ...propagation, wavelength: 0 } },
      'wavelength',
      /got 0; takes metres, a finite/,
    ],
    [
      'an endless distance',
      { propagation: { ...propagation, distance: Infinity } },
      'distance',
      /Infinity; takes metres/,
    ],
    ['text', { propagation: { ...propagation, distance: '4mm' } }, 'distance', /"4mm"; takes metres/],
    ['no pixel', { propagation: { wavelength: 1e-6, distance: 1 } }, 'pixel', /pixel: got undefined; takes metres/],
    [
      'one pixel of two',
      { propagation: { ...propagation, pixel: [1e-5] } },
      'pixel',
      /takes metres, .* \[rows, columns\]/,
    ],
    ['a negative pixel', { propagation: { ...propagation, pixel: -1e-5 } }, 'pixel', /got -0\.00001; takes metres/],
    ['another word', { propagation: { ...propagation, lambda: 1 } }, 'lambda', /there is no 'lambda'/],
    ['a number', { propagation: 1 }, 'propagation', /propagation: got 1; takes an object/],
    [
      'a detector that is too near',
      { propagation: { ...propagation, distance: 1e-4 } },
      'distance',
      /got 0\.0001; takes at least 0\.000168 m, from where the detector of 0\.000336 m is seen under 90°/,
    ],
    [
      'an object that is wider than the detector',
      { propagation: { ...propagation, distance: 0.05 } },
      'distance',
      /got 0\.05; takes at most 0\.0\d+ m: a pixel .* \(28 · pixel\), and with more its support of 14 pixels are wider/,
    ],
    [
      'a frame that is wider than the detector',
      { support: undefined, propagation: { ...propagation, distance: 7e-3 } },
      'distance',
      /takes at most 0\.0064 m: .* its 28 pixels are wider than the detector/,
    ],
  ];

  it.each(wrong)('is refused with %s', async (_, given, argument, message) => {
    const { problem } = await measured();
    for (const open of [createSession, retrieve] as ((problem: Problem) => Promise<unknown>)[]) {
      await expect(open({ ...problem, ...given })).rejects.toMatchObject({
        ...{ code: 'INVALID_ARGUMENT', argument, message: expect.stringMatching(message) as string },
      });
    }
  });
});
