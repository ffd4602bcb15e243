/**
 * Allocates, counts and frees the buffers of one session. Refuses what exceeds the device's limit of a buffer before it
 * asks the device for it.
 */
import { OutOfMemoryError } from '../../../src/errors.js';
import { GPU_BUFFER, type Device } from './device.js';
import { roundUp } from '../wgsl/plan.js';

export const STORAGE = GPU_BUFFER.STORAGE | GPU_BUFFER.COPY_SRC | GPU_BUFFER.COPY_DST;
export const UNIFORM = GPU_BUFFER.UNIFORM | GPU_BUFFER.COPY_DST;

export class Buffers {
  readonly #device: Device;
  readonly #onError: (error: Error) => void;
  readonly #expected: number;
  readonly #live = new Set<GPUBuffer>();
  #bytes = 0;

  /** `onError` gets failures of allocations, which become known later. `expected`: bytes that will be allocated in all. */
  constructor(device: Device, onError: (error: Error) => void, expected = 0) {
    this.#device = device;
    this.#onError = onError;
    this.#expected = expected;
  }

  get bytes(): number {
    return this.#bytes;
  }

  allocate(label: string, bytes: number, usage: number = STORAGE): GPUBuffer {
    const size = roundUp(Math.max(bytes, 4), 4);
    requireFits(this.#device, label, size);
    const create = () => this.#device.gpu.createBuffer({ label, size, usage });
    const buffer = this.#device.watch(create, this.#onError, Math.max(this.#expected, this.#bytes + size));
    this.#live.add(buffer);
    this.#bytes += size;
    return buffer;
  }

  free(buffer: GPUBuffer): void {
    if (!this.#live.delete(buffer)) return;
    this.#bytes -= buffer.size;
    buffer.destroy();
  }

  freeAll(): void {
    this.#live.forEach((buffer) => buffer.destroy());
    this.#live.clear();
    this.#bytes = 0;
  }
}

/** The most bytes that one buffer can have and a kernel can bind, and the name of the limit. */
export function largestBuffer({ gpu: { limits } }: Device): { bytes: number; limit: string } {
  const limit =
    limits.maxBufferSize < limits.maxStorageBufferBindingSize ? 'maxBufferSize' : 'maxStorageBufferBindingSize';
  return { bytes: limits[limit], limit };
}

export function requireFits(device: Device, what: string, bytes: number): void {
  const largest = largestBuffer(device);
  if (bytes <= largest.bytes) return;
  const message = `the ${what} takes a buffer of ${bytes} bytes; this WebGPU device's ${largest.limit} is ${largest.bytes}`;
  throw new OutOfMemoryError(message, bytes, largest.bytes);
}
