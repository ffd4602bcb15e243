/** A lens's beam, an object and positions: what scans are simulated with. */
import * as scene from '../../bench/scene.mjs';
import { guessProbe } from '../../src/index.js';
import { uniformStream } from '../../src/random.js';
import type { Shape } from '../../src/types.js';

export const { defocusOf } = scene;

/**
 * The focus of a lens whose aperture reaches to `radius` of the highest frequency, with `defocus` radians at its edge, in
 * pixels and interleaved.
 */
export function lensProbe(shape: Shape, radius: number, defocus: number) {
  const scan = { patterns: scene.aperture(shape, radius), shape, positions: new Float64Array(2) };
  return guessProbe(scan, { defocus: defocusOf(radius, defocus) });
}

/** Row and column of whole pixels on a Fermat spiral with about `step` pixels between neighbours, from `margin` on. */
export function spiral(count: number, step: number, margin = 2): Float64Array {
  return scene.spiral(count, step, margin, true);
}

/** A weakly absorbing phase object of overlapping discs, interleaved. */
export function discs(shape: Shape, seed: number): Float64Array {
  return scene.discs(shape, uniformStream(seed, 0));
}
