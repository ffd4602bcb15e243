/** Kernels that begin a session: they encode the measured magnitudes, and draw seeded starts. One thread a number. */
import { makeItemKernel, type Kernel, type Resource } from '../../wgsl/kernel.js';
import { PHILOX } from '../../wgsl/philox.js';
import type { Field } from '../field.js';

/** Reads the measured magnitude, which is uploaded scaled, and −1 where not measured. */
const RAW = ({ rows, columns }: Field) => `
let row = i % ${rows}u;
let column = i / ${rows}u;
let pixel = row * ${columns}u + column;
let m = raw[pixel];
let measured = m >= 0.0;`;

export function magnitudesKernel(field: Field): Kernel {
  const body = `${RAW(field)}
destination[i] = select(0x7f800000u, bitcast<u32>(m), measured);`;
  const types = { destination: 'array<u32>' };
  return makeItemKernel({ bindings: ['raw', 'destination'], types, items: field.rows * field.columns, body });
}

export function startKernel(field: Field): Kernel {
  const { rows, columns, columnStride } = field;
  const body = `${RAW(field)}
let seed = vec2u(parameters.seed_low, parameters.seed_high);
let z = polar(m, uniform_number(pixel, parameters.first_start + start, seed));
spectrum[(start * ${columns}u + column) * ${columnStride}u + row] = select(vec2f(), z, measured);`;
  const declarations = `struct Parameters { seed_low: u32, seed_high: u32, first_start: u32 }${PHILOX}`;
  const bindings: Resource[] = ['parameters', 'raw', 'spectrum'];
  return makeItemKernel({ bindings, declarations, items: rows * columns, body });
}
