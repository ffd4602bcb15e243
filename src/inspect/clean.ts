/** From an image as a detector writes it to a pattern as a problem has it: magnitudes, zero frequency first, and a mask. */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { checkRealArray, checkShape } from '../problems/image.js';
import type { MaskArray, RealArray, Shape } from '../types.js';
import { pixelsAt } from './findings.js';
import { type ImageLook, levelOf, lookAtImage } from './look.js';
import { roll } from '../tools/roll.js';
import { middle, usableOf } from './pattern.js';

/** An image as a file has it, row-major. */
export interface DetectorImage {
  /** Intensities or magnitudes, rows × columns; any numbers, NaN and infinity among them. */
  data: RealArray;
  /** Rows and columns. */
  shape: Shape;
}

/** What to do with an image; the options of the command line, in the same words. */
export interface CleanOptions {
  /** The numbers are intensities, of which magnitudes are the roots. Default false. */
  intensity?: boolean | undefined;
  /** The zero frequency is in the middle of the image. Default false: at index 0. */
  centered?: boolean | undefined;
  /** Row and column of the zero frequency, which may lie between pixels; `auto`: where symmetry says. */
  center?: readonly [row: number, column: number] | 'auto' | undefined;
  /** 1 where a pixel was measured. Everywhere when left out. */
  mask?: MaskArray | undefined;
  /** The mask is in the other convention, 0 where a pixel was measured. */
  maskBad?: boolean | undefined;
  /** Leaves out pixels that are NaN or infinite. */
  maskNan?: boolean | undefined;
  /** Leaves out negative pixels. */
  maskNegative?: boolean | undefined;
  /** Takes negative pixels for 0. */
  clipNegative?: boolean | undefined;
  /** Leaves out pixels from this value on; `auto`: those at a largest value that cannot be chance. */
  saturation?: number | 'auto' | undefined;
  /** Leaves out pixels far brighter than all around and opposite. */
  hot?: 'auto' | undefined;
  /** Leaves out zeros that are opposite to light. */
  dead?: 'auto' | undefined;
  /** Leaves out the hole of zeros around the zero frequency. */
  beamstop?: 'auto' | undefined;
  /** A frame without light, rows × columns, that is subtracted; what is then negative is taken for 0. */
  dark?: RealArray | undefined;
  /** A constant that is subtracted from intensities; what is then negative is taken for 0. */
  background?: number | 'auto' | undefined;
  /** All of these that are not given, as they are needed. */
  clean?: boolean | undefined;
}

/** A pattern for a problem. */
export interface Cleaned {
  /** Zero frequency at index 0; 0 where not measured. */
  magnitudes: Float64Array;
  /** The shape of the image, which cleaning does not change. */
  shape: Shape;
  /** 1 where measured; undefined where everything was. */
  mask?: Uint8Array;
  /** What was done, one line each. */
  done: string[];
}

/**
 * Makes a pattern of a detector image. Changes nothing that it is not asked to.
 * @throws InvalidArgumentError where a pixel that was not left out is negative or no number
 */
export function clean(image: DetectorImage, options: CleanOptions = {}): Cleaned {
  return lookAndClean(image, options).cleaned;
}

