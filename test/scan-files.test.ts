/** Scans from files: the dialects of the field, their traps, and what is refused. test/fixtures/make_scans.py writes them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readScan, type ReadScanOptions } from '../src/files.js';
import { readScanWithNotes } from '../src/formats/files.js';
import { parsePositions } from '../src/formats/scan/positions.js';
import { assemble, type FileScan } from '../src/formats/scan/assemble.js';
import { encodeHdf5 } from '../src/formats/hdf5/write.js';
import { decodeScan, encodeNpy } from '../src/formats/index.js';
import { FileFormatError, InvalidArgumentError, type Scan } from '../src/index.js';

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));
const fixture = (name: string) => join(fixtures, `scan-${name}.h5`);
const folder = mkdtempSync(join(tmpdir(), 'rephase-scans-'));
afterAll(() => rmSync(folder, { recursive: true }));

const [COUNT, ROWS, COLUMNS] = [5, 4, 6];
const PIXEL = [1e-6, (1e-10 * 2) / (6 * 75e-6)];
const BEAM = [0, 0, 2, -3, 4, 1, 6, 5, 8, 2];

/** What a pattern counts at a frequency: the detector's image has the zero frequency at [2, 3]. */
const counts = (j: number, row: number, column: number) => 100 * j + 10 * ((row + 2) % ROWS) + ((column + 3) % COLUMNS);

function expectPatterns(
  { patterns, shape }: Scan,
  count = COUNT,
  place = (row: number, column: number) => [row, column],
) {
  expect(shape).toEqual([ROWS, COLUMNS]);
  expect(patterns).toHaveLength(count * ROWS * COLUMNS);
  for (let i = 0; i < patterns.length; i++) {
    const [j, pixel] = [Math.floor(i / 24), i % 24];
    const [row, column] = place(Math.floor(pixel / COLUMNS), pixel % COLUMNS);
    expect(patterns[i]).toBe(counts(j, row, column));
  }
}

function expectPositions({ positions }: Scan, wanted: readonly number[]) {
  expect(positions).toHaveLength(wanted.length);
  wanted.forEach((place, i) => expect(positions[i]).toBeCloseTo(place, 5));
}

function expectGeometry({ pixel, wavelength, distance }: Scan, wanted = PIXEL) {
  wanted.forEach((size, axis) => expect(pixel![axis] / size).toBeCloseTo(1, 6));
  expect(wavelength! / 1e-10).toBeCloseTo(1, 6);
  expect(distance).toBeCloseTo(2, 6);
}

/** The only bad pixel is [1, 1] of the detector. */
function expectMask({ mask }: Scan) {
  const bad = [...(mask as Uint8Array).keys()].filter((i) => !mask![i]);
  expect(bad).toEqual([((1 + ROWS - 2) % ROWS) * COLUMNS + ((1 + COLUMNS - 3) % COLUMNS)]);
}

/** The probe of the files, times a factor: 10 row + column, and column + 1 as its imaginary part. */
const probe = (factor: number) =>
  Array.from({ length: 2 * ROWS * COLUMNS }, (_, i) => {
    const [row, column] = [Math.floor(i / 2 / COLUMNS), (i >> 1) % COLUMNS];
    return factor * (i % 2 ? column + 1 : 10 * row + column);
  });

describe('CXI', () => {
  it("of cdtools: translations of the sample are negated, a basis is the detector's pixel, 0x1000 in the mask is good", async () => {
    const { scan, notes } = await readScanWithNotes(fixture('cdtools'));
    expectPatterns(scan);
    expectPositions(scan, BEAM);
    expectGeometry(scan);
    expectMask(scan);
    expect(notes).toEqual(['translations negated: CXI stores where the sample went']);
    expect(scan.patterns).toBeInstanceOf(Float32Array);
  });

  it('follows a detector of which one axis points the other way, and finds its distance from its corner', async () => {
    const scan = await readScan(fixture('cdtools-mirrored'));
    expectPatterns(scan);
    expectPositions(scan, BEAM);
    expectGeometry(scan);
    expect(scan.mask).toBeUndefined();
    expect(scan.patterns).toBeInstanceOf(Uint16Array);
  });

  it('of PyNX: 3 × J, as they are; energy in joules; modes of the probe, complex and compressed', async () => {
    const { scan, notes } = await readScanWithNotes(fixture('pynx'));
    expectPatterns(scan);
    expectPositions(scan, BEAM);
    expectGeometry(scan);
    expect(notes).toEqual(['translations as they are: PyNX 2023.1 stores where the beam went']);
    expect([...scan.probe!]).toEqual([...probe(1), ...probe(2)]);
  });

  it('takes rows for positions where three of them could be read either way', async () => {
    const scan = await readScan(fixture('three'));
    expectPatterns(scan, 3);
    expectPositions(scan, BEAM.slice(0, 6));
  });

  it('of NeXus: every unit counts, and four dimensions are a scan', async () => {
    const scan = await readScan(fixture('nexus'));
    expectPatterns(scan);
    expectPositions(scan, BEAM);
    expectGeometry(scan);
    expect(scan.patterns).toBeInstanceOf(Uint32Array);
    expect([...scan.probe!]).toEqual(probe(1));
  });
});

