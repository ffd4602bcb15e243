/**
 * What weights need beside the Fourier constraint, which uses them: how they begin, and that what is imposed has the norm of
 * the magnitudes. That norm is known when all columns have been through, and is made up for in the next iteration: the object,
 * whose sizes are known, does not depend on it, unless some frequencies have no weights.
 */
import type { Field } from '../fields/field.js';
import { makeItemKernel, makeKernel, sumOverThreads, type Kernel } from './kernel.js';

const THREADS = 64;
const IS_UNMEASURED = 'bits == 0x7f800000u';

/** imposed ← magnitudes. */
export function beginKernel({ rows, stored }: Field): Kernel {
  const body = `
let bits = magnitudes[i];
imposed[start * ${rows * stored}u + i] = vec2f(select(bitcast<f32>(bits), 0.0, ${IS_UNMEASURED}), 0.0);`;
  return makeItemKernel({ bindings: ['magnitudes', 'imposed'], items: rows * stored, body });
}

/** powers → gains, a workgroup for each start. */
export function gainKernel({ stored }: Field): Kernel {
  const body = `
var partial = 0.0;
for (var i = thread; i < ${stored}u; i += ${THREADS}u) { partial += powers[start * ${stored}u + i]; }
${sumOverThreads(THREADS, 'thread', 'partial', 'gains[start].x = select(1.0, sqrt(gains[start].y / sum), sum > 0.0 && sum < 1e38);')}`;
  const declarations = `var<workgroup> memory: array<f32, ${THREADS}>;`;
  return makeKernel({ bindings: ['powers', 'gains'], declarations, threads: THREADS, body, workgroups: 1 });
}

/** Multiplies what was imposed on the spectrum by the gain. */
export function normaliseKernel({ rows, stored, columnStride }: Field): Kernel {
  const body = `
let bits = magnitudes[i];
if (${IS_UNMEASURED}) { return; }
let at = (start * ${stored}u + i / ${rows}u) * ${columnStride}u + i % ${rows}u;
spectrum[at] *= gains[start].x;`;
  return makeItemKernel({ bindings: ['spectrum', 'magnitudes', 'gains'], items: rows * stored, body });
}
