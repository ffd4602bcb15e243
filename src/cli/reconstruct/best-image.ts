/** What `--preview` and `--watch` show of a checkpoint. */
import { toFeasible } from '../../problems/feasible.js';
import { decodeCheckpoint } from '../../retrieve/checkpoint.js';
import { magnitude } from '../../tools/complex-images.js';
import type { Problem, RealResult } from '../../types.js';
import type { Image } from '../files.js';
import { cropToSupport } from '../picture.js';

/** The feasible image of the start with the smallest residual, cut to the support. Undefined before the first iteration. */
export function bestImage(checkpoint: Uint8Array, problem: Problem): Image | undefined {
  let best: { object: RealResult; residual: number } | undefined;
  for (const origin of decodeCheckpoint(checkpoint).origins) {
    if (!origin || !('residual' in origin) || (best && !(origin.residual < best.residual))) continue;
    best = { object: origin.object as RealResult, residual: origin.residual };
  }
  if (!best) return undefined;
  const { shape, object, support, supportSize = 0, phaseBounds, objectMagnitudes } = problem;
  const { bounds = problem.amplitudeBounds ?? [0, Infinity] } = problem;
  const inside = support && Uint8Array.from(support, Number);
  const known = {
    ...(object && { object }),
    bounds,
    supportSize,
    ...(phaseBounds && { phaseBounds }),
    objectMagnitudes,
  };
  const feasible = toFeasible(best.object, inside, known);
  return cropToSupport({ data: object === 'complex' ? magnitude(feasible) : feasible, shape }, inside);
}
