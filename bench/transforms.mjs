/**
 * One-dimensional complex transforms in single precision, in WebAssembly memory and natural order, next to pffft's SIMD
 * build from npm. Forward and inverse in turn, one call per transform, and many lines by one call, which is how the
 * iteration uses them (pffft has no such call, and is given the lines one by one).
 */
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import createPffft from '@echogarden/pffft-wasm/simd';
import { takeTurns } from './measure.mjs';

const LINES = 64;
const PFFFT_COMPLEX = 1;
const [PFFFT_FORWARD, PFFFT_BACKWARD] = [0, 1];

/**
 * @param {number[]} lengths
 * @param {import('./measure.mjs').Effort} effort
 * @param {(line: string) => void} say
 */
export async function measureTransforms(lengths, effort, say) {
  const { wasmModule, WasmInstance } = await bundledModule();
  const own = await WasmInstance.create(await wasmModule());
  const pffft = await createPffft();
  const rows = [];
  for (const length of lengths) {
    if (length % 16 !== 0) throw new Error(`--lengths: got ${length}; takes multiples of 16, because pffft does`);
    say(`complex transforms of length ${length}`);
    const ours = rephaseTransforms(own, length);
    const theirs = pffftTransforms(pffft, length);
    for (const lines of [1, LINES]) {
      const timings = await takeTurns([ours(lines), theirs(lines)], effort);
      const [rephase, peer] = timings.map(({ name, iterations: _, rounds, ...times }) => ({
        name,
        ...Object.fromEntries(Object.entries(times).map(([key, ms]) => [key, (1000 * ms) / lines])),
        rounds,
      }));
      rows.push({
        length,
        lines,
        unit: 'µs per transform',
        rephase,
        pffft: peer,
        fasterBy: peer.median / rephase.median,
      });
    }
    ours.free();
    theirs.free();
  }
  return rows;
}

/** The module as the library loads it, which the library does not export. */
async function bundledModule() {
  const outfile = fileURLToPath(new URL('../build/bench/wasm.mjs', import.meta.url));
  await build({
    stdin: {
      contents: `export * from './module.ts'; export * from './instance.ts';`,
      resolveDir: fileURLToPath(new URL('../backends/wasm', import.meta.url)),
    },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
  });
  return import(outfile);
}

/** @param {any} own @param {number} length */
function rephaseTransforms(own, length) {
  const plan = own.call.rephase_plan_create(4, length);
  const data = own.call.rephase_allocate(8 * length * LINES);
  own.numbers(data, 2 * length * LINES, 'single').set(noise(2 * length * LINES));
  const { rephase_plan_transform: transform } = own.call;
  // In turn over all calls, so that the numbers stay as large as they are.
  let inverse = 1;
  const competitor = (/** @type {number} */ lines) => ({
    name: 'rephase',
    run: (/** @type {number} */ count) => {
      const began = performance.now();
      for (let k = 0; k < count; k++) transform(plan, data, lines, (inverse ^= 1));
      return performance.now() - began;
    },
  });
  const free = () => {
    own.call.rephase_plan_destroy(plan);
    own.call.rephase_free(data);
  };
  return Object.assign(competitor, { free });
}

/** @param {any} pffft @param {number} length */
function pffftTransforms(pffft, length) {
  const setup = pffft._pffft_new_setup(length, PFFFT_COMPLEX);
  const bytes = 8 * length;
  const [from, to] = [pffft._pffft_aligned_malloc(bytes * LINES), pffft._pffft_aligned_malloc(bytes * LINES)];
  const work = pffft._pffft_aligned_malloc(bytes);
  pffft.HEAPF32.set(noise(2 * length * LINES), from >> 2);
  // Until its first call the export is a wrapper that looks it up, which would be slower each time.
  pffft._pffft_transform_ordered(setup, from, to, work, PFFFT_FORWARD);
  const { _pffft_transform_ordered: transform } = pffft;
  const competitor = (/** @type {number} */ lines) => ({
    name: 'pffft',
    run: (/** @type {number} */ count) => {
      const began = performance.now();
      for (let k = 0; k < count; k++) {
        const direction = k & 1 ? PFFFT_BACKWARD : PFFFT_FORWARD;
        for (let line = 0; line < lines; line++) {
          transform(setup, from + line * bytes, to + line * bytes, work, direction);
        }
      }
      return performance.now() - began;
    },
  });
  const free = () => {
    for (const memory of [from, to, work]) pffft._pffft_aligned_free(memory);
    pffft._pffft_destroy_setup(setup);
  };
  return Object.assign(competitor, { free });
}

/** @param {number} count */
function noise(count) {
  return Float32Array.from({ length: count }, () => Math.random() - 0.5);
}
