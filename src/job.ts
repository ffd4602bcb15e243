/**
 * A whole reconstruction as one unit of work: open a session, run it, read the best start, dispose. `retrieve` runs jobs
 * where it finds best: on workers, each with a part of the starts, or on its own thread.
 */
import type { Backend } from './backend.js';
import { AbortError } from './errors.js';
import type { Setup } from './problem.js';
import { openSession } from './session.js';
import type { RealArray, RunOptions } from './types.js';

export interface Job {
  setup: Setup;
  device: number;
  iterations: number;
}

export interface JobResult {
  /** The residual of each of the job's starts; NaN when no iteration was finished. */
  residuals: Float64Array;
  /** Index of the best of them, and its object and history. */
  best: number;
  object: RealArray;
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
    const residuals = await session.residuals();
    const best = indexOfLeast(residuals);
    return {
      residuals,
      best,
      object: await session.readObject(best),
      ...(job.setup.history && { history: await session.history(best) }),
      iterations: session.iterations,
      seconds,
    };
  } finally {
    session.dispose();
  }
}

/** Index of the smallest number; 0 where none is a number. */
export function indexOfLeast(numbers: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) {
    if (numbers[i] < numbers[best] || Number.isNaN(numbers[best])) best = i;
  }
  return best;
}
