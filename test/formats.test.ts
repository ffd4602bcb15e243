/**
 * File formats: what is written is read back, files of NumPy, Pillow, libtiff, tifffile and h5py (test/fixtures) are read as
 * their makers meant them, and whatever else is in a file ends in a typed error: never a crash, never a large allocation.
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { encode as encodeWithFastPng } from 'fast-png';
import { zlibSync } from 'fflate';
import { afterAll, describe, expect, test } from 'vitest';
import { FileAccessError, FileFormatError, InvalidArgumentError, RephaseError } from '../src/errors.js';
import { inflatesWithin } from '../src/formats/expansion.js';
import { expandLzw } from '../src/formats/tiff/pieces.js';
import { readBytes, readImage, writeBytes, writeImage } from '../src/formats/files.js';
import { toIntegers } from '../src/formats/image.js';
import { type DecodeOptions, chooseFrames } from '../src/formats/options.js';
import {
  type Image,
  decodeComplexNpy,
  decodeImage,
  decodeNpy,
  encodeComplexNpy,
  encodeImage,
  encodeNpy,
} from '../src/formats/index.js';

const fixtures = new URL('./fixtures/', import.meta.url).pathname;
const fixture = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(join(fixtures, name)));
const folder = mkdtempSync(join(tmpdir(), 'rephase-formats-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RAMP = Array.from({ length: 35 }, (_, i) => i);
const NEGATIVE = RAMP.map((value) => 0 - value);
const asList = (image: { data: ArrayLike<number> }): number[] => Array.from(image.data, (value) => value + 0);

/** Any small image whose numbers come from `value`. */
const images = (value: fc.Arbitrary<number>, make: (numbers: number[]) => Image['data']): fc.Arbitrary<Image> =>
  fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
    .chain(([rows, columns]) =>
      fc
        .array(value, { minLength: rows * columns, maxLength: rows * columns })
        .map((numbers) => ({ data: make(numbers), shape: [rows, columns] as const })),
    );
const floats = images(fc.float(), (numbers) => Float32Array.from(numbers));
const doubles = images(fc.double(), (numbers) => Float64Array.from(numbers));

