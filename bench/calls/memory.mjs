/** What sessions occupy: bytes a pixel, what thousands of them leave behind, and what becomes of those never disposed of. */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { problem } from './copies.mjs';

/** @typedef {import('../../dist/index.js').BackendName} BackendName */
/** @typedef {typeof import('../../dist/index.js')} Rephase */

const collectGarbage = /** @type {() => void} */ (globalThis.gc ?? (() => undefined));

/** What is collected may free more, which is collected later. */
async function collect() {
  for (let i = 0; i < 10; i++) {
    collectGarbage();
    await sleep(10);
  }
}

/**
 * The device's memory as somebody else sees it: the driver on cuda, what the witness counts elsewhere.
 * @typedef {{ name: string, used: () => number | Promise<number> }} Gauge
 */

/**
 * Bytes a pixel, from sessions of two sizes, so that what every session has whatever its size is left out.
 * @param {Rephase} rephase
 * @param {BackendName} backend
 * @param {number} n
 * @param {import('./counter.mjs').Counter | undefined} witness
 */
export async function bytesPerPixel(rephase, backend, n, witness) {
  // What the first session brings along is not the others'.
  (await rephase.createSession(problem(16), { backend, device: witness?.device ?? 0 })).dispose();
  const rows = [];
  for (const algorithm of /** @type {const} */ (['gs', 'hio', 'input-output', 'output-output'])) {
    const measured = [];
    for (const size of [n, 2 * n]) {
      const { magnitudes, shape } = problem(size);
      const support = new Uint8Array(size * size).fill(1, 0, (size * size) / 2);
      await collect();
      const before = await witness?.counts();
      witness?.resetPeak();
      const device = witness?.device ?? 0;
      const session = await rephase.createSession({ magnitudes, support, shape }, { backend, device, algorithm });
      await session.run(20);
      session.inverse();
      session.constrainObject();
      session.forward();
      session.constrainFourier();
      const { deviceBytes, hostBytes } = await held(session);
      const after = await witness?.counts();
      const peak = before && after && after.peakDeviceBytes - before.deviceBytes;
      session.dispose();
      measured.push({ deviceBytes, hostBytes, peak });
    }
    const [small, large] = measured;
    const slope = (/** @type {number} */ a, /** @type {number} */ b) => (b - a) / (3 * n * n);
    rows.push({
      algorithm,
      n: 2 * n,
      device: slope(small.deviceBytes, large.deviceBytes),
      host: slope(small.hostBytes, large.hostBytes),
      fixedDeviceBytes: small.deviceBytes - slope(small.deviceBytes, large.deviceBytes) * n * n,
      fixedHostBytes: small.hostBytes - slope(small.hostBytes, large.hostBytes) * n * n,
      ...(small.peak && large.peak && { peakSeen: slope(small.peak, large.peak) }),
    });
  }
  return { witness: witness?.name, rows };
}

/** After reading the object, for which some backends stage. @param {import('../../dist/index.js').Session} session */
async function held(session) {
  await session.readObject();
  return session.memory();
}

/**
 * @param {Rephase} rephase
 * @param {ReturnType<typeof problem>} given
 * @param {import('../../dist/index.js').SessionOptions} options
 */
async function useOnce(rephase, given, options) {
  const session = await rephase.createSession(given, options);
  await session.run(1);
  session.dispose();
}

/**
 * So many sessions, one after another, each used and disposed of.
 * @param {Rephase} rephase
 * @param {BackendName} backend
 * @param {number} cycles
 * @param {Gauge | undefined} gauge
 */
export async function lifeCycles(rephase, backend, cycles, gauge) {
  const given = problem(256);
  const once = () => useOnce(rephase, given, { backend });
  // Pools and compilers settle.
  for (let i = 0; i < Math.min(cycles, 50); i++) await once();
  const state = async () => {
    await collect();
    return { residentBytes: process.memoryUsage.rss(), deviceBytes: await gauge?.used() };
  };
  const before = await state();
  const began = performance.now();
  for (let i = 0; i < cycles; i++) await once();
  const milliseconds = (performance.now() - began) / cycles;
  const after = await state();
  return {
    cycles,
    n: 256,
    milliseconds,
    residentBytesAdded: after.residentBytes - before.residentBytes,
    ...(after.deviceBytes !== undefined &&
      before.deviceBytes !== undefined && { deviceBytesAdded: after.deviceBytes - before.deviceBytes }),
  };
}

const MOST_HELD = 2 ** 31;

/**
 * Sessions that are dropped and never disposed of: how much of their memory is held when nobody asks the collector, and
 * what is left after it was asked.
 * @param {Rephase} rephase
 * @param {BackendName} backend
 * @param {number} count
 * @param {Gauge} gauge
 */
export async function abandoned(rephase, backend, count, gauge, device = 0) {
  const given = problem(512);
  let finalized = 0;
  const registry = new FinalizationRegistry(() => finalized++);
  const drop = async () => {
    const session = await rephase.createSession(given, { backend, device });
    await session.run(1);
    registry.register(session, undefined);
    return session.memory().deviceBytes;
  };
  // What the first session of a process loads stays, whoever disposes of it.
  await useOnce(rephase, given, { backend, device });
  await collect();
  const before = await gauge.used();
  let [made, sessionBytes, most] = [0, 0, 0];
  for (; made < count && most < MOST_HELD; made++) {
    sessionBytes = await drop();
    await sleep(0);
    most = Math.max(most, (await gauge.used()) - before);
  }
  const collectedUnasked = finalized;
  await collect();
  const left = (await gauge.used()) - before;
  return {
    n: 512,
    gauge: gauge.name,
    made,
    sessionBytes,
    mostHeldBytes: most,
    collectedUnasked,
    collected: finalized,
    leftBytes: left,
  };
}
