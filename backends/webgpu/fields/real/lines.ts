/**
 * Lines of a real object in WGSL. Two rows, a *pair*, are the real and the imaginary part of one complex line
 * Z(c) = X₀(c) + i·X₁(c); its numbers at c and −c hold column c of both rows' half spectra. Two rows of one column are one
 * vec4f. Every number in the spectrum is twice its value: splitting two rows from one transform then needs no halving.
 *
 * `lineNames` declares what the others use: whether each row of a pair exists, which the last may not, and where each
 * begins in images.
 */
import { comesOutEven } from '../../wgsl/kernel.js';
import type { LineWriter } from '../../wgsl/lines.js';
import type { RowWork } from '../../wgsl/work.js';
import type { Field } from '../field.js';
import { pixelResources, resultOf } from '../pixels.js';
import { pixelStatements } from './rule.js';

/** A pair of rows of one column in the spectrum. */
export const SPECTRUM_TYPE = 'array<vec4f>';

/**
 * `join_rows`: Z(c) and Z(−c) of a pair of rows. The padding behind an odd number of rows is no row, and columns that are
 * their own mirror image are real. `split_rows`: the reverse, by the Hermitian and the anti-Hermitian part.
 */
export const JOIN_AND_SPLIT = `
fn join_rows(rows: vec4f, has_second: bool, is_real: bool) -> vec4f {
  var a = rows;
  if (!has_second) { a.z = 0.0; a.w = 0.0; }
  if (is_real) { a.y = 0.0; a.w = 0.0; }
  return vec4f(a.x - a.w, a.y + a.z, a.x + a.w, a.z - a.y);
}
fn split_rows(z: vec4f) -> vec4f { return vec4f(z.x + z.z, z.y - z.w, z.y + z.w, z.z - z.x); }`;

/** Columns that are their own mirror image: of the zero frequency and of the Nyquist frequency. */
export function isReal({ columns }: Field, column: string): string {
  return `(${column} == 0u || 2u * ${column} == ${columns}u)`;
}

/**
 * The weight of a column's squared residual. A column stands for its mirror image too, unless it is its own; numbers in
 * it are twice their value, squares four times.
 */
export function columnWeight(field: Field, column: string): string {
  return `select(0.5, 0.25, ${isReal(field, column)})`;
}

export function lineNames({ rows, columns, pairs }: Field, exists: string): string {
  return `
let first_exists = ${exists};
let second_exists = ${rows % 2 === 0 ? 'first_exists' : `row_line + 1u < ${pairs}u`};
let first_row = (start * ${rows}u + 2u * row_line) * ${columns}u;
let second_row = first_row + ${columns}u;`;
}

/** The rule on the pixels of both rows in a register. `k`: which bits of the word `inside` they are. */
export function pixelCode(work: RowWork, register: string, index: string, k: number): string {
  const rule = work.rule!;
  const guarded = pixelResources(work).some((name) => name === 'iterate' || name === 'next');
  return ['first', 'second']
    .map((row, i) => {
      const outside = work.support ? `(inside & ${(1 << (16 * i + k)) >>> 0}u) == 0u` : undefined;
      const value = `${register}.${'xy'[i]}`;
      const code = pixelStatements(rule, { value, index: `${row}_row + ${index}`, outside, result: resultOf(work) });
      return `${guarded ? `if (${row}_exists) ` : ''}{ ${code} }`;
    })
    .join('\n');
}

export function loadPixels(register: string, index: string): string {
  return `if (first_exists) { ${register}.x = object[first_row + ${index}]; }
if (second_exists) { ${register}.y = object[second_row + ${index}]; }`;
}

export function storePixels(register: string, index: string): string {
  return `if (first_exists) { object[first_row + ${index}] = ${register}.x; }
if (second_exists) { object[second_row + ${index}] = ${register}.y; }`;
}

