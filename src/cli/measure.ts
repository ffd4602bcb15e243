/** How long an iteration takes here: what `rephase bench` reports. */
import { createSession } from '../backends/registry.js';
import { type BackendName, type Precision } from '../types.js';

export interface Timing {
  backend: BackendName;
  device: string;
  precision: Precision;
  n: number;
  /** Milliseconds per iteration: median and quartiles of several batches. */
  median: number;
  low: number;
  high: number;
}

/** Batches this long are long against the clock and short against whatever else the machine does. */
const BATCH_MILLISECONDS = 100;
const BATCHES = 7;

/** `gs` on n × n random magnitudes, warmed up, on one thread where the backend is the CPU. */
export async function timeIterations(backend: BackendName, precision: Precision, n: number): Promise<Timing> {
  const magnitudes = Float32Array.from({ length: n * n }, (_, k) => 1 + ((k * 7919) % 1009) / 1009);
  const session = await createSession({ magnitudes, shape: [n, n] }, { backend, precision, algorithm: 'gs' });
  try {
    let count = 1;
    let milliseconds = await timeBatch(session, count);
    while (milliseconds < BATCH_MILLISECONDS / 2) milliseconds = await timeBatch(session, (count *= 2));
    count = Math.max(1, Math.round((count * BATCH_MILLISECONDS) / milliseconds));
    const times: number[] = [];
    for (let batch = 0; batch < BATCHES; batch++) times.push((await timeBatch(session, count)) / count);
    times.sort((a, b) => a - b);
    const [low, median, high] = [1, 3, 5].map((rank) => times[rank]);
    return { backend, device: session.device, precision, n, median, low, high };
  } finally {
    session.dispose();
  }
}

async function timeBatch(session: Awaited<ReturnType<typeof createSession>>, count: number): Promise<number> {
  const began = performance.now();
  await session.run(count);
  return performance.now() - began;
}
