/**
 * One look at the numbers of a pattern, whether they are a file's or a problem's: what in them are no numbers, where their
 * zero frequency is, whether they are symmetric about it, and what they are.
 */
import { backgroundLevel } from './background.js';
import { looksLikeOther } from './autocorrelation.js';
import { type Centre, brightest, findCentre, isBetter, symmetryNear } from './centre.js';
import { type Pattern, areWhole, centredPattern, middle } from './pattern.js';
import {
  type Negatives,
  type Saturation,
  beamstopHole,
  deadPixels,
  hotPixels,
  negatives,
  notFinite,
  saturations,
} from './sentinels.js';
import { type Symmetry, isAsymmetric } from './symmetry.js';
import type { RealArray, Shape } from '../types.js';

export interface Numbers {
  data: RealArray;
  shape: Shape;
  /** 1 where the mask says that it was measured. */
  usable: Uint8Array;
  /** What they are taken for. */
  taken: 'magnitudes' | 'intensities';
  /** Where the zero frequency is taken to be. */
  zero: readonly [row: number, column: number];
}

/** All that was seen; empty lists and undefined where there is nothing to say. */
export interface Look {
  notFinite: number[];
  negatives: Negatives;
  saturations: Saturation[];
  hot: number[];
  dead: number[];
  hole: number[];
  /** Every measured pixel has the same value. */
  flat: boolean;
  whole: boolean;
  /** Intensities of one count; 0 where they are no multiples of any number. */
  quantum: number;
  /** About the zero frequency as it was taken, of all numbers. */
  taken: Symmetry;
  /** About the best centre, of what is left. */
  symmetry: Symmetry;
  /** The best centre, where it is not the one that was taken. */
  centre: Centre | undefined;
  /** The zero frequency is where the other convention has it. */
  otherConvention: boolean;
  asymmetric: boolean;
  looksLikeOther: boolean;
  background: number | undefined;
  /** The pattern without what is no number, in counts where there are any, and its best zero frequency. */
  pattern: Pattern;
}

/** Looks at the numbers. Takes a tenth of a second for a million. */
export function look({ data, shape, usable: measured, taken, zero }: Numbers): Look {
  const usable = measured.slice();
  const exclude = (pixels: readonly number[]) => {
    for (const at of pixels) usable[at] = 0;
  };
  const bad = notFinite(data, usable);
  exclude(bad);
  const negative = negatives(data, usable);
  if (negative.marks) exclude(negative.pixels);
  const whole = areWhole(data, usable);
  // Whole numbers are counts, whatever they were taken for.
  const squared = taken === 'magnitudes' && !whole;
  const intensities = new Float64Array(data.length);
  for (let at = 0; at < data.length; at++) {
    const value = usable[at] && data[at] > 0 ? data[at] : 0;
    intensities[at] = squared ? value * value : value;
  }
  const quantum = whole ? 1 : quantumOf(intensities);
  if (quantum > 0 && quantum !== 1) for (let at = 0; at < intensities.length; at++) intensities[at] /= quantum;
  const pattern: Pattern = { intensities, usable, shape, zero, counts: quantum > 0 };
  const leaveOut = (pixels: readonly number[]) => {
    exclude(pixels);
    for (const at of pixels) intensities[at] = 0;
  };
  const saturated = saturations(pattern);
  for (const { pixels } of saturated) leaveOut(pixels);
  const flat = isFlat(intensities, usable) || saturated.some(({ pixels }) => 2 * pixels.length > data.length);

  const first = symmetryNear(pattern, zero);
  const found = !flat && isAsymmetric(first) ? findCentre(pattern) : undefined;
  const otherConvention = !flat && isOtherConvention(pattern, found);
  const moved = found !== undefined && distance(found.centre, zero, shape) >= 0.5 && isBetter(found.symmetry, first);
  const other = zero[0] === 0 && zero[1] === 0 ? middle(shape) : ([0, 0] as const);
  const centre = moved && !otherConvention ? found : undefined;
  const at = { ...pattern, zero: otherConvention ? other : (centre?.centre ?? zero) };

  const hole = beamstopHole(at);
  leaveOut(hole);
  const hot = hotPixels(at);
  leaveOut(hot);
  let symmetry = hole.length + hot.length > 0 ? symmetryNear(pattern, at.zero) : (centre?.symmetry ?? first);
  let dead = negative.marks && (isAsymmetric(symmetry) || hasZeros(pattern)) ? deadPixels(at) : [];
  if (dead.length > 0) {
    const without = { ...pattern, usable: usable.slice() };
    for (const pixel of dead) without.usable[pixel] = 0;
    const rest = symmetryNear(without, at.zero);
    // An object that is not real has zeros opposite to light by right.
    if (isAsymmetric(symmetry) && rest.asymmetry > symmetry.asymmetry / 2) dead = [];
    else [symmetry] = [rest, leaveOut(dead)];
  }
  const asymmetric = !flat && isAsymmetric(symmetry);
  const centred = centredPattern({ ...at, zero: wholePixel(at.zero) });
  return {
    ...{ notFinite: bad, negatives: negative, saturations: saturated, hot, dead, hole, flat, whole, quantum },
    ...{ taken: first, symmetry, centre, otherConvention, asymmetric, pattern: at },
    looksLikeOther:
      !flat && !asymmetric && (whole ? taken === 'magnitudes' && !isPicture(data) : looksLikeOther(centred, taken)),
    background: flat ? undefined : backgroundLevel(at),
  };
}

