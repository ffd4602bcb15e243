/** The patterns of a scan as the device takes them, and on the host where they stay there. */
import type { BackendScan } from '../../../src/backends/interface.js';

/** Counts of all measured pixels. */
export function measuredCounts({ patterns, mask, shape: [rows, columns] }: BackendScan): number {
  let counts = 0;
  for (let i = 0; i < patterns.length; i++) if (mask?.[i % (rows * columns)] !== 0) counts += patterns[i];
  return counts;
}

/** Magnitudes of transforms that carry no factor, infinite where not measured, of the positions from `begin` to `end`. */
export function magnitudesOf(scan: BackendScan, begin: number, end: number): Float32Array<ArrayBuffer> {
  const { patterns, mask, shape } = scan;
  const pixels = shape[0] * shape[1];
  const magnitudes = new Float32Array((end - begin) * pixels);
  for (let i = 0, at = begin * pixels; i < magnitudes.length; i++, at++) {
    magnitudes[i] = mask?.[i % pixels] === 0 ? Infinity : Math.sqrt(patterns[at] * pixels);
  }
  return magnitudes;
}

/** Those of all positions, on the host. */
export class Magnitudes {
  readonly #all: Float32Array<ArrayBuffer>;
  readonly #pixels: number;

  constructor(scan: BackendScan) {
    this.#all = magnitudesOf(scan, 0, scan.positions.length / 2);
    this.#pixels = scan.shape[0] * scan.shape[1];
  }

  get bytes(): number {
    return this.#all.byteLength;
  }

  /** Of some positions, in their order. */
  of(positions: Uint32Array): Float32Array<ArrayBuffer> {
    const pixels = this.#pixels;
    const magnitudes = new Float32Array(positions.length * pixels);
    positions.forEach((position, n) => {
      magnitudes.set(this.#all.subarray(position * pixels, (position + 1) * pixels), n * pixels);
    });
    return magnitudes;
  }
}
