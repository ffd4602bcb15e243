/** One image, real or complex, that is being reconstructed: a session, the chain it follows, and what is shown of it. */
import {
  alignedComplexError,
  alignedError,
  chooseRecipe,
  createSession,
  fftshift,
  type Problem,
  type RealArray,
  type RealResult,
  type Session,
  type Shape,
} from 'rephase';
import type { Comparison, Frame, Kernel, Views } from '../protocol.js';
import { chainText, readChain, type Link, type Settings } from '../settings.js';
import { Comparing, following, seen, type Run } from './run.js';

const KERNELS: readonly Kernel[] = ['inverse', 'constrainObject', 'forward', 'constrainFourier'];

export class ImageRun implements Run {
  #problem: Problem;
  readonly #truth: RealArray | undefined;
  readonly #settings: Settings;
  #chain: Link[] = [];
  #session!: Session;
  /** Iterations of sessions before this one. */
  #before = 0;
  #reported = 0;
  #link: Link | undefined;
  #next = KERNELS[0];
  /** What was shown last, from which another session can go on. */
  #shown: RealResult | undefined;
  readonly #comparing = new Comparing();
  /** Iterations that were asked for. */
  iterations = 0;
  chosen: string | undefined;

  private constructor(problem: Problem, settings: Settings, truth: RealArray | undefined) {
    this.#problem = problem;
    this.#truth = truth;
    this.#settings = settings;
  }

  /** `truth`: the original where it is known, rows × columns, a complex one interleaved. */
  static async open(problem: Problem, settings: Settings, truth?: RealArray): Promise<ImageRun> {
    const run = new ImageRun(problem, settings, truth);
    await run.#choose();
    await run.#open(settings.backend);
    return run;
  }

  async #choose(): Promise<void> {
    const { recipe, chain, repeat, starts, backend } = this.#settings;
    if (recipe === 'own') {
      this.#chain = Array.from({ length: repeat }, () => chain).flat();
    } else {
      const { chain: chosen } = await chooseRecipe(this.#problem, { effort: recipe, starts: 1, backend });
      // All starts are on this thread or on one GPU.
      this.#chain = readChain(chosen)!.map((link) => ({ ...link, iterations: Math.ceil(link.iterations / starts) }));
      this.chosen = chainText(this.#chain);
    }
    this.iterations = lengthOf(this.#chain);
  }

  async #open(backend: Settings['backend'], start?: RealResult): Promise<void> {
    const { starts, seed } = this.#settings;
    this.#session = await createSession(this.#problem, {
      backend,
      history: true,
      ...(start ? { start: { object: start } } : { seed, starts }),
    });
    this.#reported = 0;
    this.#link = undefined;
    this.#next = KERNELS[0];
  }

  get done(): number {
    return this.#before + this.#session.iterations;
  }

  get backend() {
    return this.#session.backend;
  }

  get device() {
    return this.#session.device;
  }

  extend(): void {
    const once = lengthOf(this.#chain);
    this.iterations = (Math.floor(this.done / once) + 1) * once;
  }

  /** Ends where another algorithm begins. */
  async run(most: number): Promise<number> {
    const { left } = this.#use();
    const count = Math.min(most, left);
    await this.#session.run(count);
    this.#next = KERNELS[0];
    return count;
  }

  step(): void {
    this.#use();
    this.#session.step();
    this.#next = KERNELS[0];
  }

  kernel(): void {
    if (this.#next === KERNELS[0]) this.#use();
    this.#session[this.#next]();
    this.#next = following(KERNELS, this.#next);
  }

  setSupport(support: Uint8Array<ArrayBuffer>): void {
    this.#problem = { ...this.#problem, support };
    this.#session.setSupport(support);
  }

  async moveTo(backend: 'webgpu' | 'wasm'): Promise<void> {
    this.#before = this.done;
    this.#session.dispose();
    await this.#open(backend, this.#shown);
  }

  dispose(): void {
    this.#session.dispose();
  }

  /** The best start's image, in the session's precision. */
  async image(): Promise<{ image: RealResult; shape: Shape; isComplex: boolean }> {
    const image = await this.#session.readFeasible(bestOf(await this.#session.residuals()));
    return { image, shape: this.#problem.shape, isComplex: this.#isComplex };
  }

  async frame(views: Views, rate: number, compare: boolean): Promise<Frame> {
    const best = bestOf(await this.#session.residuals());
    const history = await this.#session.history(best);
    const residuals = history.slice(this.#reported);
    this.#reported = history.length;
    const image = await this.#session.readFeasible(best);
    const object = views.object === 'iterate' && !this.#isComplex ? await this.#session.readObject(best) : image;
    this.#shown = image;
    const comparison = await this.#comparing.compare(compare, () => this.#compare(image, views));
    const { spectrum } = views;
    return {
      ...{ kind: 'frame', iteration: this.done, iterations: this.iterations, rate, residuals },
      ...{ next: this.#next, isWithin: this.#next !== KERNELS[0] },
      algorithm: this.#linkAt(Math.min(this.done, this.iterations - 1)).link.algorithm,
      object: this.#seen(object, views),
      ...((spectrum === 'magnitude' || spectrum === 'phase') && { spectrum: await this.#spectrum(spectrum, best) }),
      ...(comparison && { comparison }),
    };
  }

  get #isComplex(): boolean {
    return this.#problem.object === 'complex';
  }

  #seen(image: RealArray, { object }: Views): Float32Array<ArrayBuffer> {
    return this.#isComplex ? seen(image, object, this.#problem.support!) : Float32Array.from(image);
  }

  async #compare(image: RealResult, views: Views): Promise<Comparison | undefined> {
    const [truth, { shape }] = [this.#truth, this.#problem];
    if (!truth) return undefined;
    const { error, aligned, rotated } = this.#isComplex
      ? await alignedComplexError(image, truth, shape).then(({ twin, ...found }) => ({ ...found, rotated: twin }))
      : await alignedError(image, truth, shape);
    return { error, rotated, view: views.object, aligned: this.#seen(aligned, views) };
  }

  async #spectrum(part: 'magnitude' | 'phase', start: number): Promise<Float32Array<ArrayBuffer>> {
    const spectrum = await this.#session.readSpectrum(start);
    const of = part === 'phase' ? Math.atan2 : Math.hypot;
    const numbers = Float32Array.from({ length: spectrum.length / 2 }, (_, k) =>
      of(spectrum[2 * k + 1], spectrum[2 * k]),
    );
    return fftshift(numbers, this.#problem.shape);
  }

  /** Takes the algorithm of the next iteration, and returns how many there are by it. */
  #use(): { left: number } {
    const { link, left } = this.#linkAt(this.done);
    if (link !== this.#link) this.#session.use({ algorithm: link.algorithm, beta: link.beta });
    this.#link = link;
    return { left };
  }

  /** The chain begins anew where it ends. */
  #linkAt(iteration: number): { link: Link; left: number } {
    let at = iteration % lengthOf(this.#chain);
    for (const link of this.#chain) {
      if (at < link.iterations) return { link, left: link.iterations - at };
      at -= link.iterations;
    }
    throw new Error('a chain is as long as its links');
  }
}

/** Index of the smallest residual; before the first iteration there is none. */
function bestOf(residuals: Float64Array): number {
  const least = Math.min(...residuals);
  return Math.max(residuals.indexOf(least), 0);
}

function lengthOf(chain: readonly Link[]): number {
  return chain.reduce((sum, link) => sum + link.iterations, 0);
}
