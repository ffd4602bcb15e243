/** What `rephase ptycho` says and draws of a scan that it does not reconstruct. */
import { writeBytes } from '../../formats/files.js';
import { short } from '../../inspect/findings.js';
import type { Scan } from '../../scan-types.js';
import { beside, encodePicture, patternColours } from '../picture.js';
import { type Printer, brief } from '../print.js';
import { type Looked, electronKeV, percent, photonKeV } from './facts.js';
import { lightPicture, probePictures } from './pictures.js';

export interface Look {
  path: string;
  scan: Scan;
  notes: readonly string[];
  looked: Looked;
  guesses: readonly string[];
  /** Where it was drawn. */
  picture: string;
  /** A command line. */
  suggestion: string;
}

/** The light with the positions in it, the mean pattern, and the probe, side by side. */
export async function writeLook(path: string, { shape, mask }: Scan, { light, probe, sums }: Looked): Promise<void> {
  const pattern = patternColours({ data: sums.map(Math.sqrt), shape }, mask).picture;
  await writeBytes(path, encodePicture(beside([lightPicture(light, shape), pattern, probePictures(probe, shape)[0]])));
}

export function printLook(out: Printer, look: Look): void {
  const { path, scan, notes, looked, guesses, picture, suggestion } = look;
  const { facts } = looked;
  for (const line of [...factLines(path, scan, looked), ...notes, ...guesses]) out.line(line);
  for (const { message } of facts.warnings) out.line(`warning: ${message}`);
  out.line(`wrote ${picture}`);
  out.line(`try: ${suggestion}`);
  const { pixel, wavelength, distance } = scan;
  out.object({
    ...{ command: 'ptycho', scan: path, picture, ...facts, pixel, wavelength, distance, notes, guesses, suggestion },
  });
}

/** Geometry, dose and overlap, one line each. */
export function factLines(path: string, scan: Scan, { facts }: Looked): string[] {
  const { patterns, shape, least, greatest, whole, counts, measured, step, span, objectShape, beam, overlap } = facts;
  const numbers = whole ? 'whole numbers' : 'numbers';
  const metres = scan.pixel && Math.sqrt(scan.pixel[0] * scan.pixel[1]);
  const inMetres = (pixels: number) => (metres === undefined ? '' : ` (${length(pixels * metres)})`);
  const kind = facts.beamIsKnown ? 'beam' : 'beam, if it is in focus,';
  const [isOne, places] = [patterns === 1, !Number.isNaN(step)];
  return [
    `${path}: ${patterns} ${isOne ? 'pattern' : 'patterns'} of ${shape.join('×')}, ${numbers} from ${short(least)} to ${short(greatest)}, ${brief(counts)} counts${isOne ? '' : ' each'}`,
    ...(measured < 1 ? [`${brief(100 * measured)} % of the pixels measured`] : []),
    geometryLine(scan),
    places
      ? `positions reach over ${span.map(brief).join(' × ')} pixels${inMetres(Math.max(...span))}, neighbours are ${brief(step)} apart; the object is ${objectShape.join('×')}`
      : `the object is ${objectShape.join('×')}`,
    `the ${kind} is ${brief(beam)} pixels wide${inMetres(beam)}${places ? `; neighbours overlap by ${percent(Math.max(0, overlap))}` : ''}`,
  ];
}

function geometryLine({ wavelength, distance, pixel }: Scan): string {
  if (wavelength === undefined || !pixel) return 'wavelength, distance and pixel are not known';
  const photons = `${brief(photonKeV(wavelength))} keV`;
  const beam =
    wavelength < 1e-11 ? `electrons of ${brief(electronKeV(wavelength))} keV, or photons of ${photons}` : photons;
  const away = distance === undefined ? '' : `, detector at ${brief(distance)} m`;
  return `wavelength ${length(wavelength)} (${beam})${away}, pixel of the object ${pixel.map(length).join(' × ')}`;
}

const UNITS = [
  [1, 'm'],
  [1e-3, 'mm'],
  [1e-6, 'µm'],
  [1e-9, 'nm'],
  [1e-12, 'pm'],
] as const;

/** `20.8 nm` */
export function length(metres: number): string {
  const [size, unit] = UNITS.find(([size]) => Math.abs(metres) >= size) ?? UNITS[UNITS.length - 1];
  return `${Number((metres / size).toPrecision(3))} ${unit}`;
}
