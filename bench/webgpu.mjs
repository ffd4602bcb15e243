/**
 * `node bench/webgpu.mjs`: the webgpu backend on this machine's GPU, next to plain cuFFT in a CUDA graph (peers/gs_cufft.cu,
 * compiled here where there is nvcc) and CuPy's port, in one run. Prints microseconds of a `gs` iteration; of complex objects
 * (`--complex`) with a support, beside cuFFT's C2C (peers/gs_cufft_complex.cu). `--out PATH` writes PATH.md and PATH.json.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createSession, listBackends } from '../dist/index.js';
import { describeMachine } from './machine.mjs';
import { microseconds, takeTurns, timed, warmUp } from './measure.mjs';
import { runPeer } from './peers.mjs';
import { report } from './report.mjs';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '256,512,1024,2048,4096,8192,512x64,256x64,600,1000,1536,3000,1021' },
    complex: { type: 'string', default: '256,512,1024,2048,4096,8192,512x64' },
    out: { type: 'string', default: '' },
  },
});
const EFFORT = { batchMs: 150, rounds: 7 };
const WARM_UP_MS = 600;
const [sizes, complexSizes] = [values.sizes, values.complex].map((list) => list.split(',').filter(Boolean));
const peer = (/** @type {string} */ name) => fileURLToPath(new URL(`peers/${name}`, import.meta.url));

/** @type {string[]} */
const skipped = [];
const cufft = runPeer('cuFFT', skipped, runCufft);
const cupy = runPeer('CuPy', skipped, runCupy);
const rows = [];
for (const size of sizes) {
  rows.push({ ...(await measure(size, 'real')), cufft: cufft?.times[size], cupy: cupy?.times[size] });
}
const complex = [];
for (const size of complexSizes) {
  complex.push({ ...(await measure(size, 'complex')), cufft: cufft?.times[`${size}complex`] });
}
const { devices } = (await listBackends()).find(({ name }) => name === 'webgpu') ?? { devices: [] };
const { version } = createRequire(import.meta.url)('webgpu/package.json');
const machine = describeMachine({ webgpu: version, ...cufft?.versions, ...cupy?.versions });
const tables = {
  'One `gs` iteration, microseconds': rows,
  'One `gs` iteration of a complex object with a support, microseconds': complex,
  Devices: devices.map(({ name, details }) => ({ name, ...details })),
  'Bandwidth of a copy, TB/s': cufft && [{ copy: cufft.copy }],
};
report('The webgpu backend', { machine, skipped, devices, copy: cufft?.copy, rows, complex }, tables, values.out);

/**
 * Microseconds of an iteration.
 * @param {string} size `N` or `NxSTARTS`
 * @param {'real' | 'complex'} object
 */
async function measure(size, object) {
  const [n, starts = 1] = size.split('x').map(Number);
  const magnitudes = Float32Array.from({ length: n * n }, (_, i) => 0.1 + ((i * 2654435761) % 2 ** 32) / 2 ** 32);
  // The peer's: a quarter of the image.
  const support = Uint8Array.from({ length: n * n }, (_, i) => Number(i % n < n / 2 && i < (n * n) / 2));
  const problem = {
    magnitudes,
    shape: /** @type {const} */ ([n, n]),
    object,
    ...(object === 'complex' && { support }),
  };
  const session = await createSession(problem, { backend: 'webgpu', algorithm: 'gs', starts });
  await warmUp(session, WARM_UP_MS);
  const [timing] = await takeTurns([{ name: 'webgpu', run: timed((count) => session.run(count)) }], EFFORT);
  session.dispose();
  const us = microseconds(timing);
  process.stderr.write(`bench: ${object} ${size} ${us.median.toFixed(2)} µs\n`);
  return { n, starts, ...us };
}

function runCufft() {
  const program = join(mkdtempSync(join(tmpdir(), 'rephase-')), 'gs_cufft');
  const sources = ['gs_cufft.cu', 'gs_cufft_complex.cu', 'gs_cufft_main.cpp'].map(peer);
  const all = [...sizes, ...complexSizes.map((size) => `${size}complex`)];
  execFileSync('nvcc', ['-std=c++17', '-O3', '-arch=native', '-o', program, ...sources, '-ldl'], { stdio: 'pipe' });
  const result = JSON.parse(execFileSync(program, all, { encoding: 'utf8' }));
  /** @type {number[]} */
  const microseconds = result.sizes.map((/** @type {{ microseconds: number }} */ row) => row.microseconds);
  return {
    copy: result.copyBytesPerSecond / 1e12,
    versions: { CUDA: result.cuda, cuFFT: result.cufft },
    times: Object.fromEntries(all.map((size, i) => [size, microseconds[i]])),
  };
}

function runCupy() {
  const lines = execFileSync('python3', [peer('gs_cupy.py'), ...sizes], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const [[CuPy], ...rows] = lines.map((line) => line.split(' ').slice(line.startsWith('CuPy') ? 1 : 0));
  return { versions: { CuPy }, times: Object.fromEntries(rows.map(([size, us]) => [size, Number(us)])) };
}
