/**
 * Patterns from near by. Where a detector is not far enough away, its pattern is the Fresnel integral of the object, of which one
 * form is a single transform: |U| = |FT(o·c)|, with the phase c(r) = exp(iπ|r|²/(λz)) (Goodman, Introduction to Fourier Optics,
 * chapter 4; the phase in front of it does not show in magnitudes). Every iteration is then that of the far field with the object
 * o·c: support and sizes are the same, and c comes off in the end.
 */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import type { ObjectKind, Propagation, RealArray, Shape } from '../types.js';
import { rejectUnknownKeys } from './options.js';

/**
 * c at every pixel, interleaved, from the middle of the frame on; undefined for the far field.
 * @throws InvalidArgumentError that names the argument
 */
export function checkPropagation(
  propagation: Propagation | undefined,
  shape: Shape,
  object: ObjectKind,
  support: Uint8Array | undefined,
): Float64Array | undefined {
  if (propagation === undefined) return undefined;
  if (object !== 'complex') {
    throw new InvalidArgumentError(
      'propagation',
      gotTakes('propagation', propagation, "nothing without object: 'complex'"),
    );
  }
  rejectUnknownKeys('propagation', propagation, ['wavelength', 'distance', 'pixel']);
  const { wavelength, distance } = propagation;
  for (const [name, value] of Object.entries({ wavelength, distance })) {
    if (isLength(value)) continue;
    throw new InvalidArgumentError(name, gotTakes(`propagation.${name}`, value, 'metres, a finite number above 0'));
  }
  const pixel = pixelOf(propagation);
  const extents = extentsOf(support, shape);
  // Of a quadratic phase per pixel² along rows and columns, in units of π.
  const [down, right] = shape.map((length, axis) => {
    const detector = length * pixel[axis];
    const objectPixel = (wavelength * distance) / detector;
    const [least, most] = [detector / 2, detector ** 2 / (wavelength * extents[axis])];
    if (objectPixel < wavelength / 2) {
      const takes = `at least ${metres(least)} m, from where the detector of ${metres(detector)} m is seen under 90°`;
      throw new InvalidArgumentError('distance', gotTakes('propagation.distance', distance, takes));
    }
    if (distance > most) {
      const takes =
        `at most ${metres(most)} m: a pixel of the object is wavelength · distance / (${length} · pixel), and with more ` +
        `its ${support ? `support of ${extents[axis]}` : `${length}`} pixels are wider than the detector`;
      throw new InvalidArgumentError('distance', gotTakes('propagation.distance', distance, takes));
    }
    return objectPixel ** 2 / (wavelength * distance);
  });
  const [rows, columns] = shape;
  const chirp = new Float64Array(2 * rows * columns);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i += 2) {
      const angle = Math.PI * (down * (row - (rows >> 1)) ** 2 + right * (column - (columns >> 1)) ** 2);
      chirp[i] = Math.cos(angle);
      chirp[i + 1] = Math.sin(angle);
    }
  }
  return chirp;
}

/** Metres of a detector's pixel along rows and columns. */
function pixelOf({ pixel }: Propagation): readonly [number, number] {
  const given: unknown[] = Array.isArray(pixel) ? Array.from(pixel) : [pixel, pixel];
  if (given.length === 2 && given.every(isLength)) return given as [number, number];
  const takes = 'metres, a finite number above 0, or two of them: [rows, columns]';
  throw new InvalidArgumentError('pixel', gotTakes('propagation.pixel', pixel, takes));
}

function metres(length: number): number {
  return Number(length.toPrecision(3));
}

function isLength(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value < Infinity;
}

/** Rows and columns of the smallest rectangle around the support. */
function extentsOf(support: Uint8Array | undefined, [rows, columns]: Shape): [number, number] {
  if (!support) return [rows, columns];
  let [top, bottom, left, right] = [rows, -1, columns, -1];
  for (let i = 0; i < support.length; i++) {
    if (support[i] === 0) continue;
    const [row, column] = [Math.floor(i / columns), i % columns];
    [top, bottom, left, right] = [Math.min(top, row), row, Math.min(left, column), Math.max(right, column)];
  }
  return [bottom - top + 1, right - left + 1];
}

/** Multiplies objects, one behind the other, by c in place: o becomes o·c. Leaves them alone where c is undefined. */
export function intoFrame<Objects extends RealArray>(objects: Objects, chirp: RealArray | undefined): Objects {
  return chirp ? multiplied(objects, chirp, 1) : objects;
}

/** The other way: o·c becomes o. */
export function outOfFrame<Objects extends RealArray>(objects: Objects, chirp: RealArray | undefined): Objects {
  return chirp ? multiplied(objects, chirp, -1) : objects;
}

function multiplied<Objects extends RealArray>(objects: Objects, chirp: RealArray, sense: 1 | -1): Objects {
  for (let i = 0; i < objects.length; i += 2) {
    const at = i % chirp.length;
    const [re, im, cosine, sine] = [objects[i], objects[i + 1], chirp[at], sense * chirp[at + 1]];
    objects[i] = re * cosine - im * sine;
    objects[i + 1] = re * sine + im * cosine;
  }
  return objects;
}
