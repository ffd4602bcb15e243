/**
 * A session of a scan drives it on one backend: `run` does whole iterations, `step` one, and each of the four kernels a part
 * of one batch of positions. Any mixture of them gives the same result.
 */
import type { Backend, BackendScanSession } from '../backends/interface.js';
import { AbortError, InvalidArgumentError, gotTakes } from '../errors.js';
import { Lifetime } from './lifetime.js';
import { checkInteger } from '../problems/options.js';
import { checkFinite, checkRealArray } from '../problems/image.js';
import { PREVIEW_SECONDS, checkScanRunOptions, type ScanSettings, type ScanSetup } from '../problems/scan.js';
import type { ScanRule } from '../scan-rules.js';
import { scanOrder } from './scan-order.js';
import { completedModes } from './probe.js';
import type { PatternPlace, ScanPreview, ScanRunOptions } from '../scan-types.js';
import type { BackendName, MemoryReport, Precision, RealArray, RealResult, Shape, TimingReport } from '../types.js';
import { macrotask } from './event-loop.js';

/** On the calling thread, batches for about this long follow one another before the event loop has its turn. */
const BUSY_MILLISECONDS = 20;
const PROGRESS_MILLISECONDS = 100;
/** A correction moves a position by at most so many pixels of the object. */
const MOST_PIXELS = 0.5;
/** A backend keeps the newest 1024. */
const RECORDS = 512;

const KERNELS = ['forward', 'constrainFourier', 'inverse', 'constrainObject'] as const;
type Kernel = (typeof KERNELS)[number];

/** Opens the session of a prepared scan that has a probe: completes its modes and scales it. */
export async function openScanSession(backend: Backend, device: number, setup: ScanSetup): Promise<ScanSession> {
  const devices = await backend.devices();
  const session = await backend.createScanSession(setup, device);
  try {
    const [rows, columns] = setup.objectShape;
    const vacuum = () => Float64Array.from({ length: 2 * rows * columns }, (_, i) => 1 - (i % 2));
    session.writeObject(setup.object ?? vacuum());
    const probe = completedModes(setup.probe!, setup.shape, setup.modes);
    session.writeProbe(probe);
    const { model, measured } = await session.counts();
    if (!(model > 0)) {
      const message = 'probe: it sends no light where patterns were measured; takes one that does';
      throw new InvalidArgumentError('probe', message);
    }
    // One that has iterations behind it is as they left it.
    const factor = setup.settings.firstIteration > 0 ? 1 : Math.sqrt(measured / model);
    session.writeProbe(probe.map((number) => number * factor));
    return new ScanSession(backend, devices[device].name, session, setup);
  } catch (error) {
    session.dispose();
    throw error;
  }
}

/**
 * One scan in a backend's memory; `createSession` makes it. An iteration visits every position once, in batches. Each batch
 * consists of `forward`, `constrainFourier`, `inverse` and `constrainObject`. `step()` finishes an iteration that has begun,
 * and `run()` counts it as its first. Reading is always possible; writing object, probe and positions is between iterations.
 *
 * @throws {@link DisposedError} from every method after `dispose()`, {@link BusyError} while a `run()` has not finished,
 * {@link DeviceLostError} when the device has failed. Methods that return a promise reject it instead.
 */
export class ScanSession {
  /** Rows and columns of each pattern, and of the probe. */
  readonly shape: Shape;
  /** Rows and columns of the object. */
  readonly objectShape: Shape;
  /** Number of positions. */
  readonly positions: number;
  /** Number of the probe's modes. */
  readonly modes: number;
  /** What all arithmetic is done in, and the arrays that are read have. */
  readonly precision: Precision;
  /** The backend that does the arithmetic. */
  readonly backend: BackendName;
  /** Name of the device. */
  readonly device: string;
  /** Where patterns are kept; `device` on `wasm`, in the memory that it computes in. */
  readonly keepPatterns: PatternPlace;

