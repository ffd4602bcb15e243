/** `rephase ptycho`: looks at a ptychographic scan, or reconstructs object and probe from it. */
import process from 'node:process';
import { type Command } from 'commander';
import { AbortError, DivergedError } from '../../errors.js';
import { readScan, readScanResult } from '../../formats/files.js';
import { SETTINGS, type ScanResult } from '../../formats/scan/result.js';
import { metresOf } from '../../formats/scan/write.js';
import { inspectScanResult } from '../../inspect/result.js';
import { orientScan } from '../../problems/orientation.js';
import { retrieve } from '../../retrieve/retrieve.js';
import { PATTERN_PLACES, SCAN_ALGORITHMS, type Orientation, type Scan, type ScanPreview } from '../../scan-types.js';
import { guessProbe } from '../../tools/guess-probe.js';
import { type ScanGuess, guessScan } from '../../tools/guess-scan.js';
import { type Progress } from '../../types.js';
import { EXIT, UsageError, exitCode, usage } from '../exit.js';
import { besides, checkDistinct, checkOutput } from '../files.js';
import { examples } from '../help.js';
import { interruptible } from '../interrupt.js';
import { type Live, addLiveOptions, secondsBetweenImages, startLive } from '../live/live.js';
import { brief, note, printer, quote } from '../print.js';
import { progressBar } from '../progress.js';
import { numberBetween, oneOf, positive, whole } from '../values.js';
import { addWhereOptions } from '../where.js';
import { type Looked, lookAtScan } from './facts.js';
import { type ScanInput, addScanOptions, readScanInput, scanInputs } from './input.js';
import { printLook, writeLook } from './look.js';
import type { PtychoOptions, ScanOutcome } from './outcome.js';
import { checkpointWriter, isCxi, printResult, seen, settingsOf, writeResult } from './output.js';
import { clipped } from './pictures.js';

const HELP = `
Without -o it looks: geometry, dose, overlap, what looks wrong, and SCAN.look.png with the light on the object and the positions
in it, the mean pattern, and the probe. Nothing is reconstructed then, except by --guess, which tries.

SCAN is CXI (of cdtools, PyNX, NeXus), .ptyd, PtyLab's HDF5, or .npy with --positions. Pixels that hold no number and negative
counts are cleaned unless --no-clean is given. --wavelength, --distance and --pixel go before what the file says; without them,
positions of an .npy file are in pixels of the object.

A .png shows the phase without its ramp, cut out where light fell, in 16 bits. .npy holds the complex object, .cxi the scan, the
object, the probe, the positions and all settings.

The first Ctrl-C, SIGTERM or SIGHUP stops the run and writes what there is. A run that goes on from a checkpoint has the result of
one that was never interrupted, except that dm and raar begin their waves anew.
`;

export function addPtycho(program: Command): void {
  const command = program
    .command('ptycho')
    .description('Look at a ptychographic scan, or recover object and probe from it.')
    .argument('<scan>', 'scan: .cxi, .h5, .ptyd or .npy')
    .option('-o, --output <file>', 'what to write: .png (phase), .npy (complex object) or .cxi (everything)')
    .option('--report <file>', 'write a page with phase, amplitude, probe, positions, residuals and settings: .html')
    .option('--checkpoint <file>', 'write what the run has reached, every so often and when it is stopped: .cxi')
    .option('--checkpoint-every <seconds>', 'how often (default: 60)', positive('--checkpoint-every'))
    .option('--resume <file>', 'a checkpoint or a result in .cxi to go on from, up to --iterations')
    .option('--algorithm <name>', SCAN_ALGORITHMS.join(', '), oneOf('--algorithm', SCAN_ALGORITHMS), 'rpie')
    .option('--iterations <number>', 'how often every position is visited', whole('--iterations', 1), 200)
    .option('--alpha <number>', 'from 0 to 1 (default: by algorithm)', numberBetween('--alpha', 0, 1))
    .option('--beta <number>', 'of dm and raar, at most 1 (default: 1 and 0.75)', numberBetween('--beta', 0, 1))
    .option('--batch <number>', 'positions that are updated together (default: 16, for epie 1)', whole('--batch', 1))
    .option('--modes <number>', 'of the probe, for beams that are partly coherent (default: 1)', whole('--modes', 1))
    .option('--probe-from <number>', 'the iteration from which on the probe is updated', whole('--probe-from', 0))
    .option(
      '--positions-from <number>',
      'the iteration from which on positions are corrected (default: never)',
      whole('--positions-from', 0),
    )
    .option(
      '--keep-patterns <where>',
      'on the device, or on the host, from where they stream (default: on the device where they fit)',
      oneOf('--keep-patterns', PATTERN_PLACES),
    )
    .option('--seed <number>', 'of the order of positions', whole('--seed', 0), 0);
  addScanOptions(addLiveOptions(addWhereOptions(command)))
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'no progress bar, and print nothing but errors')
    .addHelpText(
      'after',
      HELP +
        examples([
          'rephase ptycho scan.cxi',
          'rephase ptycho scan.cxi -o phase.png --report scan.html --guess',
          'rephase ptycho scan.cxi -o result.cxi --modes 3 --positions-from 50',
          'rephase ptycho scan.cxi -o phase.png --preview',
          'rephase ptycho patterns.npy --positions xy.csv --wavelength 8.2e-11 --distance 2.1 --pixel 75e-6 -o phase.png',
        ]),
    )
    .action(runPtycho);
}

