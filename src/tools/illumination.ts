/** How much light fell where. */
import { requireBackend } from '../backends/registry.js';
import { checkScanSessionOptions, prepareScan } from '../problems/scan.js';
import type { Scan } from '../scan-types.js';
import { focusOf } from '../session/probe.js';
import type { Shape } from '../types.js';

/** What `illumination` resolves to. */
export interface Illumination {
  /** Σ |probe|² of all positions and modes, rows × columns of the object: counts that fell on each of its pixels. */
  data: Float64Array<ArrayBuffer>;
  /** Of the object: the scan's own, or as `retrieve` makes it. */
  shape: Shape;
  /** In the object's pixels, as `data` has them. */
  positions: Float64Array<ArrayBuffer>;
}

/**
 * Adds up the light of all positions on the object, with the probe at whole pixels: where little falls, the object remains
 * unknown. The probe is the scan's own; without one, it is guessed as `retrieve` does.
 *
 * @throws InvalidArgumentError
 */
export async function illumination(scan: Scan): Promise<Illumination> {
  const setup = prepareScan(scan, checkScanSessionOptions({}));
  const { shape, objectShape, positions } = setup;
  const probe = setup.probe ?? (await focusOf(await requireBackend('wasm'), setup));
  const [rows, columns] = shape;
  const power = new Float64Array(rows * columns);
  for (let i = 0; i < probe.length; i++) power[(i >> 1) % power.length] += probe[i] ** 2;
  const data = new Float64Array(objectShape[0] * objectShape[1]);
  for (let j = 0; j < positions.length; j += 2) {
    const [top, left] = [Math.floor(positions[j] + 0.5), Math.floor(positions[j + 1] + 0.5)];
    for (let row = 0; row < rows; row++) {
      const to = (top + row) * objectShape[1] + left;
      for (let column = 0; column < columns; column++) data[to + column] += power[row * columns + column];
    }
  }
  return { data, shape: objectShape, positions: positions as Float64Array<ArrayBuffer> };
}
