/**
 * What a command says. Results meant for people go to stdout, or to stderr where stdout carries an image; `--json`
 * replaces them by one object on stdout, and `--quiet` leaves them out.
 */
import process from 'node:process';
import { printable } from '../errors.js';

export interface PrintOptions {
  json?: boolean;
  quiet?: boolean;
}

export interface Printer {
  line: (text: string) => void;
  /** The command's result for programs; printed only with `--json`. */
  object: (result: object) => void;
}

export function printer({ json, quiet }: PrintOptions, stdoutIsTaken = false): Printer {
  const stream = stdoutIsTaken ? process.stderr : process.stdout;
  return {
    line: (text) => {
      if (!json && !quiet) stream.write(`${printable(text)}\n`);
    },
    object: (result) => {
      if (json) process.stdout.write(`${JSON.stringify(result, numbers, 2)}\n`);
    },
  };
}

/** Typed arrays become plain ones; JSON.stringify itself writes NaN and infinities as null. */
function numbers(_key: string, value: unknown): unknown {
  return value instanceof Float64Array || value instanceof Float32Array ? Array.from(value) : value;
}

/** Rows of text as columns, aligned at the left; numbers, in columns from `numbersFrom` on, at the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], numbersFrom = 1): string[] {
  const widths = header.map((name, column) => Math.max(...[header, ...rows].map((row) => row[column].length)));
  return [header, ...rows].map((row) =>
    row
      .map((cell, column) => (column < numbersFrom ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}

/** A number that people read: four significant digits, or a power of ten where it is very small or large. */
export function brief(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}
