/** Sessions of scans: mixtures of calls, what must hold whatever the numbers, and bad input. */
import { describe, expect, it } from 'vitest';
import {
  AbortError,
  BusyError,
  DisposedError,
  InvalidArgumentError,
  createSession,
  retrieve,
  type Scan,
  type ScanOptions,
  type ScanPreview,
  type ScanSession,
  type ScanSessionOptions,
} from '../src/index.js';
import { SCAN_ALGORITHMS, type PatternPlace } from '../src/scan-types.js';
import { scanOrder } from '../src/session/scan-order.js';
import { completedModes } from '../src/session/probe.js';
import { asPromises } from './support/calls.js';
import { onEveryBackend } from './support/backends.js';
import { relativeError } from './support/images.js';
import { makeScene } from './support/scans.js';

const { scan: truth } = await makeScene({ shape: [12, 10] });
const { scan: truthOfTwo } = await makeScene({ shape: [9, 14], modes: 2 });
/** Begins beside the truth, and between pixels. */
const start = (scan: typeof truth): Scan => ({
  ...scan,
  positions: scan.positions.map((number, i) => number + 0.3 * Math.sin(i)),
  object: { ...scan.object, data: scan.object.data.map((number, i) => number + 0.1 * Math.cos(7 * i)) },
});

async function stateOf(session: ScanSession) {
  return {
    object: await session.readObject(),
    probe: await session.readProbe(),
    positions: await session.readPositions(),
    residual: await session.residual(),
    history: await session.history(),
  };
}

function kernels(session: ScanSession) {
  session.forward();
  session.constrainFourier();
  session.inverse();
  session.constrainObject();
}

onEveryBackend('mixtures of calls', ({ backend, precision, tolerance, isSampled }) => {
  /** In a sample every algorithm has one of the scans, and they take turns. */
  const sampled = (scans: Scan[], algorithm: (typeof SCAN_ALGORITHMS)[number]) =>
    isSampled ? [scans[SCAN_ALGORITHMS.indexOf(algorithm) % scans.length]] : scans;

  it.each(SCAN_ALGORITHMS)('of %s give the same bits', async (algorithm) => {
    for (const scan of sampled([start(truth), start(truthOfTwo)], algorithm)) {
      const options = { algorithm, batch: 5, history: true, seed: 3, positionsFrom: 2, probeFrom: 1 };
      const open = () => createSession(scan, { ...options, backend, precision });
      using whole = await open();
      await whole.run(4);
      const wanted = await stateOf(whole);
      expect(wanted.history).toHaveLength(4);
      expect(wanted.positions).not.toEqual(scan.positions);

      using steps = await open();
      for (let i = 0; i < 4; i++) steps.step();
      expect(await stateOf(steps)).toEqual(wanted);

      using single = await open();
      while (single.iterations < 4) kernels(single);
      expect(await stateOf(single)).toEqual(wanted);

      using mixed = await open();
      kernels(mixed);
      mixed.forward();
      mixed.constrainFourier();
      const waves = await mixed.readWaves();
      mixed.writeWaves(waves);
      await mixed.run(1);
      expect(mixed.iterations).toBe(1);
      mixed.step();
      mixed.forward();
      await mixed.run(2);
      expect(mixed.iterations).toBe(4);
      // What was read and written back lost a rounding.
      const got = await stateOf(mixed);
      expect(relativeError(got.object, wanted.object)).toBeLessThan(tolerance);
      expect(relativeError(got.probe, wanted.probe)).toBeLessThan(tolerance);

      using reference = await createSession(scan, { ...options, backend: 'wasm', precision: 'double' });
      await reference.run(4);
      const exact = await stateOf(reference);
      for (const name of ['object', 'probe', 'positions', 'history'] as const) {
        expect(relativeError(wanted[name], exact[name]), name).toBeLessThan(tolerance);
      }
    }
  });

  it.each(SCAN_ALGORITHMS)('of %s give the same bits where patterns stay on the host', async (algorithm) => {
    const mask = Uint8Array.from({ length: 9 * 14 }, (_, i) => Number(i % 9 !== 4));
    for (const scan of sampled([start(truth), { ...start(truthOfTwo), mask }, truth], algorithm)) {
      const reached = async (keepPatterns: PatternPlace) => {
        // Batches of 5 do not divide the 16 positions.
        const options = { algorithm, batch: 5, history: true, seed: 3, positionsFrom: 1, keepPatterns };
        using session = await createSession(scan, { ...options, backend, precision });
        expect(session.keepPatterns).toBe(backend === 'wasm' ? 'device' : keepPatterns);
        await session.run(2);
        kernels(session);
        session.forward();
        session.step();
        return await stateOf(session);
      };
      expect(await reached('host')).toEqual(await reached('device'));
    }
  });

  it('read what was written, and an object of 1 where none was given', async () => {
    using session = await createSession({ ...truthOfTwo, object: undefined }, { backend, precision });
    const object = await session.readObject();
    expect(object).toEqual(object.map((_, i) => 1 - (i % 2)));
    const written = object.map((_, i) => Math.sin(i));
    session.writeObject(written);
    expect(relativeError(await session.readObject(), written)).toBeLessThan(tolerance);
    const probe = truthOfTwo.probe.map((number) => 0.5 * number);
    session.writeProbe(probe);
    expect(relativeError(await session.readProbe(), probe)).toBeLessThan(tolerance);
    const positions = (await session.readPositions()).map((number, i) => number + 0.1 * (i % 3));
    session.writePositions(positions);
    expect(relativeError(await session.readPositions(), positions)).toBeLessThan(tolerance);
  });

  it('of whole pixels are those of the reference', async () => {
    for (const algorithm of ['rpie', 'lsqml', 'dm'] as const) {
      const object = { ...truth.object, data: start(truth).object!.data };
      const options = { algorithm, batch: 5, seed: 3 };
      using session = await createSession({ ...truth, object }, { ...options, backend, precision });
      using reference = await createSession({ ...truth, object }, { ...options, backend: 'wasm', precision: 'double' });
      await session.run(3);
      await reference.run(3);
      expect(relativeError(await session.readObject(), await reference.readObject())).toBeLessThan(tolerance);
      expect(relativeError(await session.readProbe(), await reference.readProbe())).toBeLessThan(tolerance);
    }
  });
});

