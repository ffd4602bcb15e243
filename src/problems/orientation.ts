/** How a detector's rows and columns lie to the axes of the positions. */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import type { Orientation, Scan } from '../scan-types.js';
import type { Shape } from '../types.js';
import { checkMeasured } from './scan.js';

/**
 * A scan with patterns and mask as they would be from a detector that was mounted otherwise: transposed, then turned upside
 * down, then mirrored, about the zero frequency. Patterns and mask are new arrays. Positions stay the same in metres: where
 * pixels of the object become larger or smaller, because the detector is not square, they change in pixels. A probe, and an
 * object to begin with, are left out where the shape or the pixels change.
 *
 * @throws InvalidArgumentError
 */
export function orientScan(scan: Scan, orientation: Orientation): Scan {
  const { shape, mask, patterns } = checkMeasured(scan);
  const [transpose, flipRows, flipColumns] = checkOrientation(orientation);
  const [rows, columns]: Shape = transpose ? [shape[1], shape[0]] : shape;
  const from = new Uint32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [r, c] = [flipRows ? (rows - row) % rows : row, flipColumns ? (columns - column) % columns : column];
      from[row * columns + column] = transpose ? c * shape[1] + r : r * shape[1] + c;
    }
  }
  const oriented = patterns.slice();
  for (let first = 0; first < patterns.length; first += from.length) {
    for (let i = 0; i < from.length; i++) oriented[first + i] = patterns[first + from[i]];
  }
  const both = { ...scan, patterns: oriented, ...(mask && { mask: mask.map((_, i) => mask[from[i]]) }) };
  // A detector with square pixels, where nothing is said about them.
  const pixel = scan.pixel ?? [1 / shape[0], 1 / shape[1]];
  const ratio = pixel[0] / pixel[1];
  if (!transpose || (ratio === 1 && shape[0] === shape[1])) return both;
  return {
    ...{ patterns: oriented, shape: [rows, columns], mask: both.mask },
    positions: Float64Array.from(scan.positions, (number, i) => (i % 2 ? number / ratio : number * ratio)),
    ...(scan.pixel && { pixel: [pixel[1], pixel[0]] }),
    ...{ wavelength: scan.wavelength, distance: scan.distance },
  };
}

function checkOrientation(orientation: Orientation): Orientation {
  const given: unknown[] = Array.isArray(orientation) ? Array.from(orientation) : [];
  if (given.length === 3 && given.every((flag) => typeof flag === 'boolean')) return orientation;
  const takes = 'three booleans [transpose, flipRows, flipColumns]';
  throw new InvalidArgumentError('orientation', gotTakes('orientation', orientation, takes));
}
