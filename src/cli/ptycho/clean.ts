/** What of a scan's patterns are no counts: marks of a detector, NaN, and what lies below 0 after a subtraction. */
import { LARGEST_OF_TYPES } from '../../inspect/sentinels.js';
import type { Scan } from '../../scan-types.js';

export interface CleanedScan {
  scan: Scan;
  /** One line for each change. */
  done: string[];
}

/** A detector marks with the largest values of these types, not of smaller ones, which counts reach. */
const LEAST_MARK = 2 ** 15 - 1;

/**
 * Leaves out pixels that are NaN or infinite in any pattern, or hold a detector's mark, negative or the largest value of its
 * type, in every pattern. Other negative counts are taken for 0.
 */
export function cleanScan(scan: Scan): CleanedScan {
  const { patterns, shape, mask } = scan;
  const pixels = shape[0] * shape[1];
  const usable = Uint8Array.from({ length: pixels }, (_, i) => (mask ? Number(mask[i]) : 1));
  const broken = new Uint8Array(pixels);
  const marked = new Uint8Array(pixels).fill(1);
  let negative = 0;
  for (let i = 0; i < patterns.length; i++) {
    const [count, pixel] = [patterns[i], i % pixels];
    if (usable[pixel] === 0) continue;
    if (!Number.isFinite(count)) broken[pixel] = 1;
    else if (count < 0) negative += 1;
    if (!(count < 0 || (count >= LEAST_MARK && LARGEST_OF_TYPES.includes(count)))) marked[pixel] = 0;
  }
  const leaves = (pixel: number) => usable[pixel] === 1 && (broken[pixel] === 1 || marked[pixel] === 1);
  const counted = (kind: Uint8Array) => kind.reduce((sum, is, pixel) => sum + is * usable[pixel], 0);
  const [brokenPixels, markedPixels] = [counted(broken), counted(marked.map((is, i) => is & (1 - broken[i])))];
  const done: string[] = [];
  if (brokenPixels > 0) done.push(`pixels left out because they are NaN or infinite in some pattern: ${brokenPixels}`);
  if (markedPixels > 0)
    done.push(`pixels left out because they hold a mark for no number in every pattern: ${markedPixels}`);
  const left = usable.map((is, pixel) => (leaves(pixel) ? 0 : is));
  let cleaned = patterns;
  if (negative > 0) {
    cleaned = patterns.slice();
    let below = 0;
    for (let i = 0; i < cleaned.length; i++) {
      if (left[i % pixels] === 1 && cleaned[i] < 0) [cleaned[i], below] = [0, below + 1];
    }
    if (below > 0) done.push(`negative counts taken for 0: ${below}`);
  }
  if (done.length === 0) return { scan, done };
  return { scan: { ...scan, patterns: cleaned, mask: left }, done };
}
