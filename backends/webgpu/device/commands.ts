/**
 * Records commands, and submits them when a caller waits for them or when enough have gathered: a submission costs as
 * much as dozens of dispatches.
 */
import type { Device } from './device.js';
import { MOST_WORKGROUPS } from '../wgsl/kernel.js';
import type { CompiledKernel } from './pipelines.js';

/** Most that is recorded before it is submitted: dispatches, and numbers that they process. */
const MOST_DISPATCHES = 512;
const MOST_NUMBERS = 2 ** 29;

export class Commands {
  readonly #device: Device;
  readonly #onError: (error: Error) => void;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #dispatches = 0;
  #numbers = 0;

  constructor(device: Device, onError: (error: Error) => void) {
    this.#device = device;
    this.#onError = onError;
  }

  /** `numbers`: how many the kernel processes, all starts together. */
  dispatch(kernel: CompiledKernel, bindGroup: GPUBindGroup, starts: number, numbers: number): void {
    this.#pass ??= this.#open().beginComputePass();
    const across = Math.min(kernel.workgroups, MOST_WORKGROUPS);
    this.#pass.setPipeline(kernel.pipeline);
    this.#pass.setBindGroup(0, bindGroup);
    this.#pass.dispatchWorkgroups(across, Math.ceil(kernel.workgroups / across), starts);
    this.#dispatches += 1;
    this.#numbers += numbers;
    if (this.#dispatches >= MOST_DISPATCHES || this.#numbers >= MOST_NUMBERS) this.flush();
  }

  copy(from: GPUBuffer, offset: number, to: GPUBuffer, at: number, bytes: number): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#open().copyBufferToBuffer(from, offset, to, at, bytes);
  }

  /** Submits everything recorded so far, ahead of whatever the queue is given next. */
  flush(): void {
    if (!this.#encoder) return;
    this.#pass?.end();
    const encoder = this.#encoder;
    this.#pass = undefined;
    this.#encoder = undefined;
    this.#dispatches = 0;
    this.#numbers = 0;
    const { gpu } = this.#device;
    this.#device.watch(() => gpu.queue.submit([encoder.finish()]), this.#onError);
  }

  /** Drops what has not been submitted. */
  discard(): void {
    this.#encoder = undefined;
    this.#pass = undefined;
  }

  #open(): GPUCommandEncoder {
    return (this.#encoder ??= this.#device.gpu.createCommandEncoder());
  }
}
