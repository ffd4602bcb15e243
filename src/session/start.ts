/** Writes the caller's own start into a fresh backend session. The backend makes seeded starts itself. */
import type { BackendProblem, BackendSession, Pattern } from '../backends/interface.js';
import { opposite } from '../problems/image.js';
import type { RealArray, Start } from '../types.js';

/**
 * After `{ object }` the object is the previous iterate, its spectrum has the measured magnitudes, and its residual is
 * recorded, as if the iterations that led to it had run here. After `{ phase }` there is no iterate yet.
 */
export function writeStart(session: BackendSession, problem: BackendProblem, start: Start): void {
  const { pattern, batch, rule } = problem;
  const pixels = pattern.shape[0] * pattern.shape[1];
  for (let s = 0; s < batch.starts; s++) {
    const range = [s * pixels, (s + 1) * pixels] as const;
    if ('phase' in start) session.writeSpectrum(s, spectrumFromPhases(pattern, start.phase.subarray(...range)));
    else session.writeObject(s, start.object.subarray(...range), rule.keepsIterate);
  }
  if ('phase' in start) return;
  session.forward();
  session.constrainFourier(rule);
}

/**
 * Returns the spectrum M·exp(iφ), interleaved, 2 × rows × columns. Where only k of k and −k was measured, −k gets the
 * conjugate; where neither was, both are 0.
 */
export function spectrumFromPhases(
  { shape, magnitudes, mask }: Pick<Pattern, 'shape' | 'magnitudes' | 'mask'>,
  phase: RealArray,
): Float64Array {
  const spectrum = new Float64Array(2 * magnitudes.length);
  for (let k = 0; k < magnitudes.length; k++) {
    if (mask?.[k] === 0) continue;
    const re = magnitudes[k] * Math.cos(phase[k]);
    const im = magnitudes[k] * Math.sin(phase[k]);
    spectrum[2 * k] = re;
    spectrum[2 * k + 1] = im;
    const minusK = opposite(k, shape);
    if (mask?.[minusK] !== 0) continue;
    spectrum[2 * minusK] = re;
    spectrum[2 * minusK + 1] = -im;
  }
  return spectrum;
}
