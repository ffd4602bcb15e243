/** The feasible object, which satisfies all that is known about it: P of the rules, on the caller's thread. */
import type { RealResult } from '../types.js';
import type { Constraints } from './image.js';

/**
 * Brings pixels into bounds, and clears those outside the support and those that are not among the `supportSize` largest,
 * in place.
 */
export function toFeasible(
  object: RealResult,
  support: Uint8Array | undefined,
  { bounds: [low, high], supportSize }: Pick<Constraints, 'bounds' | 'supportSize'>,
): RealResult {
  const threshold = supportSize > 0 ? largestLeftOut(object, support, supportSize) : -Infinity;
  for (let i = 0; i < object.length; i++) {
    if (support?.[i] === 0 || object[i] <= threshold) object[i] = 0;
    else if (object[i] < low) object[i] = low;
    else if (object[i] > high) object[i] = high;
  }
  return object;
}

/** Returns the largest positive pixel inside the support that is not among the `size` largest; 0 where there is none. */
function largestLeftOut(object: RealResult, support: Uint8Array | undefined, size: number): number {
  const positive = object.filter((value, i) => value > 0 && support?.[i] !== 0).sort();
  return positive.length > size ? positive[positive.length - 1 - size] : 0;
}
