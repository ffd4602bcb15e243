/**
 * Reads little-endian fields of an HDF5 file one after the other, and never outside the file. A file that points outside
 * itself, or to more than it holds, ends in a FileFormatError.
 */
import { FileFormatError } from '../../errors.js';

/** What the superblock says about every address and length. */
export interface Layout {
  bytes: Uint8Array;
  /** Where address 0 is: behind a block of the user's. */
  base: number;
  offsetSize: number;
  lengthSize: number;
}

/** The address that means "not written": all bits set. */
export const UNDEFINED_ADDRESS = -1;

export class Cursor {
  readonly #view: DataView;

  constructor(
    readonly layout: Layout,
    public at: number,
    /** The first byte that does not belong to the structure being read. */
    readonly end = layout.bytes.length,
  ) {
    const { bytes } = layout;
    if (!(at >= 0 && at <= end && end <= bytes.length)) throw damaged('points outside itself');
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A cursor at an address of the file. */
  static atAddress(layout: Layout, address: number, length?: number): Cursor {
    if (address < 0) throw damaged('has a structure that was never written');
    const at = layout.base + address;
    return new Cursor(layout, at, length === undefined ? undefined : at + length);
  }

  /** Another cursor at the same place. */
  fork(): Cursor {
    return new Cursor(this.layout, this.at, this.end);
  }

  #take(size: number): number {
    const at = this.at;
    if (at + size > this.end) throw damaged('is cut short, or truncated inside a structure');
    this.at = at + size;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** An unsigned integer of 1 to 8 bytes; refuses those beyond 2^53, which no file of this reader needs. */
  unsigned(size: number): number {
    const at = this.#take(size);
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.#view.getUint8(at + i);
    if (value > Number.MAX_SAFE_INTEGER) throw damaged('holds a size beyond 2^53');
    return value;
  }

  length(): number {
    return this.unsigned(this.layout.lengthSize);
  }

  /** A length that may be all ones, for "unlimited": Infinity. */
  extent(): number {
    return this.#ones(this.layout.lengthSize) ? Infinity : this.length();
  }

  /** An address relative to the base, or `UNDEFINED_ADDRESS`. */
  address(): number {
    return this.#ones(this.layout.offsetSize) ? UNDEFINED_ADDRESS : this.unsigned(this.layout.offsetSize);
  }

  #ones(size: number): boolean {
    const at = this.#take(size);
    for (let i = 0; i < size; i++) {
      if (this.#view.getUint8(at + i) === 0xff) continue;
      this.at = at;
      return false;
    }
    return true;
  }

  bytes(size: number): Uint8Array {
    const at = this.#take(size);
    return this.layout.bytes.subarray(at, at + size);
  }

  advance(size: number): void {
    this.#take(size);
  }

  /** Moves on to a multiple of 8 bytes from `start`. */
  align8(start: number): void {
    this.advance((8 - ((this.at - start) % 8)) % 8);
  }

  /** Text up to a zero byte. */
  text(): string {
    const rest = this.layout.bytes.subarray(this.at, this.end);
    const length = rest.indexOf(0);
    if (length < 0) throw damaged('holds text without an end');
    this.at += length + 1;
    return decodeText(rest.subarray(0, length));
  }

  /** Checks the four letters that a structure begins with. */
  signature(letters: string): void {
    if (String.fromCharCode(...this.bytes(4)) !== letters) throw damaged(`lacks its structure ${letters}`);
  }

  /** Checks the checksum that follows the structure that began at `start`. */
  checksum(start: number): void {
    const computed = lookup3(this.layout.bytes.subarray(start, this.at));
    if (this.u32() !== computed) throw damaged('has a structure whose checksum is wrong');
  }
}

/** Text of a field of fixed size, which zeros or spaces may pad. */
export function decodeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(Uint8Array.from(end < 0 ? bytes : bytes.subarray(0, end)));
}

export function damaged(what: string): FileFormatError {
  return new FileFormatError(`the HDF5 file ${what}; it is damaged`, { format: 'hdf5' });
}

export function refused(what: string): FileFormatError {
  return new FileFormatError(`the HDF5 file ${what}`, { format: 'hdf5' });
}

/** The hash of HDF5's metadata: `hashlittle` of lookup3 (B. Jenkins, 2006, public domain), with an initial value of 0. */
export function lookup3(key: Uint8Array): number {
  const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k));
  let length = key.length;
  let a = (0xdeadbeef + length) | 0;
  let [b, c, at] = [a, a, 0];
  const word = (from: number, count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++) value |= key[from + i] << (8 * i);
    return value;
  };
  for (; length > 12; length -= 12, at += 12) {
    a = (a + word(at, 4)) | 0;
    b = (b + word(at + 4, 4)) | 0;
    c = (c + word(at + 8, 4)) | 0;
    a = ((a - c) ^ rotate(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ rotate(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 4)) | 0;
    b = (b + a) | 0;
  }
  if (length === 0) return c >>> 0;
  const part = (from: number): number => word(at + from, Math.max(0, Math.min(4, length - from)));
  a = (a + part(0)) | 0;
  b = (b + part(4)) | 0;
  c = (c + part(8)) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}
