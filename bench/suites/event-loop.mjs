/**
 * How long the main thread's event loop is held up while nothing happens, while `retrieve` works on its worker, and while
 * `session.run` works on that thread itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION = 1;

/**
 * @param {typeof import('../../dist/index.js')} rephase
 * @param {number} n
 * @param {number} iterations
 */
export async function measureEventLoop(rephase, n, iterations) {
  const problem = {
    magnitudes: Float32Array.from({ length: n * n }, Math.random),
    shape: /** @type {const} */ ([n, n]),
  };
  const backend = 'wasm';
  const idle = await delaysDuring(() => sleep(1000));
  let firstProgress = NaN;
  let began = performance.now();
  const onProgress = () => (firstProgress ||= performance.now() - began);
  const during = await delaysDuring(() => rephase.retrieve(problem, { backend, iterations, onProgress }));
  const seconds = (performance.now() - began) / 1000;
  const session = await rephase.createSession(problem, { backend });
  began = performance.now();
  const running = await delaysDuring(() => session.run(iterations));
  const runSeconds = (performance.now() - began) / 1000;
  session.dispose();
  return { n, iterations, unit: 'ms', idle, during, seconds, firstProgress, running, runSeconds };
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
