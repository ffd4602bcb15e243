/**
 * Values that mean "no number" in detector images: numbers that are none, negative ones, the largest value of a type or of
 * a detector, single hot pixels, and the hole of a beamstop. Each function returns the pixels, in rising order.
 */
import type { RealArray, Shape } from '../types.js';
import type { Pattern } from './pattern.js';

/** Pixels that are NaN or infinite. */
export function notFinite(data: RealArray, usable: Uint8Array): number[] {
  return pixelsWhere(data, usable, (value) => !Number.isFinite(value));
}

export interface Negatives {
  pixels: number[];
  least: number;
  /** They are marks, such as −1, and not noise around zero: whole numbers, of at most three values. */
  marks: boolean;
}

/** Detectors mark pixels with this many different negative numbers at most. */
const MOST_MARKS = 3;

export function negatives(data: RealArray, usable: Uint8Array): Negatives {
  const pixels = pixelsWhere(data, usable, (value) => value < 0 && value !== -Infinity);
  const least = pixels.reduce((low, at) => Math.min(low, data[at]), 0);
  const values = new Set<number>();
  for (const at of pixels) if (values.size <= MOST_MARKS) values.add(data[at]);
  return { pixels, least, marks: values.size <= MOST_MARKS && [...values].every(Number.isInteger) };
}

/** Largest values of integer types and of the common detectors' counters and converters; Eiger also marks with 2³²−2. */
export const LARGEST_OF_TYPES: readonly number[] = [
  ...[7, 8, 10, 12, 14, 15, 16, 18, 20, 24, 31, 32, 53].map((bits) => 2 ** bits - 1),
  ...[16, 32].map((bits) => 2 ** bits - 2),
  // 2³¹−1, 2³²−1 and the largest number as float32 holds them, 2⁶³−1 and 2⁶⁴−1 as float64 does.
  ...[2 ** 31, 2 ** 32, 2 ** 128 - 2 ** 104, 2 ** 63, 2 ** 64],
];

export interface Saturation {
  value: number;
  pixels: number[];
  /** It is the largest value of an integer type or a detector. */
  ofType: boolean;
}

/** Numbers at one value happen by chance less often than this. */
const CHANCE = 1e-6;
/** Brightness beside a pixel that is marked, or hot, is less than this share of its value. */
const CONTRAST = 0.1;

/**
 * Pixels at the pattern's largest value, where that many cannot be there by chance: it is clipped, or a mark. Values below
 * the largest thin out towards it, so their density tells how many to expect at exactly one value. Found again and again,
 * since a file may have two marks.
 */
export function saturations({ intensities, usable, shape, zero, counts }: Pattern): Saturation[] {
  const found: Saturation[] = [];
  const left = usable.slice();
  // As many as there are marks in any detector's manual.
  while (found.length < 4) {
    const saturation = saturationOf(intensities, left, shape, zero, counts);
    if (saturation === undefined) break;
    found.push(saturation);
    for (const at of saturation.pixels) left[at] = 0;
  }
  return found;
}

function saturationOf(
  data: Float64Array,
  usable: Uint8Array,
  shape: Shape,
  zero: Pattern['zero'],
  counts: boolean,
): Saturation | undefined {
  const value = largest(data, usable);
  if (!(value > 0)) return undefined;
  const pixels = pixelsWhere(data, usable, (other) => other === value);
  const ofType = counts && LARGEST_OF_TYPES.includes(value);
  // Counts scatter by their square root, so that a window must be wider than that to tell a density.
  const width = Math.min(value, Math.max(value / 10, counts ? 3 * Math.sqrt(value) : 0));
  let near = 0;
  for (let at = 0; at < data.length; at++) if (usable[at] && data[at] < value && data[at] >= value - width) near++;
  // Without a step between values, two are equal only where the pattern's symmetry makes them so.
  const expected = counts ? (near + 1) / width : 0;
  const byChance = chanceOf(pixels.length, expected) > CHANCE;
  const several = pixels.length >= 3 && !byChance && (pixels.length >= 5 || ofType || haveNeighbours(pixels, shape));
  if (several) return { value, pixels, ofType };
  // One or two marks: of a type, and alone in the dark. A picture scaled to a type has its largest value there too, but in
  // the middle of its light.
  const alone = pixels.every((at) => brightestBeside(data, usable, shape, at) < CONTRAST * value);
  const atZero = pixels.some((at) => isNear(at, zero, shape));
  return ofType && alone && !atZero && value > 127 ? { value, pixels, ofType } : undefined;
}

