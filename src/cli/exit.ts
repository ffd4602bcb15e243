/**
 * How a command ends: the exit codes, and the line on stderr that explains a failure. The environment variable
 * REPHASE_DEBUG adds the stack trace.
 */
import { constants } from 'node:os';
import process from 'node:process';
import { CommanderError } from 'commander';
import {
  AbortError,
  FileAccessError,
  FileFormatError,
  InvalidArgumentError,
  RephaseError,
  gotTakes,
  messageOf,
} from '../errors.js';
import { note, printJson } from './print.js';

export const EXIT = {
  success: 0,
  /** The run failed: a file, the data, the backend or a check is at fault. */
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

/** Arguments of the library that are options of the command line. A bad value of one is wrong usage. */
const OPTIONS = new Set([
  ...['algorithm', 'beta', 'iterations', 'seed', 'starts', 'backend', 'device', 'precision', 'alpha', 'delta'],
  ...['chain', 'bounds', 'supportSize', 'generations', 'firstStart', 'tolerance', 'unmeasuredLimit'],
  ...['checkpointSeconds', 'refine', 'heldOut', 'shrinkWrap', 'detwin', 'keepPatterns'],
  ...['batch', 'modes', 'probeFrom', 'positionsFrom', 'wavelength', 'distance', 'detectorPixel', 'defocus'],
  ...['pad', 'photons', 'beamstop', 'REPHASE_BACKEND', 'frame', 'frames', 'maxPixels'],
  ...['amplitudeBounds', 'phaseBounds'],
]);

/** Options that are called otherwise than their arguments. */
const CALLED: Readonly<Record<string, string>> = {
  checkpointSeconds: '--checkpoint-every',
  detectorPixel: '--pixel',
  firstStart: '--starts',
  REPHASE_BACKEND: 'REPHASE_BACKEND',
};

/** The option that names a file; undefined where it is no option that does. */
export type OptionOf = (path: string) => string | undefined;

/** The message of an error, which names the option that a bad argument of the library, or a file, came from. */
function messageFor(error: unknown, optionOf: OptionOf): string {
  const message = messageOf(error);
  if (error instanceof FileAccessError || error instanceof FileFormatError) {
    const option = error.path === undefined ? undefined : optionOf(error.path);
    return option === undefined || message.startsWith(option) ? message : `${option}: ${message}`;
  }
  if (!(error instanceof InvalidArgumentError) || !isUsage(error)) return message;
  // `shrinkWrap.sigma` becomes `--shrink-wrap sigma`.
  const name = /^\w+/.exec(error.argument)![0];
  if (!message.startsWith(name)) return message;
  const option = CALLED[name] ?? `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return option + message.slice(name.length).replace(/^\./, ' ');
}

function isUsage(error: unknown): boolean {
  if (!(error instanceof InvalidArgumentError)) return error instanceof UsageError;
  // `shrinkWrap.sigma` is a part of an option.
  return OPTIONS.has(error.argument.split(/[.[]/, 1)[0]);
}

/** The exit code of a command that ended with `error`. The cause of an AbortError is the signal's name. */
export function exitCode(error: unknown): number {
  if (error instanceof AbortError) return stopCode(error.cause);
  return isUsage(error) ? EXIT.usage : EXIT.failure;
}

/** The exit code that shells give to a signal: 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP. */
export function stopCode(signal: unknown): number {
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? constants.signals.SIGINT);
}

/** Explains `error` on stderr, and with `--json` as an object on stdout too. Returns the exit code. */
export function explain(error: unknown, json: boolean, optionOf: OptionOf = () => undefined): number {
  // Commander has printed its message, or the help that was asked for.
  if (error instanceof CommanderError) {
    if (error.exitCode !== 0 && json) printError('USAGE', error.message.replace(/^error: /, ''));
    return error.exitCode === 0 ? EXIT.success : EXIT.usage;
  }
  const code = exitCode(error);
  const message = messageFor(error, optionOf);
  if (json) printError(codeOf(error), message);
  note(message);
  if (process.env.REPHASE_DEBUG && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  else if (!(error instanceof RephaseError || error instanceof UsageError)) {
    process.stderr.write('This looks like a defect of rephase; REPHASE_DEBUG=1 shows where.\n');
  }
  return code;
}

function printError(code: string, message: string): void {
  printJson({ error: { code, message } });
}

function codeOf(error: unknown): string {
  if (error instanceof RephaseError) return error.code;
  return error instanceof UsageError ? 'USAGE' : 'INTERNAL';
}
