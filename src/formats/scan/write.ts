/** Scans and their reconstructions as CXI, version 1.5: what was read, and under result_1 and result_2 what was found. */
import { InvalidArgumentError } from '../../errors.js';
import { checkMeasured, checkPositions, checkProbe } from '../../problems/scan.js';
import type { Scan, ScanPreview, ScanReconstruction } from '../../scan-types.js';
import type { RealArray, Shape } from '../../types.js';
import { PROGRAM, type Settings, processOf } from '../cxi-process.js';
import { type Hdf5Content, encodeHdf5 } from '../hdf5/write.js';
import { photonEnergy } from './assemble.js';
import { rolled } from './stack.js';

const ENTRY = '/entry_1';
const DETECTOR = `${ENTRY}/instrument_1/detector_1`;
const SOURCE = `${ENTRY}/instrument_1/source_1`;
const GEOMETRY = `${ENTRY}/sample_1/geometry_1`;
const BAD_PIXEL = 1;

/** What of a result a file keeps, as far as there is more than a preview. */
export type WrittenResult = ScanPreview & Partial<ScanReconstruction>;

/** @throws InvalidArgumentError for a scan that is not complete, or whose metres are not known */
export function encodeScan(scan: Scan, result?: WrittenResult, settings: Settings = {}): Uint8Array {
  const { shape, mask, patterns } = checkMeasured(scan);
  const [rows, columns] = shape;
  const count = patterns.length / (rows * columns);
  const positions = checkPositions(scan.positions, count);
  const probe = scan.probe && checkProbe(scan.probe, shape, { modes: undefined, precision: 'double' });
  const { pixel, wavelength, distance } = metresOf(scan);
  const middle = [Math.ceil(rows / 2), Math.ceil(columns / 2)] as const;
  const detectorPixel = shape.map((size, axis) => (wavelength * distance) / (size * pixel[axis]));
  return encodeHdf5({
    '/cxi_version': { data: Uint32Array.of(150), extents: [] },
    [`${ENTRY}/program_name`]: PROGRAM,
    [`${SOURCE}/energy`]: metres(photonEnergy(wavelength), 'J'),
    [`${SOURCE}/wavelength`]: metres(wavelength),
    [`${SOURCE}/illumination`]: probe && complex(probe, [probe.length / (2 * rows * columns), rows, columns]),
    [`${DETECTOR}/distance`]: metres(distance),
    [`${DETECTOR}/x_pixel_size`]: metres(detectorPixel[1]),
    [`${DETECTOR}/y_pixel_size`]: metres(detectorPixel[0]),
    [`${DETECTOR}/data`]: { data: rolled(patterns, shape, middle), extents: [count, rows, columns] },
    [`${DETECTOR}/mask`]: mask && { data: rolled(badPixels(mask), shape, middle), extents: shape },
    [`${GEOMETRY}/translation`]: translation(positions, pixel),
    [`${ENTRY}/data_1/data`]: { link: `${DETECTOR}/data` },
    [`${ENTRY}/data_1/translation`]: { link: `${GEOMETRY}/translation` },
    ...(result && resultContents(result, shape, pixel, settings)),
  });
}

function resultContents(
  result: WrittenResult,
  [rows, columns]: Shape,
  pixel: readonly [number, number],
  settings: Settings,
): Record<string, Hdf5Content | undefined> {
  const { object, objectShape, probe, modes, positions, history, warnings: _, ...numbers } = result;
  const sizes = (entry: string) => ({
    [`${entry}/x_pixel_size`]: metres(pixel[1]),
    [`${entry}/y_pixel_size`]: metres(pixel[0]),
  });
  return {
    [`${ENTRY}/result_1/data`]: complex(object, objectShape),
    [`${ENTRY}/result_1/description`]: 'object',
    ...sizes(`${ENTRY}/result_1`),
    [`${ENTRY}/result_1/translation`]: translation(positions, pixel),
    // Of the object's pixels, as the API has them.
    [`${ENTRY}/result_1/positions`]: { data: positions, extents: [positions.length / 2, 2] },
    [`${ENTRY}/result_1/residuals`]: history && { data: history, extents: [history.length] },
    ...processOf(`${ENTRY}/result_1`, { ...numbers, ...settings }),
    [`${ENTRY}/result_2/data`]: complex(probe, [modes, rows, columns]),
    [`${ENTRY}/result_2/description`]: 'modes of the probe',
    ...sizes(`${ENTRY}/result_2`),
  };
}

/** CXI holds metres: worth asking before a long run. @throws InvalidArgumentError where one is missing */
export function metresOf({ pixel, wavelength, distance }: Scan) {
  if (pixel && wavelength !== undefined && distance !== undefined) return { pixel, wavelength, distance };
  const argument = Object.entries({ wavelength, distance, pixel }).find(([, value]) => value === undefined)![0];
  const message = `${argument}: the scan does not say it; CXI takes scans with wavelength, distance and pixel, because it holds metres`;
  throw new InvalidArgumentError(argument, message);
}

function metres(number: number, units = 'm'): Hdf5Content {
  return { data: Float64Array.of(number), extents: [], units };
}

function complex(data: RealArray, extents: readonly number[]): Hdf5Content {
  return { data, extents, isComplex: true };
}

/** x, y and z in metres of where the sample went, which is the other way than the beam. */
function translation(positions: Float64Array, pixel: readonly [number, number]): Hdf5Content {
  const count = positions.length / 2;
  const data = new Float64Array(3 * count);
  for (let j = 0; j < count; j++) {
    data[3 * j] = 0 - positions[2 * j + 1] * pixel[1];
    data[3 * j + 1] = 0 - positions[2 * j] * pixel[0];
  }
  return { data, extents: [count, 3], units: 'm' };
}

function badPixels(mask: Uint8Array): Uint32Array {
  return Uint32Array.from(mask, (measured) => (measured ? 0 : BAD_PIXEL));
}
