/** Ownership and copies on every path of the API, the session's report of its time, and the model of call overhead. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DisposedError, createSession, type Session, type SessionOptions, type Shape } from '../src/index.js';
import { fitCalls, type OverheadRow } from '../src/cli/call-overhead.js';
import { onEveryBackend } from './support/backends.js';
import { asymmetricMagnitudes, relativeError } from './support/images.js';

const shape: Shape = [12, 20];
const pixels = 12 * 20;
const magnitudes = asymmetricMagnitudes(shape);
const support = Uint8Array.from(magnitudes, (_, i) => (i % 3 === 0 ? 0 : 1));

function kernels(session: Session): void {
  session.inverse();
  session.constrainObject();
  session.forward();
  session.constrainFourier();
}

onEveryBackend('a session', ({ backend, precision, tolerance }) => {
  const bytes = precision === 'double' ? 8 : 4;
  const open = (options: SessionOptions = {}) =>
    createSession({ magnitudes, shape, support }, { backend, precision, algorithm: 'hio', seed: 3, ...options });

  /** Copies that `work` makes. */
  async function copies(session: Session, work: () => unknown) {
    const before = session.memory();
    await work();
    const after = session.memory();
    return {
      up: after.uploads - before.uploads,
      upBytes: after.uploadedBytes - before.uploadedBytes,
      down: after.downloads - before.downloads,
      downBytes: after.downloadedBytes - before.downloadedBytes,
    };
  }

  const NONE = { up: 0, upBytes: 0, down: 0, downBytes: 0 };

  it('copies nothing while it iterates, whatever it is called by', async () => {
    using session = await open();
    expect(await copies(session, () => session.run(40))).toEqual(NONE);
    const steps = () => {
      for (let i = 0; i < 40; i++) session.step();
    };
    expect(await copies(session, steps)).toEqual(NONE);
    const singles = () => {
      for (let i = 0; i < 40; i++) kernels(session);
    };
    expect(await copies(session, singles)).toEqual(NONE);
  });

  it('copies once for a read, and once for a write', async () => {
    using session = await open({ starts: 2 });
    await session.run(3);
    const object = { up: 0, upBytes: 0, down: 1, downBytes: bytes * pixels };
    expect(await copies(session, () => session.readObject(1))).toEqual(object);
    expect(await copies(session, () => session.readFeasible())).toEqual(object);
    expect(await copies(session, () => session.readSpectrum())).toMatchObject({ up: 0, down: 1 });
    const written = { up: 1, upBytes: bytes * pixels, down: 0, downBytes: 0 };
    expect(await copies(session, () => session.writeObject(magnitudes, 1))).toEqual(written);
    const spectrum = new Float32Array(2 * pixels).fill(1);
    expect(await copies(session, () => session.writeSpectrum(spectrum))).toMatchObject({ up: 1, down: 0 });
  });

  it('reads the residuals of all starts at once, and reads no residual twice', async () => {
    using session = await open({ starts: 3 });
    await session.run(1);
    const read = await copies(session, () => session.residuals());
    expect(read).toMatchObject({ up: 0, down: 1 });
    // Single or double, whatever the precision of the rest; webgpu reads eight starts at a time.
    expect([12, 24, 32]).toContain(read.downBytes);
    expect(await copies(session, () => session.residual(2))).toEqual(NONE);
  });

  it.each(['gs', 'hio'] as const)(
    "brings an object up once for the caller's own constraint, with %s",
    async (algorithm) => {
      using session = await open({ algorithm });
      await session.run(2);
      const object = new Float32Array(pixels).fill(0.5);
      const own = () => {
        session.inverse();
        session.writeObject(object);
        session.forward();
        session.constrainFourier();
      };
      expect(await copies(session, own)).toEqual({ up: 1, upBytes: bytes * pixels, down: 0, downBytes: 0 });
    },
  );

  it('comes to the same state by any mixture of ways to call it', async () => {
    using whole = await open();
    await whole.run(12);
    const spectrum = await whole.readSpectrum();
    const single = { step: (session: Session) => session.step(), kernels };
    const part = fc.constantFrom('run' as const, 'step' as const, 'kernels' as const, 'residual' as const);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(part, fc.integer({ min: 1, max: 5 })), { maxLength: 8 }), async (parts) => {
        using session = await open();
        for (const [name, most] of parts) {
          const count = Math.min(most, 12 - session.iterations);
          if (name === 'residual') await session.residual();
          else if (name !== 'run') for (let i = 0; i < count; i++) single[name](session);
          else if (count > 0) await session.run(count);
        }
        while (session.iterations < 12) session.step();
        expect(relativeError(await session.readSpectrum(), spectrum)).toBeLessThan(tolerance);
      }),
      { numRuns: 25, seed: 2 },
    );
  });

  it('survives that its caller’s buffers are transferred away', async () => {
    const transferred = <T extends Float64Array | Uint8Array>(array: T) => {
      structuredClone(array, { transfer: [array.buffer] });
      expect(array.length).toBe(0);
    };
    using untouched = await open({ start: { object: magnitudes } });
    const own = { magnitudes: magnitudes.slice(), support: support.slice(), object: magnitudes.slice() };
    const given = { magnitudes: own.magnitudes, support: own.support, shape };
    const start = { object: own.object };
    using session = await createSession(given, { backend, precision, algorithm: 'hio', seed: 3, start });
    Object.values(own).forEach(transferred);
    for (const each of [session, untouched]) {
      await each.run(3);
      each.inverse();
      const written = magnitudes.slice();
      each.writeObject(written);
      transferred(written);
      each.forward();
      each.constrainFourier();
      each.step();
    }
    expect(await session.readFeasible()).toEqual(await untouched.readFeasible());
  });

  describe.each<[string, (session: Session) => unknown]>([
    ['as it was made', () => undefined],
    ['after a step, which has not been waited for', (session) => session.step()],
    ['with steps in flight', (session) => Array.from({ length: 50 }, () => session.step())],
    ['after inverse', (session) => session.inverse()],
    ['after constrainObject', (session) => [session.inverse(), session.constrainObject()]],
    ['after forward', (session) => [session.inverse(), session.constrainObject(), session.forward()]],
    ['after a write', (session) => session.writeObject(magnitudes)],
    ['after a write in place of the rule', (session) => [session.inverse(), session.writeObject(magnitudes)]],
    ['after a run', (session) => session.run(3)],
  ])('%s', (_, reach) => {
    it('can be disposed of, and others go on', async () => {
      using other = await open();
      const session = await open();
      await reach(session);
      session.dispose();
      session.dispose();
      expect(() => session.step()).toThrow(DisposedError);
      other.step();
      expect(await other.residual()).toBeGreaterThan(0);
    });

    it('can be disposed of while it is read, which ends one way or the other', async () => {
      const session = await open();
      await reach(session);
      const reads = [session.readObject(), session.readSpectrum(), session.residuals()];
      session.dispose();
      for (const read of await Promise.allSettled(reads)) {
        if (read.status === 'rejected') expect(read.reason).toBeInstanceOf(DisposedError);
        else expect(read.value.length).toBeGreaterThan(0);
      }
    });
  });

  it('reports how often it was called and how long that took', async () => {
    using session = await open();
    expect(session.timing()).toMatchObject({ submissions: 0, iterations: 0, submitSeconds: 0 });
    for (let i = 0; i < 5; i++) session.step();
    expect(session.timing()).toMatchObject({ submissions: 5, iterations: 5 });
    kernels(session);
    expect(session.timing()).toMatchObject({ submissions: 9, iterations: 6 });
    await session.readObject();
    session.writeObject(magnitudes);
    expect(session.timing().submissions).toBe(9);
    const before = session.timing();
    await session.run(10);
    const after = session.timing();
    // The batches of a run: at least one, and no more than iterations and the rest of one that was under way.
    expect(after.submissions - before.submissions).toBeGreaterThan(0);
    expect(after.submissions - before.submissions).toBeLessThanOrEqual(11);
    expect(after.submitSeconds).toBeGreaterThan(before.submitSeconds);
    expect('deviceSeconds' in after).toBe(backend === 'cuda');
    if (backend === 'cuda') expect(after.deviceSeconds).toBeGreaterThan(0);
    session.dispose();
    expect(() => session.timing()).toThrow(DisposedError);
  });
});

