/**
 * One part of the study on one backend, in a process of its own: `node worker.mjs PART BACKEND OPTIONS`, with OPTIONS as
 * JSON. Prints the result as JSON. A part that fails, or whose driver crashes, takes nothing else with it.
 */
import process from 'node:process';
import * as rephase from '../../dist/index.js';
import { engineCalls, webgpuCalls } from './calls.mjs';
import { copies, naiveLoop, problem } from './copies.mjs';
import { abandoned, bytesPerPixel, lifeCycles } from './memory.mjs';
import { cudaCalls, loadProbe, nativeCalls, transfers } from './native.mjs';
import { callCost, repeated, waiting } from '../measure.mjs';
import { shared } from './shared.mjs';
import { requestDevice, watch } from './counter.mjs';

const [part, backend, json] = process.argv.slice(2);
const name = /** @type {import('../../dist/index.js').BackendName} */ (backend);
/** @type {{ effort: import('../measure.mjs').Effort, sizes: number[], quick: boolean }} */
const { effort, sizes, quick } = JSON.parse(json);
const granularities = await shared();

/** @type {Record<string, () => unknown>} */
const parts = {
  'engine-calls': () => engineCalls(effort),
  'native-calls': () => nativeCalls(effort),
  calls: async () => {
    const own = await sessionCalls();
    if (name === 'wasm') return own;
    if (name === 'cuda') return [...(await cudaCalls(effort)), ...own];
    const device = await requestDevice();
    const prices = await webgpuCalls(device, effort);
    device.destroy();
    return [...prices, ...own];
  },
  transfers: () => transfers(effort),
  granularity: async () => {
    const rows = [];
    for (const n of sizes) {
      const session = await rephase.createSession(problem(n), { backend: name });
      rows.push(await granularities.measureGranularities(session, { turn: effort.batchMs, turns: effort.rounds }));
      process.stderr.write(`bench: ${name} ${n} ${JSON.stringify(rows.at(-1))}\n`);
      session.dispose();
    }
    return rows;
  },
  'device-time': () => deviceTimes(),
  copies: () => watched((witness) => copies(rephase, name, granularities, witness)),
  naive: () => naiveLoop(rephase, name, sizes, effort),
  memory: () => watched((witness) => bytesPerPixel(rephase, name, quick ? 256 : 1024, witness)),
  cycles: async () => lifeCycles(rephase, name, quick ? 100 : 1000, name === 'cuda' ? await gauge() : undefined),
  abandoned: async () => {
    const witness = name === 'cuda' ? undefined : await watch(rephase, name);
    return abandoned(rephase, name, quick ? 40 : 200, await gauge(witness), witness?.device);
  },
};

const result = await parts[part]();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));

/**
 * With a witness, and where there is none, without; the result then says why.
 * @param {(witness: import('./counter.mjs').Counter | undefined) => Promise<object>} measure
 */
async function watched(measure) {
  let witness;
  let noWitness;
  try {
    witness = await watch(rephase, name);
  } catch (error) {
    noWitness = error instanceof Error ? error.message : String(error);
  }
  return { ...(await measure(witness)), ...(noWitness && { noWitness }) };
}

/**
 * @param {import('./counter.mjs').Counter} [witness]
 * @returns {Promise<import('./memory.mjs').Gauge>}
 */
async function gauge(witness) {
  if (name === 'cuda') {
    const probe = new (loadProbe().Probe)(0);
    const all = probe.freeBytes();
    return { name: 'device memory in use, by the driver', used: () => all - probe.freeBytes() };
  }
  if (witness) return { name: witness.name, used: async () => (await witness.counts()).deviceBytes };
  return { name: 'resident memory of the process', used: () => process.memoryUsage.rss() };
}

/** The library's own calls, on an image so small that its work is next to nothing. */
async function sessionCalls() {
  const session = await rephase.createSession(problem(16), { backend: name });
  const after = () => session.residuals();
  const step = repeated(() => session.step());
  const [layer, what] = [`rephase, ${name}`, 'of 16 × 16'];
  const prices = [
    await callCost(layer, `session.step() ${what}, until it returns`, step, effort, { most: 512, after }),
    await callCost(
      layer,
      `await session.run(1) ${what}`,
      waiting(() => session.run(1)),
      effort,
    ),
    await callCost(
      layer,
      `await session.readObject() ${what}`,
      waiting(() => session.readObject()),
      effort,
    ),
  ];
  session.dispose();
  return prices;
}

/** webgpu: what iterations take by timestamps, in microseconds, where the device has any. */
async function deviceTimes() {
  const witness = await watch(rephase, name);
  const rows = [];
  for (const n of sizes) {
    const session = await rephase.createSession(problem(n), { backend: name, device: witness.device });
    /** @type {Record<string, number>} */
    const row = { n };
    for (const granularity of granularities.GRANULARITIES) {
      let iterations = 1;
      /** @returns {Promise<{ ms: number, seconds: number | undefined }>} */
      const turn = async () => {
        const before = (await witness.counts()).deviceSeconds ?? NaN;
        const began = performance.now();
        await granularities.drive(session, granularity, iterations);
        await session.residuals();
        const ms = performance.now() - began;
        return { ms, seconds: ((await witness.counts()).deviceSeconds ?? NaN) - before };
      };
      while ((await turn()).ms < effort.batchMs / 2) iterations *= 2;
      const times = [];
      for (let i = 0; i < effort.rounds; i++) times.push((1e6 * ((await turn()).seconds ?? NaN)) / iterations);
      row[granularity] = times.sort((a, b) => a - b)[Math.floor(effort.rounds / 2)];
    }
    session.dispose();
    rows.push(row);
  }
  return rows.filter(({ run }) => !Number.isNaN(run));
}
