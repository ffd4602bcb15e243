/**
 * Writes the figures of bench/results/ into the documents, between the comments that mark their places: what the documents
 * claim is what was measured. With `--check` it writes nothing, and fails where a document says something else.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { callCosts } from './calls/tables.mjs';
import { digits, fill, image, table, time, times } from './markdown.mjs';

const DOCUMENTS = ['README.md', 'docs/performance.md', 'docs/call-costs.md', 'docs/quality.md'];
/**
 * Bytes that an iteration must move for each pixel: the half spectrum twice each way, and the magnitudes; for `hio` also the
 * previous iterate each way. Padded: of a complex object where half of the rows have no support and are skipped.
 */
const FLOOR_BYTES = /** @type {const} */ ({ gs: 18, hio: 26, complex: 36, padded: 20 });

/** @param {string} name */
const text = (name) => readFileSync(new URL(`results/${name}`, import.meta.url), 'utf8');
/** @param {string} name @returns {any} */
const json = (name) => JSON.parse(text(`${name}.json`));

const [wasm, webgpu, cuda, complex, large] = ['wasm', 'webgpu', 'cuda', 'cuda-complex', 'cuda-large'].map(json);
const tables = [
  'success-4',
  'success-4-many',
  'success-2.25',
  'success-2.25-many',
  'quality',
  'shrink-wrap',
  'elser',
].map((name) => [name, tableOf(name)]);
const figures = {
  ...wasmFigures(),
  ...webgpuFigures(),
  ...cudaFigures(),
  ...devicesFigures(),
  ...scanFigures(),
  ...keptPatternsFigures(),
  ...wasmComplexFigures(),
  ...wasmScanFigures(),
  ...(await callCosts()),
  ...Object.fromEntries(tables),
};
const wrong = DOCUMENTS.filter((name) => {
  const url = new URL(`../${name}`, import.meta.url);
  const before = readFileSync(url, 'utf8');
  const after = fill(before, figures);
  if (process.argv.includes('--check')) return after !== before;
  writeFileSync(url, after);
  return false;
});
if (wrong.length > 0) {
  console.error(`quote: ${wrong.join(', ')}: not what bench/results/ says; run node bench/quote.mjs`);
  process.exitCode = 1;
}

/** The table of a result. @param {string} name */
function tableOf(name) {
  return text(`${name}.md`)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .join('\n');
}

/**
 * The share that the floor has of the time of an iteration: the time in which a copy moves the bytes of the floor.
 * @param {'gs' | 'hio' | 'complex' | 'padded'} algorithm
 * @param {number} pixels
 * @param {number} us
 * @param {number} copyBytesPerSecond
 */
function ofFloor(algorithm, pixels, us, copyBytesPerSecond) {
  return `${Math.round((100 * 1e6 * FLOOR_BYTES[algorithm] * pixels) / copyBytesPerSecond / us)} %`;
}

/** @returns {Record<string, string>} */
function wasmFigures() {
  const { machine, iterations, memory, eventLoop } = wasm;
  const median = (/** @type {number} */ n, /** @type {string} */ name) =>
    iterations.find((/** @type {any} */ row) => row.n === n && row.name === name)?.median;
  const single = 'rephase-wasm-f32-1t';
  const sizes = [...new Set(iterations.map((/** @type {any} */ row) => row.n))];
  const rows = sizes.map((n) => [
    image(n),
    ...[single, 'rephase-wasm-f64-1t'].map((name) => time(1000 * median(n, name))),
    ...['scipy-tuned-f32-1t', 'numpy-port-c128', 'fft.js-port'].map((name) =>
      times(median(n, name), median(n, single)),
    ),
  ]);
  const bytes = (/** @type {string} */ algorithm) =>
    memory.sessions.find((/** @type {any} */ row) => row.algorithm === algorithm).bytesPerPixel.toFixed(1);
  const ratio = (/** @type {string} */ name) => times(median(1024, name), median(1024, single));
  return {
    'wasm-headline': `${time(1000 * median(1024, single))}, ${ratio('scipy-tuned-f32-1t')} as fast as tuned SciPy and ${ratio('numpy-port-c128')} as fast as NumPy`,
    wasm: table([['image', 'single', 'double', 'tuned SciPy', 'NumPy', 'fft.js'], ...rows]),
    'wasm-machine': onMachine(machine),
    'wasm-memory': `${bytes('gs')} bytes a pixel for \`gs\` and ${bytes('hio')} for \`hio\``,
    'wasm-event-loop': `${digits(eventLoop.during.p99)} ms in the worst 1 % of its turns and by ${digits(eventLoop.during.max)} ms at most`,
  };
}