describe('what is written is read back', () => {
  test('.npy, float32 and float64, bit for bit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(floats, doubles), async (image) => {
        expect(await decodeImage(await encodeImage(image, 'npy'))).toEqual(image);
      }),
    );
  });

  test('.npy of bytes and of any number of dimensions', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }), (shape) => {
        const count = shape.reduce((product, extent) => product * extent, 1);
        const bytes = Uint8Array.from({ length: count }, (_, i) => i % 256);
        const read = decodeNpy(encodeNpy(bytes, shape));
        expect(read.shape).toEqual(shape);
        expect(asList(read)).toEqual(Array.from(bytes));
      }),
    );
  });

  test.each([8, 16] as const)('PNG and TIFF of %i bits', async (bits) => {
    const most = 2 ** bits - 1;
    const integers = images(fc.integer({ min: 0, max: most }), (numbers) => Float32Array.from(numbers));
    await fc.assert(
      fc.asyncProperty(integers, fc.constantFrom('png' as const, 'tiff' as const), async (image, format) => {
        expect(await decodeImage(await encodeImage(image, format, { bits, range: [0, most] }))).toEqual(image);
      }),
    );
  });

  test('TIFF of 32-bit floats, bit for bit', async () => {
    await fc.assert(
      fc.asyncProperty(floats, async (image) => {
        expect(await decodeImage(await encodeImage(image, 'tiff'))).toEqual(image);
      }),
    );
  });

  test('integers span the image unless a range is given, and never wrap', () => {
    const image = { data: Float64Array.of(-1, 0, 1, 3), shape: [2, 2] } as const;
    expect(Array.from(toIntegers(image, 8))).toEqual([0, 64, 128, 255]);
    expect(Array.from(toIntegers(image, 16, [0, 2]))).toEqual([0, 0, 32768, 65535]);
    const odd = { data: Float64Array.of(NaN, Infinity, -Infinity, 5), shape: [2, 2] } as const;
    expect(Array.from(toIntegers(odd, 8, [0, 10]))).toEqual([0, 255, 0, 128]);
    expect(Array.from(toIntegers({ data: new Float32Array(4).fill(7), shape: [2, 2] }, 8))).toEqual([0, 0, 0, 0]);
    expect(() => toIntegers(image, 8, [1, NaN])).toThrow(InvalidArgumentError);
  });

  test.each([
    ['npy', 16],
    ['png', 32],
    ['tiff', 64],
    ['tiff', 24],
    ['tiff', '8'],
    ['png', null],
  ] as const)('%s of %s bits is refused', async (format, bits) => {
    const image = { data: new Float32Array(4), shape: [2, 2] } as const;
    await expect(encodeImage(image, format, { bits } as object)).rejects.toThrow(/^bits: got .*; takes/);
  });

  test('numbers of other types are refused, not written under a wrong name', async () => {
    for (const data of [new Int32Array(4), new Uint16Array(4), [1, 2, 3, 4], 'abcd', undefined]) {
      expect(() => encodeNpy(data as never, [2, 2])).toThrow(/^data: got .*; takes a Float32Array, Float64Array or/);
      for (const format of ['npy', 'png', 'tiff'] as const) {
        await expect(encodeImage({ data: data as never, shape: [2, 2] }, format)).rejects.toThrow(/^data: got/);
      }
    }
    expect(() => encodeNpy(new Float32Array(4), [-2, -2])).toThrow(/^shape: got \[-2, -2\]; takes/);
    expect(() => encodeNpy(new Float32Array(4), 4 as never)).toThrow(/^shape: got 4; takes/);
  });

  test('arguments of the wrong kind and misspelt options are refused by name', async () => {
    const image = { data: new Float32Array(4), shape: [2, 2] } as const;
    const npy = encodeNpy(image.data, image.shape);
    const refused: [Promise<unknown>, RegExp][] = [
      [
        encodeImage(image, 'png', { bit: 16 } as object),
        /there is no 'bit'; takes bits, range, settings; did you mean 'bits'/,
      ],
      [encodeImage(image, 'png', { range: 5 } as object), /^range: got 5; takes two finite numbers/],
      [encodeImage(image, 'png', { range: [1, 2, 3] } as object), /^range: got \[1, 2, 3\]/],
      [encodeImage(image, 'gif' as never), /^format: got "gif"; takes 'npy', 'png', 'tiff'/],
      [encodeImage(5 as never, 'npy'), /^image: got 5; takes/],
      [encodeImage({ data: image.data } as never, 'npy'), /^shape: got undefined; takes/],
      [decodeImage(npy, { datasets: '/a' } as object), /there is no 'datasets'; .* did you mean 'dataset'/],
      [decodeImage(npy, { dataset: 5 } as object), /^dataset: got 5; takes/],
      [decodeImage('a.npy' as never), /^bytes: got "a.npy"; takes a Uint8Array/],
      [readImage(5 as never), /^source: got 5; takes a path, or a Uint8Array/],
      [writeImage(5 as never, image), /^path: got 5; takes a name in/],
    ];
    for (const [attempt, message] of refused) {
      const error = await attempt.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect((error as Error).message).toMatch(message);
    }
  });

  test('an image whose data and shape disagree is refused', async () => {
    const image = { data: new Float32Array(5), shape: [2, 2] } as const;
    for (const format of ['npy', 'png', 'tiff'] as const) {
      await expect(encodeImage(image, format)).rejects.toThrow(
        /got a Float32Array of 5; takes .* of 2 × 2 = 4 numbers/,
      );
    }
  });
});

