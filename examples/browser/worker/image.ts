/** One image that is being reconstructed: a session, the chain it follows, and what is shown of it. */
import {
  alignedError,
  createSession,
  fftshift,
  type Problem,
  type RealResult,
  type Session,
  type Shape,
} from 'rephase';
import type { Frame, Kernel, Views } from '../protocol.js';
import { RECIPE, type Link, type Settings } from '../settings.js';
import { Comparing, following, type Run } from './run.js';

const KERNELS: readonly Kernel[] = ['inverse', 'constrainObject', 'forward', 'constrainFourier'];

export class ImageRun implements Run {
  #problem: Problem;
  readonly #truth: Float32Array | undefined;
  readonly #settings: Settings;
  readonly #chain: Link[];
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
  iterations: number;

  private constructor(problem: Problem, settings: Settings, truth: Float32Array | undefined) {
    this.#problem = problem;
    this.#truth = truth;
    this.#settings = settings;
    const { chain, repeat } = settings.automatic ? RECIPE : settings;
    this.#chain = Array.from({ length: repeat }, () => chain).flat();
    this.iterations = lengthOf(this.#chain);
  }

  /** `truth`: the original where it is known, rows × columns. */
  static async open(problem: Problem, settings: Settings, truth?: Float32Array): Promise<ImageRun> {
    const run = new ImageRun(problem, settings, truth);
    await run.#open(settings.backend);
    return run;
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
  async image(): Promise<{ image: RealResult; shape: Shape }> {
    const image = await this.#session.readFeasible(bestOf(await this.#session.residuals()));
    return { image, shape: this.#problem.shape };
  }

  async frame(views: Views, rate: number, compare: boolean): Promise<Frame> {
    const best = bestOf(await this.#session.residuals());
    const history = await this.#session.history(best);
    const residuals = history.slice(this.#reported);
    this.#reported = history.length;
    const image = await this.#session.readFeasible(best);
    const object = views.object === 'iterate' ? await this.#session.readObject(best) : image;
    this.#shown = image;
    const truth = this.#truth;
    const alignment =
      truth && (await this.#comparing.compare(compare, () => alignedError(image, truth, this.#problem.shape)));
    const { spectrum } = views;
    return {
      ...{ kind: 'frame', iteration: this.done, iterations: this.iterations, rate, residuals },
      ...{ next: this.#next, isWithin: this.#next !== KERNELS[0] },
      algorithm: this.#linkAt(Math.min(this.done, this.iterations - 1)).link.algorithm,
      object: Float32Array.from(object),
      ...((spectrum === 'magnitude' || spectrum === 'phase') && { spectrum: await this.#spectrum(spectrum, best) }),
      ...(alignment && { comparison: { ...alignment, aligned: Float32Array.from(alignment.aligned) } }),
    };
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
