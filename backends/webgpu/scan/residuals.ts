/** Adds up the residual of an iteration. */
import { makeKernel, sumOverThreads, type Kernel } from '../wgsl/kernel.js';
import { RECORDS, WAVE_THREADS, partialsOf, type ScanField } from './field.js';

/** Sums the partial residuals of all positions, in their order, into a ring. residuals[0] is where the next one goes. */
export function recordResidual(field: ScanField): Kernel {
  const store = `let at = u32(residuals[0]);
residuals[1u + at] = sum;
residuals[0] = f32((at + 1u) % ${RECORDS}u);`;
  const body = `
var partial = 0.0;
for (var i = thread; i < ${field.positions * partialsOf(field)}u; i += ${WAVE_THREADS}u) { partial += partials[i]; }
${sumOverThreads(WAVE_THREADS, 'thread', 'partial', store)}`;
  const declarations = `var<workgroup> memory: array<f32, ${WAVE_THREADS}>;`;
  const text = { declarations, threads: WAVE_THREADS, body, workgroups: 1 };
  return makeKernel({ bindings: ['partials', 'residuals'], readOnly: ['partials'], ...text });
}
