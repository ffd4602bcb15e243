/**
 * The iteration as a textbook writes it: complex numbers on the full spectrum, Fourier sums written out, angles for phases,
 * double precision. It takes none of the library's shortcuts. It is slow, but can be checked by reading, so that
 * `rephase validate` and the tests trust it.
 */
import type { Algorithm, ObjectKind, RealArray, Shape } from '../../types.js';

/**
 * A pixel's new iterate and the value to transform next, from y and the previous iterate x; x is undefined at first. With a
 * support size, pixels that are too small count as outside: of the tested image, and for `keepsIterate` of the new iterate.
 */
export interface PixelRule<Pixel = number> {
  /**
   * `k`: how many iterations have been finished since the rule is used. `size`: that of the pixel, where all sizes are
   * known.
   */
  (
    y: Pixel,
    x: Pixel | undefined,
    inside: boolean,
    k: number,
    keepsIterate?: boolean,
    size?: number,
  ): { iterate: Pixel; next: Pixel; tested?: Pixel };
  /** Frequencies are not given their measured sizes, but brought nearer by a step up the likelihood. */
  likelihood?: boolean;
}

export interface Complex {
  re: number;
  im: number;
}

export interface TextbookProblem {
  magnitudes: RealArray;
  shape: Shape;
  object?: ObjectKind | undefined;
  amplitudeBounds?: readonly [low: number, high: number] | undefined;
  phaseBounds?: readonly [low: number, high: number] | undefined;
  objectMagnitudes?: RealArray | undefined;
  support?: Uint8Array | undefined;
  mask?: Uint8Array | undefined;
  bounds?: readonly [low: number, high: number] | undefined;
  tolerance?: number | undefined;
  unmeasuredLimit?: number | undefined;
  supportSize?: number | undefined;
}

/** Interleaved. */
type Spectrum = Float64Array;

