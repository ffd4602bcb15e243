/**
 * What `retrieve` does between and after generations, for programs that run the starts themselves, such as a page that
 * shows them. Both compute on the calling thread, with the wasm backend.
 */
import { requireBackend } from '../backends/registry.js';
import { InvalidArgumentError, gotTakes } from '../errors.js';
import {
  checkFinite,
  checkObjectArray,
  checkRealArray,
  numbersPerPixel,
  prepare,
  type Setup,
} from '../problems/image.js';
import { REFINING_STEPS, checkInteger, checkSessionOptions, rejectUnknownKeys } from '../problems/options.js';
import { macrotask } from '../session/event-loop.js';
import { intoFrame, outOfFrame } from '../problems/propagation.js';
import type { Agreement, ObjectKind, Precision, Problem, RealArray, RealResult, Shape } from '../types.js';
import { combine } from './combine.js';
import { refining } from './refine.js';

/** What `combineStarts` resolves to. */
export interface CombinedStarts extends Omit<Agreement, 'freeResiduals'> {
  /** The mean of the starts that agree, moved over the best one. */
  average: RealResult;
  /** Where the starts that agree go on in another generation: half their own object and half the average. */
  next: {
    /** Index of the start. */
    start: number;
    /** Its object in the next generation. */
    object: RealResult;
  }[];
}

/** What `combineStarts` takes beside the problem. */
export interface StartsToCombine {
  /** The feasible object of each of at least two starts, rows × columns; complex ones interleaved re, im. */
  objects: readonly RealArray[];
  /** ‖|FT x| − M‖ / ‖M‖ of each object. */
  residuals: RealArray;
}

/**
 * Finds which starts of one problem agree, and averages them, as `generations` of `retrieve` does between two generations.
 * A start agrees if its residual is at most 1.15 times the best one's, and if its object, registered to the best start's,
 * is at most 1.5 times as far from it as the nearest. The objects of the others are not in `next`: they begin anew.
 *
 * @throws {@link InvalidArgumentError} for arrays that do not fit; {@link OutOfMemoryError}. The promise rejects.
 *
 * ```ts
 * const { next } = await combineStarts(problem, { objects, residuals });
 * const session = await createSession(problem, { starts, seed: 1, firstStart: starts });
 * for (const { start, object } of next) session.writeObject(object, start);
 * ```
 */
export async function combineStarts(problem: Problem, starts: StartsToCombine): Promise<CombinedStarts> {
  rejectUnknownKeys('starts', starts, ['objects', 'residuals']);
  const { objects: given, residuals } = starts;
  const isList = Array.isArray as (value: unknown) => value is readonly RealArray[];
  if (!isList(given) || given.length < 2) {
    throw new InvalidArgumentError(
      'objects',
      gotTakes('objects', given, 'an array of the objects of at least 2 starts'),
    );
  }
  const precision = precisionOf(given[0]);
  const { pattern, object: kind, chirp } = setupOf(problem, precision);
  const { shape, magnitudes, mask } = pattern;
  const objects = given.map((object, i) =>
    intoFrame(checkImage(`objects[${i}]`, object, shape, kind, precision), chirp),
  );
  const known = checkRealArray('residuals', residuals, [1, objects.length]);
  checkFinite('residuals', known, objects.length, 'double');
  const own = { shape, object: kind, magnitudes, mask, objects, residuals: Float64Array.from(known) };
  const combined = await combine(await requireBackend('wasm'), own);
  for (const object of [combined.average, ...combined.next.map((one) => one.object)]) outOfFrame(object, chirp);
  return combined;
}

/** What `refineAverage` takes beside the problem: the average of several starts and how far they differ. */
export type AverageToRefine = Pick<CombinedStarts, 'average' | 'spread'>;

/** What `refineAverage` takes, every field optional. */
export interface RefineOptions {
  /** Number of steps ≥ 0. Default 250. */
  steps?: number | undefined;
}

/**
 * Leads from the average of starts to the image that is most likely, as `refine` of `retrieve` does, without frequencies that
 * are held out. Yields the image, feasible, after each step, or with 0 steps the average; the last one is the result. The event loop has its turn
 * between two steps, and a caller that waits before it asks for the next one pauses it.
 *
 * @throws {@link InvalidArgumentError} for arrays that do not fit; {@link OutOfMemoryError}. The first step rejects.
 *
 * ```ts
 * for await (const image of refineAverage(problem, await combineStarts(problem, starts))) show(image);
 * ```
 */
export async function* refineAverage(
  problem: Problem,
  { average, spread }: AverageToRefine,
  options: RefineOptions = {},
): AsyncGenerator<RealResult, void, void> {
  rejectUnknownKeys('options', options, ['steps']);
  const { steps = REFINING_STEPS } = options;
  checkInteger('steps', steps, 0);
  const precision = precisionOf(average);
  const setup = setupOf(problem, precision);
  const { shape } = setup.pattern;
  const given = {
    average: intoFrame(checkImage('average', average, shape, setup.object, precision), setup.chirp),
    spread: checkImage('spread', spread, shape, 'real', precision),
  };
  for await (const { image } of refining(await requireBackend('wasm'), { setup, ...given, steps })) {
    yield outOfFrame(image.slice(), setup.chirp);
    await macrotask();
  }
}

function setupOf(problem: Problem, precision: Precision): Setup {
  return prepare(problem, checkSessionOptions({ precision }), undefined);
}

function precisionOf(image: RealArray): Precision {
  return image instanceof Float64Array ? 'double' : 'single';
}

/** A copy of it. */
function checkImage(
  argument: string,
  image: RealArray,
  shape: Shape,
  object: ObjectKind,
  precision: Precision,
): RealResult {
  const copy = checkObjectArray(argument, image, shape, object).slice();
  checkFinite(argument, copy, numbersPerPixel(object) * shape[1], precision);
  return copy;
}
