/** What a pattern says about the support: how large it is, that it is larger than need be, and that starts need more room. */
import type { Problem, RealArray, Shape } from '../types.js';
import { extentAlong } from './autocorrelation.js';
import { provenExtent } from './extent.js';
import { checkMask, checkRealArray, checkShape, checkSupport, countOf, patternOf } from '../problems/image.js';
import { centredPattern } from './pattern.js';

/** What `estimateSupport` finds. */
export interface SupportEstimate {
  /** 1 in a rectangle at the top left, rows × columns of the pattern: magnitudes do not tell where an object lies. */
  support: Uint8Array<ArrayBuffer>;
  /** Rows and columns of the rectangle. */
  extent: Shape;
  /**
   * Whether the autocorrelation was seen to end along rows and along columns. Where it was not, the rectangle takes half of
   * the pattern, which is the most that magnitudes determine.
   */
  found: readonly [rows: boolean, columns: boolean];
}

/** Noise hides the weak end of an autocorrelation. A support that is a little too large costs far less than one too small. */
const MARGIN = { whole: 0.01, withHoles: 0.05 };

/**
 * Estimates the support of an object from its pattern. The inverse transform of the intensities is the autocorrelation,
 * which is twice as wide as the object. Where it ends sharply, the rectangle is as large as the object. Elsewhere it is about 1 %
 * larger than what is seen, and 5 % where parts were not measured. It suits objects that fill a rectangle; a support of the
 * object's own shape is better.
 *
 * @throws {@link InvalidArgumentError} where magnitudes and shape do not fit together
 *
 * ```ts
 * const { support, extent } = estimateSupport({ magnitudes, shape: [512, 512] });
 * ```
 */
export function estimateSupport(problem: Pick<Problem, 'magnitudes' | 'shape' | 'mask'>): SupportEstimate {
  const shape = checkShape('shape', problem.shape);
  const magnitudes = checkRealArray('magnitudes', problem.magnitudes, shape);
  const mask = checkMask(problem.mask, shape);
  const usable = mask ?? new Uint8Array(magnitudes.length).fill(1);
  const intensities = Float64Array.from(magnitudes, (magnitude, k) => (usable[k] ? magnitude * magnitude : 0));
  const pattern = centredPattern({ intensities, usable, shape, zero: [0, 0], counts: false });
  const margin = usable.includes(0) ? MARGIN.withHoles : MARGIN.whole;
  const seen = (['rows', 'columns'] as const).map((axis) => {
    const half = Math.max(1, Math.floor(shape[axis === 'rows' ? 0 : 1] / 2));
    const proven = provenExtent({ magnitudes, mask, shape }, axis === 'rows' ? 0 : 1);
    const extent = proven ?? extentAlong(pattern, axis);
    if (extent === undefined) return { found: false, side: half };
    return { found: true, side: Math.min(half, proven ?? Math.ceil(extent * (1 + margin)) + 1) };
  });
  const [height, width] = seen.map(({ side }) => side);
  const support = new Uint8Array(shape[0] * shape[1]);
  for (let row = 0; row < height; row++) support.fill(1, row * shape[1], row * shape[1] + width);
  return { support, extent: [height, width], found: [seen[0].found, seen[1].found] };
}

/** What `fitSupport` finds. */
export interface FittedSupport {
  /** 1 where the object may be non-zero. */
  support: Uint8Array<ArrayBuffer>;
  /** Its rows and columns: those of the smallest rectangle that holds it. */
  extent: Shape;
  /** Those of the support that was given. */
  given: Shape;
}

/**
 * Where noise is more than `NOISY` of the measured magnitudes, a support that ends where the object does leaves starts no room
 * on the way: they stop at images that are far off. On each side it gets this share of its extent more.
 */
const [NOISY, ROOM] = [0.06, 0.02];

/**
 * Fits the support of a real object to its pattern.
 *
 * Takes the middle of a rectangle that is larger than the object: where the autocorrelation of the pattern ends sharply, above its
 * noise, it tells the rows and columns of the object to the pixel; where in a larger support the object lies, magnitudes leave open.
 *
 * Where that is not known, and noise is more than 6 % of the measured magnitudes (by what those at k and −k differ by), gives
 * a support of any shape 2 % of its extent more room on each side, at least one pixel. The object may then lie anywhere in it.
 *
 * Undefined where the support stays as it is: nothing is certain and there is little noise, more room would be more than half of the
 * measured pixels, the object is complex, or there is no support.
 *
 * @throws {@link InvalidArgumentError} where magnitudes, mask or support do not fit the shape
 *
 * ```ts
 * const support = fitSupport(problem)?.support ?? problem.support;
 * ```
 */
