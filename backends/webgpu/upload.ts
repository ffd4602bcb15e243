/** Copies from the host to the device, counted. */
import type { Commands } from './commands.js';
import type { Device } from './device.js';

export class Upload {
  readonly #device: Device;
  readonly #commands: Commands;
  readonly #onError: (error: Error) => void;
  uploads = 0;
  uploadedBytes = 0;

  constructor(device: Device, commands: Commands, onError: (error: Error) => void) {
    this.#device = device;
    this.#commands = commands;
    this.#onError = onError;
  }

  /** After everything encoded so far. */
  write(buffer: GPUBuffer, offset: number, data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    // The queue takes this before what is recorded and not handed over yet.
    this.#commands.flush();
    this.#device.watch(() => this.#device.gpu.queue.writeBuffer(buffer, offset, data), this.#onError);
    this.uploads += 1;
    this.uploadedBytes += data.byteLength;
  }
}