describe('the model of what calls cost', () => {
  /** `step` and `kernels` take `work` times as long as `run`, and 1 and 4 calls more. */
  const rows = (cost: number, work = 1): OverheadRow[] =>
    [64, 128, 256, 512, 1024].map((n) => {
      const run = (n * n) / 1000;
      const timing = (total: number) => ({ total, low: total, high: total, overRun: total / run, submit: 0 });
      return { n, run: timing(run), step: timing(work * run + cost), kernels: timing(work * run + 4 * cost) };
    });

  it('finds the cost and the work that times were made from', () => {
    const { cost, work } = fitCalls(rows(3, 2.2), 'kernels');
    expect(cost).toBeCloseTo(3, 6);
    expect(work).toBeCloseTo(2.2, 6);
  });

  it('says below which size calls take more than a tenth of the work', () => {
    // 6.5 µs are a tenth of an iteration of 255 × 255.
    expect(Math.abs(Number(fitCalls(rows(6.5), 'step').costlyBelow) - 255)).toBeLessThan(2);
    expect(fitCalls(rows(1e-3), 'step').costlyBelow).toBe('none');
    expect(fitCalls(rows(1e4), 'step').costlyBelow).toBe('all');
  });

  it('never fits a negative cost', () => {
    const { cost, work } = fitCalls(rows(-0.5), 'step');
    expect(cost).toBe(0);
    expect(work).toBeGreaterThan(0);
    expect(work).toBeLessThan(1);
  });
});
