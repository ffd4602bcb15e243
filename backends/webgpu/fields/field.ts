/**
 * An object and its spectrum in a session's buffers. What a real and a complex object have alike is here; what they do
 * otherwise is in the folders real/ and complex/, each as a `FieldKind`: how lines are loaded and stored, how k and −k
 * relate, and what a pixel is. Lengths, transforms, records and the order of passes are outside of fields/.
 *
 *     image      [start][row][column]           f32, or vec2f where the object is complex
 *     spectrum   [start][column][row]           vec2f, with padding behind each column: columns 0 … columns/2 of a real
 *                                               object, all of a complex one
 *     magnitudes [column][row]                  u32, one start, without padding, encoded as wgsl/constraint.ts says
 *     support    [pair of rows][butterfly]      u32, the butterflies at the far end of a row; of all starts, or
 *                                               [start][pair of rows][butterfly]
 *
 * A column of the spectrum is contiguous. Bit k of a word of the support is the pixel of number k of the butterfly in the
 * first row, and bit 16 + k that in the second.
 */
import type { RealArray, Shape } from '../../../src/types.js';
import type { Kernel, KernelText } from '../wgsl/kernel.js';
import type { LineWriter } from '../wgsl/lines.js';
import { farEnd, type Factors } from '../wgsl/plan.js';
import type { RuleForm } from '../wgsl/rule.js';
import type { RowWork, SupportKind } from '../wgsl/work.js';

export interface Field {
  /** Tells shape and kind from every other. */
  key: string;
  rows: number;
  columns: number;
  /** Columns of the spectrum that are stored. */
  stored: number;
  /** Numbers from one column of the spectrum to the next. */
  columnStride: number;
  /** Pairs of rows; the last may have only one. */
  pairs: number;
  /** Lines of a row pass: pairs of rows of a real object, rows of a complex one. */
  rowLines: number;
  kind: FieldKind;
}

/**
 * What depends on what a pixel is. Code of rows uses the variable `row_line`, the line of the row pass, and the names that
 * `lineNames` declares.
 */
export interface FieldKind {
  /** Real numbers of a pixel. */
  pixelNumbers: 1 | 2;
  /** How many times its value every number in the spectrum is. */
  spectrumScale: 1 | 2;
  /** Rows that a line of a row pass is made of. */
  rowsInLine: 1 | 2;
  /** Neighbouring threads of a row pass are of neighbouring lines. */
  interleaved: boolean;
  /** Arrays whose elements are others than `RESOURCES` in wgsl/kernel.ts says. */
  types: NonNullable<KernelText['types']>;
  /** Functions that all code of rows may use. */
  functions: string;
  /** Functions that the code of a rule's pixels uses. */
  ruleFunctions: (rule: RuleForm) => string;

  /** The weight of a column's squared residual. */
  columnWeight: (field: Field, column: string) => string;
  /** `exists`: whether the line does. */
  lineNames: (field: Field, exists: string) => string;
  /** Puts lines together from the columns of a spectrum. */
  loadSpectrum: (writer: LineWriter, field: Field) => void;
  /** The reverse. */
  storeSpectrum: (writer: LineWriter, field: Field) => void;
  /** The same two, of lines that are too long for a workgroup: a thread for each number, lines `stride` numbers apart. */
  joinKernel: (field: Field, stride: number) => Kernel;
  splitKernel: (field: Field, stride: number) => Kernel;
  loadPixels: (register: string, index: string) => string;
  storePixels: (register: string, index: string) => string;
  /** The rule on the pixels in a register. `k`: which bits of the word `inside` they are. */
  pixelCode: (work: RowWork, register: string, index: string, k: number) => string;
  /** The value that the rule compares with a threshold, from pixels `x` and `y`. */
  testedSize: (rule: RuleForm) => string;
  /** The value of a pixel, or its size, which `shrinkSupport` blurs. */
  brightness: (pixel: string) => string;

