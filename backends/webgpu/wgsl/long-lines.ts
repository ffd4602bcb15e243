/**
 * Passes over lines that are too long for a workgroup: one dispatch for every stage of a transform, from buffer to
 * buffer, and one for what stands between transforms. Several times the traffic of the fused passes, for lengths that
 * few images have. Only buffers limit their size.
 */
import { insideWord, normalisation, type Field } from '../fields/field.js';
import { pixelNames, pixelResources } from '../fields/pixels.js';
import type { BatchBuffer, Step } from '../step.js';
import { butterfly, literal, type Sign } from './butterflies.js';
import {
  columnSums,
  constrainStatement,
  constraintFunctions,
  constraintNames,
  constraintResources,
} from './constraint.js';
import { makeItemKernel, makeKernel, sumOverThreads, type Kernel, type Resource } from './kernel.js';
import { TIMES, chirpProduct, twiddle } from './lines.js';
import { farEnd, isBluestein, type Factors } from './plan.js';
import { opposite, tableLayout, type Pass, type Stage } from './tables.js';
import { columnKey, rowKey, type ColumnWork, type RowWork } from './work.js';

/** Threads that share a column. */
const COLUMN_THREADS = 256;

export function longColumnSteps(field: Field, factors: Factors, work: ColumnWork): Step[] {
  const { stored, columnStride } = field;
  const { forward, constrain, inverse, outOfPlace } = work;
  const lines = { count: stored, stride: columnStride, factors, first: -1 as Sign, table: 'columnTable' as const };
  const steps: Step[] = [];
  if (forward) steps.push(...transformSteps(lines, 'first', 'spectrum', 'spectrum'));
  if (constrain) {
    const only = { constrain, fourier: work.fourier, masked: work.masked };
    steps.push({ key: `long ${columnKey(only)}`, write: () => constrainKernel(field, only), use: {} });
  }
  if (inverse) steps.push(...transformSteps(lines, 'second', 'spectrum', outOfPlace ? 'work' : 'spectrum'));
  return steps;
}

