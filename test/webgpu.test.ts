/** The webgpu backend in Node: its transforms at every length, its own device, and what it leaves behind. */
import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { webgpuBackend } from '../backends/webgpu/backend.js';
import { Device } from '../backends/webgpu/device/device.js';
import { LruCache } from '../backends/webgpu/device/lru-cache.js';
import { SLOTS } from '../backends/webgpu/rule-slots.js';
import {
  constraintFunctions,
  constraintResources,
  fourierFormOf,
  takesNumbers,
} from '../backends/webgpu/wgsl/constraint.js';
import { BackendUnavailableError, DeviceLostError, addGPUDevice, createSession, type Shape } from '../src/index.js';
import { requireBackend } from '../src/backends/registry.js';
import { IMPOSE, projection, type FourierRule, type Rule } from '../src/rules.js';
import { ImageTransform } from '../src/session/image-transform.js';
import { LineTransforms } from './support/line-transforms.js';
import { isSampled } from './support/sampling.js';
import { newDevice, webGpuReport } from './support/webgpu.js';
import { noise, noisyProblem, relativeError } from './support/images.js';

/** The library's own device is the last of these; other tests request theirs. */
const requested: Device[] = [];
const request = Device.request.bind(Device);
vi.spyOn(Device, 'request').mockImplementation(async () => {
  const device = await request();
  requested.push(device);
  return device;
});
const report = await webGpuReport();
const reason = report.reason ?? '';
const [first] = requested;

/** A sample has every length up to 32, and above every 16th and its neighbour. */
const UP_TO_300 = Array.from({ length: 300 }, (_, i) => i + 1).filter(
  (n) => !isSampled(report) || n <= 32 || n % 16 < 2,
);
/** Each kind of plan: powers, other factors, Bluestein's. */
const LONGER = [512, 600, 1000, 1021, 1024, 1536, 2039, 2048, 2187, 3000, 4096, 8192];

/** MAP_READ and STORAGE, which no buffer may have together. */
const INVALID_USAGE = 1 | 128;
/** Dawn ends the process when an instance is collected before its devices. */
const kept: unknown[] = [];

/** Rounding is 6e-8; it grows with the logarithm of the length, and Bluestein's transforms are three in one. */
const TOLERANCE = 2e-6;

