/** Writes what was found of a scan, and says what was written. */
import { extname } from 'node:path';
import { version } from '../../../package.json';
import { FileAccessError } from '../../errors.js';
import { writeBytes, writeImage, writeScan } from '../../formats/files.js';
import { encodeComplexNpy } from '../../formats/npy.js';
import { scanDefaults } from '../../scan-rules.js';
import type { Scan, ScanPreview } from '../../scan-types.js';
import { illumination } from '../../tools/illumination.js';
import { isPng, writeText } from '../files.js';
import { type Printer, brief, note } from '../print.js';
import { duration } from '../progress.js';
import { percent } from './facts.js';
import { type PtychoOptions, type ScanOutcome, type Seen, givenPositions, noiseFloor, shares } from './outcome.js';
import { litImages } from './pictures.js';
import { scanReport } from './report.js';

/** The object with the probe and the positions that a run has reached. */
export async function seen(scan: Scan, { object, objectShape, probe, positions }: Reached): Promise<Seen> {
  const light = await illumination({ ...scan, probe, positions, object: { data: object, shape: objectShape } });
  return { light, ...litImages(object, objectShape, light) };
}

type Reached = Pick<ScanPreview, 'object' | 'objectShape' | 'probe' | 'positions'>;

export async function writeResult(options: PtychoOptions & { output: string }, outcome: ScanOutcome): Promise<Seen> {
  const { output, report } = options;
  const { scan, result, command } = outcome;
  const what = await seen(scan, result);
  if (isCxi(output)) await writeScan(output, scan, result, settingsOf(options, command));
  else if (isPng(output)) await writeImage(output, what.phase, { bits: 16, range: what.phase.range });
  else await writeBytes(output, encodeComplexNpy(result.object, result.objectShape));
  if (report !== undefined) await writeText(report, scanReport(options, outcome, what));
  return what;
}

export function isCxi(path: string): boolean {
  return ['.cxi', '.h5'].includes(extname(path).toLowerCase());
}

/** Writes what a run has reached. A failure warns, and leaves the checkpoint before: the next may succeed. */
export function checkpointWriter(path: string, scan: Scan, settings: ReturnType<typeof settingsOf>) {
  return (reached: ScanPreview): Promise<void> =>
    writeScan(path, scan, reached, settings).catch((error: unknown) => {
      if (!(error instanceof FileAccessError)) throw error;
      note(`warning: ${error.message}; the run goes on without a new checkpoint`);
    });
}

/** What the result itself does not say. */
export function settingsOf(options: PtychoOptions, command: string) {
  const { algorithm, iterations, seed, precision, probeFrom, positionsFrom } = options;
  const defaults = scanDefaults(algorithm);
  return {
    ...{ command, iterationsAsked: iterations, seed, precision, date: new Date().toISOString() },
    ...{ algorithm, alpha: options.alpha ?? defaults.alpha, batch: options.batch ?? defaults.batch },
    beta: defaults.hasBeta ? (options.beta ?? defaults.beta) : 1,
    ...(probeFrom !== undefined && { probeFrom }),
    ...(positionsFrom !== undefined && { positionsFrom }),
  };
}

export function printResult(
  out: Printer,
  options: PtychoOptions & { output: string },
  outcome: ScanOutcome,
  { phase }: Seen,
): void {
  const { path, scan, looked, result, notes, guesses, command, first } = outcome;
  const { algorithm, alpha, beta, batch, iterations, seconds, backend, device, residual, objectShape, modes } = result;
  const { output, report, iterations: asked } = options;
  const { patterns, shape } = looked.facts;
  out.line(
    `${backend} (${device}) · ${algorithm}, alpha ${alpha} · ${patterns} × ${shape.join('×')} · object ${objectShape.join('×')}`,
  );
  const rate = ((iterations - first) * patterns) / seconds;
  out.line(`${iterations} iterations in ${duration(seconds)}, ${brief(rate)} patterns/s`);
  out.line(`residual ${brief(residual)}; counting noise alone leaves ${brief(noiseFloor(scan))}`);
  if (residual >= 1) note('warning: a black object has a residual of 1, so nothing was found');
  if (result.keepPatterns === 'host')
    out.line('patterns stayed on the host: they did not fit the device, or were not to');
  if (modes > 1) out.line(`modes of the probe: ${shares(result).map(percent).join(', ')}`);
  const moved = movedBy(outcome);
  if (options.positionsFrom !== undefined) out.line(`positions moved by ${brief(moved)} pixels (rms)`);
  out.line(`phase from ${brief(phase.range[0])} to ${brief(phase.range[1])} rad where light fell`);
  if (iterations < asked) out.line(`stopped after ${iterations} of ${asked} iterations`);
  out.line(`wrote ${[output, report].filter((file) => file !== undefined).join(', ')}`);
  out.object({
    ...{ command: 'ptycho', scan: path, output, report, version, patterns, shape, objectShape, algorithm, alpha, beta },
    ...{
      batch,
      modes,
      keepPatterns: result.keepPatterns,
      seed: options.seed,
      precision: options.precision,
      backend,
      device,
      iterations,
      seconds,
    },
    ...{ patternsPerSecond: rate, residual, noiseFloor: noiseFloor(scan), moved, interrupted: iterations < asked },
    ...{
      phase: phase.range,
      rectangle: phase.rectangle,
      warnings: looked.facts.warnings,
      notes,
      guesses,
      repeat: command,
    },
  });
}

/** Root mean square of how far positions were moved, in pixels, but for what all of them share. */
function movedBy(outcome: ScanOutcome): number {
  const given = givenPositions(outcome);
  const squares = outcome.result.positions.reduce((sum, place, i) => sum + (place - given[i]) ** 2, 0);
  return Math.sqrt((2 * squares) / given.length);
}
