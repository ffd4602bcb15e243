/** `--checkpoint` and `--resume`: the files around what the library makes and takes. */
import { type FileAccessError } from '../../errors.js';
import { writeBytes } from '../../formats/files.js';
import { decodeCheckpoint } from '../../retrieve/checkpoint.js';
import { note } from '../print.js';
import type { Recipe } from './recipe.js';

/** Writes checkpoints to a file. A failure warns, and leaves the checkpoint before: the next may succeed. */
export function checkpointWriter(path: string): (checkpoint: Uint8Array) => Promise<void> {
  return (checkpoint) =>
    writeBytes(path, checkpoint).catch((error: FileAccessError) =>
      note(`warning: ${error.message}; the run goes on without a new checkpoint`),
    );
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
