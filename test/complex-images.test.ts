/** The sizes and the phases of complex images, and what a scan cannot tell of phases. */
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, magnitude, phase, type Shape } from '../src/index.js';
import { noise } from './support/images.js';

const shape: Shape = [9, 13];
const pixels = 9 * 13;
const sizes = noise(pixels, 1).map((u) => 0.2 + u);

/** These sizes with these phases, interleaved. */
function imageOf(angle: (y: number, x: number) => number): Float64Array {
  return Float64Array.from({ length: 2 * pixels }, (_, i) => {
    const [y, x] = [Math.floor(i / 2 / 13), (i >> 1) % 13];
    return sizes[i >> 1] * (i % 2 ? Math.sin : Math.cos)(angle(y, x));
  });
}

function expectAngles(angles: Float64Array, expected: (y: number, x: number) => number): void {
  expect(angles).toHaveLength(pixels);
  angles.forEach((angle, i) => expect(angle).toBeCloseTo(expected(Math.floor(i / 13), i % 13), 10));
}

describe('magnitude and phase', () => {
  it('are those of each pixel', () => {
    const angle = (y: number, x: number) => Math.sin(y + 3 * x) * 3.1;
    const image = imageOf(angle);
    magnitude(image).forEach((size, i) => expect(size).toBeCloseTo(sizes[i], 12));
    expectAngles(phase(image), angle);
    expect([...phase(Float32Array.of(0, 0, -1, 0, 0, -2))]).toEqual([0, Math.PI, -Math.PI / 2]);
  });

  it('of a known shape are without linear and mean phase', () => {
    const plane = imageOf((y, x) => 2.5 - 0.9 * y + 1.7 * x);
    expectAngles(phase(plane, { shape }), () => 0);
    // An image that is its own mirror image has no linear phase, and its mean is that of the sum of all pixels.
    const [one, two] = [Math.PI / 6, Math.PI / 2];
    const mirrored = Float64Array.of(3 * Math.cos(one), 3 * Math.sin(one), 0, 2, 3 * Math.cos(one), 3 * Math.sin(one));
    const mean = Math.atan2(6 * Math.sin(one) + 2, 6 * Math.cos(one));
    const angles = phase(mirrored, { shape: [1, 3] });
    [one - mean, two - mean, one - mean].forEach((angle, i) => expect(angles[i]).toBeCloseTo(angle, 12));
  });

  it('are flat where the weight is, whatever they are elsewhere', () => {
    // A pair of neighbours counts as much as the one that counts less.
    const isLit = (y: number, x: number) => y > 1 && x > 2 && !(y === 5 && x === 6);
    const weight = Float64Array.from(
      { length: pixels },
      (_, i) => Number(isLit(Math.floor(i / 13), i % 13)) * sizes[i],
    );
    const image = imageOf((y, x) => (isLit(y, x) ? 1 + 0.4 * y - 1.2 * x : 7 * Math.sin(y * x + x)));
    const flat = phase(image, { shape, weight });
    flat.forEach((angle, i) => {
      if (isLit(Math.floor(i / 13), i % 13)) expect(angle).toBeCloseTo(0, 10);
    });
  });

  it.each([
    [() => magnitude(new Float64Array(3)), /^image: got a Float64Array of 3; takes a Float32Array or Float64Array/],
    [() => magnitude(new Float64Array(0)), /^image: got a Float64Array of 0; takes/],
    [() => phase(new Float64Array(4), { shape: [1, 3] }), /^image: got a Float64Array of 4; takes .* 1 × 6/],
    [
      () => phase(new Float64Array(4), { shape: [1, 2], weight: new Float64Array(4) }),
      /^weight: got a Float64Array of 4/,
    ],
    [() => phase(new Float64Array(4), { size: 1 } as never), /there is no 'size'/],
  ])('refuse what is no image: %#', (call, message) => {
    expect(call).toThrow(message);
    expect(call).toThrow(InvalidArgumentError);
  });
});
