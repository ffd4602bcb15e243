/** Complex objects and holograms on the command line. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fourierSums } from '../src/cli/validate/textbook.js';
import { readComplexImage, readImage, writeImage } from '../src/formats/files.js';
import { encodeComplexNpy, encodeNpy } from '../src/formats/index.js';
import { retrieve, simulate } from '../src/index.js';
import { fftshift } from '../src/tools/fftshift.js';
import { noise, relativeError } from './support/images.js';
import { runHere, temporaryFolder } from './support/program.js';

const folder = temporaryFolder();
const rephase = (args: readonly string[]) => runHere(args, folder.path);

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
  folder.write('small.npy', encodeComplexNpy(new Float64Array(12), [2, 3]));
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

  it('goes on from complex numbers, which CXI holds too', async () => {
    const whole = ['--algorithm', 'er', '--precision', 'double', '--backend', 'wasm'];
    await rephase([...RUN, ...whole, '--iterations', '30', '-o', 'whole.npy']);
    await rephase([...RUN, ...whole, '--iterations', '20', '-o', 'begun.npy']);
    await rephase([...RUN, ...whole, '--iterations', '20', '-o', 'begun.cxi']);
    for (const begun of ['begun.npy', 'begun.cxi']) {
      const { code, stderr } = await rephase([
        ...RUN,
        ...whole,
        '--iterations',
        '10',
        '--start',
        begun,
        '-o',
        'on.npy',
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(relativeError(complexNumbers('on.npy'), complexNumbers('whole.npy'))).toBeLessThan(1e-12);
    }
    const { data } = await readComplexImage(folder.at('begun.cxi'));
    expect(data).toEqual(complexNumbers('begun.npy'));
    // A real image is a complex one whose imaginary parts are 0.
    expect(await rephase([...RUN, ...whole, '--start', 'support.npy', '-o', 'real.npy'])).toMatchObject({ code: 0 });
  });

  it('writes phases without jumps, and shows them', async () => {
    const files = ['-o', 'object.npy', '--phase', 'flat.tiff', '--report', 'flat.html'];
    const { stdout, code } = await rephase([...RUN, ...HIO, ...files, '--unwrap']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('flat.tiff') as string });
    const object = complexNumbers('object.npy');
    const flat = await readImage(folder.at('flat.tiff'));
    for (const [i, inside] of support.entries()) {
      if (!inside) expect(flat.data[i]).toBeNaN();
      else {
        const turns = (flat.data[i] - Math.atan2(object[2 * i + 1], object[2 * i])) / (2 * Math.PI);
        expect(turns).toBeCloseTo(Math.round(turns), 5);
      }
    }
    expect(readFileSync(folder.at('flat.html'), 'utf8')).toMatch(/Phase, unwrapped.*rad; black outside the support/);
  });

  it('is divided into parts, which combine merges to what generations make of all starts', async () => {
    const settings = [...RUN, '--chain', '(hio*45+er*5)*4', '--precision', 'double', '--backend', 'wasm'];
    await rephase([...settings, '--starts', '0..2', '-o', 'first.npz']);
    await rephase([...settings, '--starts', '3..5', '-o', 'second.npz']);
    const files = ['-o', 'parts.npy', '--phase', 'parts.png', '--unwrap', '--report', 'parts.html', '--json'];
    const combined = await rephase(['combine', 'first.npz', 'second.npz', '--refine', '20', ...files]);
    expect(combined).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(combined.stdout)).toMatchObject({ command: 'combine', starts: 6, phase: 'parts.png' });
    const all = ['--starts', '6', '--generations', '1', '--refine', '20', '--held-out', '0', '-o', 'all.npy'];
    await rephase([...settings, ...all]);
    expect(relativeError(complexNumbers('parts.npy'), complexNumbers('all.npy'))).toBeLessThan(1e-12);
    expect((await readImage(folder.at('parts.png'))).shape).toEqual(SHAPE);
    expect(readFileSync(folder.at('parts.html'), 'utf8')).toContain('Phase, unwrapped');

    await rephase([...settings, '--object-magnitudes', 'intensities.npy', '--starts', '0..1', '-o', 'other.npz']);
    const { stderr } = await rephase(['combine', 'first.npz', 'other.npz', '-o', 'never.npy']);
    expect(stderr).toMatch(/other\.npz: has another objectMagnitudes than first\.npz/);
    await rephase([...settings, '--object-magnitudes', 'intensities.npy', '--starts', '2..3', '-o', 'more.npz']);
    expect(await rephase(['combine', 'other.npz', 'more.npz', '-o', 'two.npy'])).toMatchObject({ code: 0 });
  });

  it('is found where the detector is near by, also of parts', async () => {
    const [propagation, shape] = [{ wavelength: 1e-6, distance: 1.5e-3, pixel: 1e-5 }, [24, 24] as const];
    const image = Float64Array.from({ length: 2 * 144 }, (_, i) => Number((i >> 1) % 12 < 9) * noise(288, 9)[i]);
    const { magnitudes } = await simulate({ image, shape: [12, 12], object: 'complex', propagation });
    folder.write('near.npy', encodeNpy(magnitudes, shape));
    const lengths = ['--wavelength', '1e-6', '--distance', '1.5e-3', '--pixel', '1e-5'];
    const given = ['near.npy', '--object', 'complex', '--support', '12x9', '--no-clean', ...lengths];
    const run = ['reconstruct', ...given, '--chain', '(hio*45+er*5)*6', '--precision', 'double', '--backend', 'wasm'];
    expect(await rephase([...run, '--starts', '4', '-o', 'near.object.npy', '--report', 'near.html'])).toMatchObject({
      code: 0,
    });
    const support = Uint8Array.from(magnitudes, (_, i) => Number(i < 12 * 24 && i % 24 < 9));
    const expected = await retrieve(
      { magnitudes, shape, support, object: 'complex', propagation },
      { chain: '(hio*45+er*5)*6', starts: 4, precision: 'double', backend: 'wasm' },
    );
    expect(complexNumbers('near.object.npy')).toEqual(expected.feasible);
    expect(readFileSync(folder.at('near.html'), 'utf8')).toContain('0.0015 m away');

    await rephase([...run, '--starts', '0..3', '-o', 'near.npz']);
    expect(await rephase(['combine', 'near.npz', '--refine', '0', '-o', 'near.mean.npy'])).toMatchObject({ code: 0 });
    const mean = await retrieve(
      { magnitudes, shape, support, object: 'complex', propagation },
      {
        ...{ chain: '(hio*45+er*5)*6', starts: 4, precision: 'double', backend: 'wasm' },
        ...{ generations: 1, refine: 0, heldOut: 0 },
      },
    );
    expect(relativeError(complexNumbers('near.mean.npy'), mean.feasible)).toBeLessThan(1e-12);
  });

  it('is simulated, and needs no recipe: --effort chooses one, with generations', async () => {
    const image = Float64Array.from({ length: 2 * 12 * 10 }, (_, i) => 0.2 + noise(240, 9)[i]);
    folder.write('specimen.npy', encodeComplexNpy(image, [12, 10]));
    const simulated = await rephase(['simulate', 'specimen.npy', '--object', 'complex', '-o', 'seen.npy']);
    expect(simulated).toMatchObject({ code: 0, stdout: expect.stringContaining('12×10 image → 24×20') as string });
    const args = ['--object', 'complex', '--support', 'seen.support.npy', '--effort', 'quick', '--no-clean', '--json'];
    const { code, stdout } = await rephase(['reconstruct', 'seen.npy', ...args, '-o', 'seen.object.cxi']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ starts: 4, generations: 2, refine: 100, object: 'complex' });
  });

  it('goes on from a checkpoint to the same end', async () => {
    const settings = [...RUN, ...HIO, '--generations', '2', '--refine', '5', '--backend', 'wasm'];
    await rephase([...settings, '-o', 'uninterrupted.npy']);
    await rephase([...settings, '-o', 'with.npy', '--checkpoint', 'run.checkpoint', '--checkpoint-every', '0.01']);
    const { code } = await rephase([...settings, '-o', 'resumed.npy', '--resume', 'run.checkpoint']);
    expect(code).toBe(0);
    expect(complexNumbers('resumed.npy')).toEqual(complexNumbers('uninterrupted.npy'));
  });

  const wrong: [what: string, args: string[], code: number, message: RegExp][] = [
    [
      'phases of a real object',
      ['--object', 'real', '--phase', 'p.png'],
      2,
      /--phase is about the phases of a complex object, and takes --object complex/,
    ],
    [
      'a start of another shape',
      ['--start', 'small.npy'],
      1,
      /--start: small\.npy is 2×3, but the pattern .* is 24×30/,
    ],
    ['a distance without wavelength', ['--distance', '1'], 2, /--wavelength, --distance and --pixel say together/],
    [
      'a detector too near',
      ['--distance', '1e-9', '--wavelength', '1e-6', '--pixel', '1e-5', '--algorithm', 'er'],
      2,
      /propagation\.distance: got 1e-9; takes at least 0\.00012 m/,
    ],
    ['phases of nothing', ['--unwrap'], 2, /--unwrap is about --phase and --report, and neither is given/],
    [
      'unwrapped phases of a real object',
      ['--object', 'real', '--unwrap', '--report', 'run.html'],
      2,
      /--unwrap is about the phases of a complex object, and takes --object complex/,
    ],
    ['positivity', ['--bounds', '0..1', '--algorithm', 'hio'], 2, /bounds: got \[0, 1\]; takes nothing with object/],
    ['chio', ['--algorithm', 'chio'], 2, /algorithm: got "chio"; takes one of er, gs/],
    ['crossed bounds', ['--phase-bounds', '1..0'], 2, /--phase-bounds: got "1\.\.0"; takes LOW\.\.HIGH/],
    ['intensities of nothing', ['--object-intensity'], 2, /--object-intensity is about --object-magnitudes/],
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
