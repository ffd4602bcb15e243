/**
 * The Fourier constraint in WGSL, as core/constraint.hpp has it for the CPU. Magnitudes are symmetrised once, and one
 * number a frequency says all of it: its sign bit is set where only one of k and −k was measured, and it is infinite
 * where neither was. The bits are looked at as integers, because WGSL compilers may assume that nothing is infinite.
 */

const IMPOSE = `
// C becomes M·exp(i·arg C) with arg 0 = 0; the squared misfit (|C| - M)² adds up.
fn impose(c: vec2f, m: f32, weight: f32, misfit: ptr<function, f32>) -> vec2f {
  let power = dot(c, c);
  let zero = power == 0.0;
  let reciprocal = inverseSqrt(select(power, 1.0, zero));
  let difference = power * reciprocal - m;
  *misfit += weight * difference * difference;
  return select(c * (m * reciprocal), vec2f(m, 0.0), zero);
}`;

/** `constrained(c, at, misfit)`: the constraint on the frequency whose magnitude is number `at`. */
export function constraintFunctions(masked: boolean): string {
  if (!masked) {
    return `${IMPOSE}
fn constrained(c: vec2f, at: u32, misfit: ptr<function, f32>) -> vec2f {
  return impose(c, bitcast<f32>(magnitudes[at]), 1.0, misfit);
}`;
  }
  return `${IMPOSE}
fn constrained(c: vec2f, at: u32, misfit: ptr<function, f32>) -> vec2f {
  let bits = magnitudes[at];
  if (bits == 0x7f800000u) { return c; }
  return impose(c, bitcast<f32>(bits & 0x7fffffffu), select(1.0, 0.5, (bits >> 31u) == 1u), misfit);
}`;
}
