/** What lines.ts does in a workgroup, for lines that are too long for one: a thread for each number, in buffers. */
import { makeItemKernel, type Kernel } from '../../wgsl/kernel.js';
import type { Field } from '../field.js';

export function joinKernel(field: Field, stride: number): Kernel {
  return columnsKernel(field, stride, (at, line) => `destination[${line}] = spectrum[${at}];`);
}

export function splitKernel(field: Field, stride: number): Kernel {
  return columnsKernel(field, stride, (at, line) => `spectrum[${at}] = destination[${line}];`);
}

/** A thread for each number of the spectrum, which is at `at` in it and at `line` in the lines. */
function columnsKernel(field: Field, stride: number, statement: (at: string, line: string) => string): Kernel {
  const { rows, columns, columnStride } = field;
  const body = `
let row = i % ${rows}u;
let column = i / ${rows}u;
let at = (start * ${columns}u + column) * ${columnStride}u + row;
let line = (start * ${rows}u + row) * ${stride}u + column;
${statement('at', 'line')}`;
  return makeItemKernel({ bindings: ['spectrum', 'destination'], items: rows * columns, body });
}
