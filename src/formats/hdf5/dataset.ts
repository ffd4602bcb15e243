/**
 * The numbers of a dataset: a block of it, whatever way it is stored. A virtual dataset is put together from datasets of
 * this file or of files beside it, so that both kinds read each other and stand together here.
 */
import { type Chunk, type ChunkMap, readChunkMap } from './chunks.js';
import { Cursor, UNDEFINED_ADDRESS, damaged, refused } from './cursor.js';
import { type Hdf5Object, type Library, messageOf, missing } from './file.js';
import { type Filter, checkFilters, readFilters, undoFilters } from './filters.js';
import { MessageType } from './header.js';
import { globalHeapObject, localHeapText } from './heaps.js';
import { type ElementType, type NumberType, type Storage, readExtents, readFill, readNumber } from './types.js';
import { readStorage, readText, readType, viewOf } from './types.js';

export interface Dataset {
  object: Hdf5Object;
  path: string;
  type: ElementType;
  extents: number[];
  /** The last extent is 2 and not in the file: each element there is a real and an imaginary part. */
  isComplex?: true;
}

/** What numbers are read into. */
export type Numbers = Float32Array | Float64Array | Uint8Array | Uint16Array | Uint32Array;

/** A block of a dataset: where it begins and how far it reaches, axis by axis. */
export interface Block {
  start: readonly number[];
  count: readonly number[];
}

export interface ReadOptions {
  /** The most bytes that one chunk may take when decompressed. */
  mostChunkBytes: number;
}

/** Bytes of decoded chunks that are kept. */
const MOST_KEPT = 2 ** 22;

/** Undefined for an object that is no dataset, or whose dataspace is empty. */
export function asDataset(object: Hdf5Object): Dataset | undefined {
  const [type, space] = [messageOf(object, MessageType.Datatype), messageOf(object, MessageType.Dataspace)];
  if (!type || !space || !messageOf(object, MessageType.DataLayout)) return undefined;
  const extents = readExtents(space.body);
  return extents && { object, path: object.path, type: readType(type.body), extents };
}

/** Complex numbers as twice as many real ones; undefined for a dataset of other things. */
export function asParts(dataset: Dataset): Dataset | undefined {
  const { type, extents } = dataset;
  if (type.kind !== 'other' || !type.parts) return undefined;
  return { ...dataset, type: type.parts, extents: [...extents, 2], isComplex: true };
}

/** The text of a dataset that is one; undefined for others. */
export function textOf({ object, type, extents }: Dataset): string | undefined {
  const { layout } = object.file;
  const storage = readStorage(messageOf(object, MessageType.DataLayout)!.body);
  if (extents.some((extent) => extent !== 1)) return undefined;
  if (storage.kind === 'compact') return readText(layout, type, storage.data);
  if (storage.kind !== 'contiguous') return undefined;
  return readText(layout, type, Cursor.atAddress(layout, storage.address).bytes(type.size));
}

/** What is kept between reading blocks of one dataset: where chunks are, and those decoded last. */
export class DatasetReader {
  readonly type: NumberType;
  readonly storage: Storage;
  readonly filters: Filter[];
  readonly #fill: number;
  readonly #read: (view: DataView, at: number) => number;
  #chunks: ChunkMap | undefined;
  readonly #decoded = new Map<number, Uint8Array>();
  #decodedBytes = 0;

  constructor(
    readonly dataset: Dataset,
    readonly options: ReadOptions,
  ) {
    const { object, type, path } = dataset;
    if (type.kind === 'other') throw refused(`holds ${type.what} in ${path}; takes real numbers`);
    this.type = type;
    this.storage = readStorage(messageOf(object, MessageType.DataLayout)!.body);
    const filters = messageOf(object, MessageType.Filters);
    this.filters = filters ? readFilters(filters.body) : [];
    checkFilters(this.filters, path);
    this.#read = readNumber(type);
    const message = messageOf(object, MessageType.Fill) ?? messageOf(object, MessageType.OldFill);
    const fill = message && readFill(message);
    this.#fill = fill && fill.length >= type.size ? this.#read(viewOf(fill), 0) : 0;
    this.#checkExternal();
    // Before anybody makes room for it.
    if (this.storage.kind === 'compact' || this.storage.kind === 'contiguous') this.#stored();
  }

