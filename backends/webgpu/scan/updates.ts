/**
 * Kernels that update object and probe from the waves of a span. Each pixel gathers what lies over it, in the order of
 * slots, so that results are the same bits every time.
 *
 * An update is N/((1−α)·D + α·max D). D, the *weight*, is Σ|P|² for the object and Σ|O|² for the probe; N is Σ conj(P)·d for
 * the object and Σ conj(O)·d for the probe, over differences d.
 */
import { largestOverThreads, makeItemKernel, makeKernel, type Kernel, type Resource } from '../wgsl/kernel.js';
import { TIMES } from '../wgsl/lines.js';
import { PARTS, PROBE_PIXELS, RULE, TILE, probeGroups, tilesOf, type ScanField } from './field.js';
import { POSITION, SCAN_TYPES } from './positions.js';

const THREADS = PARTS * PROBE_PIXELS;

/** `at`, the object's pixel of a thread, and whether it `exists`. */
const tilePixel = ({ objectRows, objectColumns, ...field }: ScanField) => {
  const { across } = tilesOf({ objectRows, objectColumns, ...field });
  return `
let row = group / ${across}u * ${TILE.rows}u + thread / ${TILE.columns}u;
let column = group % ${across}u * ${TILE.columns}u + thread % ${TILE.columns}u;
let at = row * ${objectColumns}u + column;
let exists = row < ${objectRows}u && column < ${objectColumns}u;`;
};

/** Code for each `slot` whose patch covers the object's pixel, which is pixel `i` of the probe there. */
const eachSlotOver = ({ rows, columns }: ScanField, code: string) => `
for (var slot = 0u; slot < batch.y; slot++) {
  let corner = positions[order[batch.x + slot]].corner;
  // Before the corner, differences wrap to large numbers.
  if (row - corner.x < ${rows}u && column - corner.y < ${columns}u) {
    let i = (row - corner.x) * ${columns}u + column - corner.y;
    ${code}
  }
}`;

/** Code for each mode of the slot, with the index of its wave, and where it is said whether it is `placed`, its probe. */
const eachMode = ({ rows, columns, modes }: ScanField, code: string, placed: boolean | undefined) => `
for (var mode = 0u; mode < ${modes}u; mode++) {
  let wave_at = (slot * ${modes}u + mode) * ${rows * columns}u + i;
  ${placed === undefined ? '' : `let p = probe[${placed ? 'wave_at' : `mode * ${rows * columns}u + i`}];`}
  ${code}
}`;

/** `i`, the probe's pixel of a thread, whether it `exists`, and the `part` of the slots that the thread adds up. */
const probePixel = ({ rows, columns }: ScanField, group: string) => `
let part = thread / ${PROBE_PIXELS}u;
let i = ${group} * ${PROBE_PIXELS}u + thread % ${PROBE_PIXELS}u;
let exists = i < ${rows * columns}u;`;

/** Adds the parts of a pixel, which are in `memory`. */
const PARTS_SUM = Array.from({ length: PARTS }, (_, part) => `memory[thread + ${part * PROBE_PIXELS}u]`).join(' + ');

export interface Weighing {
  object?: boolean;
  probe?: boolean;
  /** Adds to the weights that there are. */
  accumulates?: boolean;
  placed: boolean;
}

/** Weights of object and probe, and the largest of each workgroup in `maxima`. */
export function weigh(field: ScanField, { object, probe, accumulates, placed }: Weighing): Kernel {
  const { columns, objectColumns } = field;
  const tiles = tilesOf(field).count;
  const [groups, first] = [object ? tiles : 0, object ? 0 : tiles];
  const workgroups = groups + (probe ? probeGroups(field) : 0);
  const ofObject = `
${tilePixel(field)}
if (exists) {
  ${accumulates ? 'weight = objectWeight[at];' : ''}
  ${eachSlotOver(field, eachMode(field, 'weight += dot(p, p);', placed))}
  objectWeight[at] = weight;
}`;
  const ofProbe = `
${probePixel(field, `(group - ${groups}u)`)}
if (exists) {
  for (var slot = part; slot < batch.y; slot += ${PARTS}u) {
    let corner = positions[order[batch.x + slot]].corner;
    let o = object[(corner.x + i / ${columns}u) * ${objectColumns}u + corner.y + i % ${columns}u];
    weight += dot(o, o);
  }
}
memory[thread] = weight;
workgroupBarrier();
weight = 0.0;
if (exists && part == 0u) {
  weight = ${PARTS_SUM}${accumulates ? ' + probeWeight[i]' : ''};
  probeWeight[i] = weight;
}
workgroupBarrier();`;
  const either = `if (group < ${groups}u) { ${ofObject} } else { ${ofProbe} }`;
  // A folded dispatch has workgroups beyond the last.
  const store = `if (group < ${workgroups}u) { maxima[group + ${first}u] = most; }`;
  const body = `
var weight = 0.0;
${object && probe ? either : object ? ofObject : ofProbe}
${largestOverThreads(THREADS, 'weight', store)}`;
  const bindings: Resource[] = [
    ...(['positions', 'order', 'batch', 'maxima'] as const),
    ...(object ? (['probe', 'objectWeight'] as const) : []),
    ...(probe ? (['object', 'probeWeight'] as const) : []),
  ];
  const declarations = `var<workgroup> memory: array<f32, ${THREADS}>;${POSITION}`;
  const readOnly: Resource[] = ['positions', 'probe', 'object'];
  const text = { bindings, readOnly, types: SCAN_TYPES, declarations, body };
  return makeKernel({ ...text, threads: THREADS, workgroups });
}

