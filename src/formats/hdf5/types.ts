/** What an object's messages say: type and extents of the numbers, how they are stored, and attributes. */
import { halfToNumber } from '../bytes.js';
import { Cursor, type Layout, UNDEFINED_ADDRESS, damaged, decodeText, refused } from './cursor.js';
import { fractalHeap, globalHeapObject } from './heaps.js';
import { walkTree2 } from './btree.js';
import { type Message, MessageType, sharedMessage } from './header.js';

export type NumberType =
  | {
      kind: 'integer';
      size: number;
      bigEndian: boolean;
      signed: boolean;
      offset: number;
      precision: number;
      /** An enumeration, as which h5py writes booleans. */
      isEnum?: boolean;
    }
  | { kind: 'float'; size: number; bigEndian: boolean };

/** A type of numbers, or what else there is, in words. `parts`: complex numbers, the real and then the imaginary part. */
export type ElementType =
  NumberType | { kind: 'other'; size: number; what: string; text?: 'fixed' | 'variable'; parts?: NumberType };

/** Enumerations are read as their numbers. */
export function readType(cursor: Cursor, depth = 0): ElementType {
  const head = cursor.u32();
  const type = head & 15;
  const bits = head >>> 8;
  const size = cursor.u32();
  const other = (what: string, text?: 'fixed' | 'variable'): ElementType => ({
    kind: 'other',
    size,
    what,
    ...(text && { text }),
  });
  if (size === 0 || depth > 8) throw damaged('has an element type of no size');
  switch (type) {
    case 0:
    case 4: {
      const [offset, precision] = [cursor.u16(), cursor.u16()];
      if (![1, 2, 4, 8].includes(size)) return other(`integers of ${size} bytes`);
      if (precision < 1 || offset + precision > size * 8) throw damaged('has integers of impossible precision');
      const signed = type === 0 && (bits & 8) !== 0;
      return { kind: 'integer', size, bigEndian: (bits & 1) !== 0, signed, offset, precision };
    }
    case 1: {
      const [offset, precision] = [cursor.u16(), cursor.u16()];
      const fields = [cursor.u8(), cursor.u8(), cursor.u8(), cursor.u8()];
      const ieee = { 2: [10, 5, 0, 10], 4: [23, 8, 0, 23], 8: [52, 11, 0, 52] }[size];
      const isIeee = ieee?.every((value, index) => value === fields[index]) && offset === 0 && precision === size * 8;
      if (!isIeee || bits & 64) return other(`floating-point numbers of ${precision} bits, which are not IEEE's`);
      return { kind: 'float', size, bigEndian: (bits & 1) !== 0 };
    }
    case 3:
      return other('text', 'fixed');
    case 6: {
      const parts = readComplexParts(cursor, head, size, depth);
      return { ...other('records or complex numbers; take the absolute value first'), ...(parts && { parts }) };
    }
    case 8: {
      const base = readType(cursor, depth + 1);
      return base.kind === 'integer' ? { ...base, isEnum: true } : base;
    }
    case 9:
      return (bits & 15) === 1 ? other('text', 'variable') : other('lists of variable length');
    case 11:
      return other('complex numbers; take the absolute value first');
    default:
      return other(
        { 2: 'times', 5: 'opaque bytes', 7: 'references', 10: 'arrays as elements' }[type] ?? 'unknown types',
      );
  }
}

/** The type of both members of a record that is a complex number, as h5py writes them: r and i. */
function readComplexParts(cursor: Cursor, head: number, size: number, depth: number): NumberType | undefined {
  const version = (head >>> 4) & 15;
  if (((head >>> 8) & 0xffff) !== 2) return undefined;
  const parts: NumberType[] = [];
  for (const [at, name] of ['r', 'i'].entries()) {
    const start = cursor.at;
    const isNamed = cursor.text().toLowerCase().startsWith(name);
    if (version < 3) cursor.align8(start);
    const offset = cursor.unsigned(version < 3 ? 4 : Math.ceil(Math.log2(size + 1) / 8));
    if (version === 1) cursor.advance(28);
    const type = cursor.fork();
    const part = readType(type, depth + 1);
    if (!isNamed || part.kind !== 'float' || 2 * part.size !== size || offset !== at * part.size) return undefined;
    // A floating-point type has 8 bytes and properties of 12.
    cursor.advance(20);
    parts.push(part);
  }
  return parts[0].bigEndian === parts[1].bigEndian ? parts[0] : undefined;
}

