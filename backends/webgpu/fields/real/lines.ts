/**
 * Lines of a real object in WGSL. Two rows, a *pair*, are the real and the imaginary part of one complex line
 * Z(c) = X₀(c) + i·X₁(c); its numbers at c and −c hold column c of both rows' half spectra.
 *
 * Code around these functions declares `pair`, and `pairNames` what they use: whether each row exists, which the last may
 * not, and where each begins in images.
 */
import { comesOutEven, type Resource } from '../../wgsl/kernel.js';
import type { LineWriter } from '../../wgsl/lines.js';
import { hasCoefficients, pixelStatements, type Pixel } from '../../wgsl/rule.js';
import { farEnd, type Factors } from '../../wgsl/plan.js';
import type { RowWork, SupportKind } from '../../wgsl/work.js';
import type { RealField } from './layout.js';

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
export function isReal({ columns }: RealField, column: string): string {
  return `(${column} == 0u || 2u * ${column} == ${columns}u)`;
}

/**
 * The weight of a column's squared residual. A column stands for its mirror image too, unless it is its own; numbers in
 * it are twice their value, squares four times.
 */
export function columnWeight(field: RealField, column: string): string {
  return `select(0.5, 0.25, ${isReal(field, column)})`;
}

/** `exists`: whether the pair does. */
export function pairNames({ rows, columns, pairs }: RealField, exists: string): string {
  return `
let first_exists = ${exists};
let second_exists = ${rows % 2 === 0 ? 'first_exists' : `pair + 1u < ${pairs}u`};
let first_row = (start * ${rows}u + 2u * pair) * ${columns}u;
let second_row = first_row + ${columns}u;`;
}

/** Brings lines to the object's scale. */
export function normalisation({ rows, columns }: RealField, inverse: 'full' | 'rows'): number {
  return inverse === 'full' ? 0.5 / rows / columns : 0.5 / columns;
}

/** Index of the first word of a pair of rows in the support. */
export function supportRow({ pairs }: RealField, factors: Factors, support: SupportKind, pair: string): string {
  const row = support === 'own' ? `(start * ${pairs}u + ${pair})` : pair;
  return `${row} * ${farEnd(factors).count}u`;
}

/** What pixels bind, beside the line itself. */
export function pixelResources(work: RowWork): Resource[] {
  const { inverse, rule, forward, support } = work;
  const resources: Resource[] = !inverse || !forward ? ['object'] : [];
  if (!rule) return resources;
  if (hasCoefficients(rule)) resources.push('coefficients');
  if (rule.readsIterate || rule.keepsIterate) resources.push('iterate');
  if (rule.reflects && resultOf(work) === 'both') resources.push('next');
  if (support) resources.push('support');
  if (rule.sized) resources.push('thresholds');
  return resources;
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

function resultOf({ inverse, forward }: RowWork): Pixel['result'] {
  return forward ? 'next' : inverse ? 'iterate' : 'both';
}

/** What the rules' code needs once. */
export function pixelNames({ rule }: RowWork): string {
  return rule?.sized ? 'let threshold = thresholds[start].y;' : '';
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
export function loadSpectrum(writer: LineWriter, field: RealField): void {
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
export function storeSpectrum(writer: LineWriter, field: RealField): void {
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
function dealOut(writer: LineWriter, { columns, stored, columnStride, pairs }: RealField): Item[] {
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
