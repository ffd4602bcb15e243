/**
 * A whole reconstruction as one unit of work: open a session, run it, read the best start, dispose. `retrieve` runs jobs
 * where it finds best: on workers, each with a part of the starts, or on its own thread.
 */
import type { Backend } from '../backends/interface.js';
import { AbortError } from '../errors.js';
import { indexOfNonFinite, type Setup } from '../problems/image.js';
import { clearInfeasible, openSession, type Session } from '../session/session.js';
import type { RealArray, RunOptions } from '../types.js';

export interface Job {
  setup: Setup;
  device: number;
  iterations: number;
}

export interface JobResult {
  /**
   * The residual of each of the job's starts, and of its feasible object; NaN when no iteration was finished, or where
   * the object is not finite.
   */
  residuals: Float64Array;
  feasibleResiduals: Float64Array;
  /** Index of the start with the best feasible object, and its object, what is feasible of it, and its history. */
  best: number;
  object: RealArray;
  feasible: RealArray;
  history?: Float64Array;
  /** Fewer than asked for when the run was aborted. */
  iterations: number;
  /** Spent iterating. */
  seconds: number;
}

/** Resolves with what was reached also when the run was aborted: `iterations` tells. */
export async function runJob(backend: Backend, job: Job, options: RunOptions): Promise<JobResult> {
  const session = await openSession(backend, job.device, job.setup);
  try {
    const began = performance.now();
    try {
      await session.run(job.iterations, options);
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
    }
    const seconds = (performance.now() - began) / 1000;
    const { iterations } = session;
    const residuals = await session.residuals();
    // The iterate of Gerchberg-Saxton is feasible: nothing to take away, nothing to measure again.
    const measured = iterations > 0 && session.algorithm !== 'gs';
    const { support } = job.setup.problem;
    const measurement = measured ? await measureFeasible(session, support) : undefined;
    const feasibleResiduals = measurement?.residuals ?? residuals;
    const best = indexOfLeast(feasibleResiduals);
    const object = measurement?.objects[best] ?? (await session.readObject(best));
    return {
      residuals,
      feasibleResiduals,
      best,
      object,
      feasible: clearInfeasible(object.slice(), support),
      ...(job.setup.history && { history: (await session.history(best)).slice(0, iterations) }),
      iterations,
      seconds,
    };
  } finally {
    session.dispose();
  }
}

/** Replaces every object by its feasible part; the residuals of these, and the objects that were there. */
async function measureFeasible(
  session: Session,
  support: Uint8Array | undefined,
): Promise<{ objects: RealArray[]; residuals: Float64Array }> {
  const objects: RealArray[] = [];
  const finite: boolean[] = [];
  for (let start = 0; start < session.starts; start++) {
    const object = await session.readObject(start);
    objects.push(object);
    // Strong feedback can drive it out of the numbers that there are; the other starts go on without it.
    finite.push(indexOfNonFinite(object, session.precision) < 0);
    if (finite[start]) session.writeObject(clearInfeasible(object.slice(), support), start);
  }
  session.step();
  const residuals = await session.residuals();
  return { objects, residuals: residuals.map((residual, start) => (finite[start] ? residual : NaN)) };
}

/** Index of the smallest number; 0 where none is a number. */
export function indexOfLeast(numbers: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) {
    if (numbers[i] < numbers[best] || Number.isNaN(numbers[best])) best = i;
  }
  return best;
}