/** The extents; undefined for a dataspace without elements. A scalar has none. */
export function readExtents(cursor: Cursor): number[] | undefined {
  const version = cursor.u8();
  const rank = cursor.u8();
  cursor.advance(1);
  if (version !== 1 && version !== 2) throw refused(`has a dataspace of version ${version}; takes 1 and 2`);
  if (rank > 32) throw damaged(`has a dataspace of ${rank} dimensions`);
  if (version === 1) cursor.advance(5);
  else if (cursor.u8() === 2) return undefined;
  return Array.from({ length: rank }, () => cursor.length());
}

export type ChunkIndex =
  | { kind: 'tree1' }
  | { kind: 'single'; size: number | undefined; filterMask: number }
  | { kind: 'implicit' }
  | { kind: 'fixed-array' }
  | { kind: 'extensible-array' }
  | { kind: 'tree2' };

export type Storage =
  | { kind: 'compact'; data: Uint8Array }
  | { kind: 'contiguous'; address: number }
  | { kind: 'virtual'; address: number; index: number }
  | {
      kind: 'chunked';
      address: number;
      /** Extents of a chunk, as many as the dataset has dimensions. */
      chunk: number[];
      index: ChunkIndex;
      /** Chunks over the edge are stored without filters. */
      plainEdges: boolean;
    };

export function readStorage(cursor: Cursor): Storage {
  const version = cursor.u8();
  if (version < 1 || version > 5) throw refused(`has a data layout of version ${version}; takes 1 to 5`);
  if (version <= 2) {
    const [rank, kind] = [cursor.u8(), cursor.u8()];
    cursor.advance(5);
    const address = kind === 0 ? UNDEFINED_ADDRESS : cursor.address();
    const extents = Array.from({ length: rank }, () => cursor.u32());
    if (kind === 0) return { kind: 'compact', data: cursor.bytes(cursor.u32()) };
    if (kind === 1) return { kind: 'contiguous', address };
    return { kind: 'chunked', address, chunk: extents.slice(0, -1), index: { kind: 'tree1' }, plainEdges: false };
  }
  const kind = cursor.u8();
  if (kind === 0) return { kind: 'compact', data: cursor.bytes(cursor.u16()) };
  if (kind === 1) return { kind: 'contiguous', address: cursor.address() };
  if (kind === 3) return { kind: 'virtual', address: cursor.address(), index: cursor.u32() };
  if (kind !== 2) throw damaged('has an unknown data layout');
  if (version === 3) {
    const rank = cursor.u8();
    const address = cursor.address();
    const extents = Array.from({ length: rank }, () => cursor.u32());
    return { kind: 'chunked', address, chunk: extents.slice(0, -1), index: { kind: 'tree1' }, plainEdges: false };
  }
  const flags = cursor.u8();
  const rank = cursor.u8();
  const width = cursor.u8();
  const chunk = Array.from({ length: rank }, () => cursor.unsigned(width)).slice(0, -1);
  const index = readIndex(cursor, flags);
  return { kind: 'chunked', address: cursor.address(), chunk, index, plainEdges: (flags & 1) !== 0 };
}

function readIndex(cursor: Cursor, flags: number): ChunkIndex {
  const kind = cursor.u8();
  switch (kind) {
    case 1:
      if (!(flags & 2)) return { kind: 'single', size: undefined, filterMask: 0 };
      return { kind: 'single', size: cursor.length(), filterMask: cursor.u32() };
    case 2:
      return { kind: 'implicit' };
    case 3:
      cursor.advance(1);
      return { kind: 'fixed-array' };
    case 4:
      cursor.advance(5);
      return { kind: 'extensible-array' };
    case 5:
      cursor.advance(6);
      return { kind: 'tree2' };
    default:
      throw damaged('has an unknown index of chunks');
  }
}

/** The bytes of one element where nothing was written; undefined for zeros. */
export function readFill(message: Message): Uint8Array | undefined {
  const { body, type } = message;
  if (type === MessageType.OldFill) return nonEmpty(body.bytes(body.u32()));
  const version = body.u8();
  if (version <= 2) {
    body.advance(2);
    const defined = body.u8();
    return version === 2 && !defined ? undefined : nonEmpty(body.bytes(body.u32()));
  }
  return body.u8() & 32 ? nonEmpty(body.bytes(body.u32())) : undefined;
}

