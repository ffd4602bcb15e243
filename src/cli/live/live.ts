/** What can be watched of a run: its image on the terminal (`--preview`) or on a page (`--watch`). */
import process from 'node:process';
import { toFeasible } from '../../problems/feasible.js';
import { magnitude } from '../../tools/complex-images.js';
import { decodeCheckpoint } from '../../retrieve/checkpoint.js';
import type { Problem, Progress, RealResult } from '../../types.js';
import type { Image } from '../files.js';
import { cropToSupport, objectPicture } from '../picture.js';
import { note } from '../print.js';
import { type Preview, drawn, previewOf } from './terminal.js';
import { startWatch } from './watch.js';

export interface LiveOptions {
  /** True stands for `auto`. */
  preview?: Preview | true;
  watch?: number;
  quiet?: boolean;
}

export interface Live {
  progress: (progress: Progress) => void;
  /** Shows the best image of a checkpoint. */
  show: (checkpoint: Uint8Array) => void;
  end: () => Promise<void>;
}

/** An image has at most so many lines of the terminal, and leaves so many to other text. */
const [MOST_LINES, OTHER_LINES] = [24, 4];

/** Undefined where nothing is to be watched, or where `--preview` finds no terminal. */
export async function startLive(options: LiveOptions, problem: Problem, title: string): Promise<Live | undefined> {
  const { preview, watch: port, quiet } = options;
  const watch = port === undefined ? undefined : await startWatch(port, title);
  if (watch && !quiet) note(`the run can be watched at ${watch.address}`);
  const terminal = preview === undefined ? undefined : terminalFor(preview === true ? 'auto' : preview);
  if (!watch && !terminal) return undefined;
  return {
    progress: (progress) => watch?.progress(progress),
    show: (checkpoint) => {
      const image = bestImage(checkpoint, problem);
      if (!image) return;
      terminal?.(image);
      watch?.show(objectPicture(image));
    },
    end: () => watch?.end() ?? Promise.resolve(),
  };
}

/** How many seconds there should be between images: copying the states of all starts must not take most of the time. */
export function secondsBetweenImages({ shape }: Problem, starts: number): number {
  const pixels = starts * shape[0] * shape[1];
  return Math.max(0.5, pixels / PIXELS_A_SECOND);
}

/** A small share of what any machine copies and sums in a second. */
const PIXELS_A_SECOND = 4e6;

/** Draws images over one another, above the line of the cursor. */
function terminalFor(preview: Preview): ((image: Image) => void) | undefined {
  const { stderr, env } = process;
  if (preview === 'auto' && !stderr.isTTY) return undefined;
  const kind = preview === 'auto' ? previewOf(env) : preview;
  const lines = Math.max(1, Math.min(MOST_LINES, (stderr.rows ?? MOST_LINES + OTHER_LINES) - OTHER_LINES));
  let isFirst = true;
  return (image) => {
    // The progress bar's line moves down, and is drawn again with the next progress.
    if (isFirst) stderr.write(`\r\x1b[K${'\n'.repeat(lines)}`);
    isFirst = false;
    stderr.write(`\x1b7\x1b[${lines}A\r${drawn(image, kind, lines)}\x1b8`);
  };
}

/** The feasible image of the start with the smallest residual, cut to the support. Undefined before the first iteration. */
function bestImage(checkpoint: Uint8Array, problem: Problem): Image | undefined {
  let best: { object: RealResult; residual: number } | undefined;
  for (const origin of decodeCheckpoint(checkpoint).origins) {
    if (!origin || !('residual' in origin) || (best && !(origin.residual < best.residual))) continue;
    best = { object: origin.object as RealResult, residual: origin.residual };
  }
  if (!best) return undefined;
  const { shape, object, support, supportSize = 0, phaseBounds, objectMagnitudes } = problem;
  const { bounds = problem.amplitudeBounds ?? [0, Infinity] } = problem;
  const inside = support && Uint8Array.from(support, Number);
  const known = {
    ...(object && { object }),
    bounds,
    supportSize,
    ...(phaseBounds && { phaseBounds }),
    objectMagnitudes,
  };
  const feasible = toFeasible(best.object, inside, known);
  return cropToSupport({ data: object === 'complex' ? magnitude(feasible) : feasible, shape }, inside);
}
