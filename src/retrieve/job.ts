/**
 * Runs a whole reconstruction as one unit of work: opens a session, runs it, reads the best start, disposes of it.
 * `retrieve` runs jobs on workers, each with a part of the starts, or on its own thread.
 */
import type { Backend } from '../backends/interface.js';
import { AbortError } from '../errors.js';
import { indexOfNonFinite, type Setup } from '../problems/image.js';
import { openSession, toFeasible, type Session } from '../session/session.js';
import { isProjection, iterateIsImage } from '../rules.js';
import type { RealResult, RunOptions } from '../types.js';
import { iterationsOf, stepsOf, type Link } from './chain.js';

export interface Job {
  setup: Setup;
  device: number;
  /** Checked. */
  chain: Link[];
}

export interface JobResult {
  /**
   * The residuals of the job's starts, and those of their feasible objects. They are NaN when no iteration was finished,
   * and where the object is not finite.
   */
  residuals: Float64Array<ArrayBuffer>;
  feasibleResiduals: Float64Array<ArrayBuffer>;
  /** Index of the start with the best feasible object; the object, feasible object and history below are of this start. */
  best: number;
  object: RealResult;
  feasible: RealResult;
  history?: Float64Array<ArrayBuffer>;
  /** An aborted run has fewer than the job asks for. */
  iterations: number;
  /** Time spent iterating. */
  seconds: number;
}

/** An aborted run resolves as well, with what it has reached: `iterations` tells. */
export async function runJob(backend: Backend, job: Job, options: RunOptions): Promise<JobResult> {
  const session = await openSession(backend, job.device, job.setup);
  try {
    const began = performance.now();
    try {
      await session.runChain(stepsOf(job.chain), iterationsOf(job.chain), options);
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
    }
    const seconds = (performance.now() - began) / 1000;
    const { iterations } = session;
    const { support, bounds } = job.setup;
    const rule = session.rule();
    const finished = iterations > 0 && !iterateIsImage(rule);
    if (finished) {
      session.use({ algorithm: 'er' });
      session.step();
    }
    const residuals = await session.residuals();
    // The iterate of a projection is feasible already, so its residual is the feasible one.
    const measured = iterations > 0 && !finished && !isProjection(rule);
    const feasibleResiduals = measured ? await session.measureFeasible() : residuals;
    const { best, object } = await readBest(session, feasibleResiduals);
    return {
      residuals,
      feasibleResiduals,
      best,
      object,
      feasible: toFeasible(object.slice(), support, bounds),
      ...(job.setup.history && { history: (await session.history(best)).slice(0, iterations) }),
      iterations,
      seconds,
    };
  } finally {
    session.dispose();
  }
}

/** The result of a job that was not begun. */
export function nothingDone({ setup }: Job): JobResult {
  const residuals = new Float64Array(setup.batch.starts).fill(NaN);
  const [object, feasible] = [new Float32Array(0), new Float32Array(0)];
  return { residuals, feasibleResiduals: residuals, best: 0, object, feasible, iterations: 0, seconds: 0 };
}

/**
 * Reads the object with the smallest residual. A GPU need not carry NaN through its arithmetic, so an object that is not
 * finite loses its residual here, and the next best is read.
 */
async function readBest(session: Session, residuals: Float64Array): Promise<{ best: number; object: RealResult }> {
  for (;;) {
    const best = indexOfLeast(residuals);
    const object = await session.readObject(best);
    if (Number.isNaN(residuals[best]) || indexOfNonFinite(object, session.precision) < 0) return { best, object };
    residuals[best] = NaN;
  }
}

/** Returns the index of the smallest number, or 0 where all are NaN. */
export function indexOfLeast(numbers: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) {
    if (numbers[i] < numbers[best] || Number.isNaN(numbers[best])) best = i;
  }
  return best;
}
