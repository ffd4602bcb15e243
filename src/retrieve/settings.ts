/** What a run of `retrieve` depends on beside its arrays: one list for checkpoints, the parts of a run, and what records say. */
import { checkConstraints, type Constraints } from '../problems/image.js';
import { checkRetrieveOptions } from '../problems/options.js';
import type { Precision, Problem, RetrieveOptions } from '../types.js';
import { chainText, checkChain, type Link } from './chain.js';
import { checkShrinkWrap, type ShrinkWrapSettings } from './periods.js';

/** The settings on which a result depends, beside arrays, backend and device, with every default filled in. */
export interface RunSettings extends Constraints {
  chain: string;
  starts: number;
  firstStart: number;
  /** 0: none, and the two settings below say nothing. */
  generations: number;
  refine: number;
  heldOut: number;
  seed: number;
  precision: Precision;
  alpha: number;
  delta: number;
  detwin: boolean;
  /** Left out: supports do not shrink. */
  shrinkWrap?: ShrinkWrapSettings | undefined;
}

type Checked = ReturnType<typeof checkRetrieveOptions>;

/** Returns the chain that options ask for; one algorithm is a chain of one link. */
export function chainOf({ chain }: RetrieveOptions, { algorithm, beta, iterations }: Checked): Link[] {
  return checkChain(chain ?? [{ algorithm, beta, iterations }]);
}

/** Gathers the settings of a run that is checked. */
export function runSettings(
  constraints: Constraints,
  { seed, starts, firstStart, precision, alpha, delta, generations = 0, refine, heldOut, detwin }: Checked,
  chain: readonly Link[],
  shrinkWrap: ShrinkWrapSettings | undefined,
): RunSettings {
  return {
    ...constraints,
    ...{ chain: chainText(chain), starts, firstStart, generations, refine, heldOut, seed, precision, alpha, delta },
    ...{ detwin, shrinkWrap },
  };
}

/** The same of a problem and options as `retrieve` takes them. @throws InvalidArgumentError */
export function settingsOfRun(problem: Problem, options: RetrieveOptions): RunSettings {
  const { shape, object = 'real' } = problem;
  const checked = checkRetrieveOptions(options);
  const chain = chainOf(options, checked);
  const shrinkWrap = checkShrinkWrap(options.shrinkWrap, { chain, generations: checked.generations, shape });
  return runSettings(checkConstraints(problem, shape, object), checked, chain, shrinkWrap);
}

/** Writes one setting as text: `0..1` for a pair, `every=1,sigma=3..1` for options, `none` for what is left out. */
export function settingText(value: unknown): string {
  if (value === undefined) return 'none';
  if (Array.isArray(value)) return value.join('..');
  if (typeof value !== 'object' || value === null) return `${value as string | number | boolean}`;
  return Object.entries(value)
    .map(([name, one]) => `${name}=${settingText(one)}`)
    .join(',');
}
