/**
 * Makes pictures of images. Objects are shown in grey levels, diffraction patterns on a logarithmic colour scale with
 * the zero frequency in the middle. Large images are reduced to the size of a screen.
 */
import { encode } from 'fast-png';
import { extent, toIntegers } from '../formats/image.js';
import { fftshift } from '../tools/fftshift.js';
import type { RealArray, Shape } from '../types.js';
import { type Image } from './files.js';

/** Longest side of a picture in pixels. */
const LARGEST = 1024;
/** The darkest and the brightest colour stand for these quantiles of a pattern's pixels above 0. */
const DARKEST = 0.02;
const BRIGHTEST = 0.9998;

/** Draws an object in grey levels, its smallest value black and its largest white. Returns the bytes of a PNG. */
export function objectPicture(image: Image): Uint8Array {
  const reduced = reduce(image, (sum, value) => sum + value, true);
  const [height, width] = reduced.shape;
  return encode({ width, height, data: toIntegers(reduced, 8), channels: 1, depth: 8 });
}

/** Red, green and blue of each pixel, row-major. */
export interface Picture {
  width: number;
  height: number;
  data: Uint8Array;
}

/** `colourOf` is asked for every pixel. */
export function pictureOf([height, width]: Shape, colourOf: (at: number) => readonly number[]): Picture {
  const data = new Uint8Array(3 * width * height);
  for (let at = 0; at < width * height; at++) data.set(colourOf(at), 3 * at);
  return { width, height, data };
}

/** Draws an image in grey levels from black to white. */
export function greyPicture(image: Image, range: readonly [black: number, white: number]): Picture {
  const reduced = reduce(image, (sum, value) => sum + value, true);
  const levels = toIntegers(reduced, 8, range);
  return pictureOf(reduced.shape, (at) => [levels[at], levels[at], levels[at]]);
}

/** Side by side on white, each scaled by a whole factor to be about as high as the highest. */
export function beside(pictures: readonly Picture[]): Picture {
  const most = Math.max(...pictures.map(({ height }) => height));
  const scaled = pictures.map((picture) => enlarged(picture, Math.max(1, Math.round(most / picture.height))));
  const height = Math.max(...scaled.map((picture) => picture.height));
  const width = scaled.reduce((sum, picture) => sum + picture.width + GAP, -GAP);
  const data = new Uint8Array(3 * width * height).fill(255);
  let left = 0;
  for (const picture of scaled) {
    for (let row = 0; row < picture.height; row++) {
      const from = 3 * row * picture.width;
      data.set(picture.data.subarray(from, from + 3 * picture.width), 3 * (row * width + left));
    }
    left += picture.width + GAP;
  }
  return { width, height, data };
}

/** Pixels between pictures. */
const GAP = 8;

function enlarged({ width, height, data }: Picture, factor: number): Picture {
  return pictureOf([height * factor, width * factor], (at) => {
    const row = Math.floor(at / (width * factor) / factor);
    const from = 3 * (row * width + Math.floor((at % (width * factor)) / factor));
    return data.subarray(from, from + 3) as unknown as number[];
  });
}

/** Hue for a phase: red is 0, and green and blue are a third of a turn away. */
export function cyclicColour(angle: number, brightness: number): number[] {
  return [0, 1, 2].map((channel) => {
    const away = Math.abs(((angle / (2 * Math.PI) - channel / 3 + 1.5) % 1) - 0.5);
    return Math.round(255 * brightness * Math.min(1, Math.max(0, 2 - 6 * away)));
  });
}

/** Draws a complex image of these parts: the phase is the hue, the size by the largest one the brightness. */
export function complexPicture(parts: readonly [re: Image, im: Image]): Picture {
  const [re, im] = parts.map((part) => reduce(part, (sum, value) => sum + value, true));
  const sizes = Float64Array.from(re.data, (value, i) => Math.hypot(value, im.data[i]));
  const most = extent(sizes)[1] || 1;
  return pictureOf(re.shape, (i) => cyclicColour(Math.atan2(im.data[i], re.data[i]), sizes[i] / most));
}

