/**
 * The Fourier constraint in WGSL, as core/constraint.hpp has it for the CPU. Magnitudes of a real object are symmetrised
 * once, and one number a frequency says all of it: its sign bit is set where only one of k and −k was measured, and it is
 * infinite where neither was. Those of a complex object are infinite where they were not measured. The bits are looked at as integers, because WGSL compilers may assume that nothing is infinite.
 */
import type { FourierRule } from '../../../src/rules.js';
import type { Resource } from './kernel.js';
import { EXPONENT, UNMEASURED, component } from './rule.js';

/** How a Fourier rule differs from one that imposes what was measured and leaves the rest. */
export interface FourierForm {
  measured?: 'tolerance' | 'likelihood';
  /** Sizes that were not measured have an upper limit. */
  limited?: true;
  /** What was not measured is multiplied by a factor. */
  multiplied?: true;
  /** What is imposed has weights, whose exponent may be 1. */
  weights?: { keepsPhases: boolean; isPower: boolean };
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
export function fourierFormOf(rule: FourierRule, masked: boolean): FourierForm | undefined {
  const { tolerance, limit, likelihood, unmeasured, weights } = rule;
  const form: FourierForm = {
    ...(likelihood ? { measured: 'likelihood' } : tolerance > 0 && { measured: 'tolerance' }),
    // Twice a limit that floats cannot express is none.
    ...(masked && Number.isFinite(Math.fround(2 * limit)) && { limited: true }),
    ...(masked && unmeasured !== 1 && { multiplied: true }),
    ...(weights && { weights: { keepsPhases: weights.keepsPhases, isPower: weights.exponent !== 1 } }),
  };
  return Object.keys(form).length > 0 ? form : undefined;
}

/** Whether kernels for this form bind `coefficients`. */
export function takesNumbers({ measured, limited, multiplied, weights }: FourierForm = {}): boolean {
  return measured === 'tolerance' || [limited, multiplied, weights?.isPower].includes(true);
}

/** What the constraint binds, beside the numbers that it works on. */
export function constraintResources({ fourier }: ConstraintWork): Resource[] {
  const resources: Resource[] = ['magnitudes', 'partials'];
  if (takesNumbers(fourier)) resources.push('coefficients');
  if (fourier?.weights) resources.push('imposed', 'powers', 'gains');
  return resources;
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

/** What was imposed last changes with C, and is imposed; the square of its norm adds up in `imposed_power`. */
const WEIGHTED = ({ keepsPhases, isPower }: NonNullable<FourierForm['weights']>) => `
var<private> gain: f32;
var<private> first_imposed: u32;
var<private> imposed_power = 0.0;
fn weighted(c: vec2f, m: f32, at: u32, residual: ptr<function, f32>) -> vec2f {
  let square = dot(c, c);
  let size = sqrt(square);
  let difference = size - m;
  *residual += difference * difference;
  if (m == 0.0) { return vec2f(); }
  let zero = size == 0.0;
  let ratio = m / select(size, 1.0, zero);
  let factor = gain * select(${isPower ? `pow(ratio, ${component(EXPONENT)})` : 'ratio'}, 1.0, zero);
  let last = imposed[first_imposed + at];
  ${
    keepsPhases
      ? 'let next = last * factor;'
      : `let length = sqrt(dot(last, last)) * factor;
  let next = select(c * (length / select(size, 1.0, zero)), vec2f(length, 0.0), zero);`
  }
  imposed[first_imposed + at] = next;
  imposed_power += dot(next, next);
  return next;
}`;

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
  const { weights } = fourier;
  const impose = weights
    ? 'return weighted(c, bitcast<f32>(bits), at, residual);'
    : 'return impose(c, bitcast<f32>(bits & 0x7fffffffu), select(1.0, 0.5, (bits >> 31u) == 1u), residual);';
  const measured = weights ? impose : 'return impose(c, bitcast<f32>(bits), 1.0, residual);';
  const multiplied = fourier.multiplied ? `c * ${component(UNMEASURED)}` : 'c';
  const unmeasured = `if (bits == 0x7f800000u) { return ${fourier.limited ? `limited(${multiplied})` : multiplied}; }`;
  const perhaps = `${unmeasured}\n  ${impose}`;
  const change = fourier.measured ? CHANGED(tolerance)[fourier.measured] : IMPOSE;
  return `${weights ? WEIGHTED(weights) : change}${fourier.limited ? LIMITED(limit) : ''}
fn constrained(c: vec2f, at: u32, residual: ptr<function, f32>) -> vec2f {
  let bits = magnitudes[at];
  ${masked ? perhaps : measured}
}`;
}

/** Adds a number's part to the variable `residual`, and imposes the constraint on it where the work says so. */
export function constrainStatement({ constrain }: ConstraintWork, value: string, at: string): string {
  return `${constrain === 'impose' ? value : '_'} = constrained(${value}, ${at}, &residual);`;
}

/** What must come before the statements. `frequencies`: how many numbers a start has. */
export function constraintNames({ fourier }: ConstraintWork, frequencies: number): string {
  return fourier?.weights ? `gain = gains[start].x; first_imposed = start * ${frequencies}u;` : '';
}

/** The sums that the statements make of a column, and what becomes of them. `at`: the number of the column. */
export function columnSums({ fourier }: ConstraintWork, at: string, weight: string): { value: string; use: string }[] {
  const residual = { value: 'residual', use: `partials[${at}] = sum * ${weight};` };
  return fourier?.weights ? [residual, { value: 'imposed_power', use: `powers[${at}] = sum;` }] : [residual];
}
