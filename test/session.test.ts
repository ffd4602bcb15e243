/** What a session's calls mean, alone and in any mixture, against the oracle that does without every shortcut. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALGORITHMS, createSession, type RealArray, type Shape } from '../src/index.js';
import { asymmetricMagnitudes, noise, randomMask, relativeError } from './support/images.js';
import { onEveryBackend } from './support/backends.js';
import { SHAPES, both, command, expectAlike, expectAnyGranularity, perform } from './support/mixtures.js';
import { textbookRule, fourierSums, type TextbookProblem } from '../src/cli/validate/textbook.js';

/** A sample has rules that read the previous iterate, that reflect it, and that do neither. */
const algorithms = (isSampled: boolean) => ALGORITHMS.filter((_, i) => !isSampled || i % 3 === 0);

/** One bound, none, and two, in units of the object's root mean square, so that some pixels are beyond, and not all. */
const BOUNDS: [low: number, high: number][] = [
  [0, Infinity],
  [-Infinity, Infinity],
  [0, 1.5],
  [-0.8, 1.2],
];

function boundsOf(magnitudes: RealArray, kind: number): [low: number, high: number] {
  const rms = Math.hypot(...magnitudes) / magnitudes.length;
  const [low, high] = BOUNDS[kind];
  return [low * rms, high * rms];
}

onEveryBackend('the half spectrum', ({ backend, precision, tolerance, isSampled }) => {
  // In a sample a shape has a mask or not, and every rule has one shape.
  const cases = SHAPES.flatMap((shape, i) => {
    const masks = isSampled ? [i % 2 === 1] : [false, true];
    const rules = ALGORITHMS.filter((_, k) => !isSampled || k % SHAPES.length === i);
    return masks.map((masked) => ({ shape, masked, rules }));
  });

  it.each(cases)(
    'gives what the full one does on asymmetric magnitudes of $shape, masked: $masked',
    async ({ shape, masked, rules }) => {
      for (const algorithm of rules) {
        const problem: TextbookProblem = {
          shape,
          magnitudes: asymmetricMagnitudes(shape),
          support: randomMask(shape, 0.6, 2),
          ...(masked && { mask: randomMask(shape, 0.5, 3) }),
        };
        const { session, textbook } = await both(problem, { backend, precision, algorithm, beta: 0.8 });
        await session.run(3);
        textbook.run(3);
        await expectAlike(session, textbook, tolerance);
        session.dispose();
      }
    },
  );

  it('ignores whatever stands where nothing was measured', async () => {
    const shape: Shape = [6, 8];
    const mask = randomMask(shape, 0.5, 4);
    const clean = asymmetricMagnitudes(shape);
    const dirty = clean.map((value, i) => (mask[i] ? value : [NaN, -1, Infinity][i % 3]));
    const objects = [];
    for (const magnitudes of [clean, dirty]) {
      using session = await createSession(
        { magnitudes, shape, mask },
        { backend, precision, algorithm: 'hio', seed: 5 },
      );
      await session.run(4);
      objects.push(await session.readObject());
    }
    expect(objects[1]).toEqual(objects[0]);
  });
});

