/**
 * Runs jobs side by side, each on a worker that lives as long as its job. The whole process has as many workers as cores;
 * further jobs wait for their turn. Gathers progress, passes on an abort, and ends all workers of a call as soon as one
 * of its jobs fails.
 */
import { DeviceLostError } from '../../errors.js';
import { indexOfLeast, nothingDone, type Job, type JobResult } from '../job.js';
import type { Warning } from '../../inspect/index.js';
import type { Problem, Progress, RunOptions } from '../../types.js';
import { unpackError, type FromWorker, type ToWorker } from './protocol.js';
import { availableCores, startWorker, type WorkerThread } from './thread.js';

/** Workers cannot be made here; the cause says why. */
export class WorkersUnavailable extends Error {}

const PROGRESS_MILLISECONDS = 100;

/** The jobs that wait for a core, in the order of asking: each learns whether it has got one. */
const queue = new Set<(granted: boolean) => void>();
let busy = 0;

/** Resolves with true when there is a core for one more worker, or with false when the signal is aborted before. */
function takeCore(signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  if (busy < availableCores()) {
    busy++;
    return Promise.resolve(true);
  }
  return new Promise((resolve) => {
    const leave = () => {
      if (queue.delete(grant)) resolve(false);
    };
    const grant = (granted: boolean) => {
      signal?.removeEventListener('abort', leave);
      resolve(granted);
    };
    queue.add(grant);
    signal?.addEventListener('abort', leave, { once: true });
  });
}

/** Hands a core on to the job that has waited longest. */
function releaseCore(): void {
  const [next] = queue;
  if (queue.delete(next)) next(true);
  else busy--;
}

/**
 * Resolves with the results in the order of the jobs; a job that an abort finds waiting has done nothing. Rejects with
 * `WorkersUnavailable` where there are no workers.
 */
export async function runOnWorkers(
  script: { source: string; data: unknown },
  jobs: Job[],
  { onProgress, signal }: RunOptions,
): Promise<JobResult[]> {
  const gather = onProgress && gatherProgress(jobs.length, onProgress);
  const workers = new Set<Worker>();
  let failed = false;
  const isOver = () => failed || signal?.aborted === true;
  const abort = () => workers.forEach((worker) => worker.post({ type: 'abort' }));
  signal?.addEventListener('abort', abort);
  const runOne = async (job: Job, index: number) => {
    const onReport = (progress: Progress) => gather?.(index, progress);
    const result = await withWorker(script.source, signal, onReport, async (worker) => {
      workers.add(worker);
      await worker.ready;
      if (isOver()) return undefined;
      return (await worker.ask({ type: 'run', job: compact(job), data: script.data })) as JobResult;
    });
    return result ?? nothingDone(job);
  };
  try {
    return await Promise.all(jobs.map(runOne));
  } catch (error) {
    failed = true;
    await Promise.all([...workers].map((worker) => worker.terminate()));
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/**
 * What `inspect` warns of, found by a worker, or nothing when it is aborted. Rejects with `WorkersUnavailable` where there
 * are no workers.
 */
export async function inspectOnWorker(
  script: { source: string },
  problem: Problem,
  signal: AbortSignal,
): Promise<Warning[]> {
  const ignore = () => undefined;
  const warnings = await withWorker(script.source, signal, ignore, async (worker) => {
    const end = () => void worker.terminate();
    signal.addEventListener('abort', end);
    try {
      await worker.ready;
      return (await worker.ask({ type: 'inspect', problem })) as Warning[];
    } catch (error) {
      if (signal.aborted) return [];
      throw error;
    } finally {
      signal.removeEventListener('abort', end);
    }
  });
  return warnings ?? [];
}

/** Runs `work` with a worker of its own, once there is a core for it. Resolves with undefined when it is aborted before. */
async function withWorker<Result>(
  source: string,
  signal: AbortSignal | undefined,
  onProgress: (progress: Progress) => unknown,
  work: (worker: Worker) => Promise<Result>,
): Promise<Result | undefined> {
  if (!(await takeCore(signal))) return undefined;
  try {
    const worker = new Worker(source, onProgress);
    try {
      return await work(worker);
    } finally {
      await worker.terminate();
    }
  } finally {
    releaseCore();
  }
}

class Worker {
  /** Rejects with `WorkersUnavailable`. */
  readonly ready: Promise<void>;
  readonly #thread: WorkerThread;
  readonly #result: Promise<FromWorker & { type: 'done' }>;
  readonly #fail: (error: Error) => void;
  #reports: Promise<unknown> = Promise.resolve();
  #ended: Promise<void> | undefined;

  constructor(source: string, onProgress: (progress: Progress) => unknown) {
    const ready = promiseParts<void>();
    const result = promiseParts<FromWorker & { type: 'done' }>();
    this.ready = ready.promise;
    this.#result = result.promise;
    // Only one of the two is awaited and reports the failure; the other must not count as unhandled.
    ready.promise.catch(() => undefined);
    result.promise.catch(() => undefined);
    this.#fail = (error) => {
      ready.reject(new WorkersUnavailable(error.message, { cause: error }));
      result.reject(new DeviceLostError(`the worker of the wasm backend failed: ${error.message}`, { cause: error }));
    };
    const events = {
      message: (data: unknown) => {
        const message = data as FromWorker;
        if (message.type === 'ready') ready.resolve();
        else if (message.type === 'progress') {
          // Also what the callback throws must reach the caller: an error thrown from here would reach nobody.
          const report = new Promise((resolve) => resolve(onProgress(message.progress)));
          this.#reports = Promise.all([this.#reports, report]);
          this.#reports.catch(result.reject);
        } else if (message.type === 'done') result.resolve(message);
        else result.reject(unpackError(message.error));
      },
      failure: this.#fail,
    };
    try {
      this.#thread = startWorker(source, events);
    } catch (error) {
      throw new WorkersUnavailable(String(error), { cause: error });
    }
  }

  async ask(message: ToWorker): Promise<JobResult | Warning[]> {
    this.post(message);
    const { result } = await this.#result;
    await this.#reports;
    return result;
  }

  /** Ends the thread. What it has not answered is rejected, so that whoever waits gives its core back. */
  terminate(): Promise<void> {
    this.#fail(new Error('it was ended'));
    return (this.#ended ??= this.#thread.terminate());
  }

  post(message: ToWorker): void {
    this.#thread.post(message);
  }
}

/** Copies the part of the start that the job needs: structured cloning would send the start of all jobs. */
function compact(job: Job): Job {
  const { start } = job.setup;
  if (!start) return job;
  const own = 'phase' in start ? { phase: start.phase.slice() } : { object: start.object.slice() };
  return { ...job, setup: { ...job.setup, start: own } };
}

/** Reports what every start has done at least. Each worker reports by itself, so the reports are throttled here. */
function gatherProgress(
  workers: number,
  onProgress: (progress: Progress) => unknown,
): (index: number, progress: Progress) => unknown {
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
    return onProgress({
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
