/**
 * HDF5, and the formats made of it: CXI, NeXus, MATLAB 7.3. A reader of our own, on bytes alone: nothing in a file can make
 * it write outside its arrays or go on without end, it keeps no state between files, and it sees chunks before their
 * filters. After the HDF5 File Format Specification, version 3.0.
 */
import { FileFormatError } from '../../errors.js';
import type { RealArray, Shape } from '../../types.js';
import { type Image, checkSize } from '../image.js';
import { type DecodeOptions, type FrameRange, chooseFrames, combineFrames } from '../options.js';
import { type Axes, type Mask, asMask, axesOf, chooseMask, choosePattern, datasetAt, findMasks } from './choose.js';
import { refused } from './cursor.js';
import { type Dataset, DatasetReader } from './dataset.js';
import { type Hdf5File, Library, NeedsFiles } from './file.js';
import { findSignature } from './header.js';

export function isHdf5(bytes: Uint8Array): boolean {
  return findSignature(bytes) !== undefined;
}

/** The most files beside the first that are opened. */
const MOST_ROUNDS = 1000;

/** @throws FileFormatError */
export function decodeHdf5(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  return readHdf5(bytes, options, (file) => readFile(file, bytes.length, options));
}

/**
 * Lets `read` read a file, again from the beginning whenever it needs another file beside it.
 * @throws FileFormatError
 */
export async function readHdf5<Result>(
  bytes: Uint8Array,
  options: Pick<DecodeOptions, 'sources'>,
  read: (file: Hdf5File) => Result,
): Promise<Result> {
  const library = new Library();
  library.add('', bytes);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    try {
      return read(library.file('')!);
    } catch (error) {
      if (error instanceof RangeError) throw refused('is nested too deeply, or needs more memory than there is');
      if (!(error instanceof NeedsFiles)) throw error;
      for (const name of error.names) addSource(library, name, await loadSource(name, options));
    }
  }
  throw refused('refers to too many other files');
}

/** A file beside this one; names that lead elsewhere are not followed. */
async function loadSource(name: string, { sources }: Pick<DecodeOptions, 'sources'>): Promise<Uint8Array | undefined> {
  const bytes = await sources?.(name);
  return bytes && isHdf5(bytes) ? bytes : undefined;
}

function addSource(library: Library, name: string, bytes: Uint8Array | undefined): void {
  try {
    library.add(name, bytes);
  } catch (error) {
    if (error instanceof FileFormatError) throw refused(`refers to ${name}, which cannot be read: ${error.message}`);
    throw error;
  }
}

function readFile(file: Hdf5File, fileBytes: number, options: DecodeOptions): Image {
  if (options.as === 'mask') {
    const mask = options.dataset === undefined ? chooseMask(file) : asMask(file, datasetAt(file, options.dataset));
    const { data, shape } = readDataset(mask.dataset, fileBytes, options);
    return { data: Float32Array.from(measured(mask, data)), shape, dataset: mask.dataset.path };
  }
  const dataset = options.dataset === undefined ? choosePattern(file) : datasetAt(file, options.dataset);
  const { data, shape, frames, covered } = readDataset(dataset, fileBytes, options);
  const [found] = findMasks(file, dataset);
  const mask =
    found && found.dataset.object !== dataset.object ? readMask(found, frames, fileBytes, options) : undefined;
  const both = mask && covered ? mask.map((value, at) => value & covered[at]) : (mask ?? covered);
  return {
    ...{ data, shape, dataset: dataset.path },
    ...(both && { mask: both }),
    ...(mask && { maskDataset: found.dataset.path }),
  };
}

/** A mask for every frame is bad where that of any frame used is. */
function readMask(mask: Mask, range: FrameRange, fileBytes: number, options: DecodeOptions): Uint8Array {
  const reader = new FrameReader(mask.dataset, fileBytes, options);
  const frames =
    reader.count === 1 ? { from: 0, until: 1 } : { from: range.from, until: Math.min(range.until, reader.count) };
  let all: Uint8Array | undefined;
  for (let frame = frames.from; frame < frames.until; frame++) {
    const good = measured(mask, reader.read(frame));
    all = all ? all.map((value, at) => value & good[at]) : good;
  }
  return all ?? new Uint8Array(reader.shape[0] * reader.shape[1]).fill(1);
}

