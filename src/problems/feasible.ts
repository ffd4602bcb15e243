/** The feasible object, which satisfies all that is known about it: P of the rules, on the caller's thread. */
import type { RealArray, RealResult } from '../types.js';
import { phasesOf, type Constraints } from './image.js';

/** What is known about an object beside its support. */
export type Known = Pick<Constraints, 'bounds' | 'supportSize'> &
  Partial<Pick<Constraints, 'object' | 'phaseBounds'>> & { objectMagnitudes?: RealArray | undefined };

/**
 * Brings pixels into bounds, and clears those outside the support and those that are not among the `supportSize` largest,
 * in place.
 */
export function toFeasible(object: RealResult, support: Uint8Array | undefined, known: Known): RealResult {
  const { bounds, supportSize } = known;
  if (known.object === 'complex') return toFeasibleComplex(object, support, known);
  const [low, high] = bounds;
  const threshold = supportSize > 0 ? largestLeftOut(object, support, supportSize) : -Infinity;
  for (let i = 0; i < object.length; i++) {
    if (support?.[i] === 0 || object[i] <= threshold) object[i] = 0;
    else if (object[i] < low) object[i] = low;
    else if (object[i] > high) object[i] = high;
  }
  return object;
}

/** The nearest complex number that satisfies the constraint. That of 0 has the phase in the middle. */
function toFeasibleComplex(
  object: RealResult,
  support: Uint8Array | undefined,
  { bounds, phaseBounds = [-Infinity, Infinity], objectMagnitudes, supportSize }: Known,
): RealResult {
  const { centre, halfWidth } = phasesOf(phaseBounds);
  const sizes = object.filter((_, i) => i % 2 === 0).map((re, i) => Math.hypot(re, object[2 * i + 1]));
  const threshold = supportSize > 0 ? largestLeftOut(sizes, support, supportSize) : -Infinity;
  for (const [i, size] of sizes.entries()) {
    const [low, high] = objectMagnitudes ? [objectMagnitudes[i], objectMagnitudes[i]] : bounds;
    if (support?.[i] === 0 || size <= threshold) {
      object[2 * i] = object[2 * i + 1] = 0;
      continue;
    }
    const phase = size === 0 ? centre : Math.atan2(object[2 * i + 1], object[2 * i]);
    const turned = phase - centre - 2 * Math.PI * Math.round((phase - centre) / (2 * Math.PI));
    const beyond = Math.abs(turned) - halfWidth;
    if (size >= low && size <= high && beyond <= 0) continue;
    const along = beyond > 0 ? size * Math.cos(beyond) : size;
    const wanted = Math.min(Math.max(along, low), high);
    const wantedPhase = beyond > 0 ? centre + Math.sign(turned) * halfWidth : phase;
    object[2 * i] = wanted * Math.cos(wantedPhase);
    object[2 * i + 1] = wanted * Math.sin(wantedPhase);
  }
  return object;
}

/** Returns the largest positive pixel inside the support that is not among the `size` largest; 0 where there is none. */
function largestLeftOut(object: RealResult, support: Uint8Array | undefined, size: number): number {
  const positive = object.filter((value, i) => value > 0 && support?.[i] !== 0).sort();
  return positive.length > size ? positive[positive.length - 1 - size] : 0;
}
