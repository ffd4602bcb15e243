/** MATLAB's MAT-files of version 5 (also 6 and 7): one real matrix. Version 7.3 is HDF5. After MathWorks' MAT-File Format. */
import { FileFormatError } from '../errors.js';
import { type SampleKind, sampleReader } from './bytes.js';
import { inflateAtMost } from './expansion.js';
import { type Image, checkSize } from './image.js';
import { type DecodeOptions, chooseFrames, combineFrames } from './options.js';

export function isMatlab5(bytes: Uint8Array): boolean {
  const text = String.fromCharCode(...bytes.subarray(0, 10));
  const order = String.fromCharCode(...bytes.subarray(126, 128));
  return text === 'MATLAB 5.0' && (order === 'IM' || order === 'MI');
}

const TYPES: Record<number, [SampleKind, number]> = {
  1: ['signed', 8],
  2: ['unsigned', 8],
  3: ['signed', 16],
  4: ['unsigned', 16],
  5: ['signed', 32],
  6: ['unsigned', 32],
  7: ['float', 32],
  9: ['float', 64],
  12: ['signed', 64],
  13: ['unsigned', 64],
};

const [MATRIX, COMPRESSED] = [14, 15];
/** Classes of arrays that are numbers: double, single, and integers of all sizes. */
const isNumeric = (kind: number): boolean => kind >= 6 && kind <= 15;

interface Element {
  type: number;
  data: Uint8Array;
  next: number;
}

interface Matrix {
  name: string;
  kind: number;
  complex: boolean;
  extents: number[];
  values: Element;
}

/** @throws FileFormatError, which lists the variables there are when none or several fit */
export function decodeMatlab5(bytes: Uint8Array, options: DecodeOptions): Image {
  const little = String.fromCharCode(bytes[126]) === 'I';
  const most = 20 * 2 ** 20 + 8 * bytes.length + 8 * (options.maxPixels ?? 0);
  const found: Matrix[] = [];
  for (let at = 128; at + 8 <= bytes.length;) {
    const element = readElement(bytes, at, little);
    at = element.next;
    const matrix = readMatrix(element, little, most);
    if (matrix) found.push(matrix);
  }
  const listed = found.map(({ name, extents }) => `${name} (${extents.join(' × ')})`).slice(0, 20);
  const named = options.dataset?.replace(/^\//, '');
  const images = found.filter(({ extents, kind }) => isNumeric(kind) && extents.filter((n) => n > 1).length >= 2);
  const chosen = named === undefined ? images : found.filter(({ name }) => name === named);
  if (chosen.length !== 1) {
    const how =
      chosen.length === 0 ? `has no ${named === undefined ? 'image' : named}` : 'has several images; name one';
    throw bad(`${how}: ${listed.join(', ') || 'no variables'}`);
  }
  return { ...readImage(chosen[0], little, bytes.length, options), dataset: chosen[0].name };
}

function readElement(bytes: Uint8Array, at: number, little: boolean): Element {
  if (at + 8 > bytes.length) throw bad('is cut short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint32(at, little);
  // Up to 4 bytes stand in the tag itself, which then begins with their number.
  if (type >>> 16 !== 0) {
    const size = Math.min(4, type >>> 16);
    return { type: type & 0xffff, data: bytes.subarray(at + 4, at + 4 + size), next: at + 8 };
  }
  const size = view.getUint32(at + 4, little);
  if (at + 8 + size > bytes.length) throw bad('is cut short');
  const padded = type === COMPRESSED ? size : Math.ceil(size / 8) * 8;
  return { type, data: bytes.subarray(at + 8, at + 8 + size), next: at + 8 + padded };
}

function readMatrix(element: Element, little: boolean, most: number): Matrix | undefined {
  let { type, data } = element;
  if (type === COMPRESSED) {
    try {
      data = inflateAtMost(data, most);
    } catch (error) {
      throw bad(error instanceof RangeError ? `expands to more than ${most} bytes` : 'is damaged', error);
    }
    ({ type, data } = readElement(data, 0, little));
  }
  if (type !== MATRIX || data.length < 16) return undefined;
  const flags = readElement(data, 0, little);
  const extents = readElement(data, flags.next, little);
  const name = readElement(data, extents.next, little);
  const view = new DataView(flags.data.buffer, flags.data.byteOffset, flags.data.byteLength);
  if (flags.data.length < 4) throw bad('is damaged');
  const word = view.getUint32(0, little);
  const kind = word & 255;
  const values = isNumeric(kind) && name.next + 8 <= data.length ? readElement(data, name.next, little) : name;
  const sizes = new DataView(extents.data.buffer, extents.data.byteOffset, extents.data.byteLength);
  return {
    ...{ name: new TextDecoder('latin1').decode(name.data), kind, complex: (word & 0x800) !== 0, values },
    extents: Array.from({ length: Math.min(32, extents.data.length >> 2) }, (_, i) => sizes.getUint32(i * 4, little)),
  };
}

/** MATLAB's arrays have their first index fastest: an image is stored column by column. */
function readImage(matrix: Matrix, little: boolean, fileBytes: number, options: DecodeOptions): Image {
  const { name, kind, complex, values } = matrix;
  const extents = matrix.extents.slice();
  for (let at = 0; extents.length > 2 && at < extents.length;) {
    if (extents[at] === 1) extents.splice(at, 1);
    else at++;
  }
  const type = TYPES[values.type];
  if (!isNumeric(kind) || !type) throw bad(`holds no plain numbers in ${name}`);
  if (complex) throw bad(`holds complex numbers in ${name}; take the absolute value first`);
  const [rows, columns] = extents;
  if (extents.length < 2) throw bad(`has ${extents.length} dimensions in ${name}; an image has 2`);
  const { maxPixels } = options;
  checkSize('matlab', [rows, columns], { fileBytes, pixelBytes: 16, ...(maxPixels !== undefined && { maxPixels }) });
  const count = extents.slice(2).reduce((product, extent) => product * extent, 1);
  const [sample, bits] = type;
  const read = sampleReader(sample, bits, little)!;
  const size = bits / 8;
  if (rows * columns * count * size > values.data.length) throw bad(`holds less in ${name} than it says`);
  const frames = chooseFrames(options, count, 'matlab', () => `the MATLAB file's ${name} (${extents.join(' × ')})`);
  const view = new DataView(values.data.buffer, values.data.byteOffset, values.data.byteLength);
  // A double is often stored as a smaller integer: the class says what it is.
  const single = kind !== 6 && kind < 12;
  const data = combineFrames(frames, (frame) => {
    const image = single ? new Float32Array(rows * columns) : new Float64Array(rows * columns);
    let at = frame * rows * columns * size;
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < rows; row++, at += size) image[row * columns + column] = read(view, at);
    }
    return image;
  });
  return { data, shape: [rows, columns] };
}

function bad(what: string, cause?: unknown): FileFormatError {
  return new FileFormatError(`the MATLAB file ${what}`, { format: 'matlab' }, { cause });
}
