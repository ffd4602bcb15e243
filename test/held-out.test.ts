/** Frequencies that no iteration sees, and the free residual. */
import { describe, expect, it } from 'vitest';
import { AbortError, retrieve, simulate, type Progress, type RetrieveOptions } from '../src/index.js';
import { fourierSums } from '../src/cli/validate/textbook.js';
import { opposite, prepare } from '../src/problems/image.js';
import { checkSessionOptions } from '../src/problems/options.js';
import { chooseHeldOut, withoutHeldOut } from '../src/retrieve/held-out.js';
import { onEveryBackend } from './support/backends.js';
import { noise } from './support/images.js';

const [rows, columns] = [20, 22];
const problem = await simulate({ image: noise(rows * columns, 3), shape: [rows, columns], photons: 1e7, seed: 5 });
const { magnitudes, shape, support } = problem;
const setupOf = (mask?: Uint8Array) =>
  prepare({ magnitudes, shape, support, mask }, checkSessionOptions({ precision: 'double' }), undefined);

describe('held-out frequencies', () => {
  it('are a share of the measured ones, both of k and −k, away from the centre, and follow from the seed', () => {
    const mask = Uint8Array.from(magnitudes, (_, k) => Number(k % 7 !== 0));
    const [setup, masked] = [setupOf(), setupOf(mask)];
    const heldOut = chooseHeldOut(setup, 0.2, 8)!;
    expect(heldOut.reduce((sum, one) => sum + one, 0) / heldOut.length).toBeCloseTo(0.2, 1);
    heldOut.forEach((one, k) => expect(heldOut[opposite(k, shape)]).toBe(one));
    expect([heldOut[0], heldOut[1], heldOut[shape[1]]]).toEqual([0, 0, 0]);
    expect(chooseHeldOut(setup, 0.2, 8)).toEqual(heldOut);
    expect(chooseHeldOut(setup, 0, 8)).toBeUndefined();
    expect(chooseHeldOut(setup, 0.2, 9)).not.toEqual(heldOut);
    expect(chooseHeldOut(masked, 0.2, 8)).toEqual(heldOut.map((one, k) => one * mask[k]));
    const { pattern } = withoutHeldOut(masked, heldOut);
    expect(pattern.mask).toEqual(mask.map((one, k) => one * (1 - heldOut[k])));
    expect(pattern.energy).toBeLessThan(masked.pattern.energy);
  });
});

onEveryBackend('the free residual', ({ backend, precision }) => {
  const chain = 'hio:0.7*30+er*3';
  const options = { backend, precision, chain, starts: 3, seed: 8, generations: 2, heldOut: 0.2, refine: 20 } as const;

  it('is that of frequencies that change nothing in the image', async () => {
    const heldOut = chooseHeldOut(setupOf(), 0.2, 8)!;
    const other = magnitudes.map((value, k) => value * (heldOut[k] ? 1.5 : 1));
    const one = await retrieve({ magnitudes, shape, support }, options);
    const two = await retrieve({ magnitudes: other, shape, support }, options);
    expect(two.object).toEqual(one.object);
    expect(two.residual).toBe(one.residual);
    expect(two.freeResidual).not.toBe(one.freeResidual);

    const complex = new Float64Array(2 * magnitudes.length);
    one.feasible.forEach((value, i) => (complex[2 * i] = value));
    const spectrum = fourierSums(complex, shape, -1);
    let [difference, energy] = [0, 0];
    heldOut.forEach((held, k) => {
      difference += held * (Math.hypot(spectrum[2 * k], spectrum[2 * k + 1]) - magnitudes[k]) ** 2;
      energy += held * magnitudes[k] ** 2;
    });
    expect(one.freeResidual).toBeCloseTo(Math.sqrt(difference / energy), 4);
    expect(one.agreement!.freeResiduals).toHaveLength(3);
    expect(Math.min(...one.agreement!.freeResiduals!)).toBeGreaterThan(0);
    expect(one.measured).toBe(1);
  });

  it('ends generations that find nothing better, also after a checkpoint', async () => {
    const many = { ...options, generations: 40 };
    let last: Uint8Array | undefined;
    const abort = new AbortController();
    const whole = await retrieve({ magnitudes, shape, support }, many);
    expect(whole.generations).toBeGreaterThan(2);
    expect(whole.generations).toBeLessThan(40);
    expect(whole.iterations).toBe(whole.generations! * 33);
    const onProgress = ({ iteration }: Progress) => {
      if (iteration > (whole.generations! - 1) * 33) abort.abort();
    };
    const onCheckpoint = (checkpoint: Uint8Array) => (last = checkpoint);
    const stopped = { ...many, signal: abort.signal, onProgress, onCheckpoint };
    await expect(retrieve({ magnitudes, shape, support }, stopped)).rejects.toThrow(AbortError);
    const resumed = await retrieve({ magnitudes, shape, support }, { ...many, resume: last });
    expect(resumed.generations).toBe(whole.generations);
    if (backend === 'wasm') expect(resumed.object).toEqual(whole.object);
  });

  it('is left out where nothing is held out, and takes generations', async () => {
    const run = (more: RetrieveOptions) => retrieve({ magnitudes, shape, support }, { ...options, ...more });
    const { freeResidual, agreement, generations } = await run({ heldOut: 0, generations: 4 });
    expect([freeResidual, agreement!.freeResiduals, generations]).toEqual([undefined, undefined, 4]);
    await expect(run({ heldOut: 0.6 })).rejects.toThrow(/^heldOut: got 0.6; takes a number from 0 to 0.5$/);
    const alone = { generations: undefined, refine: undefined };
    await expect(run(alone)).rejects.toThrow(/^heldOut: takes generations, which are not given$/);
  });
});
