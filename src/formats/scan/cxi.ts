/**
 * Scans in CXI (F. Maia, Nature Methods 9, 854, 2012), in the dialects of cdtools and PyNX, and in NeXus' NXcxi_ptycho. Lengths
 * are metres and energies joules, unless `@units` says otherwise.
 */
import { FileFormatError } from '../../errors.js';
import type { CountArray } from '../../scan-types.js';
import type { Shape } from '../../types.js';
import { CXI_HARMLESS } from '../hdf5/choose.js';
import { type FileScan, photonEnergy, points, wavelengthOf } from './assemble.js';
import type { Contents, Stored } from './contents.js';

const ENTRY = '/entry_1';
const DETECTOR = `${ENTRY}/instrument_1/detector_1`;
const SOURCE = `${ENTRY}/instrument_1/source_1`;
const DATA = [`${ENTRY}/data_1/data`, `${DETECTOR}/data`];
const TRANSLATIONS = [
  ...[`${ENTRY}/data_1/translation`, `${ENTRY}/sample_1/geometry_1/translation`, `${DETECTOR}/translation`],
];

/** A pixel has signal: bit 0x1000 of CXI's masks; the others say something without making it bad either. */
const HARMLESS = CXI_HARMLESS | 0x1000;

export function isCxiScan(contents: Contents): boolean {
  return contents.first(DATA) !== undefined && contents.first(TRANSLATIONS) !== undefined;
}

export function readCxiScan(contents: Contents): FileScan {
  const { data, extents, path } = contents.counts(...DATA)!;
  if (extents.length < 3)
    throw new FileFormatError(`it has one pattern in ${path}; takes a stack, one for each position`);
  const shape = extents.slice(-2) as unknown as Shape;
  const { normal, detectorPixel, directions } = detectorOf(contents);
  const program = contents.text(`${ENTRY}/program_name`) ?? '';
  const isPyNX = program.startsWith('PyNX');
  const translations = contents.numbers(...TRANSLATIONS)!;
  // Three positions of a 3 × 3 array are rows.
  const places = points('translation', translations, 3, (length, across) => length === 3 && across !== 3);
  const along = (axis: 0 | 1) => (place: number[]) => {
    const move = directions ? place[0] * directions[axis][0] + place[1] * directions[axis][1] : place[1 - axis];
    return isPyNX ? move : -move;
  };
  const positions = Float64Array.from(places.flatMap((place) => [along(0)(place), along(1)(place)]));
  const corner = contents.numbers(`${DETECTOR}/corner_position`)?.data;
  const projected = corner && Math.abs(normal.reduce((sum, part, i) => sum + part * corner[i], 0));
  const energy = contents.number(`${SOURCE}/energy`, `${ENTRY}/instrument_1/beam_1/energy`);
  const notes = isPyNX
    ? [`translations as they are: ${program} stores where the beam went`]
    : ['translations negated: CXI stores where the sample went'];
  const wavelength = contents.number(`${SOURCE}/wavelength`);
  if (wavelength !== undefined && energy !== undefined && differs(photonEnergy(wavelength), energy)) {
    notes.push(
      `the file's wavelength of ${wavelength} m goes before its energy of ${energy} J, which other photons have`,
    );
  }
  const probe = contents.complex(`${SOURCE}/illumination`, `${SOURCE}/probe`);
  if (probe) checkProbe(probe, shape);
  return {
    ...{ patterns: data, shape, positions, detectorPixel, mask: maskOf(contents, shape), notes },
    distance: contents.number(`${DETECTOR}/distance`) ?? projected,
    wavelength: wavelength ?? (energy === undefined ? undefined : wavelengthOf(energy)),
    ...(probe && { probe: probe.data }),
  };
}

/** Whether they differ by more than rounding and the constants of other programs explain. */
function differs(one: number, other: number): boolean {
  return !(Math.abs(one - other) <= 0.01 * Math.abs(other));
}

/**
 * Pixels of the detector, and where its axes point in x and y. With `basis_vectors` whose axes both point down and to the
 * left, as CXI has them, or up and to the right, positions are those of y and x alike: the difference is a rotation by 180°,
 * which patterns do not tell. One axis alone counts.
 */
function detectorOf(contents: Contents) {
  const sizes = [`${DETECTOR}/y_pixel_size`, `${DETECTOR}/x_pixel_size`].map((path) => contents.number(path));
  const basis = contents.numbers(`${DETECTOR}/basis_vectors`);
  const isBasis = basis?.extents.length === 2 && basis.data.length === 6;
  const vectors = isBasis
    ? [0, 1].map((axis) => [0, 1, 2].map((k) => basis.data[basis.extents[0] === 3 ? 2 * k + axis : 3 * axis + k]))
    : undefined;
  const [down, right] = vectors ?? [
    [0, 1, 0],
    [1, 0, 0],
  ];
  const normal = unit([
    down[1] * right[2] - down[2] * right[1],
    down[2] * right[0] - down[0] * right[2],
    down[0] * right[1] - down[1] * right[0],
  ]);
  const both = vectors?.map((vector) => Math.hypot(...vector));
  const [rows, columns] = [sizes[0] ?? both?.[0], sizes[1] ?? both?.[1]];
  const detectorPixel = rows === undefined || columns === undefined ? undefined : ([rows, columns] as const);
  if (!vectors) return { detectorPixel, normal, directions: undefined };
  const pointsBack = (vector: number[]) => vector[0] + vector[1] < 0;
  const sense = vectors.every(pointsBack) ? -1 : 1;
  return { detectorPixel, normal, directions: vectors.map((vector) => unit(vector).map((part) => sense * part)) };
}

function unit(vector: number[]): number[] {
  const length = Math.hypot(...vector) || 1;
  return vector.map((part) => part / length);
}

/** Zero is good, and masks of single patterns count wherever any of them is bad. */
function maskOf(contents: Contents, [rows, columns]: Shape): Uint8Array | undefined {
  const stored = contents.numbers(`${DETECTOR}/mask`, `${ENTRY}/data_1/mask`);
  if (!stored) return undefined;
  const { data, extents } = stored;
  const pixels = rows * columns;
  if (data.length % pixels !== 0 || extents.at(-2) !== rows || extents.at(-1) !== columns) {
    throw new FileFormatError(`it has a mask of ${extents.join(' × ')} for patterns of ${rows} × ${columns}`);
  }
  const mask = new Uint8Array(pixels).fill(1);
  for (let i = 0; i < data.length; i++) if ((data[i] & ~HARMLESS) !== 0) mask[i % pixels] = 0;
  return mask;
}

function checkProbe({ data, extents }: Stored<Float64Array | CountArray>, [rows, columns]: Shape): void {
  if (extents.at(-2) === rows && extents.at(-1) === columns && data.length > 0) return;
  throw new FileFormatError(`it has a probe of ${extents.join(' × ')} for patterns of ${rows} × ${columns}`);
}