/** The real and the imaginary part of an image that is interleaved. */
export function partsOf(data: RealArray, shape: Shape): [re: Image, im: Image] {
  const part = (which: number) => ({ data: data.filter((_, i) => i % 2 === which), shape });
  return [part(0), part(1)];
}

/** The bytes of a PNG. */
export function encodePicture(picture: Picture): Uint8Array {
  return encode({ ...picture, channels: 3, depth: 8 });
}

/**
 * Draws magnitudes by the logarithm of their intensity, with index 0 in the middle. Pixels that were not measured are grey.
 * Returns the bytes of a PNG, and the decades of intensity from the darkest to the brightest colour.
 */
export function patternPicture(image: Image, mask?: ArrayLike<unknown>): { png: Uint8Array; decades: number } {
  const { picture, decades } = patternColours(image, mask);
  return { png: encodePicture(picture), decades };
}

/** The same before it is encoded. */
export function patternColours(
  { data, shape }: Image,
  mask?: ArrayLike<unknown>,
): { picture: Picture; decades: number } {
  const measured = mask ? data.map((value, at) => (mask[at] ? value : NOT_MEASURED)) : data;
  const image = reduce({ data: fftshift(measured, shape), shape }, Math.max, false);
  const lit = image.data.filter((value) => value > 0).sort();
  const rank = (share: number) => Math.log10(lit[Math.round(share * (lit.length - 1))]);
  const [dark, bright] = [rank(DARKEST), rank(BRIGHTEST)];
  const picture = pictureOf(image.shape, (at) => {
    const value = image.data[at];
    const level = value > 0 ? (Math.log10(value) - dark) / (bright - dark || 1) : 0;
    return value < 0 ? GREY : colour(Math.min(Math.max(level, 0), 1));
  });
  return { picture, decades: 2 * (bright - dark) };
}

/** Cuts the smallest rectangle that holds every pixel of the support out of the image. */
export function cropToSupport({ data, shape }: Image, support: ArrayLike<unknown> | undefined): Image {
  if (!support) return { data, shape };
  const [, columns] = shape;
  let [top, bottom, left, right] = [Infinity, -1, Infinity, -1];
  for (let at = 0; at < data.length; at++) {
    if (!support[at]) continue;
    const [row, column] = [Math.floor(at / columns), at % columns];
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
  }
  const [height, width] = [bottom - top + 1, right - left + 1];
  const cut = new Float64Array(height * width);
  for (let row = 0; row < height; row++) {
    const from = (top + row) * columns + left;
    cut.set(data.subarray(from, from + width), row * width);
  }
  return { data: cut, shape: [height, width] };
}

/** Joins square blocks of pixels until the longest side is at most `LARGEST`. */
function reduce({ data, shape }: Image, join: (a: number, b: number) => number, mean: boolean): Image {
  const block = Math.ceil(Math.max(...shape) / LARGEST);
  if (block === 1) return { data, shape };
  const [rows, columns] = [Math.floor(shape[0] / block) || 1, Math.floor(shape[1] / block) || 1];
  const [height, width] = [Math.min(block, shape[0]), Math.min(block, shape[1])];
  const reduced = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let joined = mean ? 0 : NOT_MEASURED;
      for (let y = 0; y < height; y++) {
        const from = (row * height + y) * shape[1] + column * width;
        for (let x = 0; x < width; x++) joined = join(joined, data[from + x] ?? 0);
      }
      reduced[row * columns + column] = mean ? joined / (height * width) : joined;
    }
  }
  return { data: reduced, shape: [rows, columns] };
}

const NOT_MEASURED = -1;
const GREY = [128, 128, 128];

/** Samples of matplotlib's colour map "inferno" (CC0) at equal distances, dark to bright. */
const INFERNO = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
] as const;

/** The colour for a level between 0 and 1. */
export function colour(level: number): number[] {
  const position = level * (INFERNO.length - 1);
  const low = INFERNO[Math.min(Math.floor(position), INFERNO.length - 1)] ?? INFERNO[0];
  const high = INFERNO[Math.min(Math.floor(position) + 1, INFERNO.length - 1)] ?? low;
  const share = position - Math.floor(position);
  return low.map((value, channel) => Math.round(value + share * ((high[channel] ?? value) - value)));
}