/** @returns {Record<string, string>} */
function webgpuFigures() {
  const { machine, devices, rows, complex: ofComplex, copy } = webgpu;
  const lines = rows.map((/** @type {any} */ { n, starts, median, cufft, cupy }) => [
    ...[image(n, starts), time(median), times(cufft, median), times(cupy, median)],
    ofFloor('gs', n * n * starts, median, copy * 1e12),
  ]);
  const complexLines = ofComplex.map((/** @type {any} */ { n, starts, median, cufft }) => [
    ...[image(n, starts), time(median), times(cufft, median)],
    ofFloor('complex', n * n * starts, median, copy * 1e12),
  ]);
  const at = rows.find((/** @type {any} */ { n, starts }) => n === 1024 && starts === 1);
  return {
    'webgpu-complex': table([['image', 'webgpu', 'cuFFT in a CUDA graph', 'floor reached'], ...complexLines]),
    'webgpu-headline': `${time(at.median)}, ${times(at.cufft, at.median)} as fast as cuFFT in a CUDA graph on the same GPU (${devices[0].name})`,
    webgpu: table([['image', 'webgpu', 'cuFFT in a CUDA graph', 'CuPy', 'floor reached'], ...lines]),
    'webgpu-machine': `${machine.date.slice(0, 10)}: ${devices[0].name}, Vulkan driver ${devices[0].details.driver}`,
  };
}

/** @param {any} machine */
function onMachine({ date, cpu, cores, versions }) {
  const { Node, NumPy, SciPy } = versions;
  return `${date.slice(0, 10)}: ${cpu}, ${cores} cores, Node ${Node}, NumPy ${NumPy}, SciPy ${SciPy}`;
}

/** @returns {Record<string, string>} */
function wasmComplexFigures() {
  const { machine, complex } = json('wasm-complex');
  const lines = complex
    .filter((/** @type {any} */ { name }) => name.startsWith('rephase'))
    .map((/** @type {any} */ { n, what, median }) => {
      const peer = complex.find(
        (/** @type {any} */ row) =>
          row.n === n && row.what === what && row.name.startsWith('scipy') && row.name.endsWith('1t'),
      );
      return [`${image(n)}, ${what === 'gs' ? '`gs`' : what}`, time(1000 * median), times(peer.singleIsFasterBy)];
    });
  return {
    'wasm-complex': table([['object', 'single', 'tuned SciPy'], ...lines]),
    'wasm-complex-machine': onMachine(machine),
  };
}

/** @returns {Record<string, string>} */
function wasmScanFigures() {
  const { machine, scans } = json('wasm-scans');
  const of = (/** @type {number} */ n, /** @type {string} */ name) =>
    scans.find((/** @type {any} */ row) => row.n === n && row.name === name);
  const sizes = [...new Set(scans.map((/** @type {any} */ { n }) => n))];
  const lines = sizes.map((n) => [
    image(n),
    digits(of(n, 'rephase-wasm-f32-1t').patternsPerSecond),
    ...['scipy-rpie-c64-1t', 'scipy-rpie-c64-all'].map((name) => times(of(n, name).singleIsFasterBy)),
  ]);
  return {
    'wasm-scans': table([['patterns', 'wasm, patterns a second', 'tuned SciPy', 'on all cores'], ...lines]),
    'wasm-scans-machine': onMachine(machine),
  };
}

/** @returns {Record<string, string>} */
function scanFigures() {
  const { machine, devices, rows } = json('ptycho-cuda');
  const lines = rows.map((/** @type {any} */ { n, algorithm, batch, median, cupy }) => [
    ...[
      `${image(n)}, \`${algorithm}\``,
      batch,
      thousands(median),
      cupy ? thousands(cupy) : '–',
      times(median, cupy ?? NaN),
    ],
  ]);
  return {
    'ptycho-cuda': table([['patterns', 'batch', 'cuda, thousands a second', 'CuPy', ''], ...lines]),
    'ptycho-cuda-machine': `${machine.date.slice(0, 10)}: ${devices[0].name}, CuPy ${machine.versions.CuPy}`,
  };
}

/** Patterns on the device and on the host, which took turns. */
function keptPatternsFigures() {
  const { machine, devices, rows } = json('ptycho-host');
  const of = (/** @type {string} */ place) =>
    rows.filter((/** @type {any} */ row) => row.keepPatterns === place && row.backend === 'cuda');
  const onHost = of('host');
  const lines = of('device').map(
    (/** @type {any} */ { n, algorithm, batch, median, deviceMB }, /** @type {number} */ i) => {
      const host = onHost[i];
      return [
        ...[`${image(n)}, \`${algorithm}\``, batch, thousands(median), thousands(host.median)],
        ...[times(median, host.median), digits(host.hostGBPerSecond), `${deviceMB} → ${host.deviceMB} MB`],
      ];
    },
  );
  const head = [
    'patterns',
    'batch',
    'on the device, thousands a second',
    'on the host',
    'slower',
    'GB/s from the host',
  ];
  return {
    'ptycho-host': table([[...head, 'memory on the device'], ...lines]),
    'ptycho-host-machine': `${machine.date.slice(0, 10)}: ${devices[0].name}`,
  };
}

