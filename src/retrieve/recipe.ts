/** A recipe that suits a pattern and this machine: `--effort` of the command line. */
import { createSession } from '../backends/registry.js';
import { REFINING_STEPS, checkInteger, checkName, rejectUnknownKeys } from '../problems/options.js';
import type { Problem, RetrieveOptions, SessionOptions } from '../types.js';
import { FEWEST_PERIODS } from './periods.js';
import { availableCores } from './workers/thread.js';

/** How long a run may take: about 5 seconds, 30 seconds, or 5 minutes. */
export const EFFORTS = ['quick', 'normal', 'thorough'] as const;

/** How long a run may take: about 5 seconds (`quick`), 30 seconds (`normal`), or 5 minutes (`thorough`). */
export type Effort = (typeof EFFORTS)[number];

/** Seconds that a run should take, and what they are spent on. */
const USUAL = {
  quick: { seconds: 5, starts: 4, generations: 2, refine: 100 },
  normal: { seconds: 30, starts: 8, generations: 4, refine: REFINING_STEPS },
  thorough: { seconds: 300, starts: 16, generations: 6, refine: REFINING_STEPS },
} as const satisfies Record<Effort, object>;

/** Options of `retrieve` that say what is run. */
export interface Recipe {
  /** Algorithms one after the other. */
  chain: string;
  /** Number of random starts. */
  starts: number;
  /** How often several starts help each other. */
  generations?: number;
  /** With generations: steps from the average of the starts to the most likely image. */
  refine?: number;
}

/** What `chooseRecipe` takes beside the problem, every field optional. */
export interface RecipeOptions extends Pick<SessionOptions, 'backend' | 'device' | 'precision'> {
  /** Default `normal`. */
  effort?: Effort | undefined;
  /** Kept as it is, like the fields below, of which those left out are chosen. */
  chain?: string | undefined;
  /** Number of random starts. */
  starts?: number | undefined;
  /** How often the starts help each other. */
  generations?: number | undefined;
  /** Steps to the most likely image. */
  refine?: number | undefined;
  /** As `retrieve` takes it: the chain, or the generations, then have the periods that shrinking takes. */
  shrinkWrap?: RetrieveOptions['shrinkWrap'];
}

// prettier-ignore
const KEYS = [
  'effort', 'chain', 'starts', 'generations', 'refine', 'backend', 'device', 'precision', 'shrinkWrap',
] as const satisfies readonly (keyof RecipeOptions)[];

/**
 * What a run does beside iterating, on one core, as the number of iterations of one start that take as long there: reading,
 * looking at the pattern, finding a support and writing; combining, for each start of a generation; and a step of refining.
 * Measured by hand on patterns of 512², by user time, each in a thread that had just begun.
 */
const BESIDE = { looking: 2000, combining: 150, refining: 16 };
/** The share of the seconds that is planned: cores that iterate side by side are slower than the one that is timed. */
const PLANNED = 0.8;
/** The share of the seconds that iterating takes at least. */
const LEAST_ITERATING = 0.2;
/** Iterations of a start in one generation. Small patterns would otherwise fill all of the time. */
const [FEWEST, MOST] = [60, 5000];
/** Times that a chain of starts which do not help each other leaves `er`, where supports shrink. */
const PERIODS = 10;

/**
 * Chooses what `retrieve` should run, so that it takes about as long as the effort says on this machine: times a few
 * iterations where the run will be, and finds how many fit. The result can be spread into the options of `retrieve`.
 *
 * @throws InvalidArgumentError; BackendUnavailableError; OutOfMemoryError
 */
export async function chooseRecipe(problem: Problem, options: RecipeOptions = {}): Promise<Recipe> {
  rejectUnknownKeys('options', options, KEYS);
  const { effort = 'normal', chain: given, backend, device, precision, shrinkWrap = false } = options;
  checkName('effort', effort, EFFORTS);
  const { seconds, ...usual } = USUAL[effort];
  const { starts = usual.starts } = options;
  checkInteger('starts', starts, 1);
  const several = shrinkWrap ? Math.max(FEWEST_PERIODS, usual.generations) : usual.generations;
  const { generations = starts > 1 ? several : undefined, refine = usual.refine } = options;
  const fitting = async () => {
    const { perStart, onOneCore } = await secondsPerIteration(problem, { backend, device, precision }, starts);
    const combined = generations === undefined ? 0 : BESIDE.combining * starts * generations + BESIDE.refining * refine;
    const beside = (BESIDE.looking + combined) * onOneCore;
    const iterating = Math.max(LEAST_ITERATING * seconds, PLANNED * seconds - beside);
    const most = iterating / (perStart * starts * (generations ?? 1));
    return Math.round(Math.min(MOST, Math.max(FEWEST, most)));
  };
  const chain = given ?? chainOf(await fitting(), shrinkWrap && generations === undefined ? PERIODS : 1);
  return { chain, starts, ...(generations !== undefined && { generations, refine }) };
}

function chainOf(iterations: number, periods: number): string {
  const inPeriod = Math.ceil(iterations / periods);
  const last = Math.ceil(inPeriod / 20);
  const period = `hio:0.7*${inPeriod - last}+er*${last}`;
  return periods === 1 ? period : `(${period})*${periods}`;
}

/** Seconds of an iteration. */
interface Pace {
  /** How much longer that of one more start makes a run: workers share the cores, and a GPU takes all at once. */
  perStart: number;
  /** What one start takes by the wasm backend on one core. */
  onOneCore: number;
}

async function secondsPerIteration(problem: Problem, where: SessionOptions, starts: number): Promise<Pace> {
  const rule = { algorithm: 'hio', beta: 0.7 } as const;
  const time = async (options: SessionOptions) => {
    using session = await createSession(problem, { ...where, ...rule, ...options });
    await session.run(2);
    let [count, elapsed] = [1, 0];
    while (elapsed < 0.1) {
      count *= 2;
      const began = performance.now();
      await session.run(count);
      elapsed = (performance.now() - began) / 1000;
    }
    return { backend: session.backend, seconds: elapsed / count };
  };
  const one = await time({});
  if (one.backend === 'wasm') {
    return { perStart: one.seconds / Math.min(availableCores(), starts), onOneCore: one.seconds };
  }
  const [all, onCpu] = [await time({ starts }), await time({ backend: 'wasm', device: undefined })];
  return { perStart: all.seconds / starts, onOneCore: onCpu.seconds };
}
