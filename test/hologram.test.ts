/** Holograms: what their far fields are, by the definition of the Fourier transform and by published figures. */
import { describe, expect, it } from 'vitest';
import {
  AbortError,
  HOLOGRAM_METHODS,
  hologram,
  type HologramOptions,
  type Session,
  type Shape,
} from '../src/index.js';
import { fourierSums } from '../src/cli/validate/textbook.js';
import { onEveryBackend } from './support/backends.js';
import { uniform } from '../src/random.js';
import { openHologram } from '../src/tools/hologram.js';
import { noise, relativeError } from './support/images.js';

/** `count` × `count` spots, `step` apart, around the zero frequency. */
function spots([rows, columns]: Shape, count: number, step: number): Float64Array {
  const target = new Float64Array(rows * columns);
  const at = (i: number, size: number) => (Math.round((i - (count - 1) / 2) * step) + size) % size;
  for (let i = 0; i < count; i++) for (let j = 0; j < count; j++) target[at(i, rows) * columns + at(j, columns)] = 1;
  return target;
}

/** |FT(light·exp(iφ))| by sums. */
function farFieldOf(phase: Float64Array, shape: Shape, light = phase.map(() => 1)): Float64Array {
  const field = Float64Array.from({ length: 2 * phase.length }, (_, i) => {
    const angle = phase[i >> 1];
    return light[i >> 1] * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });
  const sums = fourierSums(field, shape, -1);
  return phase.map((_, k) => Math.hypot(sums[2 * k], sums[2 * k + 1]));
}

/** What becomes of a far field, as the papers write it. */
interface Plain {
  wanted: Float64Array;
  light: Float64Array;
  free?: Uint8Array;
  /** The exponent of weights; 0: there are none. */
  feedback: number;
  phasesFrom: number;
  mixing: number;
}

/** Weighted Gerchberg & Saxton, number by number, from the start of this seed; the light behind the modulator. */
function plainHologram({ wanted, light, free, feedback, phasesFrom, mixing }: Plain, shape: Shape, iterations: number) {
  const polar = (size: number, angle: number) => [size * Math.cos(angle), size * Math.sin(angle)];
  const angles = (field: Float64Array) => wanted.map((_, k) => Math.atan2(field[2 * k + 1], field[2 * k]));
  const norm = Math.hypot(...wanted);
  const onModulator = (far: Float64Array) => {
    const phases = angles(fourierSums(far, shape, 1));
    return Float64Array.from([...phases].flatMap((phase, i) => polar(light[i], phase)));
  };
  let far = Float64Array.from([...wanted].flatMap((size, k) => polar(size, 2 * Math.PI * uniform(1, 0, k))));
  let weights = wanted.slice();
  let kept: Float64Array | undefined;
  for (let iteration = 1; iteration <= iterations; iteration++) {
    const present = fourierSums(onModulator(far), shape, -1);
    const sizes = wanted.map((_, k) => Math.hypot(present[2 * k], present[2 * k + 1]));
    if (feedback > 0) {
      weights = weights.map((weight, k) => (weight > 0 ? weight * (wanted[k] / sizes[k]) ** feedback : 0));
      const factor = norm / Math.hypot(...weights);
      weights = weights.map((weight) => factor * weight);
    }
    const own = angles(present);
    if (iteration === phasesFrom) kept = own;
    far = Float64Array.from(
      [...wanted.keys()].flatMap((k) =>
        free?.[k] ? polar((1 - mixing) * sizes[k], own[k]) : polar(mixing * weights[k], (kept ?? own)[k]),
      ),
    );
  }
  return onModulator(far);
}

