/** Writes the image and the records of a reconstruction, and prints its outcome. */
import { extname } from 'node:path';
import { hasBeta } from '../../problems/options.js';
import { settingText, type RunSettings } from '../../retrieve/settings.js';
import type { Agreement } from '../../types.js';
import { encodingOf, writeComplexFiles } from '../complex-files.js';
import { writeMask, writeOutput, writeText } from '../files.js';
import { type Printer, brief, jsonText } from '../print.js';
import { duration } from '../progress.js';
import {
  foundObject,
  freeResiduals,
  inCommon,
  iterationsAsked,
  shrinking,
  type Outcome,
  type ReconstructOptions,
} from './outcome.js';
import { reconstructionReport } from './report.js';

export async function writeImage(path: string, options: ReconstructOptions, outcome: Outcome): Promise<void> {
  const { output, numbers, phase, unwrap, bits } = options;
  const settings = settingsOf(path, options, outcome);
  if (options.object === 'complex') {
    return writeComplexFiles({ images: [output, numbers], phase, unwrap, bits, settings }, foundObject(outcome));
  }
  const { feasible, shape } = outcome.result;
  const image = { data: feasible, shape };
  await writeOutput(output, image, { ...encodingOf(output, bits), settings });
  if (numbers !== undefined) await writeOutput(numbers, image);
}

/** What a CXI file says about the run: every setting in a field of its own, and everything as what --json prints. */
function settingsOf(path: string, options: ReconstructOptions, outcome: Outcome) {
  const { iterations, residual, feasibleResidual, backend, device } = outcome.result;
  const { command } = options;
  const record = jsonText(recordOf(path, options, outcome), 2);
  const settings = Object.entries(settingsAsRun(outcome)).map(([name, value]) => {
    return [name, typeof value === 'number' ? value : settingText(value)] as const;
  });
  return {
    ...{ command, iterations, backend, device, residual, feasibleResidual },
    ...Object.fromEntries<string | number>(settings),
    record,
  };
}

/** The settings of the run. Without generations, those that are about them say nothing. */
function settingsAsRun({ settings }: Outcome): Partial<RunSettings> {
  const { generations, refine, heldOut, ...others } = settings;
  return generations === 0 ? others : { ...others, generations, refine, heldOut };
}

/** JSON has no infinities. */
function finiteJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(finiteJson);
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** Writes the support, the history of residuals, the report and the record, those that there are to be. */
export async function writeRecords(path: string, options: ReconstructOptions, outcome: Outcome): Promise<void> {
  const { support, magnitudes, shape } = outcome.problem;
  if (options.saveSupport !== undefined) {
    const everywhere = new Uint8Array(magnitudes.length).fill(1);
    const last = outcome.result.support ?? support ?? everywhere;
    await writeMask(options.saveSupport, Uint8Array.from(last, Number), shape);
  }
  if (options.history !== undefined) {
    const isJson = extname(options.history).toLowerCase() === '.json';
    const residuals = [...(outcome.result.history ?? [])];
    await writeText(options.history, isJson ? `${JSON.stringify(residuals)}\n` : csv(residuals));
  }
  if (options.report !== undefined) await writeText(options.report, reconstructionReport(path, options, outcome));
  if (options.record !== undefined) await writeText(options.record, jsonText(recordOf(path, options, outcome), 2));
}

function csv(residuals: readonly number[]): string {
  return `iteration,residual\n${residuals.map((residual, at) => `${at + 1},${residual}\n`).join('')}`;
}

export function printOutcome(out: Printer, path: string, options: ReconstructOptions, outcome: Outcome): void {
  const { result, interrupted } = outcome;
  const { iterations, seconds, chain, backend, device, residual, feasibleResidual, best, shape, agreement } = result;
  const { starts, firstStart = 0, output, numbers, phase, record, history, report, saveSupport } = options;
  const rate = (iterations * starts) / seconds;
  out.line(`${backend} (${device}) · ${chain} · ${shape.join('×')}${starts > 1 ? ` · ${starts} starts` : ''}`);
  out.line(
    `${iterations} iterations${starts > 1 ? ' of each' : ''} in ${duration(seconds)}, ${brief(rate)} iterations/s`,
  );
  out.line(`residual of the image ${brief(feasibleResidual)}, of the iterate ${brief(residual)}`);
  for (const line of freeResiduals(result)) out.line(line);
  if (result.generations !== undefined && result.generations < (options.generations ?? 0)) {
    out.line(`${result.generations} generations; more found nothing better`);
  }
  for (const line of shrinking(result, outcome.problem.support)) out.line(line);
  if (agreement) out.line(inCommon(agreement));
  else if (starts > 1) out.line(`best of ${starts} starts: number ${firstStart + best}`);
  if (interrupted) out.line(`stopped after ${iterations} of ${iterationsAsked(result, options)} iterations`);
  const written = [output, numbers, phase, saveSupport, history, report, record];
  out.line(`wrote ${written.filter((file) => file !== undefined).join(', ')}`);
  out.object(recordOf(path, options, outcome));
}

/** The outcome for programs. */
function recordOf(path: string, options: ReconstructOptions, outcome: Outcome): object {
  const { files, result, interrupted, warnings, done } = outcome;
  const { iterations, seconds, algorithm, beta, backend, device, shape, measured, agreement } = result;
  const { residual, residuals, feasibleResidual, feasibleResiduals, freeResidual, best } = result;
  const { starts } = options;
  const settings = Object.entries(settingsAsRun(outcome)).map(([name, value]) => [name, finiteJson(value)]);
  const { generations } = result;
  const { wavelength, distance, pixel } = options;
  const { output, numbers, phase, unwrap, history, report, saveSupport, checkpoint } = options;
  return {
    ...{
      command: 'reconstruct',
      pattern: path,
      files,
      output,
      numbers,
      phase,
      unwrap,
      ...{ wavelength, distance, pixel },
      support: saveSupport,
      history,
      report,
      checkpoint,
    },
    ...{
      shape,
      algorithm,
      beta: hasBeta(algorithm) ? beta : undefined,
      ...(Object.fromEntries(settings) as object),
      ...(generations !== undefined && { generations }),
    },
    ...{ backend, device, iterations, seconds, iterationsPerSecond: (iterations * starts) / seconds },
    ...{
      residual,
      feasibleResidual,
      freeResidual,
      residuals,
      feasibleResiduals,
      best,
      shrunk: result.shrunk,
      interrupted,
      measured,
      warnings,
      done,
    },
    ...(agreement && { agreement: asNumbers(agreement) }),
  };
}

/** Without the image of the spread. */
export function asNumbers({ kept, distances, freeResiduals, frequencies, prtf, frc }: Agreement) {
  const all = { distances, ...(freeResiduals && { freeResiduals }), frequencies, prtf, frc };
  const lists = Object.entries(all).map(([name, list]) => [name, [...list]] as const);
  return { kept, ...Object.fromEntries(lists) };
}