/** 1 where a pixel was measured. */
function measured({ zeroIsGood, harmlessBits }: Mask, data: RealArray): Uint8Array {
  const good = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    good[i] = zeroIsGood
      ? Number((data[i] & ~harmlessBits) === 0 && Math.abs(data[i]) < 2 ** 32)
      : Number(data[i] !== 0);
  }
  return good;
}

function readDataset(dataset: Dataset, fileBytes: number, options: DecodeOptions) {
  const reader = new FrameReader(dataset, fileBytes, options);
  const [rows, columns] = reader.shape;
  const frames = chooseFrames(
    options,
    reader.count,
    'hdf5',
    () => `the HDF5 file's ${dataset.path} (${reader.count} × ${rows} × ${columns})`,
  );
  const data = combineFrames(frames, (frame) => reader.read(frame));
  return { data, shape: reader.shape, frames, covered: reader.uncovered };
}

class FrameReader {
  readonly count: number;
  readonly shape: Shape;
  readonly #reader: DatasetReader;
  readonly #axes: Axes;
  #covered: Uint8Array | undefined;

  constructor(
    readonly dataset: Dataset,
    fileBytes: number,
    options: DecodeOptions,
  ) {
    const { extents, path } = dataset;
    const axes = axesOf(dataset);
    const mostChunkBytes = Math.max(24 * 2 ** 20 + 8 * fileBytes, 8 * (options.maxPixels ?? 0));
    this.#reader = new DatasetReader(dataset, { mostChunkBytes });
    if (!axes) throw refused(`has ${extents.length} dimensions (${extents.join(' × ')}) in ${path}; an image has 2`);
    this.#axes = axes;
    this.count = axes.frames.reduce((product, axis) => product * extents[axis], 1);
    this.shape = axes.transposed
      ? [extents[axes.columns], extents[axes.rows]]
      : [extents[axes.rows], extents[axes.columns]];
    // Half as much again for chunks.
    const pixelBytes = this.#isNarrow ? 6 : 12;
    checkSize('hdf5', this.shape, { ...options, ...(this.#reader.expands && { fileBytes, pixelBytes }) });
  }

  /** 1 where a source of a virtual dataset holds the pixel; undefined where all do. */
  get uncovered(): Uint8Array | undefined {
    return this.#covered?.includes(0) ? this.#covered : undefined;
  }

  get #isNarrow(): boolean {
    const { kind, size } = this.#reader.type;
    return kind === 'float' ? size <= 4 : size <= 2;
  }

  read(frame: number): RealArray {
    const { extents } = this.dataset;
    const { rows, columns, frames, transposed } = this.#axes;
    const start = extents.map(() => 0);
    const count = extents.map(() => 1);
    [count[rows], count[columns]] = [extents[rows], extents[columns]];
    for (let at = frames.length - 1, rest = frame; at >= 0; at--) {
      start[frames[at]] = rest % extents[frames[at]];
      rest = Math.floor(rest / extents[frames[at]]);
    }
    const pixels = extents[rows] * extents[columns];
    const data = this.#isNarrow ? new Float32Array(pixels) : new Float64Array(pixels);
    const covered = this.#reader.storage.kind === 'virtual' ? new Uint8Array(pixels) : undefined;
    this.#reader.read({ start, count }, data, covered);
    if (covered) {
      const turned = transposed ? transpose(covered, extents[rows], extents[columns]) : covered;
      this.#covered = this.#covered?.map((value, at) => value & turned[at]) ?? turned;
    }
    return transposed ? transpose(data, extents[rows], extents[columns]) : data;
  }
}

function transpose<Numbers extends RealArray | Uint8Array>(data: Numbers, rows: number, columns: number): Numbers {
  const turned = data.slice() as Numbers;
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) turned[column * rows + row] = data[at];
  }
  return turned;
}