/** largest[0] ← the object's largest weight, largest[1] ← the probe's. */
export function findLargest(field: ScanField): Kernel {
  const tiles = tilesOf(field).count;
  const body = `
let end = select(${tiles + probeGroups(field)}u, ${tiles}u, group == 0u);
var value = 0.0;
for (var i = group * ${tiles}u + thread; i < end; i += ${THREADS}u) { value = max(value, maxima[i]); }
${largestOverThreads(THREADS, 'value', 'largest[group] = most;')}`;
  const declarations = `var<workgroup> memory: array<f32, ${THREADS}>;`;
  const text = { bindings: ['maxima', 'largest'] as Resource[], readOnly: ['maxima'] as Resource[] };
  return makeKernel({ ...text, declarations, threads: THREADS, body, workgroups: 2 });
}

/** What becomes of the sum N: it updates, it is weighted or averaged as a direction, it is kept, or added to what was kept. */
export type Sum = 'update' | 'direction' | 'store' | 'accumulate';

const READ_ONLY: Resource[] = ['waves', 'back', 'positions', 'objectWeight', 'probeWeight', 'largest'];

const WEIGHTED = `
fn weighted(n: vec2f, weight: f32, most: f32) -> vec2f {
  let d = (1.0 - ${RULE.alpha}) * weight + ${RULE.alpha} * most;
  return select(vec2f(), n / select(1.0, d, d > 0.0), d > 0.0);
}`;

/** The object's sum over a span, of gradients; for a direction, of differences, which are needed after it. */
export function sumObject(field: ScanField, sum: Sum, placed: boolean): Kernel {
  const ofDifferences = sum === 'direction';
  const term = ofDifferences ? 'n += times(waves[wave_at], vec2f(p.x, -p.y));' : 'n += waves[wave_at];';
  const weighted = 'weighted(n, objectWeight[at], largest[0])';
  const end: Record<Sum, string> = {
    update: `if (any(n != vec2f())) { object[at] += ${RULE.step} * ${weighted}; }`,
    direction: `objectSum[at] = ${weighted};`,
    store: 'objectSum[at] = n;',
    accumulate: 'objectSum[at] += n;',
  };
  const weighs = sum === 'update' || sum === 'direction';
  const bindings: Resource[] = [
    ...(['waves', 'positions', 'order', 'batch'] as const),
    ...(ofDifferences ? (['probe'] as const) : []),
    sum === 'update' ? 'object' : 'objectSum',
    ...(weighs ? (['objectWeight', 'largest', 'rule'] as const) : []),
  ];
  const body = `
${tilePixel(field)}
if (exists) {
  var n = vec2f();
  ${eachSlotOver(field, eachMode(field, term, ofDifferences ? placed : undefined))}
  ${end[sum]}
}`;
  const declarations = POSITION + (ofDifferences ? TIMES : '') + (weighs ? WEIGHTED : '');
  const text = { bindings, readOnly: [...READ_ONLY, 'probe'] as Resource[], types: SCAN_TYPES, declarations, body };
  return makeKernel({ ...text, threads: THREADS, workgroups: tilesOf(field).count });
}

/** The probe's sum over a span, of `back`. Its third dimension is modes. */
export function sumProbe(field: ScanField, sum: Sum): Kernel {
  const { rows, columns, modes } = field;
  const pixels = rows * columns;
  const end: Record<Sum, string> = {
    update: `probe[at] += ${RULE.step} * weighted(n, probeWeight[i], largest[1]);`,
    direction: 'probeSum[at] = n / f32(batch.y);',
    store: 'probeSum[at] = n;',
    accumulate: 'probeSum[at] += n;',
  };
  const bindings: Resource[] = [
    ...(['back', 'batch'] as const),
    ...(sum === 'update' ? (['probe', 'probeWeight', 'largest', 'rule'] as const) : (['probeSum'] as const)),
  ];
  const body = `
let mode = start;
${probePixel(field, 'group')}
var sum = vec2f();
if (exists) {
  for (var slot = part; slot < batch.y; slot += ${PARTS}u) { sum += back[(slot * ${modes}u + mode) * ${pixels}u + i]; }
}
memory[thread] = sum;
workgroupBarrier();
if (exists && part == 0u) {
  let at = mode * ${pixels}u + i;
  let n = ${PARTS_SUM};
  ${end[sum]}
}`;
  const declarations = `var<workgroup> memory: array<vec2f, ${THREADS}>;${sum === 'update' ? WEIGHTED : ''}`;
  const text = { bindings, readOnly: READ_ONLY, declarations, body };
  return makeKernel({ ...text, threads: THREADS, workgroups: probeGroups(field) });
}

/** Updates the object by the sum that was kept. */
export function updateObject({ objectRows, objectColumns }: ScanField): Kernel {
  const body = `object[i] += ${RULE.step} * weighted(objectSum[i], objectWeight[i], largest[0]);`;
  const bindings: Resource[] = ['object', 'objectSum', 'objectWeight', 'largest', 'rule'];
  const text = { bindings, readOnly: [...READ_ONLY, 'objectSum'] as Resource[], types: SCAN_TYPES };
  return makeItemKernel({ ...text, declarations: WEIGHTED, items: objectRows * objectColumns, body });
}

export function updateProbe({ rows, columns, modes }: ScanField): Kernel {
  const body = `probe[i] += ${RULE.step} * weighted(probeSum[i], probeWeight[i % ${rows * columns}u], largest[1]);`;
  const bindings: Resource[] = ['probe', 'probeSum', 'probeWeight', 'largest', 'rule'];
  const readOnly: Resource[] = [...READ_ONLY, 'probeSum'];
  return makeItemKernel({ bindings, readOnly, declarations: WEIGHTED, items: rows * columns * modes, body });
}