  /** Whether a small file can claim many pixels: chunks may be missing, and what is compressed expands. */
  get expands(): boolean {
    return this.storage.kind === 'chunked' || this.storage.kind === 'virtual';
  }

  /**
   * Fills `out` with the block. `covered`, where given, is cleared for elements that no source of a virtual dataset has.
   * @throws FileFormatError, also when nothing of the block was ever written
   */
  read({ start, count }: Block, out: Numbers, covered?: Uint8Array): void {
    const { extents } = this.dataset;
    const { storage } = this;
    if (storage.kind === 'virtual') {
      out.fill(this.#fill);
      covered?.fill(0);
      readVirtual(this, storage, { start, count }, out, covered);
      return;
    }
    if (storage.kind === 'chunked') {
      this.#readChunks(storage, { start, count }, out);
      return;
    }
    const stored = this.#stored();
    this.#copy(stored, extents, start, out, count, count.map(() => 0), count); // prettier-ignore
  }

  /** All bytes of a dataset without chunks. */
  #stored(): Uint8Array {
    const { extents, path, object } = this.dataset;
    const { storage } = this;
    const bytes = extents.reduce((product, extent) => product * extent, this.type.size);
    if (storage.kind === 'compact') {
      if (storage.data.length < bytes) throw damaged(`holds less in ${path} than it says`);
      return storage.data;
    }
    if (storage.kind !== 'contiguous' || storage.address === UNDEFINED_ADDRESS) throw neverWritten(path);
    const { layout } = object.file;
    const at = layout.base + storage.address;
    if (at + bytes > layout.bytes.length) {
      throw damaged(`says ${extents.join(' × ')} in ${path}, which its ${layout.bytes.length} bytes cannot hold`);
    }
    return layout.bytes.subarray(at, at + bytes);
  }

  #readChunks(storage: Extract<Storage, { kind: 'chunked' }>, { start, count }: Block, out: Numbers): void {
    const { extents, path, object, isComplex } = this.dataset;
    const chunk = isComplex ? [...storage.chunk, 2] : storage.chunk;
    if (chunk.length !== extents.length || chunk.some((extent) => extent < 1)) throw damaged('has impossible chunks');
    const chunkBytes = chunk.reduce((product, extent) => product * extent, this.type.size);
    if (chunkBytes > this.options.mostChunkBytes) {
      throw refused(
        `has chunks of ${chunkBytes} bytes in ${path}, which is more than is taken from a file of its size`,
      );
    }
    const stored = isComplex ? extents.slice(0, -1) : extents;
    this.#chunks ??= readChunkMap(object.file.layout, storage, stored, chunkBytes, this.filters.length > 0);
    const grid = extents.map((extent, axis) => Math.ceil(extent / chunk[axis]));
    const first = start.map((from, axis) => Math.floor(from / chunk[axis]));
    const last = start.map((from, axis) => Math.floor((from + count[axis] - 1) / chunk[axis]));
    const touched: [coordinates: number[], found: Chunk][] = [];
    let wanted = 0;
    for (const [number, found] of this.#chunks) {
      const coordinates = new Array<number>(grid.length);
      for (let axis = grid.length - 1, rest = number; axis >= 0; axis--) {
        coordinates[axis] = rest % grid[axis];
        rest = Math.floor(rest / grid[axis]);
      }
      if (coordinates.every((at, axis) => at >= first[axis] && at <= last[axis])) touched.push([coordinates, found]);
    }
    if (touched.length === 0) throw neverWritten(path, this.#chunks.size > 0 ? start : undefined);
    wanted = first.reduce((product, from, axis) => product * (last[axis] - from + 1), 1);
    if (touched.length < wanted) out.fill(this.#fill);
    for (const [coordinates, found] of touched) {
      const origin = coordinates.map((at, axis) => at * chunk[axis]);
      const from = origin.map((at, axis) => Math.max(at, start[axis]));
      const until = origin.map((at, axis) => Math.min(at + chunk[axis], start[axis] + count[axis]));
      const over = origin.some((at, axis) => at + chunk[axis] > extents[axis]);
      this.#copy(
        this.#decode(found, chunkBytes, storage.plainEdges && over),
        chunk,
        from.map((at, axis) => at - origin[axis]),
        out,
        count,
        from.map((at, axis) => at - start[axis]),
        until.map((at, axis) => at - from[axis]),
      );
    }
  }

