/** Sums up the partial residuals that column passes recorded. */
import { declare, mainFunction, sumOverWorkgroup, type Kernel, type Resource } from './kernel.js';

const THREADS = 64;

/**
 * partials [record][start][column] → residuals [record][start], a workgroup for each record of each start, in fixed order.
 * Takes `records` records, `stride` numbers apart, of `columns` columns each.
 */
export function residualsKernel(columns: number, starts: number, records: number, stride: number): Kernel {
  const bindings: Resource[] = ['parameters', 'partials', 'residuals'];
  const body = `
var sum = 0.0;
for (var i = thread; i < ${columns}u; i += ${THREADS}u) {
  sum += partials[group * ${stride}u + start * ${columns}u + i];
}
${sumOverWorkgroup(THREADS, 'sum')}
if (thread == 0u) { residuals[(parameters.first_record + group) * ${starts}u + start] = memory[0]; }`;
  const code = [
    'struct Parameters { first_record: u32 }',
    declare(bindings),
    `var<workgroup> memory: array<f32, ${THREADS}>;`,
    mainFunction(THREADS, body),
  ].join('\n');
  return { name: `residuals ${starts} ${records}`, code, bindings, workgroups: records };
}
