/** Complex objects and holograms on the command line. */
import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fourierSums } from '../src/cli/validate/textbook.js';
import { readImage, writeImage } from '../src/formats/files.js';
import { encodeNpy } from '../src/formats/index.js';
import { fftshift } from '../src/tools/fftshift.js';
import { noise, relativeError } from './support/images.js';
import { PROGRAM, execute, temporaryFolder } from './support/program.js';

const folder = temporaryFolder();
const rephase = (args: readonly string[]) => execute(process.execPath, [PROGRAM, ...args], { cwd: folder.path });

const SHAPE = [24, 30] as const;
const PIXELS = 24 * 30;
const support = Uint8Array.from({ length: PIXELS }, (_, i) => ((i % 30) + 2 * Math.floor(i / 30) < 12 ? 1 : 0));
const sizes = noise(PIXELS, 1).map((u, i) => support[i] * (0.2 + u));

/** The numbers of a file of complex128 or complex64. */
function complexNumbers(name: string): Float64Array {
  const bytes = readFileSync(folder.at(name));
  const begin = 10 + bytes.readUInt16LE(8);
  const isDouble = bytes.toString('latin1', 0, begin).includes("'<c16'");
  const content = Uint8Array.from(bytes.subarray(begin)).buffer;
  return Float64Array.from(isDouble ? new Float64Array(content) : new Float32Array(content));
}

beforeAll(async () => {
  const object = Float64Array.from({ length: 2 * PIXELS }, (_, i) => {
    const angle = 3 * noise(PIXELS, 2)[i >> 1];
    return sizes[i >> 1] * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });
  const spectrum = fourierSums(object, SHAPE, -1);
  const magnitudes = sizes.map((_, k) => Math.hypot(spectrum[2 * k], spectrum[2 * k + 1]));
  folder.write('pattern.npy', encodeNpy(magnitudes, SHAPE));
  folder.write('support.npy', encodeNpy(support, SHAPE));
  folder.write(
    'intensities.npy',
    encodeNpy(
      sizes.map((size) => 7 * size ** 2),
      SHAPE,
    ),
  );
  const target = new Float64Array(48 * 64);
  for (const row of [18, 24, 30]) for (const column of [26, 32, 38]) target[row * 64 + column] = 1;
  await writeImage(folder.at('spots.png'), { data: target, shape: [48, 64] });
});

afterAll(() => folder.remove());

