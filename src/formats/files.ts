/**
 * The one place where rephase touches files: reading whole ones, and writing so that a path holds either the old content
 * or the new, never a part. For Node only; the browser build does not contain it.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, rmSync, writeFile as writeToDescriptor } from 'node:fs';
import { access, constants, readFile, readlink, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, normalize, resolve } from 'node:path';
import { promisify } from 'node:util';
import { FileAccessError, InvalidArgumentError, gotTakes, messageOf } from '../errors.js';
import {
  type ComplexDecodeOptions,
  type ComplexImage,
  type DecodeOptions,
  type EncodeOptions,
  type Image,
  type WritableFormat,
  decodeComplexImage,
  decodeImage,
  encodeComplexImage,
  encodeImage,
} from './index.js';
import { isBytes } from '../typed-arrays.js';
import { decodeNamed, naming } from './named.js';
import { type ReadScan, type ScanGeometry, GEOMETRY_KEYS } from './scan/assemble.js';
import { decodeScan, positionsOf } from './scan/decode.js';
import { parsePositions } from './scan/positions.js';
import { type ScanResult, readResult } from './scan/result.js';
import { encodeScan } from './scan/write.js';
import { rejectUnknownKeys } from '../problems/options.js';
import type { Scan, ScanPreview, ScanReconstruction } from '../scan-types.js';
import type { RealArray } from '../types.js';

/**
 * Reads an image from a file, or from the bytes of one.
 * @throws FileAccessError when it cannot be opened or read, FileFormatError when it is not an image, InvalidArgumentError
 */
export async function readImage(source: string | Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  if (typeof source === 'string') {
    const { path, bytes, dataset } = await readInputFile(source);
    return decodeNamed(bytes, path, { ...beside(path), ...(dataset !== undefined && { dataset }), ...options });
  }
  if (isBytes(source)) return decodeImage(source, options);
  throw new InvalidArgumentError('source', gotTakes('source', source, 'a path, or a Uint8Array with the content'));
}

/**
 * Reads an image of complex numbers, interleaved re, im, from a file, or from the bytes of one: `.npy`, or HDF5 as h5py and
 * `writeComplexImage` write it. Real images become complex ones.
 * @throws FileAccessError when it cannot be opened or read, FileFormatError when it is not an image, InvalidArgumentError
 */
export async function readComplexImage(
  source: string | Uint8Array,
  options: ComplexDecodeOptions = {},
): Promise<ComplexImage> {
  if (typeof source === 'string') {
    const { path, bytes, dataset } = await readInputFile(source);
    const all = { ...beside(path), ...(dataset !== undefined && { dataset }), ...options };
    return naming(path, () => decodeComplexImage(bytes, all));
  }
  if (isBytes(source)) return decodeComplexImage(source, options);
  throw new InvalidArgumentError('source', gotTakes('source', source, 'a path, or a Uint8Array with the content'));
}

/**
 * Writes an image of complex numbers: `complex64` or `complex128`, by the type of its numbers, which NumPy and h5py read as such.
 * `settings` are kept with the image, in .cxi.
 * @throws InvalidArgumentError for a path that does not end in .npy or .cxi; FileAccessError
 */
export async function writeComplexImage(
  path: string,
  image: ComplexImage,
  options: Pick<EncodeOptions, 'settings'> = {},
): Promise<void> {
  const format = typeof path === 'string' ? extname(path).toLowerCase().slice(1) : undefined;
  if (format !== 'npy' && format !== 'cxi') {
    throw new InvalidArgumentError('path', gotTakes('path', path, 'a name in .npy or .cxi'));
  }
  await writeBytes(path, encodeComplexImage(image, format, options));
}

/** What `readScan` takes beside the path, every field optional. What is given goes before what the file says. */
export interface ReadScanOptions extends ScanGeometry {
  /**
   * A text file with a column for rows and one for columns (`row,column` or `y,x` in its first line, with units in brackets as
   * in `x [um]`; without names the row comes first), or an array, positions × 2. Without a unit they are metres where wavelength,
   * distance and detector pixel are known, otherwise pixels of the object. Patterns in .npy need it.
   */
  positions?: string | RealArray | undefined;
  /** An image of the patterns' shape: zero where nothing was measured. Its zero frequency is in the middle. */
  mask?: string | undefined;
}

/**
 * Reads a ptychographic scan: CXI (as cdtools and PyNX write it, and NXcxi_ptycho), ptypy's .ptyd, PtyLab's HDF5, or patterns
 * in .npy with `positions`. Patterns in files have the zero frequency in the middle, and come back with it at [0, 0]. Positions
 * in metres become pixels of the object: wavelength · distance / (pixels of a pattern · metres of a detector's pixel).
 * @throws FileAccessError when a file cannot be read, FileFormatError when it is no scan, InvalidArgumentError for options, and
 * where the geometry is incomplete
 */
