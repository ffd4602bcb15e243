/**
 * Files as the command line names them. `-` is a standard stream, and outputs are checked before any work is done.
 * formats/ knows what is in the files.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { extname, join, parse } from 'node:path';
import process from 'node:process';
import { type Command } from 'commander';
import { FileAccessError } from '../errors.js';
import {
  type InputFile,
  beside,
  checkWritable,
  followLinks,
  readInputFile,
  reasonOf,
  splitDataset,
  writeBytes,
  writeComplexImage,
  writeImage,
} from '../formats/files.js';
import {
  type ComplexImage,
  type DecodeOptions,
  type EncodeOptions,
  type Image,
  decodeComplexImage,
  encodeComplexImage,
  encodeImage,
  encodeNpy,
} from '../formats/index.js';
import { decodeNamed, naming } from '../formats/named.js';
import { type Shape } from '../types.js';
import { UsageError, usage } from './exit.js';
import { named, whole } from './values.js';

export type { Image } from '../formats/index.js';

/** The options that say which image of a file to read. */
export type InputOptions = Pick<DecodeOptions, 'dataset' | 'frame' | 'frames' | 'maxPixels' | 'as'>;

/** Adds the options that say which image of a file to read. `what` names the image. */
export function addInputOptions(command: Command, what: string): Command {
  return command
    .option(
      '--dataset <path>',
      `where the ${what} is in an HDF5, MATLAB or npz file (also as FILE:/PATH)`,
      named('--dataset', 'the path of a dataset'),
    )
    .option('--frame <number>', 'of a stack of frames: the one to take, counted from 0', whole('--frame', 0))
    .option('--frames <which>', 'of a stack: sum or mean of all, or A:B, the sum of frames A to B - 1')
    .option(
      '--max-pixels <n>',
      'the most pixels of an image (default: by format and file size)',
      whole('--max-pixels', 1),
    );
}

const STANDARD_STREAM = '-';

/** An image and the SHA-256 of its file, which identifies the file in a report. */
export interface Input extends Image {
  sha256: string;
}

/** Reads an image from a path, which may name a dataset (`scan.h5:/entry/data`). `-` is standard input. */
export async function readInput(path: string, options: InputOptions = {}): Promise<Input> {
  const { frame, frames, maxPixels, as } = options;
  const isStdin = path === STANDARD_STREAM;
  const file = await inputFile(path);
  const dataset = options.dataset ?? file.dataset;
  const image = await decodeNamed(file.bytes, file.path, {
    ...(isStdin ? {} : beside(file.path)),
    ...(dataset !== undefined && { dataset }),
    ...(frame !== undefined && { frame }),
    ...(frames !== undefined && { frames }),
    ...(maxPixels !== undefined && { maxPixels }),
    ...(as !== undefined && { as }),
  });
  return { ...image, sha256: createHash('sha256').update(file.bytes).digest('hex') };
}

/** The same for complex numbers; real ones become complex. */
export async function readComplexInput(path: string): Promise<ComplexImage & Pick<Input, 'sha256'>> {
  const file = await inputFile(path);
  const { dataset } = file;
  const options = { ...(path !== STANDARD_STREAM && beside(file.path)), ...(dataset !== undefined && { dataset }) };
  const image = await naming(file.path, () => decodeComplexImage(file.bytes, options));
  return { ...image, sha256: createHash('sha256').update(file.bytes).digest('hex') };
}

async function inputFile(path: string): Promise<InputFile> {
  if (path !== STANDARD_STREAM) return readInputFile(path);
  return { path: 'standard input', bytes: await readStream(process.stdin) };
}

/** `scan.h5:/entry/data`. A dataset that the path already names is replaced. */
export function withDataset(path: string, dataset: string): string {
  return `${splitDataset(path)?.path ?? path}:${dataset}`;
}

/** Node reads no larger files either. */
const MOST_BYTES = 2 ** 31 - 1;

/** @throws FileAccessError when standard input has more than 2 GiB */
export async function readStream(stream: AsyncIterable<Uint8Array | string>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES)
      throw new FileAccessError('cannot read standard input: it is larger than 2 GiB', STANDARD_STREAM);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Checks that `path` has one of the endings and can be written, so that no long run ends without its file. With `stream`,
 * `-` is standard output.
 */
export async function checkOutput(option: string, path: string, endings: readonly string[], stream = false) {
  if (stream && path === STANDARD_STREAM) return;
  if (!endings.includes(extname(path).toLowerCase())) {
    const takes = `a name in ${endings.join(', ')}${stream ? ', or - for standard output' : ''}`;
    throw usage(option, path, takes);
  }
  await checkPlace(option, path);
}

/** The same for a file whose name may end in anything. */
export async function checkPlace(option: string, path: string): Promise<void> {
  await checkWritable(path).catch((error: FileAccessError) => {
    throw new FileAccessError(`${option}: ${error.message}`, path, { cause: error });
  });
}

/** A file of a command, and its name in messages: `the pattern`, `--history`. */
export interface NamedFile {
  what: string;
  path: string | undefined;
}

/** Refuses to write over an input, and to write two outputs to one file. Links are followed. */
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

/** The file behind all links. A dataset's name is cut off. */
async function realName(path: string): Promise<string> {
  const inside = splitDataset(path);
  const isThere = !inside || (await stat(path).catch(() => undefined)) !== undefined;
  return followLinks(isThere ? path : inside.path);
}

/** Writes an image in the format of the path's ending. Standard output gets `.npy`. */
export async function writeOutput(path: string, image: Image, options: EncodeOptions = {}): Promise<void> {
  if (path === STANDARD_STREAM) return writeStdout(await encodeImage(image, 'npy'));
  return writeImage(path, image, options);
}

/** Writes complex numbers in the format of the path's ending. Standard output gets `.npy`. */
export async function writeComplexOutput(
  path: string,
  image: ComplexImage,
  options: Pick<EncodeOptions, 'settings'> = {},
): Promise<void> {
  if (path === STANDARD_STREAM) return writeStdout(encodeComplexImage(image, 'npy'));
  return writeComplexImage(path, image, options);
}

/** Whether a file of this name, or standard output, holds complex numbers, and not a picture of them. */
export function holdsComplex(path: string): boolean {
  return path === STANDARD_STREAM || ['.npy', '.cxi'].includes(extname(path).toLowerCase());
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

/** `dir/pattern.support.npy` for `dir/pattern.npy` and `support`. */
export function besides(path: string, what: string, ending = '.npy'): string {
  const { dir, name } = parse(path);
  return join(dir, `${name}.${what}${ending}`);
}

async function writeStdout(bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // Part of an image is of no use: a reader that leaves early is an error here.
    process.stdout.removeAllListeners('error').on('error', (error: Error) => reject(streamError(error)));
    process.stdout.write(bytes, (error) => {
      if (!error) resolve();
    });
  });
}

/** The error of standard output as one of ours. */
export function streamError(error: NodeJS.ErrnoException): FileAccessError {
  return new FileAccessError(`cannot write to standard output: ${reasonOf(error)}`, STANDARD_STREAM, { cause: error });
}
