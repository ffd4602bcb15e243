/**
 * Frequencies that were measured and that no iteration sees. How well an image predicts them tells how good it is, which the
 * frequencies that it was fitted to do not: PyNX calls this the free log-likelihood (Favre-Nicolin, Leake & Chushkin, Scientific
 * Reports 10, 2664, 2020).
 */
import { opposite, patternOf, type Setup } from '../problems/image.js';
import { uniformStream } from '../random.js';
import type { RealArray } from '../types.js';

/** Nearer to zero frequency than this, in cycles a pixel, everything is used: little else says how bright the object is. */
const CENTRE = 0.025;

/**
 * Which frequencies are held out: of a real object k and −k together, because they say the same about it. 1 where held out.
 * Undefined where chance holds out none or all, as in patterns of some pixels.
 */
export function chooseHeldOut(
  { object, pattern: { shape, mask } }: Setup,
  share: number,
  seed: number,
): Uint8Array | undefined {
  const [rows, columns] = shape;
  const heldOut = new Uint8Array(rows * columns);
  // No start and no simulated noise has this stream.
  const random = uniformStream(seed, heldOut.length);
  for (let k = 0; k < heldOut.length; k++) {
    const minusK = object === 'real' ? opposite(k, shape) : k;
    const [row, column] = [Math.floor(k / columns), k % columns];
    const isNear = Math.hypot(Math.min(row, rows - row) / rows, Math.min(column, columns - column) / columns) < CENTRE;
    if (minusK < k || isNear || random() >= share) continue;
    for (const one of [k, minusK]) heldOut[one] = mask?.[one] ?? 1;
  }
  const isLeft = heldOut.some((held, k) => !held && mask?.[k] !== 0);
  return isLeft && heldOut.includes(1) ? heldOut : undefined;
}

/** The setup without what is held out. */
export function withoutHeldOut(setup: Setup, heldOut: Uint8Array): Setup {
  const { mask, ...pattern } = setup.pattern;
  const left = heldOut.map((held, k) => (held ? 0 : (mask?.[k] ?? 1)));
  return { ...setup, pattern: patternOf({ ...pattern, mask: left }, setup.object) };
}

/** ‖|F| − M‖ / ‖M‖ over what is held out. `spectrum`: full, interleaved. */
export function freeResidualOf(spectrum: RealArray, magnitudes: RealArray, heldOut: Uint8Array): number {
  let [difference, energy] = [0, 0];
  for (let k = 0; k < magnitudes.length; k++) {
    if (!heldOut[k]) continue;
    difference += (Math.hypot(spectrum[2 * k], spectrum[2 * k + 1]) - magnitudes[k]) ** 2;
    energy += magnitudes[k] ** 2;
  }
  return Math.sqrt(difference / energy);
}