/** `clean`, and what was seen of the image, without its dark frame, before anything was left out. */
export function lookAndClean(
  image: DetectorImage,
  options: CleanOptions,
): { cleaned: Cleaned; data: RealArray; measured: Uint8Array; look: ImageLook } {
  const shape = checkShape('shape', image.shape);
  const given = checkRealArray('data', image.data, shape);
  const { intensity = false, centered = false } = options;
  const all = options.clean === true ? 'auto' : undefined;
  const [saturation, hot, dead] = [options.saturation ?? all, options.hot ?? all, options.dead ?? all];
  const [beamstop, background, center] = [options.beamstop ?? all, options.background ?? all, options.center ?? all];
  const done: string[] = [];
  const data = options.dark === undefined ? given : subtractDark(given, options.dark, shape);
  const usable = usableOf(options.mask, data.length);
  if (options.maskBad && options.mask) for (let at = 0; at < usable.length; at++) usable[at] ^= 1;
  if (!usable.includes(1)) throw new InvalidArgumentError('mask', emptyMask(options));

  const measured = usable.slice();
  const look = lookAtImage(data, shape, usable, { intensity, centered });
  const { seen } = look;
  const leaveOut = (pixels: readonly number[], what: string) => {
    if (pixels.length === 0) return;
    for (const at of pixels) usable[at] = 0;
    done.push(`left out ${pixelsAt(pixels, shape)}: ${what}`);
  };
  const negative = seen.negatives.pixels;
  const clips = options.clipNegative || options.dark !== undefined || (all && !seen.negatives.marks);
  if (options.maskNan || all) leaveOut(seen.notFinite, 'NaN or infinite');
  if (options.maskNegative || (all && !clips)) leaveOut(negative, 'negative');
  else if (clips && negative.length > 0) done.push(`took ${pixelsAt(negative, shape)} for 0: negative`);
  if (saturation === 'auto')
    leaveOut(
      seen.saturations.flatMap(({ pixels }) => pixels),
      'at a largest value',
    );
  else if (saturation !== undefined) leaveOut(pixelsFrom(data, usable, saturation), `from ${saturation} on`);
  if (hot) leaveOut(seen.hot, 'hot');
  if (dead) leaveOut(seen.dead, 'dead');
  if (beamstop) leaveOut(seen.hole, 'behind the beamstop');

  const level = background === 'auto' ? levelOf(seen) : background;
  if (level !== undefined) done.push(`subtracted a background of ${Number(level.toPrecision(6))}`);
  const magnitudes = new Float64Array(data.length);
  for (let at = 0; at < data.length; at++) {
    if (!usable[at]) continue;
    const value = data[at];
    if (!Number.isFinite(value) || (value < 0 && !clips)) refuse(data, usable, shape, Boolean(clips));
    const light = Math.max(0, (intensity ? value : value * Math.max(0, value)) - (level ?? 0));
    magnitudes[at] = Math.sqrt(light);
  }
  const zero = center === 'auto' ? seen.pattern.zero : (center ?? (centered ? middle(shape) : ([0, 0] as const)));
  if (center === 'auto' && seen.centre) done.push(`took row ${zero[0]}, column ${zero[1]} for the zero frequency`);
  const inPlace = center === undefined || (center === 'auto' && !seen.centre);
  const moved = move(magnitudes, usable, shape, zero, inPlace);
  const partly = moved.usable.includes(0);
  const cleaned = { magnitudes: moved.magnitudes, shape, ...(partly && { mask: moved.usable }), done };
  return { cleaned, data, measured, look };
}

function emptyMask({ maskBad }: CleanOptions): string {
  const hint = maskBad
    ? 'without --mask-bad 1 means measured'
    : '--mask-bad takes masks that are 0 where a pixel is good';
  return `mask: ${maskBad ? 'no entry' : 'every entry'} is zero, so no pixel counts as measured; is it the other way round? ${hint}`;
}

function subtractDark(data: RealArray, dark: RealArray, shape: Shape): Float64Array {
  const darkness = checkRealArray('dark', dark, shape);
  return Float64Array.from(data, (value, at) => value - darkness[at]);
}

function pixelsFrom(data: RealArray, usable: Uint8Array, value: number): number[] {
  if (!(value > 0)) throw new InvalidArgumentError('saturation', gotTakes('saturation', value, 'a number above 0'));
  const pixels: number[] = [];
  for (let at = 0; at < data.length; at++) if (usable[at] && data[at] >= value) pixels.push(at);
  return pixels;
}

