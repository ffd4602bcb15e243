/**
 * Devices that callers hand in: what sessions do with them, and how faults of a device are reported. Runs on Dawn in Node
 * and in browsers.
 */
import { describe, expect, it, vi } from 'vitest';
import {
  AbortError,
  BackendUnavailableError,
  DeviceLostError,
  OutOfMemoryError,
  addGPUDevice,
  createSession,
  listBackends,
} from '../src/index.js';
import { noisyProblem as problem } from './support/images.js';
import { newDevice, pretendFull, whyNoWebGpu } from './support/webgpu.js';

/** MAP_READ and STORAGE: no buffer may have both. */
const INVALID_USAGE = 1 | 128;

/** A device compiles for each test, and for large images the longest. */
const SHAPE = [5, 6] as const;

const reason = await whyNoWebGpu();

describe.skipIf(reason !== '')(`a device of the caller's${reason && ` (skipped: ${reason})`}`, () => {
  it('copies nothing between host and device while it iterates', async () => {
    const gpu = await newDevice();
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
    using session = await createSession(problem(SHAPE), { backend: 'webgpu', device });
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

  it('compiles a rule once for its form, and uploads its coefficients once', async () => {
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    const options = { backend: 'webgpu', device, algorithm: 'hio', beta: 0.9 } as const;
    using session = await createSession(problem(SHAPE), options);
    const compiled = vi.spyOn(gpu, 'createComputePipeline');
    const created = session.memory().uploads;
    await session.run(2);
    expect(session.memory().uploads).toBe(created);
    session.use({ beta: 0.7 });
    await session.run(2);
    expect(session.memory().uploads).toBe(created + 1);
    // The coefficients of gs are 0 and 1, which need no upload.
    const chain = async () => {
      for (const [algorithm, beta] of [
        ['gs', 1],
        ['hio', 0.9],
        ['hio', 0.7],
      ] as const) {
        session.use({ algorithm, beta });
        await session.run(2);
      }
    };
    await chain();
    expect(compiled).toHaveBeenCalled();
    compiled.mockClear();
    await chain();
    expect(compiled).not.toHaveBeenCalled();
    expect(session.memory().uploads).toBe(created + 1);
    gpu.destroy();
  });

  it('rejects what is pending when the device is lost, and keeps the indices of other devices', async () => {
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    const session = await createSession(problem(SHAPE), { backend: 'webgpu', device });
    const running = session.run(10_000_000);
    const failed = expect(running).rejects.toThrow(DeviceLostError);
    await new Promise((resolve) => setTimeout(resolve, 50));
    gpu.destroy();
    await failed;
    await expect(session.readObject()).rejects.toThrow(DeviceLostError);
    expect(() => session.step()).toThrow(DeviceLostError);
    session.dispose();
    const again = createSession(problem(SHAPE), { backend: 'webgpu', device });
    await expect(again).rejects.toThrow(BackendUnavailableError);
    await expect(again).rejects.toThrow(/device \d of the webgpu backend is not available: it was lost/);
    const { devices } = (await listBackends()).find(({ name }) => name === 'webgpu')!;
    expect(devices[device].reason).toMatch(/^it was lost/);
    const next = await newDevice();
    expect(await addGPUDevice(next)).toBe(device + 1);
    expect(await addGPUDevice(next)).toBe(device + 1);
    next.destroy();
  });

  describe('with a device that refuses', () => {
    /** A device on which buffers of a name become invalid. WebGPU reports it later, and reads of them give zeros. */
    const refusing = async (label: string, from: 'now' | 'later') => {
      const gpu = await newDevice();
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

    it.each(['spectrum', 'object', 'magnitudes', 'residuals', 'twiddles of 5', 'parameters'])(
      'the buffer %s: no session, and an error with a code',
      async (label) => {
        const { gpu, device, uncaptured } = await refusing(label, 'now');
        const opening = createSession(problem(SHAPE), { backend: 'webgpu', device });
        await expect(opening).rejects.toThrow(/refused what rephase asked/);
        await expect(opening).rejects.toMatchObject({ code: 'DEVICE_FAILED' });
        expect(uncaptured).not.toHaveBeenCalled();
        gpu.destroy();
      },
    );

    it('a buffer that is needed later: every read and run rejects', async () => {
      const { gpu, device, uncaptured, refuse } = await refusing('work', 'later');
      using session = await createSession(problem(SHAPE), { backend: 'webgpu', device });
      refuse();
      session.inverse();
      await expect(session.readObject()).rejects.toMatchObject({ code: 'DEVICE_FAILED' });
      await expect(session.run(1)).rejects.toMatchObject({ code: 'DEVICE_FAILED' });
      expect(uncaptured).not.toHaveBeenCalled();
      gpu.destroy();
    });

    it('a staging buffer: the read rejects with a typed error and frees it', async () => {
      const { gpu, device, uncaptured, refuse } = await refusing('staging', 'later');
      using session = await createSession(problem(SHAPE), { backend: 'webgpu', device });
      await session.run(1);
      const { deviceBytes } = session.memory();
      refuse();
      await expect(session.readObject()).rejects.toMatchObject({ code: 'DEVICE_FAILED' });
      expect(session.memory().deviceBytes).toBe(deviceBytes);
      expect(uncaptured).not.toHaveBeenCalled();
      gpu.destroy();
    });

    it('for want of memory, whatever it calls that', async () => {
      const gpu = await newDevice();
      const device = await addGPUDevice(gpu);
      pretendFull(gpu);
      const opening = createSession(problem(SHAPE), { backend: 'webgpu', device });
      await expect(opening).rejects.toThrow(OutOfMemoryError);
      await expect(opening).rejects.not.toThrow(/NaN/);
      gpu.destroy();
    });
  });

  it('stops when asked to, and can go on', async () => {
    using session = await createSession(problem(SHAPE), { backend: 'webgpu' });
    const controller = new AbortController();
    const running = session.run(10_000_000, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(running).rejects.toThrow(AbortError);
    const done = session.iterations;
    expect(done).toBeLessThan(10_000_000);
    await session.run(2);
    expect(session.iterations).toBe(done + 2);
  });
});
