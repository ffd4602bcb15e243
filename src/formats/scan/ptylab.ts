/** PtyLab's HDF5 files: everything in metres, at the root. */
import { FileFormatError } from '../../errors.js';
import type { Shape } from '../../types.js';
import { type FileScan, points } from './assemble.js';
import type { Contents } from './contents.js';

export function isPtyLab(contents: Contents): boolean {
  return contents.first(['/ptychogram']) !== undefined && contents.first(['/encoder']) !== undefined;
}

export function readPtyLab(contents: Contents): FileScan {
  const { data, extents } = contents.counts('/ptychogram')!;
  if (extents.length !== 3)
    throw new FileFormatError(`it has a ptychogram of ${extents.join(' × ')}; takes patterns × rows × columns`);
  const places = points('encoder', contents.numbers('/encoder')!, 2, (length, across) => length === 2 && across !== 2);
  const pixels = contents.numbers('/dxd')?.data;
  const orientation = contents.number('/orientation');
  return {
    ...{ patterns: data, shape: [extents[1], extents[2]] as Shape },
    positions: Float64Array.from(places.flat()),
    ...(pixels && { detectorPixel: [pixels[0], pixels[1] ?? pixels[0]] as const }),
    distance: contents.number('/zo'),
    wavelength: contents.number('/wavelength'),
    beam: contents.number('/entrancePupilDiameter'),
    ...(orientation && { orientation: orientationOf(orientation) }),
    notes: [
      'positions as they are: PtyLab stores where the beam went',
      ...(orientation ? [`patterns turned as the file's orientation ${orientation} says`] : []),
    ],
  };
}

/** The bits 4, 2 and 1, as ptypy has them: transpose, then invert rows, and columns. */
function orientationOf(number: number) {
  if (!Number.isInteger(number) || number < 0 || number > 7) {
    throw new FileFormatError(`it has the orientation ${number}; takes 0 to 7`);
  }
  return [(number & 4) !== 0, (number & 2) !== 0, (number & 1) !== 0] as const;
}