  #decode({ address, size, filterMask }: Chunk, chunkBytes: number, plain: boolean): Uint8Array {
    const kept = this.#decoded.get(address);
    if (kept) return kept;
    const stored = Cursor.atAddress(this.dataset.object.file.layout, address, size).bytes(size);
    // Frames of one chunk are often read one after the other.
    if (this.#decodedBytes + chunkBytes > MOST_KEPT) {
      this.#decoded.clear();
      this.#decodedBytes = 0;
    }
    const decoded = undoFilters(stored, plain ? [] : this.filters, filterMask, chunkBytes);
    if (this.filters.length > 0 && chunkBytes <= MOST_KEPT) {
      this.#decoded.set(address, decoded);
      this.#decodedBytes += chunkBytes;
    }
    return decoded;
  }

  /** Copies a block of `count` elements from bytes of shape `from` to numbers of shape `to`. */
  #copy(
    bytes: Uint8Array,
    from: readonly number[],
    fromStart: readonly number[],
    out: Numbers,
    to: readonly number[],
    toStart: readonly number[],
    count: readonly number[],
  ): void {
    const view = viewOf(bytes);
    const { size } = this.type;
    const read = this.#read;
    const rank = count.length;
    if (rank === 0) {
      out[0] = read(view, 0);
      return;
    }
    const along = (axis: number, source: number, target: number): void => {
      const here = (source * from[axis] + fromStart[axis]) * (axis === rank - 1 ? size : 1);
      const there = target * to[axis] + toStart[axis];
      if (axis === rank - 1) {
        for (let i = 0, at = here; i < count[axis]; i++, at += size) out[there + i] = read(view, at);
        return;
      }
      for (let i = 0; i < count[axis]; i++) along(axis + 1, here + i, there + i);
    };
    along(0, 0, 0);
  }

  #checkExternal(): void {
    const message = messageOf(this.dataset.object, MessageType.ExternalStorage);
    if (!message) return;
    const { body } = message;
    const { layout } = body;
    body.advance(6);
    const used = body.u16();
    const heap = body.address();
    const names = Array.from({ length: Math.min(used, 5) }, () => {
      const name = localHeapText(layout, heap, body.length());
      body.advance(2 * layout.lengthSize);
      return name;
    });
    throw refused(`keeps the numbers of ${this.dataset.path} in other files, which are not read: ${names.join(', ')}`);
  }
}

function neverWritten(path: string, start?: readonly number[]) {
  const where = start ? `the part of ${path} that begins at [${start.join(', ')}]` : path;
  return refused(`has no numbers in ${where}: it was made, and never written`);
}

// ---- virtual datasets ----

/** The coordinates that a selection takes of each axis; undefined for all of them. */
type Selection = ((extents: readonly number[]) => number[][]) | undefined;

interface Mapping {
  file: string;
  dataset: string;
  source: Selection;
  /** The coordinates of its place, axis by axis. */
  target: number[][];
  /** Made when it is first needed, and kept, because frames are read one after the other. */
  reader?: DatasetReader;
  sourceAxes?: number[][];
}

