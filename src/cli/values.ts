/** Parsers of option values. Each turns an option's text into its value, or throws and says what the option takes. */
import { usage } from './exit.js';
import { type Shape } from '../types.js';

const SHAPE = /^(\d+)x(\d+)$/i;

/** A whole number of at least `least`. */
export function whole(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+(e[0-9]+)?$/i.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw usage(option, text, `a whole number of at least ${least}`);
  };
}

/** `all`, or a whole number of at least 0. */
export function wholeOrAll(option: string): (text: string) => number | 'all' {
  return (text) => {
    if (text === 'all') return text;
    if (/^\d+$/.test(text)) return whole(option, 0)(text);
    throw usage(option, text, 'all, or a whole number of at least 0');
  };
}

/** A port of TCP; 0 stands for any that is free. */
export function port(option: string): (text: string) => number {
  return number(option, 'a port from 1 to 65535, or 0 for any', (n) => Number.isInteger(n) && n >= 0 && n <= 65535);
}

/** A finite number above 0. */
export function positive(option: string): (text: string) => number {
  return number(option, 'a number above 0', (value) => value > 0);
}

/** A finite number of at least `least`. */
export function numberFrom(option: string, least: number): (text: string) => number {
  return number(option, `a number of at least ${least}`, (value) => value >= least);
}

/** `auto`, or a finite number above 0. */
export function numberOrAuto(option: string): (text: string) => number | 'auto' {
  const parse = number(option, 'auto, or a number above 0', (value) => value > 0);
  return (text) => (text === 'auto' ? text : parse(text));
}

function number(option: string, takes: string, accepts: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (Number.isFinite(value) && accepts(value)) return value;
    throw usage(option, text, takes);
  };
}

/** Two numbers such as `0..255` or `-inf..inf`. */
export function range(option: string): (text: string) => readonly [low: number, high: number] {
  return (text) => {
    const parts = text.split('..').map((part) => part.trim().replace(/^([+-]?)inf$/i, '$1Infinity'));
    const [low, high] = parts.map((part) => (part === '' ? NaN : Number(part)));
    if (parts.length === 2 && low < high) return [low, high];
    throw usage(option, text, 'LOW..HIGH, such as 0..255, or -inf..inf');
  };
}

/** How many starts, or the numbers of the first and the last, as in `100..199`. */
export function starts(option: string): (text: string) => { starts: number; firstStart?: number } {
  return (text) => {
    const range = /^(\d+)\.\.(\d+)$/.exec(text);
    if (!range) return { starts: whole(option, 1)(text) };
    const [first, last] = [Number(range[1]), Number(range[2])];
    if (Number.isSafeInteger(last) && first <= last) return { starts: last - first + 1, firstStart: first };
    throw usage(option, text, 'FIRST..LAST, such as 100..199');
  };
}

/** One of a few names. */
export function oneOf<Name extends string>(option: string, names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const name = names.find((candidate) => candidate === text);
    if (name !== undefined) return name;
    throw usage(option, text, names.join(', '));
  };
}

/** `auto`, or a row and a column of at least 0, which may lie between pixels: `37,29.5`. */
export function point(option: string): (text: string) => readonly [row: number, column: number] | 'auto' {
  return (text) => {
    if (text === 'auto') return text;
    const numbers = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
    const [row, column] = numbers;
    if (numbers.length === 2 && row >= 0 && column >= 0 && Number.isFinite(row + column)) return [row, column];
    throw usage(option, text, 'auto, or ROW,COLUMN of at least 0');
  };
}

/** A list of whole numbers of at least `least`, separated by commas. */
export function wholes(option: string, least: number): (text: string) => number[] {
  return (text) => text.split(',').map(whole(option, least));
}

/** Rows and columns of `256x256`. Returns undefined for other text, such as the name of a file. */
export function parseShape(text: string): Shape | undefined {
  const match = SHAPE.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}