describe('files of other programs', () => {
  const ramps = [
    ...['i1-little', 'i2', 'i4', 'i8', 'u1-little', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8'].flatMap((type) =>
      type.includes('-') ? [`${type}.npy`] : [`${type}-little.npy`, `${type}-big.npy`],
    ),
    ...['fortran.npy', 'version2.npy', 'version3.npy', 'frames-1.npy'],
    ...['grey8.png', 'rgb-grey.png', 'rgba-grey.png', 'grey-alpha.png'],
    ...['u1.tif', 'u2.tif', 'u4.tif', 'i1.tif', 'i2.tif', 'i4.tif', 'f4.tif', 'f8.tif', 'u2-big.tif', 'f4-big.tif'],
    ...[
      'white-is-zero.tif',
      'strips.tif',
      'deflate.tif',
      'deflate-predictor.tif',
      'lzw.tif',
      'tiles.tif',
      'u1-bigtiff.tif',
      'packbits.tif',
      'planar.tif',
    ],
    ...['rgb-grey.tif', 'pillow.tif', 'cxi.cxi', 'gzip.h5', 'user-block.h5'],
  ];
  test.each(ramps)('%s', async (name) => {
    // As Node's own functions give it: a Buffer, which shares memory where other arrays copy.
    const bytes = readFileSync(join(fixtures, name));
    const image = await decodeImage(bytes);
    expect(image.shape).toEqual([5, 7]);
    expect(asList(image)).toEqual(RAMP);
    expect(bytes.equals(fixture(name)), 'the bytes given are left as they were').toBe(true);
  });

  test('numbers that need it are kept in double precision', async () => {
    for (const name of ['i4-little.npy', 'f8-big.npy', 'f8.tif', 'u4.tif', 'user-block.h5']) {
      expect((await decodeImage(fixture(name))).data, name).toBeInstanceOf(Float64Array);
    }
    for (const name of ['u2-big.npy', 'f2-little.npy', 'f4.tif', 'grey8.png', 'cxi.cxi']) {
      expect((await decodeImage(fixture(name))).data, name).toBeInstanceOf(Float32Array);
    }
  });

  test.each(['negative.npy', 'i2-negative.tif', 'i4-big-negative.tif'])('%s keeps signs', async (name) => {
    expect(asList(await decodeImage(fixture(name)))).toEqual(NEGATIVE.map((value) => value + 0));
  });

  test('booleans, half floats, palettes, colours and single bits', async () => {
    const read = async (name: string): Promise<number[]> => asList(await decodeImage(fixture(name)));
    const odd = RAMP.map((value) => value % 2);
    // Brightness by Rec. 709: 0.2126 · 200 + 0.7152 · 100 + 0.0722 · 50.
    const orange = Math.fround(117.65);
    expect(await read('b1-little.npy')).toEqual(RAMP.map((value) => (value === 0 ? 0 : 1)));
    expect(await read('half-specials.npy')).toEqual([0, 0, 2 ** -24, 65504, Infinity, -Infinity, NaN, -1.5]);
    expect(await read('grey16-times1000.png')).toEqual(RAMP.map((value) => value * 1000));
    expect(new Set(await read('rgb-200-100-50.png'))).toEqual(new Set([orange]));
    const palette = RAMP.map((value) => [0, 85, 170, orange][value % 4]);
    expect(await read('palette4.png')).toEqual(palette);
    expect(await read('palette4-transparent.png')).toEqual(palette);
    expect(await read('bilevel-odd.png')).toEqual(odd);
    expect(await read('pillow-bilevel-odd.tif')).toEqual(odd);
    expect(await read('pillow-lzw-64x64.tif')).toEqual(await read('pillow-lzw-64x64.npy'));
  });

  test('Fortran order in three dimensions, scalars, vectors and empty arrays', () => {
    expect(decodeNpy(fixture('fortran-3d.npy'))).toEqual({
      data: Float64Array.from({ length: 24 }, (_, i) => i),
      shape: [2, 3, 4],
    });
    expect(decodeNpy(fixture('scalar.npy'))).toEqual({ data: Float64Array.of(3), shape: [] });
    expect(decodeNpy(fixture('vector.npy')).shape).toEqual([5]);
    expect(decodeNpy(fixture('empty.npy')).shape).toEqual([0, 5]);
  });

  test('an interlaced PNG', async () => {
    const data = Uint8Array.from(RAMP);
    const png = encodeWithFastPng({ width: 7, height: 5, depth: 8, channels: 1, data }, { interlace: 'Adam7' });
    expect(asList(await decodeImage(png))).toEqual(RAMP);
  });

  test('an HDF5 dataset is chosen by its path', async () => {
    const one = await decodeImage(fixture('cxi.cxi'), { dataset: '/entry_1/other' });
    expect(one.data[0]).toBe(100);
    const two = await decodeImage(fixture('two.h5'), { dataset: 'second' });
    expect([two.shape, two.data[34]]).toEqual([[5, 7], 134]);
  });
});

