/** `--effort`: a recipe that suits a pattern and this machine. */
import { createSession } from '../../backends/registry.js';
import { REFINING_STEPS } from '../../problems/options.js';
import { availableCores } from '../../retrieve/workers/thread.js';
import type { Problem, SessionOptions } from '../../types.js';

/** Seconds that a run should take, and what they are spent on. */
const EFFORTS = {
  quick: { seconds: 5, starts: 4, generations: 2, refine: 100 },
  normal: { seconds: 30, starts: 8, generations: 4, refine: REFINING_STEPS },
  thorough: { seconds: 300, starts: 16, generations: 6, refine: REFINING_STEPS },
} as const;

export type Effort = keyof typeof EFFORTS;
export const EFFORT_NAMES = Object.keys(EFFORTS) as [Effort, ...Effort[]];

export interface Recipe {
  chain: string;
  starts: number;
  /** Of several starts. */
  generations?: number;
  refine?: number;
}

/** The rest goes on combining the starts, on refining, and on beginning. */
const SHARE_OF_ITERATING = 0.45;
/** Iterations of a start in one generation. Small patterns would otherwise fill all of the time. */
const [FEWEST, MOST] = [60, 5000];

/** Chooses what is not given. It times a few iterations where the run will be, and finds how many fit. */
export async function chooseRecipe(
  problem: Problem,
  effort: Effort,
  given: Partial<Recipe>,
  where: Pick<SessionOptions, 'backend' | 'device' | 'precision'>,
): Promise<Recipe> {
  const { seconds, ...usual } = EFFORTS[effort];
  const { starts = usual.starts } = given;
  // Generations register real objects.
  const mayCombine = starts > 1 && problem.object !== 'complex';
  const { generations = mayCombine ? usual.generations : undefined, refine = usual.refine } = given;
  const fitting = async () => {
    const perStart = await secondsPerIteration(problem, where, starts);
    const most = (SHARE_OF_ITERATING * seconds) / (perStart * starts * (generations ?? 1));
    return Math.round(Math.min(MOST, Math.max(FEWEST, most)));
  };
  const chain = given.chain ?? chainOf(await fitting());
  return { chain, starts, ...(generations !== undefined && { generations, refine }) };
}

function chainOf(iterations: number): string {
  const last = Math.ceil(iterations / 20);
  return `hio:0.7*${iterations - last}+er*${last}`;
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
