/**
 * Call overhead: times the same iterations by one call for many (`run`), one call each (`step`), and one call for each
 * kernel (`kernels`), and fits the cost of a call to the times. `rephase bench --calls` and bench/calls share this file.
 * The latter also runs in browsers, so this file imports types only.
 */
import type { Session } from '../session/session.js';

export const GRANULARITIES = ['run', 'step', 'kernels'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

/** Calls into the library for one iteration. `run` has one call for many iterations. */
export const CALLS: Record<Granularity, number> = { run: 0, step: 1, kernels: 4 };

/** Calls in a burst: few enough that the queue to the device is never full. A full queue would make calls wait. */
const BURST_CALLS = 512;
/** The first and the last iteration of a turn differ from the others, so a turn has more than these two. */
const FEWEST_ITERATIONS = 4;
/** Calls are costly above this share of an iteration. */
const COSTLY = 0.1;

export interface Effort {
  /** Milliseconds of a turn, and the number of turns of each granularity. */
  turn: number;
  turns: number;
}

/** Microseconds an iteration. */
export interface GranularityTiming {
  /** By the caller's clock, until the results are there: median and quartiles of the turns. */
  total: number;
  low: number;
  high: number;
  /** Time relative to `run` in the same round, median. A disturbance of a round affects both. */
  overRun: number;
  /** Time that the calling thread spends submitting the work. */
  submit: number;
  /** By the device's own clock, if the backend reads it. */
  device?: number;
  /** Iterations of a turn. */
  iterations: number;
}

export type GranularityRow = { n: number } & Record<Granularity, GranularityTiming>;

/** The granularities take turns, so that a disturbance affects all of them. The first turn does not count. */
export async function measureGranularities(session: Session, { turn, turns }: Effort): Promise<GranularityRow> {
  const entrants = [];
  for (const granularity of GRANULARITIES) {
    let iterations = FEWEST_ITERATIONS;
    // The first call may compile kernels, which would be mistaken for a long iteration.
    await timeTurn(session, granularity, iterations);
    let milliseconds = await timeTurn(session, granularity, iterations);
    while (milliseconds < turn / 2) milliseconds = await timeTurn(session, granularity, (iterations *= 2));
    iterations = Math.max(FEWEST_ITERATIONS, Math.round((iterations * turn) / milliseconds));
    entrants.push({ granularity, iterations, times: [] as number[], device: 0 });
  }
  for (let round = 0; round < turns; round++) {
    for (const entrant of entrants) {
      const before = session.timing().deviceSeconds ?? NaN;
      entrant.times.push((await timeTurn(session, entrant.granularity, entrant.iterations)) / entrant.iterations);
      entrant.device += (session.timing().deviceSeconds ?? NaN) - before;
    }
  }
  const timings = [];
  const run = entrants[0].times;
  for (const { granularity, iterations, times, device } of entrants) {
    const [low, total, high] = [0.25, 0.5, 0.75].map((share) => 1000 * rank(times, share));
    const overRun = rank(
      times.map((time, round) => time / run[round]),
      0.5,
    );
    const submit = await timeSubmission(session, granularity, iterations, turns);
    const onDevice = !Number.isNaN(device) && { device: (1e6 * device) / (turns * iterations) };
    timings.push([granularity, { total, low, high, overRun, submit, ...onDevice, iterations }]);
  }
  return { n: session.shape[0], ...(Object.fromEntries(timings) as Record<Granularity, GranularityTiming>) };
}

function rank(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * values.length)];
}

/**
 * Milliseconds until the iterations are done. No pass is pending at the beginning. Waiting adds no work: single kernels
 * are followed by a read of their residual, and `run` does the last of the steps.
 */
async function timeTurn(session: Session, granularity: Granularity, iterations: number): Promise<number> {
  await session.residuals();
  const began = performance.now();
  if (granularity === 'step') {
    await drive(session, 'step', iterations - 1);
    await session.run(1);
  } else {
    await drive(session, granularity, iterations);
    if (granularity === 'kernels') await session.residuals();
  }
  return performance.now() - began;
}

/** Microseconds an iteration, in bursts. After each burst the device catches up. */
async function timeSubmission(session: Session, granularity: Granularity, most: number, bursts: number) {
  const iterations = Math.min(most, BURST_CALLS / Math.max(2, CALLS[granularity]));
  const before = session.timing().submitSeconds;
  for (let burst = 0; burst < bursts; burst++) await timeTurn(session, granularity, iterations);
  return (1e6 * (session.timing().submitSeconds - before)) / (bursts * iterations);
}

export async function drive(session: Session, granularity: Granularity, iterations: number): Promise<void> {
  if (granularity === 'run') return session.run(iterations);
  for (let i = 0; i < iterations; i++) {
    if (granularity === 'step') {
      session.step();
      continue;
    }
    session.inverse();
    session.constrainObject();
    session.forward();
    session.constrainFourier();
  }
}

/** t = work · (an iteration of `run`) + calls · price. */
export interface CallModel {
  granularity: Granularity;
  /** Work of one iteration without the calls, in iterations of `run`. */
  work: number;
  calls: number;
  /** Microseconds. */
  price: number;
  /** (measured − model) / model, by size. */
  residuals: { n: number; relative: number }[];
  /**
   * Size n of an n × n image below which the calls take more than a tenth of the work. 'none': no measured size has
   * such calls. 'all': every measured size has.
   */
  costlyBelow: number | 'none' | 'all';
}

/** The models of stepping and of single kernels. */
export function fitModels(rows: readonly GranularityRow[]): CallModel[] {
  return [fitCalls(rows, 'step'), fitCalls(rows, 'kernels')];
}

/** Fits relative errors, because sizes span orders of magnitude. No price is below zero. */
export function fitCalls(rows: readonly GranularityRow[], granularity: Exclude<Granularity, 'run'>): CallModel {
  const calls = CALLS[granularity];
  // Least squares of 1 = work · x + price · y.
  const points = rows.map((row) => ({ x: row.run.total / row[granularity].total, y: calls / row[granularity].total }));
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
  const price = work > 0 ? fitted : y / yy;
  const paid = calls * price;
  const residuals = rows.map((row) => ({
    n: row.n,
    relative: row[granularity].total / (work * row.run.total + paid) - 1,
  }));
  const shares = rows.map((row) => ({ n: row.n, share: paid / (work * row.run.total) }));
  return { granularity, work, calls, price, residuals, costlyBelow: crossing(shares) };
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
