/** From what a detector counts to what phase retrieval takes. */
import { LEAVE_OUT, checkRealArray, checkShape, largestOf, toMask } from '../problems/image.js';
import type { CountArray } from '../scan-types.js';
import { plainView, typedKind } from '../typed-arrays.js';
import type { MaskArray, RealArray, RealResult, Shape } from '../types.js';

/**
 * The magnitudes √I of the intensities I of a pattern, rows × columns, in the precision of the array, which is double for counts;
 * 0 where `mask` says that nothing was measured.
 *
 * An intensity that was measured must be a finite number of at least 0. What another number means only the caller knows:
 * background subtraction leaves negative numbers that stand for 0, and detectors mark dead pixels by NaN, −1 or a large
 * number, which a mask leaves out.
 *
 * ```ts
 * const mask = Uint8Array.from(counts, (count) => (count >= 0 ? 1 : 0));
 * const magnitudes = magnitudesFromIntensities(counts, shape, mask);
 * const { object } = await retrieve({ magnitudes, shape, mask });
 * ```
 *
 * @throws InvalidArgumentError for an intensity that is negative or not finite, and for an array of another kind or length
 */
export function magnitudesFromIntensities<Intensities extends CountArray>(
  intensities: Intensities,
  shape: Shape,
  mask?: MaskArray,
): Intensities extends Float32Array ? Float32Array<ArrayBuffer> : Float64Array<ArrayBuffer>;
export function magnitudesFromIntensities(intensities: CountArray, shape: Shape, mask?: MaskArray): RealResult {
  const size = checkShape('shape', shape);
  const isCounts = ['Uint8Array', 'Uint16Array', 'Uint32Array'].includes(typedKind(intensities) ?? '');
  const numbers = isCounts ? Float64Array.from(plainView(intensities)) : (intensities as RealArray);
  const magnitudes = checkRealArray('intensities', numbers, size).slice();
  const measured = toMask('mask', mask, size, 'no intensity was measured');
  largestOf('intensities', magnitudes, size, measured, LEAVE_OUT);
  for (let k = 0; k < magnitudes.length; k++) magnitudes[k] = measured?.[k] === 0 ? 0 : Math.sqrt(magnitudes[k]);
  return magnitudes;
}
