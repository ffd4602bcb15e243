/**
 * Kernels that run once or now and then: the measured magnitudes are symmetrised and encoded, seeded starts drawn, and
 * recorded misfits summed up. One thread a number, in no hurry.
 */
import { declare, mainFunction, type Kernel, type Resource } from './kernel.js';
import type { Layout } from './layout.js';

const THREADS = 64;

/** Measured magnitudes as they are uploaded: scaled, and −1 where not measured. */
const RAW = ({ rows, columns, stored }: Layout) => `
let i = group * ${THREADS}u + thread;
if (i >= ${rows * stored}u) { return; }
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

/** raw → destination: the encoded magnitudes of constraint.ts, doubled like the spectrum. */
export function magnitudesKernel(layout: Layout): Kernel {
  const bindings: Resource[] = ['raw', 'destination'];
  const body = `${RAW(layout)}
var bits = 0x7f800000u;
if (measured && mirror_measured) { bits = bitcast<u32>(m + mirror_m); }
else if (measured) { bits = bitcast<u32>(2.0 * m) | 0x80000000u; }
else if (mirror_measured) { bits = bitcast<u32>(2.0 * mirror_m) | 0x80000000u; }
destination[i] = bits;`;
  return {
    name: 'magnitudes',
    code: declare(bindings, { destination: 'array<u32>' }) + mainFunction(THREADS, body),
    bindings,
    workgroups: groupsFor(layout),
  };
}

/** raw → spectrum: the Hermitian part of M·exp(2πi·U), doubled, with U of core/philox.hpp. */
export function startKernel(layout: Layout): Kernel {
  const { stored, columnStride } = layout;
  const bindings: Resource[] = ['parameters', 'raw', 'spectrum'];
  const body = `${RAW(layout)}
let seed = vec2u(parameters.seed_low, parameters.seed_high);
let here = turned(m, uniform_number(pixel, parameters.first_start + start, seed));
let there = turned(mirror_m, uniform_number(mirror_pixel, parameters.first_start + start, seed)) * vec2f(1.0, -1.0);
var z = vec2f();
if (measured && mirror_measured) { z = here + there; }
else if (measured) { z = 2.0 * here; }
else if (mirror_measured) { z = 2.0 * there; }
spectrum[(start * ${stored}u + column) * ${columnStride}u + row] = z;`;
  return {
    name: 'start',
    code: [
      'struct Parameters { seed_low: u32, seed_high: u32, first_start: u32 }',
      declare(bindings),
      PHILOX,
      mainFunction(THREADS, body),
    ].join('\n'),
    bindings,
    workgroups: groupsFor(layout),
  };
}

/** misfits of `slots` records → sums, one workgroup for each record of each start, in fixed order. */
export function sumsKernel({ stored }: Layout, starts: number, slots: number, slotStride: number): Kernel {
  const bindings: Resource[] = ['parameters', 'misfits', 'sums'];
  const body = `
var sum = 0.0;
for (var i = thread; i < ${stored}u; i += ${THREADS}u) {
  sum += misfits[group * ${slotStride}u + start * ${stored}u + i];
}
partials[thread] = sum;
for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
  workgroupBarrier();
  if (thread < half) { partials[thread] += partials[thread + half]; }
}
if (thread == 0u) { sums[(parameters.first_record + group) * ${starts}u + start] = partials[0]; }`;
  return {
    name: `sums ${starts} ${slots}`,
    code: [
      'struct Parameters { first_record: u32 }',
      declare(bindings),
      `var<workgroup> partials: array<f32, ${THREADS}>;`,
      mainFunction(THREADS, body),
    ].join('\n'),
    bindings,
    workgroups: slots,
  };
}

function groupsFor({ rows, stored }: Layout): number {
  return Math.ceil((rows * stored) / THREADS);
}

/** Philox4x32-10 and the uniform numbers made of it; WGSL has no 64-bit products. */
const PHILOX = `
fn high_product(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu; let ah = a >> 16u; let bl = b & 0xffffu; let bh = b >> 16u;
  let middle = ah * bl + ((al * bl) >> 16u);
  let other = al * bh + (middle & 0xffffu);
  return ah * bh + (middle >> 16u) + (other >> 16u);
}
fn uniform_number(pixel: u32, start: u32, seed: vec2u) -> f32 {
  var c = vec4u(pixel / 4u, 0u, start, 0u);
  var k = seed;
  for (var round = 0; round < 10; round++) {
    c = vec4u(high_product(0xCD9E8D57u, c.z) ^ c.y ^ k.x, 0xCD9E8D57u * c.z,
              high_product(0xD2511F53u, c.x) ^ c.w ^ k.y, 0xD2511F53u * c.x);
    k += vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return f32(c[pixel % 4u] >> 8u) * 0x1p-24f;
}
// m·exp(2πi·u). The built-in sine may be off by 2^-11: these are Taylor's sums over an eighth of a turn each way.
fn turned(m: f32, u: f32) -> vec2f {
  let quarter = floor(4.0 * u + 0.5);
  let a = (u - 0.25 * quarter) * 6.283185307179586;
  let s = a * a;
  let sine = a * (1.0 + s * (-1.0 / 6.0 + s * (1.0 / 120.0 + s * (-1.0 / 5040.0 + s / 362880.0))));
  let cosine = 1.0 + s * (-0.5 + s * (1.0 / 24.0 + s * (-1.0 / 720.0 + s * (1.0 / 40320.0 - s / 3628800.0))));
  switch (u32(quarter) % 4u) {
    case 0u: { return m * vec2f(cosine, sine); }
    case 1u: { return m * vec2f(-sine, cosine); }
    case 2u: { return m * vec2f(-cosine, -sine); }
    default: { return m * vec2f(sine, -cosine); }
  }
}`;
