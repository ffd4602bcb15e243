/**
 * `node bench/webgpu.mjs`: the webgpu backend on this machine's GPU, next to plain cuFFT in a CUDA graph (peers/gs_cufft.cu,
 * compiled here where there is nvcc), CuPy's port and the wasm backend, in one run. Prints a table; `--out PATH` writes
 * PATH.md and PATH.json.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createSession, listBackends } from '../dist/index.js';
import { describeMachine } from './machine.mjs';
import { quantile } from './measure.mjs';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '256,512,1024,2048,4096,8192,512*64,256*64,600,1000,1536,3000,1021' },
    rounds: { type: 'string', default: '7' },
    milliseconds: { type: 'string', default: '150' },
    wasm: { type: 'string', default: '256,512,1024,2048' },
    out: { type: 'string', default: '' },
  },
});

/** Bytes that one `gs` iteration must move for each pixel: the half spectrum twice each way, and the magnitudes. */
const FLOOR_BYTES = 18;

const WARM_UP_MS = 600;

const first = timeToFirstResult();
const { copy, cufft } = runCufft();
const cupy = runCupy();
const rows = [];
for (const size of values.sizes.split(',')) {
  const [n, starts] = [...size.split('*').map(Number), 1];
  const timing = await time({ backend: 'webgpu', n, starts });
  const wasm = values.wasm.split(',').includes(size) ? await time({ backend: 'wasm', n, starts }) : undefined;
  rows.push({
    n,
    starts,
    ...timing,
    cufft: cufft.get(`${n}*${starts}`),
    cupy: cupy.get(`${n}*${starts}`),
    wasm: wasm?.median,
  });
  process.stderr.write(`bench: ${size} ${timing.median.toFixed(2)} us\n`);
}

const { devices } = (await listBackends()).find(({ name }) => name === 'webgpu') ?? { devices: [] };
const machine = describeMachine({});
const text = [
  '# The webgpu backend',
  `${machine.date.slice(0, 10)}, rephase ${machine.rephase} (${machine.commit}), ${devices[0]?.name} (${Object.entries(
    devices[0]?.details ?? {},
  )
    .map((entry) => entry.join(' '))
    .join(
      ', ',
    )}), ${gpuDriver()}; ${machine.cpu}, Node ${machine.versions.Node}, webgpu ${packageVersion()}. Copy bandwidth ${copy || '?'} TB/s.`,
  'One `gs` iteration in microseconds: median of the rounds of a run each, and quartiles. Floor: 18 bytes a pixel over the copy bandwidth.',
  table(),
  `Time to the first result at 1024² in a fresh process: ${first.total.toFixed(0)} ms, of which ${first.device.toFixed(0)} ms until the device has passed its self-test, ${first.session.toFixed(0)} ms for the session, ${first.iteration.toFixed(0)} ms for the first iteration and reading back.`,
].join('\n\n');
console.log(text);
if (values.out) {
  writeFileSync(`${values.out}.md`, `${text}\n`);
  writeFileSync(`${values.out}.json`, `${JSON.stringify({ machine, devices, copy, first, rows }, null, 2)}\n`);
}

/** @param {{ backend: 'webgpu' | 'wasm', n: number, starts: number }} what */
async function time({ backend, n, starts }) {
  const magnitudes = Float32Array.from({ length: n * n }, (_, i) => 0.1 + ((i * 2654435761) % 4294967296) / 4294967296);
  const session = await createSession({ magnitudes, shape: [n, n] }, { backend, algorithm: 'gs', starts });
  const run = async (/** @type {number} */ iterations) => {
    const began = performance.now();
    await session.run(iterations);
    return performance.now() - began;
  };
  // While arrays were made here the GPU was idle and its clocks went down: they take a while to come back.
  let iterations = 1;
  for (const warm = performance.now() + WARM_UP_MS; performance.now() < warm;) {
    if ((await run(iterations)) < Number(values.milliseconds)) iterations *= 2;
  }
  const times = [];
  for (let round = 0; round < Number(values.rounds); round++) times.push((1000 * (await run(iterations))) / iterations);
  session.dispose();
  return { median: quantile(times, 0.5), low: quantile(times, 0.25), high: quantile(times, 0.75), iterations };
}

