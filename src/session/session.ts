/**
 * A session drives one problem, or a batch of starts of it, on one backend: `run` does a whole loop, `step` an iteration,
 * and each of the four kernels a part of one. iteration-state.ts holds the state of the iteration, so that any mixture of
 * them gives the same result; the backend does the arithmetic. This file checks arguments and divides a run into batches.
 */
import type { Backend, BackendSession } from '../backends/interface.js';
import { IterationState, type Kernel } from './iteration-state.js';
import { AbortError, InvalidArgumentError, gotTakes } from '../errors.js';
import { Lifetime } from './lifetime.js';
import { macrotask } from './event-loop.js';
import {
  checkInteger,
  checkRuleOptions,
  checkRunOptions,
  checkShrinkSupport,
  checkTakesObject,
  type RuleSettings,
} from '../problems/options.js';
import {
  countOf,
  checkFinite,
  checkObjectArray,
  checkSupport,
  numbersPerPixel,
  objectRule,
  ruleFor,
  type Setup,
} from '../problems/image.js';
import { toFeasible } from '../problems/feasible.js';
import { intoFrame, outOfFrame } from '../problems/propagation.js';
import { RECORDS_PER_BATCH, ResidualLog } from './residuals.js';
import { endPeriod, noShrinks, type PeriodEnd, type ShrinkProgress } from './shrink-wrap.js';
import { writeStart } from './start.js';
import { changesByIteration, projection, type Rule } from '../rules.js';
import { readState, writeStates, type StartState } from './start-state.js';
import type {
  Algorithm,
  BackendName,
  MaskArray,
  MemoryReport,
  ObjectKind,
  Precision,
  RealArray,
  RealResult,
  RuleOptions,
  RunOptions,
  Shape,
  ShrinkSupportOptions,
  TimingReport,
} from '../types.js';

/** A batch takes about this long, well below the 50 ms after which the event loop must have its turn. */
const BATCH_MILLISECONDS = 20;
const PROGRESS_MILLISECONDS = 100;

/**
 * Iterations of a run, by the rule that it names or by that of the stage before. `done`: so many by this rule came before
 * them, in the run that this one goes on from.
 */
export type Stage = Pick<RuleOptions, 'algorithm' | 'beta'> & {
  iterations: number;
  done?: number;
  /** What happens to supports before it: a period has ended. */
  periodEnd?: PeriodEnd | undefined;
  /** On half of the support. */
  onHalf?: boolean;
};

/** What a run was asked for: iterations in all, how many of them are done, and what they took. */
interface Asked {
  iterations: number;
  done: number;
  seconds: number;
}

/** What the run of a chain tells to whom it belongs. */
export interface ChainOptions extends RunOptions {
  /** Gets the state of every start, every so often and when the run ends or is aborted. The run waits for its promise. */
  onStates?: ((states: StartState[]) => unknown) | undefined;
  /** How often. */
  stateSeconds?: number | undefined;
}

/** Opens the session of a prepared problem, and writes its start, or the states that its starts go on from. */
export async function openSession(
  backend: Backend,
  device: number,
  setup: Setup,
  states?: readonly StartState[],
): Promise<Session> {
  const devices = await backend.devices();
  const problem = states ? { ...setup, start: undefined, batch: { starts: setup.batch.starts } } : setup;
  const session = await backend.createSession(problem, device);
  try {
    const log = new ResidualLog(session, setup, setup.history, states);
    if (states) writeStates(session, problem, states);
    if (problem.start) writeStart(session, problem, problem.start);
    if (problem.start && 'object' in problem.start) {
      log.expect(1);
      await log.take(false);
    }
    return new Session(backend, devices[device].name, session, problem, log, states);
  } catch (error) {
    session.dispose();
    throw error;
  }
}

