/**
 * Pixel rules in WGSL. Code is written for the form of a rule, and the values of its coefficients are parameters, so that
 * all rules of one form share their kernels.
 */
import { coefficients, readsIterate, type Rule, type Update } from '../../../src/rules.js';

/** Which coefficients take no part, which are 1 and need no product, and which images of an update differ. */
export interface RuleForm {
  /** Tells the form from every other. */
  key: string;
  /** Each coefficient in WGSL: '' where it takes no part, '1', or a component of the uniform `coefficients`. */
  factors: readonly string[];
  readsIterate: boolean;
  keepsIterate: boolean;
  /** The image to transform next is another than the new iterate. */
  reflects: boolean;
}

export function formOf(rule: Rule): RuleForm {
  const numbers = coefficients(rule);
  const factors = numbers.map((value, i) => (value === 0 ? '' : value === 1 ? '1' : component(i)));
  const flags = {
    readsIterate: readsIterate(rule),
    keepsIterate: rule.keepsIterate,
    reflects: reflects(rule.satisfied) || reflects(rule.violated),
  };
  const key = numbers.map((value) => (value === 0 || value === 1 ? value : 'c')).join('');
  return { key: `${key}${flags.keepsIterate ? ' keeps' : ''}${flags.reflects ? ' reflects' : ''}`, factors, ...flags };
}

function reflects({ iterate, next }: Update): boolean {
  return iterate.x !== next.x || iterate.y !== next.y;
}

function component(i: number): string {
  return `coefficients[${i >> 2}].${'xyzw'[i % 4]}`;
}

/** Whether kernels for this form bind `coefficients`. */
export function hasCoefficients({ factors }: RuleForm): boolean {
  return factors.some((factor) => factor.length > 1);
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
  const images = [0, 2, 4, 6, 8].map((first) => combination(form.factors[first], form.factors[first + 1]));
  const [tested, satisfied, satisfiedNext, violated, violatedNext] = images;
  const next = form.reflects ? `select(${satisfiedNext}, ${violatedNext}, violates)` : 'updated';
  return [
    `let y = ${value};`,
    form.readsIterate ? `let x = iterate[${index}];` : '',
    `let violates = ${tested} < 0.0${outside ? ` || ${outside}` : ''};`,
    `let updated = select(${satisfied}, ${violated}, violates);`,
    form.keepsIterate ? `iterate[${index}] = updated;` : '',
    result === 'both' && form.reflects ? `next[${index}] = ${next};` : '',
    `${value} = ${result === 'next' ? next : 'updated'};`,
  ].join(' ');
}

/** A zero adds nothing, so that neither 0·(−1) nor 0·∞ leaves a trace. */
function combination(x: string, y: string): string {
  const terms = [product(x, 'x'), product(y, 'y')].filter(Boolean);
  return terms.join(' + ') || '0.0';
}

function product(factor: string, image: string): string {
  return factor === '1' ? image : factor && `${factor} * ${image}`;
}