describe('complex numbers in .npy', () => {
  test('are read as NumPy writes them, and real ones as complex ones', () => {
    const { data, shape } = decodeComplexNpy(fixture('bad-complex.npy'));
    expect(shape).toEqual([5, 7]);
    expect(data).toEqual(Float64Array.from({ length: 70 }, (_, i) => (i % 2 ? 0 : i >> 1)));
    const text = Buffer.from(fixture('bad-complex.npy')).toString('latin1');
    const fortran = Buffer.from(text.replace("'fortran_order': False", "'fortran_order': True "), 'latin1');
    const turned = decodeComplexNpy(fortran);
    // Number n of the file is row n mod 5, column ⌊n / 5⌋.
    expect([...turned.data]).toEqual(
      Array.from({ length: 70 }, (_, i) => (i % 2 ? 0 : 5 * ((i >> 1) % 7) + Math.floor(i / 14))),
    );
    const real = decodeComplexNpy(encodeNpy(Float32Array.of(3, 4), [2]));
    expect(real).toEqual({ data: Float32Array.of(3, 0, 4, 0), shape: [2] });
  });

  test.each([Float32Array, Float64Array])('come back as they were: %o', (Kind) => {
    const data = Kind.of(1, -2, 3, 0.5, 0, 7);
    expect(decodeComplexNpy(encodeComplexNpy(data, [1, 3]))).toEqual({ data, shape: [1, 3] });
  });

  test('refuse what they cannot be', () => {
    expect(() => encodeComplexNpy(new Float32Array(6), [6])).toThrow('data: got a Float32Array of 6; takes 12 numbers');
    expect(() => encodeComplexNpy(new Uint8Array(2) as never, [1])).toThrow('data: got a Uint8Array of 2; takes');
    const short = encodeComplexNpy(new Float32Array(6), [3]).subarray(0, -1);
    expect(() => decodeComplexNpy(short)).toThrow('cut short');
  });
});

describe('what is not an image gets a clear error', () => {
  test.each([
    ['bad-complex.npy', /complex numbers; take the absolute value first \(type <c16\)/],
    ['bad-object.npy', /Python objects/],
    ['bad-records.npy', /records/],
    ['bad-text.npy', /holds text/],
    ['bad-bytes.npy', /holds text/],
    ['bad-dates.npy', /dates/],
    ['bad-longdouble.npy', /has type <f16; takes/],
    ['bad-large-integers.npy', /9007199254740993, beyond the 2\^53/],
    ['vector.npy', /has 1 dimensions, \(5\); an image has 2/],
    ['scalar.npy', /has 0 dimensions/],
    ['frames-3.npy', /\(3, 5, 7\) is a stack of 3 frames/],
    ['empty.npy', /no pixels: 0 rows × 5 columns/],
    ['pages.tif', /TIFF file of 2 pages is a stack of 2 frames/],
    ['two.h5', /several images; name one: \/first \(5 × 7\), \/second \(1 × 5 × 7\)/],
    ['frames-3.h5', /\/stack \(3 × 5 × 7\) is a stack of 3 frames/],
    ['bad-no-image.h5', /no dataset of real numbers that can be a pattern/],
    ['bad-unallocated.h5', /no numbers in \/huge: it was made, and never written/],
  ])('%s', async (name, message) => {
    const error = await decodeImage(fixture(name)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FileFormatError);
    expect((error as Error).message).toMatch(message);
  });

  test('an HDF5 path that is not there lists what is', async () => {
    const read = decodeImage(fixture('cxi.cxi'), { dataset: '/nowhere' });
    await expect(read).rejects.toThrow(/no dataset \/nowhere; it has .*\/entry_1\/other \(5 × 7\)/);
  });

  test('content counts, not the name', async () => {
    const path = join(folder, 'really-text.npy');
    writeFileSync(path, 'hello, this is text\n');
    const error = await readImage(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FileFormatError);
    expect((error as FileFormatError).path).toBe(path);
    expect((error as Error).message).toContain(
      'not an .npy, PNG, TIFF or HDF5 file: it is text that begins "hello, this',
    );

    writeFileSync(path, fixture('grey8.png'));
    expect(asList(await readImage(path))).toEqual(RAMP);
    await expect(readImage(new Uint8Array(0))).rejects.toThrow(/it is empty/);
    await expect(readImage(Uint8Array.of(1, 2, 255))).rejects.toThrow(/it begins with the bytes 01 02 ff/);
  });

  test.each(['f4-little.npy', 'grey8.png', 'palette4.png', 'strips.tif', 'deflate.tif', 'tiles.tif', 'cxi.cxi'])(
    '%s cut short at any length',
    async (name) => {
      const whole = fixture(name);
      const step = name.endsWith('.cxi') ? 97 : 1;
      for (let length = 0; length < whole.length; length += step) {
        // Of some files the last bytes say nothing.
        const result = await decodeImage(whole.slice(0, length)).catch((thrown: unknown) => thrown);
        if (result instanceof Error) expect(result, `${length} bytes`).toBeInstanceOf(FileFormatError);
        else expect(asList(result as Image), `${length} bytes`).toHaveLength(35);
      }
    },
  );
});

