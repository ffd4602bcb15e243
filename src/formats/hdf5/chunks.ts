/** The index of a chunked dataset: where each chunk is, how many bytes it takes, and which filters it went through. */
import { Cursor, type Layout, UNDEFINED_ADDRESS, damaged } from './cursor.js';
import { walkTree1, walkTree2 } from './btree.js';
import type { Storage } from './types.js';

export interface Chunk {
  address: number;
  size: number;
  /** Bit n is set where filter n was left out. */
  filterMask: number;
}

/** The key is a chunk's number, its place in the grid of chunks, row-major. */
export type ChunkMap = Map<number, Chunk>;

type Chunked = Extract<Storage, { kind: 'chunked' }>;

/** Finds all chunks that were written. `bytes` is the size of a whole chunk, `filtered` whether any filter applies. */
export function readChunkMap(
  layout: Layout,
  storage: Chunked,
  extents: readonly number[],
  bytes: number,
  filtered: boolean,
): ChunkMap {
  const grid = extents.map((extent, axis) => Math.ceil(extent / storage.chunk[axis]));
  const chunks: ChunkMap = new Map();
  let stored = 0;
  const add = (number: number, chunk: Chunk): void => {
    if (chunk.address === UNDEFINED_ADDRESS || chunks.has(number)) return;
    stored += chunk.size;
    // Chunks that overlap could make a small file decompress the same bytes again and again.
    if (stored > layout.bytes.length) throw damaged('has chunks that overlap');
    chunks.set(number, chunk);
  };
  const numberOf = (coordinates: readonly number[]): number | undefined => {
    let number = 0;
    for (let axis = 0; axis < grid.length; axis++) {
      if (coordinates[axis] >= grid[axis]) return undefined;
      number = number * grid[axis] + coordinates[axis];
    }
    return number;
  };
  const { address, index } = storage;
  if (address === UNDEFINED_ADDRESS) return chunks;
  switch (index.kind) {
    case 'single':
      add(0, { address, size: index.size ?? bytes, filterMask: index.filterMask });
      break;
    case 'implicit': {
      const count = grid.reduce((product, extent) => product * extent, 1);
      if (count * bytes > layout.bytes.length) throw damaged('has more chunks than it holds');
      for (let number = 0; number < count; number++) {
        add(number, { address: address + number * bytes, size: bytes, filterMask: 0 });
      }
      break;
    }
    case 'tree1':
      walkTree1(
        layout,
        address,
        1,
        (cursor) => {
          const size = cursor.u32();
          const filterMask = cursor.u32();
          const coordinates = storage.chunk.map((extent) => Math.floor(cursor.unsigned(8) / extent));
          cursor.advance(8);
          return { size, filterMask, coordinates };
        },
        ({ size, filterMask, coordinates }, child) => {
          const number = numberOf(coordinates);
          if (number !== undefined) add(number, { address: child, size, filterMask });
        },
      );
      break;
    case 'tree2':
      walkTree2(layout, address, (record, size) => {
        const child = record.address();
        const sizeBytes = size - layout.offsetSize - 4 - 8 * grid.length;
        const own = filtered ? record.unsigned(sizeBytes) : bytes;
        const filterMask = filtered ? record.u32() : 0;
        const number = numberOf(grid.map(() => record.unsigned(8)));
        if (number !== undefined) add(number, { address: child, size: own, filterMask });
      });
      break;
    case 'fixed-array':
      readFixedArray(layout, address, bytes, add);
      break;
    case 'extensible-array':
      readExtensibleArray(layout, address, bytes, add);
  }
  return chunks;
}

type Add = (number: number, chunk: Chunk) => void;

/** Reads an element of an array of chunks, which is filtered or not. */
function elementReader(layout: Layout, client: number, elementSize: number, bytes: number): (at: Cursor) => Chunk {
  const sizeBytes = elementSize - layout.offsetSize - 4;
  if (client > 1 || elementSize < layout.offsetSize || (client === 1 && (sizeBytes < 1 || sizeBytes > 8))) {
    throw damaged('has an impossible index of chunks');
  }
  return (cursor) =>
    client === 1
      ? { address: cursor.address(), size: cursor.unsigned(sizeBytes), filterMask: cursor.u32() }
      : { address: cursor.address(), size: bytes, filterMask: 0 };
}