/** The probability of `count` at this mean: that of more is little against it where the mean is well below the count. */
function chanceOf(count: number, mean: number): number {
  if (mean >= count) return 1;
  let probability = Math.exp(-mean);
  for (let i = 1; i <= count; i++) probability *= mean / i;
  return probability;
}

function haveNeighbours(pixels: readonly number[], [, columns]: Shape): boolean {
  const all = new Set(pixels);
  const beside = (at: number) => [1, columns - 1, columns, columns + 1].filter((step) => all.has(at + step)).length;
  return pixels.reduce((count, at) => count + beside(at), 0) >= pixels.length / 2;
}

/**
 * Pixels far brighter than all of their neighbours and than what is opposite, away from the zero frequency: no speckle is
 * as sharp, and Bragg peaks come in pairs.
 */
export function hotPixels({ intensities, usable, shape, zero, counts }: Pattern): number[] {
  const [rows, columns] = shape;
  const light = intensities.reduce((sum, value) => sum + value, 0);
  const least = HOT_SHARE * light;
  const pixels: number[] = [];
  for (let at = 0; at < intensities.length; at++) {
    const value = intensities[at];
    if (!(value > least) || isNear(at, zero, shape)) continue;
    const beside = brightestBeside(intensities, usable, shape, at);
    const row = (2 * Math.round(zero[0]) - Math.floor(at / columns) + 2 * rows) % rows;
    const column = (2 * Math.round(zero[1]) - (at % columns) + 2 * columns) % columns;
    const other = row * columns + column;
    const opposite = Math.max(
      usable[other] ? intensities[other] : 0,
      brightestBeside(intensities, usable, shape, other),
    );
    const dark = Math.max(beside, opposite);
    // Ten counts beside none are no chance.
    if (value > dark / CONTRAST && (!counts || value > 10 + dark + 10 * Math.sqrt(dark))) pixels.push(at);
  }
  return pixels;
}

/** A hot pixel matters when its magnitude is a hundredth of the pattern's norm. */
const HOT_SHARE = 1e-4;

/** The largest of the neighbours' other values: marks of one value may lie side by side. */
function brightestBeside(data: Float64Array, usable: Uint8Array, shape: Shape, at: number): number {
  let brightest = 0;
  for (const other of neighbours(at, shape)) {
    if (usable[other] && data[other] > brightest && data[other] !== data[at]) brightest = data[other];
  }
  return brightest;
}

/** Within a pixel of the zero frequency, around the edges. */
function isNear(at: number, [zeroRow, zeroColumn]: Pattern['zero'], [rows, columns]: Shape): boolean {
  return around(Math.floor(at / columns) - zeroRow, rows) <= 1.5 && around((at % columns) - zeroColumn, columns) <= 1.5;
}

function around(distance: number, size: number): number {
  const rest = ((distance % size) + size) % size;
  return Math.min(rest, size - rest);
}

/** A ring this bright in counts has no dark pixel by chance. */
const CERTAIN_COUNTS = 15;
/** Without counts, a ring is bright that has this share of the brightest ring's mean. */
const BRIGHT_RING = 1e-3;

/**
 * Zeros around the zero frequency, where light must be: behind a beamstop, and its holder. They are connected, inside the
 * first ring of which half is lit, or on a ring that is too bright to have zeros.
 */
