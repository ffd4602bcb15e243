/** How far a reconstruction is from the truth, where the truth is known. */
import { InvalidArgumentError } from '../errors.js';
import { checkFinite, checkRealArray, checkShape, opposite } from '../problems/image.js';
import { roll } from './roll.js';
import { requireBackend } from '../backends/registry.js';
import { ImageTransform, indexOfLargestSize, spectrumProduct } from '../session/image-transform.js';
import type { RealArray, Shape } from '../types.js';

/** What `alignedError` resolves to. */
export interface Alignment {
  /** ‖aligned − truth‖ / ‖truth‖. */
  error: number;
  /** First step: whether the estimate was rotated by 180° about index [0, 0]. */
  rotated: boolean;
  /** Second step: what the estimate was multiplied by. */
  sign: 1 | -1;
  /** Third step: how far the estimate was shifted down and to the right, in pixels, around the edges. */
  shift: readonly [rows: number, columns: number];
  /** The estimate after these steps, rows × columns. */
  aligned: Float64Array<ArrayBuffer>;
}

/**
 * The relative error of an estimate after removing what magnitudes cannot tell: circular shift by whole pixels, rotation
 * by 180°, and sign. Both are rows × columns, the truth padded like the estimate and not all zero. The alignment is the
 * one of least error, found as the largest cross-correlation (J. R. Fienup, Applied Optics 36, 8352, 1997).
 *
 * @throws InvalidArgumentError for arrays of another length, numbers that are not finite, or a truth that is zero everywhere;
 * OutOfMemoryError for images beyond the wasm backend's 4 GiB
 */
export async function alignedError(estimate: RealArray, truth: RealArray, shape: Shape): Promise<Alignment> {
  const size = checkShape('shape', shape);
  const [own, ownTruth] = Object.entries({ estimate, truth }).map(([argument, array]) => {
    const copy = checkRealArray(argument, array, size).slice();
    checkFinite(argument, copy, size[1], 'double');
    return copy;
  });
  const norm = Math.sqrt(sumOfSquares(ownTruth));
  if (norm === 0) throw new InvalidArgumentError('truth', 'truth: every pixel is zero; takes at least one above 0');

  const transform = await ImageTransform.create(await requireBackend('wasm'), size);
  try {
    const estimateSpectrum = await transform.forward(own);
    const truthSpectrum = await transform.forward(ownTruth);
    const correlations = [
      await transform.inverse(spectrumProduct(truthSpectrum, estimateSpectrum, -1)),
      await transform.inverse(spectrumProduct(truthSpectrum, estimateSpectrum, 1)),
    ];
    const peaks = correlations.map(indexOfLargestSize);
    const sizes = correlations.map((correlation, i) => Math.abs(correlation[peaks[i]]));
    const rotated = sizes[1] > sizes[0];
    const at = peaks[Number(rotated)];
    const sign = correlations[Number(rotated)][at] < 0 ? -1 : 1;
    const shift = [Math.floor(at / size[1]), at % size[1]] as const;
    const turned = rotated ? own.map((_, i) => own[opposite(i, size)]) : own;
    const aligned = Float64Array.from(roll(turned, size, shift), (value) => sign * value);
    const error = Math.sqrt(sumOfSquares(aligned.map((value, i) => value - ownTruth[i]))) / norm;
    return { error, rotated, sign, shift, aligned };
  } finally {
    transform.dispose();
  }
}

export function sumOfSquares(numbers: RealArray): number {
  let sum = 0;
  for (const value of numbers) sum += value * value;
  return sum;
}
