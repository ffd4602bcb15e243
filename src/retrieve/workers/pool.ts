/**
 * Runs jobs side by side, each on a worker that lives as long as its job. The whole process has as many workers as cores;
 * further jobs wait for their turn. Gathers progress, passes on an abort, and ends all workers of a call as soon as one
 * of its jobs fails.
 */
import { DeviceLostError, messageOf } from '../../errors.js';
import type { Combined, Starts } from '../combine.js';
import type { Average, Refined } from '../refine.js';
import { nothingDone, type Job, type JobOptions, type JobResult } from '../job.js';
import type { ScanJob, ScanJobResult } from '../scan-job.js';
import type { Warning } from '../../inspect/index.js';
import type { ScanRunOptions } from '../../scan-types.js';
import { indexOfLeast } from '../../session/residuals.js';
import type { Problem, Progress } from '../../types.js';
import { unpackError, type Answer, type FromWorker, type Report, type ToWorker } from './protocol.js';
import { availableCores, startWorker } from './thread.js';

/** Workers cannot be made here; the cause says why. */
export class WorkersUnavailable extends Error {}

/** A job for some of the starts of a call. */
export interface Part extends Job {
  /** The index of its first start. */
  first: number;
}

const PROGRESS_MILLISECONDS = 100;

/** The jobs that wait for a core, in the order of asking: each learns whether it has got one. */
const queue = new Set<(granted: boolean) => void>();
let busy = 0;

