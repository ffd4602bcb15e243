/**
 * Running on a backend that computes elsewhere than on the calling thread, as GPUs do: batches are enqueued ahead of the
 * device, never far ahead. The wasm backend plays the device, and is slow to say that it has finished.
 */
import { describe, expect, it } from 'vitest';
import { wasmBackend } from '../backends/wasm/backend.js';
import type { Backend, BackendScanSession, BackendSession } from '../src/backends/interface.js';
import { AbortError, DeviceLostError, DisposedError, type Shape } from '../src/index.js';
import { checkSessionOptions } from '../src/problems/options.js';
import { prepare } from '../src/problems/image.js';
import { checkScanSessionOptions, prepareScan } from '../src/problems/scan.js';
import { openScanSession } from '../src/session/scan-session.js';
import { openSession } from '../src/session/session.js';
import { asymmetricMagnitudes } from './support/images.js';
import { makeScene } from './support/scans.js';

const shape: Shape = [16, 18];
const options = checkSessionOptions({ backend: 'wasm', algorithm: 'hio', seed: 1, history: true });
const setup = prepare({ magnitudes: asymmetricMagnitudes(shape), shape }, options, undefined);

/** `finish` takes so many milliseconds where something was enqueued; after `failAfter` batches it rejects. */
function slowDevice({ failAfter = Infinity, milliseconds = 1 } = {}) {
  const seen = { batches: 0, finished: 0, mostInFlight: 0 };
  const slow = <Session extends BackendSession | BackendScanSession>(session: Session): Session => {
    const finish = async () => {
      const enqueued = seen.batches;
      if (enqueued > seen.finished) await new Promise((resolve) => setTimeout(resolve, milliseconds));
      seen.finished = enqueued;
      if (seen.batches > failAfter) throw new DeviceLostError('the device was lost');
    };
    return new Proxy(session, {
      get: (target, name) => {
        if (name === 'finish') return finish;
        if (name === 'iterate') {
          seen.batches += 1;
          seen.mostInFlight = Math.max(seen.mostInFlight, seen.batches - seen.finished);
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  };
  const backend: Backend = {
    ...wasmBackend,
    onCallingThread: false,
    createSession: async (...args) => slow(await wasmBackend.createSession(...args)),
    createScanSession: async (...args) => slow(await wasmBackend.createScanSession(...args)),
  };
  return { backend, seen };
}

describe('a run on a device', () => {
  it('gives what it gives on the calling thread, with at most two batches in flight', async () => {
    const { backend, seen } = slowDevice();
    using there = await openSession(backend, 0, setup);
    using here = await openSession(wasmBackend, 0, setup);
    await Promise.all([there.run(700), here.run(700)]);
    expect(await there.history()).toEqual(await here.history());
    expect(await there.readSpectrum()).toEqual(await here.readSpectrum());
    expect(seen.batches).toBeGreaterThan(2);
    expect(seen.mostInFlight).toBe(2);
  });

  it('of a scan gives what it gives on the calling thread, with at most two iterations in flight', async () => {
    const { scan } = await makeScene({ shape: [12, 10] });
    const ofScan = prepareScan(scan, checkScanSessionOptions({ backend: 'wasm', batch: 5, history: true }));
    const { backend, seen } = slowDevice();
    using there = await openScanSession(backend, 0, ofScan);
    using here = await openScanSession(wasmBackend, 0, ofScan);
    await Promise.all([there.run(20), here.run(20)]);
    expect(await there.history()).toEqual(await here.history());
    expect(await there.readObject()).toEqual(await here.readObject());
    expect(seen.batches).toBe(20);
    expect(seen.mostInFlight).toBe(2);
  });

  it('counts the iterations that were enqueued when it is aborted', async () => {
    const { backend } = slowDevice();
    using session = await openSession(backend, 0, setup);
    const controller = new AbortController();
    const run = session.run(1e9, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await expect(run).rejects.toThrow(AbortError);
    expect(session.iterations).toBeGreaterThan(0);
    expect(await session.history()).toHaveLength(session.iterations);
  });

  it('is rejected when the device is lost, and when it is disposed of', async () => {
    const lost = await openSession(slowDevice({ failAfter: 5 }).backend, 0, setup);
    await expect(lost.run(1e9)).rejects.toThrow(DeviceLostError);
    lost.dispose();
    const disposed = await openSession(slowDevice().backend, 0, setup);
    const run = disposed.run(1e9);
    setTimeout(() => disposed.dispose(), 20);
    await expect(run).rejects.toThrow(DisposedError);
  });

  it('is rejected when it is disposed of while its last iteration is in flight', async () => {
    const { scan } = await makeScene({ shape: [12, 10] });
    const { backend } = slowDevice({ milliseconds: 30 });
    for (const session of [
      await openSession(backend, 0, setup),
      await openScanSession(backend, 0, prepareScan(scan, checkScanSessionOptions({ backend: 'wasm' }))),
    ]) {
      const run = session.run(1);
      setTimeout(() => session.dispose(), 5);
      await expect(run).rejects.toThrow(DisposedError);
    }
  });
});
