/** The content of the report of a scan. The other report.ts lays it out. */
import { basename } from 'node:path';
import process from 'node:process';
import { version } from '../../../package.json';
import { encodePicture, patternColours, beside } from '../picture.js';
import { brief } from '../print.js';
import { reportPage } from '../report.js';
import { percent } from './facts.js';
import { factLines } from './look.js';
import { type PtychoOptions, type ScanOutcome, type Seen, givenPositions, noiseFloor, shares } from './outcome.js';
import { greyOf, lightPicture, probePictures } from './pictures.js';

const NOTES = [
  'Where little light fell, the object is not known. The patterns also leave open one complex factor, a linear phase and a ' +
    'common shift, and with both axes of the positions reversed the same object turned by 180° with its phase negated.',
];

/** The page as text. */
export function scanReport(options: PtychoOptions, outcome: ScanOutcome, { light, phase, amplitude }: Seen): string {
  const { path, scan, looked, result, command } = outcome;
  const { probe, modes } = result;
  const pattern = patternColours({ data: looked.sums.map(Math.sqrt), shape: scan.shape }, scan.mask);
  const { top, left, rows, columns } = phase.rectangle;
  const where = `Rows ${top} to ${top + rows - 1}, columns ${left} to ${left + columns - 1} of the object`;
  const range = ([black, white]: readonly [number, number], unit: string) =>
    `black ${brief(black)}${unit}, white ${brief(white)}${unit}.`;
  const power = modes > 1 ? ` They have ${shares(result).map(percent).join(', ')} of the power.` : '';
  return reportPage({
    title: `${basename(path)}, reconstructed`,
    command,
    pictures: [
      {
        name: 'Phase',
        png: encodePicture(greyOf(phase)),
        caption: `${where}, without its ramp; ${range(phase.range, ' rad')}`,
      },
      { name: 'Amplitude', png: encodePicture(greyOf(amplitude)), caption: range(amplitude.range, '') },
      {
        name: modes > 1 ? 'Modes of the probe' : 'Probe',
        png: encodePicture(beside(probePictures(probe, scan.shape))),
        caption: `Colour: phase. Brightness: magnitude.${power}`,
      },
      {
        name: 'Positions',
        png: encodePicture(
          lightPicture(light, scan.shape, options.positionsFrom === undefined ? undefined : givenPositions(outcome)),
        ),
        caption:
          'The middle of the beam at each position, in the light on the object' +
          (options.positionsFrom === undefined ? '.' : ': blue as given, white as corrected.'),
      },
      {
        name: 'Mean pattern',
        png: encodePicture(pattern.picture),
        caption: `Logarithmic, ${pattern.decades.toFixed(1)} decades, zero frequency in the middle.`,
      },
    ],
    history: result.history ?? new Float64Array(),
    facts: facts(options, outcome),
    notes: [...looked.facts.warnings.map(({ message }) => `Warning: ${message}.`), ...NOTES],
  });
}

function facts(options: PtychoOptions, { path, scan, looked, notes, guesses, first, result }: ScanOutcome) {
  const { algorithm, alpha, beta, batch, modes, iterations, seconds, backend, device, residual, objectShape } = result;
  const { iterations: asked, probeFrom, positionsFrom, seed, precision, output } = options;
  const stopped = iterations < asked ? ` (stopped; ${asked} were asked for)` : '';
  return [
    ['residual', `${brief(residual)}; counting noise alone leaves ${brief(noiseFloor(scan))}`],
    ['algorithm', `${algorithm}, alpha ${alpha}, beta ${beta}, batches of ${batch}`],
    ['iterations', `${iterations}${stopped}`],
    ['modes of the probe', String(modes)],
    ...(probeFrom === undefined ? [] : [['probe updated', `from iteration ${probeFrom}`] as const]),
    ['positions', positionsFrom === undefined ? 'as given' : `corrected from iteration ${positionsFrom}`],
    ['object', `${objectShape.join(' × ')} pixels`],
    ...factLines(path, scan, looked).map((line) => ['scan', line] as const),
    ...notes.map((line) => ['reading', line] as const),
    ...guesses.map((line) => ['search', line] as const),
    ['order of positions', `seed ${seed}`],
    ['backend', `${backend} (${device}), ${precision} precision`],
    ...(result.keepPatterns === 'host' ? [['patterns', 'kept on the host'] as const] : []),
    ['time', `${seconds.toFixed(2)} s, ${brief(((iterations - first) * looked.facts.patterns) / seconds)} patterns/s`],
    ['written', output ?? ''],
    ['program', `rephase ${version}, Node ${process.version}, ${process.platform} ${process.arch}`],
    ['date', new Date().toISOString()],
  ] as const;
}
