/** Writes the caller's own start into a fresh backend session. The backend makes seeded starts itself. */
import type { BackendProblem, BackendSession, Pattern } from '../backends/interface.js';
import { opposite } from '../problems/image.js';
import type { ObjectKind, RealArray, Start } from '../types.js';

/**
 * After `{ object }` the object is the previous iterate, its spectrum has the measured magnitudes, and its residual is
 * recorded, as if the iterations that led to it had run here. After `{ phase }` there is no iterate yet.
 */
export function writeStart(session: BackendSession, problem: BackendProblem, start: Start): void {
  const { pattern, batch, rule, object } = problem;
  const array = 'phase' in start ? start.phase : start.object;
  const length = array.length / batch.starts;
  for (let s = 0; s < batch.starts; s++) {
    const own = array.subarray(s * length, (s + 1) * length);
    if ('phase' in start) session.writeSpectrum(s, spectrumFromPhases(pattern, own, object));
    else session.writeObject(s, own, rule.keepsIterate);
  }
  if ('phase' in start) return;
  session.forward();
  session.constrainFourier(rule);
}

/**
 * Returns the spectrum M·exp(iφ), interleaved, 2 × rows × columns, 0 where nothing was measured. Of a real object, −k gets
 * the conjugate where only k of the two was measured.
 */
export function spectrumFromPhases(
  { shape, magnitudes, mask }: Pick<Pattern, 'shape' | 'magnitudes' | 'mask'>,
  phase: RealArray,
  object: ObjectKind = 'real',
): Float64Array {
  const spectrum = new Float64Array(2 * magnitudes.length);
  for (let k = 0; k < magnitudes.length; k++) {
    if (mask?.[k] === 0) continue;
    const re = magnitudes[k] * Math.cos(phase[k]);
    const im = magnitudes[k] * Math.sin(phase[k]);
    spectrum[2 * k] = re;
    spectrum[2 * k + 1] = im;
    if (object === 'complex') continue;
    const minusK = opposite(k, shape);
    if (mask?.[minusK] !== 0) continue;
    spectrum[2 * minusK] = re;
    spectrum[2 * minusK + 1] = -im;
  }
  return spectrum;
}
