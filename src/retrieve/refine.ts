/**
 * The end of a run of generations: from the average of the starts to the image that is most likely. A worker does it,
 * because most of the time goes into smoothing.
 */
import type { Backend } from '../backends/interface.js';
import { toFeasible } from '../problems/feasible.js';
import { intoFrame, outOfFrame } from '../problems/propagation.js';
import { countOf, ruleFor, type Setup } from '../problems/image.js';
import { macrotask } from '../session/event-loop.js';
import type { RealArray, RealResult } from '../types.js';
import { freeResidualOf } from './held-out.js';
import { TotalVariation } from './total-variation.js';

export interface Average {
  setup: Setup;
  /** The mean of the starts, and the standard deviation of each pixel. */
  average: RealResult;
  spread: RealArray;
  steps: number;
  /** 1 for frequencies that were measured, and that the setup leaves out. */
  heldOut?: Uint8Array | undefined;
}

export interface Refined {
  /** Feasible. */
  image: RealResult;
  freeResidual?: number;
}

/** The average is smoothed by so many calls where there is no dual to go on from. */
const FIRST_CALLS = 3;
/** The weight begins at the larger of these: a share of the spread, and a multiple of the noise. */
const [OF_SPREAD, OF_NOISE] = [0.5, 10];
/** It ends at the noise, or at this share of it where held-out frequencies choose among the last images. */
const CHOSEN_END = 0.3;
/** They are looked at after so many steps each. */
const LOOK = 10;
/** Where no noise is seen, it falls to this share of the first. */
const LEAST_SHARE = 1e-3;
/** It has fallen after this share of the steps. */
const FALLING = 0.8;
/** A larger momentum carries what is smoothed away too far while the weight is large. */
const MOST_MOMENTUM = 0.8;

/**
 * Maximises the likelihood of the counts times a prior for images of smooth parts with sharp edges, and yields the image after
 * each step, at least once. Each step goes up the likelihood as `ml` does, smooths by total variation and applies the constraints, with
 * Nesterov's momentum (Beck & Teboulle, SIAM J. Imaging Sci. 2, 183, 2009). The weight of the smoothing falls from what the
 * starts differ by to the noise of a pixel: heavy smoothing leads out of where iterations stagnate, and what is left at the
 * end suits the counts. Where frequencies are held out, it falls further, and the last that is yielded is the one
 * that predicts them best of the images from then on.
 */
export async function* refining(
  backend: Backend,
  { setup, average, spread, steps, heldOut }: Average,
): AsyncGenerator<Refined, void, void> {
  const { pattern, precision, object, support, objectMagnitudes, chirp, ruleSettings } = setup;
  const known = { ...setup.constraints, objectMagnitudes };
  const rule = ruleFor(setup, { ...ruleSettings, algorithm: 'ml' });
  const session = await backend.createSession({ pattern, batch: { starts: 1 }, precision, object, support, rule }, 0);
  try {
    const smoothing = new TotalVariation(support, pattern.shape, object);
    const noise = noiseOf(setup);
    // Nothing tells the noise of a complex object, so that all its images may be chosen.
    const chosenFrom = object === 'real' ? noise : Infinity;
    const weights = weightsOf(setup, spread, steps, heldOut ? CHOSEN_END * noise : noise);
    // Smooth is what the object is in its own plane.
    const smooth = (image: RealResult, weight: number) => {
      smoothing.smooth(outOfFrame(image, chirp), weight);
      intoFrame(image, chirp);
    };
    let image = average;
    for (let call = 0; call < FIRST_CALLS; call++) {
      image = toFeasible(average.slice(), support, known);
      smooth(image, weights[0] ?? 0);
    }
    const next = image.slice();
    const look = async (): Promise<Refined> => {
      if (!heldOut) return { image };
      session.writeObject(0, image, false);
      session.forward();
      return { image, freeResidual: freeResidualOf(await session.readSpectrum(0), pattern.magnitudes, heldOut) };
    };
    let best: Refined | undefined;
    let t = 1;
    for (const [step, weight] of weights.entries()) {
      session.writeObject(0, next, false);
      session.forward();
      session.constrainFourier(rule);
      session.inverse();
      const before = image;
      image = (await session.readObject(0)) as RealResult;
      smooth(image, weight);
      toFeasible(image, support, known);
      const following = (1 + Math.sqrt(1 + 4 * t * t)) / 2;
      const momentum = Math.min(MOST_MOMENTUM, (t - 1) / following);
      t = following;
      for (let i = 0; i < next.length; i++) next[i] = image[i] + momentum * (image[i] - before[i]);
      if (heldOut && weight <= chosenFrom && step % LOOK === 0) {
        const newest = await look();
        if (!best || newest.freeResidual! < best.freeResidual!) best = newest;
      }
      if (step < steps - 1) yield { image };
    }
    const last = await look();
    yield best && best.freeResidual! < last.freeResidual! ? best : last;
  } finally {
    session.dispose();
  }
}

/** What `refining` ends with. Undefined when it is aborted. */
export async function refine(backend: Backend, average: Average, signal?: AbortSignal): Promise<Refined | undefined> {
  let last: Refined | undefined;
  for await (last of refining(backend, average)) {
    await macrotask();
    if (signal?.aborted) return undefined;
  }
  return last;
}

/**
 * The standard deviation that noise gives a pixel, by Parseval's theorem: magnitudes at k and −k differ by noise only. Those of
 * a complex object differ anyway, and 0 stands for what is not known.
 */
function noiseOf({ pattern: { asymmetry, scale, magnitudes } }: Setup): number {
  return Math.sqrt(asymmetry) / scale / magnitudes.length;
}

/** The weight of each step. A support size asks for bright points, which smoothing would remove. */
function weightsOf(setup: Setup, spread: RealArray, steps: number, end: number): number[] {
  const { support, constraints } = setup;
  const pixels = support ? countOf(support) : spread.length;
  let squares = 0;
  for (const value of spread) squares += value * value;
  const typical = Math.sqrt(squares / pixels);
  const first = Math.max(OF_SPREAD * typical, OF_NOISE * noiseOf(setup));
  if (first === 0 || constraints.supportSize > 0) return new Array<number>(steps).fill(0);
  const last = Math.max(end, LEAST_SHARE * first);
  return Array.from(
    { length: steps },
    (_, step) => first * (last / first) ** Math.min(1, step / (FALLING * (steps - 1) || 1)),
  );
}
