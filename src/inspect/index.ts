/**
 * Looks at a pattern before anything is computed with it, and says what it sees: `inspectImage` at an image as a detector
 * writes it, `inspect` at a problem. Both only look; `clean` makes a problem of an image and leaves out what is no number.
 */
import { checkRealArray, checkShape } from '../problems/image.js';
import type { MaskArray, Problem, RealArray, Shape } from '../types.js';
import type { Warning, WarningCode } from '../warnings.js';
import { reachesBeyond } from './autocorrelation.js';
import { HOT_WORDS, about, percent, saturatedWords, short } from './findings.js';
import { type ImageLook, type Look, levelOf, look, lookAtImage } from './look.js';
import { centredPattern, usableOf } from './pattern.js';
import { type CleanOptions, type Cleaned, type DetectorImage, lookAndClean } from './clean.js';
import { spansOf } from './support.js';
import { isAsymmetric } from './symmetry.js';

export { type CleanOptions, type Cleaned, type DetectorImage, clean } from './clean.js';
export { WARNING_CODES, type Warning, type WarningCode } from '../warnings.js';
export { inspectResult } from './result.js';
export { type FittedSupport, type SupportEstimate, estimateSupport, fitSupport } from './support.js';

/** What is known of an image before `inspectImage` looks at it. */
export interface InspectOptions {
  /** The numbers are intensities (true) or their square roots (false). Left out: whichever they look like. */
  intensity?: boolean | undefined;
  /** The zero frequency is in the middle (true) or at index 0 (false). Left out: wherever it seems to be. */
  centered?: boolean | undefined;
  /** 1 where a pixel was measured. Everywhere when left out. */
  mask?: MaskArray | undefined;
}

/** What was seen of a pattern. */
export interface Inspection {
  /** Rows and columns of what was looked at. */
  shape: Shape;
  /** The share of pixels that the mask lets through, from 0 to 1. */
  measured: number;
  /** ‖M(k) − M(−k)‖ / ‖M‖ about the zero frequency as it was taken; M are magnitudes. */
  asymmetry: number;
  /** What the noise of counts explains of it; 0 where the numbers are no counts. */
  noise: number;
  /** Few and specific; empty where there is nothing to say. */
  warnings: Warning[];
}

/** What `inspectImage` sees. */
export interface ImageInspection extends Inspection {
  /** The numbers are intensities, as given or as they look. */
  intensity: boolean;
  /** The zero frequency is in the middle, as given or as it looks. */
  centered: boolean;
  /** The least of the numbers, NaN and infinity left out. */
  least: number;
  /** The greatest of them. */
  greatest: number;
  /** All of them are whole numbers. */
  whole: boolean;
  /** Row and column of the zero frequency in the image, multiples of one half: where it was taken to be, or is seen. */
  center: readonly [row: number, column: number];
  /** The level of a constant background in the image's own intensities; undefined where there is none to see. */
  background?: number;
}

/**
 * Looks at a detector image as it was read from a file. Takes about a tenth of a second for 512 × 512 pixels.
 * @throws InvalidArgumentError where it is no image
 */
export function inspectImage(image: DetectorImage, options: InspectOptions = {}): ImageInspection {
  const { data, shape } = checkImage(image);
  const usable = usableOf(options.mask, data.length);
  return describeImage({ data, shape }, usable, lookAtImage(data, shape, usable, options));
}

/** `clean`, and what `inspectImage` sees of the image without its dark frame, with one look at it. */
export function cleanAndInspect(
  image: DetectorImage,
  options: CleanOptions,
): { cleaned: Cleaned; inspection: ImageInspection } {
  const { cleaned, data, measured, look } = lookAndClean(image, options);
  return { cleaned, inspection: describeImage({ data, shape: cleaned.shape }, measured, look) };
}

function describeImage(
  { data, shape }: DetectorImage,
  usable: Uint8Array,
  { seen, intensity, centered }: ImageLook,
): ImageInspection {
  const measured = shareOf(usable);
  let [least, greatest] = [Infinity, -Infinity];
  for (const value of data) {
    if (!Number.isFinite(value)) continue;
    [least, greatest] = [Math.min(least, value), Math.max(greatest, value)];
  }
  const level = levelOf(seen);
  return {
    ...{ shape, measured, intensity, centered, least, greatest, whole: seen.whole },
    ...{ center: seen.pattern.zero, asymmetry: seen.taken.asymmetry, noise: seen.taken.explained },
    ...(level !== undefined && { background: level }),
    warnings: [
      ...fewMeasured(measured),
      ...numberWarnings(seen, data, shape, 'the pattern', measured),
      ...kindWarnings(seen, intensity),
    ],
  };
}

