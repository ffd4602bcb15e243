/**
 * `BackendSession` in WGSL. Everything an iteration touches stays in the device's memory; calls only record commands,
 * many of which go to the device at once. What the operations do, operations.ts says; what they promise, src/backend.ts.
 */
import type { BackendProblem, BackendSession } from '../../src/backend.js';
import { DisposedError } from '../../src/errors.js';
import type { MemoryReport, RealArray } from '../../src/types.js';
import { Buffers, UNIFORM, largestBuffer, requireFits } from './buffers.js';
import { Commands } from './commands.js';
import type { Device } from './device.js';
import type { Kernel } from './kernel.js';
import { imageBytes, layoutOf, magnitudesBytes, packSupport, spectrumBytes, type Layout } from './layout.js';
import {
  operationsFor,
  plansFor,
  scratchBytes,
  supportCount,
  type Operations,
  type PartBuffer,
  type Plans,
  type Step,
} from './operations.js';
import { Part, RECORDS_KEPT, recordBytes, startsRecorded, sumUp, type Shared } from './part.js';
import type { CompiledKernel } from './pipelines.js';
import { magnitudesKernel, startKernel } from './prepare.js';
import { Readback, type Stretch } from './readback.js';
import { RULES } from './rules.js';
import { fromStored, toStored } from './spectrum.js';
import { tableBytes } from './tables.js';

/** Starts are the third dimension of a dispatch: maxComputeWorkgroupsPerDimension of every device. */
const MOST_STARTS = 65_535;
/** Magnitudes are rounded and uploaded in pieces of so many numbers. */
const UPLOAD_NUMBERS = 2 ** 22;

export class WebGpuSession implements BackendSession {
  readonly #device: Device;
  readonly #problem: Pick<BackendProblem, 'shape' | 'starts' | 'scale' | 'algorithm'>;
  readonly #layout: Layout;
  readonly #plans: Plans;
  readonly #operations: Operations;
  readonly #buffers: Buffers;
  readonly #commands: Commands;
  readonly #readback: Readback;
  readonly #startsPerPart: number;
  #shared: Shared | undefined;
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
  #uploads = 0;
  #uploadedBytes = 0;