/**
 * One problem, or a batch of starts of it, in a backend's memory; `createSession` makes it. An iteration consists of
 * `inverse`, `constrainObject`, `forward` and `constrainFourier`. `step()` finishes an iteration that has begun, and
 * `run()` counts it as its first. `start` is always the index of one of the session's starts, by default 0.
 *
 * Synchronous methods only enqueue work. The wasm backend computes on the calling thread, so there the work is done when
 * they return.
 *
 * @throws {@link DisposedError} from every method after `dispose()`, {@link BusyError} while a `run()` has not finished,
 * {@link DeviceLostError} when the device has failed. Methods that return a promise reject it instead.
 */
export class Session {
  /** Rows and columns of the object and of the pattern. */
  readonly shape: Shape;
  /** What the pixels of the object are. Arrays of complex objects are interleaved re, im: 2 × rows × columns numbers. */
  readonly object: ObjectKind;
  /** Number of starts. */
  readonly starts: number;
  /** What all arithmetic is done in, and the arrays that are read have. */
  readonly precision: Precision;
  /** The backend that does the arithmetic. */
  readonly backend: BackendName;
  /** Name of the device. */
  readonly device: string;

  readonly #session: BackendSession;
  readonly #state: IterationState;
  readonly #log: ResidualLog;
  readonly #keepsHistory: boolean;
  readonly #onCallingThread: boolean;
  readonly #problem: Pick<Setup, 'units' | 'constraints' | 'objectMagnitudes' | 'chirp'>;
  #settings: RuleSettings;
  #support: Uint8Array | undefined;
  /** Starts have supports that have shrunk. */
  #hasOwnSupports: boolean;
  /** How far each start's support has shrunk, once a period of a chain has ended. */
  #shrinking: ShrinkProgress[] | undefined;
  /** Iterations are on half of the support. */
  #onHalf = false;
  readonly #lifetime: Lifetime;

  /** @internal Use `createSession`. */
  constructor(
    backend: Backend,
    device: string,
    session: BackendSession,
    setup: Setup,
    log: ResidualLog,
    states: readonly StartState[] = [],
  ) {
    const { pattern, batch, precision, object, support, rule, ruleSettings, start, history } = setup;
    this.shape = pattern.shape;
    this.object = object;
    this.starts = batch.starts;
    this.precision = precision;
    this.backend = backend.name;
    this.device = device;
    this.#session = session;
    this.#lifetime = new Lifetime(session);
    const feasible = projection(objectRule(setup));
    const iterations = states[0]?.iterations ?? 0;
    const fromObject = iterations > 0 || (start !== undefined && 'object' in start);
    this.#log = log;
    this.#keepsHistory = history;
    this.#onCallingThread = backend.onCallingThread;
    const { units, constraints, objectMagnitudes, chirp } = setup;
    this.#problem = { units, constraints, objectMagnitudes, chirp };
    this.#state = new IterationState(
      session,
      log,
      batch.starts,
      { rule, feasible, ruleAt: this.#ruleAt(ruleSettings) },
      fromObject,
      iterations,
    );
    this.#settings = ruleSettings;
    this.#support = support;
    this.#hasOwnSupports = states.some((state) => state.support !== undefined);
    if (states.some(({ shrinking }) => shrinking)) {
      this.#shrinking = states.map(({ shrinking }) => ({ ...(shrinking ?? noShrinks()) }));
    }
  }

  /** The pixel rule of the iterations to come; `use` changes it. */
  get algorithm(): Algorithm {
    return this.#settings.algorithm;
  }

  /** Feedback strength β; 1 for algorithms that have none. */
  get beta(): number {
    return this.#settings.beta;
  }

  /** How many iterations have been finished: how often the measured magnitudes have been imposed. */
  get iterations(): number {
    return this.#state.iterations;
  }

  /**
   * Does `iterations` ≥ 1 iterations. The event loop has its turn at least every 50 ms or every iteration, whichever is
   * longer.
   *
   * @throws {@link AbortError} when `signal` is aborted: the session keeps the iterations that it has done, and can be
   * used. {@link DisposedError} when the session is disposed of meanwhile. {@link InvalidArgumentError} for a number or
   * options that it does not take. The promise rejects.
   */
  async run(iterations: number, options: RunOptions = {}): Promise<void> {
    this.#checkUsable();
    checkInteger('iterations', iterations, 1);
    checkRunOptions(options);
    await this.#run([{ iterations }], { iterations, done: 0, seconds: 0 }, options);
  }

