/**
 * The inverse transform of intensities is the object's autocorrelation, which ends where the object does: twice as wide
 * less a pixel. That of magnitudes, or of squared intensities, does not. So it tells what the numbers are, and how large
 * the support has to be, without a single iteration.
 */
import { type Pattern, middle } from './pattern.js';
import { transform } from './transform.js';

/** Magnitudes of an autocorrelation along one axis: the root of the mean square at each shift, from 0 to half the field. */
export interface Extent {
  /** By the shift in samples. */
  profile: Float64Array;
  /** Pixels of the object in a sample. */
  pixels: number;
}

export interface Autocorrelation {
  rows: Extent;
  columns: Extent;
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
  return {
    rows: { profile: profile(image.re, image.im, size, size, 1), pixels: rows / size },
    columns: { profile: profile(image.re, image.im, size, 1, size), pixels: columns / size },
  };
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
  return Math.sqrt(outerShare(rows.profile) * outerShare(columns.profile));
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

/** Samples by which the taper smears a transform. */
const SMEARED = 3;

/**
 * Whether there is an autocorrelation beyond what an object of this extent can have: the profile still falls there,
 * where it would be flat, noise.
 */
export function reachesBeyond({ profile, pixels }: Extent, extent: number): boolean {
  const from = Math.ceil((extent - 1) / pixels) + SMEARED;
  if (from + SMEARED >= profile.length) return false;
  const beyond = profile.subarray(from);
  const floor = beyond.reduce((least, value) => Math.min(least, value), Infinity);
  return beyond[0] > 5 * floor && beyond[0] > LEAST_AUTOCORRELATION * profile[0];
}

/** Of the autocorrelation at no shift; less is what float32 and smearing leave. */
const LEAST_AUTOCORRELATION = 3e-3;
