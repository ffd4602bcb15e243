/** A look at what came out: an image that was cut off by its support, or a run that failed. */
import type { MaskArray, RealArray, Shape } from '../types.js';
import type { Warning } from '../warnings.js';
import { percent } from './findings.js';
import { usableOf } from './pattern.js';

/** Of a reconstruction, what tells whether it failed. */
export interface ResultNumbers {
  feasible: RealArray;
  shape: Shape;
  residual: number;
  feasibleResidual: number;
}

/** A black image has a residual of 1; feedback that drives the image this far never comes back. */
const OVERFLOWING = 10;

/** Warnings about a result; whether it was cut off tells only a result of a problem without warnings of its own. */
export function inspectResult(
  result: ResultNumbers,
  support: MaskArray | undefined,
  earlier: readonly Warning[],
): Warning[] {
  const { residual, feasibleResidual, feasible } = result;
  const failed = (what: string): Warning[] => [
    { code: 'DIVERGED', message: `the run failed: ${what}; a smaller beta, or another algorithm` },
  ];
  if (!Number.isFinite(residual) || !Number.isFinite(feasibleResidual)) return failed('its residual is not a number');
  if (feasibleResidual > OVERFLOWING) return failed(`its residual grew to ${feasibleResidual.toPrecision(3)}`);
  if (feasible.every((value) => value === 0)) return failed('no pixel of the image is above 0 inside the support');
  return earlier.length === 0 ? brightEdge(result, support) : [];
}

/** Of the image's norm; smaller residuals are of noise or of too few iterations. */
const LARGE_RESIDUAL = 0.05;
/** How much brighter the outermost pixels of a support that is too small are than those inside. */
const BRIGHTER = 1.5;

/**
 * Light that a support cuts off gathers at its edge. Objects may be bright at their edge too, but then the image explains
 * the pattern.
 */
function brightEdge({ feasible, shape, feasibleResidual }: ResultNumbers, support: MaskArray | undefined): Warning[] {
  if (support === undefined || feasibleResidual < LARGE_RESIDUAL) return [];
  const [rows, columns] = shape;
  const inside = usableOf(support, feasible.length);
  const edge = { light: 0, pixels: 0 };
  const inner = { light: 0, pixels: 0 };
  for (let at = 0; at < feasible.length; at++) {
    if (!inside[at]) continue;
    const [row, column] = [Math.floor(at / columns), at % columns];
    const beside = [
      ((row + 1) % rows) * columns + column,
      ((row + rows - 1) % rows) * columns + column,
      row * columns + ((column + 1) % columns),
      row * columns + ((column + columns - 1) % columns),
    ];
    const part = beside.some((other) => !inside[other]) ? edge : inner;
    part.light += feasible[at] ** 2;
    part.pixels++;
  }
  if (inner.pixels === 0 || edge.light * inner.pixels <= BRIGHTER ** 2 * inner.light * edge.pixels) return [];
  const share = edge.light / (edge.light + inner.light);
  const message =
    `support: its outermost pixels carry ${percent(share)} of the image and the residual is ${percent(feasibleResidual)}, ` +
    'so it is probably too small';
  return [{ code: 'BRIGHT_EDGE', message, value: share }];
}
