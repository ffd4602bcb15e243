/**
 * NumPy's `.npy` files (numpy.lib.format, versions 1 to 3): bytes to arrays of real numbers and back. Reads every numeric
 * type in both byte orders and both memory orders; what cannot become real numbers is refused by name. The header is
 * believed only as far as the bytes behind it bear it out.
 */
import { FileFormatError, InvalidArgumentError, gotTakes } from '../errors.js';
import type { RealArray } from '../types.js';
import { halfToNumber } from './bytes.js';
import { isBytes, typedKind } from '../typed-arrays.js';
import { type Image, checkSize } from './image.js';
import { type DecodeOptions, chooseFrames, combineFrames } from './options.js';

/** An array of any number of dimensions, the last running fastest. */
export interface NpyArray {
  /** The numbers, row-major. */
  data: RealArray;
  /** Entries along each axis; empty for a single number. */
  shape: number[];
}

/** NumPy's own limit (`max_header_size`). Longer ones, which need version 2, describe records of thousands of fields. */
const LONGEST_HEADER = 10_000;

/** NumPy's own limit, since version 2. */
const MOST_AXES = 64;

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/**
 * Reads an array. Types that fit float32 exactly (booleans, integers up to 16 bits, float16, float32) become a
 * `Float32Array`, the others a `Float64Array`.
 * @throws FileFormatError when the bytes are no `.npy` file, are cut short, or hold what is not real numbers (complex,
 * objects, records, text, dates), or integers that a double cannot hold
 */
export function decodeNpy(bytes: Uint8Array): NpyArray {
  return decodeArray(bytes, false);
}

/**
 * Reads an array of complex numbers, `<c8` or `<c16`, or of real ones as complex ones. The data are interleaved re, im, and the
 * shape counts complex numbers.
 * @throws FileFormatError as `decodeNpy`, but for complex numbers
 */
export function decodeComplexNpy(bytes: Uint8Array): NpyArray {
  const { data, shape } = decodeArray(bytes, true);
  if (data.length > shape.reduce((product, extent) => product * extent, 1)) return { data, shape };
  const interleaved =
    data instanceof Float32Array ? new Float32Array(2 * data.length) : new Float64Array(2 * data.length);
  data.forEach((real, i) => (interleaved[2 * i] = real));
  return { data: interleaved, shape };
}

/** With `complex`, complex numbers are pairs of real ones. */
function decodeArray(bytes: Uint8Array, complex: boolean): NpyArray {
  if (!isBytes(bytes)) throw new InvalidArgumentError('bytes', gotTakes('bytes', bytes, 'a Uint8Array'));
  const header = readHeader(bytes);
  const pairs = complex && /^[<>=|]?c(8|16)/.test(header.descr);
  const { kind, size, swapped } = parseType(
    pairs ? header.descr.replace('c16', 'f8').replace('c8', 'f4') : header.descr,
  );
  const count = header.shape.reduce((product, extent) => product * extent, pairs ? 2 : 1);
  const needed = count * size;
  const present = bytes.length - header.end;
  if (needed !== present) {
    const what = `shape (${header.shape.join(', ')}) of ${size}-byte numbers is ${needed} bytes`;
    throw bad(`${present < needed ? 'cut short' : 'damaged'}: its ${what}, and ${present} follow the header`);
  }
  const read = READERS[`${kind}${size}`];
  const narrow = kind === 'f' ? size <= 4 : size <= 2;
  const data = narrow ? new Float32Array(count) : new Float64Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.end, needed);
  if (!swapped && kind === 'f' && size >= 4) {
    // The usual case is a copy. WebAssembly, and so everything this runs on, is little-endian.
    new Uint8Array(data.buffer).set(bytes.subarray(header.end));
  } else {
    for (let i = 0; i < count; i++) data[i] = read(view, i * size, !swapped);
  }
  if (!header.fortran) return { data, shape: header.shape };
  return { data: pairs ? pairsToRowMajor(data, header.shape) : toRowMajor(data, header.shape), shape: header.shape };
}

/**
 * Reads a two-dimensional array, or frames of a stack; axes of extent 1 are left out as long as two are left.
 * @throws FileFormatError, InvalidArgumentError when there are fewer frames than asked for
 */