describe('hostile files', () => {
  const npyHeader = (dictionary: string, version: 1 | 2 = 1): Uint8Array => {
    const text = new TextEncoder().encode(dictionary);
    const size = [text.length & 255, (text.length >> 8) & 255];
    if (version === 2) size.push(text.length >> 16, 0);
    const bytes = new Uint8Array(8 + size.length + text.length);
    bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), version, 0, ...size]);
    bytes.set(text, 8 + size.length);
    return bytes;
  };

  test.each([
    `{'descr': '<f8', 'fortran_order': False, 'shape': (2147483648, 2147483648), }`,
    `{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999999, 999999999999999, 9999), }`,
    `{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 5), }`,
    `{'descr': '<f8', 'fortran_order': False, 'shape': (1e3, 5), }`,
    `{'descr': '<f8', 'fortran_order': False}`,
    `{'descr': '<f9', 'fortran_order': False, 'shape': (1, 1), }`,
    `{'descr': 'constructor', 'fortran_order': False, 'shape': (1, 1), }`,
    `{'descr': '<f8', 'fortran_order': False, 'shape': (1,,1), }`,
    `{'descr': '<f8', 'fortran_order': False, 'shape': (1 1), }`,
    `not a dictionary`,
  ])('.npy header %s', (header) => {
    expect(() => decodeNpy(npyHeader(header))).toThrow(FileFormatError);
  });

  test('.npy headers as long as NumPy takes them are read at once, longer ones not at all', () => {
    const shaped = (extents: string) => `{'descr': '<f4', 'fortran_order': False, 'shape': (${extents}), }`;
    for (const version of [1, 2] as const) {
      const spaced = npyHeader(shaped('0, 5').padEnd(10_000), version);
      expect(decodeNpy(spaced).shape).toEqual([0, 5]);
      for (const length of [10_001, 65_535]) {
        const long = npyHeader(shaped('0, 5').padEnd(length), version);
        expect(() => decodeNpy(long)).toThrow(`has a header of ${length} bytes; takes up to 10000`);
      }
    }
    // Spaces that could be the end of one number or the beginning of the next took time that grew with their square.
    const hostile = [shaped(' '.repeat(9_900) + '!'), shaped('1,'.repeat(4_900) + '!'), `'shape':(1,`.repeat(900)];
    const began = performance.now();
    for (let time = 0; time < 500; time++) {
      for (const header of hostile) expect(() => decodeNpy(npyHeader(header))).toThrow(FileFormatError);
    }
    // All of them take 0.1 s, and took 35 s.
    expect(performance.now() - began).toBeLessThan(5000);
  });

  /** A PNG file of one header, one piece of data and the end, with right checksums where the library can make them. */
  const png = (columns: number, rows: number, data: Uint8Array): Uint8Array => {
    const whole = encodeWithFastPng({ width: 1, height: 1, depth: 8, channels: 1, data: new Uint8Array(1) });
    const view = new DataView(new ArrayBuffer(8 + 25 + 12 + data.length + 12));
    const bytes = new Uint8Array(view.buffer);
    bytes.set(whole.subarray(0, 33));
    view.setUint32(16, columns);
    view.setUint32(20, rows);
    view.setUint32(33, data.length);
    bytes.set(new TextEncoder().encode('IDAT'), 37);
    bytes.set(data, 41);
    bytes.set(whole.subarray(-12), 45 + data.length);
    return bytes;
  };

  test('PNG headers that claim more than the file can hold', async () => {
    const small = zlibSync(new Uint8Array(100));
    await expect(decodeImage(png(0x7fffffff, 0x7fffffff, small))).rejects.toThrow(/too large/);
    await expect(decodeImage(png(2000, 2000, small))).rejects.toThrow(/cannot hold/);
    await expect(decodeImage(png(0, 5, small))).rejects.toThrow(/no pixels/);
  });

  test('data that expands to more than the image is not expanded', async () => {
    const bomb = zlibSync(new Uint8Array(2 ** 25), { level: 9 });
    expect(inflatesWithin([bomb], 2 ** 25)).toBe(true);
    expect(inflatesWithin([bomb], 2 ** 25 - 1)).toBe(false);
    await expect(decodeImage(png(64, 64, bomb))).rejects.toThrow(/more data than its header says/);
  });

  test('LZW data that expand to more than they should are refused', () => {
    const tif = fixture('pillow-lzw-64x64.tif');
    const view = new DataView(tif.buffer, tif.byteOffset, tif.byteLength);
    const field = (tag: number): number => {
      const directory = view.getUint32(4, true);
      for (let at = directory + 2; ; at += 12)
        if (view.getUint16(at, true) === tag) return view.getUint32(at + 8, true);
    };
    const strip = tif.subarray(field(273), field(273) + field(279));
    expect(expandLzw(strip, 4096)).toHaveLength(4096);
    expect(() => expandLzw(strip, 4095)).toThrow(/more data than its directory says/);
  });

  test('TIFF fields that claim more than the file can hold', async () => {
    const claim = (tag: number, value: number, name = 'f4.tif'): Promise<Image> => {
      const bytes = fixture(name).slice();
      const view = new DataView(bytes.buffer);
      for (let at = view.getUint32(4, true) + 2; ; at += 12) {
        if (view.getUint16(at, true) !== tag) continue;
        view.setUint16(at + 2, 4, true);
        view.setUint32(at + 8, value, true);
        return decodeImage(bytes);
      }
    };
    await expect(claim(256, 0xffffffff)).rejects.toThrow(/too large/);
    await expect(claim(257, 1_000_000)).rejects.toThrow(FileFormatError);
    await expect(claim(256, 0)).rejects.toThrow(/no pixels/);
    await expect(claim(279, 0xffffffff)).rejects.toThrow(/cut short/);
    await expect(claim(273, 0xfffffff0)).rejects.toThrow(/cut short/);
    await expect(claim(322, 0xffffffff, 'tiles.tif')).rejects.toThrow(/too large/);
    await expect(claim(257, 1_000_000, 'deflate.tif')).rejects.toThrow(FileFormatError);
  });

  /** A TIFF file of one column, `count` strips of a row each, which all are the same piece of the file. */
  const overlapping = (count: number, piece: Uint8Array): Uint8Array => {
    const fields = [[256, 1], [257, count], [258, 8], [259, 8], [262, 1], [273, 0], [278, 1], [279, 0]]; // prettier-ignore
    const lists = 8 + 2 + fields.length * 12 + 4;
    const bytes = new Uint8Array(lists + 8 * count + piece.length);
    const view = new DataView(bytes.buffer);
    bytes.set([0x49, 0x49, 42, 0, 8]);
    view.setUint16(8, fields.length, true);
    fields.forEach(([tag, value], index) => {
      const at = 10 + index * 12;
      const isList = tag === 273 || tag === 279;
      view.setUint16(at, tag, true);
      view.setUint16(at + 2, 4, true);
      view.setUint32(at + 4, isList ? count : 1, true);
      const [list, alone] = tag === 273 ? [lists, lists + 8] : [lists + 4 * count, piece.length];
      view.setUint32(at + 8, isList ? (count === 1 ? alone : list) : value, true);
    });
    for (let index = 0; index < count; index++) {
      view.setUint32(lists + 4 * index, lists + 8 * count, true);
      view.setUint32(lists + 4 * (count + index), piece.length, true);
    }
    bytes.set(piece, lists + 8 * count);
    return bytes;
  };

  test('TIFF pieces that are all the same piece are not decompressed once each', async () => {
    expect(asList(await decodeImage(overlapping(1, zlibSync(Uint8Array.of(7)))))).toEqual([7]);
    // What is in the pieces would be refused as well: that it is not says that nobody looked.
    const gzip = new Uint8Array(1000).fill(0x1f).fill(0x8b, 1, 2);
    await expect(decodeImage(overlapping(1, gzip))).rejects.toThrow(/compressed by gzip/);
    for (const count of [10, 1000]) {
      await expect(decodeImage(overlapping(count, gzip))).rejects.toThrow(/pieces that overlap/);
    }
  });

  test('files with changed bytes are read or refused, and take no memory', { timeout: 120_000 }, async () => {
    const names = readdirSync(fixtures).filter((name) => !/\.(py|md)$/.test(name));
    let state = 1;
    // A linear congruential generator (Numerical Recipes): the same mutations in every run.
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const interesting = [0, 1, 0x7f, 0x80, 0xff];
    let most = 0;
    let allocated = 0;
    for (const name of names) {
      const original = fixture(name);
      // npm run fuzz reads many more.
      const times = 40;
      for (let time = 0; time < times; time++) {
        const bytes = original.slice();
        // Mostly in the first bytes, where headers are.
        for (let change = random(4); change >= 0; change--) {
          const at = random(random(2) === 0 ? Math.min(bytes.length, 200) : bytes.length);
          bytes[at] = random(2) === 0 ? random(256) : interesting[random(interesting.length)];
        }
        const cut = random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
        const before = process.memoryUsage().arrayBuffers;
        const result = await decodeImage(cut).catch((thrown: unknown) => thrown);
        allocated = Math.max(allocated, process.memoryUsage().arrayBuffers - before);
        if (result instanceof Error) {
          expect(result, `${name}, mutation ${time}: ${result.stack}`).toBeInstanceOf(RephaseError);
        } else {
          const { data, shape } = result as Image;
          expect(data.length, `${name}, mutation ${time}`).toBe(shape[0] * shape[1]);
          most = Math.max(most, data.byteLength);
        }
      }
    }
    // A header can be changed to claim somewhat more than the largest of them, of 64 × 64 pixels.
    expect(most).toBeLessThanOrEqual(2 ** 18);
    // What one file may take beyond 20 times its own size.
    expect(allocated).toBeLessThan(2 ** 26);
  });
});

