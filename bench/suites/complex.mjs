/** Milliseconds of one iteration with a complex object, and of one of a hologram, on one thread next to the peers. */
import { createSession, hologram } from '../../dist/index.js';
import { repeated, takeTurns, timed } from '../measure.mjs';

/** How the names of its peers begin. */
const PEERS = { gs: 'scipy-c2c', 'hologram of spots': 'scipy-spots', 'hologram of an image': 'scipy-image' };

/**
 * @param {Awaited<ReturnType<typeof import('../peers.mjs').startPeers>>} peers
 * @param {number[]} sizes
 * @param {number[]} hologramSizes
 * @param {import('../measure.mjs').Effort} effort
 * @param {(line: string) => void} say
 */
export async function measureComplex(peers, sizes, hologramSizes, effort, say) {
  /** @type {{ n: number, what: string, name: string, median: number, low: number, high: number, rounds: number, singleIsFasterBy: number }[]} */
  const rows = [];
  const compare = async (
    /** @type {number} */ n,
    /** @type {keyof typeof PEERS} */ what,
    /** @type {import('../measure.mjs').Competitor} */ own,
  ) => {
    const others = peers.competitors(n).filter(({ name }) => name.startsWith(PEERS[what]));
    const timings = await takeTurns([own, ...others], effort);
    for (const { name, median, low, high, rounds } of timings)
      rows.push({ n, what, name, median, low, high, rounds, singleIsFasterBy: median / timings[0].median });
  };
  for (const n of sizes) {
    say(`complex object of ${n} × ${n}`);
    const session = await createSession(problemOf(n), { backend: 'wasm', algorithm: 'gs' });
    await compare(n, 'gs', { name: 'rephase-wasm-f32-1t', run: timed(repeated(() => session.step())) });
    session.dispose();
  }
  for (const n of hologramSizes) {
    for (const [what, target] of /** @type {const} */ ([
      ['hologram of spots', spots(n)],
      ['hologram of an image', Float32Array.from({ length: n * n }, () => 0.2 + Math.random())],
    ])) {
      say(`${what}, ${n} × ${n}`);
      // The iterations alone, as for the peers.
      const run = async (/** @type {number} */ iterations) => {
        let seconds = 0;
        const onProgress = (/** @type {{ seconds: number }} */ progress) => (seconds = progress.seconds);
        await hologram(target, [n, n], { backend: 'wasm', method: 'leonardo', iterations, onProgress });
        return 1000 * seconds;
      };
      await compare(n, what, { name: 'rephase-wasm-f32-1t', run });
    }
  }
  return rows;
}

/** Random magnitudes: speed does not depend on them. @param {number} n */
function problemOf(n) {
  const inside = (/** @type {number} */ i) => i >= n / 4 && i < (3 * n) / 4;
  return /** @type {const} */ ({
    magnitudes: Float32Array.from({ length: n * n }, () => Math.random()),
    shape: [n, n],
    support: Uint8Array.from({ length: n * n }, (_, i) => Number(inside(Math.floor(i / n)) && inside(i % n))),
    object: 'complex',
  });
}

/** 10 × 10 spots, as in peers/complex_scipy.py. @param {number} n */
function spots(n) {
  const target = new Float32Array(n * n);
  for (let i = 0; i < 100; i++) target[(n / 8 + 3 * Math.floor(i / 10)) * n + n / 8 + 3 * (i % 10)] = 1;
  return target;
}
