/**
 * What a command prints. Results for people go to stdout, or to stderr when stdout carries an image. `--json` replaces
 * them by one object on stdout, and `--quiet` leaves them out. Control characters in names and in text from files are
 * escaped here, and nowhere else.
 */
import process from 'node:process';
import { printable } from '../errors.js';

export interface PrintOptions {
  json?: boolean;
  quiet?: boolean;
}

export interface Printer {
  line: (text: string) => void;
  /** Prints the command's result for programs, with `--json` only. */
  object: (result: object) => void;
}

/** Prints a line about the run on stderr. */
export function note(text: string): void {
  process.stderr.write(`rephase: ${printable(text)}\n`);
}

/** Prints an object as JSON on stdout. Characters that JSON leaves as they are, but terminals obey, are escaped too. */
export function printJson(object: object, indent?: number): void {
  process.stdout.write(jsonText(object, indent));
}

/** The same as text. */
export function jsonText(object: object, indent?: number): string {
  const text = JSON.stringify(object, numbers, indent);
  return `${text.replace(/[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, unicodeEscape)}\n`;
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

export function printer({ json, quiet }: PrintOptions, stdoutIsTaken = false): Printer {
  const stream = stdoutIsTaken ? process.stderr : process.stdout;
  return {
    line: (text) => {
      if (!json && !quiet) stream.write(`${printable(text)}\n`);
    },
    object: (result) => {
      if (json) printJson(result, 2);
    },
  };
}

/** Makes typed arrays plain. JSON.stringify itself writes NaN and infinities as null. */
function numbers(_key: string, value: unknown): unknown {
  return value instanceof Float64Array || value instanceof Float32Array ? Array.from(value) : value;
}

/** Lays out rows of text in columns. Text is aligned at the left, numbers (columns from `numbersFrom` on) at the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], numbersFrom = 1): string[] {
  const widths = header.map((name, column) => Math.max(...[header, ...rows].map((row) => row[column].length)));
  return [header, ...rows].map((row) =>
    row
      .map((cell, column) => (column < numbersFrom ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}

/** Formats a number for people: four significant digits, or a power of ten when it is very small or large. */
export function brief(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** Quotes a word for a POSIX shell. Words with control characters take the form `$'…'`, in which they are visible. */
export function quote(word: string): string {
  if (/^[\w./:=,@%+-]+$/.test(word)) return word;
  if (printable(word) === word) return `'${word.replaceAll("'", "'\\''")}'`;
  return `$'${printable(word.replace(/[\\']/g, '\\$&'))}'`;
}