export function decodeNpyImage(bytes: Uint8Array, options: DecodeOptions = {}): Image {
  // Checked before any number is converted.
  const { shape } = readHeader(bytes);
  const kept = shape.slice();
  for (let at = 0; kept.length > 2 && at < kept.length;) {
    if (kept[at] === 1) kept.splice(at, 1);
    else at++;
  }
  if (kept.length < 2) throw bad(`has ${shape.length} dimensions, (${shape.join(', ')}); an image has 2`);
  const [rows, columns] = kept.splice(-2);
  checkSize('npy', [rows, columns], options);
  const count = kept.reduce((product, extent) => product * extent, 1);
  const frames = chooseFrames(options, count, 'npy', () => `the .npy file (${shape.join(', ')})`);
  const { data } = decodeNpy(bytes);
  const pixels = rows * columns;
  const whole = combineFrames(frames, (frame) => data.subarray(frame * pixels, (frame + 1) * pixels));
  // A copy, so that one frame does not keep the stack.
  return { data: count > 1 && whole.buffer === data.buffer ? whole.slice() : whole, shape: [rows, columns] };
}

/**
 * Writes an array as `<f4`, `<f8` or `|u1`, by its type, in C order, version 1.
 * @throws InvalidArgumentError for other types, and where shape and length disagree
 */
export function encodeNpy(data: RealArray | Uint8Array, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  return encodeArray(data, shape, descrOf(data), 1);
}

/**
 * Writes complex numbers, interleaved re, im, as `<c8` or `<c16`. `shape` counts complex numbers.
 * @throws InvalidArgumentError for other types, and where shape and length disagree
 */
export function encodeComplexNpy(data: RealArray, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const part = descrOf(data);
  if (part === '|u1') throw new InvalidArgumentError('data', gotTakes('data', data, 'a Float32Array or Float64Array'));
  return encodeArray(data, shape, part === '<f4' ? '<c8' : '<c16', 2);
}

