/**
 * Call overhead: times the same iterations by one call for many (`run`), one call each (`step`), and one call for each
 * kernel (`kernels`), and fits the cost of a call to the times. `rephase bench --calls` and bench/calls share this file.
 * The latter also runs in browsers, so this file imports types only.
 */
import type { Session } from '../session/session.js';

/** What one call does: many iterations, one iteration, or one kernel of an iteration. */
export const CALL_STYLES = ['run', 'step', 'kernels'] as const;
export type CallStyle = (typeof CALL_STYLES)[number];

/** Calls into the library for one iteration. `run` has one call for many iterations. */
export const CALLS: Record<CallStyle, number> = { run: 0, step: 1, kernels: 4 };

/** Calls in a burst: few enough that the queue to the device is never full. A full queue would make calls wait. */
const BURST_CALLS = 512;
/** The first and the last iteration of a turn differ from the others, so a turn has more than these two. */
const FEWEST_ITERATIONS = 4;
/** Calls are costly above this share of an iteration. */
const COSTLY = 0.1;

export interface Effort {
  /** Milliseconds of a turn, and the number of turns of each competitor. */
  turn: number;
  turns: number;
}

/** Microseconds an iteration. */
export interface OverheadTiming {
  /** By the caller's clock, until the results are there: median and quartiles of the turns. */
  total: number;
  low: number;
  high: number;
  /** Time relative to `run` in the same round, median. A disturbance of a round affects both. */
  overRun: number;
  /** Time that the calling thread spends submitting the work. */
  submit: number;
}

export type OverheadRow = { n: number } & Record<CallStyle, OverheadTiming>;

export async function measureOverhead(session: Session, effort: Effort): Promise<OverheadRow> {
  const competitors = CALL_STYLES.map((style) => (count: number) => timeTurn(session, style, count));
  const times = await takeTurns(competitors, effort, FEWEST_ITERATIONS);
  const timings = [];
  for (const [i, style] of CALL_STYLES.entries()) {
    const [low, total, high] = quartiles(times[i]).map((milliseconds) => 1000 * milliseconds);
    const [, overRun] = quartiles(times[i].map((time, round) => time / times[0][round]));
    const iterations = Math.max(FEWEST_ITERATIONS, Math.round((1000 * effort.turn) / total));
    const submit = await timeSubmission(session, style, iterations, effort.turns);
    timings.push([style, { total, low, high, overRun, submit }]);
  }
  return { n: session.shape[0], ...(Object.fromEntries(timings) as Record<CallStyle, OverheadTiming>) };
}

/**
 * Milliseconds an iteration in every turn of every competitor, which is given a number of iterations and returns their
 * milliseconds. Competitors take turns, so that a disturbance affects all of them. The first turns warm up and do not
 * count.
 */
export async function takeTurns(
  competitors: ((iterations: number) => Promise<number>)[],
  { turn, turns }: Effort,
  fewest = 1,
): Promise<number[][]> {
  const entrants = [];
  for (const run of competitors) {
    let iterations = fewest;
    // The first call may compile kernels, which would be mistaken for a long iteration.
    await run(iterations);
    let milliseconds = await run(iterations);
    while (milliseconds < turn / 2) milliseconds = await run((iterations *= 2));
    iterations = Math.max(fewest, Math.round((iterations * turn) / milliseconds));
    entrants.push({ run, iterations, times: [] as number[] });
  }
  for (let round = 0; round < turns; round++) {
    for (const { run, iterations, times } of entrants) times.push((await run(iterations)) / iterations);
  }
  return entrants.map(({ times }) => times);
}

/** Lower quartile, median, upper quartile. */
export function quartiles(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  return [0.25, 0.5, 0.75].map((share) => sorted[Math.floor(share * sorted.length)]);
}

/**
 * Milliseconds until the iterations are done. No pass is pending at the beginning. Waiting adds no work: single kernels
 * are followed by a read of their residual, and `run` does the last of the steps.
 */
