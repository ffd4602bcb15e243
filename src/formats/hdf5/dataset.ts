/** The numbers of a dataset: a block of it, whatever way it is stored. */
import type { RealArray } from '../../types.js';
import { type Chunk, type ChunkMap, readChunkMap } from './chunks.js';
import { Cursor, UNDEFINED_ADDRESS, damaged, refused } from './cursor.js';
import { type Hdf5Object, messageOf } from './file.js';
import { type Filter, checkFilters, readFilters, undoFilters } from './filters.js';
import { MessageType } from './header.js';
import { localHeapText } from './heaps.js';
import { type ElementType, type NumberType, type Storage, readExtents, readFill, readNumber } from './types.js';
import { readStorage, readType, viewOf } from './types.js';
import { readVirtual } from './virtual.js';

export interface Dataset {
  object: Hdf5Object;
  path: string;
  type: ElementType;
  extents: number[];
}

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
  read({ start, count }: Block, out: RealArray, covered?: Uint8Array): void {
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

  #readChunks(storage: Extract<Storage, { kind: 'chunked' }>, { start, count }: Block, out: RealArray): void {
    const { extents, path, object } = this.dataset;
    const { chunk } = storage;
    if (chunk.length !== extents.length || chunk.some((extent) => extent < 1)) throw damaged('has impossible chunks');
    const chunkBytes = chunk.reduce((product, extent) => product * extent, this.type.size);
    if (chunkBytes > this.options.mostChunkBytes) {
      throw refused(
        `has chunks of ${chunkBytes} bytes in ${path}, which is more than is taken from a file of its size`,
      );
    }
    this.#chunks ??= readChunkMap(object.file.layout, storage, extents, chunkBytes, this.filters.length > 0);
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
    out: RealArray,
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
    body.skip(6);
    const used = body.u16();
    const heap = body.address();
    const names = Array.from({ length: Math.min(used, 5) }, () => {
      const name = localHeapText(layout, heap, body.length());
      body.skip(2 * layout.lengthSize);
      return name;
    });
    throw refused(`keeps the numbers of ${this.dataset.path} in other files, which are not read: ${names.join(', ')}`);
  }
}

function neverWritten(path: string, start?: readonly number[]) {
  const where = start ? `the part of ${path} that begins at [${start.join(', ')}]` : path;
  return refused(`has no numbers in ${where}: it was made, and never written`);
}
