/** A look at what came out: a run that failed. */
import type { RealArray } from '../types.js';
import type { Warning } from '../warnings.js';

/** Of a reconstruction, what tells whether it failed. */
export interface ResultNumbers {
  feasible: RealArray;
  residual: number;
  feasibleResidual: number;
}

/** A black image has a residual of 1, and so has a black object of a scan; one that is driven this far never comes back. */
const OVERFLOWING = 10;

/** Warnings about the result of a scan. */
export function inspectScanResult({ residual }: { residual: number }): Warning[] {
  return failed(failureOf([residual]), 'a larger alpha, another probe, or another algorithm');
}

/** Warnings about a result. */
export function inspectResult({ residual, feasibleResidual, feasible }: ResultNumbers): Warning[] {
  const isBlack = feasible.every((value) => value === 0);
  const black = isBlack ? 'no pixel of the image is above 0 inside the support' : undefined;
  return failed(failureOf([feasibleResidual, residual]) ?? black, 'a smaller beta, or another algorithm');
}

/** What the first of these residuals tells, where all of them are numbers. */
function failureOf(residuals: readonly [number, ...number[]]): string | undefined {
  if (!residuals.every(Number.isFinite)) return 'its residual is not a number';
  return residuals[0] > OVERFLOWING ? `its residual grew to ${residuals[0].toPrecision(3)}` : undefined;
}

function failed(what: string | undefined, advice: string): Warning[] {
  return what === undefined ? [] : [{ code: 'DIVERGED', message: `the run failed: ${what}; ${advice}` }];
}
