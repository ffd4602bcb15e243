/**
 * Passes over lines that are too long for a workgroup: one dispatch for every stage of a transform, from buffer to
 * buffer, and one for what stands between transforms. Several times the traffic of the fused passes, for lengths that
 * few images have; sizes are limited by buffers alone.
 */
import { butterfly, type Sign } from './butterflies.js';
import type { ColumnWork } from './columns.js';
import { constraintFunctions } from './constraint.js';
import { declare, mainFunction, type Kernel, type Resource } from './kernel.js';
import type { Layout } from './layout.js';
import { TIMES, twiddle, type Pass } from './line.js';
import type { PartBuffer, Step } from './operations.js';
import { isBluestein, type Factors } from './plan.js';
import { PARAMETERS, pixelCode, type RowWork } from './rows.js';
import { ruleFunction } from './rules.js';
import { tableLayout } from './tables.js';

const THREADS = 64;
/** Threads that go through a column together. */
const COLUMN_THREADS = 256;

export function longColumnSteps(layout: Layout, factors: Factors, work: ColumnWork): Step[] {
  const { stored, columnStride } = layout;
  const lines = { count: stored, stride: columnStride, factors, first: -1 as Sign, table: 'columnTable' as const };
  const steps: Step[] = [];
  if (work.forward) steps.push(...transformSteps(lines, 'first', 'spectrum', 'spectrum'));
  if (work.impose) {
    const masked = work.impose === 'masked';
    steps.push(step(`long impose ${work.impose}`, () => imposeKernel(layout, masked), {}));
  }
  if (work.inverse) {
    steps.push(...transformSteps(lines, 'second', 'spectrum', work.elsewhere ? 'work' : 'spectrum'));
  }
  return steps;
}

export function longRowSteps(layout: Layout, factors: Factors, work: RowWork, spectrum: PartBuffer): Step[] {
  const { pairs } = layout;
  const stride = factors.padded;
  const lines = { count: pairs, stride, factors, first: 1 as Sign, table: 'rowTable' as const };
  const steps: Step[] = [];
  let buffer: PartBuffer = 'scratch';
  if (work.inverse) {
    steps.push(step('long gather', () => gatherKernel(layout, stride), { spectrum, destination: buffer }));
    const transform = transformSteps(lines, 'first', buffer);
    steps.push(...transform);
    buffer = transform[transform.length - 1].use.destination as PartBuffer;
  }
  steps.push(
    step(`long pixels ${JSON.stringify(work)}`, () => pixelKernel(layout, factors, work), { destination: buffer }),
  );
  if (work.forward) {
    const transform = transformSteps(lines, 'second', buffer);
    steps.push(...transform);
    buffer = transform[transform.length - 1].use.destination as PartBuffer;
    steps.push(step('long split', () => splitKernel(layout, stride), { destination: buffer }));
  }
  return steps;
}

interface Lines {
  count: number;
  /** Numbers from one line to the next where the lines come from and go to; in between it is the padded length. */
  stride: number;
  factors: Factors;
  /** Sign of the first pass. */
  first: Sign;
  table: 'columnTable' | 'rowTable';
}

/** One step a stage, through the scratch buffers; ends in `to`, or in one of those. */
function transformSteps(lines: Lines, pass: Pass, from: PartBuffer, to?: PartBuffer): Step[] {
  const { factors, first } = lines;
  const sign: Sign = pass === 'first' ? first : first < 0 ? 1 : -1;
  const { stages } = tableLayout(factors);
  const passes = isBluestein(factors)
    ? ([
        ['first', -1],
        ['second', 1],
      ] as const)
    : ([[pass, sign]] as const);
  const steps: Step[] = [];
  let buffer = from;
  const total = passes.length * factors.radices.length;
  for (const [order, direction] of passes) {
    const radices = order === 'first' ? factors.radices : [...factors.radices].reverse();
    let span = 1;
    radices.forEach((radix, index) => {
      const number = steps.length;
      const last = number + 1 === total;
      const destination: PartBuffer = last && to ? to : buffer === 'scratch' ? 'moreScratch' : 'scratch';
      const stage: Stage = {
        ...{ radix, span, sign: direction, entry: stages[order === 'first' ? 0 : 1][index] },
        conjugate: sign > 0,
        fromStride: number === 0 ? lines.stride : factors.padded,
        toStride: last ? lines.stride : factors.padded,
        before: isBluestein(factors) && number === 0,
        between: isBluestein(factors) && number + 1 === total / 2,
        after: isBluestein(factors) && last,
      };
      const key = `long stage ${lines.table} ${JSON.stringify(stage)}`;
      const use = { spectrum: buffer, destination, tables: lines.table };
      steps.push(step(key, () => stageKernel(lines.count, factors, stage), use));
      span *= radix;
      buffer = destination;
    });
  }
  return steps;
}

