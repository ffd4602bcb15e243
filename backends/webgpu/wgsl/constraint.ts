/**
 * The Fourier constraint in WGSL, as core/constraint.hpp has it for the CPU. Magnitudes of a real object are symmetrised
 * once, and one number a frequency says all of it: its sign bit is set where only one of k and −k was measured, and it is
 * infinite where neither was. Those of a complex object are infinite where they were not measured. The bits are looked at as integers, because WGSL compilers may assume that nothing is infinite.
 */
import type { FourierRule } from '../../../src/rules.js';
import type { Resource } from './kernel.js';
import { component } from './rule.js';

/** How a Fourier rule differs from one that imposes what was measured and leaves the rest. */
export interface FourierForm {
  measured?: 'tolerance' | 'likelihood';
  /** Sizes that were not measured have an upper limit. */
  limited?: true;
}

export interface ConstraintWork {
  /** Records the partial residual of every column, and with `impose` imposes the constraint. */
  constrain?: 'impose' | 'measure';
  /** Undefined where it imposes the magnitudes. */
  fourier?: FourierForm | undefined;
  /** The magnitudes say where they were not measured. */
  masked?: boolean;
}

/** Places in `coefficients` of src/rules.ts. */
const [TOLERANCE, LIMIT] = [18, 19].map(component);

/** Undefined for a rule that imposes the magnitudes. `masked`: some frequencies were not measured. */
export function fourierFormOf({ tolerance, limit, likelihood }: FourierRule, masked: boolean): FourierForm | undefined {
  const form: FourierForm = {
    ...(likelihood ? { measured: 'likelihood' } : tolerance > 0 && { measured: 'tolerance' }),
    // Twice a limit that floats cannot express is none.
    ...(masked && Number.isFinite(Math.fround(2 * limit)) && { limited: true }),
  };
  return form.measured || form.limited ? form : undefined;
}

/** Whether kernels for this form bind `coefficients`. */
export function takesNumbers({ measured, limited }: FourierForm = {}): boolean {
  return measured === 'tolerance' || limited === true;
}

/** What the constraint binds, beside the numbers that it works on. */
export function constraintResources({ fourier }: ConstraintWork): Resource[] {
  return ['magnitudes', 'partials', ...(takesNumbers(fourier) ? (['coefficients'] as const) : [])];
}

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

/** The same with another size in the place of M. Sizes within the tolerance stay exactly. */
const CHANGE = (changed: string) => `
fn impose(c: vec2f, m: f32, weight: f32, residual: ptr<function, f32>) -> vec2f {
  let power = dot(c, c);
  let zero = power == 0.0;
  let reciprocal = inverseSqrt(select(power, 1.0, zero));
  let size = power * reciprocal;
  let difference = size - m;
  *residual += weight * difference * difference;
  let changed = ${changed};
  return select(c * select(changed * reciprocal, 1.0, changed == size), vec2f(changed, 0.0), zero);
}`;

const CHANGED = (tolerance: string) => ({
  tolerance: CHANGE(`clamp(size, m - ${tolerance}, m + ${tolerance})`),
  likelihood: CHANGE('0.5 * (size + select(min(m * m * reciprocal, 2.0 * m), 2.0 * m, zero))'),
});

const LIMITED = (limit: string) => `
fn limited(c: vec2f) -> vec2f {
  let size = length(c);
  return select(c, c * (${limit} / size), size > ${limit});
}`;

/**
 * `constrained(c, at, residual)`: the constraint on the frequency whose magnitude is number `at`. Numbers and magnitudes are
 * `scale` times their value.
 */
export function constraintFunctions({ masked, fourier = {} }: ConstraintWork, scale: 1 | 2 = 1): string {
  const [tolerance, limit] = [TOLERANCE, LIMIT].map((number) => (scale === 2 ? `(2.0 * ${number})` : number));
  const measured = 'return impose(c, bitcast<f32>(bits), 1.0, residual);';
  const perhaps = `if (bits == 0x7f800000u) { return ${fourier.limited ? 'limited(c)' : 'c'}; }
  return impose(c, bitcast<f32>(bits & 0x7fffffffu), select(1.0, 0.5, (bits >> 31u) == 1u), residual);`;
  return `${fourier.measured ? CHANGED(tolerance)[fourier.measured] : IMPOSE}${fourier.limited ? LIMITED(limit) : ''}
fn constrained(c: vec2f, at: u32, residual: ptr<function, f32>) -> vec2f {
  let bits = magnitudes[at];
  ${masked ? perhaps : measured}
}`;
}

/** Adds a number's part to the variable `residual`, and imposes the constraint on it where the work says so. */
export function constrainStatement({ constrain }: ConstraintWork, value: string, at: string): string {
  return `${constrain === 'impose' ? value : '_'} = constrained(${value}, ${at}, &residual);`;
}
