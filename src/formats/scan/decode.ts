/** Scans from bytes. What a file is is told by its content, as for images. */
import { FileFormatError, InvalidArgumentError } from '../../errors.js';
import { checkRealArray } from '../../problems/image.js';
import type { RealArray, Shape } from '../../types.js';
import { isHdf5, readHdf5 } from '../hdf5/hdf5.js';
import { decodeNpy, isNpy } from '../npy.js';
import type { DecodeOptions } from '../options.js';
import { type FileScan, type ReadScan, type ScanGeometry, assemble } from './assemble.js';
import { Contents } from './contents.js';
import { isCxiScan, readCxiScan } from './cxi.js';
import type { Positions } from './positions.js';
import { isPtyd, readPtyd } from './ptyd.js';
import { isPtyLab, readPtyLab } from './ptylab.js';

export interface DecodeScanOptions extends ScanGeometry, Pick<DecodeOptions, 'sources'> {
  /** Instead of the file's own. */
  positions?: Positions | undefined;
  /** Instead of the file's own: not 0 where measured, with the zero frequency where the patterns have it. */
  mask?: { data: ArrayLike<number>; shape: Shape } | undefined;
}

const READERS: readonly [(contents: Contents) => boolean, (contents: Contents) => FileScan][] = [
  [isPtyd, readPtyd],
  [isPtyLab, readPtyLab],
  [isCxiScan, readCxiScan],
];

/** @throws FileFormatError, InvalidArgumentError */
export async function decodeScan(bytes: Uint8Array, options: DecodeScanOptions): Promise<ReadScan> {
  const file = isNpy(bytes) ? stack(bytes, options.positions) : await readScanFile(bytes, options);
  const { positions, mask } = options;
  const [rows, columns] = file.shape;
  if (mask && !(mask.shape[0] === rows && mask.shape[1] === columns)) {
    const message = `mask: it is ${mask.shape.join(' × ')}, and the patterns are ${rows} × ${columns}`;
    throw new InvalidArgumentError('mask', message);
  }
  const own: FileScan = { ...file, ...(mask && { mask: Uint8Array.from(mask.data, (value) => Number(value !== 0)) }) };
  if (!positions) return assemble(own, options);
  const { wavelength, distance, detectorPixel } = { ...file, ...defined(options) };
  const isKnown = [wavelength, distance, detectorPixel].every((metres) => metres !== undefined);
  const unit = positions.unit ?? (isKnown ? 'metres' : 'pixels');
  return assemble(
    {
      ...own,
      positions: positions.data,
      positionsGiven: true,
      unit: unit === 'pixels' ? unit : undefined,
      notes: [`positions in ${unit}, row and column where the beam went`],
    },
    options,
  );
}

/** Without those that are undefined, which would hide others. */
function defined<Options extends object>(options: Options): Partial<Options> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<Options>;
}

function stack(bytes: Uint8Array, positions: Positions | undefined): FileScan {
  const { data, shape } = decodeNpy(bytes);
  if (shape.length !== 3 || data.length === 0) {
    const message = `the .npy file has ${shape.join(' × ')} numbers; takes patterns of a scan, positions × rows × columns`;
    throw new FileFormatError(message, { format: 'npy' });
  }
  if (!positions) throw new InvalidArgumentError('positions', 'positions: an .npy file has none; takes a file of them');
  return { patterns: data, shape: [shape[1], shape[2]], positions: positions.data, notes: [] };
}

async function readScanFile(bytes: Uint8Array, options: DecodeScanOptions): Promise<FileScan> {
  if (!isHdf5(bytes)) throw new FileFormatError('it is no scan; takes HDF5 (CXI, NXcxi_ptycho, .ptyd, PtyLab) or .npy');
  return readHdf5(bytes, options, (file) => {
    const contents = new Contents(file, bytes.length);
    const reader = READERS.find(([is]) => is(contents));
    if (reader) return reader[1](contents);
    const takes =
      'CXI and NXcxi_ptycho (/entry_1/data_1/data with translation), .ptyd (/chunks/0/data) or PtyLab (/ptychogram with /encoder)';
    throw new FileFormatError(`the HDF5 file is no scan that is known; takes ${takes}`, { format: 'hdf5' });
  });
}

/** Positions from a caller's array of count × 2 numbers. */
export function positionsOf(array: RealArray): Positions {
  const count = Math.floor(((array as Partial<RealArray> | undefined)?.length ?? 0) / 2);
  return { data: Float64Array.from(checkRealArray('positions', array, [Math.max(1, count), 2])), unit: undefined };
}