onEveryBackend('a session', ({ backend, precision, tolerance, isSampled }) => {
  const shape: Shape = [12, 10];
  const magnitudes = asymmetricMagnitudes(shape);
  const support = randomMask(shape, 0.5, 6);
  const open = (options: Parameters<typeof createSession>[1] = {}) =>
    createSession({ magnitudes, shape, support }, { backend, precision, seed: 9, history: true, ...options });

  describe.each(ALGORITHMS)('with %s', (algorithm) => {
    it('does the same in one run, in steps, and in kernels', async () => {
      await expectAnyGranularity(() => open({ algorithm }), precision);
    });

    it('does in any mixture of calls what the same calls mean on the full spectrum', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 9 }), fc.nat(1000), async (commands, seed) => {
          const shape = SHAPES[4 + (seed % 6)];
          const magnitudes = asymmetricMagnitudes(shape, seed);
          const problem: TextbookProblem = {
            shape,
            magnitudes,
            ...(seed % 2 && { support: randomMask(shape, 0.7, seed) }),
            ...(seed % 3 && { mask: randomMask(shape, 0.8, seed + 1) }),
            ...(seed % 4 && { bounds: boundsOf(magnitudes, seed % 4) }),
            ...(seed % 5 > 2 && { tolerance: 0.1 * magnitudes[1], unmeasuredLimit: 0.5 * magnitudes[2] }),
            ...(seed % 5 === 0 && { supportSize: 1 + (seed % magnitudes.length) }),
          };
          const { session, textbook } = await both(problem, {
            backend,
            precision,
            algorithm,
            beta: 0.9,
            history: true,
          });
          using _ = session;
          for (const [i, name] of commands.entries()) {
            await perform(name, session, textbook, shape, 1000 * seed + i);
          }
          // A mixture can be three times as many iterations as the tolerance is meant for.
          await expectAlike(session, textbook, 10 * tolerance);
        }),
        { numRuns: isSampled ? 3 : 40, seed: 1 },
      );
    });
  });

  it('is not disturbed by others between its calls', async () => {
    const alone = await open({ algorithm: 'hio' });
    await alone.run(6);
    const first = await open({ algorithm: 'hio' });
    const second = await open({ algorithm: 'input-output', seed: 10 });
    for (let i = 0; i < 6; i++) {
      first.step();
      second.step();
      await second.readObject();
    }
    expect(await first.readObject()).toEqual(await alone.readObject());
    [alone, first, second].forEach((session) => session.dispose());
  });

  it('reads and writes between iterations without changing their course', async () => {
    const [quiet, watched] = [await open({ algorithm: 'hio' }), await open({ algorithm: 'hio' })];
    await quiet.run(5);
    for (let i = 0; i < 5; i++) {
      watched.step();
      await watched.readObject();
      await watched.readFeasible();
      await watched.residual();
    }
    expect(await watched.readSpectrum()).toEqual(await quiet.readSpectrum());
    [quiet, watched].forEach((session) => session.dispose());
  });

  it('has a residual of NaN, no iterations and an empty history before the first iteration', async () => {
    using session = await open();
    expect(await session.residual()).toBeNaN();
    expect(session.iterations).toBe(0);
    expect(await session.history()).toHaveLength(0);
  });

  it('shows the start as an object before the first iteration', async () => {
    using session = await open();
    const spectrum = Float64Array.from(await session.readSpectrum());
    const image = fourierSums(spectrum, shape, 1).filter((_, i) => i % 2 === 0);
    const object = await session.readObject();
    expect(
      relativeError(
        object,
        image.map((value) => value / image.length),
      ),
    ).toBeLessThan(1e-6);
    session.writeSpectrum(spectrum.map((value) => 2 * value));
    expect(
      relativeError(
        await session.readObject(),
        object.map((value) => 2 * value),
      ),
    ).toBeLessThan(1e-6);
  });

  it('continues from an object as if the iterations that led to it had run there', async () => {
    const [whole, half] = [await open({ algorithm: 'hio' }), await open({ algorithm: 'hio' })];
    await whole.run(6);
    await half.run(3);
    const continued = await open({ algorithm: 'hio', start: { object: await half.readObject() } });
    expect(await continued.residual()).toBeCloseTo(await half.residual(), 5);
    expect(await continued.history()).toHaveLength(0);
    await continued.run(3);
    expect(relativeError(await continued.readObject(), await whole.readObject())).toBeLessThan(tolerance);
    expect((await continued.history()).length).toBe(3);
    [whole, half, continued].forEach((session) => session.dispose());
  });

  it("takes the caller's own constraint in place of the rule as the iterate", async () => {
    const { session, textbook } = await both(
      { shape, magnitudes, support },
      { backend, precision, algorithm: 'hio', beta: 0.9 },
    );
    await session.run(2);
    textbook.run(2);
    const clip = (y: RealArray) => Float64Array.from(y, (value) => Math.min(Math.max(value, 0), 0.5));
    session.inverse();
    session.writeObject(clip(await session.readObject()));
    session.forward();
    session.constrainFourier();
    textbook.inverse();
    textbook.writeObject(clip(textbook.readObject()));
    textbook.forward();
    textbook.constrainFourier();
    await session.run(2);
    textbook.run(2);
    await expectAlike(session, textbook, tolerance);
    session.dispose();
  });

  it('has the residual of every feasible object measured without reading one', async () => {
    for (const algorithm of algorithms(isSampled)) {
      const problem = { shape, magnitudes, support, mask: randomMask(shape, 0.8, 8) };
      const { session, textbook } = await both(problem, { backend, precision, algorithm, beta: 0.9, history: true });
      await session.run(3);
      textbook.run(3);
      const before = await session.readObject();
      const [measured] = await session.measureFeasible();
      expect(Math.abs(measured - textbook.feasibleResidual())).toBeLessThan(tolerance);
      expect(await session.readObject()).toEqual(before);
      expect(await session.history()).toHaveLength(3);
      expect(Math.abs((await session.residual()) - textbook.residual)).toBeLessThan(tolerance);
      // The iteration goes on from the object.
      session.step();
      textbook.forward();
      textbook.constrainFourier();
      await session.run(2);
      textbook.run(2);
      await expectAlike(session, textbook, tolerance);
      session.dispose();
    }
  });

  it('goes through a chain of rules as the full spectrum does', async () => {
    const { session, textbook } = await both(
      { shape, magnitudes, support },
      { backend, precision, algorithm: 'gs', beta: 1 },
    );
    for (const [algorithm, beta] of [
      ['hio', 0.7],
      ['gs', 1],
      ['input-output', 0.9],
      ['output-output', 0.5],
      ['hio', 0.9],
    ] as const) {
      await session.run(2);
      textbook.run(2);
      session.use({ algorithm, beta });
      textbook.rule = textbookRule(textbook.problem, { algorithm, beta });
    }
    await session.run(1);
    textbook.run(1);
    await expectAlike(session, textbook, 10 * tolerance);
    session.dispose();
  });

  it('keeps its algorithm when only beta is given, and takes the default of another', async () => {
    using session = await open({ algorithm: 'hio', beta: 0.5 });
    session.use({ beta: 0.6 });
    expect([session.algorithm, session.beta]).toEqual(['hio', 0.6]);
    session.use({ algorithm: 'output-output' });
    expect([session.algorithm, session.beta]).toEqual(['output-output', 0.9]);
    session.use({ algorithm: 'gs' });
    expect([session.algorithm, session.beta]).toEqual(['gs', 1]);
  });

  it('clears negative and outlying pixels in the feasible object only', async () => {
    using session = await open({ algorithm: 'hio' });
    await session.run(3);
    const object = await session.readObject();
    const feasible = await session.readFeasible();
    expect(object.some((value) => value < 0)).toBe(true);
    expect([...feasible]).toEqual([...object].map((value, i) => (value < 0 || !support[i] ? 0 : value)));
  });

  it('keeps the residual of every iteration, more of them than a backend keeps records', async () => {
    using session = await open();
    for (let i = 0; i < 1500; i++) session.step();
    await session.run(1600);
    session.step();
    const history = await session.history();
    expect(history).toHaveLength(3101);
    expect(history.at(-1)).toBe(await session.residual());
    expect(history.every((residual) => residual > 0 && residual < 2)).toBe(true);
  });
});

