/** Copies from the device to the host, through staging buffers that are used again and again. */
import { largestBuffer, type Buffers } from './buffers.js';
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
    // All copies are on their way before the first is waited for, so that nothing comes in between.
    const pieces = await Promise.all(this.#pieces(stretches).map((piece) => this.#readPiece(piece)));
    if (pieces.length === 1) return pieces[0];
    const numbers = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      numbers.set(piece, at);
      at += piece.length;
    }
    return numbers;
  }

  /** Split where a staging buffer is full. */
  #pieces(stretches: readonly Stretch[]): Stretch[][] {
    const most = Math.floor(largestBuffer(this.#device).bytes / 4) * 4;
    const pieces: Stretch[][] = [];
    let room = 0;
    for (const { buffer, offset, bytes } of stretches) {
      for (let done = 0; done < bytes;) {
        if (room === 0) {
          pieces.push([]);
          room = most;
        }
        const taken = Math.min(room, bytes - done);
        pieces[pieces.length - 1].push({ buffer, offset: offset + done, bytes: taken });
        done += taken;
        room -= taken;
      }
    }
    return pieces;
  }

  async #readPiece(stretches: readonly Stretch[]): Promise<Float32Array> {
    const bytes = stretches.reduce((sum, stretch) => sum + stretch.bytes, 0);
    const staging = this.#take(bytes);
    try {
      let at = 0;
      for (const stretch of stretches) {
        this.#commands.copy(stretch.buffer, stretch.offset, staging, at, stretch.bytes);
        at += stretch.bytes;
      }
      this.#commands.flush();
      this.downloads += 1;
      this.downloadedBytes += bytes;
      // What is wrong with the buffer, `guard` says better than the promise.
      await this.#device.guard(() => staging.mapAsync(MAP_READ, 0, bytes));
      const copy = new Float32Array(staging.getMappedRange(0, bytes).slice(0));
      staging.unmap();
      this.#free.push(staging);
      return copy;
    } catch (error) {
      this.#buffers.free(staging);
      throw error;
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
