/**
 * Ctrl-C. The first one asks the running command to stop and lets it write what it has; the second one quits at once.
 */
import process from 'node:process';
import { EXIT } from './exit.js';

/** Runs `work` with a signal that the first Ctrl-C aborts. */
export async function interruptible<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
  };
  process.on('SIGINT', stop);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', stop);
  }
}
