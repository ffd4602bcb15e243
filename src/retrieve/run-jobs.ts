/** Runs a job where its backend runs jobs: spread over workers, or on this thread, on one device or several. */
import type { Backend } from '../backends/interface.js';
import { selectStarts } from '../problems/image.js';
import { iterationsBefore, nothingDone, runJob, type Job, type JobOptions, type JobResult } from './job.js';
import { WorkersUnavailable, gatherProgress, runOnWorkers, type Part } from './workers/pool.js';
import { availableCores } from './workers/thread.js';

/** A job for one of the devices that a call may use. */
export type SpreadJob = Omit<Job, 'device'> & { devices: readonly number[] };

/** The results of parts of the starts, in their order. */
export async function runJobs(backend: Backend, job: SpreadJob, options: JobOptions): Promise<JobResult[]> {
  const script = await backend.workerScript?.();
  const results = script && (await ofWorkers(runOnWorkers(script, split(job, availableCores()), options)));
  return results ?? runOnThisThread(backend, split(job, job.devices.length), options);
}

/** The devices work side by side, each on its parts one after the other. A part that an abort finds waiting does nothing. */
async function runOnThisThread(
  backend: Backend,
  parts: readonly Part[],
  { signal, onProgress, onStates }: JobOptions,
): Promise<JobResult[]> {
  const gather = onProgress && gatherProgress(parts, onProgress);
  // Aborted as well when a device fails: the others need not go on.
  const over = new AbortController();
  const abort = () => over.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  const results = parts.map(nothingDone);
  const work = [...new Set(parts.map(({ device }) => device))].map(async (device) => {
    for (const [index, part] of parts.entries()) {
      if (part.device !== device || over.signal.aborted) continue;
      results[index] = await runJob(backend, part, {
        signal: over.signal,
        onProgress: gather && ((progress) => gather(index, progress)),
        onStates: onStates && ((states) => onStates(part.first, states)),
      });
    }
  });
  try {
    await Promise.all(work);
    return results;
  } finally {
    over.abort();
    await Promise.allSettled(work);
    signal?.removeEventListener('abort', abort);
  }
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
 * size, which take turns on the devices.
 */
function split({ devices, ...job }: SpreadJob, most: number): Part[] {
  const { setup, origins = [] } = job;
  const parts: Part[] = [];
  for (let begin = 0, end = 0; end < setup.batch.starts; begin = end) {
    const before = iterationsBefore(origins[begin]);
    while (end < setup.batch.starts && iterationsBefore(origins[end]) === before) end++;
    const count = Math.min(end - begin, most);
    for (let part = 0; part < count; part++) {
      const [first, next] = [part, part + 1].map((k) => begin + Math.floor((k * (end - begin)) / count));
      const some = origins.slice(first, next);
      const device = devices[part % devices.length];
      parts.push({ ...job, device, first, setup: selectStarts(setup, first, next - first), origins: some });
    }
  }
  return parts;
}
