/** How long an iteration takes here: what `rephase bench` reports. */
import { createSession } from '../backends/registry.js';
import { type BackendName, type Precision } from '../types.js';
import { quartiles, takeTurns } from './call-overhead.js';

export interface Timing {
  backend: BackendName;
  device: string;
  precision: Precision;
  n: number;
  /** Milliseconds per iteration: median and quartiles of several turns. */
  median: number;
  low: number;
  high: number;
}

/** Turns this long are long against the clock and short against whatever else the machine does. */
const EFFORT = { turn: 100, turns: 7 };

/** `gs` on n × n random magnitudes, warmed up, on one thread where the backend is the CPU. */
export async function timeIterations(backend: BackendName, precision: Precision, n: number): Promise<Timing> {
  const magnitudes = Float32Array.from({ length: n * n }, (_, k) => 1 + ((k * 7919) % 1009) / 1009);
  const session = await createSession({ magnitudes, shape: [n, n] }, { backend, precision, algorithm: 'gs' });
  const run = async (iterations: number) => {
    const began = performance.now();
    await session.run(iterations);
    return performance.now() - began;
  };
  try {
    const [times] = await takeTurns([run], EFFORT);
    const [low, median, high] = quartiles(times);
    return { backend, device: session.device, precision, n, median, low, high };
  } finally {
    session.dispose();
  }
}
