/** Parsers of option values. Each turns an option's text into its value, or throws and says what the option takes. */
import { usage } from './exit.js';
import { type Shape, type ShrinkWrapOptions } from '../types.js';

const SHAPE = /^(\d+)x(\d+)$/i;

/** Any text but none. */
export function named(option: string, takes: string): (text: string) => string {
  return (text) => {
    if (text !== '') return text;
    throw usage(option, text, takes);
  };
}

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

/** Any finite number. */
export function finite(option: string): (text: string) => number {
  return number(option, 'a number', () => true);
}

/** A number from `least` to `most`. */
export function numberBetween(option: string, least: number, most: number): (text: string) => number {
  return number(option, `a number from ${least} to ${most}`, (value) => value >= least && value <= most);
}

/** One number above 0 for both axes, or one for rows and one for columns: `75e-6,50e-6`. */
export function pair(option: string): (text: string) => readonly [rows: number, columns: number] {
  return (text) => {
    const numbers = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
    const [rows, columns = rows] = numbers;
    if (numbers.length <= 2 && rows > 0 && columns > 0 && Number.isFinite(rows + columns)) return [rows, columns];
    throw usage(option, text, 'a number above 0, or two: ROWS,COLUMNS');
  };
}

/** Three times 0 or 1: `0,1,0`. */
export function orientation(option: string): (text: string) => readonly [boolean, boolean, boolean] {
  return (text) => {
    if (/^[01],[01],[01]$/.test(text)) return [text[0] === '1', text[2] === '1', text[4] === '1'];
    throw usage(option, text, 'TRANSPOSE,ROWS,COLUMNS, each 0 or 1, such as 0,1,0');
  };
}

/** Signs of x and y in any order, as factors of rows and columns: `-x,+y`. */
export function signs(option: string): (text: string) => readonly [rows: number, columns: number] {
  return (text) => {
    const found = new Map(text.split(',').map((part) => [part.slice(1), part[0]]));
    const both = ['y', 'x'].map((axis) => ({ '+': 1, '-': -1 })[found.get(axis) ?? '']);
    const [rows, columns] = both;
    if (text.length === 5 && rows !== undefined && columns !== undefined) return [rows, columns];
    throw usage(option, text, 'a sign for each of x and y, such as -x,+y');
  };
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

/** Two numbers such as `0..255` or `-inf..inf`; where `takesOne`, also one for both. */
export function range(option: string, takesOne = false): (text: string) => readonly [low: number, high: number] {
  return (text) => {
    const parts = text.split('..').map((part) => part.trim().replace(/^([+-]?)inf$/i, '$1Infinity'));
    const [low, high] = parts.map((part) => (part === '' ? NaN : Number(part)));
    if (takesOne && parts.length === 1 && Number.isFinite(low)) return [low, low];
    if (parts.length === 2 && low < high) return [low, high];
    throw usage(
      option,
      text,
      takesOne ? 'LOW..HIGH, such as 0..1, or one number' : 'LOW..HIGH, such as 0..255, or -inf..inf',
    );
  };
}

/** How many starts, or the numbers of the first and the last, as in `100..199`. */
export function starts(option: string): (text: string) => { starts: number; firstStart?: number } {
  return (text) => {
    if (!text.includes('..')) return { starts: whole(option, 1)(text) };
    const [first, last] = (/^(\d+)\.\.(\d+)$/.exec(text) ?? []).slice(1).map(Number);
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

/** Rows and columns of at least 1: `20x30`. */
export function shape(option: string): (text: string) => Shape {
  return (text) => {
    const parsed = parseShape(text);
    if (parsed && parsed[0] >= 1 && parsed[1] >= 1) return parsed;
    throw usage(option, text, 'ROWSxCOLUMNS of at least 1, such as 20x20');
  };
}

/** Rows and columns of `256x256`. Returns undefined for other text, such as the name of a file. */
export function parseShape(text: string): Shape | undefined {
  const match = SHAPE.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

/** Settings of shrink-wrap, `sigma=3..1,threshold=0.2`, or true where none are named. */
export function shrinkWrap(option: string): (text: string) => ShrinkWrapOptions {
  const numbers = (text: string) => text.split('..').map((part) => (part === 'inf' ? Infinity : Number(part)));
  const one = (text: string) => {
    const [value, ...more] = numbers(text);
    return more.length === 0 && text !== '' && !Number.isNaN(value) ? value : undefined;
  };
  const two = (text: string) => {
    const [from, to, ...more] = numbers(text);
    return more.length === 0 && to !== undefined && !Number.isNaN(from + to) ? ([from, to] as const) : undefined;
  };
  const keys = {
    ...{ every: one, threshold: one, guard: one, area: two },
    sigma: (text: string) => one(text) ?? two(text),
  };
  return (text) => {
    const named = new Set<string>();
    const settings = text.split(',').map((part) => {
      const [key, value = '', ...more] = part.trim().split('=');
      const parsed = more.length === 0 && Object.hasOwn(keys, key) ? keys[key as keyof typeof keys](value) : undefined;
      if (parsed === undefined) {
        throw usage(
          option,
          text,
          'every=N, sigma=FROM..TO, threshold=T, area=LEAST..MOST, guard=G, separated by commas',
        );
      }
      if (named.has(key)) throw usage(option, text, `each setting once, and ${key} comes twice`);
      named.add(key);
      return [key, parsed];
    });
    return Object.fromEntries(settings) as ShrinkWrapOptions;
  };
}
