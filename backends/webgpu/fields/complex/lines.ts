/**
 * Lines of a complex object in WGSL: each row is one. Numbers in the spectrum are their values, and go from memory to the
 * registers of a transform and back.
 */
import type { LineWriter } from '../../wgsl/lines.js';
import type { RowWork } from '../../wgsl/work.js';
import type { Field } from '../field.js';
import { resultOf } from '../pixels.js';
import { pixelStatements } from './rule.js';

export function columnWeight(): string {
  return '1.0';
}

export function lineNames({ rows, columns, columnStride }: Field, exists: string): string {
  return `
let row_exists = ${exists};
let plane_at = row_line * ${columns}u;
let row_at = start * ${rows * columns}u + plane_at;
let spectrum_at = start * ${columns * columnStride}u + row_line;`;
}

export function pixelCode(work: RowWork, register: string, index: string, k: number): string {
  const outside = work.support ? `(inside & ${1 << k}u) == 0u` : undefined;
  const [at, inPlane] = [`row_at + ${index}`, `plane_at + ${index}`];
  const pixel = { value: register, index: at, inPlane, outside, result: resultOf(work) };
  return `if (row_exists) { ${pixelStatements(work.rule!, pixel)} }`;
}

export function loadPixels(register: string, index: string): string {
  return `if (row_exists) { ${register} = object[row_at + ${index}]; }`;
}

export function storePixels(register: string, index: string): string {
  return `if (row_exists) { object[row_at + ${index}] = ${register}; }`;
}

export function loadSpectrum(writer: LineWriter, { columnStride }: Field): void {
  writer.atEnd('near', ({ register, index }) => {
    return `if (row_exists) { ${register} = spectrum[spectrum_at + ${index} * ${columnStride}u]; }`;
  });
}

export function storeSpectrum(writer: LineWriter, { columnStride }: Field): void {
  writer.atEnd('near', ({ register, index }) => {
    return `if (row_exists) { spectrum[spectrum_at + ${index} * ${columnStride}u] = ${register}; }`;
  });
}