describe.skipIf(reason !== '')(`the webgpu backend in Node${reason && ` (skipped: ${reason})`}`, () => {
  describe('transforms', () => {
    let lines: LineTransforms;
    beforeAll(async () => {
      lines = await LineTransforms.create();
    });

    const compare = async (length: number) => {
      const [real, imaginary] = [1, 2].map((seed) => noise(length, seed * length).map((u) => u - 0.4));
      const line = Float32Array.from({ length: 2 * length }, (_, i) => (i % 2 ? imaginary : real)[i >> 1]);
      const reference = await ImageTransform.create(await requireBackend('wasm'), [length, 1]);
      const [a, b] = [await reference.forward(real), await reference.forward(imaginary)];
      reference.dispose();
      const expected = a.map((value, i) => (i % 2 ? value + b[i - 1] : value - b[i + 1]));
      expect(relativeError(await lines.forward(line), expected), `length ${length}`).toBeLessThan(TOLERANCE);
      return line;
    };

    it.each([0, 1, 2, 3])('of lengths up to 300 are what the double core makes, part %i', async (part) => {
      for (const length of UP_TO_300.filter((n) => n % 4 === part)) await compare(length);
    });

    it.each(LONGER)('of length %i are what the double core makes, and come back', async (length) => {
      const line = await compare(length);
      expect(relativeError(await lines.thereAndBack(line), line)).toBeLessThan(TOLERANCE);
    });

    const shapes: Shape[] = [
      [3, 1000],
      [2, 1021],
      [2, 4096],
      [8191, 2],
      [2, 16384],
    ];
    it.each(shapes)('of an image of %i × %i are what the double core makes, and come back', async (...shape) => {
      const image = noise(shape[0] * shape[1], shape[0]).map((u) => u - 0.4);
      using session = await open(shape);
      session.writeObject(image);
      session.forward();
      const reference = await ImageTransform.create(await requireBackend('wasm'), shape);
      const expected = await reference.forward(image);
      reference.dispose();
      expect(relativeError(await session.readSpectrum(), expected)).toBeLessThan(TOLERANCE);
      session.inverse();
      expect(relativeError(await session.readObject(), image)).toBeLessThan(TOLERANCE);
    });
  });

  describe('the largest pixels', () => {
    const shape: Shape = [20, 24];
    const count = shape[0] * shape[1];
    const pattern = { ...noisyProblem(shape), scale: 1, energy: 1, asymmetry: 0 };
    const largest = async (image: Float64Array, size: number, support?: Uint8Array) => {
      const rule = { ...projection({ bounds: [-Infinity, Infinity] }), supportSize: size };
      const problem = { pattern, batch: { starts: 2 }, precision: 'single', support, rule } as const;
      const session = await webgpuBackend.createSession(problem, 0);
      session.writeObject(0, noise(count, 8), false);
      session.writeObject(1, image, false);
      session.constrainObject(rule);
      const object = await session.readObject(1);
      session.dispose();
      return object;
    };
    const numbers = noise(count, 3).map((u) => Math.fround(u - 0.5));
    const sorted = numbers.toSorted((a, b) => b - a);

    it.each([1, 2, 60, 199])('are exactly %i', async (size) => {
      const expected = numbers.map((value) => (value > sorted[size] ? value : 0));
      expect([...(await largest(numbers, size))]).toEqual([...expected]);
    });

    it('are within a two-hundredth of 220', async () => {
      const kept = (await largest(numbers, 220)).filter((value) => value !== 0);
      expect(Math.abs(kept.length - 220)).toBeLessThanOrEqual(1);
      expect(kept.toSorted((a, b) => b - a)).toEqual(Float32Array.from(sorted.slice(0, kept.length)));
    });

    it('are those inside the support', async () => {
      const support = Uint8Array.from(numbers, (value) => Number(value < sorted[100]));
      const expected = numbers.map((value) => (value < sorted[100] && value > sorted[121] ? value : 0));
      expect([...(await largest(numbers, 20, support))]).toEqual([...expected]);
    });

    it.each([1e-30, 1e-6, 1e6, 1e30])('are found where pixels are %d times as large', async (factor) => {
      const scaled = numbers.map((value) => Math.fround(value * factor));
      const kept = (await largest(scaled, 50)).filter((value) => value !== 0);
      expect(kept.toSorted((a, b) => b - a)).toEqual(Float32Array.from(sorted.slice(0, 50), (value) => value * factor));
    });

    it('are the positive ones where these are fewer, and none of several that are equal', async () => {
      const few = numbers.map((value) => (value > sorted[30] ? value : -1));
      expect((await largest(few, 31)).filter((value) => value !== 0)).toHaveLength(30);
      expect(await largest(new Float64Array(count), 5)).toEqual(new Float32Array(count));
      const equal = numbers.map((value) => (value > sorted[30] ? 2 : 1));
      expect((await largest(equal, 50)).filter((value) => value !== 0)).toHaveLength(30);
      expect(await largest(equal, count)).toEqual(Float32Array.from(equal));
    });
  });

  it('completes a column pass with the numbers of its rule, however many rules there are', async () => {
    const shape: Shape = [6, 8];
    const pattern = { ...noisyProblem(shape), scale: 1, energy: 1, asymmetry: 0 };
    const problem = { pattern, batch: { starts: 1, seeded: { seed: 1, firstStart: 0 } }, precision: 'single' } as const;
    // One more than there are slots.
    const rules = Array.from({ length: SLOTS + 1 }, (_, i): Rule => {
      return { ...projection({ bounds: [0, 5] }), fourier: { ...IMPOSE, tolerance: 0.001 * (i + 1) } };
    });
    const spectrum = async (between: 'pending' | 'complete') => {
      const session = await webgpuBackend.createSession({ ...problem, rule: rules[0] }, 0);
      // The first rule is pending when the last takes its slot.
      for (const rule of [...rules.slice(0, SLOTS), rules[0], rules[SLOTS]]) {
        session.iterate(1, rule);
        if (between === 'complete') session.completeIteration();
      }
      if (between === 'pending') session.completeIteration();
      const numbers = await session.readSpectrum(0);
      session.dispose();
      return numbers;
    };
    expect(relativeError(await spectrum('pending'), await spectrum('complete'))).toBeLessThan(1e-5);
  });

  it('requests its own device again after it was lost', async () => {
    const session = await open([8, 8]);
    const before = requested.length;
    const [known] = await webgpuBackend.devices();
    expect(await webgpuBackend.devices()).toEqual([known]);
    first.gpu.destroy();
    await expect(session.run(10)).rejects.toThrow(DeviceLostError);
    using other = await open([8, 8]);
    await other.run(2);
    expect(await other.residual()).toBeGreaterThan(0);
    expect(requested.length).toBe(before + 1);
    // Another object is how the registry knows that it has to test it.
    const [replacement] = await webgpuBackend.devices();
    expect(replacement === known).toBe(false);
  });

  it('requests its own device again after an error that no session was there for', async () => {
    const session = await open([8, 8]);
    const before = requested.length;
    const { gpu } = requested[before - 1];
    const uncaptured = new Promise((resolve) => gpu.addEventListener('uncapturederror', resolve));
    gpu.createBuffer({ size: 16, usage: INVALID_USAGE });
    await uncaptured;
    await expect(session.run(10)).rejects.toMatchObject({ code: 'DEVICE_FAILED' });
    using other = await open([8, 8]);
    await other.run(2);
    expect(requested.length).toBe(before + 1);
  });

  it('goes on with the others where the first that was handed in is lost, and there is no adapter', async () => {
    const [one, two] = [await newDevice(), await newDevice()];
    vi.resetModules();
    const { Device } = await import('../backends/webgpu/device/device.js');
    vi.spyOn(Device, 'request').mockRejectedValue(new Error('no adapter'));
    const rephase = await import('../src/index.js');
    expect([await rephase.addGPUDevice(one), await rephase.addGPUDevice(two)]).toEqual([0, 1]);
    one.destroy();
    await one.lost;
    const webgpu = (await rephase.listBackends()).find(({ name }) => name === 'webgpu')!;
    expect(webgpu.available).toBe(true);
    expect(webgpu.devices.map(({ reason }) => reason)).toEqual([expect.stringMatching(/^it was lost/), undefined]);
    using session = await rephase.createSession(noisyProblem([4, 4]), { backend: 'webgpu' });
    await session.run(1);
    two.destroy();
    await two.lost;
    const nothing = rephase.createSession(noisyProblem([4, 4]), { backend: 'webgpu' });
    await expect(nothing).rejects.toThrow(
      /webgpu backend is not available: device 0: it was lost .*; device 1: it was lost/,
    );
  });

  it('refuses a device that computes nothing', async () => {
    const { create } = await import('webgpu');
    const instance = create(['backend=null']);
    const adapter = await instance.requestAdapter();
    const gpu = await adapter!.requestDevice();
    await expect(addGPUDevice(gpu)).rejects.toThrow(BackendUnavailableError);
    gpu.destroy();
    kept.push(instance);
  });

  it.each(['dispose', 'forget'])('lets Node end by itself, silently, after %s', (ending) => {
    const script = `
      import { createSession } from './dist/index.js';
      const session = await createSession({ magnitudes: new Float32Array(64).fill(1), shape: [8, 8] }, { backend: 'webgpu' });
      await session.run(3);
      ${ending === 'dispose' ? 'session.dispose();' : 'globalThis.kept = session;'}
    `;
    const options = { encoding: 'utf8', timeout: 30_000 } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

function open(shape: Shape) {
  return createSession(noisyProblem(shape), { backend: 'webgpu', seed: 2 });
}

describe('the Fourier constraint in WGSL', () => {
  const work = { constrain: 'impose', masked: true } as const;

  it('is the same text for all rules that impose the magnitudes, and takes no numbers', () => {
    expect(fourierFormOf(IMPOSE, true)).toBe(undefined);
    expect(fourierFormOf({ ...IMPOSE, limit: 1 }, false)).toBe(undefined);
    expect(fourierFormOf({ ...IMPOSE, limit: 1e39 }, true)).toBe(undefined);
    expect(constraintResources(work)).toEqual(['magnitudes', 'partials']);
    const plain = constraintFunctions(work);
    for (const rule of [{ tolerance: 1 }, { limit: 1 }, { likelihood: true }]) {
      expect(constraintFunctions({ ...work, fourier: fourierFormOf({ ...IMPOSE, ...rule }, true) })).not.toBe(plain);
    }
  });

  it('is one text for all values of a tolerance and a limit', () => {
    const [one, other] = [1, 2].map((i) => fourierFormOf({ ...IMPOSE, tolerance: i, limit: 3 * i }, true));
    expect(one).toEqual(other);
    expect(constraintResources({ ...work, fourier: one })).toContain('coefficients');
  });

  it('takes the exponent of weights where it is not 1, and what it multiplies by where something was not measured', () => {
    const takes = (rule: Partial<FourierRule>, masked: boolean) =>
      takesNumbers(fourierFormOf({ ...IMPOSE, ...rule }, masked));
    expect(takes({ weights: { exponent: 1, keepsPhases: true } }, false)).toBe(false);
    expect(takes({ weights: { exponent: 0.5, keepsPhases: false } }, false)).toBe(true);
    expect(takes({ unmeasured: 2 }, true)).toBe(true);
    expect(takes({ unmeasured: 2 }, false)).toBe(false);
  });
});

describe('the cache of a device', () => {
  it('keeps what was used last, up to a weight', () => {
    const cache = new LruCache<string>(10);
    for (const name of ['a', 'b', 'c']) cache.set(name, name, 4);
    expect(['a', 'b', 'c'].map((name) => cache.get(name))).toEqual([undefined, 'b', 'c']);
    cache.get('b');
    cache.set('d', 'd', 6);
    expect(['b', 'c', 'd'].map((name) => cache.get(name))).toEqual(['b', undefined, 'd']);
    cache.set('large', 'large', 11);
    expect(['b', 'd', 'large'].map((name) => cache.get(name))).toEqual([undefined, undefined, 'large']);
  });
});
