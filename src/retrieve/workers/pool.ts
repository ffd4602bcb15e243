/**
 * Runs jobs side by side, each on a worker that lives as long as its job. Gathers their progress, passes on an abort, and
 * ends all workers as soon as one fails.
 */
import { AbortError, DeviceLostError } from '../../errors.js';
import { macrotask } from '../../session/event-loop.js';
import { indexOfLeast, type Job, type JobResult } from '../job.js';
import type { Progress, RealArray, RunOptions } from '../../types.js';
import { unpackError, type FromWorker, type ToWorker } from './protocol.js';
import { startWorker, type WorkerThread } from './thread.js';

/** Workers cannot be made here; the cause says why. No job has begun. */
export class WorkersUnavailable extends Error {}

const PROGRESS_MILLISECONDS = 100;

/** Resolves with the results in the order of the jobs. Rejects with `WorkersUnavailable` where there are no workers. */
export async function runOnWorkers(
  script: { source: string; data: unknown },
  jobs: Job[],
  { onProgress, signal }: RunOptions,
): Promise<JobResult[]> {
  const workers: JobWorker[] = [];
  const gather = onProgress && gatherProgress(jobs.length, onProgress);
  const abort = () => workers.forEach((worker) => worker.abort());
  try {
    for (const index of jobs.keys()) {
      workers.push(new JobWorker(script.source, (progress) => gather?.(index, progress)));
    }
    await Promise.all(workers.map((worker) => worker.ready));
    if (signal?.aborted) throw new AbortError(signal.reason);
    signal?.addEventListener('abort', abort);
    const results: Promise<JobResult>[] = [];
    for (const [index, worker] of workers.entries()) {
      results.push(worker.run(jobs[index], script.data));
      // Each worker is sent a copy of the problem, which takes its time.
      await macrotask();
    }
    return await Promise.all(results);
  } finally {
    signal?.removeEventListener('abort', abort);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

class JobWorker {
  /** Rejects with `WorkersUnavailable`. */
  readonly ready: Promise<void>;
  readonly #thread: WorkerThread;
  readonly #result: Promise<JobResult>;

  constructor(source: string, onProgress: (progress: Progress) => void) {
    const ready = promiseParts<void>();
    const result = promiseParts<JobResult>();
    this.ready = ready.promise;
    this.#result = result.promise;
    // Only one of the two is awaited and reports the failure; the other must not count as unhandled.
    ready.promise.catch(() => undefined);
    result.promise.catch(() => undefined);
    const events = {
      message(data: unknown) {
        const message = data as FromWorker;
        if (message.type === 'ready') ready.resolve();
        else if (message.type === 'progress') {
          try {
            onProgress(message.progress);
          } catch (error) {
            // An error thrown from here would reach nobody.
            result.reject(error);
          }
        } else if (message.type === 'done') result.resolve(message.result);
        else result.reject(unpackError(message.error));
      },
      failure(error: Error) {
        ready.reject(new WorkersUnavailable(error.message, { cause: error }));
        result.reject(new DeviceLostError(`the worker of the wasm backend failed: ${error.message}`, { cause: error }));
      },
    };
    try {
      this.#thread = startWorker(source, events);
    } catch (error) {
      throw new WorkersUnavailable(String(error), { cause: error });
    }
  }

  run(job: Job, data: unknown): Promise<JobResult> {
    this.#post({ type: 'run', job: compact(job), data });
    return this.#result;
  }

  abort(): void {
    this.#post({ type: 'abort' });
  }

  terminate(): Promise<void> {
    return this.#thread.terminate();
  }

  #post(message: ToWorker): void {
    this.#thread.post(message);
  }
}

/** Copies views of larger buffers: structured cloning would send the whole buffer. */
function compact(job: Job): Job {
  const { setup } = job;
  const { pattern, start } = setup;
  const own = (array: RealArray) => (array.byteLength < array.buffer.byteLength ? array.slice() : array);
  return {
    ...job,
    setup: {
      ...setup,
      pattern: { ...pattern, magnitudes: own(pattern.magnitudes) },
      ...(start && { start: 'phase' in start ? { phase: own(start.phase) } : { object: own(start.object) } }),
    },
  };
}

/** Reports what every start has done at least. Each worker reports by itself, so the reports are throttled here. */
function gatherProgress(
  workers: number,
  onProgress: (progress: Progress) => void,
): (index: number, progress: Progress) => void {
  const newest: (Progress | undefined)[] = Array.from({ length: workers });
  let reported = -Infinity;
  return (index, progress) => {
    newest[index] = progress;
    const known = newest.filter((entry) => entry !== undefined);
    if (known.length < workers) return;
    const iteration = Math.min(...known.map((entry) => entry.iteration));
    const residuals = known.map((entry) => entry.residual);
    const now = performance.now();
    if (now - reported < PROGRESS_MILLISECONDS && iteration < progress.iterations) return;
    reported = now;
    onProgress({
      iteration,
      iterations: progress.iterations,
      residual: residuals[indexOfLeast(residuals)],
      seconds: Math.max(...known.map((entry) => entry.seconds)),
    });
  };
}

function promiseParts<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((...parts) => ([resolve, reject] = parts));
  return { promise, resolve, reject };
}
