/** A lens's beam, an object with edges and smooth parts, and positions on a spiral: what scans are simulated with. */
import { guessProbe } from '../../src/index.js';
import { uniformStream } from '../../src/random.js';
import type { Shape } from '../../src/types.js';

/**
 * The focus of a lens whose aperture reaches to `radius` of the highest frequency, with `defocus` radians at its edge, in
 * pixels and interleaved. Its edge is soft, so that the beam ends.
 */
export async function lensProbe(shape: Shape, radius: number, defocus: number) {
  const [rows, columns] = shape;
  const signed = (index: number, count: number) => (2 * (index < count / 2 ? index : index - count)) / count;
  const pattern = Float64Array.from({ length: rows * columns }, (_, k) => {
    const q = Math.hypot(signed(Math.floor(k / columns), rows), signed(k % columns, columns)) / radius;
    return 1 / (1 + Math.exp((q - 1) * Math.min(rows, columns) * radius)) ** 2;
  });
  const scan = { patterns: pattern, shape, positions: new Float64Array(2) };
  return guessProbe(scan, { defocus: defocusOf(radius, defocus) });
}

/** The defocus in pixels² / wavelength that is so many radians at the edge of the aperture. */
export function defocusOf(radius: number, radians: number): number {
  return radians / (Math.PI * (radius / 2) ** 2);
}

/** Row and column of whole pixels on a Fermat spiral with about `step` pixels between neighbours, from `margin` on. */
export function spiral(count: number, step: number, margin = 2): Float64Array {
  const places = Float64Array.from({ length: 2 * count }, (_, i) => {
    const [radius, angle] = [step * 0.57 * Math.sqrt(i >> 1), (i >> 1) * Math.PI * (3 - Math.sqrt(5))];
    return radius * (i % 2 ? Math.cos(angle) : Math.sin(angle));
  });
  const least = [0, 1].map((axis) => Math.min(...places.filter((_, i) => i % 2 === axis)));
  return places.map((place, i) => Math.floor(place - least[i % 2] + margin + 0.5));
}

/** A weakly absorbing phase object of overlapping discs, interleaved: sizes from 0.75 to 1, phases from −1.6 to 0.3. */
export function discs([rows, columns]: Shape, seed: number): Float64Array {
  const random = uniformStream(seed, 0);
  const between = (least: number, most: number) => least + (most - least) * random();
  const [phase, absorption] = [new Float64Array(rows * columns), new Float64Array(rows * columns)];
  for (let disc = 0; disc < (rows * columns) / 150; disc++) {
    const [y, x, radius, aspect] = [between(0, rows), between(0, columns), between(2, 7), between(0.6, 1.6)];
    const [darker, later] = [between(0, 0.08), between(0.1, 0.5)];
    for (let i = 0; i < phase.length; i++) {
      const distance = Math.hypot(Math.floor(i / columns) - y, ((i % columns) - x) * aspect);
      // Soft over about a pixel, so that the spectrum stays inside the detector.
      const inside = 1 / (1 + Math.exp(2 * (distance - radius)));
      phase[i] -= inside * later;
      absorption[i] += inside * darker;
    }
  }
  return Float64Array.from({ length: 2 * phase.length }, (_, i) => {
    const [size, angle] = [Math.exp(-Math.min(absorption[i >> 1], 0.3)), Math.max(phase[i >> 1], -1.6)];
    return size * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });
}
