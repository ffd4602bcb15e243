/**
 * `node bench/webgpu.mjs`: the webgpu backend on this machine's GPU, next to plain cuFFT in a CUDA graph (peers/gs_cufft.cu,
 * compiled here where there is nvcc), CuPy's port and the wasm backend, in one run. Prints a table; `--out PATH` writes
 * PATH.md and PATH.json. Where there is no repository, REPHASE_COMMIT says which commit this is.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createSession, listBackends } from '../dist/index.js';
import { describeMachine } from './machine.mjs';
import { table as markdownTable } from './markdown.mjs';
import { takeTurns } from './measure.mjs';

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

const first = [
  { name: 'nothing compiled before', ...firstResult({ __GL_SHADER_DISK_CACHE: '0', MESA_SHADER_CACHE_DISABLE: '1' }) },
  { name: "with the driver's cache", ...firstResult({}) },
];
const { copy, cufft, versions: cudaVersions } = runCufft();
const { cupy, versions: cupyVersions } = runCupy();
const scopes = await timeWithoutScopes();
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
const versions = { webgpu: packageVersion(), ...gpuDriver(), ...cudaVersions, ...cupyVersions };
const machine = describeMachine(versions);
/** @param {object} facts */
const listed = (facts) =>
  Object.entries(facts)
    .map((entry) => entry.join(' '))
    .join(', ');
/** @param {{ median: number, low: number, high: number }} milliseconds */
const us = ({ median, low, high }) =>
  `${(1000 * median).toFixed(2)} (${(1000 * low).toFixed(2)} – ${(1000 * high).toFixed(2)})`;
const text = [
  '# The webgpu backend',
  `${machine.date.slice(0, 10)}, rephase ${machine.rephase} (${machine.commit}), ${devices[0].name} (${listed(devices[0].details ?? {})}); ${machine.cpu}; ${listed(machine.versions)}. Copy bandwidth ${copy || '?'} TB/s.`,
  'One `gs` iteration in microseconds: median of the rounds of a run each, and quartiles. Floor: 18 bytes a pixel over the copy bandwidth.',
  table(),
  `With the error scopes by which failures are told to their session an iteration of 256² takes ${us(scopes[0])}, without them ${us(scopes[1])}.`,
  'Milliseconds to the first result at 1024² in a fresh process, median of five by the total; in brackets the part during which a kernel was being compiled.',
  firstTable(),
].join('\n\n');
console.log(text);
if (values.out) {
  writeFileSync(`${values.out}.md`, `${text}\n`);
  writeFileSync(`${values.out}.json`, `${JSON.stringify({ machine, devices, copy, first, scopes, rows }, null, 2)}\n`);
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
  const [ms] = await takeTurns([{ name: backend, run }], {
    batchMs: Number(values.milliseconds),
    rounds: Number(values.rounds),
  });
  session.dispose();
  return { median: 1000 * ms.median, low: 1000 * ms.low, high: 1000 * ms.high, iterations: ms.iterations };
}

/** In processes of their own, where nothing is compiled yet. @param {Record<string, string>} environment */
function firstResult(environment) {
  const program = fileURLToPath(new URL('suites/first-result.mjs', import.meta.url));
  const env = { ...process.env, ...environment };
  const runs = Array.from({ length: 5 }, () =>
    JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8', env })),
  );
  runs.sort((a, b) => a.total - b.total);
  return { ...runs[2], totals: runs.map(({ total }) => total) };
}

/** 256² is where submissions weigh most. In turns with a device whose scopes do nothing. */
async function timeWithoutScopes() {
  const { globals } = /** @type {any} */ (await import('webgpu'));
  const { prototype } = globals.GPUDevice;
  const { pushErrorScope, popErrorScope } = prototype;
  const nothing = { pushErrorScope: () => undefined, popErrorScope: () => Promise.resolve(null) };
  const magnitudes = new Float32Array(256 * 256).fill(1);
  const session = await createSession({ magnitudes, shape: [256, 256] }, { backend: 'webgpu' });
  const run = (/** @type {object} */ scopes) => async (/** @type {number} */ iterations) => {
    Object.assign(prototype, scopes);
    const began = performance.now();
    await session.run(iterations);
    return performance.now() - began;
  };
  const competitors = [
    { name: 'with', run: run({ pushErrorScope, popErrorScope }) },
    { name: 'without', run: run(nothing) },
  ];
  const timings = await takeTurns(competitors, { batchMs: 150, rounds: 15 });
  Object.assign(prototype, { pushErrorScope, popErrorScope });
  session.dispose();
  return timings;
}

function runCufft() {
  /** @type {Map<string, number>} */
  const cufft = new Map();
  let copy = 0;
  /** @type {Record<string, string>} */
  const versions = {};
  try {
    const program = join(mkdtempSync(join(tmpdir(), 'rephase-')), 'gs_cufft');
    const sources = ['gs_cufft.cu', 'gs_cufft_main.cpp'].map((name) =>
      fileURLToPath(new URL(`peers/${name}`, import.meta.url)),
    );
    execFileSync('nvcc', ['-std=c++17', '-O3', '-arch=native', '-o', program, ...sources, '-ldl'], { stdio: 'pipe' });
    const sizes = values.sizes.split(',').map((size) => size.replace('*', 'x'));
    const result = JSON.parse(execFileSync(program, sizes, { encoding: 'utf8' }));
    copy = result.copyBytesPerSecond / 1e12;
    Object.assign(versions, { CUDA: result.cuda, cuFFT: result.cufft });
    for (const { n, starts, microseconds } of result.sizes) cufft.set(`${n}*${starts}`, microseconds);
  } catch (error) {
    process.stderr.write(`bench: left out cuFFT: ${error instanceof Error ? error.message : error}\n`);
  }
  return { copy, cufft, versions };
}

function runCupy() {
  /** @type {Map<string, number>} */
  const cupy = new Map();
  /** @type {Record<string, string>} */
  const versions = {};
  try {
    const source = fileURLToPath(new URL('peers/gs_cupy.py', import.meta.url));
    for (const line of execFileSync('python3', [source], { encoding: 'utf8' }).split('\n')) {
      const [, CuPy] = /^CuPy (\S+)$/.exec(line) ?? [];
      if (CuPy) Object.assign(versions, { CuPy });
      const [, n, us] = /^(\d+) ([\d.]+)$/.exec(line) ?? [];
      if (n) cupy.set(`${n}*1`, Number(us));
    }
  } catch (error) {
    process.stderr.write(`bench: left out CuPy: ${error instanceof Error ? error.message.split('\n')[0] : error}\n`);
  }
  return { cupy, versions };
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
  return markdownTable([header, ...lines]);
}

function firstTable() {
  const names = Object.keys(first[0].phases);
  const cell = ({ milliseconds, compiling }) =>
    milliseconds.toFixed(0) + (compiling > 0 ? ` (${compiling.toFixed(0)})` : '');
  const lines = first.map(({ name, total, pipelines, phases }) => {
    const compiling = names.reduce((sum, phase) => sum + phases[phase].compiling, 0);
    return [name, cell({ milliseconds: total, compiling }), ...names.map((phase) => cell(phases[phase])), pipelines];
  });
  const header = ['', 'total', ...names, 'kernels'];
  return markdownTable([header, ...lines]);
}

/** @returns {Record<string, string>} */
function gpuDriver() {
  try {
    const query = ['--query-gpu=driver_version', '--format=csv,noheader'];
    const [version] = execFileSync('nvidia-smi', query, { encoding: 'utf8', stdio: 'pipe' }).trim().split('\n');
    return { 'NVIDIA driver': version };
  } catch {
    return {};
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