const nonEmpty = (bytes: Uint8Array): Uint8Array | undefined => (bytes.length > 0 ? bytes : undefined);

export type AttributeValue = string | number;

/** Attributes that are one text or one number; others say nothing that this reader needs. */
export function readAttributes(layout: Layout, messages: readonly Message[]): Map<string, AttributeValue> {
  const found = new Map<string, AttributeValue>();
  const add = (body: Cursor): void => {
    const attribute = readAttribute(layout, body);
    if (attribute) found.set(...attribute);
  };
  for (const { type, body } of messages) {
    if (type === MessageType.Attribute) add(body);
    if (type !== MessageType.AttributeInfo) continue;
    body.advance(1);
    if (body.u8() & 1) body.advance(2);
    const heap = body.address();
    const names = body.address();
    if (heap === UNDEFINED_ADDRESS || names === UNDEFINED_ADDRESS) continue;
    const object = fractalHeap(layout, heap);
    walkTree2(layout, names, (record) => {
      const bytes = object(record.bytes(8));
      add(new Cursor(layout, bytes.byteOffset - layout.bytes.byteOffset, undefined));
    });
  }
  return found;
}

function readAttribute(layout: Layout, body: Cursor): [string, AttributeValue] | undefined {
  const version = body.u8();
  const flags = body.u8();
  const [nameSize, typeSize, spaceSize] = [body.u16(), body.u16(), body.u16()];
  if (version === 3) body.advance(1);
  const part = (size: number): Cursor => {
    const start = body.at;
    body.advance(size);
    if (version === 1) body.align8(start);
    return new Cursor(layout, start, start + size);
  };
  const name = decodeText(part(nameSize).bytes(nameSize));
  const typeBody = part(typeSize);
  const spaceBody = part(spaceSize);
  const type = readType(flags & 1 ? sharedMessage(layout, MessageType.Datatype, typeBody, 0) : typeBody);
  const extents = readExtents(flags & 2 ? sharedMessage(layout, MessageType.Dataspace, spaceBody, 0) : spaceBody);
  if (extents === undefined || extents.some((extent) => extent !== 1)) return undefined;
  const data = body.bytes(type.size);
  if (type.kind !== 'other') return [name, readNumber(type)(viewOf(data), 0)];
  const text = readText(layout, type, data);
  return text === undefined ? undefined : [name, text];
}

/** The text that an element is, of fixed or variable length. `data` lies in the file. */
export function readText(layout: Layout, type: ElementType, data: Uint8Array): string | undefined {
  if (type.kind !== 'other' || !type.text) return undefined;
  if (type.text === 'fixed') return decodeText(data).trimEnd();
  const reference = new Cursor(layout, data.byteOffset - layout.bytes.byteOffset);
  reference.advance(4);
  const [address, index] = [reference.address(), reference.u32()];
  return address <= 0 ? '' : decodeText(globalHeapObject(layout, address, index));
}

/** Reads one element at a byte offset. @throws FileFormatError for an integer that a double cannot hold */
export function readNumber(type: NumberType): (view: DataView, at: number) => number {
  const little = !type.bigEndian;
  const { size } = type;
  if (type.kind === 'float') {
    if (size === 2) return (view, at) => halfToNumber(view.getUint16(at, little));
    if (size === 4) return (view, at) => view.getFloat32(at, little);
    return (view, at) => view.getFloat64(at, little);
  }
  const { signed, offset, precision } = type;
  if (precision < size * 8) {
    return (view, at) => {
      let value = 0n;
      for (let i = 0; i < size; i++) value |= BigInt(view.getUint8(at + (little ? i : size - 1 - i))) << BigInt(8 * i);
      value >>= BigInt(offset);
      return exactly(signed ? BigInt.asIntN(precision, value) : BigInt.asUintN(precision, value));
    };
  }
  switch (size) {
    case 1:
      return signed ? (view, at) => view.getInt8(at) : (view, at) => view.getUint8(at);
    case 2:
      return signed ? (view, at) => view.getInt16(at, little) : (view, at) => view.getUint16(at, little);
    case 4:
      return signed ? (view, at) => view.getInt32(at, little) : (view, at) => view.getUint32(at, little);
    default:
      return signed
        ? (view, at) => exactly(view.getBigInt64(at, little))
        : (view, at) => exactly(view.getBigUint64(at, little));
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function exactly(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw refused(`holds the integer ${value}, beyond the 2^53 up to which doubles are exact`);
}
