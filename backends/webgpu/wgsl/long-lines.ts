/**
 * Passes over lines that are too long for a workgroup: one dispatch for every stage of a transform, from buffer to
 * buffer, and one for what stands between transforms. Several times the traffic of the fused passes, for lengths that
 * few images have. Only buffers limit their size.
 */
import type { RealField } from '../fields/real/layout.js';
import { columnWeight } from '../fields/real/lines.js';
import { joinKernel, pixelsKernel, splitKernel } from '../fields/real/long-lines.js';
import type { BatchBuffer, Step } from '../step.js';
import { butterfly, type Sign } from './butterflies.js';
import { constrainStatement, constraintFunctions } from './constraint.js';
import { declare, mainFunction, sumOverWorkgroup, type Kernel, type Resource } from './kernel.js';
import { TIMES, twiddle, type Pass } from './lines.js';
import { isBluestein, type Factors } from './plan.js';
import { tableLayout } from './tables.js';
import { columnKey, rowKey, type ColumnWork, type RowWork } from './work.js';

const THREADS = 64;
/** Threads that share a column. */
const COLUMN_THREADS = 256;

export function longColumnSteps(field: RealField, factors: Factors, work: ColumnWork): Step[] {
  const { stored, columnStride } = field;
  const { forward, constrain, inverse, outOfPlace } = work;
  const lines = { count: stored, stride: columnStride, factors, first: -1 as Sign, table: 'columnTable' as const };
  const steps: Step[] = [];
  if (forward) steps.push(...transformSteps(lines, 'first', 'spectrum', 'spectrum'));
  if (constrain) {
    const { masked } = work;
    const key = `long ${columnKey({ constrain, masked })}`;
    steps.push({ key, write: () => constrainKernel(field, { constrain, masked }), use: {} });
  }
  if (inverse) steps.push(...transformSteps(lines, 'second', 'spectrum', outOfPlace ? 'work' : 'spectrum'));
  return steps;
}

export function longRowSteps(field: RealField, factors: Factors, work: RowWork, use: Step['use']): Step[] {
  const stride = factors.padded;
  const lines = { count: field.pairs, stride, factors, first: 1 as Sign, table: 'rowTable' as const };
  const steps: Step[] = [];
  let line: BatchBuffer = 'scratch';
  const transform = (pass: Pass) => {
    const stages = transformSteps(lines, pass, line);
    line = stages[stages.length - 1].use.destination as BatchBuffer;
    steps.push(...stages);
  };
  const add = (key: string, write: () => Kernel) => steps.push({ key, write, use: { ...use, destination: line } });
  if (work.inverse) {
    add('long join', () => joinKernel(field, stride));
    transform('first');
  }
  add(`long ${rowKey(work)}`, () => pixelsKernel(field, factors, work));
  if (work.forward) {
    transform('second');
    add('long split', () => splitKernel(field, stride));
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
function transformSteps(lines: Lines, pass: Pass, from: BatchBuffer, to?: BatchBuffer): Step[] {
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
      const destination: BatchBuffer = last && to ? to : buffer === 'scratch' ? 'moreScratch' : 'scratch';
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
      steps.push({ key, write: () => stageKernel(lines.count, factors, stage), use });
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
  /** Where the stage's twiddle factors begin in the table. */
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

/** A workgroup for each column. */
function constrainKernel(field: RealField, work: ColumnWork): Kernel {
  const { rows, stored, columnStride } = field;
  const bindings: Resource[] = ['spectrum', 'magnitudes', 'partials'];
  const body = `
// A folded dispatch has workgroups beyond the last column.
if (group >= ${stored}u) { return; }
let base = (start * ${stored}u + group) * ${columnStride}u;
var residual = 0.0;
for (var i = thread; i < ${rows}u; i += ${COLUMN_THREADS}u) {
  ${constrainStatement(work, 'spectrum[base + i]', `group * ${rows}u + i`)}
}
${sumOverWorkgroup(COLUMN_THREADS, 'residual')}
if (thread == 0u) { partials[start * ${stored}u + group] = memory[0] * ${columnWeight(field, 'group')}; }`;
  const code = [
    declare(bindings),
    `var<workgroup> memory: array<f32, ${COLUMN_THREADS}>;`,
    constraintFunctions(work),
    mainFunction(COLUMN_THREADS, body),
  ].join('\n');
  return { name: 'long constrain', code, bindings, workgroups: stored };
}
