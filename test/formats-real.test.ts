/**
 * Files as instruments write them (test/fixtures/make_real_data.py): the right dataset is taken, with its mask, or a
 * question is asked. Most hold a ramp of 6 × 9 pixels, or in HDF5's indexes of chunks one of 50 × 50.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import vm from 'node:vm';
import { describe, expect, test } from 'vitest';
import { FileFormatError, InvalidArgumentError } from '../src/errors.js';
import { readImage } from '../src/formats/files.js';
import { type DecodeOptions, decodeImage, encodeImage, encodeNpy } from '../src/formats/index.js';

const fixtures = new URL('./fixtures/', import.meta.url).pathname;
const path = (name: string): string => join(fixtures, name);
const read = (name: string, options: DecodeOptions = {}) => readImage(path(`real-${name}`), options);
const refusal = async (name: string, options: DecodeOptions = {}): Promise<string> => {
  const error = await readImage(path(name), options).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FileFormatError);
  return (error as Error).message;
};

const RAMP = Array.from({ length: 54 }, (_, i) => i);
const plus = (offset: number): number[] => RAMP.map((value) => value + offset);
/** Bad pixels of every mask: row 2, columns 3 and 4. */
const GOOD = RAMP.map((at) => (at === 21 || at === 22 ? 0 : 1));

describe('one image of a ramp', () => {
  test.each([
    ['cxi.cxi', '/entry_1/data_1/data'],
    ['nexus.nxs', '/entry/data/counts'],
    ['old-nexus.nxs', '/entry/data/counts'],
    ['striped.h5', '/data'],
    ['matlab73.mat', '/data'],
    ['scalars.h5', '/z/counts', '/z/counts'],
    ['soft-link.h5', '/raw'],
    ['hard-link.h5', '/data'],
    ['middle-1.h5', '/data'],
    ['implicit.h5', '/data'],
    ['named-type.h5', '/data'],
    ['dense.h5', '/g/counts'],
    ['matlab5.mat', 'image'],
    ['matlab5-plain.mat', 'image'],
    ['array.npz', 'image'],
  ])('%s: %s', async (name, dataset, asked?: string) => {
    const image = await read(name, asked === undefined ? {} : { dataset: asked });
    expect([image.shape, image.dataset]).toEqual([[6, 9], dataset]);
    expect(Array.from(image.data)).toEqual(RAMP);
  });

  const plain = [
    ...['u2-big.tif', 'i8-big.tif', 'f2-big.tif', 'f4-big.tif', 'u4-deflate.tif', 'u4-tiled.tif', 'planar.tif'],
    ...['packbits.tif', 'lzw.tif', 'no-photometric.tif', 'reversed-bits.tif', 'predictor-2-u4.tif'],
    ...['2-60', '2-62', '4-60', '4-62', '8-60', '8-62'].map((kind) => `predictor-3-f${kind}.tif`),
    ...['middle-1.npy', 'npy.npy.gz', 'grey.bmp', 'rgb.bmp', 'grey.pgm', 'text.pgm', 'rgb.ppm', 'edf.edf'],
  ];
  test.each(plain)('%s', async (name) => {
    const image = await read(name);
    expect(image.shape).toEqual([6, 9]);
    expect(Array.from(image.data)).toEqual(RAMP);
  });

  test.each(['earliest', 'latest'])('every type of numbers, %s', async (lib) => {
    for (const dataset of ['i160', 'i262', 'u460', 'i862', 'f260', 'f462', 'f862']) {
      expect(Array.from((await read(`types-${lib}.h5`, { dataset })).data), dataset).toEqual(RAMP);
    }
    expect(Array.from((await read(`scale-offset-${lib}.h5`, { dataset: 'i' })).data)).toEqual(plus(-20));
    const floats = await read(`scale-offset-${lib}.h5`, { dataset: 'f' });
    // Two decimals are kept.
    RAMP.forEach((value) => expect(Math.abs(floats.data[value] - value / 4)).toBeLessThan(0.0051));
  });

  test.each(['many-chunks', 'one-unlimited', 'all-unlimited'])('every index of chunks: %s', async (name) => {
    for (const lib of ['earliest', 'latest']) {
      const { data } = await read(`${name}-${lib}.h5`);
      expect(Array.from(data)).toEqual(Array.from({ length: 2500 }, (_, i) => i));
    }
  });

  test.each(['lz4', 'bitshuffle', 'bitshuffle-lz4', 'bitshuffle-zstd', 'zstd'])('compressed by %s', async (name) => {
    const { data } = await read(`${name}.h5`);
    expect(Array.from(data)).toEqual(Array.from({ length: 2500 }, (_, i) => (i % 7 === 0 ? i : 0)));
  });

  test('another compression is named, with the line that converts it', async () => {
    expect(await refusal('real-blosc.h5')).toMatch(/compresses \/data by Blosc \(filter 32001\).*h5repack -f GZIP=4/);
  });

  test('JPEG and CBF', async () => {
    expect(new Set((await read('77.jpg')).data)).toEqual(new Set([77]));
    const cbf = await read('cbf.cbf');
    expect(Array.from(cbf.data)).toEqual(RAMP.map((value) => (value === 30 ? 100_000 : value)));
  });
});

