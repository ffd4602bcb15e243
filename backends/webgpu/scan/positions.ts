/** Positions in WGSL, and how they are corrected to first order (Odstrčil et al., Optics Express 26, 3108, 2018, eq. 31). */
import { makeKernel, sumOverThreads, type Kernel, type KernelText, type Resource } from '../wgsl/kernel.js';
import { TIMES } from '../wgsl/lines.js';
import { FIT_SUMS, RULE, WAVE_THREADS, sharesOf, type ScanField } from './field.js';

/** The patch of a position is at whole pixels; the probe is moved by the fraction, −½ ≤ fraction < ½. */
export const POSITION = `
struct Position { corner: vec2u, fraction: vec2f }`;

/** Objects are complex here. */
export const SCAN_TYPES: KernelText['types'] = { object: 'array<vec2f>' };

/** Code for each pixel `i` of a workgroup's share of a slot's wave, with its index in the object. */
export function eachPixelOfShare({ rows, columns, objectColumns }: ScanField, share: number, code: string): string {
  return `
let slot = start;
let position = order[batch.x + slot];
let corner = positions[position].corner;
for (var q = 0u; q < ${share / WAVE_THREADS}u; q++) {
  let i = group * ${share}u + q * ${WAVE_THREADS}u + thread;
  if (i >= ${rows * columns}u) { break; }
  let row = corner.x + i / ${columns}u;
  let column = corner.y + i % ${columns}u;
  let at = row * ${objectColumns}u + column;
  ${code}
}`;
}

/** Stores sums of a workgroup's share in `fits`, at `base`. */
export function storeSums(sums: readonly string[], base: string): string {
  return sums
    .map((sum, i) => sumOverThreads(WAVE_THREADS, 'thread', sum, `fits[${base} + ${i}u] = sum;`))
    .join('\nworkgroupBarrier();\n');
}

/** Two sums for each axis: Re Σ conj(v)·χ and Σ|v|², v being P times the object's central difference, 0 across its border. */
export function slopes(field: ScanField, placed: boolean): Kernel {
  const { rows, columns, objectRows, objectColumns, modes } = field;
  const { count, pixels: share } = sharesOf(field);
  const pixels = rows * columns;
  const body = `
var sums = vec4f();
${eachPixelOfShare(
  field,
  share,
  `var down = vec2f();
  var right = vec2f();
  if (row > 0u && row + 1u < ${objectRows}u) { down = 0.5 * (object[at + ${objectColumns}u] - object[at - ${objectColumns}u]); }
  if (column > 0u && column + 1u < ${objectColumns}u) { right = 0.5 * (object[at + 1u] - object[at - 1u]); }
  for (var mode = 0u; mode < ${modes}u; mode++) {
    let wave_at = (slot * ${modes}u + mode) * ${pixels}u + i;
    let p = probe[${placed ? 'wave_at' : `mode * ${pixels}u + i`}];
    let chi = waves[wave_at];
    let v = times(p, down);
    let w = times(p, right);
    sums += vec4f(dot(v, chi), dot(v, v), dot(w, chi), dot(w, w));
  }`,
)}
${storeSums(['sums.x', 'sums.y', 'sums.z', 'sums.w'], `(position * ${count}u + group) * ${FIT_SUMS}u`)}`;
  const bindings: Resource[] = ['waves', 'probe', 'object', 'positions', 'order', 'batch', 'fits'];
  const readOnly: Resource[] = ['waves', 'probe', 'object', 'positions'];
  const declarations = `var<workgroup> memory: array<f32, ${WAVE_THREADS}>;${POSITION}${TIMES}`;
  const text = { bindings, readOnly, types: SCAN_TYPES, declarations, body };
  return makeKernel({ ...text, threads: WAVE_THREADS, workgroups: count });
}

/** Moves each position by what its sums say, less their mean, by so much at most along an axis. Patches stay in the object. */
export function movePositions(field: ScanField): Kernel {
  const { positions, rows, columns, objectRows, objectColumns } = field;
  const { count } = sharesOf(field);
  const each = `for (var j = thread; j < ${positions}u; j += ${WAVE_THREADS}u)`;
  const mean = (axis: string) =>
    sumOverThreads(WAVE_THREADS, 'thread', `total.${axis}`, `mean.${axis} = sum / ${positions}.0;`);
  const body = `
var total = vec2f();
${each} {
  var sums = vec4f();
  for (var share = 0u; share < ${count}u; share++) {
    let at = (j * ${count}u + share) * ${FIT_SUMS}u;
    sums += vec4f(fits[at], fits[at + 1u], fits[at + 2u], fits[at + 3u]);
  }
  let has_slope = sums.yw > vec2f();
  let step = select(vec2f(), sums.xz / select(vec2f(1.0), sums.yw, has_slope), has_slope);
  moves[j] = step;
  total += step;
}
${mean('x')}
workgroupBarrier();
${mean('y')}
workgroupBarrier();
${each} {
  let fraction = positions[j].fraction + clamp(moves[j] - mean, vec2f(-${RULE.most}), vec2f(${RULE.most}));
  let whole = floor(fraction + 0.5);
  var corner = vec2i(positions[j].corner) + vec2i(whole);
  var rest = fraction - whole;
  let furthest = vec2i(${objectRows - rows}, ${objectColumns - columns});
  let below = (corner < vec2i()) | ((corner == vec2i()) & (rest < vec2f()));
  let beyond = (corner > furthest) | ((corner == furthest) & (rest > vec2f()));
  corner = clamp(corner, vec2i(), furthest);
  rest = select(rest, vec2f(), below | beyond);
  positions[j] = Position(vec2u(corner), rest);
}`;
  const declarations = `
var<workgroup> memory: array<f32, ${WAVE_THREADS}>;
var<workgroup> mean: vec2f;
${POSITION}`;
  const bindings: Resource[] = ['fits', 'moves', 'positions', 'rule'];
  return makeKernel({ bindings, readOnly: ['fits'], declarations, threads: WAVE_THREADS, body, workgroups: 1 });
}
