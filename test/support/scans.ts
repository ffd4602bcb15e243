/** Small simulated scans, made from the definition: sums of waves, written out. */
import { ImageTransform } from '../../src/session/image-transform.js';
import { requireBackend } from '../../src/backends/registry.js';
import type { Scan } from '../../src/scan-types.js';
import { uniformStream } from '../../src/random.js';
import type { Shape } from '../../src/types.js';

export interface Scene {
  scan: Required<Pick<Scan, 'patterns' | 'shape' | 'positions' | 'probe'>> & { object: NonNullable<Scan['object']> };
  modes: number;
}

/**
 * A scene whose patterns have no noise, so that it is what its patterns say: object and probe are the truth. Positions are
 * whole pixels, so that the probe lies as it is.
 */
export async function makeScene({
  shape,
  modes = 1,
  seed = 1,
}: {
  shape: Shape;
  modes?: number;
  seed?: number;
}): Promise<Scene> {
  const [rows, columns] = shape;
  const random = uniformStream(seed, 0);
  const positions = Float64Array.from({ length: 2 * 16 }, (_, i) => {
    const cell = i % 2 === 0 ? Math.floor(i / 8) : (i >> 1) % 4;
    return 1 + 4 * cell + Math.floor(2 * random());
  });
  const objectShape: Shape = [rows + 16, columns + 16];
  const data = new Float64Array(2 * objectShape[0] * objectShape[1]);
  for (let i = 0; i < data.length; i += 2) {
    const [size, angle] = [0.8 + 0.2 * random(), 0.5 * random()];
    data[i] = size * Math.cos(angle);
    data[i + 1] = size * Math.sin(angle);
  }
  const probe = new Float64Array(2 * modes * rows * columns);
  for (let mode = 0; mode < modes; mode++) {
    for (let i = 0; i < rows * columns; i++) {
      const [y, x] = [Math.floor(i / columns) - rows / 2, (i % columns) - columns / 2];
      const size = Math.exp(-(y * y + x * x) / 20) * (mode === 0 ? 30 : 3 * x);
      const angle = 0.05 * (y * y + x * x);
      probe[2 * (mode * rows * columns + i)] = size * Math.cos(angle);
      probe[2 * (mode * rows * columns + i) + 1] = size * Math.sin(angle);
    }
  }
  const transform = await ImageTransform.create(await requireBackend('wasm'), shape, 'complex');
  const pixels = rows * columns;
  const patterns = new Float64Array((positions.length / 2) * pixels);
  for (let j = 0; j < positions.length / 2; j++) {
    for (let mode = 0; mode < modes; mode++) {
      const wave = new Float64Array(2 * pixels);
      for (let i = 0; i < pixels; i++) {
        const o =
          2 * ((positions[2 * j] + Math.floor(i / columns)) * objectShape[1] + positions[2 * j + 1] + (i % columns));
        const p = 2 * (mode * pixels + i);
        wave[2 * i] = probe[p] * data[o] - probe[p + 1] * data[o + 1];
        wave[2 * i + 1] = probe[p] * data[o + 1] + probe[p + 1] * data[o];
      }
      const spectrum = await transform.forward(wave);
      for (let i = 0; i < pixels; i++)
        patterns[j * pixels + i] += (spectrum[2 * i] ** 2 + spectrum[2 * i + 1] ** 2) / pixels;
    }
  }
  transform.dispose();
  return { scan: { patterns, shape, positions, probe, object: { data, shape: objectShape } }, modes };
}
