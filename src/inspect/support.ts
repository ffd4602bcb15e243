/** A support for a pattern of which nothing else is known: the rectangle that its autocorrelation leaves room for. */
import type { Problem, Shape } from '../types.js';
import { extentAlong } from './autocorrelation.js';
import { checkMask, checkRealArray, checkShape } from '../problems/image.js';
import { centredPattern } from './pattern.js';

/** What `estimateSupport` finds. */
export interface SupportEstimate {
  /** 1 in a rectangle at the top left, rows × columns of the pattern: magnitudes do not tell where an object lies. */
  support: Uint8Array<ArrayBuffer>;
  /** Rows and columns of the rectangle. */
  extent: Shape;
  /**
   * Whether the autocorrelation was seen to end along rows and along columns. Where it was not, the rectangle takes half of
   * the pattern, which is the most that magnitudes determine.
   */
  found: readonly [rows: boolean, columns: boolean];
}

/** Noise hides the weak end of an autocorrelation. A support that is a little too large costs far less than one too small. */
const MARGIN = { whole: 0.01, withHoles: 0.05 };

/**
 * Estimates the support of an object from its pattern. The inverse transform of the intensities is the autocorrelation,
 * which is twice as wide as the object. The rectangle is about 1 % larger than what is seen, and 5 % where parts were not
 * measured. It suits objects that fill a rectangle; a support of the object's own shape is better.
 *
 * @throws {@link InvalidArgumentError} where magnitudes and shape do not fit together
 *
 * ```ts
 * const { support, extent } = estimateSupport({ magnitudes, shape: [512, 512] });
 * ```
 */
export function estimateSupport(problem: Pick<Problem, 'magnitudes' | 'shape' | 'mask'>): SupportEstimate {
  const shape = checkShape('shape', problem.shape);
  const magnitudes = checkRealArray('magnitudes', problem.magnitudes, shape);
  const usable = checkMask(problem.mask, shape) ?? new Uint8Array(magnitudes.length).fill(1);
  const intensities = Float64Array.from(magnitudes, (magnitude, k) => (usable[k] ? magnitude * magnitude : 0));
  const pattern = centredPattern({ intensities, usable, shape, zero: [0, 0], counts: false });
  const margin = usable.includes(0) ? MARGIN.withHoles : MARGIN.whole;
  const seen = (['rows', 'columns'] as const).map((axis) => extentAlong(pattern, axis));
  const [height, width] = seen.map((extent, axis) => {
    const half = Math.max(1, Math.floor(shape[axis] / 2));
    return extent === undefined ? half : Math.min(half, Math.ceil(extent * (1 + margin)) + 1);
  });
  const support = new Uint8Array(shape[0] * shape[1]);
  for (let row = 0; row < height; row++) support.fill(1, row * shape[1], row * shape[1] + width);
  return { support, extent: [height, width], found: [seen[0] !== undefined, seen[1] !== undefined] };
}
