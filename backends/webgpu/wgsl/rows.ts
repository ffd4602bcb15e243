/**
 * Kernels over the rows of a spectrum and of images: the row pass of an iteration, inverse → pixel rule → forward, and
 * the parts of it that the single kernels need. A workgroup takes two lines or more where they fit: two pairs of rows of
 * one column fill a sector of memory.
 */
import type { RealField } from '../fields/real/layout.js';
import {
  JOIN_AND_SPLIT,
  SPECTRUM_TYPE,
  loadPixels,
  loadSpectrum,
  normalisation,
  pairNames,
  pixelCode,
  pixelNames,
  pixelResources,
  storePixels,
  storeSpectrum,
  supportRow,
} from '../fields/real/lines.js';
import { literal } from './butterflies.js';
import { comesOutEven, type Kernel, type Resource } from './kernel.js';
import { LineWriter } from './lines.js';
import type { LinePlan } from './plan.js';
import type { RowWork } from './work.js';

export function rowKernel(field: RealField, plan: LinePlan, work: RowWork): Kernel {
  const { pairs } = field;
  const { inverse, rule, forward, support } = work;
  const writer = new LineWriter(plan, 1);
  const bindings: Resource[] = [
    ...(inverse || forward ? (['spectrum', 'tables'] as const) : []),
    ...pixelResources(work),
  ];

  writer.emit(`let pair = group * ${plan.lines}u + line;`);
  writer.emit(pairNames(field, comesOutEven(pairs, plan.lines) ? 'true' : `pair < ${pairs}u`));
  if (inverse) {
    loadSpectrum(writer, field);
    writer.transform('first');
    const factor = literal(normalisation(field, inverse));
    writer.atEnd('far', ({ register }) => `${register} *= ${factor};`);
  } else {
    writer.atEnd('far', ({ register, index }) => loadPixels(register, index));
  }
  if (rule) {
    writer.emit(pixelNames(work));
    const inside = (butterfly: string) => {
      const first = support && supportRow(field, plan, support, `min(pair, ${pairs - 1}u)`);
      return first ? `let inside = support[${first} + ${butterfly}];` : '';
    };
    writer.atEnd('far', ({ register, index, k }) => pixelCode(work, register, index, k), inside);
  }
  if (forward) {
    writer.transform('second');
    storeSpectrum(writer, field);
  } else {
    writer.atEnd('far', ({ register, index }) => storePixels(register, index));
  }

  return writer.kernel(bindings, pairs, JOIN_AND_SPLIT, { types: { spectrum: SPECTRUM_TYPE } });
}
