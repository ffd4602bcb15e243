/**
 * HDF5 and CXI through h5wasm: one two-dimensional dataset of real numbers. The library is several megabytes and is loaded
 * when it is first needed. It reads from a file system in memory, so this works in browsers too.
 */
import type { Dataset, File, Metadata } from 'h5wasm';
import { FileFormatError } from '../errors.js';
import type { RealArray } from '../types.js';
import { MOST_DEFLATED } from './expansion.js';
import { type Image, checkDimensions } from './image.js';

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** Where the Coherent X-ray Imaging format keeps its measurement (F. Maia, Nature Methods 9, 854, 2012). */
export const CXI_DATASET = '/entry_1/data_1/data';

/** The signature stands at the beginning, or behind a block of the user's of 512, 1024, 2048 … bytes. */
export function isHdf5(bytes: Uint8Array): boolean {
  for (let at = 0; at + 8 <= bytes.length; at = at === 0 ? 512 : at * 2) {
    if (SIGNATURE.every((byte, index) => bytes[at + index] === byte)) return true;
  }
  return false;
}

/**
 * Reads the dataset of that path; without one CXI's, or else the only dataset with two dimensions. Leading dimensions of
 * extent 1 are left out.
 * @throws FileFormatError, which lists the datasets there are when none or several fit
 */
export async function decodeHdf5(bytes: Uint8Array, dataset?: string): Promise<Image> {
  if (broken) throw bad('cannot be read: an earlier, damaged one broke the HDF5 library; start the program anew');
  const h5 = await import('h5wasm');
  const module = await h5.ready;
  const files = module.FS;
  const name = `rephase-${counter++}.h5`;
  let file: File | undefined;
  const close = (): void => {
    file?.close();
    files.unlink(name);
    module.deactivate_throwing_error_handler();
  };
  try {
    // Without it the library prints its errors and goes on with invalid handles.
    module.activate_throwing_error_handler();
    files.writeFile(name, bytes);
    file = new h5.File(name, 'r');
    const image = readDataset(choose(file, h5.Dataset, dataset), bytes.length);
    close();
    return image;
  } catch (error) {
    try {
      close();
    } catch (second) {
      // What was thrown first says more.
      broken ||= isTrap(second);
    }
    broken ||= isTrap(error);
    if (error instanceof FileFormatError) throw error;
    throw bad(`cannot be read: ${reason(error)}`, error);
  }
}

let counter = 0;

/**
 * The library can be made to write outside its data by a damaged file. WebAssembly confines that to the library's own
 * memory, which is not to be trusted afterwards; and h5wasm offers no second instance.
 */
let broken = false;

function isTrap(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError;
}

function choose(file: File, isDataset: typeof Dataset, path: string | undefined): Dataset {
  const find = (at: string): Dataset | undefined => {
    try {
      const entity = file.get(at);
      return entity instanceof isDataset ? entity : undefined;
    } catch {
      return undefined;
    }
  };
  const datasets = () =>
    file
      .paths()
      .map((at) => ({ at: `/${at}`, found: find(at) }))
      .filter((entry): entry is { at: string; found: Dataset } => entry.found !== undefined);
  const listed = (entries: { at: string; found: Dataset }[]) => {
    const names = entries.slice(0, 20).map(({ at, found }) => `${at} (${(found.shape ?? []).join(' × ')})`);
    return names.length === 0 ? 'no datasets' : names.join(', ') + (entries.length > 20 ? ', …' : '');
  };

  if (path !== undefined) {
    const found = find(path);
    if (!found) throw bad(`has no dataset ${path}; it has ${listed(datasets())}`);
    return found;
  }
  const standard = find(CXI_DATASET);
  if (standard) return standard;
  const all = datasets();
  const flat = all.filter(({ found }) => squeeze(found.shape ?? []).length === 2 && isReal(found.metadata));
  if (flat.length === 1) return flat[0].found;
  const how = flat.length === 0 ? 'has no two-dimensional dataset of real numbers' : 'has several images; name one';
  throw bad(`${how}: ${listed(flat.length === 0 ? all : flat)}`);
}

/** HDF5's classes of types: integers and floats. */
function isReal(metadata: Metadata): boolean {
  return !metadata.vlen && (metadata.type === 0 || metadata.type === 1);
}

function squeeze(shape: readonly number[]): number[] {
  const kept = shape.slice();
  while (kept.length > 2 && kept[0] === 1) kept.shift();
  return kept;
}

function readDataset(dataset: Dataset, fileBytes: number): Image {
  const { metadata, path } = dataset;
  const shape = metadata.shape ?? [];
  if (!isReal(metadata)) throw bad(`holds no real numbers in ${path}`);
  const kept = squeeze(shape);
  if (kept.length !== 2) {
    const advice = kept.length === 3 ? `; cut or add up its ${kept[0]} frames into one first` : '';
    throw bad(`has ${shape.length} dimensions (${shape.join(' × ')}) in ${path}; an image has 2${advice}`);
  }
  const [rows, columns] = kept;
  checkDimensions('hdf5', rows, columns);
  const factor = dataset.filters.length > 0 ? MOST_DEFLATED : 1;
  if (rows * columns * metadata.size > fileBytes * factor) {
    throw bad(`says ${rows} rows × ${columns} columns in ${path}, which its ${fileBytes} bytes cannot hold`);
  }
  return { data: toReal(dataset.value, metadata, rows * columns), shape: [rows, columns] };
}

function toReal(value: unknown, metadata: Metadata, count: number): RealArray {
  if (!ArrayBuffer.isView(value) || value instanceof DataView) throw bad('holds no numbers that can be read');
  const numbers = value as unknown as ArrayLike<number | bigint>;
  if (numbers.length !== count) throw bad('holds less than it says');
  if (value instanceof Float32Array || value instanceof Float64Array) return value.slice();
  const data = metadata.size <= 2 ? new Float32Array(count) : new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const number = Number(numbers[i]);
    if (typeof numbers[i] === 'bigint' && !Number.isSafeInteger(number)) {
      throw bad(`holds the integer ${numbers[i]}, beyond the 2^53 up to which doubles are exact`);
    }
    data[i] = number;
  }
  return data;
}

/** HDF5 explains errors by a stack of calls, the innermost last; that one's words are what a person can use. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const innermost = message.match(/#\d+:.*/g)?.pop();
  return innermost ? innermost.replace(/^.*\(\): /, '') : message.split('\n')[0];
}

function bad(what: string, cause?: unknown): FileFormatError {
  return new FileFormatError(`the HDF5 file ${what}`, { format: 'hdf5' }, { cause });
}
