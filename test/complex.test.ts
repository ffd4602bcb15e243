/** Complex objects: against the oracle, against the real path, and by what a Fourier transform cannot tell. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createSession,
  retrieve,
  type Algorithm,
  type Problem,
  type RealArray,
  type Session,
  type Shape,
} from '../src/index.js';
import { onEveryBackend } from './support/backends.js';
import { asymmetricMagnitudes, noise, randomMask, relativeError } from './support/images.js';
import {
  SHAPES,
  algorithmsFor,
  both,
  command,
  expectAlike,
  expectAnyGranularity,
  perform,
} from './support/mixtures.js';
import { fourierSums, type TextbookProblem } from '../src/cli/validate/textbook.js';

const COMPLEX = algorithmsFor('complex');
/** One whose next image is the iterate, and one that reflects it. */
const TWO: Algorithm[] = ['hio', 'rrr'];

/** What may be known about an object beside its support. Sizes are in units of its root mean square. */
function knownOf(magnitudes: RealArray, kind: number, seed: number): Partial<Problem & TextbookProblem> {
  const rms = Math.hypot(...magnitudes) / magnitudes.length;
  switch (kind) {
    case 1:
      return { amplitudeBounds: [0.4 * rms, 1.3 * rms] };
    case 2:
      return { phaseBounds: [-0.4, 1.3] };
    case 3:
      return { amplitudeBounds: [rms, rms] };
    case 4:
      return { objectMagnitudes: noise(magnitudes.length, seed).map((u) => 2 * rms * Math.max(0, u - 0.1)) };
    case 5:
      return { phaseBounds: [2, 2 + Math.PI * 1.5], amplitudeBounds: [0, rms] };
    case 6:
      return { phaseBounds: [0, 0], amplitudeBounds: [0.2 * rms, 2 * rms] };
    case 7:
      return { supportSize: 1 + (seed % magnitudes.length) };
    default:
      return {};
  }
}
const KINDS = 8;