describe('the right dataset, or a question', () => {
  test('file.h5:/path names a dataset', async () => {
    expect((await readImage(`${path('real-types-latest.h5')}:/f862`)).dataset).toBe('/f862');
    await expect(readImage(`${path('real-types-latest.h5')}:/none`)).rejects.toThrow(/has no dataset \/none; it has/);
  });

  test('a larger stack is offered, positions are never a pattern', async () => {
    expect(await refusal('real-positions.h5')).toMatch(/\/frames \(3 × 6 × 9\) is a stack of 3 frames: name one/);
    expect(await refusal('real-only-positions.h5')).toMatch(/no dataset .* that can be a pattern: \/xy \(50 × 2\)/);
    expect(await refusal('two.h5')).toMatch(/several images; name one: \/first \(5 × 7\), \/second \(1 × 5 × 7\)/);
  });

  test('the list of an error shows images first', async () => {
    expect(await refusal('real-scalars.h5', { dataset: '/no' })).toMatch(/it has \/z\/(again|counts) \(6 × 9\)/);
  });

  test.each(['real-grey.bmp', 'real-middle-1.npy', 'real-lzw.tif'])('%s has no datasets', async (name) => {
    expect(await refusal(name, { dataset: '/a' })).toMatch(/has no datasets, because it is/);
  });

  test('masks in the file are used and named', async () => {
    for (const [name, maskDataset] of [
      ['cxi.cxi', '/entry_1/instrument_1/detector_1/mask'],
      ['nexus.nxs', '/entry/detector/pixel_mask'],
    ]) {
      const image = await read(name);
      expect([Array.from(image.mask ?? []), image.maskDataset]).toEqual([GOOD, maskDataset]);
      expect(Array.from((await read(name, { as: 'mask' })).data)).toEqual(GOOD);
    }
    // h5py's booleans, in rephase's own convention.
    expect(Array.from((await read('bool-mask.h5', { as: 'mask' })).data)).toEqual(GOOD);
  });

  test('counts are never read as a mask', async () => {
    expect(await refusal('real-scalars.h5', { as: 'mask' })).toMatch(/no dataset that is called a mask; name one/);
    const named = await read('scalars.h5', { as: 'mask', dataset: '/z/counts' });
    expect(Array.from(named.data)).toEqual(RAMP.map((value) => (value === 0 ? 0 : 1)));
  });

  test('external links are followed to files beside, with the mask of the master file', async () => {
    const image = await read('eiger-master.h5', { frame: 1 });
    expect([image.dataset, image.maskDataset]).toEqual([
      '/entry/data/data_000001',
      '/entry/instrument/detector/pixel_mask',
    ]);
    expect(Array.from(image.data)).toEqual(plus(100));
    const alone = new Uint8Array(readFileSync(path('real-eiger-master.h5')));
    await expect(decodeImage(alone)).rejects.toThrow(/has \/entry\/data\/data_000001 in real-module\.h5/);
  });

  test('virtual datasets: sources beside are read, pixels without a source are not measured', async () => {
    const image = await read('virtual.h5');
    expect(Array.from(image.data)).toEqual(RAMP.map((value) => (value >= 18 && value < 27 ? 0 : value)));
    expect(Array.from(image.mask ?? [])).toEqual(RAMP.map((value) => (value >= 18 && value < 27 ? 0 : 1)));
    expect(Array.from((await read('virtual-frames.h5', { frame: 0 })).data)).toEqual(RAMP);
    expect(await refusal('real-virtual-frames.h5', { frame: 1 })).toMatch(/has \/data in real-missing\.h5/);
    const files: string[] = [];
    const bytes = new Uint8Array(readFileSync(path('real-virtual.h5')));
    await decodeImage(bytes, {
      sources: (name) => {
        files.push(name);
        return new Uint8Array(readFileSync(path(name)));
      },
    });
    expect(files).toEqual(['real-module.h5']);
  });

  test('what was never written is said to be so', async () => {
    expect(await refusal('real-never.h5')).toMatch(/no numbers in \/data: it was made, and never written/);
    expect(Array.from((await read('some-frames.h5', { frame: 0 })).data)).toEqual(RAMP);
    expect(await refusal('real-some-frames.h5', { frame: 1 })).toMatch(/begins at \[1, 0, 0\].*never written/);
    expect(await refusal('real-some-frames.h5', { frames: 'sum' })).toMatch(/never written/);
  });
});

