/**
 * `BackendSession` in WGSL. Everything that an iteration touches stays in the device's memory; calls only record commands,
 * many of which are submitted at once. operations.ts lists the kernels of each operation.
 */
import type { BackendProblem, BackendSession } from '../../src/backends/interface.js';
import { DisposedError } from '../../src/errors.js';
import { withoutPrevious, type Rule } from '../../src/rules.js';
import type { MemoryReport, RealArray } from '../../src/types.js';
import { DeviceBatch, RECORDS_KEPT, sumUp, type Shared } from './batch.js';
import { Buffers } from './device/buffers.js';
import { Commands } from './device/commands.js';
import type { Device } from './device/device.js';
import { Transfers, type BufferRange } from './device/transfers.js';
import { imageBytes, realField, spectrumBytes, type RealField } from './fields/real/layout.js';
import { fromStored, toStored } from './fields/real/spectrum.js';
import { magnitudesKernel, startKernel } from './fields/real/start.js';
import { operationsFor, plansFor, type Operations, type Plans } from './operations.js';
import { RuleSlots, type LoadedRule } from './rule-slots.js';
import { makeShared, uploadProblem, uploadSupport } from './setup.js';
import { batchSizes, creationBytes } from './sizes.js';
import type { BatchBuffer, Step } from './step.js';

