/** Milliseconds of a `gs` iteration on one thread, next to the peers: the figures that matter most. */
import { createSession } from '../../dist/index.js';
import { repeated, takeTurns, timed } from '../measure.mjs';

/**
 * @param {Awaited<ReturnType<typeof import('../peers.mjs').startPeers>>} peers
 * @param {number[]} sizes
 * @param {import('../measure.mjs').Effort} effort
 * @param {(line: string) => void} say
 */
export async function measureIterations(peers, sizes, effort, say) {
  const rows = [];
  for (const n of sizes) {
    say(`one gs iteration, ${n} × ${n}`);
    // Random magnitudes and no support, as the peers have.
    const problem = {
      magnitudes: Float64Array.from({ length: n * n }, Math.random),
      shape: /** @type {const} */ ([n, n]),
    };
    const sessions = [];
    for (const precision of /** @type {const} */ (['single', 'double'])) {
      sessions.push(await createSession(problem, { backend: 'wasm', algorithm: 'gs', precision }));
    }
    const own = sessions.map((session) => ({
      name: `rephase-wasm-${session.precision === 'single' ? 'f32' : 'f64'}-1t`,
      run: timed(repeated(() => session.step())),
    }));
    const timings = await takeTurns([...own, ...peers.competitors(n)], effort);
    for (const session of sessions) session.dispose();
    const [single, double] = timings;
    for (const timing of timings) {
      rows.push({
        n,
        ...timing,
        singleIsFasterBy: timing.median / single.median,
        doubleIsFasterBy: timing.median / double.median,
      });
    }
  }
  return rows;
}
