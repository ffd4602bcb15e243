/** Copies from the device to the host, through staging buffers that are used again and again. */
import type { Buffers } from './buffers.js';
import type { Commands } from './commands.js';
import { GPU_BUFFER, type Device } from './device.js';

/** GPUMapMode.READ, which Node does not have as a global. */
const MAP_READ = 1;

/** A stretch of a buffer. */
export interface Stretch {
  buffer: GPUBuffer;
  offset: number;
  bytes: number;
}

export class Readback {
  readonly #device: Device;
  readonly #buffers: Buffers;
  readonly #commands: Commands;
  readonly #free: GPUBuffer[] = [];
  downloads = 0;
  downloadedBytes = 0;

  constructor(device: Device, buffers: Buffers, commands: Commands) {
    this.#device = device;
    this.#buffers = buffers;
    this.#commands = commands;
  }

  /** The stretches behind each other, as they are once everything encoded so far is done. */
  async read(stretches: readonly Stretch[]): Promise<Float32Array> {
    const bytes = stretches.reduce((sum, stretch) => sum + stretch.bytes, 0);
    if (bytes === 0) return new Float32Array(0);
    const staging = this.#take(bytes);
    let at = 0;
    for (const stretch of stretches) {
      this.#commands.copy(stretch.buffer, stretch.offset, staging, at, stretch.bytes);
      at += stretch.bytes;
    }
    this.#commands.flush();
    this.downloads += 1;
    this.downloadedBytes += bytes;
    try {
      await staging.mapAsync(MAP_READ, 0, bytes);
      const copy = new Float32Array(staging.getMappedRange(0, bytes).slice(0));
      staging.unmap();
      this.#free.push(staging);
      return copy;
    } catch (error) {
      throw await this.#device.explain(error);
    }
  }

  /** A free one that is large enough; where there is none, all free ones make room for a new one. */
  #take(bytes: number): GPUBuffer {
    const fitting = this.#free.findIndex((buffer) => buffer.size >= bytes);
    if (fitting >= 0) return this.#free.splice(fitting, 1)[0];
    this.#free.splice(0).forEach((buffer) => this.#buffers.free(buffer));
    return this.#buffers.allocate('staging', bytes, GPU_BUFFER.MAP_READ | GPU_BUFFER.COPY_DST);
  }
}
