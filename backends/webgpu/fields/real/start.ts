/**
 * Kernels that begin a session: they symmetrise and encode the measured magnitudes, and draw seeded starts. One thread a
 * number. All starts of a session share one pattern; patterns of their own would need the start in these indices and in
 * those of wgsl/columns.ts and wgsl/long-lines.ts.
 */
import { makeItemKernel, type Kernel, type Resource } from '../../wgsl/kernel.js';
import { PHILOX } from '../../wgsl/philox.js';
import type { Field } from '../field.js';

/** Reads the measured magnitudes at k and −k, which are uploaded scaled, and −1 where not measured. */
const RAW = ({ rows, columns }: Field) => `
let row = i % ${rows}u;
let column = i / ${rows}u;
let mirror_row = select(${rows}u - row, 0u, row == 0u);
let mirror_column = select(${columns}u - column, 0u, column == 0u);
let pixel = row * ${columns}u + column;
let mirror_pixel = mirror_row * ${columns}u + mirror_column;
let m = raw[pixel];
let mirror_m = raw[mirror_pixel];
let measured = m >= 0.0;
let mirror_measured = mirror_m >= 0.0;`;

/** raw → destination: the encoded magnitudes of wgsl/constraint.ts, doubled like the spectrum. */
export function magnitudesKernel(field: Field): Kernel {
  const body = `${RAW(field)}
var bits = 0x7f800000u;
if (measured && mirror_measured) { bits = bitcast<u32>(m + mirror_m); }
else if (measured) { bits = bitcast<u32>(2.0 * m) | 0x80000000u; }
else if (mirror_measured) { bits = bitcast<u32>(2.0 * mirror_m) | 0x80000000u; }
destination[i] = bits;`;
  const types = { destination: 'array<u32>' };
  return makeItemKernel({ bindings: ['raw', 'destination'], types, items: field.rows * field.stored, body });
}

/** raw → spectrum: the Hermitian part of M·exp(2πi·U), doubled, with U of core/philox.hpp. */
export function startKernel(field: Field): Kernel {
  const { stored, columnStride } = field;
  const body = `${RAW(field)}
let seed = vec2u(parameters.seed_low, parameters.seed_high);
let z = polar(m, uniform_number(pixel, parameters.first_start + start, seed));
let mirror_z = polar(mirror_m, uniform_number(mirror_pixel, parameters.first_start + start, seed)) * vec2f(1.0, -1.0);
var hermitian = vec2f();
if (measured && mirror_measured) { hermitian = z + mirror_z; }
else if (measured) { hermitian = 2.0 * z; }
else if (mirror_measured) { hermitian = 2.0 * mirror_z; }
spectrum[(start * ${stored}u + column) * ${columnStride}u + row] = hermitian;`;
  const declarations = `struct Parameters { seed_low: u32, seed_high: u32, first_start: u32 }${PHILOX}`;
  const bindings: Resource[] = ['parameters', 'raw', 'spectrum'];
  return makeItemKernel({ bindings, declarations, items: field.rows * stored, body });
}
