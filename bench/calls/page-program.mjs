/** What page.mjs has a page do. */
import * as rephase from '/dist/index.browser.js';
import * as shared from '/build/bench/call-overhead.mjs';
import { engineCalls, webgpuCalls } from './calls.mjs';
import { problem } from './copies.mjs';
import { requestDevice } from './counter.mjs';

/** @param {{ effort: import('../measure.mjs').Effort, wasm: number[], webgpu: number[] }} options */
export async function measure({ effort, ...sizes }) {
  const calls = await engineCalls(effort);
  /** @type {Record<string, unknown>} */
  const granularity = {};
  for (const backend of /** @type {const} */ (['wasm', 'webgpu'])) {
    const { available, reason } = (await rephase.listBackends()).find(({ name }) => name === backend) ?? {};
    if (!available) {
      granularity[backend] = { notMeasured: reason };
      continue;
    }
    if (backend === 'webgpu') {
      const device = await requestDevice();
      calls.push(...(await webgpuCalls(device, effort)));
      device.destroy();
    }
    const rows = [];
    for (const n of sizes[backend]) {
      const session = await rephase.createSession(problem(n), { backend });
      rows.push(await shared.measureGranularities(session, { turn: effort.batchMs, turns: effort.rounds }));
      session.dispose();
    }
    granularity[backend] = rows;
  }
  return { calls, granularity };
}
