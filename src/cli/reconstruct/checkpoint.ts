/** `--checkpoint` and `--resume`: the files around what the library makes and takes. */
import { type FileAccessError } from '../../errors.js';
import { writeBytes } from '../../formats/files.js';
import { decodeCheckpoint } from '../../retrieve/checkpoint.js';
import { note } from '../print.js';
import type { Recipe } from '../../retrieve/recipe.js';

export interface CheckpointFile {
  /** Takes a checkpoint, and writes it if the last one is old enough. */
  take: (checkpoint: Uint8Array) => Promise<void>;
  /** Writes the newest one, if it is not written yet. */
  flush: () => Promise<void>;
}

/** Writes a checkpoint every so many seconds. A failure warns, and leaves the checkpoint before: the next may succeed. */
export function checkpointFile(path: string, seconds: number): CheckpointFile {
  let newest: Uint8Array | undefined;
  let due = performance.now() + 1000 * seconds;
  const flush = async () => {
    const bytes = newest;
    if (!bytes) return;
    newest = undefined;
    due = performance.now() + 1000 * seconds;
    await writeBytes(path, bytes).catch((error: FileAccessError) =>
      note(`warning: ${error.message}; the run goes on without a new checkpoint`),
    );
  };
  return {
    take: async (checkpoint) => {
      newest = checkpoint;
      if (performance.now() >= due) await flush();
    },
    flush,
  };
}

/** What is not given, as the run had it that made a checkpoint. */
export function recipeOf(checkpoint: Uint8Array, given: Partial<Recipe>): Recipe {
  const { settings } = decodeCheckpoint(checkpoint);
  const generations = given.generations ?? Number(settings.generations);
  return {
    chain: given.chain ?? String(settings.chain),
    starts: given.starts ?? Number(settings.starts),
    ...(generations > 0 && { generations, refine: given.refine ?? Number(settings.refine) }),
  };
}
