/** What CXI says about how data were made. */
import { version } from '../../package.json';
import { InvalidArgumentError, gotTakes } from '../errors.js';
import type { Hdf5Content } from './hdf5/write.js';

/** The program's name and version. */
export const PROGRAM = `rephase ${version}`;

/** Names and values that are kept, such as a command line and its options. */
export type Settings = Readonly<Record<string, string | number | undefined>>;

/** The group `process_1` below this path, by path. @throws InvalidArgumentError for names and values that it cannot hold */
export function processOf(path: string, settings: Settings): Record<string, Hdf5Content | undefined> {
  const entries = Object.entries<unknown>({ ...settings, program: 'rephase', version });
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (!/^[\w .-]{1,99}$/.test(name)) {
        throw new InvalidArgumentError('settings', gotTakes('settings', name, 'names of letters, digits and _'));
      }
      if (value === undefined || typeof value === 'string' || typeof value === 'number') {
        return [`${path}/process_1/${name}`, value];
      }
      throw new InvalidArgumentError('settings', gotTakes(`settings.${name}`, value, 'a text or a number'));
    }),
  );
}
