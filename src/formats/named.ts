/** Errors about the content of a file that say which file. */
import { FileFormatError } from '../errors.js';
import { type Image, decodeImage } from './index.js';
import type { DecodeOptions } from './options.js';

/**
 * Reads an image from bytes that came from the file `name`.
 * @throws FileFormatError, with that name as its path
 */
export function decodeNamed(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Promise<Image> {
  return naming(name, () => decodeImage(bytes, options));
}

/** Adds the file's name to a FileFormatError of `read`. */
export async function naming<Result>(name: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FileFormatError)) throw error;
    const details = error.format === undefined ? { path: name } : { format: error.format, path: name };
    throw new FileFormatError(`${name}: ${error.message}`, details, { cause: error });
  }
}
