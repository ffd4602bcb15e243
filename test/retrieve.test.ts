/** One call from a pattern to an image, and that the calling thread has no part in the work. */
import { ALGORITHMS } from '../src/types.js';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { wasmBackend } from '../backends/wasm/backend.js';
import type { Backend } from '../src/backends/interface.js';
import {
  AbortError,
  DeviceLostError,
  InvalidArgumentError,
  OutOfMemoryError,
  alignedError,
  chooseRecipe,
  createSession,
  listBackends,
  retrieve,
  simulate,
  type MemoryReport,
  type Problem,
  type Progress,
  type RecipeOptions,
  type Shape,
  type Start,
} from '../src/index.js';
import { prepare, selectStarts } from '../src/problems/image.js';
import { checkSessionOptions } from '../src/problems/options.js';
import { checkChain } from '../src/retrieve/chain.js';
import { runJob } from '../src/retrieve/job.js';
import { WorkersUnavailable, inspectOnWorker, runOnWorkers } from '../src/retrieve/workers/pool.js';
import { packError, unpackError } from '../src/retrieve/workers/protocol.js';
import { availableCores } from '../src/retrieve/workers/thread.js';
import { onEveryBackend } from './support/backends.js';
import { asymmetricMagnitudes, noise } from './support/images.js';

const shape: Shape = [20, 24];
const pixels = 20 * 24;
const problem = { magnitudes: asymmetricMagnitudes(shape), shape };

