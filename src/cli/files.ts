/**
 * Files as the command line names them: `-` is a standard stream, and what a path must end in is checked before any work
 * is done. What is in the files is the business of formats/.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { extname, join, parse } from 'node:path';
import process from 'node:process';
import { FileAccessError } from '../errors.js';
import {
  beside,
  checkWritable,
  followLinks,
  readInputFile,
  splitDataset,
  writeBytes,
  writeImage,
} from '../formats/files.js';
import { type DecodeOptions, type EncodeOptions, type Image, encodeImage, encodeNpy } from '../formats/index.js';
import { decodeNamed } from '../formats/named.js';
import { type Shape } from '../types.js';
import { UsageError, usage } from './exit.js';

export type { Image } from '../formats/index.js';

/** What the command line can say about an image to read. */
export type InputOptions = Pick<DecodeOptions, 'dataset' | 'frame' | 'frames' | 'maxPixels' | 'as'>;

const STANDARD_STREAM = '-';

/** An image and the SHA-256 of the file that it came from, by which a report can tell what it is about. */
export interface Input extends Image {
  sha256: string;
}

/** Reads an image from a path, which may name a dataset (`scan.h5:/entry/data`), or, for `-`, from standard input. */
export async function readInput(path: string, options: InputOptions = {}): Promise<Input> {
  const { dataset, frame, frames, maxPixels, as } = options;
  const isStdin = path === STANDARD_STREAM;
  const file = isStdin ? { path: 'standard input', bytes: await readStdin() } : await readInputFile(path);
  const image = await decodeNamed(file.bytes, file.path, {
    ...(isStdin ? {} : beside(file.path)),
    ...(file.dataset !== undefined && { dataset: file.dataset }),
    ...(dataset !== undefined && { dataset }),
    ...(frame !== undefined && { frame }),
    ...(frames !== undefined && { frames }),
    ...(maxPixels !== undefined && { maxPixels }),
    ...(as !== undefined && { as }),
  });
  return { ...image, sha256: createHash('sha256').update(file.bytes).digest('hex') };
}

/** `scan.h5:/entry/data`, whatever the path said about the dataset itself. */
export function withDataset(path: string, dataset: string): string {
  return `${splitDataset(path)?.path ?? path}:${dataset}`;
}

/** As much as Node reads of a file. */
const MOST_BYTES = 2 ** 31 - 1;

async function readStdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES)
      throw new FileAccessError('cannot read standard input: it is larger than 2 GiB', STANDARD_STREAM);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Checks that `path` ends as it must (`-` is standard output) and can be written, so that a long run does not end with a
 * file that cannot.
 */
export async function checkOutput(option: string, path: string, endings: readonly string[], stream = false) {
  if (stream && path === STANDARD_STREAM) return;
  if (!endings.includes(extname(path).toLowerCase())) {
    const takes = `a name in ${endings.join(', ')}${stream ? ', or - for standard output' : ''}`;
    throw usage(option, path, takes);
  }
  await checkWritable(path).catch((error: FileAccessError) => {
    throw new FileAccessError(`${option}: ${error.message}`, path, { cause: error });
  });
}

/** A file of a command, and what the command line calls it: `the pattern`, `--history`. */
export interface NamedFile {
  what: string;
  path: string | undefined;
}

/** Refuses to write a file over one that is read, or two to one place, under whatever names. */
export async function checkDistinct(inputs: readonly NamedFile[], outputs: readonly NamedFile[]): Promise<void> {
  const taken = new Map<string, string>();
  for (const { what, path } of inputs) {
    if (path !== undefined && path !== STANDARD_STREAM) taken.set(await realName(path), what);
  }
  for (const { what, path } of outputs) {
    if (path === undefined || path === STANDARD_STREAM) continue;
    const name = await realName(path);
    const other = taken.get(name);
    if (other !== undefined) throw new UsageError(`${what}: ${path} would overwrite ${other}`);
    taken.set(name, what);
  }
}

/** The file behind all links; of a file with a dataset's name behind its own, the file. */
async function realName(path: string): Promise<string> {
  const inside = splitDataset(path);
  const isThere = !inside || (await stat(path).catch(() => undefined)) !== undefined;
  return followLinks(isThere ? path : inside.path);
}

/** Writes an image in the format of the path's ending; standard output gets `.npy`. */
export async function writeOutput(path: string, image: Image, options: EncodeOptions = {}): Promise<void> {
  if (path === STANDARD_STREAM) return writeStdout(await encodeImage(image, 'npy'));
  return writeImage(path, image, options);
}

export function isPng(path: string): boolean {
  return extname(path).toLowerCase() === '.png';
}

/** Writes a mask as an `.npy` file of bytes. */
export async function writeMask(path: string, mask: Uint8Array, shape: Shape): Promise<void> {
  await writeBytes(path, encodeNpy(mask, shape));
}

export async function writeText(path: string, text: string): Promise<void> {
  await writeBytes(path, text);
}

/** `dir/pattern.npy` and `support` make `dir/pattern.support.npy`. */
export function besides(path: string, what: string): string {
  const { dir, name } = parse(path);
  return join(dir, `${name}.${what}.npy`);
}

async function writeStdout(bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