onEveryBackend('a session', ({ backend, precision, tolerance, isSampled }) => {
  // The mixtures below have the larger shapes too.
  const shapes = isSampled ? SHAPES.slice(0, 4) : SHAPES;
  const withMask = [false, true].flatMap((masked) => shapes.map((shape) => ({ shape, masked })));
  const cases = withMask.filter((_, i) => !isSampled || i % 2 === Math.floor(i / shapes.length));

  it.each(cases)('does what the oracle does on $shape, masked: $masked', async ({ shape, masked }) => {
    for (const algorithm of isSampled ? TWO : COMPLEX) {
      const problem: TextbookProblem = {
        ...{ shape, object: 'complex', magnitudes: asymmetricMagnitudes(shape), support: randomMask(shape, 0.6, 2) },
        ...(masked && { mask: randomMask(shape, 0.5, 3) }),
      };
      const { session, textbook } = await both(problem, { backend, precision, algorithm, beta: 0.8 });
      await session.run(3);
      textbook.run(3);
      await expectAlike(session, textbook, tolerance);
      session.dispose();
    }
  });

  it.each(COMPLEX)('does in any mixture of calls what the same calls mean, with %s', async (algorithm) => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 9 }), fc.nat(1000), async (commands, seed) => {
        const shape = SHAPES[4 + (seed % 6)];
        const magnitudes = asymmetricMagnitudes(shape, seed);
        const problem: TextbookProblem = {
          ...{ shape, magnitudes, object: 'complex' },
          ...(seed % 2 && { support: randomMask(shape, 0.7, seed) }),
          ...(seed % 3 && { mask: randomMask(shape, 0.8, seed + 1) }),
          ...(seed % 5 > 2 && { tolerance: 0.1 * magnitudes[1], unmeasuredLimit: 0.5 * magnitudes[2] }),
          ...knownOf(magnitudes, seed % KINDS, seed),
        };
        const { session, textbook } = await both(problem, { backend, precision, algorithm, beta: 0.9, history: true });
        using _ = session;
        for (const [i, name] of commands.entries()) await perform(name, session, textbook, shape, 1000 * seed + i);
        await expectAlike(session, textbook, 10 * tolerance);
      }),
      { numRuns: isSampled ? 3 : 40, seed: 1 },
    );
  });

  const shape: Shape = [12, 10];
  const pixels = shape[0] * shape[1];
  const magnitudes = asymmetricMagnitudes(shape);
  const support = randomMask(shape, 0.5, 6);
  const open = (options: Parameters<typeof createSession>[1] = {}, known: Partial<Problem> = {}) =>
    createSession(
      { magnitudes, shape, support, object: 'complex', ...known },
      { backend, precision, seed: 9, history: true, ...options },
    );

  it.each(COMPLEX)('does the same in one run, in steps, and in kernels, with %s', async (algorithm) => {
    await expectAnyGranularity(() => open({ algorithm }), precision);
  });

  it('has the residual of every feasible object measured without reading one', async () => {
    for (const kind of isSampled ? [4, 5, 7] : Array(KINDS).keys()) {
      const problem = { magnitudes, shape, support, object: 'complex' as const, ...knownOf(magnitudes, kind, 20) };
      const { session, textbook } = await both(problem, { backend, precision, algorithm: 'hio', beta: 0.9 });
      await session.run(3);
      textbook.run(3);
      const [measured] = await session.measureFeasible();
      expect(Math.abs(measured - textbook.feasibleResidual())).toBeLessThan(tolerance);
      using alone = await createSession(problem, {
        ...{ backend, precision, start: { object: await session.readFeasible() } },
      });
      expect(Math.abs((await alone.residual()) - measured)).toBeLessThan(tolerance);
      session.dispose();
    }
  });

  it('runs several starts as each would run alone', async () => {
    using batch = await open({ starts: 3, algorithm: 'hio' });
    await batch.run(4);
    for (let start = 0; start < 3; start++) {
      using single = await open({ firstStart: start, algorithm: 'hio' });
      await single.run(4);
      expect(await batch.readObject(start)).toEqual(await single.readObject());
      expect(await batch.history(start)).toEqual(await single.history());
    }
  });

  it('begins with M·exp(2πiU) where it was measured, and with 0 elsewhere', async () => {
    const mask = randomMask(shape, 0.7, 4);
    using session = await open({}, { mask });
    const spectrum = await session.readSpectrum();
    const sizes = magnitudes.map((_, k) => Math.hypot(spectrum[2 * k], spectrum[2 * k + 1]));
    expect(
      relativeError(
        sizes,
        magnitudes.map((m, k) => m * mask[k]),
      ),
    ).toBeLessThan(1e-6);
    const image = fourierSums(spectrum, shape, 1).map((value) => value / pixels);
    expect(relativeError(await session.readObject(), image)).toBeLessThan(1e-6);
  });

  it('shrinks supports to where the sizes of the object are large', async () => {
    using session = await open({ algorithm: 'er' }, { support: undefined });
    const object = new Float64Array(2 * pixels);
    for (const i of [34, 35, 44, 45]) object[2 * i + (i % 2)] = -1;
    session.writeObject(object);
    session.shrinkSupport({ sigma: 0.4, threshold: 0.5 });
    const inside = await session.readSupport();
    expect([...inside.keys()].filter((i) => inside[i])).toEqual([34, 35, 44, 45]);

    // Phases have no part in it: wide Gaussians, under which they would cancel, leave what they leave of the sizes alone.
    const [sizes, angles] = [noise(pixels, 12), noise(pixels, 13)];
    for (let i = 0; i < 2 * pixels; i++) {
      const angle = 2 * Math.PI * angles[i >> 1];
      object[i] = sizes[i >> 1] * (i % 2 ? Math.sin(angle) : Math.cos(angle));
    }
    using real = await createSession({ magnitudes, shape }, { backend, precision, algorithm: 'er' });
    session.setSupport(undefined);
    session.writeObject(object);
    real.writeObject(sizes);
    for (const one of [session, real]) one.shrinkSupport({ sigma: 1.5, threshold: 1 });
    const left = await session.readSupport();
    expect(left).toEqual(await real.readSupport());
    expect(left).toContain(0);
  });
});

