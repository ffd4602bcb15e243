/**
 * How many rows and columns an object has, to the pixel, where its autocorrelation tells without doubt. At the largest
 * shift only the first and the last line of the object lie over each other, so that nothing can cancel there.
 */
import { opposite } from '../problems/image.js';
import type { RealArray, Shape } from '../types.js';

/** Lines of frequencies through the autocorrelation that are looked at, from zero on: most of the light is in them. */
const LINES = 32;
/** Of a line's frequencies, those that are measured on both sides of zero, which tell the noise. */
const FEWEST_PAIRS = 0.75;
/** Relative error of an intensity whose magnitude was rounded to single precision, with something to spare. */
const ROUNDING = 2 ** -22;
/** A shift is seen where its energy is so many standard deviations above that of noise. */
const SEEN = 6;
/**
 * The largest shift that is seen must have at least so many times the size that is just seen. The autocorrelation of an object
 * with sharp edges does. That of an object that fades fades too, and ends where noise hides it.
 */
const LEAST_STEP = 3;
/**
 * Sharp edges make a slope that is straight: a shift so many before the end has so many times the size of the last. A faint
 * rim or a ramp bends it. So much more is allowed, over this share of the extent.
 */
const [MOST_BEND, BEND_SHARE] = [2, 1 / 8];

/** Intensities that are noise, or nearly flat, have an autocorrelation that ends at once. It proves nothing. */
const LEAST_EXTENT = 4;

/**
 * The number of rows (axis 0) or columns (1) of a real object. Undefined where the autocorrelation does not end, has gaps, fades
 * into the noise, or could not be measured. Noise is what intensities at k and −k differ by. Lines of frequencies that are
 * not measured as a whole, as behind a beam stop, are left out.
 */
export function provenExtent(
  { magnitudes, mask, shape }: { magnitudes: RealArray; mask?: Uint8Array | undefined; shape: Shape },
  axis: 0 | 1,
): number | undefined {
  const [length, across] = axis === 0 ? shape : [shape[1], shape[0]];
  const [step, lineStep] = axis === 0 ? [shape[1], 1] : [1, shape[1]];
  const half = Math.floor(length / 2);
  const angles = Float64Array.from({ length }, (_, i) => (2 * Math.PI * i) / length);
  const [cosines, sines] = [angles.map(Math.cos), angles.map(Math.sin)];
  /** For each shift the sum of the squares of independent numbers, in units of the variance that noise gives them. */
  const energies = new Float64Array(half + 1);
  const counts = new Uint32Array(half + 1);
  const lines: Line[] = [];
  for (let line = 0; 2 * line <= across && lines.length < LINES; line++) {
    const found = lineOf({ magnitudes, mask, shape }, line * lineStep, step, length);
    if (found) lines.push({ ...found, isReal: (2 * line) % across === 0 });
  }
  const sum = (of: (line: Line) => number) => lines.reduce((total, line) => total + of(line), 0);
  // Counts differ by the root of their sum. So many units of intensity are one count.
  const unit = sum(({ differences }) => differences) / sum(({ pairs }) => pairs);
  for (const { intensities, isReal, counted, noise, rounding } of lines) {
    // Some bright frequencies have most of the noise, and may happen to differ by little.
    const variance = Math.max(noise, unit * counted) + rounding;
    for (let shift = 0; shift <= half; shift++) {
      let [re, im] = [0, 0];
      for (let i = 0, at = 0; i < length; i++) {
        re += intensities[i] * cosines[at];
        im += intensities[i] * sines[at];
        at += shift;
        if (at >= length) at -= length;
      }
      // Real are the transform of a line that is its own opposite, and all at a shift of half the length.
      const parts = isReal || (2 * shift) % length === 0 ? 1 : 2;
      energies[shift] += (parts * (re * re + im * im)) / variance;
      counts[shift] += parts;
    }
  }
  if (lines.length === 0) return undefined;
  /** In units of what is just seen. */
  const sizes = energies.map((energy, shift) => {
    const count = counts[shift];
    return Math.sqrt(Math.max(0, energy - count) / (SEEN * Math.sqrt(2 * count)));
  });
  const end = sizes.findIndex((size) => size < 1);
  if (end < LEAST_EXTENT || sizes.subarray(end).some((size) => size >= 1)) return undefined;
  const last = sizes[end - 1];
  if (last < LEAST_STEP) return undefined;
  for (let k = 2; k <= BEND_SHARE * end; k++) if (sizes[end - k] > MOST_BEND * k * last) return undefined;
  return end;
}

/** A line of frequencies, and what tells the variance that noise gives to a number of its transform. */
interface Line {
  /** The means of those at k and −k. */
  intensities: Float64Array;
  /** The line is its own opposite. */
  isReal: boolean;
  /** Pairs that are measured on both sides and not dark, and the sum of their squared differences over their sums. */
  pairs: number;
  differences: number;
  /** The variance by the squared differences, and that of counts for a unit of intensity. */
  noise: number;
  counted: number;
  /** The variance by rounding. */
  rounding: number;
}

/** Undefined where too little of the line is measured, or all of it is dark. */
function lineOf(
  { magnitudes, mask, shape }: { magnitudes: RealArray; mask?: Uint8Array | undefined; shape: Shape },
  first: number,
  step: number,
  length: number,
): Omit<Line, 'isReal'> | undefined {
  const intensities = new Float64Array(length);
  let [known, pairs, differences, noise, counted, squares] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < length; i++) {
    const k = first + i * step;
    const minusK = opposite(k, shape);
    const [isKnown, isOtherKnown] = [mask?.[k] !== 0, mask?.[minusK] !== 0];
    if (!isKnown && !isOtherKnown) return undefined;
    const [one, other] = [magnitudes[isKnown ? k : minusK] ** 2, magnitudes[isOtherKnown ? minusK : k] ** 2];
    const both = isKnown && isOtherKnown && k !== minusK;
    const mean = (one + other) / 2;
    intensities[i] = mean;
    counted += both ? mean / 2 : mean;
    squares += mean * mean;
    if (!both) continue;
    known += 1;
    noise += (one - other) ** 2 / 4;
    if (mean === 0) continue;
    pairs += 1;
    differences += (one - other) ** 2 / (2 * mean);
  }
  if (known < FEWEST_PAIRS * length || squares === 0) return undefined;
  return {
    intensities,
    pairs,
    differences,
    noise: (noise * length) / known,
    counted,
    rounding: squares * ROUNDING ** 2,
  };
}
