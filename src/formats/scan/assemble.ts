/** From what a file holds, as detectors and stages have it, to a scan: zero frequency first, positions in pixels. */
import { FileFormatError, InvalidArgumentError, gotTakes } from '../../errors.js';
import { orientScan } from '../../problems/orientation.js';
import { METRES, checkMetres, extents, leavesEmpty } from '../../problems/scan.js';
import type { CountArray, Orientation, Scan } from '../../scan-types.js';
import type { Shape } from '../../types.js';
import { rolled } from './stack.js';

/** What a caller may say about a scan's file, instead of what is in it or because it is not. */
export interface ScanGeometry {
  /** Metres. */
  wavelength?: number | undefined;
  /** Metres from the object to the detector. */
  distance?: number | undefined;
  /** Metres of a pixel of the detector, [along rows, along columns], or of a square one. */
  detectorPixel?: number | readonly [number, number] | undefined;
  /** How the detector lies to the axes of the positions. Default: as the file says, or as it is. */
  orientation?: Orientation | undefined;
  /** Factors 1 or −1 of the positions along rows and along columns. Default [1, 1], of what the file's format implies. */
  positionsSign?: readonly [number, number] | undefined;
}

export const GEOMETRY_KEYS = [
  'wavelength',
  'distance',
  'detectorPixel',
  'orientation',
  'positionsSign',
] as const satisfies readonly (keyof ScanGeometry)[];

/** A scan as a file has it. */
export interface FileScan extends Omit<ScanGeometry, 'detectorPixel'> {
  patterns: CountArray;
  /** Rows and columns of each pattern. */
  shape: Shape;
  /** Where the zero frequency is. Default: ⌊rows/2⌋, ⌊columns/2⌋. */
  centre?: readonly [number, number];
  /** Where the beam went over the object, row and column of each position. */
  positions: Float64Array;
  /** What positions are in. Default: metres. */
  unit?: 'pixels' | undefined;
  /** The positions are the caller's, not the file's. */
  positionsGiven?: boolean;
  detectorPixel?: readonly [number, number] | undefined;
  /** 1 where measured, with the zero frequency where the patterns have it. */
  mask?: Uint8Array | undefined;
  probe?: Float64Array | undefined;
  /** Metres: the width of a beam that is a disc, where the file has no probe. */
  beam?: number | undefined;
  /** One line for each thing that the file's format implies. */
  notes: string[];
}

/** A scan from a file. */
export interface ReadScan {
  scan: Scan;
  /** What was done to it and why, in lines to be shown. */
  notes: string[];
}

/** @throws InvalidArgumentError where the geometry is incomplete, FileFormatError where arrays do not belong together */
export function assemble(file: FileScan, options: ScanGeometry): ReadScan {
  const { patterns, shape, mask } = file;
  const [rows, columns] = shape;
  const pixels = rows * columns;
  const count = patterns.length / pixels;
  if (2 * count !== file.positions.length) {
    throw new FileFormatError(`it has ${count} patterns, and there are ${file.positions.length / 2} positions`);
  }
  const centre = file.centre ?? ([rows >> 1, columns >> 1] as const);
  const wavelength = metres('wavelength', options.wavelength, file.wavelength);
  const distance = metres('distance', options.distance, file.distance);
  const detector = detectorOf(options.detectorPixel, file.detectorPixel);
  const known = wavelength !== undefined && distance !== undefined && detector !== undefined;
  if (!known && file.unit !== 'pixels') requireGeometry({ wavelength, distance, detectorPixel: detector });
  const pixel = known
    ? ([(wavelength * distance) / (rows * detector[0]), (wavelength * distance) / (columns * detector[1])] as const)
    : undefined;
  const sign = checkSign(options.positionsSign);
  const divide = file.unit === 'pixels' ? [1, 1] : pixel!;
  const positions = file.positions.map((number, i) => (sign[i % 2] * number) / divide[i % 2]);
  if (file.unit !== 'pixels') checkReach(positions, shape, pixel!, file.positionsGiven ?? false);
  const notes = [...file.notes];
  const beam = file.probe ? undefined : file.beam;
  let probe = file.probe;
  if (beam !== undefined && pixel) {
    if (isInside(beam, shape, pixel)) probe = disc(beam, shape, pixel);
    else notes.push(`the file's beam of ${beam} m is left out: it is no part of what a pattern sees`);
  }
  const scan: Scan = {
    ...{ patterns: rolled(patterns, shape, centre), shape, positions },
    ...(mask?.includes(0) && { mask: rolled(mask, shape, centre) }),
    ...(probe && { probe }),
    ...(pixel && { pixel }),
    ...(wavelength !== undefined && { wavelength }),
    ...(distance !== undefined && { distance }),
  };
  const orientation = options.orientation ?? file.orientation;
  return { scan: orientation ? orientScan(scan, orientation) : scan, notes };
}

/** What the caller gives, or what the file has; undefined where neither says it. */
function metres(name: keyof typeof METRES, given: number | undefined, own: number | undefined): number | undefined {
  checkMetres(name, given);
  if (given !== undefined || own === undefined) return given;
  const [least, most] = METRES[name];
  if (own >= least && own <= most) return own;
  const what = name === 'detectorPixel' ? "detector's pixel" : name;
  const takes = `takes ${least} to ${most} m, and its unit may be another`;
  throw new FileFormatError(`it has a ${what} of ${Number(own.toPrecision(6))} m; ${takes}`);
}

