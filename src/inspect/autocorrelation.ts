/**
 * The inverse transform of intensities is the object's autocorrelation, which ends where the object does: twice as wide
 * less a pixel. That of magnitudes, or of squared intensities, does not. So it tells what the numbers are, and how large
 * the support has to be, without a single iteration.
 */
import { type Pattern, middle } from './pattern.js';
import { transform } from './transform.js';

/** The root of the mean square of an autocorrelation at each shift along an axis, from 0 to half the field, in samples. */
export interface Autocorrelation {
  rows: Float64Array;
  columns: Float64Array;
}

/** Longest side of the part around the zero frequency that is transformed: larger ones show no more of the extent. */
const LARGEST_PART = 256;

/**
 * The autocorrelation of the part of a centred pattern around its zero frequency; pixels that are not usable take their
 * opposite's value. Undefined where a pixel near the zero frequency, and so most of the light, is not known.
 */
export function autocorrelation(pattern: Pattern, power: 0.25 | 0.5 | 1 | 2): Autocorrelation | undefined {
  const [rows, columns] = pattern.shape;
  const [middleRow, middleColumn] = middle(pattern.shape);
  const { intensities, usable } = pattern;
  const [height, width] = [Math.min(rows, LARGEST_PART), Math.min(columns, LARGEST_PART)];
  const size = 2 ** Math.ceil(Math.log2(Math.max(height, width, 2)));
  const image = { re: new Float64Array(size * size), im: new Float64Array(size * size), size };
  for (let row = -Math.floor(height / 2); row < height / 2; row++) {
    for (let column = -Math.floor(width / 2); column < width / 2; column++) {
      const at = (middleRow + row) * columns + middleColumn + column;
      const opposite = ((middleRow - row + rows) % rows) * columns + ((middleColumn - column + columns) % columns);
      const known = usable[at] ? at : opposite;
      if (!usable[known]) {
        if (Math.hypot(row / height, column / width) < 1 / 16) return undefined;
        continue;
      }
      const value = intensities[known];
      const taper = hann(row / height) * hann(column / width);
      const to = ((row + size) % size) * size + ((column + size) % size);
      image.re[to] = taper * value ** power;
    }
  }
  transform(image);
  return { rows: profile(image.re, image.im, size, size, 1), columns: profile(image.re, image.im, size, 1, size) };
}

/** 1 in the middle and 0 at ±1/2. */
function hann(position: number): number {
  return Math.cos(Math.PI * position) ** 2;
}

function profile(re: Float64Array, im: Float64Array, size: number, step: number, across: number): Float64Array {
  return Float64Array.from({ length: size / 2 + 1 }, (_, shift) => {
    let sum = 0;
    for (let i = 0, at = shift * step; i < size; i++, at += across) sum += re[at] ** 2 + im[at] ** 2;
    return Math.sqrt(sum / size);
  });
}

/** The part of the field, in shifts from half of it, that only the widest objects' autocorrelations reach. */
const OUTER = 0.94;

/** How much of a transform is at the largest shifts: next to nothing for an autocorrelation with room around it. */
export function spread({ rows, columns }: Autocorrelation): number {
  return Math.sqrt(outerShare(rows) * outerShare(columns));
}

function outerShare(profile: Float64Array): number {
  const last = profile.length - 1;
  const rms = (from: number, end: number) => {
    let sum = 0;
    for (let i = from; i < end; i++) sum += profile[i] ** 2;
    return Math.sqrt(sum / Math.max(1, end - from));
  };
  return rms(Math.floor(OUTER * last), last + 1) / (rms(Math.min(2, last), Math.floor(0.6 * last) + 1) || 1);
}

/**
 * What the numbers of a pattern are that are taken for `taken`: the others where those have the more compact transform by
 * far. The bounds leave room for patterns of photographs with any number of photons, and an object that fills two thirds
 * of the field, whose autocorrelation does not end.
 */
