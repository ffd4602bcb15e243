/**
 * The kernels of `shrinkSupport`, in their order. A thread takes one word of a start's support, whose pixels are numbers k of
 * a butterfly in two rows, so that no bits need atomics. The object is blurred along rows first; both kernels that need it
 * blurred along columns too do that as they read it.
 */
import { makeItemKernel, makeKernel, sumOverThreads, type Kernel } from '../wgsl/kernel.js';
import { farEnd, type Factors } from '../wgsl/plan.js';
import type { Field } from './field.js';

/** The uniform `shrink`: `ShrinkSupport`, and how many pixels the Gaussian reaches to each side. */
const SHRINK = `
struct Shrink { sigma: f32, threshold: f32, least: u32, most: u32, reach: i32 }
fn weight(distance: i32) -> f32 {
  let x = f32(distance) / shrink.sigma;
  return exp(-0.5 * x * x);
}
fn wrapped(i: i32, length: i32) -> u32 {
  let rest = i % length;
  return u32(select(rest, rest + length, rest < 0));
}`;

/** Declares `sum`, the sum over a pixel and its neighbours along one axis, with weights that add up to 1. */
const sumNeighbours = (at: string, length: number, pixel: (i: string) => string) => `
var weights = 0.0;
var sum = 0.0;
for (var distance = -shrink.reach; distance <= shrink.reach; distance += 1) {
  let w = weight(distance);
  weights += w;
  sum += w * ${pixel(`wrapped(i32(${at}) + distance, ${length})`)};
}
sum /= weights;`;

/** object → blurred, along rows; of a complex object its sizes. */
export function blurKernel({ rows, columns, kind }: Field): Kernel {
  const body = `
let row = (start * ${rows}u + i / ${columns}u) * ${columns}u;
${sumNeighbours(`i % ${columns}u`, columns, (column) => kind.brightness(`object[row + ${column}]`))}
blurred[start * ${rows * columns}u + i] = sum;`;
  const bindings = ['object', 'blurred', 'shrink'] as const;
  const text = { types: kind.types, declarations: SHRINK, items: rows * columns, body };
  return makeItemKernel({ bindings: [...bindings], ...text });
}

/** candidates ← the sums of the squared pixels of each word that are inside the start's support. */
export function squaresKernel(field: Field, factors: Factors): Kernel {
  const words = wordsOf(field, factors);
  const body = `
let inside = support[start * ${words}u + i];
var squares = 0.0;
${eachPixel(field, factors, 'inside', 'squares += sum * sum;')}
candidates[start * ${words}u + i] = bitcast<u32>(squares);`;
  const bindings = ['blurred', 'support', 'candidates', 'shrink'] as const;
  return makeItemKernel({ bindings: [...bindings], declarations: SHRINK + BLURRED(field), items: words, body });
}

/** The threshold of each start: a share of the root mean square, from the sums of `squaresKernel`. */
export function levelKernel(field: Field, factors: Factors): Kernel {
  const words = wordsOf(field, factors);
  const body = `
var squares = 0.0;
var inside = 0u;
for (var i = start * ${words}u + thread; i < (start + 1u) * ${words}u; i += ${THREADS}u) {
  squares += bitcast<f32>(candidates[i]);
  inside += countOneBits(support[i]);
}
${COUNT_OVER_THREADS}
${sumOverThreads(THREADS, 'thread', 'squares', 'thresholds[start].y = shrink.threshold * sqrt(sum / f32(atomicLoad(&count)));')}`;
  const declarations = `${SHRINK}\nvar<workgroup> memory: array<f32, ${THREADS}>;\n${COUNT}`;
  const bindings = ['candidates', 'support', 'thresholds', 'shrink'] as const;
  return makeKernel({ bindings: [...bindings], declarations, threads: THREADS, body, workgroups: 1 });
}

/** candidates ← the pixels of the support that all starts share whose blurred value is above the threshold. */
export function candidatesKernel(field: Field, factors: Factors): Kernel {
  const words = wordsOf(field, factors);
  const body = `
let inside = support[i];
let threshold = thresholds[start].y;
var above = 0u;
${eachPixel(field, factors, 'inside', 'if (sum > threshold) { above |= bit; }')}
candidates[start * ${words}u + i] = above;`;
  const bindings = ['blurred', 'support', 'thresholds', 'candidates', 'shrink'] as const;
  return makeItemKernel({ bindings: [...bindings], declarations: SHRINK + BLURRED(field), items: words, body });
}

/** destination, the start's own support ← the candidates, unless they are too few or too many. */
export function replaceKernel(field: Field, factors: Factors): Kernel {
  const words = wordsOf(field, factors);
  const eachWord = (statement: string) =>
    `for (var i = start * ${words}u + thread; i < (start + 1u) * ${words}u; i += ${THREADS}u) { ${statement} }`;
  const body = `
var inside = 0u;
${eachWord('inside += countOneBits(candidates[i]);')}
${COUNT_OVER_THREADS}
let pixels = atomicLoad(&count);
if (pixels < shrink.least || pixels > shrink.most) { return; }
${eachWord('destination[i] = candidates[i];')}`;
  const bindings = ['candidates', 'destination', 'shrink'] as const;
  const text = { types: { destination: 'array<u32>' }, declarations: `${SHRINK}\n${COUNT}`, body };
  return makeKernel({ bindings: [...bindings], threads: THREADS, workgroups: 1, ...text });
}

/** Threads that share a start where there is one sum over all of it. */
const THREADS = 256;

const COUNT = 'var<workgroup> count: atomic<u32>;';

/** `count` ← the sum of `inside` over the threads. Memory of a workgroup holds anything at first, as adapter.ts asks. */
const COUNT_OVER_THREADS = `
if (thread == 0u) { atomicStore(&count, 0u); }
workgroupBarrier();
atomicAdd(&count, inside);
workgroupBarrier();`;

function wordsOf({ pairs }: Field, factors: Factors): number {
  return pairs * farEnd(factors).count;
}

/** A pixel of the object, blurred along both axes. */
const BLURRED = ({ rows, columns }: Field) => `
fn blurred_pixel(start: u32, row: u32, column: u32) -> f32 {
  let first = start * ${rows * columns}u + column;
  ${sumNeighbours('row', rows, (row) => `blurred[first + ${row} * ${columns}u]`)}
  return sum;
}`;

/** Runs a statement for each pixel of word `i` whose bit is set in `word`, with its `bit` and its blurred value `sum`. */
function eachPixel(field: Field, factors: Factors, word: string, statement: string): string {
  const { radix, count } = farEnd(factors);
  return `
for (var k = 0u; k < ${2 * radix}u; k += 1u) {
  let second = k / ${radix}u;
  let bit = 1u << (k % ${radix}u + 16u * second);
  if ((${word} & bit) == 0u) { continue; }
  let row = 2u * (i / ${count}u) + second;
  let sum = blurred_pixel(start, row, i % ${count}u + k % ${radix}u * ${count}u);
  ${statement}
}`;
}