onEveryBackend('a session with a support size', ({ backend, precision, tolerance, isSampled }) => {
  const shape: Shape = [20, 24];
  const pixels = shape[0] * shape[1];
  const magnitudes = asymmetricMagnitudes(shape);
  const numbers = Float32Array.from(noise(pixels, 3), (u) => u - 0.5);
  const sorted = numbers.toSorted((a, b) => b - a);

  /** What the projection makes of an image. */
  async function largest(image: RealArray, supportSize: number, support?: Uint8Array): Promise<number[]> {
    const problem = { magnitudes, shape, support, supportSize };
    using session = await createSession(problem, { backend, precision, algorithm: 'er' });
    session.inverse();
    session.writeObject(image);
    session.constrainObject();
    return [...(await session.readObject())];
  }

  it.each([1, 2, 60, 199])('keeps exactly the %i largest pixels', async (size) => {
    expect(await largest(numbers, size)).toEqual([...numbers].map((value) => (value > sorted[size] ? value : 0)));
  });

  it('keeps more of them to a two-hundredth', async () => {
    const kept = (await largest(numbers, 220)).filter((value) => value !== 0);
    expect(Math.abs(kept.length - 220)).toBeLessThanOrEqual(1);
    expect(kept.sort((a, b) => b - a)).toEqual([...sorted.slice(0, kept.length)]);
  });

  it('counts pixels inside the support', async () => {
    const support = Uint8Array.from(numbers, (value) => Number(value < sorted[100]));
    const expected = [...numbers].map((value) => (value < sorted[100] && value > sorted[121] ? value : 0));
    expect(await largest(numbers, 20, support)).toEqual(expected);
  });

  it.each([2 ** -90, 2 ** -20, 2 ** 20, 2 ** 90])('is right for pixels %d times as large', async (factor) => {
    const scaled = numbers.map((value) => value * factor);
    const kept = (await largest(scaled, 50)).filter((value) => value !== 0);
    expect(kept.sort((a, b) => b - a)).toEqual(Array.from(sorted.slice(0, 50), (value) => value * factor));
  });

  it('keeps all positive pixels where these are fewer, and none of several that are equal', async () => {
    const few = numbers.map((value) => (value > sorted[30] ? value : -1));
    expect((await largest(few, 31)).filter((value) => value !== 0)).toHaveLength(30);
    expect(await largest(new Float64Array(pixels), 5)).toEqual(Array<number>(pixels).fill(0));
    const equal = numbers.map((value) => (value > sorted[30] ? 2 : 1));
    expect((await largest(equal, 50)).filter((value) => value !== 0)).toHaveLength(30);
    expect(await largest(equal, pixels)).toEqual([...equal]);
  });

  it.each(algorithms(isSampled))('does not depend on how calls are mixed, with %s', async (algorithm) => {
    for (const supportSize of [70, 400]) {
      const open = () => createSession({ magnitudes, shape, supportSize }, { backend, precision, algorithm, seed: 9 });
      const [run, steps, kernels] = await Promise.all([open(), open(), open()]);
      await run.run(6);
      for (let i = 0; i < 6; i++) {
        steps.step();
        await steps.readFeasible();
        await steps.measureFeasible();
        // Measuring leaves the iteration before `forward`.
        steps.step();
        kernels.inverse();
        kernels.constrainObject();
        kernels.forward();
        kernels.constrainFourier();
      }
      expect(await kernels.readSpectrum()).toEqual(await run.readSpectrum());
      expect(relativeError(await kernels.readObject(), await run.readObject())).toBeLessThan(tolerance);
      [run, steps, kernels].forEach((session) => session.dispose());
    }
  });

  it('is exact in feasible objects and in their residuals', async () => {
    const problem = { magnitudes, shape, supportSize: 215 };
    const options = { backend, precision, algorithm: 'hio', beta: 0.9 } as const;
    const { session, textbook } = await both({ ...problem, supportSize: 60 }, options);
    await session.run(3);
    textbook.run(3);
    const [measured] = await session.measureFeasible();
    expect(Math.abs(measured - textbook.feasibleResidual())).toBeLessThan(tolerance);
    session.dispose();

    using other = await createSession(problem, { backend, precision, algorithm: 'hio', seed: 2 });
    await other.run(20);
    const object = await other.readObject();
    const least = object.toSorted((a, b) => b - a)[214];
    expect([...(await other.readFeasible())]).toEqual([...object].map((value) => (value >= least ? value : 0)));
    const [residual] = await other.measureFeasible();
    const feasible = { object: await other.readFeasible() };
    using alone = await createSession(problem, { backend, precision, start: feasible });
    expect(Math.abs((await alone.residual()) - residual)).toBeLessThan(tolerance);
  });
});