describe('a hologram', () => {
  const shape: Shape = [24, 32];
  const pixels = 24 * 32;
  const target = spots(shape, 3, 5);
  const base: HologramOptions = { backend: 'wasm', precision: 'double', seed: 1 };

  it.each([1, 0.8])(
    'of 10 × 10 spots in 512 × 512 is uniform to 0.99 after 30 iterations, feedback %d',
    async (feedback) => {
      const made = await hologram(spots([512, 512], 10, 20), [512, 512], { backend: 'wasm', feedback });
      expect(made.uniformity).toBeGreaterThan(0.99);
      expect(made.efficiency).toBeGreaterThan(0.9);
      expect(made).toMatchObject({ method: 'kim', iterations: 30, shape: [512, 512] });
    },
  );

  it.each(HOLOGRAM_METHODS)('has the far field that its phases have, by %s', async (method) => {
    const made = await hologram(target, shape, { ...base, method });
    expect(made.phase.every((phase) => phase >= 0 && phase < 2 * Math.PI)).toBe(true);
    const far = farFieldOf(made.phase, shape);
    const factor = Math.hypot(...made.farField) / Math.hypot(...far);
    expect(
      relativeError(
        far.map((size) => factor * size),
        made.farField,
      ),
    ).toBeLessThan(1e-10);
    const intensities = [...target.keys()].filter((k) => target[k]).map((k) => far[k] ** 2);
    const [least, greatest] = [Math.min(...intensities), Math.max(...intensities)];
    expect(made.uniformity).toBeCloseTo(1 - (greatest - least) / (greatest + least), 10);
    expect(made.efficiency).toBeCloseTo(intensities.reduce((sum, one) => sum + one, 0) / pixels ** 2, 10);
  });

  const image = noise(pixels, 5).map((u, k) => (k % 32 > 3 && k % 32 < 20 && k < 11 * 32 ? 0.5 + u : 0));
  const free = Uint8Array.from(image, (_, k) => (k > 12 * 32 ? 1 : 0));
  const light = noise(pixels, 4).map((u) => 0.5 + u);
  const kinds: [what: string, target: Float64Array, options: HologramOptions][] = [
    ['spots', target, {}],
    ['spots in uneven light, slowly', target, { light, feedback: 0.6 }],
    ['an image with noise around it', image, { noise: free }],
    ['an image with little noise around it, slowly', image, { noise: free, feedback: 0.5, mixing: 0.7 }],
  ];

  it.each(HOLOGRAM_METHODS.flatMap((method) => kinds.map((kind) => [method, ...kind] as const)))(
    'by %s of %s is what the papers say',
    async (method, _, wanted, options) => {
      const how = { ...options, method, iterations: 7, phasesFrom: 3 };
      const made = await hologram(wanted, shape, { ...base, ...how });
      const falling = options.light instanceof Float64Array ? options.light : wanted.map(() => 1);
      const factor = (Math.sqrt(pixels) * Math.hypot(...falling)) / Math.hypot(...wanted);
      const plain = plainHologram(
        {
          ...{ wanted: wanted.map((size) => factor * size), light: falling, mixing: options.mixing ?? 0.4 },
          ...(options.noise && { free }),
          feedback: method === 'gs' ? 0 : (options.feedback ?? 1),
          phasesFrom: method === 'kim' ? 3 : Infinity,
        },
        shape,
        7,
      );
      const object = made.phase.map((phase, i) => falling[i] * Math.cos(phase));
      expect(
        relativeError(
          object,
          object.map((_, i) => plain[2 * i]),
        ),
      ).toBeLessThan(1e-9);
    },
  );

  onEveryBackend('iterated in a session', ({ backend, precision, tolerance }) => {
    const open = (masked: boolean, feedback: number, options: object = { backend, precision }) =>
      openHologram(
        {
          ...{ magnitudes: image, shape, object: 'complex', objectMagnitudes: light },
          ...(masked && { mask: free.map((one) => 1 - one) }),
        },
        { seed: 1, starts: 2, ...options },
        { unmeasured: masked ? 1.5 : 1, feedback, phasesFrom: 3 },
      );
    const alike = async (session: Session, known: Session, most: number) => {
      for (const start of [0, 1]) {
        const pairs = [
          [await session.readSpectrum(start), await known.readSpectrum(start)],
          [await session.readObject(start), await known.readObject(start)],
        ];
        for (const [one, other] of pairs) expect(relativeError(one, other)).toBeLessThan(most);
      }
      expect(relativeError(await session.residuals(), await known.residuals())).toBeLessThan(most);
    };

    it.each([
      [false, 1],
      [false, 0.6],
      [true, 1],
      [true, 0.6],
    ])(
      'is what double precision makes, by runs, iterations and kernels (noise: %s, feedback: %s)',
      async (masked, feedback) => {
        using known = await open(masked, feedback, { backend: 'wasm', precision: 'double' });
        using run = await open(masked, feedback);
        using mixed = await open(masked, feedback);
        await known.run(6);
        await run.run(6);
        const kernels = () => {
          mixed.inverse();
          mixed.constrainObject();
          mixed.forward();
          mixed.constrainFourier();
        };
        mixed.step();
        kernels();
        kernels();
        mixed.step();
        mixed.step();
        kernels();
        // Speckle makes rounding larger.
        await alike(run, known, 10 * tolerance);
        await alike(mixed, known, 10 * tolerance);
      },
    );
  });

  it('is more uniform with weights than without', async () => {
    const [plain, weighted] = await Promise.all(
      (['gs', 'leonardo'] as const).map((method) => hologram(target, shape, { ...base, method })),
    );
    expect(plain.uniformity).toBeLessThan(0.95);
    expect(weighted.uniformity).toBeGreaterThan(0.999);
  });

  it('is made for the light that falls on the modulator', async () => {
    const beam = noise(pixels, 3).map((u) => u * u);
    const made = await hologram(target, shape, { ...base, light: beam });
    const far = farFieldOf(made.phase, shape, beam);
    const lit = far.reduce((sum, size, k) => sum + (target[k] ? size ** 2 : 0), 0);
    const all = pixels * beam.reduce((sum, size) => sum + size ** 2, 0);
    expect(made.efficiency).toBeCloseTo(lit / all, 10);
    expect(made.uniformity).toBeGreaterThan(0.9);
  });

  it('of an image is nearer to it where light may go astray elsewhere', async () => {
    const isInside = (k: number) => k % 32 > 3 && k % 32 < 12 && k > 3 * 32 && k < 10 * 32;
    const small = noise(pixels, 5).map((u, k) => (isInside(k) ? 0.5 + u : 0));
    const options = { ...base, method: 'gs', iterations: 60 } as const;
    const [strict, mixed] = [
      await hologram(small, shape, options),
      await hologram(small, shape, { ...options, noise: free }),
    ];
    expect(mixed.error).toBeLessThan(0.6 * strict.error);
    expect(mixed.efficiency).toBeLessThan(strict.efficiency);
  });

  it('has the levels of the modulator, and is judged with them', async () => {
    const made = await hologram(target, shape, { ...base, bits: 2 });
    expect(new Set(made.levels)).toEqual(new Set([0, 1, 2, 3]));
    expect([...made.phase]).toEqual([...made.levels!].map((level) => (level * Math.PI) / 2));
    const far = farFieldOf(made.phase, shape);
    const lit = far.reduce((sum, size, k) => sum + (target[k] ? size ** 2 : 0), 0);
    expect(made.efficiency).toBeCloseTo(lit / pixels ** 2, 10);
    expect((await hologram(target, shape, base)).efficiency).toBeGreaterThan(made.efficiency);
  });

  it('makes up for the far field of one pixel', async () => {
    const wide = spots(shape, 3, 9);
    const made = await hologram(wide, shape, { ...base, fillFactor: 0.8 });
    expect(made.uniformity).toBeGreaterThan(0.95);
    const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
    const along = (k: number, count: number) => sinc((Math.sqrt(0.8) * (k < count / 2 ? k : k - count)) / count);
    const ofPixels = (phase: Float64Array) =>
      farFieldOf(phase, shape).map((size, k) => size * along(Math.floor(k / 32), 24) * along(k % 32, 32));
    const seen = ofPixels(made.phase);
    const factor = made.farField[0] / seen[0];
    expect(
      relativeError(
        seen.map((size) => factor * size),
        made.farField,
      ),
    ).toBeLessThan(1e-5);
    // Not made for it, the outer spots are weaker.
    const far = ofPixels((await hologram(wide, shape, base)).phase);
    expect(far[9 * 32 + 9] / far[0]).toBeLessThan(0.8);
    expect(made.efficiency).toBeLessThan(0.8);
  });

  it('reports its progress, and stops when it is aborted', async () => {
    const seen: number[] = [];
    await hologram(target, shape, {
      ...{ ...base, iterations: 9 },
      onProgress: ({ iteration, iterations, residual }) => {
        expect(iterations).toBe(9);
        expect(residual).toBeGreaterThan(0);
        seen.push(iteration);
      },
    });
    expect(seen.at(-1)).toBe(9);
    const abort = new AbortController();
    const endless = { ...base, iterations: 1e9, signal: abort.signal, onProgress: () => abort.abort() };
    await expect(hologram(target, shape, endless)).rejects.toBeInstanceOf(AbortError);
  });

  it('keeps weights in range where most of the light cannot go where it is wanted', async () => {
    // Light in a corner makes wide spots, so that every weight would double every iteration.
    const corner = target.map((_, i) => (i % 32 < 8 && i < 6 * 32 ? 1 : 0));
    const how: HologramOptions = { ...base, light: corner, iterations: 300, method: 'leonardo' };
    const [single, double] = [
      await hologram(target, shape, { ...how, precision: 'single' }),
      await hologram(target, shape, how),
    ];
    expect(double.efficiency).toBeLessThan(0.3);
    expect(double.uniformity).toBeGreaterThan(0.99);
    expect(single.uniformity).toBeGreaterThan(0.99);
  });

  const zeros = new Float32Array(pixels);
  const wrong: [what: string, target: Float32Array | Float64Array, options: object, message: RegExp][] = [
    ['a target that is all zero', zeros, {}, /^target: every entry is zero/],
    ['a target of another size', new Float32Array(5), {}, /^target: got a Float32Array of 5; takes .* 24 × 32/],
    [
      'a negative target',
      target.map((m) => -m),
      {},
      /^target at \[\d+, \d+\]: got -1; takes finite numbers of at least 0/,
    ],
    ['no light', target, { light: zeros }, /^light: every entry is zero/],
    [
      'noise over the target',
      target,
      { noise: new Uint8Array(pixels).fill(1) },
      /^noise: covers the target at \[0, 0\]/,
    ],
    ['another method', target, { method: 'wgs' }, /^method: got "wgs"; takes 'gs', 'leonardo', 'kim'/],
    ['no iterations', target, { iterations: 0 }, /^iterations: got 0; takes an integer of at least 1/],
    ['17 bits', target, { bits: 17 }, /^bits: got 17; takes an integer from 1 to 16/],
    ['a fill factor of 0', target, { fillFactor: 0 }, /^fillFactor: got 0; takes a number above 0 and at most 1/],
    ['a mixing of 1', target, { mixing: 1 }, /^mixing: got 1; takes a number above 0 and below 1/],
    ['a feedback of 2', target, { feedback: 2 }, /^feedback: got 2; takes a number above 0 and at most 1/],
    ['an unknown option', target, { iteration: 3 }, /there is no 'iteration'.*did you mean 'iterations'/],
  ];

  it.each(wrong)('is refused for %s', async (_, given, options, message) => {
    await expect(hologram(given, shape, options)).rejects.toMatchObject({
      ...{ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) as string },
    });
  });
});
