/**
 * Microseconds of a one-dimensional complex transform in single precision, beside pffft's SIMD build from npm, in
 * WebAssembly memory. One call does one line, or many lines as in an iteration. pffft has no call for many lines, and gets
 * one call for each.
 */
import createPffft from '@echogarden/pffft-wasm/simd';
import { microseconds, repeated, takeTurns, timed } from '../measure.mjs';
import { loadLines } from '../native/lines.mjs';

const LINES = 64;
const PFFFT_COMPLEX = 1;
const [PFFFT_FORWARD, PFFFT_BACKWARD] = [0, 1];

/**
 * @param {number[]} lengths
 * @param {import('../measure.mjs').Effort} effort
 * @param {(line: string) => void} say
 */
export async function measureTransforms(lengths, effort, say) {
  const own = await loadLines();
  const pffft = await createPffft();
  const rows = [];
  for (const length of lengths) {
    if (length % 16 !== 0) throw new Error(`--lengths: got ${length}; takes multiples of 16, because pffft does`);
    say(`complex transforms of length ${length}`);
    const ours = rephaseTransforms(own, length);
    const theirs = pffftTransforms(pffft, length);
    for (const lines of [1, LINES]) {
      const competitors = [ours, theirs].map(({ name, call }) => ({ name, run: timed(repeated(call(lines))) }));
      const timings = await takeTurns(competitors, effort);
      for (const times of timings) {
        const { name, rounds } = times;
        const fasterBy = times.median / timings[0].median;
        rows.push({ length, lines, name, ...microseconds(times, lines), rounds, fasterBy });
      }
    }
    ours.free();
    theirs.free();
  }
  return rows;
}

/** @param {Awaited<ReturnType<typeof loadLines>>} own @param {number} length */
function rephaseTransforms(own, length) {
  const plan = own.plan('single', length, LINES);
  plan.numbers().set(noise(2 * length * LINES));
  // Forward and inverse alternate over all calls, so that the numbers keep their size.
  let inverse = false;
  const call = (/** @type {number} */ lines) => () => plan.transform((inverse = !inverse), lines);
  return { name: 'rephase', call, free: plan.free };
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
  const call = (/** @type {number} */ lines) => (/** @type {number} */ k) => {
    const direction = k & 1 ? PFFFT_BACKWARD : PFFFT_FORWARD;
    for (let line = 0; line < lines; line++) transform(setup, from + line * bytes, to + line * bytes, work, direction);
  };
  const free = () => {
    for (const memory of [from, to, work]) pffft._pffft_aligned_free(memory);
    pffft._pffft_destroy_setup(setup);
  };
  return { name: 'pffft', call, free };
}

/** @param {number} count */
function noise(count) {
  return Float32Array.from({ length: count }, () => Math.random() - 0.5);
}