describe('stacks of frames', () => {
  const stacks = ['positions.h5', 'frames.npy', 'pages.tif'];
  test.each(stacks)('%s', async (name) => {
    expect(await refusal(`real-${name}`)).toMatch(/is a stack of 3 frames: name one \(frame 0 to 2\)/);
    expect(Array.from((await read(name, { frame: 2 })).data)).toEqual(plus(200));
    expect(Array.from((await read(name, { frames: 'sum' })).data)).toEqual(RAMP.map((value) => 3 * value + 300));
    expect(Array.from((await read(name, { frames: 'mean' })).data)).toEqual(plus(100));
    expect(Array.from((await read(name, { frames: '1:3' })).data)).toEqual(RAMP.map((value) => 2 * value + 300));
    for (const options of [{ frame: 3 }, { frames: '2:4' as const }]) {
      await expect(read(name, options)).rejects.toThrow(/takes frames from 0 to 2/);
    }
  });

  test('frames of a scan count on through all leading axes, and Velox counts them last', async () => {
    expect(Array.from((await read('scan.h5', { frame: 4 })).data)).toEqual(plus(4 * 54));
    expect(Array.from((await read('velox.emd', { frame: 1 })).data)).toEqual(plus(1));
    expect(Array.from((await read('mrc.mrc', { frame: 1 })).data)).toEqual(plus(100));
  });

  test('options that make no sense are refused by name', async () => {
    const npy = encodeNpy(new Float32Array(4), [2, 2]);
    for (const [options, message] of [
      [{ frame: -1 }, /^frame: got -1/],
      [{ frame: 1 }, /^frame: got 1; takes frame 0, the only one/],
      [{ frames: 'all' }, /^frames: got "all"; takes 'sum', 'mean', or 'A:B'/],
      [{ frames: '3:3' }, /^frames: got "3:3"/],
      [{ frame: 0, frames: 'sum' }, /takes one of them/],
      [{ as: 'support' }, /^as: got "support"/],
      [{ maxPixels: 0 }, /^maxPixels: got 0/],
      [{ sources: 'folder' }, /^sources: got "folder"/],
    ] as [object, RegExp][]) {
      const error = await decodeImage(npy, options).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect((error as Error).message).toMatch(message);
    }
  });
});

