/**
 * Pixel rules of a complex object in WGSL. Products and sums are written so that compilers cannot join them otherwise:
 * whatever kernel a rule stands in, results are the same bits.
 */
import { PHASES, PROJECTED, product, type Pixel, type RuleForm } from '../../wgsl/rule.js';

export interface ComplexPixel extends Pixel {
  /** Index of the pixel in `objectMagnitudes`, which all starts share. */
  inPlane: string;
}

const SIZE_OF = 'fn size_of(z: vec2f) -> f32 { return sqrt(fma(z.x, z.x, z.y * z.y)); }';

/**
 * `violates(t, …)`: whether a pixel violates the constraint. `projected(z, …)`: the nearest number that satisfies it; that of
 * 0 has the phase in the middle. Both take the size in the object's plane, where it is known, whether the pixel is outside
 * the support, and the threshold of a support size.
 */
export function ruleFunctions(form: RuleForm): string {
  const { sized, turned, inTwoPlanes } = form;
  const [low, high] = inTwoPlanes ? ['known', 'known'] : [form.low, form.high];
  const parameters = '(z: vec2f, known: f32, outside: bool, threshold: f32)';
  const violations = [
    'outside',
    sized && 'size_of(z) <= threshold',
    low && `size_of(z) < ${low}`,
    high && `size_of(z) > ${high}`,
    turned && `turned_back(z).x < size_of(z) * ${PHASES.edge}.x`,
  ];
  const violates = `fn violates${parameters} -> bool { return ${violations.filter(Boolean).join(' || ')}; }`;
  if (!low && !high && !turned) {
    const projected = `fn projected${parameters} -> vec2f {
  return select(z, vec2f(), violates(z, known, outside, threshold));
}`;
    return [SIZE_OF, violates, projected].join('\n');
  }
  const least = low || (turned ? '0.0' : '');
  const body = [
    'let size = size_of(z);',
    'let is_zero = size == 0.0;',
    `var direction = select(z / select(size, 1.0, is_zero), ${turned ? PHASES.centre : 'vec2f(1.0, 0.0)'}, is_zero);`,
    'var along = size;',
    turned && TURN,
    sized && 'along = select(along, 0.0, along <= threshold);',
    least && `along = max(along, ${least});`,
    high && `along = min(along, ${high});`,
    'return direction * select(along, 0.0, outside);',
  ];
  const projected = `fn projected${parameters} -> vec2f {\n${body.filter(Boolean).join('\n')}\n}`;
  return [SIZE_OF, turned && TURNED_BACK, violates, projected].filter(Boolean).join('\n');
}

/** `turned_back`: turns the middle of the phases to 0. */
const TURNED_BACK = `
fn complex_product(a: vec2f, b: vec2f) -> vec2f { return fma(a, vec2f(b.x), vec2f(-a.y, a.x) * b.y); }
fn turned_back(z: vec2f) -> vec2f { return complex_product(z, ${PHASES.centre} * vec2f(1.0, -1.0)); }`;

/** To the nearer end of the phases, where z is beyond. */
const TURN = `
let edge = ${PHASES.edge};
let turned = turned_back(z);
let beyond = turned.x < size * edge.x;
let end = vec2f(edge.x, select(edge.y, -edge.y, turned.y < 0.0));
direction = select(direction, complex_product(${PHASES.centre}, end), beyond);
along = select(size, fma(turned.x, end.x, turned.y * end.y), beyond);`;

export function testedSize({ factors }: RuleForm): string {
  return `size_of(${combination(factors[0], factors[1])})`;
}

export function brightness(pixel: string): string {
  return `length(${pixel})`;
}

/** Applies the rule to one pixel. */
export function pixelStatements(form: RuleForm, { value, index, inPlane, outside, result }: ComplexPixel): string {
  const { factors, sized, inTwoPlanes } = form;
  const image = (first: number) => combination(factors[first], factors[first + 1]);
  const changed = (first: number) => {
    const share = factors[first === 6 ? PROJECTED : PROJECTED + 1];
    return share ? sum(share, projected('t'), image(first)) : image(first);
  };
  const update = (satisfied: number, violated: number) => {
    return `select(${image(satisfied)}, ${changed(violated)}, violates_here)`;
  };
  const known = [inTwoPlanes ? 'known' : '0.0', outside ? 'outside' : 'false', sized ? 'threshold' : '0.0'].join(', ');
  const projected = (z: string) => `projected(${z}, ${known})`;
  const violates = (z: string) => `violates(${z}, ${known})`;
  const reflection = `select(updated, ${sum('2.0', projected('updated'), '-updated')}, ${violates('updated')})`;
  const next = form.reflectsIterate ? reflection : form.reflects ? update(4, 8) : 'updated';
  return [
    `let y = ${value};`,
    form.readsIterate ? `let x = iterate[${index}];` : '',
    inTwoPlanes ? `let known = objectMagnitudes[${inPlane}];` : '',
    outside ? `let outside = ${outside};` : '',
    `let t = ${combination(factors[0], factors[1])};`,
    `let violates_here = ${violates('t')};`,
    `let updated = ${update(2, 6)};`,
    form.keepsIterate ? `iterate[${index}] = updated;` : '',
    result === 'both' && form.reflects ? `next[${index}] = ${next};` : '',
    `${value} = ${result === 'next' ? next : 'updated'};`,
  ].join(' ');
}

/** A zero adds nothing, so that neither 0·(−1) nor 0·∞ leaves a trace. */
function combination(x: string, y: string): string {
  if (!x || !y) return product(x, 'x') || product(y, 'y') || 'vec2f()';
  return x === '1' ? sum(y, 'y', 'x') : sum(x, 'x', product(y, 'y'));
}

/** factor · image + rest */
function sum(factor: string, image: string, rest: string): string {
  if (rest === 'vec2f()') return product(factor, image);
  return factor === '1' ? `(${image} + ${rest})` : `fma(vec2f(${factor}), ${image}, ${rest})`;
}
