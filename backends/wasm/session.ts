/**
 * `BackendSession` over the WebAssembly module. Each session has an instance of its own, so that its memory goes back
 * when it is disposed of and the 4 GiB that a module can address are the session's alone. The iteration's arrays live
 * in that memory; results come out through a small staging buffer.
 */
import type { BackendProblem, BackendSession } from '../../src/backends/interface.js';
import { OutOfMemoryError } from '../../src/errors.js';
import { ALGORITHMS, type MemoryReport, type Precision, type RealArray } from '../../src/types.js';
import { BYTES_PER_NUMBER, WasmInstance, type Pointer } from './instance.js';

/** What 32-bit addresses reach. */
export const MEMORY_LIMIT = 2 ** 32;

/** The module's data, its stack and what the allocator keeps for itself. */
const FIXED_BYTES = 2 ** 19;
const STAGING_BYTES = 2 ** 18;
/** As many as the core keeps. */
const RECORDS = 1024;

export class WasmSession implements BackendSession {
  readonly #problem: Pick<BackendProblem, 'shape' | 'precision' | 'starts'>;
  readonly #required: number;
  #instance: WasmInstance | undefined;
  #session: Pointer = 0;
  /** No fewer than the records that wait to be taken. */
  #records = 0;
  #uploads = 0;
  #uploadedBytes = 0;
  #downloads = 0;
  #downloadedBytes = 0;

  static async create(module: WebAssembly.Module, problem: BackendProblem): Promise<WasmSession> {
    const instance = await WasmInstance.create(module);
    const required = requiredBytes(instance, problem);
    if (required > MEMORY_LIMIT) throw outOfMemory(problem, required);
    return new WasmSession(instance, problem, required);
  }

