/** HDF5 as it is written: read back by this package's reader, which checks every structure's checksum, and scans in CXI. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readComplexImage, readImage, readScan, writeComplexImage, writeImage, writeScan } from '../src/files.js';
import { readScanWithNotes } from '../src/formats/files.js';
import {
  decodeComplexImage,
  encodeComplexImage,
  encodeComplexNpy,
  encodeImage,
  encodeNpy,
} from '../src/formats/index.js';
import { readHdf5 } from '../src/formats/hdf5/hdf5.js';
import { encodeHdf5 } from '../src/formats/hdf5/write.js';
import { Contents } from '../src/formats/scan/contents.js';
import { InvalidArgumentError, type Scan, type ScanReconstruction } from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'rephase-cxi-'));
afterAll(() => rmSync(folder, { recursive: true }));

const contentsOf = (bytes: Uint8Array) => readHdf5(bytes, {}, (file) => new Contents(file, bytes.length));

describe('HDF5', () => {
  it.each([Float32Array, Float64Array, Uint8Array, Uint16Array, Uint32Array])('holds a %o', async (Kind) => {
    const data = Kind.from([0, 1, 2, 3, 250, 5]);
    const contents = await contentsOf(encodeHdf5({ '/a/b/c': { data, extents: [2, 3], units: 'm' } }));
    const read = contents.counts('/a/b/c')!;
    expect(read.extents).toEqual([2, 3]);
    expect(read.data).toEqual(data);
    expect(contents.file.attributes(contents.first(['/a/b/c'])!.object).get('units')).toBe('m');
  });

  it('holds complex numbers of both precisions, text, scalars and soft links', async () => {
    const [single, double] = [Float32Array.of(1, -2, 3, -4), Float64Array.of(0.1, 0.2)];
    const bytes = encodeHdf5({
      '/single': { data: single, extents: [2], isComplex: true },
      '/g/double': { data: double, extents: [1, 1], isComplex: true },
      '/g/text': 'Δ = 75 µm',
      '/g/nothing': '',
      '/number': -2.5,
      '/link': { link: '/g/text' },
      '/left-out': undefined,
    });
    const contents = await contentsOf(bytes);
    expect(contents.complex('/single')).toEqual({ data: Float64Array.from(single), extents: [2] });
    expect(contents.complex('/g/double')).toEqual({ data: double, extents: [1, 1] });
    expect(contents.text('/g/text')).toBe('Δ = 75 µm');
    expect(contents.text('/g/nothing')).toBe('');
    expect(contents.text('/link')).toBe('Δ = 75 µm');
    expect(contents.number('/number')).toBe(-2.5);
    expect(contents.first(['/left-out'])).toBeUndefined();
  });
});

describe('an image as CXI', () => {
  const image = { data: Float32Array.from({ length: 12 * 10 }, (_, i) => Math.sin(i)), shape: [12, 10] as const };

  it('comes back, with its mask and what was said about it', async () => {
    const path = join(folder, 'image.cxi');
    const mask = Uint8Array.from({ length: 12 * 10 }, (_, i) => Number(i !== 7));
    await writeImage(path, { ...image, mask }, { settings: { command: 'rephase …', seed: 3 } });
    const read = await readImage(path);
    expect(read).toMatchObject({ ...image, mask, dataset: '/entry_1/image_1/data' });
    const contents = await contentsOf(readFileSync(path));
    expect(contents.text('/entry_1/image_1/process_1/command')).toBe('rephase …');
    expect(contents.number('/entry_1/image_1/process_1/seed')).toBe(3);
    expect(contents.text('/entry_1/image_1/process_1/program')).toBe('rephase');
  });

  it.each([
    [{ 'a/b': 1 }, 'settings: got "a/b"; takes names of letters, digits and _'],
    [{ flag: true }, 'settings.flag: got true; takes a text or a number'],
  ])('refuses the settings %j', async (settings, message) => {
    await expect(encodeImage(image, 'cxi', { settings: settings as never })).rejects.toThrow(message);
  });

  it('has the bits that are asked for', async () => {
    const contents = await contentsOf(await encodeImage(image, 'cxi', { bits: 64 }));
    expect(contents.counts('/entry_1/image_1/data')!.data).toEqual(Float64Array.from(image.data));
    await expect(encodeImage(image, 'cxi', { bits: 16 })).rejects.toThrow('bits: got 16; takes 32 or 64 for .cxi');
  });
});

describe('an image of complex numbers', () => {
  const shape = [3, 4] as const;
  const data = Float64Array.from({ length: 24 }, (_, i) => Math.sin(i * i));

  it.each(['npy', 'cxi'])('comes back from .%s in both precisions', async (ending) => {
    const path = join(folder, `complex.${ending}`);
    await writeComplexImage(path, { data, shape });
    expect(await readComplexImage(path)).toEqual({ data, shape });
    const single = Float32Array.from(data);
    await writeComplexImage(path, { data: single, shape });
    const { data: back } = await readComplexImage(readFileSync(path));
    expect([...back]).toEqual([...single]);
  });

  it('is a dataset that is named, and in CXI kept with what was said about it', async () => {
    const path = join(folder, 'named.h5');
    writeFileSync(path, encodeHdf5({ '/a/b': { data, extents: [1, 3, 4], isComplex: true } }));
    expect(await readComplexImage(`${path}:/a/b`)).toEqual({ data, shape });
    expect(await readComplexImage(path, { dataset: '/a/b' })).toEqual({ data, shape });
    const contents = await contentsOf(encodeComplexImage({ data, shape }, 'cxi', { settings: { seed: 3 } }));
    expect(contents.complex('/entry_1/image_1/data')).toEqual({ data, extents: shape });
    expect(contents.number('/entry_1/image_1/process_1/seed')).toBe(3);
  });

  it('is made of real ones, and is refused where there is no image', async () => {
    const real = Float32Array.of(1, 2, 3, 4);
    const complex = Float64Array.of(1, 0, 2, 0, 3, 0, 4, 0);
    for (const bytes of [encodeNpy(real, [2, 2]), await encodeImage({ data: real, shape: [2, 2] }, 'tiff')]) {
      const read = await decodeComplexImage(bytes);
      expect(read.shape).toEqual([2, 2]);
      expect([...read.data]).toEqual([...complex]);
    }
    await expect(decodeComplexImage(encodeComplexNpy(data, [2, 2, 3]))).rejects.toThrow(
      'has an array of (2, 2, 3) where one image of complex numbers is wanted',
    );
    await expect(decodeComplexImage(encodeComplexNpy(data, [12]))).rejects.toThrow('has an array of (12)');
    await expect(decodeComplexImage(data as never)).rejects.toThrow(/^bytes: got/);
    await expect(decodeComplexImage(encodeNpy(real, [2, 2]), { frame: 1 } as never)).rejects.toThrow(/'frame'/);
    await expect(writeComplexImage('image.png', { data, shape })).rejects.toThrow('takes a name in .npy or .cxi');
    expect(() => encodeComplexImage({ data: real, shape }, 'npy')).toThrow(/^data: got .* interleaved re, im: 24/);
  });
});

describe('writeScan', () => {
  const shape = [5, 4] as const;
  const scan: Scan = {
    patterns: Uint16Array.from({ length: 3 * 20 }, (_, i) => i),
    shape,
    positions: Float64Array.of(0, 0, 2.25, -3, 4, 1.5),
    probe: Float64Array.from({ length: 2 * 2 * 20 }, (_, i) => Math.cos(i)),
    mask: Uint8Array.from({ length: 20 }, (_, i) => Number(i !== 7)),
    ...{ pixel: [2e-8, 3e-8], wavelength: 1e-10, distance: 2 },
  };
  const result: ScanReconstruction = {
    object: Float32Array.from({ length: 2 * 12 * 11 }, (_, i) => Math.sin(i)),
    objectShape: [12, 11],
    probe: Float32Array.from({ length: 2 * 2 * 20 }, (_, i) => i),
    modes: 2,
    positions: Float64Array.of(2, 5, 4.5, 2, 6, 6.5),
    residual: 0.1,
    warnings: [],
    history: Float64Array.of(0.3, 0.2, 0.1),
    ...{
      algorithm: 'rpie',
      alpha: 0.1,
      beta: 1,
      batch: 16,
      keepPatterns: 'device',
      iterations: 3,
      seconds: 0.5,
      backend: 'wasm',
      device: 'CPU',
    },
  };

  it('is read by readScan as it was', async () => {
    const path = join(folder, 'scan.cxi');
    await writeScan(path, scan);
    const { scan: read, notes } = await readScanWithNotes(path);
    expect(notes).toEqual(['translations negated: CXI stores where the sample went']);
    expect(read.patterns).toEqual(scan.patterns);
    expect(read.shape).toEqual(shape);
    expect(read.mask).toEqual(scan.mask);
    expect(read.probe).toEqual(scan.probe);
    expect(read.wavelength).toBe(1e-10);
    expect(read.distance).toBe(2);
    read.pixel!.forEach((size, axis) => expect(size / scan.pixel![axis]).toBeCloseTo(1, 12));
    read.positions.forEach((place, i) => expect(place).toBeCloseTo(scan.positions[i], 9));
  });

  it('keeps the result, where the beam was found to be, and how it was made', async () => {
    const path = join(folder, 'result.cxi');
    await writeScan(path, scan, result, { command: 'rephase ptycho scan.cxi -o result.cxi', seed: 7 });
    const contents = await contentsOf(readFileSync(path));
    const object = contents.complex('/entry_1/result_1/data')!;
    expect(object.extents).toEqual([12, 11]);
    expect(object.data).toEqual(Float64Array.from(result.object));
    expect(contents.complex('/entry_1/result_2/data')!.extents).toEqual([2, 5, 4]);
    const found = contents.numbers('/entry_1/result_1/translation')!;
    // x, y and z of the sample: column and row the other way round.
    [...found.data].forEach((metres, i) =>
      expect(metres).toBeCloseTo(
        i % 3 === 2 ? 0 : -result.positions[2 * Math.floor(i / 3) + 1 - (i % 3)] * (i % 3 ? 2e-8 : 3e-8),
        15,
      ),
    );
    expect(contents.numbers('/entry_1/result_1/residuals')!.data).toEqual(result.history);
    const process = '/entry_1/result_1/process_1';
    expect(contents.text(`${process}/program`)).toBe('rephase');
    expect(contents.text(`${process}/command`)).toBe('rephase ptycho scan.cxi -o result.cxi');
    expect(contents.text(`${process}/algorithm`)).toBe('rpie');
    expect(contents.number(`${process}/alpha`)).toBe(0.1);
    expect(contents.number(`${process}/seed`)).toBe(7);
    // It is still a scan.
    expect((await readScan(path)).patterns).toEqual(scan.patterns);
  });

  it.each([
    ['scan.txt', scan, 'scan.txt"; takes a name in .cxi or .h5'],
    ['scan.cxi', { ...scan, distance: undefined }, 'distance: the scan does not say it; CXI takes'],
    ['scan.cxi', { ...scan, positions: Float64Array.of(0, 0) }, 'positions: got a Float64Array of 2'],
    [
      'scan.cxi',
      { ...scan, patterns: Float32Array.from(scan.patterns, (count) => -count) },
      'patterns at [0, 0, 1]: got -1',
    ],
  ])('refuses %s', async (name, bad, message) => {
    const error: unknown = await writeScan(join(folder, name), bad).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as InvalidArgumentError).message).toContain(message);
  });
});
