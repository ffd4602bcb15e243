/** What only the webgpu backend promises: its transforms at every length, faults of the device, and what it leaves behind. */
import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Device } from '../backends/webgpu/device.js';
import {
  AbortError,
  BackendUnavailableError,
  DeviceLostError,
  OutOfMemoryError,
  addGPUDevice,
  createSession,
  type Shape,
} from '../src/index.js';
import { RealTransform } from '../src/transform.js';
import { LineTransforms } from './support/line-transforms.js';
import { dawnDevice, whyNoBrowser, whyNoDawn } from './support/webgpu.js';
import { noise, relativeError } from './support/images.js';

/** The library's own device is the last of these; other tests request theirs. */
const requested: Device[] = [];
const request = Device.request.bind(Device);
vi.spyOn(Device, 'request').mockImplementation(async () => {
  const device = await request();
  requested.push(device);
  return device;
});
const reason = await whyNoDawn();
const [first] = requested;

const UP_TO_300 = Array.from({ length: 300 }, (_, i) => i + 1);
/** Each kind of plan: powers, other factors, Bluestein's. */
const LONGER = [512, 600, 1000, 1021, 1024, 1536, 2039, 2048, 2187, 3000, 4096, 8192];

/** MAP_READ and STORAGE, which no buffer may have together. */
const INVALID_USAGE = 1 | 128;
/** Dawn ends the process when an instance is collected before its devices. */
const kept: unknown[] = [];

/** Rounding is 6e-8; it grows with the logarithm of the length, and Bluestein's transforms are three in one. */
const TOLERANCE = 2e-6;

it.runIf(process.env.CI)('runs in Node or in a browser wherever these tests decide about anything', () => {
  expect(reason === '' || whyNoBrowser() === '', `${reason}; ${whyNoBrowser()}`).toBe(true);
});

