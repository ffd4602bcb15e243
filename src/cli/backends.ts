/** `rephase backends`: lists the backends and their devices, and says why one cannot run here. */
import { type Command } from 'commander';
import { listBackends } from '../backends/registry.js';
import { type BackendReport, type DeviceInfo } from '../types.js';
import { examples } from './help.js';
import { printer } from './print.js';

export function addBackends(program: Command): void {
  program
    .command('backends')
    .description('Show what is available here, best first, and why the rest is not.')
    .option('--json', 'print one JSON object')
    .addHelpText('after', examples(['rephase backends', 'rephase backends --json']))
    .action(backends);
}

async function backends(options: { json?: boolean }): Promise<void> {
  const out = printer(options);
  const reports = await listBackends();
  for (const report of reports) describe(report).forEach(out.line);
  out.object({ backends: reports });
}

function describe({ name, available, reason, devices }: BackendReport): string[] {
  const title = name.padEnd(8);
  if (!available) return [`${title}not available: ${reason ?? 'no reason given'}`];
  return devices.map((device, index) => `${title}device ${index}: ${describeDevice(device)}`);
}

function describeDevice({ name, memory, software, reason, details = {} }: DeviceInfo): string {
  if (reason !== undefined) return `${name}, not available: ${reason}`;
  const facts = [
    ...(memory === undefined ? [] : [`${(memory / 2 ** 30).toFixed(1)} GiB`]),
    ...(software ? ['emulated in software'] : []),
    ...Object.entries(details).map(([key, value]) => `${key} ${value}`),
  ];
  return facts.length === 0 ? name : `${name} (${facts.join(', ')})`;
}