onEveryBackend('a real object as a complex one', ({ backend, precision, tolerance, isSampled }) => {
  const shape: Shape = [16, 18];
  const pixels = shape[0] * shape[1];
  const support = Uint8Array.from({ length: pixels }, (_, i) => (i % 18 < 9 && i < 8 * 18 ? 1 : 0));
  const object = noise(pixels, 3).map((u, i) => u * support[i]);
  const spectrum = fourierSums(
    Float64Array.from({ length: 2 * pixels }, (_, i) => (i % 2 ? 0 : object[i / 2])),
    shape,
    -1,
  );
  const magnitudes = object.map((_, k) => Math.hypot(spectrum[2 * k], spectrum[2 * k + 1]));
  const begin = noise(pixels, 5);
  const complex = (real: RealArray) =>
    Float64Array.from({ length: 2 * real.length }, (_, i) => (i % 2 ? 0 : real[i / 2]));

  async function compare(algorithm: Algorithm, known: Partial<Problem>, real: Partial<Problem>): Promise<void> {
    const options = { backend, precision, algorithm } as const;
    using one = await createSession({ magnitudes, shape, support, ...real }, { ...options, start: { object: begin } });
    using other = await createSession(
      { magnitudes, shape, support, object: 'complex', ...known },
      { ...options, start: { object: complex(begin) } },
    );
    for (const session of [one, other]) await session.run(4);
    expect(relativeError(await other.readObject(), complex(await one.readObject()))).toBeLessThan(tolerance);
    expect(relativeError(await other.readSpectrum(), await one.readSpectrum())).toBeLessThan(tolerance);
    expect(Math.abs((await other.residual()) - (await one.residual()))).toBeLessThan(tolerance);
  }

  it.each(isSampled ? TWO : COMPLEX)('gives what the half spectrum gives, with %s', async (algorithm) => {
    await compare(algorithm, {}, { bounds: [-Infinity, Infinity] });
  });

  it('is kept real and positive by a phase of 0', async () => {
    await compare('er', { phaseBounds: [0, 0] }, {});
  });
});

onEveryBackend('what magnitudes cannot tell', ({ backend, precision, tolerance, isSampled }) => {
  const shape: Shape = [9, 14];
  const [rows, columns] = shape;
  const pixels = rows * columns;
  const magnitudes = asymmetricMagnitudes(shape);
  const support = randomMask(shape, 0.5, 6);
  const begin = noise(2 * pixels, 8).map((u) => u - 0.5);

  async function runFrom(object: Float64Array, inside: Uint8Array, algorithm: Algorithm): Promise<RealArray> {
    using session: Session = await createSession(
      { magnitudes, shape, support: inside, object: 'complex' },
      { backend, precision, algorithm, start: { object } },
    );
    await session.run(4);
    // Before it is disposed of.
    return await session.readObject();
  }

  /** Pixel i of the result is pixel from(i), whose imaginary part is multiplied by `sense`. */
  function moved(object: RealArray, from: (row: number, column: number) => number, sense = 1): Float64Array {
    const result = new Float64Array(2 * pixels);
    for (let i = 0; i < pixels; i++) {
      const at = from(Math.floor(i / columns), i % columns);
      result[2 * i] = object[2 * at];
      result[2 * i + 1] = sense * object[2 * at + 1];
    }
    return result;
  }
  const movedSupport = (from: (row: number, column: number) => number) =>
    support.map((_, i) => support[from(Math.floor(i / columns), i % columns)]);

  it.each(isSampled ? TWO : COMPLEX)(
    'leaves the course of %s alike: a constant phase, a shift, the conjugate inversion',
    async (algorithm) => {
      const plain = await runFrom(begin, support, algorithm);
      const turn = (object: RealArray, [re, im]: [number, number]) =>
        Float64Array.from(object, (value, i) =>
          i % 2 ? value * re + object[i - 1] * im : value * re - object[i + 1] * im,
        );
      const phase: [number, number] = [Math.cos(1), Math.sin(1)];
      expect(relativeError(await runFrom(turn(begin, phase), support, algorithm), turn(plain, phase))).toBeLessThan(
        tolerance,
      );

      const shift = (row: number, column: number) => ((row + 2) % rows) * columns + ((column + 5) % columns);
      const shifted = await runFrom(moved(begin, shift), movedSupport(shift), algorithm);
      expect(relativeError(shifted, moved(plain, shift))).toBeLessThan(tolerance);

      const invert = (row: number, column: number) => ((rows - row) % rows) * columns + ((columns - column) % columns);
      const inverted = await runFrom(moved(begin, invert, -1), movedSupport(invert), algorithm);
      expect(relativeError(inverted, moved(plain, invert, -1))).toBeLessThan(tolerance);
    },
  );
});

