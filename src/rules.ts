/**
 * The pixel rules, as data: the one place to add an algorithm. A backend receives coefficients and knows no names.
 *
 * In an iteration, y is the new image Re IFT(spectrum) and x the previous iterate. Every rule is linear in both, with one
 * set of coefficients where a pixel satisfies the object constraint and another where it violates it. What becomes of the
 * spectrum is data too: a `FourierRule`.
 */
import type { Algorithm } from './types.js';

/** The image x·(previous iterate) + y·(new image). A zero takes no part: 0 times infinity or −1 adds nothing. */
export interface Combination {
  readonly x: number;
  readonly y: number;
}

/** What becomes of a pixel. The two images differ only for reflecting rules. */
export interface Update {
  /** The new iterate: the `x` of the next iteration. */
  readonly iterate: Combination;
  /** The image to transform next. */
  readonly next: Combination;
}

/** The least and the greatest value of a pixel inside the support, or size of a complex one; outside it is 0. */
export type Bounds = readonly [low: number, high: number];

/** The phases that a complex pixel may have: up to `halfWidth` on either side of `centre`, in radians. π: all. */
export interface Phases {
  readonly centre: number;
  readonly halfWidth: number;
}

/**
 * What becomes of a frequency of size a whose measured magnitude is m: its size changes, its phase stays. Where several
 * apply, the likelihood comes first.
 */
export interface FourierRule {
  /** Sizes from m − tolerance to m + tolerance stay; others go to the nearer of the two. 0 imposes m. In scaled units. */
  readonly tolerance: number;
  /** Sizes of frequencies that were not measured are at most this. Infinity: they stay. In scaled units. */
  readonly limit: number;
  /**
   * a becomes (a + min(m²/a, 2m))/2 where measured: a step up the likelihood of counts with Poisson noise. The tolerance
   * plays no part. The minimum keeps a tiny a from becoming huge.
   */
  readonly likelihood: boolean;
  /** Frequencies that were not measured become this many times as large, before the limit. */
  readonly unmeasured: number;
  /** Of a complex object in two planes. Left out: sizes are as above. */
  readonly weights?: Weights | undefined;
}

/**
 * What is imposed on a frequency of value C is not m, but what was imposed last, at first m: its size becomes (m/|C|)^exponent
 * times as large, but stays where C is 0, and its phase becomes that of C. Then all are multiplied by what brings their norm to
 * that of m.
 */
export interface Weights {
  /** Above 0, at most 1. */
  readonly exponent: number;
  /** The phase too stays as it was imposed last. */
  readonly keepsPhases: boolean;
}

/** A pixel rule with its parameters filled in. Immutable: a backend may recognise one by its identity. */
export interface Rule {
  /** A pixel violates the constraint where this image is out of bounds, and wherever it is outside the support. */
  readonly tested: Combination;
  readonly satisfied: Update;
  readonly violated: Update;
  /** Where a pixel violates the constraint, this times P(tested value) is added to the iterate and to the next image. */
  readonly projected: { readonly iterate: number; readonly next: number };
  /** Where a pixel satisfies the constraint, it becomes at least this. All zeros: no such condition. */
  readonly atLeast: Combination;
  /** The image to transform next is the reflection 2P(u) − u of the new iterate u, instead of that of the updates. */
  readonly reflectsIterate: boolean;
  readonly bounds: Bounds;
  /** Of complex pixels. */
  readonly phases: Phases;
  /** Of complex pixels: each has the size that the problem's object magnitudes say, in place of the bounds. */
  readonly inTwoPlanes: boolean;
  /**
   * k: pixels that are not among the k largest positive ones inside the support violate the constraint, and P makes 0 of
   * them; of complex pixels, the k largest sizes. The image is the tested one, and for P(u) it is u. Pixels that equal the largest one that is left out are left
   * out too. 0: no such condition. Backends find the threshold by correcting that of the last iteration, and accept one
   * that lets through k ± k/200 pixels (of k < 200 exactly k), but `measureObject` takes exactly k.
   */
  readonly supportSize: number;
  readonly fourier: FourierRule;
  /** The new iterate is stored: a later iteration reads it, or it differs from the image to transform next. */
  readonly keepsIterate: boolean;
}

