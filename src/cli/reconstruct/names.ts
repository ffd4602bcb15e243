/** The files of a run that names none: `pattern.reconstruction.*`, beside the pattern. */
import { readFile, stat } from 'node:fs/promises';
import { splitDataset } from '../../formats/files.js';
import type { ObjectKind } from '../../types.js';
import { UsageError } from '../exit.js';
import { besides } from '../files.js';

const WHAT = 'reconstruction';

export interface Names {
  /** The image, to look at. */
  output: string;
  /** The same as numbers. */
  numbers: string;
  report: string;
  /** What `--json` prints. */
  record: string;
  /** Where the phases of a complex object go. */
  phase?: string;
}

/** Names that no file has but those of an earlier run, which are replaced. */
export async function defaultNames(pattern: string, object: ObjectKind = 'real'): Promise<Names> {
  if (pattern === '-') throw new UsageError('-o names the image: a pattern from standard input has no name');
  const named = (ending: string) => besides(splitDataset(pattern)?.path ?? pattern, WHAT, ending);
  const names = {
    output: named('.png'),
    numbers: named('.npy'),
    report: named('.html'),
    record: named('.json'),
    ...(object === 'complex' && { phase: named('.phase.png') }),
  };
  for (const name of Object.values(names)) {
    const isThere = (await stat(name).catch(() => undefined)) !== undefined;
    if (!isThere || (await isRecord(names.record))) continue;
    throw new UsageError(`${name} is there and not from an earlier run; -o names the image`);
  }
  return names;
}

async function isRecord(path: string): Promise<boolean> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as { command?: unknown } | null;
    return record?.command === 'reconstruct';
  } catch {
    return false;
  }
}
