/**
 * Starts that help each other: after each generation those that agree go on from half their own object and half the
 * average, as in guided hybrid input-output (Chen, Miao, Wang & Lee, Physical Review B 76, 064113, 2007).
 */
import type { Backend } from '../backends/interface.js';
import { requireBackend } from '../backends/registry.js';
import { prepare, type Setup } from '../problems/image.js';
import { indexOfLeast } from '../session/residuals.js';
import { judge, comparableResidual, noShrinks, type ShrinkProgress } from '../session/shrink-wrap.js';
import { toFeasible } from '../problems/feasible.js';
import { intoFrame, outOfFrame } from '../problems/propagation.js';
import { checkSessionOptions } from '../problems/options.js';
import type { Problem, Reconstruction, RunOptions } from '../types.js';
import { iterationsOf } from './chain.js';
import { combine, type Combined, type Starts } from './combine.js';
import type { Checkpoint, Checkpoints } from './checkpoint.js';
import { shrunkBy, type Job, type JobResult, type Origins } from './job.js';
import { areaOf, judgedBy, shrinkAt, type ShrinkWrapSettings } from './periods.js';
import { refine, type Refined } from './refine.js';
import { ofWorkers, runJobs, type SpreadJob } from './run-jobs.js';
import { combineOnWorker, refineOnWorker } from './workers/pool.js';

/** A call of `retrieve`, checked. */
export interface Run extends RunOptions {
  /** Without what is held out. */
  setup: Setup;
  heldOut?: Uint8Array | undefined;
  backend: Backend;
  devices: readonly number[];
  chain: Job['chain'];
  seed: number;
  generations?: number | undefined;
  /** Steps that refine the average of the last one. */
  refine: number;
  keepObjects: boolean;
  shrinkWrap?: ShrinkWrapSettings | undefined;
  detwin: boolean;
  /** When the run began, by `performance.now()`; a resumed one began earlier by what it had taken. */
  began: number;
  /** What the run goes on from. */
  resumed?: Checkpoint | undefined;
  /** Get the states of the starts every so many seconds. */
  checkpoints?: Checkpoints | undefined;
  checkpointSeconds?: number | undefined;
}

/** What a call has reached. */
export interface Reached {
  /** What the last generation that finished an iteration has found. */
  results: JobResult[];
  /** Generations that were finished before it, and the seconds that they spent iterating. */
  rounds: number;
  seconds: number;
  isComplete: boolean;
  /** How the starts of the last generation agree, when all were finished, and its average, refined. */
  combined?: Combined;
  refined?: Refined;
  /** With generations whose support shrinks: that of the last one. */
  shrunk?: Required<Pick<Reconstruction, 'support' | 'shrunk'>>;
}

/** After so many generations whose starts are no better than those of an earlier one, no more are run. */
const PATIENCE = 2;
/** No support shrinks after so many of the last generations: one judges, and one recovers. */
const PERIODS_WITHOUT = 2;

