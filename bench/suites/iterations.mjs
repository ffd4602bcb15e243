/** Milliseconds per `gs` iteration on one thread, next to the peers: the figures that matter most. */
import { takeTurns } from '../measure.mjs';

/**
 * @param {typeof import('../../dist/index.js')} rephase
 * @param {Awaited<ReturnType<typeof import('../peers.mjs').startPeers>>} peers
 * @param {number[]} sizes
 * @param {import('../measure.mjs').Effort} effort
 * @param {(line: string) => void} say
 */
export async function measureIterations(rephase, peers, sizes, effort, say) {
  const rows = [];
  for (const n of sizes) {
    say(`one gs iteration, ${n} × ${n}`);
    const single = await ownCompetitor(rephase, n, 'single');
    const double = await ownCompetitor(rephase, n, 'double');
    const timings = await takeTurns([single, double, ...peers.competitors(n)], effort);
    single.dispose();
    double.dispose();
    const [float, real64] = timings;
    for (const timing of timings) {
      rows.push({
        n,
        ...timing,
        singleIsFasterBy: timing.median / float.median,
        doubleIsFasterBy: timing.median / real64.median,
      });
    }
  }
  return rows;
}

/**
 * A session that steps on this thread, with random magnitudes and no support, as the peers have.
 * @param {typeof import('../../dist/index.js')} rephase
 * @param {number} n
 * @param {'single' | 'double'} precision
 */
async function ownCompetitor(rephase, n, precision) {
  const magnitudes = Float64Array.from({ length: n * n }, Math.random);
  const session = await rephase.createSession(
    { magnitudes, shape: [n, n] },
    { backend: 'wasm', algorithm: 'gs', precision },
  );
  return {
    name: `rephase-wasm-${precision === 'single' ? 'f32' : 'f64'}-1t`,
    /** @param {number} iterations */
    run: (iterations) => {
      const began = performance.now();
      for (let k = 0; k < iterations; k++) session.step();
      return performance.now() - began;
    },
    dispose: () => session.dispose(),
  };
}
