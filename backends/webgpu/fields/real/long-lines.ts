/** What lines.ts does in a workgroup, for lines that are too long for one: a thread for each number, in buffers. */
import { makeItemKernel, type Kernel } from '../../wgsl/kernel.js';
import type { Field } from '../field.js';
import { JOIN_AND_SPLIT, SPECTRUM_TYPE, isReal } from './lines.js';

/** Puts lines, `stride` numbers apart, together from the columns of their rows. */
export function joinKernel(field: Field, stride: number): Kernel {
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
export function splitKernel(field: Field, stride: number): Kernel {
  const lines = 'vec4f(destination[line + c], destination[line + mirror])';
  return columnsKernel(field, stride, `spectrum[at] = split_rows(${lines});`);
}

/** A thread for each column of each pair of rows. */
function columnsKernel(field: Field, stride: number, statements: string): Kernel {
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
