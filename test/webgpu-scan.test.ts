/** Scans within the limits of a device, and at them. */
import { describe, expect, it } from 'vitest';
import {
  AbortError,
  InvalidArgumentError,
  OutOfMemoryError,
  addGPUDevice,
  createSession,
  retrieve,
  type Scan,
} from '../src/index.js';
import { relativeError } from './support/images.js';
import { makeScene } from './support/scans.js';
import { newDevice, pretendFull, whyNoWebGpu } from './support/webgpu.js';

const reason = await whyNoWebGpu();

describe.skipIf(reason !== '')(`scans on the webgpu backend${reason && ` (skipped: ${reason})`}`, () => {
  it('fits object and probe to more waves than it works on together', async () => {
    // A wave takes 540 KiB, so that the 16 positions make two groups.
    const { scan } = await makeScene({ shape: [96, 80], modes: 9 });
    const object = { ...scan.object, data: scan.object.data.map((number, i) => number + 0.1 * Math.cos(7 * i)) };
    const options = { algorithm: 'dm', batch: 5 } as const;
    using session = await createSession({ ...scan, object }, { ...options, backend: 'webgpu' });
    using reference = await createSession({ ...scan, object }, { ...options, backend: 'wasm', precision: 'double' });
    session.step();
    reference.step();
    expect(relativeError(await session.readObject(), await reference.readObject())).toBeLessThan(1e-5);
    expect(relativeError(await session.readProbe(), await reference.readProbe())).toBeLessThan(1e-5);
  }, 120_000);

  it('retrieves what a session iterates, and stops between iterations', async () => {
    const { scan } = await makeScene({ shape: [12, 10] });
    const options = { backend: 'webgpu', batch: 4, history: true } as const;
    const { object, history } = await retrieve(scan, { ...options, iterations: 5 });
    using session = await createSession(scan, options);
    await session.run(5);
    expect(object).toEqual(await session.readObject());
    expect(history).toEqual(await session.history());

    const abort = new AbortController();
    const stop = ({ iteration }: { iteration: number }) => iteration > 2 && abort.abort();
    const run = session.run(1e6, { signal: abort.signal, onProgress: stop });
    await expect(run).rejects.toThrow(AbortError);
    expect(await session.history()).toHaveLength(session.iterations);
  });

  it('copies nothing between iterations but their order', async () => {
    const { scan } = await makeScene({ shape: [12, 10] });
    using session = await createSession(scan, { backend: 'webgpu', batch: 4 });
    await session.run(1);
    const before = session.memory();
    await session.run(3);
    const after = session.memory();
    expect(after.deviceBytes).toBe(before.deviceBytes);
    expect(after.uploads - before.uploads).toBe(3);
    expect(after.uploadedBytes - before.uploadedBytes).toBe(3 * 4 * 16);
    expect(after.downloads).toBe(before.downloads);
  });

  it('works within the limits that every device has, and refuses what exceeds them', async () => {
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    const open = (scan: Scan, batch = 1) => createSession(scan, { backend: 'webgpu', device, batch });
    const { scan } = await makeScene({ shape: [12, 10] });
    const positions = scan.positions.map((number, i) => number + 0.3 * Math.sin(i));
    const options = { backend: 'webgpu', device, algorithm: 'lsqml', positionsFrom: 0 } as const;
    using session = await createSession({ ...scan, positions }, options);
    await session.run(2);
    expect(await session.residual()).toBeGreaterThan(0);
    const tooLong = "lines of 5000 pixels take 20000 bytes of a workgroup's memory; this WebGPU device has 16384";
    await expect(open(lines(5000, 2))).rejects.toThrow(OutOfMemoryError);
    await expect(open(lines(5000, 2))).rejects.toThrow(tooLong);
    const tooLarge = /the buffer "waves" takes 134250496 bytes; this WebGPU device's .* is 134217728/;
    await expect(open(lines(4096, 4097), 4097)).rejects.toThrow(tooLarge);
    await expect(open(lines(1, 65537), 65536)).rejects.toThrow(InvalidArgumentError);
    await expect(open(lines(1, 65537), 65536)).rejects.toThrow(/^batch: got 65536; takes at most 65535/);
    gpu.destroy();
  }, 120_000);

  it('brings patterns that stay on the host once an iteration, in the order of the iteration', async () => {
    // A wave takes 120 KiB, so that 68 positions are worked on together.
    const { scan } = await makeScene({ shape: [128, 120] });
    const patterns = new Float32Array(5 * scan.patterns.length);
    for (let i = 0; i < 5; i++) patterns.set(scan.patterns, i * scan.patterns.length);
    const positions = Float64Array.from({ length: 160 }, (_, i) => scan.positions[i % 32]);
    const open = (keepPatterns?: 'host') =>
      createSession({ ...scan, patterns, positions }, { backend: 'webgpu', batch: 17, keepPatterns });
    using device = await open();
    using host = await open('host');
    expect([device.keepPatterns, host.keepPatterns]).toEqual(['device', 'host']);
    const [before, there] = [host.memory(), device.memory()];
    expect(before.hostBytes).toBe(patterns.byteLength);
    expect(there.hostBytes).toBe(0);
    expect(there.deviceBytes - before.deviceBytes).toBe((80 - 68) * 4 * 128 * 120);
    await Promise.all([device.run(2), host.run(2)]);
    const after = host.memory();
    expect(after.uploadedBytes - before.uploadedBytes).toBe(2 * (patterns.byteLength + 4 * 80));
    expect(await host.readObject()).toEqual(await device.readObject());
  }, 120_000);

  it('leaves patterns on the host where they are too much for memory, unless they are to be on the device', async () => {
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    const { scan } = await makeScene({ shape: [12, 10] });
    const open = (keepPatterns?: 'device') => createSession(scan, { backend: 'webgpu', device, keepPatterns });
    let tries = 0;
    pretendFull(gpu, ({ label }) => label === 'magnitudes' && ++tries % 2 === 1);
    using session = await open();
    expect(session.keepPatterns).toBe('host');
    await session.run(1);
    expect(await session.residual()).toBeGreaterThan(0);
    await expect(open('device')).rejects.toThrow(OutOfMemoryError);
    expect(tries).toBe(3);
    gpu.destroy();
  });

  it('streams patterns that no buffer holds, and computes the same bits', async () => {
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    const { scan } = await makeScene({ shape: [12, 10] });
    const state = async () => {
      using session = await createSession(scan, { backend: 'webgpu', device, batch: 5 });
      await session.run(1);
      session.forward();
      await session.run(1);
      const { hostBytes } = session.memory();
      return { hostBytes, object: await session.readObject(), residual: await session.residual() };
    };
    const wanted = { ...(await state()), hostBytes: 4 * scan.patterns.length };
    const { maxBufferSize, maxComputeWorkgroupStorageSize } = gpu.limits;
    const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX } = gpu.limits;
    const value = {
      ...{ maxBufferSize, maxComputeWorkgroupStorageSize },
      ...{ maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX },
      // The patterns take 7680 bytes.
      maxStorageBufferBindingSize: 7000,
    };
    Object.defineProperty(gpu, 'limits', { value });
    expect(await state()).toEqual(wanted);
    const onDevice = createSession(scan, { backend: 'webgpu', device, batch: 5, keepPatterns: 'device' });
    await expect(onDevice).rejects.toThrow(/the buffer "magnitudes" takes 7680 bytes; this WebGPU device's .* is 7000/);
    gpu.destroy();
  }, 120_000);

  it('says how many bytes it takes where memory is full', async () => {
    const gpu = await newDevice();
    const device = await addGPUDevice(gpu);
    const { scan } = await makeScene({ shape: [12, 10] });
    const open = () => createSession(scan, { backend: 'webgpu', device });
    const { deviceBytes } = (await open()).memory();
    pretendFull(gpu);
    const error = await open().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect((error as OutOfMemoryError).requiredBytes).toBeGreaterThan(0.9 * deviceBytes);
    gpu.destroy();
  });
});

/** Patterns of one row each, over an object that is one pixel longer. */
function lines(columns: number, count: number): Scan {
  const positions = Float64Array.from({ length: 2 * count }, (_, i) => (i % 4 === 1 ? 1 : 0));
  const probe = Float32Array.from({ length: 2 * columns }, (_, i) => Math.cos(i));
  const length = 2 * (columns + 1);
  const object = { data: new Float32Array(length).fill(1), shape: [1, columns + 1] as const };
  return { patterns: new Uint8Array(columns * count).fill(1), shape: [1, columns], positions, probe, object };
}