export class WebGpuSession implements BackendSession {
  readonly #device: Device;
  readonly #scale: number;
  readonly #starts: number;
  readonly #field: RealField;
  readonly #shapeKey: string;
  readonly #plans: Plans;
  readonly #operations: Operations;
  readonly #rules: RuleSlots;
  readonly #buffers: Buffers;
  readonly #commands: Commands;
  readonly #transfers: Transfers;
  /** Starts of each batch; all but the last have as many. */
  readonly #batchSizes: readonly number[];
  #shared!: Shared;
  #batches: DeviceBatch[] = [];
  #withSupport: boolean;
  /** The first thing that went wrong on the device. */
  #failure: Error | undefined;
  readonly #onError = (error: Error) => {
    this.#failure ??= error;
  };
  #disposed = false;
  /** The rule of the last iteration while its column pass is pending. */
  #pending: LoadedRule | undefined;
  /** `forward` transforms a next image that is not the object. */
  #nextApart = false;
  /** Records that the caller has taken. */
  #taken = 0;

  static async create(device: Device, problem: BackendProblem): Promise<WebGpuSession> {
    device.requireWorking();
    const session = new WebGpuSession(device, problem);
    try {
      await session.#initialise(problem);
      return session;
    } catch (error) {
      session.dispose();
      throw await device.explain(session.#failure ?? error);
    }
  }

  private constructor(device: Device, { pattern, batch, support, rule }: BackendProblem) {
    this.#device = device;
    this.#scale = pattern.scale;
    this.#starts = batch.starts;
    this.#field = realField(pattern.shape);
    this.#shapeKey = pattern.shape.join('×');
    this.#plans = plansFor(this.#field, device.lineLimits);
    this.#operations = operationsFor(this.#field, this.#plans, pattern.mask !== undefined);
    this.#rules = new RuleSlots(this.#field, this.#plans);
    this.#withSupport = support !== undefined;
    this.#batchSizes = batchSizes(device, this.#field, this.#plans, batch.starts);
    const expected = creationBytes(device, this.#field, this.#plans, {
      ...{ batches: this.#batchSizes, used: this.#usedBuffers(rule), withSupport: this.#withSupport },
    });
    this.#buffers = new Buffers(device, this.#onError, expected);
    this.#commands = new Commands(device, this.#onError);
    this.#transfers = new Transfers(device, this.#buffers, this.#commands, this.#onError);
  }

  inverse(): void {
    this.#nextApart = false;
    this.#run(this.#operations.inverse);
  }

  constrainObject(rule: Rule): void {
    const { operations, slot, form } = this.#load(rule);
    this.#nextApart = form.reflects;
    this.#run(operations.constrainObject, slot);
  }

  forward(): void {
    this.#run(this.#nextApart ? this.#operations.forwardNext : this.#operations.forward);
  }

  constrainFourier(): void {
    this.#nextApart = false;
    this.#run(this.#operations.constrainFourier);
  }

  iterate(count: number, rule: Rule): void {
    const loaded = this.#load(rule);
    this.#nextApart = false;
    for (let i = 0; i < count; i++) {
      this.#run(this.#pending ? this.#operations.columnsPass : this.#operations.columnsInverse);
      this.#pending = loaded;
      this.#run(loaded.operations.rowsPass, loaded.slot);
    }
  }

  completeIteration(): void {
    const { rule, operations, slot } = this.#pending!;
    if (rule.keepsIterate) {
      for (const batch of this.#batches) {
        const bytes = batch.starts * imageBytes(this.#field);
        this.#commands.copy(batch.buffer('iterate'), 0, batch.buffer('object'), 0, bytes);
      }
    }
    this.#run(operations.completeObject, slot);
    this.#run(this.#operations.completeSpectrum);
    this.#pending = undefined;
  }

  setSupport(support: Uint8Array | undefined): void {
    this.#check();
    if (support) uploadSupport(this.#shared, this.#plans, support, this.#transfers);
    this.#withSupport = support !== undefined;
  }

  measureObject(projection: Rule): void {
    const { operations, slot } = this.#load(projection);
    this.#nextApart = false;
    this.#run(operations.measureRows, slot);
    this.#run(this.#operations.measureSpectrum);
  }

  keepObject(start: number): void {
    this.#copyImage(start, 'iterate');
  }

  async takeResiduals(): Promise<Float64Array> {
    const { recorded } = this.#batches[0];
    const first = Math.max(this.#taken, recorded - RECORDS_KEPT);
    this.#taken = recorded;
    const ranges = this.#batches.flatMap((batch) => batch.residuals(first));
    return this.#ordered(await this.#read(ranges), recorded - first);
  }

  async readObject(start: number): Promise<RealArray> {
    const object = await this.#read([this.#range(start, 'object', imageBytes(this.#field))]);
    // A loop, here and below: a function for each number takes four times as long in map, and seventy times in from.
    for (let i = 0; i < object.length; i++) object[i] /= this.#scale;
    return object;
  }

  async readSpectrum(start: number): Promise<RealArray> {
    const half = await this.#read([this.#range(start, 'spectrum', spectrumBytes(this.#field))]);
    return fromStored(half, this.#field, this.#scale);
  }

  writeObject(start: number, object: RealArray, asIterate: boolean): void {
    const { buffer, offset } = this.#range(start, 'object', imageBytes(this.#field));
    this.#check();
    const scaled = new Float32Array(object.length);
    for (let i = 0; i < scaled.length; i++) scaled[i] = object[i] * this.#scale;
    this.#transfers.upload(buffer, offset, scaled);
    if (asIterate) this.keepObject(start);
    if (this.#nextApart) this.#copyImage(start, 'work');
  }

  writeSpectrum(start: number, spectrum: RealArray): void {
    const { buffer, offset } = this.#range(start, 'spectrum', spectrumBytes(this.#field));
    this.#check();
    this.#transfers.upload(buffer, offset, toStored(spectrum, this.#field, this.#scale));
  }

  finish(): Promise<void> {
    const finished = this.#finish();
    // Callers may fail before they await it, for the same reason.
    finished.catch(() => undefined);
    return finished;
  }

  async #finish(): Promise<void> {
    this.#check();
    this.#commands.flush();
    try {
      await this.#device.gpu.queue.onSubmittedWorkDone();
    } catch (error) {
      throw await this.#explain(error);
    }
    await this.#device.reported();
    this.#check();
  }

  memory(): MemoryReport {
    // Constants that other sessions may share count too.
    const { columnTable, rowTable } = this.#shared.named;
    const constants = [...new Set([columnTable!, rowTable!, this.#device.number(0).buffer])];
    const constantBytes = constants.reduce((sum, { size }) => sum + size, 0);
    return { deviceBytes: this.#buffers.bytes + constantBytes, hostBytes: 0, ...this.#transfers.counts };
  }

  dispose(): void {
    this.#disposed = true;
    this.#commands.discard();
    this.#buffers.freeAll();
  }

  async #initialise(problem: BackendProblem): Promise<void> {
    const { support, rule } = problem;
    await this.#compile(rule);
    const given = {
      ...{ device: this.#device, field: this.#field, shapeKey: this.#shapeKey, onError: this.#onError },
      ...{ buffers: this.#buffers, commands: this.#commands },
    };
    this.#shared = makeShared(given, this.#plans);
    for (const starts of this.#batchSizes) {
      const batch = new DeviceBatch(this.#shared, starts);
      this.#usedBuffers(rule).forEach((name) => batch.buffer(name));
      this.#batches.push(batch);
    }
    this.setSupport(support);
    for (const used of rulesOf(rule)) this.#load(used);
    // Too little memory is known before anything large is copied.
    await this.#device.reported();
    this.#check();
    await uploadProblem(this.#shared, this.#batches, problem, this.#transfers, () => this.finish());
  }

  /** Compiles what iterations with the rule take. Other kernels are compiled by the first call that needs them. */
  async #compile(rule: Rule): Promise<void> {
    const { pipelines } = this.#device;
    const steps = [
      { key: 'magnitudes', write: () => magnitudesKernel(this.#field) },
      { key: 'start', write: () => startKernel(this.#field) },
      ...this.#iterationSteps(rule),
      ...this.#batchSizes.map((starts) => sumUp(this.#device, this.#field, starts)),
    ];
    await this.#device.guard(() =>
      Promise.all(steps.map(({ key, write }) => pipelines.compile(`${this.#shapeKey} ${key}`, write))),
    );
  }

  /** The steps of `iterate` and `completeIteration`. */
  #iterationSteps(rule: Rule): Step[] {
    const { columnsInverse, columnsPass, completeSpectrum } = this.#operations;
    const steps = rulesOf(rule).map((used) => this.#rules.operations(used, this.#withSupport));
    return [
      ...[columnsInverse, columnsPass, completeSpectrum].flat(),
      ...steps.flatMap(({ rowsPass, completeObject }) => [...rowsPass, ...completeObject]),
    ];
  }

  /** The buffers of a batch that iterations need. Others are allocated by the first call that needs them. */
  #usedBuffers(rule: Rule): BatchBuffer[] {
    const used = new Set(this.#iterationSteps(rule).flatMap(({ use }) => Object.values(use)));
    const scratch = (['scratch', 'moreScratch'] as const).filter((name) => used.has(name));
    return ['spectrum', 'object', ...(rule.keepsIterate ? (['iterate'] as const) : []), ...scratch];
  }

  #load(rule: Rule): LoadedRule {
    return this.#rules.load(rule, this.#withSupport, this.#uploadCoefficients);
  }

  readonly #uploadCoefficients = (offset: number, data: Float32Array<ArrayBuffer>) => {
    this.#transfers.upload(this.#shared.named.coefficients!, offset, data);
  };

  #run(steps: readonly Step[], slot = 0): void {
    this.#check();
    for (const batch of this.#batches) for (const step of steps) batch.run(step, slot);
  }

  async #read(ranges: readonly BufferRange[]): Promise<Float32Array> {
    this.#check();
    try {
      const numbers = await this.#transfers.download(ranges);
      this.#check();
      return numbers;
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  /** The error for something that was awaited and failed: the first cause, if one is known. */
  async #explain(error: unknown): Promise<unknown> {
    if (this.#disposed) return new DisposedError();
    await this.#device.reported();
    return this.#device.explain(this.#failure ?? error);
  }

  /** Copies the object of one start to the same start of another buffer. */
  #copyImage(start: number, to: BatchBuffer): void {
    const { buffer, offset, bytes } = this.#range(start, 'object', imageBytes(this.#field));
    const target = this.#range(start, to, bytes);
    this.#commands.copy(buffer, offset, target.buffer, target.offset, bytes);
  }

  /** What one start has in a buffer. */
  #range(start: number, name: BatchBuffer, bytes: number): BufferRange {
    const batch = this.#batches[Math.floor(start / this.#batchSizes[0])];
    return { buffer: batch.buffer(name), offset: (start % this.#batchSizes[0]) * bytes, bytes };
  }

  /** From [batch][record][start of the batch] to [record][start]. */
  #ordered(residuals: Float32Array, records: number): Float64Array {
    const ordered = new Float64Array(residuals.length);
    let at = 0;
    let firstStart = 0;
    for (const { starts } of this.#batches) {
      for (let record = 0; record < records; record++) {
        ordered.set(residuals.subarray(at, at + starts), record * this.#starts + firstStart);
        at += starts;
      }
      firstStart += starts;
    }
    return ordered;
  }

  #check(): void {
    this.#device.requireWorking();
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** The rules that iterations use: this one, and what stands for it in the first. */
function rulesOf(rule: Rule): Rule[] {
  return [withoutPrevious(rule), rule];
}
