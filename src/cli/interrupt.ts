/**
 * Ctrl-C, SIGTERM and SIGHUP. The first one asks the running command to stop and lets it write what it has; the second one
 * quits at once, and removes what is half written.
 */
import process from 'node:process';
import { removeTemporaries } from '../formats/files.js';
import { stopCode } from './exit.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs `work` with an AbortSignal that the first of them aborts, its name as the reason. */
export async function interruptible<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      removeTemporaries();
      process.exit(stopCode(signal));
    }
    controller.abort(signal);
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}
