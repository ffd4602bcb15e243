/** Finds how the detector lies to the scan's axes, and how far the object was from the focus, by trying. */
import { InvalidArgumentError } from '../errors.js';
import { checkRun, rejectUnknownKeys } from '../problems/options.js';
import { checkMeasured, checkScanSessionOptions, prepareScan } from '../problems/scan.js';
import { orientScan } from '../problems/orientation.js';
import { retrieveScan } from '../retrieve/retrieve-scan.js';
import { availableCores } from '../retrieve/workers/thread.js';
import type { Orientation, Scan, ScanSessionOptions } from '../scan-types.js';
import type { RunOptions } from '../types.js';
import { checkDefocus, guessProbe, unitsOf } from './guess-probe.js';

/** What `guessScan` takes beside the scan. Progress counts the runs that are done. */
export interface GuessScanOptions extends RunOptions, Pick<ScanSessionOptions, 'backend' | 'device'> {
  /**
   * Those to try, in metres as for `guessProbe`. Default: 0, and both signs of three with which the beam is 28, 50 and 90 % as
   * wide as a pattern reaches in the object.
   */
  defocus?: readonly number[] | undefined;
}

/** A combination that was tried. */
export interface ScanGuess {
  /** For `orientScan`. */
  orientation: Orientation;
  /** For `guessProbe`. */
  defocus: number;
  /** After the iterations. */
  residual: number;
}

const SHARES = [0.28, 0.5, 0.9];
const MOST_POSITIONS = 64;
/** Fewer patterns than a square of four fit any object. */
const LEAST_POSITIONS = 4;
const ITERATIONS = 8;
const BATCH = 8;

/**
 * Tries all eight orientations of the detector with each defocus: 8 iterations of `rpie` on the 64 positions nearest to the
 * middle, beginning with `guessProbe`. Returns all combinations, the smallest residual first. Patterns turned by 180° with
 * the defocus of the other sign belong to the conjugate of the object, so each combination has such a twin with the same
 * residual, and only half of them are run; the one with less flipping comes first. A guess is trustworthy where the third
 * residual is much larger than the first two.
 *
 * @throws InvalidArgumentError, also for fewer than 4 positions; AbortError
 */
export async function guessScan(scan: Scan, options: GuessScanOptions = {}): Promise<ScanGuess[]> {
  rejectUnknownKeys('options', options, ['defocus', 'backend', 'device', 'onProgress', 'signal']);
  checkRun(options);
  const { backend, device, onProgress, signal } = options;
  const settings = { algorithm: 'rpie', iterations: ITERATIONS, batch: BATCH, backend, device, signal } as const;
  const middle = nearMiddle(scan);
  const count = middle.positions.length / 2;
  if (count < LEAST_POSITIONS) {
    const message = `positions: there ${count === 1 ? 'is 1' : `are ${count}`}, and fewer than ${LEAST_POSITIONS} do not tell orientation and defocus`;
    throw new InvalidArgumentError('positions', message);
  }
  const defocus = options.defocus ?? likelyDefocus(middle);
  defocus.forEach((metres, i) => checkDefocus(`defocus[${i}]`, metres));
  const tried = [false, true].flatMap((transpose) =>
    [false, true].flatMap((flipColumns) => {
      const orientation = [transpose, false, flipColumns] as const;
      return defocus.map((metres) => ({ orientation, metres }));
    }),
  );
  const began = performance.now();
  const guesses: ScanGuess[] = [];
  let next = 0;
  const lane = async () => {
    while (next < tried.length) {
      const { orientation, metres } = tried[next++];
      const oriented = orientScan(middle, orientation);
      const probe = await guessProbe(oriented, { defocus: metres });
      const { residual } = await retrieveScan({ ...oriented, probe }, settings);
      const [transpose, , flipColumns] = orientation;
      const twin = [transpose, true, !flipColumns] as const;
      guesses.push({ orientation, defocus: metres, residual }, { orientation: twin, defocus: 0 - metres, residual });
      const seconds = (performance.now() - began) / 1000;
      const least = Math.min(...guesses.map((guess) => guess.residual));
      await onProgress?.({ iteration: guesses.length / 2, iterations: tried.length, residual: least, seconds });
    }
  };
  await Promise.all(Array.from({ length: availableCores() }, lane));
  return guesses.sort((a, b) => a.residual - b.residual || flips(a) - flips(b));
}

const flips = ({ orientation }: ScanGuess): number => orientation.filter(Boolean).length;

/** The positions nearest to the middle of all, with their patterns, and without a probe. */
function nearMiddle(scan: Scan): Scan {
  const { patterns, positions, shape, mask } = prepareScan({ ...scan, probe: undefined }, checkScanSessionOptions({}));
  const count = positions.length / 2;
  const mean = [0, 1].map((axis) => positions.reduce((sum, at, i) => sum + (i % 2 === axis ? at : 0), 0) / count);
  const distance = (j: number) => Math.hypot(positions[2 * j] - mean[0], positions[2 * j + 1] - mean[1]);
  const nearest = Array.from({ length: count }, (_, j) => j)
    .sort((a, b) => distance(a) - distance(b) || a - b)
    .slice(0, MOST_POSITIONS);
  const pixels = shape[0] * shape[1];
  const chosen = patterns.slice(0, nearest.length * pixels);
  nearest.forEach((j, n) => chosen.set(patterns.subarray(j * pixels, (j + 1) * pixels), n * pixels));
  const { pixel, wavelength } = scan;
  const places = Float64Array.from(nearest.flatMap((j) => [positions[2 * j], positions[2 * j + 1]]));
  return { patterns: chosen, shape, mask, positions: places, pixel, wavelength };
}

/**
 * By geometry: at the edge of an aperture of radius R in spatial frequency, rays are wavelength · defocus · R away from the
 * middle. R is that of a disc with the effective area (Σ mean)² / Σ mean² of the mean pattern.
 */
function likelyDefocus(scan: Scan): number[] {
  const { patterns, shape, mask } = checkMeasured(scan);
  const [rows, columns] = shape;
  const { pixel, wavelength } = unitsOf(scan);
  const sums = new Float64Array(rows * columns);
  for (let i = 0; i < patterns.length; i++) if (mask?.[i % sums.length] !== 0) sums[i % sums.length] += patterns[i];
  let [sum, squares] = [0, 0];
  for (const counts of sums) [sum, squares] = [sum + counts, squares + counts * counts];
  const area = (sum * sum) / squares / (rows * pixel[0] * columns * pixel[1]);
  const radius = Math.sqrt(area / Math.PI);
  const reach = Math.min(rows * pixel[0], columns * pixel[1]) / 2;
  return [0, ...SHARES.flatMap((share) => [1, -1].map((sign) => (sign * share * reach) / (wavelength * radius)))];
}
