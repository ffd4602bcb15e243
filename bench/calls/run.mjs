/**
 * `npm run bench:calls`: what a call costs, who owns the memory and what is copied, on every backend that this machine
 * has, in Node and in a browser. See ../README.md. What cannot be measured is left out and the results say why.
 */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { listBackends } from '../../dist/index.js';
import { describeMachine } from '../machine.mjs';
import { write } from '../report.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    backends: { type: 'string', default: 'cuda,webgpu,wasm' },
    out: { type: 'string', default: 'build/bench/calls.json' },
  },
});
const { quick, out } = values;
const effort = quick ? { batchMs: 20, rounds: 3 } : { batchMs: 80, rounds: 7 };
/** Length of the largest images. */
const MOST = quick ? { gpu: 512, processor: 512, emulated: 256 } : { gpu: 8192, processor: 4096, emulated: 512 };
const PARTS = ['calls', 'granularity', 'copies', 'naive', 'memory', 'cycles', 'abandoned'];
const root = fileURLToPath(new URL('../../', import.meta.url));
const worker = fileURLToPath(new URL('worker.mjs', import.meta.url));
const cupy = fileURLToPath(new URL('../peers/gs_cupy_calls.py', import.meta.url));

/** @type {any} */
const results = { machine: describeMachine({}), quick, effort, backends: {}, notMeasured: [] };
const chosen = values.backends.split(',');
const reports = (await listBackends()).filter(({ name }) => chosen.includes(name));
results.calls = [
  ...(measurePart('engine-calls', 'wasm', MOST.processor) ?? []),
  ...(measurePart('native-calls', 'cuda', MOST.gpu) ?? []),
];
for (const { name, available, reason, devices } of reports) {
  if (!available) {
    leaveOut(`the ${name} backend in Node`, reason);
    continue;
  }
  // A device that cannot be used has a reason.
  const device = devices.find((one) => !one.reason) ?? devices[0];
  const most = MOST[name === 'wasm' ? 'processor' : device.software ? 'emulated' : 'gpu'];
  const backend = (results.backends[name] = { device });
  for (const part of [...PARTS, ...(name === 'cuda' ? ['transfers'] : [])]) {
    backend[part] = measurePart(part, name, most);
    save();
  }
}
results.page = measurePart('page', 'wasm', MOST.processor);
if (chosen.includes('cuda'))
  results.cupy = measure('CuPy', 'python3', [cupy, '64', '128', '256', '512', '1024', '2048', '4096', '8192']);
save();

/** @param {string} part @param {string} backend @param {number} most */
function measurePart(part, backend, most) {
  const options = JSON.stringify({ effort, most });
  return measure(`${part} on ${backend}`, process.execPath, ['--expose-gc', worker, part, backend, options]);
}

/**
 * What the program prints as JSON, or nothing if it fails.
 * @param {string} what
 * @param {string} program
 * @param {string[]} args
 */
function measure(what, program, args) {
  console.error(`bench: ${what}`);
  const options = /** @type {const} */ ({ encoding: 'utf8', timeout: 240_000, maxBuffer: 2 ** 26 });
  const { stdout, stderr, error, signal } = spawnSync(program, args, options);
  // Some drivers crash at the end of a process, after the result was printed.
  if (stdout?.endsWith('\n')) return JSON.parse(stdout);
  leaveOut(what, error?.message ?? signal ?? stderr.trim().split('\n').at(-1));
}

/** @param {string} what @param {string | undefined} why */
function leaveOut(what, why) {
  // Messages of Node name files of this machine.
  const reason = why?.replaceAll(root, '');
  results.notMeasured.push({ what, why: reason });
  console.error(`bench: not measured: ${what}: ${reason}`);
}

/** Called after every part, so that a run that is stopped keeps what it measured. */
function save() {
  const rounded = (/** @type {string} */ _, /** @type {unknown} */ value) =>
    typeof value === 'number' ? Number(value.toPrecision(6)) : value;
  write(out.replace(/\.json$/, ''), results, undefined, rounded);
}
