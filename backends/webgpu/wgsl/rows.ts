/**
 * Kernels over the rows of a spectrum and of images: the row pass of an iteration, inverse → pixel rule → forward, and
 * the parts of it that the single kernels need. A workgroup takes so many lines, where they fit, that their numbers of one
 * column fill a sector of memory.
 */
import { insideWord, normalisation, type Field } from '../fields/field.js';
import { pixelNames, pixelResources } from '../fields/pixels.js';
import { literal } from './butterflies.js';
import { comesOutEven, type Kernel, type Resource } from './kernel.js';
import { LineWriter } from './lines.js';
import type { LinePlan } from './plan.js';
import type { RowWork } from './work.js';

export function rowKernel(field: Field, plan: LinePlan, work: RowWork): Kernel {
  const { rowLines, kind } = field;
  const { inverse, rule, forward, support } = work;
  const writer = new LineWriter(plan, 1, kind.interleaved);
  const bindings: Resource[] = [
    ...(inverse || forward ? (['spectrum', 'tables'] as const) : []),
    ...pixelResources(work),
  ];

  writer.emit(`let row_line = group * ${plan.lines}u + line;`);
  writer.emit(kind.lineNames(field, comesOutEven(rowLines, plan.lines) ? 'true' : `row_line < ${rowLines}u`));
  if (inverse) {
    kind.loadSpectrum(writer, field);
    writer.transform('first');
    const factor = literal(normalisation(field, inverse));
    writer.atEnd('far', ({ register }) => `${register} *= ${factor};`);
  } else {
    writer.atEnd('far', ({ register, index }) => kind.loadPixels(register, index));
  }
  if (rule) {
    writer.emit(pixelNames(work));
    const inside = (butterfly: string) => {
      if (!support) return '';
      return `let inside = ${insideWord(field, plan, support, `min(row_line, ${rowLines - 1}u)`, butterfly)};`;
    };
    writer.atEnd('far', ({ register, index, k }) => kind.pixelCode(work, register, index, k), inside);
  }
  if (forward) {
    writer.transform('second');
    kind.storeSpectrum(writer, field);
  } else {
    writer.atEnd('far', ({ register, index }) => kind.storePixels(register, index));
  }

  const functions = kind.functions + (rule ? kind.ruleFunctions(rule) : '');
  return writer.kernel(bindings, rowLines, functions, { types: kind.types });
}