describe.each(SCAN_ALGORITHMS)('%s', (algorithm) => {
  it('leaves the truth where it is', async () => {
    for (const scan of [truth, truthOfTwo]) {
      using session = await createSession(scan, { algorithm, batch: 3, precision: 'double', backend: 'wasm' });
      await session.run(3);
      expect(await session.residual()).toBeLessThan(1e-9);
      expect(relativeError(await session.readObject(), scan.object.data)).toBeLessThan(1e-9);
      expect(relativeError(await session.readProbe(), scan.probe)).toBeLessThan(1e-9);
    }
  });
});

it('does not see the twin: the conjugate turned by 180°, all positions negated', async () => {
  const [height, width] = truth.object.shape;
  const [rows, columns] = truth.shape;
  const turned = (array: Float64Array) =>
    array.map((_, i) => (i % 2 ? -1 : 1) * array[array.length - 2 - i + 2 * (i % 2)]);
  const twin: Scan = {
    ...truth,
    probe: turned(truth.probe as Float64Array),
    object: { data: turned(truth.object.data as Float64Array), shape: truth.object.shape },
    positions: truth.positions.map((number, i) => (i % 2 ? width - columns : height - rows) - number),
  };
  using session = await createSession(twin, { precision: 'double', backend: 'wasm' });
  session.step();
  expect(await session.residual()).toBeLessThan(1e-9);
});

it('comes near to object and probe again, from another probe', async () => {
  const probe = truth.probe.map((number, i) => number * (1 + 0.3 * Math.sin(i)));
  const options = { iterations: 300, precision: 'double', backend: 'wasm', history: true } as const;
  const result = await retrieve({ ...truth, probe, object: undefined }, { algorithm: 'lsqml', ...options });
  expect(result.residual).toBeLessThan(0.2 * result.history![0]);
  expect(result.object).toHaveLength(2 * result.objectShape[0] * result.objectShape[1]);
  let [power, counts] = [0, 0];
  for (const number of result.probe) power += number ** 2;
  for (const number of truth.patterns) counts += number / 16;
  expect(Math.abs(power / counts - 1)).toBeLessThan(0.5);
  // Positions without an object may have any origin; two pixels are left around the patches.
  expect(Math.min(...result.positions)).toBe(2);
});