describe.skipIf(reason !== '')(`the webgpu backend in Node${reason && ` (skipped: ${reason})`}`, () => {
  describe('transforms', () => {
    let lines: LineTransforms;
    beforeAll(async () => {
      lines = await LineTransforms.create();
    });

    const compare = async (length: number) => {
      const [real, imaginary] = [1, 2].map((seed) => noise(length, seed * length).map((u) => u - 0.4));
      const line = Float32Array.from({ length: 2 * length }, (_, i) => (i % 2 ? imaginary : real)[i >> 1]);
      const reference = await RealTransform.create([length, 1]);
      const [a, b] = [await reference.forward(real), await reference.forward(imaginary)];
      reference.dispose();
      const expected = a.map((value, i) => (i % 2 ? value + b[i - 1] : value - b[i + 1]));
      expect(relativeError(await lines.forward(line), expected), `length ${length}`).toBeLessThan(TOLERANCE);
      return line;
    };

    it.each([0, 1, 2, 3])('of every length up to 300 are what the double core makes, part %i', async (part) => {
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
      const reference = await RealTransform.create(shape);
      const expected = await reference.forward(image);
      reference.dispose();
      expect(relativeError(await session.readSpectrum(), expected)).toBeLessThan(TOLERANCE);
      session.inverse();
      expect(relativeError(await session.readObject(), image)).toBeLessThan(TOLERANCE);
    });
  });

  it('works within the limits that every device has', async () => {
    const gpu = await dawnDevice();
    expect(gpu.limits.maxComputeWorkgroupStorageSize).toBe(16384);
    const device = await addGPUDevice(gpu);
    const shapes: Shape[] = [
      [64, 48],
      [6, 4096],
      [8192, 2],
    ];
    for (const shape of shapes) {
      const magnitudes = noise(shape[0] * shape[1], 1);
      using session = await createSession({ magnitudes, shape }, { backend: 'webgpu', device, seed: 1 });
      using reference = await createSession({ magnitudes, shape }, { backend: 'wasm', precision: 'double', seed: 1 });
      await session.run(2);
      await reference.run(2);
      expect(relativeError(await session.readObject(), await reference.readObject())).toBeLessThan(1e-4);
    }
    gpu.destroy();
  });

  it('copies nothing between host and device while it iterates', async () => {
    const gpu = await dawnDevice();
    const mapped: string[] = [];
    const createBuffer = gpu.createBuffer.bind(gpu);
    gpu.createBuffer = (descriptor) => {
      const buffer = createBuffer(descriptor);
      const mapAsync = buffer.mapAsync.bind(buffer);
      buffer.mapAsync = (...given) => {
        mapped.push(descriptor.label!);
        return mapAsync(...given);
      };
      return buffer;
    };
    const written = vi.spyOn(gpu.queue, 'writeBuffer');
    const device = await addGPUDevice(gpu);
    using session = await createSession(problem([64, 64]), { backend: 'webgpu', device });
    await session.run(3);
    const before = session.memory();
    written.mockClear();
    mapped.length = 0;
    await session.run(200);
    for (let i = 0; i < 100; i++) session.step();
    await session.run(1);
    expect(session.memory()).toEqual(before);
    expect(written).not.toHaveBeenCalled();
    expect(mapped).toEqual([]);
    await session.readObject();
    expect(mapped).toEqual(['staging']);
    expect(session.memory().downloads).toBe(before.downloads + 1);
    gpu.destroy();
  });

  it('frees what it allocated, session after session', async () => {
    const gpu = await dawnDevice();
    let live = 0;
    let most = 0;
    const createBuffer = gpu.createBuffer.bind(gpu);
    gpu.createBuffer = (descriptor) => {
      const buffer = createBuffer(descriptor);
      const destroy = buffer.destroy.bind(buffer);
      live += 1;
      most = Math.max(most, live);
      buffer.destroy = () => {
        live -= 1;
        return destroy();
      };
      return buffer;
    };
    const device = await addGPUDevice(gpu);
    const counts = [];
    for (let i = 0; i < 100; i++) {
      const session = await createSession(problem([16, 12]), { backend: 'webgpu', device, algorithm: 'hio' });
      session.step();
      await session.readObject();
      session.dispose();
      counts.push(live);
    }
    // Tables of constants stay with the device.
    expect(counts[99]).toBe(counts[0]);
    expect(most).toBeLessThan(counts[0] + 20);
    gpu.destroy();
  });

  it('rejects what is pending when the device is lost, and keeps the indices of other devices', async () => {
    const gpu = await dawnDevice();
    const device = await addGPUDevice(gpu);
    const session = await createSession(problem([128, 128]), { backend: 'webgpu', device });
    const running = session.run(100_000);
    const failed = expect(running).rejects.toThrow(DeviceLostError);
    await new Promise((resolve) => setTimeout(resolve, 50));
    gpu.destroy();
    await failed;
    await expect(session.readObject()).rejects.toThrow(DeviceLostError);
    expect(() => session.step()).toThrow(DeviceLostError);
    session.dispose();
    await expect(createSession(problem([8, 8]), { backend: 'webgpu', device })).rejects.toThrow(DeviceLostError);
    const next = await dawnDevice();
    expect(await addGPUDevice(next)).toBe(device + 1);
    expect(await addGPUDevice(next)).toBe(device + 1);
    next.destroy();
  });

  it('requests its own device again after it was lost', async () => {
    const session = await open([8, 8]);
    const before = requested.length;
    first.destroy();
    await expect(session.run(10)).rejects.toThrow(DeviceLostError);
    using other = await open([8, 8]);
    await other.run(2);
    expect(await other.residual()).toBeGreaterThan(0);
    expect(requested.length).toBe(before + 1);
  });

  it('requests its own device again after an error that no session was there for', async () => {
    const session = await open([8, 8]);
    const before = requested.length;
    const { gpu } = requested[before - 1];
    const uncaptured = new Promise((resolve) => gpu.addEventListener('uncapturederror', resolve));
    gpu.createBuffer({ size: 16, usage: INVALID_USAGE });
    await uncaptured;
    await expect(session.run(10)).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    using other = await open([8, 8]);
    await other.run(2);
    expect(requested.length).toBe(before + 1);
  });

  describe('with a device that refuses', () => {
    /** One on which buffers of a name come out invalid from now on; WebGPU says so later, and reads of them give zeros. */
    const refusing = async (label: string, from: 'now' | 'later') => {
      const gpu = await dawnDevice();
      const device = await addGPUDevice(gpu);
      const uncaptured = vi.fn((event: Event) => event.preventDefault());
      gpu.addEventListener('uncapturederror', uncaptured);
      const refuse = () => {
        const createBuffer = gpu.createBuffer.bind(gpu);
        gpu.createBuffer = (descriptor) =>
          createBuffer(descriptor.label === label ? { ...descriptor, usage: INVALID_USAGE } : descriptor);
      };
      if (from === 'now') refuse();
      return { gpu, device, uncaptured, refuse };
    };

    it.each(['spectrum', 'object', 'magnitudes', 'residuals', 'twiddles of 31', 'parameters'])(
      'the buffer %s: no session, and an error with a code',
      async (label) => {
        const { gpu, device, uncaptured } = await refusing(label, 'now');
        const opening = createSession(problem([31, 30]), { backend: 'webgpu', device });
        await expect(opening).rejects.toThrow(/refused what rephase asked/);
        await expect(opening).rejects.toMatchObject({ code: 'DEVICE_LOST' });
        expect(uncaptured).not.toHaveBeenCalled();
        gpu.destroy();
      },
    );

    it('a buffer that is needed later: every read and run rejects', async () => {
      const { gpu, device, uncaptured, refuse } = await refusing('work', 'later');
      using session = await createSession(problem([16, 12]), { backend: 'webgpu', device });
      refuse();
      session.inverse();
      await expect(session.readObject()).rejects.toMatchObject({ code: 'DEVICE_LOST' });
      await expect(session.run(1)).rejects.toMatchObject({ code: 'DEVICE_LOST' });
      expect(uncaptured).not.toHaveBeenCalled();
      gpu.destroy();
    });

    it('a staging buffer: the read rejects with a typed error and frees it', async () => {
      const { gpu, device, uncaptured, refuse } = await refusing('staging', 'later');
      using session = await createSession(problem([16, 12]), { backend: 'webgpu', device });
      await session.run(1);
      const { deviceBytes } = session.memory();
      refuse();
      await expect(session.readObject()).rejects.toMatchObject({ code: 'DEVICE_LOST' });
      expect(session.memory().deviceBytes).toBe(deviceBytes);
      expect(uncaptured).not.toHaveBeenCalled();
      gpu.destroy();
    });

    it('for want of memory, whatever it calls that', async () => {
      const gpu = await dawnDevice();
      const device = await addGPUDevice(gpu);
      const filters: GPUErrorFilter[] = [];
      const [push, pop] = [gpu.pushErrorScope.bind(gpu), gpu.popErrorScope.bind(gpu)];
      gpu.pushErrorScope = (filter) => {
        filters.push(filter);
        return push(filter);
      };
      gpu.popErrorScope = async () => {
        const full = filters.pop() === 'out-of-memory';
        return (await pop()) ?? (full ? { message: 'Something failed' } : null);
      };
      const opening = createSession(problem([8, 8]), { backend: 'webgpu', device });
      await expect(opening).rejects.toThrow(OutOfMemoryError);
      await expect(opening).rejects.not.toThrow(/NaN/);
      gpu.destroy();
    });
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

  it('stops when asked to, and can go on', async () => {
    using session = await open([64, 64]);
    const controller = new AbortController();
    const running = session.run(1_000_000, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(running).rejects.toThrow(AbortError);
    const done = session.iterations;
    expect(done).toBeLessThan(1_000_000);
    await session.run(2);
    expect(session.iterations).toBe(done + 2);
  });

  it('refuses an image that no buffer holds, naming the limit', async () => {
    const gpu = await dawnDevice();
    const device = await addGPUDevice(gpu);
    const shape: Shape = [5900, 5900];
    const opening = createSession(
      { magnitudes: new Float32Array(shape[0] * shape[1]).fill(1), shape },
      { backend: 'webgpu', device },
    );
    await expect(opening).rejects.toThrow(OutOfMemoryError);
    await expect(opening).rejects.toThrow(/maxStorageBufferBindingSize is 134217728/);
    gpu.destroy();
  });

  it.each([
    [1, 8_388_608],
    [1, 4_194_301],
  ])('refuses %i × %i, of which records or tables do not fit a buffer', async (...shape) => {
    const gpu = await dawnDevice();
    const device = await addGPUDevice(gpu);
    const magnitudes = new Float32Array(shape[0] * shape[1]).fill(1);
    const opening = createSession({ magnitudes, shape }, { backend: 'webgpu', device });
    await expect(opening).rejects.toThrow(/maxStorageBufferBindingSize is 134217728/);
    gpu.destroy();
  });

  it('refuses a line whose records do not fit a small buffer', async () => {
    const { gpu, device } = await smallDevice(40_000);
    const opening = createSession(problem([1, 3000]), { backend: 'webgpu', device });
    await expect(opening).rejects.toThrow(OutOfMemoryError);
    gpu.destroy();
  });

  it('splits a batch by what its records take, rounded up', async () => {
    const { gpu, device } = await smallDevice(40_000);
    const options = { backend: 'webgpu', starts: 7, seed: 3 } as const;
    using split = await createSession(problem([4, 600]), { ...options, device });
    using whole = await createSession(problem([4, 600]), options);
    await split.run(70);
    await whole.run(70);
    expect(await split.residuals()).toEqual(await whole.residuals());
    gpu.destroy();
  });

  it('reads residuals in pieces where no buffer holds them all', async () => {
    const { gpu, device } = await smallDevice(40_000);
    const options = { backend: 'webgpu', starts: 20, seed: 3, history: true } as const;
    using split = await createSession(problem([16, 16]), { ...options, device });
    using whole = await createSession(problem([16, 16]), options);
    await split.run(600);
    await whole.run(600);
    expect(await split.residuals()).toEqual(await whole.residuals());
    expect(await split.history(19)).toEqual(await whole.history(19));
    gpu.destroy();
  });

  it('splits a batch of starts that no buffer holds', async () => {
    const { gpu, device } = await smallDevice(40_000);
    const options = { backend: 'webgpu', algorithm: 'hio', starts: 5, seed: 3, history: true } as const;
    using split = await createSession(problem([64, 48]), { ...options, device });
    using whole = await createSession(problem([64, 48]), options);
    await split.run(5);
    await whole.run(5);
    for (const start of [0, 3, 4]) {
      expect(await split.readObject(start)).toEqual(await whole.readObject(start));
      expect(await split.history(start)).toEqual(await whole.history(start));
    }
    gpu.destroy();
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

/** A device whose buffers hold no more than so many bytes. */
async function smallDevice(bytes: number): Promise<{ gpu: GPUDevice; device: number }> {
  const gpu = await dawnDevice();
  Object.defineProperty(gpu, 'limits', {
    value: new Proxy(gpu.limits, {
      get: (limits, name) => (name === 'maxBufferSize' ? bytes : (Reflect.get(limits, name, limits) as unknown)),
    }),
  });
  return { gpu, device: await addGPUDevice(gpu) };
}

function problem(shape: Shape) {
  return { magnitudes: noise(shape[0] * shape[1], 5).map((u) => 0.1 + u), shape };
}

function open(shape: Shape) {
  return createSession(problem(shape), { backend: 'webgpu', seed: 2 });
}
