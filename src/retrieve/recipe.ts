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
  /** Of several starts: how often they help each other. */
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
  /** Of `retrieve`: the chain, or the generations, then have the periods that shrinking takes. */
  shrinkWrap?: RetrieveOptions['shrinkWrap'];
}

// prettier-ignore
const KEYS = [
  'effort', 'chain', 'starts', 'generations', 'refine', 'backend', 'device', 'precision', 'shrinkWrap',
] as const satisfies readonly (keyof RecipeOptions)[];

/** The rest goes on combining the starts, on refining, and on beginning. */
const SHARE_OF_ITERATING = 0.45;
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
    const perStart = await secondsPerIteration(problem, { backend, device, precision }, starts);
    const most = (SHARE_OF_ITERATING * seconds) / (perStart * starts * (generations ?? 1));
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

/** How much longer an iteration of one more start makes a run: workers share the cores, and a GPU takes all at once. */
async function secondsPerIteration(problem: Problem, where: SessionOptions, starts: number): Promise<number> {
  const isBatch = (backend: string) => backend !== 'wasm';
  const one = await createSession(problem, { ...where, algorithm: 'hio', beta: 0.7 });
  const backend = one.backend;
  using session = isBatch(backend)
    ? await createSession(problem, { ...where, algorithm: 'hio', beta: 0.7, starts })
    : one;
  if (session !== one) one.dispose();
  await session.run(2);
  let [count, elapsed] = [1, 0];
  while (elapsed < 0.1) {
    count *= 2;
    const began = performance.now();
    await session.run(count);
    elapsed = (performance.now() - began) / 1000;
  }
  return elapsed / count / (isBatch(backend) ? starts : Math.min(availableCores(), starts));
}