it('reads the waves of a batch as the transforms of probe times patch', async () => {
  using session = await createSession(truth, { batch: 4, precision: 'double', backend: 'wasm' });
  session.forward();
  const [rows, columns] = truth.shape;
  const pixels = rows * columns;
  const waves = await session.readWaves();
  expect(waves).toHaveLength(4 * 2 * pixels);
  scanOrder(16, 0, 0)
    .slice(0, 4)
    .forEach((j, n) => {
      for (let i = 0; i < pixels; i++) {
        const power = waves[2 * (n * pixels + i)] ** 2 + waves[2 * (n * pixels + i) + 1] ** 2;
        expect(Math.abs(power - truth.patterns[j * pixels + i])).toBeLessThan(1e-6);
      }
    });
});

it('makes modes that the probe lacks, orthogonal to those before', () => {
  const one = truth.probe.length;
  const modes = completedModes(truth.probe, truth.shape, 4);
  const product = (a: number, b: number) => {
    let [re, im] = [0, 0];
    for (let i = 0; i < one; i += 2) {
      const [ar, ai, br, bi] = [modes[a * one + i], modes[a * one + i + 1], modes[b * one + i], modes[b * one + i + 1]];
      re += ar * br + ai * bi;
      im += ar * bi - ai * br;
    }
    return Math.hypot(re, im);
  };
  expect(modes.subarray(0, one)).toEqual(truth.probe);
  for (let a = 0; a < 4; a++) {
    expect(product(a, a) / product(0, 0)).toBeCloseTo(a === 0 ? 1 : 0.05, 10);
    for (let b = 0; b < a; b++) expect(product(a, b) / product(0, 0)).toBeLessThan(1e-10);
  }
});

it('makes modes of differences along columns and rows in turn', () => {
  const [rows, columns] = truth.shape;
  // The mirror images of an index are those about the middle, and this one is even along both axes.
  const even = Float64Array.from({ length: 2 * rows * columns }, (_, i) => {
    const [y, x] = [Math.floor(i / 2 / columns) - rows / 2, ((i >> 1) % columns) - columns / 2];
    return i % 2 ? 0 : Math.exp(-(y * y + x * x) / 8);
  });
  const modes = completedModes(even, truth.shape, 3);
  for (const [mode, down, right] of [
    [1, 1, -1],
    [2, -1, 1],
  ]) {
    const at = (row: number, column: number) => 2 * ((mode * rows + (row % rows)) * columns + (column % columns));
    for (let i = 0; i < rows * columns; i++) {
      const [row, column] = [Math.floor(i / columns), i % columns];
      expect(modes[at(rows - row, column)]).toBeCloseTo(down * modes[at(row, column)], 12);
      expect(modes[at(row, columns - column)]).toBeCloseTo(right * modes[at(row, column)], 12);
    }
  }
});

it.each([
  ['rpie', { alpha: 0.1, beta: 1, batch: 16 }],
  ['epie', { alpha: 1, beta: 1, batch: 1 }],
  ['lsqml', { alpha: 0.1, beta: 1, batch: 16 }],
  ['dm', { alpha: 0.001, beta: 1 }],
  ['raar', { alpha: 0.001, beta: 0.75 }],
  ['ap', { alpha: 0.001, beta: 1 }],
] as const)('%s has the defaults that its options are documented with', async (algorithm, defaults) => {
  expect(await retrieve(truth, { algorithm, iterations: 1, backend: 'wasm' })).toMatchObject(defaults);
});