/**
 * Looks at a problem: its pattern, its mask and its support. Arrays must be as `retrieve` takes them. Takes about a tenth
 * of a second for 512 × 512 pixels. `retrieve` does it too.
 * @throws InvalidArgumentError where magnitudes and shape do not fit together
 */
export function inspect(problem: Problem): Inspection {
  const { mask, object, support } = problem;
  const { data: magnitudes, shape } = checkImage({ data: problem.magnitudes, shape: problem.shape }, 'magnitudes');
  const usable = usableOf(mask, magnitudes.length);
  const seen = look({ data: magnitudes, shape, usable, taken: 'magnitudes', zero: [0, 0] });
  const measured = shareOf(usable);
  return {
    ...{ shape, measured, asymmetry: seen.taken.asymmetry, noise: seen.taken.explained },
    warnings: [
      ...fewMeasured(measured),
      ...numberWarnings(seen, magnitudes, shape, 'magnitudes', measured),
      ...kindWarnings(seen, false),
      ...supportWarnings(support, shape, seen),
    ].filter(({ code }) => object !== 'complex' || !OF_REAL_OBJECTS.includes(code)),
  };
}

/** Patterns of complex objects are not symmetric. */
export const OF_REAL_OBJECTS: readonly WarningCode[] = ['ASYMMETRIC', 'OFF_CENTER', 'DEAD_PIXELS'];

function checkImage({ data, shape }: DetectorImage, argument = 'data'): DetectorImage {
  const size = checkShape('shape', shape);
  return { data: checkRealArray(argument, data, size), shape: size };
}

function shareOf(mask: Uint8Array): number {
  let sum = 0;
  for (const value of mask) sum += value;
  return sum / mask.length;
}

/** The share of measured pixels below which the mask is probably meant the other way round. */
const HALF = 0.5;

function fewMeasured(share: number): Warning[] {
  if (share >= HALF) return [];
  const message =
    `mask: only ${percent(share)} of the pixels count as measured; 1 means measured here, so is it the other way ` +
    'round? --mask-bad takes masks that are 0 where a pixel is good';
  return [{ code: 'FEW_MEASURED', message, value: share, option: '--mask-bad' }];
}

function numberWarnings(seen: Look, data: RealArray, shape: Shape, what: string, measured: number): Warning[] {
  const warnings: Warning[] = [];
  const say = (code: Warning['code'], pixels: readonly number[], message: string, more: Partial<Warning>) =>
    warnings.push(...about(code, what, pixels, shape, message, more));
  const { pixels, least, marks } = seen.negatives;
  say('NOT_FINITE', seen.notFinite, 'are NaN or infinite; --mask-nan leaves them out', { option: '--mask-nan' });
  if (marks) {
    const mend = { value: least, option: '--mask-negative' };
    say(
      'NEGATIVE',
      pixels,
      `are negative, down to ${least}, a mark for no number; --mask-negative leaves them out`,
      mend,
    );
  } else {
    const why = `are negative, down to ${short(least)}, as noise is after a dark frame was subtracted`;
    say('NEGATIVE', pixels, `${why}; --clip-negative takes them for 0`, { value: least, option: '--clip-negative' });
  }
  if (!seen.flat) {
    for (const saturation of seen.saturations) {
      const value = data[saturation.pixels[0]];
      const message = saturatedWords(value, saturation.ofType);
      const mend = { value, option: '--saturation auto' };
      say('SATURATED', saturation.pixels, `${message}; --saturation auto leaves them out`, mend);
    }
  }
  say('HOT_PIXELS', seen.hot, `${HOT_WORDS}; --hot auto leaves them out`, {
    option: '--hot auto',
  });
  say('DEAD_PIXELS', seen.dead, 'are 0 where what is opposite is bright; --dead auto leaves them out', {
    option: '--dead auto',
  });
  const stop = 'are 0 around the zero frequency, as behind a beamstop; --beamstop auto leaves them out';
  say('BEAMSTOP', seen.hole, stop, { option: '--beamstop auto' });
  // A mask that lets next to nothing through is warned of already.
  if (seen.flat && measured >= HALF)
    warnings.push({ code: 'FLAT', message: `${what}: nearly all pixels have one value, so there is no pattern` });
  return warnings;
}