  static async create(device: Device, problem: BackendProblem): Promise<WebGpuSession> {
    device.requireWorking();
    const session = new WebGpuSession(device, problem);
    try {
      await session.#compile();
      session.#allocate(problem);
      await session.#upload(problem);
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
    this.#startsPerPart = Math.min(starts, fittingStarts(device, this.#layout, this.#plans));
    this.#buffers = new Buffers(device, this.#onError);
    this.#commands = new Commands(device, this.#onError);
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
    return object.map((value) => value / scale);
  }

  async readSpectrum(start: number): Promise<RealArray> {
    const half = await this.#read([this.#stretch(start, 'spectrum', spectrumBytes(this.#layout))]);
    return fromStored(half, this.#layout, this.#problem.scale);
  }

  writeObject(start: number, object: RealArray, asIterate: boolean): void {
    const { scale } = this.#problem;
    const { buffer, offset, bytes } = this.#stretch(start, 'object', imageBytes(this.#layout));
    this.#write(
      buffer,
      offset,
      Float32Array.from(object, (value) => value * scale),
    );
    if (!asIterate || !this.#hasMemory) return;
    const iterate = this.#stretch(start, 'iterate', bytes);
    this.#commands.copy(buffer, offset, iterate.buffer, iterate.offset, bytes);
  }

  writeSpectrum(start: number, spectrum: RealArray): void {
    const { buffer, offset } = this.#stretch(start, 'spectrum', spectrumBytes(this.#layout));
    this.#write(buffer, offset, toStored(spectrum, this.#layout, this.#problem.scale));
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
      deviceBytes: this.#buffers.bytes,
      hostBytes: 0,
      uploads: this.#uploads,
      uploadedBytes: this.#uploadedBytes,
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

  /** Starts of each part. */
  get #partSizes(): number[] {
    const { starts } = this.#problem;
    const most = this.#startsPerPart;
    return Array.from({ length: Math.ceil(starts / most) }, (_, part) => Math.min(most, starts - part * most));
  }

  #allocate({ support, beta }: BackendProblem): void {
    const { rows, columns } = this.#layout;
    const parameters = (normal: number, first: number) => {
      const words = new Uint32Array(4);
      words.set(new Uint32Array(Float32Array.of(beta, normal).buffer));
      words[2] = first;
      return this.#uniform(words);
    };
    const normal = 0.5 / rows / columns;
    const shared: Shared = {
      device: this.#device,
      layout: this.#layout,
      shapeKey: this.#shapeKey,
      onError: this.#onError,
      buffers: this.#buffers,
      commands: this.#commands,
      magnitudes: this.#buffers.allocate('magnitudes', magnitudesBytes(this.#layout)),
      support: support && this.#packedSupport(support),
      columnTable: this.#device.table(this.#plans.columns, -1, this.#onError),
      rowTable: this.#device.table(this.#plans.rows, 1, this.#onError),
      scratchBytes: scratchBytes(this.#layout, this.#plans),
      parameters: {
        later: parameters(normal, 0),
        first: parameters(normal, 1),
        settling: parameters(0.5 / columns, 0),
      },
    };
    this.#device.prepareNumbers(this.#onError);
    const used = new Set(this.#iterationSteps.flatMap(({ use }) => Object.values(use)));
    for (const starts of this.#partSizes) {
      const part = new Part(shared, starts);
      part.buffer('spectrum');
      part.buffer('object');
      if (this.#hasMemory) part.buffer('iterate');
      for (const name of ['scratch', 'moreScratch'] as const) if (used.has(name)) part.buffer(name);
      this.#parts.push(part);
    }
    this.#shared = shared;
  }

  async #upload(problem: BackendProblem): Promise<void> {
    const raw = this.#buffers.allocate('measured magnitudes', imageBytes(this.#layout));
    this.#uploadMagnitudes(problem, raw);
    const magnitudes = this.#compileNow('magnitudes', () => magnitudesKernel(this.#layout));
    this.#dispatchOnce(magnitudes, [raw, this.#shared!.magnitudes], 1);
    if (problem.seeded) this.#drawStarts(problem.seeded, raw);
    await this.finish();
    this.#buffers.free(raw);
  }

  /** Scaled, and −1 where not measured. */
  #uploadMagnitudes({ magnitudes, mask, scale }: BackendProblem, raw: GPUBuffer): void {
    for (let at = 0; at < magnitudes.length; at += UPLOAD_NUMBERS) {
      const piece = new Float32Array(Math.min(UPLOAD_NUMBERS, magnitudes.length - at));
      for (let i = 0; i < piece.length; i++) piece[i] = mask?.[at + i] === 0 ? -1 : magnitudes[at + i] * scale;
      this.#device.watch(() => this.#device.gpu.queue.writeBuffer(raw, 4 * at, piece), this.#onError);
    }
    this.#countUpload(4 * magnitudes.length);
  }

  #drawStarts({ seed, firstStart }: { seed: number; firstStart: number }, raw: GPUBuffer): void {
    const kernel = this.#compileNow('start', () => startKernel(this.#layout));
    this.#parts.forEach((part, index) => {
      const first = firstStart + index * this.#startsPerPart;
      const parameters = this.#uniform(Uint32Array.of(seed % 2 ** 32, Math.floor(seed / 2 ** 32), first, 0));
      this.#dispatchOnce(kernel, [parameters, raw, part.buffer('spectrum')], part.starts);
    });
  }

  #compileNow(key: string, write: () => Kernel): CompiledKernel {
    return this.#device.compileNow(`${this.#shapeKey} ${key}`, write, this.#onError);
  }

  #dispatchOnce(kernel: CompiledKernel, buffers: GPUBuffer[], starts: number): void {
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const create = () => this.#device.gpu.createBindGroup({ layout: kernel.layout, entries });
    const group = this.#device.watch(create, this.#onError);
    this.#commands.dispatch(kernel, group, starts, starts * this.#layout.rows * this.#layout.columns);
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

  #write(buffer: GPUBuffer, offset: number, data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    this.#check();
    // The queue takes this before what is recorded and not handed over yet.
    this.#commands.flush();
    this.#device.watch(() => this.#device.gpu.queue.writeBuffer(buffer, offset, data), this.#onError);
    this.#countUpload(data.byteLength);
  }

  #uniform(words: Uint32Array<ArrayBuffer>): GPUBuffer {
    const buffer = this.#buffers.allocate('parameters', words.byteLength, UNIFORM);
    this.#write(buffer, 0, words);
    return buffer;
  }

  #packedSupport(support: Uint8Array): GPUBuffer {
    const words = packSupport(support, this.#layout, supportCount(this.#plans));
    const buffer = this.#buffers.allocate('support', words.byteLength);
    this.#write(buffer, 0, words);
    return buffer;
  }

  #copyImage(part: Part, from: PartBuffer, to: PartBuffer): void {
    this.#commands.copy(part.buffer(from), 0, part.buffer(to), 0, part.starts * imageBytes(this.#layout));
  }

  /** What one start has in a buffer. */
  #stretch(start: number, name: PartBuffer, bytes: number): Stretch {
    const part = this.#parts[Math.floor(start / this.#startsPerPart)];
    return { buffer: part.buffer(name), offset: (start % this.#startsPerPart) * bytes, bytes };
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

  #countUpload(bytes: number): void {
    this.#uploads += 1;
    this.#uploadedBytes += bytes;
  }

  get #hasMemory(): boolean {
    return RULES[this.#problem.algorithm].hasMemory;
  }

  get #shapeKey(): string {
    return this.#problem.shape.join('×');
  }
}

/** As many starts as a buffer holds of everything that grows with them; refuses an image of which not even one fits. */
function fittingStarts(device: Device, layout: Layout, plans: Plans): number {
  requireFits(device, 'measured magnitudes', imageBytes(layout));
  requireFits(device, 'spectrum', spectrumBytes(layout));
  requireFits(device, 'line buffer', scratchBytes(layout, plans));
  requireFits(device, 'record of misfits', recordBytes(layout, 1));
  for (const factors of [plans.columns, plans.rows]) requireFits(device, 'table of twiddles', tableBytes(factors));
  const { bytes } = largestBuffer(device);
  const each = Math.max(...[imageBytes(layout), spectrumBytes(layout), scratchBytes(layout, plans)]);
  return Math.min(MOST_STARTS, Math.floor(bytes / each), startsRecorded(layout, bytes));
}