function readFixedArray(layout: Layout, address: number, bytes: number, add: Add): void {
  const head = Cursor.atAddress(layout, address);
  const start = head.at;
  head.signature('FAHD');
  head.advance(1);
  const [client, elementSize, pageBits] = [head.u8(), head.u8(), head.u8()];
  const count = head.length();
  const block = head.address();
  head.checksum(start);
  if (block === UNDEFINED_ADDRESS) return;
  const read = elementReader(layout, client, elementSize, bytes);
  const cursor = Cursor.atAddress(layout, block);
  const begin = cursor.at;
  cursor.signature('FADB');
  cursor.advance(2 + layout.offsetSize);
  const page = 2 ** pageBits;
  if (count <= page) {
    for (let number = 0; number < count; number++) add(number, read(cursor));
    cursor.checksum(begin);
    return;
  }
  const pages = Math.ceil(count / page);
  const written = cursor.bytes(Math.ceil(pages / 8));
  cursor.checksum(begin);
  for (let index = 0; index < pages; index++) {
    const here = Math.min(page, count - index * page);
    if (written[index >> 3] & (0x80 >> (index & 7))) {
      const first = cursor.at;
      for (let i = 0; i < here; i++) add(index * page + i, read(cursor));
      cursor.checksum(first);
    } else cursor.advance(here * elementSize + 4);
  }
}

function readExtensibleArray(layout: Layout, address: number, bytes: number, add: Add): void {
  const head = Cursor.atAddress(layout, address);
  const start = head.at;
  head.signature('EAHD');
  head.advance(1);
  const [client, elementSize, mostBits, inIndex, leastInBlock, leastPointers, pageBits] = [
    ...[head.u8(), head.u8(), head.u8(), head.u8()],
    ...[head.u8(), head.u8(), head.u8()],
  ];
  for (let i = 0; i < 4; i++) head.length();
  const count = head.length();
  head.length();
  const indexBlock = head.address();
  head.checksum(start);
  if (indexBlock === UNDEFINED_ADDRESS) return;
  const power = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value));
  if (mostBits > 64 || !power(leastInBlock) || !power(leastPointers))
    throw damaged('has an impossible index of chunks');
  const read = elementReader(layout, client, elementSize, bytes);
  const offsetBytes = Math.ceil(mostBits / 8);
  const page = 2 ** pageBits;
  let number = 0;
  const readElements = (cursor: Cursor, elements: number): void => {
    for (let i = 0; i < elements; i++, number++) {
      const chunk = read(cursor);
      if (number < count) add(number, chunk);
    }
  };

  const readDataBlock = (block: number, elements: number, pagesWritten?: (page: number) => boolean): void => {
    if (block === UNDEFINED_ADDRESS) {
      number += elements;
      return;
    }
    const cursor = Cursor.atAddress(layout, block);
    const begin = cursor.at;
    cursor.signature('EADB');
    cursor.advance(2 + layout.offsetSize + offsetBytes);
    if (elements <= page) {
      readElements(cursor, elements);
      cursor.checksum(begin);
      return;
    }
    cursor.checksum(begin);
    for (let index = 0; index < elements / page; index++) {
      const first = cursor.at;
      if (pagesWritten?.(index)) {
        readElements(cursor, page);
        cursor.checksum(first);
      } else {
        cursor.advance(page * elementSize + 4);
        number += page;
      }
    }
  };

  const cursor = Cursor.atAddress(layout, indexBlock);
  const begin = cursor.at;
  cursor.signature('EAIB');
  cursor.advance(2 + layout.offsetSize);
  readElements(cursor, inIndex);
  const superBlocks = 1 + mostBits - Math.log2(leastInBlock);
  const inIndexSuper = 2 * Math.log2(leastPointers);
  const shapeOf = (superBlock: number): [blocks: number, elements: number] => [
    2 ** Math.floor(superBlock / 2),
    2 ** Math.floor((superBlock + 1) / 2) * leastInBlock,
  ];
  const dataBlocks = Array.from({ length: 2 * (leastPointers - 1) }, () => cursor.address());
  const secondary = Array.from({ length: Math.max(0, superBlocks - inIndexSuper) }, () => cursor.address());
  cursor.checksum(begin);
  let next = 0;
  for (let superBlock = 0; superBlock < inIndexSuper; superBlock++) {
    const [blocks, elements] = shapeOf(superBlock);
    for (let i = 0; i < blocks && number < count; i++) readDataBlock(dataBlocks[next++], elements);
  }
  for (let i = 0; i < secondary.length && number < count; i++) {
    const [blocks, elements] = shapeOf(inIndexSuper + i);
    if (secondary[i] === UNDEFINED_ADDRESS) {
      number += blocks * elements;
      continue;
    }
    const block = Cursor.atAddress(layout, secondary[i]);
    const first = block.at;
    block.signature('EASB');
    block.advance(2 + layout.offsetSize + offsetBytes);
    const pages = elements > page ? elements / page : 0;
    const mapBytes = Math.ceil(pages / 8);
    const map = block.bytes(blocks * mapBytes);
    const addresses = Array.from({ length: Math.min(blocks, layout.bytes.length) }, () => block.address());
    block.checksum(first);
    for (let j = 0; j < blocks && number < count; j++) {
      const bit = (index: number): boolean => (map[j * mapBytes + (index >> 3)] & (0x80 >> (index & 7))) !== 0;
      readDataBlock(addresses[j], elements, bit);
    }
  }
}