function kindWarnings(seen: Look, intensity: boolean): Warning[] {
  const warnings: Warning[] = [];
  const { taken, symmetry, centre, otherConvention } = seen;
  if (otherConvention) {
    const inMiddle = seen.pattern.zero[0] !== 0 || seen.pattern.zero[1] !== 0;
    warnings.push(
      inMiddle
        ? {
            code: 'ZERO_FREQUENCY_IN_MIDDLE',
            message:
              'the pattern is brightest in its middle, and its zero frequency was taken to be at index 0: --centered',
            option: '--centered',
          }
        : {
            code: 'ZERO_FREQUENCY_AT_CORNER',
            message:
              'the pattern is brightest at its corners, and its zero frequency was taken to be in the middle: leave out --centered',
            option: 'without --centered',
          },
    );
  }
  const share = (value: number) => percent(value);
  if (centre !== undefined) {
    const [row, column] = centre.centre;
    const message =
      `the pattern is not symmetric about its zero frequency as it was taken (asymmetry ${share(taken.asymmetry)}), but is ` +
      `about row ${row}, column ${column} (${share(symmetry.asymmetry)}): --center ${row},${column} or --center auto`;
    const mend = { value: taken.asymmetry, option: `--center ${row},${column}` };
    warnings.push({ code: 'OFF_CENTER', message, places: [[row, column]], ...mend });
  }
  if (seen.asymmetric && (centre === undefined || symmetry.asymmetry > 0.1)) {
    const noise = symmetry.explained > 0 ? `, and noise explains ${share(symmetry.explained)}` : '';
    const message =
      `the pattern is not symmetric about any point: M(k) and M(−k) differ by ${share(symmetry.asymmetry)} of ‖M‖${noise}. ` +
      'The object is complex, or parts of the pattern are wrong. A real object is looked for, unless --object complex says otherwise';
    warnings.push({ code: 'ASYMMETRIC', message, value: symmetry.asymmetry });
  }
  if (seen.looksLikeOther && !intensity) {
    const why = seen.whole ? 'whole numbers, as counts are' : 'what intensities are';
    const message = `the pattern looks like ${why}, and was taken for magnitudes: --intensity takes the square root`;
    warnings.push({ code: 'LOOKS_LIKE_INTENSITIES', message, option: '--intensity' });
  }
  if (seen.looksLikeOther && intensity) {
    const message = 'the pattern looks like magnitudes, and was taken for intensities: leave out --intensity';
    warnings.push({ code: 'LOOKS_LIKE_MAGNITUDES', message, option: 'without --intensity' });
  }
  const level = levelOf(seen);
  if (level !== undefined) {
    const message = `the pattern has a constant background of about ${short(level)}: --background ${short(level)} or --background auto subtracts it`;
    warnings.push({ code: 'BACKGROUND', message, value: level, option: '--background auto' });
  }
  return warnings;
}

function supportWarnings(support: MaskArray | undefined, shape: Shape, seen: Look): Warning[] {
  if (support === undefined) {
    const message =
      'support: there is none, so the object may fill the whole image, and many images have the same magnitudes: --support';
    return [{ code: 'NO_SUPPORT', message, option: '--support' }];
  }
  const inside = usableOf(support, shape[0] * shape[1]);
  const share = shareOf(inside);
  if (share > HALF) {
    const what = share === 1 ? 'it excludes nothing' : `it covers ${percent(share)} of the image`;
    const message = `support: ${what}, and images that fill more than half are not determined by their magnitudes`;
    return [{ code: 'SUPPORT_TOO_LARGE', message, value: share }];
  }
  // What is said of an object's extent needs a pattern that is right in everything else.
  const { looksLikeOther, otherConvention, centre, flat, background, pattern } = seen;
  if (looksLikeOther || otherConvention || centre || flat || background !== undefined || isAsymmetric(seen.symmetry))
    return [];
  const centred = centredPattern(pattern);
  const [height, width] = spansOf(inside, shape).map(({ length }) => length);
  if (!reachesBeyond(centred, 'rows', height) && !reachesBeyond(centred, 'columns', width)) return [];
  const message = `support: its ${height} × ${width} pixels are too few; the autocorrelation of the pattern reaches further`;
  return [{ code: 'SUPPORT_TOO_SMALL', message }];
}
