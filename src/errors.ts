/**
 * Every error that rephase throws on purpose: one class per thing a caller can do about it, each with a `code` that
 * stays the same from version to version. Messages name what was wrong, what was given and what is accepted. Errors
 * that are not of these classes are defects of rephase.
 */
import { typedKind, typedLength } from './typed-arrays.js';
import type { ScanReconstruction } from './scan-types.js';
import type { BackendName, Reconstruction } from './types.js';

/** Every `code` there is. */
export const ERROR_CODES = [
  'INVALID_ARGUMENT',
  'BACKEND_UNAVAILABLE',
  'OUT_OF_MEMORY',
  'DEVICE_LOST',
  'DEVICE_FAILED',
  'DISPOSED',
  'BUSY',
  'ABORTED',
  'DIVERGED',
  'FILE_FORMAT',
  'FILE_ACCESS',
] as const;

/** The `code` of an error; each belongs to one class. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** The base of all of rephase's errors. Tell them apart by `code` where `instanceof` does not reach (workers, bundles). */
export class RephaseError extends Error {
  /** Which kind of error this is, alike in every version. */
  readonly code: ErrorCode;

  /** @internal */
  constructor(name: string, code: ErrorCode, message: string, options?: ErrorOptions) {
    super(printable(message), options);
    // Bundlers rename classes, so the name does not come from the class.
    this.name = name;
    this.code = code;
  }
}

/** An argument, option or array that cannot be used. Nothing was allocated or changed. */
export class InvalidArgumentError extends RephaseError {
  /** Name of the argument, as the caller writes it: `beta`, `start.phase`. */
  readonly argument: string;

  /** @internal */
  constructor(argument: string, message: string, options?: ErrorOptions) {
    super('InvalidArgumentError', 'INVALID_ARGUMENT', message, options);
    this.argument = argument;
  }
}

/** The backend that was asked for, or every backend, cannot run here. The message lists what was tried and why not. */
export class BackendUnavailableError extends RephaseError {
  /** The backend that was asked for; undefined when none of them can run. */
  readonly backend: BackendName | undefined;

  /** @internal */
  constructor(message: string, backend?: BackendName, options?: ErrorOptions) {
    super('BackendUnavailableError', 'BACKEND_UNAVAILABLE', message, options);
    this.backend = backend;
  }
}

/** The problem needs more memory than there is. Estimated before anything is allocated, where that is possible. */
export class OutOfMemoryError extends RephaseError {
  /** Bytes that the problem needs. */
  readonly requiredBytes: number;
  /** Bytes that there are; NaN where the backend cannot tell. */
  readonly availableBytes: number;

  /** @internal */
  constructor(message: string, requiredBytes: number, availableBytes: number, options?: ErrorOptions) {
    super('OutOfMemoryError', 'OUT_OF_MEMORY', message, options);
    this.requiredBytes = requiredBytes;
    this.availableBytes = availableBytes;
  }
}

/** The device or the worker that held the session failed; its state is gone. Create a new session. */
export class DeviceLostError extends RephaseError {
  /** @internal */
  constructor(message: string, options?: ErrorOptions) {
    super('DeviceLostError', 'DEVICE_LOST', message, options);
  }
}

/**
 * The device is there, but refused something that it was asked for, which is a defect of rephase or of a driver. What the
 * session holds is not to be trusted. Please report it; a new session may work.
 */
export class DeviceFailedError extends RephaseError {
  /** @internal */
  constructor(message: string, options?: ErrorOptions) {
    super('DeviceFailedError', 'DEVICE_FAILED', message, options);
  }
}

/** A session was used after `dispose()`. */
export class DisposedError extends RephaseError {
  /** @internal */
  constructor(message = 'the session has been disposed of and cannot be used any more', options?: ErrorOptions) {
    super('DisposedError', 'DISPOSED', message, options);
  }
}

/** A session was called while its `run()` had not finished. Await the run first; the run itself goes on undisturbed. */
export class BusyError extends RephaseError {
  /** @internal */
  constructor(message: string, options?: ErrorOptions) {
    super('BusyError', 'BUSY', message, options);
  }
}

/** A run was stopped through its `AbortSignal`; the signal's reason is the `cause`. */
export class AbortError extends RephaseError {
  /** From `retrieve`: what had been reached when it stopped; undefined when no iteration was finished. */
  partial?: Reconstruction;
  /** The same of a scan. */
  partialScan?: ScanReconstruction;

  /** @internal */
  constructor(reason?: unknown, message = 'the run was aborted') {
    super('AbortError', 'ABORTED', message, { cause: reason });
  }
}

/** The command line's: a run whose result is no image. `retrieve` resolves to it, with a warning of the same code. */
export class DivergedError extends RephaseError {
  constructor(message: string, options?: ErrorOptions) {
    super('DivergedError', 'DIVERGED', message, options);
  }
}

/** A file that is damaged, hostile, or of a kind that cannot be used as an image. */
export class FileFormatError extends RephaseError {
  /** What the file was read as, such as `npy` or `hdf5`; undefined when its content is none of them. */
  readonly format: string | undefined;
  /** Path of the file; undefined when the bytes did not come from a file. */
  readonly path: string | undefined;

  /** @internal */
  constructor(message: string, details: { format?: string; path?: string } = {}, options?: ErrorOptions) {
    super('FileFormatError', 'FILE_FORMAT', message, options);
    this.format = details.format;
    this.path = details.path;
  }
}

/** A file that cannot be opened, read or written: it is missing, not permitted, a directory, or the disk is full. */
export class FileAccessError extends RephaseError {
  /** The path as the caller gave it. */
  readonly path: string;

  /** @internal */
  constructor(message: string, path: string, options?: ErrorOptions) {
    super('FileAccessError', 'FILE_ACCESS', message, options);
    this.path = path;
  }
}

/**
 * Text that may come from a file or be the name of one, safe to show: control characters, which can move a terminal's
 * cursor, and marks that reverse the direction of writing are escaped. Line ends stay.
 */
export function printable(text: string): string {
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/**
 * The usual message about a value: `beta: got -1; takes a number above 0`. `got` is shown briefly: text in quotes,
 * arrays by their kind and length.
 */
export function gotTakes(subject: string, got: unknown, takes: string): string {
  return `${subject}: got ${describe(got)}; takes ${takes}`;
}

/** The message of whatever was thrown. Errors of another realm are no instances of this one's `Error`. */
export function messageOf(thrown: unknown): string {
  return String((thrown as Partial<Error> | null | undefined)?.message ?? thrown);
}

/** Cuts a long name or value. */
export function brief(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(brief(value));
  if (typeof value === 'bigint') return brief(`${value}n`);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) {
    const isShort = value.length <= 4 && value.every((entry) => typeof entry !== 'object');
    return isShort ? `[${value.map(describe).join(', ')}]` : `an array of ${value.length}`;
  }
  const kind = typedKind(value);
  if (kind) return `a ${kind} of ${typedLength(value as ArrayBufferView)}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return brief(String(value));
}