async function runPtycho(path: string, options: PtychoOptions): Promise<void> {
  const { output, guess, resume } = options;
  checkTogether(options);
  const look = output === undefined ? besides(path, 'look', '.png') : undefined;
  await checkFiles(path, options, look);
  const out = printer(options);
  const read = await readScanInput(path, options);
  if ([output, options.checkpoint].some((file) => file !== undefined && isCxi(file))) metresOf(read.scan);
  const before = resume === undefined ? undefined : await readScanResult(resume);
  const input = before ? await resumed(read, before, options) : read;
  await interruptible(async (signal) => {
    const found = guess ? await search(input, options, signal) : undefined;
    const { scan, beamIsKnown } = found ?? input;
    const looked = await lookAtScan(scan, beamIsKnown);
    const guesses = found?.lines ?? [];
    if (look !== undefined) {
      const phase = besides(path, 'phase', '.png');
      const suggestion = commandOf([...chosen(found), `-o ${quote(phase)}`, ...(beamIsKnown ? [] : ['--guess'])]);
      await writeLook(look, scan, looked);
      return printLook(out, { path, scan, notes: input.notes, looked, guesses, picture: look, suggestion });
    }
    tell(options, input, looked, found);
    const run = {
      ...{
        path,
        looked,
        notes: input.notes,
        guesses,
        first: before?.iterations ?? 0,
        command: commandOf(chosen(found)),
      },
      // A file keeps the scan as it was, whatever a run goes on from.
      scan: found?.scan ?? read.scan,
    };
    const live = await startLive(options, `rephase: ${path}`);
    const { result, code } = await reconstruct(scan, options, run, signal, live);
    const failure = result.warnings.find((warning) => warning.code === 'DIVERGED');
    if (failure) throw new DivergedError(failure.message);
    // The result first: it is safe when a report cannot be written.
    const named = { ...options, output: output! };
    const seen = await writeResult(named, { ...run, result });
    printResult(out, named, { ...run, result }, seen);
    process.exitCode = code;
  }, options);
}

/** Refuses options that exclude each other. */
function checkTogether({
  output,
  report,
  probe,
  defocus,
  guess,
  orientation,
  resume,
  checkpoint,
  checkpointEvery,
  preview,
  watch,
}: PtychoOptions): void {
  const idle = Object.entries({ report, checkpoint, resume, preview, watch }).find(
    ([, value]) => value !== undefined && !output,
  );
  if (idle) throw new UsageError(`--${idle[0]} takes -o, without which nothing runs`);
  if (checkpointEvery !== undefined && checkpoint === undefined) {
    throw new UsageError('--checkpoint-every says how often, and takes --checkpoint, which says where');
  }
  if (defocus !== undefined && probe !== undefined) throw new UsageError('--probe and --defocus both say the probe');
  if (guess && probe !== undefined) throw new UsageError('--guess finds a probe to begin with, and --probe is one');
  if (guess && orientation) throw new UsageError('--guess finds the orientation, and --orientation says it');
  if (guess && resume !== undefined) {
    throw new UsageError('--guess finds a probe to begin with, and --resume has one');
  }
}

