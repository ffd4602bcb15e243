/** Copies between host and device, counted. Downloads go through staging buffers that are used again and again. */
import { largestBuffer, type Buffers } from './buffers.js';
import type { Commands } from './commands.js';
import { GPU_BUFFER, type Device } from './device.js';

/** GPUMapMode.READ, which Node does not have as a global. */
const MAP_READ = 1;

export interface BufferRange {
  buffer: GPUBuffer;
  offset: number;
  bytes: number;
}

export class Transfers {
  readonly #device: Device;
  readonly #buffers: Buffers;
  readonly #commands: Commands;
  readonly #onError: (error: Error) => void;
  /** Staging buffers that are not in use. */
  readonly #free: GPUBuffer[] = [];
  readonly counts = { uploads: 0, uploadedBytes: 0, downloads: 0, downloadedBytes: 0 };

  /** `onError` gets failures of uploads, which become known later. */
  constructor(device: Device, buffers: Buffers, commands: Commands, onError: (error: Error) => void) {
    this.#device = device;
    this.#buffers = buffers;
    this.#commands = commands;
    this.#onError = onError;
  }

  /** Takes effect after everything recorded so far. */
  upload(buffer: GPUBuffer, offset: number, data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    // The queue writes at once, ahead of commands that are not submitted yet.
    this.#commands.flush();
    this.#device.watch(() => this.#device.gpu.queue.writeBuffer(buffer, offset, data), this.#onError);
    this.counts.uploads += 1;
    this.counts.uploadedBytes += data.byteLength;
  }

  /** The ranges one after the other, as they are once everything recorded so far is done. */
  async download(ranges: readonly BufferRange[]): Promise<Float32Array> {
    // All copies are submitted before the first is awaited, so that nothing comes in between.
    const pieces = await Promise.all(this.#pieces(ranges).map((piece) => this.#downloadPiece(piece)));
    if (pieces.length === 1) return pieces[0];
    const numbers = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      numbers.set(piece, at);
      at += piece.length;
    }
    return numbers;
  }

  /** Splits the ranges wherever a staging buffer is full. */
  #pieces(ranges: readonly BufferRange[]): BufferRange[][] {
    const most = Math.floor(largestBuffer(this.#device).bytes / 4) * 4;
    const pieces: BufferRange[][] = [];
    let room = 0;
    for (const { buffer, offset, bytes } of ranges) {
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

  async #downloadPiece(ranges: readonly BufferRange[]): Promise<Float32Array> {
    const bytes = ranges.reduce((sum, range) => sum + range.bytes, 0);
    const staging = this.#staging(bytes);
    try {
      let at = 0;
      for (const range of ranges) {
        this.#commands.copy(range.buffer, range.offset, staging, at, range.bytes);
        at += range.bytes;
      }
      this.#commands.flush();
      this.counts.downloads += 1;
      this.counts.downloadedBytes += bytes;
      // `guard` explains what is wrong with the buffer better than the promise does.
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

  /** A free buffer that is large enough. Where there is none, all free ones make room for a new one. */
  #staging(bytes: number): GPUBuffer {
    const fitting = this.#free.findIndex((buffer) => buffer.size >= bytes);
    if (fitting >= 0) return this.#free.splice(fitting, 1)[0];
    this.#free.splice(0).forEach((buffer) => this.#buffers.free(buffer));
    return this.#buffers.allocate('staging', bytes, GPU_BUFFER.MAP_READ | GPU_BUFFER.COPY_DST);
  }
}
