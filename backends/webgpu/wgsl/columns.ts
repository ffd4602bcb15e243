/**
 * Kernels over the columns of a spectrum: the column pass of an iteration, forward → impose magnitudes → inverse, and
 * the parts of it that the single kernels need. A workgroup takes one column, or several short ones.
 */
import type { Field } from '../fields/field.js';
import {
  columnSums,
  constrainStatement,
  constraintFunctions,
  constraintNames,
  constraintResources,
} from './constraint.js';
import { comesOutEven, type Kernel, type Resource } from './kernel.js';
import { LineWriter } from './lines.js';
import type { LinePlan } from './plan.js';
import type { ColumnWork } from './work.js';

export function columnKernel(field: Field, plan: LinePlan, work: ColumnWork): Kernel {
  const { rows, stored, columnStride, kind } = field;
  const { forward, constrain, inverse, outOfPlace } = work;
  const writer = new LineWriter(plan, -1);
  const bindings: Resource[] = ['spectrum'];
  if (outOfPlace) bindings.push('destination');
  if (forward || inverse) bindings.push('tables');
  if (constrain) bindings.push(...constraintResources(work));

  writer.emit(
    `let column = group * ${plan.lines}u + line;`,
    `let column_exists = ${comesOutEven(stored, plan.lines) ? 'true' : `column < ${stored}u`};`,
    `let base = (start * ${stored}u + column) * ${columnStride}u;`,
  );
  writer.atEnd(forward ? 'near' : 'far', ({ register, index }) => {
    return `if (column_exists) { ${register} = spectrum[base + ${index}]; }`;
  });
  if (forward) writer.transform('first');
  if (constrain) {
    writer.emit('var residual = 0.0;', constraintNames(work, rows * stored));
    writer.atEnd('far', ({ register, index }) => {
      return `if (column_exists) { ${constrainStatement(work, register, `column * ${rows}u + ${index}`)} }`;
    });
  }
  if (inverse) writer.transform('second');
  const destination = outOfPlace ? 'destination' : 'spectrum';
  writer.atEnd(inverse ? 'near' : 'far', ({ register, index }) => {
    return `if (column_exists) { ${destination}[base + ${index}] = ${register}; }`;
  });
  if (constrain) {
    const sums = columnSums(work, `start * ${stored}u + column`, kind.columnWeight(field, 'column'));
    for (const { value, use } of sums) writer.sumLine(value, `if (column_exists) { ${use} }`);
  }

  return writer.kernel(bindings, stored, constrain ? constraintFunctions(work, kind.spectrumScale) : '');
}
