/**
 * `BackendSession` over the WebAssembly module. Each session has an instance of its own, so that its memory goes back
 * when it is disposed of and the 4 GiB that a module can address are the session's alone. The iteration's arrays live
 * in that memory; results come out through a small staging buffer.
 */
import type { BackendProblem, BackendSession, Batch, Pattern, ShrinkSupport } from '../../src/backends/interface.js';
import { OutOfMemoryError } from '../../src/errors.js';
import { coefficients, type Rule } from '../../src/rules.js';
import type { MemoryReport, Precision, RealArray, Shape } from '../../src/types.js';
import { BYTES_PER_NUMBER, type WasmInstance, type Pointer } from './instance.js';

/** What 32-bit addresses reach. */
export const MEMORY_LIMIT = 2 ** 32;

/** The module's data, its stack and what the allocator keeps for itself. */
export const FIXED_BYTES = 2 ** 19;
const STAGING_BYTES = 2 ** 18;
/** As many as the core keeps. */
const RECORDS = 1024;

/** What the sizes of a session follow from. */
interface Size {
  shape: Shape;
  starts: number;
  precision: Precision;
  withIterate: boolean;
}

export class WasmSession implements BackendSession {
  readonly #size: Size;
  #instance: WasmInstance | undefined;
  #session: Pointer = 0;
  /** The rule that the core has. */
  #rule: Rule | undefined;
  readonly #traffic = { uploads: 0, uploadedBytes: 0, downloads: 0, downloadedBytes: 0 };

