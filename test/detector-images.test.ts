/** What makes a problem of a detector's image: the zero frequency moved to [0, 0], and magnitudes from intensities. */
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, fftshift, ifftshift, magnitudesFromIntensities } from '../src/index.js';

describe('fftshift and ifftshift', () => {
  // NumPy's documentation of both is about one axis; these are numpy.fft.fftshift(numpy.arange(rows * columns).reshape(…)).
  it.each([
    [
      [2, 4],
      [6, 7, 4, 5, 2, 3, 0, 1],
    ],
    [
      [3, 3],
      [8, 6, 7, 2, 0, 1, 5, 3, 4],
    ],
    [
      [1, 5],
      [3, 4, 0, 1, 2],
    ],
    [
      [3, 2],
      [5, 4, 1, 0, 3, 2],
    ],
    [[1, 1], [0]],
  ] as [[number, number], number[]][])('move what NumPy moves for %j', (shape, expected) => {
    const image = Float64Array.from({ length: shape[0] * shape[1] }, (_, index) => index);
    expect([...fftshift(image, shape)]).toEqual(expected);
    expect(ifftshift(fftshift(image, shape), shape)).toEqual(image);
    expect([...fftshift(ifftshift(image, shape), shape)]).toEqual([...image]);
  });

  it('return a new array of the same kind, and leave the old one', () => {
    const arrays = [Float32Array.of(1, 2), Float64Array.of(1, 2), Uint8Array.of(1, 0), Uint8ClampedArray.of(1, 0)];
    for (const array of arrays) {
      const before = array.slice();
      const shifted = fftshift(array, [1, 2]);
      expect(shifted).toEqual(before.toReversed());
      expect(shifted.buffer).not.toBe(array.buffer);
      expect(array).toEqual(before);
    }
    expect(fftshift([true, false, false], [1, 3])).toEqual([false, true, false]);
  });

  it('refuse what is no image', () => {
    expect(() => fftshift(new Float32Array(5), [2, 2])).toThrow(
      /^image: got a Float32Array of 5; takes .* of 2 × 2 = 4/,
    );
    expect(() => fftshift([1, 2] as never, [1, 3])).toThrow(InvalidArgumentError);
    expect(() => ifftshift(new Int8Array(4) as never, [2, 2])).toThrow(InvalidArgumentError);
    expect(() => ifftshift(new Float32Array(4), [2] as never)).toThrow(/shape: /);
  });
});

describe('magnitudes from intensities', () => {
  it('are square roots in the precision of the array, which stays as it was', () => {
    const single = Float32Array.of(0, 2, 9, 1e10);
    expect(magnitudesFromIntensities(single, [2, 2])).toEqual(Float32Array.of(0, Math.fround(Math.SQRT2), 3, 1e5));
    expect(single[2]).toBe(9);
    expect(magnitudesFromIntensities(Float64Array.of(2), [1, 1])).toEqual(Float64Array.of(Math.SQRT2));
    const counts = Uint32Array.of(0, 4294967295, 9, 2);
    expect(magnitudesFromIntensities(counts, [2, 2])).toEqual(Float64Array.from(counts, Math.sqrt));
    expect(magnitudesFromIntensities(Uint16Array.of(4), [1, 1])).toEqual(Float64Array.of(2));
    expect(() => magnitudesFromIntensities(Int16Array.of(4) as never, [1, 1])).toThrow(
      'intensities: got a Int16Array of 1',
    );
  });

  it.each([-1, NaN, Infinity])('refuse %d where it was measured, and are 0 where it was not', (value) => {
    const intensities = Float32Array.of(4, 4, 4, 4, 4, value);
    expect(() => magnitudesFromIntensities(intensities, [2, 3])).toThrow(/intensities at \[1, 2\]: got .* `mask`/);
    const masked = magnitudesFromIntensities(intensities, [2, 3], [true, true, true, true, true, false]);
    expect([...masked]).toEqual([2, 2, 2, 2, 2, 0]);
  });
});
