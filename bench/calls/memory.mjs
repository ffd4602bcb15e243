/** What sessions occupy: bytes a pixel, what thousands of them leave behind, and what becomes of those never disposed of. */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSession } from '../../dist/index.js';
import { problem } from './calls.mjs';

/** Collects garbage several times, because what is collected may free more. */
async function collect() {
  for (let i = 0; i < 10; i++) {
    globalThis.gc?.();
    await sleep(10);
  }
}

/**
 * Measures bytes a pixel, from sessions of two sizes, so that the bytes which every session has do not count.
 * @param {typeof import('../../dist/index.js')} rephase
 * @param {import('../../dist/index.js').BackendName} backend
 * @param {number} n
 * @param {import('./counter.mjs').Counter} [counter]
 */
export async function bytesPerPixel(rephase, backend, n, counter) {
  // The first session allocates what all of them share.
  (await rephase.createSession(problem(16), { backend })).dispose();
  const rows = [];
  for (const algorithm of /** @type {const} */ (['gs', 'hio', 'input-output', 'output-output'])) {
    const measured = [];
    for (const size of [n, 2 * n]) {
      const support = new Uint8Array(size * size).fill(1, 0, (size * size) / 2);
      await collect();
      const before = counter?.counts();
      const session = await rephase.createSession({ ...problem(size), support }, { backend, algorithm });
      await session.run(20);
      session.inverse();
      session.constrainObject();
      session.forward();
      session.constrainFourier();
      // Some backends allocate a staging buffer for the first read.
      await session.readObject();
      const { deviceBytes, hostBytes } = session.memory();
      measured.push({ deviceBytes, hostBytes, peak: counter && counter.counts().peakDeviceBytes - before.deviceBytes });
      session.dispose();
    }
    const [small, large] = measured;
    const slope = (key) => (large[key] - small[key]) / (3 * n * n);
    const [device, host] = [slope('deviceBytes'), slope('hostBytes')];
    rows.push({
      ...{ algorithm, n: 2 * n, device, host },
      fixedDeviceBytes: small.deviceBytes - device * n * n,
      fixedHostBytes: small.hostBytes - host * n * n,
      ...(counter && { peakSeen: slope('peak') }),
    });
  }
  return { rows };
}

/**
 * Creates sessions one after another. Each is used and disposed of.
 * @param {import('../../dist/index.js').BackendName} backend
 * @param {number} cycles
 */
export async function lifeCycles(backend, cycles) {
  const given = problem(256);
  const live = async (/** @type {number} */ count) => {
    const began = performance.now();
    for (let i = 0; i < count; i++) {
      const session = await createSession(given, { backend });
      await session.run(1);
      session.dispose();
    }
    const milliseconds = (performance.now() - began) / count;
    await collect();
    return { milliseconds, residentBytes: process.memoryUsage.rss() };
  };
  // Pools and compilers settle.
  const before = await live(50);
  const after = await live(cycles);
  return {
    cycles,
    milliseconds: after.milliseconds,
    residentBytesAdded: after.residentBytes - before.residentBytes,
  };
}

const MOST_HELD = 2 ** 31;

/**
 * Creates sessions that are never disposed of. Measures how much of their memory is held until the garbage collector runs by
 * itself, and what is left after it was asked to run.
 * @param {import('../../dist/index.js').BackendName} backend
 * @param {number} count
 * @param {import('./counter.mjs').Counter} counter
 */
export async function abandoned(backend, count, counter) {
  const given = problem(512);
  const open = async () => {
    const session = await createSession(given, { backend });
    await session.run(1);
    return session;
  };
  // What the first session of a process loads stays.
  (await open()).dispose();
  await collect();
  const before = counter.counts().deviceBytes;
  const held = () => counter.counts().deviceBytes - before;
  let [sessionBytes, mostHeldBytes] = [0, 0];
  for (let made = 0; made < count && mostHeldBytes < MOST_HELD; made++) {
    sessionBytes = (await open()).memory().deviceBytes;
    await sleep(0);
    mostHeldBytes = Math.max(mostHeldBytes, held());
  }
  await collect();
  return { sessionBytes, mostHeldBytes, leftBytes: held() };
}