interface Stage {
  radix: number;
  span: number;
  sign: Sign;
  /** Of the table, where the stage's twiddle factors begin. */
  entry: number;
  fromStride: number;
  toStride: number;
  /** Bluestein's products: with the chirp, its spectrum, and the chirp again, conjugated for the inverse. */
  conjugate: boolean;
  before: boolean;
  between: boolean;
  after: boolean;
}

/** One stage of Stockham's transform, a thread for each butterfly; the same arithmetic as line.ts. */
function stageKernel(lines: number, factors: Factors, stage: Stage): Kernel {
  const { radix, span, sign, entry, fromStride, toStride } = stage;
  const { length, padded } = factors;
  const { chirp } = tableLayout(factors);
  const count = padded / radix;
  const bindings: Resource[] = ['spectrum', 'destination', 'tables'];
  const registers = Array.from({ length: radix }, (_, k) => `x${k}`);
  const product = (x: string, index: string, part: 'xy' | 'zw') => {
    const factor = stage.conjugate ? `vec2f(f.${part[0]}, -f.${part[1]})` : `f.${part}`;
    return `{ let f = tables[${chirp}u + ${index}]; ${x} = times(${x}, ${factor}); }`;
  };
  const load = registers.map((x, k) => {
    const index = `(j + ${k * count}u)`;
    const read = `${x} = spectrum[read_from + ${index}];`;
    if (!stage.before) return `var ${x} = vec2f(); ${read}`;
    return `var ${x} = vec2f(); if (${index} < ${length}u) { ${read} ${product(x, index, 'xy')} }`;
  });
  const store = registers.map((x, k) => {
    const index = `(base + ${k * span}u)`;
    const write = `destination[write_to + ${index}] = ${x};`;
    if (stage.between) return `${product(x, index, 'zw')} ${write}`;
    return stage.after ? `if (${index} < ${length}u) { ${product(x, index, 'xy')} ${write} }` : write;
  });
  const body = `
let i = group * ${THREADS}u + thread;
if (i >= ${lines * count}u) { return; }
let j = i % ${count}u;
let read_from = (start * ${lines}u + i / ${count}u) * ${fromStride}u;
let write_to = (start * ${lines}u + i / ${count}u) * ${toStride}u;
${load.join('\n')}
${span > 1 ? twiddle(registers, `tables[${entry}u + j % ${span}u]`) : ''}
${butterfly(registers, sign)}
let base = j / ${span}u * ${span * radix}u + j % ${span}u;
${store.join('\n')}`;
  const code = declare(bindings) + TIMES + mainFunction(THREADS, body);
  return { name: 'long stage', code, bindings, workgroups: Math.ceil((lines * count) / THREADS) };
}

function imposeKernel({ rows, columns, stored, columnStride }: Layout, masked: boolean): Kernel {
  const bindings: Resource[] = ['spectrum', 'magnitudes', 'misfits'];
  const body = `
// A folded dispatch has workgroups beyond the last column.
if (group >= ${stored}u) { return; }
let base = (start * ${stored}u + group) * ${columnStride}u;
var misfit = 0.0;
for (var i = thread; i < ${rows}u; i += ${COLUMN_THREADS}u) {
  spectrum[base + i] = constrained(spectrum[base + i], group * ${rows}u + i, &misfit);
}
partials[thread] = misfit;
for (var half = ${COLUMN_THREADS / 2}u; half > 0u; half /= 2u) {
  workgroupBarrier();
  if (thread < half) { partials[thread] += partials[thread + half]; }
}
if (thread == 0u) {
  let own = group == 0u || 2u * group == ${columns}u;
  misfits[start * ${stored}u + group] = partials[0] * select(0.5, 0.25, own);
}`;
  const code = [
    declare(bindings),
    `var<workgroup> partials: array<f32, ${COLUMN_THREADS}>;`,
    constraintFunctions(masked),
    mainFunction(COLUMN_THREADS, body),
  ].join('\n');
  return { name: 'long impose', code, bindings, workgroups: stored };
}

