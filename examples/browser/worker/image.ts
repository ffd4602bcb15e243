/** One image, real or complex, that is being reconstructed: a session, what it goes through, and what is shown of it. */
import {
  alignedComplexError,
  alignedError,
  chooseRecipe,
  combineStarts,
  createSession,
  fftshift,
  refineAverage,
  type BackendName,
  type CombinedStarts,
  type Effort,
  type Problem,
  type RealArray,
  type RealResult,
  type Session,
  type Shape,
} from 'rephase';
import type { Comparison, Frame, Kernel, Views } from '../protocol.js';
import { chainText, readChain, type Link, type Settings } from '../settings.js';
import { Comparing, following, seen, type Backend, type Run } from './run.js';

const KERNELS: readonly Kernel[] = ['inverse', 'constrainObject', 'forward', 'constrainFourier'];

/** Iterations by an algorithm, or what happens between and after generations, where each step counts as an iteration. */
type Stage = Link | { algorithm: 'combine' | 'refine'; iterations: number };

/** How the steps between and after generations are called. */
const TITLES: Partial<Record<Stage['algorithm'], string>> = { combine: 'average of starts', refine: 'refining' };

/** A start whose residual is not smaller than this times that of the one that is shown does not take its place. */
const CLEARLY_BETTER = 0.9;

interface Recipe {
  chain: Link[];
  starts: number;
  /** How often the starts are averaged. */
  generations: number;
  /** Steps after the last time. */
  refine: number;
}

/** One start forms an image soonest. The rest of a recipe is chosen while it does. */
const FIRST: Recipe = {
  chain: [{ algorithm: 'hio', beta: 0.7, iterations: Infinity }],
  ...{ starts: 1, generations: 0, refine: 0 },
};

export class ImageRun implements Run {
  #problem: Problem;
  readonly #truth: RealArray | undefined;
  readonly #settings: Settings;
  #recipe: Recipe;
  #stages: Stage[];
  #session!: Session;
  /** Iterations that this session has not done, or fewer than none where it did some that do not count. */
  #before = 0;
  #reported = 0;
  #stage: Stage | undefined;
  #next = KERNELS[0];
  /** How often starts have been averaged, and what came of it, until they go on from it. */
  #generation = 0;
  #combined: CombinedStarts | undefined;
  #refining: AsyncGenerator<RealResult, void, void> | undefined;
  /** The start that is shown, and how it was shown last, from which another session can go on. */
  #best = 0;
  #shown: RealResult | undefined;
  readonly #comparing = new Comparing();

  private constructor(problem: Problem, settings: Settings, recipe: Recipe, truth: RealArray | undefined) {
    this.#problem = problem;
    this.#truth = truth;
    this.#settings = settings;
    this.#recipe = recipe;
    this.#stages = stagesOf(recipe);
  }

  /** `truth`: the original where it is known, rows × columns, a complex one interleaved. */
  static async open(problem: Problem, settings: Settings, truth?: RealArray): Promise<ImageRun> {
    const { recipe, chain, repeat, starts } = settings;
    const own = { chain: Array.from({ length: repeat }, () => chain).flat(), starts, generations: 0, refine: 0 };
    const run = new ImageRun(problem, settings, recipe === 'own' ? own : FIRST, truth);
    run.#session = await run.#open(settings.backend, []);
    return run;
  }

  async settle(backend: Backend): Promise<string | undefined> {
    const { recipe: effort } = this.#settings;
    const objects = await this.#goingOn();
    const { done } = this;
    if (effort !== 'own') {
      this.#recipe = await chosenRecipe(this.#problem, effort, backend);
      // The first start goes on from what it has done.
      const [first] = FIRST.chain;
      this.#stages = [...(done > 0 ? [{ ...first, iterations: done }] : []), ...stagesOf(this.#recipe)];
    } else if (backend === this.backend) return undefined;
    this.#replace(await this.#open(backend, objects));
    return effort === 'own' ? undefined : titleOf(this.#recipe);
  }

  /** A session in which these starts have objects already. */
  async #open(
    backend: Settings['backend'],
    objects: readonly { start: number; object: RealArray }[],
  ): Promise<Session> {
    const { starts } = this.#recipe;
    // Those without have phases that no start had before.
    const firstStart = this.#generation * starts;
    const { seed } = this.#settings;
    const session = await createSession(this.#problem, { backend, history: true, seed, starts, firstStart });
    for (const { start, object } of objects) session.writeObject(object, start);
    return session;
  }

  /** Goes on in another session. */
  #replace(session: Session): void {
    this.#before = this.done;
    this.#session.dispose();
    this.#session = session;
    this.#reported = 0;
    this.#stage = undefined;
    this.#next = KERNELS[0];
  }

