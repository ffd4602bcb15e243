/**
 * `npm run bench`: every figure that rephase claims, measured next to its peers in one run. Prints tables and writes them,
 * with the figures as JSON, under bench/results/. See README.md here.
 */
import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as rephase from '../dist/index.js';
import { measureEventLoop } from './suites/event-loop.mjs';
import { measureIterations } from './suites/iterations.mjs';
import { bytesPerPixel } from './calls/memory.mjs';
import { describeMachine } from './machine.mjs';
import { startPeers } from './peers.mjs';
import { measureComplex } from './suites/complex.mjs';
import { measureScans } from './suites/scans.mjs';
import { kept, report } from './report.mjs';
import { targets } from './targets.mjs';
import { measureTransforms } from './suites/transforms.mjs';

const PARTS = ['iterations', 'transforms', 'memory', 'event-loop', 'complex', 'scans'];
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

/** @type {Record<string, any> & Parameters<typeof report>[1]} */
const results = { machine: describeMachine({}), skipped: [] };
for (const [part, measure] of Object.entries({
  iterations: (/** @type {any} */ peers) => measureIterations(peers, numbers(values.sizes), effort, say),
  complex: (/** @type {any} */ peers) => measureComplex(peers, [256, 512, 1024, 2048], [512, 1024], effort, say),
  scans: (/** @type {any} */ peers) => measureScans(peers, [64, 128, 256], effort, say),
})) {
  if (!parts.has(part)) continue;
  const peers = await startPeers(/** @type {'iterations'} */ (part));
  Object.assign(results.machine.versions, peers.versions);
  results.skipped.push(...peers.skipped);
  results[part] = await measure(peers);
  peers.stop();
}
if (parts.has('transforms')) results.transforms = await measureTransforms(numbers(values.lengths), effort, say);
if (parts.has('memory')) results.memory = await measureMemory(values.quick ? 256 : 1024);
if (parts.has('event-loop')) {
  say('delay of the event loop');
  results.eventLoop = await measureEventLoop(values.quick ? 512 : 2048, values.quick ? 20 : 40);
}
results.targets = targets(results);

const { eventLoop } = results;
// A quick or partial run is no result to keep, unless a place for it is given.
const complete = !values.quick && parts.size === PARTS.length;
const tables = {
  Targets: results.targets,
  'One `gs` iteration, milliseconds': results.iterations,
  'One complex transform in single precision, microseconds': results.transforms,
  'WebAssembly memory of a session in single precision': results.memory?.sessions,
  [`Delay of the event loop, milliseconds, at ${eventLoop?.n} × ${eventLoop?.n}`]: eventLoop && [
    { while: 'nothing happens', ...eventLoop.idle },
    { while: '`retrieve`', ...eventLoop.during },
    { while: '`session.run`', ...eventLoop.running },
  ],
  'One iteration of a complex object, milliseconds': results.complex,
  'rPIE, batches of 16, patterns a second': results.scans,
};
report('Benchmark results', results, tables, values.out || (complete ? kept('wasm') : ''));
if (complete && !values.out) await import('./quote.mjs');

/** WebAssembly memory of sessions, in bytes, and the size of the module. @param {number} n */
async function measureMemory(n) {
  const { rows } = await bytesPerPixel(rephase, 'wasm', n, undefined);
  const sessions = rows.map(({ algorithm, device, fixedDeviceBytes }) => ({
    algorithm,
    bytesPerPixel: device,
    fixedBytes: fixedDeviceBytes,
  }));
  return { sessions, moduleBytes: statSync(new URL('../build/wasm/rephase.wasm', import.meta.url)).size };
}