/** The parts of the virtual datasets that were read. */
const KNOWN = new WeakMap<DatasetReader, Mapping[]>();

/** Virtual datasets refer to virtual ones at most this deep. */
const DEEPEST = 8;

function readVirtual(
  reader: DatasetReader,
  { address, index }: { address: number; index: number },
  block: Block,
  out: Numbers,
  covered: Uint8Array | undefined,
): void {
  const { object, path } = reader.dataset;
  const { file } = object;
  const { library } = file;
  const mappings = KNOWN.get(reader) ?? readMappings(globalHeapObject(file.layout, address, index), reader);
  KNOWN.set(reader, mappings);
  const needed = mappings.filter((mapping) => touches(mapping, block));
  library.request(needed.map(({ file: name }) => name).filter((name) => name !== '.'));
  const absent = needed.map(({ file: name }) => name).filter((name) => name !== '.' && !library.file(name));
  if (absent.length > 0) throw missing(path, [...new Set(absent)]);
  if (needed.length === 0) throw refused(`is virtual in ${path}, and no file holds the part that was asked for`);
  if (library.depth >= DEEPEST) throw refused(`has a virtual dataset that refers to itself: ${path}`);
  library.depth++;
  try {
    for (const mapping of needed) {
      if (library.virtualReads++ > MOST_READS) throw refused(`has too many parts of virtual datasets: ${path}`);
      mapping.reader ??= sourceReader(reader, mapping);
      mapping.sourceAxes ??= coordinates(mapping.source, mapping.reader.dataset.extents, library);
      copyMapped(mapping.reader, mapping, block, out, covered);
    }
  } finally {
    library.depth--;
  }
}

/** All parts of all virtual datasets that one image may be put together from. */
const MOST_READS = 100_000;

/** Rows and columns of all parts together: a thousand detectors of 4000 × 4000 pixels. */
const MOST_COORDINATES = 2 ** 23;

function sourceReader({ dataset, options }: DatasetReader, mapping: Mapping): DatasetReader {
  const { file, library } = { file: dataset.object.file, library: dataset.object.file.library };
  const origin = mapping.file === '.' ? file : library.file(mapping.file)!;
  const found = origin.find(mapping.dataset);
  const source = found && asDataset(found);
  if (!source) throw refused(`is virtual in ${dataset.path}: ${mapping.file} has no dataset ${mapping.dataset}`);
  return new DatasetReader(source, options);
}

function touches({ target }: Mapping, { start, count }: Block): boolean {
  return target.every((axis, at) =>
    axis.some((coordinate) => coordinate >= start[at] && coordinate < start[at] + count[at]),
  );
}

function coordinates(selection: Selection, extents: readonly number[], library: Library): number[][] {
  if (extents.some((extent) => extent > 2 ** 24))
    throw refused('has a virtual dataset of more than 2^24 rows or columns');
  const lists = selection ? selection(extents) : extents.map((extent) => Array.from({ length: extent }, (_, i) => i));
  if (lists.length !== extents.length) throw damaged('has a selection of another rank than its dataset');
  library.coordinates += lists.reduce((sum, list) => sum + list.length, 0);
  if (library.coordinates > MOST_COORDINATES) throw refused('has more parts of virtual datasets than are read');
  return lists;
}