/** Runs the chain, in every generation again, until they are over or starts get no better. */
export async function runGenerations(run: Run): Promise<Reached> {
  const { backend, devices, chain, seed, generations, keepObjects, signal, resumed, checkpoints } = run;
  const { shrinkWrap } = run;
  const { starts } = run.setup.batch;
  const iterations = iterationsOf(chain);
  const stateSeconds = checkpoints && run.checkpointSeconds;
  const onStates = checkpoints && ((first: number, states: Origins) => checkpoints.add(first, states));
  let {
    rounds,
    seconds,
    origins,
    best,
    first,
    anew = [],
  }: Omit<Checkpoint, 'settings' | 'history'> = resumed ?? {
    ...{ rounds: 0, seconds: 0, origins: [] },
  };
  const between = generations !== undefined && shrinkWrap ? shrinkWrap : undefined;
  const shrinking = between && (resumed?.shrinking ?? noShrinks());
  let support = resumed?.support ?? run.setup.support;
  let before: Reached | undefined;
  for (; ; rounds++) {
    // Those that begin anew have phases that no start had before.
    const batch = { starts, seeded: { seed, firstStart: rounds * starts } };
    const setup = { ...run.setup, support };
    const ofRound = rounds === 0 ? setup : { ...setup, batch, start: undefined };
    const keepsAll = keepObjects || generations !== undefined;
    const job: SpreadJob = {
      ...{ setup: ofRound, devices, chain, origins, keepsAll, stateSeconds },
      ...{ shrinkWrap: between ? undefined : shrinkWrap, detwin: run.detwin && rounds === 0 },
    };
    const ofAll = shrinking && { shrinking: { ...shrinking }, support };
    checkpoints?.begin({ rounds, seconds, origins, best, first, anew, ...ofAll });
    const results = await runJobs(backend, job, { signal, onProgress: progressOf(run, rounds), onStates });
    const isComplete = results.every((result) => result.iterations === iterations);
    const reached: Reached = { results, rounds, seconds, isComplete };
    if (shrinking) reached.shrunk = shrunkSupport(shrinking, setup);
    if (generations === undefined) return reached;
    if (!isComplete) return results[0].iterations === 0 && before ? before : reached;
    const shrinks = generations - PERIODS_WITHOUT;
    const shrink = between &&
      rounds < shrinks && { by: shrinkAt(between, run.setup, rounds, shrinks), within: run.setup.support };
    const reachedBy = startsOf(results);
    first ??= reachedBy.residuals[indexOfLeast(reachedBy.residuals)];
    const given = {
      ...reachedBy,
      heldOut: run.heldOut,
      anew: { starts: anew, least: first },
      ...(shrink && { shrink }),
    };
    const combined = await combineStarts(setup, given, signal);
    before = { ...reached, isComplete: false };
    if (!combined) return before;
    // Residuals of the average would not do: where few starts are kept they are smaller, and the average may be worse.
    const free = combined.freeResiduals && meanOf(combined.kept.map((start) => combined.freeResiduals![start]));
    // Where nothing is held out, every generation counts as better.
    if (!best || !(free! >= best.free!)) best = { round: rounds, free };
    const judged = shrinking && judgeGeneration(shrinking, { results, setup, whole: run.setup, guard: between.guard });
    const wasTakenBack = judged && judged.support !== setup.support;
    if (rounds + 1 === generations || (rounds - best.round >= PATIENCE && !wasTakenBack)) {
      const refined = await refineAverage({ ...run, setup }, combined, signal);
      return refined ? { ...reached, combined, refined } : before;
    }
    if (judged) support = judged.support;
    if (shrinking && judged?.mayShrink && combined.shrunk) {
      support = combined.shrunk;
      shrinking.shrinks += 1;
    }
    seconds += Math.max(...results.map((result) => result.seconds));
    origins = [];
    for (const { start, object } of combined.next) origins[start] = { object };
    anew = Array.from({ length: starts }, (_, start) => start).filter((start) => !origins[start]);
  }
}

/** Judges the support of a generation by the least residual of its starts. */
function judgeGeneration(
  shrinking: ShrinkProgress,
  { results, setup, whole, guard }: { results: readonly JobResult[]; setup: Setup; whole: Setup; guard: number },
) {
  const { residuals } = startsOf(results);
  const residual = comparableResidual(residuals[indexOfLeast(residuals)], {
    ...judgedBy(setup),
    pixels: areaOf(setup),
  });
  return judge(shrinking, residual, setup.support, whole.support, guard);
}

