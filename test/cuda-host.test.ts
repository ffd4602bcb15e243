/**
 * The host's side of the cuda backend: threads, order, ownership and failures. It runs without a GPU, on a stand-in for
 * CUDA's runtime (backends/cuda/tests/fake_runtime.cpp) on which kernels do nothing but take time; copies are real.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  tryInChildProcess,
  type Addon,
  type NativeProblem,
  type NativeScan,
  type NativeScanProblem,
  type NativeSession,
} from '../backends/cuda/addon.js';
import { cudaBackend } from '../backends/cuda/backend.js';
import type { BackendProblem, BackendScan } from '../src/backends/interface.js';
import { OutOfMemoryError } from '../src/index.js';
import type { PatternPlace } from '../src/scan-types.js';
import { scanNumbers, scanRuleOf } from '../src/scan-rules.js';
import type { ScanAlgorithm } from '../src/scan-types.js';
import { allCoefficients, IMPOSE, POSITIVE, PROJECTION, ruleOf, withoutPrevious, type Rule } from '../src/rules.js';
import { whyNoNvcc } from '../scripts/nvcc.mjs';
import { execute } from './support/program.js';

const path = fileURLToPath(new URL('../build/cuda/fake/rephase_cuda.node', import.meta.url));
const whyNot = whyNoNvcc();
const addon = whyNot ? (undefined as unknown as Addon) : (createRequire(import.meta.url)(path) as Addon);

vi.mock('../backends/cuda/addon.js', async (original) => ({
  ...(await original<object>()),
  loadAddon: () => Promise.resolve({ addon, devices: addon.devices() }),
}));

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const N = 1024;
const PIXELS = N * N;
const MIB = 2 ** 20;
/** Rows of 1024 begin with butterflies of 8 columns, each of which has a word. */
const SUPPORT_BYTES = (4 * PIXELS) / 8;

const PARAMETERS = { alpha: 1, delta: 0, bounds: POSITIVE, momentum: 0.5, tolerance: 0, limit: Infinity };
const RRR = ruleOf('rrr', { ...PARAMETERS, beta: 0.5 });
const HIO = ruleOf('hio', { ...PARAMETERS, beta: 0.9 });
const WEIGHTED = ruleOf('gs', {
  ...{ ...PARAMETERS, beta: 1 },
  inTwoPlanes: true,
  weights: { exponent: 1, keepsPhases: false },
});
const native = (rule: Rule) => ({
  coefficients: Float64Array.from(allCoefficients(rule)),
  keepsIterate: rule.keepsIterate,
});

function problem(options: Partial<NativeProblem> = {}): NativeProblem {
  const magnitudes = new Float32Array(PIXELS).fill(1);
  const size = { device: 0, rows: N, columns: N, starts: 1, complex: false };
  return { ...size, ...native(PROJECTION), scale: 1, magnitudes, seed: 0, firstStart: 0, ...options };
}

const open = (options?: Partial<NativeProblem>): NativeSession => new addon.Session(problem(options));

/** What the library hands to a backend; each start takes 8 MiB. */
function backendProblem(starts: number, rule = PROJECTION): BackendProblem {
  const pattern = { shape: [N, N], magnitudes: filled(1), scale: 1, energy: PIXELS, asymmetry: 0 } as const;
  return { pattern, batch: { starts, seeded: { seed: 0, firstStart: 0 } }, precision: 'single', rule };
}

/** For the sessions that are opened from now on. */
function fake(settings: Record<string, number>): void {
  for (const [name, value] of Object.entries(settings)) process.env[`FAKE_CUDA_${name}`] = String(value);
}

function thrown(f: () => unknown): Record<string, unknown> {
  try {
    f();
  } catch (error) {
    return error as Record<string, unknown>;
  }
  throw new Error('nothing was thrown');
}

/** Bytes of free memory, as a session that is far too large is told. */
const freeBytes = () => Number(thrown(() => open({ starts: 2 ** 20 })).available);

const SHRINKING = ' blur_rows sum_squares find_levels find_candidates replace_supports';

const filled = (value: number) => new Float32Array(PIXELS).fill(value);

/** As quickly as a million numbers allow. */
const isFilledWith = (array: Float32Array, value: number) => array.every((each) => each === value);

/** The arguments of `setRule`, as source text. */
const inlineRule = (rule: Rule) => `[Float64Array.of(${allCoefficients(rule).join()}), ${rule.keepsIterate}]`;

/** In a process of its own, where the fake is `addon` and `open` makes a session. */
function inChild(source: string, env: NodeJS.ProcessEnv = {}) {
  const script = `
    const addon = require(${JSON.stringify(path)});
    const rule = ${inlineRule(PROJECTION)}, hio = ${inlineRule(HIO)}, reflecting = ${inlineRule(RRR)};
    const tolerant = ${inlineRule({ ...PROJECTION, fourier: { ...IMPOSE, tolerance: 1 } })};
    const sized = ${inlineRule({ ...PROJECTION, supportSize: 5 })};
    const sizedReflecting = ${inlineRule({ ...RRR, supportSize: 5 })};
    const weighted = ${inlineRule(WEIGHTED)}, keepsPhases = ${inlineRule({ ...WEIGHTED, fourier: { ...WEIGHTED.fourier, weights: { exponent: 1, keepsPhases: true } } })};
    const open = (device, n = 64, { rule: [coefficients, keepsIterate] = rule, ...more } = {}) => new addon.Session({
      ...{ device, rows: n, columns: n, starts: 1, scale: 1, coefficients, keepsIterate },
      ...{ magnitudes: new Float32Array(n * n).fill(1), seed: 0, firstStart: 0, ...more } });
    ${source}`;
  return execute(process.execPath, ['-e', script], { env });
}

