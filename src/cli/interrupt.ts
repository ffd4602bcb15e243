/**
 * What SIGINT (Ctrl-C), SIGTERM and SIGHUP do. The first signal asks the command to stop and lets it write its files. The
 * second one removes incomplete files and ends the program at once.
 */
import process from 'node:process';
import { removeTemporaries } from '../formats/files.js';
import { stopCode } from './exit.js';
import { type PrintOptions, note } from './print.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs `work`. The first signal aborts its AbortSignal, with the signal's name as the reason. */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>, { quiet }: PrintOptions) {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      removeTemporaries();
      process.exit(stopCode(signal));
    }
    controller.abort(signal);
    if (!quiet) note(`${signal}: stopping, and writing what there is; a second signal ends it at once`);
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    await work(controller.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}
