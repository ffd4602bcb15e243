/** Runs a job where its backend runs jobs: spread over workers, or on this thread. */
import type { Backend } from '../backends/interface.js';
import { selectStarts } from '../problems/image.js';
import { iterationsBefore, runJob, type Job, type JobOptions, type JobResult } from './job.js';
import { WorkersUnavailable, gatherProgress, runOnWorkers, type Part } from './workers/pool.js';
import { availableCores } from './workers/thread.js';

/** The results of parts of the starts, in their order. */
export async function runJobs(backend: Backend, job: Job, options: JobOptions): Promise<JobResult[]> {
  const script = await backend.workerScript?.();
  const results = script && (await ofWorkers(runOnWorkers(script, split(job, availableCores()), options)));
  if (results) return results;
  // Without workers the jobs run on this thread, and yield to the event loop.
  const parts = split(job, 1);
  const { signal, onProgress, onStates } = options;
  const gather = onProgress && gatherProgress(parts, onProgress);
  const done: JobResult[] = [];
  for (const [index, part] of parts.entries()) {
    done.push(
      await runJob(backend, part, {
        signal,
        onProgress: gather && ((progress) => gather(index, progress)),
        onStates: onStates && ((states) => onStates(part.first, states)),
      }),
    );
  }
  return done;
}

/** What workers make, or undefined where there are none. */
export function ofWorkers<Result>(work: Promise<Result>): Promise<Result | undefined> {
  return work.catch((error: unknown) => {
    if (!(error instanceof WorkersUnavailable)) throw error;
    return undefined;
  });
}

/**
 * Divides the starts into contiguous parts that have done equally many iterations, each into at most `most` of nearly equal
 * size.
 */
function split(job: Job, most: number): Part[] {
  const { setup, origins = [] } = job;
  const parts: Part[] = [];
  for (let begin = 0, end = 0; end < setup.batch.starts; begin = end) {
    const before = iterationsBefore(origins[begin]);
    while (end < setup.batch.starts && iterationsBefore(origins[end]) === before) end++;
    const count = Math.min(end - begin, most);
    for (let part = 0; part < count; part++) {
      const [first, next] = [part, part + 1].map((k) => begin + Math.floor((k * (end - begin)) / count));
      const some = origins.slice(first, next);
      parts.push({ ...job, first, setup: selectStarts(setup, first, next - first), origins: some });
    }
  }
  return parts;
}