/** Axis by axis: the n-th coordinate of the target comes from the n-th of the source. Axes of extent 1 are left out. */
function copyMapped(
  source: DatasetReader,
  mapping: Mapping,
  { start, count }: Block,
  out: Numbers,
  covered: Uint8Array | undefined,
): void {
  const sourceAxes = mapping.sourceAxes!;
  const targetAxes = mapping.target;
  const longSource = axesLongerThanOne(sourceAxes);
  const longTarget = axesLongerThanOne(targetAxes);
  const shared = longTarget.map((axis, i) => Math.min(targetAxes[axis].length, sourceAxes[longSource[i]]?.length ?? 0));
  if (longSource.length !== longTarget.length || shared.some((length) => length < 1)) {
    throw refused(`is virtual in a way that is not read: ${mapping.dataset} has another shape than its place`);
  }
  // Where in the axis' list the wanted coordinates are, and where in the block they go.
  const wanted = targetAxes.map((axis, at) =>
    axis.flatMap((coordinate, nth) =>
      coordinate >= start[at] && coordinate < start[at] + count[at] ? [{ nth, to: coordinate - start[at] }] : [],
    ),
  );
  longTarget.forEach((axis, i) => (wanted[axis] = wanted[axis].filter(({ nth }) => nth < shared[i])));
  if (wanted.some((axis) => axis.length === 0)) return;
  const from = sourceAxes.map((axis, at) => {
    const i = longSource.indexOf(at);
    if (i < 0) return { first: axis[0], last: axis[0] };
    const nths = wanted[longTarget[i]].map(({ nth }) => axis[nth]);
    return { first: nths[0], last: nths[nths.length - 1] };
  });
  const block = { start: from.map(({ first }) => first), count: from.map(({ first, last }) => last - first + 1) };
  const size = block.count.reduce((product, extent) => product * extent, 1);
  if (size > 4 * out.length + 65536) throw refused('is virtual with sources too far apart to be read');
  const numbers = new Float64Array(size);
  const sourceCovered = new Uint8Array(size).fill(1);
  source.read(block, numbers, sourceCovered);

  const strides = (shape: readonly number[]): number[] =>
    shape.map((_, axis) => shape.slice(axis + 1).reduce((product, extent) => product * extent, 1));
  const [outStrides, inStrides] = [strides(count), strides(block.count)];
  const along = (axis: number, to: number, at: number): void => {
    if (axis === wanted.length) {
      out[to] = numbers[at];
      if (covered) covered[to] = sourceCovered[at];
      return;
    }
    const sourceAxis = longSource[longTarget.indexOf(axis)];
    for (const { nth, to: place } of wanted[axis]) {
      const step =
        sourceAxis === undefined ? 0 : (sourceAxes[sourceAxis][nth] - block.start[sourceAxis]) * inStrides[sourceAxis];
      along(axis + 1, to + place * outStrides[axis], at + step);
    }
  };
  along(0, 0, 0);
}

const axesLongerThanOne = (axes: readonly number[][]): number[] =>
  axes.flatMap((axis, index) => (axis.length > 1 ? [index] : []));

function readMappings(bytes: Uint8Array, reader: DatasetReader): Mapping[] {
  const { layout } = reader.dataset.object.file;
  const at = bytes.byteOffset - layout.bytes.byteOffset;
  const cursor = new Cursor(layout, at, at + bytes.length);
  const version = cursor.u8();
  if (version > 1) throw refused(`has a virtual dataset of version ${version}; takes 0 and 1`);
  const count = cursor.length();
  if (count > bytes.length / 16) throw damaged('has more parts of a virtual dataset than it holds');
  const files: string[] = [];
  const datasets: string[] = [];
  // Version 1 writes a name once, and then where it stood first.
  const name = (known: string[], shared: boolean): string => {
    const text = shared ? known[cursor.length()] : cursor.text();
    if (text === undefined) throw damaged('has a part of a virtual dataset without a name');
    known.push(text);
    return text;
  };
  return Array.from({ length: count }, () => {
    const flags = version === 0 ? 0 : cursor.u8();
    const isHere = (flags & SAME_FILE) !== 0;
    const file = isHere ? '.' : name(files, (flags & SHARED_FILE) !== 0);
    if (isHere) files.push(file);
    const dataset = name(datasets, (flags & SHARED_DATASET) !== 0);
    const [source, target] = [readSelection(cursor), readSelection(cursor)];
    if (/%b/.test(file + dataset)) {
      throw refused(
        `is virtual in ${reader.dataset.path}, over a series of files ${file}, which is not read: give one`,
      );
    }
    return {
      file,
      dataset,
      source,
      target: coordinates(target, reader.dataset.extents, reader.dataset.object.file.library),
    };
  });
}