it('.ptyd: chunks in the order of their numbers, keV, one size for square pixels, weights', async () => {
  const scan = await readScan(fixture('ptyd'));
  expectPatterns(scan);
  expectPositions(scan, BEAM);
  expectGeometry(scan, [1e-6, 2e-10 / (6 * 50e-6)]);
  expectMask(scan);
});

it('PtyLab: a transposed encoder, an orientation, and a pupil as the probe', async () => {
  const { scan, notes } = await readScanWithNotes(fixture('ptylab'));
  expectPatterns(scan, COUNT, (row, column) => [(ROWS - row) % ROWS, column]);
  expectPositions(scan, BEAM);
  expectGeometry(scan);
  expect(notes[1]).toBe("patterns turned as the file's orientation 2 says");
  // 2e-6 m across: one pixel up and down, two to the sides.
  const lit = [...scan.probe!.keys()].filter((i) => scan.probe![i] !== 0).map((i) => i / 2);
  expect(lit).toEqual([9, 13, 14, 15, 16, 17, 21]);
});

describe('.npy with positions', () => {
  const path = join(folder, 'patterns.npy');
  const image = Float32Array.from({ length: COUNT * 24 }, (_, i) => {
    const pixel = i % 24;
    return 100 * Math.floor(i / 24) + 10 * Math.floor(pixel / COLUMNS) + (pixel % COLUMNS);
  });
  writeFileSync(path, encodeNpy(image, [COUNT, ROWS, COLUMNS]));
  const text = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const geometry = { wavelength: 1e-10, distance: 2, detectorPixel: [50e-6, 75e-6] } as const;
  const pairs = Array.from({ length: COUNT }, (_, j) => [BEAM[2 * j], BEAM[2 * j + 1]]);

  it('takes pixels where no geometry is known', async () => {
    const scan = await readScan(path, { positions: text('p.csv', pairs.map((pair) => pair.join(',')).join('\n')) });
    expectPatterns(scan);
    expectPositions(scan, BEAM);
    expect(scan.pixel).toBeUndefined();
  });

  it('takes metres, or the unit that is named, where it is', async () => {
    const lines = pairs.map(([row, column]) => `${column * PIXEL[1] * 1e6};7;${row * PIXEL[0] * 1e6}`);
    const positions = text('um.csv', `# stage\nx [um];dwell;y [um]\n${lines.join('\r\n')}\n`);
    const scan = await readScan(path, { positions, ...geometry });
    expectPositions(scan, BEAM);
    expectGeometry(scan);
    const metres = Float64Array.from(BEAM, (place, i) => place * PIXEL[i % 2]);
    expectPositions(await readScan(path, { positions: metres, ...geometry }), BEAM);
  });

  it.each(['1.5;2.5;\n3;4;', '1.5\t2.5\n3\t4', '1.5,2.5\n3, 4', ' 1.5  2.5\n3 4'])('separates %j', (content) => {
    expect(parsePositions(content)).toEqual({ data: Float64Array.of(1.5, 2.5, 3, 4), unit: undefined });
  });

  it('refuses pixels and micrometres that were taken for metres, and says how to name a unit', async () => {
    const positions = text('named-not.csv', pairs.map((pair) => pair.join(',')).join('\n'));
    const error: unknown = await readScan(path, { positions, ...geometry }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as Error).message).toMatch(
      /^positions: the positions were taken for metres and reach over 8.00 × 8.00 m, .* as in row \[px\],column \[px\]/,
    );
    const named = text('pixels.csv', `row [px],column [px]\n${pairs.map((pair) => pair.join(',')).join('\n')}`);
    expectPositions(await readScan(path, { positions: named, ...geometry }), BEAM);
  });

  it('turns signs and the detector as it is told', async () => {
    const positions = Float64Array.from(BEAM);
    const scan = await readScan(path, { positions, positionsSign: [1, -1], orientation: [false, true, false] });
    expectPositions(
      scan,
      BEAM.map((place, i) => (i % 2 ? -place : place)),
    );
    expectPatterns(scan, COUNT, (row, column) => [(ROWS - row) % ROWS, column]);
  });

  it('reads a mask, whose zero frequency is in the middle too', async () => {
    const mask = join(folder, 'mask.npy');
    writeFileSync(
      mask,
      encodeNpy(
        Uint8Array.from({ length: 24 }, (_, i) => Number(i !== COLUMNS + 1)),
        [ROWS, COLUMNS],
      ),
    );
    expectMask(await readScan(path, { positions: Float64Array.from(BEAM), mask }));
  });

  it('refuses a mask of another shape, even if it has as many pixels', async () => {
    const mask = join(folder, 'turned-mask.npy');
    writeFileSync(mask, encodeNpy(new Uint8Array(24).fill(1), [COLUMNS, ROWS]));
    const reading = readScan(path, { positions: Float64Array.from(BEAM), mask });
    await expect(reading).rejects.toThrow('mask: it is 6 × 4, and the patterns are 4 × 6');
  });

  it.each([
    ['a,b\n1,2', 'its first line names no positions'],
    ['x,y\n1,two', 'line 2: got "two"; takes a number in column 2'],
    ['1 2\n3', 'line 2: got ""; takes a number in column 2'],
    ['x [inch],y [m]\n1,2', 'it has a column in inch'],
    ['x [px],y [m]\n1,2', 'one column in pixels, and one in metres'],
    ['# nothing', 'it has no positions'],
    ['0,1.5,2.5\n1,3.5,4.5', 'line 1: got 3 columns without names; takes two, row and column'],
    ['1,234;5,678\n2,5;3,25', 'line 1: got "1,234"; takes a number with a decimal point in column 1'],
    ['1,5\t2', 'line 1: got "1,5"; takes a number with a decimal point in column 1'],
  ])('refuses positions such as %j', (content, message) => {
    expect(() => parsePositions(content)).toThrow(message);
    expect(() => parsePositions(content)).toThrow(FileFormatError);
  });

  it.each([
    [{}, 'positions: an .npy file has none'],
    [{ positions: new Float64Array(8) }, 'it has 5 patterns, and there are 4 positions'],
    [{ positions: new Float64Array(3) }, 'positions: got a Float64Array of 3'],
    [{ positions: Float64Array.from(BEAM), positionsSign: [1, 2] }, 'positionsSign: got [1, 2]; takes two factors'],
    [{ position: '' }, "options: there is no 'position'"],
    [{ positions: Float64Array.from(BEAM), wavelength: 12.4 }, 'wavelength: got 12.4; takes metres, from 5e-13'],
    [{ positions: Float64Array.from(BEAM), distance: -2 }, 'distance: got -2; takes metres'],
    [{ positions: Float64Array.from(BEAM), distance: 2000 }, 'distance: got 2000; takes metres, from 0.000001 to 100'],
    [{ positions: Float64Array.from(BEAM), detectorPixel: 75 }, 'detectorPixel: got 75; takes metres'],
    [{ positions: Float64Array.from(BEAM), detectorPixel: [75e-6] }, 'detectorPixel: got [0.000075]; takes metres of'],
  ])('refuses %j', async (options, message) => {
    await expect(readScan(path, options as ReadScanOptions)).rejects.toThrow(message);
  });
});