/** Finds before the run which files cannot be written. */
async function checkFiles(path: string, options: PtychoOptions, look: string | undefined): Promise<void> {
  const { output, report, checkpoint, resume } = options;
  if (output !== undefined) await checkOutput('--output', output, ['.png', '.npy', '.cxi', '.h5']);
  if (report !== undefined) await checkOutput('--report', report, ['.html']);
  if (checkpoint !== undefined) await checkOutput('--checkpoint', checkpoint, ['.cxi', '.h5']);
  if (look !== undefined) await checkOutput('the picture of the look', look, ['.png']);
  const inputs = scanInputs(path, options);
  const outputs = [
    { what: '--output', path: output },
    { what: '--report', path: report },
    { what: 'the picture of the look', path: look },
  ];
  await checkDistinct([...inputs, { what: '--resume', path: resume }], outputs);
  // A run may write over the checkpoint that it went on from.
  await checkDistinct(inputs, [...outputs, { what: '--checkpoint', path: checkpoint }]);
}

/** Lines on stderr before a long run. */
function tell({ quiet, json }: PtychoOptions, { notes }: ScanInput, { facts }: Looked, found: Found | undefined): void {
  if (quiet) return;
  if (!json) [...notes, ...(found?.lines ?? [])].forEach(note);
  for (const { message } of facts.warnings) note(`warning: ${message}`);
}

/** The scan, with what a run of the same scan had reached. */
async function resumed(input: ScanInput, before: ScanResult, options: PtychoOptions): Promise<ScanInput> {
  const { iterations, modes } = options;
  const resume = options.resume!;
  const other = differenceOf(await readScan(resume), input.scan);
  if (other !== undefined) {
    throw new UsageError(
      `--resume: ${resume} ${other}; takes a run of this scan, read, turned and cleaned in the same way`,
    );
  }
  if (before.iterations >= iterations) {
    throw usage('--iterations', String(iterations), `more than the ${before.iterations} that ${resume} has behind it`);
  }
  const { object, probe, positions, shape } = before;
  const modesBefore = probe.length / (2 * shape[0] * shape[1]);
  if (modes !== undefined && modes < modesBefore) {
    throw usage('--modes', String(modes), `at least the ${modesBefore} that ${resume} has`);
  }
  const now = settingsOf(options, '');
  const changed = SETTINGS.flatMap((name) => {
    const old = before.settings[name];
    return old === undefined || old === now[name] ? [] : [`${name} ${now[name]} in place of ${old}`];
  });
  const notes = [
    ...input.notes,
    `goes on after iteration ${before.iterations} of ${resume}`,
    ...(changed.length > 0 ? [`goes on with ${changed.join(', ')}`] : []),
  ];
  return { scan: { ...input.scan, object, probe, positions }, beamIsKnown: true, notes };
}

/** In pixels: positions come back from metres. */
const SAME_PLACE = 1e-3;

/** What tells that the scan in a checkpoint is another one than this. */
function differenceOf(its: Scan, { patterns, shape, positions, mask }: Scan): string | undefined {
  if (its.patterns.length !== patterns.length || its.shape.some((size, axis) => size !== shape[axis])) {
    const count = its.positions.length / 2;
    return `has ${count} positions and patterns of ${its.shape.join('×')}, and the scan ${positions.length / 2} and ${shape.join('×')}`;
  }
  const pixels = shape[0] * shape[1];
  const measured = (one: Scan['mask'], i: number) => !one || Boolean(one[i % pixels]);
  for (let i = 0; i < patterns.length; i++) {
    if (measured(its.mask, i) !== measured(mask, i)) return 'has another mask';
    if (measured(mask, i) && its.patterns[i] !== patterns[i])
      return `has other counts in pattern ${Math.floor(i / pixels)}`;
  }
  // All of them may lie elsewhere.
  const moved = (i: number) => its.positions[i] - positions[i] - (its.positions[i % 2] - positions[i % 2]);
  const far = positions.findIndex((_, i) => Math.abs(moved(i)) > SAME_PLACE);
  return far < 0 ? undefined : `has pattern ${far >> 1} at another position`;
}

