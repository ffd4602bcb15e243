/** `rephase combine`: merges the parts of a run's starts that `reconstruct --starts FROM..TO -o PART.npz` has written. */
import process from 'node:process';
import { type Command } from 'commander';
import { InvalidArgumentError } from '../errors.js';
import { inspectResult } from '../inspect/index.js';
import { REFINING_STEPS } from '../problems/options.js';
import { averageStarts } from '../retrieve/generations.js';
import { indexOfLeast } from '../session/residuals.js';
import type { Reconstruction } from '../types.js';
import { writeComplexFiles } from './complex-files.js';
import { UsageError, stopCode } from './exit.js';
import { checkDistinct, checkOutput, writeOutput, writeText } from './files.js';
import { examples } from './help.js';
import { interruptible } from './interrupt.js';
import { type Part, readPart } from './part.js';
import { brief, note, printer, quote } from './print.js';
import { whole } from './values.js';
import { inCommon, type Outcome, type ReconstructOptions } from './reconstruct/outcome.js';
import { asNumbers } from './reconstruct/output.js';
import { reconstructionReport } from './reconstruct/report.js';

interface CombineOptions {
  output: string;
  refine?: number;
  phase?: string;
  unwrap?: boolean;
  report?: string;
  json?: boolean;
  quiet?: boolean;
}

const HELP = `
Finds which starts of all parts agree, registers them to the best one, and writes their average, refined, as --generations
does after the last one. Parts must be of one pattern and have the same settings, and no start twice.
`;

export function addCombine(program: Command): void {
  program
    .command('combine')
    .description('Merge the parts of a run whose starts were divided, such as a job array of a cluster.')
    .argument('<parts...>', 'what `reconstruct --starts FROM..TO -o PART.npz` has written')
    .requiredOption('-o, --output <image>', 'image to write: .npy, .png or .tiff (- writes .npy to standard output)')
    .option(
      '--refine <number>',
      `how many steps lead from the average to the most likely image (default: ${REFINING_STEPS})`,
      whole('--refine', 0),
    )
    .option('--phase <file>', 'of a complex object: phases to write, .png (-π to π), .tiff or .npy')
    .option('--unwrap', 'write and show phases without jumps of 2π')
    .option('--report <file>', 'write a page with pictures and settings: .html')
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      HELP +
        examples([
          "rephase reconstruct pattern.npy --chain 'hio*1000+er*100' --starts 0..99 -o part-0.npz",
          "rephase reconstruct pattern.npy --chain 'hio*1000+er*100' --starts 100..199 -o part-1.npz",
          'rephase combine part-*.npz -o image.png --report run.html',
        ]),
    )
    .action(runCombine);
}

async function runCombine(paths: readonly string[], options: CombineOptions): Promise<void> {
  const { output, refine = REFINING_STEPS, phase, unwrap, report } = options;
  await checkOutput('--output', output, ['.npy', '.png', '.tif', '.tiff'], true);
  if (phase !== undefined) await checkOutput('--phase', phase, ['.npy', '.png', '.tif', '.tiff']);
  if (report !== undefined) await checkOutput('--report', report, ['.html']);
  await checkDistinct(
    paths.map((path) => ({ what: `the part ${path}`, path })),
    [
      { what: '--output', path: output },
      { what: '--phase', path: phase },
      { what: '--report', path: report },
    ],
  );
  const parts: Part[] = [];
  for (const path of paths) parts.push(await readPart(path));
  parts.sort((a, b) => a.firstStart - b.firstStart);
  parts.forEach((part) => checkSame(parts[0], part));
  const isComplex = parts[0].problem.object === 'complex';
  const ofPhase = phase === undefined ? unwrap && 'unwrap' : 'phase';
  if (ofPhase && !isComplex) {
    throw new UsageError(`--${ofPhase} is about the phases of a complex object, and these parts are of a real one`);
  }
  const gaps = gapsBetween(parts);
  const objects = parts.flatMap((part) => part.objects);
  if (objects.length < 2)
    throw new InvalidArgumentError('parts', `${paths[0]}: has one start; takes at least 2 in all`);
  if (!options.quiet) gaps.forEach((gap) => note(`warning: ${gap}`));

  await interruptible(async (signal) => {
    const out = printer(options, output === '-');
    const result = await averageOfParts(parts, refine, signal);
    if (!result) {
      process.exitCode = stopCode(signal.reason);
      return;
    }
    const { agreement, feasible, shape, residuals, feasibleResiduals, residual, best, chain } = result;
    const [{ problem, pattern, options: first, outcome }] = parts;
    const { support } = problem;
    if (isComplex) await writeComplexFiles({ images: [output], phase, unwrap }, { feasible, shape, support });
    else await writeOutput(output, { data: feasible, shape });
    const starts = objects.length;
    if (report !== undefined) {
      const command = commandOf(paths, options);
      const made: ReconstructOptions = { ...first, output, ...(unwrap && { unwrap }), starts, firstStart: 0, command };
      const whole: Outcome = { ...outcome, problem, result };
      await writeText(report, reconstructionReport(pattern, made, whole));
    }
    const { seed } = first;
    out.line(`${starts} starts in ${parts.length} parts · ${chain} · ${shape.join('×')}`);
    out.line(
      `residual of the image ${brief(residual)}, of the best start, number ${best}, ${brief(least(feasibleResiduals))}`,
    );
    out.line(inCommon(agreement!));
    out.line(`wrote ${[output, phase, report].filter((file) => file !== undefined).join(', ')}`);
    out.object({
      ...{ command: 'combine', parts: paths, output, phase, unwrap, report, shape, chain, seed, starts },
      ...{ numbers: numbersOf(parts), gaps, residual, residuals, feasibleResiduals, best },
      agreement: asNumbers(agreement!),
    });
  }, options);
}

