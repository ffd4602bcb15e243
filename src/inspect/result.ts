/** A look at what came out: a run that failed. */
import type { RealArray } from '../types.js';
import type { Warning } from '../warnings.js';

/** Of a reconstruction, what tells whether it failed. */
export interface ResultNumbers {
  feasible: RealArray;
  residual: number;
  feasibleResidual: number;
}

/** A black image has a residual of 1; feedback that drives the image this far never comes back. */
const OVERFLOWING = 10;

/** Warnings about the result of a scan: a black object leaves a residual of 1 there too. */
export function inspectScanResult({ residual }: { residual: number }): Warning[] {
  const failed = (what: string): Warning[] => [
    { code: 'DIVERGED', message: `the run failed: ${what}; a larger alpha, another probe, or another algorithm` },
  ];
  if (!Number.isFinite(residual)) return failed('its residual is not a number');
  return residual > OVERFLOWING ? failed(`its residual grew to ${residual.toPrecision(3)}`) : [];
}

/** Warnings about a result. */
export function inspectResult({ residual, feasibleResidual, feasible }: ResultNumbers): Warning[] {
  const failed = (what: string): Warning[] => [
    { code: 'DIVERGED', message: `the run failed: ${what}; a smaller beta, or another algorithm` },
  ];
  if (!Number.isFinite(residual) || !Number.isFinite(feasibleResidual)) return failed('its residual is not a number');
  if (feasibleResidual > OVERFLOWING) return failed(`its residual grew to ${feasibleResidual.toPrecision(3)}`);
  if (feasible.every((value) => value === 0)) return failed('no pixel of the image is above 0 inside the support');
  return [];
}