  /** raw → destination: the encoded magnitudes of wgsl/constraint.ts, in the unit of the spectrum. */
  magnitudesKernel: (field: Field) => Kernel;
  /** raw → spectrum: M·exp(2πi·U), of a real object its Hermitian part, with U of core/philox.hpp. */
  startKernel: (field: Field) => Kernel;
  /** From a full spectrum as callers see it to what is stored. */
  toStored: (full: RealArray, field: Field, scale: number) => Float32Array<ArrayBuffer>;
  /** The reverse. */
  fromStored: (stored: Float32Array, field: Field, scale: number) => Float32Array;
}

/** The field of a kind, of which `stored` columns are stored, with room for `columnRows` numbers in each. */
export function fieldOf(kind: FieldKind, name: string, shape: Shape, stored: number, columnRows: number): Field {
  const [rows, columns] = shape;
  return {
    key: `${rows}×${columns}${name}`,
    ...{ rows, columns, stored, columnStride: strideOf(columnRows) },
    pairs: Math.ceil(rows / 2),
    rowLines: Math.ceil(rows / kind.rowsInLine),
    kind,
  };
}

/**
 * Columns a large power of two apart would crowd into the same memory channels, since a pass over rows touches all
 * columns at one row. (Measured on an H200: 9 % of an iteration at 8192, 6 % at 4096, nothing below.)
 */
function strideOf(rows: number): number {
  return rows % 4096 === 0 ? rows + 16 : rows;
}

/** Brings lines to the object's scale. */
export function normalisation({ rows, columns, kind }: Field, inverse: 'full' | 'rows'): number {
  return 1 / kind.spectrumScale / (inverse === 'full' ? rows : 1) / columns;
}

export function spectrumBytes({ stored, columnStride }: Field): number {
  return 8 * stored * columnStride;
}

export function imageBytes({ rows, columns, kind }: Field): number {
  return 4 * kind.pixelNumbers * rows * columns;
}

/** Bytes of one number for each pixel. */
export function numbersBytes({ rows, columns }: Field): number {
  return 4 * rows * columns;
}

export function magnitudesBytes({ rows, stored }: Field): number {
  return 4 * rows * stored;
}

/** Bytes of a support, with words for `butterflies` of each pair of rows. */
export function supportBytes({ pairs }: Field, butterflies: number): number {
  return 4 * pairs * butterflies;
}

/** Index of the first word of a pair of rows in the support. */
export function supportRow({ pairs }: Field, factors: Factors, support: SupportKind, pair: string): string {
  const row = support === 'own' ? `(start * ${pairs}u + ${pair})` : pair;
  return `${row} * ${farEnd(factors).count}u`;
}

/** The bits of a butterfly of a line of a row pass in the support. */
export function insideWord(field: Field, factors: Factors, support: SupportKind, line: string, at: string): string {
  if (field.kind.rowsInLine === 2) return `support[${supportRow(field, factors, support, line)} + ${at}]`;
  return `support[${supportRow(field, factors, support, `${line} / 2u`)} + ${at}] >> (16u * (${line} % 2u))`;
}

/** The support as words, one for each of the `butterflies` of a pair of rows. */
export function packSupport(support: Uint8Array, field: Field, butterflies: number): Uint32Array<ArrayBuffer> {
  const { rows, columns, pairs } = field;
  const words = new Uint32Array(pairs * butterflies);
  for (let row = 0; row < rows; row++) {
    const first = (row >> 1) * butterflies;
    const shift = row % 2 === 0 ? 0 : 16;
    for (let column = 0; column < columns; column++) {
      if (!support[row * columns + column]) continue;
      words[first + (column % butterflies)] |= 1 << (shift + Math.floor(column / butterflies));
    }
  }
  return words;
}

/** The reverse. */
export function unpackSupport(words: Uint32Array, { rows, columns }: Field, butterflies: number): Uint8Array {
  const support = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const first = (row >> 1) * butterflies;
    const shift = row % 2 === 0 ? 0 : 16;
    for (let column = 0; column < columns; column++) {
      const word = words[first + (column % butterflies)];
      support[row * columns + column] = (word >> (shift + Math.floor(column / butterflies))) & 1;
    }
  }
  return support;
}