/** A picture is scaled to the whole range of its type: whole numbers that say nothing about what they are. */
function isPicture(data: RealArray): boolean {
  let [greatest, count] = [-Infinity, 0];
  for (const value of data) {
    if (value > greatest) [greatest, count] = [value, 0];
    if (value === greatest) count++;
  }
  return (greatest === 255 || greatest === 65535) && count <= 2;
}

/** Larger multiples are not told from other numbers in float32. */
const LARGEST_MULTIPLE = 1e4;
/** Squares of float32 roots are off a multiple by up to a quarter of this, at the largest multiple. */
const MULTIPLE_ERROR = 0.01;

/**
 * The intensity of one count, where intensities are multiples of their smallest, as scaled counts and the squares of their
 * roots are; 0 where they are not.
 */
export function quantumOf(intensities: Float64Array): number {
  let quantum = Infinity;
  for (const value of intensities) if (value > 0 && value < quantum) quantum = value;
  let several = 0;
  for (const value of intensities) {
    const multiple = value / quantum;
    if (multiple > LARGEST_MULTIPLE) continue;
    if (Math.abs(multiple - Math.round(multiple)) > MULTIPLE_ERROR) return 0;
    if (multiple > 1.5) several++;
  }
  return several > 4 ? quantum : 0;
}

function hasZeros({ intensities, usable }: Pattern): boolean {
  return intensities.some((value, at) => value === 0 && usable[at] === 1);
}

function isFlat(intensities: Float64Array, usable: Uint8Array): boolean {
  let first: number | undefined;
  for (let at = 0; at < intensities.length; at++) {
    if (!usable[at]) continue;
    first ??= intensities[at];
    if (intensities[at] !== first) return false;
  }
  return true;
}

/** So many times as bright as where the zero frequency is taken to be. */
const PLAINLY_BRIGHTER = 3;

/**
 * The light is in the middle and was taken to be at the corner, or the other way round. The array is as symmetric about
 * the one as about the other, so only brightness tells.
 */
function isOtherConvention(pattern: Pattern, found: Centre | undefined): boolean {
  const { shape, zero } = pattern;
  const other = zero[0] === 0 && zero[1] === 0 ? middle(shape) : ([0, 0] as const);
  // The brightest place costs several passes over the pattern, which few patterns need.
  if (!(lightAround(pattern, other) > PLAINLY_BRIGHTER * lightAround(pattern, zero))) return false;
  const light = found?.centre ?? brightest(pattern);
  const near = Math.max(1, Math.min(...shape) / 16);
  return distance(light, other, shape) <= (found ? 0.25 : near) && distance(light, zero, shape) > 1;
}

/** Magnitudes in the rectangle of a quarter of the pattern's sides around a point. */
function lightAround({ intensities, shape: [rows, columns] }: Pattern, [row, column]: readonly [number, number]) {
  let light = 0;
  for (let down = -Math.floor(rows / 8); down <= rows / 8; down++) {
    for (let right = -Math.floor(columns / 8); right <= columns / 8; right++) {
      const at = ((row + down + rows) % rows) * columns + ((column + right + columns) % columns);
      light += Math.sqrt(intensities[at]);
    }
  }
  return light;
}

/** The larger of the distances in rows and columns, around the edges. */
function distance(
  [row, column]: readonly [number, number],
  [otherRow, otherColumn]: readonly [number, number],
  [rows, columns]: Shape,
): number {
  const around = (difference: number, size: number) => {
    const rest = Math.abs(difference) % size;
    return Math.min(rest, size - rest);
  };
  return Math.max(around(row - otherRow, rows), around(column - otherColumn, columns));
}

function wholePixel([row, column]: readonly [number, number]): readonly [number, number] {
  return [Math.floor(row), Math.floor(column)];
}

/** A look at an image, and what its numbers and its zero frequency were taken for. */
export interface ImageLook {
  seen: Look;
  intensity: boolean;
  centered: boolean;
}

/** Looks at an image, which tells by itself what its options do not. */
export function lookAtImage(
  data: RealArray,
  shape: Shape,
  usable: Uint8Array,
  { intensity, centered }: { intensity?: boolean | undefined; centered?: boolean | undefined },
): ImageLook {
  const zeroOf = (inMiddle: boolean) => (inMiddle ? middle(shape) : ([0, 0] as const));
  const lookAs = (asIntensity: boolean, inMiddle: boolean) =>
    look({ data, shape, usable, taken: asIntensity ? 'intensities' : 'magnitudes', zero: zeroOf(inMiddle) });
  const guess = { intensity: intensity ?? false, centered: centered ?? true };
  let seen = lookAs(guess.intensity, guess.centered);
  const other = {
    intensity: intensity ?? seen.looksLikeOther,
    centered: centered ?? !seen.otherConvention,
  };
  const same = other.intensity === guess.intensity && other.centered === guess.centered;
  if (!same) seen = lookAs(other.intensity, other.centered);
  return { seen, ...other };
}

/** Background in the units of the intensities that were given. */
export function levelOf({ background, quantum }: Look): number | undefined {
  return background === undefined ? undefined : background * (quantum || 1);
}
