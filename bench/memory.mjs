/** WebAssembly memory that a session takes, per pixel and beyond what every session needs, and the module's size. */
import { statSync } from 'node:fs';

/**
 * @param {typeof import('../dist/index.js')} rephase
 * @param {number} n the smaller of the two images that are compared, n × n and 2n × 2n
 */
export async function measureMemory(rephase, n) {
  const rows = [];
  for (const algorithm of /** @type {const} */ (['gs', 'hio', 'input-output', 'output-output'])) {
    const [small, large] = [await bytesOf(rephase, n, algorithm), await bytesOf(rephase, 2 * n, algorithm)];
    const bytesPerPixel = (large - small) / (3 * n * n);
    rows.push({ algorithm, n: 2 * n, bytes: large, bytesPerPixel, fixedBytes: large - bytesPerPixel * 4 * n * n });
  }
  return { sessions: rows, moduleBytes: statSync(new URL('../build/wasm/rephase.wasm', import.meta.url)).size };
}

/**
 * After some iterations, with a support, as reconstructions have one.
 * @param {typeof import('../dist/index.js')} rephase
 * @param {number} n
 * @param {import('../dist/index.js').Algorithm} algorithm
 */
async function bytesOf(rephase, n, algorithm) {
  const magnitudes = new Float32Array(n * n).fill(1);
  const support = new Uint8Array(n * n).fill(1, 0, (n * n) / 2);
  const session = await rephase.createSession({ magnitudes, support, shape: [n, n] }, { backend: 'wasm', algorithm });
  await session.run(2);
  const { deviceBytes } = session.memory();
  session.dispose();
  return deviceBytes;
}
