/** `rephase ptycho` and `rephase simulate --scan` as their users meet them. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cleanScan } from '../src/cli/ptycho/clean.js';
import { lookAtScan } from '../src/cli/ptycho/facts.js';
import { factLines } from '../src/cli/ptycho/look.js';
import { readImage, readScan, writeImage, writeScan } from '../src/files.js';
import { readScanResult } from '../src/formats/files.js';
import { decodeComplexNpy, encodeNpy } from '../src/formats/index.js';
import {
  alignedScanError,
  illumination,
  orientScan,
  phase,
  simulateScan,
  type Orientation,
  type Scan,
  type Shape,
  type WarningCode,
} from '../src/index.js';
import { discs, lensProbe, spiral } from './support/lens.js';
import { PROGRAM, endsWithFile, execute, runHere, temporaryFolder } from './support/program.js';
import { whyNoWebGpu } from './support/webgpu.js';

const folder = temporaryFolder();
const rephase = (...args: string[]) => runHere(args, folder.path);

const whyNoGpu = await whyNoWebGpu();

interface Json {
  [key: string]: unknown;
}

async function json(...args: string[]): Promise<Json> {
  const { code, stdout, stderr } = await rephase(...args, '--json');
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Json;
}

const complexNpy = (name: string) => Float64Array.from(decodeComplexNpy(readFileSync(folder.at(name))).data);

const SIMULATE = ['--scan', '7x7', '--step', '5', '--detector', '48x48', '--defocus', '4e-4', '--photons', '1e6'];
let simulated: Json;

beforeAll(async () => {
  const data = Float32Array.from(
    { length: 60 * 70 },
    (_, i) => Math.sin(i / 70 / 5) * Math.cos((i % 70) / 4) + (i % 7) / 9,
  );
  await writeImage(folder.at('photo.npy'), { data, shape: [60, 70] });
  simulated = await json('simulate', 'photo.npy', '-o', 'scan.cxi', ...SIMULATE);
});
afterAll(() => folder.remove());

describe('rephase simulate --scan', () => {
  it('writes a scan in metres without what is to be found, which lies beside it', async () => {
    const scan = await readScan(folder.at('scan.cxi'));
    expect(scan.shape).toEqual([48, 48]);
    expect(scan.patterns).toHaveLength(49 * 48 * 48);
    expect(scan.probe).toBeUndefined();
    expect(scan.pixel![0]).toBeCloseTo(1e-10 / (48 * 75e-6), 20);
    const step = (scan.positions[2 * 7] - scan.positions[0]) / 5;
    expect(Math.abs(step - 1)).toBeLessThan(0.31);
    const [rows, columns] = simulated.objectShape as number[];
    expect(complexNpy('scan.object.npy')).toHaveLength(2 * rows * columns);
    expect(complexNpy('scan.probe.npy')).toHaveLength(2 * 48 * 48);
  });

  it.each([
    [['-o', 'scan.npy', '--scan', '3x3'], '--output: got "scan.npy"; takes a name in .cxi or .h5 with --scan'],
    [['-o', 'scan.cxi', '--scan', '0x3'], '--scan: got "0x3"; takes ROWSxCOLUMNS of at least 1'],
    [['-o', 'scan.cxi', '--scan', '3x3', '--pad', '3'], '--pad is for single patterns, and --scan makes many'],
    [['-o', 'scan.cxi', '--scan', '3x3', '--step', '0'], '--step: got "0"; takes a number above 0'],
    [['-o', 'scan.cxi', '--scan', '3x3', '--wavelength', '8'], 'wavelength: got 8; takes metres'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await rephase('simulate', 'photo.npy', ...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('rephase ptycho without -o', () => {
  it('looks, draws, warns of a probe that nobody knows, and suggests a command', async () => {
    const { code, stdout } = await rephase('ptycho', 'scan.cxi');
    expect(code).toBe(0);
    expect(stdout).toContain('49 patterns of 48×48, whole numbers');
    expect(stdout).toContain('wavelength 100 pm (12.4 keV), detector at 1 m, pixel of the object 27.8 nm × 27.8 nm');
    expect(stdout).toContain('translations negated: CXI stores where the sample went');
    expect(stdout).toContain('warning: probe: none is known');
    expect(stdout).toContain('try: rephase ptycho scan.cxi -o scan.phase.png --guess');
    expect((await readImage(folder.at('scan.look.png'))).shape[0]).toBeGreaterThan(400);
    expect(existsSync(folder.at('scan.phase.png'))).toBe(false);
  });

  it('knows how far neighbours overlap when the defocus is given', async () => {
    const look = await json('ptycho', 'scan.cxi', '--defocus', '4e-4');
    expect(look).toMatchObject({ patterns: 49, shape: [48, 48], beamIsKnown: true, warnings: [], whole: true });
    expect(look.overlap).toBeGreaterThan(0.4);
    expect(look.overlap).toBeLessThan(0.9);
  });
});

describe('rephase ptycho -o', () => {
  const RUN = ['--defocus', '4e-4', '--iterations', '40', '--seed', '3'];

  it('finds the object, as complex numbers', async () => {
    const run = await json('ptycho', 'scan.cxi', '-o', 'object.npy', ...RUN, '--keep-patterns', 'host');
    // The wasm backend computes where they are.
    expect(run.keepPatterns).toBe('device');
    expect(run).toMatchObject({ command: 'ptycho', algorithm: 'rpie', batch: 16, iterations: 40, interrupted: false });
    expect(run.residual).toBeLessThan(2 * Number(run.noiseFloor));
    const found = complexNpy('object.npy');
    const [rows, columns] = run.objectShape as [number, number];
    const truth = complexNpy('scan.object.npy');
    const shape = simulated.objectShape as [number, number];
    // Both begin at the first position, but for the margin that retrieve leaves.
    const inside = new Float64Array(2 * rows * columns).fill(1).map((_, i) => 1 - (i % 2));
    const scan = await readScan(folder.at('scan.cxi'));
    const { data: light, positions } = await illumination(scan);
    const [down, right] = [0, 1].map((axis) => Math.round(positions[axis] - scan.positions[axis]));
    for (let row = 0; row < shape[0]; row++) {
      for (let column = 0; column < shape[1]; column++) {
        const to = 2 * ((row + down) * columns + column + right);
        inside.set(truth.subarray(2 * (row * shape[1] + column), 2 * (row * shape[1] + column) + 2), to);
      }
    }
    const most = Math.max(...light);
    const weight = light.map((counts) => Number(counts > 0.1 * most));
    const { error } = await alignedScanError(found, inside, [rows, columns], { weight });
    expect(error).toBeLessThan(0.1);
  });

  it('writes the phase where light fell, a report, and the command that repeats both', async () => {
    const run = await json('ptycho', 'scan.cxi', '-o', 'phase.png', '--report', 'run.html', ...RUN);
    const { rows, columns } = run.rectangle as { rows: number; columns: number };
    const image = await readImage(folder.at('phase.png'));
    expect(image.shape).toEqual([rows, columns]);
    expect(Math.max(...image.data)).toBe(65535);
    const page = readFileSync(folder.at('run.html'), 'utf8');
    for (const name of ['Phase', 'Amplitude', 'Probe', 'Positions', 'Mean pattern'])
      expect(page).toContain(`<b>${name}</b>`);
    expect(page).toContain(String(run.repeat).replace(' --json', ' --json'));
    const before = readFileSync(folder.at('phase.png'));
    writeFileSync(folder.at('phase.png'), '');
    const command = String(run.repeat).replace('rephase ', `"${process.execPath}" "${PROGRAM}" `);
    expect((await execute('sh', ['-c', command], { cwd: folder.path })).code).toBe(0);
    expect(readFileSync(folder.at('phase.png')).equals(before)).toBe(true);
  });

  it.skipIf(whyNoGpu)('says that patterns stayed on the host', async () => {
    const there = ['ptycho', 'scan.cxi', '-o', 'there.npy', '--iterations', '1', '--backend', 'webgpu'];
    const host = await rephase(...there, '--keep-patterns', 'host', '--report', 'there.html');
    expect(host.stdout).toContain('patterns stayed on the host');
    expect(readFileSync(folder.at('there.html'), 'utf8')).toContain('kept on the host');
    expect((await rephase(...there)).stdout).not.toContain('on the host');
  });

  it('writes everything as CXI, with modes and moved positions', async () => {
    const run = await json('ptycho', 'scan.cxi', '-o', 'result.cxi', ...RUN, '--modes', '2', '--positions-from', '20');
    expect(run).toMatchObject({ modes: 2 });
    expect(run.moved).toBeGreaterThan(0);
    expect((await readScan(folder.at('result.cxi'))).patterns).toHaveLength(49 * 48 * 48);
    const amplitude = await rephase('inspect', 'result.cxi', '--dataset', '/entry_1/result_1/residuals');
    expect(amplitude.stderr).toContain('has 1 dimensions (40) in /entry_1/result_1/residuals');
  });

  it('takes patterns in .npy with positions as text, in pixels or with the geometry', async () => {
    const scan = await readScan(folder.at('scan.cxi'));
    const { patterns, positions } = scan;
    // The corner goes to the middle.
    const centred = Float32Array.from(patterns, (_, i) => {
      const [pixel, first] = [i % 2304, i - (i % 2304)];
      return patterns[first + ((Math.floor(pixel / 48) + 24) % 48) * 48 + ((pixel + 24) % 48)];
    });
    folder.write('patterns.npy', encodeNpy(centred, [49, 48, 48]));
    const lines = Array.from({ length: 49 }, (_, j) => `${positions[2 * j]},${positions[2 * j + 1]}`);
    folder.write('pixels.csv', `row,column\n${lines.join('\n')}\n`);
    const run = await json(
      'ptycho',
      'patterns.npy',
      '--positions',
      'pixels.csv',
      '-o',
      'again.npy',
      '--iterations',
      '2',
    );
    expect(run).toMatchObject({ iterations: 2, notes: ['positions in pixels, row and column where the beam went'] });
    const { code, stderr } = await rephase('ptycho', 'patterns.npy', '--positions', 'pixels.csv', '-o', 'again.cxi');
    // Before anything runs.
    expect(stderr).toMatch(/^rephase: --wavelength: the scan does not say it; CXI takes .*\n$/);
    expect(code).toBe(2);
  });

  it('finds the orientation of a turned detector and the defocus', async () => {
    const scan = await readScan(folder.at('scan.cxi'));
    const turned: Orientation = [true, false, true];
    await writeScan(folder.at('turned.cxi'), orientScan(scan, turned));
    const { code, stdout, stderr } = await rephase(
      'ptycho',
      'turned.cxi',
      '-o',
      'turned.npy',
      '--guess',
      '--iterations',
      '30',
      '--json',
    );
    expect(code).toBe(0);
    const run = JSON.parse(stdout) as Json;
    const [best, twin] = run.guesses as string[];
    // What undoes transpose-then-mirror is the transpose of the mirror: mirror the other axis, then transpose.
    expect(`${best} ${twin}`).toMatch(/--orientation 1,1,0/);
    expect(best).toMatch(/^guess: --orientation [01],[01],[01] --defocus [-\d.e]+: residual/);
    expect(String(run.repeat)).toMatch(/ --orientation [01],[01],[01] --defocus [-\d.e]+$/);
    expect(String(run.repeat)).not.toContain('--guess');
    expect(run.residual).toBeLessThan(2 * Number(run.noiseFloor));
    expect(stderr).toBe('');
  });

  it('begins with a probe that is given', async () => {
    const run = await json('ptycho', 'scan.cxi', '-o', 'known.npy', '--probe', 'scan.probe.npy', '--iterations', '20');
    expect(run.residual).toBeLessThan(2 * Number(run.noiseFloor));
    const { code, stderr } = await rephase('ptycho', 'scan.cxi', '-o', 'known.npy', '--probe', 'scan.object.npy');
    expect(stderr).toMatch(/^rephase: --probe: scan.object.npy is \d+×\d+, and the patterns are 48×48\n$/);
    expect(code).toBe(1);
  });

  it('goes on from a result as if it had never stopped', async () => {
    const more = [...RUN.slice(0, 2), '--seed', '3', '--positions-from', '4'];
    await json('ptycho', 'scan.cxi', '-o', 'whole.npy', ...more, '--iterations', '8');
    await json('ptycho', 'scan.cxi', '-o', 'half.cxi', ...more, '--iterations', '5');
    const rest = await json(
      'ptycho',
      'scan.cxi',
      '-o',
      'rest.npy',
      ...more,
      '--iterations',
      '8',
      '--resume',
      'half.cxi',
    );
    expect(rest).toMatchObject({ iterations: 8 });
    expect(rest.notes).toContain('goes on after iteration 5 of half.cxi');
    expect(readFileSync(folder.at('rest.npy')).equals(readFileSync(folder.at('whole.npy')))).toBe(true);
  });

  it('goes on with other settings only when it says so, and with no other scan', async () => {
    const run = ['--defocus', '4e-4', '--iterations'];
    await json('ptycho', 'scan.cxi', '-o', 'two.cxi', ...run, '2', '--modes', '2');
    const { notes } = await json(
      ...['ptycho', 'scan.cxi', '-o', 'three.npy', ...run, '3', '--resume', 'two.cxi', '--algorithm', 'epie'],
    );
    expect(notes).toContain(
      'goes on with algorithm epie in place of rpie, alpha 1 in place of 0.1, batch 1 in place of 16',
    );

    const scan = await readScan(folder.at('scan.cxi'));
    const changed = async (change: Partial<Scan>) => {
      await writeScan(folder.at('other.cxi'), { ...scan, ...change });
      const to = ['-o', 'never.npy', ...run, '3', '--resume', 'two.cxi'];
      const { code, stderr } = await rephase('ptycho', 'other.cxi', ...to);
      expect(code).toBe(2);
      return stderr;
    };
    const patterns = scan.patterns.slice();
    patterns[5 * 48 * 48] += 1;
    expect(await changed({ patterns })).toContain(
      '--resume: two.cxi has other counts in pattern 5; takes a run of this scan',
    );
    const positions = Float64Array.from(scan.positions);
    positions[2 * 3] += 0.25;
    expect(await changed({ positions })).toContain('two.cxi has pattern 3 at another position');
    const mask = new Uint8Array(48 * 48).fill(1, 1);
    expect(await changed({ mask })).toContain('two.cxi has another mask');
    const { code, stderr } = await rephase(
      ...['ptycho', 'scan.cxi', '-o', 'never.npy', ...run, '3', '--resume', 'two.cxi', '--modes', '1'],
    );
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('--modes: got "1"; takes at least the 2 that two.cxi has'),
    ]);
  });

  it('writes nothing of a run that failed', async () => {
    const run = ['--defocus', '4e-4', '--iterations', '30', '--alpha', '0', '--checkpoint', 'nan.cxi'];
    const { code, stderr } = await rephase(
      'ptycho',
      'scan.cxi',
      '-o',
      'never.npy',
      ...run,
      '--checkpoint-every',
      '0.01',
    );
    expect(stderr).toMatch(/the run failed: its residual (is not a number|grew to \S+); a larger alpha/);
    expect(code).toBe(1);
    expect(existsSync(folder.at('never.npy'))).toBe(false);
  });

  it('writes what there is when it is stopped', async () => {
    const args = ['ptycho', 'scan.cxi', '-o', 'stopped.npy', '--defocus', '4e-4', '--iterations', '1000000'];
    args.push('--checkpoint', 'run.cxi', '--checkpoint-every', '0.01');
    const child = endsWithFile(spawn(process.execPath, [PROGRAM, ...args], { cwd: folder.path }));
    const text: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => text.push(chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => text.push(chunk.toString()));
    // A checkpoint tells that an iteration is finished.
    await vi.waitFor(() => expect(existsSync(folder.at('run.cxi'))).toBe(true), { timeout: 60_000, interval: 20 });
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(130);
    expect(text.join('')).toMatch(/stopped after \d+ of 1000000 iterations/);
    expect(complexNpy('stopped.npy').every(Number.isFinite)).toBe(true);
    const { iterations } = await readScanResult(folder.at('run.cxi'));
    expect(text.join('')).toContain(`stopped after ${iterations} of`);
  });
});

describe('rephase ptycho refuses', () => {
  const to = ['-o', 'never.npy'];
  it.each([
    [[...to, '--alpha', '2'], 2, '--alpha: got "2"; takes a number from 0 to 1'],
    [[...to, '--keep-patterns', 'gpu'], 2, '--keep-patterns: got "gpu"; takes device, host'],
    [[...to, '--batch', '0'], 2, '--batch: got "0"; takes a whole number of at least 1'],
    [[...to, '--modes', '0'], 2, '--modes: got "0"; takes a whole number of at least 1'],
    [[...to, '--algorithm', 'hio'], 2, '--algorithm: got "hio"; takes rpie, epie, lsqml, dm, raar, ap'],
    [[...to, '--orientation', '0,2,0'], 2, '--orientation: got "0,2,0"; takes TRANSPOSE,ROWS,COLUMNS'],
    [[...to, '--orientation', '0,1,0', '--guess'], 2, '--guess finds the orientation, and --orientation says it'],
    [[...to, '--positions-sign', 'x,y'], 2, '--positions-sign: got "x,y"; takes a sign for each of x and y'],
    [[...to, '--pixel', '0'], 2, '--pixel: got "0"; takes a number above 0, or two'],
    [[...to, '--pixel', '75'], 2, '--pixel: got 75; takes metres'],
    [[...to, '--wavelength', '8000'], 2, 'wavelength: got 8000; takes metres'],
    [['-o', 'never.tiff'], 2, '--output: got "never.tiff"; takes a name in .png, .npy, .cxi, .h5'],
    [['-o', 'scan.cxi'], 2, '--output: scan.cxi would overwrite the scan'],
    [['--report', 'run.html'], 2, '--report takes -o, without which nothing runs'],
    [[...to, '--guess', '--probe', 'scan.probe.npy'], 2, '--guess finds a probe to begin with, and --probe is one'],
    [[...to, '--defocus', '1e-4', '--probe', 'scan.probe.npy'], 2, '--probe and --defocus both say the probe'],
    [[...to, '--guess', '--resume', 'scan.cxi'], 2, '--guess finds a probe to begin with, and --resume has one'],
    [[...to, '--resume', 'scan.cxi'], 1, 'scan.cxi: it has no reconstruction that rephase has written'],
    [[...to, '--checkpoint-every', '5'], 2, '--checkpoint-every says how often, and takes --checkpoint'],
    [[...to, '--beta', '2'], 2, '--beta: got "2"; takes a number from 0 to 1'],
    [[...to, '--modes', '3000'], 2, 'modes: got 3000; takes an integer from 1 to 100'],
  ])('%j', async (args, wanted, message) => {
    const { code, stderr } = await rephase('ptycho', 'scan.cxi', ...args);
    expect(stderr).toContain(message);
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .filter((line) => !/negated|warning: probe/.test(line)),
    ).toHaveLength(1);
    expect(code).toBe(wanted);
    expect(existsSync(folder.at('never.npy'))).toBe(false);
  });

  it.each([
    ['cut.cxi', /^rephase: cut.cxi: the HDF5 file is truncated: it says that it has \d+ bytes, and has 100000\n$/],
    ['photo.npy', /^rephase: photo.npy: the .npy file has 60 × 70 numbers; takes patterns of a scan/],
    ['missing.cxi', /^rephase: cannot read missing.cxi: no such file or folder\n$/],
  ])('%s', async (name, message) => {
    folder.write('cut.cxi', readFileSync(folder.at('scan.cxi')).subarray(0, 100_000));
    const { code, stderr } = await rephase('ptycho', name, ...to);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });
});

describe('cleaning of a scan', () => {
  const scan: Scan = {
    patterns: Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    shape: [2, 2],
    positions: Float64Array.of(0, 0, 1, 1),
  };
  const changed = (values: Record<number, number>): Scan => ({
    ...scan,
    patterns: Float64Array.from(scan.patterns, (count, i) => values[i] ?? count),
  });

  it('leaves good counts as they are', () => {
    expect(cleanScan(scan)).toEqual({ scan, done: [] });
    expect(cleanScan(changed({ 1: 65535, 5: 7 })).done).toEqual([]);
  });

  it('leaves out pixels that hold no number once, or marks always', () => {
    const { scan: cleaned, done } = cleanScan(changed({ 0: NaN, 1: 65535, 5: 65535, 2: -2, 6: -1 }));
    expect(cleaned.mask).toEqual(Uint8Array.of(0, 0, 0, 1));
    expect(done).toEqual([
      'pixels left out because they hold no number in some pattern: 1',
      'pixels left out because they hold a mark for no number in every pattern: 2',
    ]);
  });

  it.each([2 ** 31 - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 64])(
    'leaves out a pixel that holds %d once: nothing counts as many',
    (mark) => {
      const { scan: cleaned, done } = cleanScan(changed({ 6: mark }));
      expect(cleaned.mask).toEqual(Uint8Array.of(1, 1, 0, 1));
      expect(done).toEqual(['pixels left out because they hold no number in some pattern: 1']);
    },
  );

  it.each([
    [{ 4: NaN, 5: NaN, 6: Infinity, 7: 2 ** 32 - 1 }, 'patterns: number 1, counted from 0, holds no number'],
    [
      Object.fromEntries(Array.from({ length: 8 }, (_, i) => [i, NaN])),
      'patterns: none holds a number: all measured pixels are NaN',
    ],
    [
      Object.fromEntries(Array.from({ length: 8 }, (_, i) => [i, i % 3 ? -1 : -0])),
      'patterns: no count above 0 is left',
    ],
  ])('refuses %j without a word of a mask that nobody gave', (values, message) => {
    expect(() => cleanScan(changed(values))).toThrow(message);
    expect(() => cleanScan(changed(values))).not.toThrow('mask');
  });

  it('takes other negative counts for 0, without changing the array that it was given', () => {
    const before = changed({ 3: -0.5 });
    const { scan: cleaned, done } = cleanScan(before);
    expect(cleaned.patterns[3]).toBe(0);
    expect(before.patterns[3]).toBe(-0.5);
    expect(done).toEqual(['negative counts taken for 0: 1']);
  });
});

describe('what looks wrong with a scan', () => {
  const count = 9;
  const SIDE = 16;
  /** Rows and columns from the zero frequency at [0, 0]. */
  const away = (i: number) =>
    [Math.floor((i % SIDE ** 2) / SIDE), i % SIDE].map((index) => (index < SIDE / 2 ? index : index - SIDE));
  /** A spot of light, with some noise. */
  const spot = Uint32Array.from({ length: count * SIDE ** 2 }, (_, i) => {
    const [row, column] = away(i);
    return 500 * Math.exp(-(row * row + column * column) / 12) * (1 + 0.2 * Math.sin(7 * i)) + (i % 3);
  });
  const at = (row: number, column: number) => ((row + SIDE / 2) % SIDE) * SIDE + ((column + SIDE / 2) % SIDE);
  const spotWith = (change: (i: number, pixel: number) => number | undefined) =>
    spot.map((value, i) => change(i, i % SIDE ** 2) ?? value);
  const scan = (change: Partial<Scan> = {}): Scan => ({
    patterns: spot,
    shape: [SIDE, SIDE],
    positions: Float64Array.from({ length: 2 * count }, (_, i) => 4 * (i % 2 ? (i >> 1) % 3 : Math.floor(i / 6))),
    probe: Float64Array.from({ length: 2 * SIDE ** 2 }, (_, i) => (i % 2 ? 0 : 1)),
    ...change,
  });
  const look = async (change: Partial<Scan>, known = true) => (await lookAtScan(scan(change), known)).facts;
  const warnings = async (change: Partial<Scan>, known = true) => (await look(change, known)).warnings;

  it('nothing, where it is right', async () => {
    expect(await warnings({})).toEqual([]);
  });

  it.each<[name: string, change: Partial<Scan>, code: WarningCode, message: string]>([
    [
      'far apart',
      { positions: scan().positions.map((place) => 5 * place) },
      'NO_OVERLAP',
      'positions: neighbours lie 20 pixels apart, and a pattern is 16×16',
    ],
    [
      'a narrow beam',
      { probe: Float64Array.from({ length: 512 }, (_, i) => Number(i === 272)) },
      'NO_OVERLAP',
      'positions: neighbours lie 4 pixels apart, and the beam is 1.128 wide',
    ],
    [
      'little overlap',
      { positions: scan().positions.map((place) => 3 * place) },
      'LITTLE_OVERLAP',
      'positions: neighbours overlap by 34 % of the beam',
    ],
    [
      'in another unit',
      { positions: scan().positions.map((place) => place / 50) },
      'POSITIONS_NEAR',
      'positions: they reach over 0.16 × 0.16 pixels, and neighbours lie 0.08 apart: is distance, pixel',
    ],
    [
      'one that is far away',
      { positions: scan().positions.map((place, i) => (i === 9 ? 60 : place)) },
      'STRAY_POSITIONS',
      'positions: 1 of 9 lie further from all others than the beam is wide, number 4 first',
    ],
    [
      'an empty pattern',
      { patterns: spotWith((i) => (Math.floor(i / SIDE ** 2) === 1 ? 0 : undefined)) },
      'DARK_PATTERNS',
      'patterns: 1 of 9 hold less than a hundredth of the light of the others, number 1 first',
    ],
    [
      'light beside the middle',
      { patterns: spot.map((_, i) => spot[Math.floor(i / SIDE) * SIDE + ((i + SIDE - 4) % SIDE)]) },
      'OFF_CENTER',
      'patterns: the middle of their light is at row 8, column 12 of the detector',
    ],
    [
      'light at the corners of the detector',
      { patterns: spot.map((_, i) => spot[i - (i % SIDE ** 2) + at(...(away(i) as [number, number]))]) },
      'ZERO_FREQUENCY_AT_CORNER',
      'patterns: they are brightest at their corners, and the zero frequency was taken to be at row 8, column 8',
    ],
    [
      'a mark of a detector in one pattern',
      { patterns: spotWith((i) => (i === 3 * SIDE ** 2 + at(2, 13) ? 65535 : undefined)) },
      'SATURATED',
      'patterns: 1 pixel (row 2, column 13) has the value 65535, the largest of their type',
    ],
    [
      'clipped counts',
      { patterns: spot.map((value) => Math.min(value, 300)) },
      'SATURATED',
      'have the value 300: saturated, or marked as no number, in some pattern',
    ],
    [
      'a hot pixel',
      { patterns: spotWith((_, pixel) => (pixel === at(2, 13) ? 9000 : undefined)) },
      'HOT_PIXELS',
      'patterns: 1 pixel (row 2, column 13) is far brighter than all around and opposite',
    ],
    [
      'square roots of counts',
      { patterns: Float32Array.from(spot, Math.sqrt) },
      'LOOKS_LIKE_MAGNITUDES',
      'patterns: they look like magnitudes',
    ],
    [
      'a mask that means the opposite',
      { mask: Uint8Array.from({ length: SIDE ** 2 }, (_, i) => Number(i === at(8, 8))) },
      'FEW_MEASURED',
      'mask: only 0.39 % of the pixels count as measured; is it the other way round?',
    ],
    [
      'a mask that hides the light',
      { mask: Uint8Array.from({ length: SIDE ** 2 }, (_, i) => Number(Math.hypot(...away(i)) > 5)) },
      'MASKED_LIGHT',
      'mask: most of the light is where the mask says that nothing was measured',
    ],
    [
      'a wavelength of electrons',
      { wavelength: 1.97e-12 },
      'WAVELENGTH',
      'are photons of 629.4 keV, or electrons of 299.7 keV',
    ],
  ])('%s', async (_, change, code, message) => {
    const [warning, ...others] = await warnings(change);
    expect(warning.message).toContain(message);
    expect(warning.code).toBe(code);
    expect(others).toEqual([]);
  });

  it('a mask that leaves out hot pixels and marks is none that hides the light', async () => {
    const patterns = spotWith((_, pixel) => (pixel === at(2, 13) ? 4e6 : pixel === at(2, 2) ? 2 ** 32 - 1 : undefined));
    const mask = new Uint8Array(SIDE ** 2).fill(1);
    [mask[at(2, 13)], mask[at(2, 2)]] = [0, 0];
    expect(await warnings({ patterns, mask })).toEqual([]);
  });

  it('one position, which has no neighbours to speak of', async () => {
    const one = scan({ patterns: spot.slice(0, SIDE ** 2), positions: Float64Array.of(3, 4) });
    const looked = await lookAtScan(one, true);
    expect(looked.facts.warnings.map(({ code }) => code)).toEqual(['NO_OVERLAP']);
    const lines = factLines('one.cxi', one, looked).join('\n');
    expect(lines).toContain('one.cxi: 1 pattern of 16×16');
    expect(lines).not.toMatch(/NaN|–|neighbours/);
  });

  it('says the greatest count as it is', async () => {
    const patterns = spotWith((i) => (i === 0 ? 65534 : undefined));
    const wrong = scan({ patterns });
    const [line] = factLines('scan.cxi', wrong, await lookAtScan(wrong, true));
    expect(line).toContain('whole numbers from 0 to 65534,');
  });

  it('a probe that is only guessed', async () => {
    expect((await warnings({}, false)).map(({ code }) => code)).toEqual(['PROBE_UNKNOWN']);
  });

  describe('silent for beams of every kind, few photons or many', () => {
    const positions = spiral(25, 5);
    const most = [0, 1].map((axis) => Math.max(...positions.filter((_, i) => i % 2 === axis)));
    it.each([
      ['in focus', 0.3, 0],
      ['defocused', 0.3, 10],
      ['a wide aperture', 0.45, 20],
      ['nearly parallel', 0.04, 0],
    ])('%s', async (_, radius, defocus) => {
      const shape: Shape = [32, 40];
      const objectShape: Shape = [most[0] + 34, most[1] + 42];
      const object = { data: discs(objectShape, 7), shape: objectShape };
      const probe = await lensProbe(shape, radius, defocus);
      for (const photons of [300, 1e5, 1e8, undefined]) {
        const { patterns } = await simulateScan({ object, probe, shape, positions, photons });
        const { facts } = await lookAtScan({ patterns, shape, positions }, false);
        expect(facts.warnings.map(({ message }) => message)).toEqual([expect.stringContaining('probe: none is known')]);
      }
    });
  });
});

it('phase() takes ramp and mean away where light fell, and leaves a flat object flat', () => {
  const shape = [6, 5] as const;
  const angle = (i: number) => 0.7 + 0.3 * Math.floor(i / 5) - 0.4 * (i % 5);
  const image = Float64Array.from({ length: 60 }, (_, i) =>
    i % 2 ? Math.sin(angle(i >> 1)) : Math.cos(angle(i >> 1)),
  );
  phase(image, { shape }).forEach((left) => expect(left).toBeCloseTo(0, 12));
  phase(image).forEach((whole, i) => expect(Math.cos(whole - angle(i))).toBeCloseTo(1, 12));
  image.fill(0, 0, 10);
  const weight = Float64Array.from({ length: 30 }, (_, i) => Number(i >= 5));
  phase(image, { shape, weight }).forEach((left, i) => expect(left).toBeCloseTo(i < 5 ? left : 0, 12));
});
