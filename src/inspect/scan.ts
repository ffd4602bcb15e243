/**
 * What the patterns of a scan say is wrong with them, by the finders that look at single patterns. Patterns of complex objects
 * are not symmetric, so what only symmetry tells is left out.
 */
import { roll } from '../tools/roll.js';
import type { Shape } from '../types.js';
import type { Warning } from '../warnings.js';
import { about, percent, saturatedWords, HOT_WORDS } from './findings.js';
import { quantumOf } from './look.js';
import { type Pattern, middle, quantile } from './pattern.js';
import { hotPixels, saturations } from './sentinels.js';

/** The numbers of a scan by pixel, with the zero frequency where it was taken to be, at [0, 0]. */
export interface ScanNumbers {
  shape: Shape;
  /** 1 where measured. */
  usable: Uint8Array;
  /** Counts of all patterns together, whether they were measured or not; 0 for what is no number. */
  sums: Float64Array;
  /** The greatest count of any pattern; 0 where not measured. */
  greatest: Float64Array;
  /** The pattern with the most light; 0 where not measured. */
  brightest: Float64Array;
  /** All measured counts are whole numbers. */
  whole: boolean;
}

const LEAVE_OUT = '--mask takes an image that is 0 there';

/** Warnings about the patterns of a scan. Their places are rows and columns with the zero frequency in the middle. */
export function inspectScan({ shape, usable, sums, greatest, brightest, whole }: ScanNumbers): Warning[] {
  const zero = middle(shape);
  const light = sums.map((sum, i) => sum * usable[i]);
  const centred = (intensities: Float64Array): Pattern => ({
    ...{ intensities: roll(intensities, shape, zero), usable: roll(usable, shape, zero) },
    ...{ shape, zero, counts: whole },
  });
  const warnings = maskWarnings(usable, sums);
  const saturated = saturations(centred(greatest));
  for (const { value, pixels, ofType } of saturated) {
    const message = `${saturatedWords(value, ofType)}, in some pattern; ${LEAVE_OUT}`;
    warnings.push(...about('SATURATED', 'patterns', pixels, shape, message, { value, option: '--mask' }));
  }
  const named = new Set(saturated.flatMap(({ pixels }) => pixels));
  const mean = centred(light);
  const hot = hotPixels(mean).filter((pixel) => !named.has(pixel));
  warnings.push(...about('HOT_PIXELS', 'patterns', hot, shape, `${HOT_WORDS}; ${LEAVE_OUT}`, { option: '--mask' }));
  if (!whole && isRootOfCounts(brightest)) {
    const message =
      'patterns: they look like magnitudes, square roots of counts, and were taken for counts: square them first';
    warnings.push({ code: 'LOOKS_LIKE_MAGNITUDES', message });
  }
  for (const at of [...named, ...hot]) mean.intensities[at] = 0;
  return [...warnings, ...centreWarnings(middleOf(mean), shape)];
}

const HALF = 0.5;

function maskWarnings(usable: Uint8Array, sums: Float64Array): Warning[] {
  const measured = usable.reduce((count, is) => count + is, 0) / usable.length;
  const words =
    'is it the other way round? --mask is 0 where nothing was measured, and the mask in a CXI file is 0 where a pixel is good';
  if (measured < HALF) {
    const message = `mask: only ${percent(measured)} of the pixels count as measured; ${words}`;
    return [{ code: 'FEW_MEASURED', message, value: measured, option: '--mask' }];
  }
  // A few hot pixels, which the mask rightly leaves out, may hold most of the counts: no pixel counts for more than 99 of 100 do.
  const magnitudes = sums.map(Math.sqrt);
  const ceiling = quantile(magnitudes, 0.99);
  let [all, hidden] = [0, 0];
  magnitudes.forEach((magnitude, i) => {
    const light = Math.min(magnitude, ceiling);
    all += light;
    if (!usable[i]) hidden += light;
  });
  if (!(hidden > HALF * all)) return [];
  const message = `mask: most of the light is where the mask says that nothing was measured; ${words}`;
  return [{ code: 'MASKED_LIGHT', message, value: hidden / all, option: '--mask' }];
}

/** Not multiples of any number themselves, and their squares are. */
function isRootOfCounts(pattern: Float64Array): boolean {
  return quantumOf(pattern) === 0 && quantumOf(pattern.map((value) => value * value)) > 0;
}

/** Less of |Σ I·exp(2πi·row/rows)| / Σ I tells no middle: the light is everywhere, or in a ring near the edges. */
const LEAST_CONCENTRATION = 0.3;

/**
 * Rows and columns from the zero frequency to the middle of the light: its mean around a circle, to which light across the edges
 * is as near as any. 0 where the light has no middle.
 */
function middleOf({ intensities, shape: [rows, columns], zero }: Pattern): [number, number] {
  const along = (size: number, from: number, indexOf: (i: number) => number) => {
    const angles = Float64Array.from({ length: size }, (_, index) => (2 * Math.PI * (index - from)) / size);
    const [cosines, sines] = [angles.map(Math.cos), angles.map(Math.sin)];
    let [total, re, im] = [0, 0, 0];
    intensities.forEach((value, i) => {
      total += value;
      re += value * cosines[indexOf(i)];
      im += value * sines[indexOf(i)];
    });
    return Math.hypot(re, im) < LEAST_CONCENTRATION * total ? 0 : (size * Math.atan2(im, re)) / (2 * Math.PI);
  };
  return [along(rows, zero[0], (i) => Math.floor(i / columns)), along(columns, zero[1], (i) => i % columns)];
}

/** Of a side: nearer, the middle of the light is no reason to doubt the zero frequency. */
const FAR = 1 / 8;

function centreWarnings(away: readonly [number, number], shape: Shape): Warning[] {
  const share = away.map((distance, axis) => Math.abs(distance) / shape[axis]);
  const [row, column] = middle(shape);
  if (share.every((one) => one > HALF - FAR)) {
    const message =
      `patterns: they are brightest at their corners, and the zero frequency was taken to be at row ${row}, column ${column}: ` +
      'in files it is in the middle, where numpy.fft.fftshift(patterns, axes=(-2, -1)) brings it';
    return [{ code: 'ZERO_FREQUENCY_AT_CORNER', message }];
  }
  if (share.every((one) => one <= FAR)) return [];
  const place = [Math.round(row + away[0]), Math.round(column + away[1])] as const;
  const message = `patterns: the middle of their light is at row ${place[0]}, column ${place[1]} of the detector, and the zero frequency was taken to be at ${row}, ${column}`;
  return [{ code: 'OFF_CENTER', message, places: [place] }];
}
