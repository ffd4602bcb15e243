/**
 * Writes HDF5: groups, contiguous datasets of numbers, complex numbers and text, attributes and soft links, with superblock 2
 * and object headers 2, which every HDF5 library from 1.8 on reads. After the HDF5 File Format Specification, version 3.0.
 * There are no chunks and no compression, and everything is little-endian.
 */
import { InvalidArgumentError } from '../../errors.js';
import { lookup3 } from './cursor.js';
import type { Numbers } from './dataset.js';

export interface Hdf5Array {
  data: Numbers;
  extents: readonly number[];
  /** Pairs of numbers are complex ones, whose parts h5py calls r and i; `extents` counts them once. */
  isComplex?: boolean;
  /** An attribute. */
  units?: string;
}

export interface Hdf5Link {
  link: string;
}

/** What is written at a path: an array, one number, a text, or a link to another path. */
export type Hdf5Content = Hdf5Array | Hdf5Link | number | string;

type Group = Map<string, Hdf5Content | Group>;

const UNDEFINED = 2n ** 64n - 1n;
const SUPERBLOCK = 48;
/** What this package reads. */
const MOST_BYTES = 2 ** 31 - 1;

const Message = { Dataspace: 1, LinkInfo: 2, Datatype: 3, Fill: 5, Link: 6, Layout: 8, GroupInfo: 10, Attribute: 12 };

/**
 * The bytes of a file with these contents, by absolute path. Groups are made as the paths need them.
 * @throws InvalidArgumentError for more than 2 GiB
 */
export function encodeHdf5(contents: Record<string, Hdf5Content | undefined>): Uint8Array<ArrayBuffer> {
  const file = new Writer();
  const root = file.group(treeOf(contents));
  return file.finish(root);
}

function treeOf(contents: Record<string, Hdf5Content | undefined>): Group {
  const root: Group = new Map();
  for (const [path, content] of Object.entries(contents)) {
    if (content === undefined) continue;
    const names = path.slice(1).split('/');
    const last = names.pop()!;
    let group = root;
    for (const name of names) {
      if (!group.has(name)) group.set(name, new Map());
      group = group.get(name) as Group;
    }
    group.set(last, content);
  }
  return root;
}

/** Objects lie one behind the other, each behind those that it refers to. */
class Writer {
  readonly #parts: Uint8Array[] = [];
  #size = SUPERBLOCK;

