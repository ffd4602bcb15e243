/** Phases without jumps of 2π, where the right one is known. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unwrapPhase, type Shape } from '../src/index.js';
import { noise } from './support/images.js';

const TURN = 2 * Math.PI;
const wrap = (angle: number) => angle - TURN * Math.round(angle / TURN);

function surface([rows, columns]: Shape, height: (y: number, x: number) => number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, i) => height(Math.floor(i / columns), i % columns));
}

/** The one multiple of 2π by which all pixels inside are off; NaN where they differ. */
function turnsOff(result: Float64Array, truth: Float64Array, inside: (i: number) => boolean = () => true): number {
  const off = [...truth.keys()].filter(inside).map((i) => (result[i] - truth[i]) / TURN);
  const whole = Math.round(off[0]);
  return off.every((turns) => Math.abs(turns - whole) < 1e-9) ? whole : NaN;
}

describe('unwrapPhase', () => {
  it('finds any plane that steps by less than π', () => {
    const shape: Shape = [13, 9];
    const slope = fc.double({ min: -3.1, max: 3.1, noNaN: true });
    const property = fc.property(slope, slope, slope, (down, right, constant) => {
      const truth = surface(shape, (y, x) => constant + down * y + right * x);
      expect(turnsOff(unwrapPhase(truth.map(wrap), shape), truth)).not.toBeNaN();
    });
    fc.assert(property, { numRuns: 100, seed: 1 });
  });

  it('finds a hill of many turns with noise on it, and has its mean between −π and π', () => {
    const shape: Shape = [64, 50];
    const rough = noise(64 * 50, 3);
    const truth = surface(
      shape,
      (y, x) => 40 * Math.exp(-((y - 30) ** 2 + (x - 20) ** 2) / 300) + 1.2 * rough[50 * y + x],
    );
    const result = unwrapPhase(truth.map(wrap), shape);
    expect(turnsOff(result, truth)).not.toBeNaN();
    expect(Math.abs(result.reduce((sum, value) => sum + value, 0) / result.length)).toBeLessThanOrEqual(Math.PI);
  });

  it('leaves the right phase as it is where it does not jump, and takes float32', () => {
    const shape: Shape = [5, 7];
    const truth = surface(shape, (y, x) => Math.sin(y + x));
    expect(turnsOff(unwrapPhase(Float32Array.from(truth), shape), Float64Array.from(Float32Array.from(truth)))).toBe(0);
  });

  it('looks at no pixel outside the support, and gives parts that do not touch means of their own', () => {
    const shape: Shape = [30, 40];
    const side = (i: number) => (i % 40 < 18 ? 'left' : i % 40 > 20 ? 'right' : 'between');
    const truth = surface(shape, (y, x) => 0.9 * y + (x < 18 ? 1.1 : -0.7) * x);
    // A hole as well.
    const isInside = (i: number) => side(i) !== 'between' && !(Math.hypot(Math.floor(i / 40) - 12, (i % 40) - 9) < 4);
    const support = Uint8Array.from(truth, (_, i) => Number(isInside(i)));
    const given = truth.map((value, i) => (isInside(i) ? wrap(value) : NaN));
    const result = unwrapPhase(given, shape, { support });
    for (const part of ['left', 'right']) {
      const of = [...truth.keys()].filter((i) => isInside(i) && side(i) === part);
      expect(turnsOff(result, truth, (i) => isInside(i) && side(i) === part)).not.toBeNaN();
      expect(Math.abs(of.reduce((sum, i) => sum + result[i], 0) / of.length)).toBeLessThanOrEqual(Math.PI);
    }
    result.forEach((value, i) => expect(Number.isNaN(value)).toBe(!isInside(i)));
  });

  it('joins what is smooth before what is not: a block of noise does no harm to the rest', () => {
    const shape: Shape = [48, 48];
    const angles = noise(48 * 48, 7);
    const isNoise = (y: number, x: number) => y >= 10 && y < 24 && x >= 14 && x < 30;
    const truth = surface(shape, (y, x) => 0.02 * ((y - 20) ** 2 + (x - 30) ** 2));
    const given = surface(shape, (y, x) => (isNoise(y, x) ? TURN * angles[48 * y + x] : truth[48 * y + x])).map(wrap);
    const result = unwrapPhase(given, shape);
    expect(turnsOff(result, truth, (i) => !isNoise(Math.floor(i / 48), i % 48))).not.toBeNaN();
  });

  it('leaves lines of jumps that end in residues and at edges, and are short', () => {
    const shape: Shape = [40, 40];
    const vortex = (y: number, x: number, column: number) => Math.atan2(y - 19.5, x - column);
    const given = surface(shape, (y, x) => wrap(vortex(y, x, 10.5) - vortex(y, x, 29.5)));
    const result = unwrapPhase(given, shape);
    result.forEach((value, i) => expect(Math.abs(wrap(value - given[i]))).toBeLessThan(1e-9));
    let jumps = 0;
    for (let i = 0; i < 1600; i++) {
      const [y, x] = [Math.floor(i / 40), i % 40];
      for (const next of [...(x < 39 ? [i + 1] : []), ...(y < 39 ? [i + 40] : [])]) {
        if (Math.abs(result[next] - result[i]) > Math.PI) jumps += 1;
      }
    }
    // As long as the way from one to the other, or from both to the nearest edges, and a few steps more.
    expect(jumps).toBeGreaterThan(15);
    expect(jumps).toBeLessThan(40);
  });

  it('gives a part of an image what it would give it without the rest', () => {
    const [part, whole]: Shape[] = [
      [14, 17],
      [20, 26],
    ];
    const angles = noise(14 * 17, 11).map((u) => TURN * u);
    const within = (i: number) => [Math.floor(i / 26) - 2, (i % 26) - 5];
    const isInside = ([y, x]: number[]) => y >= 0 && y < 14 && x >= 0 && x < 17;
    const support = Uint8Array.from({ length: 20 * 26 }, (_, i) => Number(isInside(within(i))));
    const given = surface(whole, (y, x) => (isInside([y - 2, x - 5]) ? angles[(y - 2) * 17 + x - 5] : 0));
    const result = unwrapPhase(given, whole, { support });
    expect(result.filter((_, i) => support[i])).toEqual(unwrapPhase(angles, part));
  });

  it('gives the mirror image what it gives the image', () => {
    const shape: Shape = [15, 18];
    const angles = noise(15 * 18, 12).map((u) => TURN * u);
    const mirrored = (image: Float64Array) => surface(shape, (y, x) => image[(14 - y) * 18 + 17 - x]);
    const [here, there] = [unwrapPhase(angles, shape), mirrored(unwrapPhase(mirrored(angles), shape))];
    // Borders, which are all joined last, are joined in the order in which they are stored.
    const isWithin = (i: number) => i % 18 > 0 && i % 18 < 17 && i >= 18 && i < 14 * 18;
    expect(turnsOff(here, there, isWithin)).not.toBeNaN();
  });

  it('refuses what is no phase', () => {
    const [shape, phase]: [Shape, Float64Array] = [[2, 3], new Float64Array(6)];
    expect(() => unwrapPhase(new Float64Array(12), shape)).toThrow(
      /^phase: got a Float64Array of 12; takes .* 2 × 3 = 6/,
    );
    expect(() => unwrapPhase(phase.fill(NaN, 4), shape)).toThrow(/^phase at \[1, 1\]: got NaN/);
    expect(() => unwrapPhase(phase, shape, { support: Uint8Array.of(1, 1, 1, 1, 0, 0) })).not.toThrow();
    expect(() => unwrapPhase(phase, shape, { support: new Uint8Array(6) })).toThrow(/^support: every entry is zero/);
    expect(() => unwrapPhase(phase, shape, { support: new Uint8Array(5) })).toThrow(/^support: got /);
    expect(() => unwrapPhase(phase, shape, { mask: phase } as never)).toThrow(/there is no 'mask'/);
  });
});
