/**
 * How a command ends: the exit codes, and the one line on stderr that explains a failure. Stack traces appear only where
 * the environment variable REPHASE_DEBUG is set.
 */
import { constants } from 'node:os';
import process from 'node:process';
import { CommanderError } from 'commander';
import { AbortError, InvalidArgumentError, RephaseError, gotTakes, messageOf, printable } from '../errors.js';

export const EXIT = {
  success: 0,
  /** The run failed: a file, the data, the backend, or a check did. */
  failure: 1,
  /** Wrong usage: an unknown command or option, or a value that an option does not take. */
  usage: 2,
} as const;

/** Wrong usage of the command line. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** `--beta: got "-1"; takes a number above 0` */
export function usage(option: string, got: string, takes: string): UsageError {
  return new UsageError(gotTakes(option, got, takes));
}

/** Arguments of the library that are options of the command line: a bad value is wrong usage, whoever notices it. */
const OPTIONS = new Set([
  ...['algorithm', 'beta', 'iterations', 'seed', 'starts', 'backend', 'device', 'precision'],
  ...['pad', 'photons', 'beamstop', 'REPHASE_BACKEND', 'frame', 'frames', 'maxPixels'],
]);

function isUsage(error: unknown): boolean {
  return error instanceof UsageError || (error instanceof InvalidArgumentError && OPTIONS.has(error.argument));
}

/** The exit code of a command that ended with `error`; a run that was stopped has the signal's name as its reason. */
export function exitCode(error: unknown): number {
  if (error instanceof AbortError) return stopCode(error.cause);
  return isUsage(error) ? EXIT.usage : EXIT.failure;
}

/** As shells count it: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP. What there was so far has been written. */
export function stopCode(signal: unknown): number {
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? constants.signals.SIGINT);
}

/** Explains `error` on stderr, and as an object on stdout where the command was asked for JSON. Returns the exit code. */
export function explain(error: unknown, json: boolean): number {
  // Commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) {
    if (error.exitCode !== 0 && json) printJson('USAGE', error.message.replace(/^error: /, ''));
    return error.exitCode === 0 ? EXIT.success : EXIT.usage;
  }
  const code = exitCode(error);
  const message = printable(messageOf(error));
  if (json) printJson(codeOf(error), message);
  process.stderr.write(`rephase: ${message}\n`);
  if (process.env.REPHASE_DEBUG && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  else if (!(error instanceof RephaseError || error instanceof UsageError)) {
    process.stderr.write('This looks like a defect of rephase; REPHASE_DEBUG=1 shows where.\n');
  }
  return code;
}

function printJson(code: string, message: string): void {
  process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
}

function codeOf(error: unknown): string {
  if (error instanceof RephaseError) return error.code;
  return error instanceof UsageError ? 'USAGE' : 'INTERNAL';
}