onEveryBackend('several starts in one session', ({ backend, precision, tolerance, isSampled }) => {
  const shape: Shape = [9, 14];
  const pixels = 9 * 14;
  const magnitudes = asymmetricMagnitudes(shape);

  it.each(algorithms(isSampled))('come out as each would alone, with %s', async (algorithm) => {
    const phase = noise(3 * pixels, 11).map((u) => 2 * Math.PI * u);
    const options = { backend, precision, algorithm, history: true } as const;
    using batch = await createSession({ magnitudes, shape }, { ...options, starts: 3, start: { phase } });
    await batch.run(4);
    for (let start = 0; start < 3; start++) {
      const own = { phase: phase.subarray(start * pixels, (start + 1) * pixels) };
      using single = await createSession({ magnitudes, shape }, { ...options, start: own });
      await single.run(4);
      expect(await batch.readObject(start)).toEqual(await single.readObject());
      expect(await batch.readSpectrum(start)).toEqual(await single.readSpectrum());
      expect(await batch.history(start)).toEqual(await single.history());
      expect(await batch.residual(start)).toBe(await single.residual());
    }
  });

  it('all get an iterate when one is given its own before the first iteration', async () => {
    const options = { backend, precision, algorithm: 'hio', seed: 3 } as const;
    using batch = await createSession({ magnitudes, shape }, { ...options, starts: 2 });
    using other = await createSession({ magnitudes, shape }, options);
    using written = await createSession({ magnitudes, shape }, options);
    const object = noise(pixels, 12);
    written.writeObject(object);
    batch.writeObject(object, 1);
    for (const session of [batch, other, written]) await session.run(3);
    expect(relativeError(await batch.readObject(0), await other.readObject())).toBeLessThan(tolerance);
    expect(relativeError(await batch.readObject(1), await written.readObject())).toBeLessThan(tolerance);
  });
});

onEveryBackend('one of two starts', ({ backend, precision, tolerance }) => {
  it('keeps what was written in place of its first rule, while the other gets its first iterate', async () => {
    const shape: Shape = [9, 14];
    const options = { backend, precision, algorithm: 'hio', seed: 3 } as const;
    const given = { magnitudes: asymmetricMagnitudes(shape), shape };
    using batch = await createSession(given, { ...options, starts: 2 });
    using first = await createSession(given, options);
    using second = await createSession(given, options);
    // The rule would change its negative pixels.
    const object = noise(9 * 14, 12).map((u) => u - 0.5);
    for (const session of [batch, second]) {
      session.inverse();
      session.writeObject(object, session.starts - 1);
      session.forward();
      session.constrainFourier();
    }
    for (const session of [batch, first, second]) await session.run(session === first ? 3 : 2);
    expect(relativeError(await batch.readObject(0), await first.readObject())).toBeLessThan(tolerance);
    expect(relativeError(await batch.readObject(1), await second.readObject())).toBeLessThan(tolerance);
  });
});
