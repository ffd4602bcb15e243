/** Parsers of option values: each turns the text of one option into its value or says what the option takes. */
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

/** A finite number above 0. */
export function positive(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
    throw usage(option, text, 'a number above 0');
  };
}

/** A finite number of at least `least`. */
export function numberFrom(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= least) return value;
    throw usage(option, text, `a number of at least ${least}`);
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

/** `auto`, or a finite number above 0. */
export function numberOrAuto(option: string): (text: string) => number | 'auto' {
  return (text) => {
    if (text === 'auto') return text;
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
    throw usage(option, text, 'auto, or a number above 0');
  };
}

/** `auto`, or a row and a column of at least 0, which need not be whole: `37,29.5`. */
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

/** `256x256` as rows and columns; undefined when the text is something else, such as the name of a file. */
export function parseShape(text: string): Shape | undefined {
  const match = SHAPE.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}
