/** Sessions beside the oracle that does without every shortcut, and random calls of both. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import {
  ALGORITHMS,
  createSession,
  type Algorithm,
  type ObjectKind,
  type Precision,
  type Session,
  type SessionOptions,
  type Shape,
} from '../../src/index.js';
import { hasBeta } from '../../src/problems/options.js';
import { noise, randomMask, relativeError } from './images.js';
import {
  TextbookSession,
  textbookComplexRule,
  textbookRule,
  textbookStart,
  type TextbookProblem,
} from '../../src/cli/validate/textbook.js';

export const SHAPES: Shape[] = [
  [1, 1],
  [1, 7],
  [6, 1],
  [2, 2],
  [4, 6],
  [5, 7],
  [8, 9],
  [9, 8],
  [11, 16],
  [17, 20],
];

const COMMANDS = [
  ...['run', 'step', 'inverse', 'constrainObject', 'forward', 'constrainFourier'],
  ...['readObject', 'readSpectrum', 'residuals', 'writeObject', 'writeSpectrum', 'use', 'setSupport'],
] as const;

export const command = fc.constantFrom(...COMMANDS);

export async function perform(
  name: (typeof COMMANDS)[number],
  session: Session,
  textbook: TextbookSession,
  shape: Shape,
  seed: number,
): Promise<void> {
  const pixels = shape[0] * shape[1];
  const width = session.object === 'complex' ? 2 : 1;
  switch (name) {
    case 'run':
      await session.run(2);
      textbook.run(2);
      break;
    case 'writeObject': {
      const object = noise(width * pixels, seed).map((u) => u - 0.3);
      session.writeObject(object);
      textbook.writeObject(object);
      break;
    }
    case 'writeSpectrum': {
      const spectrum = noise(2 * pixels, seed).map((u) => 4 * u - 2);
      session.writeSpectrum(spectrum);
      textbook.writeSpectrum(spectrum);
      break;
    }
    case 'use': {
      const algorithms = algorithmsFor(session.object);
      const algorithm = algorithms[seed % algorithms.length];
      const rule = { algorithm, beta: hasBeta(algorithm) ? 0.5 + (seed % 5) / 10 : 1 };
      if (textbook.awaitsRule) {
        expect(() => session.use(rule)).toThrow(/between inverse\(\) and constrainObject\(\)/);
        break;
      }
      session.use(rule);
      expect({ algorithm: session.algorithm, beta: session.beta }).toEqual(rule);
      textbook.rule = ruleFor(textbook.problem, rule);
      break;
    }
    case 'setSupport': {
      const support = seed % 3 === 0 ? undefined : randomMask(shape, 0.6, seed);
      session.setSupport(support);
      textbook.problem.support = support;
      break;
    }
    case 'readObject':
    case 'readSpectrum':
    case 'residuals':
      await session[name]();
      break;
    default:
      session[name]();
      textbook[name]();
  }
}

/** Those that take objects of a kind. */
export function algorithmsFor(object: ObjectKind): Algorithm[] {
  return ALGORITHMS.filter((name) => object === 'real' || !['chio', 'cf'].includes(name));
}

function ruleFor(problem: TextbookProblem, how: { algorithm: Algorithm; beta: number }) {
  return problem.object === 'complex' ? textbookComplexRule(problem, how) : textbookRule(problem, how);
}

/** A session and the oracle in the same state. Algorithms that have no β are not given one. */
export async function both(problem: TextbookProblem, given: SessionOptions & { algorithm: Algorithm; beta: number }) {
  const options = { ...given, beta: hasBeta(given.algorithm) ? given.beta : 1 };
  const phase = noise(problem.magnitudes.length, 7).map((u) => 2 * Math.PI * u);
  const session = await createSession(problem, { ...options, start: { phase } });
  const start = textbookStart(problem, phase);
  return { session, textbook: new TextbookSession({ ...problem }, start, ruleFor(problem, options)) };
}

export async function expectAlike(session: Session, textbook: TextbookSession, tolerance: number): Promise<void> {
  expect(session.iterations).toBe(textbook.iterations);
  expect(relativeError(await session.readObject(), textbook.readObject())).toBeLessThan(tolerance);
  expect(relativeError(await session.readSpectrum(), textbook.readSpectrum())).toBeLessThan(tolerance);
  const residual = await session.residual();
  if (textbook.iterations === 0) expect(residual).toBeNaN();
  else expect(Math.abs(residual - textbook.residual)).toBeLessThan(tolerance);
}

/** One run, steps and kernels of sessions that begin alike, and keep a history, do the same. */
export async function expectAnyGranularity(open: () => Promise<Session>, precision: Precision): Promise<void> {
  const [run, steps, kernels] = await Promise.all([1, 2, 3].map(open));
  await run.run(12);
  for (let i = 0; i < 12; i++) {
    steps.step();
    kernels.inverse();
    kernels.constrainObject();
    kernels.forward();
    kernels.constrainFourier();
  }
  const spectrum = await run.readSpectrum();
  const object = await run.readObject();
  const history = await run.history();
  for (const session of [steps, kernels]) {
    // The arithmetic is the same, whatever calls it.
    expect(await session.readSpectrum()).toEqual(spectrum);
    // For rules without memory the fused passes hold the object as its transform along rows only.
    const rounding = precision === 'double' ? 1e-14 : 2e-6;
    expect(relativeError(await session.readObject(), object)).toBeLessThan(rounding);
    expect(relativeError(await session.history(), history)).toBeLessThan(rounding);
    expect(session.iterations).toBe(12);
  }
  [run, steps, kernels].forEach((session) => session.dispose());
}
