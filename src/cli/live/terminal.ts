/**
 * An image on a terminal: by kitty's graphics protocol, as sixels, or as half blocks in 24-bit colours, which nearly every
 * terminal shows. Each makes text that draws the image at the cursor.
 */
import { encode } from 'fast-png';
import { toIntegers } from '../../formats/image.js';
import { type Image } from '../files.js';

export const PREVIEWS = ['auto', 'kitty', 'sixel', 'blocks'] as const;
export type Preview = (typeof PREVIEWS)[number];

/** What a terminal shows, as far as its environment tells. */
export function previewOf(environment: NodeJS.ProcessEnv): Exclude<Preview, 'auto'> {
  const { TERM = '', TERM_PROGRAM = '', KITTY_WINDOW_ID } = environment;
  if (KITTY_WINDOW_ID || /kitty|ghostty/.test(TERM) || /^(ghostty|WezTerm)$/i.test(TERM_PROGRAM)) return 'kitty';
  if (/sixel|^(foot|mlterm|yaft)|contour/.test(TERM) || /^(mintty|iTerm\.app|mlterm)$/.test(TERM_PROGRAM))
    return 'sixel';
  return 'blocks';
}

/** Text that draws the image `lines` lines high, from its smallest value in black to its largest in white. */
export function drawn(image: Image, preview: Exclude<Preview, 'auto'>, lines: number): string {
  switch (preview) {
    case 'kitty':
      return kitty(image, lines);
    case 'sixel':
      return sixels(image, lines);
    case 'blocks':
      return blocks(image, lines);
  }
}

/** A command of kitty's holds at most so many bytes of base64. */
const CHUNK = 4096;

/** https://sw.kovidgoyal.net/kitty/graphics-protocol: the image replaces the one before, and the cursor stays. */
function kitty(image: Image, lines: number): string {
  const [height, width] = image.shape;
  const png = encode({ width, height, data: toIntegers(image, 8), channels: 1, depth: 8 });
  const text = Buffer.from(png).toString('base64');
  const count = Math.ceil(text.length / CHUNK);
  return Array.from({ length: count }, (_, i) => {
    const keys = i === 0 ? `a=T,f=100,i=1,p=1,q=2,C=1,r=${lines},` : '';
    return `\x1b_G${keys}m=${i < count - 1 ? 1 : 0};${text.slice(CHUNK * i, CHUNK * (i + 1))}\x1b\\`;
  }).join('');
}

/** Terminals do not say how many pixels a line has; few have less. */
const LINE_PIXELS = 18;
const SIXEL_ROWS = 6;
const GREYS = 32;

/** DEC's sixel graphics: bands of six rows, in each band one pass for every grey that it has. */
function sixels(image: Image, lines: number): string {
  const bands = Math.floor((lines * LINE_PIXELS) / SIXEL_ROWS);
  const { data, shape } = scaled(image, SIXEL_ROWS * bands);
  const [rows, columns] = shape;
  const percent = (grey: number) => Math.round((100 * grey) / (GREYS - 1));
  const palette = Array.from({ length: GREYS }, (_, grey) => `#${grey};2;${Array(3).fill(percent(grey)).join(';')}`);
  const text = [`\x1bPq"1;1;${columns};${rows}`, ...palette];
  for (let top = 0; top < rows; top += SIXEL_ROWS) {
    // For each grey, the bits of its pixels in every column.
    const passes = new Map<number, Uint8Array>();
    for (let i = 0; i < SIXEL_ROWS * columns; i++) {
      const grey = Math.round((data[top * columns + i] * (GREYS - 1)) / 255);
      let bits = passes.get(grey);
      if (!bits) passes.set(grey, (bits = new Uint8Array(columns)));
      bits[i % columns] |= 1 << Math.floor(i / columns);
    }
    for (const [grey, bits] of passes) text.push(`#${grey}${repeated(bits)}$`);
    text.push('-');
  }
  return `${text.join('')}\x1b\\`;
}

/** Six bits are a character from `?` on; `!` and a number repeat the next one. */
function repeated(bits: Uint8Array): string {
  let text = '';
  for (let from = 0, to = 1; from < bits.length; from = to) {
    for (to = from + 1; bits[to] === bits[from];) to += 1;
    text += `!${to - from}${String.fromCharCode(63 + bits[from])}`;
  }
  return text;
}

/** The upper half of a cell in the colour of the text, the lower half in that behind it. */
function blocks(image: Image, lines: number): string {
  const { data, shape } = scaled(image, 2 * lines);
  const [, columns] = shape;
  const colour = (at: number) => `2;${data[at]};${data[at]};${data[at]}`;
  return Array.from({ length: lines }, (_, line) => {
    const top = 2 * line * columns;
    const cells = Array.from(
      { length: columns },
      (_, i) => `\x1b[38;${colour(top + i)};48;${colour(top + columns + i)}m▀`,
    );
    return `${cells.join('')}\x1b[0m`;
  }).join('\r\n');
}

/** The image with so many rows, in grey levels from 0 to 255: each pixel is the mean of those that it covers. */
function scaled(image: Image, rows: number): { data: Uint8Array; shape: [number, number] } {
  const [height, width] = image.shape;
  const columns = Math.max(1, Math.round((width * rows) / height));
  const span = (index: number, count: number, length: number) => {
    const from = Math.floor((index * length) / count);
    return [from, Math.max(from + 1, Math.floor(((index + 1) * length) / count))];
  };
  const means = new Float64Array(rows * columns);
  for (let i = 0; i < means.length; i++) {
    const [top, bottom] = span(Math.floor(i / columns), rows, height);
    const [left, right] = span(i % columns, columns, width);
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) means[i] += image.data[row * width + column];
    }
    means[i] /= (bottom - top) * (right - left);
  }
  const levels = toIntegers({ data: means, shape: [rows, columns] }, 8);
  return { data: Uint8Array.from(levels), shape: [rows, columns] };
}
