/** The command line as its users meet it: a process with arguments, streams, files and an exit code. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type CallsReport } from '../src/cli/calls.js';
import { exitCode } from '../src/cli/exit.js';
import { CALL_STYLES } from '../src/cli/call-overhead.js';
import { interruptible } from '../src/cli/interrupt.js';
import { AbortError } from '../src/errors.js';
import { encodeNpy } from '../src/formats/index.js';
import { ALGORITHMS, SCAN_ALGORITHMS } from '../src/index.js';
import { readImage, writeImage } from '../src/formats/files.js';
import { readHdf5 } from '../src/formats/hdf5/hdf5.js';
import { Contents } from '../src/formats/scan/contents.js';
import { fftshift } from '../src/tools/fftshift.js';
import { noise } from './support/images.js';
import { PROGRAM, execute, runHere, temporaryFolder } from './support/program.js';

const folder = temporaryFolder();
const rephase = (args: readonly string[]) => runHere(args, folder.path);
const program = (args: readonly string[], options: Parameters<typeof execute>[2] = {}) =>
  execute(process.execPath, [PROGRAM, ...args], { cwd: folder.path, ...options });

/** What every run here has in common: small, with a support, and quick. */
const RUN = ['--support', '20x24', '--algorithm', 'hio', '--iterations', '30'];

const image = Float32Array.from({ length: 20 * 24 }, (_, at) => 1 + ((at * 7919) % 101));
const SHAPE = [40, 48] as const;
let magnitudes: Float64Array;

/** A program's JSON, as far as these tests look into it. */
interface Json {
  [key: string]: unknown;
}

const json = (text: string) => JSON.parse(text) as Json;

/** Runs the command that a run says repeats it. */
async function repeat({ done }: Json): Promise<Json> {
  const command = /; this repeats it: rephase (.*)$/.exec((done as string[]).at(-1)!)![1];
  const { code, stdout } = await execute('sh', ['-c', `"${process.execPath}" "${PROGRAM}" ${command} --json`], {
    cwd: folder.path,
  });
  expect(code).toBe(0);
  return json(stdout);
}

