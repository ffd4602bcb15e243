/** Scans that `rephase validate` checks backends with. */
import { uniform } from '../../random.js';
import type { Scan } from '../../scan-types.js';
import { simulateScan, type SimulateScanOptions } from '../../tools/simulate-scan.js';
import type { Shape } from '../../types.js';
import { fourierSums } from './textbook.js';

export type KnownScan = Scan & Required<Pick<Scan, 'probe' | 'object'>>;

/** A scan whose patterns are sums written out, at whole pixels. Its object and probe are the truth. */
export function summedScan(shape: Shape, modes: number): KnownScan {
  const { object, probe, positions } = truthOf(shape, modes, () => 0);
  const [rows, columns] = shape;
  const pixels = rows * columns;
  const patterns = new Float64Array((positions.length / 2) * pixels);
  for (let wave = 0; wave < (positions.length / 2) * modes; wave++) {
    const [j, mode] = [Math.floor(wave / modes), wave % modes];
    const product = new Float64Array(2 * pixels);
    for (let i = 0; i < pixels; i++) {
      const row = positions[2 * j] + Math.floor(i / columns);
      const o = 2 * (row * object.shape[1] + positions[2 * j + 1] + (i % columns));
      const p = 2 * (mode * pixels + i);
      product[2 * i] = probe[p] * object.data[o] - probe[p + 1] * object.data[o + 1];
      product[2 * i + 1] = probe[p] * object.data[o + 1] + probe[p + 1] * object.data[o];
    }
    const spectrum = fourierSums(product, shape, -1);
    for (let i = 0; i < pixels; i++) {
      patterns[j * pixels + i] += (spectrum[2 * i] ** 2 + spectrum[2 * i + 1] ** 2) / pixels;
    }
  }
  return { patterns, shape, positions, probe, object };
}

/** A scan between pixels, with a beam stop where there are several modes, that begins beside the truth. */
export async function startedScan(shape: Shape, modes: number): Promise<KnownScan> {
  const scan = await simulateScan({ shape, ...truthOf(shape, modes, (i) => 0.3 * Math.sin(i)) });
  const data = scan.object.data.map((number, i) => number + 0.1 * Math.cos(7 * i));
  const mask = Uint8Array.from({ length: shape[0] * shape[1] }, (_, i) => Number(i !== 0));
  return { ...scan, object: { ...scan.object, data }, ...(modes > 1 && { mask }) };
}

/** A weak object and a defocused beam at nine places, by at most a quarter of a pattern apart. */
function truthOf(
  shape: Shape,
  modes: number,
  offset: (i: number) => number,
): Pick<SimulateScanOptions, 'object' | 'probe' | 'positions'> {
  const [rows, columns] = shape;
  const steps = shape.map((length) => Math.max(1, length >> 2));
  const positions = Float64Array.from({ length: 18 }, (_, i) => {
    const cell = i % 2 === 0 ? Math.floor(i / 6) : (i >> 1) % 3;
    return 1 + cell * steps[i % 2] + offset(i);
  });
  const objectShape: Shape = [rows + 2 * steps[0] + 2, columns + 2 * steps[1] + 2];
  const data = new Float64Array(2 * objectShape[0] * objectShape[1]);
  const polar = (to: Float64Array, i: number, size: number, angle: number) => {
    to[2 * i] = size * Math.cos(angle);
    to[2 * i + 1] = size * Math.sin(angle);
  };
  for (let i = 0; i < data.length / 2; i++) polar(data, i, 0.8 + 0.2 * uniform(1, 0, i), 0.5 * uniform(1, 1, i));
  const probe = new Float64Array(2 * modes * rows * columns);
  for (let i = 0; i < probe.length / 2; i++) {
    const pixel = i % (rows * columns);
    const [y, x] = [Math.floor(pixel / columns) / rows - 0.5, (pixel % columns) / columns - 0.5];
    const square = y * y + x * x;
    polar(probe, i, Math.exp(-8 * square) * (i === pixel ? 30 : 60 * x), 10 * square);
  }
  return { object: { data, shape: objectShape }, probe, positions };
}