  private constructor(instance: WasmInstance, problem: BackendProblem, required: number) {
    const { shape, precision, starts } = problem;
    this.#instance = instance;
    this.#problem = { shape, precision, starts };
    this.#required = required;
    this.#session = instance.call.rephase_session_create(...describe(problem), problem.beta);
    if (!this.#session) throw outOfMemory(problem, required);
    this.#uploadProblem(problem);
  }

  inverse(): void {
    this.#require(this.#call.rephase_session_inverse(this.#session));
  }

  constrainObject(first: boolean): void {
    this.#require(this.#call.rephase_session_constrain_object(this.#session, Number(first)));
  }

  forward(): void {
    this.#call.rephase_session_forward(this.#session);
  }

  constrainFourier(): void {
    this.#call.rephase_session_constrain_fourier(this.#session);
    this.#records += 1;
  }

  iterate(count: number, first: boolean): void {
    this.#call.rephase_session_iterate(this.#session, count, Number(first));
    this.#records += count;
  }

  settle(): void {
    this.#require(this.#call.rephase_session_settle(this.#session));
    this.#records += 1;
  }

  // Not `async`: what a session does takes effect when it is called.
  takeResiduals(): Promise<Float64Array> {
    return settledBy(() => {
      const { starts } = this.#problem;
      return this.#staged(Math.min(this.#records, RECORDS) * starts * 8, (out) => {
        this.#records = 0;
        const records = this.#call.rephase_session_take_residuals(this.#session, out);
        return this.#download(out, records * starts, 'double') as Float64Array;
      });
    });
  }

  readObject(start: number): Promise<RealArray> {
    return settledBy(() =>
      this.#readRows(1, (row, rows, out) =>
        this.#call.rephase_session_read_object(this.#session, start, row, rows, out),
      ),
    );
  }

  readSpectrum(start: number): Promise<RealArray> {
    return settledBy(() =>
      this.#readRows(2, (row, rows, out) =>
        this.#call.rephase_session_read_spectrum(this.#session, start, row, rows, out),
      ),
    );
  }

  writeObject(start: number, object: RealArray, asIterate: boolean): void {
    const [rows, columns] = this.#problem.shape;
    const atOnce = this.#rowsAtOnce(columns);
    this.#staged(atOnce * columns * this.#bytesPerNumber, (staging) => {
      for (let row = 0; row < rows; row += atOnce) {
        const count = Math.min(atOnce, rows - row);
        this.#copyIn(staging, object.subarray(row * columns, (row + count) * columns));
        this.#require(
          this.#call.rephase_session_write_object(this.#session, start, row, count, staging, Number(asIterate)),
        );
      }
    });
    this.#countUpload(object.length * this.#bytesPerNumber);
  }

  keepObject(start: number): void {
    this.#call.rephase_session_keep_object(this.#session, start);
  }

  writeSpectrum(start: number, spectrum: RealArray): void {
    this.#staged(spectrum.length * this.#bytesPerNumber, (staging) => {
      this.#copyIn(staging, spectrum);
      this.#call.rephase_session_write_spectrum(this.#session, start, staging);
    });
    this.#countUpload(spectrum.length * this.#bytesPerNumber);
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  memory(): MemoryReport {
    return {
      deviceBytes: this.#instance?.memoryBytes ?? 0,
      hostBytes: 0,
      uploads: this.#uploads,
      uploadedBytes: this.#uploadedBytes,
      downloads: this.#downloads,
      downloadedBytes: this.#downloadedBytes,
    };
  }

  /** The memory is the garbage collector's as soon as nothing refers to the instance. */
  dispose(): void {
    this.#instance?.call.rephase_session_destroy(this.#session);
    this.#session = 0;
    this.#instance = undefined;
  }

  /**
   * All is staged in one buffer that is as large as an object's array or a little more, so that the object finds its
   * place there when it is first needed.
   */
  #uploadProblem({ magnitudes, mask, support, scale, seeded, shape }: BackendProblem): void {
    const [rows, columns] = shape;
    const pixels = rows * columns;
    const room = Math.ceil(rows / 8) * 8 * columns * this.#bytesPerNumber + 256;
    this.#staged(room, (staged) => {
      if (support) {
        this.#live.bytes(staged, pixels).set(support);
        this.#require(this.#call.rephase_session_set_support(this.#session, staged));
        this.#countUpload(pixels);
      }
      this.#staged(mask ? pixels : 0, (stagedMask) => {
        this.#copyIn(staged, magnitudes);
        if (mask) this.#live.bytes(stagedMask, pixels).set(mask);
        this.#countUpload(pixels * this.#bytesPerNumber + (mask?.length ?? 0));
        const maskOrNone = mask ? stagedMask : 0;
        this.#call.rephase_session_set_magnitudes(this.#session, staged, maskOrNone, scale);
        if (!seeded) return;
        const { seed, firstStart } = seeded;
        const [low, high] = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)];
        this.#call.rephase_session_start_from_seed(this.#session, staged, maskOrNone, low, high, firstStart);
      });
    });
  }

  #readRows(width: 1 | 2, read: (row: number, rows: number, out: Pointer) => void): RealArray {
    const { shape, precision } = this.#problem;
    const [rows, columns] = shape;
    const length = width * columns;
    const result = new (precision === 'single' ? Float32Array : Float64Array)(rows * length);
    const atOnce = this.#rowsAtOnce(length);
    this.#staged(atOnce * length * this.#bytesPerNumber, (out) => {
      for (let row = 0; row < rows; row += atOnce) {
        const count = Math.min(atOnce, rows - row);
        read(row, count, out);
        result.set(this.#live.numbers(out, count * length, precision), row * length);
      }
    });
    this.#countDownload(result.byteLength);
    return result;
  }

  #rowsAtOnce(length: number): number {
    return Math.min(this.#problem.shape[0], Math.max(1, Math.floor(STAGING_BYTES / (length * this.#bytesPerNumber))));
  }

  #copyIn(at: Pointer, array: RealArray): void {
    this.#live.numbers(at, array.length, this.#problem.precision).set(array);
  }

  #download(at: Pointer, length: number, precision: Precision): RealArray {
    const copy = this.#live.numbers(at, length, precision).slice();
    this.#countDownload(copy.byteLength);
    return copy;
  }

  /** Lends a buffer in the module's memory for one call. */
  #staged<T>(bytes: number, use: (buffer: Pointer) => T): T {
    const buffer = this.#call.rephase_allocate(bytes);
    if (!buffer && bytes > 0) throw outOfMemory(this.#problem, this.#live.memoryBytes + bytes);
    try {
      return use(buffer);
    } finally {
      this.#call.rephase_free(buffer);
    }
  }

  #countUpload(bytes: number): void {
    this.#uploads += 1;
    this.#uploadedBytes += bytes;
  }

  #countDownload(bytes: number): void {
    this.#downloads += 1;
    this.#downloadedBytes += bytes;
  }

  #require(succeeded: number): void {
    if (!succeeded) throw outOfMemory(this.#problem, this.#required);
  }

  get #live(): WasmInstance {
    if (!this.#instance) throw new Error('a backend session was used after dispose(): a defect of rephase');
    return this.#instance;
  }

  get #call() {
    return this.#live.call;
  }

  get #bytesPerNumber(): number {
    return BYTES_PER_NUMBER[this.#problem.precision];
  }
}

/** The leading arguments that creating a session and estimating it share. */
function describe({ shape, precision, starts, algorithm }: BackendProblem) {
  return [BYTES_PER_NUMBER[precision], ...shape, starts, ALGORITHMS.indexOf(algorithm)] as const;
}

/** The most that the session will occupy. What is staged for its creation lies where the object's array will be. */
function requiredBytes(instance: WasmInstance, problem: BackendProblem): number {
  const pixels = problem.shape[0] * problem.shape[1];
  const mask = problem.mask ? pixels : 0;
  const spectrum = problem.seeded ? 0 : 2 * BYTES_PER_NUMBER[problem.precision] * pixels;
  const records = RECORDS * 8 * problem.starts;
  const session = instance.call.rephase_session_bytes_needed(...describe(problem));
  return FIXED_BYTES + session + Math.max(mask, spectrum, records);
}

/** Carries the work out now, and its outcome as a promise. */
function settledBy<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

function outOfMemory(
  { shape, starts, precision }: Pick<BackendProblem, 'shape' | 'starts' | 'precision'>,
  required: number,
): OutOfMemoryError {
  const many = starts === 1 ? '' : `${starts} starts of `;
  const what = `${many}${shape.join(' × ')} pixels in ${precision} precision`;
  const limit = 'the wasm backend can address 4 GiB (4294967296 bytes)';
  const within = required <= MEMORY_LIMIT ? ', and the system would not give that much' : '';
  const message = `${what} need ${gibibytes(required)} GiB (${Math.ceil(required)} bytes); ${limit}${within}`;
  return new OutOfMemoryError(message, Math.ceil(required), MEMORY_LIMIT);
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toPrecision(3);
}