async function timeTurn(session: Session, style: CallStyle, iterations: number): Promise<number> {
  await session.residuals();
  const began = performance.now();
  if (style === 'step') {
    await iterate(session, 'step', iterations - 1);
    await session.run(1);
  } else {
    await iterate(session, style, iterations);
    if (style === 'kernels') await session.residuals();
  }
  return performance.now() - began;
}

/** Microseconds an iteration, in bursts. After each burst the device catches up. */
async function timeSubmission(session: Session, style: CallStyle, most: number, bursts: number) {
  const iterations = Math.min(most, BURST_CALLS / Math.max(2, CALLS[style]));
  const before = session.timing().submitSeconds;
  for (let burst = 0; burst < bursts; burst++) await timeTurn(session, style, iterations);
  return (1e6 * (session.timing().submitSeconds - before)) / (bursts * iterations);
}

export async function iterate(session: Session, style: CallStyle, iterations: number): Promise<void> {
  if (style === 'run') return session.run(iterations);
  for (let i = 0; i < iterations; i++) {
    if (style === 'step') {
      session.step();
      continue;
    }
    session.inverse();
    session.constrainObject();
    session.forward();
    session.constrainFourier();
  }
}

/** t = work · (an iteration of `run`) + calls · cost. */
export interface CallModel {
  style: CallStyle;
  /** Work of one iteration without the calls, in iterations of `run`. */
  work: number;
  calls: number;
  /** Microseconds of a call. */
  cost: number;
  /**
   * Size n of an n × n image below which the calls take more than a tenth of the work. 'none': no measured size has
   * such calls. 'all': every measured size has.
   */
  costlyBelow: number | 'none' | 'all';
}

/** The models of stepping and of single kernels. */
export function fitModels(rows: readonly OverheadRow[]): CallModel[] {
  return [fitCalls(rows, 'step'), fitCalls(rows, 'kernels')];
}

/** Fits relative errors, because sizes span orders of magnitude. No cost is below zero. */
export function fitCalls(rows: readonly OverheadRow[], style: Exclude<CallStyle, 'run'>): CallModel {
  const calls = CALLS[style];
  // Least squares of 1 = work · x + cost · y.
  const points = rows.map((row) => ({ x: row.run.total / row[style].total, y: calls / row[style].total }));
  const sum = (of: (point: { x: number; y: number }) => number) => points.reduce((total, p) => total + of(p), 0);
  const [xx, xy, yy, x, y] = [
    sum((p) => p.x ** 2),
    sum((p) => p.x * p.y),
    sum((p) => p.y ** 2),
    sum((p) => p.x),
    sum((p) => p.y),
  ];
  const determinant = xx * yy - xy * xy;
  const both = rows.length > 1 && determinant > 1e-9 * xx * yy;
  const fitted = both ? Math.max(0, (y * xx - x * xy) / determinant) : 0;
  // If calls take all of the time, the fit of both would give a negative work.
  const work = Math.max(0, (x - fitted * xy) / xx);
  const cost = work > 0 ? fitted : y / yy;
  const shares = rows.map((row) => ({ n: row.n, share: (calls * cost) / (work * row.run.total) }));
  return { style, work, calls, cost, costlyBelow: crossing(shares) };
}

/** The size at which the share falls to COSTLY, by a power law between measured sizes. */
function crossing(shares: { n: number; share: number }[]): number | 'none' | 'all' {
  const sorted = shares.toSorted((a, b) => a.n - b.n);
  const last = sorted.findLastIndex(({ share }) => share > COSTLY);
  if (last < 0) return 'none';
  if (last === sorted.length - 1) return 'all';
  const [a, b] = [sorted[last], sorted[last + 1]];
  const along = Math.log(a.share / COSTLY) / Math.log(a.share / b.share);
  return Math.round(a.n * (b.n / a.n) ** along);
}
