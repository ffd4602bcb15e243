/**
 * A session drives one problem, or a batch of starts of it, on one backend, at three granularities: `run` for a whole
 * loop, `step` for an iteration, and the four kernels. All iteration state is here and in the backend, so that any
 * mixture of them gives the same result. The backend does the arithmetic; this file decides what to call when.
 */
import type { Backend, BackendSession } from '../backends/interface.js';
import { IterationState, type Kernel } from './iteration-state.js';
import { AbortError, BusyError, DisposedError, InvalidArgumentError, gotTakes } from '../errors.js';
import { macrotask } from './event-loop.js';
import { checkAlgorithm, checkInteger, checkRunOptions, rejectUnknownKeys } from '../problems/options.js';
import { checkFinite, checkRealArray, checkSupport, type Setup } from '../problems/image.js';
import { RECORDS_PER_BATCH, ResidualLog } from './residuals.js';
import { writeStart } from './start.js';
import { ruleOf } from '../rules.js';
import type {
  Algorithm,
  BackendName,
  MaskArray,
  MemoryReport,
  Precision,
  RealArray,
  RealResult,
  RuleOptions,
  RunOptions,
  Shape,
  TimingReport,
} from '../types.js';

// `await using` looks for these; browsers got them later than the rest of what is needed here.
for (const name of ['dispose', 'asyncDispose'] as const) {
  if (!(name in Symbol)) Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
}

/** Batches are sized to take this long, well below the 50 ms after which the event loop must have had its turn. */
const BATCH_MILLISECONDS = 20;
const PROGRESS_MILLISECONDS = 100;

/** Opens the session for a prepared problem and puts its start in place. */
export async function openSession(backend: Backend, device: number, setup: Setup): Promise<Session> {
  const devices = await backend.devices();
  const session = await backend.createSession(setup, device);
  try {
    const log = new ResidualLog(session, setup, setup.history);
    if (setup.start) writeStart(session, setup, setup.start);
    if (setup.start && 'object' in setup.start) {
      log.expect(1);
      await log.take(false);
    }
    return new Session(backend, devices[device].name, session, setup, log);
  } catch (error) {
    session.dispose();
    throw error;
  }
}

/**
 * Made by `createSession`. An iteration is the cycle `inverse` → `constrainObject` → `forward` → `constrainFourier`;
 * `step()` and each iteration of `run()` first finish a cycle that is under way. `start` is always the index of one of
 * the session's starts, 0 if left out.
 *
 * Every method throws a `DisposedError` after `dispose()` and a `BusyError` while a `run()` has not finished, and a
 * `DeviceLostError` when the device failed; those that return a promise reject it instead. Synchronous methods only
 * enqueue work; on the wasm backend, which computes on the calling thread, it is done when they return.
 */
export class Session {
  /** Rows and columns of the object and of the pattern. */
  readonly shape: Shape;
  /** Number of starts. */
  readonly starts: number;
  /** Of all arithmetic, and of the arrays that are read. */
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
  #algorithm: Algorithm;
  #beta: number;
  #support: Uint8Array | undefined;
  #submissions = 0;
  #submitMilliseconds = 0;
  #running = false;
  #disposed = false;

  /** @internal Use `createSession`. */
  constructor(backend: Backend, device: string, session: BackendSession, setup: Setup, log: ResidualLog) {
    const { pattern, batch, precision, support, rule, algorithm, beta, start, history } = setup;
    this.shape = pattern.shape;
    this.starts = batch.starts;
    this.precision = precision;
    this.backend = backend.name;
    this.device = device;
    this.#session = session;
    this.#state = new IterationState(session, log, batch.starts, rule, start !== undefined && 'object' in start);
    this.#log = log;
    this.#keepsHistory = history;
    this.#onCallingThread = backend.onCallingThread;
    this.#algorithm = algorithm;
    this.#beta = beta;
    this.#support = support;
  }

  /** The pixel rule of the iterations to come; `use` changes it. */
  get algorithm(): Algorithm {
    return this.#algorithm;
  }

  /** Feedback strength β; 1 for `gs`, which has none. */
  get beta(): number {
    return this.#beta;
  }

  /** Iterations finished so far: how often the measured magnitudes have been imposed. */
  get iterations(): number {
    return this.#state.iterations;
  }

