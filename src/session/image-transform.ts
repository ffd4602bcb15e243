/**
 * Two-dimensional transforms of images in double precision, through the kernels of a session: what simulation, metrics and
 * registration need beside reconstructions.
 */
import type { Backend, BackendSession } from '../backends/interface.js';
import { PROJECTION } from '../rules.js';
import { requireMemory } from './memory.js';
import type { ObjectKind, RealArray, Shape } from '../types.js';

export class ImageTransform {
  readonly #session: BackendSession;

  /** `backend`: wasm's, whose precision can be double. `object`: what the images' pixels are; complex ones are interleaved. */
  static async create(backend: Backend, shape: Shape, object: ObjectKind = 'real'): Promise<ImageTransform> {
    requireMemory(shape, 'double', object);
    // Magnitudes have no part in a transform.
    const magnitudes = new Float64Array(shape[0] * shape[1]).fill(1);
    const pattern = { shape, magnitudes, scale: 1, energy: 1, asymmetry: 0 };
    const problem = { pattern, batch: { starts: 1 }, precision: 'double', object, rule: PROJECTION } as const;
    return new ImageTransform(await backend.createSession(problem, 0));
  }

  private constructor(session: BackendSession) {
    this.#session = session;
  }

  /** The full spectrum of an image, unnormalised, interleaved: 2 × rows × columns numbers, zero frequency first. */
  forward(image: RealArray): Promise<RealArray> {
    this.#session.writeObject(0, image, false);
    this.#session.forward();
    return this.#session.readSpectrum(0);
  }

  /** The inverse transform of a spectrum, divided by rows × columns; of real images its real part. */
  inverse(spectrum: RealArray): Promise<RealArray> {
    this.#session.writeSpectrum(0, spectrum);
    this.#session.inverse();
    return this.#session.readObject(0);
  }

  dispose(): void {
    this.#session.dispose();
  }
}

/** a·b, or a·conj b where `sense` is −1: the spectrum of a rotated real image, and of the twin of a complex one, is conj b. */
export function spectrumProduct(a: RealArray, b: RealArray, sense: 1 | -1): Float64Array {
  const result = new Float64Array(a.length);
  for (let i = 0; i < a.length; i += 2) {
    const im = sense * b[i + 1];
    result[i] = a[i] * b[i] - a[i + 1] * im;
    result[i + 1] = a[i] * im + a[i + 1] * b[i];
  }
  return result;
}

/** Where a correlation has its peak, of either sign. */
export function indexOfLargestSize(numbers: RealArray): number {
  let index = 0;
  for (let i = 1; i < numbers.length; i++) {
    if (Math.abs(numbers[i]) > Math.abs(numbers[index])) index = i;
  }
  return index;
}