function detectorOf(given: ScanGeometry['detectorPixel'], own: FileScan['detectorPixel']) {
  const both = typeof given === 'number' ? [given, given] : given;
  if (both !== undefined && !(Array.isArray(both) && both.length === 2)) {
    const takes = 'metres of a pixel of the detector, or two such numbers';
    throw new InvalidArgumentError('detectorPixel', gotTakes('detectorPixel', given, takes));
  }
  const [rows, columns] = [0, 1].map((axis) =>
    metres('detectorPixel', (both as readonly number[] | undefined)?.[axis], own?.[axis]),
  );
  return rows === undefined || columns === undefined ? undefined : ([rows, columns] as const);
}

function requireGeometry(geometry: Record<string, unknown>): void {
  const argument = Object.keys(geometry).find((name) => geometry[name] === undefined)!;
  const message = `${argument}: the file does not say it; takes metres, because positions in metres become pixels of the object by it`;
  throw new InvalidArgumentError(argument, message);
}

function checkSign(sign: ScanGeometry['positionsSign']): readonly [number, number] {
  if (sign === undefined) return [1, 1];
  const given: unknown[] = Array.isArray(sign) ? Array.from(sign) : [];
  if (given.length === 2 && given.every((factor) => factor === 1 || factor === -1)) return sign;
  throw new InvalidArgumentError('positionsSign', gotTakes('positionsSign', sign, 'two factors, 1 or -1 each'));
}

/**
 * Refuses positions that were taken for metres and then reach over far more than patterns can fill.
 * @throws FileFormatError, InvalidArgumentError for positions that the caller gives
 */
function checkReach(positions: Float64Array, shape: Shape, pixel: readonly [number, number], given: boolean): void {
  const spans = extents(positions).map(({ least, most }) => most - least);
  const size = spans.map((span, axis) => span + shape[axis]) as unknown as Shape;
  if (!leavesEmpty(size, positions.length / 2, shape)) return;
  const metres = spans.map((span, axis) => (span * pixel[axis]).toPrecision(3)).join(' × ');
  const pixels = spans.map((span) => span.toPrecision(3)).join(' × ');
  const taken = `positions were taken for metres and reach over ${metres} m, which is ${pixels} pixels of the object: is their unit another, or one of them wrong?`;
  if (!given) throw new FileFormatError(`its ${taken}`);
  const names = 'the first line of a text names a unit, as in row [px],column [px] or x [um],y [um]';
  throw new InvalidArgumentError('positions', `positions: the ${taken} ${names}`);
}

/** A beam of this width has some inside what a pattern sees, and does not fill it. */
function isInside(width: number, shape: Shape, pixel: readonly [number, number]): boolean {
  return width > 0 && pixel.every((size, axis) => width < size * shape[axis]);
}

/** A beam of this width in metres in the middle. */
function disc(width: number, [rows, columns]: Shape, pixel: readonly [number, number]): Float64Array {
  const probe = new Float64Array(2 * rows * columns);
  for (let i = 0; i < rows * columns; i++) {
    const [y, x] = [Math.floor(i / columns) - (rows >> 1), (i % columns) - (columns >> 1)];
    if (Math.hypot(y * pixel[0], x * pixel[1]) <= width / 2) probe[2 * i] = 1;
  }
  return probe;
}

/** Planck's constant times the speed of light, in J·m. */
const HC = 6.62607015e-34 * 299792458;

/** Joules, of a wavelength in metres. */
export function photonEnergy(wavelength: number): number {
  return HC / wavelength;
}

/** Photons have 1 meV to 1 MeV, here in joules. Electronvolts without their unit are far outside. */
const ENERGIES = [1.6e-22, 1.6e-13] as const;

/** Metres, of the energy of photons in joules. @throws FileFormatError where no beam has it */
export function wavelengthOf(joules: number): number {
  if (joules >= ENERGIES[0] && joules <= ENERGIES[1]) return HC / joules;
  const keV = joules / 1.602176634e-16;
  const message = `it has an energy of ${Number(joules.toPrecision(6))} J, which is ${keV.toPrecision(3)} keV and no beam's: its unit may be another`;
  throw new FileFormatError(message);
}

/**
 * Row and column of each position from a list of points, which may be stored the other way round.
 * @throws FileFormatError for arrays that are no such list
 */
export function points(
  path: string,
  { data, extents }: { data: Float64Array; extents: readonly number[] },
  width: number,
  isTransposed: (rows: number, columns: number) => boolean,
): number[][] {
  const flat = extents.length > 2 ? [data.length / extents.at(-1)!, extents.at(-1)!] : extents;
  const [length, across] = flat;
  const transposed = flat.length === 2 && isTransposed(length, across);
  if (flat.length !== 2 || (transposed ? length : across) !== width) {
    throw new FileFormatError(`it has ${path} of ${extents.join(' × ')} numbers; takes positions × ${width}`);
  }
  const count = transposed ? across : length;
  return Array.from({ length: count }, (_, j) =>
    Array.from({ length: width }, (_, k) => data[transposed ? k * count + j : j * width + k]),
  );
}
