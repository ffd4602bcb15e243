/**
 * Makes bench/results/cuda.md of bench/results/cuda.json, cuda-large.json and cuda-cupy.txt, which run.sh has written on a
 * machine with a GPU.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const results = new URL('../results/', import.meta.url);
/** @param {string} name */
const read = (name) => readFileSync(new URL(name, results), 'utf8');
/** @param {string} name @returns {any} */
const json = (name) => JSON.parse(read(name));

/** @type {Record<string, number>} how many times as fast as the cuFFT graph */
const TARGETS = {
  ...{ 256: 2.5, 512: 2.5, 1024: 3, 2048: 3, 4096: 3.3, 8192: 3.3, '256 × 64': 3, '512 × 64': 3, '128 × 256': 4 },
  ...{ 600: 1.5, 1000: 1.5, 1536: 1.5, 3000: 1.5, 1021: 0.7 },
};
/** @type {Record<string, number>} percent of the floor */
const FLOOR_TARGETS = { 4096: 85, 8192: 85, '4096 hio': 80 };
const [main, large] = ['cuda.json', 'cuda-large.json'].map(json);
const cupy = Object.fromEntries(
  [...read('cuda-cupy.txt').matchAll(/^(\d+)(?:x(\d+))? ([\d.]+)$/gm)].map(([, n, starts, time]) => [
    starts ? `${n} × ${starts}` : n,
    Number(time),
  ]),
);

/** @param {number} value @param {number | undefined} target @param {string} unit */
const verdict = (value, target, unit) =>
  target === undefined ? '' : `${target}${unit} ${value >= target ? 'met' : 'missed'}`;
/** @param {any} entry */
const nameOf = ({ rows, starts, algorithm }) =>
  `${rows}${starts > 1 ? ` × ${starts}` : ''}${algorithm === 'gs' ? '' : ` ${algorithm}`}`;
const lines = main.cases.map((/** @type {any} */ entry) => {
  const { microseconds, cufftGraphMicroseconds, ratio, floorMicroseconds } = entry;
  const name = nameOf(entry);
  const reached = (100 * floorMicroseconds) / microseconds[1];
  const other = cupy[name];
  const cells = [
    ...[name, microseconds[1].toFixed(2), `${microseconds[0].toFixed(2)}–${microseconds[2].toFixed(2)}`],
    ...[cufftGraphMicroseconds[1].toFixed(2), ratio.toFixed(2), verdict(ratio, TARGETS[name], '')],
    ...[other ? (other / microseconds[1]).toFixed(1) : '', `${reached.toFixed(0)} %`],
    verdict(reached, FLOOR_TARGETS[name], ' %'),
    entry.bytesPerPixel.toFixed(2),
  ];
  return `| ${cells.join(' | ')} |`;
});
// The first results name the driver and its CUDA together.
const driver = main.runtime ? `driver ${main.driver}, CUDA runtime ${main.runtime}` : `driver for CUDA ${main.driver}`;
const tebi = (main.copyBytesPerSecond / 1e12).toFixed(2);
writeFileSync(
  new URL('cuda.md', results),
  `# The CUDA backend beside cuFFT

${main.date}, ${main.device}, ${main.multiprocessors} multiprocessors, ${driver}; a large device-to-device copy moves ${tebi} TB/s. Microseconds an iteration, medians of seven turns in which both compete in one process. The cuFFT graph is R2C and C2R with one pointwise kernel after each, ten iterations in a CUDA graph. The floor is 18 bytes a pixel, 26 for \`hio\`, over the copy's bandwidth. CuPy's port is the algorithm as people move NumPy code to a GPU, run on the same machine right after. Why rows are missed: cuda-notes.md. \`step()\` and single kernels beside \`run()\`, from JavaScript: docs/bindings.md.

| case | µs | least–most | cuFFT graph µs | times as fast | target | times CuPy's port | floor reached | target | bytes a pixel |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}

## The largest images

Lines longer than shared memory are transformed in global memory, which is correct and slow.

| n × n | ms | GB on the device |
| --- | --- | --- |
${large.cases.map((/** @type {any} */ c) => `| ${c.rows} | ${(c.microseconds[1] / 1000).toFixed(0)} | ${((c.bytesPerPixel * c.rows * c.columns) / 1e9).toFixed(1)} |`).join('\n')}
`,
);
