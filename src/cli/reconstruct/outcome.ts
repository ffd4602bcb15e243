/** The options of `rephase reconstruct` and its outcome, which its output and its report share. */
import { type Warning } from '../../inspect/index.js';
import type { Algorithm, BackendName, Precision, Problem, Reconstruction } from '../../types.js';
import type { InputFile, ProblemOptions } from '../problem.js';

export interface ReconstructOptions extends ProblemOptions {
  output: string;
  algorithm?: Algorithm;
  beta?: number;
  alpha?: number;
  delta?: number;
  iterations?: number;
  chain?: string;
  seed: number;
  starts: number;
  backend: BackendName | 'auto';
  device?: number;
  precision: Precision;
  bits?: '8' | '16';
  history?: string;
  report?: string;
  json?: boolean;
  quiet?: boolean;
}

/** A finished or interrupted run. */
export interface Outcome {
  problem: Problem;
  files: readonly InputFile[];
  result: Reconstruction;
  interrupted: boolean;
  warnings: readonly Warning[];
  /** One line for each change that was made to the pattern. */
  done: readonly string[];
}
