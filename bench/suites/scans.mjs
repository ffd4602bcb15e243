/** Patterns a second of rPIE with batches of 16 on one thread, next to the peers, which have the same scan. */
import { createSession } from '../../dist/index.js';
import { repeated, takeTurns, timed } from '../measure.mjs';

/** As in peers/rpie_scipy.py. */
const [SIDE, STEP] = [8, 12];
const POSITIONS = SIDE * SIDE;

/**
 * @param {Awaited<ReturnType<typeof import('../peers.mjs').startPeers>>} peers
 * @param {number[]} sizes
 * @param {import('../measure.mjs').Effort} effort
 * @param {(line: string) => void} say
 */
export async function measureScans(peers, sizes, effort, say) {
  const rows = [];
  for (const n of sizes) {
    say(`rpie, ${POSITIONS} patterns of ${n} × ${n}`);
    const session = await createSession(scanOf(n), { backend: 'wasm', algorithm: 'rpie', batch: 16 });
    const own = { name: 'rephase-wasm-f32-1t', run: timed(repeated(() => session.step())) };
    const timings = await takeTurns([own, ...peers.competitors(n)], effort);
    session.dispose();
    for (const { name, median, low, high, rounds } of timings) {
      const perSecond = (/** @type {number} */ ms) => (1000 * POSITIONS) / ms;
      const speeds = { patternsPerSecond: perSecond(median), low: perSecond(high), high: perSecond(low) };
      rows.push({ n, name, ...speeds, rounds, singleIsFasterBy: median / timings[0].median });
    }
  }
  return rows;
}

/** Random counts: speed does not depend on them. @param {number} n */
function scanOf(n) {
  const probe = Float32Array.from({ length: 2 * n * n }, (_, i) => {
    const [y, x] = [Math.floor(i / 2 / n) - n / 2, ((i >> 1) % n) - n / 2];
    const square = (x * x + y * y) / (n / 8) ** 2;
    return 100 * Math.exp(-square) * (i % 2 ? Math.sin(square) : Math.cos(square));
  });
  return {
    patterns: Float32Array.from({ length: POSITIONS * n * n }, () => Math.floor(100 * Math.random())),
    shape: /** @type {const} */ ([n, n]),
    positions: Float64Array.from(
      { length: 2 * POSITIONS },
      (_, i) => STEP * (i % 2 ? (i >> 1) % SIDE : Math.floor((i >> 1) / SIDE)),
    ),
    probe,
  };
}
