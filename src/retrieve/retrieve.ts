/**
 * `retrieve` goes from a diffraction pattern to an image in one call. Where a backend computes on the calling thread, the
 * sessions go to workers, so that this thread stays free; several starts are then spread over the cores.
 */
import { requireBackend, selectDevices, type Selected } from '../backends/registry.js';
import { AbortError } from '../errors.js';
import { inspect, inspectResult, type Warning } from '../inspect/index.js';
import { macrotask } from '../session/event-loop.js';
import { indexOfLeast } from '../session/residuals.js';
import { Checkpoints, checkResume, describeRun } from './checkpoint.js';
import { algorithmsOf, chainText, iterationsOf, lastStep, stepsOf } from './chain.js';
import { averageOf, runGenerations, type Run } from './generations.js';
import { checkShrinkWrap } from './periods.js';
import { chooseHeldOut, withoutHeldOut } from './held-out.js';
import type { JobResult } from './job.js';
import { ofWorkers } from './run-jobs.js';
import { checkRetrieveOptions, checkTakesObject } from '../problems/options.js';
import { prepare, type Setup } from '../problems/image.js';
import { outOfFrame } from '../problems/propagation.js';
import { isScan } from '../problems/scan.js';
import type { Scan, ScanOptions, ScanReconstruction } from '../scan-types.js';
import type { Problem, RealResult, Reconstruction, RetrieveOptions } from '../types.js';
import { retrieveScan } from './retrieve-scan.js';
import { chainOf, runSettings } from './settings.js';
import { inspectOnWorker } from './workers/pool.js';

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
export function retrieve(scan: Scan, options?: ScanOptions): Promise<ScanReconstruction>;
export function retrieve(problem: Problem, options?: RetrieveOptions): Promise<Reconstruction>;
export async function retrieve(
  problem: Problem | Scan,
  options: RetrieveOptions | ScanOptions = {},
): Promise<Reconstruction | ScanReconstruction> {
  return isScan(problem)
    ? retrieveScan(problem, options as ScanOptions)
    : retrieveImage(problem, options as RetrieveOptions);
}

async function retrieveImage(problem: Problem, options: RetrieveOptions): Promise<Reconstruction> {
  const settings = checkRetrieveOptions(options);
  const { signal, onProgress } = options;
  const { generations } = settings;
  const chain = chainOf(options, settings);
  const iterations = iterationsOf(chain);
  const [first] = stepsOf(chain);
  const setup = prepare(problem, { ...settings, ...first }, options.start);
  for (const named of algorithmsOf(chain)) checkTakesObject(named, setup.object);
  const shrinkWrap = checkShrinkWrap(options.shrinkWrap, { chain, generations, shape: setup.pattern.shape });
  const described = describeRun(setup, runSettings(setup.constraints, settings, chain, shrinkWrap));
  const { onCheckpoint, resume } = options;
  const resumed = resume && checkResume(resume, described, settings.history);
  // Preparing a large problem takes its time: the event loop has its turn before the next step does.
  await macrotask();
  if (signal?.aborted) throw new AbortError(signal.reason);
  const selected = await selectDevices(settings);
  const { backend } = selected[0];
  if (signal?.aborted) throw new AbortError(signal.reason);

  const looked = new AbortController();
  const looking = settings.inspect ? lookAt(setup, looked.signal) : Promise.resolve([]);
  // It is awaited later.
  looking.catch(() => undefined);
  try {
    const { seed, refine, keepObjects, detwin } = settings;
    const heldOut = generations ? chooseHeldOut(setup, settings.heldOut, seed) : undefined;
    const began = performance.now() - 1000 * (resumed?.seconds ?? 0);
    const { history, checkpointSeconds } = settings;
    const checkpoints = onCheckpoint && new Checkpoints(onCheckpoint, { settings: described, history });
    const run: Run = {
      ...{
        setup: heldOut ? withoutHeldOut(setup, heldOut) : setup,
        heldOut,
        backend,
        devices: selected.map(({ index }) => index),
        chain,
        seed,
        generations,
        refine,
        keepObjects,
        shrinkWrap,
        detwin,
        signal,
        onProgress,
        began,
      },
      ...{ resumed, checkpoints, checkpointSeconds },
    };
    const { results, combined, refined, shrunk, rounds, seconds, isComplete } = await runGenerations(run);
    if (!isComplete) looked.abort();
    const last = lastStep(chain);
    const reconstruction = merge(results, setup, {
      ...{ algorithm: last.algorithm, beta: last.beta, chain: chainText(chain) },
      ...{ backend: backend.name, device: namesOf(selected) },
      warnings: await looking,
    });
    if (reconstruction && combined && refined) {
      Object.assign(reconstruction, await averageOf(run, combined, refined), { generations: rounds + 1 });
    }
    if (reconstruction) {
      Object.assign(reconstruction, shrunk);
      if (keepObjects) reconstruction.objects = results.flatMap(({ objects = [] }) => objects);
      for (const object of objectsOf(reconstruction)) outOfFrame(object, setup.chirp);
      reconstruction.iterations += rounds * iterations;
      reconstruction.seconds += seconds;
    }
    if (reconstruction && isComplete) return reconstruction;
    const error = new AbortError(signal?.reason);
    if (reconstruction) error.partial = reconstruction;
    throw error;
  } finally {
    looked.abort();
  }
}

/** The arrays of objects in a result, each once. */
function objectsOf({ object, feasible, objects = [] }: Reconstruction): Set<RealResult> {
  return new Set([object, feasible, ...objects]);
}

/** Patterns up to this many pixels are looked at in some milliseconds. */
const SMALL = 2 ** 16;

/** The look at a pattern takes no part in the run, and happens beside it. */
async function lookAt({ pattern, object, support }: Setup, signal: AbortSignal): Promise<Warning[]> {
  const { magnitudes, shape, mask } = pattern;
  const problem = { magnitudes, shape, mask, object, support };
  const wasm = magnitudes.length > SMALL ? await requireBackend('wasm').catch(() => undefined) : undefined;
  const script = await wasm?.workerScript?.();
  const warnings = script && (await ofWorkers(inspectOnWorker(script, problem, signal)));
  return warnings ?? inspect(problem).warnings;
}

/** The names of the devices, each with how many there are of it. */
function namesOf(selected: readonly Selected[]): string {
  const names = selected.map(({ device }) => device.name);
  const counted = [...new Set(names)].map((name) => {
    const count = names.filter((other) => other === name).length;
    return count === 1 ? name : `${name} (${count})`;
  });
  return counted.join(', ');
}

/** Returns undefined when none of the jobs finished an iteration. */
function merge(
  results: JobResult[],
  { pattern: { shape, mask } }: Setup,
  how: Pick<Reconstruction, 'algorithm' | 'beta' | 'chain' | 'backend' | 'device' | 'warnings'>,
): Reconstruction | undefined {
  const part = indexOfLeast(results.map(({ feasibleResiduals, best }) => feasibleResiduals[best]));
  const { object, feasible, history, best, residuals, feasibleResiduals, iterations, support } = results[part];
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
    ...(support && { support, shrunk: results.flatMap(({ shrunk = [] }) => shrunk) }),
    iterations,
    seconds: Math.max(...results.map((result) => result.seconds)),
    ...how,
    measured: mask ? mask.reduce((sum, one) => sum + one, 0) / mask.length : 1,
    warnings: [...how.warnings, ...inspectResult(numbers)],
  };
}
