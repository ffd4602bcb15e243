/** Writes the image and the records of a reconstruction, and prints its outcome. */
import { extname } from 'node:path';
import { hasBeta } from '../../problems/options.js';
import type { Agreement, Reconstruction } from '../../types.js';
import { writeOutput, writeText } from '../files.js';
import { type Printer, brief } from '../print.js';
import { duration } from '../progress.js';
import { inCommon, iterationsAsked, type Outcome, type ReconstructOptions } from './outcome.js';
import { reconstructionReport } from './report.js';

export async function writeImage(
  { output, bits }: ReconstructOptions,
  { feasible, shape }: Reconstruction,
): Promise<void> {
  await writeOutput(output, { data: feasible, shape }, bits === undefined ? {} : { bits: bits === '16' ? 16 : 8 });
}

/** Writes the history of residuals and the report, if they were asked for. */
export async function writeRecords(path: string, options: ReconstructOptions, outcome: Outcome): Promise<void> {
  if (options.history !== undefined) {
    const isJson = extname(options.history).toLowerCase() === '.json';
    const residuals = [...(outcome.result.history ?? [])];
    await writeText(options.history, isJson ? `${JSON.stringify(residuals)}\n` : csv(residuals));
  }
  if (options.report !== undefined) await writeText(options.report, reconstructionReport(path, options, outcome));
}

function csv(residuals: readonly number[]): string {
  return `iteration,residual\n${residuals.map((residual, at) => `${at + 1},${residual}\n`).join('')}`;
}

export function printOutcome(out: Printer, path: string, options: ReconstructOptions, outcome: Outcome): void {
  const { files, result, interrupted, warnings, done } = outcome;
  const {
    iterations,
    seconds,
    algorithm,
    beta,
    chain,
    backend,
    device,
    residual,
    residuals,
    feasibleResidual,
    feasibleResiduals,
    best,
    shape,
    measured,
    agreement,
  } = result;
  const { seed, starts, precision, output, history, report } = options;
  const rate = (iterations * starts) / seconds;
  out.line(`${backend} (${device}) · ${chain} · ${shape.join('×')}${starts > 1 ? ` · ${starts} starts` : ''}`);
  out.line(
    `${iterations} iterations${starts > 1 ? ' of each' : ''} in ${duration(seconds)}, ${brief(rate)} iterations/s`,
  );
  out.line(`residual of the image ${brief(feasibleResidual)}, of the iterate ${brief(residual)}`);
  if (agreement) out.line(inCommon(agreement));
  else if (starts > 1) out.line(`best of ${starts} starts: number ${best}`);
  if (interrupted) out.line(`stopped after ${iterations} of ${iterationsAsked(result, options)} iterations`);
  out.line(`wrote ${[output, history, report].filter((file) => file !== undefined).join(', ')}`);
  out.object({
    ...{ command: 'reconstruct', pattern: path, files, output, history, report, shape },
    ...{ algorithm, beta: hasBeta(algorithm) ? beta : undefined, chain, seed, starts, precision, backend, device },
    ...{
      iterations,
      seconds,
      iterationsPerSecond: rate,
      residual,
      feasibleResidual,
      residuals,
      feasibleResiduals,
      best,
      interrupted,
      measured,
      warnings,
      done,
    },
    ...(agreement && { agreement: asNumbers(agreement) }),
  });
}

/** Without the image of the spread. */
function asNumbers({ kept, distances, frequencies, prtf, frc }: Agreement) {
  const lists = Object.entries({ distances, frequencies, prtf, frc }).map(([name, list]) => [name, [...list]] as const);
  return { kept, ...Object.fromEntries(lists) };
}
