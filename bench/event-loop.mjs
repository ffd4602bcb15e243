/** How long the main thread's event loop is held up while `retrieve` works on its worker, and while nothing happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION = 1;

/**
 * @param {typeof import('../dist/index.js')} rephase
 * @param {number} n
 * @param {number} iterations
 */
export async function measureEventLoop(rephase, n, iterations) {
  const magnitudes = Float32Array.from({ length: n * n }, Math.random);
  const idle = await delaysDuring(() => sleep(1000));
  let firstProgress = NaN;
  const began = performance.now();
  const during = await delaysDuring(() =>
    rephase.retrieve(
      { magnitudes, shape: [n, n] },
      { backend: 'wasm', iterations, onProgress: () => (firstProgress ||= performance.now() - began) },
    ),
  );
  return { n, iterations, unit: 'ms', idle, during, seconds: (performance.now() - began) / 1000, firstProgress };
}

/** @param {() => Promise<unknown>} work */
async function delaysDuring(work) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  delays.enable();
  await sleep(10);
  await work();
  await sleep(10);
  delays.disable();
  const ms = (/** @type {number} */ nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION);
  return { median: ms(delays.percentile(50)), p99: ms(delays.percentile(99)), max: ms(delays.max) };
}
