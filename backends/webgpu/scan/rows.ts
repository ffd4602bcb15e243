/** Kernels over the rows of waves: P·O → forward, and inverse → what becomes of a wave. A workgroup takes whole rows. */
import { literal } from '../wgsl/butterflies.js';
import { comesOutEven, type Kernel, type Resource } from '../wgsl/kernel.js';
import { LineWriter } from '../wgsl/lines.js';
import { RULE, type ScanField } from './field.js';
import { POSITION, SCAN_TYPES } from './positions.js';

export interface WaveRows {
  /** What rows begin as: P·O, c·P·O + (1−c)·ψ of kept waves, kept waves, waves, or the probe. */
  load: 'product' | 'mixed' | 'kept' | 'waves' | 'probe';
  transform?: 'forward' | 'inverse';
  /**
   * What becomes of them: waves, kept waves, the step that kept waves take, or in place of waves the difference d from P·O, or
   * conj(P)·d, the object's `gradient`.
   */
  store: 'waves' | 'kept' | 'step' | 'difference' | 'gradient';
  /** Stores conj(O)·d in `back`, beside the difference or the gradient. */
  back?: boolean;
  /** They are divided by the number of pixels, which an inverse transform lacks. */
  normalised?: boolean;
  /** Each slot has its own probe. */
  placed: boolean;
}

/**
 * What ends a pass over rows, from products and sums that a compiler cannot join otherwise: whether the transform before it is
 * in the same kernel, results are the same bits.
 */
const ENDS = {
  differs: `
fn rounded_product(a: vec2f, b: vec2f) -> vec2f { return fma(a, vec2f(b.x), vec2f(-a.y, a.x) * b.y); }
fn less_product(value: vec2f, a: vec2f, b: vec2f) -> vec2f {
  return fma(-a, vec2f(b.x), fma(vec2f(a.y, -a.x), vec2f(b.y), value));
}`,
  steps: `
fn stepped(kept: vec2f, p: vec2f, o: vec2f, value: vec2f) -> vec2f {
  let product = fma(p, vec2f(o.x), vec2f(-p.y, p.x) * o.y);
  return fma(vec2f(${RULE.b}), value, fma(vec2f(${RULE.a}), product, (1.0 - ${RULE.a} - ${RULE.b}) * kept));
}`,
};

export function waveRows(field: ScanField, work: WaveRows): Kernel {
  const { rows, columns, objectColumns, modes, rowLine } = field;
  const { load, transform, store, back, normalised, placed } = work;
  const pixels = rows * columns;
  const writer = new LineWriter(rowLine, -1);
  const differs = store === 'difference' || store === 'gradient';
  const takesProduct = load === 'product' || load === 'mixed' || store === 'step' || differs;
  const takesKept = load === 'mixed' || load === 'kept' || store === 'kept' || store === 'step';
  const writesWaves = store === 'waves' || differs;
  const bindings: Resource[] = [
    ...(load === 'waves' || writesWaves ? (['waves'] as const) : []),
    ...(transform ? (['tables'] as const) : []),
    ...(takesProduct || load === 'probe' ? (['probe'] as const) : []),
    ...(takesProduct ? (['object'] as const) : []),
    ...(takesProduct || takesKept ? (['positions', 'order', 'batch'] as const) : []),
    ...(takesKept ? (['kept'] as const) : []),
    ...(load === 'mixed' || store === 'step' ? (['rule'] as const) : []),
    ...(back ? (['back'] as const) : []),
  ];
  const readOnly: Resource[] = ['probe', 'object', 'positions'];
  if (!writesWaves) readOnly.push('waves');
  if (store !== 'kept' && store !== 'step') readOnly.push('kept');

  writer.emit(
    `let wave = start;`,
    `let row = group * ${rowLine.lines}u + line;`,
    `let row_exists = ${comesOutEven(rows, rowLine.lines) ? 'true' : `row < ${rows}u`};`,
    `let row_at = row * ${columns}u;`,
    `let wave_at = wave * ${pixels}u + row_at;`,
    `let probe_at = ${placed ? 'wave_at' : `wave % ${modes}u * ${pixels}u + row_at`};`,
  );
  if (takesProduct || takesKept) {
    writer.emit(
      `let position = order[batch.x + wave / ${modes}u];`,
      `let corner = positions[position].corner;`,
      `let object_at = (corner.x + row) * ${objectColumns}u + corner.y;`,
      `let kept_at = (position * ${modes}u + wave % ${modes}u) * ${pixels}u + row_at;`,
    );
  }
  const product = (index: string) => `times(probe[probe_at + ${index}], object[object_at + ${index}])`;
  const loaded: Record<WaveRows['load'], (index: string) => string> = {
    product,
    mixed: (index) => `${RULE.c} * ${product(index)} + (1.0 - ${RULE.c}) * kept[kept_at + ${index}]`,
    kept: (index) => `kept[kept_at + ${index}]`,
    waves: (index) => `waves[wave_at + ${index}]`,
    probe: (index) => `probe[probe_at + ${index}]`,
  };
  const difference = (value: string, index: string) => `let p = probe[probe_at + ${index}];
let o = object[object_at + ${index}];
let d = less_product(${value}, p, o);
waves[wave_at + ${index}] = ${store === 'gradient' ? 'rounded_product(d, vec2f(p.x, -p.y))' : 'd'};
${back ? `back[wave_at + ${index}] = rounded_product(d, vec2f(o.x, -o.y));` : ''}`;
  const factor = normalised ? ` * ${literal(1 / pixels)}` : '';
  const stored: Record<WaveRows['store'], (value: string, index: string) => string> = {
    waves: (value, index) => `waves[wave_at + ${index}] = ${value};`,
    kept: (value, index) => `kept[kept_at + ${index}] = ${value};`,
    step: (value, index) => `let kept_index = kept_at + ${index};
kept[kept_index] = stepped(kept[kept_index], probe[probe_at + ${index}], object[object_at + ${index}], ${value});`,
    difference,
    gradient: difference,
  };
  writer.atEnd(transform === 'inverse' ? 'far' : 'near', ({ register, index }) => {
    return `if (row_exists) { ${register} = ${loaded[load](index)}; }`;
  });
  if (transform) writer.transform(transform === 'forward' ? 'first' : 'second');
  writer.atEnd(transform === 'forward' ? 'far' : 'near', ({ register, index }) => {
    return `if (row_exists) { ${stored[store](register + factor, index)} }`;
  });
  const functions = [
    bindings.includes('positions') && POSITION,
    differs && ENDS.differs,
    store === 'step' && ENDS.steps,
  ].filter(Boolean);
  return writer.kernel(bindings, rows, functions.join('\n'), { types: SCAN_TYPES, readOnly });
}
