/** What lines.ts does in a workgroup, for lines that are too long for one: a thread for each number, in buffers. */
import { literal } from '../../wgsl/butterflies.js';
import { makeItemKernel, type Kernel, type Resource } from '../../wgsl/kernel.js';
import { farEnd, type Factors } from '../../wgsl/plan.js';
import type { RowWork } from '../../wgsl/work.js';
import type { RealField } from './layout.js';
import {
  JOIN_AND_SPLIT,
  SPECTRUM_TYPE,
  isReal,
  loadPixels,
  normalisation,
  pairNames,
  pixelCode,
  pixelNames,
  pixelResources,
  storePixels,
  supportRow,
} from './lines.js';

/** Puts lines, `stride` numbers apart, together from the columns of their rows. */
export function joinKernel(field: RealField, stride: number): Kernel {
  const hasSecond = field.rows % 2 === 0 ? 'true' : `pair + 1u < ${field.pairs}u`;
  return columnsKernel(
    field,
    stride,
    `let z = join_rows(spectrum[at], ${hasSecond}, ${isReal(field, 'c')});
destination[line + c] = z.xy;
destination[line + mirror] = z.zw;`,
  );
}

/** The reverse. */
export function splitKernel(field: RealField, stride: number): Kernel {
  const lines = 'vec4f(destination[line + c], destination[line + mirror])';
  return columnsKernel(field, stride, `spectrum[at] = split_rows(${lines});`);
}

/** A thread for each column of each pair of rows. */
function columnsKernel(field: RealField, stride: number, statements: string): Kernel {
  const { columns, stored, columnStride, pairs } = field;
  const body = `
let pair = i % ${pairs}u;
let c = i / ${pairs}u;
let mirror = select(${columns}u - c, 0u, c == 0u);
let at = (start * ${stored}u + c) * ${columnStride / 2}u + pair;
let line = (start * ${pairs}u + pair) * ${stride}u;
${statements}`;
  const text = { types: { spectrum: SPECTRUM_TYPE }, declarations: JOIN_AND_SPLIT, body };
  return makeItemKernel({ bindings: ['spectrum', 'destination'], items: stored * pairs, ...text });
}

/** From the inverse's lines or the object, through the rule, to lines for the forward transform or the object. */
export function pixelsKernel(field: RealField, factors: Factors, work: RowWork): Kernel {
  const { columns, pairs } = field;
  const { inverse, rule, forward, support } = work;
  const { count } = farEnd(factors);
  const bindings: Resource[] = [...(inverse || forward ? (['destination'] as const) : []), ...pixelResources(work)];
  const body = `
let pair = i / ${columns}u;
let n = i % ${columns}u;
${pairNames(field, 'true')}
${pixelNames(work)}
let at = (start * ${pairs}u + pair) * ${factors.padded}u + n;
var z = vec2f();
${inverse ? `z = destination[at] * ${literal(normalisation(field, inverse))};` : loadPixels('z', 'n')}
${support ? `let inside = support[${supportRow(field, factors, support, 'pair')} + n % ${count}u] >> (n / ${count}u);` : ''}
${rule ? pixelCode(work, 'z', 'n', 0) : ''}
${forward ? 'destination[at] = z;' : storePixels('z', 'n')}`;
  return makeItemKernel({ bindings, items: pairs * columns, body });
}