/** Puts lines together from the columns of their rows, and hands their numbers over through workgroup memory. */
export function loadSpectrum(writer: LineWriter, field: Field): void {
  const { rows, pairs } = field;
  const { lines } = writer.plan;
  const items = dealOut(writer, field);
  const hasSecond = rows % 2 === 0 ? 'true' : `group * ${lines}u + thread % ${lines}u + 1u != ${pairs}u`;
  for (const { q, where, at, column } of items) {
    const joined = `join_rows(spectrum[${at}], ${hasSecond}, ${isReal(field, column)})`;
    writer.emit(`var z${q} = vec4f();`, `${where} { z${q} = ${joined}; }`);
  }
  writer.exchange(
    (component) => {
      const mirrored = component === 'x' ? 'z' : 'w';
      for (const { q, where, here, mirror } of items) {
        writer.emit(`${where} { memory[${here}] = z${q}.${component}; memory[${mirror}] = z${q}.${mirrored}; }`);
      }
    },
    (component) => writer.atEnd('near', ({ register, address }) => `${register}.${component} = memory[${address}];`),
  );
}

/** The reverse. */
export function storeSpectrum(writer: LineWriter, field: Field): void {
  const items = dealOut(writer, field);
  for (const { q } of items) writer.emit(`var s${q} = vec4f();`);
  writer.exchange(
    (component) => writer.atEnd('near', ({ register, address }) => `memory[${address}] = ${register}.${component};`),
    (component) => {
      const mirrored = component === 'x' ? 'z' : 'w';
      for (const { q, where, here, mirror } of items) {
        writer.emit(`${where} { s${q}.${component} = memory[${here}]; s${q}.${mirrored} = memory[${mirror}]; }`);
      }
    },
  );
  for (const { q, where, at } of items) writer.emit(`${where} { spectrum[${at}] = split_rows(s${q}); }`);
}

/** One column of one line, with expressions for where it is in workgroup memory and in the spectrum. */
interface Item {
  q: number;
  /** Guard of a statement: `if` the item exists. */
  where: string;
  column: string;
  here: string;
  mirror: string;
  at: string;
}

/**
 * Deals out the columns of a workgroup's lines to its threads: neighbouring threads take neighbouring pairs of rows of one
 * column. All items of a thread are of one line, a fixed distance apart.
 */
function dealOut(writer: LineWriter, { columns, stored, columnStride, pairs }: Field): Item[] {
  const { lines, threads } = writer.plan;
  const step = writer.distance(threads);
  const name = writer.unique('item');
  const pairExists = comesOutEven(pairs, lines) ? [] : [`group * ${lines}u + ${name}_line < ${pairs}u`];
  writer.emit(
    `let ${name} = thread / ${lines}u;`,
    `let ${name}_line = thread % ${lines}u;`,
    `let ${name}_at = (start * ${stored}u + ${name}) * ${columnStride / 2}u + group * ${lines}u + ${name}_line;`,
    `let ${name}_here = at(${name}_line, ${name});`,
    `let ${name}_mirror = at(${name}_line, ${columns}u - ${name});`,
  );
  return Array.from({ length: Math.ceil(stored / threads) }, (_, q) => {
    const column = `(${name} + ${q * threads}u)`;
    const conditions = [...((q + 1) * threads <= stored ? [] : [`${column} < ${stored}u`]), ...pairExists];
    const mirrored = `at(${name}_line, ${columns}u - ${column})`;
    const far = step === undefined ? mirrored : `${name}_mirror - ${q * step}u`;
    return {
      q,
      where: conditions.length > 0 ? `if (${conditions.join(' && ')})` : '',
      column,
      here: step === undefined ? `at(${name}_line, ${column})` : `${name}_here + ${q * step}u`,
      // The zero frequency is its own mirror image.
      mirror: q === 0 ? `select(${far}, ${name}_here, ${name} == 0u)` : far,
      at: `${name}_at + ${q * threads * (columnStride / 2)}u`,
    };
  });
}