function shrunkSupport(shrinking: ShrinkProgress, setup: Setup): Reached['shrunk'] {
  const support = new Uint8Array(setup.support ?? setup.pattern.magnitudes.map(() => 1));
  return { support, shrunk: [shrunkBy(shrinking, support)] };
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** Counts the iterations and the seconds of all generations. */
function progressOf({ chain, generations = 1, onProgress, began }: Run, round: number): RunOptions['onProgress'] {
  if (!onProgress || generations === 1) return onProgress;
  const iterations = iterationsOf(chain);
  return (progress) =>
    onProgress({
      ...progress,
      iteration: round * iterations + progress.iteration,
      iterations: generations * iterations,
      seconds: (performance.now() - began) / 1000,
    });
}

function startsOf(results: readonly JobResult[]): Pick<Starts, 'objects' | 'residuals'> {
  return {
    objects: results.flatMap(({ objects = [] }) => objects),
    residuals: Float64Array.from(results.flatMap((result) => [...result.feasibleResiduals])),
  };
}

/** Undefined when it is aborted. */
async function combineStarts(
  { object, pattern: { shape, magnitudes, mask } }: Setup,
  given: Pick<Starts, 'objects' | 'residuals' | 'heldOut' | 'anew' | 'shrink'>,
  signal: AbortSignal | undefined,
): Promise<Combined | undefined> {
  const wasm = await requireBackend('wasm');
  const script = await wasm.workerScript?.();
  const starts: Starts = { shape, object, magnitudes, mask, ...given };
  const made = script && (await ofWorkers(combineOnWorker(script, starts, signal ?? new AbortController().signal)));
  if (signal?.aborted) return undefined;
  return made ?? combine(wasm, starts);
}

/** Undefined when it is aborted. */
async function refineAverage(
  { setup, heldOut, refine: steps }: Pick<Run, 'setup' | 'heldOut' | 'refine'>,
  { average, spread }: Combined,
  signal: AbortSignal | undefined,
): Promise<Refined | undefined> {
  const wasm = await requireBackend('wasm');
  const script = await wasm.workerScript?.();
  const own: Setup = { ...setup, start: undefined };
  const given = { setup: own, average, spread, steps, heldOut };
  const made = script && (await ofWorkers(refineOnWorker(script, given, signal ?? new AbortController().signal)));
  if (signal?.aborted) return undefined;
  return made ?? refine(wasm, given, signal);
}

/** What an average replaces in a result. */
type Average = Required<Pick<Reconstruction, 'object' | 'feasible' | 'residual' | 'feasibleResidual' | 'agreement'>> &
  Pick<Reconstruction, 'freeResidual'>;

/** The average of the starts that agree, refined, as the result. */
export async function averageOf(
  { setup, backend, devices }: Pick<Run, 'setup' | 'backend' | 'devices'>,
  { average: _, next: __, ...agreement }: Combined,
  { image: object, freeResidual }: Refined,
): Promise<Average> {
  const feasible = toFeasible(object.slice(), setup.support, { ...setup, ...setup.constraints });
  const alone: Setup = { ...setup, batch: { starts: 1 }, start: { object: feasible }, history: false };
  const [{ residuals }] = await runJobs(backend, { setup: alone, devices, chain: [] }, {});
  return {
    object,
    feasible,
    ...(freeResidual !== undefined && { freeResidual }),
    residual: residuals[0],
    feasibleResidual: residuals[0],
    agreement,
  };
}

/** The average of starts of one problem that ran elsewhere, refined. Undefined when it is aborted. */
export async function averageStarts(
  problem: Problem,
  starts: Pick<Starts, 'objects' | 'residuals'>,
  steps: number,
  signal: AbortSignal,
): Promise<Average | undefined> {
  const precision = starts.objects[0] instanceof Float64Array ? 'double' : 'single';
  const setup = prepare(problem, checkSessionOptions({ precision }), undefined);
  const objects = starts.objects.map((object) => intoFrame(object.slice(), setup.chirp));
  const combined = await combineStarts(setup, { ...starts, objects }, signal);
  const refined = combined && (await refineAverage({ setup, refine: steps }, combined, signal));
  if (!refined) return undefined;
  const average = await averageOf({ setup, backend: await requireBackend('wasm'), devices: [0] }, combined, refined);
  for (const object of [average.object, average.feasible]) outOfFrame(object, setup.chirp);
  return average;
}
