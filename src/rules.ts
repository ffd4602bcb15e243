/**
 * The pixel rules, as data: the one place to add an algorithm. A backend receives coefficients and knows no names.
 *
 * In an iteration, y is the new image Re IFT(spectrum) and x the previous iterate. Every rule is linear in both, with one
 * set of coefficients where a pixel satisfies the object constraint and another where it violates it.
 */

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

/** A pixel rule with its feedback strength filled in. Immutable: a backend may recognise one by its identity. */
export interface Rule {
  /** A pixel violates the constraint where this image is negative, and wherever it is outside the support. */
  readonly tested: Combination;
  readonly satisfied: Update;
  readonly violated: Update;
  /** The new iterate is stored: a later iteration reads it, or it differs from the image to transform next. */
  readonly keepsIterate: boolean;
}

interface Row {
  tested?: Combination;
  satisfied: Combination | Update;
  violated: Combination | Update;
}

const ZERO: Combination = { x: 0, y: 0 };
const X: Combination = { x: 1, y: 0 };
const Y: Combination = { x: 0, y: 1 };

/** β is the feedback strength. */
const TABLE = {
  /** Gerchberg & Saxton, Optik 35, 237 (1972); with a support, error reduction (Fienup 1982). */
  gs: () => ({ satisfied: Y, violated: ZERO }),
  /** Fienup, Applied Optics 21, 2758 (1982), hybrid input-output. */
  hio: (beta) => ({ satisfied: Y, violated: { x: 1, y: -beta } }),
  /** Fienup (1982), input-output. */
  'input-output': (beta) => ({ satisfied: X, violated: { x: 1, y: -beta } }),
  /** Fienup (1982), output-output. */
  'output-output': (beta) => ({ satisfied: Y, violated: { x: 0, y: 1 - beta } }),
} satisfies Record<string, (beta: number) => Row>;

/** `Algorithm` in src/types.ts describes each for users. */
export type AlgorithmName = keyof typeof TABLE;

/** The names of the algorithms; `Algorithm` describes each. */
export const ALGORITHMS = Object.keys(TABLE) as [AlgorithmName, ...AlgorithmName[]];

/** The rule of an algorithm for a feedback strength. */
export function ruleOf(algorithm: AlgorithmName, beta: number): Rule {
  return makeRule(TABLE[algorithm](beta));
}

/** A rule from a row of the table. */
export function makeRule({ tested = Y, satisfied, violated }: Row): Rule {
  const rule = { tested, satisfied: updateOf(satisfied), violated: updateOf(violated) };
  const reflects = [rule.satisfied, rule.violated].some(
    ({ iterate, next }) => iterate.x !== next.x || iterate.y !== next.y,
  );
  return { ...rule, keepsIterate: readsIterate(rule) || reflects };
}

/** Clears negative pixels and those outside the support: its result is the *feasible* object. */
export const PROJECTION: Rule = ruleOf('gs', 1);

/**
 * The same rule where there is no previous iterate: y takes its place where a pixel violates the constraint and 0 where it
 * satisfies it, as in the reference implementation (tuelwer/phase-retrieval).
 */
export function withoutPrevious({ tested, satisfied, violated, keepsIterate }: Rule): Rule {
  const replaced = ({ x, y }: Combination) => ({ x: 0, y: x + y });
  const dropped = ({ y }: Combination) => ({ x: 0, y });
  return {
    tested: replaced(tested),
    satisfied: { iterate: dropped(satisfied.iterate), next: dropped(satisfied.next) },
    violated: { iterate: replaced(violated.iterate), next: replaced(violated.next) },
    keepsIterate,
  };
}

/** Whether the rule reads the previous iterate anywhere. */
export function readsIterate(rule: Pick<Rule, 'tested' | 'satisfied' | 'violated'>): boolean {
  return combinations(rule).some(({ x }) => x !== 0);
}

/** Whether the rule does nothing to an image that it has been applied to: it sets pixels to y or to 0. */
export function isProjection(rule: Rule): boolean {
  return combinations(rule).every(({ x, y }) => x === 0 && (y === 0 || y === 1)) && rule.tested.y === 1;
}

/** The ten coefficients in the order in which native code and shaders take them: x before y, as `combinations`. */
export function coefficients(rule: Rule): number[] {
  return combinations(rule).flatMap(({ x, y }) => [x, y]);
}

function combinations({ tested, satisfied, violated }: Pick<Rule, 'tested' | 'satisfied' | 'violated'>): Combination[] {
  return [tested, satisfied.iterate, satisfied.next, violated.iterate, violated.next];
}

function updateOf(update: Combination | Update): Update {
  return 'next' in update ? update : { iterate: update, next: update };
}
