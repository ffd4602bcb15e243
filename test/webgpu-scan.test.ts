/** Scans within the limits of a device, and at them. */
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, OutOfMemoryError, addGPUDevice, createSession, type Scan } from '../src/index.js';
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
    const tooMany = /the buffer "magnitudes" takes 134234112 bytes; this WebGPU device's .* is 134217728/;
    await expect(open(lines(4096, 8193))).rejects.toThrow(tooMany);
    await expect(open(lines(1, 65537), 65536)).rejects.toThrow(InvalidArgumentError);
    await expect(open(lines(1, 65537), 65536)).rejects.toThrow(/^batch: got 65536; takes at most 65535/);
    gpu.destroy();
  });

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
