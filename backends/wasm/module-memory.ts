/**
 * What sessions of images and of scans have in common: an instance of the module to themselves, buffers lent for single
 * calls, counts of what was copied, and errors where memory runs out. Results come out through such buffers.
 */
import { OutOfMemoryError } from '../../src/errors.js';
import type { MemoryReport, Precision, RealArray } from '../../src/types.js';
import { BYTES_PER_NUMBER, type Exports, type Pointer, type WasmInstance } from './instance.js';

/** What 32-bit addresses reach. */
export const MEMORY_LIMIT = 2 ** 32;

/** The module's data, its stack and what the allocator keeps for itself. */
const FIXED_BYTES = 2 ** 19;

export class ModuleMemory {
  readonly #precision: Precision;
  /** Names what the session is for in errors. */
  readonly #what: string;
  #instance: WasmInstance | undefined;
  readonly #traffic = { uploads: 0, uploadedBytes: 0, downloads: 0, downloadedBytes: 0 };

  constructor(instance: WasmInstance, precision: Precision, what: string) {
    this.#instance = instance;
    this.#precision = precision;
    this.#what = `${what} in ${precision} precision`;
  }

  get call(): Exports {
    return this.#live.call;
  }

  /** Throws where a session that needs so many bytes, beside those of the module, is beyond what there can be. */
  requireRoom(bytes: number): void {
    if (FIXED_BYTES + bytes > MEMORY_LIMIT) throw outOfMemory(this.#what, FIXED_BYTES + bytes);
  }

  /** Throws where the module has returned that memory ran out. `bytes`: what the session needs. */
  require(succeeded: number, bytes: number): void {
    if (!succeeded) throw outOfMemory(this.#what, FIXED_BYTES + bytes);
  }

  /** Allocates memory that is the session's until its end. */
  allocate(bytes: number): Pointer {
    const buffer = this.call.rephase_allocate(bytes);
    if (!buffer && bytes > 0) throw outOfMemory(this.#what, this.#live.memoryBytes + bytes);
    return buffer;
  }

  /** Lends a buffer for one call. */
  lend<Result>(bytes: number, use: (buffer: Pointer) => Result): Result {
    const buffer = this.allocate(bytes);
    try {
      return use(buffer);
    } finally {
      this.call.rephase_free(buffer);
    }
  }

  bytesOf(numbers: number): number {
    return numbers * BYTES_PER_NUMBER[this.#precision];
  }

  /** Copies numbers in, as numbers of the session's precision or another. */
  put(at: Pointer, numbers: RealArray, precision = this.#precision): void {
    this.#live.numbers(at, numbers.length, precision).set(numbers);
  }

  putBytes(at: Pointer, bytes: Uint8Array): void {
    this.#live.bytes(at, bytes.length).set(bytes);
  }

  /** A view of numbers, valid until the next call into the module that may allocate. */
  view(at: Pointer, length: number, precision = this.#precision): RealArray {
    return this.#live.numbers(at, length, precision);
  }

  /** Copies numbers out, and counts them. */
  take(at: Pointer, length: number, precision = this.#precision): RealArray {
    const numbers = this.view(at, length, precision).slice();
    this.countDownload(numbers.byteLength);
    return numbers;
  }

  /** The same of bytes. */
  takeBytes(at: Pointer, length: number): Uint8Array {
    this.countDownload(length);
    return this.#live.bytes(at, length).slice();
  }

  countUpload(bytes: number): void {
    this.#traffic.uploads += 1;
    this.#traffic.uploadedBytes += bytes;
  }

  countDownload(bytes: number): void {
    this.#traffic.downloads += 1;
    this.#traffic.downloadedBytes += bytes;
  }

  report(): MemoryReport {
    return { deviceBytes: this.#live.memoryBytes, hostBytes: 0, ...this.#traffic };
  }

  /** Ends the session by one last call. The memory is the garbage collector's as soon as nothing refers to the instance. */
  dispose(end: (call: Exports) => void): void {
    if (this.#instance) end(this.#instance.call);
    this.#instance = undefined;
  }

  get #live(): WasmInstance {
    if (!this.#instance) throw new Error('a backend session was used after dispose(): a defect of rephase');
    return this.#instance;
  }
}

/** Carries the work out now, and returns its outcome as a promise. */
export function promised<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

function outOfMemory(what: string, required: number): OutOfMemoryError {
  const limit = 'the wasm backend can address 4 GiB (4294967296 bytes)';
  const within = required <= MEMORY_LIMIT ? ', and the system would not give that much' : '';
  const message = `${what} need ${gibibytes(required)} GiB (${Math.ceil(required)} bytes); ${limit}${within}`;
  return new OutOfMemoryError(message, Math.ceil(required), MEMORY_LIMIT);
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toPrecision(3);
}
