/**
 * `npm run bench`: every figure that rephase claims, measured next to its peers in one run. Prints tables and writes them,
 * with the figures as JSON, under bench/results/. See README.md here.
 */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as rephase from '../dist/index.js';
import { measureEventLoop } from './suites/event-loop.mjs';
import { measureIterations } from './suites/iterations.mjs';
import { bytesPerPixel } from './calls/memory.mjs';
import { describeMachine } from './machine.mjs';
import { startPeers } from './peers.mjs';
import { markdown } from './wasm-tables.mjs';
import { targets } from './targets.mjs';
import { measureTransforms } from './suites/transforms.mjs';

const PARTS = ['iterations', 'transforms', 'memory', 'event-loop'];
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: PARTS.join(',') },
    sizes: { type: 'string', default: '256,512,1000,1021,1024,2048' },
    lengths: { type: 'string', default: '512,1024,2048,4096' },
    out: { type: 'string', default: '' },
  },
});
const effort = values.quick ? { batchMs: 20, rounds: 3, mostMs: 500 } : { batchMs: 100, rounds: 15, mostMs: 12_000 };
const parts = new Set(values.only.split(','));
const say = (/** @type {string} */ line) => process.stderr.write(`bench: ${line}\n`);
const numbers = (/** @type {string} */ text) => text.split(',').map(Number);

const unknown = [...parts].find((part) => !PARTS.includes(part));
if (unknown !== undefined) {
  say(`--only: got ${unknown}; takes ${PARTS.join(', ')}`);
  process.exit(2);
}

const machine = describeMachine({});
/** @type {Record<string, unknown>} */
const results = { machine, skipped: [] };
if (parts.has('iterations')) {
  const peers = await startPeers();
  for (const reason of peers.skipped) say(`left out: ${reason}`);
  Object.assign(machine.versions, peers.versions);
  results.skipped = peers.skipped;
  results.iterations = await measureIterations(rephase, peers, numbers(values.sizes), effort, say);
  peers.stop();
}
if (parts.has('transforms')) results.transforms = await measureTransforms(numbers(values.lengths), effort, say);
if (parts.has('memory')) results.memory = await measureMemory(values.quick ? 256 : 1024);
if (parts.has('event-loop')) {
  say('delay of the event loop');
  results.eventLoop = await measureEventLoop(rephase, values.quick ? 512 : 2048, values.quick ? 20 : 40);
}

results.targets = targets(results);
const text = markdown(results);
console.log(text);
// A quick or partial run is no result to keep, unless a place for it is given.
const complete = !values.quick && parts.size === PARTS.length;
const target = values.out || (complete ? fileURLToPath(new URL(`results/wasm`, import.meta.url)) : '');
if (target) {
  mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  writeFileSync(`${target}.json`, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(`${target}.md`, text);
  say(`wrote ${target}.json and .md`);
}
if (complete && !values.out) await import('./quote.mjs');

/** WebAssembly memory of sessions, in bytes, and the size of the module. @param {number} n */
async function measureMemory(n) {
  const { rows } = await bytesPerPixel(rephase, 'wasm', n, undefined);
  const sessions = rows.map(({ algorithm, n, device, fixedDeviceBytes }) => ({
    ...{ algorithm, n, bytes: device * n * n + fixedDeviceBytes, bytesPerPixel: device, fixedBytes: fixedDeviceBytes },
  }));
  return { sessions, moduleBytes: statSync(new URL('../build/wasm/rephase.wasm', import.meta.url)).size };
}
