/** How far a complex reconstruction is from the truth, where the truth is known. */
import { InvalidArgumentError } from '../errors.js';
import { checkFinite, checkObjectArray, checkShape, opposite } from '../problems/image.js';
import { requireBackend } from '../backends/registry.js';
import { sumOfSquares } from './align.js';
import { roll } from './roll.js';
import { ImageTransform, spectrumProduct } from '../session/image-transform.js';
import type { RealArray, Shape } from '../types.js';

/** What `alignedComplexError` resolves to. */
export interface ComplexAlignment {
  /** ‖aligned − truth‖ / ‖truth‖. */
  error: number;
  /** First step: whether the estimate was replaced by its twin conj(o(−r)), about index [0, 0]. */
  twin: boolean;
  /** Second step: how far the estimate was shifted down and to the right, in pixels, around the edges. */
  shift: readonly [rows: number, columns: number];
  /** Third step: the phase that was added everywhere, in radians from −π to π. */
  phase: number;
  /** The estimate after these steps, interleaved re, im. */
  aligned: Float64Array<ArrayBuffer>;
}

/**
 * The relative error of a complex estimate after removing what magnitudes cannot tell: circular shift by whole pixels, the
 * twin conj(o(−r)), and a constant phase. Both are rows × columns complex numbers, interleaved re, im, the truth padded like
 * the estimate and not all zero. The alignment is the one of least error, found as the largest cross-correlation (J. R.
 * Fienup, Applied Optics 36, 8352, 1997).
 *
 * @throws InvalidArgumentError for arrays of another length, numbers that are not finite, or a truth that is zero everywhere;
 * OutOfMemoryError for images beyond the wasm backend's 4 GiB
 */
export async function alignedComplexError(
  estimate: RealArray,
  truth: RealArray,
  shape: Shape,
): Promise<ComplexAlignment> {
  const size = checkShape('shape', shape);
  const [own, ownTruth] = Object.entries({ estimate, truth }).map(([argument, array]) => {
    const copy = Float64Array.from(checkObjectArray(argument, array, size, 'complex'));
    checkFinite(argument, copy, 2 * size[1], 'double');
    return copy;
  });
  const norm = Math.sqrt(sumOfSquares(ownTruth));
  if (norm === 0) throw new InvalidArgumentError('truth', 'truth: every pixel is zero; takes at least one that is not');

  const transform = await ImageTransform.create(await requireBackend('wasm'), size, 'complex');
  try {
    const estimateSpectrum = await transform.forward(own);
    const truthSpectrum = await transform.forward(ownTruth);
    // The spectrum of the twin is the conjugate of the estimate's.
    const candidates = [];
    for (const sense of [-1, 1] as const) {
      const correlation = await transform.inverse(spectrumProduct(truthSpectrum, estimateSpectrum, sense));
      candidates.push({ twin: sense === 1, ...peakOf(correlation) });
    }
    const [plain, inverted] = candidates;
    const { twin, at, re, im } = inverted.size > plain.size ? inverted : plain;
    const shift = [Math.floor(at / size[1]), at % size[1]] as const;
    const phase = Math.atan2(im, re);
    const upright = twin ? twinOf(own, size) : own;
    const aligned = turned(roll(upright, [size[0], 2 * size[1]], [shift[0], 2 * shift[1]]), phase);
    const error = Math.sqrt(sumOfSquares(aligned.map((value, i) => value - ownTruth[i]))) / norm;
    return { error, twin, shift, phase, aligned };
  } finally {
    transform.dispose();
  }
}

/** Where a correlation is largest, and what it is there. */
function peakOf(correlation: RealArray): { at: number; size: number; re: number; im: number } {
  let [at, size] = [0, 0];
  for (let i = 0; i < correlation.length / 2; i++) {
    const own = Math.hypot(correlation[2 * i], correlation[2 * i + 1]);
    if (own > size) [at, size] = [i, own];
  }
  return { at, size, re: correlation[2 * at], im: correlation[2 * at + 1] };
}

/** conj(o(−r)). */
function twinOf(object: Float64Array, shape: Shape): Float64Array {
  return object.map((_, i) => (i % 2 ? -1 : 1) * object[2 * opposite(i >> 1, shape) + (i % 2)]);
}

function turned(object: Float64Array, phase: number): Float64Array<ArrayBuffer> {
  const [cosine, sine] = [Math.cos(phase), Math.sin(phase)];
  return Float64Array.from(object, (value, i) =>
    i % 2 ? value * cosine + object[i - 1] * sine : value * cosine - object[i + 1] * sine,
  );
}