describe.skipIf(whyNot)(`the cuda backend's host side${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  afterEach(async () => {
    for (const name of Object.keys(process.env)) if (name.startsWith('FAKE_CUDA_')) delete process.env[name];
    await addon.freed();
    expect(freeBytes()).toBe(64 * MIB);
  });

  it('checks the kind and the length of every array, and every start, whatever was checked before', () => {
    const short = new Float32Array(PIXELS - 1);
    const session = open({ starts: 2 });
    const attempts: [argument: string, attempt: () => unknown][] = [
      ['magnitudes', () => open({ magnitudes: short })],
      ['magnitudes', () => open({ magnitudes: new Float64Array(PIXELS) as never })],
      ['rows, columns, starts', () => open({ rows: -N, columns: -N })],
      ['rows, columns, starts', () => open({ starts: 0 })],
      ['mask', () => open({ mask: new Uint8Array(PIXELS + 1) })],
      ['support', () => open({ support: new Uint8Array(1) })],
      ['coefficients', () => open({ coefficients: new Float64Array(20) })],
      ['coefficients', () => session.setRule(new Float64Array(25), false)],
      ['support', () => session.setSupport(new Uint8Array(PIXELS - 1))],
      ['object', () => session.writeObject(0, short, false)],
      ['spectrum', () => session.writeSpectrum(0, filled(1))],
      ['start', () => session.writeObject(2, filled(1), false)],
      ['start', () => session.writeSpectrum(-1, new Float32Array(2 * PIXELS))],
      ['start', () => session.readObject(2)],
      ['start', () => session.readSpectrum(-1)],
      ['start', () => session.keepObject(2)],
    ];
    for (const [argument, attempt] of attempts)
      expect(thrown(attempt).message).toMatch(new RegExp(`^${argument}: takes? `));
    session.dispose();
  });

  it('leaves nothing behind, whichever call fails while a session is opened', () => {
    const support = new Uint8Array(PIXELS).fill(1);
    for (let calls = 0; ; calls++) {
      fake({ FAIL: calls });
      let session;
      try {
        session = open({ support, ...native(HIO) });
      } catch (error) {
        expect(error).toMatchObject({ code: 'OUT_OF_MEMORY' });
      }
      fake({ FAIL: -1 });
      if (session) {
        session.dispose();
        // The allocations, copies, events and kernels of setting up.
        expect(calls).toBeGreaterThan(40);
        return;
      }
      expect(freeBytes()).toBe(64 * MIB);
    }
  });

  it('ends the recording of a graph that fails', async () => {
    const session = open();
    session.iterate(1);
    let failures = 0;
    for (let calls = 0; calls < 40; calls++) {
      fake({ FAIL: calls });
      freeBytes();
      try {
        session.iterate(16);
        break;
      } catch (error) {
        expect(error).toMatchObject({ code: 'OUT_OF_MEMORY' });
        failures++;
      }
    }
    fake({ FAIL: -1 });
    freeBytes();
    // To begin, 32 kernels, to end, to start it.
    expect(failures).toBeGreaterThan(32);
    session.iterate(16);
    await session.finish();
    session.dispose();
  });

  it('reads and writes in the order of the calls, also what takes several pieces', async () => {
    fake({ MICROSECONDS: 100 });
    const session = open({ ...native(HIO) });
    session.iterate(1000); // For longer than all the calls below take.
    const iterate = filled(3);
    session.writeObject(0, iterate, true);
    iterate.fill(9);
    session.writeObject(0, filled(4), false);
    const before = session.readObject(0);
    session.completeIteration(); // The iterate becomes the object.
    const residuals = session.takeResiduals();
    const completed = session.readObject(0);
    session.writeObject(0, filled(5), false);
    const after = session.readObject(0);
    const finished = session.finish();
    expect(isFilledWith(await before, 4)).toBe(true);
    expect(await residuals).toHaveLength(1000);
    expect(isFilledWith(await completed, 3)).toBe(true);
    expect(isFilledWith(await after, 5)).toBe(true);
    await finished;
    session.dispose();
  });

  it('counts each image once, whatever the number of pieces, and all page-locked memory', async () => {
    const session = open({ support: new Uint8Array(PIXELS).fill(1), mask: new Uint8Array(PIXELS).fill(1) });
    const before = session.memory();
    expect(before).toMatchObject({ uploads: 2, uploadedBytes: 5 * PIXELS, downloads: 0, hostBytes: 4 * MIB });
    session.writeObject(0, filled(1), false);
    session.writeSpectrum(0, new Float32Array(2 * PIXELS));
    expect(session.memory().hostBytes).toBeLessThanOrEqual(before.hostBytes + 12 * PIXELS);
    await Promise.all([session.readObject(0), session.readSpectrum(0)]);
    expect(session.memory()).toEqual({
      ...before,
      ...{ uploads: 4, uploadedBytes: (5 + 4) * PIXELS + 8 * (N / 2 + 1) * 2 * N },
      ...{ downloads: 2, downloadedBytes: (4 + 8) * PIXELS },
    });
    session.dispose();
  });

  it('opens sessions with a support and a mask in the memory that they keep', () => {
    const free = freeBytes();
    const support = new Uint8Array(PIXELS).fill(1);
    const session = open({ support, mask: support });
    const { deviceBytes, hostBytes } = session.memory();
    // Handles count as a page each here.
    expect(free - freeBytes()).toBeLessThan(deviceBytes + hostBytes + 10 * 4096);
    session.dispose();
    // What is announced for one start follows from what is for very many.
    const required = (starts: number) => Number(thrown(() => open({ starts, support })).required);
    const announced = required(1000) - 999 * (required(1001) - required(1000));
    expect(announced).toBeGreaterThanOrEqual(deviceBytes);
    expect(announced).toBeLessThan(1.02 * deviceBytes);
  });

  it('disposes of a session without waiting for it, and keeps what was promised', async () => {
    fake({ MICROSECONDS: 1000 });
    const session = open();
    session.writeObject(0, filled(5), true);
    const object = session.readObject(0);
    session.iterate(160);
    const finished = session.finish();
    session.dispose();
    session.dispose();
    // It is still at work.
    expect(freeBytes()).toBeLessThan(60 * MIB);
    expect(isFilledWith(await object, 5)).toBe(true);
    await finished;
    await addon.freed();
    expect(freeBytes()).toBe(64 * MIB);
    expect(await addon.freed()).toBe(false);
  });

  it('leaves it to the garbage collector to free what nobody disposed of', async () => {
    (() => open().iterate(20))();
    expect(freeBytes()).toBeLessThan(56 * MIB);
    await vi.waitFor(() => {
      collectGarbage();
      expect(freeBytes()).toBe(64 * MIB);
    });
  });

  it('waits for memory that is on its way back before it refuses a session', async () => {
    fake({ MICROSECONDS: 1000 });
    const first = await cudaBackend.createSession(backendProblem(4), 0);
    await expect(cudaBackend.createSession(backendProblem(4), 0)).rejects.toThrow(OutOfMemoryError);
    first.iterate(100, PROJECTION);
    first.dispose();
    const second = await cudaBackend.createSession(backendProblem(4), 0);
    second.dispose();
  });

  it('leaves the threads for files alone while many sessions wait', async () => {
    fake({ MICROSECONDS: 1000 });
    const order: string[] = [];
    const sessions = Array.from({ length: 12 }, () =>
      open({ magnitudes: new Float32Array(64 * 64), rows: 64, columns: 64 }),
    );
    const waiting = sessions.map(async (session) => {
      session.iterate(480);
      await session.finish();
      order.push('session');
    });
    await readFile(fileURLToPath(import.meta.url));
    order.push('file');
    await Promise.all(waiting);
    expect(order[0]).toBe('file');
    sessions.forEach((session) => session.dispose());
  });

  it('tells of memory that ran out later with the error for it', async () => {
    const session = await cudaBackend.createSession(backendProblem(1), 0);
    fake({ FAIL: 0 });
    freeBytes();
    await expect(session.readSpectrum(0)).rejects.toThrow(OutOfMemoryError);
    fake({ FAIL: 0 });
    freeBytes();
    session.writeSpectrum(0, new Float32Array(2 * PIXELS));
    // What was written is not there, so nothing that follows can be right.
    await expect(session.readSpectrum(0)).rejects.toThrow(OutOfMemoryError);
    expect(() => session.iterate(1, PROJECTION)).toThrow(OutOfMemoryError);
    fake({ FAIL: -1 });
    freeBytes();
    session.dispose();
    fake({ FAIL: 14 });
    await expect(cudaBackend.createSession(backendProblem(1), 0)).rejects.toThrow(OutOfMemoryError);
    fake({ FAIL: -1 });
  });

  it('allocates the iterate with the first rule that keeps it, and says how much where it cannot', async () => {
    const session = await cudaBackend.createSession(backendProblem(4), 0);
    const before = session.memory().deviceBytes;
    const other = open();
    session.iterate(20, PROJECTION);
    const error = thrown(() => session.iterate(1, HIO)) as unknown as OutOfMemoryError;
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error.requiredBytes).toBe(4 * 4 * PIXELS);
    expect(error.availableBytes).toBeLessThan(error.requiredBytes);
    expect(error.message).toContain(String(error.requiredBytes));
    // The session goes on with the rule that it had, and once there is room, with the other.
    session.iterate(20, PROJECTION);
    await session.finish();
    expect(session.memory().deviceBytes).toBe(before);
    other.dispose();
    await addon.freed();
    session.iterate(20, withoutPrevious(HIO));
    session.iterate(20, HIO);
    session.completeIteration();
    await session.readObject(0);
    expect(session.memory().deviceBytes).toBe(before + 4 * 4 * PIXELS);
    session.dispose();
    expect(() => open({ starts: 5, ...native(HIO) })).toThrow();
  });

  it('keeps what weights imposed, and announces it', async () => {
    const bytesOf = async (rule: Rule) => {
      const own = { complex: true, sizes: filled(1), ...native(rule) };
      const session = open(own);
      const { deviceBytes } = session.memory();
      session.dispose();
      await addon.freed();
      const { required } = thrown(() => open({ ...own, starts: 2 ** 20 }));
      return { kept: deviceBytes, announced: Number(required) / 2 ** 20 };
    };
    const without = await bytesOf({ ...WEIGHTED, fourier: IMPOSE });
    const weighted = await bytesOf(WEIGHTED);
    // A complex number a frequency, the square of their norm a column, and a gain.
    const expected = 8 * PIXELS + 4 * N + 4;
    expect(weighted.kept - without.kept).toBe(expected);
    expect(weighted.announced - without.announced).toBeCloseTo(expected, 0);
  });

  it('takes a support at any time, and counts it', async () => {
    const session = await cudaBackend.createSession(backendProblem(1), 0);
    const { deviceBytes, uploads, uploadedBytes } = session.memory();
    session.setSupport(undefined);
    session.setSupport(new Uint8Array(PIXELS).fill(1));
    session.iterate(20, PROJECTION);
    session.completeIteration();
    session.setSupport(undefined);
    session.setSupport(new Uint8Array(PIXELS).fill(1));
    await session.finish();
    expect(session.memory()).toMatchObject({
      deviceBytes: deviceBytes + SUPPORT_BYTES,
      uploads: uploads + 2,
      uploadedBytes: uploadedBytes + 2 * PIXELS,
    });
    session.dispose();
  });

  it('allocates what a support that shrinks takes with the first, and counts what is read of it', async () => {
    const session = await cudaBackend.createSession(backendProblem(1), 0);
    const { deviceBytes, downloads, downloadedBytes } = session.memory();
    const shrink = { sigma: 1, threshold: 0.5, least: 1, most: Infinity };
    session.inverse();
    for (let i = 0; i < 2; i++) session.shrinkSupport(shrink);
    expect(await session.readSupport(0)).toHaveLength(PIXELS);
    const [supports, image, level, weights] = [3 * SUPPORT_BYTES, 4 * PIXELS, 4, 4 * (6 * N + 1)];
    expect(session.memory()).toMatchObject({
      deviceBytes: deviceBytes + supports + image + level + weights,
      downloads: downloads + 1,
      downloadedBytes: downloadedBytes + SUPPORT_BYTES,
    });
    // Without a support there is nothing to read on the device.
    session.setSupport(undefined);
    expect((await session.readSupport(0)).every((inside) => inside === 1)).toBe(true);
    session.dispose();
    const full = await cudaBackend.createSession(backendProblem(5), 0);
    const error = thrown(() => full.shrinkSupport(shrink)) as unknown as OutOfMemoryError;
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error.requiredBytes).toBe(5 * 4 * PIXELS);
    full.dispose();
  });

  it('records one residual for each object that it measures', async () => {
    const session = await cudaBackend.createSession(backendProblem(3), 0);
    session.iterate(2, PROJECTION);
    session.completeIteration();
    session.measureObject(PROJECTION);
    session.measureObject(PROJECTION);
    expect(await session.takeResiduals()).toHaveLength(4 * 3);
    expect(await session.takeResiduals()).toHaveLength(0);
    session.dispose();
  });

  it('asks each GPU once what it is', async () => {
    expect(await cudaBackend.devices()).toMatchObject([{ name: 'Fake A' }, { name: 'Fake B' }]);
  });

  it('is refused by a GPU on which a kernel failed, for the first reason, and goes on with another', async () => {
    const { code, stdout, stderr } = await inChild(
      `(async () => {
        const [other, failing] = [open(1), open(0)];
        delete process.env.FAKE_CUDA_TRAP;
        // The failure may be met while kernels are still being started, or by whoever waits.
        try {
          failing.iterate(1600);
          await failing.finish();
        } catch ({ code, message }) { console.log(code, message); }
        for (const f of [() => failing.iterate(1), () => open(0)])
          try { f(); console.log('nothing'); } catch ({ code, message }) { console.log(code, message); }
        await failing.readObject(0).catch(({ code, message }) => console.log(code, message));
        failing.dispose();
        other.iterate(100);
        await other.finish();
        open(1).dispose();
        console.log('GPU 1 goes on');
      })();`,
      { FAKE_CUDA_TRAP: '300' },
    );
    expect(code, stderr).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toMatch(/^DEVICE_LOST CUDA failed while .*cudaErrorIllegalAddress/);
    for (const line of lines.slice(1, 4)) {
      expect(line).toMatch(
        /^DEVICE_LOST GPU 0 \(Fake A\) cannot be used .* failed before: CUDA failed .*IllegalAddress/,
      );
    }
    expect(lines.slice(4)).toEqual(['GPU 1 goes on']);
  });

  /** Calls, and after each the kernels that it starts. */
  const expectStarted = (...expected: string[]) => expectStartedAt(64, expected);

  /** `options` of the session, as source text. */
  async function expectStartedAt(size: number, expected: readonly string[], options = '{}') {
    const calls = expected.map((line) => line.split(':')[0]);
    const { stderr } = await inChild(
      `(async () => {
        const session = open(0, ${size}, ${options});
        console.error('opened');
        ${calls.map((call) => `console.error('${call}:'); await session.${call};`).join('\n')}
        session.dispose();
      })();`,
      { FAKE_CUDA_TRACE: '1' },
    );
    const [, trace] = stderr.trim().split('opened\n');
    const named = trace.replace(
      /\n_ZN7rephase4cuda(?:\d+real_spectrum)?\d+([a-z_]+)(.*)/g,
      // The last parameter of a template says whether all of a pass is to be done, and by which kind of rule.
      (_, name: string, rest: string) => {
        const kind = /PassKernelE1E|Lb1ELi\d+EEEv/.test(rest)
          ? '<general>'
          : /PassKernelE0E/.test(rest)
            ? '<whole>'
            : /PassKernelE3E/.test(rest)
              ? '<weighted>'
              : /PassKernelE4E/.test(rest)
                ? '<skipping>'
                : '';
        return ` ${name}${kind}`;
      },
    );
    expect(named.split('\n')).toEqual(expected);
  }

  describe('single kernels', () => {
    it('do the column work of consecutive calls in one pass', () =>
      expectStarted(
        'inverse(): column_pass row_pass',
        'constrainObject(): constrain_object',
        'forward(): row_pass',
        'constrainFourier():',
        'inverse(): column_pass<whole> row_pass',
        'constrainObject(): constrain_object',
        'forward(): row_pass',
        'constrainFourier():',
        'iterate(1): column_pass<whole> row_pass<whole>',
        'completeIteration(): row_pass',
        'inverse(): column_pass<whole> row_pass',
        'finish():',
      ));

    it('do it before anything else that is called', () =>
      expectStarted(
        'inverse(): column_pass row_pass',
        'forward(): row_pass',
        'readSpectrum(0): column_pass read_spectrum',
        'constrainFourier():',
        'takeResiduals(): column_pass record_residuals',
        'inverse(): column_pass row_pass',
        'constrainFourier():',
        'constrainFourier(): column_pass',
        'readObject(0): record_residuals column_pass',
        'finish():',
        'forward(): row_pass',
        'finish(): column_pass',
      ));
  });

  it('records a graph once for each of a chain of rules', () => {
    const sixteen = (pass: string) => ` ${'column_pass<whole> ' + pass}`.repeat(16);
    // It is copied by the session's thread, which `finish` waits for.
    const support = 'setSupport(new Uint8Array(64 * 64).fill(1)), await session.finish()';
    return expectStarted(
      'iterate(1): column_pass row_pass<whole>',
      `iterate(32):${sixteen('row_pass<whole>')}`,
      'setRule(...hio):',
      `iterate(16):${sixteen('row_pass<whole>')}`,
      'iterate(5):',
      `setRule(...rule):${' column_pass<whole> row_pass<whole>'.repeat(5)}`,
      'iterate(48):',
      'setRule(...hio):',
      'iterate(16):',
      'setRule(...reflecting):',
      `iterate(16):${sixteen('row_pass<general>')}`,
      'setRule(...hio):',
      'iterate(16):',
      // A graph knows whether there is a support.
      'completeIteration():',
      `${support}: column_pass pack_support`,
      'iterate(1): column_pass row_pass<whole>',
      `iterate(16):${sixteen('row_pass<whole>')}`,
    );
  });

  it('skips rows without support by rules that clear them, and clears them before they show', () =>
    expectStartedAt(
      64,
      [
        'iterate(1): column_pass row_pass<skipping>',
        `iterate(16):${' column_pass<skipping> row_pass<skipping>'.repeat(16)}`,
        'setRule(...hio):',
        // One after a rule that skips rows is launched by itself.
        'iterate(1): column_pass<skipping> row_pass<whole>',
        'iterate(1):',
        'setRule(...rule): column_pass<whole> row_pass<whole>',
        'iterate(1): column_pass<skipping> row_pass<skipping>',
        'completeIteration(): clear_other_rows row_pass',
        'iterate(1): column_pass<whole> row_pass<skipping>',
        'finish():',
      ],
      '{ support: new Uint8Array(64 * 64).fill(1, 32 * 64) }',
    ));

  const inTwoPlanes = 'complex: true, sizes: new Float32Array(64 * 64).fill(1)';

  it('changes weights in the column pass, and normalises what they imposed before it shows', () =>
    expectStartedAt(
      64,
      [
        'iterate(1): column_pass row_pass<whole>',
        `iterate(16):${' column_pass<weighted> row_pass<whole>'.repeat(16)}`,
        'iterate(1):',
        'setRule(...keepsPhases): column_pass<weighted> row_pass<whole>',
        `iterate(17): column_pass<weighted> row_pass<whole>${' column_pass<weighted> row_pass<whole>'.repeat(16)}`,
        'completeIteration(): row_pass',
        'inverse(): column_pass<weighted> record_residuals column_pass<weighted> row_pass',
        'constrainObject(): constrain_object',
        'forward(): row_pass',
        'constrainFourier():',
        'finish(): column_pass<weighted> record_residuals column_pass<weighted>',
      ],
      `{ rule: weighted, ${inTwoPlanes} }`,
    ));

  it('normalises in every iteration where some frequencies have no weights', () =>
    expectStartedAt(
      64,
      [
        'iterate(1): column_pass row_pass<whole>',
        `iterate(16):${' column_pass<weighted> record_residuals column_pass<weighted> row_pass<whole>'.repeat(16)}`,
        'finish():',
      ],
      `{ rule: weighted, ${inTwoPlanes}, mask: new Uint8Array(64 * 64).fill(1) }`,
    ));

  it('finds a threshold before it applies a rule with a support size', () =>
    expectStarted(
      'setRule(...sized):',
      'iterate(1): column_pass row_pass find_thresholds constrain_object row_pass',
      'completeIteration():',
      'measureObject(): column_pass find_thresholds row_pass column_pass',
      'setRule(...sizedReflecting):',
      // The update, and the reflection of what it made.
      'constrainObject(): find_thresholds constrain_object find_thresholds constrain_object',
      'finish():',
    ));

  it('iterates small images with any rule on chip', () =>
    expectStartedAt(32, [
      'iterate(17): column_pass row_pass<whole> iterate_on_chip',
      'setRule(...sizedReflecting):',
      'iterate(16): iterate_on_chip<general>',
      'finish():',
    ]));

  it('shrinks supports of the object, also where it is the iterate', () =>
    expectStarted(
      'inverse(): column_pass row_pass',
      'shrinkSupport(1, 0.5, 1, 9), await session.finish(): pack_support copy_support' + SHRINKING,
      `shrinkSupport(2, 0.5, 1, 9), await session.finish():${SHRINKING}`,
      'writeSupport(0, new Uint8Array(64 * 64).fill(1)), await session.finish(): pack_support',
      'finish():',
    ));

  it('does each column pass by the rule that it was asked for with', () =>
    expectStarted(
      'iterate(1): column_pass row_pass<whole>',
      'setRule(...tolerant):',
      // The pending pass is of the rule before.
      'iterate(1): column_pass<whole> row_pass<whole>',
      'iterate(2):',
      `setRule(...rule):${' column_pass<general> row_pass<whole>'.repeat(2)}`,
      'iterate(1): column_pass<general> row_pass<whole>',
      'iterate(1):',
      'finish(): column_pass<whole> row_pass<whole>',
      'setRule(...tolerant):',
      'completeIteration(): row_pass',
      'inverse(): column_pass<whole> row_pass',
      'constrainObject(): constrain_object',
      'forward(): row_pass',
      'constrainFourier():',
      'setRule(...rule):',
      'inverse(): column_pass<general> row_pass',
      'finish():',
    ));

  it('reads the iterate and transforms the next image of a rule that reflects', async () => {
    const session = open({ rows: 64, columns: 64, magnitudes: new Float32Array(64 * 64).fill(1) });
    const image = (value: number) => new Float32Array(64 * 64).fill(value);
    session.setRule(...(Object.values(native(RRR)) as [Float64Array, boolean]));
    session.writeObject(0, image(2), true);
    session.writeObject(0, image(3), false);
    session.constrainObject(); // Does nothing here: the arrays are as they were.
    expect(isFilledWith(await session.readObject(0), 2)).toBe(true);
    session.measureObject();
    expect(isFilledWith(await session.readObject(0), 2)).toBe(true);
    session.inverse();
    session.writeObject(0, image(4), false);
    expect(isFilledWith(await session.readObject(0), 4)).toBe(true);
    session.dispose();
  });

  it('lets a process end by itself, with sessions that nobody disposed of', async () => {
    const env = { FAKE_CUDA_MICROSECONDS: '100' };
    for (const end of ['', 'session.finish();', 'session.dispose();', 'session.finish(); process.exit();']) {
      const { code, stderr } = await inChild(`const session = open(0); session.iterate(320); ${end}`, env);
      expect({ code, stderr }, end).toEqual({ code: 0, stderr: '' });
    }
  });

  it('lets workers end in the middle of everything', async () => {
    const { code, stdout, stderr } = await inChild(
      `
      const { Worker } = require('node:worker_threads');
      const source = \`
        const { parentPort, workerData } = require('node:worker_threads');
        const addon = require(workerData);
        const n = 1024, magnitudes = new Float32Array(n * n).fill(1);
        for (let i = 0; i < 2; i++) {
          const session = new addon.Session({ device: i, rows: n, columns: n, starts: 1, scale: 1, magnitudes,
            coefficients: Float64Array.of(${allCoefficients(PROJECTION).join()}), keepsIterate: false, seed: 0, firstStart: 0 });
          session.iterate(64);
          session.finish().then(() => parentPort.postMessage(0));
          session.completeIteration();
          for (let k = 0; k < 3; k++) { session.readObject(0); session.writeObject(0, magnitudes, true); }
          if (i === 1) session.dispose();
        }\`;
      (async () => {
        for (let i = 0; i < 8; i++) {
          const worker = new Worker(source, { eval: true, workerData: ${JSON.stringify(path)} });
          await new Promise((resolve) => worker.once(i % 2 ? 'message' : 'online', resolve));
          await worker.terminate();
        }
        // All of it is free again.
        try { open(0, 4096); } catch ({ available }) { console.log(available); }
      })();`,
      { FAKE_CUDA_MICROSECONDS: '200' },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trim()).toBe(String(64 * MIB));
  });

  describe('scans', () => {
    const numbers = (algorithm: ScanAlgorithm) => Float64Array.from(scanNumbers(scanRuleOf(algorithm, 0.1, 1)));
    const [positions, pixels, object] = [5, 32 * 32, 40 * 40];
    const openScan = (options: Partial<NativeScanProblem> = {}): NativeScan =>
      new addon.Scan({
        ...{ device: 0, positions, rows: 32, columns: 32, objectRows: 40, objectColumns: 40, modes: 1, batch: 2 },
        ...{ numbers: numbers('rpie'), patterns: new Float32Array(positions * pixels).fill(1) },
        places: Float64Array.from({ length: 2 * positions }, (_, i) => i % 8),
        ...options,
      });

    it('check the kind and the length of every array', () => {
      const scan = openScan();
      const attempts: [argument: string, attempt: () => unknown][] = [
        ['patterns', () => openScan({ patterns: new Float32Array(pixels) })],
        ['places', () => openScan({ places: new Float64Array(positions) })],
        ['mask', () => openScan({ mask: new Uint8Array(pixels - 1) })],
        ['numbers', () => openScan({ numbers: new Float64Array(8) })],
        ['sizes of a scan', () => openScan({ rows: -32, columns: -32 })],
        ['numbers', () => scan.setRule(new Float64Array(10))],
        ['order', () => scan.setOrder(new Uint32Array(positions + 1))],
        ['object', () => scan.writeObject(new Float32Array(object))],
        ['probe', () => scan.writeProbe(new Float32Array(pixels))],
        ['positions', () => scan.writePositions(new Float64Array(positions))],
        ['waves', () => scan.writeWaves(new Float32Array(2 * pixels))],
        ['bounds of a batch', () => scan.forward(0, positions + 1)],
        ['bounds of a batch', () => scan.iterate(-1, 2)],
      ];
      for (const [argument, attempt] of attempts)
        expect(thrown(attempt).message).toMatch(new RegExp(`^${argument}: takes? `));
      scan.dispose();
    });

    const everywhere: { keepPatterns: PatternPlace }[] = [{ keepPatterns: 'device' }, { keepPatterns: 'host' }];

    it.each(everywhere)('leave nothing behind, whichever call fails while a session is opened, %o', (keep) => {
      for (let calls = 0; ; calls++) {
        fake({ FAIL: calls });
        let scan;
        try {
          scan = openScan({ ...keep, numbers: numbers('dm'), places: new Float64Array(2 * positions).fill(0.5) });
        } catch (error) {
          expect(error).toMatchObject({ code: 'OUT_OF_MEMORY' });
        }
        fake({ FAIL: -1 });
        if (scan) {
          scan.dispose();
          expect(calls).toBeGreaterThan(40);
          return;
        }
        expect(freeBytes()).toBe(64 * MIB);
      }
    });

    it.each(everywhere)('go on after an iteration that could not be started, %o', async (keep) => {
      const scan = openScan({ ...keep, numbers: numbers('lsqml') });
      scan.setOrder(Uint32Array.of(4, 3, 2, 1, 0));
      let failures = 0;
      for (; ; failures++) {
        fake({ FAIL: failures });
        freeBytes();
        try {
          scan.iterate(0, positions);
          break;
        } catch (error) {
          expect(error).toMatchObject({ code: 'OUT_OF_MEMORY' });
        }
      }
      fake({ FAIL: -1 });
      freeBytes();
      // To begin, the kernels of three batches, to end, to start it.
      expect(failures).toBeGreaterThan(20);
      scan.iterate(0, positions);
      await scan.finish();
      scan.dispose();
    });

    it('read and write in the order of the calls', async () => {
      fake({ MICROSECONDS: 100 });
      const scan = openScan();
      const probe = new Float32Array(2 * pixels).fill(3);
      scan.writeProbe(probe);
      probe.fill(9);
      const first = scan.readProbe();
      scan.writeProbe(new Float32Array(2 * pixels).fill(5));
      expect(isFilledWith((await first) as Float32Array, 3)).toBe(true);
      expect(isFilledWith((await scan.readProbe()) as Float32Array, 5)).toBe(true);
      expect(scan.memory()).toMatchObject({ uploads: 3, downloads: 2, downloadedBytes: 2 * 8 * pixels });
      scan.dispose();
    });

    it('bring each pattern once, a batch ahead, where patterns stay on the host', async () => {
      const { code, stderr } = await inChild(
        `(async () => {
          const scan = new addon.Scan({
            ...{ device: 0, positions: 5, rows: 32, columns: 32, objectRows: 40, objectColumns: 40, modes: 1, batch: 2 },
            ...{ numbers: Float64Array.of(${numbers('rpie').join()}), patterns: new Float32Array(5 * 1024).fill(1) },
            ...{ places: new Float64Array(10), keepPatterns: 'host' },
          });
          const brought = () => scan.memory().uploadedBytes;
          const before = brought();
          console.error('iterate');
          scan.iterate(0, 5);
          await scan.finish();
          console.error('again');
          scan.iterate(0, 5); // As a graph.
          console.error(brought() - before);
        })();`,
        { FAKE_CUDA_TRACE: '1' },
      );
      expect(code).toBe(0);
      const [, iteration, again] = stderr.split(/iterate|again/);
      const names = [...iteration.matchAll(/bring_patterns|scan_columns|gather_sums/g)].map(([name]) => name);
      const batch = ['scan_columns', 'gather_sums'];
      expect(names).toEqual(['bring_patterns', 'bring_patterns', ...batch, 'bring_patterns', ...batch, ...batch]);
      expect(again.trim().split('\n').at(-1)).toBe(String(2 * 5 * 4 * 1024));
    });

    it('leave patterns on the host where they do not fit the device, and refuse the rest by figures', async () => {
      const [count, side] = [1100, 128];
      const scan = (modes: number, keepPatterns?: PatternPlace): BackendScan => ({
        ...{ patterns: new Float32Array(count * side * side), shape: [side, side], modes, batch: 16 },
        ...{ positions: Float64Array.from({ length: 2 * count }, (_, i) => i % 64), objectShape: [192, 192] },
        ...{ precision: 'single', rule: scanRuleOf('rpie', 0.1, 1), keepPatterns },
      });
      const patternBytes = 4 * count * side * side;
      const session = await cudaBackend.createScanSession(scan(1), 0);
      expect(session.keepPatterns).toBe('host');
      const { deviceBytes, hostBytes } = session.memory();
      expect(deviceBytes).toBeLessThan(20 * MIB);
      expect(hostBytes).toBeGreaterThan(patternBytes);
      session.dispose();
      await addon.freed();
      const onDevice = cudaBackend.createScanSession(scan(1, 'device'), 0);
      await expect(onDevice).rejects.toThrow(
        / with patterns on the device, need .* GiB .* of device memory, and .* free$/,
      );
      await expect(onDevice).rejects.toMatchObject({ availableBytes: 64 * MIB });
      const tooMany = cudaBackend.createScanSession(scan(16), 0);
      await expect(tooMany).rejects.toThrow(
        / with patterns on the host, need .* GiB .* of device memory, and .* free$/,
      );
      expect(((await tooMany.catch((error: unknown) => error)) as OutOfMemoryError).requiredBytes).toBeGreaterThan(
        64 * MIB,
      );
      // So many that the host cannot lock them either.
      const locked = thrown(() =>
        openScan({ positions: 70_000, places: new Float64Array(140_000), patterns: new Float32Array(70_000 * pixels) }),
      );
      expect(locked).toMatchObject({ code: 'OUT_OF_MEMORY', required: 4 * 70_000 * pixels });
    });

    it('refuse what does not fit, and lines that are too long, by name', async () => {
      const problem = (rows: number, modes: number) => ({
        ...{ patterns: new Float32Array(rows), shape: [rows, 1] as const, positions: new Float64Array(2), modes },
        ...{ objectShape: [rows, 1] as const, batch: 1, precision: 'single' as const },
        rule: scanRuleOf('rpie', 0.1, 1),
      });
      await expect(cudaBackend.createScanSession(problem(8193, 1), 0)).rejects.toThrow(/^shape: .*at most 8192 rows/);
      const large = cudaBackend.createScanSession(problem(8192, 2000), 0);
      await expect(large).rejects.toThrow(/^1 positions of 8192 × 1 pixels over 8192 × 1, .* need .* GiB .* are free/);
    });
  });

  describe('the trial in a child process', () => {
    it('uses every GPU', async () => {
      await tryInChildProcess(path);
    });

    it('says on which GPU a kernel failed', async () => {
      fake({ TRAP: 3 });
      await expect(tryInChildProcess(path)).rejects.toThrow(/GPU 0 \(Fake A\): CUDA failed .*; GPU 1 \(Fake B\): CUDA/);
    });

    it('says what is wrong with the driver', async () => {
      fake({ DRIVER: 0 });
      await expect(tryInChildProcess(path)).rejects.toThrow('there is no NVIDIA driver here');
      fake({ DRIVER: 12040 });
      await expect(tryInChildProcess(path)).rejects.toThrow('the NVIDIA driver is for CUDA 12.4');
    });
  });
});