/** Puts lines together from the columns of two rows, as rows.ts does. */
function gatherKernel(layout: Layout, stride: number): Kernel {
  const { rows, columns, pairs } = layout;
  const bindings: Resource[] = ['spectrum', 'destination'];
  const second = rows % 2 === 1 ? `if (pair + 1u == ${pairs}u) { a.z = 0.0; a.w = 0.0; }` : '';
  const body = `${EACH_NUMBER(layout, stride)}
var a = spectrum[place];
${second}
if (c == 0u || 2u * c == ${columns}u) { a.y = 0.0; a.w = 0.0; }
destination[line + c] = vec2f(a.x - a.w, a.y + a.z);
destination[line + mirror] = vec2f(a.x + a.w, a.z - a.y);`;
  return numberKernel('long gather', layout, bindings, body);
}

/** The reverse. */
function splitKernel(layout: Layout, stride: number): Kernel {
  const bindings: Resource[] = ['spectrum', 'destination'];
  const body = `${EACH_NUMBER(layout, stride)}
let a = destination[line + c];
let b = destination[line + mirror];
spectrum[place] = vec4f(a.x + b.x, a.y - b.y, a.y + b.y, b.x - a.x);`;
  return numberKernel('long split', layout, bindings, body);
}

const EACH_NUMBER = ({ columns, stored, columnStride, pairs }: Layout, stride: number) => `
let i = group * ${THREADS}u + thread;
if (i >= ${stored * pairs}u) { return; }
let pair = i % ${pairs}u;
let c = i / ${pairs}u;
let mirror = select(${columns}u - c, 0u, c == 0u);
let place = (start * ${stored}u + c) * ${columnStride / 2}u + pair;
let line = (start * ${pairs}u + pair) * ${stride}u;`;

function numberKernel(name: string, { stored, pairs }: Layout, bindings: Resource[], body: string): Kernel {
  const code = declare(bindings, { spectrum: 'array<vec4f>' }) + mainFunction(THREADS, body);
  return { name, code, bindings, workgroups: Math.ceil((stored * pairs) / THREADS) };
}

/** From the inverse's lines or the object, through the rule, to lines for the forward transform or the object. */
function pixelKernel(layout: Layout, factors: Factors, { inverse, rule, forward, withSupport }: RowWork): Kernel {
  const { rows, columns, pairs } = layout;
  const { padded, radices } = factors;
  const count = padded / radices[isBluestein(factors) ? 0 : radices.length - 1];
  const bindings: Resource[] = ['parameters'];
  if (inverse || forward) bindings.push('destination');
  if (!inverse || !forward) bindings.push('object');
  if (rule?.hasMemory) bindings.push('iterate');
  if (rule && withSupport) bindings.push('support');
  const [first, second] = ['object[first_row + n]', 'object[second_row + n]'];
  const body = `
let i = group * ${THREADS}u + thread;
if (i >= ${pairs * columns}u) { return; }
let pair = i / ${columns}u;
let n = i % ${columns}u;
let there = true;
let second_there = 2u * pair + 1u < ${rows}u;
let first_row = (start * ${rows}u + 2u * pair) * ${columns}u;
let second_row = first_row + ${columns}u;
let at = (start * ${pairs}u + pair) * ${padded}u + n;
var x = vec2f();
${inverse ? 'x = destination[at] * parameters.normal;' : `x.x = ${first}; if (second_there) { x.y = ${second}; }`}
${rule && withSupport ? `let inside = support[pair * ${count}u + n % ${count}u] >> (n / ${count}u);` : ''}
${rule ? pixelCode(rule, 'x', 'n', withSupport ? ['(inside & 1u) == 0u', '(inside & 65536u) == 0u'] : undefined) : ''}
${forward ? 'destination[at] = x;' : `${first} = x.x; if (second_there) { ${second} = x.y; }`}`;
  const code = [PARAMETERS, declare(bindings), rule ? ruleFunction(rule) : '', mainFunction(THREADS, body)].join('\n');
  return { name: 'long pixels', code, bindings, workgroups: Math.ceil((pairs * columns) / THREADS) };
}

function step(key: string, write: () => Kernel, use: Step['use']): Step {
  return { key, write, use };
}