/** Says what is wrong, how often, and where the image has it. */
function refuse(data: RealArray, usable: Uint8Array, shape: Shape, clips: boolean): never {
  const pixels = (test: (value: number) => boolean) =>
    [...data.keys()].filter((at) => usable[at] === 1 && test(data[at]));
  const bad = pixels((value) => !Number.isFinite(value));
  const negative = clips ? [] : pixels((value) => value < 0 && value !== -Infinity);
  const parts = [
    ...(bad.length > 0 ? [`${pixelsAt(bad, shape)} NaN or infinite (--mask-nan leaves them out)`] : []),
    ...(negative.length > 0
      ? [`${pixelsAt(negative, shape)} negative (--mask-negative leaves them out, --clip-negative takes them for 0)`]
      : []),
  ];
  throw new InvalidArgumentError('magnitudes', `the pattern: ${parts.join(', and ')}; takes numbers of at least 0`);
}

/**
 * Moves the zero frequency to index 0. In its place, the array is periodic; moved from elsewhere, what comes around the
 * edges was not measured. Where the zero frequency is between pixels, the pattern is interpolated.
 */
function move(
  magnitudes: Float64Array,
  usable: Uint8Array,
  shape: Shape,
  [row, column]: readonly [number, number],
  periodic: boolean,
): { magnitudes: Float64Array; usable: Uint8Array } {
  const [rows, columns] = shape;
  const nearest = [Math.floor(row + 0.5), Math.floor(column + 0.5)] as const;
  const [down, right] = [row - nearest[0], column - nearest[1]];
  let values = magnitudes;
  let known = usable;
  if (Math.max(Math.abs(down), Math.abs(right)) > LEAST_SHIFT) {
    ({ values, known } = interpolated(magnitudes, usable, shape, down, right));
  }
  const moved = roll(values, shape, [-nearest[0], -nearest[1]]);
  const measured = roll(known, shape, [-nearest[0], -nearest[1]]);
  if (!periodic) {
    for (let at = 0; at < moved.length; at++) {
      const [r, c] = [signed(Math.floor(at / columns), rows), signed(at % columns, columns)];
      const inside = nearest[0] + r >= 0 && nearest[0] + r < rows && nearest[1] + c >= 0 && nearest[1] + c < columns;
      if (inside) continue;
      [moved[at], measured[at]] = [0, 0];
    }
  }
  return { magnitudes: moved, usable: measured };
}

/** Frequencies from −size/2 on. */
function signed(index: number, size: number): number {
  return index < size / 2 ? index : index - size;
}

/** Less of a pixel than this is not worth the blur of interpolation. */
const LEAST_SHIFT = 0.1;
const LOBES = 4;

/** The pattern at points between its pixels: Lanczos's windowed sinc, separable, on intensities. */
function interpolated(
  magnitudes: Float64Array,
  usable: Uint8Array,
  [rows, columns]: Shape,
  down: number,
  right: number,
): { values: Float64Array; known: Uint8Array } {
  const weights = (shift: number) =>
    Array.from({ length: 2 * LOBES + 1 }, (_, i) => lanczos(i - LOBES - shift)) as readonly number[];
  const [byRow, byColumn] = [weights(down), weights(right)];
  const values = new Float64Array(magnitudes.length);
  const known = new Uint8Array(magnitudes.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let [sum, total] = [0, 0];
      for (let i = -LOBES; i <= LOBES; i++) {
        for (let j = -LOBES; j <= LOBES; j++) {
          const [r, c] = [row + i, column + j];
          if (r < 0 || r >= rows || c < 0 || c >= columns || !usable[r * columns + c]) continue;
          const weight = byRow[i + LOBES] * byColumn[j + LOBES];
          sum += weight * magnitudes[r * columns + c] ** 2;
          total += weight;
        }
      }
      const at = row * columns + column;
      known[at] = usable[at] && total > 0.5 ? 1 : 0;
      values[at] = known[at] ? Math.sqrt(Math.max(0, sum / total)) : 0;
    }
  }
  return { values, known };
}

function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= LOBES) return 0;
  const phase = Math.PI * x;
  return (LOBES * Math.sin(phase) * Math.sin(phase / LOBES)) / (phase * phase);
}