export function fitSupport(
  problem: Pick<Problem, 'magnitudes' | 'shape' | 'mask' | 'support' | 'object'>,
): FittedSupport | undefined {
  const shape = checkShape('shape', problem.shape);
  const magnitudes = checkRealArray('magnitudes', problem.magnitudes, shape);
  const mask = checkMask(problem.mask, shape);
  const support = checkSupport(problem.support, shape);
  if (!support || problem.object === 'complex') return undefined;
  const spans = spansOf(support, shape);
  const given = { magnitudes, mask, shape, support, spans, extent: extentOf(spans) };
  return tightened(given) ?? loosened(given);
}

interface Given {
  magnitudes: RealArray;
  mask: Uint8Array | undefined;
  shape: Shape;
  support: Uint8Array;
  spans: Spans;
  extent: Shape;
}

function tightened({ magnitudes, mask, shape, support, spans, extent: given }: Given): FittedSupport | undefined {
  if (countOf(support) !== given[0] * given[1]) return undefined;
  const extent = given.map((side, axis) => {
    const proven = provenExtent({ magnitudes, mask, shape }, axis as 0 | 1);
    return Math.min(side, proven ?? side);
  }) as [number, number];
  if (extent.every((side, axis) => side === given[axis])) return undefined;
  const [rows, columns] = spans.map(({ first, length }, axis) => {
    const start = first + Math.floor((length - extent[axis]) / 2);
    return Array.from({ length: extent[axis] }, (_, i) => (start + i) % shape[axis]);
  });
  const tight = new Uint8Array(support.length);
  for (const row of rows) for (const column of columns) tight[row * shape[1] + column] = 1;
  return { support: tight, extent, given };
}

function loosened({ magnitudes, mask, shape, support, extent: given }: Given): FittedSupport | undefined {
  const { energy, asymmetry } = patternOf({ magnitudes, mask, shape, scale: 1 }, 'real');
  // Half of the noise of a pair is in its mean.
  if (!(2 * asymmetry > NOISY * NOISY * energy)) return undefined;
  const [down, right] = given.map((side) => Math.max(1, Math.round(ROOM * side)));
  const loose = widened(widened(support, shape, 0, down), shape, 1, right);
  const measured = mask ? countOf(mask) : support.length;
  if (2 * countOf(loose) > measured) return undefined;
  return { support: loose, extent: extentOf(spansOf(loose, shape)), given };
}

/** A support with so many pixels more on both sides of each pixel, along columns (axis 0) or rows (1), around the edges. */
function widened(support: Uint8Array, [rows, columns]: Shape, axis: 0 | 1, room: number): Uint8Array<ArrayBuffer> {
  const [length, step] = axis === 0 ? [rows, columns] : [columns, 1];
  const wide = Uint8Array.from(support);
  for (let at = 0; at < support.length; at++) {
    if (!support[at]) continue;
    const i = Math.floor(at / step) % length;
    for (const side of [-1, 1]) {
      for (let away = 1; away <= room; away++) {
        const other = at + (((i + side * away + length) % length) - i) * step;
        // Its neighbour reaches further.
        if (away === 1 && support[other]) break;
        wide[other] = 1;
      }
    }
  }
  return wide;
}

type Spans = [rows: Span, columns: Span];

const extentOf = ([rows, columns]: Spans): Shape => [rows.length, columns.length];

/** The rows and the columns of the smallest rectangle that holds a support, around the edges. */
export function spansOf(support: Uint8Array, [rows, columns]: Shape): Spans {
  const [inRows, inColumns] = [new Uint8Array(rows), new Uint8Array(columns)];
  for (let at = 0; at < support.length; at++) {
    if (!support[at]) continue;
    inRows[Math.floor(at / columns)] = 1;
    inColumns[at % columns] = 1;
  }
  return [spanOf(inRows), spanOf(inColumns)];
}

interface Span {
  first: number;
  length: number;
}

/** What is left of a line without the longest gap in it. */
function spanOf(line: Uint8Array): Span {
  let [first, longest, gap] = [0, 0, 0];
  for (let i = 0; i < 2 * line.length; i++) {
    gap = line[i % line.length] ? 0 : gap + 1;
    if (gap > longest) [first, longest] = [(i + 1) % line.length, gap];
  }
  return { first, length: line.length - Math.min(longest, line.length) };
}
