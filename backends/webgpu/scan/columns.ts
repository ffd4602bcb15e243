/**
 * Kernels over the columns of waves: forward → impose the measured sizes → inverse, and the parts of that. A workgroup takes
 * neighbouring columns. The modes of a position are imposed together, by a kernel of their own where there are several.
 */
import { literal } from '../wgsl/butterflies.js';
import { constrainStatement, constraintFunctions } from '../wgsl/constraint.js';
import { comesOutEven, makeKernel, sumOverThreads, type Kernel, type Resource } from '../wgsl/kernel.js';
import { LineWriter } from '../wgsl/lines.js';
import { POLAR } from '../wgsl/philox.js';
import { WAVE_THREADS, partialsOf, type ScanField } from './field.js';
import { POSITION, SCAN_TYPES } from './positions.js';

export interface Imposing {
  /** Waves ← their measured sizes, and their phases. */
  imposes?: boolean;
  /** Adds up the squared residuals of a position, or the counts of its measured pixels, as the model has them. */
  sums?: 'residual' | 'counts';
}

export interface WaveColumns extends Imposing {
  forward?: boolean;
  inverse?: boolean;
  /** Moves a wave by the fraction of its position, or does the adjoint of that. The probe's spectrum is what is moved. */
  ramp?: 'shift' | 'adjoint';
}

/** exp(−2πi·k·fraction/n) for frequency number k; of both signs of the Nyquist frequency the mean, which keeps real waves real. */
const RAMP = `${POLAR}
fn ramp(k: u32, n: u32, fraction: f32) -> vec2f {
  if (2u * k == n) { return vec2f(polar(1.0, 0.5 * fraction).x, 0.0); }
  let frequency = f32(k) - select(0.0, f32(n), 2u * k > n);
  return polar(1.0, -frequency * fraction / f32(n));
}`;

export function waveColumns(field: ScanField, masked: boolean, work: WaveColumns): Kernel {
  const { rows, columns, modes, columnLine, streamed } = field;
  const { forward, inverse, ramp, imposes, sums } = work;
  const pixels = rows * columns;
  const writer = new LineWriter(columnLine, -1, true);
  const moves = ramp === 'shift';
  const constrains = imposes === true || sums !== undefined;
  const stores = imposes === true || inverse === true || !sums;
  const bindings: Resource[] = [
    ...(stores || !moves ? (['waves'] as const) : []),
    ...(moves ? (['spectrum'] as const) : []),
    ...(forward || inverse ? (['tables'] as const) : []),
    ...(constrains ? (['magnitudes'] as const) : []),
    ...(sums ? (['partials'] as const) : []),
    ...(ramp ? (['positions'] as const) : []),
    ...(constrains || ramp ? (['order', 'batch'] as const) : []),
  ];
  const readOnly: Resource[] = ['positions', 'spectrum', ...(stores ? [] : (['waves'] as const))];

  writer.emit(
    'let wave = start;',
    `let column = group * ${columnLine.lines}u + line;`,
    `let column_exists = ${comesOutEven(columns, columnLine.lines) ? 'true' : `column < ${columns}u`};`,
    `let base = wave * ${pixels}u + column;`,
  );
  if (constrains || ramp) writer.emit(`let position = order[batch.x + wave / ${modes}u];`);
  const from = moves ? `spectrum[wave % ${modes}u * ${pixels}u + column` : 'waves[base';
  writer.atEnd(forward ? 'near' : 'far', ({ register, index }) => {
    return `if (column_exists) { ${register} = ${from} + ${index} * ${columns}u]; }`;
  });
  if (forward) writer.transform('first');
  if (ramp) {
    const [factor, sign] = moves ? [` * ${literal(1 / pixels)}`, ''] : ['', 'vec2f(1.0, -1.0) * '];
    writer.emit(
      'let fraction = positions[position].fraction;',
      `let column_ramp = ramp(column, ${columns}u, fraction.y)${factor};`,
    );
    writer.atEnd('far', ({ register, index }) => {
      return `${register} = times(${register}, ${sign}times(ramp(${index}, ${rows}u, fraction.x), column_ramp));`;
    });
  }
  if (constrains) {
    writer.emit(
      'var residual = 0.0;',
      `let magnitude_at = ${streamed ? `wave / ${modes}u` : 'position'} * ${pixels}u + column;`,
    );
    writer.atEnd('far', ({ register, index }) => {
      const at = `magnitude_at + ${index} * ${columns}u`;
      return `if (column_exists) { ${constrained(work, register, at)} }`;
    });
  }
  if (inverse) writer.transform('second');
  if (stores) {
    writer.atEnd(inverse ? 'near' : 'far', ({ register, index }) => {
      return `if (column_exists) { waves[base + ${index} * ${columns}u] = ${register}; }`;
    });
  }
  if (sums) writer.sumLines('residual', storePartial(field));
  const functions = [ramp && POSITION + RAMP, constrains && constraintFunctions({ masked })].filter(Boolean);
  return writer.kernel(bindings, columns, functions.join('\n'), { types: SCAN_TYPES, readOnly });
}

