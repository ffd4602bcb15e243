/**
 * Kernels over the columns of a spectrum: the column pass of an iteration, forward → impose magnitudes → inverse, and
 * the parts of it that the single kernels need. A workgroup takes one column, or several short ones.
 */
import { constraintFunctions } from './constraint.js';
import { comesOutEven, declare, mainFunction, type Kernel, type Resource } from './kernel.js';
import type { Layout } from './layout.js';
import { LineWriter } from './line.js';
import type { LinePlan } from './plan.js';

export interface ColumnWork {
  forward?: boolean;
  /** Imposes the magnitudes and records the misfit of every column; `masked` where the magnitudes say more than that. */
  impose?: 'plain' | 'masked';
  inverse?: boolean;
  /** Leaves `spectrum` as it is and writes `destination`. */
  elsewhere?: boolean;
}

export function columnKernel(layout: Layout, plan: LinePlan, work: ColumnWork): Kernel {
  const { rows, columns, stored, columnStride } = layout;
  const writer = new LineWriter(plan, -1);
  const resources: Resource[] = ['spectrum'];
  if (work.elsewhere) resources.push('destination');
  if (work.forward || work.inverse) resources.push('tables');
  if (work.impose) resources.push('magnitudes', 'misfits');

  writer.emit(
    `let column = group * ${plan.lines}u + line;`,
    `let there = ${comesOutEven(stored, plan.lines) ? 'true' : `column < ${stored}u`};`,
    `let base = (start * ${stored}u + column) * ${columnStride}u;`,
  );
  writer.atEnd(work.forward ? 'near' : 'far', ({ register, index }) => {
    return `if (there) { ${register} = spectrum[base + ${index}]; }`;
  });
  if (work.forward) writer.transform('first');
  if (work.impose) {
    writer.emit('var misfit = 0.0;');
    writer.atEnd('far', ({ register, index }) => {
      return `if (there) { ${register} = constrained(${register}, column * ${rows}u + ${index}, &misfit); }`;
    });
  }
  if (work.inverse) writer.transform('second');
  const destination = work.elsewhere ? 'destination' : 'spectrum';
  writer.atEnd(work.inverse ? 'near' : 'far', ({ register, index }) => {
    return `if (there) { ${destination}[base + ${index}] = ${register}; }`;
  });
  if (work.impose) {
    // A column stands for its mirror image too, but for the zero frequency's and the Nyquist frequency's, which hold
    // their own. The spectrum is twice its value, its square four times.
    writer.sumLine(
      'misfit',
      `if (there) {
  let own = column == 0u || 2u * column == ${columns}u;
  misfits[start * ${stored}u + column] = sum * select(0.5, 0.25, own);
}`,
    );
  }

  const name = `columns ${JSON.stringify(work)}`;
  const code = [
    declare(resources),
    writer.declarations(),
    work.impose ? constraintFunctions(work.impose === 'masked') : '',
    mainFunction(writer.workgroupSize, `${writer.prologue()}\n${writer.body()}`),
  ].join('\n');
  return { name, code, bindings: resources, workgroups: Math.ceil(stored / plan.lines) };
}