/** In a process of its own, where nothing is compiled yet. */
function timeToFirstResult() {
  const dist = fileURLToPath(new URL('../dist/index.js', import.meta.url));
  const script = `
    const began = performance.now();
    const { createSession, listBackends } = await import(${JSON.stringify(dist)});
    await createSession({ magnitudes: new Float32Array(4).fill(1), shape: [2, 2] }, { backend: 'webgpu' });
    const ready = performance.now();
    const magnitudes = Float32Array.from({ length: 1024 * 1024 }, (_, i) => 1 + (i % 7));
    const made = performance.now();
    const session = await createSession({ magnitudes, shape: [1024, 1024] }, { backend: 'webgpu' });
    const opened = performance.now();
    await session.run(1);
    await session.readObject();
    const end = performance.now();
    console.log(JSON.stringify({ device: ready - began, session: opened - made, iteration: end - opened, total: end - began - (made - ready) }));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }));
}

function runCufft() {
  /** @type {Map<string, number>} */
  const cufft = new Map();
  let copy = 0;
  try {
    const program = join(mkdtempSync(join(tmpdir(), 'rephase-')), 'gs_cufft');
    const source = fileURLToPath(new URL('peers/gs_cufft.cu', import.meta.url));
    execFileSync('nvcc', ['-O3', '-arch=native', '-o', program, source, '-lcufft'], { stdio: 'pipe' });
    for (const line of execFileSync(program, { encoding: 'utf8' }).split('\n')) {
      copy = Number(/copy ([\d.]+) TB/.exec(line)?.[1] ?? copy);
      const [, n, starts, us] = /n=(\d+) batch=(\d+) ([\d.]+) us/.exec(line) ?? [];
      if (n) cufft.set(`${n}*${starts}`, Number(us));
    }
  } catch (error) {
    process.stderr.write(`bench: left out cuFFT: ${error instanceof Error ? error.message : error}\n`);
  }
  return { copy, cufft };
}

function runCupy() {
  /** @type {Map<string, number>} */
  const cupy = new Map();
  try {
    const source = fileURLToPath(new URL('peers/gs_cupy.py', import.meta.url));
    for (const line of execFileSync('python3', [source], { encoding: 'utf8' }).split('\n')) {
      const [, n, us] = /^(\d+) ([\d.]+)$/.exec(line) ?? [];
      if (n) cupy.set(`${n}*1`, Number(us));
    }
  } catch (error) {
    process.stderr.write(`bench: left out CuPy: ${error instanceof Error ? error.message.split('\n')[0] : error}\n`);
  }
  return cupy;
}

function table() {
  const header = [
    'n × n',
    'images',
    'median',
    'quartiles',
    '× floor',
    'cuFFT graph',
    'cuFFT ÷ rephase',
    'CuPy',
    'wasm',
  ];
  const lines = rows.map((row) => {
    const floor = copy ? (FLOOR_BYTES * row.n ** 2 * row.starts) / copy / 1e6 : NaN;
    return [
      ...[row.n, row.starts, row.median.toFixed(1), `${row.low.toFixed(1)} – ${row.high.toFixed(1)}`],
      floor ? (row.median / floor).toFixed(2) : '',
      ...(row.cufft ? [row.cufft.toFixed(1), (row.cufft / row.median).toFixed(2)] : ['', '']),
      row.cupy?.toFixed(0) ?? '',
      row.wasm?.toFixed(0) ?? '',
    ];
  });
  return [header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function gpuDriver() {
  try {
    const query = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
    return execFileSync('nvidia-smi', query, { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'driver unknown';
  }
}

function packageVersion() {
  try {
    return JSON.parse(
      execFileSync(process.execPath, ['-p', 'JSON.stringify(require("webgpu/package.json").version)'], {
        encoding: 'utf8',
        stdio: 'pipe',
      }),
    );
  } catch {
    return '?';
  }
}
