/**
 * What only the cuda backend has: an addon that may not load, device memory, streams and threads. What needs a GPU is
 * skipped where there is none, and the report says why; the shared specification runs on it as on every backend.
 */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { findAddon, tryInChildProcess } from '../backends/cuda/addon.js';
import {
  AbortError,
  BackendUnavailableError,
  DisposedError,
  OutOfMemoryError,
  createSession,
  listBackends,
  type Problem,
  type RealArray,
  type Session,
  type SessionOptions,
  type Shape,
} from '../src/index.js';
import { allCoefficients, PROJECTION } from '../src/rules.js';
import { whyNoNvcc } from '../scripts/nvcc.mjs';
import { asymmetricMagnitudes } from './support/images.js';
import { execute } from './support/program.js';

const report = (await listBackends()).find(({ name }) => name === 'cuda')!;
const platform = `${process.platform}-${process.arch}`;
/** As the tests build it, wherever nothing excuses its absence. */
const addon = fileURLToPath(new URL('../build/cuda/rephase_cuda.node', import.meta.url));
const whyNotBuilt = platform === 'linux-x64' ? whyNoNvcc() : `not for ${platform}`;

describe('loading the addon', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rephase-cuda-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it('gives a reason where there is no GPU', () => {
    if (report.available) return expect(report.devices[0].memory).toBeGreaterThan(0);
    const reasons = ['no NVIDIA driver', 'finds no GPU', 'driver is for CUDA'];
    // Without a GPU, the tests build an addon that is not where the library looks for it.
    if (!existsSync('/dev/nvidiactl')) reasons.push('npm run build:cuda', 'linux-x64 only');
    expect(report.reason).toMatch(new RegExp(reasons.join('|')));
  });

  it.skipIf(whyNotBuilt)(
    `loads without a driver, and says that there is none${whyNotBuilt ? ` (${whyNotBuilt})` : ''}`,
    async () => {
      const attempt = tryInChildProcess(addon);
      if (existsSync('/dev/nvidiactl')) await attempt;
      else await expect(attempt).rejects.toThrow('there is no NVIDIA driver here');
    },
  );

  it('survives a driver that crashes', async () => {
    const path = file('crash.cjs', 'exports.devices = () => process.abort();');
    const attempt = tryInChildProcess(path);
    await expect(attempt).rejects.toThrow(BackendUnavailableError);
    await expect(attempt).rejects.toThrow(/SIGABRT/);
  });

  it('passes on what a driver says', async () => {
    const path = file('error.cjs', "exports.devices = () => { throw new Error('the driver is asleep'); };");
    await expect(tryInChildProcess(path)).rejects.toThrow('the driver is asleep');
    const damaged = file('damaged.node', 'not a program');
    await expect(tryInChildProcess(damaged)).rejects.toThrow(/damaged\.node/);
    const silent = file('silent.cjs', 'exports.devices = () => process.exit(3);');
    await expect(tryInChildProcess(silent)).rejects.toThrow('trying the driver ended a process with code 3');
  });
});

const onGpu = describe.skipIf(!report.available);
if (!report.available) it.skip(`on a GPU (${report.reason})`, () => undefined);

describe('cuda_check', () => {
  const program = fileURLToPath(new URL('../build/cuda/cuda_check', import.meta.url));
  const skipped = !report.available
    ? report.reason
    : !existsSync(program) && 'build/cuda/cuda_check is not there; `npm run build:cuda` builds it';
  const name = 'finds that every kernel computes what the core does in double precision';
  it.skipIf(skipped)(skipped ? `${name} (${skipped})` : name, { timeout: 600_000 }, async () => {
    const { code, stdout, stderr } = await execute(program, []);
    expect(code, stdout + stderr).toBe(0);
  });

  const ofScans = name.replace('every kernel computes', 'the kernels of scans compute');
  it.skipIf(skipped)(skipped ? `${ofScans} (${skipped})` : ofScans, { timeout: 600_000 }, async () => {
    const { code, stdout, stderr } = await execute(program.replace('cuda_check', 'cuda_scan_check'), []);
    expect(code, stdout + stderr).toBe(0);
  });

  const later = 'finds that a GPU on which a kernel failed is refused for that reason, and another is not';
  it.skipIf(skipped)(skipped ? `${later} (${skipped})` : later, async () => {
    const { code, stdout, stderr } = await execute(program, ['poisoned']);
    expect(code, stdout + stderr).toBe(0);
  });
});