interface Row extends ObjectRule {
  tested?: Combination;
  satisfied: Combination | Update;
  violated: Combination | Update;
  projected?: number | Rule['projected'];
  atLeast?: Combination;
  reflectsIterate?: boolean;
  fourier?: FourierRule;
  keepsIterate?: boolean;
}

/** What makes a pixel feasible. */
export interface ObjectRule {
  bounds?: Bounds | undefined;
  phases?: Phases | undefined;
  inTwoPlanes?: boolean | undefined;
  /** Left out or 0: no such condition. */
  supportSize?: number | undefined;
}

/** What rows of the table are made from. */
export interface RuleParameters extends ObjectRule {
  /** Feedback strength β > 0. */
  beta: number;
  /** Of `chio`, 0 < α ≤ 1. */
  alpha: number;
  /** Of `cf`: pixels below it change their sign. In the unit of the image, like the bounds. */
  delta: number;
  /** Of `ml`: how far an iteration goes on in the direction of the last. */
  momentum: number;
  bounds: Bounds;
  tolerance: number;
  limit: number;
  /** Default 1. */
  unmeasured?: number;
  weights?: Weights | undefined;
}

const ZERO: Combination = { x: 0, y: 0 };
const X: Combination = { x: 1, y: 0 };
const Y: Combination = { x: 0, y: 1 };

/** The image 2y − x, which the averaged and relaxed reflections test. */
const REFLECTION: Combination = { x: -1, y: 2 };

export const POSITIVE: Bounds = [0, Infinity];

export const ANY_PHASE: Phases = { centre: 0, halfWidth: Math.PI };

/** Measured magnitudes are imposed, the others stay. */
export const IMPOSE: FourierRule = { tolerance: 0, limit: Infinity, likelihood: false, unmeasured: 1 };

const errorReduction = (): Row => ({ satisfied: Y, violated: ZERO, projected: 1 });

/** The coefficients of `projected` follow from each paper's operators with P as the object's projection. */
const TABLE: Record<Algorithm, (parameters: RuleParameters) => Row> = {
  /** Error reduction (Fienup 1982). */
  er: errorReduction,
  /** Gerchberg & Saxton, Optik 35, 237 (1972), with the object's projection in place of its magnitudes. */
  gs: errorReduction,
  /** Fienup, Applied Optics 21, 2758 (1982), hybrid input-output. */
  hio: ({ beta }) => ({ satisfied: Y, violated: { x: 1, y: -beta }, projected: beta }),
  /** Fienup (1982), input-output. */
  'input-output': ({ beta }) => ({ satisfied: X, violated: { x: 1, y: -beta }, projected: beta }),
  /** Fienup (1982), output-output. */
  'output-output': ({ beta }) => ({ satisfied: Y, violated: { x: 0, y: 1 - beta }, projected: beta }),
  /**
   * Fienup, "Phase retrieval with continuous version of hybrid input-output", Frontiers in Optics (2003). Where 0 ≤ y < αx
   * a pixel becomes x − y(1−α)/α, which is exactly where that is more than y.
   */
  chio: ({ alpha, beta }) => ({
    ...{ satisfied: Y, violated: { x: 1, y: -beta }, projected: beta },
    atLeast: { x: 1, y: -(1 - alpha) / alpha },
  }),
  /** Luke, Inverse Problems 21, 37 (2005), relaxed averaged alternating reflections: β/2 (R_S R_M + 1) x + (1−β) P_M x. */
  raar: ({ beta }) => ({
    ...{ tested: REFLECTION, satisfied: Y, violated: { x: beta, y: 1 - 2 * beta }, projected: beta },
  }),
  /** Bauschke, Combettes & Luke, JOSA A 20, 1025 (2003), hybrid projection–reflection. */
  hpr: ({ beta }) => ({
    ...{ tested: { x: -1, y: 1 + beta }, satisfied: Y, violated: { x: 1, y: -beta }, projected: 1 },
  }),
  /** Elser, JOSA A 20, 40 (2003), difference map with β = 1: x + P_S(2y − x) − y. */
  dm: () => ({ tested: REFLECTION, satisfied: Y, violated: { x: 1, y: -1 }, projected: 1 }),
  /** Elser, Lan & Bendory, SIAM J. Imaging Sci. 11, 2429 (2018): x + β (P_M(2a − x) − a) with a = P_S(x). */
  rrr: ({ beta }) => ({
    ...{ tested: X, satisfied: { x: 1 - beta, y: beta }, violated: { x: 1, y: beta }, projected: -beta },
    reflectsIterate: true,
  }),
  /** Oszlányi & Sütő, Acta Cryst. A 60, 134 (2004), charge flipping. */
  cf: ({ delta }) => ({ satisfied: Y, violated: { x: 0, y: -1 }, bounds: [delta, Infinity] }),
  /**
   * Maximum likelihood of counts with Poisson noise: u = P(y), and u + c(u − x) is transformed next, where c is the momentum
   * of Nesterov (Soviet Mathematics Doklady 27, 372, 1983) as in Beck & Teboulle, SIAM J. Imaging Sci. 2, 183 (2009).
   */
  ml: ({ momentum, limit }) => ({
    satisfied: { iterate: Y, next: { x: -momentum, y: 1 + momentum } },
    violated: { iterate: ZERO, next: { x: -momentum, y: 0 } },
    projected: { iterate: 1, next: 1 + momentum },
    fourier: { ...IMPOSE, limit, likelihood: true },
    keepsIterate: true,
  }),
};

