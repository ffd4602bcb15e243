/** Rules as data: what follows from their coefficients, and a rule that nobody ships on every backend. */
import { describe, expect, it } from 'vitest';
import { selectDevice } from '../src/backends/registry.js';
import { TextbookSession, hermitianPart, textbookStart, type PixelRule } from '../src/cli/validate/textbook.js';
import { ALGORITHMS, type Shape } from '../src/index.js';
import { prepare } from '../src/problems/image.js';
import { checkSessionOptions } from '../src/problems/options.js';
import {
  IMPOSE,
  POSITIVE,
  PROJECTION,
  coefficients,
  isProjection,
  iterateIsImage,
  makeRule,
  projection,
  readsIterate,
  ruleOf,
  withoutPrevious,
} from '../src/rules.js';
import { openSession } from '../src/session/session.js';
import { onEveryBackend } from './support/backends.js';
import { asymmetricMagnitudes, noise, randomMask, relativeError } from './support/images.js';

const [X, Y, ZERO] = [
  { x: 1, y: 0 },
  { x: 0, y: 1 },
  { x: 0, y: 0 },
];

const PARAMETERS = {
  beta: 0.7,
  alpha: 0.4,
  delta: 0.1,
  bounds: POSITIVE,
  momentum: 0.5,
  tolerance: 0,
  limit: Infinity,
};

describe('a rule', () => {
  it.each([
    ['er', false],
    ['gs', false],
    ['hio', true],
    ['input-output', true],
    ['output-output', false],
    ['chio', true],
    ['raar', true],
    ['hpr', true],
    ['dm', true],
    ['rrr', true],
    ['cf', false],
  ] as const)('of %s keeps the iterate: %s', (algorithm, keeps) => {
    const rule = ruleOf(algorithm, PARAMETERS);
    expect(rule.keepsIterate).toBe(keeps);
    expect(readsIterate(rule)).toBe(keeps);
    // A first iteration stores what the next one reads.
    expect(withoutPrevious(rule).keepsIterate).toBe(keeps);
    expect(readsIterate(withoutPrevious(rule))).toBe(false);
  });

  it('gives its numbers in one order', () => {
    const rule = makeRule({
      tested: { x: 1, y: 2 },
      satisfied: { iterate: { x: 3, y: 4 }, next: { x: 5, y: 6 } },
      violated: { iterate: { x: 7, y: 8 }, next: { x: 9, y: 10 } },
      ...{ atLeast: { x: 11, y: 12 }, projected: { iterate: 13, next: 14 }, bounds: [-15, 16], reflectsIterate: true },
      ...{ supportSize: 18, fourier: { ...IMPOSE, tolerance: 19, limit: 20, likelihood: true } },
    });
    expect(coefficients(rule)).toEqual([...Array.from({ length: 14 }, (_, i) => i + 1), -15, 16, 1, 18, 19, 20, 1]);
    const plain = makeRule({ satisfied: Y, violated: ZERO });
    expect(coefficients(plain)).toEqual([
      0,
      1,
      0,
      1,
      0,
      1,
      ...Array<number>(8).fill(0),
      0,
      Infinity,
      0,
      0,
      0,
      Infinity,
      0,
    ]);
  });

  it('without a previous iterate takes y for x where the constraint is violated, and 0 where it is satisfied', () => {
    const rule = makeRule({
      ...{ tested: { x: -1, y: 2 }, satisfied: { x: 3, y: 4 }, violated: { x: 5, y: 6 }, atLeast: { x: 7, y: 8 } },
    });
    expect(coefficients(withoutPrevious(rule)).slice(0, 12)).toEqual([0, 1, 0, 4, 0, 4, 0, 11, 0, 11, 0, 8]);
  });

  it('is a projection only where a second application changes nothing', () => {
    expect(ALGORITHMS.filter((algorithm) => isProjection(ruleOf(algorithm, PARAMETERS)))).toEqual(['er', 'gs']);
    expect(isProjection(PROJECTION)).toBe(true);
    expect(isProjection(projection({ bounds: [-1, 2] }))).toBe(true);
    for (const row of [
      { satisfied: Y, violated: { x: 0, y: 0.5 } },
      { satisfied: Y, violated: X },
      { satisfied: Y, violated: ZERO, tested: { x: 0, y: -1 } },
      { satisfied: Y, violated: ZERO, projected: 0.5 },
      { satisfied: Y, violated: ZERO, reflectsIterate: true },
      { satisfied: Y, violated: ZERO, atLeast: X },
    ]) {
      expect(isProjection(makeRule(row))).toBe(false);
    }
  });

  it('has iterates that are images unless it tests a reflection', () => {
    const without = ALGORITHMS.filter((algorithm) => !iterateIsImage(ruleOf(algorithm, PARAMETERS)));
    expect(without).toEqual(['raar', 'hpr', 'dm']);
  });

  it('keeps an iterate that differs from the image that it transforms, though nothing reads it', () => {
    expect(makeRule({ satisfied: { iterate: Y, next: { x: 0, y: 2 } }, violated: ZERO }).keepsIterate).toBe(true);
    expect(makeRule({ satisfied: Y, violated: { iterate: ZERO, next: { x: 0, y: -1 } } }).keepsIterate).toBe(true);
    expect(makeRule({ satisfied: Y, violated: ZERO, reflectsIterate: true }).keepsIterate).toBe(true);
  });
});

onEveryBackend('a session', ({ backend, precision, tolerance }) => {
  it('takes any linear rule, given as coefficients alone', async () => {
    const rule = makeRule({
      tested: { x: -0.6, y: 1.7 },
      satisfied: { iterate: { x: 0.1, y: 0.8 }, next: { x: -0.2, y: 1.1 } },
      violated: { iterate: { x: 0.7, y: -0.5 }, next: { x: 0.3, y: 0.4 } },
    });
    const formula: PixelRule = (y, x, inside) => {
      const violates = !inside || 1.7 * y - 0.6 * (x ?? y) < 0;
      if (violates) return { iterate: 0.7 * (x ?? y) - 0.5 * y, next: 0.3 * (x ?? y) + 0.4 * y };
      return { iterate: 0.1 * (x ?? 0) + 0.8 * y, next: 1.1 * y - 0.2 * (x ?? 0) };
    };
    const shapes: Shape[] = [
      [1, 1],
      [1, 7],
      [6, 1],
      [4, 6],
      [9, 8],
      [17, 20],
    ];
    for (const shape of shapes) {
      const problem = { shape, magnitudes: asymmetricMagnitudes(shape), support: randomMask(shape, 0.7, 2) };
      const phase = noise(problem.magnitudes.length, 7).map((u) => 2 * Math.PI * u);
      const selected = await selectDevice(checkSessionOptions({ backend, precision }));
      const setup = prepare(problem, checkSessionOptions({ backend, precision, algorithm: 'hio' }), { phase });
      using session = await openSession(selected.backend, selected.index, { ...setup, rule });
      const start = hermitianPart(textbookStart(problem, phase), shape);
      const textbook = new TextbookSession(problem, start, formula);
      await session.run(2);
      textbook.run(2);
      for (const kernel of ['inverse', 'constrainObject', 'forward', 'constrainFourier'] as const) {
        session[kernel]();
        textbook[kernel]();
        await session.readObject();
      }
      session.step();
      textbook.step();
      expect(relativeError(await session.readObject(), textbook.readObject())).toBeLessThan(tolerance);
      expect(relativeError(await session.readSpectrum(), textbook.readSpectrum())).toBeLessThan(tolerance);
      expect(Math.abs((await session.residual()) - textbook.residual)).toBeLessThan(tolerance);
    }
  });
});
