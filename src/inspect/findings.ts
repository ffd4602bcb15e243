/** What a look at a pattern can find: the codes, and the form in which findings travel in results, `--json` and reports. */
import type { Shape } from '../types.js';

/** Every code that a warning can have; docs/warnings.md explains each. Codes stay the same from version to version. */
export const WARNING_CODES = [
  'NOT_FINITE',
  'NEGATIVE',
  'SATURATED',
  'HOT_PIXELS',
  'DEAD_PIXELS',
  'BEAMSTOP',
  'FLAT',
  'ZERO_FREQUENCY_IN_MIDDLE',
  'ZERO_FREQUENCY_AT_CORNER',
  'OFF_CENTER',
  'ASYMMETRIC',
  'LOOKS_LIKE_INTENSITIES',
  'LOOKS_LIKE_MAGNITUDES',
  'BACKGROUND',
  'FEW_MEASURED',
  'NO_SUPPORT',
  'SUPPORT_TOO_LARGE',
  'SUPPORT_TOO_SMALL',
  'BRIGHT_EDGE',
  'DIVERGED',
] as const;

export type WarningCode = (typeof WARNING_CODES)[number];

/** Something about the data that makes a wrong image likely. It changes nothing in what is computed. */
export interface Warning {
  code: WarningCode;
  /** One line: the argument, what was seen, and what mends it. */
  message: string;
  /** How many pixels it is about. */
  count?: number;
  /** The first few of them: row and column of the array that was looked at. */
  places?: (readonly [row: number, column: number])[];
  /** The number that it is about: the value of saturated pixels, the level of the background, a share. */
  value?: number;
  /** The option of the command line that mends it; `clean` takes the same words. */
  option?: string;
}

const SHOWN = 3;

/** Rows and columns of the first pixels of a list. */
export function placesOf(pixels: readonly number[], [, columns]: Shape): (readonly [number, number])[] {
  return pixels.slice(0, SHOWN).map((at) => [Math.floor(at / columns), at % columns] as const);
}

/** `2 pixels (row 10, column 50; row 50, column 12)` */
export function pixelsAt(pixels: readonly number[], shape: Shape): string {
  const places = placesOf(pixels, shape).map(([row, column]) => `row ${row}, column ${column}`);
  const more = pixels.length > SHOWN ? '; …' : '';
  return `${pixels.length} ${pixels.length === 1 ? 'pixel' : 'pixels'} (${places.join('; ')}${more})`;
}

/** A share as people read it: `1.6 %`. */
export function percent(share: number): string {
  return share > 0 && share < 1e-4 ? 'under 0.01 %' : `${Number((100 * share).toPrecision(2))} %`;
}
