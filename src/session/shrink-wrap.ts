/**
 * Supports that shrink to the object, start by start, with a guard. Where the background is grey a shrink cuts into the object,
 * and the residual right after it does not tell. So residuals are compared that whole periods of iterations end with. A start
 * is not shrunk while its residual still falls, because then a shrink that harms only makes it fall more slowly.
 */
import type { BackendSession, ShrinkSupport } from '../backends/interface.js';
import { countOf } from '../problems/image.js';

/** What is known of one start, or of the average of several. */
export interface ShrinkProgress {
  /** Shrinks that were not taken back. */
  shrinks: number;
  /** A shrink was taken back, and there are no more. */
  takenBack: boolean;
  /** What the last period ended with, and the least that one ended with. */
  last?: number;
  least?: number;
  /** The support of the period with the least, after so many shrinks. Left out: the problem's. */
  best?: Uint8Array | undefined;
  bestShrinks: number;
}

/** A start whose residual is smaller than this times the last one's is not shrunk. */
const STILL_FALLING = 0.9;
/** This share of the noise in the frequencies stays at least, however large the support is. */
const LEAST_FREEDOM = 0.05;

export function noShrinks(): ShrinkProgress {
  return { shrinks: 0, takenBack: false, bestShrinks: 0 };
}

/**
 * The residual that a period has ended with, as it can be compared between supports: without what no object can remove
 * (`asymmetry`, its square), and for each frequency that the pixels of the support leave free, because a larger support fits
 * more of the noise.
 */
export function comparableResidual(
  residual: number,
  { asymmetry, pixels, measured }: { asymmetry: number; pixels: number; measured: number },
): number {
  // Magnitudes at k and −k are one number, so that there are half as many as frequencies.
  const freedom = Math.max(LEAST_FREEDOM, 1 - (2 * pixels) / measured);
  return Math.sqrt(Math.max(0, residual * residual - asymmetry) / freedom);
}

/**
 * Judges the period that has ended with this residual, and `support`. Returns the support to go on with, and whether it may
 * shrink.
 */
export function judge<Support extends Uint8Array | undefined>(
  progress: ShrinkProgress,
  residual: number,
  support: Support,
  whole: Support,
  guard: number,
): { support: Support; mayShrink: boolean } {
  const { last = 0, least = Infinity, takenBack } = progress;
  const harmed = progress.shrinks > progress.bestShrinks && !(residual <= guard * least);
  if (harmed) Object.assign(progress, { shrinks: progress.bestShrinks, takenBack: true });
  else if (residual < least) Object.assign(progress, { least: residual, best: support, bestShrinks: progress.shrinks });
  const mayShrink = !harmed && !takenBack && last > 0 && residual > STILL_FALLING * last;
  progress.last = residual;
  return { support: harmed ? ((progress.best as Support) ?? whole) : support, mayShrink };
}

/** What happens at the end of a period. */
export interface PeriodEnd {
  /** Left out: the period is only judged. */
  shrink?: ShrinkSupport | undefined;
  /** A shrink is taken back when the residual is larger than this times the least. */
  guard: number;
  /** The square of the residual that no object can remove, and how many frequencies were measured. */
  asymmetry: number;
  measured: number;
}

/**
 * Judges all starts of a session by the residuals of their iterates, which are feasible, and shrinks their supports or takes
 * shrinks back. `whole`: what they share. Returns whether starts have supports of their own from now on.
 */
export async function endPeriod(
  session: BackendSession,
  starts: readonly ShrinkProgress[],
  residuals: Float64Array,
  whole: Uint8Array,
  { shrink, guard, asymmetry, measured }: PeriodEnd,
): Promise<boolean> {
  const supports = await Promise.all(starts.map((_, start) => session.readSupport(start)));
  const judged = starts.map((progress, start) => {
    const residual = comparableResidual(residuals[start], { asymmetry, measured, pixels: countOf(supports[start]) });
    return judge(progress, residual, supports[start], whole, guard);
  });
  const shrinks = shrink !== undefined && judged.some(({ mayShrink }) => mayShrink);
  if (shrinks) session.shrinkSupport(shrink);
  let areOwn = shrinks;
  for (const [start, { support, mayShrink }] of judged.entries()) {
    if (shrinks && mayShrink) {
      starts[start].shrinks += 1;
    } else if (shrinks || support !== supports[start]) {
      session.writeSupport(start, support);
      areOwn = true;
    }
  }
  return areOwn;
}