export function looksLikeOther(pattern: Pattern, taken: 'magnitudes' | 'intensities'): boolean {
  const spreadOf = (power: 0.25 | 0.5 | 1 | 2) => {
    const found = autocorrelation(pattern, power);
    return found === undefined ? NaN : spread(found);
  };
  if (taken === 'intensities') return spreadOf(2) < 0.7 * spreadOf(1);
  // The pattern's intensities are the squares of the numbers that were given.
  const given = spreadOf(0.5);
  return spreadOf(1) > 2.9 * given && spreadOf(0.25) > 2.4 * given;
}

/** Lines through the zero frequency that are looked at: most of the light is in them. */
const LINES = 64;
/** Shifts that are looked at beyond an extent, and at half the field, where there is only noise. */
const SHIFTS = 8;
/** Of the autocorrelation at no shift; what is less comes of float32, and of patterns that end at their edges. */
const LEAST_AUTOCORRELATION = 3e-3;

/**
 * Whether the autocorrelation reaches further than that of an object with this many rows (or columns) can: it has more
 * there than at the largest shifts, where only noise is. False too where it cannot be told.
 */
export function reachesBeyond(pattern: Pattern, axis: 'rows' | 'columns', extent: number): boolean {
  return reachTest(pattern, axis)?.(extent) ?? false;
}

/**
 * The least number of rows (or columns) that an object with such an autocorrelation can have. Undefined where it cannot be
 * told: too little was measured, or the autocorrelation ends nowhere.
 */
export function extentAlong(pattern: Pattern, axis: 'rows' | 'columns'): number | undefined {
  const reaches = reachTest(pattern, axis);
  let [reached, end] = [1, Math.floor(pattern.shape[axis === 'rows' ? 0 : 1] / 2)];
  if (!reaches?.(reached)) return undefined;
  while (end - reached > 1) {
    const middle = (reached + end) >> 1;
    if (reaches(middle)) reached = middle;
    else end = middle;
  }
  return end;
}

function reachTest(pattern: Pattern, axis: 'rows' | 'columns'): ((extent: number) => boolean) | undefined {
  const { shape, intensities, usable } = pattern;
  const [length, across] = axis === 'rows' ? shape : [shape[1], shape[0]];
  const [step, lineStep] = axis === 'rows' ? [shape[1], 1] : [1, shape[1]];
  const half = Math.floor(length / 2);
  const middleLine = Math.floor(across / 2);
  const lines: Float64Array[] = [];
  for (let line = Math.max(0, middleLine - LINES / 2); line <= Math.min(across - 1, middleLine + LINES / 2); line++) {
    const values = new Float64Array(length);
    let whole = true;
    for (let i = 0; i < length && whole; i++) {
      const at = i * step + line * lineStep;
      const opposite =
        ((2 * half - i + length) % length) * step + ((2 * middleLine - line + across) % across) * lineStep;
      whole = usable[at] === 1 || usable[opposite] === 1;
      values[i] = intensities[usable[at] ? at : opposite];
    }
    // A hole in a line makes an autocorrelation that does not end.
    if (whole) lines.push(values);
  }
  if (lines.length === 0) return undefined;
  const atNoShift = sizeAt(lines, 0);
  return (extent) => {
    if (extent + 2 > half) return false;
    const beyond = sizeAt(lines, extent);
    if (!(beyond > LEAST_AUTOCORRELATION * atNoShift)) return false;
    const shifts = Array.from({ length: Math.min(SHIFTS, half - extent) }, (_, i) => half - i);
    return beyond > 5 * Math.min(...shifts.map((shift) => sizeAt(lines, shift)));
  };
}

/** The root of the energy of an autocorrelation at one shift along lines of intensities. */
function sizeAt(lines: readonly Float64Array[], shift: number): number {
  const length = lines[0].length;
  const angles = Array.from({ length }, (_, i) => (2 * Math.PI * ((i * shift) % length)) / length);
  const [cosines, sines] = [angles.map(Math.cos), angles.map(Math.sin)];
  let energy = 0;
  for (const line of lines) {
    let [re, im] = [0, 0];
    for (let i = 0; i < length; i++) {
      re += line[i] * cosines[i];
      im += line[i] * sines[i];
    }
    energy += re * re + im * im;
  }
  return Math.sqrt(energy);
}