  readonly #session: BackendScanSession;
  readonly #settings: ScanSettings;
  readonly #batch: number;
  readonly #onCallingThread: boolean;
  readonly #rules: Record<'whole' | 'knownProbe', ScanRule>;
  #iterations: number;
  /** The order of the iteration under way, or of the next. */
  #order: Uint32Array;
  /** How many positions of the order are done. */
  #done = 0;
  #next: Kernel = 'forward';
  readonly #history: number[] = [];
  #newest = NaN;
  #waiting = 0;
  #taken: Promise<void> = Promise.resolve();
  readonly #lifetime: Lifetime;

  /** @internal Use `createSession`. */
  constructor(backend: Backend, device: string, session: BackendScanSession, setup: ScanSetup) {
    const { shape, objectShape, modes, batch, positions, precision, rule, settings } = setup;
    this.shape = shape;
    this.objectShape = objectShape;
    this.positions = positions.length / 2;
    this.modes = modes;
    this.precision = precision;
    this.backend = backend.name;
    this.device = device;
    this.keepPatterns = session.keepPatterns;
    this.#session = session;
    this.#lifetime = new Lifetime(session);
    this.#settings = settings;
    this.#batch = batch;
    this.#onCallingThread = backend.onCallingThread;
    this.#rules = { whole: rule, knownProbe: { ...rule, updatesProbe: false } };
    this.#iterations = settings.firstIteration;
    this.#order = scanOrder(this.positions, settings.seed, this.#iterations);
  }

  /** How many iterations have been finished, with those before `firstIteration`. */
  get iterations(): number {
    return this.#iterations;
  }

  /**
   * Runs whole iterations. Yields to the event loop, and reports progress at most about ten times a second.
   *
   * @throws {@link InvalidArgumentError} for a number of iterations that is no integer of at least 1, {@link AbortError}
   * when `signal` is aborted, between batches of positions; the session then goes on where it stopped.
   */
  async run(iterations: number, options: ScanRunOptions = {}): Promise<void> {
    this.#lifetime.checkUsable();
    checkInteger('iterations', iterations, 1);
    checkScanRunOptions(options);
    await this.#lifetime.run(() => this.#loop(iterations, options), options.signal);
  }

  /** One iteration: every position once. */
  step(): void {
    this.#lifetime.checkUsable();
    const began = performance.now();
    this.#finishBatch();
    this.#advance(this.positions);
    this.#lifetime.submitted(began);
  }

  /** Takes the next batch of positions: its waves are the transforms of probe times patches. */
  forward(): void {
    this.#kernel('forward');
  }

  /** Gives the waves their measured sizes. */
  constrainFourier(): void {
    this.#kernel('constrainFourier');
  }

  /** Transforms the waves back. */
  inverse(): void {
    this.#kernel('inverse');
  }

  /** Object and probe follow from the waves. After the last batch the iteration is finished. */
  constrainObject(): void {
    this.#kernel('constrainObject');
  }

  /** rows × columns complex numbers of the object, interleaved re, im. */
  readObject(): Promise<RealResult> {
    return this.#read(() => this.#session.readObject());
  }

  /** Replaces the object. @throws {@link InvalidArgumentError} for another length, and within an iteration. */
  writeObject(object: RealArray): void {
    const [rows, columns] = this.objectShape;
    this.#session.writeObject(this.#checkWritten('object', object, [rows, 2 * columns]));
  }

  /** modes × rows × columns complex numbers of the probe, interleaved re, im. */
  readProbe(): Promise<RealResult> {
    return this.#read(() => this.#session.readProbe());
  }

  /** Replaces the probe. @throws {@link InvalidArgumentError} for another length, and within an iteration. */
  writeProbe(probe: RealArray): void {
    const [rows, columns] = this.shape;
    this.#session.writeProbe(this.#checkWritten('probe', probe, [this.modes * rows, 2 * columns]));
  }

