/**
 * Every option of every command, given values that it cannot take: the command ends with one line that names the option.
 * The options come from the program itself, so that a new one is covered.
 */
import { readdirSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProgram } from '../src/cli/program.js';
import { encodeNpy } from '../src/formats/index.js';
import { runHere, temporaryFolder } from './support/program.js';

const VALUES = ['NaN', '-1', '1e400', '', 'word', 'no/such/file.png'];
/** What these commands need besides the option. Whatever runs is short. */
const NEEDED: Record<string, string[]> = {
  simulate: ['image.npy', '-o', 'made.npy'],
  inspect: ['image.npy'],
  reconstruct: ['image.npy', '-o', 'made.png', '--support', '4x4', '--chain', 'er*1', '--backend', 'wasm'],
  ptycho: ['scan.npy', '--positions', 'xy.csv', '-o', 'made.png', '--iterations', '1', '--backend', 'wasm'],
  combine: ['part.npz', '-o', 'made.png'],
  hologram: ['image.npy', '-o', 'made.npy', '--iterations', '1', '--backend', 'wasm'],
};
/** Values that are none of the above for these options: names of files to be, and numbers of either sign. */
const TAKEN: Record<string, string[]> = {
  'reconstruct --checkpoint': ['NaN', '-1', '1e400', 'word'],
  'simulate --defocus': ['-1'],
  'ptycho --defocus': ['-1'],
};

const folder = temporaryFolder();
const given = ['image.npy', 'scan.npy', 'xy.csv'];

beforeAll(() => {
  const counts = (length: number) => Float64Array.from({ length }, (_, i) => 1 + ((i * 7919) % 101));
  folder.write('image.npy', encodeNpy(counts(64), [8, 8]));
  folder.write('scan.npy', encodeNpy(counts(256), [4, 8, 8]));
  folder.write('xy.csv', 'y,x\n0,0\n0,3\n3,0\n3,3\n');
});

afterAll(() => folder.remove());

/** Runs a command, and removes what it leaves. */
async function run(args: readonly string[]) {
  const ended = await runHere(args, folder.path);
  for (const name of readdirSync(folder.path)) if (!given.includes(name)) rmSync(folder.at(name), { recursive: true });
  return ended;
}

const commands = createProgram().commands.map((command) => {
  const options = command.options.filter(({ required, optional }) => required || optional).map(({ long }) => long!);
  return [command.name(), options] as const;
});
describe.each(commands.filter(([, options]) => options.length > 0))('%s', (name, options) => {
  it.each(options)('names %s in one line where it cannot take a value', async (option) => {
    for (const value of VALUES) {
      const { code, stdout, stderr } = await run([name, ...(NEEDED[name] ?? []), `${option}=${value}`]);
      const what = `${option}=${value}`;
      if (TAKEN[`${name} ${option}`]?.includes(value)) {
        expect([what, code]).toEqual([what, 0]);
        continue;
      }
      expect([what, stdout]).toEqual([what, '']);
      expect(stderr, what).toMatch(/^rephase: [^\n]+\n$/);
      // Exit code 1: a file is at fault. A dataset is a part of one, which the line names.
      const ofFile = option === '--dataset' ? 'image.npy: has no datasets' : `${option}: cannot `;
      const isFile = stderr.includes(ofFile);
      expect([what, code, stderr]).toEqual([what, isFile ? 1 : 2, expect.stringContaining(isFile ? ofFile : option)]);
    }
  });
});
