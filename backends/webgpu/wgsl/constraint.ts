/**
 * The Fourier constraint in WGSL, as core/constraint.hpp has it for the CPU. Magnitudes are symmetrised once, and one
 * number a frequency says all of it: its sign bit is set where only one of k and −k was measured, and it is infinite
 * where neither was. The bits are looked at as integers, because WGSL compilers may assume that nothing is infinite.
 */
import type { ColumnWork } from './work.js';

const IMPOSE = `
// C becomes M·exp(i·arg C) with arg 0 = 0; the squared residual (|C| - M)² adds up.
fn impose(c: vec2f, m: f32, weight: f32, residual: ptr<function, f32>) -> vec2f {
  let power = dot(c, c);
  let zero = power == 0.0;
  let reciprocal = inverseSqrt(select(power, 1.0, zero));
  let difference = power * reciprocal - m;
  *residual += weight * difference * difference;
  return select(c * (m * reciprocal), vec2f(m, 0.0), zero);
}`;

/** `constrained(c, at, residual)`: the constraint on the frequency whose magnitude is number `at`. */
export function constraintFunctions({ masked }: ColumnWork): string {
  const measured = 'return impose(c, bitcast<f32>(bits), 1.0, residual);';
  const perhaps = `if (bits == 0x7f800000u) { return c; }
  return impose(c, bitcast<f32>(bits & 0x7fffffffu), select(1.0, 0.5, (bits >> 31u) == 1u), residual);`;
  return `${IMPOSE}
fn constrained(c: vec2f, at: u32, residual: ptr<function, f32>) -> vec2f {
  let bits = magnitudes[at];
  ${masked ? perhaps : measured}
}`;
}

/** Adds a number's part to the variable `residual`, and imposes the constraint on it where the work says so. */
export function constrainStatement({ constrain }: ColumnWork, value: string, at: string): string {
  return `${constrain === 'impose' ? value : '_'} = constrained(${value}, ${at}, &residual);`;
}
