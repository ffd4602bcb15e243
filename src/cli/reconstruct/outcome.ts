/** The options of `rephase reconstruct` and its outcome, which its output and its report share. */
import { type Warning } from '../../inspect/index.js';
import { checkChain, iterationsOf } from '../../retrieve/chain.js';
import type {
  Agreement,
  Algorithm,
  BackendName,
  Precision,
  Problem,
  Reconstruction,
  ShrinkWrapOptions,
} from '../../types.js';
import type { FoundObject } from '../complex-files.js';
import type { Preview } from '../live/terminal.js';
import { brief } from '../print.js';
import type { Effort } from '../../retrieve/recipe.js';
import type { RunSettings } from '../../retrieve/settings.js';
import type { InputFile, ProblemOptions } from '../problem.js';

/** What the command line says. */
export interface GivenOptions extends ProblemOptions {
  output?: string;
  algorithm?: Algorithm;
  beta?: number;
  alpha?: number;
  delta?: number;
  iterations?: number;
  chain?: string;
  seed: number;
  starts?: number;
  /** The number of the first start. Undefined where --starts is no range. */
  firstStart?: number;
  generations?: number;
  refine?: number;
  heldOut?: number;
  /** True where no setting is named. */
  shrinkWrap?: ShrinkWrapOptions | true;
  detwin?: boolean;
  effort?: Effort;
  checkpoint?: string;
  checkpointEvery?: number;
  resume?: string;
  backend: BackendName | 'auto';
  device?: number | 'all';
  precision: Precision;
  bits?: '8' | '16';
  /** Where the phases of a complex object went, as an image. */
  phase?: string;
  /** Phases without jumps of 2π. */
  unwrap?: boolean;
  history?: string;
  report?: string;
  saveSupport?: string;
  /** Undefined: where the recipe is chosen. */
  fitSupport?: boolean;
  /** True where no kind is named. */
  preview?: Preview | true;
  watch?: number;
  json?: boolean;
  quiet?: boolean;
}

/** The same with everything chosen that it leaves open. */
export interface ReconstructOptions extends GivenOptions {
  output: string;
  /** The image as numbers, and what `--json` prints: files of a run that names no output. */
  numbers?: string;
  record?: string;
  starts: number;
  /** The command that repeats the run. */
  command: string;
}

/** A finished or interrupted run. */
export interface Outcome {
  problem: Problem;
  settings: RunSettings;
  files: readonly InputFile[];
  result: Reconstruction;
  interrupted: boolean;
  warnings: readonly Warning[];
  /** One line for each change that was made to the pattern. */
  done: readonly string[];
}

/** The complex object that was found, and the support that it has in the end. */
export function foundObject({ problem, result }: Pick<Outcome, 'problem' | 'result'>): FoundObject {
  const { feasible, shape, support = problem.support } = result;
  return { feasible, shape, support };
}

/** All iterations that a run was asked for. */
export function iterationsAsked({ chain }: Reconstruction, { generations = 1 }: ReconstructOptions): number {
  return generations * iterationsOf(checkChain(chain));
}

/** `free residual 0.12, of the starts 0.14 to 0.21`, of frequencies that were held out. */
export function freeResiduals({ freeResidual, agreement }: Reconstruction): string[] {
  if (freeResidual === undefined) return [];
  const ofStarts = agreement!.freeResiduals!;
  const [least, most] = [Math.min(...ofStarts), Math.max(...ofStarts)];
  return [`free residual ${brief(freeResidual)}, of the starts ${brief(least)} to ${brief(most)}`];
}

/** `7 of 8 starts agree to 12 %; their phases up to 0.21 cycles a pixel (PRTF of at least 0.5)` */
export function inCommon({ kept, distances, frequencies, prtf }: Agreement): string {
  const who = `${kept.length} of ${distances.length} starts agree`;
  if (kept.length < 2) return 'no start agrees with the best one, from which the image comes';
  const furthest = Math.max(...kept.map((start) => distances[start]));
  const end = prtf.findIndex((transfer) => transfer < 0.5);
  const limit = frequencies[end < 0 ? frequencies.length - 1 : Math.max(0, end - 1)];
  return `${who} to ${brief(100 * furthest)} %; their phases up to ${brief(limit)} cycles a pixel (PRTF of at least 0.5)`;
}

/** `support shrank 3 times, to 4211 pixels (35 % of the given one)` */
export function shrinking({ shrunk, best, generations }: Reconstruction, support: Problem['support']): string[] {
  if (!shrunk) return [];
  const { shrinks, takenBack, pixels } = shrunk[generations === undefined ? best : 0];
  const whole = support ? Array.from<unknown>(support).filter(Boolean).length : undefined;
  const share = whole === undefined ? '' : ` (${brief((100 * pixels) / whole)} % of the given one)`;
  const back = takenBack ? '; one more did harm, and was taken back' : '';
  return [`support shrank ${shrinks === 1 ? 'once' : `${shrinks} times`}, to ${pixels} pixels${share}${back}`];
}
