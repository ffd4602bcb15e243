/**
 * What `step()` in a loop costs beside `run()`, from JavaScript, on the cuda backend: microseconds an iteration, medians
 * of seven turns each. Takes the built library; writes JSON to the file that is named.
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { createSession } from '../../dist/index.js';

const ROUNDS = 7;
const results = [];
for (const n of [256, 512, 1024, 2048, 4096, 8192]) {
  const magnitudes = Float32Array.from({ length: n * n }, (_, i) => 1 + ((i * 7919) % 101) / 50);
  const session = await createSession({ magnitudes, shape: [n, n] }, { backend: 'cuda' });
  const iterations = Math.max(500, Math.min(10_000, Math.round(4e9 / (n * n))));
  const turns = { run: [], step: [], kernels: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const run = await timed(iterations, () => session.run(iterations));
    const step = await timed(iterations, async () => {
      for (let i = 0; i < iterations; i++) session.step();
      await session.residual();
    });
    const kernels = await timed(iterations / 10, async () => {
      for (let i = 0; i < iterations / 10; i++) {
        session.inverse();
        session.constrainObject();
        session.forward();
        session.constrainFourier();
      }
      await session.residual();
    });
    if (round > 0) [turns.run, turns.step, turns.kernels].forEach((turn, i) => turn.push([run, step, kernels][i]));
  }
  session.dispose();
  const entry = { n, run: median(turns.run), step: median(turns.step), kernels: median(turns.kernels) };
  results.push(entry);
  console.log(JSON.stringify(entry));
}
if (process.argv[2]) writeFileSync(process.argv[2], `${JSON.stringify(results, null, 1)}\n`);

/**
 * Microseconds an iteration.
 * @param {number} iterations
 * @param {() => Promise<unknown>} work
 */
async function timed(iterations, work) {
  const began = performance.now();
  await work();
  return ((performance.now() - began) / iterations) * 1000;
}

/** @param {number[]} values */
function median(values) {
  return Number(values.sort((a, b) => a - b)[Math.floor(values.length / 2)].toFixed(2));
}
