/** The patterns of a scan on the host. */
import type { BackendScan } from '../../../src/backends/interface.js';

export class Patterns {
  /** Counts of all measured pixels. */
  readonly counts: number;
  /** Bytes of what is kept. */
  readonly bytes: number;
  readonly #patterns: BackendScan['patterns'];
  readonly #mask: Uint8Array | undefined;
  readonly #pixels: number;

  constructor({ patterns, mask, shape: [rows, columns] }: BackendScan) {
    this.#patterns = patterns;
    this.#mask = mask;
    this.#pixels = rows * columns;
    this.bytes = patterns.byteLength + (mask?.byteLength ?? 0);
    let counts = 0;
    for (let i = 0; i < patterns.length; i++) if (mask?.[i % this.#pixels] !== 0) counts += patterns[i];
    this.counts = counts;
  }

  /** Magnitudes of transforms that carry no factor at these positions, infinite where not measured. */
  magnitudes(positions: Uint32Array): Float32Array<ArrayBuffer> {
    const pixels = this.#pixels;
    const magnitudes = new Float32Array(positions.length * pixels);
    positions.forEach((position, n) => {
      for (let i = 0; i < pixels; i++) {
        const isMeasured = this.#mask?.[i] !== 0;
        magnitudes[n * pixels + i] = isMeasured ? Math.sqrt(this.#patterns[position * pixels + i] * pixels) : Infinity;
      }
    });
    return magnitudes;
  }
}