/** The constraint on one number of the only mode, and its part of the sum. */
function constrained({ imposes, sums }: Imposing, value: string, at: string): string {
  if (sums === 'counts') return `if (magnitudes[${at}] != 0x7f800000u) { residual += dot(${value}, ${value}); }`;
  return constrainStatement({ constrain: imposes ? 'impose' : 'measure' }, value, at);
}

/** A folded dispatch has workgroups beyond the last. */
function storePartial(field: ScanField): string {
  const count = partialsOf(field);
  return `if (group < ${count}u) { partials[position * ${count}u + group] = sum; }`;
}

/** The constraint on all modes of a position together. Its third dimension is slots. */
export function imposeModes(field: ScanField, { imposes, sums }: Imposing): Kernel {
  const { rows, columns, modes, streamed } = field;
  const pixels = rows * columns;
  const part = sums === 'counts' ? 'total' : 'difference * difference';
  const body = `
let slot = start;
let position = order[batch.x + slot];
let i = group * ${WAVE_THREADS}u + thread;
let first = slot * ${modes * pixels}u + i;
var partial = 0.0;
if (i < ${pixels}u) {
  let bits = magnitudes[${streamed ? 'slot' : 'position'} * ${pixels}u + i];
  if (bits != 0x7f800000u) {
    let m = bitcast<f32>(bits);
    var total = 0.0;
    for (var mode = 0u; mode < ${modes}u; mode++) {
      let c = waves[first + mode * ${pixels}u];
      total += dot(c, c);
    }
    let zero = total == 0.0;
    let reciprocal = inverseSqrt(select(total, 1.0, zero));
    let difference = total * reciprocal - m;
    partial = ${part};
    ${imposes ? impose(modes, pixels) : ''}
  }
}
${sums ? sumOverThreads(WAVE_THREADS, 'thread', 'partial', storePartial(field)) : ''}`;
  const bindings: Resource[] = ['waves', 'magnitudes', 'order', 'batch', ...(sums ? (['partials'] as const) : [])];
  const declarations = `var<workgroup> memory: array<f32, ${WAVE_THREADS}>;`;
  const shape = { threads: WAVE_THREADS, workgroups: Math.ceil(pixels / WAVE_THREADS) };
  return makeKernel({ bindings, ...(!imposes && { readOnly: ['waves'] }), declarations, ...shape, body });
}

/** A wave of exactly 0 gets all of the measured size in its first mode. */
const impose = (modes: number, pixels: number) => `
for (var mode = 0u; mode < ${modes}u; mode++) {
  let at = first + mode * ${pixels}u;
  waves[at] = select(waves[at] * (m * reciprocal), vec2f(select(0.0, m, mode == 0u), 0.0), zero);
}`;
