/** Chains of algorithms: their text and arrays, and what runs. */
import { describe, expect, it } from 'vitest';
import { createSession, retrieve, type ChainLink, type RetrieveOptions } from '../src/index.js';
import {
  chainText,
  checkChain,
  countSteps,
  iterationsOf,
  lastStep,
  stepsAfter,
  stepsOf,
} from '../src/retrieve/chain.js';
import { onEveryBackend } from './support/backends.js';
import { asymmetricMagnitudes, randomMask, relativeError } from './support/images.js';
import type { Shape } from '../src/index.js';

const steps = (chain: string | readonly ChainLink[]) =>
  [...stepsOf(checkChain(chain))].map(({ algorithm, beta, iterations }) => `${algorithm}:${beta}*${iterations}`);

/** The step of a chain that an iteration belongs to. */
function firstOf(chain: ReturnType<typeof checkChain>, iteration: number) {
  let end = 0;
  return [...stepsOf(chain)].find((step) => (end += step.iterations) > iteration)!;
}

describe('a chain', () => {
  it.each([
    ['hio*180+er*20', ['hio:0.9*180', 'er:1*20'], 'hio:0.9*180+er*20'],
    [' hio : 0.7 * 180 + er * 20 ', ['hio:0.7*180', 'er:1*20'], 'hio:0.7*180+er*20'],
    ['(hio:.7*2+er*1)*2', ['hio:0.7*2', 'er:1*1', 'hio:0.7*2', 'er:1*1'], '(hio:0.7*2+er*1)*2'],
    ['((rrr*1)*2+dm*3)', ['rrr:0.5*1', 'rrr:0.5*1', 'dm:1*3'], '((rrr:0.5*1)*2+dm*3)*1'],
    ['raar:0.9..0.5*3', ['raar:0.9*1', 'raar:0.7*1', 'raar:0.5*1'], 'raar:0.9..0.5*3'],
    ['raar:1e-1..2*1', ['raar:0.1*1'], 'raar:0.1..2*1'],
    ['input-output:1*5', ['input-output:1*5'], 'input-output:1*5'],
  ])('%s is read, and written as it is read', (text, expected, written) => {
    expect(steps(text)).toEqual(expected);
    const chain = checkChain(text);
    expect(chainText(chain)).toBe(written);
    expect(checkChain(chainText(chain))).toEqual(chain);
    expect(iterationsOf(chain)).toBe([...stepsOf(chain)].reduce((sum, step) => sum + step.iterations, 0));
    expect(steps(chain)).toEqual(expected);
  });

  it('changes β from the first iteration to the last, in at most 100 steps', () => {
    const all = [...stepsOf(checkChain('raar:0.9..0.5*1050'))];
    expect(all).toHaveLength(100);
    expect(all.reduce((sum, { iterations }) => sum + iterations, 0)).toBe(1050);
    expect([all[0].beta, all[99].beta]).toEqual([0.9, 0.5]);
    expect(all.every(({ beta }, i) => i === 0 || beta < all[i - 1].beta)).toBe(true);
    expect(lastStep(checkChain('(raar:0.9..0.5*1050)*2'))).toMatchObject({ algorithm: 'raar', beta: 0.5 });
  });

  it('as an array is repeated once unless it says otherwise, and has the algorithm’s own β', () => {
    const inner: ChainLink[] = [{ algorithm: 'rrr', iterations: 3 }];
    expect(steps([{ chain: inner }, { repeat: 2, chain: inner }])).toEqual(['rrr:0.5*3', 'rrr:0.5*3', 'rrr:0.5*3']);
  });

  it('has the steps that are left behind any iteration', () => {
    const chain = checkChain('gs*3+((hio*4+raar:0.9..0.5*3)*2+er*2)*3+dm*5');
    const all = [...stepsOf(chain)].flatMap((step) => Array.from({ length: step.iterations }, () => step.algorithm));
    for (let done = 0; done <= all.length; done++) {
      const left = [...stepsAfter(chain, done)];
      expect(left.flatMap((step) => Array.from({ length: step.iterations }, () => step.algorithm))).toEqual(
        all.slice(done),
      );
      expect(left.slice(1).every((step) => step.done === 0)).toBe(true);
      const [begun] = left.map((step) => step.done + step.iterations);
      expect(begun).toBe(done < all.length ? firstOf(chain, done).iterations : undefined);
    }
    expect(countSteps(chain)).toBe([...stepsOf(chain)].length);
  });

  it('has an algorithm’s β of 1 where that has none, as results report it', async () => {
    expect(steps('dm:1*5')).toEqual(['dm:1*5']);
    expect(() => checkChain([{ algorithm: 'er', beta: 0.5, iterations: 1 }])).toThrow(
      'chain[0].beta: got 0.5; takes nothing with er, which has no feedback strength',
    );
    const problem = { magnitudes: asymmetricMagnitudes([4, 6]), shape: [4, 6] } as const;
    await expect(retrieve(problem, { algorithm: 'dm', beta: 0.7 })).rejects.toThrow(
      'beta: got 0.7; takes nothing with dm',
    );
    await expect(retrieve(problem, { beta: 0.7 })).rejects.toThrow('beta: got 0.7; takes nothing with gs');
    using session = await createSession(problem, { backend: 'wasm', algorithm: 'hio', beta: 0.7 });
    expect(() => session.use({ algorithm: 'er', beta: 0.7 })).toThrow('beta: got 0.7; takes nothing with er');
  });

  it('is not unrolled: a long one costs nothing', () => {
    const chain = checkChain('((hio*45+er*5)*1000000)*1000000');
    expect(iterationsOf(chain)).toBe(50e12);
    expect(countSteps(chain)).toBe(2e12);
    expect([...stepsAfter(chain, 50e12 - 7)]).toMatchObject([
      { algorithm: 'hio', iterations: 2, done: 43 },
      { algorithm: 'er', iterations: 5, done: 0 },
    ]);
    expect(stepsOf(chain).next().value).toEqual({ algorithm: 'hio', beta: 0.9, iterations: 45 });
  });

  it.each([
    ['', 1, /ends here; takes an algorithm \(er, gs/],
    ['hoi*3', 1, /"hoi\*3"; takes an algorithm/],
    ['hio', 4, /takes '\*' and a number of iterations/],
    ['hio*', 5, /takes a number of iterations, from 1 to 2⁵³ − 1/],
    ['hio*0', 5, /takes a number of iterations, from 1 to 2⁵³ − 1/],
    ['hio:*5', 5, /takes a feedback strength above 0/],
    ['hio:0*5', 5, /takes a feedback strength above 0/],
    ['hio:0.9..*5', 10, /takes a feedback strength above 0/],
    ['hio*5+', 7, /takes an algorithm/],
    ['hio*5 er*3', 7, /takes '\+', or the end/],
    ['(hio*5', 7, /takes '\+' or '\)'/],
    ['(hio*5)*x', 9, /takes how often to repeat, from 1 to 2⁵³ − 1/],
    ['hio*5)', 6, /takes '\+', or the end/],
    ['hio*-5', 5, /takes a number of iterations/],
    ['hio*5.5', 6, /takes '\+', or the end/],
  ])('%j is refused at character %i', (text, character, message) => {
    const error = thrown(() => checkChain(text));
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`chain at character ${character}:`);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'chain' });
  });

  it.each([
    [[], 'chain'],
    [[{ algorithm: 'hio' }], 'chain[0].iterations'],
    [[{ algorithm: 'hio', iterations: 1, betta: 1 }], 'betta'],
    [[{ algorithm: 'hoi', iterations: 1 }], 'chain[0].algorithm'],
    [[{ chain: [{ algorithm: 'hio', iterations: 1, beta: [1, 0] }] }], 'chain[0].chain[0].beta'],
    [[{ chain: [{ algorithm: 'hio', iterations: 1, beta: [1] }] }], 'chain[0].chain[0].beta'],
    [[{ repeat: 0, chain: [{ algorithm: 'hio', iterations: 1 }] }], 'chain[0].repeat'],
    [[{ repeat: 2 ** 52, chain: [{ algorithm: 'hio', iterations: 4 }] }], 'chain'],
    [[null], 'chain[0]'],
    [[{ repeat: 2, times: 3, chain: [{ algorithm: 'hio', iterations: 4 }] }], 'times'],
  ])('the array %j is refused by name', (chain, argument) => {
    expect(thrown(() => checkChain(chain as ChainLink[])).argument).toBe(argument);
  });

  it('that has no end is refused', () => {
    const chain: ChainLink[] = [];
    chain.push({ chain });
    expect(thrown(() => checkChain(chain)).message).toMatch(/at most 20 deep/);
    expect(thrown(() => checkChain(`${'('.repeat(30)}hio*1`)).message).toMatch(/at most 20 deep/);
  });
});