describe('reconstruct --object complex', () => {
  const RUN = ['reconstruct', 'pattern.npy', '--object', 'complex', '--support', 'support.npy', '--no-clean'];
  const HIO = ['--chain', '(hio*45+er*5)*6', '--starts', '4', '--precision', 'double'];

  it('writes complex numbers, and pictures of sizes and phases', async () => {
    const asNumbers = await rephase([...RUN, ...HIO, '-o', 'object.npy', '--phase', 'phase.npy']);
    expect(asNumbers).toMatchObject({ code: 0, stderr: expect.not.stringContaining('not symmetric') as string });
    const object = complexNumbers('object.npy');
    expect(object).toHaveLength(2 * PIXELS);
    const angles = sizes.map((_, i) => Math.atan2(object[2 * i + 1], object[2 * i]));
    expect((await readImage(folder.at('phase.npy'))).data).toEqual(angles);

    const { stdout } = await rephase([
      ...RUN,
      ...HIO,
      '-o',
      'size.tiff',
      '--phase',
      'phase.png',
      '--report',
      'run.html',
    ]);
    expect(stdout).toContain('wrote size.tiff, phase.png, run.html');
    const seen = await readImage(folder.at('size.tiff'));
    const own = sizes.map((_, i) => Math.hypot(object[2 * i], object[2 * i + 1]));
    expect(relativeError(seen.data, own)).toBeLessThan(1e-6);
    const { data } = await readImage(folder.at('phase.png'));
    expect([...data]).toEqual([...angles].map((angle) => Math.round((255 * (angle + Math.PI)) / (2 * Math.PI))));
    const page = readFileSync(folder.at('run.html'), 'utf8');
    expect(page).toContain('The phase is the hue');
    expect(page).toContain('conj(o(−r))');
  });

  it('leaves sizes, phases, numbers, report and record beside the pattern where nothing is named', async () => {
    const { code, stdout } = await rephase([...RUN, '--chain', 'er*5']);
    expect(code).toBe(0);
    expect(stdout).toContain('pattern.reconstruction.phase.png');
    for (const ending of ['png', 'phase.png', 'npy', 'html', 'json'])
      expect(existsSync(folder.at(`pattern.reconstruction.${ending}`))).toBe(true);
    expect(complexNumbers('pattern.reconstruction.npy')).toHaveLength(2 * PIXELS);
    const record = JSON.parse(readFileSync(folder.at('pattern.reconstruction.json'), 'utf8')) as object;
    expect(record).toMatchObject({ object: 'complex', phase: 'pattern.reconstruction.phase.png' });
  });

  it('takes magnitudes in two planes, whatever their units are', async () => {
    const known = ['--object-magnitudes', 'intensities.npy', '--object-intensity'];
    const run = [...RUN, ...known, '--algorithm', 'gs', '--iterations', '20', '--precision', 'double'];
    const { stderr } = await rephase([...run, '-o', 'two.npy']);
    expect(stderr).toMatch(/multiplied the object magnitudes by 0\.378/);
    const object = complexNumbers('two.npy');
    expect(
      relativeError(
        sizes.map((_, i) => Math.hypot(object[2 * i], object[2 * i + 1])),
        sizes,
      ),
    ).toBeLessThan(1e-9);
  });

  it('keeps sizes and phases in their bounds', async () => {
    const bounds = ['--amplitude-bounds', '1', '--phase-bounds', '0..1'];
    await rephase([...RUN, ...bounds, '--chain', 'er*5', '--precision', 'double', '-o', 'bounded.npy']);
    const object = complexNumbers('bounded.npy');
    for (const [i, inside] of support.entries()) {
      if (!inside) continue;
      expect(Math.hypot(object[2 * i], object[2 * i + 1])).toBeCloseTo(1, 12);
      const angle = Math.atan2(object[2 * i + 1], object[2 * i]);
      expect(angle).toBeGreaterThan(-1e-9);
      expect(angle).toBeLessThan(1 + 1e-9);
    }
  });

  const wrong: [what: string, args: string[], code: number, message: RegExp][] = [
    [
      'phases of a real object',
      ['--object', 'real', '--phase', 'p.png'],
      2,
      /--phase writes .* takes --object complex/,
    ],
    [
      'a start',
      ['--start', 'support.npy', '--algorithm', 'hio'],
      2,
      /--start gives real objects, and --object is complex/,
    ],
    ['positivity', ['--bounds', '0..1', '--algorithm', 'hio'], 2, /bounds: got \[0, 1\]; takes nothing with object/],
    ['chio', ['--algorithm', 'chio'], 2, /algorithm: got "chio"; takes one of er, gs/],
    ['crossed bounds', ['--phase-bounds', '1..0'], 2, /--phase-bounds: got "1\.\.0"; takes LOW\.\.HIGH/],
    ['intensities of nothing', ['--object-intensity'], 2, /--object-intensity is about --object-magnitudes/],
    [
      'a part of the starts',
      ['-o', 'part.npz', '--chain', 'er*5'],
      2,
      /--output: got "part\.npz"; takes a name in \.npy, \.png/,
    ],
    ['another kind', ['--object', 'imaginary'], 2, /--object: got "imaginary"; takes real, complex/],
  ];

  it.each(wrong)('refuses %s in one line', async (_, args, code, message) => {
    const ended = await rephase([...RUN, '-o', 'never.png', ...args]);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('hologram', () => {
  it('writes the levels of a modulator, and says how uniform the far field is', async () => {
    const { code, stdout, stderr } = await rephase(['hologram', 'spots.png', '-o', 'phase.png']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/· kim · 48×64 · 30 iterations in .* s\nuniformity 0\.9\d*, efficiency 0\.[89]\d*, error/);
    const { data, shape } = await readImage(folder.at('phase.png'));
    expect(shape).toEqual([48, 64]);
    const field = Float64Array.from({ length: 2 * data.length }, (_, i) => {
      const angle = (2 * Math.PI * data[i >> 1]) / 256;
      return i % 2 ? Math.sin(angle) : Math.cos(angle);
    });
    const far = fourierSums(field, [48, 64], -1);
    const intensities = fftshift(
      Float64Array.from(data, (_, k) => (far[2 * k] ** 2 + far[2 * k + 1] ** 2) / data.length ** 2),
      [48, 64],
    );
    for (const row of [18, 24, 30])
      for (const column of [26, 32, 38]) expect(intensities[row * 64 + column]).toBeGreaterThan(0.8 / 9);
  });

  it('puts a target into the far field of a larger modulator, with more levels', async () => {
    const args = ['--size', '100x120', '--method', 'leonardo', '--bits', '10', '--far-field', 'far.npy', '--json'];
    const { stdout } = await rephase(['hologram', 'spots.png', '-o', 'large.png', ...args]);
    expect(JSON.parse(stdout)).toMatchObject({ command: 'hologram', shape: [100, 120], method: 'leonardo', bits: 10 });
    const { data, shape } = await readImage(folder.at('large.png'));
    expect(shape).toEqual([100, 120]);
    expect(Math.max(...data)).toBeGreaterThan(255);
    expect(Math.max(...data)).toBeLessThan(1024);
    const far = await readImage(folder.at('far.npy'));
    const brightest = [...far.data.keys()].sort((a, b) => far.data[b] - far.data[a]).slice(0, 9);
    const places = brightest.map((k) => [Math.floor(k / 120) - 50, (k % 120) - 60]);
    expect(new Set(places.flat())).toEqual(new Set([-6, 0, 6]));
  });

  it('writes radians as numbers', async () => {
    await rephase(['hologram', 'spots.png', '-o', 'phase.npy', '--iterations', '3']);
    const { data } = await readImage(folder.at('phase.npy'));
    expect(data.every((angle) => angle >= 0 && angle < 2 * Math.PI)).toBe(true);
    expect(new Set(data).size).toBeGreaterThan(256);
  });

  const wrong: [what: string, args: string[], code: number, message: RegExp][] = [
    ['an empty target', ['support-empty.npy'], 1, /target: every entry is zero/],
    [
      'a modulator that is too small',
      ['spots.png', '--size', '10x10'],
      2,
      /--size: got "10x10"; takes at least the 48x64/,
    ],
    ['a mixing of nothing', ['spots.png', '--mixing', '0.5'], 2, /--mixing weighs the target against --noise/],
    ['light of another shape', ['spots.png', '--light', 'support.npy'], 1, /--light: support\.npy is 24×30/],
    ['another method', ['spots.png', '--method', 'wgs'], 2, /--method: got "wgs"; takes gs, leonardo, kim/],
  ];

  it.each(wrong)('refuses %s in one line', async (_, args, code, message) => {
    folder.write('support-empty.npy', encodeNpy(new Float64Array(12), [3, 4]));
    const ended = await rephase(['hologram', ...args, '-o', 'never.png']);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
    expect(existsSync(folder.at('never.png'))).toBe(false);
  });
});
