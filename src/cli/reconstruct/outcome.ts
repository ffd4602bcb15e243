/** What `rephase reconstruct` is asked for, and what it has at the end: for the run itself, its output and its report. */
import { type Warning } from '../../inspect/index.js';
import type { Algorithm, BackendName, Precision, Problem, Reconstruction } from '../../types.js';
import type { InputFile, ProblemOptions } from '../problem.js';

export interface ReconstructOptions extends ProblemOptions {
  output: string;
  algorithm: Algorithm;
  beta?: number;
  iterations: number;
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

/** A finished or interrupted run, and what was measured of the image that is written. */
export interface Outcome {
  problem: Problem;
  files: readonly InputFile[];
  result: Reconstruction;
  interrupted: boolean;
  warnings: readonly Warning[];
  /** What was done to the pattern, one line each. */
  done: readonly string[];
}