describe('what a file says of itself', () => {
  const file = (change: Partial<FileScan>): FileScan => ({
    ...{ patterns: new Uint16Array(COUNT * 24).fill(1), shape: [ROWS, COLUMNS], notes: [] },
    ...{ wavelength: 1e-10, distance: 2, detectorPixel: [50e-6, 75e-6] },
    positions: Float64Array.from(BEAM, (place, i) => place * PIXEL[i % 2]),
    ...change,
  });

  it('positions that reach over kilometres are in another unit', () => {
    const wrong = file({ positions: Float64Array.from(BEAM) });
    expect(() => assemble(wrong, {})).toThrow(FileFormatError);
    expect(() => assemble(wrong, {})).toThrow(/^its positions were taken for metres and reach over 8.00 × 8.00 m/);
  });

  it.each([0, 10, NaN])('a beam of %d m is left out, which is noted', (beam) => {
    const { scan, notes } = assemble(file({ beam }), {});
    expect(scan.probe).toBeUndefined();
    expect(notes).toEqual([`the file's beam of ${beam} m is left out: it is no part of what a pattern sees`]);
    expect(assemble(file({ beam: 2e-6 }), {}).scan.probe).toBeDefined();
  });

  it('a wavelength goes before an energy, which is noted where it is that of other photons', async () => {
    const number = (value: number) => ({ data: Float64Array.of(value), extents: [] });
    const cxi = (energy: number) =>
      encodeHdf5({
        '/entry_1/instrument_1/source_1/wavelength': number(1e-10),
        '/entry_1/instrument_1/source_1/energy': number(energy),
        '/entry_1/instrument_1/detector_1/distance': number(2),
        '/entry_1/instrument_1/detector_1/x_pixel_size': number(75e-6),
        '/entry_1/instrument_1/detector_1/y_pixel_size': number(50e-6),
        '/entry_1/data_1/data': { data: new Uint16Array(2 * 24).fill(1), extents: [2, ROWS, COLUMNS] },
        '/entry_1/data_1/translation': { data: Float64Array.of(0, 0, 0, 1e-6, 0, 0), extents: [2, 3] },
      });
    const read = async (energy: number) => {
      writeFileSync(join(folder, 'energy.cxi'), cxi(energy));
      return readScanWithNotes(join(folder, 'energy.cxi'));
    };
    const { scan, notes } = await read(1e-15);
    expect(scan.wavelength).toBe(1e-10);
    expect(notes[1]).toBe(
      "the file's wavelength of 1e-10 m goes before its energy of 1e-15 J, which other photons have",
    );
    expect((await read(1.9865e-15)).notes).toHaveLength(1);
  });
});