onEveryBackend('retrieve', ({ backend, precision }) => {
  const options = { backend, precision, algorithm: 'hio', seed: 4 } as const;

  it('gives what a session gives', async () => {
    const result = await retrieve(problem, { ...options, iterations: 30, history: true });
    using session = await createSession(problem, { ...options, history: true });
    await session.run(30);
    expect(result).toMatchObject({ shape, iterations: 30, best: 0, backend, device: session.device });
    expect(result).toMatchObject({ algorithm: 'hio', beta: 0.9 });
    expect(result.object).toEqual(await session.readObject());
    expect(result.feasible).toEqual(await session.readFeasible());
    expect(result.residual).toBe(await session.residual());
    expect(result.history).toEqual(await session.history());
    expect(result.seconds).toBeGreaterThan(0);
  });

  it('gives the best of several starts, alike however they are spread over workers', async () => {
    const starts = 5;
    const result = await retrieve(problem, { ...options, iterations: 20, starts, history: true });
    using session = await createSession(problem, { ...options, starts, history: true });
    await session.run(20);
    expect(result.residuals).toEqual(await session.residuals());
    expect(result.residuals[result.best]).toBe(result.residual);
    expect(result.feasibleResidual).toBe(Math.min(...result.feasibleResiduals));
    expect(result.feasibleResiduals[result.best]).toBe(result.feasibleResidual);
    expect(result.object).toEqual(await session.readObject(result.best));
    expect(result.history).toEqual(await session.history(result.best));
  });

  it.each(ALGORITHMS)('measures what is feasible of each object, after %s', async (algorithm) => {
    const { feasible, feasibleResidual } = await retrieve(problem, { ...options, algorithm, iterations: 7 });
    using session = await createSession(problem, { ...options, start: { object: feasible } });
    // The object of gs is measured as it is left by its transform back from rows: the same but for rounding.
    expect(feasibleResidual).toBeCloseTo(await session.residual(), 5);
  });

  it('passes over a start that has left the range of the precision', async () => {
    const object = noise(3 * pixels, 2);
    const beyond = precision === 'double' ? 1e307 : 1e38;
    object.fill(beyond, 0, pixels).fill(beyond, 2 * pixels);
    const reports: Progress[] = [];
    const onProgress = (report: Progress) => reports.push(report);
    const result = await retrieve(problem, { ...options, iterations: 5, starts: 3, start: { object }, onProgress });
    expect(result.best).toBe(1);
    expect(Array.from(result.feasibleResiduals, Number.isFinite)).toEqual([false, true, false]);
    expect(result.feasible.every((value) => value >= 0)).toBe(true);
    expect(reports.at(-1)!.residual).toBeGreaterThan(0);
  });

  it('ends without an error, and with nothing good to show, where feedback has driven every start out of range', async () => {
    const result = await retrieve(problem, { ...options, beta: 1e300, iterations: 30, starts: 2 });
    expect(result.iterations).toBe(30);
    // NaN where numbers became infinite; 1 where their squares did, which leaves nothing but zeros of the image.
    for (const residual of result.feasibleResiduals) expect(residual).not.toBeLessThan(1);
    if (precision === 'single') expect(result.feasibleResidual).toBeNaN();
  });

  it.each(['phase', 'object'] as const)("takes the caller's own %s for several starts", async (kind) => {
    const given = noise(3 * pixels, 2);
    // A view of a larger buffer, of which only its own part may be used.
    const start = { [kind]: given } as { phase: Float64Array };
    const result = await retrieve(problem, { ...options, iterations: 5, starts: 3, start });
    using session = await createSession(problem, { ...options, starts: 3, start });
    await session.run(5);
    expect(result.residuals).toEqual(await session.residuals());
    expect(given).toEqual(noise(3 * pixels, 2));
  });

  it('rejects with an AbortError before anything is begun', async () => {
    await expect(retrieve(problem, { ...options, signal: AbortSignal.abort() })).rejects.toThrow(AbortError);
  });

  it.each([1, 3])('stops when it is aborted and hands over what it has reached, with %d starts', async (starts) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const error: unknown = await retrieve(problem, {
      ...{ ...options, starts, iterations: 1e9, history: true, signal: controller.signal },
      onProgress: () => controller.abort(reason),
    }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AbortError);
    const { partial, cause } = error as AbortError;
    expect(cause).toBe(reason);
    expect(partial!.iterations).toBeGreaterThan(0);
    expect(partial!.history).toHaveLength(partial!.iterations);
    expect(partial!.object).toHaveLength(pixels);
    expect(partial!.residuals).toHaveLength(starts);
    expect(partial!.feasibleResidual).toBe(Math.min(...partial!.feasibleResiduals));
  });

  it('reports progress up to the end', async () => {
    const reports: Progress[] = [];
    await retrieve(problem, { ...options, starts: 2, iterations: 50, onProgress: (report) => reports.push(report) });
    expect(reports.at(-1)).toMatchObject({ iteration: 50, iterations: 50 });
    const iterations = reports.map((report) => report.iteration);
    expect(iterations).toEqual([...iterations].sort((a, b) => a - b));
    expect(reports.every(({ residual }) => residual > 0)).toBe(true);
  });
});

describe('retrieve on the wasm backend', () => {
  afterEach(() => vi.restoreAllMocks());
  const options = { backend: 'wasm', iterations: 10 } as const;

  it('opens no session on the calling thread, and ends every worker', async () => {
    await listBackends();
    const onThisThread = vi.spyOn(wasmBackend, 'createSession');
    const ended = vi.spyOn(Worker.prototype, 'terminate');
    await retrieve(problem, options);
    expect(onThisThread).not.toHaveBeenCalled();
    expect(ended).toHaveBeenCalledTimes(1);
    await retrieve(problem, { ...options, signal: new AbortController().signal, starts: 100 });
    expect(ended.mock.calls.length).toBeGreaterThanOrEqual(2);
    expect(onThisThread).not.toHaveBeenCalled();
  });

  it('computes on the calling thread where no worker can be made, with the same result', async () => {
    const expected = await retrieve(problem, { ...options, starts: 2 });
    const onThisThread = vi.spyOn(wasmBackend, 'createSession');
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined);
    const result = await retrieve(problem, { ...options, starts: 2 });
    expect(onThisThread).toHaveBeenCalledTimes(1);
    expect({ ...result, seconds: 0 }).toEqual({ ...expected, seconds: 0 });
  });

  it('passes on what onProgress throws, and ends its workers', async () => {
    const failure = new Error('from the caller');
    const ended = vi.spyOn(Worker.prototype, 'terminate');
    const onProgress = () => {
      throw failure;
    };
    await expect(retrieve(problem, { ...options, onProgress })).rejects.toBe(failure);
    expect(ended).toHaveBeenCalledTimes(1);
  });

  it('recovers an image from its support and the magnitudes of its transform', async () => {
    // A triangle: it tells the image from its twin, rotated by 180°, between which rectangles let the iteration waver.
    const padded: Shape = [48, 64];
    const truth = noise(48 * 64, 3).map((u, i) => {
      const [row, column] = [Math.floor(i / 64), i % 64];
      return row < 24 && column <= 1.2 * row ? 0.2 + u : 0;
    });
    const { magnitudes } = await simulate({ image: truth, shape: padded, pad: 1 });
    const known = { magnitudes, shape: padded, support: Uint8Array.from(truth, (value) => (value > 0 ? 1 : 0)) };
    const hio = await retrieve(known, { algorithm: 'hio', iterations: 1000, seed: 2, starts: 8 });
    const refined = await retrieve(known, { algorithm: 'gs', iterations: 200, start: { object: hio.object } });
    const { error } = await alignedError(refined.feasible, truth, padded);
    // Reached is the rounding of single precision; a wrong image is off by a third or more.
    expect(error).toBeLessThan(1e-3);
  });
});