  /**
   * @internal Runs the steps of a checked chain that are left of `asked` iterations, which have taken `seconds` so far.
   * Not within an iteration.
   */
  runChain(steps: Iterable<Stage>, asked: number, seconds: number, options: ChainOptions): Promise<void> {
    return this.#run(steps, { iterations: asked, done: this.iterations, seconds }, options);
  }

  async #run(stages: Iterable<Stage>, asked: Asked, options: ChainOptions): Promise<void> {
    await this.#lifetime.run(() => this.#loop(stages, asked, options), options.signal);
  }

  /** Does one iteration, or the rest of one that has begun. */
  step(): void {
    this.#checkUsable();
    const began = performance.now();
    if (!this.#state.finish()) this.#state.iterate(1);
    this.#lifetime.submitted(began);
  }

  /** object ← Re IFT(spectrum), or IFT(spectrum) of a complex object. The spectrum stays as it is. */
  inverse(): void {
    this.#kernel('inverse');
  }

  /** object ← rule(object, previous iterate), pixel by pixel; see `Algorithm`. */
  constrainObject(): void {
    this.#kernel('constrainObject');
  }

  /** spectrum ← FT(object). Instead of `constrainObject`, it makes an object written since `inverse` the iterate. */
  forward(): void {
    this.#kernel('forward');
  }

  /** spectrum ← M·exp(i·arg spectrum); measures the residual before it. Ends an iteration. */
  constrainFourier(): void {
    this.#kernel('constrainFourier');
  }

  /**
   * The object, rows × columns: the iterate x after an iteration or after `constrainObject`, Re IFT(spectrum) after
   * `inverse` and before the first iteration.
   */
  async readObject(start = 0): Promise<RealResult> {
    this.#checkUsable(start);
    this.#state.makeObject();
    // No backend returns shared memory.
    return outOfFrame((await this.#session.readObject(start)) as RealResult, this.#problem.chirp);
  }

  /**
   * Changes the pixel rule of the iterations to come, and nothing else: objects, spectra and residuals stay. β falls back to
   * its default where it is left out.
   *
   * @throws {@link InvalidArgumentError} for an unknown name, for parameters out of their ranges, and between
   * `inverse()` and `constrainObject()`, when the iteration has begun with the old rule.
   *
   * ```ts
   * session.use({ algorithm: 'hio', beta: 0.7 });
   * await session.run(180);
   * session.use({ algorithm: 'gs' });
   * await session.run(20);
   * ```
   */
  use(options: RuleOptions): void {
    this.#checkUsable();
    const settings = checkRuleOptions(options, this.#settings);
    checkTakesObject(settings.algorithm, this.object);
    if (this.#state.awaitsRule) {
      const message = 'algorithm: cannot change between inverse() and constrainObject(); finish the iteration first';
      throw new InvalidArgumentError('algorithm', message);
    }
    this.#useRule(settings);
  }

  /** @internal The rule of the iterations to come. */
  rule(): Rule {
    return this.#state.rule;
  }

  /** @internal Uses the rule of a step of a checked chain, of which so many iterations are done. */
  useStep({ algorithm, beta }: Required<Pick<Stage, 'algorithm' | 'beta'>>, done: number): void {
    this.#useRule({ ...this.#settings, algorithm, beta }, done);
  }

  #useRule(settings: RuleSettings, done = 0): void {
    this.#state.use(ruleFor(this.#problem, settings, done), this.#ruleAt(settings, done));
    this.#settings = settings;
  }

  /** The rule of the k-th iteration from now on, where so many are done by it. */
  #ruleAt(settings: RuleSettings, done = 0): ((k: number) => Rule) | undefined {
    const { phasesFrom = Infinity } = this.#problem.constraints.hologram ?? {};
    const changes = changesByIteration(settings.algorithm) || phasesFrom < Infinity;
    return changes ? (k) => ruleFor(this.#problem, settings, done + k) : undefined;
  }

  /**
   * Replaces the support from the next iteration or `constrainObject` on: rows × columns entries, non-zero where the
   * object may be non-zero, or undefined for everywhere. The array is copied.
   *
   * @throws {@link InvalidArgumentError} for another length, and for a support that is zero everywhere.
   */
  setSupport(support: MaskArray | undefined): void {
    this.#checkUsable();
    const checked = checkSupport(support, this.shape);
    this.#state.setSupport(checked);
    this.#support = checked;
    this.#hasOwnSupports = false;
  }

  /**
   * Shrinks the support of every start to where its object is: the object is blurred by a Gaussian, and what is above a
   * share of its root mean square over the support stays in (Marchesini et al., Phys. Rev. B 68, 140101, 2003). Of a complex
   * object, its sizes are blurred. The result
   * lies inside the support of the problem, or that `setSupport` gave last, which also makes all starts share it again.
   *
   * Where the background is grey, this cuts into the object. The residual of a whole run tells, beside that of a run of the
   * same length without it; residuals right before and after a shrink are nearly alike in either case.
   *
   * @throws {@link InvalidArgumentError} for numbers out of their ranges.
   */
  shrinkSupport(options: ShrinkSupportOptions): void {
    this.#checkUsable();
    this.#state.shrinkSupport(checkShrinkSupport(options, this.shape));
    this.#hasOwnSupports = true;
  }

  /** The support of one start, rows × columns, 1 where the object may be non-zero. */
  async readSupport(start = 0): Promise<Uint8Array<ArrayBuffer>> {
    this.#checkUsable(start);
    if (this.#hasOwnSupports) return (await this.#session.readSupport(start)) as Uint8Array<ArrayBuffer>;
    return this.#support?.slice() ?? this.#everywhere();
  }

  /** @internal How the support of one start has shrunk in a chain. */
  shrinking(start: number): ShrinkProgress {
    return this.#shrinking?.[start] ?? noShrinks();
  }

  #everywhere(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.shape[0] * this.shape[1]).fill(1);
  }

  /**
   * The feasible object: brought into bounds (by default: negative pixels are 0), 0 outside the support, and with a support
   * size 0 where it is not among so many largest pixels.
   */
  async readFeasible(start = 0): Promise<RealResult> {
    const object = await this.readObject(start);
    const support = this.#hasOwnSupports ? await this.readSupport(start) : this.#support;
    const { constraints, objectMagnitudes } = this.#problem;
    return toFeasible(object, support, { ...constraints, objectMagnitudes });
  }

  /**
   * Replaces the object of one start, rows × columns finite numbers. After `inverse` it replaces what `inverse` made:
   * `constrainObject` may follow, or `forward` if writing was a constraint of the caller's own. Otherwise it is a new
   * iterate, and the iteration goes on with `forward`, for all starts. If it is written before the first iteration, the
   * other starts do the first half of theirs, so that all have an iterate.
   */
  writeObject(object: RealArray, start = 0): void {
    this.#checkUsable(start);
    const numbers = checkObjectArray('object', object, this.shape, this.object);
    checkFinite('object', numbers, numbersPerPixel(this.object) * this.shape[1], this.precision);
    const { chirp } = this.#problem;
    this.#state.writeObject(start, chirp ? intoFrame(numbers.slice(), chirp) : numbers);
  }

  /** The full spectrum of one start, interleaved re, im: 2 × rows × columns numbers, zero frequency first. */
  async readSpectrum(start = 0): Promise<RealResult> {
    this.#checkUsable(start);
    this.#state.complete();
    return (await this.#session.readSpectrum(start)) as RealResult;
  }

  /**
   * Replaces the spectrum of one start by `spectrum`, or for a real object by its Hermitian part: 2 × rows × columns finite numbers, interleaved
   * re, im. Between `forward` and `constrainFourier` the iteration goes on with `constrainFourier`, otherwise with
   * `inverse`, for all starts.
   */
  writeSpectrum(spectrum: RealArray, start = 0): void {
    this.#checkUsable(start);
    const numbers = checkObjectArray('spectrum', spectrum, this.shape, 'complex');
    checkFinite('spectrum', numbers, 2 * this.shape[1], this.precision);
    this.#state.writeSpectrum(start, numbers);
  }

  /**
   * ‖|FT x| − M‖ / ‖M‖ over measured frequencies, as the last finished iteration measured it. Before the first iteration
   * it is the residual of the object that was given as the start, or NaN where the start has phases and no object.
   */
  async residual(start = 0): Promise<number> {
    this.#checkUsable(start);
    return (await this.residuals())[start];
  }

  /** The residual of every start. */
  async residuals(): Promise<Float64Array<ArrayBuffer>> {
    this.#checkUsable();
    this.#state.complete();
    await this.#log.take();
    return this.#log.newest();
  }

  /** @internal The residual of every start's feasible object, measured on the device. It does not enter the history. */
  measureFeasible(): Promise<Float64Array<ArrayBuffer>> {
    this.#checkUsable();
    return this.#state.measureFeasible();
  }

  /** The residual of each finished iteration of one start. Only with the option `history: true`. */
  async history(start = 0): Promise<Float64Array<ArrayBuffer>> {
    this.#checkUsable(start);
    if (!this.#keepsHistory) {
      throw new InvalidArgumentError('history', 'history: not kept; create the session with the option history: true');
    }
    this.#state.complete();
    await this.#log.take();
    return this.#log.history(start);
  }

  /** How much memory the session occupies, and what it has copied so far. Allowed during a run. */
  memory(): MemoryReport {
    this.#lifetime.checkAlive();
    const report = this.#session.memory();
    return { ...report, hostBytes: report.hostBytes + this.#log.bytes() + (this.#support?.byteLength ?? 0) };
  }

  /** How long iterating took so far, submission and completion apart. Allowed during a run. */
  timing(): TimingReport {
    return this.#lifetime.timing(this.iterations);
  }

  /** Frees everything at once. It may be called twice, and during a run, whose promise then rejects. */
  dispose(): void {
    this.#lifetime.dispose();
  }

  /** `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** `dispose()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
    return Promise.resolve();
  }

  async #loop(
    stages: Iterable<Stage>,
    { iterations, seconds, ...asked }: Asked,
    { onProgress, signal, onStates, stateSeconds = Infinity }: ChainOptions,
  ): Promise<void> {
    const plan = stages[Symbol.iterator]();
    const began = performance.now();
    let reported = began;
    // Times lie on a grid, so that sessions that begin together stay together.
    let stateDue = began + 1000 * stateSeconds;
    let size = 1;
    let { done } = asked;
    // How much of the stage under way is left.
    let left = 0;
    // Nobody may be waiting for it when it is rejected.
    const watch = (count: number) => {
      const finished = this.#session.finish();
      finished.catch(() => undefined);
      return { count, finished };
    };
    let before = watch(0);
    const elapsed = () => seconds + (performance.now() - began) / 1000;
    const report = async () => {
      await this.#log.take();
      reported = performance.now();
      await onProgress?.({ iteration: done, iterations, residual: this.#log.best(), seconds: elapsed() });
    };
    let lap = began;
    while (done < iterations) {
      if (left === 0) {
        const stage = (plan.next() as IteratorYieldResult<Stage>).value;
        if (stage.periodEnd) await this.#endPeriod(stage.periodEnd);
        this.#constrainToHalf(stage.onHalf ?? false);
        left = this.#beginStage(stage);
      }
      const count = Math.min(size, left);
      const submitting = performance.now();
      // The rest of an iteration that has begun is a batch of its own.
      if (done > asked.done || !this.#state.finish()) this.#state.iterate(count);
      const batch = watch(count);
      this.#lifetime.submitted(submitting);
      // Two batches are in flight on a device, so that it need not wait for this thread.
      const awaited = this.#onCallingThread ? batch : before;
      await awaited.finished;
      before = batch;
      size = nextBatch(awaited.count, performance.now() - lap);
      done += count;
      left -= count;
      if (this.#onCallingThread) await macrotask();
      lap = performance.now();
      this.#lifetime.checkAlive();
      if (signal?.aborted) break;
      if (onProgress && lap - reported >= PROGRESS_MILLISECONDS) await report();
      if (onStates && lap >= stateDue && done < iterations) {
        await onStates(await this.#readStates(elapsed()));
        lap = performance.now();
        const every = 1000 * stateSeconds;
        stateDue = lap + every - ((lap - stateDue) % every);
      }
    }
    await before.finished;
    if (!this.#lifetime.disposed) this.#constrainToHalf(false);
    if (onStates && done > 0 && !this.#lifetime.disposed) await onStates(await this.#readStates(elapsed()));
    if (signal?.aborted && done < iterations) throw new AbortError(signal.reason);
    this.#lifetime.checkAlive();
    if (onProgress) await report();
  }

  /** The last iteration was one of error reduction, so that iterates are feasible. */
  async #endPeriod(periodEnd: PeriodEnd): Promise<void> {
    this.#state.complete();
    await this.#log.take();
    this.#shrinking ??= Array.from({ length: this.starts }, noShrinks);
    const whole = this.#support ?? this.#everywhere();
    const areOwn = await endPeriod(this.#session, this.#shrinking, this.#log.newest(), whole, periodEnd);
    if (areOwn) this.#hasOwnSupports = true;
  }

  #constrainToHalf(onHalf: boolean): void {
    if (onHalf === this.#onHalf) return;
    this.#onHalf = onHalf;
    this.#state.setSupport(onHalf ? halfOf(this.#support ?? this.#everywhere()) : this.#support);
  }

  async #readStates(seconds: number): Promise<StartState[]> {
    const history = this.#keepsHistory;
    this.#state.complete();
    await this.#log.take();
    const states: StartState[] = [];
    for (const [start, residual] of this.#log.newest().entries()) {
      states.push({
        iterations: this.iterations,
        seconds,
        residual,
        ...(await readState(this.#session, start, this.shape, this.object)),
        ...(history && { history: this.#log.history(start) }),
        ...(this.#hasOwnSupports && { support: await this.#session.readSupport(start) }),
        ...(this.#shrinking && { shrinking: { ...this.#shrinking[start] } }),
      });
    }
    return states;
  }

  /** Takes the rule of a stage, and returns how many iterations it has. */
  #beginStage({ iterations, done, ...rule }: Stage): number {
    const { algorithm = this.#settings.algorithm, beta = this.#settings.beta } = rule;
    const isOther = algorithm !== this.#settings.algorithm || beta !== this.#settings.beta;
    // A rule that changes with every iteration begins anew where a chain names it.
    const beginsAnew = rule.algorithm !== undefined && changesByIteration(algorithm);
    if (isOther || beginsAnew) this.#useRule({ ...this.#settings, algorithm, beta }, done);
    return iterations;
  }

  #kernel(kernel: Kernel): void {
    this.#checkUsable();
    const began = performance.now();
    this.#state.run(kernel);
    this.#lifetime.submitted(began);
  }

  /** `start`: the index that the caller gave. */
  #checkUsable(start = 0): void {
    this.#lifetime.checkUsable();
    if (Number.isInteger(start) && start >= 0 && start < this.starts) return;
    const takes = `the index of a start, an integer from 0 to ${this.starts - 1}`;
    throw new InvalidArgumentError('start', gotTakes('start', start, takes));
  }
}

/** The pixels of a support that come first, row by row, until they are half of them. */
function halfOf(support: Uint8Array): Uint8Array {
  let left = Math.ceil(countOf(support) / 2);
  return support.map((inside) => Number(inside && left-- > 0));
}

/** Returns how many iterations take `BATCH_MILLISECONDS`, judging by a finished batch, and at most twice as many as that. */
function nextBatch(count: number, milliseconds: number): number {
  const fitting = Math.floor((count * BATCH_MILLISECONDS) / Math.max(milliseconds, 1e-3));
  return Math.max(1, Math.min(fitting, 2 * count, RECORDS_PER_BATCH));
}
