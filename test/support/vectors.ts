/** Files of the reference implementation's outputs: all of them where they lie beside the project, otherwise its own. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

const folder = ['../../../shared/vectors/', '../vectors/']
  .map((path) => new URL(path, import.meta.url))
  .find((url) => existsSync(new URL('index.json', url)))!;

export function readVector(name: string): Promise<Uint8Array> {
  return readFile(new URL(name, folder));
}