onEveryBackend('retrieve', ({ backend, precision, tolerance }) => {
  const shape: Shape = [10, 12];
  const problem = { shape, magnitudes: asymmetricMagnitudes(shape), support: randomMask(shape, 0.6, 2) };
  const run = (options: RetrieveOptions) =>
    retrieve(problem, { backend, precision, seed: 3, inspect: false, ...options });

  it('runs a chain as its parts, one after the other', async () => {
    const first = await run({ chain: 'hio:0.7*4', history: true });
    const second = await run({ algorithm: 'er', iterations: 3, start: { object: first.object } });
    const both = await run({ chain: 'hio:0.7*4+er*3', history: true });
    expect(relativeError(both.object, second.object)).toBeLessThan(tolerance);
    expect(both).toMatchObject({ chain: 'hio:0.7*4+er*3', algorithm: 'er', beta: 1, iterations: 7 });
    expect(both.history).toHaveLength(7);
  });

  it('runs each part by its own algorithm and β', async () => {
    const { object } = await run({ chain: 'hio:0.7*4+hio:0.5*3+rrr:0.5*2+er*2' });
    using session = await createSession(problem, { backend, precision, seed: 3, algorithm: 'hio', beta: 0.7 });
    await session.run(4);
    session.use({ algorithm: 'hio', beta: 0.5 });
    await session.run(3);
    session.use({ algorithm: 'rrr', beta: 0.5 });
    await session.run(2);
    session.use({ algorithm: 'er' });
    await session.run(2);
    expect(object).toEqual(await session.readObject());
  });

  it('repeats, and changes β as it goes', async () => {
    const text = await run({ chain: '(raar:0.9..0.5*2+hio:0.8*1)*2' });
    const link = (beta: number) => ({ algorithm: 'raar', beta, iterations: 1 }) as const;
    const round: ChainLink[] = [link(0.9), link(0.5), { algorithm: 'hio', beta: 0.8, iterations: 1 }];
    const array = await run({ chain: [...round, ...round] });
    expect(text.object).toEqual(array.object);
  });

  it('ends with an image after rules whose iterates are none', async () => {
    for (const algorithm of ['raar', 'hpr', 'dm'] as const) {
      const { object, feasible, iterations, history } = await run({ algorithm, iterations: 5, history: true });
      expect(relativeError(object, feasible)).toBeLessThan(tolerance);
      expect(iterations).toBe(5);
      expect(history).toHaveLength(5);
    }
  });

  it('keeps the object in bounds', async () => {
    const [low, high] = [-0.02, 0.05];
    for (const algorithm of ['er', 'hio', 'rrr'] as const) {
      const { feasible } = await retrieve(
        { ...problem, bounds: [low, high] },
        { backend, precision, algorithm, iterations: 5 },
      );
      expect(Math.min(...feasible)).toBeCloseTo(low, 6);
      expect(Math.max(...feasible)).toBeCloseTo(high, 6);
      expect(feasible.every((value, i) => problem.support[i] === 1 || value === 0)).toBe(true);
    }
  });

  it('leaves as many pixels as the support size in the feasible object, whose residual it measures', async () => {
    const sized = { ...problem, supportSize: 5 };
    for (const algorithm of ['er', 'hio', 'raar', 'rrr'] as const) {
      const { feasible, feasibleResidual } = await retrieve(sized, { backend, precision, algorithm, iterations: 5 });
      expect(feasible.filter((value) => value !== 0)).toHaveLength(5);
      using session = await createSession(sized, { backend, precision, start: { object: feasible } });
      expect(Math.abs((await session.residual()) - feasibleResidual)).toBeLessThan(tolerance);
    }
  });

  it('refuses a chain beside what it says itself', async () => {
    for (const options of [{ algorithm: 'hio' as const }, { beta: 0.9 }, { iterations: 5 }]) {
      await expect(run({ chain: 'er*1', ...options })).rejects.toThrow(/cannot be given with a chain/);
    }
  });
});

function thrown(action: () => unknown): Error & { argument?: string } {
  try {
    action();
  } catch (error) {
    return error as Error & { argument?: string };
  }
  throw new Error('nothing was thrown');
}
