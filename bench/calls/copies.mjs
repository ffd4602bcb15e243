/** What each path of the API copies, by the session's own counters and by a witness; and the loop that copies always. */
import { takeTurns, waiting } from '../measure.mjs';

const N = 256;
const ITERATIONS = 100;

/** @param {number} n */
export function problem(n) {
  // Hashed, so that no two frequencies are alike.
  const magnitudes = Float32Array.from({ length: n * n }, (_, i) => 1 + (Math.imul(i + 1, 2654435761) >>> 8) / 2 ** 24);
  return { magnitudes, shape: /** @type {const} */ ([n, n]) };
}

const COUNTERS = /** @type {const} */ (['uploads', 'uploadedBytes', 'downloads', 'downloadedBytes']);

/** @param {any} after @param {any} before @param {readonly string[]} names */
function difference(after, before, names = COUNTERS) {
  return Object.fromEntries(names.map((name) => [name, after[name] - (before?.[name] ?? 0)]));
}

/**
 * @param {typeof import('../../dist/index.js')} rephase
 * @param {import('../../dist/index.js').BackendName} backend
 * @param {import('../../src/cli/call-overhead.js')} shared
 * @param {import('./counter.mjs').Counter | undefined} witness
 */
export async function copies(rephase, backend, { GRANULARITIES, drive }, witness) {
  const device = witness?.device ?? 0;
  const n = N;
  const plain = problem(n);
  const support = new Uint8Array(n * n).fill(1, 0, (n * n) / 2);
  const mask = new Uint8Array(n * n).fill(1, 1);
  const open = (/** @type {object} */ extra = {}, /** @type {object} */ options = {}) =>
    rephase.createSession({ ...plain, ...extra }, { backend, device, ...options });
  // Backends prepare what sessions share, and try themselves out, once.
  (await open()).dispose();

  /** @type {any[]} */
  const rows = [];
  const note = async (
    /** @type {string} */ path,
    /** @type {import('../../dist/index.js').Session | undefined} */ session,
    /** @type {() => Promise<import('../../dist/index.js').Session | void>} */ work,
    iterations = 0,
  ) => {
    const before = { own: session?.memory(), seen: await witness?.counts() };
    const made = await work();
    const current = /** @type {import('../../dist/index.js').Session} */ (made ?? session);
    // Waits without copying, so that everything has happened; reading the counters is not counted.
    if (!iterations) await current.run(1);
    const own = current.memory();
    const seen = await witness?.counts();
    const more = /** @type {const} */ (['kernels', 'submissions']).filter((name) => seen && name in seen);
    rows.push({
      path,
      ...(iterations && { iterations }),
      own: difference(own, before.own),
      ...(seen && { seen: difference(seen, before.seen, [...COUNTERS, ...more]) }),
    });
    return current;
  };
  const closing = async (/** @type {Promise<import('../../dist/index.js').Session>} */ session) =>
    (await session).dispose();
  await closing(note('createSession', undefined, () => open()));
  await closing(note('createSession with a support', undefined, () => open({ support })));
  await closing(note('createSession with a mask', undefined, () => open({ mask })));
  const phase = Float32Array.from(plain.magnitudes, (value) => value);
  await closing(note('createSession with phases of the caller’s', undefined, () => open({}, { start: { phase } })));
  await closing(note('createSession with an object', undefined, () => open({}, { start: { object: phase } })));
  const session = await open();
  const settled = async () => void (await session.residuals());
  for (const granularity of GRANULARITIES) {
    // A first one: kernels of the finest granularity may be made when they are first called.
    await drive(session, granularity, 2);
    await settled();
    await note(
      `${ITERATIONS} iterations by ${granularity}`,
      session,
      async () => {
        await drive(session, granularity, ITERATIONS);
        // Waits without copying: the last batch of a run is awaited.
        await session.run(1);
      },
      ITERATIONS + 1,
    );
    await settled();
  }
  const spectrum = new Float32Array(2 * n * n).fill(1);
  await session.run(1);
  await note('residual', session, async () => void (await session.residual()));
  await note('readObject', session, async () => void (await session.readObject()));
  await note('readFeasible', session, async () => void (await session.readFeasible()));
  await note('readSpectrum', session, async () => void (await session.readSpectrum()));
  await note('writeObject', session, async () => session.writeObject(phase));
  await note('writeSpectrum', session, async () => session.writeSpectrum(spectrum));
  await session.readObject();
  session.dispose();
  return { n, witness: witness?.name, rows };
}

/**
 * A constraint of one's own in JavaScript: the object comes to the host and goes back in each iteration. Beside it the same
 * iterations that stay on the device. Microseconds an iteration.
 * @param {typeof import('../../dist/index.js')} rephase
 * @param {import('../../dist/index.js').BackendName} backend
 * @param {number[]} sizes
 * @param {import('../measure.mjs').Effort} effort
 */
export async function naiveLoop(rephase, backend, sizes, effort) {
  const rows = [];
  for (const n of sizes) {
    const session = await rephase.createSession(problem(n), { backend });
    const copying = async () => {
      session.inverse();
      const object = await session.readObject();
      for (let k = 0; k < object.length; k++) if (object[k] < 0) object[k] = 0;
      session.writeObject(object);
      session.forward();
      session.constrainFourier();
    };
    const timed = (/** @type {(count: number) => Promise<void>} */ loop) => async (/** @type {number} */ count) => {
      const began = performance.now();
      await loop(count);
      await session.residual();
      return performance.now() - began;
    };
    const before = session.memory();
    await copying();
    const once = difference(session.memory(), before);
    const [naive, run] = await takeTurns(
      [
        { name: 'naive', run: timed(waiting(copying)) },
        { name: 'run', run: timed((count) => session.run(count)) },
      ],
      effort,
    );
    const bytes = once.uploadedBytes + once.downloadedBytes;
    rows.push({ n, naive: 1000 * naive.median, run: 1000 * run.median, bytes });
    session.dispose();
  }
  return rows;
}
