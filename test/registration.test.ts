/** Images of one pattern are brought over one another. */
import { describe, expect, it } from 'vitest';
import { requireBackend } from '../src/backends/registry.js';
import { Registration } from '../src/retrieve/registration.js';
import type { Shape } from '../src/index.js';
import { noise } from './support/images.js';

/** Smooth spots, so that a shift by a part of a pixel is well defined. */
function spots([rows, columns]: Shape, [down, right]: readonly [number, number]): Float64Array {
  const places = noise(24, 5);
  return Float64Array.from({ length: rows * columns }, (_, i) => {
    let sum = 0;
    for (let spot = 0; spot < places.length; spot += 3) {
      const row = Math.floor(i / columns) - (6 + 12 * places[spot]) - down;
      const column = (i % columns) - (6 + 12 * places[spot + 1]) - right;
      sum += (0.5 + places[spot + 2]) * Math.exp(-(row * row + column * column) / 4);
    }
    return sum;
  });
}

const rotate = (image: Float64Array, [rows, columns]: Shape) =>
  image.map((_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    return image[((rows - row) % rows) * columns + ((columns - column) % columns)];
  });

describe('registration', () => {
  it.each([
    [[40, 36], [0, 0], false],
    [[40, 36], [3, -2], false],
    [[41, 37], [1.3, -2.6], false],
    [[40, 36], [0, 0], true],
    [[41, 36], [2.5, 1.2], true],
  ] as const)('of images of %j, shifted by %j, and rotated and negated: %j', async (shape, shift, rotated) => {
    const reference = spots(shape, [0, 0]);
    const moved = spots(shape, shift);
    const sign = rotated ? -1 : 1;
    const image = (rotated ? rotate(moved, shape) : moved).map((value) => sign * value);
    const registration = await Registration.create(await requireBackend('wasm'), reference, shape, undefined);
    const found = await registration.register(image);
    registration.dispose();
    expect(found).toMatchObject({ rotated, factor: [sign, 0] });
    expect(found.distance).toBeLessThan(0.03);
    const expected = shift.map((distance, axis) => ((-distance % shape[axis]) + shape[axis]) % shape[axis]);
    found.shift.forEach((distance, axis) => {
      const difference = Math.abs(((distance - expected[axis] + shape[axis] * 1.5) % shape[axis]) - shape[axis] / 2);
      expect(difference).toBeLessThan(0.03);
    });
  });

  it.each([
    [[40, 36], [0, 0], false, 0.7],
    [[41, 37], [1.3, -2.6], false, -2],
    [[41, 36], [2.5, 1.2], true, 3],
  ] as const)(
    'of complex images of %j, shifted by %j, as twins: %j, turned by %d',
    async (shape, shift, twin, angle) => {
      const complex = ([down, right]: readonly [number, number]) => {
        const [re, im] = [spots(shape, [down, right]), spots(shape, [down + 3, right + 4])];
        return Float64Array.from({ length: 2 * re.length }, (_, i) => (i % 2 ? im[i >> 1] : re[i >> 1]));
      };
      const moved = complex(shift);
      const [re, im] = [0, 1].map((part) => {
        const one = moved.filter((_, i) => i % 2 === part);
        return twin ? rotate(one, shape).map((value) => (part ? -value : value)) : one;
      });
      const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
      const image = Float64Array.from(moved, (_, i) => {
        const [a, b] = [re[i >> 1], im[i >> 1]];
        return i % 2 ? a * sine + b * cosine : a * cosine - b * sine;
      });
      const registration = await Registration.create(
        await requireBackend('wasm'),
        ...([complex([0, 0]), shape, undefined, 'complex'] as const),
      );
      const found = await registration.register(image);
      registration.dispose();
      expect(found.rotated).toBe(twin);
      expect(found.distance).toBeLessThan(0.03);
      // The twin was conjugated after it was turned, so that its phase has to be added.
      const expected = twin ? angle : -angle;
      expect(found.factor[0]).toBeCloseTo(Math.cos(expected), 2);
      expect(found.factor[1]).toBeCloseTo(Math.sin(expected), 2);
    },
  );

  it('is not misled by what was not measured', async () => {
    const shape: Shape = [40, 36];
    const reference = spots(shape, [0, 0]);
    const mask = new Uint8Array(40 * 36).fill(1);
    mask[0] = 0;
    const registration = await Registration.create(await requireBackend('wasm'), reference, shape, mask);
    // The zero frequency is off, as behind a beam stop.
    const found = await registration.register(spots(shape, [2, 1]).map((value) => value + 5));
    registration.dispose();
    expect(found).toMatchObject({ rotated: false, factor: [1, 0] });
    expect(found.shift[0]).toBeCloseTo(38, 2);
    expect(found.shift[1]).toBeCloseTo(35, 2);
  });
});