export function beamstopHole({ intensities, usable, shape, zero, counts }: Pattern): number[] {
  const [rows, columns] = shape;
  const start = Math.round(zero[0]) * columns + Math.round(zero[1]);
  if (!usable[start] || intensities[start] > 0) return [];
  const radiusOf = (at: number) =>
    Math.floor(
      Math.hypot(around(Math.floor(at / columns) - zero[0], rows), around((at % columns) - zero[1], columns)) + 0.5,
    );
  const rings = Array.from({ length: rows + columns }, () => ({ pixels: 0, lit: 0, light: 0 }));
  for (let at = 0; at < intensities.length; at++) {
    if (!usable[at]) continue;
    const ring = rings[radiusOf(at)];
    ring.pixels++;
    if (intensities[at] > 0) ring.lit++;
    ring.light += intensities[at];
  }
  const brightness = rings.map(({ pixels, light }) => (pixels > 0 ? light / pixels : 0));
  const bright = counts ? CERTAIN_COUNTS : BRIGHT_RING * Math.max(...brightness);
  const edge = rings.findIndex(({ pixels, lit }) => pixels > 0 && 2 * lit > pixels);
  // The first lit ring has to be bright itself, or these are the zeros of a dim pattern.
  if (edge < 0 || Math.max(...brightness.slice(edge, edge + 3)) < bright) return [];
  const hole = new Set([start]);
  for (const at of hole) {
    for (const other of neighbours(at, shape)) {
      if (!usable[other] || intensities[other] > 0) continue;
      const radius = radiusOf(other);
      if (radius <= edge || brightness[radius] >= bright) hole.add(other);
    }
  }
  return [...hole].sort((a, b) => a - b);
}

/** No count here and n opposite, where both have one mean, has probability 2⁻ⁿ: too little for 10⁷ pixels. */
const OPPOSITE_COUNTS = 40;

/** Beside a dead pixel, fewer counts opposite tell that a zero belongs to it. */
const BESIDE_COUNTS = 5;

/**
 * Zeros whose opposite is bright, and zeros beside them: dead pixels, and gaps between a detector's modules. Means
 * something for real objects only.
 */
export function deadPixels({ intensities, usable, shape, zero, counts }: Pattern): number[] {
  const [rows, columns] = shape;
  const opposite = (at: number) => {
    const row = (2 * Math.floor(zero[0]) - Math.floor(at / columns) + 2 * rows) % rows;
    const column = (2 * Math.floor(zero[1]) - (at % columns) + 2 * columns) % columns;
    return intensities[row * columns + column];
  };
  // The least that is not zero may be one count, where counts are too many to tell.
  const count = counts
    ? 1
    : intensities.reduce((least, value) => (value > 0 ? Math.min(least, value) : least), Infinity);
  const isZero = (at: number) => usable[at] === 1 && intensities[at] === 0;
  const dead = new Set<number>();
  for (let at = 0; at < intensities.length; at++) {
    if (isZero(at) && opposite(at) > OPPOSITE_COUNTS * count) dead.add(at);
  }
  // A set is walked with what is added on the way.
  for (const at of dead) {
    for (const other of neighbours(at, shape)) {
      if (isZero(other) && opposite(other) > BESIDE_COUNTS * count) dead.add(other);
    }
  }
  return [...dead].sort((a, b) => a - b);
}

/** The eight pixels around one, around the edges. */
function neighbours(at: number, [rows, columns]: Shape): number[] {
  const [row, column] = [Math.floor(at / columns), at % columns];
  const beside: number[] = [];
  for (let down = -1; down <= 1; down++) {
    for (let right = -1; right <= 1; right++) {
      if (down === 0 && right === 0) continue;
      beside.push(((row + down + rows) % rows) * columns + ((column + right + columns) % columns));
    }
  }
  return beside;
}

function largest(data: Float64Array, usable: Uint8Array): number {
  let value = -Infinity;
  for (let at = 0; at < data.length; at++) if (usable[at] && data[at] > value) value = data[at];
  return value;
}

function pixelsWhere(data: RealArray, usable: Uint8Array, test: (value: number) => boolean): number[] {
  const pixels: number[] = [];
  for (let at = 0; at < data.length; at++) if (usable[at] && test(data[at])) pixels.push(at);
  return pixels;
}