describe('files', () => {
  const image: Image = { data: Float32Array.from(RAMP), shape: [5, 7] };
  const none = (): string[] => readdirSync(folder).filter((name) => name.startsWith('.'));

  test.each(['a.npy', 'a.tif', 'A.TIFF'])('%s is written and read', async (name) => {
    await writeImage(join(folder, name), image);
    expect(await readImage(join(folder, name))).toEqual(image);
    expect(none()).toEqual([]);
  });

  test('reading what is not there, or is a folder', async () => {
    const missing = await readImage(join(folder, 'missing.npy')).catch((thrown: unknown) => thrown);
    expect(missing).toBeInstanceOf(FileAccessError);
    expect((missing as Error).message).toMatch(/cannot read .*missing\.npy: no such file or folder/);
    await expect(readBytes(folder)).rejects.toThrow(/it is a folder/);
  });

  test('writing where there is no folder, onto one, or under an unknown ending', async () => {
    await expect(writeImage(join(folder, 'none', 'a.npy'), image)).rejects.toThrow(FileAccessError);
    mkdirSync(join(folder, 'folder.npy'));
    await expect(writeImage(join(folder, 'folder.npy'), image)).rejects.toThrow(FileAccessError);
    await expect(writeImage(join(folder, 'a.jpg'), image)).rejects.toThrow(/takes a name in \.npy, \.png/);
    expect(none()).toEqual([]);
  });

  test('a link stays a link, and permissions stay as they were', async () => {
    const target = join(folder, 'target.bin');
    const link = join(folder, 'link.bin');
    writeFileSync(target, 'old');
    chmodSync(target, 0o640);
    symlinkSync(target, link);
    await writeBytes(link, 'new');
    expect(readFileSync(target, 'utf8')).toBe('new');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(lstatSync(target).mode & 0o777).toBe(0o640);
    await writeBytes('/dev/null', 'gone');
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test('a stack without frames is refused, whatever is asked of it', () => {
    for (const options of [{}, { frame: 0 }, { frames: 'sum' }, { frames: 'mean' }]) {
      expect(() => chooseFrames(options as DecodeOptions, 0, 'matlab', () => 'the file')).toThrow(
        /^the file is a stack without frames/,
      );
    }
  });

  test('a link to nothing makes its target', async () => {
    const link = join(folder, 'dangling');
    symlinkSync(join(folder, 'made-by-link'), link);
    await writeBytes(link, 'x');
    expect(readFileSync(join(folder, 'made-by-link'), 'utf8')).toBe('x');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });
});
