/** Pictures of a scan and of what was found: complex images, light and positions. */
import { phase, magnitude } from '../../tools/complex-images.js';
import type { Illumination } from '../../tools/illumination.js';
import type { RealArray, Shape } from '../../types.js';
import type { Image } from '../files.js';
import { type Picture, colour, complexPicture, greyPicture, partsOf, pictureOf } from '../picture.js';

/** A share of the most light: where less fell, the object is not known well enough to be looked at. */
const LIT = 0.1;

/** The smallest rectangle that holds all pixels that got light, and which of the object's pixels did. */
export function litPart({ data, shape: [, columns] }: Illumination): { lit: Uint8Array; rectangle: Rectangle } {
  const most = data.reduce((a, b) => Math.max(a, b), 0);
  const lit = Uint8Array.from(data, (light) => Number(light > LIT * most));
  let [top, bottom, left, right] = [Infinity, -1, Infinity, -1];
  for (let i = 0; i < lit.length; i++) {
    if (!lit[i]) continue;
    const [row, column] = [Math.floor(i / columns), i % columns];
    [top, bottom, left, right] = [Math.min(top, row), row, Math.min(left, column), Math.max(right, column)];
  }
  return { lit, rectangle: { top, left, rows: bottom - top + 1, columns: right - left + 1 } };
}

export interface Rectangle {
  top: number;
  left: number;
  rows: number;
  columns: number;
}

/** An image of the object cut out where light fell, and the range of its lit pixels. */
export interface LitImage extends Image {
  range: readonly [number, number];
  rectangle: Rectangle;
}

/** Phase and amplitude of the object where light fell. The phase is without its ramp. */
export function litImages(
  object: RealArray,
  shape: Shape,
  light: Illumination,
): { phase: LitImage; amplitude: LitImage } {
  const { lit, rectangle } = litPart(light);
  const cut = (image: Float64Array): LitImage => {
    const { top, left, rows, columns } = rectangle;
    const data = new Float64Array(rows * columns);
    let [least, greatest] = [Infinity, -Infinity];
    for (let i = 0; i < data.length; i++) {
      const from = (top + Math.floor(i / columns)) * shape[1] + left + (i % columns);
      data[i] = image[from];
      if (lit[from]) [least, greatest] = [Math.min(least, data[i]), Math.max(greatest, data[i])];
    }
    return { data, shape: [rows, columns], range: [least, greatest > least ? greatest : least + 1], rectangle };
  };
  return { phase: cut(phase(object, { shape, weight: light.data })), amplitude: cut(magnitude(object)) };
}

/** Modes of a probe, one beside the other: the phase is the colour, the magnitude its brightness, each mode by its own most. */
export function probePictures(probe: RealArray, shape: Shape): Picture[] {
  const size = 2 * shape[0] * shape[1];
  return Array.from({ length: probe.length / size }, (_, k) =>
    complexPicture(partsOf(probe.subarray(k * size, (k + 1) * size), shape)),
  );
}

/** Pixels of the picture's longer side, about, and of a dot. */
const [SIDE, DOT] = [640, 3];
/** Blue and white. */
const [GIVEN, MOVED] = [
  [0, 130, 255],
  [255, 255, 255],
];

/**
 * The light on the object where it fell, with a dot in the middle of the beam of each position: white where positions were
 * corrected, and those before in blue.
 */
export function lightPicture(light: Illumination, pattern: Shape, before?: Float64Array): Picture {
  const { data, shape, positions } = light;
  const { top, left, ...part } = litPart(light).rectangle;
  const most = data.reduce((a, b) => Math.max(a, b), 0);
  const scale = Math.max(1, Math.round(SIDE / Math.max(part.rows, part.columns)));
  const [rows, columns] = [part.rows * scale, part.columns * scale];
  const picture = pictureOf([rows, columns], (i) => {
    const [row, column] = [Math.floor(i / columns / scale), Math.floor((i % columns) / scale)];
    return colour(data[(top + row) * shape[1] + left + column] / most);
  });
  const dots = (places: Float64Array, tint: readonly number[]) => {
    for (let j = 0; j < places.length; j += 2) {
      const y = Math.round((places[j] + pattern[0] / 2 - top) * scale);
      const x = Math.round((places[j + 1] + pattern[1] / 2 - left) * scale);
      for (let i = 0; i < DOT ** 2; i++) {
        const [row, column] = [y + Math.floor(i / DOT), x + (i % DOT)];
        if (row >= 0 && row < rows && column >= 0 && column < columns) {
          picture.data.set(tint, 3 * (row * columns + column));
        }
      }
    }
  };
  dots(before ?? positions, GIVEN);
  if (before) dots(positions, MOVED);
  return picture;
}

export function greyOf({ data, shape, range }: LitImage): Picture {
  return greyPicture({ data, shape }, range);
}

/** The image with no values outside its range. */
export function clipped({ data, shape, range: [least, greatest] }: LitImage): Image {
  return { data: data.map((value) => Math.min(Math.max(value, least), greatest)), shape };
}
