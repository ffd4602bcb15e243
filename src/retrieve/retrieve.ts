/**
 * `retrieve` goes from a diffraction pattern to an image in one call. Where a backend computes on the calling thread, the
 * sessions go to workers, so that this thread stays free; several starts are then spread over the cores.
 */
import type { Backend } from '../backends/interface.js';
import { requireBackend, selectDevice } from '../backends/registry.js';
import { AbortError } from '../errors.js';
import { inspect, inspectResult, type Warning } from '../inspect/index.js';
import { macrotask } from '../session/event-loop.js';
import { indexOfLeast } from '../session/residuals.js';
import { chainText, checkChain, iterationsOf, lastStep, stepsOf } from './chain.js';
import { runJob, type Job, type JobResult } from './job.js';
import { checkRetrieveOptions } from '../problems/options.js';
import { prepare, selectStarts, type Setup } from '../problems/image.js';
import type { Problem, Reconstruction, RetrieveOptions, RunOptions } from '../types.js';
import { WorkersUnavailable, inspectOnWorker, runOnWorkers } from './workers/pool.js';
import { availableCores } from './workers/thread.js';

/**
 * Recovers an image from Fourier magnitudes. Of several starts it returns the one whose feasible object has the smallest
 * residual. A small residual does not prove that the image is right, least of all without a support.
 *
 * The arrays are copied before the call returns, and never changed.
 *
 * @throws All that `createSession` throws, and {@link AbortError} when `signal` is aborted, between iterations; its
 * `partial` then holds what has been reached. The promise rejects.
 *
 * ```ts
 * const { object, residual } = await retrieve(
 *   { magnitudes, shape: [512, 512], support },
 *   { algorithm: 'hio', iterations: 500, seed: 1 },
 * );
 * ```
 */
export async function retrieve(problem: Problem, options: RetrieveOptions = {}): Promise<Reconstruction> {
  const settings = checkRetrieveOptions(options);
  const { signal, onProgress } = options;
  const { algorithm, beta } = settings;
  const chain = checkChain(options.chain ?? [{ algorithm, beta, iterations: settings.iterations }]);
  const iterations = iterationsOf(chain);
  const [first] = stepsOf(chain);
  const setup = prepare(problem, { ...settings, ...first }, options.start);
  // Preparing a large problem takes its time: the event loop has its turn before the next step does.
  await macrotask();
  if (signal?.aborted) throw new AbortError(signal.reason);
  const { backend, index, device } = await selectDevice(settings);
  if (signal?.aborted) throw new AbortError(signal.reason);

  const looked = new AbortController();
  const looking = settings.inspect ? lookAt(setup, looked.signal) : Promise.resolve([]);
  // It is awaited later.
  looking.catch(() => undefined);
  const job: Job = { setup, device: index, chain };
  const results = await runJobs(backend, job, { signal, onProgress }).catch((error: unknown) => {
    looked.abort();
    throw error;
  });
  const isComplete = results.every((result) => result.iterations === iterations);
  if (!isComplete) looked.abort();
  const last = lastStep(chain);
  const reconstruction = merge(results, setup, {
    ...{ algorithm: last.algorithm, beta: last.beta, chain: chainText(chain) },
    ...{ backend: backend.name, device: device.name },
    warnings: await looking,
  });
  if (reconstruction && isComplete) return reconstruction;
  const error = new AbortError(signal?.reason);
  if (reconstruction) error.partial = reconstruction;
  throw error;
}

/** Patterns up to this many pixels are looked at in some milliseconds. */
const SMALL = 2 ** 16;

/** The look at a pattern takes no part in the run, and happens beside it. */
async function lookAt({ pattern, support }: Setup, signal: AbortSignal): Promise<Warning[]> {
  const { magnitudes, shape, mask } = pattern;
  const problem = { magnitudes, shape, mask, support };
  const wasm = magnitudes.length > SMALL ? await requireBackend('wasm').catch(() => undefined) : undefined;
  const script = await wasm?.workerScript?.();
  const warnings = script && (await ofWorkers(inspectOnWorker(script, problem, signal)));
  return warnings ?? inspect(problem).warnings;
}

async function runJobs(backend: Backend, job: Job, options: RunOptions): Promise<JobResult[]> {
  const script = await backend.workerScript?.();
  const results = script && (await ofWorkers(runOnWorkers(script, split(job, availableCores()), options)));
  // Without workers the job runs on this thread, and yields to the event loop.
  return results ?? [await runJob(backend, job, options)];
}

/** What workers make, or undefined where there are none. */
function ofWorkers<Result>(work: Promise<Result>): Promise<Result | undefined> {
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
    return { ...job, setup: selectStarts(job.setup, first, end - first) };
  });
}

/** Returns undefined when none of the jobs finished an iteration. */
function merge(
  results: JobResult[],
  { pattern: { shape, mask } }: Setup,
  how: Pick<Reconstruction, 'algorithm' | 'beta' | 'chain' | 'backend' | 'device' | 'warnings'>,
): Reconstruction | undefined {
  const part = indexOfLeast(results.map(({ feasibleResiduals, best }) => feasibleResiduals[best]));
  const { object, feasible, history, best, residuals, feasibleResiduals, iterations } = results[part];
  if (iterations === 0) return undefined;
  const before = results.slice(0, part).reduce((count, result) => count + result.residuals.length, 0);
  const numbers = { feasible, shape, residual: residuals[best], feasibleResidual: feasibleResiduals[best] };
  return {
    object,
    ...numbers,
    residuals: Float64Array.from(results.flatMap((result) => [...result.residuals])),
    feasibleResiduals: Float64Array.from(results.flatMap((result) => [...result.feasibleResiduals])),
    best: before + best,
    ...(history && { history }),
    iterations,
    seconds: Math.max(...results.map((result) => result.seconds)),
    ...how,
    measured: mask ? mask.reduce((sum, one) => sum + one, 0) / mask.length : 1,
    warnings: [...how.warnings, ...inspectResult(numbers)],
  };
}