export function longRowSteps(field: Field, factors: Factors, work: RowWork, use: Step['use']): Step[] {
  const stride = factors.padded;
  const lines = { count: field.rowLines, stride, factors, first: 1 as Sign, table: 'rowTable' as const };
  const steps: Step[] = [];
  let line: BatchBuffer = 'scratch';
  const transform = (pass: Pass) => {
    const stages = transformSteps(lines, pass, line);
    line = stages[stages.length - 1].use.destination as BatchBuffer;
    steps.push(...stages);
  };
  const add = (key: string, write: () => Kernel) => steps.push({ key, write, use: { ...use, destination: line } });
  if (work.inverse) {
    add('long join', () => field.kind.joinKernel(field, stride));
    transform('first');
  }
  add(`long ${rowKey(work)}`, () => pixelsKernel(field, factors, work));
  if (work.forward) {
    transform('second');
    add('long split', () => field.kind.splitKernel(field, stride));
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
  const sign = pass === 'first' ? first : opposite(first);
  const { stages } = tableLayout(factors);
  const signed = (order: Pass, direction: Sign) => stages[order].map((stage) => ({ ...stage, sign: direction }));
  const chirped = isBluestein(factors);
  const all = chirped ? [...signed('first', -1), ...signed('second', 1)] : signed(pass, sign);
  let buffer = from;
  return all.map((stage, number) => {
    const last = number + 1 === all.length;
    const work: StageWork = {
      ...stage,
      conjugate: sign > 0,
      fromStride: number === 0 ? lines.stride : factors.padded,
      toStride: last ? lines.stride : factors.padded,
      before: chirped && number === 0,
      between: chirped && number + 1 === all.length / 2,
      after: chirped && last,
    };
    const destination: BatchBuffer = last && to ? to : buffer === 'scratch' ? 'moreScratch' : 'scratch';
    const use = { spectrum: buffer, destination, tables: lines.table };
    buffer = destination;
    const key = `long stage ${lines.table} ${JSON.stringify(work)}`;
    return { key, write: () => stageKernel(lines.count, factors, work), use };
  });
}

interface StageWork extends Stage {
  sign: Sign;
  fromStride: number;
  toStride: number;
  /** Bluestein's products: with the chirp, its spectrum, and the chirp again, conjugated for the inverse. */
  conjugate: boolean;
  before: boolean;
  between: boolean;
  after: boolean;
}

/** One stage of Stockham's transform, a thread for each butterfly; the same arithmetic as lines.ts. */
function stageKernel(lines: number, factors: Factors, stage: StageWork): Kernel {
  const { radix, span, sign, entry, fromStride, toStride } = stage;
  const { length, padded } = factors;
  const { chirp } = tableLayout(factors);
  const count = padded / radix;
  const registers = Array.from({ length: radix }, (_, k) => `x${k}`);
  const product = (x: string, index: string, part: 'xy' | 'zw') =>
    chirpProduct(x, `${chirp}u + ${index}`, part, stage.conjugate);
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
let j = i % ${count}u;
let read_from = (start * ${lines}u + i / ${count}u) * ${fromStride}u;
let write_to = (start * ${lines}u + i / ${count}u) * ${toStride}u;
${load.join('\n')}
${span > 1 ? twiddle(registers, `tables[${entry}u + j % ${span}u]`) : ''}
${butterfly(registers, sign)}
let base = j / ${span}u * ${span * radix}u + j % ${span}u;
${store.join('\n')}`;
  const bindings: Resource[] = ['spectrum', 'destination', 'tables'];
  return makeItemKernel({ bindings, declarations: TIMES, items: lines * count, body });
}

/** A workgroup for each column. */
function constrainKernel(field: Field, work: ColumnWork): Kernel {
  const { rows, stored, columnStride, kind } = field;
  const sums = columnSums(work, `start * ${stored}u + group`, kind.columnWeight(field, 'group')).map(({ value, use }) =>
    sumOverThreads(COLUMN_THREADS, 'thread', value, use),
  );
  const body = `
// A folded dispatch has workgroups beyond the last column.
if (group >= ${stored}u) { return; }
let base = (start * ${stored}u + group) * ${columnStride}u;
var residual = 0.0;
${constraintNames(work, rows * stored)}
for (var i = thread; i < ${rows}u; i += ${COLUMN_THREADS}u) {
  ${constrainStatement(work, 'spectrum[base + i]', `group * ${rows}u + i`)}
}
${sums.join('\nworkgroupBarrier();\n')}`;
  const bindings: Resource[] = ['spectrum', ...constraintResources(work)];
  const declarations = `var<workgroup> memory: array<f32, ${COLUMN_THREADS}>;${constraintFunctions(work, kind.spectrumScale)}`;
  return makeKernel({ bindings, declarations, threads: COLUMN_THREADS, body, workgroups: stored });
}

/** From the inverse's lines or the object, through the rule, to lines for the forward transform or the object. */
function pixelsKernel(field: Field, factors: Factors, work: RowWork): Kernel {
  const { columns, rowLines, kind } = field;
  const { inverse, rule, forward, support } = work;
  const { count } = farEnd(factors);
  const bindings: Resource[] = [...(inverse || forward ? (['destination'] as const) : []), ...pixelResources(work)];
  const inside = support && insideWord(field, factors, support, 'row_line', `n % ${count}u`);
  const body = `
let row_line = i / ${columns}u;
let n = i % ${columns}u;
${kind.lineNames(field, 'true')}
${pixelNames(work)}
let at = (start * ${rowLines}u + row_line) * ${factors.padded}u + n;
var z = vec2f();
${inverse ? `z = destination[at] * ${literal(normalisation(field, inverse))};` : kind.loadPixels('z', 'n')}
${inside ? `let inside = (${inside}) >> (n / ${count}u);` : ''}
${rule ? kind.pixelCode(work, 'z', 'n', 0) : ''}
${forward ? 'destination[at] = z;' : kind.storePixels('z', 'n')}`;
  const declarations = rule ? kind.ruleFunctions(rule) : '';
  return makeItemKernel({ bindings, types: kind.types, declarations, items: rowLines * columns, body });
}
