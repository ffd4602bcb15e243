/** Runs a job where its backend runs jobs: spread over workers, or on this thread. */
import type { Backend } from '../backends/interface.js';
import { selectStarts } from '../problems/image.js';
import type { RunOptions } from '../types.js';
import { runJob, type Job, type JobResult } from './job.js';
import { WorkersUnavailable, runOnWorkers } from './workers/pool.js';
import { availableCores } from './workers/thread.js';

/** The results of parts of the starts, in their order. */
export async function runJobs(backend: Backend, job: Job, options: RunOptions): Promise<JobResult[]> {
  const script = await backend.workerScript?.();
  const results = script && (await ofWorkers(runOnWorkers(script, split(job, availableCores()), options)));
  // Without workers the job runs on this thread, and yields to the event loop.
  return results ?? [await runJob(backend, job, options)];
}

/** What workers make, or undefined where there are none. */
export function ofWorkers<Result>(work: Promise<Result>): Promise<Result | undefined> {
  return work.catch((error: unknown) => {
    if (!(error instanceof WorkersUnavailable)) throw error;
    return undefined;
  });
}

/** Divides the starts into contiguous parts of nearly equal size. */
function split(job: Job, most: number): Job[] {
  const { starts } = job.setup.batch;
  const parts = Math.min(starts, most);
  return Array.from({ length: parts }, (_, part) => {
    const first = Math.floor((part * starts) / parts);
    const end = Math.floor(((part + 1) * starts) / parts);
    const continued = job.continued
      ?.filter(({ start }) => start >= first && start < end)
      .map(({ start, object }) => ({ start: start - first, object }));
    return { ...job, setup: selectStarts(job.setup, first, end - first), ...(continued && { continued }) };
  });
}