/** Resolves with true when there is a core for one more worker, or with false when the signal is aborted before. */
function takeCore(signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  if (busy < availableCores()) {
    busy++;
    return Promise.resolve(true);
  }
  return new Promise((resolve) => {
    const leave = () => {
      if (queue.delete(grant)) resolve(false);
    };
    const grant = (granted: boolean) => {
      signal.removeEventListener('abort', leave);
      resolve(granted);
    };
    queue.add(grant);
    signal.addEventListener('abort', leave, { once: true });
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
  jobs: Part[],
  { onProgress, signal, onStates }: JobOptions,
): Promise<JobResult[]> {
  const gather = onProgress && gatherProgress(jobs, onProgress);
  const workers = new Set<Worker>();
  /** Aborted when no further job may begin. */
  const over = new AbortController();
  const abort = () => {
    over.abort();
    workers.forEach((worker) => worker.post({ type: 'abort' }));
  };
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  const runs = jobs.map(async (job, index) => {
    const request: ToWorker = { type: 'run', job, data: script.data };
    const onReport = (report: Report) => {
      if (report.type === 'progress') return gather?.(index, report.progress);
      return report.type === 'states' && onStates?.(job.first, report.states);
    };
    const result = await askWorker(script.source, request, over.signal, (worker) => workers.add(worker), onReport);
    return (result as JobResult | undefined) ?? nothingDone(job);
  });
  try {
    return await Promise.all(runs);
  } catch (error) {
    over.abort();
    workers.forEach((worker) => worker.end());
    await Promise.allSettled(runs);
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
  return ((await askUntilAborted(script.source, { type: 'inspect', problem }, signal)) as Warning[] | undefined) ?? [];
}

/** What `combine` makes of starts, or undefined when it is aborted. Rejects like `inspectOnWorker`. */
export async function combineOnWorker(
  script: { source: string; data: unknown },
  starts: Starts,
  signal: AbortSignal,
): Promise<Combined | undefined> {
  const request: ToWorker = { type: 'combine', starts, data: script.data };
  return (await askUntilAborted(script.source, request, signal)) as Combined | undefined;
}

/** What `refine` makes of an average, or undefined when it is aborted. Rejects like `inspectOnWorker`. */
export async function refineOnWorker(
  script: { source: string; data: unknown },
  average: Average,
  signal: AbortSignal,
): Promise<Refined | undefined> {
  const request: ToWorker = { type: 'refine', average, data: script.data };
  return (await askUntilAborted(script.source, request, signal)) as Refined | undefined;
}

/** Runs the job of a scan on a worker. Undefined when it is aborted before it begins. Rejects like `inspectOnWorker`. */
export async function scanOnWorker(
  script: { source: string; data: unknown },
  job: ScanJob,
  { onProgress, onPreview, signal }: ScanRunOptions,
): Promise<ScanJobResult | undefined> {
  let worker: Worker | undefined;
  const abort = () => worker?.post({ type: 'abort' });
  signal?.addEventListener('abort', abort);
  try {
    const request: ToWorker = { type: 'scan', job, data: script.data };
    const never = new AbortController().signal;
    const onReport = (report: Report) => {
      if (report.type === 'progress') return onProgress?.(report.progress);
      return report.type === 'preview' && onPreview?.(report.preview);
    };
    const answer = askWorker(script.source, request, signal ?? never, (started) => (worker = started), onReport);
    return (await answer) as ScanJobResult | undefined;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Asks for what cannot be stopped half-way: an abort ends the worker. */
function askUntilAborted(source: string, request: ToWorker, signal: AbortSignal): Promise<Answer | undefined> {
  return askWorker(source, request, signal, (worker) => signal.addEventListener('abort', () => worker.end()));
}

interface Worker {
  post: (message: ToWorker) => void;
  /** Ends the thread, whatever it is doing; what it was asked for is then undefined. */
  end: () => void;
}

/**
 * Starts a worker once there is a core for it, asks it for one thing, and ends it. Resolves with undefined where the
 * signal is aborted before it is ready. Rejects with `WorkersUnavailable` when it fails before it is ready, and with a
 * `DeviceLostError` when it fails later.
 */
async function askWorker(
  source: string,
  request: ToWorker,
  signal: AbortSignal,
  onStart: (worker: Worker) => void,
  onReport?: (report: Report) => unknown,
): Promise<Answer | undefined> {
  if (!(await takeCore(signal))) return undefined;
  let terminate = () => Promise.resolve();
  try {
    return await new Promise((resolve, reject) => {
      let isReady = false;
      let thread: ReturnType<typeof startWorker>;
      let reports: Promise<unknown> = Promise.resolve();
      const failure = (error: unknown) => {
        const [message, options] = [messageOf(error), { cause: error }];
        if (!isReady) reject(new WorkersUnavailable(message, options));
        else reject(new DeviceLostError(`the worker of the wasm backend failed: ${message}`, options));
      };
      const message = (data: unknown) => {
        const message = data as FromWorker;
        if (message.type === 'ready') {
          isReady = true;
          if (signal.aborted) resolve(undefined);
        } else if (message.type === 'progress' || message.type === 'states' || message.type === 'preview') {
          // Also what the callback throws must reach the caller: an error thrown from here would reach nobody.
          const report = new Promise((resolve) => resolve(onReport?.(message)));
          reports = Promise.all([reports, report]);
          reports.then(() => message.type !== 'progress' && thread.post({ type: 'taken' }), reject);
        } else if (message.type === 'done') reports.then(() => resolve(message.result), reject);
        else reject(unpackError(message.error));
      };
      try {
        thread = startWorker(source, { message, failure });
        terminate = thread.terminate;
        // It waits until the worker listens.
        thread.post(request);
        onStart({ post: thread.post, end: () => resolve(undefined) });
      } catch (error) {
        failure(error);
      }
    });
  } finally {
    await terminate();
    releaseCore();
  }
}

/** Reports what every start has done at least. Each worker reports by itself, so the reports are throttled here. */
export function gatherProgress(
  jobs: readonly Job[],
  onProgress: (progress: Progress) => unknown,
): (index: number, progress: Progress) => unknown {
  const newest: (Pick<Progress, 'iteration' | 'residual' | 'seconds'> | undefined)[] = jobs.map(({ origins }) => {
    const [first] = origins ?? [];
    return first && 'iterations' in first ? { ...first, iteration: first.iterations } : undefined;
  });
  let reported = -Infinity;
  return (index, progress) => {
    newest[index] = progress;
    const known = newest.filter((entry) => entry !== undefined);
    if (known.length < jobs.length) return;
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
