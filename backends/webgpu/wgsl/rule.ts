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
}

/** Places in `coefficients` of src/rules.ts. */
const [AT_LEAST, PROJECTED, LOW, HIGH] = [10, 12, 14, 15];

export function formOf(rule: Rule): RuleForm {
  const numbers = coefficients(rule);
  const [low, high] = [LOW, HIGH].map((i) => (Number.isFinite(numbers[i]) ? number(numbers[i], i) : ''));
  const factors = numbers.slice(0, LOW).map((value, i) => (value === 0 ? '' : value === 1 ? '1' : component(i)));
  // Without other bounds than 0, whatever violates them is projected to 0.
  if ((low === '' || low === '0.0') && (high === '' || high === '0.0')) factors.fill('', PROJECTED);
  const { reflectsIterate, projected } = rule;
  const sized = rule.supportSize > 0;
  // With a support size images are in memory between the steps of a row pass, and the object of a pending pass is one.
  const keepsIterate = rule.keepsIterate || sized;
  const reflects =
    reflectsIterate || differ(rule.satisfied) || differ(rule.violated) || projected.iterate !== projected.next;
  const form = { factors, low, high, readsIterate: readsIterate(rule), keepsIterate, reflects, reflectsIterate, sized };
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

/** A number of the uniform `coefficients`. */
export function component(i: number): string {
  return `coefficients[${i >> 2}].${'xyzw'[i % 4]}`;
}

/** The value that a pixel is tested on, from `x` and `y`. */
export function testedValue({ factors }: RuleForm): string {
  return combination(factors[0], factors[1]);
}

/** Whether it is the previous iterate alone that is tested. */
export function testsIterate({ factors }: RuleForm): boolean {
  return factors[1] === '';
}

/** Whether kernels that apply this form bind `coefficients`. */
export function hasCoefficients({ factors, low, high }: RuleForm): boolean {
  return [...factors, low, high].some((factor) => factor.startsWith('coefficients'));
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

/** Applies the rule to one pixel. */
export function pixelStatements(form: RuleForm, { value, index, outside, result }: Pixel): string {
  const { factors, low, high, sized } = form;
  const image = (first: number) => combination(factors[first], factors[first + 1]);
  const atLeast = factors[AT_LEAST] || factors[AT_LEAST + 1] ? image(AT_LEAST) : '';
  const kept = (first: number) => (atLeast ? `max(${image(first)}, ${atLeast})` : image(first));
  const changed = (first: number) => {
    const share = product(factors[first === 6 ? PROJECTED : PROJECTED + 1], projected('t'));
    return share ? `${image(first)} + ${share}` : image(first);
  };
  const update = (satisfied: number, violated: number) => `select(${kept(satisfied)}, ${changed(violated)}, violates)`;
  const cleared = [outside, sized && 't <= threshold'].filter(Boolean).join(' || ');
  const violates = [low && `t < ${low}`, high && `t > ${high}`, cleared].filter(Boolean).join(' || ');
  const reflection = `2.0 * ${projected('updated')} - updated`;
  const next = form.reflectsIterate ? reflection : form.reflects ? update(4, 8) : 'updated';
  return [
    `let y = ${value};`,
    form.readsIterate ? `let x = iterate[${index}];` : '',
    `let t = ${testedValue(form)};`,
    `let violates = ${violates || 'false'};`,
    `let updated = ${update(2, 6)};`,
    form.keepsIterate ? `iterate[${index}] = updated;` : '',
    result === 'both' && form.reflects ? `next[${index}] = ${next};` : '',
    `${value} = ${result === 'next' ? next : 'updated'};`,
  ].join(' ');

  function projected(pixel: string): string {
    const raised = low ? `max(${pixel}, ${low})` : pixel;
    const bounded = high ? `min(${raised}, ${high})` : raised;
    return cleared ? `select(${bounded}, 0.0, ${cleared})` : bounded;
  }
}

/** A zero adds nothing, so that neither 0·(−1) nor 0·∞ leaves a trace. */
function combination(x: string, y: string): string {
  const terms = [product(x, 'x'), product(y, 'y')].filter(Boolean);
  return terms.join(' + ') || '0.0';
}

function product(factor: string, image: string): string {
  return factor === '1' ? image : factor && `${factor} * ${image}`;
}