  /**
   * `iterations` ≥ 1 iterations. Lets the event loop have its turn at least every 50 ms or one iteration, whichever is
   * longer. On abort it rejects with an `AbortError`, after which the session can be used, with the iterations that it
   * has done by then; after `dispose()` with a `DisposedError`.
   */
  async run(iterations: number, options: RunOptions = {}): Promise<void> {
    this.#checkUsable();
    checkInteger('iterations', iterations, 1);
    checkRunOptions(options);
    if (options.signal?.aborted) throw new AbortError(options.signal.reason);
    this.#running = true;
    try {
      await this.#loop(iterations, options);
    } catch (error) {
      if (this.#disposed) throw new DisposedError('the session was disposed of during run()', { cause: error });
      throw error;
    } finally {
      this.#running = false;
    }
  }

  /** One iteration, or the rest of the one that is under way. */
  step(): void {
    this.#checkUsable();
    const began = performance.now();
    if (!this.#state.finish()) this.#state.iterate(1);
    this.#submitted(began);
  }

  /** object ← Re IFT(spectrum). The spectrum stays as it is. */
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
    this.#checkUsable();
    this.#checkStart(start);
    this.#state.makeObject();
    // No backend returns shared memory.
    return (await this.#session.readObject(start)) as RealResult;
  }

  /**
   * Changes the pixel rule of the iterations to come, and nothing else: objects, spectra and residuals stay.
   *
   * Throws an `InvalidArgumentError` for an unknown name, a β that is no finite number above 0, and between `inverse()`
   * and `constrainObject()`, where the iteration has begun with the old rule.
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
    rejectUnknownKeys('options', options, ['algorithm', 'beta']);
    const { algorithm = this.#algorithm } = options;
    const beta = checkAlgorithm(algorithm, options.beta);
    if (this.#state.awaitsRule) {
      const message = 'algorithm: cannot change between inverse() and constrainObject(); finish the iteration first';
      throw new InvalidArgumentError('algorithm', message);
    }
    this.#state.use(ruleOf(algorithm, beta));
    this.#algorithm = algorithm;
    this.#beta = beta;
  }

  /**
   * Replaces the support, from the next `constrainObject` or iteration on: rows × columns entries, non-zero where the
   * object may be non-zero, or undefined for everywhere. The array is copied.
   *
   * Throws an `InvalidArgumentError` for another length and for a support that is zero everywhere.
   */
  setSupport(support: MaskArray | undefined): void {
    this.#checkUsable();
    const checked = checkSupport(support, this.shape);
    this.#state.setSupport(checked);
    this.#support = checked;
  }

  /** The object with negative pixels and those outside the support cleared. */
  async readFeasible(start = 0): Promise<RealResult> {
    return clearInfeasible(await this.readObject(start), this.#support);
  }

  /**
   * Replaces the object of one start, rows × columns finite numbers. After `inverse` it takes the place of what that
   * made: `constrainObject` may follow, or `forward` where this was a constraint of the caller's own. Otherwise it is a
   * new iterate, and the cycle goes on with `forward`, for all starts. Written before the first iteration of several
   * starts, the others take its first half, so that all of them have an iterate.
   */
  writeObject(object: RealArray, start = 0): void {
    this.#checkUsable();
    this.#checkStart(start);
    checkRealArray('object', object, this.shape);
    checkFinite('object', object, this.shape[1], this.precision);
    this.#state.writeObject(start, object);
  }

  /** The full spectrum of one start, interleaved re, im: 2 × rows × columns numbers, zero frequency first. */
  async readSpectrum(start = 0): Promise<RealResult> {
    this.#checkUsable();
    this.#checkStart(start);
    this.#state.complete();
    return (await this.#session.readSpectrum(start)) as RealResult;
  }

  /**
   * Replaces the spectrum of one start by the Hermitian part of what is given: 2 × rows × columns finite numbers,
   * interleaved. Between `forward` and `constrainFourier` the cycle goes on with `constrainFourier`, otherwise with
   * `inverse`, for all starts.
   */
  writeSpectrum(spectrum: RealArray, start = 0): void {
    this.#checkUsable();
    this.#checkStart(start);
    const [rows, columns] = this.shape;
    checkRealArray('spectrum', spectrum, [rows, 2 * columns]);
    checkFinite('spectrum', spectrum, 2 * columns, this.precision);
    this.#state.writeSpectrum(start, spectrum);
  }

  /**
   * ‖|FT x| − M‖ / ‖M‖ over measured frequencies, as the last finished iteration measured it. Before the first it is
   * that of the object that was given as the start, and NaN for other starts, which have random phases and no object.
   */
  async residual(start = 0): Promise<number> {
    this.#checkUsable();
    this.#checkStart(start);
    return (await this.residuals())[start];
  }

  /** The residual of every start. */
  async residuals(): Promise<Float64Array<ArrayBuffer>> {
    this.#checkUsable();
    this.#state.complete();
    await this.#log.take();
    return this.#log.newest();
  }

  /** @internal The residual of every start's feasible object, measured on the device. Ends the iteration's history. */
  measureFeasible(): Promise<Float64Array<ArrayBuffer>> {
    this.#checkUsable();
    return this.#state.measureFeasible();
  }

  /** The residual of each finished iteration of one start. Only with the option `history: true`. */
  async history(start = 0): Promise<Float64Array<ArrayBuffer>> {
    this.#checkUsable();
    this.#checkStart(start);
    if (!this.#keepsHistory) {
      throw new InvalidArgumentError('history', 'history: not kept; create the session with the option history: true');
    }
    this.#state.complete();
    await this.#log.take();
    return this.#log.history(start);
  }

  /** What the session occupies and has copied so far. Allowed during a run. */
  memory(): MemoryReport {
    if (this.#disposed) throw new DisposedError();
    const report = this.#session.memory();
    return { ...report, hostBytes: report.hostBytes + this.#log.bytes() + (this.#support?.byteLength ?? 0) };
  }

  /** Where the time of iterating went so far, submission and completion apart. Allowed during a run. */
  timing(): TimingReport {
    if (this.#disposed) throw new DisposedError();
    return {
      submissions: this.#submissions,
      iterations: this.iterations,
      submitSeconds: this.#submitMilliseconds / 1000,
      ...(this.#session.deviceSeconds && { deviceSeconds: this.#session.deviceSeconds() }),
    };
  }

  /** Frees everything at once. Safe to call twice, and during a run, whose promise is then rejected. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#session.dispose();
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

  async #loop(iterations: number, { onProgress, signal }: RunOptions): Promise<void> {
    const began = performance.now();
    let reported = began;
    let size = 1;
    let done = 0;
    let before = { count: 0, finished: this.#session.finish() };
    const report = async () => {
      await this.#log.take();
      const now = performance.now();
      reported = now;
      onProgress?.({ iteration: done, iterations, residual: this.#log.best(), seconds: (now - began) / 1000 });
    };
    let lap = began;
    while (done < iterations) {
      const count = Math.min(size, iterations - done);
      const submitting = performance.now();
      // The rest of an iteration that is under way is a batch of its own: the first has only one.
      if (done > 0 || !this.#state.finish()) this.#state.iterate(count);
      const batch = { count, finished: this.#session.finish() };
      this.#submitted(submitting);
      batch.finished.catch(() => undefined);
      // Elsewhere than on this thread two batches are in flight, so that the device need not wait for us.
      const awaited = this.#onCallingThread ? batch : before;
      await awaited.finished;
      before = batch;
      size = nextBatch(awaited.count, performance.now() - lap);
      done += count;
      if (this.#onCallingThread) await macrotask();
      lap = performance.now();
      if (this.#disposed) throw new DisposedError();
      if (signal?.aborted) break;
      if (onProgress && lap - reported >= PROGRESS_MILLISECONDS) await report();
    }
    await before.finished;
    if (signal?.aborted && done < iterations) throw new AbortError(signal.reason);
    if (this.#disposed) throw new DisposedError();
    if (onProgress) await report();
  }

  #kernel(kernel: Kernel): void {
    this.#checkUsable();
    const began = performance.now();
    this.#state.run(kernel);
    this.#submitted(began);
  }

  #submitted(began: number): void {
    this.#submissions += 1;
    this.#submitMilliseconds += performance.now() - began;
  }

  #checkUsable(): void {
    if (this.#disposed) throw new DisposedError();
    if (this.#running) throw new BusyError('the session is busy: await the promise of its run() first');
  }

  #checkStart(start: number): void {
    if (Number.isInteger(start) && start >= 0 && start < this.starts) return;
    const takes = `the index of a start, an integer from 0 to ${this.starts - 1}`;
    throw new InvalidArgumentError('start', gotTakes('start', start, takes));
  }
}

/** Clears in place what cannot be part of the object: negative pixels and those outside the support. */
export function clearInfeasible(object: RealResult, support: Uint8Array | undefined): RealResult {
  for (let i = 0; i < object.length; i++) {
    if (object[i] < 0 || support?.[i] === 0) object[i] = 0;
  }
  return object;
}

/** Iterations that take about `BATCH_MILLISECONDS`, judged by the last batch that has finished; twice as many at most. */
function nextBatch(count: number, milliseconds: number): number {
  const fitting = Math.floor((count * BATCH_MILLISECONDS) / Math.max(milliseconds, 1e-3));
  return Math.max(1, Math.min(fitting, 2 * count, RECORDS_PER_BATCH));
}