describe('retrieve of a scan', () => {
  it('runs on a worker, reports progress, and gives what a session gives', async () => {
    const seen: number[] = [];
    const options = { iterations: 5, batch: 4, precision: 'double', backend: 'wasm', history: true } as const;
    const result = await retrieve(start(truth), { ...options, onProgress: ({ iteration }) => seen.push(iteration) });
    const { iterations: _, ...rest } = options;
    using session = await createSession(start(truth), rest);
    await session.run(5);
    expect(result.object).toEqual(await session.readObject());
    expect(result.history).toEqual(await session.history());
    expect(result).toMatchObject({
      algorithm: 'rpie',
      alpha: 0.1,
      beta: 1,
      batch: 4,
      modes: 1,
      iterations: 5,
      backend: 'wasm',
    });
    expect(seen.at(-1)).toBe(5);
  });

  it.each(['rpie', 'epie', 'lsqml', 'ap'] as const)(
    '%s goes on from a preview as if it had not stopped',
    async (algorithm) => {
      const scan = start(truthOfTwo);
      const options = { algorithm, batch: 5, seed: 3, probeFrom: 1, positionsFrom: 2, backend: 'wasm' } as const;
      const whole = await retrieve(scan, { ...options, iterations: 6 });
      const previews: ScanPreview[] = [];
      const onPreview = (preview: ScanPreview) => previews.push(preview);
      const same = await retrieve(scan, { ...options, iterations: 6, onPreview, previewSeconds: 1e-9 });
      expect(same.object).toEqual(whole.object);
      expect(previews.map(({ iterations }) => iterations)).toEqual([1, 2, 3, 4, 5, 6]);
      const { object, objectShape, probe, positions, modes, iterations } = previews[2];
      expect({ modes, objectShape }).toEqual({ modes: 2, objectShape: scan.object!.shape });
      const before = { ...scan, probe, positions, object: { data: object, shape: objectShape } };
      const rest = await retrieve(before, { ...options, iterations: 3, firstIteration: iterations });
      expect(rest.iterations).toBe(6);
      expect(rest.object).toEqual(whole.object);
      expect(rest.probe).toEqual(whole.probe);
      expect(rest.positions).toEqual(whole.positions);
      expect(rest.residual).toBe(whole.residual);
    },
  );

  it('waits until a preview is dealt with, on a worker too', async () => {
    let [inside, most, count] = [0, 0, 0];
    const onPreview = async () => {
      count++;
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside--;
    };
    await retrieve(truth, { iterations: 10, onPreview, previewSeconds: 1e-9, backend: 'wasm' });
    expect(count).toBeGreaterThan(2);
    expect(most).toBe(1);
  });

  it('ends with the error of onPreview, and refuses what is no function and no time', async () => {
    const onPreview = () => {
      throw new RangeError('mine');
    };
    await expect(retrieve(truth, { iterations: 5, onPreview, previewSeconds: 1e-9 })).rejects.toThrow('mine');
    await expect(retrieve(truth, { onPreview: 1 as never })).rejects.toThrow('onPreview: got 1; takes a function');
    await expect(retrieve(truth, { previewSeconds: 0 })).rejects.toThrow(
      'previewSeconds: got 0; takes a number above 0',
    );
  });

  it('stops, and says how far it came', async () => {
    const abort = new AbortController();
    const promise = retrieve(start(truth), {
      ...{ iterations: 1e6, backend: 'wasm', signal: abort.signal },
      onProgress: ({ iteration }) => iteration > 2 && abort.abort(new Error('enough')),
    });
    const error = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(AbortError);
    const { partialScan } = error as AbortError;
    expect(partialScan!.iterations).toBeGreaterThan(2);
    expect(partialScan!.iterations).toBeLessThan(1e6);
    await expect(retrieve(start(truth), { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortError);
  });
});

it('refuses calls out of turn, during a run, and after dispose', async () => {
  const session = await createSession(truth, { batch: 4, backend: 'wasm' });
  expect(() => session.inverse()).toThrow(/inverse\(\).*forward\(\) comes next/);
  await expect(session.readWaves()).rejects.toThrow(/waves/);
  session.forward();
  expect(() => session.forward()).toThrow(/constrainFourier\(\) comes next/);
  expect(() => session.writeObject(truth.object.data)).toThrow(/object: cannot be written within an iteration/);
  await session.run(1);
  session.writeObject(truth.object.data);
  session.writePositions(truth.positions);
  expect(() => session.writePositions(truth.positions.map((number) => number + 100))).toThrow(/positions at \[0, 0\]/);
  expect(() => session.writeProbe(new Float32Array(3))).toThrow(/probe/);
  await expect(session.history()).rejects.toThrow(/history/);
  const run = session.run(2);
  for (const call of everyCall(session)) await expect(call()).rejects.toThrow(BusyError);
  await run;
  session.dispose();
  session.dispose();
  for (const call of everyCall(session)) await expect(call()).rejects.toThrow(DisposedError);
  expect(() => session.memory()).toThrow(DisposedError);
  expect(() => session.timing()).toThrow(DisposedError);
});

it('reports progress at most ten times a second, and when a run ends', async () => {
  using session = await createSession(truth, { backend: 'wasm' });
  const began = performance.now();
  const seen: number[] = [];
  await session.run(200, { onProgress: ({ iteration }) => seen.push(iteration) });
  expect(seen.length).toBeLessThanOrEqual(1 + (performance.now() - began) / 100);
  expect(seen.at(-1)).toBe(200);
});

it('does not reject a run whose last iteration was done when its signal was aborted', async () => {
  // One batch is the whole iteration.
  using session = await createSession(truth, { backend: 'wasm', batch: 16 });
  const controller = new AbortController();
  const run = session.run(1, { signal: controller.signal });
  controller.abort();
  await run;
  expect(session.iterations).toBe(1);
});

function everyCall(session: ScanSession): (() => Promise<unknown>)[] {
  return asPromises([
    // No number of iterations: that there is no session to run comes first.
    () => session.run(0),
    () => session.step(),
    () => session.forward(),
    () => session.constrainFourier(),
    () => session.inverse(),
    () => session.constrainObject(),
    () => session.readObject(),
    () => session.writeObject(truth.object.data),
    () => session.readProbe(),
    () => session.writeProbe(truth.probe),
    () => session.readPositions(),
    () => session.writePositions(truth.positions),
    () => session.readWaves(),
    () => session.writeWaves(truth.probe),
    () => session.residual(),
    () => session.history(),
  ]);
}

describe('bad input', () => {
  const bad: [string, Partial<Scan>, ScanSessionOptions?][] = [
    ['patterns', { patterns: new Float32Array(7) }],
    ['patterns', { patterns: [1, 2] as never }],
    ['patterns', { patterns: truth.patterns.slice().fill(NaN, 5, 6) }],
    ['patterns', { patterns: truth.patterns.slice().fill(-1, 5, 6) }],
    ['patterns', { patterns: truth.patterns.slice().fill(0) }],
    ['positions', { positions: truth.positions.slice(2) }],
    ['positions', { positions: truth.positions.slice().fill(NaN, 3, 4) }],
    ['positions', { positions: truth.positions.slice().fill(5) }],
    ['positions', { positions: truth.positions.map((number) => number * 1e-6), object: undefined }],
    ['positions', { positions: truth.positions.map((number) => number * 1e4), object: undefined }],
    ['positions', { positions: truth.positions.map((number) => number - 3) }],
    ['probe', { probe: new Float64Array(10) }],
    ['probe', { probe: truth.probe.slice().fill(0) }],
    ['probe', { probe: truth.probe.slice().fill(Infinity, 0, 1) }],
    ['object.data', { object: { data: new Float32Array(9), shape: [3, 3] } }],
    ['mask', { mask: new Uint8Array(3) }],
    ['shape', { shape: [0, 4] }],
    ['pixel', { pixel: [1, -1] }],
    ['alpha', {}, { alpha: 1.5 }],
    ['alpha', {}, { alpha: NaN }],
    ['beta', {}, { algorithm: 'dm', beta: 0 }],
    ['batch', {}, { batch: 0 }],
    ['modes', {}, { modes: 0 }],
    ['probeFrom', {}, { probeFrom: -1 }],
    ['positionsFrom', {}, { positionsFrom: 0.5 }],
    ['keepPatterns', {}, { keepPatterns: 'gpu' as never }],
    ['firstIteration', {}, { firstIteration: -1 }],
    ['algorithm', {}, { algorithm: 'hio' as never }],
    ['backend', {}, { backend: 'gpu' as never }],
    ['wavelength', { wavelength: 1 }],
    ['distance', { distance: 0 }],
    ['energy', { energy: 8 } as never],
  ];
  it.each(bad)('names %s', async (argument, part, options = {}) => {
    for (const open of [createSession, retrieve] as ((scan: Scan, options: ScanOptions) => Promise<unknown>)[]) {
      const error = (await open({ ...truth, ...part }, { backend: 'wasm', ...options }).then(
        () => undefined,
        (reason: unknown) => reason,
      )) as InvalidArgumentError;
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(error.argument).toBe(argument);
    }
  });
});