  constructor(instance: WasmInstance, { pattern, batch, precision, support, rule }: BackendProblem) {
    this.#instance = instance;
    this.#size = { shape: pattern.shape, starts: batch.starts, precision, withIterate: rule.keepsIterate };
    const mask = pattern.mask?.length ?? 0;
    const staging = batch.seeded ? mask : Math.max(mask, 2 * pattern.magnitudes.length * this.#bytesPerNumber);
    this.#require(this.#bytesNeeded(staging) <= MEMORY_LIMIT, staging);
    this.#session = instance.call.rephase_create(...describe(this.#size));
    this.#require(this.#session, staging);
    this.#uploadPattern(pattern, batch, support);
  }

  inverse(): void {
    this.#require(this.#call.rephase_inverse(this.#session));
  }

  constrainObject(rule: Rule): void {
    this.#use(rule);
    this.#require(this.#call.rephase_constrain_object(this.#session));
  }

  forward(): void {
    this.#call.rephase_forward(this.#session);
  }

  constrainFourier(rule: Rule): void {
    this.#use(rule);
    this.#call.rephase_constrain_fourier(this.#session);
  }

  iterate(count: number, rule: Rule): void {
    this.#use(rule);
    this.#require(this.#call.rephase_iterate(this.#session, count));
  }

  completeIteration(): void {
    this.#require(this.#call.rephase_complete_iteration(this.#session));
  }

  setSupport(support: Uint8Array | undefined): void {
    this.#staged(support?.length ?? 0, (staged) => this.#passSupport(staged, support));
  }

  shrinkSupport({ sigma, threshold, least, most }: ShrinkSupport): void {
    this.#require(this.#call.rephase_shrink_support(this.#session, sigma, threshold, least, most));
  }

  readSupport(start: number): Promise<Uint8Array> {
    const [rows, columns] = this.#size.shape;
    return promised(() =>
      this.#staged(rows * columns, (out) => {
        this.#call.rephase_read_support(this.#session, start, out);
        this.#countDownload(rows * columns);
        return this.#live.bytes(out, rows * columns).slice();
      }),
    );
  }

  measureObject(projection: Rule): void {
    this.#use(projection);
    this.#call.rephase_measure_object(this.#session);
  }

  // Not `async`: the work takes effect when it is called for.
  takeResiduals(): Promise<Float64Array> {
    return promised(() => {
      const length = this.#call.rephase_records(this.#session) * this.#size.starts;
      return this.#staged(8 * length, (out) => {
        this.#call.rephase_take_residuals(this.#session, out);
        const sums = this.#live.numbers(out, length, 'double').slice() as Float64Array;
        this.#countDownload(sums.byteLength);
        return sums;
      });
    });
  }

  readObject(start: number): Promise<RealArray> {
    return this.#readRows('rephase_read_object', start, this.#size.shape[1]);
  }

  readSpectrum(start: number): Promise<RealArray> {
    return this.#readRows('rephase_read_spectrum', start, 2 * this.#size.shape[1]);
  }

  writeObject(start: number, object: RealArray, asIterate: boolean): void {
    if (asIterate) this.#size.withIterate = true;
    this.#writeRows(object, (row, count, staging) =>
      this.#require(this.#call.rephase_write_object(this.#session, start, row, count, staging, Number(asIterate))),
    );
  }

  readHalf(start: number): Promise<RealArray> {
    return this.#readRows('rephase_read_half', start, 2 * Math.ceil(this.#size.shape[1] / 2));
  }

  writeHalf(start: number, half: RealArray): void {
    this.#writeRows(half, (row, count, staging) =>
      this.#call.rephase_write_half(this.#session, start, row, count, staging),
    );
  }

  readThreshold(start: number): number {
    return this.#call.rephase_threshold(this.#session, start);
  }

  writeThreshold(start: number, threshold: number): void {
    this.#call.rephase_set_threshold(this.#session, start, threshold);
  }

  keepObject(start: number): void {
    this.#size.withIterate = true;
    this.#require(this.#call.rephase_keep_object(this.#session, start));
  }

  writeSpectrum(start: number, spectrum: RealArray): void {
    this.#staged(spectrum.length * this.#bytesPerNumber, (staging) => {
      this.#copyIn(staging, spectrum);
      this.#call.rephase_write_spectrum(this.#session, start, staging);
    });
    this.#countUpload(spectrum.length * this.#bytesPerNumber);
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  memory(): MemoryReport {
    return { deviceBytes: this.#live.memoryBytes, hostBytes: 0, ...this.#traffic };
  }

  /** The memory is the garbage collector's as soon as nothing refers to the instance. */
  dispose(): void {
    this.#instance?.call.rephase_destroy(this.#session);
    this.#session = 0;
    this.#instance = undefined;
  }

  /** Passes a rule to the core, where it is another than the last. */
  #use(rule: Rule): void {
    if (rule === this.#rule) return;
    if (rule.keepsIterate) this.#size.withIterate = true;
    this.#call.rephase_use_rule(this.#session, ...coefficients(rule), Number(rule.keepsIterate));
    this.#rule = rule;
  }

  /**
   * Everything is staged in one buffer as large as an object's array or a little more, which leaves room for that array
   * when it is first needed.
   */
  #uploadPattern(
    { magnitudes, mask, scale, shape }: Pattern,
    { seeded }: Batch,
    support: Uint8Array | undefined,
  ): void {
    const [rows, columns] = shape;
    const pixels = rows * columns;
    const room = Math.ceil(rows / 8) * 8 * columns * this.#bytesPerNumber + 256;
    this.#staged(room, (staged) => {
      if (support) this.#passSupport(staged, support);
      this.#staged(mask ? pixels : 0, (stagedMask) => {
        this.#copyIn(staged, magnitudes);
        if (mask) this.#live.bytes(stagedMask, pixels).set(mask);
        this.#countUpload(pixels * this.#bytesPerNumber + (mask?.length ?? 0));
        const maskOrNone = mask ? stagedMask : 0;
        this.#call.rephase_set_magnitudes(this.#session, staged, maskOrNone, scale);
        if (!seeded) return;
        const { seed, firstStart } = seeded;
        const [low, high] = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)];
        this.#call.rephase_start_from_seed(this.#session, staged, maskOrNone, low, high, firstStart);
      });
    });
  }

  #passSupport(staged: Pointer, support: Uint8Array | undefined): void {
    if (support) this.#live.bytes(staged, support.length).set(support);
    this.#require(this.#call.rephase_set_support(this.#session, support ? staged : 0));
    if (support) this.#countUpload(support.length);
  }

  /** Stages an array some rows at a time, and has each piece written. */
  #writeRows(array: RealArray, write: (row: number, count: number, staging: Pointer) => void): void {
    const [rows] = this.#size.shape;
    const length = array.length / rows;
    const atOnce = this.#rowsAtOnce(length);
    this.#staged(atOnce * length * this.#bytesPerNumber, (staging) => {
      for (let row = 0; row < rows; row += atOnce) {
        const count = Math.min(atOnce, rows - row);
        this.#copyIn(staging, array.subarray(row * length, (row + count) * length));
        write(row, count, staging);
      }
    });
    this.#countUpload(array.length * this.#bytesPerNumber);
  }

  /** `length`: how many numbers a row has. */
  #readRows(
    read: 'rephase_read_object' | 'rephase_read_spectrum' | 'rephase_read_half',
    start: number,
    length: number,
  ): Promise<RealArray> {
    return promised(() => {
      const { shape, precision } = this.#size;
      const [rows] = shape;
      const result = new (precision === 'single' ? Float32Array : Float64Array)(rows * length);
      const atOnce = this.#rowsAtOnce(length);
      this.#staged(atOnce * length * this.#bytesPerNumber, (out) => {
        for (let row = 0; row < rows; row += atOnce) {
          const count = Math.min(atOnce, rows - row);
          this.#call[read](this.#session, start, row, count, out);
          result.set(this.#live.numbers(out, count * length, precision), row * length);
        }
      });
      this.#countDownload(result.byteLength);
      return result;
    });
  }

  #rowsAtOnce(length: number): number {
    return Math.min(this.#size.shape[0], Math.max(1, Math.floor(STAGING_BYTES / (length * this.#bytesPerNumber))));
  }

  #copyIn(at: Pointer, array: RealArray): void {
    this.#live.numbers(at, array.length, this.#size.precision).set(array);
  }

  /** Lends a buffer in the module's memory for one call. */
  #staged<T>(bytes: number, use: (buffer: Pointer) => T): T {
    const buffer = this.#call.rephase_allocate(bytes);
    if (!buffer && bytes > 0) throw outOfMemory(nameOf(this.#size), this.#live.memoryBytes + bytes);
    try {
      return use(buffer);
    } finally {
      this.#call.rephase_free(buffer);
    }
  }

  #countUpload(bytes: number): void {
    this.#traffic.uploads += 1;
    this.#traffic.uploadedBytes += bytes;
  }

  #countDownload(bytes: number): void {
    this.#traffic.downloads += 1;
    this.#traffic.downloadedBytes += bytes;
  }

  /** The most that the session will occupy, with `staging` bytes staged beside it. */
  #bytesNeeded(staging: number): number {
    const session = this.#call.rephase_bytes_needed(...describe(this.#size));
    return FIXED_BYTES + session + Math.max(staging, RECORDS * 8 * this.#size.starts);
  }

  #require(succeeded: number | boolean, staging = 0): void {
    if (!succeeded) throw outOfMemory(nameOf(this.#size), this.#bytesNeeded(staging));
  }

  get #live(): WasmInstance {
    if (!this.#instance) throw new Error('a backend session was used after dispose(): a defect of rephase');
    return this.#instance;
  }

  get #call() {
    return this.#live.call;
  }

  get #bytesPerNumber(): number {
    return BYTES_PER_NUMBER[this.#size.precision];
  }
}

/** The arguments that creating a session and estimating it share. */
function describe({ shape, starts, precision, withIterate }: Size) {
  return [BYTES_PER_NUMBER[precision], ...shape, starts, Number(withIterate)] as const;
}

/** Carries the work out now, and returns its outcome as a promise. */
export function promised<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

function nameOf({ shape, starts, precision }: Size): string {
  return `${starts === 1 ? '' : `${starts} starts of `}${shape.join(' × ')} pixels in ${precision} precision`;
}

export function outOfMemory(what: string, required: number): OutOfMemoryError {
  const limit = 'the wasm backend can address 4 GiB (4294967296 bytes)';
  const within = required <= MEMORY_LIMIT ? ', and the system would not give that much' : '';
  const message = `${what} need ${gibibytes(required)} GiB (${Math.ceil(required)} bytes); ${limit}${within}`;
  return new OutOfMemoryError(message, Math.ceil(required), MEMORY_LIMIT);
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toPrecision(3);
}