/** Refuses a part that another run has made. */
function checkSame(first: Part, part: Part): void {
  for (const name of new Set([...Object.keys(first.settings), ...Object.keys(part.settings)])) {
    const [one, other] = [first, part].map(({ settings }) => settings[name] ?? 'none');
    if (one === other) continue;
    const isHash = ['pattern', 'support', 'objectMagnitudes'].includes(name);
    const what = isHash ? `another ${name} than ${first.path}` : `${name} ${other}, and ${first.path} has ${one}`;
    throw new InvalidArgumentError('parts', `${part.path}: has ${what}; takes parts of one run`);
  }
}

/** One line for each range of starts that is missing. */
function gapsBetween(parts: readonly Part[]): string[] {
  return parts.slice(1).flatMap((part, i) => {
    const end = endOf(parts[i]);
    if (part.firstStart < end) {
      const both = `${part.firstStart}..${Math.min(end, endOf(part)) - 1}`;
      const message = `${part.path}: has the starts ${both}, and so has ${parts[i].path}; takes no start twice`;
      throw new InvalidArgumentError('parts', message);
    }
    return part.firstStart === end ? [] : [`the starts ${end}..${part.firstStart - 1} are in no part`];
  });
}

const endOf = ({ firstStart, objects }: Part) => firstStart + objects.length;

/** The number of every start. */
function numbersOf(parts: readonly Part[]): number[] {
  return parts.flatMap(({ firstStart, objects }) => objects.map((_, i) => firstStart + i));
}

const least = (numbers: Float64Array) => numbers[indexOfLeast(numbers)];

/** Undefined when it is aborted. `best` is the number of a start. */
async function averageOfParts(
  parts: readonly Part[],
  steps: number,
  signal: AbortSignal,
): Promise<Reconstruction | undefined> {
  const all = (name: 'residuals' | 'feasibleResiduals') =>
    Float64Array.from(parts.flatMap(({ outcome }) => [...outcome.result[name]]));
  const [residuals, feasibleResiduals] = [all('residuals'), all('feasibleResiduals')];
  const [{ problem, outcome }] = parts;
  const objects = parts.flatMap((part) => part.objects);
  const average = await averageStarts(problem, { objects, residuals: feasibleResiduals }, steps, signal);
  if (!average) return undefined;
  return {
    ...outcome.result,
    ...average,
    ...{ residuals, feasibleResiduals, best: numbersOf(parts)[indexOfLeast(feasibleResiduals)] },
    seconds: parts.reduce((sum, part) => sum + part.outcome.result.seconds, 0),
    warnings: inspectResult(average),
  };
}

function commandOf(paths: readonly string[], { output, refine, phase, unwrap, report }: CombineOptions): string {
  const rest = Object.entries({ refine, phase, report }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)],
  );
  const words = ['rephase', 'combine', ...paths, '-o', output, ...rest, ...(unwrap ? ['--unwrap'] : [])];
  return words.map(quote).join(' ');
}