describe('files that are refused', () => {
  it.each([
    ['bad-energy', 'energy of 12398 J'],
    ['bad-units', '/entry_1/instrument_1/detector_1/distance in inch'],
    ['bad-wavelength', 'it has a wavelength of 632.8 m; takes 5e-13 to 0.0001 m, and its unit may be another'],
    ['bad-pixel', "it has a detector's pixel of 75 m; takes 1e-8 to 0.01 m"],
    ['bad-ptyd-energy', 'energy of 1.98645e-12 J, which is 1.24e+4 keV'],
    ['bad-count', 'it has 5 patterns, and there are 4 positions'],
  ])('%s', async (name, message) => {
    const error: unknown = await readScan(fixture(name)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FileFormatError);
    expect((error as FileFormatError).path).toBe(fixture(name));
    expect((error as FileFormatError).message).toContain(message);
  });

  it('says what is missing of the geometry, and takes it from the caller', async () => {
    const error: unknown = await readScan(fixture('no-geometry')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as InvalidArgumentError).message).toMatch(/^wavelength: the file does not say it; takes metres/);
    const given = { wavelength: 1e-10, distance: 2, detectorPixel: [50e-6, 75e-6] } as const;
    expectPositions(await readScan(fixture('no-geometry'), given), BEAM);
  });

  it('that are cut off, wherever that is', async () => {
    const whole = readFileSync(fixture('pynx'));
    const path = join(folder, 'cut.h5');
    for (let length = 0; length < whole.length - 1; length += 997) {
      writeFileSync(path, whole.subarray(0, length));
      await expect(readScan(path), `${length} bytes`).rejects.toThrow(FileFormatError);
    }
  });

  it('that are images, or nothing', async () => {
    await expect(readScan(join(fixtures, 'gzip.h5'))).rejects.toThrow('no scan that is known; takes CXI');
    await expect(readScan(join(fixtures, 'grey8.png'))).rejects.toThrow('it is no scan; takes HDF5');
  });
});

it('decodeScan reads the same from bytes, anywhere', async () => {
  const bytes = readFileSync(fixture('cdtools'));
  expect(await decodeScan(bytes)).toEqual(await readScan(fixture('cdtools')));
  await expect(decodeScan(bytes, { pixel: 1 } as object)).rejects.toThrow(/^options: there is no 'pixel'; takes wave/);
  await expect(decodeScan('scan.cxi' as never)).rejects.toThrow(/^bytes: got "scan.cxi"; takes a Uint8Array/);
  await expect(decodeScan(Uint8Array.of(1, 2, 3))).rejects.toThrow(FileFormatError);
});