export async function readScan(path: string, options: ReadScanOptions = {}): Promise<Scan> {
  return (await readScanWithNotes(path, options)).scan;
}

/** The same, with what the file's format implies in lines to be shown. */
export async function readScanWithNotes(path: string, options: ReadScanOptions = {}): Promise<ReadScan> {
  if (typeof path !== 'string') throw new InvalidArgumentError('path', gotTakes('path', path, 'the path of a file'));
  rejectUnknownKeys('options', options, SCAN_KEYS);
  const { positions, mask, ...geometry } = options;
  const bytes = await readBytes(path);
  const places =
    typeof positions === 'string'
      ? await naming(positions, async () => parsePositions(new TextDecoder().decode(await readBytes(positions))))
      : positions && positionsOf(positions);
  const image = mask === undefined ? undefined : await readImage(mask, { as: 'mask' });
  return naming(path, () => decodeScan(bytes, { ...geometry, ...beside(path), positions: places, mask: image }));
}

/**
 * Writes a scan, and what `retrieve` made of it or has reached, as CXI, which `readScan`, h5py and the programs of the field read. The object is
 * `/entry_1/result_1/data`, with the corrected positions beside it as translations of the sample in metres; the modes of the
 * probe are `/entry_1/result_2/data`. How the result was made is in `/entry_1/result_1/process_1`, with `settings` of the caller's
 * own, such as a command. A scan's `object` to begin with is not kept. The path holds the old content or the new, never a part.
 * @throws InvalidArgumentError for a path that does not end in .cxi or .h5, a scan without `pixel`, `wavelength` and `distance`, or
 * one of more than 2 GiB; FileAccessError
 */
export async function writeScan(
  path: string,
  scan: Scan,
  result?: ScanPreview | ScanReconstruction,
  settings: Record<string, string | number> = {},
): Promise<void> {
  if (typeof path !== 'string' || !['.cxi', '.h5'].includes(extname(path).toLowerCase())) {
    throw new InvalidArgumentError('path', gotTakes('path', path, 'a name in .cxi or .h5'));
  }
  await writeBytes(path, encodeScan(scan, result, settings));
}

/** The object, the probe and the positions that `writeScan` has written, to go on from. @throws FileAccessError, FileFormatError */
export async function readScanResult(path: string): Promise<ScanResult> {
  const bytes = await readBytes(path);
  return naming(path, () => readResult(bytes));
}

const SCAN_KEYS = ['positions', 'mask', ...GEOMETRY_KEYS] as const satisfies readonly (keyof ReadScanOptions)[];

/** A file's content, and the name of the dataset behind its own. */
export interface InputFile {
  path: string;
  bytes: Uint8Array;
  dataset?: string;
}

/** Reads a file, and the name of a dataset behind its own, where it has one: `scan.h5:/entry/data`. */
export async function readInputFile(path: string): Promise<InputFile> {
  const inside = splitDataset(path);
  try {
    return { path, bytes: await readBytes(path) };
  } catch (error) {
    if (!inside || !(error instanceof FileAccessError)) throw error;
    return { ...inside, bytes: await readBytes(inside.path) };
  }
}

/** The two parts of `scan.h5:/entry/data`; undefined for a path without such a part, as `C:/scan.h5` is. */
export function splitDataset(path: string): { path: string; dataset: string } | undefined {
  const parts = /^(.{2,}?):(\/.*)$/.exec(path);
  return parts ? { path: parts[1], dataset: parts[2] } : undefined;
}

/** Finds the other files that an HDF5 file refers to in its folder, and nowhere else. */
export function beside(path: string): Pick<DecodeOptions, 'sources'> {
  return {
    sources: async (name) => {
      // Where a file was moved with its sources, the folder that it names is gone.
      const inside = isAbsolute(name) ? basename(name) : normalize(name);
      if (inside.startsWith('..')) return undefined;
      return readBytes(join(dirname(path), inside)).catch(() => undefined);
    },
  };
}

/**
 * Writes an image in the format of the path's ending: .npy, .png, .tif, .tiff or .cxi.
 * @throws InvalidArgumentError for another ending, or what the format cannot hold; FileAccessError
 */
export async function writeImage(path: string, image: Image, options: EncodeOptions = {}): Promise<void> {
  await writeBytes(path, await encodeImage(image, formatOfPath(path), options));
}

