/** Probes from what the patterns show: the aperture of the lens, and a defocus that the caller knows or tries. */
import { requireBackend } from '../backends/registry.js';
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { rejectUnknownKeys } from '../problems/options.js';
import { checkMeasured } from '../problems/scan.js';
import type { Scan } from '../scan-types.js';
import { focusOf } from '../session/probe.js';
import type { RealResult, Shape } from '../types.js';

/** What `guessProbe` takes beside the scan. */
export interface GuessProbeOptions {
  /**
   * How far the object was from the focus, in metres, of either sign; in squared pixels of the object over the wavelength for
   * a scan that lacks its `pixel` or its `wavelength`. Default 0.
   */
  defocus?: number | undefined;
}

/**
 * A probe to begin with, rows × columns, interleaved re, im: F⁻¹ of √(mean pattern) · exp(iπ · wavelength · defocus · q²),
 * with q the spatial frequency and the middle of the beam at [⌊rows/2⌋, ⌊columns/2⌋]. Its power is the mean number of counts.
 * A defocus of the wrong sign, or none, leads to a wrong object; 70 % of the right one suffices.
 *
 * @throws InvalidArgumentError
 */
export async function guessProbe(scan: Scan, options: GuessProbeOptions = {}): Promise<RealResult> {
  rejectUnknownKeys('options', options, ['defocus']);
  const { defocus = 0 } = options;
  checkDefocus('defocus', defocus);
  const measured = checkMeasured(scan);
  const q2 = squaredFrequencies(scan, measured.shape);
  const phase = (k: number) => Math.PI * defocus * q2(k);
  return (await focusOf(await requireBackend('wasm'), measured, phase)) as RealResult;
}

export function checkDefocus(argument: string, defocus: unknown): void {
  if (Number.isFinite(defocus)) return;
  throw new InvalidArgumentError(argument, gotTakes(argument, defocus, 'a finite number: metres, of either sign'));
}

/** wavelength · q² of the frequency with this index, per metre, or where units are missing, per pixel. */
export function squaredFrequencies(scan: Pick<Scan, 'pixel' | 'wavelength'>, [rows, columns]: Shape) {
  const { pixel, wavelength } = unitsOf(scan);
  const along = (index: number, count: number, size: number) =>
    ((index < count / 2 ? index : index - count) / (count * size)) ** 2;
  return (k: number) =>
    wavelength * (along(Math.floor(k / columns), rows, pixel[0]) + along(k % columns, columns, pixel[1]));
}

/** Where one is missing, the other is of no use. */
export function unitsOf({ pixel, wavelength }: Pick<Scan, 'pixel' | 'wavelength'>) {
  const isKnown = pixel !== undefined && wavelength !== undefined;
  return isKnown ? { pixel, wavelength } : { pixel: [1, 1] as const, wavelength: 1 };
}
