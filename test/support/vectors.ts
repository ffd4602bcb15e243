/** Outputs of the reference implementation: test/vectors, or the folder that REPHASE_VECTORS names. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const folder = process.env.REPHASE_VECTORS ?? fileURLToPath(new URL('../vectors', import.meta.url));

export function readVector(name: string): Promise<Uint8Array> {
  return readFile(join(folder, name));
}
