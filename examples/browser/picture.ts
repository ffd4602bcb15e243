/** An image on a canvas, whose values can be read with the pointer and with the arrow keys. */
import type { Shape } from 'rephase';
import { type ColourMap, paint } from './colours.js';
import type { Box } from './protocol.js';

export interface Shown {
  data: Float32Array;
  shape: Shape;
  /** What is shown of it. All of it when left out. */
  box?: Box;
  map: ColourMap;
  /** Colours stand for logarithms. */
  log?: boolean;
  /** What the darkest and the brightest colour stand for. Left out: nearly all pixels lie between. */
  range?: readonly [number, number];
  /** The zero frequency is in the middle, and pixels are named by their frequencies. */
  centred?: boolean;
  /** Draws on top, in pixels of the whole image. */
  overlay?: (context: CanvasRenderingContext2D) => void;
}

/** The colours' ends stand for these quantiles, judged by so many pixels. */
const [DARKEST, BRIGHTEST] = [0.001, 0.999];
const SAMPLE = 20_000;
/** A logarithmic scale of an image ends so many decades below its brightest pixels. */
const DECADES = 4;

const ARROWS: Record<string, readonly [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

export class Picture {
  readonly canvas: HTMLCanvasElement;
  readonly #reading: HTMLElement;
  #shown: Shown | undefined;
  /** The pixel that is read. */
  #cursor: [row: number, column: number] | undefined;

  constructor(figure: HTMLElement) {
    this.canvas = figure.querySelector('canvas')!;
    this.#reading = figure.querySelector('output')!;
    this.canvas.addEventListener('pointermove', (event) => this.#read(this.pixelAt(event)));
    this.canvas.addEventListener('pointerleave', () => this.#read(undefined));
    this.canvas.addEventListener('blur', () => this.#read(undefined));
    this.canvas.addEventListener('keydown', (event) => {
      const arrow = ARROWS[event.key];
      if (!arrow || !this.#shown) return;
      event.preventDefault();
      const { top, left, rows, columns } = boxOf(this.#shown);
      const steps = event.shiftKey ? 10 : 1;
      const [row, column] = this.#cursor ?? [top + (rows >> 1), left + (columns >> 1)];
      const [down, right] = arrow.map((step) => step * steps);
      this.#read([within(row + down, top, rows), within(column + right, left, columns)]);
    });
  }

  show(shown: Shown): void {
    const before = this.#shown;
    this.#shown = shown;
    if (before && isSame(before, shown)) return;
    const box = boxOf(shown);
    const data = cut(shown.data, shown.shape, box);
    const context = this.canvas.getContext('2d')!;
    if (this.canvas.width !== box.columns || this.canvas.height !== box.rows) {
      [this.canvas.width, this.canvas.height] = [box.columns, box.rows];
    }
    const pixels = context.createImageData(box.columns, box.rows);
    const range = shown.range ?? rangeOf(data, shown.log ?? false);
    if (shown.log) {
      const logarithms = data.map((value) => (Number.isNaN(value) ? NaN : Math.log10(Math.max(value, range[0]))));
      paint(pixels.data, logarithms, shown.map, [Math.log10(range[0]), Math.log10(range[1])]);
    } else {
      paint(pixels.data, data, shown.map, range);
    }
    context.putImageData(pixels, 0, 0);
    context.save();
    context.translate(-box.left, -box.top);
    shown.overlay?.(context);
    context.restore();
    this.#read(this.#cursor);
  }

  /** Row and column under a pointer. */
  pixelAt(event: PointerEvent): [row: number, column: number] {
    const place = this.canvas.getBoundingClientRect();
    const { top, left, rows, columns } = this.#shown ? boxOf(this.#shown) : { top: 0, left: 0, rows: 1, columns: 1 };
    const row = Math.floor(((event.clientY - place.top) / place.height) * rows);
    const column = Math.floor(((event.clientX - place.left) / place.width) * columns);
    return [within(top + row, top, rows), within(left + column, left, columns)];
  }

  #read(cursor: [number, number] | undefined): void {
    this.#cursor = cursor;
    const shown = this.#shown;
    if (!cursor || !shown) {
      this.#reading.textContent = '';
      return;
    }
    const { shape, centred } = shown;
    const value = shown.data[cursor[0] * shape[1] + cursor[1]];
    const [row, column] = centred ? cursor.map((index, axis) => index - (shape[axis] >> 1)) : cursor;
    const where = centred ? 'frequency' : 'pixel';
    this.#reading.textContent = `${where} ${row}, ${column}: ${Number.isNaN(value) ? (centred ? 'not measured' : 'unknown') : value.toPrecision(5)}`;
  }
}

/** Whether two pictures look alike, so that nothing need be drawn. */
function isSame(one: Shown, other: Shown): boolean {
  const [a, b] = [boxOf(one), boxOf(other)];
  return (
    one.data === other.data &&
    one.map === other.map &&
    one.log === other.log &&
    String(one.range) === String(other.range) &&
    a.top === b.top &&
    a.left === b.left &&
    a.rows === b.rows &&
    a.columns === b.columns &&
    !one.overlay &&
    !other.overlay
  );
}

function boxOf({ box, shape }: Shown): Box {
  return box ?? { top: 0, left: 0, rows: shape[0], columns: shape[1] };
}

function within(index: number, first: number, count: number): number {
  return Math.min(Math.max(index, first), first + count - 1);
}

function cut(data: Float32Array, [, columns]: Shape, box: Box): Float32Array {
  if (box.rows * box.columns === data.length) return data;
  const part = new Float32Array(box.rows * box.columns);
  for (let row = 0; row < box.rows; row++) {
    const from = (box.top + row) * columns + box.left;
    part.set(data.subarray(from, from + box.columns), row * box.columns);
  }
  return part;
}

/** The values between which nearly all pixels lie. On a logarithmic scale both are above 0. */
export function rangeOf(data: Float32Array, log: boolean): readonly [number, number] {
  const step = Math.max(1, Math.floor(data.length / SAMPLE));
  const sample = data.filter((value, i) => i % step === 0 && Number.isFinite(value) && (!log || value > 0)).sort();
  if (sample.length === 0) return log ? [1, 10] : [0, 1];
  const [low, high] = [DARKEST, BRIGHTEST].map((share) => sample[Math.round(share * (sample.length - 1))]);
  return log ? [Math.max(low, high / 10 ** DECADES), high] : [low, high];
}
