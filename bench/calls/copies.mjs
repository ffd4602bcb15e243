/** Counts what each call copies, by the session and by the independent counter, and times a loop that always copies. */
import { createSession } from '../../dist/index.js';
import { takeTurns, timed, waiting } from '../measure.mjs';
import { problem } from './calls.mjs';
import { overhead } from './shared.mjs';

const N = 256;
const ITERATIONS = 100;

/** @param {any} after @param {any} before */
function difference(after, before) {
  const names = ['uploads', 'uploadedBytes', 'downloads', 'downloadedBytes'];
  return Object.fromEntries(names.map((name) => [name, after[name] - (before?.[name] ?? 0)]));
}

/**
 * @param {import('../../dist/index.js').BackendName} backend
 * @param {import('./counter.mjs').Counter} counter
 */
export async function copies(backend, counter) {
  const plain = problem(N);
  const support = new Uint8Array(N * N).fill(1, 0, (N * N) / 2);
  const mask = new Uint8Array(N * N).fill(1, 1);
  const { magnitudes: object } = plain;
  const open = (extra = {}, start = undefined) => createSession({ ...plain, ...extra }, { backend, start });
  // Backends prepare what sessions share, and test themselves, once.
  (await open()).dispose();

  const rows = [];
  /** Counts what `work` copies. It uses the session, or makes one. Waiting by `run` copies nothing. */
  const note = async (path, session, work, iterations = undefined) => {
    const before = { own: session?.memory(), seen: counter.counts() };
    const made = (await work()) ?? session;
    await made.run(1);
    const own = difference(made.memory(), before.own);
    rows.push({ path, iterations, own, seen: difference(counter.counts(), before.seen) });
    return made;
  };
  const creating = async (path, ...given) => (await note(path, undefined, () => open(...given))).dispose();
  await creating('createSession');
  await creating('createSession with a support', { support });
  await creating('createSession with a mask', { mask });
  await creating('createSession with phases of the caller’s', {}, { phase: object });
  await creating('createSession with an object', {}, { object });
  const session = await open();
  for (const style of overhead.CALL_STYLES) {
    // Kernels may be compiled when they are first called.
    await overhead.iterate(session, style, 2);
    await session.residuals();
    await note(
      `${ITERATIONS} iterations by ${style}`,
      session,
      () => overhead.iterate(session, style, ITERATIONS),
      ITERATIONS,
    );
    await session.residuals();
  }
  await session.run(1);
  for (const read of ['residual', 'readObject', 'readFeasible', 'readSpectrum']) {
    await note(read, session, async () => void (await session[read]()));
  }
  await note('writeObject', session, () => session.writeObject(object));
  await note('writeSpectrum', session, () => session.writeSpectrum(new Float32Array(2 * N * N).fill(1)));
  session.dispose();
  return { rows };
}

/**
 * Times a constraint of one's own in JavaScript, for which the object comes to the host and goes back in each iteration,
 * beside the same iterations on the device. Microseconds an iteration.
 * @param {import('../../dist/index.js').BackendName} backend
 * @param {number[]} sizes
 * @param {import('../measure.mjs').Effort} effort
 */
export async function naiveLoop(backend, sizes, effort) {
  const rows = [];
  for (const n of sizes) {
    const session = await createSession(problem(n), { backend });
    const copying = async () => {
      session.inverse();
      const object = await session.readObject();
      for (let k = 0; k < object.length; k++) if (object[k] < 0) object[k] = 0;
      session.writeObject(object);
      session.forward();
      session.constrainFourier();
    };
    const toTheEnd = (/** @type {(count: number) => Promise<void>} */ loop) =>
      timed(async (count) => {
        await loop(count);
        await session.residual();
      });
    const before = session.memory();
    await copying();
    const { uploadedBytes, downloadedBytes } = difference(session.memory(), before);
    const [naive, run] = await takeTurns(
      [
        { name: 'naive', run: toTheEnd(waiting(copying)) },
        { name: 'run', run: toTheEnd((count) => session.run(count)) },
      ],
      effort,
    );
    rows.push({ n, naive: 1000 * naive.median, run: 1000 * run.median, bytes: uploadedBytes + downloadedBytes });
    session.dispose();
  }
  return rows;
}