  /** Row and column of every position in the object's pixels, as they have been corrected. */
  async readPositions(): Promise<Float64Array<ArrayBuffer>> {
    this.#lifetime.checkUsable();
    return (await this.#session.readPositions()) as Float64Array<ArrayBuffer>;
  }

  /**
   * Replaces the positions.
   *
   * @throws {@link InvalidArgumentError} for another length, for patches that reach out of the object, and within an
   * iteration.
   */
  writePositions(positions: RealArray): void {
    const checked = Float64Array.from(this.#checkWritten('positions', positions, [this.positions, 2]));
    checked.forEach((number, i) => {
      const most = this.objectShape[i % 2] - this.shape[i % 2];
      if (number >= 0 && number <= most) return;
      const at = `positions at [${Math.floor(i / 2)}, ${i % 2}]`;
      throw new InvalidArgumentError('positions', gotTakes(at, number, `0 to ${most}`));
    });
    this.#session.writePositions(checked);
  }

  /**
   * The waves of the batch under way, interleaved: [position in the batch][mode][row][column], transformed with the zero
   * frequency first until `inverse`.
   *
   * @throws {@link InvalidArgumentError} where no batch is under way.
   */
  readWaves(): Promise<RealResult> {
    return this.#read(() => {
      this.#requireBatch();
      return this.#session.readWaves();
    });
  }