/** The unnormalised discrete Fourier transform of rows × columns complex numbers, rows first, by its definition. */
export function fourierSums(values: ArrayLike<number>, [rows, columns]: Shape, sense: -1 | 1): Spectrum {
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

/** M·exp(iφ), with what is not measured as `Start` promises: of a real object from the other side, or 0. */
export function textbookStart(
  { magnitudes, mask, shape, object }: TextbookProblem,
  phase: ArrayLike<number>,
): Spectrum {
  const spectrum = new Float64Array(2 * magnitudes.length);
  for (let k = 0; k < magnitudes.length; k++) {
    const minusK = opposite(k, shape);
    const from = mask?.[k] !== 0 ? k : mask[minusK] && object !== 'complex' ? minusK : undefined;
    if (from === undefined) continue;
    spectrum[2 * k] = magnitudes[from] * Math.cos(phase[from]);
    spectrum[2 * k + 1] = magnitudes[from] * Math.sin(phase[from]) * (from === k ? 1 : -1);
  }
  return spectrum;
}

/** The table of `Algorithm`, written down a second time on purpose, as the papers have it. */
export function textbookRule(
  problem: TextbookProblem,
  { algorithm, beta, alpha = 0.4, delta = 1.1 }: { algorithm: Algorithm; beta: number; alpha?: number; delta?: number },
): PixelRule {
  const [low, high] = algorithm === 'cf' ? [delta * deviation(problem), Infinity] : boundsOf(problem);
  const satisfies = (t: number, inside: boolean) => inside && t >= low && t <= high;
  const project = (t: number, inside: boolean) => (inside ? Math.min(Math.max(t, low), high) : 0);
  const reflect = (t: number, inside: boolean) => 2 * project(t, inside) - t;

  /** The new iterate, and what a pixel is tested on. */
  function update(y: number, x: number, inside: boolean): { value: number; tested?: number } {
    const feedback = beta * (y - project(y, inside));
    const reflected = 2 * y - x;
    switch (algorithm) {
      case 'er':
      case 'gs':
        return { value: project(y, inside) };
      case 'hio':
        return { value: satisfies(y, inside) ? y : x - feedback };
      case 'input-output':
        return { value: x - feedback };
      case 'output-output':
        return { value: y - feedback };
      case 'chio': {
        if (!satisfies(y, inside)) return { value: x - feedback };
        return { value: y >= alpha * x ? y : x - ((1 - alpha) / alpha) * y };
      }
      case 'raar':
        return { value: (beta / 2) * (reflect(reflected, inside) + x) + (1 - beta) * y, tested: reflected };
      case 'hpr': {
        const relaxed = reflected + (beta - 1) * y;
        return { value: (reflect(relaxed, inside) + x + (1 - beta) * y) / 2, tested: relaxed };
      }
      case 'dm':
        return { value: x + project(reflected, inside) - y, tested: reflected };
      case 'rrr':
        return { value: x + beta * (y - project(x, inside)), tested: x };
      case 'cf':
        return { value: satisfies(y, inside) ? y : -y };
      case 'ml':
        return { value: project(y, inside) };
    }
  }

  if (algorithm === 'ml') {
    const rule: PixelRule = (y, previous, inside, k) => {
      const iterate = project(y, inside);
      // With no previous iterate, y takes its place where the constraint is violated, 0 where it is satisfied.
      const x = previous ?? (satisfies(y, inside) ? 0 : y);
      return { iterate, next: iterate + nesterov(k) * (iterate - x) };
    };
    rule.likelihood = true;
    return rule;
  }
  return (y, previous, inside, _k, keepsIterate = inside) => {
    // In a first iteration y takes the place of x, or 0 does where the constraint is satisfied.
    const { tested = y } = update(y, previous ?? y, inside);
    const x = previous ?? (satisfies(tested, inside) ? 0 : y);
    // What the reflections make of a pixel that satisfies them is y, whatever x was.
    const isReflection = ['raar', 'hpr', 'dm'].includes(algorithm);
    const iterate = isReflection ? update(y, previous ?? y, inside).value : update(y, x, inside).value;
    return { iterate, next: algorithm === 'rrr' ? reflect(iterate, keepsIterate) : iterate, tested };
  };
}

const sum = (...terms: (readonly [factor: number, number: Complex])[]): Complex =>
  terms.reduce((total, [factor, { re, im }]) => ({ re: total.re + factor * re, im: total.im + factor * im }), ZERO);
const polar = (size: number, angle: number): Complex => ({ re: size * Math.cos(angle), im: size * Math.sin(angle) });
const sizeOf = ({ re, im }: Complex) => Math.hypot(re, im);
const ZERO: Complex = { re: 0, im: 0 };

/** The same for complex objects. */
export function textbookComplexRule(
  problem: TextbookProblem,
  { algorithm, beta }: { algorithm: Algorithm; beta: number },
): PixelRule<Complex> {
  const { amplitudeBounds = [0, Infinity], phaseBounds } = problem;
  const [first, last] = phaseBounds ?? [-Math.PI, Math.PI];

  /** The nearest number with the size and the phase of a pixel, by trying all phases at the ends of the range. */
  function project(t: Complex, inside: boolean, size?: number): Complex {
    const [low, high] = size === undefined ? amplitudeBounds : [size, size];
    const clamp = (a: number) => Math.min(Math.max(a, low), high);
    if (!inside) return ZERO;
    if (sizeOf(t) === 0) return polar(clamp(0), phaseBounds ? (first + last) / 2 : 0);
    const phase = Math.atan2(t.im, t.re);
    const candidates = isInRange(phase)
      ? [polar(clamp(sizeOf(t)), phase)]
      : [first, last].map((end) => polar(clamp(sizeOf(t) * Math.cos(phase - end)), end));
    const distance = (z: Complex) => sizeOf(sum([1, t], [-1, z]));
    return candidates.reduce((best, z) => (distance(z) < distance(best) ? z : best));
  }
  const isBetween = (phase: number) => phase >= first && phase <= last;
  const isInRange = (phase: number) =>
    !phaseBounds || [-2, -1, 0, 1, 2].some((turns) => isBetween(phase + 2 * Math.PI * turns));
  const satisfies = (t: Complex, inside: boolean, size?: number) => {
    const [low, high] = size === undefined ? amplitudeBounds : [size, size];
    const own = sizeOf(t);
    return inside && own >= low && own <= high && (own === 0 || isInRange(Math.atan2(t.im, t.re)));
  };

  if (algorithm === 'ml') {
    const rule: PixelRule<Complex> = (y, previous, inside, k, _keeps, size) => {
      const isSatisfied = satisfies(y, inside, size);
      const iterate = isSatisfied ? y : project(y, inside, size);
      const x = previous ?? (isSatisfied ? ZERO : y);
      const c = nesterov(k);
      return { iterate, next: sum([1 + c, iterate], [-c, x]) };
    };
    rule.likelihood = true;
    return rule;
  }
  return (y, previous, inside, _k, keepsIterate = inside, size = undefined) => {
    const own = previous ?? y;
    const reflected = sum([2, y], [-1, own]);
    const relaxed = sum([1, reflected], [beta - 1, y]);
    const tested =
      algorithm === 'rrr' ? own : ({ raar: reflected, dm: reflected, hpr: relaxed }[algorithm as 'raar'] ?? y);
    const isSatisfied = satisfies(tested, inside, size);
    const x = previous ?? (isSatisfied ? ZERO : y);
    const p = isSatisfied ? tested : project(tested, inside, size);
    const reflection = sum([2, p], [-1, tested]);
    const value = (): Complex => {
      switch (algorithm) {
        case 'hio':
          return isSatisfied ? y : sum([1, x], [-beta, y], [beta, p]);
        case 'input-output':
          return isSatisfied ? x : sum([1, x], [-beta, y], [beta, p]);
        case 'output-output':
          return sum([1 - beta, y], [beta, p]);
        case 'raar':
          return sum([beta / 2, reflection], [beta / 2, own], [1 - beta, y]);
        case 'hpr':
          return sum([0.5, reflection], [0.5, own], [(1 - beta) / 2, y]);
        case 'dm':
          return sum([1, own], [1, p], [-1, y]);
        case 'rrr':
          return previous
            ? sum([1, own], [beta, y], [-beta, p])
            : isSatisfied
              ? sum([beta, y])
              : sum([1 + beta, y], [-beta, p]);
        default:
          return p;
      }
    };
    const iterate = value();
    const next = algorithm === 'rrr' ? sum([2, project(iterate, keepsIterate, size)], [-1, iterate]) : iterate;
    return { iterate, next, tested };
  };
}

/** Nesterov's momentum after k iterations. */
function nesterov(k: number): number {
  const t = [1];
  while (t.length < k + 2) t.push((1 + Math.sqrt(1 + 4 * t[t.length - 1] ** 2)) / 2);
  return (t[k] - 1) / t[k + 1];
}

type Pixel = number | Complex;

/** Which pixels inside the support are among the largest positive ones, by sorting. */
function largestInside(image: readonly Pixel[], { support, supportSize }: TextbookProblem): boolean[] {
  const inside = image.map((_, i) => support?.[i] !== 0);
  if (supportSize === undefined) return inside;
  const values = image.map((pixel) => (typeof pixel === 'number' ? pixel : sizeOf(pixel)));
  const positive = values.filter((value, i) => inside[i] && value > 0);
  const leftOut = positive.sort((a, b) => b - a)[supportSize] ?? 0;
  return inside.map((isInside, i) => isInside && values[i] > leftOut);
}

function boundsOf({ bounds = [0, Infinity] }: TextbookProblem): readonly [number, number] {
  return bounds;
}

/** The standard deviation of an object with these magnitudes. */
function deviation({ magnitudes, mask }: TextbookProblem): number {
  let squares = 0;
  for (let k = 1; k < magnitudes.length; k++) if (mask?.[k] !== 0) squares += magnitudes[k] ** 2;
  return Math.sqrt(squares / magnitudes.length) / Math.sqrt(magnitudes.length);
}

/** One start, with the semantics of `Session` written down a second time. Arrays of complex objects are interleaved. */
export class TextbookSession {
  iterations = 0;
  residual = NaN;
  readonly history: number[] = [];
  #spectrum: Spectrum;
  /** What the next `forward` transforms, where that is not the object. */
  #transformed: Float64Array | undefined;
  #object: Float64Array | undefined;
  #iterate: Float64Array | undefined;
  #writtenAfterInverse = false;
  #next: 'inverse' | 'constrainObject' | 'forward' | 'constrainFourier' = 'inverse';
  #rule: PixelRule<Pixel>;
  #used = 0;

  /** `rule` and `problem.support` may be replaced between kernels. */
  constructor(
    readonly problem: TextbookProblem,
    start: Spectrum,
    rule: PixelRule | PixelRule<Complex>,
  ) {
    this.#spectrum = start;
    this.#rule = rule as PixelRule<Pixel>;
  }

  set rule(rule: PixelRule | PixelRule<Complex>) {
    this.#rule = rule as PixelRule<Pixel>;
    this.#used = 0;
  }

  /** Continues from an object. Its residual is measured, and counts as no iteration. */
  static fromObject(
    problem: TextbookProblem,
    object: Float64Array,
    rule: PixelRule | PixelRule<Complex>,
  ): TextbookSession {
    const session = new TextbookSession(problem, new Float64Array(2 * problem.magnitudes.length), rule);
    session.writeObject(object);
    session.forward();
    session.constrainFourier();
    session.history.length = session.iterations = session.#used = 0;
    return session;
  }

  get awaitsRule(): boolean {
    return this.#next === 'constrainObject';
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
    this.#transformed = undefined;
    this.#writtenAfterInverse = false;
    this.#next = 'constrainObject';
  }

  constrainObject(): void {
    const { objectMagnitudes: sizes } = this.problem;
    const previous = this.#iterate && this.#pixelsOf(this.#iterate);
    const object = this.#pixelsOf(this.readObject());
    const update = (inside: boolean[], keepsIterate = inside) =>
      object.map((y, i) => this.#rule(y, previous?.[i], inside[i], this.#used, keepsIterate[i], sizes?.[i]));
    const tested = update(largestInside(object, this.problem)).map(({ tested }, i) => tested ?? object[i]);
    const inside = largestInside(tested, this.problem);
    const iterates = update(inside).map(({ iterate }) => iterate);
    const updates = update(inside, largestInside(iterates, this.problem));
    this.#object = arrayOf(updates.map(({ iterate }) => iterate));
    this.#iterate = this.#object;
    this.#transformed = arrayOf(updates.map(({ next }) => next));
    this.#writtenAfterInverse = false;
    this.#next = 'forward';
  }

  forward(): void {
    this.#object = this.readObject();
    if (this.#writtenAfterInverse) this.#iterate = this.#object;
    this.#writtenAfterInverse = false;
    this.#spectrum = transformOf(this.#transformed ?? this.#object, this.problem);
    this.#transformed = undefined;
    this.#next = 'constrainFourier';
  }

  constrainFourier(): void {
    const { magnitudes, mask, shape, tolerance = 0, unmeasuredLimit = Infinity } = this.problem;
    const spectrum = this.readSpectrum();
    const imposed = spectrum.slice();
    this.residual = this.#residualOf(spectrum);
    for (let k = 0; k < magnitudes.length; k++) {
      const [re, im] = [spectrum[2 * k], spectrum[2 * k + 1]];
      const sides = (this.#isComplex ? [k] : [k, opposite(k, shape)])
        .filter((side) => mask?.[side] !== 0)
        .map((side) => magnitudes[side]);
      const magnitude = sides.reduce((sum, side) => sum + side / sides.length, 0);
      const size = Math.hypot(re, im);
      const step = size === 0 ? 2 * magnitude : Math.min(magnitude ** 2 / size, 2 * magnitude);
      const tolerated = Math.min(Math.max(size, magnitude - tolerance), magnitude + tolerance);
      const measured = this.#rule.likelihood ? (size + step) / 2 : tolerated;
      const wanted = sides.length === 0 ? Math.min(size, unmeasuredLimit) : measured;
      imposed[2 * k] = wanted * Math.cos(Math.atan2(im, re));
      imposed[2 * k + 1] = wanted * Math.sin(Math.atan2(im, re));
    }
    this.#spectrum = imposed;
    this.history.push(this.residual);
    this.iterations += 1;
    this.#used += 1;
    this.#next = 'inverse';
  }

  readObject(): Float64Array {
    return this.#object ?? this.#inverseTransform();
  }

  writeObject(object: Float64Array): void {
    this.#object = object;
    this.#transformed = undefined;
    this.#writtenAfterInverse = this.#next === 'constrainObject';
    if (this.#writtenAfterInverse) return;
    this.#iterate = object;
    this.#next = 'forward';
  }

  /** ‖|FT p| − M‖ / ‖M‖ of the object p without what violates the constraint. The iteration stays where it is. */
  feasibleResidual(): number {
    const { problem } = this;
    const how = { algorithm: 'er', beta: 1 } as const;
    const rule = (this.#isComplex ? textbookComplexRule(problem, how) : textbookRule(problem, how)) as PixelRule<Pixel>;
    const pixels = this.#pixelsOf(this.readObject());
    const inside = largestInside(pixels, problem);
    const sizes = problem.objectMagnitudes;
    const feasible = pixels.map((y, i) => rule(y, y, inside[i], 0, inside[i], sizes?.[i]).iterate);
    return this.#residualOf(transformOf(arrayOf(feasible), problem));
  }

  /** Of a real object the Hermitian part: what it can have. */
  readSpectrum(): Spectrum {
    if (this.#isComplex) return this.#spectrum.slice();
    return hermitianPart(this.#spectrum, this.problem.shape);
  }

  writeSpectrum(spectrum: Spectrum): void {
    this.#spectrum = spectrum;
    if (this.#next !== 'constrainFourier') this.#next = 'inverse';
  }

  #residualOf(spectrum: Spectrum): number {
    const { magnitudes, mask } = this.problem;
    let [squares, norm] = [0, 0];
    for (let k = 0; k < magnitudes.length; k++) {
      if (mask?.[k] === 0) continue;
      squares += (Math.hypot(spectrum[2 * k], spectrum[2 * k + 1]) - magnitudes[k]) ** 2;
      norm += magnitudes[k] ** 2;
    }
    return Math.sqrt(squares / norm);
  }

  #inverseTransform(): Float64Array {
    const complex = fourierSums(this.#spectrum, this.problem.shape, 1).map((sum) => (2 * sum) / this.#spectrum.length);
    return this.#isComplex ? complex : complex.filter((_, i) => i % 2 === 0);
  }

  get #isComplex(): boolean {
    return this.problem.object === 'complex';
  }

  #pixelsOf(object: Float64Array): Pixel[] {
    if (!this.#isComplex) return Array.from(object);
    return Array.from({ length: object.length / 2 }, (_, i) => ({ re: object[2 * i], im: object[2 * i + 1] }));
  }
}

/** Interleaved where pixels are complex. */
function arrayOf(pixels: readonly Pixel[]): Float64Array {
  return Float64Array.from(pixels.flatMap((pixel) => (typeof pixel === 'number' ? pixel : [pixel.re, pixel.im])));
}

function transformOf(image: Float64Array, { shape, object }: TextbookProblem): Spectrum {
  if (object === 'complex') return fourierSums(image, shape, -1);
  const complex = new Float64Array(2 * image.length);
  image.forEach((value, i) => (complex[2 * i] = value));
  return fourierSums(complex, shape, -1);
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