onGpu('on a GPU', () => {
  const shape: Shape = [256, 320];
  const magnitudes = asymmetricMagnitudes(shape);
  const open = (options: SessionOptions = {}, problem: Problem = { magnitudes, shape }) =>
    createSession(problem, { backend: 'cuda', ...options });
  const large = { magnitudes: new Float32Array(2048 * 2048).fill(1), shape: [2048, 2048] as const };

  const bytesOf = ({ buffer, byteOffset, byteLength }: RealArray) => Buffer.from(buffer, byteOffset, byteLength);

  async function freeBytes(): Promise<number> {
    const error: unknown = await open({ starts: 2 ** 24 }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(OutOfMemoryError);
    return (error as OutOfMemoryError).availableBytes;
  }

  it('refuses what does not fit, naming what is needed and what is free', async () => {
    const error = (await open({ starts: 2 ** 24 }).catch((error: unknown) => error)) as OutOfMemoryError;
    expect(error.requiredBytes).toBeGreaterThan(error.availableBytes);
    expect(error.message).toContain(String(error.requiredBytes));
    expect(error.message).toContain(String(error.availableBytes));
  });

  it.each([
    ['gs', 11],
    ['hio', 15],
  ] as const)('needs for %s at most %d bytes a pixel', async (algorithm, most) => {
    const support = new Uint8Array(large.magnitudes.length).fill(1);
    support[7] = 0;
    using session = await createSession({ ...large, support }, { backend: 'cuda', algorithm });
    await session.run(2);
    await session.readObject();
    expect(session.memory().deviceBytes).toBeLessThan(most * large.magnitudes.length + 2 ** 20);
  });

  it('gives back the memory of a thousand sessions', async () => {
    const use = async (seed: number) => {
      const session = await open({ seed, algorithm: 'hio' });
      session.step();
      if (seed % 10 === 0) await session.readObject();
      session.dispose();
    };
    await use(0);
    const before = await freeBytes();
    for (let seed = 0; seed < 1000; seed++) await use(seed);
    // Other tests use the GPU at the same time; once they have ended, what this one leaked would still be missing.
    const returned = async () => expect(await freeBytes()).toBeGreaterThan(before - 2 ** 23);
    await vi.waitFor(returned, { timeout: 50_000, interval: 500 });
  });

  it('repeats bit for bit, by runs and by steps, alone and beside others', async () => {
    const sessions = await Promise.all([open(), open(), open(), open({}, large)]);
    const [run, steps, same] = sessions;
    for (let i = 0; i < 77; i++) steps.step();
    await Promise.all([run.run(77), same.run(77), sessions[3].run(20)]);
    const object = await run.readObject();
    expect(await steps.readObject()).toEqual(object);
    expect(await same.readObject()).toEqual(object);
    sessions.forEach((session) => session.dispose());
  });

  it('leaves the event loop free', async () => {
    using session = await open({}, large);
    let longest = 0;
    let last = performance.now();
    let turns = 0;
    const turn = () => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
      turns++;
    };
    const timer = setInterval(turn, 1);
    await session.run(5000);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
    turn(); // From the last one to the end, which is all of it where no timer got its turn.
    expect(longest).toBeLessThan(50);
  });

  it('can be aborted and disposed of while it runs', async () => {
    const session = await open({}, large);
    const controller = new AbortController();
    const run = session.run(1e9, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(run).rejects.toThrow(AbortError);
    const again = session.run(1e9);
    setTimeout(() => session.dispose(), 50);
    await expect(again).rejects.toThrow(DisposedError);
  });

  it('reads an image of several pieces as it was when asked, whatever follows', async () => {
    using session = await open({ algorithm: 'hio' }, large);
    using same = await open({ algorithm: 'hio' }, large);
    for (const each of [session, same]) await each.run(3);
    const [object, spectrum] = [await same.readObject(), await same.readSpectrum()];
    const early = [session.readObject(), session.readSpectrum()];
    for (let i = 0; i < 20; i++) session.step();
    session.writeObject(large.magnitudes);
    const late = session.readObject();
    expect(Buffer.compare(bytesOf(await early[0]), bytesOf(object))).toBe(0);
    expect(Buffer.compare(bytesOf(await early[1]), bytesOf(spectrum))).toBe(0);
    expect(Buffer.compare(bytesOf(await late), bytesOf(large.magnitudes))).toBe(0);
  });

  it('can be disposed of in every state', async () => {
    const states: ((session: Session) => unknown)[] = [
      () => undefined,
      (session) => session.step(),
      (session) => session.inverse(),
      (session) => session.writeObject(large.magnitudes),
      (session) => session.run(100),
      (session) => session.readObject(),
      (session) => session.readSpectrum(),
      (session) => session.residuals(),
    ];
    for (const reach of states) {
      const session = await open({ history: true }, large);
      const reached = Promise.resolve(reach(session)).catch((error: unknown) => error);
      session.dispose();
      const outcome = await reached;
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(DisposedError);
      else if (outcome) expect((outcome as Float32Array).length).toBeGreaterThan(0);
    }
  });

  describe('in worker threads', () => {
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { Session } = require(workerData.path);
      const n = 512, magnitudes = new Float32Array(n * n).fill(1);
      const session = new Session({ device: 0, rows: n, columns: n, starts: 1, scale: 1,
                                    coefficients: Float64Array.of(${allCoefficients(PROJECTION).join()}),
                                    keepsIterate: false, magnitudes, seed: workerData.seed, firstStart: 0 });
      session.iterate(100);
      session.completeIteration();
      session.readObject(0).then(async (object) => {
        parentPort.postMessage(object);
        for (;;) { session.iterate(100); await session.finish(); }
      });`;
    const workers: Worker[] = [];
    const start = (seed: number) => {
      const worker = new Worker(source, { eval: true, workerData: { path: findAddon(), seed } });
      workers.push(worker);
      return new Promise<Float32Array>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    };
    afterAll(() => Promise.all(workers.map((worker) => worker.terminate())));

    it('works in several at once, and they may be terminated in the middle', async () => {
      const [a, b, c] = await Promise.all([start(1), start(1), start(2)]);
      expect(a).toEqual(b);
      expect(a).not.toEqual(c);
      await Promise.all(workers.map((worker) => worker.terminate()));
      expect(await start(1)).toEqual(a);
    });
  });
});