/** The rule of an algorithm. */
export function ruleOf(algorithm: Algorithm, parameters: RuleParameters): Rule {
  const { bounds, phases, inTwoPlanes, supportSize, tolerance, limit, unmeasured = 1, weights } = parameters;
  const fourier = { tolerance, limit, likelihood: false, unmeasured, weights };
  return makeRule({ bounds, phases, inTwoPlanes, supportSize, fourier, ...TABLE[algorithm](parameters) });
}

/** Whether an algorithm asks which of two pixels is less, which complex ones do not tell. */
export function needsOrder(algorithm: Algorithm): boolean {
  return algorithm === 'chio' || algorithm === 'cf';
}

/** Whether an algorithm's rule changes from one iteration to the next. */
export function changesByIteration(algorithm: Algorithm): boolean {
  return algorithm === 'ml';
}

/** Momenta go up to 1 − 3/k; after this many iterations they stay, so that there is an end of different rules. */
const MOST_MOMENTA = 256;

/** c of the k-th iteration of `ml`, from 0: (t_k − 1)/t_{k+1} with t_0 = 1, t_{k+1} = (1 + √(1 + 4t_k²))/2. */
export function momentumOf(k: number): number {
  let t = 1;
  for (let i = 0; ; i++) {
    const next = (1 + Math.sqrt(1 + 4 * t * t)) / 2;
    if (i === Math.min(k, MOST_MOMENTA)) return (t - 1) / next;
    t = next;
  }
}

/** A rule from a row of the table. */
export function makeRule(row: Row): Rule {
  const { tested = Y, atLeast = ZERO, reflectsIterate = false, bounds = POSITIVE } = row;
  const { phases = ANY_PHASE, inTwoPlanes = false, supportSize = 0, fourier = IMPOSE, projected: share = 0 } = row;
  const projected = typeof share === 'number' ? { iterate: share, next: share } : share;
  const [satisfied, violated] = [updateOf(row.satisfied), updateOf(row.violated)];
  const twoImages =
    projected.iterate !== projected.next ||
    [satisfied, violated].some(({ iterate, next }) => iterate.x !== next.x || iterate.y !== next.y);
  const object = { bounds, phases, inTwoPlanes, supportSize };
  const rule = { tested, satisfied, violated, projected, atLeast, reflectsIterate, ...object, fourier };
  return { ...rule, keepsIterate: row.keepsIterate || readsIterate(rule) || twoImages || reflectsIterate };
}

