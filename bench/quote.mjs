/**
 * Puts the figures of bench/results/ into README.md, between the comments that mark their place: what the documentation
 * claims is what was measured. `npm run bench` ends with it; `node bench/quote.mjs --check` fails when they differ.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const README = fileURLToPath(new URL('../README.md', import.meta.url));
const before = readFileSync(README, 'utf8');
let after = before;
after = fill(after, 'wasm', wasmFigures(read('wasm')));
after = fill(after, 'webgpu', webgpuFigures(read('webgpu')));
after = fill(after, 'cuda', cudaFigures(read('cuda')));
if (process.argv.includes('--check')) {
  if (after === before) process.exit(0);
  console.error('quote: README.md does not say what bench/results/ says; run node bench/quote.mjs');
  process.exit(1);
}
writeFileSync(README, after);

/** @param {string} name */
function read(name) {
  return JSON.parse(readFileSync(new URL(`results/${name}.json`, import.meta.url), 'utf8'));
}

/** @param {string[][]} rows the first is the header */
function grid([header, ...rows]) {
  return [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** @param {number} microseconds */
function time(microseconds) {
  return microseconds < 1000 ? `${microseconds.toPrecision(3)} µs` : `${(microseconds / 1000).toPrecision(3)} ms`;
}

/** @param {number} n @param {number} starts */
function images(n, starts) {
  return `${n} × ${n}${starts > 1 ? `, ${starts} starts` : ''}`;
}

/** @param {string} text @param {string} name @param {string} figures */
function fill(text, name, figures) {
  const [begin, end] = [`<!-- bench: ${name} -->`, `<!-- /bench: ${name} -->`];
  const [first, last] = [text.indexOf(begin), text.indexOf(end)];
  if (first < 0 || last < first) throw new Error(`README.md has no place marked ${begin} … ${end}`);
  return `${text.slice(0, first + begin.length)}\n\n${figures}\n\n${text.slice(last)}`;
}

/** @param {any} wasm */
function wasmFigures({ machine, iterations, memory, eventLoop }) {
  const sizes = [...new Set(iterations.map((/** @type {any} */ row) => row.n))];
  const median = (/** @type {number} */ n, /** @type {string} */ name) =>
    iterations.find((/** @type {any} */ row) => row.n === n && row.name === name)?.median;
  const times = (/** @type {number} */ n, /** @type {string} */ name) => {
    const peer = median(n, name);
    return peer === undefined ? '–' : `${(peer / median(n, 'rephase-wasm-f32-1t')).toFixed(1)}×`;
  };
  const rows = sizes.map((n) => [
    `${n} × ${n}`,
    ...[median(n, 'rephase-wasm-f32-1t'), median(n, 'rephase-wasm-f64-1t')].map((ms) => `${ms.toPrecision(3)} ms`),
    ...['scipy-tuned-f32-1t', 'numpy-port-c128', 'fft.js-port'].map((name) => times(n, name)),
  ]);
  const table = grid([['image', 'single', 'double', 'tuned SciPy', 'NumPy', 'fft.js'], ...rows]);
  const bytes = (/** @type {string} */ algorithm) =>
    memory.sessions.find((/** @type {any} */ row) => row.algorithm === algorithm).bytesPerPixel.toFixed(1);
  const { Node, NumPy, SciPy } = machine.versions;
  const peers = NumPy ? `, NumPy ${NumPy}, SciPy ${SciPy}` : '';
  return `One iteration of \`gs\` on one core, and how many times as long the same iteration takes elsewhere:

${table}

Medians of one run in which all took turns, on ${machine.date.slice(0, 10)}: ${machine.cpu}, ${machine.cores} cores, Node
${Node}${peers}. *Tuned SciPy* is single precision, real transforms, one thread; *NumPy* the reference implementation in
double precision; all peers are in \`bench/peers/\`, quartiles and everything else in
[bench/results/wasm.md](bench/results/wasm.md). A session takes ${bytes('gs')} bytes a pixel for \`gs\` and
${bytes('hio')} for \`hio\`, the WebAssembly module ${Math.round(memory.moduleBytes / 1000)} KB. While \`retrieve\` worked on
${eventLoop.n} × ${eventLoop.n} pixels, the event loop was late by ${eventLoop.during.p99.toFixed(1)} ms in the worst 1 %
of its turns and by ${eventLoop.during.max.toFixed(0)} ms once.`;
}

/** @param {any} webgpu */
function webgpuFigures({ machine, devices, rows }) {
  const times = (/** @type {number | undefined} */ peer, /** @type {number} */ own) =>
    peer === undefined ? '–' : `${(peer / own).toFixed(1)}×`;
  const table = grid([
    ['image', 'webgpu', 'cuFFT in a CUDA graph', 'CuPy'],
    ...rows.map((/** @type {any} */ row) => [
      images(row.n, row.starts),
      time(row.median),
      times(row.cufft, row.median),
      times(row.cupy, row.median),
    ]),
  ]);
  return `The webgpu backend in Node, and how many times as long CUDA's own libraries take on the same GPU in the same run:

${table}

On ${machine.date.slice(0, 10)}: ${devices[0].name}, Vulkan driver ${devices[0].details.driver}, Dawn through the npm package
\`webgpu\`. *cuFFT* has real transforms and one pointwise kernel after each, ten iterations in a CUDA graph; *CuPy* is the
direct port. More in [bench/results/webgpu.md](bench/results/webgpu.md).`;
}

/** @param {any} cuda */
function cudaFigures({ date, device, driver, cases }) {
  const table = grid([
    ['image', 'cuda', 'cuFFT in a CUDA graph', 'of the floor'],
    ...cases.map((/** @type {any} */ row) => [
      images(row.rows, row.starts) + (row.algorithm === 'gs' ? '' : `, \`${row.algorithm}\``),
      time(row.microseconds[1]),
      `${row.ratio.toFixed(1)}×`,
      `${Math.round((100 * row.floorMicroseconds) / row.microseconds[1])} %`,
    ]),
  ]);
  return `The cuda backend, and how many times as long cuFFT takes in the same process:

${table}

On ${date}: ${device}, driver ${driver}. The *floor* is the time to move 18 bytes a pixel (26 for \`hio\`) at the bandwidth of a
large copy; images up to 2048² are in the L2 cache. More, with what limits it, in
[bench/results/cuda.md](bench/results/cuda.md) and [cuda-notes.md](bench/results/cuda-notes.md).`;
}