describe('a recipe', () => {
  const usual = { ...problem, support: new Uint8Array(pixels).fill(1, 0, pixels / 4) };
  const chosen = (options: RecipeOptions, kind: Partial<Problem> = {}) =>
    chooseRecipe({ ...usual, ...kind }, { effort: 'quick', backend: 'wasm', ...options });

  it('is a chain that fits, and starts and generations that go with it', async () => {
    const chain = /^hio:0\.7\*\d+\+er\*\d+$/;
    for (const object of ['real', 'complex'] as const) {
      expect(await chosen({}, { object })).toEqual({
        ...{ chain: expect.stringMatching(chain) as string, starts: 4, generations: 2, refine: 100 },
      });
    }
    // One start has nothing to be combined with.
    expect(await chosen({ starts: 1 })).toEqual({ chain: expect.stringMatching(chain) as string, starts: 1 });
  });

  it('keeps what is given, and is an option of retrieve', async () => {
    const recipe = await chosen({ chain: 'hio*20+er*5', starts: 2, refine: 3 });
    expect(recipe).toEqual({ chain: 'hio*20+er*5', starts: 2, generations: 2, refine: 3 });
    const { residuals } = await retrieve(usual, { ...recipe, backend: 'wasm' });
    expect(residuals).toHaveLength(2);
  });

  it.each([
    [{ effort: 'quik' }, "effort: got \"quik\"; takes 'quick', 'normal', 'thorough'; did you mean 'quick'?"],
    [{ starts: 0 }, 'starts: got 0; takes an integer of at least 1'],
    [{ stars: 3 }, "no 'stars'"],
  ])('refuses %j', async (options, message) => {
    await expect(chosen(options as RecipeOptions)).rejects.toThrow(message);
  });
});

describe('a job', () => {
  it('of 64 starts of 512 × 512 pixels copies no object but the best one', async () => {
    const large: Shape = [512, 512];
    const settings = checkSessionOptions({ backend: 'wasm', algorithm: 'hio', starts: 64 });
    const setup = prepare({ magnitudes: asymmetricMagnitudes(large), shape: large }, settings, undefined);
    const reports: MemoryReport[] = [];
    const backend: Backend = {
      ...wasmBackend,
      createSession: async (...parts) => {
        const session = await wasmBackend.createSession(...parts);
        reports.push(session.memory());
        const dispose = session.dispose.bind(session);
        session.dispose = () => {
          reports.push(session.memory());
          dispose();
        };
        return session;
      },
    };
    const result = await runJob(backend, { setup, device: 0, chain: checkChain('hio*2') }, {});
    expect(result.feasibleResiduals).toHaveLength(64);
    const [before, after] = reports;
    expect(after.uploads).toBe(before.uploads);
    const residuals = after.downloadedBytes - 4 * 512 * 512;
    // Two iterations' residuals and the feasible objects', eight bytes each.
    expect(residuals).toBe(3 * 64 * 8);
  });
});