/**
 * Brings pixels into bounds, and clears those outside the support and beyond the support size: its result is the *feasible*
 * object.
 */
export function projection(object: ObjectRule): Rule {
  return makeRule({ ...errorReduction(), ...object });
}

/** Clears negative pixels and those outside the support. */
export const PROJECTION: Rule = projection({});

/**
 * The same rule where there is no previous iterate: y takes its place where a pixel violates the constraint and 0 where it
 * satisfies it, as in the reference implementation (tuelwer/phase-retrieval).
 */
export function withoutPrevious(rule: Rule): Rule {
  const { tested, satisfied, violated, atLeast } = rule;
  const replaced = ({ x, y }: Combination) => ({ x: 0, y: x + y });
  const dropped = ({ y }: Combination) => ({ x: 0, y });
  return {
    ...rule,
    tested: replaced(tested),
    satisfied: { iterate: dropped(satisfied.iterate), next: dropped(satisfied.next) },
    violated: { iterate: replaced(violated.iterate), next: replaced(violated.next) },
    atLeast: dropped(atLeast),
  };
}

type Combinations = Pick<Rule, 'tested' | 'satisfied' | 'violated' | 'atLeast'>;

/** Whether the rule reads the previous iterate anywhere. */
export function readsIterate(rule: Combinations): boolean {
  return combinations(rule).some(({ x }) => x !== 0);
}

/**
 * Whether the rule does nothing to an image that it has been applied to: it sets pixels to y, P(y) or 0. One with a support
 * size does not count: it is not exact.
 */
export function isProjection(rule: Rule): boolean {
  const isPlain = combinations(rule).every(({ x, y }) => x === 0 && (y === 0 || y === 1));
  const shares = [rule.projected.iterate, rule.projected.next];
  const isExact = !rule.reflectsIterate && rule.supportSize === 0;
  return isPlain && rule.tested.y === 1 && shares.every((share) => [0, 1].includes(share)) && isExact;
}

/**
 * Whether the feasible part of the iterate is the image. The iterate of a rule that tests a reflection is none, even where
 * the rule has found the image: P_M makes the image of it.
 */
export function iterateIsImage({ tested, reflectsIterate }: Rule): boolean {
  return tested.x === 0 || reflectsIterate;
}

/** The numbers of a rule for a real object, in the order in which native code and shaders take them. */
export function coefficients(rule: Rule): number[] {
  const { projected, bounds, reflectsIterate, supportSize, fourier } = rule;
  const images = combinations(rule).flatMap(({ x, y }) => [x, y]);
  const { tolerance, limit, likelihood } = fourier;
  const shares = [projected.iterate, projected.next];
  return [...images, ...shares, ...bounds, ...[reflectsIterate, supportSize, tolerance, limit, likelihood].map(Number)];
}

/** The numbers that only a complex object has. An exponent of 0: without weights. */
export function complexCoefficients({ phases, inTwoPlanes, fourier }: Rule): number[] {
  const { exponent = 0, keepsPhases = false } = fourier.weights ?? {};
  const flags = [inTwoPlanes, keepsPhases].map(Number);
  return [phases.centre, phases.halfWidth, flags[0], fourier.unmeasured, exponent, flags[1]];
}

/** Both. */
export function allCoefficients(rule: Rule): number[] {
  return [...coefficients(rule), ...complexCoefficients(rule)];
}

/** x before y, the iterate before the next image. */
function combinations({ tested, satisfied, violated, atLeast }: Combinations): Combination[] {
  return [tested, satisfied.iterate, satisfied.next, violated.iterate, violated.next, atLeast];
}

function updateOf(update: Combination | Update): Update {
  return 'next' in update ? update : { iterate: update, next: update };
}
