/** The codes and the form of warnings, as they travel in results, `--json` and reports. */

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
  'MASKED_LIGHT',
  'PROBE_UNKNOWN',
  'NO_OVERLAP',
  'LITTLE_OVERLAP',
  'POSITIONS_NEAR',
  'STRAY_POSITIONS',
  'DARK_PATTERNS',
  'WAVELENGTH',
  'DIVERGED',
] as const;

/** One of `WARNING_CODES`. */
export type WarningCode = (typeof WARNING_CODES)[number];

/** Something about the data that makes a wrong image likely. It changes nothing in what is computed. */
export interface Warning {
  /** What was seen; it stays the same from version to version. */
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
