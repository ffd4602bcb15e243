/** Smoothing by total variation, where the answer is known. */
import { describe, expect, it } from 'vitest';
import { TotalVariation } from '../src/retrieve/total-variation.js';

/** Smooths the same image until nothing changes: each call goes on from the dual of the one before. */
function smoothed(smoothing: TotalVariation, image: Float64Array, weight: number): Float64Array {
  let result = image;
  for (let call = 0; call < 200; call++) smoothing.smooth((result = image.slice()), weight);
  return result;
}

describe('total variation', () => {
  it('brings two halves nearer by the weight times the length of their edge over their area', () => {
    const [rows, columns] = [6, 10];
    const image = Float64Array.from({ length: rows * columns }, (_, i) => (i % columns < 4 ? 1 : 3));
    const result = smoothed(new TotalVariation(undefined, [rows, columns]), image, 0.8);
    result.forEach((value, i) => expect(value).toBeCloseTo(i % columns < 4 ? 1 + 0.8 / 4 : 3 - 0.8 / 6, 5));
  });

  it('makes one value of all when the weight is large, and leaves the image when it is 0', () => {
    const image = Float64Array.from({ length: 35 }, (_, i) => (i * i) % 7);
    const mean = image.reduce((sum, value) => sum + value, 0) / 35;
    const smoothing = new TotalVariation(undefined, [5, 7]);
    smoothed(smoothing, image, 50).forEach((value) => expect(value).toBeCloseTo(mean, 4));
    expect(smoothed(smoothing, image, 0)).toEqual(image);
  });

  it('of a complex image smooths along the line between two values, whatever their phase', () => {
    const [rows, columns] = [6, 10];
    const isLeft = (i: number) => (i >> 1) % columns < 4;
    // 1 + 2i and 4 − 2i are 5 apart: each half goes the same way as two real halves, towards the other.
    const parts = (left: number[], right: number[]) =>
      Float64Array.from({ length: 2 * rows * columns }, (_, i) => (isLeft(i) ? left : right)[i % 2]);
    const make = () => new TotalVariation(undefined, [rows, columns], 'complex');
    const result = smoothed(make(), parts([1, 2], [4, -2]), 0.8);
    const [along, down] = [3 / 5, -4 / 5];
    const expected = parts([1 + 0.2 * along, 2 + 0.2 * down], [4 - (0.8 / 6) * along, -2 - (0.8 / 6) * down]);
    result.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));

    const image = Float64Array.from({ length: 2 * rows * columns }, (_, i) => Math.sin(i * i));
    const turned = (numbers: Float64Array) =>
      numbers.map((value, i) => (i % 2 ? 0.6 * value + 0.8 * numbers[i - 1] : 0.6 * value - 0.8 * numbers[i + 1]));
    const once = (given: Float64Array) => {
      const own = given.slice();
      make().smooth(own, 0.3);
      return own;
    };
    const expectedTurned = turned(once(image));
    once(turned(image)).forEach((value, i) => expect(value).toBeCloseTo(expectedTurned[i], 12));
  });

  it('looks at no pixel outside the support, and changes none', () => {
    const [rows, columns] = [7, 9];
    const isInside = (i: number) => i % columns >= 2 && i % columns < 8 && i >= columns && i < 6 * columns && i !== 30;
    const support = Uint8Array.from({ length: rows * columns }, (_, i) => Number(isInside(i)));
    const image = (outside: number) =>
      Float64Array.from({ length: rows * columns }, (_, i) => (isInside(i) ? Math.sin(3 * i) : outside));
    const [one, other] = [0, 99].map((outside) =>
      smoothed(new TotalVariation(support, [rows, columns]), image(outside), 0.3),
    );
    one.forEach((value, i) => {
      if (isInside(i)) expect(value).toBeCloseTo(other[i], 12);
      else expect([value, other[i]]).toEqual([0, 99]);
    });
  });
});
