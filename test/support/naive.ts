/**
 * The iteration as DESIGN words it, on the full spectrum, in double precision, without any of the library's shortcuts:
 * direct sums for transforms, angles for phases, magnitudes as they were measured. The oracle for sessions; for small
 * images only.
 */
import type { Algorithm, RealArray, Shape } from '../../src/index.js';

export interface NaiveProblem {
  magnitudes: RealArray;
  shape: Shape;
  support?: Uint8Array;
  mask?: Uint8Array;
  algorithm: Algorithm;
  beta: number;
}

/** Interleaved. */
type Spectrum = Float64Array;

/** The unnormalised discrete Fourier transform of rows × columns complex numbers, rows first, by its definition. */
export function naiveTransform(values: ArrayLike<number>, [rows, columns]: Shape, sense: -1 | 1): Spectrum {
  const alongRows = new Float64Array(2 * rows * columns);
  const result = new Float64Array(2 * rows * columns);
  for (let row = 0; row < rows; row++) line(values, alongRows, row * columns, 1, columns);
  for (let column = 0; column < columns; column++) line(alongRows, result, column, columns, rows);
  return result;

  function line(from: ArrayLike<number>, to: Spectrum, first: number, step: number, length: number) {
    for (let k = 0; k < length; k++) {
      let [re, im] = [0, 0];
      for (let j = 0; j < length; j++) {
        const angle = (sense * 2 * Math.PI * ((j * k) % length)) / length;
        const at = 2 * (first + j * step);
        re += from[at] * Math.cos(angle) - from[at + 1] * Math.sin(angle);
        im += from[at] * Math.sin(angle) + from[at + 1] * Math.cos(angle);
      }
      to[2 * (first + k * step)] = re;
      to[2 * (first + k * step) + 1] = im;
    }
  }
}

/** M·exp(iφ), with what is not measured as `Start` promises: from the other side, or 0. */
export function naiveStart({ magnitudes, mask, shape }: NaiveProblem, phase: ArrayLike<number>): Spectrum {
  const spectrum = new Float64Array(2 * magnitudes.length);
  for (let k = 0; k < magnitudes.length; k++) {
    const minusK = opposite(k, shape);
    const from = mask?.[k] !== 0 ? k : mask[minusK] ? minusK : undefined;
    if (from === undefined) continue;
    spectrum[2 * k] = magnitudes[from] * Math.cos(phase[from]);
    spectrum[2 * k + 1] = magnitudes[from] * Math.sin(phase[from]) * (from === k ? 1 : -1);
  }
  return spectrum;
}

/** One start, with the semantics of `Session` written down a second time. */
export class NaiveSession {
  iterations = 0;
  residual = NaN;
  readonly history: number[] = [];
  readonly #problem: NaiveProblem;
  #spectrum: Spectrum;
  #object: Float64Array | undefined;
  #iterate: Float64Array | undefined;
  #writtenAfterInverse = false;
  #next: 'inverse' | 'constrainObject' | 'forward' | 'constrainFourier' = 'inverse';

  constructor(problem: NaiveProblem, start: Spectrum) {
    this.#problem = problem;
    this.#spectrum = start;
  }

  run(iterations: number): void {
    for (let i = 0; i < iterations; i++) this.step();
  }

  step(): void {
    do this[this.#next]();
    while (this.#next !== 'inverse');
  }

  inverse(): void {
    this.#object = this.#inverseTransform();
    this.#writtenAfterInverse = false;
    this.#next = 'constrainObject';
  }

  constrainObject(): void {
    const { support, algorithm, beta } = this.#problem;
    const object = this.readObject();
    const previous = this.#iterate;
    this.#object = object.map((y, i) => {
      const bad = y < 0 || support?.[i] === 0;
      switch (algorithm) {
        case 'gs':
          return bad ? 0 : y;
        case 'hio':
          return bad ? (previous ?? object)[i] - beta * y : y;
        case 'input-output':
          return bad ? (previous ?? object)[i] - beta * y : (previous?.[i] ?? 0);
        case 'output-output':
          return bad ? (1 - beta) * y : y;
      }
    });
    this.#iterate = this.#object;
    this.#writtenAfterInverse = false;
    this.#next = 'forward';
  }

  forward(): void {
    this.#object = this.readObject();
    if (this.#writtenAfterInverse) this.#iterate = this.#object;
    this.#writtenAfterInverse = false;
    const complex = new Float64Array(2 * this.#object.length);
    this.#object.forEach((value, i) => (complex[2 * i] = value));
    this.#spectrum = naiveTransform(complex, this.#problem.shape, -1);
    this.#next = 'constrainFourier';
  }

  constrainFourier(): void {
    const { magnitudes, mask, shape } = this.#problem;
    const spectrum = this.readSpectrum();
    const imposed = spectrum.slice();
    let [misfit, norm] = [0, 0];
    for (let k = 0; k < magnitudes.length; k++) {
      const [re, im] = [spectrum[2 * k], spectrum[2 * k + 1]];
      const minusK = opposite(k, shape);
      const measured = mask?.[k] !== 0;
      if (!measured && mask?.[minusK] === 0) continue;
      const magnitude = magnitudes[measured ? k : minusK];
      imposed[2 * k] = magnitude * Math.cos(Math.atan2(im, re));
      imposed[2 * k + 1] = magnitude * Math.sin(Math.atan2(im, re));
      if (!measured) continue;
      misfit += (Math.hypot(re, im) - magnitude) ** 2;
      norm += magnitude ** 2;
    }
    this.#spectrum = imposed;
    this.residual = Math.sqrt(misfit / norm);
    this.history.push(this.residual);
    this.iterations += 1;
    this.#next = 'inverse';
  }

  readObject(): Float64Array {
    return this.#object ?? this.#inverseTransform();
  }

  writeObject(object: Float64Array): void {
    this.#object = object;
    this.#writtenAfterInverse = this.#next === 'constrainObject';
    if (this.#writtenAfterInverse) return;
    this.#iterate = object;
    this.#next = 'forward';
  }

  /** The Hermitian part: what a real image can have. */
  readSpectrum(): Spectrum {
    return hermitianPart(this.#spectrum, this.#problem.shape);
  }

  writeSpectrum(spectrum: Spectrum): void {
    this.#spectrum = spectrum;
    if (this.#next !== 'constrainFourier') this.#next = 'inverse';
  }

  #inverseTransform(): Float64Array {
    const complex = naiveTransform(this.#spectrum, this.#problem.shape, 1);
    const pixels = complex.length / 2;
    return Float64Array.from({ length: pixels }, (_, i) => complex[2 * i] / pixels);
  }
}

export function hermitianPart(spectrum: Spectrum, shape: Shape): Spectrum {
  return spectrum.map((value, i) => {
    const minusK = 2 * opposite(Math.floor(i / 2), shape);
    return i % 2 === 0 ? (value + spectrum[minusK]) / 2 : (value - spectrum[minusK + 1]) / 2;
  });
}

/** Index of −k. */
export function opposite(k: number, [rows, columns]: Shape): number {
  const [row, column] = [Math.floor(k / columns), k % columns];
  return ((rows - row) % rows) * columns + ((columns - column) % columns);
}