beforeAll(async () => {
  await writeImage(folder.at('image.png'), { data: image, shape: [20, 24] });
  const { code, stderr } = await rephase([
    'simulate',
    'image.png',
    '-o',
    'pattern.npy',
    '--photons',
    '1e7',
    '--seed',
    '1',
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  magnitudes = Float64Array.from((await readImage(folder.at('pattern.npy'))).data);
});

afterAll(() => folder.remove());

describe('simulate', () => {
  it('writes the padded pattern and the support beside it, and says so', async () => {
    const { stdout } = await program(['simulate', 'image.png', '-o', 'two.npy']);
    expect(stdout).toBe('20×24 image → 40×48 pattern\nwrote two.npy, two.support.npy\n');
    const support = await readImage(folder.at('two.support.npy'));
    expect(support.shape).toEqual([40, 48]);
    expect(Array.from(support.data).filter((value) => value === 1).length).toBe(20 * 24);
  });

  it('writes the mask of a beam stop', async () => {
    await rephase(['simulate', 'image.png', '-o', 'stopped.npy', '--beamstop', '1', '--pad', '3']);
    const { data, shape } = await readImage(folder.at('stopped.mask.npy'));
    expect(shape).toEqual([60, 72]);
    expect(data.filter((value) => value === 0)).toHaveLength(5);
    expect(data[0]).toBe(0);
  });

  it('gives the same noise for the same seed and another for another', async () => {
    const noisy = async (seed: string) =>
      (await rephase(['simulate', 'image.png', '-o', '-', '--photons', '1e5', '--seed', seed])).bytes;
    const first = await noisy('1');
    expect(await noisy('1')).toEqual(first);
    expect(await noisy('2')).not.toEqual(first);
  });

  it('prints one JSON object with --json', async () => {
    const { stdout } = await rephase(['simulate', 'image.png', '-o', 'two.npy', '--photons', '1e6', '--json']);
    expect(json(stdout)).toEqual({
      ...{ command: 'simulate', image: 'image.png', pattern: 'two.npy', support: 'two.support.npy' },
      ...{ shape: [40, 48], pad: 2, photons: 1e6, seed: 0 },
    });
  });
});

describe('reconstruct', () => {
  it('writes the image in the format of its name', async () => {
    for (const name of ['out.npy', 'out.tiff', 'out.png']) {
      const { code, stderr } = await rephase(['reconstruct', 'pattern.npy', '-o', name, ...RUN]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    }
    const npy = await readImage(folder.at('out.npy'));
    expect(npy.shape).toEqual(SHAPE);
    expect(npy.data.every((value) => value >= 0)).toBe(true);
    expect((await readImage(folder.at('out.tiff'))).data).toEqual(npy.data);
    const largest = Math.max(...npy.data);
    const png = await readImage(folder.at('out.png'));
    expect(png.data).toEqual(npy.data.map((value) => Math.round((255 * value) / largest)));
  });

  it('writes 16 bits a pixel if asked for', async () => {
    await rephase(['reconstruct', 'pattern.npy', '-o', 'deep.png', '--bits', '16', ...RUN]);
    expect(Math.max(...(await readImage(folder.at('deep.png'))).data)).toBe(65535);
  });

  it('says what it did and where the image is', async () => {
    const { stdout } = await program(['reconstruct', 'pattern.npy', '-o', 'out.npy', ...RUN, '--backend', 'wasm']);
    expect(stdout).toMatch(/^wasm \(.+\) · hio:0\.9\*30 · 40×48\n30 iterations in .+ iterations\/s\n/);
    expect(stdout).toMatch(/residual of the image [\d.e-]+, of the iterate [\d.e-]+\nwrote out\.npy\n$/);
  });

  it('says nothing with --quiet', async () => {
    const { stdout, stderr } = await program(['reconstruct', 'pattern.npy', '-o', 'out.npy', ...RUN, '--quiet']);
    expect(stdout + stderr).toBe('');
  });

  it('prints one JSON object with --json', async () => {
    const args = ['reconstruct', 'pattern.npy', '-o', 'out.npy', ...RUN, '--starts', '3', '--seed', '4', '--json'];
    const { stdout, stderr } = await program(args);
    expect(stderr).toBe('');
    expect(json(stdout)).toEqual({
      command: 'reconstruct',
      pattern: 'pattern.npy',
      files: [{ role: 'pattern', path: 'pattern.npy', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string }],
      output: 'out.npy',
      shape: [40, 48],
      ...{
        algorithm: 'hio',
        beta: 0.9,
        chain: 'hio:0.9*30',
        seed: 4,
        ...{ starts: 3, firstStart: 0, precision: 'single', alpha: 0.4, delta: 1.1, detwin: false },
        ...{ object: 'real', bounds: [0, 'Infinity'], phaseBounds: ['-Infinity', 'Infinity'], inTwoPlanes: false },
        ...{ supportSize: 0, tolerance: 0, unmeasuredLimit: 'Infinity' },
        iterations: 30,
        interrupted: false,
      },
      ...{ backend: 'wasm', device: expect.any(String) as string, best: expect.any(Number) as number },
      ...{ seconds: expect.any(Number) as number, iterationsPerSecond: expect.any(Number) as number },
      residual: expect.any(Number) as number,
      feasibleResidual: expect.any(Number) as number,
      residuals: [expect.any(Number), expect.any(Number), expect.any(Number)] as number[],
      feasibleResiduals: [expect.any(Number), expect.any(Number), expect.any(Number)] as number[],
      ...{ measured: 1, warnings: [], done: [] },
    });
  });

  it('finds a support, runs a chain in generations, and says what the starts have in common', async () => {
    const chain = ['--support', 'auto', '--chain', 'hio:0.7*20+er*5', '--starts', '3', '--generations', '2'];
    const args = ['reconstruct', 'pattern.npy', '-o', 'out.npy', ...chain];
    const { code, stdout } = await rephase([...args, '--json', '--report', 'out.html']);
    expect(code).toBe(0);
    const result = json(stdout);
    expect(result).toMatchObject({ chain: 'hio:0.7*20+er*5', algorithm: 'er', starts: 3, iterations: 50 });
    expect(result.done).toEqual([expect.stringMatching(/^the support is \d+ × \d+ pixels: /)]);
    const { kept, distances, prtf, frc, frequencies } = result.agreement as Record<string, number[]>;
    expect(kept.length).toBeGreaterThan(0);
    expect([distances.length, prtf.length, frc.length, frequencies.length]).toEqual([3, 21, 21, 21]);
    const report = readFileSync(folder.at('out.html'), 'utf8');
    expect(report).toMatch(/what they have in common<\/th><td>(\d of 3 starts agree|no start agrees)/);
    expect((await rephase(args)).stdout).toMatch(/\n(\d of 3 starts agree to|no start agrees with the best one)/);
  });

  it('chooses a recipe with --effort, and says what repeats it', async () => {
    const args = ['reconstruct', 'pattern.npy', '-o', 'effort.npy', '--effort', 'quick', '--backend', 'wasm', '--json'];
    const { code, stdout } = await rephase(args);
    expect(code).toBe(0);
    const chosen = json(stdout);
    expect(chosen).toMatchObject({ starts: 4, chain: expect.stringMatching(/^hio:0\.7\*\d+\+er\*\d+$/) as string });
    const repeated = await repeat(chosen);
    expect(repeated.residuals).toEqual(chosen.residuals);
    expect(repeated.residual).toBe(chosen.residual);
  });

  it('fits the support where it chooses the recipe, and says how not to', async () => {
    const args = ['reconstruct', 'tight.npy', '-o', 'out.npy', '--support', '36x32', '--backend', 'wasm', '--json'];
    await writeImage(folder.at('grain.npy'), { data: noise(32 * 32, 3).map((u) => 0.3 + u), shape: [32, 32] });
    await rephase(['simulate', 'grain.npy', '-o', 'tight.npy', '--photons', '1e8']);
    // Few iterations: what is not given is chosen.
    const quick = [...args, '--effort', 'quick', '--chain', 'hio*20', '--save-support', 'used.npy'];
    const pixels = async () => (await readImage(folder.at('used.npy'))).data.filter((value) => value === 1).length;
    const chosen = json((await rephase(quick)).stdout);
    expect(chosen.done).toEqual([
      'the support has 36 × 32 pixels, and the autocorrelation ends where that of 32 × 32 does: its middle is taken (--no-fit-support leaves it)',
      expect.stringMatching(
        /: rephase reconstruct tight\.npy .* --fit-support --starts 4 --generations 2 --refine 100$/,
      ),
    ]);
    expect(await pixels()).toBe(32 * 32);
    expect((await repeat(chosen)).residuals).toEqual(chosen.residuals);
    expect(json((await rephase([...quick, '--no-fit-support'])).stdout).done).toHaveLength(1);
    expect(await pixels()).toBe(36 * 32);
    expect(json((await rephase([...args, '--chain', 'hio*20'])).stdout).done).toEqual([]);
    // Much noise
    await rephase(['simulate', 'grain.npy', '-o', 'tight.npy', '--photons', '1e4']);
    expect(json((await rephase(quick)).stdout).done).toContain(
      'the support has 36 × 32 pixels, and there is much noise: it gets room, 38 × 34 pixels (--no-fit-support leaves it)',
    );
    expect(await pixels()).toBe(38 * 34);
    // All rows are inside already.
    expect(json((await rephase([...quick, '--support', '64x8'])).stdout).done).toContain(
      'the support has 64 × 8 pixels, and there is much noise: it gets room, 64 × 10 pixels (--no-fit-support leaves it)',
    );
  });

  it('needs no options: it leaves image, numbers, report, record and support, and replaces no other file', async () => {
    folder.write('mine.npy', readFileSync(folder.at('pattern.npy')));
    // Few iterations: what is not given is chosen.
    const args = ['reconstruct', 'mine.npy', '--chain', 'hio*20', '--effort', 'quick', '--backend', 'wasm'];
    folder.write('mine.reconstruction.html', 'my page');
    const refused = await rephase(args);
    expect(refused.stderr).toBe(
      'rephase: mine.reconstruction.html is there and not from an earlier run; -o names the image\n',
    );
    expect(readFileSync(folder.at('mine.reconstruction.html'), 'utf8')).toBe('my page');
    rmSync(folder.at('mine.reconstruction.html'));
    const first = await rephase(args);
    expect(first.code).toBe(0);
    const names = ['png', 'npy', 'found-support.npy', 'html', 'json'].map((ending) => `mine.reconstruction.${ending}`);
    expect(first.stdout).toContain(`\nwrote ${names.join(', ')}\n`);
    const record = json(readFileSync(folder.at('mine.reconstruction.json'), 'utf8'));
    expect(record).toMatchObject({ command: 'reconstruct', chain: 'hio:0.9*20', starts: 4, generations: 2 });
    const support = await readImage(folder.at('mine.reconstruction.found-support.npy'));
    expect(support.data.filter((value) => value === 1)).toHaveLength(20 * 24);
    const numbers = await readImage(folder.at('mine.reconstruction.npy'));
    expect(numbers.data.every((value, at) => value === 0 || support.data[at] === 1)).toBe(true);
    const [picture, largest] = [await readImage(folder.at('mine.reconstruction.png')), Math.max(...numbers.data)];
    expect(picture.data).toEqual(numbers.data.map((value) => Math.round((255 * value) / largest)));
    // Files of an earlier run are replaced.
    const again = await repeat(record);
    expect(again.residuals).toEqual(record.residuals);
    expect(json((await rephase([...args, '--seed', '1', '--json'])).stdout).residuals).not.toEqual(record.residuals);
  });

  it('takes a pattern of which nothing is said for what it looks like', async () => {
    const large = noise(48 * 48, 3);
    await writeImage(folder.at('noise.npy'), { data: large, shape: [48, 48] });
    await rephase(['simulate', 'noise.npy', '-o', 'large.npy', '--pad', '3']);
    const { data, shape } = await readImage(folder.at('large.npy'));
    const most = Math.max(...data);
    const counts = fftshift(data, shape).map((value) => Math.round(1e6 * (value / most) ** 2));
    counts[30 * shape[1] + 40] = counts[90 * shape[1] + 9] = 2 ** 32 - 1;
    await writeImage(folder.at('raw.npy'), { data: counts, shape });
    const args = ['reconstruct', 'raw.npy', '-o', 'out.npy', '--iterations', '20', '--backend', 'wasm', '--json'];
    const seen = json((await rephase(args)).stdout);
    expect(seen.done).toEqual([
      'took the numbers for intensities, as they look',
      'took the middle for the zero frequency, as it looks',
      expect.stringMatching(/^left out 2 pixels/),
      expect.stringMatching(/^the support is /),
      expect.stringMatching(/: rephase reconstruct raw\.npy .* --intensity --centered --clean --support auto$/),
    ]);
    expect(seen.warnings).toEqual([]);
    expect((await repeat(seen)).residuals).toEqual(seen.residuals);
    const asItIs = json((await rephase([...args, '--no-clean'])).stdout);
    expect((asItIs.warnings as { code: string }[]).map(({ code }) => code)).toContain('LOOKS_LIKE_INTENSITIES');
  });

  it('writes CXI with the numbers and all settings', async () => {
    const args = ['reconstruct', 'pattern.npy', ...RUN];
    await rephase([...args, '-o', 'image.npy']);
    const { code, stdout } = await rephase([...args, '-o', 'image.cxi', '--json']);
    expect(code).toBe(0);
    expect((await readImage(folder.at('image.cxi'))).data).toEqual((await readImage(folder.at('image.npy'))).data);
    const bytes = readFileSync(folder.at('image.cxi'));
    const text = (name: string) =>
      readHdf5(bytes, {}, (file) => new Contents(file, bytes.length).text(`/entry_1/image_1/process_1/${name}`));
    expect(await text('command')).toContain('rephase reconstruct pattern.npy');
    expect(json((await text('record'))!)).toMatchObject({ ...json(stdout), seconds: expect.any(Number) as number });
  });

  it('writes every setting into CXI and JSON, also those that were not given', async () => {
    const given = ['--chain', 'hio*3', '--starts', '2', '--generations', '2', '--tolerance', '0.5', '--seed', '4'];
    const args = [
      ...given,
      '--support',
      '20x24',
      '--support-size',
      '99',
      '--unmeasured-limit',
      '1e6',
      '--alpha',
      '0.3',
    ];
    const { code, stdout } = await rephase(['reconstruct', 'pattern.npy', ...args, '-o', 'set.cxi', '--json']);
    expect(code).toBe(0);
    const settings = {
      ...{ object: 'real', bounds: [0, 'Infinity'], supportSize: 99, tolerance: 0.5, unmeasuredLimit: 1e6 },
      ...{ chain: 'hio:0.9*3', starts: 2, firstStart: 0, generations: 2, refine: 250, heldOut: 0.01, seed: 4 },
      ...{ precision: 'single', alpha: 0.3, delta: 1.1, detwin: false },
    };
    expect(json(stdout)).toMatchObject(settings);
    const bytes = readFileSync(folder.at('set.cxi'));
    const field = (kind: 'text' | 'number', name: string) =>
      readHdf5(bytes, {}, (file) => new Contents(file, bytes.length)[kind](`/entry_1/image_1/process_1/${name}`));
    for (const [name, value] of Object.entries({ ...settings, bounds: '0..Infinity', detwin: 'false' })) {
      expect(await field(typeof value === 'number' ? 'number' : 'text', name)).toBe(value);
    }
    expect(await field('text', 'shrinkWrap')).toBe('none');
  });

  it('writes the support that was used where it is named', async () => {
    await rephase(['reconstruct', 'pattern.npy', '-o', 'given.npy', ...RUN, '--save-support', 'used.npy']);
    const { data } = await readImage(folder.at('used.npy'));
    expect(data.filter((value) => value === 1)).toHaveLength(20 * 24);
    expect(existsSync(folder.at('given.found-support.npy'))).toBe(false);
  });

  it('writes a support that has shrunk beside the image, and its settings', async () => {
    const settings = 'sigma=0.7..0.5,threshold=0.6,guard=9';
    const chain = ['--support', '20x24', '--chain', '(er*20)*6', '--detwin', '--shrink-wrap', settings];
    const { code, stdout } = await rephase(['reconstruct', 'pattern.npy', '-o', 'shrunk.npy', ...chain, '--json']);
    const { shrunk, shrinkWrap, detwin } = json(stdout) as { shrunk: { pixels: number; shrinks: number }[] } & Json;
    expect({ code, detwin, shrinkWrap }).toEqual({
      code: 0,
      detwin: true,
      shrinkWrap: { every: 1, sigma: [0.7, 0.5], threshold: 0.6, area: [0.01, 1], guard: 9 },
    });
    expect(shrunk[0].shrinks).toBeGreaterThan(0);
    const { data } = await readImage(folder.at('shrunk.support.npy'));
    expect(data.filter((inside) => inside > 0)).toHaveLength(shrunk[0].pixels);
    const wrong = await rephase(['reconstruct', 'pattern.npy', '-o', 'x.npy', ...RUN, '--shrink-wrap', 'sigm=3']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('--shrink-wrap: got "sigm=3"; takes every=N, sigma=FROM..TO');
  });

  it('repeats itself for the same seed', async () => {
    const run = async (seed: string) =>
      (await rephase(['reconstruct', 'pattern.npy', '-o', '-', ...RUN, '--seed', seed])).bytes;
    const first = await run('1');
    expect(await run('1')).toEqual(first);
    expect(await run('2')).not.toEqual(first);
  });

  it('reads the pattern from standard input and writes the image to standard output, with nothing else in it', async () => {
    const input = readFileSync(folder.at('pattern.npy'));
    const piped = await program(['reconstruct', '-', '-o', '-', ...RUN], { input });
    await rephase(['reconstruct', 'pattern.npy', '-o', 'out.npy', ...RUN]);
    expect(piped.bytes).toEqual(readFileSync(folder.at('out.npy')));
    expect(piped.stderr).toMatch(/wrote -\n$/);
  });

  it('takes intensities with the zero frequency in the middle, as detectors write them', async () => {
    const mask = Float32Array.from(magnitudes, (_, at) => (at % 97 === 3 ? 0 : 1));
    folder.write('mask.npy', encodeNpy(mask, SHAPE));
    folder.write('centred-mask.npy', encodeNpy(fftshift(mask, SHAPE), SHAPE));
    const counts = magnitudes.map((value, at) => (mask[at] ? value * value : NaN));
    folder.write('counts.npy', encodeNpy(fftshift(counts, SHAPE), SHAPE));
    const output = ['-o', '-', ...RUN, '--precision', 'double'];
    const plain = await rephase(['reconstruct', 'pattern.npy', '--mask', 'mask.npy', ...output]);
    const detector = ['counts.npy', '--mask', 'centred-mask.npy', '--intensity', '--centered'];
    const same = await rephase(['reconstruct', ...detector, ...output]);
    const [a, b] = [await readImage(plain.bytes), await readImage(same.bytes)];
    const distance = Math.hypot(...a.data.map((value, at) => value - b.data[at]));
    // The square root of a square differs in the last digit, and thirty iterations of feedback enlarge that.
    expect(distance / Math.hypot(...a.data)).toBeLessThan(1e-6);
  });

  it('takes the support from a file as from a rectangle', async () => {
    const rectangle = await rephase(['reconstruct', 'pattern.npy', '-o', '-', ...RUN]);
    const file = await rephase(['reconstruct', 'pattern.npy', '-o', '-', ...RUN, '--support', 'pattern.support.npy']);
    expect(file.bytes).toEqual(rectangle.bytes);
  });

  it('continues from an image', async () => {
    await rephase(['reconstruct', 'pattern.npy', '-o', 'hio.npy', ...RUN]);
    const settle = ['--support', '20x24', '--start', 'hio.npy', '--iterations', '5', '--json'];
    const { stdout } = await rephase(['reconstruct', 'pattern.npy', '-o', 'gs.npy', ...settle]);
    const before = json((await rephase(['reconstruct', 'pattern.npy', '-o', 'x.npy', ...RUN, '--json'])).stdout);
    expect(json(stdout).feasibleResidual).toBeLessThan(before.feasibleResidual as number);
  });

  it('writes the residual of every iteration', async () => {
    for (const history of ['h.csv', 'h.json']) {
      await rephase(['reconstruct', 'pattern.npy', '-o', 'out.npy', ...RUN, '--history', history]);
    }
    const residuals = JSON.parse(readFileSync(folder.at('h.json'), 'utf8')) as number[];
    expect(residuals).toHaveLength(30);
    const rows = residuals.map((residual, at) => `${at + 1},${residual}`);
    expect(readFileSync(folder.at('h.csv'), 'utf8')).toBe(['iteration,residual', ...rows, ''].join('\n'));
  });

  it('leaves no temporary files behind', () => {
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('the report', () => {
  let page: string;
  const name = `<img src=x> & "it's".npy`;

  beforeAll(async () => {
    folder.write(name, readFileSync(folder.at('pattern.npy')));
    const { code } = await program(['reconstruct', name, '-o', 'out.png', ...RUN, '--report', 'run.html', '--quiet']);
    expect(code).toBe(0);
    page = readFileSync(folder.at('run.html'), 'utf8');
  });

  it('holds both pictures, the residuals and the settings', () => {
    expect(page.match(/<img src="data:image\/png;base64,/g)).toHaveLength(2);
    const [, history] = /id="history">(.*?)<\/script>/.exec(page) ?? [];
    expect(JSON.parse(history)).toEqual([
      Array.from({ length: 30 }, (_, at) => at + 1),
      Array.from({ length: 30 }, () => expect.any(Number) as number),
    ]);
    for (const setting of [
      'hio:0.9*30',
      'random, seed 0',
      '20x24, 480 of 1920 pixels',
      'single precision',
      'SHA-256',
    ]) {
      expect(page).toContain(setting);
    }
  });

  it('names every setting that repeats the run', async () => {
    folder.write('ones.npy', encodeNpy(new Float32Array(40 * 48).fill(1), SHAPE));
    const settings = ['--intensity', '--centered', '--mask', 'ones.npy', '--seed', '7'];
    const run = ['--algorithm', 'hio', '--beta', '0.7', '--starts', '2', '--iterations', '3', '--bits', '16'];
    const support = ['--support', '20x40'];
    await rephase([
      'reconstruct',
      'pattern.npy',
      '-o',
      'all.png',
      ...settings,
      ...run,
      ...support,
      '--report',
      'all.html',
    ]);
    const facts = Object.fromEntries(
      [...readFileSync(folder.at('all.html'), 'utf8').matchAll(/<tr><th>(.*?)<\/th><td>(.*?)<\/td><\/tr>/g)].map(
        ([, name, value]) => [name, value],
      ),
    );
    expect(facts).toMatchObject({
      algorithm: 'hio:0.7*3',
      iterations: '3',
      start: 'random, seed 7',
      starts: expect.stringMatching(/^2; the best is number [01]$/) as string,
      pattern: 'pattern.npy, 40 × 48',
      'what the pattern holds': 'intensities',
      'zero frequency': 'in the middle of the pattern and the mask',
      support: '20x40, 800 of 1920 pixels',
      mask: 'ones.npy, 1920 of 1920 pixels',
      backend: expect.stringMatching(/^wasm \(.+\), single precision$/) as string,
      'image written': 'all.png, 16 bits a pixel',
    });
  });

  it('gives the exact command line, quoted for a shell', () => {
    const quoted = `'&lt;img src=x&gt; &amp; &quot;it&#39;\\&#39;&#39;s&quot;.npy'`.replace(/^'|'$/g, '&#39;');
    expect(page).toContain(`rephase reconstruct ${quoted} -o out.png --support 20x24`);
  });

  it('loads nothing from anywhere', () => {
    expect(page).not.toMatch(/(src|href|action)\s*=\s*["']?(?!data:)[a-z]*:?\/\//i);
    expect(page).not.toMatch(/<(link|iframe|object|embed|base)\b|@import|url\(|\bfetch\(|XMLHttpRequest|\bimport\(/i);
    expect(page).toContain("default-src 'none'");
  });

  it('shows names as text', () => {
    expect(page).not.toContain('<img src=x>');
    expect(page).toContain('<title>&lt;img src=x&gt; &amp; &quot;it&#39;s&quot;.npy, reconstructed</title>');
  });
});

describe('the other commands', () => {
  it('lists every backend, and why one is not there', async () => {
    const { stdout } = await program(['backends']);
    expect(stdout).toMatch(/^wasm {4}device 0: .+$/m);
    const { backends } = json((await rephase(['backends', '--json'])).stdout) as unknown as {
      backends: { name: string; available: boolean; reason?: string }[];
    };
    expect(backends.map(({ name }) => name).sort()).toEqual(['cuda', 'wasm', 'webgpu']);
    for (const { available, reason } of backends) expect(available || Boolean(reason)).toBe(true);
  });

  it.each([[[]], [['--size', '37']]])('validates the backends against the reference, %j', async (size) => {
    const { code, stdout } = await rephase(['validate', '--backend', 'wasm', ...size, '--json']);
    const { passed, checks } = json(stdout) as unknown as { passed: boolean; checks: Record<string, string>[] };
    expect({ code, passed }).toEqual({ code: 0, passed: true });
    const kinds = new Set(checks.map(({ problem, algorithm }) => `${problem} ${algorithm}`));
    // These two order pixels, which complex numbers do not allow.
    const ofComplex = ALGORITHMS.filter((algorithm) => !['chio', 'cf'].includes(algorithm));
    const of = (problem: string, algorithms: readonly string[]) => algorithms.map((name) => `${problem} ${name}`);
    const wanted = [...of('image', ALGORITHMS), ...of('complex image', ofComplex), ...of('scan', SCAN_ALGORITHMS)];
    expect([...kinds].sort()).toEqual(wanted.sort());
  });

  it('measures iterations', async () => {
    const { code, stdout } = await rephase(['bench', '--sizes', '16', '--backend', 'wasm']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^wasm {5}single {5}16×16 .+\nwasm {5}double {5}16×16 .+\n$/m);
  });

  it('measures what calls cost', async () => {
    const { code, stdout } = await rephase(['bench', '--calls', '--sizes', '16,32', '--backend', 'wasm', '--json']);
    expect(code).toBe(0);
    const { calls } = json(stdout) as unknown as { calls: CallsReport[] };
    expect(calls).toHaveLength(1);
    const [{ overhead, models, memory }] = calls;
    expect(overhead.map(({ n }) => n)).toEqual([16, 32]);
    for (const row of overhead) {
      for (const name of CALL_STYLES) expect(row[name].total).toBeGreaterThan(0);
    }
    expect(models.map(({ calls }) => calls)).toEqual([1, 4]);
    expect(memory.copiesInLoop).toBe(0);
  });
});

describe('help', () => {
  it('is there for the program and every command, with examples', async () => {
    for (const command of [[], ['simulate'], ['reconstruct'], ['backends'], ['validate'], ['bench']]) {
      const { code, stdout, stderr } = await rephase([...command, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/Examples:\n {2}rephase /);
    }
  });

  it('gives the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Json;
    expect((await program(['--version'])).stdout).toBe(`${String(version)}\n`);
  });

  it('is what the bare program shows, as wrong usage', async () => {
    const { code, stdout, stderr } = await program([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: rephase');
  });

  it('ends without a word when nobody reads on', async () => {
    const script = `"${process.execPath}" "${PROGRAM}" backends | head -c 1`;
    expect((await execute('sh', ['-c', script])).stderr).toBe('');
  });

  it('goes on when nobody reads what it says on stderr', async () => {
    // Without a support the run warns before it writes the image.
    const command = `"${process.execPath}" "${PROGRAM}" reconstruct pattern.npy --iterations 2 -o unread.npy`;
    const { code } = await execute('bash', ['-c', `${command} 2> >(exec 0<&-; exit)`], { cwd: folder.path });
    expect(code).toBe(0);
    expect((await readImage(folder.at('unread.npy'))).shape).toHaveLength(2);
  });
});

// `script` gives the program a terminal, whose Ctrl-C is the character 3; it is in every Debian.
describe.skipIf(process.platform !== 'linux' || !existsSync('/usr/bin/script'))('on a terminal', () => {
  /** Presses Ctrl-C once a residual is shown, or sends SIGTERM. */
  const interrupted = (args: string[], how: 'Ctrl-C' | 'SIGTERM' = 'Ctrl-C') =>
    new Promise<{ code: number | null; shown: string }>((resolve, reject) => {
      const command = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(' ');
      const child = spawn('script', ['-qefc', `echo process $$; exec ${command}`, '/dev/null'], {
        cwd: folder.path,
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let shown = '';
      let pressed = false;
      child.stdout.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
        if (pressed || !/residual \d/.test(shown)) return;
        pressed = true;
        if (how === 'Ctrl-C') child.stdin.write('\x03');
        else process.kill(Number(/process (\d+)/.exec(shown)?.[1]), how);
      });
      onTestFinished(() => void child.kill());
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, shown }));
    });

  it('shows the progress, and at Ctrl-C stops and writes the image, history and report so far', async () => {
    const files = ['-o', 'partial.npy', '--history', 'partial.json', '--report', 'partial.html'];
    // Far more than are done by then, and few enough that a run which nobody stops ends by itself.
    const run = ['--support', '20x24', '--iterations', '5000000'];
    const { code, shown } = await interrupted(['reconstruct', 'pattern.npy', ...run, ...files]);
    expect(shown).toMatch(/\d+\/5000000 · [\d.e+]+ it\/s · residual [\d.e-]+ · .+ left/);
    expect(shown).toMatch(
      /stopped after \d+ of 5000000 iterations\r\nwrote partial\.npy, partial\.json, partial\.html/,
    );
    expect(code).toBe(130);
    const { data } = await readImage(folder.at('partial.npy'));
    expect(Math.max(...data)).toBeGreaterThan(0);
    const history = JSON.parse(readFileSync(folder.at('partial.json'), 'utf8')) as number[];
    expect(history.length).toBeGreaterThan(0);
    expect(readFileSync(folder.at('partial.html'), 'utf8')).toContain('(stopped; 5000000 were asked for)');
  });

  it('stops at SIGTERM as at Ctrl-C, with an exit code of its own', async () => {
    const run = ['--support', '20x24', '--iterations', '5000000', '-o', 'terminated.npy'];
    const { code, shown } = await interrupted(['reconstruct', 'pattern.npy', ...run], 'SIGTERM');
    expect(shown).toMatch(/stopped after \d+ of 5000000 iterations\r\nwrote terminated\.npy/);
    expect(code).toBe(143);
    expect(Math.max(...(await readImage(folder.at('terminated.npy'))).data)).toBeGreaterThan(0);
  });
});

const QUIET = { quiet: true };

describe('Ctrl-C', () => {
  it('asks to stop the first time and quits at once the second time', async () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as never);
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    await interruptible((signal) => {
      expect(signal.aborted).toBe(false);
      process.emit('SIGINT', 'SIGINT');
      expect(signal.aborted).toBe(true);
      expect(stderr).toHaveBeenCalledExactlyOnceWith(
        'rephase: SIGINT: stopping, and writing what there is; a second signal ends it at once\n',
      );
      expect(exit).not.toHaveBeenCalled();
      process.emit('SIGINT', 'SIGINT');
      expect(exit).toHaveBeenCalledWith(130);
      return Promise.resolve();
    }, {});
    vi.restoreAllMocks();
    expect(process.listenerCount('SIGINT') + process.listenerCount('SIGTERM')).toBe(0);
  });

  it('and SIGTERM are told apart by the exit code', async () => {
    await interruptible((signal) => {
      process.emit('SIGTERM', 'SIGTERM');
      expect(exitCode(new AbortError(signal.reason))).toBe(143);
      return Promise.resolve();
    }, QUIET);
    expect(exitCode(new AbortError('SIGINT'))).toBe(130);
    expect(exitCode(new AbortError())).toBe(130);
  });
});
