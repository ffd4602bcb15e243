/**
 * A device as one session uses it: the session's buffers, its commands, its copies between host and device, and the first
 * error. WebGPU reports errors later; every call after that throws the first one.
 */
import { DisposedError } from '../../../src/errors.js';
import { MOST_WORKGROUPS, type Kernel } from '../wgsl/kernel.js';
import { roundUp, type Factors } from '../wgsl/plan.js';
import type { Sign } from '../wgsl/butterflies.js';
import { GPU_BUFFER, type Device } from './device.js';
import type { CompiledKernel } from './pipelines.js';

const STORAGE = GPU_BUFFER.STORAGE | GPU_BUFFER.COPY_SRC | GPU_BUFFER.COPY_DST;
export const UNIFORM = GPU_BUFFER.UNIFORM | GPU_BUFFER.COPY_DST;

/** GPUMapMode.READ, which Node does not have as a global. */
const MAP_READ = 1;

/**
 * Most that is recorded before it is submitted: dispatches, and numbers that they process. A submission costs as much as
 * dozens of dispatches.
 */
const MOST_DISPATCHES = 512;
const MOST_NUMBERS = 2 ** 29;

export interface BufferRange {
  buffer: GPUBuffer;
  offset: number;
  bytes: number;
}

export class SessionDevice {
  readonly device: Device;
  /** Copies so far. */
  readonly counts = { uploads: 0, uploadedBytes: 0, downloads: 0, downloadedBytes: 0 };
  readonly #buffers = new Set<GPUBuffer>();
  /** Buffers for downloads that are not in use. */
  readonly #staging: GPUBuffer[] = [];
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #dispatches = 0;
  #numbers = 0;
  #failure: Error | undefined;
  readonly #onError = (error: Error) => {
    this.#failure ??= error;
  };
  #disposed = false;

  constructor(device: Device) {
    this.device = device;
  }

  /** Bytes of the session's own buffers. */
  get bytes(): number {
    let bytes = 0;
    for (const { size } of this.#buffers) bytes += size;
    return bytes;
  }

  allocate(label: string, bytes: number, usage: number = STORAGE): GPUBuffer {
    const size = roundUp(Math.max(bytes, 4), 4);
    this.device.requireFits(label, size);
    // An error is reported after all that is allocated together, so that `bytes` counts all of it.
    const buffer = this.#watch(
      () => this.device.gpu.createBuffer({ label, size, usage }),
      () => this.bytes,
    );
    this.#buffers.add(buffer);
    return buffer;
  }

  free(buffer: GPUBuffer): void {
    if (this.#buffers.delete(buffer)) buffer.destroy();
  }

  /** `Device.table`, with errors that go to the session. */
  table(factors: Factors, first: Sign): GPUBuffer {
    return this.device.table(factors, first, this.#onError);
  }

  /** Compiles kernels in the background; rejects where one cannot be compiled. */
  async compile(kernels: readonly { key: string; write: () => Kernel }[]): Promise<void> {
    await this.#watch(() => Promise.all(kernels.map(({ key, write }) => this.device.compile(key, write))));
  }

  /** The kernel of this key, compiled at once where it is new. */
  compileNow(key: string, write: () => Kernel): CompiledKernel {
    return this.device.compileNow(key, write, this.#onError);
  }

  /** A bind group of the kernel; the order of resources is that of its bindings. */
  bindGroup({ pipeline }: CompiledKernel, resources: readonly GPUBufferBinding[]): GPUBindGroup {
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    return this.#watch(() => {
      return this.device.gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    });
  }

  /** `numbers`: how many the kernel processes, all starts together. `offsets`: of what it binds dynamically. */
  dispatch(
    kernel: CompiledKernel,
    bindGroup: GPUBindGroup,
    starts: number,
    numbers: number,
    offsets: readonly number[] = [],
  ): void {
    this.#check();
    this.#pass ??= this.#open().beginComputePass();
    const across = Math.min(kernel.workgroups, MOST_WORKGROUPS);
    this.#pass.setPipeline(kernel.pipeline);
    this.#pass.setBindGroup(0, bindGroup, offsets);
    this.#pass.dispatchWorkgroups(across, Math.ceil(kernel.workgroups / across), starts);
    this.#dispatches += 1;
    this.#numbers += numbers;
    if (this.#dispatches >= MOST_DISPATCHES || this.#numbers >= MOST_NUMBERS) this.#flush();
  }

  copy(from: GPUBuffer, offset: number, to: GPUBuffer, at: number, bytes: number): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#open().copyBufferToBuffer(from, offset, to, at, bytes);
  }

  /** Takes effect after everything recorded so far. */
  upload(buffer: GPUBuffer, offset: number, data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    this.#check();
    // The queue writes at once, ahead of commands that are not submitted yet.
    this.#flush();
    this.uploadAhead(buffer, offset, data);
  }

  /** For a range that nothing recorded so far uses: it need not be submitted before. */
  uploadAhead(buffer: GPUBuffer, offset: number, data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    this.#check();
    this.#watch(() => this.device.gpu.queue.writeBuffer(buffer, offset, data));
    this.counts.uploads += 1;
    this.counts.uploadedBytes += data.byteLength;
  }

  /** The range as it is once everything recorded so far is done. Copies are in the order of calls. */
  async download({ buffer, offset, bytes }: BufferRange): Promise<Float32Array> {
    this.#check();
    const staging = this.#takeStaging(bytes);
    try {
      this.copy(buffer, offset, staging, 0, bytes);
      this.#flush();
      this.counts.downloads += 1;
      this.counts.downloadedBytes += bytes;
      await this.#watch(() => staging.mapAsync(MAP_READ, 0, bytes));
      const numbers = new Float32Array(staging.getMappedRange(0, bytes).slice(0));
      staging.unmap();
      await this.reported();
      this.#staging.push(staging);
      return numbers;
    } catch (error) {
      this.free(staging);
      throw await this.explain(error);
    }
  }

  /** Resolves when everything recorded so far has been carried out. */
  async finish(): Promise<void> {
    this.#check();
    this.#flush();
    try {
      await this.device.gpu.queue.onSubmittedWorkDone();
    } catch (error) {
      throw await this.explain(error);
    }
    await this.reported();
  }

  /** Resolves when WebGPU has reported the errors of everything asked so far; rejects with the first of the session's. */
  async reported(): Promise<void> {
    await this.device.reported();
    this.#check();
  }

  /** The error for something that was awaited and failed: the first cause, if one is known. */
  async explain(error: unknown): Promise<unknown> {
    if (this.#disposed) return new DisposedError();
    await this.device.reported();
    return this.device.explain(this.#failure ?? error);
  }

  /** Drops what has not been submitted, and frees all buffers. */
  dispose(): void {
    this.#disposed = true;
    this.#encoder = undefined;
    this.#pass = undefined;
    this.#buffers.forEach((buffer) => buffer.destroy());
    this.#buffers.clear();
  }

  #watch<T>(work: () => T, requiredBytes?: () => number): T {
    return this.device.watch(work, this.#onError, requiredBytes);
  }

  #check(): void {
    this.device.requireWorking();
    if (this.#failure) throw this.#failure;
  }

  /** Submits everything recorded so far, ahead of whatever the queue is given next. */
  #flush(): void {
    if (!this.#encoder) return;
    this.#pass?.end();
    const encoder = this.#encoder;
    this.#pass = undefined;
    this.#encoder = undefined;
    this.#dispatches = 0;
    this.#numbers = 0;
    const { queue } = this.device.gpu;
    this.#watch(() => queue.submit([encoder.finish()]));
  }

  #open(): GPUCommandEncoder {
    return (this.#encoder ??= this.device.gpu.createCommandEncoder());
  }

  /** A free buffer that is large enough. Where there is none, all free ones make room for a new one. */
  #takeStaging(bytes: number): GPUBuffer {
    const fitting = this.#staging.findIndex((buffer) => buffer.size >= bytes);
    if (fitting >= 0) return this.#staging.splice(fitting, 1)[0];
    this.#staging.splice(0).forEach((buffer) => this.free(buffer));
    return this.allocate('staging', bytes, GPU_BUFFER.MAP_READ | GPU_BUFFER.COPY_DST);
  }
}
