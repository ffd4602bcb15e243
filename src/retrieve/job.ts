/**
 * Runs a whole reconstruction as one unit of work: opens a session, runs it, reads the best start, disposes of it.
 * `retrieve` runs jobs on workers, each with a part of the starts, or on its own thread.
 */
import type { Backend } from '../backends/interface.js';
import { AbortError } from '../errors.js';
import { toFeasible } from '../problems/feasible.js';
import { countOf, indexOfNonFinite, type Setup } from '../problems/image.js';
import { indexOfLeast } from '../session/residuals.js';
import { openSession, type ChainOptions, type Session } from '../session/session.js';
import type { StartState } from '../session/start-state.js';
import { isProjection, iterateIsImage } from '../rules.js';
import { type ShrinkProgress } from '../session/shrink-wrap.js';
import type { RealArray, RealResult, Reconstruction, RunOptions, ShrunkSupport } from '../types.js';
import { iterationsOf, stepsAfter, type Link } from './chain.js';
import { areaOf, stagesOf, type ShrinkWrapSettings } from './periods.js';

export interface Job {
  setup: Setup;
  device: number;
  /** Checked. */
  chain: Link[];
  /** Where each start goes on, in place of what the setup says. All have done equally many iterations. */
  origins?: Origins;
  /** The feasible object of every start is wanted. */
  keepsAll?: boolean;
  /** Every so many seconds, the states of the starts are wanted. */
  stateSeconds?: number | undefined;
  /** Supports shrink where periods of the chain end. */
  shrinkWrap?: ShrinkWrapSettings | undefined;
  /** Some iterations are on half of the support. */
  detwin?: boolean;
}

/** For each start the state between two iterations, or an object to begin with; undefined: as the setup says. */
export type Origins = (StartState | { object: RealArray } | undefined)[];

/** How many iterations lie before an origin. */
export function iterationsBefore(origin: Origins[number]): number {
  return origin && 'iterations' in origin ? origin.iterations : 0;
}

/** `onStates` gets the states of all starts of the job, from the first on, which has this index among the call's. */
export interface JobOptions extends RunOptions {
  onStates?: ((first: number, states: StartState[]) => unknown) | undefined;
}

/**
 * A reconstruction from some of the starts. Residuals are NaN when no iteration was finished, and an aborted run has
 * fewer iterations than the job asks for.
 */
export type JobResult = Pick<
  Reconstruction,
  | 'object'
  | 'feasible'
  | 'residuals'
  | 'feasibleResiduals'
  | 'best'
  | 'history'
  | 'iterations'
  | 'seconds'
  | 'support'
  | 'shrunk'
> & {
  /** The feasible object of every start, where the job asks for them. */
  objects?: RealResult[];
};

/** An aborted run resolves as well, with what it has reached: `iterations` tells. */
export async function runJob(backend: Backend, job: Job, options: ChainOptions): Promise<JobResult> {
  const { chain, origins = [], stateSeconds } = job;
  const states = origins.filter((origin) => origin !== undefined && 'iterations' in origin);
  // Objects stay as iterations have them: only results go back to the object's plane.
  const setup = { ...job.setup, chirp: undefined };
  const session = await openSession(backend, job.device, setup, states.length > 0 ? states : undefined);
  try {
    const done = session.iterations;
    const secondsBefore = Math.max(0, ...states.map((state) => state.seconds));
    if (done > 0) {
      // The rule of the last iteration, which may have ended a step.
      const [last] = stepsAfter(chain, done - 1);
      session.useStep(last, last.done + 1);
    } else {
      origins.forEach((origin, start) => origin && session.writeObject(origin.object, start));
    }
    const began = performance.now();
    try {
      await session.runChain(stagesOf(chain, done, job), iterationsOf(chain), secondsBefore, {
        ...options,
        stateSeconds,
      });
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
    }
    const seconds = secondsBefore + (performance.now() - began) / 1000;
    const { iterations } = session;
    if (iterations > 0 && !iterateIsImage(session.rule())) {
      session.use({ algorithm: 'er' });
      session.step();
    }
    const residuals = await session.residuals();
    // The iterate of a projection is feasible already, so its residual is the feasible one.
    const measured = iterations > 0 && !isProjection(session.rule());
    const feasibleResiduals = measured ? await session.measureFeasible() : residuals;
    const { best, object } = await readBest(session, feasibleResiduals);
    const objects: RealResult[] = [];
    for (let start = 0; job.keepsAll && start < session.starts; start++)
      objects.push(await session.readFeasible(start));
    const support = job.shrinkWrap ? await session.readSupport(best) : job.setup.support;
    return {
      ...(job.keepsAll && { objects }),
      ...(job.shrinkWrap && { support: support as Uint8Array<ArrayBuffer>, shrunk: await shrunkOf(session) }),
      residuals,
      feasibleResiduals,
      best,
      object,
      feasible: toFeasible(object.slice(), support, { ...job.setup, ...job.setup.constraints }),
      ...(job.setup.history && { history: (await session.history(best)).slice(0, iterations) }),
      iterations,
      seconds,
    };
  } finally {
    session.dispose();
  }
}

/** What became of the support of every start. */
async function shrunkOf(session: Session): Promise<ShrunkSupport[]> {
  const shrunk: ShrunkSupport[] = [];
  for (let start = 0; start < session.starts; start++) {
    shrunk.push(shrunkBy(session.shrinking(start), await session.readSupport(start)));
  }
  return shrunk;
}

/** The same as the caller gets it. */
export function shrunkBy({ shrinks, takenBack }: ShrinkProgress, support: Uint8Array): ShrunkSupport {
  return { shrinks, takenBack, pixels: countOf(support) };
}

/** The result of a job that was not begun. */
export function nothingDone({ setup, shrinkWrap }: Job): JobResult {
  const residuals = new Float64Array(setup.batch.starts).fill(NaN);
  const [object, feasible] = [new Float32Array(0), new Float32Array(0)];
  const nothing = { residuals, feasibleResiduals: residuals, best: 0, object, feasible, iterations: 0, seconds: 0 };
  if (!shrinkWrap) return nothing;
  const pixels = areaOf(setup);
  return { ...nothing, shrunk: Array.from(residuals, () => ({ shrinks: 0, takenBack: false, pixels })) };
}

/**
 * Reads the object with the smallest residual. A GPU need not carry NaN through its arithmetic, so an object that is not
 * finite loses its residual here, and the next best is read.
 */
async function readBest(session: Session, residuals: Float64Array): Promise<{ best: number; object: RealResult }> {
  for (;;) {
    const best = indexOfLeast(residuals);
    const object = await session.readObject(best);
    if (Number.isNaN(residuals[best]) || indexOfNonFinite(object, session.precision) < 0) return { best, object };
    residuals[best] = NaN;
  }
}
