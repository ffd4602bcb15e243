/** Rules as data: what follows from their coefficients. The arithmetic itself is checked on every backend in session.test.ts. */
import { describe, expect, it } from 'vitest';
import {
  ALGORITHMS,
  PROJECTION,
  coefficients,
  isProjection,
  makeRule,
  readsIterate,
  ruleOf,
  withoutPrevious,
} from '../src/rules.js';

const [X, Y, ZERO] = [
  { x: 1, y: 0 },
  { x: 0, y: 1 },
  { x: 0, y: 0 },
];

describe('a rule', () => {
  it.each([
    ['gs', false],
    ['hio', true],
    ['input-output', true],
    ['output-output', false],
  ] as const)('of %s keeps the iterate: %s', (algorithm, keeps) => {
    const rule = ruleOf(algorithm, 0.7);
    expect(rule.keepsIterate).toBe(keeps);
    expect(readsIterate(rule)).toBe(keeps);
    // A first iteration stores what the next one reads.
    expect(withoutPrevious(rule).keepsIterate).toBe(keeps);
    expect(readsIterate(withoutPrevious(rule))).toBe(false);
  });

  it('gives its ten coefficients in one order: tested, satisfied, violated; iterate before next, x before y', () => {
    const rule = makeRule({
      tested: { x: 1, y: 2 },
      satisfied: { iterate: { x: 3, y: 4 }, next: { x: 5, y: 6 } },
      violated: { iterate: { x: 7, y: 8 }, next: { x: 9, y: 10 } },
    });
    expect(coefficients(rule)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('without a previous iterate takes y for x where the constraint is violated, and 0 where it is satisfied', () => {
    const rule = makeRule({ tested: { x: -1, y: 2 }, satisfied: { x: 3, y: 4 }, violated: { x: 5, y: 6 } });
    expect(coefficients(withoutPrevious(rule))).toEqual([0, 1, 0, 4, 0, 4, 0, 11, 0, 11]);
  });

  it('is a projection only where a second application changes nothing', () => {
    expect(ALGORITHMS.filter((algorithm) => isProjection(ruleOf(algorithm, 0.9)))).toEqual(['gs']);
    expect(isProjection(PROJECTION)).toBe(true);
    for (const row of [
      { satisfied: Y, violated: { x: 0, y: 0.5 } },
      { satisfied: Y, violated: X },
      { satisfied: Y, violated: ZERO, tested: { x: 0, y: -1 } },
    ]) {
      expect(isProjection(makeRule(row))).toBe(false);
    }
  });

  it('keeps an iterate that differs from the image that it transforms, though nothing reads it', () => {
    expect(makeRule({ satisfied: { iterate: Y, next: { x: 0, y: 2 } }, violated: ZERO }).keepsIterate).toBe(true);
    expect(makeRule({ satisfied: Y, violated: { iterate: ZERO, next: { x: 0, y: -1 } } }).keepsIterate).toBe(true);
  });
});
