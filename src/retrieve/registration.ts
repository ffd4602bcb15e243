/**
 * Brings images of one pattern over one another: magnitudes leave open where the object lies, whether it is rotated by 180°,
 * and its sign, or of a complex object a constant phase and whether it is the twin conj(o(−r)). Every start decides for itself.
 */
import type { Backend } from '../backends/interface.js';
import { ImageTransform, indexOfLargestSize, spectrumProduct } from '../session/image-transform.js';
import { magnitude } from '../tools/complex-images.js';
import { peakNear, signed } from '../tools/peak.js';
import type { ObjectKind, RealArray, Shape } from '../types.js';

export interface Registered {
  image: Float64Array;
  /** Whether the image was rotated by 180° about index [0, 0], and a complex one conjugated. */
  rotated: boolean;
  /** How far it was then shifted down and to the right, in pixels, around the edges. */
  shift: readonly [rows: number, columns: number];
  /** What it was multiplied by: a complex number of size 1, of a real image ±1. */
  factor: readonly [re: number, im: number];
  /** ‖image − reference‖ / ‖reference‖ afterwards. */
  distance: number;
}

/** Registers images to a reference. Holds memory of a backend until `dispose`. */
export class Registration {
  readonly #transform: ImageTransform;
  readonly #reference: Float64Array;
  readonly #shape: Shape;
  readonly #mask: Uint8Array | undefined;
  readonly #object: ObjectKind;
  readonly #spectrum: RealArray;

  /** `backend`: wasm's, which transforms. `mask`: 1 where a frequency was measured; the others do not take part. */
  static async create(
    backend: Backend,
    reference: RealArray,
    shape: Shape,
    mask: Uint8Array | undefined,
    object: ObjectKind = 'real',
  ): Promise<Registration> {
    const transform = await ImageTransform.create(backend, shape, object);
    const own = Float64Array.from(reference);
    return new Registration(transform, own, await transform.forward(own), shape, mask, object);
  }

  private constructor(
    transform: ImageTransform,
    reference: Float64Array,
    spectrum: RealArray,
    shape: Shape,
    mask: Uint8Array | undefined,
    object: ObjectKind,
  ) {
    this.#transform = transform;
    this.#reference = reference;
    this.#spectrum = spectrum;
    this.#shape = shape;
    this.#mask = mask;
    this.#object = object;
  }

  /**
   * The phase correlation of an image with the reference has a sharp peak at the shift between them (Kuglin & Hines, Proc.
   * IEEE Cybernetics and Society, 163, 1975). All frequencies count alike: the strong ones near zero say little about the
   * shift, and are alike for an image and its twin. The peak is refined by a transform around it (Guizar-Sicairos, Thurman
   * & Fienup, Optics Letters 33, 156, 2008). The factor is that of least squares over the measured frequencies.
   */
  async register(image: RealArray): Promise<Registered> {
    const spectrum = await this.#transform.forward(image);
    const candidates = [];
    for (const rotated of [false, true]) {
      const phases = this.#phaseProduct(spectrum, rotated);
      const correlation = await this.#transform.inverse(phases);
      const sizes = this.#object === 'complex' ? magnitude(correlation) : correlation;
      const at = indexOfLargestSize(sizes);
      candidates.push({ rotated, phases, at, height: Math.abs(sizes[at]) });
    }
    const [plain, turned] = candidates;
    const { rotated, phases, at } = plain.height >= turned.height ? plain : turned;
    const columns = this.#shape[1];
    const shift = peakNear(phases, this.#shape, [Math.floor(at / columns), at % columns]);
    const moved = shifted(spectrum, this.#shape, rotated, shift);
    const factor = this.#factorOf(moved);
    const result = Float64Array.from(await this.#transform.inverse(multiplied(moved, factor)));
    return { image: result, rotated, shift, factor, distance: distance(result, this.#reference) };
  }

  dispose(): void {
    this.#transform.dispose();
  }

  /** The factor of size 1 that brings a spectrum nearest to the reference. */
  #factorOf(x: RealArray): [re: number, im: number] {
    const product = spectrumProduct(this.#spectrum, x, -1);
    let [re, im] = [0, 0];
    for (let k = 0; k < x.length; k += 2) {
      if (this.#mask?.[k / 2] === 0) continue;
      re += product[k];
      im += product[k + 1];
    }
    const size = Math.hypot(re, im);
    return this.#object === 'real' || size === 0 ? [re < 0 ? -1 : 1, 0] : [re / size, im / size];
  }

  /**
   * exp(i(arg R − arg X)) of the measured frequencies, or with arg X reversed for the rotated image. Frequencies far weaker
   * than the mean count less, because rounding and noise decide their phases.
   */
  #phaseProduct(x: RealArray, rotated: boolean): Float64Array {
    const product = spectrumProduct(this.#spectrum, x, rotated ? 1 : -1);
    // Not by Math.hypot, which takes many times as long.
    const sizeAt = (k: number) => Math.sqrt(product[k] * product[k] + product[k + 1] * product[k + 1]);
    let sum = 0;
    for (let k = 0; k < product.length; k += 2) sum += sizeAt(k);
    const weak = (1e-3 * 2 * sum) / product.length;
    for (let k = 0; k < product.length; k += 2) {
      const size = sizeAt(k);
      const share = size > 0 && this.#mask?.[k / 2] !== 0 ? 1 / (size + weak) : 0;
      product[k] *= share;
      product[k + 1] *= share;
    }
    return product;
  }
}

function distance(a: RealArray, b: RealArray): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** The spectrum of an image that is rotated by 180° (and conjugated), or not, and then shifted. */
function shifted(
  x: RealArray,
  [rows, columns]: Shape,
  rotated: boolean,
  [down, right]: [number, number],
): Float64Array {
  const result = new Float64Array(x.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const angle = -2 * Math.PI * ((signed(row, rows) * down) / rows + (signed(column, columns) * right) / columns);
      const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
      const k = 2 * (row * columns + column);
      const im = rotated ? -x[k + 1] : x[k + 1];
      result[k] = x[k] * cosine - im * sine;
      result[k + 1] = x[k] * sine + im * cosine;
    }
  }
  return result;
}

/** Multiplies a spectrum by a complex number, in place. */
function multiplied(spectrum: Float64Array, [re, im]: readonly [number, number]): Float64Array {
  for (let k = 0; k < spectrum.length; k += 2) {
    const real = spectrum[k];
    spectrum[k] = real * re - spectrum[k + 1] * im;
    spectrum[k + 1] = spectrum[k + 1] * re + real * im;
  }
  return spectrum;
}