describe('damaged and hostile files', () => {
  const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(path(name)));

  test('a good HDF5 file is read after any number of bad ones', async () => {
    const good = bytes('cxi.cxi');
    const cut = good.slice(0, 3000);
    const bad = ['vds-self', 'hdf5-33656', 'hdf5-6084', 'hdf5-51579', 'large-chunk', 'payload'].map((name) =>
      bytes(`hostile-${name}.h5`),
    );
    for (let time = 0; time < 2500; time++) {
      await expect(decodeImage(cut)).rejects.toThrow(/truncated/);
      if (time % 50 === 0) for (const file of bad) await decodeImage(file).catch(() => undefined);
    }
    const image = await decodeImage(good);
    expect(Array.from(image.data)).toEqual(Array.from({ length: 35 }, (_, i) => i));
  });

  test.each([
    ['hostile-vds-self.h5', {}, /refers to itself/],
    ['hostile-large-chunk.h5', {}, /chunks of 268435456 bytes/],
    ['hostile-payload.h5', {}, /expands to more than it holds/],
    ['hostile-1bit.png', {}, /too large: 8192 rows × 16384 columns; takes up to 1\d{7} pixels; the option maxPixels/],
    ['hostile-1bit.tif', {}, /too large: 8192 rows × 16384 columns; takes up to 1\d{7} pixels; the option maxPixels/],
    ['grey8.png', { maxPixels: 34 }, /too large: 5 rows × 7 columns; takes up to 34 pixels/],
    ['f4.tif', { maxPixels: 34 }, /takes up to 34 pixels/],
    ['f4-little.npy', { maxPixels: 34 }, /takes up to 34 pixels/],
    ['gzip.h5', { maxPixels: 34 }, /takes up to 34 pixels/],
  ])('%s %j', async (name, options, message) => {
    const before = process.memoryUsage().arrayBuffers;
    const began = performance.now();
    expect(await refusal(name, options)).toMatch(message);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('.npy of thousands of axes is refused before its numbers are looked at', async () => {
    const head = `{'descr':'|u1','fortran_order':True,'shape':(250000,${'1,'.repeat(4900)})}\n`;
    const file = new Uint8Array(12 + head.length + 250_000);
    file.set([0x93, 78, 85, 77, 80, 89, 2, 0]);
    new DataView(file.buffer).setUint32(8, head.length, true);
    file.set(new TextEncoder().encode(head), 12);
    const began = performance.now();
    await expect(decodeImage(file)).rejects.toThrow(/has 4901 axes; takes up to 64/);
    expect(performance.now() - began).toBeLessThan(100);
  });

  test('control characters of names in files, and of files, are escaped', async () => {
    const message = await refusal('hostile-escape.h5');
    expect(message).toContain('\\x1b]0;OWNED');
    expect(message).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
    await expect(readImage('none\u001b[31m.npy')).rejects.toThrow(/none\\x1b\[31m\.npy: no such file/);
  });

  test('arrays of other realms, shared and resizable memory are read and written', async () => {
    const image = { data: new Float32Array([1, 2, 3, 4]), shape: [2, 2] as const };
    const foreign = vm.runInNewContext('new Float32Array([1, 2, 3, 4])') as Float32Array;
    for (const format of ['npy', 'png', 'tiff'] as const) {
      const file = await encodeImage(image, format);
      const shared = new Uint8Array(new SharedArrayBuffer(file.length));
      shared.set(file);
      const other = vm.runInNewContext('new Uint8Array(n)', { n: file.length }) as Uint8Array;
      other.set(file);
      for (const given of [shared, other, Buffer.from(file)]) {
        expect((await decodeImage(given)).shape).toEqual([2, 2]);
      }
    }
    expect(encodeNpy(foreign, [2, 2])).toEqual(encodeNpy(image.data, [2, 2]));
  });

  test('doubles beyond float32 are refused, not written as infinite', async () => {
    const image = { data: Float64Array.of(1, 2, 1e300, 4), shape: [2, 2] as const };
    await expect(encodeImage(image, 'tiff')).rejects.toThrow(
      /^data at \[1, 0\]: got 1e\+300; takes numbers that float32/,
    );
    await expect(encodeImage(image, 'npy', { bits: 32 })).rejects.toThrow(/^data at \[1, 0\]/);
    const infinite = { data: Float64Array.of(1, NaN, Infinity, 4), shape: [2, 2] as const };
    expect(Array.from((await decodeImage(await encodeImage(infinite, 'tiff'))).data)).toEqual([1, NaN, Infinity, 4]);
  });

  test.each([
    ['SIMPLE  =                    T', /it is FITS, which is not read; convert it by python3/],
    ['1.5, 2, 3\n4, 5, 6\n', /it is a table of numbers as text, which is not read; convert it by python3/],
    ['GIF89a', /it is GIF/],
    ['\x0e\x03\x13\x01', /it is HDF4/],
  ])('%s is named with the line that converts it', async (text, message) => {
    await expect(decodeImage(Uint8Array.from(text, (letter) => letter.charCodeAt(0)))).rejects.toThrow(message);
  });
});