/** @param {number} value */
function thousands(value) {
  return digits(value / 1000);
}

function devicesFigures() {
  const lines = ['devices-5000', 'devices']
    .map(json)
    .map(({ devices, iterations, timings: [one, all], fasterBy }) => [
      ...[`${devices.length} × ${devices[0].name}`, iterations, time(1000 * one.median), time(1000 * all.median)],
      times(fasterBy),
    ]);
  return { devices: table([['GPUs', 'iterations', 'one GPU', 'all', ''], ...lines]) };
}

/** @returns {Record<string, string>} */
function cudaFigures() {
  const cupy = new Map(
    [...text('cuda-cupy.txt').matchAll(/^(\d+)(?:x(\d+))? ([\d.]+)$/gm)].map(([, n, starts = '1', us]) => [
      `${n} ${starts}`,
      Number(us),
    ]),
  );
  const lines = cuda.cases.map((/** @type {any} */ row) => {
    const { rows: n, starts, algorithm, microseconds, cufftGraphMicroseconds } = row;
    const [least, median, most] = microseconds;
    return [
      image(n, starts) + (algorithm === 'gs' ? '' : `, \`${algorithm}\``),
      ...[time(median), `${least.toFixed(2)}–${most.toFixed(2)}`, time(cufftGraphMicroseconds[1])],
      times(cufftGraphMicroseconds[1], median),
      algorithm === 'gs' ? times(cupy.get(`${n} ${starts}`), median) : '–',
      ofFloor(algorithm, n * n * starts, median, cuda.copyBytesPerSecond),
      row.bytesPerPixel.toFixed(1),
    ];
  });
  const complexLines = complex.cases.map((/** @type {any} */ { rows: n, starts, ...row }) => [
    ...[image(n, starts), time(row.microseconds[1]), time(row.cufftGraphMicroseconds[1])],
    times(row.cufftGraphMicroseconds[1], row.microseconds[1]),
    ofFloor('padded', n * n * starts, row.microseconds[1], complex.copyBytesPerSecond),
    row.bytesPerPixel.toFixed(1),
  ]);
  const peers = json('cuda-holograms-cupy');
  const holograms = json('cuda-holograms').cases.map(
    (/** @type {any} */ { rows: n, algorithm, microseconds: [, median], bytesPerPixel }) => {
      const { tuned, port } = peers.cases.find(
        (/** @type {any} */ row) => row.rows === n && row.algorithm === algorithm,
      );
      return [
        `${image(n)}, ${algorithm === 'spots' ? 'spots' : 'an image'}`,
        ...[time(median), time(tuned[1]), times(tuned[1], median), times(port[1], median), bytesPerPixel.toFixed(1)],
      ];
    },
  );
  const largest = large.cases.map((/** @type {any} */ { rows: n, microseconds, bytesPerPixel }) => [
    image(n),
    time(microseconds[1]),
    `${((bytesPerPixel * n * n) / 1e9).toFixed(1)} GB`,
  ]);
  const ways = cuda.cases.flatMap((/** @type {any} */ { rows: n, starts, algorithm, cufftWay }) =>
    cufftWay && algorithm === 'gs' ? [[image(n, starts), cufftWay]] : [],
  );
  const at = cuda.cases.find((/** @type {any} */ { rows: n }) => n === 1024);
  return {
    'cuda-headline': `${time(at.microseconds[1])}, ${times(at.cufftGraphMicroseconds[1], at.microseconds[1])} as fast as cuFFT in a CUDA graph (${cuda.device})`,
    cuda: table([
      ['image', 'cuda', 'least–most, µs', 'cuFFT', 'cuFFT ÷ cuda', 'CuPy ÷ cuda', 'floor reached', 'bytes a pixel'],
      ...lines,
    ]),
    'cuda-machine': `${cuda.date}: ${cuda.device}, driver ${cuda.driver}, copies at ${(cuda.copyBytesPerSecond / 1e12).toFixed(2)} TB/s${cuda.note ? `. ${cuda.note}` : ''}`,
    'cuda-cufft-ways':
      ways.length > 0 ? table([['image', 'the fastest use of cuFFT'], ...ways], 2) : 'not recorded in this run',
    'cuda-complex': table([
      ['image', 'cuda', 'cuFFT', 'cuFFT ÷ cuda', 'floor reached', 'bytes a pixel'],
      ...complexLines,
    ]),
    'cuda-complex-machine': `${complex.date}: ${complex.device}, driver ${complex.driver}`,
    'cuda-holograms': table([
      ['hologram', 'cuda', 'tuned CuPy', 'tuned CuPy ÷ cuda', 'CuPy ÷ cuda', 'bytes a pixel'],
      ...holograms,
    ]),
    'cuda-holograms-machine': `${json('cuda-holograms').date}: ${json('cuda-holograms').device}, CuPy ${peers.version}`,
    'cuda-large': table([['image', 'an iteration', 'on the device'], ...largest]),
  };
}
