/**
 * What driving a session from outside costs: the same iterations in one call, in a call for each, and in a call for each
 * kernel; and the model that the times are held against. `rephase bench --bindings` and bench/bindings share it, the
 * latter in browsers too, so nothing is imported when it runs.
 */
import type { Session } from '../session/session.js';

export const GRANULARITIES = ['run', 'step', 'kernels'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

/** Calls into the library for an iteration; of `run`, one for many. */
export const CALLS: Record<Granularity, number> = { run: 0, step: 1, kernels: 4 };

/** Submissions of a burst: few enough that no queue to a device is ever full, so that nobody waits for a place in it. */
const BURST_CALLS = 512;
/** So that the first and the last of a turn, which differ from the others, are not all of them. */
const FEWEST_ITERATIONS = 4;
/** Above this share of an iteration, calls are said to be costly. */
const COSTLY = 0.1;

export interface Effort {
  /** Milliseconds of a turn, and how many turns each granularity has. */
  turn: number;
  turns: number;
}

/** Microseconds an iteration. */
export interface GranularityTiming {
  /** By the caller's clock, until the results are there: median and quartiles of the turns. */
  total: number;
  low: number;
  high: number;
  /** How many times as long as `run` in the same round, median: what disturbs a round disturbs both. */
  overRun: number;
  /** What the calling thread spends handing the work over. */
  submit: number;
  /** By the device's own clock, where the backend reads it. */
  device?: number;
  /** Iterations of a turn. */
  iterations: number;
}

export type GranularityRow = { n: number } & Record<Granularity, GranularityTiming>;

/** The granularities take turns, so that what disturbs the machine disturbs all of them; a first turn does not count. */
export async function measureGranularities(session: Session, { turn, turns }: Effort): Promise<GranularityRow> {
  const entrants = [];
  for (const granularity of GRANULARITIES) {
    let iterations = FEWEST_ITERATIONS;
    // What is compiled at its first call would pass for a long iteration.
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
 * Milliseconds until so many iterations are done. Each granularity begins settled and is waited for by what adds no work
 * of its own: single kernels by reading their residual, steps by letting `run` do the last one.
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

/** Microseconds an iteration, in bursts with a pause after each in which the device catches up. */
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
  /** How many iterations of `run` the work of one iteration amounts to, calls left out. */
  work: number;
  calls: number;
  /** Microseconds. */
  price: number;
  /** What was measured beyond the model, relative to it, by size. */
  residuals: { n: number; relative: number }[];
  /**
   * Size n of an n × n image below which the calls take more than a tenth of the work; 'none' and 'all' where that is so
   * for no size or for every size measured.
   */
  costlyBelow: number | 'none' | 'all';
}

/** The models of stepping and of single kernels. */
export function fitModels(rows: readonly GranularityRow[]): CallModel[] {
  return [fitCalls(rows, 'step'), fitCalls(rows, 'kernels')];
}

/** Fitted to relative errors, as sizes span orders of magnitude; no price is below zero. */
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
  // Where calls are all that costs, the fit of both would be of work below zero.
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

/** Where the share falls to what is costly, between measured sizes along a power law. */
function crossing(shares: { n: number; share: number }[]): number | 'none' | 'all' {
  const sorted = shares.toSorted((a, b) => a.n - b.n);
  const last = sorted.findLastIndex(({ share }) => share > COSTLY);
  if (last < 0) return 'none';
  if (last === sorted.length - 1) return 'all';
  const [a, b] = [sorted[last], sorted[last + 1]];
  const along = Math.log(a.share / COSTLY) / Math.log(a.share / b.share);
  return Math.round(a.n * (b.n / a.n) ** along);
}
