/**
 * `npm run bench:calls`: what a call costs, who owns the memory and what is copied, on every backend that this machine
 * has, in Node and in a browser. See ../README.md. Each part runs in a process of its own; what cannot be measured is left
 * out and the results say why.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { listBackends } from '../../dist/index.js';
import { describeMachine } from '../machine.mjs';
import { measureInPage } from './page.mjs';
import { buildShared } from './shared.mjs';

const PARTS = ['calls', 'granularity', 'copies', 'memory', 'page', 'cupy'];
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: PARTS.join(',') },
    backends: { type: 'string', default: 'cuda,webgpu,wasm' },
    out: { type: 'string', default: '' },
  },
});
const execute = promisify(execFile);
const say = (/** @type {string} */ line) => process.stderr.write(`bench: ${line}\n`);
const chosen = new Set(values.only.split(','));
const unknown = [...chosen].find((part) => !PARTS.includes(part));
if (unknown !== undefined) {
  say(`--only: got ${unknown}; takes ${PARTS.join(', ')}`);
  process.exit(2);
}

const { quick } = values;
const effort = quick ? { batchMs: 20, rounds: 3 } : { batchMs: 80, rounds: 7 };
/** On what computes on the processor; emulated GPUs are slower still. */
const sizes = (/** @type {number} */ most) => [64, 128, 256, 512, 1024, 2048, 4096, 8192].filter((n) => n <= most);
const MOST = quick ? { gpu: 1024, processor: 512, emulated: 128 } : { gpu: 8192, processor: 4096, emulated: 512 };

await buildShared();
const reports = await listBackends();
/** @type {any} */
const results = { machine: describeMachine({}), quick, effort, backends: {}, notMeasured: [] };

if (chosen.has('calls')) {
  results.calls = [...((await part('engine-calls', 'wasm')) ?? []), ...((await part('native-calls', 'cuda')) ?? [])];
}
for (const { name, available, reason, devices } of reports) {
  if (!values.backends.split(',').includes(name)) continue;
  if (!available) {
    results.notMeasured.push({ what: `the ${name} backend in Node`, why: reason });
    continue;
  }
  // One that cannot be used says why.
  const device = devices.find((one) => !(/** @type {any} */ (one).reason)) ?? devices[0];
  const most = MOST[name === 'wasm' ? 'processor' : device.software ? 'emulated' : 'gpu'];
  const all = sizes(most);
  const few = all.filter((n) => n >= 256 && n <= 2048);
  /** @type {any} */
  const backend = (results.backends[name] = { device });
  if (chosen.has('calls')) backend.calls = await part('calls', name);
  if (chosen.has('granularity')) {
    backend.granularity = await part('granularity', name, all);
    if (name === 'webgpu' && !device.software) backend.deviceTimes = await part('device-time', name, all);
  }
  if (chosen.has('copies')) {
    backend.copies = await part('copies', name);
    backend.naive = await part('naive', name, few.length > 0 ? few : all.slice(-1));
    if (name === 'cuda') backend.transfers = await part('transfers', name);
  }
  if (chosen.has('memory')) {
    const small = quick || device.software;
    for (const what of ['memory', 'cycles', 'abandoned']) backend[what] = await part(what, name, [], small);
  }
}
if (chosen.has('page')) {
  say('in a page');
  try {
    const webgpu = sizes(quick ? 64 : MOST.emulated / 2);
    results.page = await measureInPage({ effort, wasm: sizes(MOST.processor), webgpu });
  } catch (error) {
    leaveOut('pages of a browser', error);
  }
}
if (chosen.has('cupy')) {
  say('CuPy');
  const program = fileURLToPath(new URL('../peers/gs_cupy_calls.py', import.meta.url));
  try {
    const { stdout } = await execute('python3', [program, ...sizes(MOST.gpu).map(String)], { timeout: 180_000 });
    results.cupy = JSON.parse(stdout);
  } catch (error) {
    leaveOut('CuPy', error);
  }
}

save();
for (const { what, why } of results.notMeasured) say(`not measured: ${what}: ${why}`);

/** After every part, so that a run that is stopped has not been for nothing. */
function save() {
  const rounded = (/** @type {string} */ _, /** @type {unknown} */ value) =>
    typeof value === 'number' ? Number(value.toPrecision(6)) : value;
  const text = `${JSON.stringify(results, rounded, 1)}\n`;
  if (!values.out) return process.stdout.write(text);
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, text);
}

/**
 * What the part gives, or nothing where it fails.
 * @param {string} name
 * @param {string} backend
 * @param {number[]} [over] sizes
 * @param {boolean} [small] images and counts
 */
async function part(name, backend, over = [], small = quick) {
  say(`${name}, ${backend}`);
  const program = fileURLToPath(new URL('worker.mjs', import.meta.url));
  const options = JSON.stringify({ effort, sizes: over, quick: small });
  try {
    const { stdout, stderr } = await execute(process.execPath, ['--expose-gc', program, name, backend, options], {
      timeout: 240_000,
      maxBuffer: 2 ** 26,
    });
    process.stderr.write(stderr);
    if (values.out) save();
    return JSON.parse(stdout);
  } catch (error) {
    // Some drivers crash at the end of a process; by then the result is there.
    const { stdout = '' } = /** @type {{ stdout?: string }} */ (error);
    if (stdout.endsWith('\n')) return JSON.parse(stdout);
    leaveOut(`${name} on ${backend}`, error);
    return undefined;
  }
}

/** @param {string} what @param {unknown} error */
function leaveOut(what, error) {
  const { stderr, message } = /** @type {{ stderr?: string, message: string }} */ (error);
  const why =
    /^\w*Error(?: \[\w+\])?: (.*)$/m.exec(stderr ?? '')?.[1] ?? /** the last line */ message.trim().split('\n').at(-1);
  results.notMeasured.push({ what, why });
}