describe('retrieve', () => {
  const shape: Shape = [32, 32];
  const pixels = 32 * 32;
  const support = Uint8Array.from({ length: pixels }, (_, i) =>
    i % 32 < 12 && i < 10 * 32 && (i % 32) + (i >> 5) > 3 ? 1 : 0,
  );
  const object = Float64Array.from({ length: 2 * pixels }, (_, i) => noise(2 * pixels, 4)[i] * support[i >> 1]);

  it('finds a complex object in a tight support, and goes on from a checkpoint to the same end', async () => {
    const spectrum = fourierSums(object, shape, -1);
    const magnitudes = Float64Array.from({ length: pixels }, (_, k) =>
      Math.hypot(spectrum[2 * k], spectrum[2 * k + 1]),
    );
    const problem = { magnitudes, shape, support, object: 'complex' as const };
    const options = { backend: 'wasm', precision: 'double', chain: '(hio*45+er*5)*10', starts: 4, seed: 3 } as const;
    const whole = await retrieve(problem, { ...options, keepObjects: true });
    expect(whole.object).toHaveLength(2 * pixels);
    expect(whole.objects).toHaveLength(4);
    expect(whole.feasibleResidual).toBeLessThan(0.05);
    expect(whole.warnings.map(({ code }) => code)).not.toContain('ASYMMETRIC');

    const checkpoints: Uint8Array[] = [];
    const abort = new AbortController();
    const run = retrieve(problem, {
      ...{ ...options, signal: abort.signal, checkpointSeconds: 1e-6 },
      onCheckpoint: (checkpoint) => {
        checkpoints.push(checkpoint);
        if (checkpoints.length === 6) abort.abort();
      },
    });
    await run.catch(() => undefined);
    const resumed = await retrieve(problem, { ...options, resume: checkpoints.at(-1) });
    expect(resumed.object).toEqual(whole.object);
    expect(resumed.residuals).toEqual(whole.residuals);
    const other = { ...problem, amplitudeBounds: [0, 5] as const };
    await expect(retrieve(other, { ...options, resume: checkpoints.at(-1) })).rejects.toThrow(/bounds/);
  });
});

