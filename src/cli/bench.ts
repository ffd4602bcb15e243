/** `rephase bench`: times iterations on every backend of this machine. The bench folder has comparisons with other programs. */
import { availableParallelism, cpus } from 'node:os';
import process from 'node:process';
import { type Command } from 'commander';
import { version } from '../../package.json';
import { listBackends } from '../backends/registry.js';
import { requireMemory } from '../session/memory.js';
import { BACKEND_NAMES, PRECISIONS, type BackendName } from '../types.js';
import { type CallsReport, describeCalls, measureCalls } from './calls.js';
import { examples } from './help.js';
import { type Timing, timeIterations } from './measure.js';
import { brief, printer, table } from './print.js';
import { oneOf, wholes } from './values.js';

interface BenchOptions {
  sizes: number[];
  backend?: BackendName;
  calls?: boolean;
  json?: boolean;
}

export function addBench(program: Command): void {
  program
    .command('bench')
    .description('Measure how long an iteration of gs takes here, on every available backend.')
    .option('--sizes <list>', 'sizes n of the n × n images', wholes('--sizes', 1), [256, 512, 1024, 2048])
    .option('--backend <name>', `only this one: ${BACKEND_NAMES.join(', ')}`, oneOf('--backend', BACKEND_NAMES))
    .option('--calls', 'what calls cost: run, step and single kernels, time to submit them, and copies')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      examples(['rephase bench', 'rephase bench --sizes 512,1000 --json', 'rephase bench --calls --sizes 256,1024']),
    )
    .action(bench);
}

async function bench({ sizes, backend: only, calls = false, json = false }: BenchOptions): Promise<void> {
  const out = printer({ json });
  const backends = only ? [only] : await availableNames();
  const runs = backends.flatMap((backend) =>
    PRECISIONS.filter((precision) => precision === 'single' || backend === 'wasm').flatMap((precision) =>
      sizes.map((n) => ({ backend, precision, n })),
    ),
  );
  // Checked first, so that a size that is too large fails before minutes of measuring the others.
  for (const { backend, precision, n } of runs) if (backend === 'wasm') requireMemory([n, n], precision);
  const machine = { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism(), node: process.version };
  out.line(`rephase ${version}, ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`);
  if (calls) {
    const reports: CallsReport[] = [];
    for (const backend of backends) {
      const report = await measureCalls(backend, sizes);
      describeCalls(report).forEach(out.line);
      reports.push(report);
    }
    return out.object({ command: 'bench', version, machine, calls: reports });
  }
  const timings: Timing[] = [];
  for (const { backend, precision, n } of runs) timings.push(await timeIterations(backend, precision, n));
  const rows = timings.map(({ backend, precision, n, median, low, high }) => [
    ...[backend, precision, `${n}×${n}`, median.toPrecision(3), `${low.toPrecision(3)}–${high.toPrecision(3)}`],
    brief(1000 / median),
  ]);
  table(['backend', 'precision', 'size', 'ms/iteration', 'quartiles', 'iterations/s'], rows, 2).forEach(out.line);
  out.object({ command: 'bench', version, machine, timings });
}

async function availableNames(): Promise<BackendName[]> {
  return (await listBackends()).filter(({ available }) => available).map(({ name }) => name);
}
