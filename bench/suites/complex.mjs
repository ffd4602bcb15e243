/** Milliseconds of one iteration with a complex object, and of one of a hologram, on one thread next to the peers. */
import { createSession, hologram } from '../../dist/index.js';
import { repeated, takeTurns, timed } from '../measure.mjs';

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
    /** @type {string} */ what,
    /** @type {import('../measure.mjs').Competitor} */ own,
  ) => {
    const others = peers.competitors(n).filter(({ name }) => name.includes('hologram') === (what === 'hologram'));
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
    say(`hologram of ${n} × ${n}`);
    const target = spots(n);
    // Of a whole hologram of at least as many iterations as it has by default, with all that it is made and judged by.
    const run = async (/** @type {number} */ wanted) => {
      const iterations = Math.max(30, wanted);
      const began = performance.now();
      await hologram(target, [n, n], { backend: 'wasm', method: 'leonardo', iterations });
      return ((performance.now() - began) * wanted) / iterations;
    };
    await compare(n, 'hologram', { name: 'rephase-wasm-f32-1t', run });
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
