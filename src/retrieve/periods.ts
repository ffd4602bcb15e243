/**
 * What a run does to supports beside its chain: shrinking them where a period of iterations ends, and halving them for a few
 * iterations. The periods end where the chain leaves `er`, because only then are residuals those of images.
 */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { checkInteger, checkShrinkSupport, rejectUnknownKeys } from '../problems/options.js';
import { countOf, type Setup } from '../problems/image.js';
import { type PeriodEnd } from '../session/shrink-wrap.js';
import type { Stage } from '../session/session.js';
import type { Shape, ShrinkWrapOptions } from '../types.js';
import { countSteps, iterationsOf, stepsAfter, stepsOf, type Link } from './chain.js';

/** Options with every default filled in. */
export interface ShrinkWrapSettings {
  every: number;
  sigma: readonly [from: number, to: number];
  threshold: number;
  area: readonly [least: number, most: number];
  guard: number;
}

/** Periods that shrinking takes: two to see whether residuals still fall, one to judge, and one to recover in. */
export const FEWEST_PERIODS = 4;
/** The ends of all periods are found before a chain begins: this many steps take less than a second. */
const MOST_STEPS = 1e6;
/** Iterations on half of the support, as PyNX has them, after this share of the chain. */
const [HALF_ITERATIONS, HALF_AFTER] = [10, 0.25];

/** Checks `shrinkWrap`, and that its chain, or its generations, have the periods that it takes. */
export function checkShrinkWrap(
  given: boolean | ShrinkWrapOptions | undefined,
  { chain, generations, shape }: { chain: readonly Link[]; generations: number | undefined; shape: Shape },
): ShrinkWrapSettings | undefined {
  if (given === undefined || given === false) return undefined;
  const options = given === true ? {} : given;
  rejectUnknownKeys('shrinkWrap', options, ['every', 'sigma', 'threshold', 'area', 'guard']);
  const { every = 1, sigma = [3, 1], threshold = 0.2, area = [0.01, 1], guard = 1.2 } = options;
  checkInteger('shrinkWrap.every', every, 1);
  const [from, to] = checkPair('sigma', typeof sigma === 'number' ? [sigma, sigma] : sigma);
  for (const width of [from, to]) checkShrinkSupport({ sigma: width, threshold }, shape, 'shrinkWrap.');
  const [least, most] = checkPair('area', area);
  if (!(least >= 0 && most > 0 && least <= most && most <= 1)) {
    const takes = 'two shares of the support from 0 to 1, the least and the most';
    throw new InvalidArgumentError('shrinkWrap', gotTakes('shrinkWrap.area', area, takes));
  }
  if (!(typeof guard === 'number' && guard >= 1)) {
    throw new InvalidArgumentError('shrinkWrap', gotTakes('shrinkWrap.guard', guard, 'a number of at least 1'));
  }
  const steps = countSteps(chain);
  if (generations === undefined && steps > MOST_STEPS) {
    throw new InvalidArgumentError('chain', gotTakes('chain', `${steps} steps`, 'at most 10⁶ steps with shrinkWrap'));
  }
  if (generations === undefined ? endsOf(chain, every, 0).length + 1 < FEWEST_PERIODS : generations < FEWEST_PERIODS) {
    const takes = `a chain that leaves er at least ${FEWEST_PERIODS - 1} times, such as '(hio:0.7*90+er*10)*10'`;
    const message = `shrinkWrap: takes ${takes}, or at least ${FEWEST_PERIODS} generations`;
    throw new InvalidArgumentError('shrinkWrap', message);
  }
  return { every, sigma: [from, to], threshold, area: [least, most], guard };
}

function checkPair(name: string, pair: readonly [number, number]): readonly [number, number] {
  if (Array.isArray(pair) && pair.length === 2 && pair.every((one) => typeof one === 'number')) return pair;
  throw new InvalidArgumentError('shrinkWrap', gotTakes(`shrinkWrap.${name}`, pair, 'two numbers'));
}

/** The k-th of so many shrinks. σ changes by equal ratios. */
export function shrinkAt(
  { sigma: [from, to], threshold, area }: ShrinkWrapSettings,
  setup: Setup,
  k: number,
  count: number,
) {
  const pixels = areaOf(setup);
  const [least, most] = area.map((share) => share * pixels);
  return { sigma: from * (to / from) ** (count > 1 ? k / (count - 1) : 0), threshold, least: Math.max(1, least), most };
}

/** Pixels of a problem's support. */
export function areaOf({ support, pattern }: Setup): number {
  return support ? countOf(support) : pattern.magnitudes.length;
}

/** What residuals are judged with. */
export function judgedBy({ pattern }: Setup): Pick<PeriodEnd, 'asymmetry' | 'measured'> {
  const { asymmetry, energy, mask, magnitudes } = pattern;
  return { asymmetry: asymmetry / energy, measured: mask ? countOf(mask) : magnitudes.length };
}

/** The iterations on half of the support: the first, and the first behind them. */
function halfOf(chain: readonly Link[]): readonly [from: number, to: number] {
  const from = Math.floor(HALF_AFTER * iterationsOf(chain));
  return [from, from + Math.min(HALF_ITERATIONS, from)];
}

/** After how many iterations the chain leaves `er`, at least `every` after the last time, and later than `from`. */
function endsOf(chain: readonly Link[], every: number, from: number): number[] {
  const ends: number[] = [];
  let [at, last, isProjected] = [0, from, false];
  for (const { algorithm, iterations } of stepsOf(chain)) {
    if (isProjected && at - last >= every) ends.push((last = at));
    at += iterations;
    isProjected = algorithm === 'er' || algorithm === 'gs';
  }
  return ends;
}

/**
 * The stages of a chain that are left when so many iterations are done. No support shrinks at the end of the last but one
 * period, so that the last one can recover from what is taken back.
 */
export function* stagesOf(
  chain: readonly Link[],
  done: number,
  { setup, shrinkWrap, detwin }: { setup: Setup; shrinkWrap?: ShrinkWrapSettings | undefined; detwin?: boolean },
): Generator<Stage, void> {
  const [from, to] = detwin ? halfOf(chain) : [0, 0];
  const periodEnds = new Map<number, PeriodEnd>();
  if (shrinkWrap) {
    const ends = endsOf(chain, shrinkWrap.every, to);
    const judging = { guard: shrinkWrap.guard, ...judgedBy(setup) };
    const shrinks = ends.length - 1;
    for (const [k, end] of ends.entries()) {
      periodEnds.set(end, { shrink: k < shrinks ? shrinkAt(shrinkWrap, setup, k, shrinks) : undefined, ...judging });
    }
  }
  let at = done;
  for (const step of stepsAfter(chain, done)) {
    const end = at + step.iterations;
    const begin = at - step.done;
    let periodEnd = periodEnds.get(at);
    while (at < end) {
      const next = Math.min(end, ...[from, to].filter((edge) => edge > at));
      const onHalf = from <= at && at < to;
      yield { ...step, iterations: next - at, done: at - begin, periodEnd, onHalf };
      periodEnd = undefined;
      at = next;
    }
  }
}
