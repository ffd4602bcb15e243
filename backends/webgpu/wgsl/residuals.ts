/** Sums up the partial residuals that column passes recorded. */
import { makeKernel, sumOverWorkgroup, type Kernel, type Resource } from './kernel.js';

const THREADS = 64;

/**
 * partials [record][start][column] → residuals [record][start], a workgroup for each record of each start, in fixed order.
 * Takes `records` records, `stride` numbers apart, of `columns` columns each.
 */
export function residualsKernel(columns: number, starts: number, records: number, stride: number): Kernel {
  const body = `
var sum = 0.0;
for (var i = thread; i < ${columns}u; i += ${THREADS}u) {
  sum += partials[group * ${stride}u + start * ${columns}u + i];
}
${sumOverWorkgroup(THREADS, 'sum')}
if (thread == 0u) { residuals[(parameters.first_record + group) * ${starts}u + start] = memory[0]; }`;
  const name = `residuals ${starts} ${records}`;
  const bindings: Resource[] = ['parameters', 'partials', 'residuals'];
  const declarations = `struct Parameters { first_record: u32 }\nvar<workgroup> memory: array<f32, ${THREADS}>;`;
  return makeKernel({ name, bindings, declarations, threads: THREADS, body, workgroups: records });
}
