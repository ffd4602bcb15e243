/** `rephase bench --calls`: the short version of docs/call-costs.md for the user's own machine. */
import { createSession } from '../backends/registry.js';
import type { BackendName, MemoryReport } from '../types.js';
import {
  CALLS,
  CALL_STYLES,
  fitModels,
  iterate,
  measureOverhead,
  type CallModel,
  type OverheadRow,
} from './call-overhead.js';
import { brief, table } from './print.js';

/** Turns are long compared with the clock's resolution, and short compared with other work on the machine. */
const EFFORT = { turn: 50, turns: 5 };

export interface CallsReport {
  backend: BackendName;
  device: string;
  overhead: OverheadRow[];
  models: CallModel[];
  /** What the largest image has after iterations by all three ways of calling, and the copies that the iterations made. */
  memory: { n: number; report: MemoryReport; copiesInLoop: number };
}

/** `gs` in single precision on n × n images. */
export async function measureCalls(backend: BackendName, sizes: readonly number[]): Promise<CallsReport> {
  const overhead: OverheadRow[] = [];
  let device = '';
  let memory: CallsReport['memory'] | undefined;
  for (const n of sizes) {
    const magnitudes = Float32Array.from({ length: n * n }, (_, k) => 1 + ((k * 7919) % 1009) / 1009);
    const session = await createSession({ magnitudes, shape: [n, n] }, { backend, algorithm: 'gs' });
    try {
      ({ device } = session);
      overhead.push(await measureOverhead(session, EFFORT));
      const before = session.memory();
      for (const style of CALL_STYLES) await iterate(session, style, 10);
      await session.run(1);
      const report = session.memory();
      const copies = report.uploads + report.downloads - before.uploads - before.downloads;
      if (n === Math.max(...sizes)) memory = { n, report, copiesInLoop: copies };
    } finally {
      session.dispose();
    }
  }
  return { backend, device, overhead, models: fitModels(overhead), memory: memory! };
}

export function describeCalls({ backend, device, overhead, models, memory }: CallsReport): string[] {
  const rows = overhead.map((row) => [
    ...[backend, `${row.n}×${row.n}`],
    ...CALL_STYLES.map((name) => brief(row[name].total)),
    ...(['step', 'kernels'] as const).map((name) => `${row[name].overRun.toFixed(2)}×`),
    ...(['step', 'kernels'] as const).map((name) => brief(row[name].submit / CALLS[name])),
  ]);
  const header = [
    'backend',
    'size',
    'run',
    'step',
    'kernels',
    'step÷run',
    'kernels÷run',
    'µs/step call',
    'µs/kernel call',
  ];
  const { n, report, copiesInLoop } = memory;
  const perPixel = (bytes: number) => (bytes / (n * n)).toFixed(1);
  return [
    `${backend}, ${device}: µs an iteration, waited for; the last two columns count only until the call returns`,
    ...table(header, rows, 2),
    ...models.map(
      ({ style, work, calls, cost }) => `${style}: fitted as ${work.toFixed(2)} × run + ${calls} × ${brief(cost)} µs`,
    ),
    `memory at ${n}×${n}: ${perPixel(report.deviceBytes)} bytes a pixel on the device, ${perPixel(report.hostBytes)} on the host; copies while iterating: ${copiesInLoop}`,
    '',
  ];
}
