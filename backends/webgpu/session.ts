/**
 * `BackendSession` in WGSL. Everything an iteration touches stays in the device's memory; calls only record commands,
 * many of which go to the device at once. What the operations do, operations.ts says; what they promise, src/backends/interface.ts.
 */
import type { BackendProblem, BackendSession } from '../../src/backends/interface.js';
import { DisposedError } from '../../src/errors.js';
import type { MemoryReport, RealArray } from '../../src/types.js';
import { Buffers } from './buffers.js';
import { Commands } from './commands.js';
import type { Device } from './device.js';
import { imageBytes, layoutOf, spectrumBytes, type Layout } from './layout.js';
import { creationBytes, partSizes } from './memory.js';
import { operationsFor, plansFor, type Operations, type PartBuffer, type Plans, type Step } from './operations.js';
import { Part, RECORDS_KEPT, sumUp, type Shared } from './part.js';
import { magnitudesKernel, startKernel } from './prepare.js';
import { Readback, type Stretch } from './readback.js';
import { RULES } from './rules.js';
import { makeShared, uploadProblem } from './setup.js';
import { fromStored, toStored } from './spectrum.js';
import { Upload } from './upload.js';

export class WebGpuSession implements BackendSession {
  readonly #device: Device;
  readonly #problem: Pick<BackendProblem, 'shape' | 'starts' | 'scale' | 'algorithm'>;
  readonly #layout: Layout;
  readonly #plans: Plans;
  readonly #operations: Operations;
  readonly #buffers: Buffers;
  readonly #commands: Commands;
  readonly #upload: Upload;
  readonly #readback: Readback;
  /** Starts of each part; all but the last have as many. */
  readonly #partSizes: readonly number[];
  /** Of constants on the device, which other sessions may share. */
  #constantBytes = 0;
  #parts: Part[] = [];
  /** The first thing that went wrong on the device. */
  #failure: Error | undefined;
  readonly #onError = (error: Error) => {
    this.#failure ??= error;
  };
  #disposed = false;
  /** Otherwise the spectrum is that of the last object, transformed along rows only. */
  #settled = true;
  #taken = 0;

  static async create(device: Device, problem: BackendProblem): Promise<WebGpuSession> {
    device.requireWorking();
    const session = new WebGpuSession(device, problem);
    try {
      await session.#compile();
      const shared = session.#allocate(problem);
      // Too little memory is known before anything large is copied.
      await device.settled();
      session.#check();
      await uploadProblem(shared, session.#parts, problem, session.#upload, () => session.finish());
      return session;
    } catch (error) {
      session.dispose();
      throw await device.explain(session.#failure ?? error);
    }
  }

  private constructor(device: Device, problem: BackendProblem) {
    const { shape, starts, scale, algorithm, mask, support } = problem;
    this.#device = device;
    this.#problem = { shape, starts, scale, algorithm };
    this.#layout = layoutOf(shape);
    this.#plans = plansFor(this.#layout, device.lineLimits);
    const settings = { algorithm, masked: mask !== undefined, withSupport: support !== undefined };
    this.#operations = operationsFor(this.#layout, this.#plans, settings);
    this.#partSizes = partSizes(device, this.#layout, this.#plans, starts);
    const expected = creationBytes(device, this.#layout, this.#plans, {
      ...{ parts: this.#partSizes, used: this.#usedBuffers, withSupport: settings.withSupport },
    });
    this.#buffers = new Buffers(device, this.#onError, expected);
    this.#commands = new Commands(device, this.#onError);
    this.#upload = new Upload(device, this.#commands, this.#onError);
    this.#readback = new Readback(device, this.#buffers, this.#commands);
  }

  inverse(): void {
    this.#run(this.#operations.inverse);
  }

  constrainObject(first: boolean): void {
    this.#run(this.#operations.constrainObject, first);
  }

  forward(): void {
    this.#run(this.#operations.forward);
  }

  constrainFourier(): void {
    this.#run(this.#operations.constrainFourier);
  }

  iterate(count: number, first: boolean): void {
    const { columnsInverse, columnsTurn, rowsTurn } = this.#operations;
    for (let i = 0; i < count; i++) {
      this.#run(this.#settled ? columnsInverse : columnsTurn);
      this.#settled = false;
      this.#run(rowsTurn, first && i === 0);
    }
  }

  settle(): void {
    const { settleObject, settleSpectrum } = this.#operations;
    if (this.#hasMemory) {
      for (const part of this.#parts) this.#copyImage(part, 'iterate', 'object');
    }
    this.#run(settleObject);
    this.#run(settleSpectrum);
    this.#settled = true;
  }

  keepObject(start: number): void {
    if (!this.#hasMemory) return;
    const { buffer, offset, bytes } = this.#stretch(start, 'object', imageBytes(this.#layout));
    const iterate = this.#stretch(start, 'iterate', bytes);
    this.#commands.copy(buffer, offset, iterate.buffer, iterate.offset, bytes);
  }

  async takeResiduals(): Promise<Float64Array> {
    const { recorded } = this.#parts[0];
    const first = Math.max(this.#taken, recorded - RECORDS_KEPT);
    this.#taken = recorded;
    const stretches = this.#parts.flatMap((part) => part.sums(first));
    return this.#ordered(await this.#read(stretches), recorded - first);
  }

  async readObject(start: number): Promise<RealArray> {
    const { scale } = this.#problem;
    const object = await this.#read([this.#stretch(start, 'object', imageBytes(this.#layout))]);
    // A loop, here and below: a function for each number takes four times as long in map, and seventy times in from.
    for (let i = 0; i < object.length; i++) object[i] /= scale;
    return object;
  }

  async readSpectrum(start: number): Promise<RealArray> {
    const half = await this.#read([this.#stretch(start, 'spectrum', spectrumBytes(this.#layout))]);
    return fromStored(half, this.#layout, this.#problem.scale);
  }

  writeObject(start: number, object: RealArray, asIterate: boolean): void {
    const { scale } = this.#problem;
    const { buffer, offset } = this.#stretch(start, 'object', imageBytes(this.#layout));
    this.#check();
    const scaled = new Float32Array(object.length);
    for (let i = 0; i < scaled.length; i++) scaled[i] = object[i] * scale;
    this.#upload.write(buffer, offset, scaled);
    if (asIterate) this.keepObject(start);
  }

  writeSpectrum(start: number, spectrum: RealArray): void {
    const { buffer, offset } = this.#stretch(start, 'spectrum', spectrumBytes(this.#layout));
    this.#check();
    this.#upload.write(buffer, offset, toStored(spectrum, this.#layout, this.#problem.scale));
  }

  finish(): Promise<void> {
    const finished = this.#finish();
    // Callers may fail before they come to wait for it, for the same reason.
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
    await this.#device.settled();
    this.#check();
  }

  memory(): MemoryReport {
    return {
      deviceBytes: this.#buffers.bytes + this.#constantBytes,
      hostBytes: 0,
      uploads: this.#upload.uploads,
      uploadedBytes: this.#upload.uploadedBytes,
      downloads: this.#readback.downloads,
      downloadedBytes: this.#readback.downloadedBytes,
    };
  }

  dispose(): void {
    this.#disposed = true;
    this.#commands.discard();
    this.#buffers.freeAll();
  }

  /** What iterations take; the kernels of the finest granularity are compiled by those who first call them. */
  async #compile(): Promise<void> {
    const { pipelines } = this.#device;
    const sums = this.#partSizes.map((starts) => sumUp(this.#device, this.#layout, starts));
    await this.#device.guard(async () => {
      const kernels = [
        pipelines.compile(`${this.#shapeKey} magnitudes`, () => magnitudesKernel(this.#layout)),
        pipelines.compile(`${this.#shapeKey} start`, () => startKernel(this.#layout)),
        ...[...this.#iterationSteps, ...sums].map(({ key, write }) =>
          pipelines.compile(`${this.#shapeKey} ${key}`, write),
        ),
      ];
      await Promise.all(kernels);
    });
  }

  /** Of everything that `iterate` and `settle` do. */
  get #iterationSteps(): Step[] {
    const { columnsInverse, columnsTurn, rowsTurn, settleObject, settleSpectrum } = this.#operations;
    return [columnsInverse, columnsTurn, rowsTurn, settleObject, settleSpectrum].flat();
  }

  /** Of a part, by iterations; others are made by who first needs them. */
  get #usedBuffers(): PartBuffer[] {
    const steps = new Set(this.#iterationSteps.flatMap(({ use }) => Object.values(use)));
    const scratch = (['scratch', 'moreScratch'] as const).filter((name) => steps.has(name));
    return ['spectrum', 'object', ...(this.#hasMemory ? (['iterate'] as const) : []), ...scratch];
  }

  #allocate(problem: BackendProblem): Shared {
    const given = {
      ...{ device: this.#device, layout: this.#layout, shapeKey: this.#shapeKey, onError: this.#onError },
      ...{ buffers: this.#buffers, commands: this.#commands },
    };
    const shared = makeShared(given, this.#plans, problem, this.#upload);
    for (const starts of this.#partSizes) {
      const part = new Part(shared, starts);
      this.#usedBuffers.forEach((name) => part.buffer(name));
      this.#parts.push(part);
    }
    const constants = new Set([shared.columnTable, shared.rowTable, this.#device.number(0).buffer]);
    this.#constantBytes = [...constants].reduce((sum, { size }) => sum + size, 0);
    return shared;
  }

  #run(steps: readonly Step[], first = false): void {
    this.#check();
    for (const part of this.#parts) for (const step of steps) part.run(step, first);
  }

  async #read(stretches: readonly Stretch[]): Promise<Float32Array> {
    this.#check();
    try {
      const numbers = await this.#readback.read(stretches);
      this.#check();
      return numbers;
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  /** Why something that was waited for failed: the first cause, where there is one. */
  async #explain(error: unknown): Promise<unknown> {
    if (this.#disposed) return new DisposedError();
    await this.#device.settled();
    return this.#device.explain(this.#failure ?? error);
  }

  #copyImage(part: Part, from: PartBuffer, to: PartBuffer): void {
    this.#commands.copy(part.buffer(from), 0, part.buffer(to), 0, part.starts * imageBytes(this.#layout));
  }

  /** What one start has in a buffer. */
  #stretch(start: number, name: PartBuffer, bytes: number): Stretch {
    const part = this.#parts[Math.floor(start / this.#partSizes[0])];
    return { buffer: part.buffer(name), offset: (start % this.#partSizes[0]) * bytes, bytes };
  }

  /** From [part][record][start of the part] to [record][start]. */
  #ordered(sums: Float32Array, records: number): Float64Array {
    const { starts } = this.#problem;
    const ordered = new Float64Array(sums.length);
    let at = 0;
    let firstStart = 0;
    for (const part of this.#parts) {
      for (let record = 0; record < records; record++) {
        ordered.set(sums.subarray(at, at + part.starts), record * starts + firstStart);
        at += part.starts;
      }
      firstStart += part.starts;
    }
    return ordered;
  }

  #check(): void {
    this.#device.requireWorking();
    if (this.#failure !== undefined) throw this.#failure;
  }

  get #hasMemory(): boolean {
    return RULES[this.#problem.algorithm].hasMemory;
  }

  get #shapeKey(): string {
    return this.#problem.shape.join('×');
  }
}
