/** Reads the scan that `rephase ptycho` is given, and makes it one that `retrieve` takes. */
import { type Command } from 'commander';
import { InvalidArgumentError } from '../../errors.js';
import { type ReadScanOptions, readBytes, readScanWithNotes } from '../../formats/files.js';
import { naming } from '../../formats/named.js';
import { decodeComplexNpy } from '../../formats/npy.js';
import type { Scan } from '../../scan-types.js';
import { guessProbe } from '../../tools/guess-probe.js';
import type { RealArray } from '../../types.js';
import { type NamedFile } from '../files.js';
import { finite, orientation, pair, positive, signs } from '../values.js';
import { cleanScan } from './clean.js';

export interface ScanInputOptions extends Pick<ReadScanOptions, 'wavelength' | 'distance' | 'orientation'> {
  positions?: string;
  mask?: string;
  probe?: string;
  pixel?: readonly [number, number];
  positionsSign?: readonly [number, number];
  defocus?: number;
  guess?: boolean;
  clean: boolean;
}

/** Adds the options that say how a scan is read. */
export function addScanOptions(command: Command): Command {
  return command
    .option('--positions <file>', 'text with a column for rows and one for columns, such as x [um],y [um]')
    .option('--wavelength <metres>', 'of the beam', positive('--wavelength'))
    .option('--distance <metres>', 'from the object to the detector', positive('--distance'))
    .option('--pixel <metres>', "of the detector's pixel, or two: along rows, along columns", pair('--pixel'))
    .option('--mask <file>', 'image that is zero where nothing was measured')
    .option(
      '--orientation <t,r,c>',
      'what is done to the patterns: 1,0,0 transposes, 0,1,0 flips rows, 0,0,1 columns (default: what the file says)',
      orientation('--orientation'),
    )
    .option('--positions-sign <signs>', 'such as -x,+y: turns what the format implies', signs('--positions-sign'))
    .option('--defocus <metres>', 'of the probe that is guessed from the mean pattern', finite('--defocus'))
    .option(
      '--probe <file>',
      'to begin with, instead of a guess: .npy, complex, rows × columns or modes × rows × columns',
    )
    .option('--guess', 'find orientation and defocus by trying')
    .option('--no-clean', 'the counts are right as they are');
}

export interface ScanInput {
  scan: Scan;
  /** Lines about what the format implies and what cleaning did. */
  notes: string[];
  /** The probe is the file's or follows from a defocus that was given. */
  beamIsKnown: boolean;
}

export function scanInputs(path: string, { positions, mask, probe }: ScanInputOptions): NamedFile[] {
  return [
    { what: 'the scan', path },
    { what: '--positions', path: positions },
    { what: '--mask', path: mask },
    { what: '--probe', path: probe },
  ];
}

export async function readScanInput(path: string, options: ScanInputOptions): Promise<ScanInput> {
  const { positions, mask, wavelength, distance, pixel, positionsSign, guess } = options;
  // A search is over all orientations, and what it finds is said as the option takes it.
  const turned = guess ? ([false, false, false] as const) : options.orientation;
  const { scan: read, notes } = await readScanWithNotes(path, {
    ...{ positions, mask, wavelength, distance, detectorPixel: pixel, positionsSign, orientation: turned },
  });
  const { scan, done } = options.clean ? cleanScan(read) : { scan: read, done: [] };
  const probe = guess ? undefined : await probeOf(scan, options);
  return {
    scan: { ...scan, probe },
    notes: [...notes, ...done],
    beamIsKnown: probe !== undefined,
  };
}

/** The one that is named, one of this defocus, or the file's own. */
async function probeOf(scan: Scan, { probe, defocus }: ScanInputOptions): Promise<RealArray | undefined> {
  if (probe === undefined) return defocus === undefined ? scan.probe : guessProbe(scan, { defocus });
  const bytes = await readBytes(probe);
  const { data, shape } = await naming(probe, () => Promise.resolve(decodeComplexNpy(bytes)));
  const [rows, columns] = scan.shape;
  if (shape.at(-2) === rows && shape.at(-1) === columns) return data;
  throw new InvalidArgumentError(
    '--probe',
    `--probe: ${probe} is ${shape.join('×')}, and the patterns are ${rows}×${columns}`,
  );
}
