/** What of a scan's patterns are no counts: marks of a detector, NaN, and what lies below 0 after a subtraction. */
import { InvalidArgumentError } from '../../errors.js';
import { usableOf } from '../../inspect/pattern.js';
import { LARGEST_OF_TYPES } from '../../inspect/sentinels.js';
import type { Scan } from '../../scan-types.js';

export interface CleanedScan {
  scan: Scan;
  /** One line for each change. */
  done: string[];
}

/** A detector marks with the largest values of these types, not of smaller ones, which counts reach. */
const LEAST_MARK = 2 ** 15 - 1;
/** No pixel counts as many, so one pattern with the largest value of such a type tells that it is a mark. */
const LEAST_CERTAIN_MARK = 2 ** 31 - 1;

/** The count is the largest of a type, and so may mean that there is none. */
export function isMark(count: number): boolean {
  return count >= LEAST_MARK && LARGEST_OF_TYPES.includes(count);
}

/**
 * Leaves out pixels that in any pattern are NaN, infinite or the largest value of a type of 31 bits and more, or hold a
 * detector's mark, negative or the largest value of a smaller type, in every pattern. Other negative counts are taken for 0.
 * @throws InvalidArgumentError where a pattern holds no number, or nothing above 0 is left
 */
export function cleanScan(scan: Scan): CleanedScan {
  const { patterns, shape, mask } = scan;
  const pixels = shape[0] * shape[1];
  const usable = usableOf(mask, pixels);
  const broken = new Uint8Array(pixels);
  const marked = new Uint8Array(pixels).fill(1);
  const numbers = new Uint32Array(patterns.length / pixels);
  let negative = 0;
  for (let i = 0; i < patterns.length; i++) {
    const [count, pixel] = [patterns[i], i % pixels];
    if (usable[pixel] === 0) continue;
    const [below, mark] = [count < 0, isMark(count)];
    if (!Number.isFinite(count) || (mark && count >= LEAST_CERTAIN_MARK)) broken[pixel] = 1;
    else {
      numbers[Math.floor(i / pixels)] += 1;
      if (below) negative += 1;
      if (!below && !mark) marked[pixel] = 0;
    }
  }
  checkNumbers(numbers, usable);
  const leaves = (pixel: number) => usable[pixel] === 1 && (broken[pixel] === 1 || marked[pixel] === 1);
  const counted = (kind: Uint8Array) => kind.reduce((sum, is, pixel) => sum + is * usable[pixel], 0);
  const [brokenPixels, markedPixels] = [counted(broken), counted(marked.map((is, i) => is & (1 - broken[i])))];
  const done: string[] = [];
  if (brokenPixels > 0) done.push(`pixels left out because they hold no number in some pattern: ${brokenPixels}`);
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
  if (!cleaned.some((count, i) => count > 0 && left[i % pixels] === 1)) {
    throw noCounts('no count above 0 is left: all are 0 or negative, or no numbers in some pattern');
  }
  return { scan: { ...scan, patterns: cleaned, mask: left }, done };
}

const SHOWN = 5;

function checkNumbers(numbers: Uint32Array, usable: Uint8Array): void {
  // A mask that leaves nothing is refused with other words.
  if (!usable.includes(1)) return;
  const none = [...numbers.keys()].filter((j) => numbers[j] === 0);
  if (none.length === numbers.length)
    throw noCounts('none holds a number: all measured pixels are NaN, infinite or marks');
  if (none.length > 0) {
    const which = `${none.slice(0, SHOWN).join(', ')}${none.length > SHOWN ? ', …' : ''}`;
    throw noCounts(
      none.length === 1
        ? `number ${which}, counted from 0, holds no number; leave it out with its position`
        : `${none.length} of ${numbers.length} hold no number, counted from 0 those of number ${which}; leave them out with their positions`,
    );
  }
}

function noCounts(what: string): InvalidArgumentError {
  return new InvalidArgumentError('patterns', `patterns: ${what}`);
}
