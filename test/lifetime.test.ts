/** Sessions come to their end in every way there is, and leave nothing behind. */
import { describe, expect, it, vi } from 'vitest';
import {
  AbortError,
  BusyError,
  DisposedError,
  createSession,
  type Progress,
  type Session,
  type SessionOptions,
  type Shape,
} from '../src/index.js';
import { asPromises } from './support/calls.js';
import { onEveryBackend } from './support/backends.js';
import { keptInMemory } from './support/garbage.js';
import { asymmetricMagnitudes } from './support/images.js';

const shape: Shape = [48, 64];
const pixels = 48 * 64;
const magnitudes = asymmetricMagnitudes(shape);
const support = Uint8Array.from(magnitudes, (_, i) => (i % 3 === 0 ? 0 : 1));

onEveryBackend('a session', ({ backend, precision }) => {
  const bytes = precision === 'double' ? 8 : 4;
  const open = (options: SessionOptions = {}) =>
    createSession({ magnitudes, shape, support }, { backend, precision, algorithm: 'hio', ...options });

  it('throws a DisposedError from every call after dispose()', async () => {
    const session = await open({ history: true });
    session.dispose();
    session.dispose();
    for (const call of everyCall(session)) await expect(call()).rejects.toThrow(DisposedError);
    expect(() => session.memory()).toThrow(DisposedError);
  });

  it('is disposed of by `using` and `await using`', async () => {
    const sessions: Session[] = [];
    {
      using one = await open();
      await using two = await open();
      sessions.push(one, two);
    }
    for (const session of sessions) expect(() => session.step()).toThrow(DisposedError);
  });

  it('throws a BusyError from every call while a run is in flight, and goes on undisturbed', async () => {
    const [session, undisturbed] = [await open({ history: true }), await open()];
    const run = session.run(40);
    for (const call of everyCall(session)) await expect(call()).rejects.toThrow(BusyError);
    expect(session.memory().uploads).toBeGreaterThan(0);
    await run;
    await undisturbed.run(40);
    expect(await session.readObject()).toEqual(await undisturbed.readObject());
    [session, undisturbed].forEach((each) => each.dispose());
  });

  it('rejects a run with a DisposedError when it is disposed of meanwhile', async () => {
    const session = await open();
    const run = session.run(1e9);
    setTimeout(() => session.dispose(), 5);
    await expect(run).rejects.toThrow(DisposedError);
    expect(() => session.step()).toThrow(DisposedError);
  });

  it('does nothing when the signal was aborted before', async () => {
    using session = await open();
    const reason = new Error('changed my mind');
    const run = session.run(5, { signal: AbortSignal.abort(reason) });
    await expect(run).rejects.toThrow(AbortError);
    await expect(run).rejects.toMatchObject({ code: 'ABORTED', cause: reason });
    expect(session.iterations).toBe(0);
  });

  it('stops between iterations when it is aborted, and keeps those it has done', async () => {
    using session = await open({ history: true });
    const controller = new AbortController();
    const run = session.run(1e9, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(run).rejects.toThrow(AbortError);
    const { iterations } = session;
    expect(iterations).toBeGreaterThan(0);
    expect(await session.history()).toHaveLength(iterations);
    using same = await open();
    await same.run(iterations);
    expect(await session.readSpectrum()).toEqual(await same.readSpectrum());
    await session.run(2);
    expect(session.iterations).toBe(iterations + 2);
  });

  it('passes on what onProgress throws and can be used afterwards', async () => {
    using session = await open();
    const failure = new Error('from the caller');
    const onProgress = () => {
      throw failure;
    };
    await expect(session.run(3, { onProgress })).rejects.toBe(failure);
    await session.run(3);
    expect(session.iterations).toBe(6);
  });

  it('reports the end of a run', async () => {
    using session = await open();
    const reports: Progress[] = [];
    const began = performance.now();
    await session.run(7, { onProgress: (progress) => reports.push(progress) });
    const last = reports.at(-1)!;
    expect(last).toMatchObject({ iteration: 7, iterations: 7 });
    expect(last.residual).toBeGreaterThan(0);
    expect(last.seconds).toBeGreaterThan(0);
    expect(last.seconds).toBeLessThanOrEqual((performance.now() - began) / 1000);
  });

  it('lets the event loop have its turns during a run', async () => {
    using session = await open();
    let turns = 0;
    let running = true;
    const turn = () => {
      turns += 1;
      if (running) setTimeout(turn);
    };
    setTimeout(turn);
    await session.run(2000, { onProgress: () => undefined });
    running = false;
    // 2000 iterations are four batches at the least, because a batch has at most 512.
    expect(turns).toBeGreaterThanOrEqual(4);
  });

  it('copies its input once, its output when asked, and nothing while it iterates', async () => {
    using session = await open();
    const created = session.memory();
    // The support may be packed.
    expect(created.uploadedBytes).toBeGreaterThan(pixels * bytes);
    expect(created.uploadedBytes).toBeLessThanOrEqual(pixels * (bytes + 1));
    expect(created.downloads).toBe(0);
    expect(created.deviceBytes).toBeGreaterThan(pixels * bytes * 2);
    await session.run(20);
    session.step();
    expect(session.memory()).toEqual(created);
    await session.readObject();
    await session.readSpectrum();
    const read = session.memory();
    expect(read.downloads).toBe(2);
    // The object, and the spectrum or the half of it that determines it.
    expect(read.downloadedBytes).toBeGreaterThanOrEqual(2 * pixels * bytes);
    expect(read.downloadedBytes).toBeLessThanOrEqual(3 * pixels * bytes);
    session.writeObject(magnitudes);
    expect(session.memory().uploadedBytes).toBe(created.uploadedBytes + pixels * bytes);
  });

  it('counts its own copy of the support among the bytes on the host', async () => {
    using session = await open();
    const withSupport = session.memory().hostBytes;
    session.setSupport(undefined);
    expect(session.memory().hostBytes).toBeLessThanOrEqual(withSupport - pixels);
    session.setSupport(support);
    // A backend may hold another copy until the device has it.
    expect(session.memory().hostBytes).toBeGreaterThanOrEqual(withSupport);
  });

  it('copies no image to change its rule, and holds a previous iterate from the first rule on that reads one', async () => {
    // WebAssembly's memory grows by a fifth at least, so that only a large image is sure to be seen in it.
    const side = backend === 'wasm' ? 1024 : 16;
    const large = { magnitudes: asymmetricMagnitudes([side, side]), shape: [side, side] } as const;
    using session = await createSession(large, { backend, precision, algorithm: 'gs' });
    await session.readObject();
    const created = session.memory();
    await session.run(3);
    session.use({ algorithm: 'output-output' });
    await session.run(3);
    const memoryless = session.memory();
    session.use({ algorithm: 'hio' });
    await session.run(3);
    session.use({ algorithm: 'gs' });
    await session.run(3);
    const after = session.memory();
    expect(after.downloads).toBe(created.downloads);
    // A device may be sent the coefficients of each rule.
    expect(after.uploadedBytes - created.uploadedBytes).toBeLessThan(1024);
    const least = (backend === 'wasm' ? 0.5 : 1) * side * side * bytes;
    expect(after.deviceBytes).toBeGreaterThanOrEqual(memoryless.deviceBytes + least);
  });

  it('neither keeps nor changes the arrays that it was given', async () => {
    const own = { magnitudes: magnitudes.slice(), support: support.slice(), object: magnitudes.slice() };
    const start = (object: Float64Array) => ({ backend, precision, start: { object } });
    const given = { magnitudes: own.magnitudes, support: own.support, shape };
    using session = await createSession(given, start(own.object));
    using untouched = await createSession({ magnitudes, support, shape }, start(magnitudes));
    expect(own).toEqual({ magnitudes, support, object: magnitudes });
    own.magnitudes.fill(0);
    own.support.fill(0);
    own.object.fill(0);
    for (const each of [session, untouched]) await each.run(3);
    expect(await session.readFeasible()).toEqual(await untouched.readFeasible());
    // What was written since `inverse` is needed once more, as the iterate, when `forward` follows.
    for (const each of [session, untouched]) {
      each.inverse();
      const written = magnitudes.slice();
      each.writeObject(written);
      if (each === session) written.fill(7);
      each.forward();
      each.constrainFourier();
    }
    expect(await session.readObject()).toEqual(await untouched.readObject());
  });

  it('lets go of the arrays that it was given', async () => {
    const given: WeakRef<object>[] = [];
    const openWithOwn = () => {
      const own = [magnitudes.slice(), support.slice(), magnitudes.slice()] as const;
      given.push(...own.map((array) => new WeakRef(array)));
      const problem = { magnitudes: own[0], support: own[1], shape };
      return createSession(problem, { backend, precision, algorithm: 'hio', start: { object: own[2] } });
    };
    using session = await openWithOwn();
    await session.run(2);
    expect(await keptInMemory(given)).toBe(0);
    expect(given).toHaveLength(3);
    expect(session.iterations).toBe(2);
  });
});

describe('the wasm backend', () => {
  it.each([
    ['gs', 12],
    ['output-output', 12],
    ['hio', 16],
    ['input-output', 16],
  ] as const)('needs for %s at most %d bytes a pixel beyond its fixed part', async (algorithm, bytesPerPixel) => {
    const [rows, columns] = [700, 900];
    const problem = { magnitudes: new Float32Array(rows * columns).fill(1), shape: [rows, columns] as const };
    const inside = Uint8Array.from({ length: rows * columns }, (_, i) => i % 2);
    using session = await createSession({ ...problem, support: inside }, { backend: 'wasm', algorithm });
    await session.run(1);
    await session.readObject();
    session.inverse();
    expect(session.memory().deviceBytes).toBeLessThan(bytesPerPixel * rows * columns + 400 * 1024);
  });

  it('takes the residuals of many starts through no more memory than they need', async () => {
    using session = await createSession(
      { magnitudes: new Float32Array(16).fill(1), shape: [4, 4] },
      { backend: 'wasm', starts: 1000 },
    );
    await session.run(5);
    const { deviceBytes } = session.memory();
    expect(await session.residuals()).toHaveLength(1000);
    // Objects are made room for at the same time. A page of memory is 64 KiB.
    const [residuals, objects] = [6 * 8 * 1000, 4 * 8 * 4 * 1000];
    expect(session.memory().deviceBytes - deviceBytes).toBeLessThan(residuals + objects + 2 * 65536);
  });

  it('gives back the memory of sessions that were disposed of', async () => {
    const memories: WeakRef<object>[] = [];
    const instantiate = WebAssembly.instantiate as (module: WebAssembly.Module) => Promise<WebAssembly.Instance>;
    const spy = vi.spyOn(WebAssembly, 'instantiate').mockImplementation(async (...args: [WebAssembly.Module]) => {
      const instance = await instantiate(...args);
      memories.push(new WeakRef(instance.exports.memory as WebAssembly.Memory));
      return instance;
    });
    const sessions = [];
    for (let i = 0; i < 100; i++) {
      const session = await createSession({ magnitudes, shape }, { backend: 'wasm', seed: i });
      await session.run(2);
      session.dispose();
      sessions.push(session);
    }
    spy.mockRestore();
    expect(await keptInMemory(memories)).toBe(0);
    expect(memories).toHaveLength(100);
    // The sessions themselves are still here: it is not they that were collected.
    expect(sessions).toHaveLength(100);
  });
});

function everyCall(session: Session): (() => Promise<unknown>)[] {
  const object = new Float32Array(pixels);
  return asPromises([
    () => session.run(1),
    () => session.step(),
    () => session.inverse(),
    () => session.constrainObject(),
    () => session.forward(),
    () => session.constrainFourier(),
    () => session.readObject(),
    () => session.readFeasible(),
    () => session.writeObject(object),
    () => session.readSpectrum(),
    () => session.writeSpectrum(new Float32Array(2 * pixels)),
    () => session.residual(),
    () => session.residuals(),
    () => session.history(),
  ]);
}
