/** Images and batches within the limits of a device, and at them. */
import { describe, expect, it } from 'vitest';
import { OutOfMemoryError, addGPUDevice, createSession, type Shape } from '../src/index.js';
import { openHologram } from '../src/tools/hologram.js';
import { noise, noisyProblem as problem, randomMask, relativeError } from './support/images.js';
import { newDevice, pretendFull, whyNoWebGpu } from './support/webgpu.js';

const reason = await whyNoWebGpu();

describe.skipIf(reason !== '')(`the webgpu backend in Node${reason && ` (skipped: ${reason})`}`, () => {
  it('works within the limits that every device has', async () => {
    const gpu = await newDevice();
    expect(gpu.limits.maxComputeWorkgroupStorageSize).toBe(16384);
    const device = await addGPUDevice(gpu);
    const shapes: Shape[] = [
      [12, 10],
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

  it('takes complex objects whose rows, or columns, are too long for a workgroup', async () => {
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    for (const shape of [
      [3, 8192],
      [8192, 2],
    ] as const) {
      const pixels = shape[0] * shape[1];
      const known = {
        support: randomMask(shape, 0.5, 2),
        mask: randomMask(shape, 0.9, 3),
        amplitudeBounds: [0.003, 0.02] as const,
      };
      const given = { magnitudes: noise(pixels, 1), shape, object: 'complex' as const, ...known };
      const options = { algorithm: 'hio', seed: 1 } as const;
      using session = await createSession(given, { backend: 'webgpu', device, ...options });
      using reference = await createSession(given, { backend: 'wasm', precision: 'double', ...options });
      await session.run(2);
      await reference.run(2);
      expect(relativeError(await session.readObject(), await reference.readObject())).toBeLessThan(1e-4);
      expect(relativeError(await session.measureFeasible(), await reference.measureFeasible())).toBeLessThan(1e-4);

      // With weights, and with frequencies that have none.
      for (const mask of [undefined, known.mask]) {
        const wish = {
          magnitudes: noise(pixels, 1),
          shape,
          object: 'complex',
          objectMagnitudes: noise(pixels, 5),
          mask,
        } as const;
        const how = { unmeasured: 1.5, feedback: 0.8, phasesFrom: Infinity };
        using hologram = await openHologram(wish, { backend: 'webgpu', device, seed: 1 }, how);
        using expected = await openHologram(wish, { backend: 'wasm', precision: 'double', seed: 1 }, how);
        await hologram.run(2);
        await expected.run(2);
        expect(relativeError(await hologram.readSpectrum(), await expected.readSpectrum())).toBeLessThan(1e-3);
      }
    }
    gpu.destroy();
  });

  it.each([
    ['gs', [12, 10]],
    ['hio', [2, 16384]],
  ] as const)(
    'with %s knows what a session takes in all before it allocates, and tells afterwards',
    async (algorithm, shape) => {
      const gpu = await newDevice();
      const device = await addGPUDevice(gpu);
      const made: { label: string; size: number }[] = [];
      const createBuffer = gpu.createBuffer.bind(gpu);
      gpu.createBuffer = (descriptor) => {
        made.push({ label: descriptor.label!, size: descriptor.size });
        return createBuffer(descriptor);
      };
      const bytes = (...labels: string[]) =>
        made
          .filter(({ label }) => labels.some((start) => label.startsWith(start)))
          .reduce((sum, { size }) => sum + size, 0);
      const given = { ...problem(shape), support: new Uint8Array(shape[0] * shape[1]).fill(1) };
      const options = { backend: 'webgpu', device, algorithm, starts: 3 } as const;
      using session = await createSession(given, options);
      const total = bytes('');
      // What only creation needs is freed after it. Tables that sessions share count in each of them.
      expect(session.memory().deviceBytes).toBe(total - bytes('measured magnitudes', 'parameters'));

      pretendFull(gpu);
      const opening = createSession(given, options);
      await expect(opening).rejects.toMatchObject({ requiredBytes: total - bytes('twiddles') });
      gpu.destroy();
    },
  );

  it('allocates the iterate and the support when they are first needed, and counts them', async () => {
    const [rows, columns] = [12, 10];
    using session = await createSession(problem([rows, columns]), { backend: 'webgpu', starts: 2 });
    await session.run(2);
    const created = session.memory().deviceBytes;
    session.use({ algorithm: 'hio' });
    await session.run(1);
    const image = 4 * rows * columns;
    expect(session.memory().deviceBytes).toBe(created + 2 * image);
    const support = new Uint8Array(rows * columns).fill(1, 0, 60);
    session.setSupport(support);
    const { deviceBytes } = session.memory();
    expect(deviceBytes).toBeGreaterThan(created + 2 * image);
    // Less than a byte a pixel.
    expect(deviceBytes).toBeLessThan(created + 2 * image + rows * columns);
    session.use({ algorithm: 'gs' });
    await session.run(2);
    session.setSupport(undefined);
    session.setSupport(support);
    await session.run(2);
    expect(session.memory().deviceBytes).toBe(deviceBytes);
    expect((await session.readObject()).subarray(60).every((pixel) => pixel === 0)).toBe(true);
  });

  it.each([
    ['real', 1],
    ['complex', 2],
  ] as const)('says how much an iterate of a %s object takes that there is no memory for', async (object, parts) => {
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    using session = await createSession({ ...problem([12, 10]), object }, { backend: 'webgpu', device });
    await session.run(1);
    const { deviceBytes } = session.memory();
    pretendFull(gpu);
    session.use({ algorithm: 'hio' });
    const error: unknown = await session.run(1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OutOfMemoryError);
    const image = 4 * parts * 12 * 10;
    expect((error as OutOfMemoryError).requiredBytes).toBeGreaterThan(image);
    expect((error as OutOfMemoryError).requiredBytes).toBeLessThanOrEqual(deviceBytes + image);
    // Spectrum, object and magnitudes were there before.
    expect(deviceBytes).toBeGreaterThanOrEqual(4 * (parts + 0.5 * parts) * 12 * 10);
    gpu.destroy();
  });

  it('frees what it allocated, session after session', async () => {
    const gpu = await newDevice();
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
      const session = await createSession(problem([5, 6]), { backend: 'webgpu', device, algorithm: 'hio' });
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

  it('refuses an image that no buffer holds, naming the limit', async () => {
    const gpu = await newDevice();
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
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    const magnitudes = new Float32Array(shape[0] * shape[1]).fill(1);
    const opening = createSession({ magnitudes, shape }, { backend: 'webgpu', device });
    await expect(opening).rejects.toThrow(/maxStorageBufferBindingSize is 134217728/);
    gpu.destroy();
  });

  it('refuses a line whose records do not fit a small buffer', async () => {
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    limitBuffers(gpu, 40_000);
    const opening = createSession(problem([1, 3000]), { backend: 'webgpu', device });
    await expect(opening).rejects.toThrow(OutOfMemoryError);
    gpu.destroy();
  });

  it('splits a batch by what its records take, rounded up', async () => {
    const gpu = await newDevice();
    const options = { backend: 'webgpu', device: await addGPUDevice(gpu), starts: 7, seed: 3 } as const;
    const residuals = async () => {
      using session = await createSession(problem([4, 600]), options);
      await session.run(70);
      return await session.residuals();
    };
    const whole = await residuals();
    limitBuffers(gpu, 40_000);
    expect(await residuals()).toEqual(whole);
    gpu.destroy();
  });

  it('reads residuals in pieces where no buffer holds them all', async () => {
    const gpu = await newDevice();
    const options = { backend: 'webgpu', device: await addGPUDevice(gpu), starts: 20, seed: 3, history: true } as const;
    const residuals = async () => {
      using session = await createSession(problem([5, 6]), options);
      await session.run(600);
      return { last: await session.residuals(), history: await session.history(19) };
    };
    const whole = await residuals();
    limitBuffers(gpu, 40_000);
    expect(await residuals()).toEqual(whole);
    gpu.destroy();
  });

  it('splits a batch of starts that no buffer holds', async () => {
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    const options = { backend: 'webgpu', device, algorithm: 'hio', starts: 5, seed: 3, history: true } as const;
    const results = async () => {
      using session = await createSession(problem([64, 48]), options);
      await session.run(5);
      const starts = [0, 3, 4];
      const objects = await Promise.all(starts.map((start) => session.readObject(start)));
      return { objects, histories: await Promise.all(starts.map((start) => session.history(start))) };
    };
    const whole = await results();
    limitBuffers(gpu, 40_000);
    expect(await results()).toEqual(whole);
    gpu.destroy();
  });
});

/** From now on buffers of a device hold at most this many bytes. */
function limitBuffers(gpu: GPUDevice, bytes: number): void {
  Object.defineProperty(gpu, 'limits', {
    value: new Proxy(gpu.limits, {
      get: (limits, name) => (name === 'maxBufferSize' ? bytes : (Reflect.get(limits, name, limits) as unknown)),
    }),
  });
}