async function reconstruct(
  scan: Scan,
  options: PtychoOptions,
  { first, command, scan: kept }: Omit<ScanOutcome, 'result'>,
  signal: AbortSignal,
  live: Live | undefined,
) {
  const { algorithm, iterations, alpha, beta, batch, modes, probeFrom, positionsFrom, keepPatterns, seed } = options;
  const { backend, device, precision, quiet, checkpoint, checkpointEvery = 60 } = options;
  const keep = checkpoint === undefined ? undefined : checkpointWriter(checkpoint, kept, settingsOf(options, command));
  // What is watched is read more often than the file is written.
  const imageSeconds = live ? secondsBetweenImages(scan.patterns.length) : Infinity;
  let due = live ? performance.now() + 1000 * checkpointEvery : 0;
  const onPreview = async (reached: ScanPreview) => {
    // The checkpoint before stays, and there is no image to show.
    if (inspectScanResult(reached).length > 0) return;
    if (live) live.show(clipped((await seen(scan, reached)).phase));
    if (!keep || performance.now() < due) return;
    await keep(reached);
    if (live) due = performance.now() + 1000 * checkpointEvery;
  };
  const bar = progressBar(quiet ?? false);
  try {
    const result = await retrieve(scan, {
      ...{
        algorithm,
        iterations: iterations - first,
        firstIteration: first,
        alpha,
        beta,
        batch,
        modes,
        probeFrom,
        positionsFrom,
        keepPatterns,
        seed,
      },
      ...{ backend, device, precision, history: true, signal },
      ...((keep || live) && { onPreview, previewSeconds: Math.min(imageSeconds, checkpointEvery) }),
      onProgress: (progress: Progress) => {
        bar.update(progress);
        live?.progress(progress);
      },
    });
    return { result, code: EXIT.success };
  } catch (error) {
    if (!(error instanceof AbortError && error.partialScan)) throw error;
    if (error.partialScan.warnings.length === 0) await keep?.(error.partialScan);
    return { result: error.partialScan, code: exitCode(error) };
  } finally {
    bar.stop();
    await live?.end();
  }
}

/** What the search for orientation and defocus has found. */
export interface Found extends Pick<ScanInput, 'scan' | 'beamIsKnown'> {
  best: ScanGuess;
  lines: string[];
}

/** The best candidate is convincing where the next one that is not its twin has so many times its residual. */
const CONVINCING = 1.2;

async function search({ scan }: ScanInput, options: PtychoOptions, signal: AbortSignal): Promise<Found> {
  const { backend, device, quiet, defocus } = options;
  const bar = progressBar(quiet ?? false);
  const guesses = await guessScan(
    { ...scan, probe: undefined },
    { backend, device, signal, onProgress: (progress) => bar.update(progress) },
  ).finally(() => bar.stop());
  // The best one and its twin come first. A defocus that is given says which of the two it is.
  const [first, second, third] = guesses;
  const best = defocus !== undefined && second.defocus * defocus > first.defocus * defocus ? second : first;
  const twin = best === first ? second : first;
  const oriented = orientScan({ ...scan, probe: undefined }, best.orientation);
  const probe = await guessProbe(oriented, { defocus: best.defocus });
  const ratio = third.residual / best.residual;
  return {
    ...{ scan: { ...oriented, probe }, beamIsKnown: true, best },
    lines: [
      `guess: ${described(best)}: residual ${brief(best.residual)}, and ${brief(third.residual)} of the next candidate`,
      `guess: the twin, ${described(twin)}, fits as well and gives the object turned by 180° with its phase negated`,
      ...(ratio < CONVINCING ? [`guess: the next candidate is nearly as good, so do not rely on it`] : []),
    ],
  };
}

function described({ orientation, defocus }: ScanGuess): string {
  return `--orientation ${wordOf(orientation)} --defocus ${brief(defocus)}`;
}

const wordOf = (orientation: Orientation) => orientation.map(Number).join(',');

/** The options that say what was found. */
function chosen(found: Found | undefined): string[] {
  return found ? [`--orientation ${wordOf(found.best.orientation)}`, `--defocus ${found.best.defocus}`] : [];
}

/** This command with other or more options: what --guess has found is said instead. */
function commandOf(more: readonly string[]): string {
  const words = process.argv.slice(2).filter((word) => word !== '--guess');
  return ['rephase', ...words.map(quote), ...more].join(' ');
}
