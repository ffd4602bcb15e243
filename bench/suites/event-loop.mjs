/**
 * How long the main thread's event loop is held up while nothing happens, while `retrieve` works on its worker, and while
 * `session.run` works on that thread itself. Milliseconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createSession, retrieve } from '../../dist/index.js';

const RESOLUTION = 1;

/** @param {number} n @param {number} iterations */
export async function measureEventLoop(n, iterations) {
  const problem = {
    magnitudes: Float32Array.from({ length: n * n }, Math.random),
    shape: /** @type {const} */ ([n, n]),
  };
  const backend = 'wasm';
  const idle = await delaysDuring(() => sleep(1000));
  const during = await delaysDuring(() => retrieve(problem, { backend, iterations }));
  const session = await createSession(problem, { backend });
  const running = await delaysDuring(() => session.run(iterations));
  session.dispose();
  return { n, iterations, idle, during, running };
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