  /** Replaces the waves of the batch under way: a constraint of the caller's own. @throws As `readWaves`, and for another length. */
  writeWaves(waves: RealArray): void {
    this.#lifetime.checkUsable();
    this.#requireBatch();
    const [rows, columns] = this.shape;
    const count = (this.#end() - this.#done) * this.modes;
    const numbers = checkRealArray('waves', waves, [rows, 2 * columns], count);
    checkFinite('waves', numbers, 2 * columns, this.precision);
    this.#session.writeWaves(numbers);
  }

  /** The residual of the last finished iteration; NaN before the first. */
  async residual(): Promise<number> {
    this.#lifetime.checkUsable();
    await this.#take();
    return this.#newest;
  }

  /** The residual of each finished iteration. Only with the option `history: true`. */
  async history(): Promise<Float64Array<ArrayBuffer>> {
    this.#lifetime.checkUsable();
    if (!this.#settings.history) {
      throw new InvalidArgumentError('history', 'history: not kept; create the session with the option history: true');
    }
    await this.#take();
    return Float64Array.from(this.#history);
  }

  /** How much memory the session occupies, and what it has copied so far. Allowed during a run. */
  memory(): MemoryReport {
    this.#lifetime.checkAlive();
    return this.#session.memory();
  }

  /** How long iterating took so far. Allowed during a run. */
  timing(): TimingReport {
    return this.#lifetime.timing(this.#iterations - this.#settings.firstIteration);
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

  async #loop(iterations: number, options: ScanRunOptions): Promise<void> {
    const { onProgress, signal, onPreview, previewSeconds = PREVIEW_SECONDS } = options;
    const began = performance.now();
    const first = this.#iterations;
    let [reported, shown] = [began, began];
    const report = async () => {
      await this.#take();
      const now = performance.now();
      reported = now;
      const iteration = this.#iterations - first;
      await onProgress?.({ iteration, iterations, residual: this.#newest, seconds: (now - began) / 1000 });
    };
    // The first batches tell how many fit; a device is given whole iterations.
    let size = this.#onCallingThread ? this.#batch : this.positions;
    this.#finishBatch();
    this.#lifetime.submitted(began);
    let before = this.#session.finish();
    while (this.#iterations - first < iterations) {
      const submitting = performance.now();
      const count = Math.min(size, this.positions - this.#done);
      this.#advance(count);
      this.#lifetime.submitted(submitting);
      const finished = this.#session.finish();
      // The next to await it gets the failure; until then it is not an unhandled one.
      finished.catch(() => undefined);
      // Two iterations are in flight on a device, so that it need not wait for this thread.
      await (this.#onCallingThread ? finished : before);
      before = finished;
      if (this.#onCallingThread) {
        await macrotask();
        const milliseconds = Math.max(performance.now() - submitting, 1e-3);
        const batches = Math.floor((count * BUSY_MILLISECONDS) / milliseconds / this.#batch);
        size = this.#batch * Math.max(1, Math.min(batches, (2 * size) / this.#batch));
      }
      this.#lifetime.checkAlive();
      if (signal?.aborted) break;
      if (onProgress && performance.now() - reported >= PROGRESS_MILLISECONDS) await report();
      // A preview within an iteration could not be gone on from.
      if (onPreview && this.#done === 0 && performance.now() - shown >= 1000 * previewSeconds) {
        await onPreview(await this.#preview());
        shown = performance.now();
      }
    }
    await before;
    if (signal?.aborted && this.#iterations - first < iterations) throw new AbortError(signal.reason);
    this.#lifetime.checkAlive();
    if (onProgress) await report();
  }

  async #preview(): Promise<ScanPreview> {
    await this.#take();
    const [object, probe, positions] = await Promise.all([
      this.#session.readObject(),
      this.#session.readProbe(),
      this.#session.readPositions(),
    ]);
    return {
      object: object as RealResult,
      objectShape: this.objectShape,
      probe: probe as RealResult,
      modes: this.modes,
      positions: positions as Float64Array<ArrayBuffer>,
      residual: this.#newest,
      iterations: this.#iterations,
    };
  }

  /** Does whole batches, until so many positions are done or the iteration is. */
  #advance(positions: number): void {
    const end = Math.min(this.positions, this.#done + positions);
    this.#session.iterate(this.#order, this.#done, end, this.#rule());
    this.#batchDone(end);
  }

  /** Does the rest of a batch that the kernels have begun. */
  #finishBatch(): void {
    while (this.#next !== 'forward') this.#run(this.#next);
  }

  #run(kernel: Kernel): void {
    this.#next = KERNELS[(KERNELS.indexOf(kernel) + 1) % KERNELS.length];
    const end = this.#end();
    switch (kernel) {
      case 'forward':
        return this.#session.forward(this.#order, this.#done, end, this.#rule());
      case 'constrainFourier':
        return this.#session.constrainFourier(this.#rule());
      case 'inverse':
        return this.#session.inverse();
      case 'constrainObject':
        this.#session.constrainObject(end === this.positions, this.#rule());
        this.#batchDone(end);
    }
  }

  #batchDone(end: number): void {
    this.#done = end;
    if (end < this.positions) return;
    if (this.#iterations >= this.#settings.positionsFrom) this.#session.correctPositions(MOST_PIXELS);
    this.#iterations += 1;
    this.#done = 0;
    this.#order = scanOrder(this.positions, this.#settings.seed, this.#iterations);
    this.#waiting += 1;
    if (this.#waiting > RECORDS) void this.#take();
  }

  #rule(): ScanRule {
    return this.#iterations >= this.#settings.probeFrom ? this.#rules.whole : this.#rules.knownProbe;
  }

  /** Where the batch that begins at `#done` ends. */
  #end(): number {
    return Math.min(this.positions, this.#done + this.#batch);
  }

  #take(): Promise<void> {
    if (this.#waiting === 0) return this.#taken;
    this.#waiting = 0;
    const residuals = this.#session.takeResiduals();
    this.#taken = Promise.all([residuals, this.#taken]).then(([taken]) => {
      this.#newest = taken.at(-1) ?? this.#newest;
      if (this.#settings.history) this.#history.push(...taken);
    });
    // The next to await it gets the failure; until then it is not an unhandled one.
    this.#taken.catch(() => undefined);
    return this.#taken;
  }

  #kernel(kernel: Kernel): void {
    this.#lifetime.checkUsable();
    if (kernel !== this.#next) {
      const message = `${kernel}(): got called out of turn; ${this.#next}() comes next in this batch`;
      throw new InvalidArgumentError(kernel, message);
    }
    const began = performance.now();
    this.#run(kernel);
    this.#lifetime.submitted(began);
  }

  async #read(read: () => Promise<RealArray>): Promise<RealResult> {
    this.#lifetime.checkUsable();
    // No backend returns shared memory.
    return (await read()) as RealResult;
  }

  #checkWritten(argument: string, array: RealArray, shape: Shape): RealArray {
    this.#lifetime.checkUsable();
    if (this.#done > 0 || this.#next !== 'forward') {
      const message = `${argument}: cannot be written within an iteration; finish it first, for example with step()`;
      throw new InvalidArgumentError(argument, message);
    }
    const numbers = checkRealArray(argument, array, shape);
    checkFinite(argument, numbers, shape[1], this.precision);
    return numbers;
  }

  #requireBatch(): void {
    if (this.#next !== 'forward') return;
    throw new InvalidArgumentError('waves', 'waves: there are none before forward() and after constrainObject()');
  }
}
