/** Words that warnings share: pixels, their places and shares. */
import type { Shape } from '../types.js';
import type { Warning, WarningCode } from '../warnings.js';

const SHOWN = 3;

/** Rows and columns of the first pixels of a list. */
export function placesOf(pixels: readonly number[], [, columns]: Shape): (readonly [number, number])[] {
  return pixels.slice(0, SHOWN).map((at) => [Math.floor(at / columns), at % columns] as const);
}

/** `2 pixels (row 10, column 50; row 50, column 12)` */
export function pixelsAt(pixels: readonly number[], shape: Shape): string {
  const places = placesOf(pixels, shape).map(([row, column]) => `row ${row}, column ${column}`);
  const more = pixels.length > SHOWN ? '; …' : '';
  return `${pixels.length} ${pixels.length === 1 ? 'pixel' : 'pixels'} (${places.join('; ')}${more})`;
}

/** A share as people read it: `1.6 %`. */
export function percent(share: number): string {
  return share > 0 && share < 1e-4 ? 'under 0.01 %' : `${Number((100 * share).toPrecision(2))} %`;
}

/** A warning about pixels of `what`, such as `magnitudes`, none where there are none; `message` says what many of them are. */
export function about(
  code: WarningCode,
  what: string,
  pixels: readonly number[],
  shape: Shape,
  message: string,
  more: Partial<Warning>,
): Warning[] {
  if (pixels.length === 0) return [];
  const said = pixels.length === 1 ? message.replace(/^are /, 'is ').replace(/^have /, 'has ') : message;
  const text = `${what}: ${pixelsAt(pixels, shape)} ${said}`;
  return [{ code, message: text, count: pixels.length, places: placesOf(pixels, shape), ...more }];
}

export const HOT_WORDS = 'are far brighter than all around and opposite';

export function saturatedWords(value: number, ofType: boolean): string {
  return `have the value ${short(value)}${ofType ? ', the largest of their type' : ''}: saturated, or marked as no number`;
}

/** Whole numbers as they are, others in four digits. */
export function short(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