/** The same of one part that is given block by block, as older files give strips. */
const MOST_IN_BLOCKS = 2 ** 21;

const [SHARED_FILE, SHARED_DATASET, SAME_FILE] = [1, 2, 4];

const [NONE, HYPERSLABS, ALL] = [0, 2, 3];

/** A selection as HDF5 writes it into files: everything, or one regular grid of blocks. */
function readSelection(cursor: Cursor): Selection {
  const type = cursor.u32();
  const version = cursor.u32();
  if (type === ALL || type === NONE) {
    cursor.advance(8);
    return type === ALL ? undefined : (extents) => extents.map(() => []);
  }
  if (type !== HYPERSLABS || version < 1 || version > 3) {
    throw refused('has a virtual dataset of single points, which is not read');
  }
  const flags = version >= 2 ? cursor.u8() : 0;
  const width = version === 3 ? cursor.u8() : version === 2 ? 8 : 4;
  if (version <= 2) cursor.advance(version === 1 ? 8 : 4);
  const rank = cursor.u32();
  if (rank > 32 || ![2, 4, 8].includes(width)) throw damaged('has an impossible selection');
  const unlimited = (): number => (width === 8 ? unlimitedOr(cursor) : cursor.unsigned(width));
  if (flags & 1) {
    const axes = Array.from({ length: rank }, () => ({
      ...{ start: cursor.unsigned(width), stride: cursor.unsigned(width) },
      ...{ count: unlimited(), block: unlimited() },
    }));
    return (extents) =>
      axes.map(({ start, stride, count, block }, axis) => {
        const list: number[] = [];
        if (count > 1 && stride < Math.max(1, block)) throw damaged('has a selection whose blocks overlap');
        for (let i = 0, at = start; i < count && at < extents[axis] && block > 0; i++, at += stride) {
          for (let j = 0; j < block && at + j < extents[axis]; j++) list.push(at + j);
        }
        return list;
      });
  }
  const blocks = cursor.unsigned(width);
  if (blocks * rank * 2 * width > cursor.end - cursor.at) throw damaged('has an impossible selection');
  const corners = Array.from({ length: blocks }, () => ({
    first: Array.from({ length: rank }, () => cursor.unsigned(width)),
    last: Array.from({ length: rank }, () => cursor.unsigned(width)),
  }));
  return (extents) => productOf(corners, extents);
}

/** Blocks one by one, which together must be all combinations of some rows and some columns. */
function productOf(
  corners: readonly { first: readonly number[]; last: readonly number[] }[],
  extents: readonly number[],
): number[][] {
  const lists = extents.map(() => new Set<number>());
  let [elements, added] = [0, 0];
  for (const { first, last } of corners) {
    let inBlock = 1;
    lists.forEach((list, axis) => {
      if (first[axis] > last[axis] || last[axis] >= extents[axis]) throw damaged('has an impossible selection');
      inBlock *= last[axis] - first[axis] + 1;
      added += last[axis] - first[axis] + 1;
      if (added > MOST_IN_BLOCKS) throw refused('has more parts of virtual datasets than are read');
      for (let at = first[axis]; at <= last[axis]; at++) list.add(at);
    });
    elements += inBlock;
  }
  if (lists.reduce((product, list) => product * list.size, 1) !== elements) {
    throw refused('has a virtual dataset of irregular parts, which is not read');
  }
  return lists.map((list) => [...list].sort((a, b) => a - b));
}

function unlimitedOr(cursor: Cursor): number {
  const bytes = cursor.bytes(8);
  if (bytes.every((byte) => byte === 0xff)) return Infinity;
  cursor.at -= 8;
  return cursor.unsigned(8);
}
