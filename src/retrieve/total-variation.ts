/**
 * Smooths an image between its edges: finds the u with the least ‖u − image‖²/2 + weight·TV(u), where the total variation TV
 * is the sum of the lengths of the gradients (Rudin, Osher & Fatemi, Physica D 60, 259, 1992). Of a complex image, the
 * gradients of both parts together have one length, which a constant phase does not change.
 */
import { numbersPerPixel } from '../problems/image.js';
import type { ObjectKind, RealArray, Shape } from '../types.js';

/** Steps of one call. A call goes on from the dual of the call before, so that few are enough where images change little. */
const STEPS = 10;

/** Only differences between pixels that are both inside the support count: where the object ends, it may end sharply. */
export class TotalVariation {
  /** Numbers of a pixel, and of a row of the image. */
  readonly #parts: 1 | 2;
  readonly #columns: number;
  /** The rectangle around the support: its first number in the image, its rows, and the numbers of one of its rows. */
  readonly #first: number;
  readonly #shape: Shape;
  /** 1 where the next pixel to the right, or below, is inside too. One for each number, like the dual. */
  readonly #hasRight: Float64Array;
  readonly #hasBelow: Float64Array;
  /** The dual: one number for each difference to the right, and below. */
  readonly #right: Float64Array;
  readonly #below: Float64Array;

  constructor(support: Uint8Array | undefined, [rows, columns]: Shape, object: ObjectKind = 'real') {
    const isInside = (row: number, column: number) =>
      row < rows && column < columns && support?.[row * columns + column] !== 0;
    let [top, left, bottom, end] = [rows, columns, 0, 0];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        if (!isInside(row, column)) continue;
        [top, bottom] = [Math.min(top, row), row + 1];
        [left, end] = [Math.min(left, column), Math.max(end, column + 1)];
      }
    }
    const parts = numbersPerPixel(object);
    const [height, width] = [bottom - top, parts * (end - left)];
    this.#parts = parts;
    this.#columns = parts * columns;
    this.#first = parts * (top * columns + left);
    this.#shape = [height, width];
    [this.#hasRight, this.#hasBelow, this.#right, this.#below] = Array.from({ length: 4 }, () => this.#zeros());
    for (let row = 0; row < height; row++) {
      for (let at = 0; at < width; at++) {
        const i = (row + 1) * width + at;
        const column = left + Math.floor(at / parts);
        const inside = isInside(top + row, column);
        this.#hasRight[i] = Number(inside && column + 1 < end && isInside(top + row, column + 1));
        this.#hasBelow[i] = Number(inside && isInside(top + row + 1, column));
      }
    }
  }

  /**
   * Smooths in place. Gradient projection on the dual with Nesterov's momentum: Beck & Teboulle, IEEE Trans. Image Processing
   * 18, 2419 (2009).
   */
  smooth(image: RealArray, weight: number): void {
    if (weight === 0) return;
    const [, width] = this.#shape;
    const parts = this.#parts;
    const [hasRight, hasBelow, right, below] = [this.#hasRight, this.#hasBelow, this.#right, this.#below];
    const [given, u] = [this.#zeros(), this.#zeros()];
    this.#rows((from, to) => given.set(image.subarray(from, from + width), to));
    // Where the momentum leads.
    const [nextRight, nextBelow] = [right.slice(), below.slice()];
    const end = given.length - width;
    const takeDual = (across: Float64Array, down: Float64Array) => {
      for (let i = width; i < end; i++) {
        u[i] = given[i] + weight * (across[i] - across[i - parts] + down[i] - down[i - width]);
      }
    };
    // One over the norm of what is minimised over the dual.
    const rate = 1 / (8 * weight);
    let t = 1;
    for (let step = 0; step < STEPS; step++) {
      takeDual(nextRight, nextBelow);
      const next = (1 + Math.sqrt(1 + 4 * t * t)) / 2;
      const momentum = (t - 1) / next;
      t = next;
      for (let i = width; i < end; i += parts) {
        let a = hasRight[i] * (nextRight[i] + rate * (u[i + parts] - u[i]));
        let b = hasBelow[i] * (nextBelow[i] + rate * (u[i + width] - u[i]));
        let length = a * a + b * b;
        if (parts === 2) {
          const j = i + 1;
          let c = hasRight[j] * (nextRight[j] + rate * (u[j + 2] - u[j]));
          let d = hasBelow[j] * (nextBelow[j] + rate * (u[j + width] - u[j]));
          length += c * c + d * d;
          if (length > 1) {
            c /= Math.sqrt(length);
            d /= Math.sqrt(length);
          }
          nextRight[j] = c + momentum * (c - right[j]);
          nextBelow[j] = d + momentum * (d - below[j]);
          right[j] = c;
          below[j] = d;
        }
        if (length > 1) {
          a /= Math.sqrt(length);
          b /= Math.sqrt(length);
        }
        nextRight[i] = a + momentum * (a - right[i]);
        nextBelow[i] = b + momentum * (b - below[i]);
        right[i] = a;
        below[i] = b;
      }
    }
    takeDual(right, below);
    this.#rows((from, to) => image.set(u.subarray(to, to + width), from));
  }

  /** A row of zeros lies above and below the rectangle, so that no loop has to look where a row ends. */
  #zeros(): Float64Array {
    const [height, width] = this.#shape;
    return new Float64Array((height + 2) * width);
  }

  /** Calls back with where each row of the rectangle begins, in the image and here. */
  #rows(copy: (from: number, to: number) => void): void {
    const [height, width] = this.#shape;
    for (let row = 0; row < height; row++) copy(this.#first + row * this.#columns, (row + 1) * width);
  }
}
