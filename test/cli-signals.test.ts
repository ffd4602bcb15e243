/**
 * Signals at random moments: whatever the command was doing, what it leaves is all of its files or none, each of them
 * whole, and nothing half written. `SIGNAL_MOMENTS=200 npx vitest run test/cli-signals.test.ts` tries more of them.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readImage, writeImage } from '../src/files.js';
import { PROGRAM, endsWithFile, temporaryFolder } from './support/program.js';

const MOMENTS = Number(process.env.SIGNAL_MOMENTS ?? 12);
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** About as long as a command takes here when nobody stops it. */
let lasts = 0;

const folder = temporaryFolder();
const image = {
  data: Float32Array.from({ length: 192 * 192 }, (_, i) => (i * 7919) % 101),
  shape: [192, 192],
} as const;
const COMMANDS = {
  reconstruct: {
    args: ['reconstruct', folder.at('pattern.npy'), '--support', '192x192', '--iterations', '3', '-o', 'image.tiff'],
    records: ['--history', 'history.json', '--report', 'report.html', '-q'],
    files: ['history.json', 'image.tiff', 'report.html'],
  },
  simulate: {
    args: ['simulate', folder.at('image.tiff'), '--beamstop', '2', '-o', 'image.npy'],
    records: [],
    files: ['image.mask.npy', 'image.npy', 'image.support.npy'],
  },
  inspect: {
    args: ['inspect', folder.at('pattern.npy'), '-o', 'picture.png'],
    records: [],
    files: ['picture.png'],
  },
};

interface Ended {
  code: number | null;
  killed: NodeJS.Signals | null;
  left: string[];
}

/** `at`: milliseconds after the start, or the moment when a file begins to be written. */
function stopped(
  command: keyof typeof COMMANDS,
  name: string,
  signal: NodeJS.Signals,
  at: number | 'writing',
  twice: boolean,
): Promise<Ended> {
  const cwd = folder.at(name);
  mkdirSync(cwd);
  const { args, records, files } = COMMANDS[command];
  return new Promise((resolve, reject) => {
    const child = endsWithFile(spawn(process.execPath, [PROGRAM, ...args, ...records], { cwd, stdio: 'ignore' }));
    const send = () => {
      if (!child.kill(signal) || !twice) return;
      setTimeout(() => child.kill(signal), 2);
    };
    let seen = 0;
    // The check before the run makes and removes a hidden file for each output. The next one is being written.
    const watcher =
      at === 'writing'
        ? watch(cwd, (_, file) => void (file?.startsWith('.') && ++seen === 2 * files.length + 1 && send()))
        : undefined;
    const timer = at === 'writing' ? undefined : setTimeout(send, at);
    child.on('error', reject);
    child.on('close', (code, killed) => {
      watcher?.close();
      clearTimeout(timer);
      resolve({ code, killed, left: readdirSync(cwd).sort() });
    });
  });
}

async function isWhole(path: string): Promise<boolean> {
  if (path.endsWith('.json')) return (JSON.parse(readFileSync(path, 'utf8')) as number[]).length > 0;
  if (path.endsWith('.html')) return readFileSync(path, 'utf8').trimEnd().endsWith('</html>');
  return (await readImage(path)).data.length === 384 * 384;
}

beforeAll(async () => {
  await writeImage(folder.at('image.tiff'), image);
  const made = endsWithFile(
    spawn(process.execPath, [PROGRAM, 'simulate', 'image.tiff', '-o', 'pattern.npy', '-q'], {
      cwd: folder.at('.'),
    }),
  );
  await new Promise((resolve) => made.on('close', resolve));
  const began = performance.now();
  const whole = await stopped('reconstruct', 'whole', 'SIGTERM', 1e6, false);
  lasts = performance.now() - began;
  expect(whole).toEqual({ code: 0, killed: null, left: COMMANDS.reconstruct.files });
}, 300_000);

afterAll(() => folder.remove());

it(`leave all files or none of them, at ${MOMENTS} moments`, { timeout: 1_200_000 }, async () => {
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[];
  const outcomes = { whole: 0, nothing: 0 };
  for (let moment = 0; moment < MOMENTS; moment++) {
    const command = (['reconstruct', 'simulate', 'inspect'] as const)[moment % 3];
    const signal = names[Math.floor(Math.random() * names.length)];
    // One at least comes before anything can have been written.
    const at = moment % 2 === 0 ? 'writing' : moment === 1 ? 0 : Math.random() * lasts;
    const twice = moment % 5 === 4;
    const name = `${moment}`;
    const { code, killed, left } = await stopped(command, name, signal, at, twice);
    const what = JSON.stringify({ command, signal, at, twice, code, killed, left });
    const { files } = COMMANDS[command];
    expect(files, what).toEqual(expect.arrayContaining(left));
    for (const file of left) expect(await isWhole(join(folder.at(name), file)), `${what}: ${file}`).toBe(true);
    if (killed === null) expect([0, SIGNALS[signal]], what).toContain(code);
    else expect(killed).toBe(signal);
    if (twice) continue;
    // One signal only: what had begun to be written is finished.
    if (left.length > 0 || code === 0) expect(left, what).toEqual(files);
    outcomes[left.length > 0 ? 'whole' : 'nothing']++;
  }
  expect(outcomes.whole).toBeGreaterThan(0);
  expect(outcomes.nothing).toBeGreaterThan(0);
});
