/** Every wrong input is a clear error of its own, and nothing is allocated or left behind. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  BackendUnavailableError,
  InvalidArgumentError,
  OutOfMemoryError,
  alignedError,
  createSession,
  listBackends,
  retrieve,
  simulate,
  type ObjectKind,
  type Problem,
  type SessionOptions,
} from '../src/index.js';
import { onEveryBackend } from './support/backends.js';

const shape = [2, 3] as const;
const magnitudes = Float32Array.of(1, 2, 3, 4, 5, 6);
const good: Problem = { magnitudes, shape };

const withValue = (value: number) => ({ ...good, magnitudes: Float64Array.of(1, 2, 3, 4, value, 6) });

const problems: [what: string, problem: unknown, argument: string, message: RegExp][] = [
  ['no problem', undefined, 'problem', /undefined; takes an object/],
  ['a misspelt key', { ...good, suport: [] }, 'suport', /no 'suport'.*did you mean 'support'/],
  ['no shape', { magnitudes }, 'shape', /undefined; takes two integers/],
  ['three dimensions', { ...good, shape: [1, 2, 3] }, 'shape', /\[1, 2, 3\]; takes two integers/],
  ['a fraction in the shape', { ...good, shape: [2.5, 3] }, 'shape', /2\.5.*takes two integers/],
  ['a shape of text', { ...good, shape: ['2', '3'] }, 'shape', /takes two integers/],
  ['no rows', { magnitudes: new Float32Array(0), shape: [0, 3] }, 'shape', /both at least 1/],
  ['a negative shape', { ...good, shape: [-2, -3] }, 'shape', /both at least 1/],
  ['another shape', { ...good, shape: [3, 3] }, 'magnitudes', /Float32Array of 6; takes .* 3 × 3 = 9 numbers/],
  ['a plain array', { ...good, magnitudes: [1, 2, 3, 4, 5, 6] }, 'magnitudes', /takes a Float32Array or Float64Array/],
  ['integers', { ...good, magnitudes: new Uint16Array(6) }, 'magnitudes', /a Uint16Array of 6; takes/],
  ['NaN', withValue(NaN), 'magnitudes', /at \[1, 1\]: got NaN.*`mask`/],
  ['infinity', withValue(Infinity), 'magnitudes', /at \[1, 1\]: got Infinity/],
  ['a negative magnitude', withValue(-0.5), 'magnitudes', /at \[1, 1\]: got -0\.5/],
  ['zeros only', { ...good, magnitudes: new Float32Array(6) }, 'magnitudes', /every entry is zero/],
  ['too large for single precision', withValue(1e40), 'magnitudes', /single precision: multiply/],
  [
    'zeros where measured',
    { ...withValue(0), mask: [0, 0, 0, 0, 1, 0].map(Boolean) },
    'magnitudes',
    /every measured.*other way round/,
  ],
  ['a support of another size', { ...good, support: new Uint8Array(5) }, 'support', /Uint8Array of 5; takes .* = 6/],
  ['a support of floats', { ...good, support: new Float32Array(6) }, 'support', /takes a Uint8Array/],
  ['an empty support', { ...good, support: new Uint8Array(6) }, 'support', /object would be zero everywhere/],
  ['a mask of another size', { ...good, mask: new Uint8Array(7) }, 'mask', /Uint8Array of 7/],
  ['null for a mask', { ...good, mask: null }, 'mask', /got null; takes a Uint8Array/],
  ['null for a support', { ...good, support: null }, 'support', /got null; takes a Uint8Array/],
  ['an empty mask', { ...good, mask: new Array<boolean>(6).fill(false) }, 'mask', /no frequency was measured/],
];

const sessionOptions: [what: string, options: Record<string, unknown>, argument: string, message: RegExp][] = [
  ['an unknown option', { bete: 1 }, 'bete', /no 'bete'.*did you mean 'beta'/],
  ['an unknown algorithm', { algorithm: 'hoi' }, 'algorithm', /"hoi"; takes 'er', 'gs', 'hio'.*did you mean 'hio'/],
  ['an unknown backend', { backend: 'opencl' }, 'backend', /"opencl"; takes 'cuda', 'webgpu', 'wasm', 'auto'/],
  ['an unknown precision', { precision: 'half' }, 'precision', /takes 'single', 'double'/],
  ['β of 0', { beta: 0 }, 'beta', /0; takes a finite number above 0/],
  ['β below 0', { beta: -1 }, 'beta', /-1; takes/],
  ['β of NaN', { beta: NaN }, 'beta', /NaN; takes/],
  ['β as text', { beta: '0.9' }, 'beta', /"0\.9"; takes/],
  ['β of infinity', { beta: Infinity }, 'beta', /Infinity; takes a finite number/],
  ['α of 0', { alpha: 0 }, 'alpha', /0; takes a number above 0 and at most 1/],
  ['α above 1', { alpha: 1.01 }, 'alpha', /1\.01; takes/],
  ['a negative δ', { delta: -1 }, 'delta', /-1; takes a finite number of at least 0/],
  ['δ of infinity', { delta: Infinity }, 'delta', /Infinity; takes/],
  ['a negative seed', { seed: -1 }, 'seed', /integer of at least 0/],
  ['a fractional seed', { seed: 0.5 }, 'seed', /integer/],
  ['a seed beyond 2⁵³', { seed: 2 ** 53 }, 'seed', /integer/],
  ['no starts', { starts: 0 }, 'starts', /at least 1/],
  ['a device that is not there', { device: 99 }, 'device', /99; takes an integer from 0/],
  ['a negative device', { device: -1 }, 'device', /integer of at least 0/],
  ['history as a number', { history: 1 }, 'history', /true or false/],
  ['null for a start', { start: null }, 'start', /got null; takes an object/],
  ['0 for a start', { start: 0 }, 'start', /got 0; takes an object/],
  ['no text for a start', { start: '' }, 'start', /got ""; takes an object/],
  ['null for phases', { start: { phase: null } }, 'start.phase', /got null; takes a Float32Array/],
  ['null for an object', { start: { object: null } }, 'start.object', /got null; takes a Float32Array/],
  ['null for an algorithm', { algorithm: null }, 'algorithm', /got null; takes 'er', 'gs'/],
  ['null for β', { beta: null }, 'beta', /got null; takes/],
  ['a start of neither kind', { start: {} }, 'start', /neither/],
  ['a start of both kinds', { start: { phase: magnitudes, object: magnitudes } }, 'start', /both/],
  ['a misspelt start', { start: { phases: magnitudes } }, 'phases', /did you mean 'phase'/],
  ['phases of another size', { start: { phase: new Float32Array(5) } }, 'start.phase', /of 5; takes .* = 6 numbers/],
  [
    'one object for two starts',
    { starts: 2, start: { object: magnitudes } },
    'start.object',
    /of 6; takes .*2 × 2 × 3 = 12/,
  ],
  ['a phase of NaN', { start: { phase: Float32Array.of(0, 0, 0, NaN, 0, 0) } }, 'start.phase', /at \[1, 0\]: got NaN/],
  [
    'an object beyond single precision',
    { start: { object: Float64Array.of(0, 0, 1e39, 0, 0, 0) } },
    'start.object',
    /at \[0, 2\]/,
  ],
];

const retrieveOptions: typeof sessionOptions = [
  ['no iterations', { iterations: 0 }, 'iterations', /0; takes an integer of at least 1/],
  ['half an iteration', { iterations: 1.5 }, 'iterations', /1\.5/],
  ['iterations as text', { iterations: '10' }, 'iterations', /"10"/],
  ['endless iterations', { iterations: Infinity }, 'iterations', /Infinity/],
  ['onProgress that is no function', { onProgress: true }, 'onProgress', /a function/],
  ['a signal that is none', { signal: {} }, 'signal', /an AbortSignal/],
];

describe('a wrong problem', () => {
  it.each(problems)('%s is refused by name', async (_what, problem, argument, message) => {
    await expectInvalid(createSession(problem as Problem), argument, message);
    await expectInvalid(retrieve(problem as Problem), argument, message);
  });
});

describe('wrong bounds', () => {
  it.each([
    [[1, 5]],
    [[-5, -1]],
    [[0, 0]],
    [[5, 1]],
    [[NaN, 1]],
    [[0, NaN]],
    [['0', 1]],
    [[0]],
    [[0, 1, 2]],
    [null],
    [7],
  ])('%j are refused by name', async (bounds) => {
    const problem = { magnitudes: new Float32Array(16).fill(1), shape: [4, 4], bounds } as never;
    await expect(createSession(problem, { backend: 'wasm' })).rejects.toMatchObject({
      ...{ code: 'INVALID_ARGUMENT', argument: 'bounds' },
      message: expect.stringMatching(/^bounds: got .*; takes two numbers \[low, high\]/) as string,
    });
  });
});

describe('a wrong constraint of magnitudes', () => {
  it.each([
    ['tolerance', -1, /^tolerance: got -1; takes a finite number of at least 0/],
    ['tolerance', NaN, /^tolerance/],
    ['tolerance', Infinity, /^tolerance/],
    ['tolerance', '1', /^tolerance/],
    ['unmeasuredLimit', 0, /^unmeasuredLimit: got 0; takes a number above 0/],
    ['unmeasuredLimit', NaN, /^unmeasuredLimit/],
    ['unmeasuredLimit', null, /^unmeasuredLimit/],
  ])('%s: %j is refused by name', async (argument, value, message) => {
    const problem = { magnitudes: new Float32Array(16).fill(1), shape: [4, 4], [argument]: value } as never;
    await expect(createSession(problem, { backend: 'wasm' })).rejects.toMatchObject({
      ...{ code: 'INVALID_ARGUMENT', argument },
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('a wrong support size', () => {
  it.each([0, -1, 1.5, 17, NaN, Infinity, '4', null])('%j is refused by name', async (supportSize) => {
    const problem = { magnitudes: new Float32Array(16).fill(1), shape: [4, 4], supportSize } as never;
    await expect(createSession(problem, { backend: 'wasm' })).rejects.toMatchObject({
      ...{ code: 'INVALID_ARGUMENT', argument: 'supportSize' },
      message: expect.stringMatching(
        /^supportSize: got .*; takes an integer from 1 to the number of pixels, 16$/,
      ) as string,
    });
  });
});

describe('a wrong option', () => {
  it.each(sessionOptions)('%s is refused by name', async (_what, options, argument, message) => {
    await expectInvalid(createSession(good, options), argument, message);
    await expectInvalid(retrieve(good, options), argument, message);
  });

  it.each(retrieveOptions)('%s is refused by name', async (_what, options, argument, message) => {
    await expectInvalid(retrieve(good, options), argument, message);
  });

  it.each([
    ['a key', { ['y'.repeat(3e6)]: 1 }],
    ['a text', { algorithm: 'x'.repeat(1e6) }],
    ['a symbol', { backend: Symbol('x'.repeat(1e6)) }],
    ['a bigint', { seed: 10n ** 10000n }],
    ['an array of long texts', { precision: Array(4).fill('x'.repeat(1e6)) }],
  ])('makes a short message, however long %s is', async (_what, options) => {
    const error: unknown = await retrieve(good, options as object).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    const { message, argument } = error as InvalidArgumentError;
    expect(message.length).toBeLessThan(400);
    expect(argument.length).toBeLessThanOrEqual(60);
  });

  it('for a run is not one of a session', async () => {
    await expectInvalid(createSession(good, { iterations: 5 } as SessionOptions), 'iterations', /no 'iterations'/);
    const all = { device: 'all' } as unknown as SessionOptions;
    await expectInvalid(createSession(good, all), 'device', /got "all"; takes an integer/);
  });
});

describe('REPHASE_BACKEND', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('is refused when it names no backend', async () => {
    vi.stubEnv('REPHASE_BACKEND', 'wsam');
    await expectInvalid(createSession(good), 'REPHASE_BACKEND', /did you mean 'wasm'/);
  });

  it('chooses where the caller does not, and nothing else is tried', async () => {
    for (const { name, available } of await listBackends()) {
      if (available) continue;
      vi.stubEnv('REPHASE_BACKEND', name);
      await expect(createSession(good)).rejects.toThrow(BackendUnavailableError);
    }
    vi.stubEnv('REPHASE_BACKEND', 'wasm');
    using session = await createSession(good);
    expect(session.backend).toBe('wasm');
  });
});

onEveryBackend('a session', ({ backend, precision }) => {
  const open = () => createSession(good, { backend, precision, starts: 2 });

  it('refuses arrays of another size or with numbers that are not finite', async () => {
    using session = await open();
    const invalid = (argument: string, message: RegExp) => expectation(argument, message);
    expect(() => session.writeObject(new Float32Array(5))).toThrow(invalid('object', /takes .* = 6 numbers/));
    expect(() => session.writeObject(new Float32Array(6).fill(NaN))).toThrow(invalid('object', /at \[0, 0\]: got NaN/));
    expect(() => session.writeSpectrum(new Float32Array(6))).toThrow(invalid('spectrum', /: 12 numbers/));
    expect(() => session.writeSpectrum(new Float64Array(12).fill(Infinity))).toThrow(invalid('spectrum', /Infinity/));
  });

  it('refuses starts that it does not have', async () => {
    using session = await open();
    for (const start of [2, -1, 0.5, NaN]) {
      await expectInvalid(session.readObject(start), 'start', /from 0 to 1/);
      await expectInvalid(session.readSpectrum(start), 'start', /from 0 to 1/);
      await expectInvalid(session.residual(start), 'start', /from 0 to 1/);
      expect(() => session.writeObject(magnitudes, start)).toThrow(expectation('start', /from 0 to 1/));
    }
  });

  it('refuses rules and supports that it cannot use, and keeps those that it has', async () => {
    using session = await open();
    const invalid = (argument: string, message: RegExp) => expectation(argument, message);
    expect(() => session.use({ algorithm: 'hoi' as 'hio' })).toThrow(invalid('algorithm', /did you mean 'hio'/));
    expect(() => session.use({ algorithm: 'hio', beta: -1 })).toThrow(invalid('beta', /above 0/));
    expect(() => session.use({ betta: 1 } as object)).toThrow(invalid('betta', /did you mean 'beta'/));
    expect(session.algorithm).toBe('gs');
    expect(() => session.setSupport(new Uint8Array(5).fill(1))).toThrow(invalid('support', /= 6 of them/));
    expect(() => session.setSupport(new Uint8Array(6))).toThrow(invalid('support', /zero everywhere/));
    await session.run(1);
    expect(await session.residual()).toBeGreaterThanOrEqual(0);
  });

  it('refuses wrong iterations and options of a run, and a history that it was not asked to keep', async () => {
    using session = await open();
    for (const iterations of [0, -1, 1.5, NaN]) {
      await expectInvalid(session.run(iterations), 'iterations', /at least 1/);
    }
    await expectInvalid(session.run(1, { onprogress: () => undefined } as object), 'onprogress', /'onProgress'/);
    await expectInvalid(session.history(), 'history', /history: true/);
    expect(session.iterations).toBe(0);
  });
});

describe('more memory than there is', () => {
  it('is refused before anything is allocated, with what is needed and the limit', async () => {
    const attempt = createSession(good, { backend: 'wasm', starts: 1e6 });
    const error: unknown = await attempt.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OutOfMemoryError);
    const { message, requiredBytes, availableBytes } = error as OutOfMemoryError;
    expect(requiredBytes).toBeGreaterThan(2 ** 32);
    expect(availableBytes).toBe(2 ** 32);
    expect(message).toMatch(/1000000 starts of 2 × 3 pixels.*GiB.*can address 4 GiB/);
  });

  it('is nearly twice as much for complex objects', async () => {
    const large = { magnitudes: new Float32Array(64 * 64).fill(1), shape: [64, 64] as const };
    for (const precision of ['single', 'double'] as const) {
      const needed = async (object: ObjectKind) => {
        const attempt = createSession({ ...large, object }, { backend: 'wasm', precision, starts: 1e6 });
        return ((await attempt.catch((thrown: unknown) => thrown)) as OutOfMemoryError).requiredBytes;
      };
      const [real, complex] = [await needed('real'), await needed('complex')];
      const number = precision === 'single' ? 4 : 8;
      // An object and its spectrum.
      expect(complex).toBeGreaterThan(1e6 * 4 * number * 64 * 64);
      expect(complex / real).toBeGreaterThan(1.5);
      expect(complex / real).toBeLessThan(2);
    }
  });

  it('is the same error when the session is on a worker', async () => {
    await expect(retrieve(good, { backend: 'wasm', starts: 2 ** 26 })).rejects.toThrow(OutOfMemoryError);
  });
});

describe('simulate and alignedError', () => {
  const image = Float32Array.of(1, 2, 3, 4, 5, 6);

  it.each([
    [{ shape }, 'image', /undefined; takes/],
    [{ image, shape: [2, 2] }, 'image', /takes .* = 4 numbers/],
    [{ image: image.map((v) => -v), shape }, 'image', /at \[0, 0\]: got -1/],
    [{ image: new Float32Array(6), shape }, 'image', /every pixel is zero/],
    [{ image, shape, pad: 0.5 }, 'pad', /at least 1/],
    [{ image, shape, pad: Symbol('pad') }, 'pad', /got Symbol\(pad\); takes/],
    [{ image, shape, photons: 0 }, 'photons', /above 0/],
    [{ image, shape, photons: Infinity }, 'photons', /above 0 and up to 1e15/],
    [{ image, shape, beamstop: -1 }, 'beamstop', /at least 0/],
    [{ image, shape, beamstop: 100 }, 'beamstop', /leaves something/],
    [{ image, shape, seed: 0.1 }, 'seed', /integer/],
    [{ image, shape, foton: 1 }, 'foton', /no 'foton'/],
  ])('simulate refuses %j by name', async (options, argument, message) => {
    await expectInvalid(simulate(options as Parameters<typeof simulate>[0]), argument, message);
  });

  it('alignedError refuses images of different sizes, NaN and an empty truth', async () => {
    await expectInvalid(alignedError(image, image.subarray(1), shape), 'truth', /= 6 numbers/);
    const broken = image.map((value, i) => (i === 4 ? NaN : value));
    await expectInvalid(alignedError(broken, image, shape), 'estimate', /^estimate at \[1, 1\]: got NaN/);
    await expectInvalid(alignedError(image, new Float32Array(6), shape), 'truth', /every pixel is zero/);
  });
});

async function expectInvalid(promise: Promise<unknown>, argument: string, message: RegExp): Promise<void> {
  await expect(promise).rejects.toThrow(expectation(argument, message));
  await expect(promise).rejects.toBeInstanceOf(InvalidArgumentError);
}

function expectation(argument: string, message: RegExp): Error {
  return expect.objectContaining({
    code: 'INVALID_ARGUMENT',
    argument,
    message: expect.stringMatching(message) as string,
  }) as Error;
}
