/**
 * Puts the figures of bench/results/ into README.md, between the comments that mark their place: what the documentation
 * claims is what was measured. `npm run bench` ends with it; `node bench/quote.mjs --check` fails when they differ.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const README = fileURLToPath(new URL('../README.md', import.meta.url));
const results = JSON.parse(readFileSync(new URL('results/wasm.json', import.meta.url), 'utf8'));

const before = readFileSync(README, 'utf8');
const after = fill(before, 'wasm', wasmFigures(results));
if (process.argv.includes('--check')) {
  if (after === before) process.exit(0);
  console.error('quote: README.md does not say what bench/results/ says; run node bench/quote.mjs');
  process.exit(1);
}
writeFileSync(README, after);

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
  const header = ['image', 'single', 'double', 'tuned SciPy', 'NumPy', 'fft.js'];
  const table = [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
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
