/** Sums up the partial residuals that column passes recorded. */
import { makeKernel, sumOverThreads, type Kernel } from './kernel.js';

const THREADS = 64;

/**
 * records [record][start][column] → residuals [record][start], a workgroup for each record of each start, in fixed order.
 * Takes `count` records, `stride` numbers apart, of `columns` columns each, and leaves residuals `residualStride` apart.
 */
export function residualsKernel(columns: number, count: number, stride: number, residualStride: number): Kernel {
  const body = `
var partial = 0.0;
for (var i = thread; i < ${columns}u; i += ${THREADS}u) {
  partial += records[group * ${stride}u + start * ${columns}u + i];
}
${sumOverThreads(THREADS, 'thread', 'partial', `residuals[group * ${residualStride}u + start] = sum;`)}`;
  const declarations = `var<workgroup> memory: array<f32, ${THREADS}>;`;
  return makeKernel({ bindings: ['records', 'residuals'], declarations, threads: THREADS, body, workgroups: count });
}