function encodeArray(
  data: RealArray | Uint8Array,
  shape: readonly number[],
  descr: string,
  parts: number,
): Uint8Array<ArrayBuffer> {
  const given: unknown = shape;
  // `every` passes over the holes of a sparse array; a copy has none.
  if (
    !Array.isArray(given) ||
    !Array.from(given as number[]).every((extent) => Number.isSafeInteger(extent) && extent >= 0)
  ) {
    throw new InvalidArgumentError('shape', gotTakes('shape', shape, 'integers of at least 0'));
  }
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (parts * count !== data.length) {
    const takes = `${parts * count} numbers, for shape [${shape.join(', ')}]`;
    throw new InvalidArgumentError('data', gotTakes('data', data, takes));
  }
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${extents}), }`;
  // Padded, as NumPy does, so that the numbers begin at a multiple of 64 bytes.
  const length = Math.ceil((10 + dictionary.length + 1) / 64) * 64;
  const bytes = new Uint8Array(length + data.byteLength);
  bytes.set(MAGIC);
  bytes[6] = 1;
  new DataView(bytes.buffer).setUint16(8, length - 10, true);
  bytes.set(new TextEncoder().encode(dictionary.padEnd(length - 11) + '\n'), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), length);
  return bytes;
}

function descrOf(data: unknown): string {
  const kind = typedKind(data);
  if (kind === 'Float32Array') return '<f4';
  if (kind === 'Float64Array') return '<f8';
  if (kind === 'Uint8Array' || kind === 'Uint8ClampedArray') return '|u1';
  throw new InvalidArgumentError('data', gotTakes('data', data, 'a Float32Array, Float64Array or Uint8Array'));
}

interface Header {
  descr: string;
  fortran: boolean;
  /** Entries along each axis; empty for a single number. */
  shape: number[];
  /** Where the numbers begin. */
  end: number;
}

function readHeader(bytes: Uint8Array): Header {
  if (!isNpy(bytes)) throw bad('does not begin as .npy files do');
  if (bytes.length < 12) throw bad('cut short in its header');
  const version = bytes[6];
  if (version < 1 || version > 3) throw bad(`is of version ${version}; takes versions 1 to 3`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const end = start + length;
  if (length > LONGEST_HEADER)
    throw bad(`has a header of ${length} bytes; takes up to ${LONGEST_HEADER}, as NumPy does`);
  if (end > bytes.length) throw bad('cut short in its header');
  const text = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(start, end));

  const descr = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|(\[))/.exec(text);
  const fortran = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text);
  // Taken apart below: a pattern of the whole tuple could be matched in very many ways where there are many spaces.
  const shape = /['"]shape['"]\s*:\s*\(([\dL,\s]*)\)/.exec(text);
  if (descr?.[2]) throw bad('holds records; takes plain numbers');
  if (!descr || !fortran || !shape) throw bad('its header says no type, order or shape that can be read');
  return { descr: descr[1], fortran: fortran[1] === 'True', shape: parseExtents(shape[1]), end };
}

/** `5, 7` or `5,` or nothing, as Python writes tuples. */
function parseExtents(text: string): number[] {
  const extents = text.split(',').map((extent) => extent.trim());
  if (extents.at(-1) === '') extents.pop();
  // Python 2 wrote 3L for a long 3.
  if (extents.length > MOST_AXES) throw bad(`has ${extents.length} axes; takes up to ${MOST_AXES}, as NumPy does`);
  if (!extents.every((extent) => /^\d{1,15}L?$/.test(extent))) throw bad('its header says no shape that can be read');
  return extents.map((extent) => parseInt(extent, 10));
}

const OTHER_KINDS: Record<string, string> = {
  c: 'complex numbers; take the absolute value first',
  O: 'Python objects',
  S: 'text',
  a: 'text',
  U: 'text',
  V: 'records',
  M: 'dates',
  m: 'time differences',
};

function parseType(descr: string): { kind: string; size: number; swapped: boolean } {
  const parts = /^([<>=|]?)([a-zA-Z?])(\d*)/.exec(descr);
  if (!parts) throw bad(`has the unknown type ${JSON.stringify(descr.slice(0, 40))}`);
  const [, order, kind, size] = parts;
  if (kind in OTHER_KINDS) throw bad(`holds ${OTHER_KINDS[kind]} (type ${descr.slice(0, 40)}); takes real numbers`);
  if (!(`${kind}${size}` in READERS)) {
    throw bad(`has type ${descr.slice(0, 40)}; takes booleans, integers of 1 to 8 bytes and floats of 2, 4 or 8`);
  }
  return { kind, size: Number(size), swapped: order === '>' };
}

const READERS: Record<string, (view: DataView, at: number, little: boolean) => number> = {
  b1: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
  i1: (view, at) => view.getInt8(at),
  i2: (view, at, little) => view.getInt16(at, little),
  i4: (view, at, little) => view.getInt32(at, little),
  i8: (view, at, little) => exact(view.getBigInt64(at, little)),
  u1: (view, at) => view.getUint8(at),
  u2: (view, at, little) => view.getUint16(at, little),
  u4: (view, at, little) => view.getUint32(at, little),
  u8: (view, at, little) => exact(view.getBigUint64(at, little)),
  f2: (view, at, little) => halfToNumber(view.getUint16(at, little)),
  f4: (view, at, little) => view.getFloat32(at, little),
  f8: (view, at, little) => view.getFloat64(at, little),
};

function exact(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    throw bad(`holds the integer ${value}, beyond the 2^53 up to which doubles are exact`);
  return number;
}

/** From first-index-fastest to last-index-fastest. */
function toRowMajor(data: RealArray, shape: readonly number[]): RealArray {
  if (shape.length < 2 || data.length === 0) return data;
  const ordered = data.slice();
  const index = new Array<number>(shape.length).fill(0);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, extent) => product * extent, 1));
  for (let to = 0, from = 0; to < data.length; to++) {
    ordered[to] = data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return ordered;
}

/** The parts of a number are the axis that runs fastest, and then the slowest, until they are interleaved again. */
function pairsToRowMajor(data: RealArray, shape: readonly number[]): RealArray {
  const apart = toRowMajor(data, [2, ...shape]);
  return data.map((_, i) => apart[(i >> 1) + (i % 2 ? data.length / 2 : 0)]);
}

function bad(what: string): FileFormatError {
  return new FileFormatError(`the .npy file ${what}`, { format: 'npy' });
}