  /** Returns its address. */
  group(group: Group): number {
    const links = [...group].map(([name, content]) => {
      if (typeof content === 'object' && 'link' in content) return softLink(name, content.link);
      return hardLink(name, content instanceof Map ? this.group(content) : this.#dataset(content));
    });
    return this.#header([
      [Message.LinkInfo, [u8(0, 0), u64(UNDEFINED), u64(UNDEFINED)]],
      [Message.GroupInfo, [u8(0, 0)]],
      ...links.map((link) => [Message.Link, link] as const),
    ]);
  }

  #dataset(content: Exclude<Hdf5Content, Hdf5Link>): number {
    const { type, space, bytes } = encoded(content);
    const address = BigInt(this.#add(bytes));
    const units = typeof content === 'object' ? content.units : undefined;
    return this.#header([
      [Message.Dataspace, [space]],
      [Message.Datatype, [type]],
      // Space is allotted late, a fill value is written where one is set, and none is.
      [Message.Fill, [u8(3, 0x0a)]],
      [Message.Layout, [u8(3, 1), u64(address), u64(BigInt(bytes.length))]],
      ...(units === undefined ? [] : [[Message.Attribute, attribute('units', units)] as const]),
    ]);
  }

  #header(messages: readonly (readonly [type: number, body: readonly Uint8Array[]])[]): number {
    const all = messages.map(([type, body]) => {
      const bytes = joined(body);
      return joined([u8(type), u16(bytes.length), u8(0), bytes]);
    });
    const body = joined(all);
    // The size of the messages takes 4 bytes.
    return this.#add(checked(joined([ascii('OHDR'), u8(2, 2), u32(body.length), body])));
  }

  #add(bytes: Uint8Array): number {
    const address = this.#size;
    this.#parts.push(bytes, new Uint8Array(-bytes.length & 7));
    this.#size += bytes.length + (-bytes.length & 7);
    return address;
  }

  finish(root: number): Uint8Array<ArrayBuffer> {
    if (this.#size > MOST_BYTES) {
      const size = (this.#size / 2 ** 30).toFixed(1);
      throw new InvalidArgumentError('path', `path: the HDF5 file would have ${size} GiB; takes at most 2 GiB`);
    }
    const superblock = joined([
      ...[u8(0x89), ascii('HDF\r\n'), u8(0x1a, 0x0a)],
      // Version, sizes of addresses and of lengths, flags.
      u8(2, 8, 8, 0),
      ...[u64(0n), u64(UNDEFINED), u64(BigInt(this.#size)), u64(BigInt(root))],
    ]);
    return joined([checked(superblock), ...this.#parts]);
  }
}

function hardLink(name: string, address: number): Uint8Array[] {
  return [u8(1, 0), named(name), u64(BigInt(address))];
}

function softLink(name: string, target: string): Uint8Array[] {
  return [u8(1, 8, 1), named(name), u16(target.length), ascii(target)];
}

const named = (name: string) => joined([u8(name.length), ascii(name)]);

function attribute(name: string, text: string): Uint8Array[] {
  const { type, space, bytes } = encoded(text);
  const sizes = [name.length + 1, type.length, space.length].map(u16);
  // Version 3; the last of the head says UTF-8.
  return [u8(3, 0), ...sizes, u8(1), ascii(`${name}\0`), type, space, bytes];
}

/** The type, the extents and the bytes of what a dataset or an attribute holds. */
function encoded(content: Exclude<Hdf5Content, Hdf5Link>): Record<'type' | 'space' | 'bytes', Uint8Array> {
  if (typeof content === 'string') {
    // A text has at least its end.
    const bytes = new TextEncoder().encode(`${content}\0`);
    return { type: joined([u8(0x13, 0x10, 0, 0), u32(bytes.length)]), space: dataspace([]), bytes };
  }
  if (typeof content === 'number') return encoded({ data: Float64Array.of(content), extents: [] });
  const { data, extents, isComplex = false } = content;
  const part = numberType(data);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { type: isComplex ? complexType(part, data.BYTES_PER_ELEMENT) : part, space: dataspace(extents), bytes };
}

function dataspace(extents: readonly number[]): Uint8Array {
  const kind = extents.length === 0 ? 0 : 1;
  return joined([u8(2, extents.length, 0, kind), ...extents.map((extent) => u64(BigInt(extent)))]);
}

/** Unsigned integers, and floating-point numbers by their fields: exponent and mantissa, each its place and width, and bias. */
function numberType(data: Numbers): Uint8Array {
  const size = data.BYTES_PER_ELEMENT;
  const precision = u16(8 * size);
  if (!(data instanceof Float32Array || data instanceof Float64Array)) {
    return joined([u8(0x10, 0, 0, 0), u32(size), u16(0), precision]);
  }
  const [fields, bias] = size === 4 ? [[23, 8, 0, 23], 127] : [[52, 11, 0, 52], 1023];
  const sign = 8 * size - 1;
  return joined([u8(0x11, 0x20, sign, 0), u32(size), u16(0), precision, u8(...fields), u32(bias)]);
}

/** Two members, each its name, its place in one byte, and its type. */
function complexType(part: Uint8Array, size: number): Uint8Array {
  return joined([u8(0x36, 2, 0, 0), u32(2 * size), ascii('r\0'), u8(0), part, ascii('i\0'), u8(size), part]);
}

const u8 = (...values: number[]) => Uint8Array.from(values);
const u16 = (value: number) => u8(value & 255, value >> 8);
const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: bigint) => new Uint8Array(BigUint64Array.of(value).buffer);
const ascii = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

function checked(bytes: Uint8Array): Uint8Array {
  return joined([bytes, u32(lookup3(bytes))]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