describe('some of the starts', () => {
  const settings = checkSessionOptions({ starts: 4, seed: 7 });
  const values = Float32Array.from({ length: 4 * pixels }, (_, i) => i);

  it.each(['phase', 'object'] as const)('have their own part of a %s, and no more', (kind) => {
    const setup = prepare(problem, settings, { [kind]: values } as unknown as Start);
    const { batch, start } = selectStarts(setup, 1, 2);
    expect(batch).toEqual({ starts: 2 });
    expect(start).toEqual({ [kind]: values.slice(pixels, 3 * pixels) });
    // A worker is sent all the memory that an array is in.
    expect(Object.values(start!)[0].buffer.byteLength).toBe(4 * 2 * pixels);
  });

  it('are drawn from the seed by their number among all', () => {
    const part = selectStarts(selectStarts(prepare(problem, settings, undefined), 1, 3), 1, 2);
    expect(part.batch).toEqual({ starts: 2, seeded: { seed: 7, firstStart: 2 } });
  });
});

describe('workers', () => {
  afterEach(() => vi.restoreAllMocks());
  const script = (source: string) => ({ source, data: undefined });
  const ready = "const { parentPort } = require('node:worker_threads'); parentPort.postMessage({ type: 'ready' });";

  it.each([
    ['does not parse', 'this is no JavaScript'],
    ['throws at once', "throw new Error('not here')"],
    ['ends at once', 'process.exit(3)'],
  ])('count as unavailable when the script %s', async (_what, source) => {
    await expect(runOnWorkers(script(source), [{} as never], {})).rejects.toThrow(WorkersUnavailable);
  });

  it.each([
    ['throws', `${ready} parentPort.on('message', () => { throw new Error('broken') })`, /broken/],
    ['ends', `${ready} parentPort.on('message', () => process.exit(3))`, /exit code 3/],
  ])('that %s at work are a DeviceLostError', async (_what, source, message) => {
    const { magnitudes } = problem;
    const job = { setup: { pattern: { magnitudes } } } as never;
    const work = runOnWorkers(script(source), [job], {});
    await expect(work).rejects.toThrow(DeviceLostError);
    await expect(work).rejects.toThrow(message);
  });

  it('that fail leave their cores to others, and so does a look that is aborted', async () => {
    const stubborn = script(`${ready} parentPort.on('message', ({ job }) => {
      if (job?.setup.fails) throw new Error('broken');
      if (job?.setup.ends) parentPort.postMessage({ type: 'done', result: 'done' });
    })`);
    const job = (setup: object) => ({ setup: { ...setup, batch: { starts: 1 } } }) as never;
    for (let i = 0; i <= availableCores(); i++) {
      await expect(runOnWorkers(stubborn, [job({ fails: true }), job({})], {})).rejects.toThrow('broken');
      const controller = new AbortController();
      const looking = inspectOnWorker(stubborn, problem, controller.signal);
      setTimeout(() => controller.abort(), 10);
      expect(await looking).toEqual([]);
    }
    expect(await runOnWorkers(stubborn, [job({ ends: true })], {})).toEqual(['done']);
  }, 60_000);

  describe('of many calls', () => {
    // Each job ends when it is told to: `counts` has how many have begun, and how many may end.
    const counts = new Int32Array(new SharedArrayBuffer(8));
    const held = `${ready} parentPort.on('message', ({ type, data }) => {
      if (type === 'abort') return;
      const number = Atomics.add(data, 0, 1);
      for (let allowed = 0; allowed <= number; allowed = Atomics.load(data, 1)) Atomics.wait(data, 1, allowed, 100);
      parentPort.postMessage({ type: 'done', result: number });
    })`;
    const job = { setup: { batch: { starts: 1 } } } as never;
    const begun = () => vi.waitFor(() => expect(counts[0]).toBe(availableCores()), { timeout: 60_000 });
    const allow = (jobs: number) => {
      Atomics.store(counts, 1, jobs);
      Atomics.notify(counts, 1);
    };

    it('are as many as the cores, and take turns in the order of asking', async () => {
      counts.fill(0);
      const calls = Array.from({ length: 3 * availableCores() }, () =>
        runOnWorkers({ source: held, data: counts }, [job], {}),
      );
      await begun();
      // Workers beyond the cores would begin at once.
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(counts[0]).toBe(availableCores());
      allow(calls.length);
      expect((await Promise.all(calls)).flat().sort((a, b) => Number(a) - Number(b))).toEqual([...calls.keys()]);
    });

    it('leave the queue when they are aborted, and nobody behind them waits longer', async () => {
      counts.fill(0);
      const controller = new AbortController();
      const source = { source: held, data: counts };
      const running = Array.from({ length: availableCores() }, () => runOnWorkers(source, [job], {}));
      await begun();
      const aborted = runOnWorkers(source, [job], { signal: controller.signal });
      const last = runOnWorkers(source, [job], {});
      controller.abort();
      expect(await aborted).toMatchObject([{ iterations: 0, residuals: Float64Array.of(NaN) }]);
      allow(100);
      await Promise.all([...running, last]);
    });
  });

  it('pass on what a promise of onProgress is rejected with, also after the last report', async () => {
    const slowly = async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      throw new Error('the disk is full');
    };
    await expect(retrieve(problem, { backend: 'wasm', iterations: 1, onProgress: slowly })).rejects.toThrow(
      'the disk is full',
    );
    using session = await createSession(problem, { backend: 'wasm' });
    await expect(session.run(1, { onProgress: slowly })).rejects.toThrow('the disk is full');
    expect(session.iterations).toBe(1);
  });

  it('together report the iterations of the slowest, the best residual and the longest time', async () => {
    const reporting = `${ready} parentPort.on('message', ({ job: { setup } }) => {
      parentPort.postMessage({ type: 'progress', progress: { iterations: 9, ...setup.progress } });
      parentPort.postMessage({ type: 'done', result: 'done' });
    })`;
    const job = (iteration: number, residual: number, seconds: number) =>
      ({ setup: { progress: { iteration, residual, seconds } } }) as never;
    const onProgress = vi.fn();
    await runOnWorkers(script(reporting), [job(7, 0.5, 1), job(5, 0.25, 3), job(6, NaN, 2)], { onProgress });
    expect(onProgress.mock.calls).toEqual([[{ iteration: 5, iterations: 9, residual: 0.25, seconds: 3 }]]);
  });

  it('together report progress at most ten times a second', async () => {
    let milliseconds = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => milliseconds++);
    const report = `parentPort.postMessage({ type: 'progress', progress: { iteration: i, iterations: 400, residual: 1, seconds: 0 } })`;
    const busy = `${ready} parentPort.on('message', () => {
      for (let i = 1; i <= 400; i++) ${report};
      parentPort.postMessage({ type: 'done', result: 'done' });
    })`;
    const job = { setup: { pattern: problem } } as never;
    const onProgress = vi.fn();
    await runOnWorkers(script(busy), [job, job], { onProgress });
    const reported = onProgress.mock.calls.length;
    expect(reported).toBeGreaterThan(1);
    // The last one, when all have finished, comes at any time.
    expect(reported).toBeLessThanOrEqual(Math.ceil(milliseconds / 100) + 1);
  });

  it.each([
    new InvalidArgumentError('beta', 'beta: wrong'),
    new OutOfMemoryError('too much', 5e9, 4e9),
    new DeviceLostError('gone'),
    new TypeError('a defect'),
  ])('send errors whole: %s', (error) => {
    const received = unpackError(structuredClone(packError(error)));
    expect(received.message).toBe(error.message);
    expect(received.name).toBe(error.name);
    expect(received.stack).toBe(error.stack);
    expect({ ...received, name: '' }).toEqual({ ...error, name: '' });
    if ('code' in error) expect(received).toBeInstanceOf(error.constructor);
  });
});
