/**
 * Kill −9 at random moments: the checkpoint that is left is whole, and leads to the same image.
 * `KILL_MOMENTS=100 npx vitest run test/cli-checkpoint.test.ts` tries more of them.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, watch } from 'node:fs';
import process from 'node:process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeImage } from '../src/files.js';
import { decodeCheckpoint } from '../src/retrieve/checkpoint.js';
import { PROGRAM, endsWithFile, execute, temporaryFolder } from './support/program.js';
import { noise } from './support/images.js';

const MOMENTS = Number(process.env.KILL_MOMENTS ?? 4);
const SIDE = 96;
const folder = temporaryFolder();
const ARGS = [
  ...['reconstruct', 'pattern.npy', '--support', '48x48', '--backend', 'wasm', '-q'],
  ...['--chain', '(hio:0.7*90+er*10)*8', '--starts', '3', '--generations', '2'],
];
const CHECKPOINT = ['--checkpoint', 'run.checkpoint', '--checkpoint-every', '0.05'];
const run = (args: string[]) => execute(process.execPath, [PROGRAM, ...args], { cwd: folder.path });
const read = (name: string) => readFileSync(folder.at(name));
const resuming = () => (existsSync(folder.at('run.checkpoint')) ? ['--resume', 'run.checkpoint'] : []);
/** About as long as the command takes here when nobody stops it. */
let lasts = 0;

/** Runs and kills the command, at a time in milliseconds or when it writes a checkpoint. Resolves with whether it was killed. */
function killed(args: string[], at: number | 'writing'): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = endsWithFile(spawn(process.execPath, [PROGRAM, ...args], { cwd: folder.path, stdio: 'ignore' }));
    let seen = 0;
    // The check before the run makes and removes two hidden files.
    const watcher = watch(
      folder.path,
      (_, file) => void (file?.startsWith('.run') && ++seen > 2 && child.kill('SIGKILL')),
    );
    if (at !== 'writing') watcher.close();
    const timer = at === 'writing' ? undefined : setTimeout(() => child.kill('SIGKILL'), at);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      watcher.close();
      clearTimeout(timer);
      if (signal === null) expect(code).toBe(0);
      resolve(signal === 'SIGKILL');
    });
  });
}

beforeAll(async () => {
  await writeImage(folder.at('pattern.npy'), { data: noise(SIDE * SIDE, 1), shape: [SIDE, SIDE] });
  const began = performance.now();
  expect(await run([...ARGS, '-o', 'whole.npy'])).toMatchObject({ code: 0 });
  lasts = performance.now() - began;
}, 60_000);

afterAll(() => folder.remove());

it(`a run that is killed at ${MOMENTS} moments ends as one that is not`, { timeout: 1_200_000 }, async () => {
  let kills = 0;
  while (kills < MOMENTS) {
    const at = kills % 2 === 0 ? 'writing' : Math.random() * lasts;
    const before = existsSync(folder.at('run.checkpoint')) && decodeCheckpoint(read('run.checkpoint'));
    if (await killed([...ARGS, ...CHECKPOINT, ...resuming(), '-o', 'image.npy'], at)) {
      kills++;
      if (!existsSync(folder.at('run.checkpoint'))) continue;
      const { rounds } = decodeCheckpoint(read('run.checkpoint'));
      expect(rounds).toBeGreaterThanOrEqual(before ? before.rounds : 0);
    } else {
      expect(read('image.npy')).toEqual(read('whole.npy'));
      rmSync(folder.at('run.checkpoint'));
    }
  }
  // A kill before the first checkpoint may have been the last one: this run writes one of its own then.
  const last = await run([...ARGS, ...CHECKPOINT, ...resuming(), '-o', 'image.npy']);
  expect(last).toMatchObject({ code: 0, stderr: '' });
  expect(read('image.npy')).toEqual(read('whole.npy'));
  expect(readdirSync(folder.path)).toContain('run.checkpoint');
});

it('a run that is stopped leaves a checkpoint, from which --effort takes its recipe', { timeout: 60_000 }, async () => {
  const args = ['reconstruct', 'pattern.npy', '--effort', 'quick', '--backend', 'wasm', '-o', 'effort.npy'];
  const child = endsWithFile(
    spawn(process.execPath, [PROGRAM, ...args, '--checkpoint', 'effort.checkpoint'], {
      cwd: folder.path,
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    const isFirst = !said.includes('this repeats it');
    said += chunk.toString();
    // What was done is printed when the run has begun.
    if (isFirst && said.includes('this repeats it')) child.kill('SIGINT');
  });
  await new Promise((resolve) => child.on('close', resolve));
  const { chain } = decodeCheckpoint(read('effort.checkpoint')).settings;
  const { code, stderr } = await run([...args, '--resume', 'effort.checkpoint']);
  expect(code).toBe(0);
  expect(stderr).toContain(`--chain '${chain}' --starts 4 --generations 2 --refine 100`);
});

it('refuses what is no checkpoint or of another run, in one line', async () => {
  folder.write('text.checkpoint', 'no checkpoint');
  const refused = async (args: string[], code: number, stderr: string) => {
    expect(await run(['reconstruct', 'pattern.npy', '-o', 'other.npy', '-q', ...args])).toMatchObject({
      code,
      stderr: `rephase: ${stderr}\n`,
    });
  };
  await refused(['--resume', 'text.checkpoint'], 1, 'resume: these bytes are no checkpoint of rephase');
  await refused(['--resume', 'none'], 1, '--resume: cannot read none: no such file or folder');
  await refused(
    ['--resume', 'run.checkpoint', '--support', '48x48', '--iterations', '5'],
    1,
    'resume: the checkpoint has chain (hio:0.7*90+er*10)*8, and this run gs*5',
  );
  await refused(
    ['--checkpoint-every', '5'],
    2,
    '--checkpoint-every says how often, and takes --checkpoint, which says where',
  );
  await refused(
    ['--checkpoint', 'a', '--checkpoint-every', '0'],
    2,
    '--checkpoint-every: got "0"; takes a number above 0',
  );
  await refused(['--checkpoint', 'pattern.npy'], 2, '--checkpoint: pattern.npy would overwrite the pattern');
  await refused(['--checkpoint', 'none/a'], 1, '--checkpoint: cannot write none/a: there is no folder none');
});
