/** Words that warnings share: pixels, their places and shares. */
import type { Shape } from '../types.js';

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
