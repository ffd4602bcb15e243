/**
 * Steps along the directions of object and probe that fit each position's difference best (Odstrčil, Menzel &
 * Guizar-Sicairos, Optics Express 26, 3108, 2018, eqs. 19–25), and their means over the batch.
 */
import { makeItemKernel, makeKernel, sumOverThreads, type Kernel, type Resource } from '../wgsl/kernel.js';
import { TIMES } from '../wgsl/lines.js';
import { FIT_SUMS, RULE, WAVE_THREADS, sharesOf, type ScanField } from './field.js';
import { POSITION, SCAN_TYPES, eachPixelOfShare, storeSums } from './positions.js';

/**
 * The sums of each slot's problem: |u|², |v|², Re and Im of u·conj(v), Re conj(u)·χ, Re conj(v)·χ, with u = dO·P and v = dP·O.
 * With `placed`, `back` holds dP as it lies at each slot.
 */
export function fitSums(
  field: ScanField,
  { updatesProbe, placed }: { updatesProbe: boolean; placed: boolean },
): Kernel {
  const { rows, columns, modes } = field;
  const { count, pixels: share } = sharesOf(field);
  const pixels = rows * columns;
  const probeAt = placed ? 'wave_at' : `mode * ${pixels}u + i`;
  const v = `let v = times(${placed ? 'back' : 'probeSum'}[${probeAt}], o);`;
  const body = `
var sums = vec4f();
var slopes = vec2f();
${eachPixelOfShare(
  field,
  share,
  `${updatesProbe ? 'let o = object[at];' : ''}
  let direction = objectSum[at];
  for (var mode = 0u; mode < ${modes}u; mode++) {
    let wave_at = (slot * ${modes}u + mode) * ${pixels}u + i;
    let chi = waves[wave_at];
    let u = times(direction, probe[${probeAt}]);
    ${updatesProbe ? v : 'let v = vec2f();'}
    sums += vec4f(dot(u, u), dot(v, v), dot(u, v), u.y * v.x - u.x * v.y);
    slopes += vec2f(dot(u, chi), dot(v, chi));
  }`,
)}
${storeSums(['sums.x', 'sums.y', 'sums.z', 'sums.w', 'slopes.x', 'slopes.y'], `(slot * ${count}u + group) * ${FIT_SUMS}u`)}`;
  const direction: Resource[] = updatesProbe ? ['object', placed ? 'back' : 'probeSum'] : [];
  const bindings: Resource[] = ['waves', 'probe', 'objectSum', ...direction, 'positions', 'order', 'batch', 'fits'];
  const readOnly: Resource[] = ['waves', 'probe', 'objectSum', ...direction, 'positions'];
  const declarations = `var<workgroup> memory: array<f32, ${WAVE_THREADS}>;${POSITION}${TIMES}`;
  const text = { bindings, readOnly, types: SCAN_TYPES, declarations, body };
  return makeKernel({ ...text, threads: WAVE_THREADS, workgroups: count });
}

/** steps ← those of object and probe, of all slots of the batch. */
export function solveFits(field: ScanField, updatesProbe: boolean): Kernel {
  const { count } = sharesOf(field);
  const each = `for (var slot = thread; slot < batch.y; slot += ${WAVE_THREADS}u)`;
  const mean = (value: string, to: string) =>
    `${sumOverThreads(WAVE_THREADS, 'thread', value, `${to} = sum / f32(batch.y);`)}\nworkgroupBarrier();`;
  const both = `
let a = fit.squares + ${RULE.ridge} * ridge;
let determinant = a.x * a.y - dot(fit.product, fit.product);
total += max(vec2f(), ratio(a.yx * fit.slopes - fit.product.x * fit.slopes.yx, vec2f(determinant)));`;
  const objectOnly = 'total.x += max(0.0, ratio(fit.slopes, fit.squares).x);';
  const body = `
var total = vec2f();
${each} { total += fit_of(slot).squares; }
${mean('total.x', 'ridge.x')}
${mean('total.y', 'ridge.y')}
total = vec2f();
${each} {
  let fit = fit_of(slot);
  ${updatesProbe ? both : objectOnly}
}
${mean('total.x', 'steps[0]')}
${mean('total.y', 'steps[1]')}`;
  const declarations = `
struct Fit { squares: vec2f, product: vec2f, slopes: vec2f }
var<workgroup> memory: array<f32, ${WAVE_THREADS}>;
var<workgroup> ridge: vec2f;
fn fit_of(slot: u32) -> Fit {
  var fit = Fit();
  for (var share = 0u; share < ${count}u; share++) {
    let at = (slot * ${count}u + share) * ${FIT_SUMS}u;
    fit.squares += vec2f(fits[at], fits[at + 1u]);
    fit.product += vec2f(fits[at + 2u], fits[at + 3u]);
    fit.slopes += vec2f(fits[at + 4u], fits[at + 5u]);
  }
  return fit;
}
// 0 where the denominator is.
fn ratio(n: vec2f, d: vec2f) -> vec2f {
  let positive = d > vec2f();
  return select(vec2f(), n / select(vec2f(1.0), d, positive), positive);
}`;
  const bindings: Resource[] = ['fits', 'batch', 'steps', 'rule'];
  return makeKernel({ bindings, readOnly: ['fits'], declarations, threads: WAVE_THREADS, body, workgroups: 1 });
}

/** Object or probe ← a step along its direction. */
export function stepAlong(
  { objectRows, objectColumns, rows, columns, modes }: ScanField,
  what: 'object' | 'probe',
): Kernel {
  const [sum, step, items] =
    what === 'object'
      ? (['objectSum', 'steps[0]', objectRows * objectColumns] as const)
      : (['probeSum', 'steps[1]', rows * columns * modes] as const);
  const body = `${what}[i] += ${RULE.step} * ${step} * ${sum}[i];`;
  const bindings: Resource[] = [what, sum, 'steps', 'rule'];
  return makeItemKernel({ bindings, readOnly: [sum, 'steps'], types: SCAN_TYPES, items, body });
}