describe('bad input', () => {
  const shape: Shape = [2, 3];
  const good: Problem = { magnitudes: Float32Array.of(1, 2, 3, 4, 5, 6), shape, object: 'complex' };
  const real = { ...good, object: 'real' as const };
  const problems: [what: string, problem: unknown, argument: string, message: RegExp][] = [
    ['another kind', { ...good, object: 'komplex' }, 'object', /"komplex"; takes 'real', 'complex'; did you mean/],
    [
      'positivity',
      { ...good, bounds: [0, Infinity] },
      'bounds',
      /\[0, Infinity\]; takes nothing with object: 'complex'/,
    ],
    ['one bound', { ...good, amplitudeBounds: [1] }, 'amplitudeBounds', /\[1\]; takes two numbers \[low, high\]/],
    ['sizes below 0', { ...good, amplitudeBounds: [-1, 1] }, 'amplitudeBounds', /takes .* 0 ≤ low ≤ high/],
    ['sizes of 0', { ...good, amplitudeBounds: [0, 0] }, 'amplitudeBounds', /high above 0/],
    ['crossed sizes', { ...good, amplitudeBounds: [2, 1] }, 'amplitudeBounds', /\[2, 1\]; takes/],
    ['a whole turn', { ...good, phaseBounds: [0, 7] }, 'phaseBounds', /low ≤ high < low \+ 2π/],
    ['crossed phases', { ...good, phaseBounds: [1, 0] }, 'phaseBounds', /\[1, 0\]; takes two finite numbers/],
    ['an open range of phases', { ...good, phaseBounds: [0, Infinity] }, 'phaseBounds', /finite numbers/],
    ['phases of a real object', { ...real, phaseBounds: [0, 1] }, 'phaseBounds', /nothing without object: 'complex'/],
    ['sizes of a real object', { ...real, amplitudeBounds: [0, 1] }, 'amplitudeBounds', /nothing without object/],
    [
      'a second plane of a real object',
      { ...real, objectMagnitudes: new Float32Array(6) },
      'objectMagnitudes',
      /Float32Array of 6; takes nothing without object: 'complex'/,
    ],
    [
      'a second plane of another shape',
      { ...good, objectMagnitudes: new Float32Array(8) },
      'objectMagnitudes',
      /Float32Array of 8; takes .* 2 × 3 = 6 numbers/,
    ],
    [
      'an empty second plane',
      { ...good, objectMagnitudes: new Float32Array(6) },
      'objectMagnitudes',
      /every entry is zero/,
    ],
    [
      'a negative size',
      { ...good, objectMagnitudes: Float32Array.of(1, 1, 1, 1, -1, 1) },
      'objectMagnitudes',
      /at \[1, 1\]: got -1; takes finite numbers of at least 0/,
    ],
    [
      'sizes said twice',
      { ...good, objectMagnitudes: new Float32Array(6).fill(1), amplitudeBounds: [0, 1] },
      'amplitudeBounds',
      /takes nothing with objectMagnitudes/,
    ],
    [
      'few pixels that are never 0',
      { ...good, supportSize: 2, amplitudeBounds: [1, 2] },
      'supportSize',
      /2; takes nothing with .*amplitudeBounds above 0/,
    ],
  ];

  it.each(problems)('is refused: %s', async (_, problem, argument, message) => {
    for (const open of [createSession, retrieve] as ((problem: Problem) => Promise<unknown>)[]) {
      await expect(open(problem as Problem)).rejects.toMatchObject({
        ...{ code: 'INVALID_ARGUMENT', argument, message: expect.stringMatching(message) as string },
      });
    }
  });

  it.each(['chio', 'cf'] as const)('is refused: %s, which needs an order', async (algorithm) => {
    const refused = { argument: 'algorithm', message: expect.stringMatching(/takes one of er, gs, hio/) as string };
    await expect(createSession(good, { algorithm })).rejects.toMatchObject(refused);
    await expect(retrieve(good, { chain: `er*2+(hio*3+${algorithm}*1)*2` })).rejects.toMatchObject(refused);
    using session = await createSession(good);
    expect(() => session.use({ algorithm })).toThrow(expect.objectContaining(refused));
  });

  it('is refused: arrays that are not interleaved, or of another number of starts', async () => {
    const interleaved = /2 × 3 complex numbers, interleaved re, im: 12 numbers/;
    const start = { object: new Float32Array(6) };
    await expect(createSession(good, { start })).rejects.toThrow(interleaved);
    await expect(createSession(good, { start: { object: new Float32Array(12) }, starts: 2 })).rejects.toThrow(
      /24 numbers/,
    );
    await expect(createSession(good, { start: { phase: new Float32Array(12) } })).rejects.toThrow(/2 × 3 = 6 numbers/);
    using session = await createSession(good);
    expect(() => session.writeObject(new Float32Array(6))).toThrow(interleaved);
    expect(() => session.writeObject(new Float32Array(12).fill(NaN))).toThrow(/object at \[0, 0\]: got NaN/);
    expect(() => session.writeSpectrum(new Float32Array(6))).toThrow(interleaved);
  });
});
