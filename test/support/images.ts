/** Made-up data for tests, the same every time. */
import type { Shape } from '../../src/index.js';
import { uniformStream } from '../../src/random.js';

/** Uniform numbers in [0, 1). */
export function noise(count: number, seed: number): Float64Array {
  const next = uniformStream(seed, 0);
  return Float64Array.from({ length: count }, next);
}

/** A problem of this shape, with magnitudes that are not symmetric. */
export function noisyProblem(shape: Shape) {
  return { magnitudes: noise(shape[0] * shape[1], 5).map((u) => 0.1 + u), shape };
}

/** Magnitudes that no real object has, because they are not centrosymmetric: a random walk's worth of every size. */
export function asymmetricMagnitudes([rows, columns]: Shape, seed = 1): Float64Array {
  return noise(rows * columns, seed).map((u) => 0.2 + 3 * u);
}

/** About `share` ones, at least one. */
export function randomMask([rows, columns]: Shape, share: number, seed: number): Uint8Array {
  const mask = Uint8Array.from(noise(rows * columns, seed), (u) => (u < share ? 1 : 0));
  mask[0] = 1;
  return mask;
}

/** ‖a − b‖ / ‖b‖. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return a.length === b.length ? Math.sqrt(difference / (norm || 1)) : NaN;
}
