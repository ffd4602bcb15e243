/** Ranges of starts, the files of their parts, and what `rephase combine` makes of them. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPart } from '../src/cli/part.js';
import { readImage, writeImage } from '../src/formats/files.js';
import { createSession, retrieve, simulate, type RetrieveOptions } from '../src/index.js';
import { onEveryBackend } from './support/backends.js';
import { noise } from './support/images.js';
import { runHere, temporaryFolder } from './support/program.js';

const problem = await simulate({ image: noise(12 * 14, 5), shape: [12, 14], pad: 2, photons: 1e7, seed: 1 });
const { magnitudes, shape, support } = problem;

onEveryBackend('a range of starts', ({ backend, precision }) => {
  const options = { backend, precision, algorithm: 'hio', iterations: 25, seed: 9, keepObjects: true } as const;

  it('is the same starts as among all', async () => {
    const all = await retrieve({ magnitudes, shape, support }, { ...options, starts: 7 });
    const some = await retrieve({ magnitudes, shape, support }, { ...options, starts: 3, firstStart: 4 });
    expect(some.residuals).toEqual(all.residuals.slice(4));
    expect(some.feasibleResiduals).toEqual(all.feasibleResiduals.slice(4));
    expect(some.objects).toEqual(all.objects!.slice(4));
    expect(some.objects![some.best]).toEqual(some.feasible);
    using session = await createSession({ magnitudes, shape }, { backend, precision, seed: 9, firstStart: 4 });
    using first = await createSession({ magnitudes, shape }, { backend, precision, seed: 9, starts: 5 });
    expect(await session.readSpectrum()).toEqual(await first.readSpectrum(4));
  });
});

describe('a range of starts', () => {
  it('takes numbers that a seed has, and neither generations nor a start of the caller’s own', async () => {
    const run = (options: RetrieveOptions) =>
      retrieve({ magnitudes, shape }, { backend: 'wasm', iterations: 1, starts: 2, ...options });
    await expect(run({ firstStart: -1 })).rejects.toThrow(/^firstStart: got -1; takes an integer from 0 to 2³² − 2/);
    await expect(run({ firstStart: 2 ** 32 - 1 })).rejects.toThrow(/^firstStart: got 4294967295; takes/);
    await expect(run({ firstStart: 2 ** 32 - 2 })).resolves.toMatchObject({ iterations: 1 });
    await expect(run({ firstStart: 2, generations: 2 })).rejects.toThrow(/firstStart: got 2; takes 0 with generations/);
    const phase = new Float32Array(2 * magnitudes.length);
    await expect(run({ firstStart: 2, start: { phase } })).rejects.toThrow(/firstStart: got 2; takes 0 with a start/);
    await expect(run({ keepObjects: 1 as never })).rejects.toThrow(/keepObjects: got 1; takes true or false/);
    expect((await run({})).objects).toBeUndefined();
  });
});

describe('rephase combine', () => {
  const folder = temporaryFolder();
  const rephase = (...args: string[]) => runHere(args, folder.path);
  const chain = ['--chain', 'hio:0.7*60+er*5'];
  const part = async (range: string, output: string, ...more: string[]) => {
    const args = ['--support', '12x14', ...chain, '--starts', range, '--backend', 'wasm', '--no-clean', ...more];
    const { code, stderr } = await rephase('reconstruct', 'pattern.npy', ...args, '-o', output);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  };

  beforeAll(async () => {
    await writeImage(folder.at('pattern.npy'), { data: magnitudes, shape });
    await part('0..2', 'a.npz');
    await part('3..5', 'b.npz');
    await part('6', 'all.npz');
  });
  afterAll(() => folder.remove());

  it('makes of parts what it makes of all starts, and what one generation makes of them', async () => {
    const { code, stdout, stderr } = await rephase(
      'combine',
      'b.npz',
      'a.npz',
      '-o',
      'parts.npy',
      '--report',
      'p.html',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^6 starts in 2 parts · hio:0.7\*60\+er\*5 · 24×28\nresidual of the image .*\n.*agree/);
    expect(readFileSync(folder.at('p.html'), 'utf8')).toContain('rephase combine b.npz a.npz -o parts.npy');
    const whole = JSON.parse((await rephase('combine', 'all.npz', '-o', 'all.npy', '--json')).stdout) as {
      numbers: number[];
      agreement: { kept: number[] };
      residual: number;
    };
    expect(whole.numbers).toEqual([0, 1, 2, 3, 4, 5]);
    expect(readFileSync(folder.at('parts.npy'))).toEqual(readFileSync(folder.at('all.npy')));
    const { data } = await readImage(folder.at('pattern.npy'));
    const one = await retrieve(
      { magnitudes: data, shape, support },
      { backend: 'wasm', chain: chain[1], starts: 6, generations: 1, heldOut: 0 },
    );
    expect(whole.agreement.kept).toEqual(one.agreement!.kept);
    expect((await readImage(folder.at('all.npy'))).data).toEqual(one.feasible);
    expect(whole.residual).toBe(one.residual);
  });

  it('reads back what a part holds, bounds and masks among it, as numpy.load does', async () => {
    await writeImage(folder.at('mask.npy'), { data: magnitudes.map((_, k) => (k % 5 ? 1 : 0)), shape });
    await part('8..9', 'bounded.npz', '--bounds', '-1..inf', '--mask', 'mask.npy', '--precision', 'double');
    const { problem, objects, firstStart } = await readPart(folder.at('bounded.npz'));
    expect(problem.bounds).toEqual([-1, Infinity]);
    expect([problem.mask!.length, firstStart, objects.length]).toEqual([magnitudes.length, 8, 2]);
    expect(objects[0]).toBeInstanceOf(Float64Array);
    const second = await readImage(folder.at('bounded.npz'), { dataset: 'objects', frame: 1 });
    expect(second.data).toEqual(objects[1]);
  });

  it('warns of starts that are missing', async () => {
    await part('9..10', 'later.npz');
    const { stderr, code } = await rephase('combine', 'a.npz', 'later.npz', 'b.npz', '-o', 'gap.png');
    expect(stderr).toBe('rephase: warning: the starts 6..8 are in no part\n');
    expect(code).toBe(0);
  });

  it('refuses parts of something else by name, and starts that come twice', async () => {
    await writeImage(folder.at('other.npy'), { data: magnitudes.map((value) => 2 * value), shape });
    await part('3..5', 'seed.npz', '--seed', '1');
    await part('5..6', 'twice.npz');
    await part('7..8', 'bounds.npz', '--bounds', '0..1000');
    await part('7..7', 'single.npz');
    const other = ['reconstruct', 'other.npy', '--support', '12x14', ...chain, '--starts', '3..5', '-o', 'other.npz'];
    expect((await rephase(...other)).code).toBe(0);
    const short = ['reconstruct', 'pattern.npy', '--support', '12x14', '--chain', 'er*5', '--starts', '3..5'];
    expect((await rephase(...short, '--no-clean', '-o', 'short.npz')).code).toBe(0);
    const whole = readFileSync(folder.at('b.npz'));
    folder.write('cut.npz', whole.subarray(0, 2000));
    whole[whole.length >> 1] ^= 4;
    folder.write('damaged.npz', whole);
    for (const [name, message] of [
      ['other.npz', 'other.npz: has another pattern than a.npz; takes parts of one run'],
      ['seed.npz', 'seed.npz: has seed 1, and a.npz has 0; takes parts of one run'],
      ['short.npz', 'short.npz: has chain er*5, and a.npz has hio:0.7*60+er*5'],
      ['bounds.npz', 'bounds.npz: has bounds 0..1000, and a.npz has 0..Infinity'],
      ['twice.npz', 'twice.npz: has the starts 5..5, and so has b.npz; takes no start twice'],
      ['cut.npz', 'cut.npz: is no part of a run, or damaged; takes what'],
      ['damaged.npz', 'damaged.npz: is '],
      ['pattern.npy', 'pattern.npy: is no part of a run'],
      ['missing.npz', 'cannot read missing.npz: no such file'],
    ]) {
      const { code, stderr } = await rephase('combine', 'a.npz', 'b.npz', name, '-o', 'never.png');
      expect(stderr).toContain(`rephase: ${message}`);
      expect(stderr).toMatch(/^[^\n]+\n$/);
      expect(code).toBe(1);
    }
    const alone = await rephase('combine', 'single.npz', '-o', 'never.png');
    expect(alone.stderr).toBe('rephase: single.npz: has one start; takes at least 2 in all\n');
    expect(existsSync(folder.at('never.png'))).toBe(false);
  });

  it('refuses parts that differ in any setting of the run', async () => {
    const periods = ['--chain', '(hio:0.7*4+er*2)*4'];
    await part('0..1', 'plain.npz', ...periods);
    await writeImage(folder.at('some.npy'), { data: magnitudes.map((_, k) => (k % 3 ? 1 : 0)), shape });
    for (const [name, ...option] of [
      ['alpha', '--alpha', '0.3'],
      ['delta', '--delta', '2'],
      ['detwin', '--detwin'],
      ['shrinkWrap', '--shrink-wrap'],
      ['precision', '--precision', 'double'],
      ['supportSize', '--support-size', '20'],
      ['tolerance', '--tolerance', '0.5'],
      ['unmeasuredLimit', '--unmeasured-limit', '1e6'],
      ['another support', '--support', '11x14'],
      ['another pattern', '--mask', 'some.npy'],
      ['chain', '--chain', '(hio:0.7*4+er*2)*5'],
    ]) {
      await part('2..3', 'differs.npz', ...periods, ...option);
      const { code, stderr } = await rephase('combine', 'plain.npz', 'differs.npz', '-o', 'never.png');
      expect(stderr).toContain(`rephase: differs.npz: has ${name} `);
      expect(code).toBe(1);
    }
    await part('0..1', 'shrunk.npz', ...periods, '--shrink-wrap');
    await part('2..3', 'guarded.npz', ...periods, '--shrink-wrap', 'guard=2');
    const { stderr } = await rephase('combine', 'shrunk.npz', 'guarded.npz', '-o', 'never.png');
    const settings = 'every=1,sigma=3..1,threshold=0.2,area=0.01..1,guard=';
    const both = `has shrinkWrap ${settings}2, and shrunk.npz has ${settings}1.2`;
    expect(stderr).toContain(`rephase: guarded.npz: ${both}; takes parts of one run`);
    expect(existsSync(folder.at('never.png'))).toBe(false);
  });

  it('has parts that say what is run, and nothing that combines all starts', async () => {
    for (const [args, message] of [
      [['--starts', '5..3'], /--starts: got "5\.\.3"; takes FIRST\.\.LAST, such as 100\.\.199/],
      [['--starts', '3..5'], /a part of the starts takes --chain, because all parts must run the same/],
      [['--starts', '3..5', '--effort', 'quick', ...chain], /takes --chain, because/],
      [['--starts', '3..5', ...chain, '--generations', '2'], /takes no --generations, which combine all starts/],
      [['--starts', '0..999999', ...chain], /--starts: got "1000000 starts"; takes parts of less than 2 GiB/],
    ] as [string[], RegExp][]) {
      const { code, stderr } = await rephase('reconstruct', 'pattern.npy', '-o', 'never.npz', ...args);
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    }
  });
});
