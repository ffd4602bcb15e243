/** Pixel rules of a real object in WGSL. */
import { AT_LEAST, PROJECTED, product, type Pixel, type RuleForm } from '../../wgsl/rule.js';

export function ruleFunctions(): string {
  return '';
}

export function testedSize({ factors }: RuleForm): string {
  return combination(factors[0], factors[1]);
}

export function brightness(pixel: string): string {
  return pixel;
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
    `let t = ${testedSize(form)};`,
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