const ENDINGS: Record<string, WritableFormat> = {
  '.npy': 'npy',
  '.png': 'png',
  '.tif': 'tiff',
  '.tiff': 'tiff',
  '.cxi': 'cxi',
};

/** The format in which `writeImage` writes to this path: worth asking before a long run. */
export function formatOfPath(path: string): WritableFormat {
  const format = typeof path === 'string' ? ENDINGS[extname(path).toLowerCase()] : undefined;
  if (!format)
    throw new InvalidArgumentError('path', gotTakes('path', path, 'a name in .npy, .png, .tif, .tiff or .cxi'));
  return format;
}

/** @throws FileAccessError */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const buffer = await readFile(path);
    // Not a Buffer, whose slice() shares memory where that of other arrays copies.
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  } catch (error) {
    throw accessError('read', path, error);
  }
}

/** Files that are being written, under the names that they have until they are complete. */
const temporaries = new Set<string>();

/** Removes incomplete files. Call it before a process ends at once. */
export function removeTemporaries(): void {
  for (const temporary of temporaries) rmSync(temporary, { force: true });
}

/**
 * Writes a file under a temporary name beside it, which then replaces it: a reader finds the old content or the new one.
 * Pipes and devices are written to directly.
 * @throws FileAccessError; an ordinary file then keeps its old content
 */
export async function writeBytes(path: string, bytes: Uint8Array | string): Promise<void> {
  try {
    const place = await placeOf(path);
    if (place.temporary === undefined) await writeFile(place.target, bytes);
    else await replaceFile(place.target, place.temporary, place.mode, bytes);
  } catch (error) {
    throw accessError('write', path, error);
  }
}

async function replaceFile(target: string, temporary: string, mode: number, bytes: Uint8Array | string): Promise<void> {
  temporaries.add(temporary);
  try {
    // Synchronous: no thread can make the file after removeTemporaries() has looked for it.
    const descriptor = openSync(temporary, 'wx', mode);
    try {
      await promisify(writeToDescriptor)(descriptor, bytes);
    } finally {
      closeSync(descriptor);
    }
    await rename(temporary, target);
  } finally {
    rmSync(temporary, { force: true });
    temporaries.delete(temporary);
  }
}

/**
 * Checks that `writeBytes` can write to a path. Makes a file in its folder and removes it, since permissions do not tell
 * everything. Worth asking before a long run.
 * @throws FileAccessError
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const { temporary, mode } = await placeOf(path);
    if (temporary === undefined) return;
    closeSync(openSync(temporary, 'wx', mode));
    rmSync(temporary);
  } catch (error) {
    throw accessError('write', path, error);
  }
}

interface Place {
  /** The file behind all links. */
  target: string;
  /** A name beside the target; undefined where the target is a pipe or a device. */
  temporary?: string;
  mode: number;
}

async function placeOf(path: string): Promise<Place> {
  const existing = await stat(path).catch((error: unknown) => {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (existing?.isDirectory()) throw new Error(REASONS.EISDIR);
  const target = await followLinks(path);
  const folder = dirname(target);
  if (!existing && !existsSync(folder)) throw new Error(`there is no folder ${folder}`);
  if (existing) await access(target, constants.W_OK);
  const mode = existing ? existing.mode & 0o777 : 0o666;
  if (existing && !existing.isFile()) return { target, mode };
  const name = `.${basename(target).slice(0, 100)}.${randomBytes(6).toString('hex')}`;
  return { target, temporary: join(folder, name), mode };
}

/** The file behind all links, which need not exist yet. Writing replaces it, not the link. */
export async function followLinks(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined) return real;
  const link = await readlink(path).catch(() => undefined);
  if (link !== undefined && !(await isLoop(path))) return followLinks(resolve(dirname(path), link));
  const folder = await realpath(dirname(path)).catch(() => dirname(path));
  return join(folder, basename(path));
}

function isLoop(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    (error: unknown) => isSystemError(error) && error.code === 'ELOOP',
  );
}

/** Node's errors are of the main realm, and no instances of the `Error` of a test runner's. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return typeof (error as Partial<NodeJS.ErrnoException> | null)?.code === 'string';
}

const REASONS: Record<string, string> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links form a loop',
  EPIPE: 'its reader has closed it',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than 2 GiB',
};

function accessError(what: 'read' | 'write', path: string, error: unknown): FileAccessError {
  return new FileAccessError(`cannot ${what} ${path}: ${reasonOf(error)}`, path, { cause: error });
}

/** What an error of the system means, in words. */
export function reasonOf(error: unknown): string {
  return REASONS[isSystemError(error) ? (error.code ?? '') : ''] ?? messageOf(error);
}