  get done(): number {
    return this.#before + this.#session.iterations;
  }

  get iterations(): number {
    return lengthOf(this.#stages);
  }

  get backend(): BackendName {
    return this.#session.backend;
  }

  get device() {
    return this.#session.device;
  }

  extend(): void {
    this.#stages.push(...stagesOf({ ...this.#recipe, generations: Math.min(1, this.#recipe.generations) }));
  }

  /** Ends where another stage begins. */
  async run(most: number): Promise<number> {
    const { stage, left } = this.#stageAt(this.done);
    const count = Math.min(most, left);
    switch (stage.algorithm) {
      case 'combine':
        await this.#combine();
        break;
      case 'refine':
        await this.#refine(count, left);
        break;
      default:
        await this.#use();
        await this.#session.run(count);
    }
    this.#next = KERNELS[0];
    return count;
  }

  async step(): Promise<void> {
    if (isBetweenGenerations(this.#stageAt(this.done).stage)) return void (await this.run(1));
    await this.#use();
    this.#session.step();
    this.#next = KERNELS[0];
  }

  async kernel(): Promise<void> {
    if (isBetweenGenerations(this.#stageAt(this.done).stage)) return void (await this.run(1));
    if (this.#next === KERNELS[0]) await this.#use();
    this.#session[this.#next]();
    this.#next = following(KERNELS, this.#next);
  }

  setSupport(support: Uint8Array<ArrayBuffer>): void {
    this.#problem = { ...this.#problem, support };
    this.#session.setSupport(support);
    this.#refining = undefined;
  }

  async moveTo(backend: Backend): Promise<void> {
    this.#replace(await this.#open(backend, await this.#goingOn()));
  }

  /** What another session goes on from. A lost device gives nothing back but what was read before. */
  async #goingOn(): Promise<{ start: number; object: RealResult }[]> {
    const shown = this.#shown ? [{ start: this.#best, object: this.#shown }] : [];
    return this.done > 0 ? this.#objects('readObject').catch(() => shown) : [];
  }

  dispose(): void {
    this.#session.dispose();
  }

  /** The best start's image, in the session's precision. */
  async image(): Promise<{ image: RealResult; shape: Shape; isComplex: boolean }> {
    const image = await this.#session.readFeasible(this.#bestOf(await this.#session.residuals()));
    return { image, shape: this.#problem.shape, isComplex: this.#isComplex };
  }

  async frame(views: Views, rate: number, compare: boolean): Promise<Frame> {
    const best = this.#bestOf(await this.#session.residuals());
    const history = await this.#session.history(best);
    const residuals = history.slice(this.#reported);
    this.#reported = history.length;
    const image = await this.#session.readFeasible(best);
    const object = views.object === 'iterate' && !this.#isComplex ? await this.#session.readObject(best) : image;
    this.#shown = image;
    const comparison = await this.#comparing.compare(compare, () => this.#compare(image, views));
    const { spectrum } = views;
    return {
      ...{ kind: 'frame', iteration: this.done, rate, residuals },
      iterations: this.#recipe === FIRST ? undefined : this.iterations,
      ...{ next: this.#next, isWithin: this.#next !== KERNELS[0] },
      ...this.#stageNow(),
      object: this.#seen(object, views),
      ...((spectrum === 'magnitude' || spectrum === 'phase') && { spectrum: await this.#spectrum(spectrum, best) }),
      ...(comparison && { comparison }),
    };
  }

  #stageNow(): Pick<Frame, 'algorithm' | 'generation'> {
    const { algorithm } = this.#stageAt(Math.min(this.done, this.iterations - 1)).stage;
    const { generations } = this.#recipe;
    const isInGeneration = generations > 0 && algorithm !== 'refine';
    return {
      algorithm: TITLES[algorithm] ?? algorithm,
      ...(isInGeneration && { generation: [Math.min(this.#generation + 1, generations), generations] }),
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

  /** The start to show. That of an average stays the one in which it is. */
  #bestOf(residuals: Float64Array): number {
    const least = Math.max(residuals.indexOf(Math.min(...residuals)), 0);
    const isClear = residuals[least] < CLEARLY_BETTER * residuals[this.#best] || this.done >= this.iterations;
    if (isClear && !this.#combined) this.#best = least;
    return this.#best;
  }

  async #objects(read: 'readObject' | 'readFeasible'): Promise<{ start: number; object: RealResult }[]> {
    const objects = [];
    for (let start = 0; start < this.#recipe.starts; start++) {
      objects.push({ start, object: await this.#session[read](start) });
    }
    return objects;
  }

  async #combine(): Promise<void> {
    const [objects, residuals] = [await this.#objects('readFeasible'), await this.#session.residuals()];
    this.#best = this.#bestOf(residuals);
    this.#combined = await combineStarts(this.#problem, { objects: objects.map(({ object }) => object), residuals });
    this.#generation += 1;
    this.#show(this.#combined.average);
    this.#before += 1;
  }

  async #refine(steps: number, left: number): Promise<void> {
    this.#refining ??= refineAverage(this.#problem, this.#combined!, { steps: left });
    let image: RealResult | undefined;
    for (let step = 0; step < steps; step++) image = (await this.#refining.next()).value ?? image;
    if (image) this.#show(image);
    if (steps === left) this.#refining = undefined;
    this.#before += steps;
  }

  /** Puts an image in the place of the start that is shown, and measures its residual. */
  #show(image: RealResult): void {
    this.#session.writeObject(image, this.#best);
    this.#session.forward();
    this.#session.constrainFourier();
    // This iteration is none of the run.
    this.#before -= 1;
  }

  /** Takes the algorithm of the next iteration, in a session of the next generation where one begins. */
  async #use(): Promise<void> {
    if (this.#combined && this.done < this.iterations) {
      this.#replace(await this.#open(this.backend as Backend, this.#combined.next));
      this.#combined = undefined;
    }
    const { stage } = this.#stageAt(this.done);
    if (stage !== this.#stage && !isBetweenGenerations(stage)) {
      this.#session.use({ algorithm: stage.algorithm, beta: stage.beta });
    }
    this.#stage = stage;
  }

  #stageAt(iteration: number): { stage: Stage; left: number } {
    let at = iteration;
    for (const stage of this.#stages) {
      if (at < stage.iterations) return { stage, left: stage.iterations - at };
      at -= stage.iterations;
    }
    // Iterations beyond those that were asked for, one by one.
    const last = this.#stages.findLast((stage) => !isBetweenGenerations(stage))!;
    return { stage: last, left: 1 };
  }
}

/** What `--effort` chooses, for the one thread that this is. */
async function chosenRecipe(problem: Problem, effort: Effort, backend: Backend): Promise<Recipe> {
  const { starts, generations = 0, refine = 0 } = await chooseRecipe(problem, { effort, chain: 'er*1' });
  const rounds = Math.max(1, generations);
  // Workers of `retrieve` share the starts. Here it is as if one start had as many more generations.
  const shared = backend === 'wasm' ? { starts: 1, generations: starts * rounds } : { starts, generations: rounds };
  const { chain } = await chooseRecipe(problem, { effort, backend, ...shared });
  return { chain: readChain(chain)!, starts, generations, refine };
}

function titleOf({ chain, starts, generations, refine }: Recipe): string {
  const text = `${starts} starts · ${generations > 0 ? `${generations} generations of ` : ''}${chainText(chain)}`;
  return refine > 0 ? `${text} · ${refine} steps of refining` : text;
}

function stagesOf({ chain, generations, refine }: Recipe): Stage[] {
  if (generations === 0) return [...chain];
  const generation: Stage[] = [...chain, { algorithm: 'combine', iterations: 1 }];
  const all = Array.from({ length: generations }, () => generation).flat();
  return refine > 0 ? [...all, { algorithm: 'refine', iterations: refine }] : all;
}

function isBetweenGenerations(stage: Stage): stage is Exclude<Stage, Link> {
  return stage.algorithm === 'combine' || stage.algorithm === 'refine';
}

function lengthOf(stages: readonly Stage[]): number {
  return stages.reduce((sum, stage) => sum + stage.iterations, 0);
}
