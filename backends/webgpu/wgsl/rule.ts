/**
 * Pixel rules in WGSL. Code is written for the form of a rule, and the values of its coefficients are parameters, so that
 * all rules of one form share their kernels.
 */
import { coefficients, readsIterate, type Rule, type Update } from '../../../src/rules.js';

/** Which coefficients take no part, which are 1 and need no product, and which images differ. */
export interface RuleForm {
  /** Tells the form from every other. */
  key: string;
  /** Each coefficient in WGSL: '' where it takes no part, '1', or a component of the uniform `coefficients`. */
  factors: readonly string[];
  /** Each bound in WGSL, '' where it is infinite. */
  low: string;
  high: string;
  readsIterate: boolean;
  keepsIterate: boolean;
  /** The image to transform next is another than the new iterate. */
  reflects: boolean;
  /** It is the reflection of the iterate. */
  reflectsIterate: boolean;
  /** Tested values that are not above the variable `threshold` violate the constraint. */
  sized: boolean;
  /** Complex pixels have a range of phases. */
  turned: boolean;
  /** Complex pixels have the sizes of `objectMagnitudes`, in place of the bounds. */
  inTwoPlanes: boolean;
}

/** Places in `coefficients` of src/rules.ts. */
export const [AT_LEAST, PROJECTED, LOW, HIGH] = [10, 12, 14, 15];
/** Places behind those in `numbersOf`: complex numbers of size 1. */
const [CENTRE, EDGE] = [21, 23];

/**
 * The uniform `coefficients`: those of src/rules.ts, the middle of the phases, their end where the middle is 0, and what only
 * Fourier rules of holograms have.
 */
export function numbersOf(rule: Rule): number[] {
  const { unmeasured, weights } = rule.fourier;
  const angles = [rule.phases.centre, rule.phases.halfWidth];
  const phases = angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]);
  return [...coefficients(rule), ...phases, unmeasured, weights?.exponent ?? 0];
}

export function formOf(rule: Rule, isComplex: boolean): RuleForm {
  const numbers = coefficients(rule);
  const inTwoPlanes = isComplex && rule.inTwoPlanes;
  const turned = isComplex && rule.phases.halfWidth < Math.PI;
  // No size is below 0.
  const isBound = (i: number) => Number.isFinite(numbers[i]) && !inTwoPlanes && !(isComplex && numbers[i] === 0);
  const [low, high] = [LOW, HIGH].map((i) => (isBound(i) ? number(numbers[i], i) : ''));
  const factors = numbers.slice(0, LOW).map((value, i) => (value === 0 ? '' : value === 1 ? '1' : component(i)));
  // Without other bounds than 0, whatever violates them is projected to 0.
  const isCleared = [low, high].every((bound) => bound === '' || bound === '0.0') && !turned && !inTwoPlanes;
  if (isCleared) factors.fill('', PROJECTED);
  const { reflectsIterate, projected } = rule;
  const sized = rule.supportSize > 0;
  // With a support size images are in memory between the steps of a row pass, and the object of a pending pass is one.
  const keepsIterate = rule.keepsIterate || sized;
  const reflects =
    reflectsIterate || differ(rule.satisfied) || differ(rule.violated) || projected.iterate !== projected.next;
  const form = {
    ...{ factors, low, high, readsIterate: readsIterate(rule), keepsIterate, reflects, reflectsIterate, sized },
    ...{ turned, inTwoPlanes },
  };
  return { key: JSON.stringify(form), ...form };
}

/** The form of a rule with `reflectsIterate` in two: the update, and the reflection 2P(u) − u of the updated image u. */
export function splitReflection({ key, ...form }: RuleForm): { update: RuleForm; reflection: RuleForm } {
  const plain = { ...form, reflectsIterate: false };
  const factors = ['', '1', '', '1', '', '1', '', '1', '', '-1.0', '', '', '', '2.0'];
  return {
    update: { ...plain, key: `${key} update`, reflects: false },
    reflection: {
      ...plain,
      key: `${key} reflection`,
      factors,
      reflects: true,
      readsIterate: false,
      keepsIterate: false,
    },
  };
}

function differ({ iterate, next }: Update): boolean {
  return iterate.x !== next.x || iterate.y !== next.y;
}

/** The support size in WGSL. */
export const SUPPORT_SIZE = component(17);

function number(value: number, i: number): string {
  return value === 0 ? '0.0' : component(i);
}

/** The middle of the phases, and their end where the middle is 0, in WGSL. */
export const PHASES = {
  centre: `vec2f(${component(CENTRE)}, ${component(CENTRE + 1)})`,
  edge: `vec2f(${component(EDGE)}, ${component(EDGE + 1)})`,
};

/** Those of a Fourier rule: what frequencies that were not measured are multiplied by, and the exponent of weights. */
export const [UNMEASURED, EXPONENT] = [25, 26];

/** A number of the uniform `coefficients`. */
export function component(i: number): string {
  return `coefficients[${i >> 2}].${'xyzw'[i % 4]}`;
}

/** Whether it is the previous iterate alone that is tested. */
export function testsIterate({ factors }: RuleForm): boolean {
  return factors[1] === '';
}

/** Whether kernels that apply this form bind `coefficients`. */
export function hasCoefficients({ factors, low, high, turned }: RuleForm): boolean {
  return turned || [...factors, low, high].some((factor) => factor.startsWith('coefficients'));
}

export interface Pixel {
  /** The variable that holds y. */
  value: string;
  /** Index of the pixel in images. */
  index: string;
  /** True outside the support; undefined where there is none. */
  outside?: string;
  /** What the variable becomes. With `both` it is the iterate, and a next image that differs goes to the array `next`. */
  result: 'next' | 'iterate' | 'both';
}

/** A product with a coefficient; '' where it takes no part. */
export function product(factor: string, image: string): string {
  return factor === '1' ? image : factor && `${factor} * ${image}`;
}
