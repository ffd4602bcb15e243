/** What can be watched of a run: its image on the terminal (`--preview`) or on a page (`--watch`). */
import process from 'node:process';
import { type Command } from 'commander';
import type { Progress } from '../../types.js';
import type { Image } from '../files.js';
import { objectPicture } from '../picture.js';
import { note } from '../print.js';
import { oneOf, port } from '../values.js';
import { PREVIEWS, type Preview, drawn, previewOf } from './terminal.js';
import { startWatch } from './watch.js';

export interface LiveOptions {
  /** True stands for `auto`. */
  preview?: Preview | true;
  watch?: number;
  quiet?: boolean;
}

export function addLiveOptions(command: Command): Command {
  return command
    .option(
      '--preview [how]',
      'show the image on the terminal while it forms: auto, kitty, sixel or blocks (default: auto)',
      oneOf('--preview', PREVIEWS),
    )
    .option(
      '--watch <port>',
      'serve a page that shows the run to browsers on this machine (0: any free port)',
      port('--watch'),
    );
}

export interface Live {
  progress: (progress: Progress) => void;
  /** Shows the image as it is now, from its smallest value in black to its largest in white. */
  show: (image: Image) => void;
  end: () => Promise<void>;
}

/** An image has at most so many lines of the terminal, and leaves so many to other text. */
const [MOST_LINES, OTHER_LINES] = [24, 4];

/** Undefined where nothing is to be watched, or where `--preview` finds no terminal. */
export async function startLive(options: LiveOptions, title: string): Promise<Live | undefined> {
  const { preview, watch: port, quiet } = options;
  const watch = port === undefined ? undefined : await startWatch(port, title);
  if (watch && !quiet) note(`the run can be watched at ${watch.address}`);
  const terminal = preview === undefined ? undefined : terminalFor(preview === true ? 'auto' : preview);
  if (!watch && !terminal) return undefined;
  return {
    progress: (progress) => watch?.progress(progress),
    show: (image) => {
      terminal?.(image);
      watch?.show(objectPicture(image));
    },
    end: () => watch?.end() ?? Promise.resolve(),
  };
}

/** How many seconds there should be between images: copying so many pixels for each must not take most of the time. */
export function secondsBetweenImages(pixels: number): number {
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
