/**
 * `BackendSession` over the WebAssembly module. Each session has an instance of its own, so that its memory goes back
 * when it is disposed of and the 4 GiB that a module can address are the session's alone. The iteration's arrays live
 * in that memory; results come out through a small staging buffer.
 */
import type { BackendProblem, BackendSession, Batch, Pattern, ShrinkSupport } from '../../src/backends/interface.js';
import { coefficients, complexCoefficients, type Rule } from '../../src/rules.js';
import type { MemoryReport, ObjectKind, Precision, RealArray, Shape } from '../../src/types.js';
import { BYTES_PER_NUMBER, type WasmInstance, type Pointer } from './instance.js';
import { ModuleMemory, promised } from './module-memory.js';

const STAGING_BYTES = 2 ** 18;
/** As many as the core keeps. */
const RECORDS = 1024;

/** What the sizes of a session follow from. */
interface Size {
  shape: Shape;
  starts: number;
  object: ObjectKind;
  precision: Precision;
  withIterate: boolean;
  withWeights: boolean;
}

export class WasmSession implements BackendSession {
  readonly #size: Size;
  readonly #memory: ModuleMemory;
  #session: Pointer = 0;
  /** The rule that the core has. */
  #rule: Rule | undefined;

  constructor(instance: WasmInstance, problem: BackendProblem) {
    const { pattern, batch, precision, object = 'real', objectMagnitudes, support, rule } = problem;
    const kept = { withIterate: rule.keepsIterate, withWeights: rule.fourier.weights !== undefined };
    this.#size = { shape: pattern.shape, starts: batch.starts, object, precision, ...kept };
    this.#memory = new ModuleMemory(instance, precision, nameOf(this.#size));
    const mask = pattern.mask?.length ?? 0;
    const staging = batch.seeded ? mask : Math.max(mask, this.#memory.bytesOf(2 * pattern.magnitudes.length));
    this.#memory.requireRoom(this.#bytesNeeded(staging));
    this.#session = this.#call.rephase_create(...describe(this.#size));
    this.#require(this.#session, staging);
    this.#uploadPattern(pattern, batch, support);
    if (objectMagnitudes) this.#passObjectMagnitudes(objectMagnitudes);
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
    this.#memory.lend(support?.length ?? 0, (staged) => this.#passSupport(staged, support));
  }

  shrinkSupport({ sigma, threshold, least, most }: ShrinkSupport): void {
    this.#require(this.#call.rephase_shrink_support(this.#session, sigma, threshold, least, most));
  }

  readSupport(start: number): Promise<Uint8Array> {
    const [rows, columns] = this.#size.shape;
    return promised(() =>
      this.#memory.lend(rows * columns, (out) => {
        this.#call.rephase_read_support(this.#session, start, out);
        return this.#memory.takeBytes(out, rows * columns);
      }),
    );
  }

  writeSupport(start: number, support: Uint8Array): void {
    this.#memory.lend(support.length, (staged) => {
      this.#memory.putBytes(staged, support);
      this.#require(this.#call.rephase_write_support(this.#session, start, staged));
    });
    this.#memory.countUpload(support.length);
  }

  measureObject(projection: Rule): void {
    this.#use(projection);
    this.#call.rephase_measure_object(this.#session);
  }

  // Not `async`: the work takes effect when it is called for.
  takeResiduals(): Promise<Float64Array> {
    return promised(() => {
      const length = this.#call.rephase_records(this.#session) * this.#size.starts;
      return this.#memory.lend(8 * length, (out) => {
        this.#call.rephase_take_residuals(this.#session, out);
        return this.#memory.take(out, length, 'double') as Float64Array;
      });
    });
  }

  readObject(start: number): Promise<RealArray> {
    return this.#readRows('rephase_read_object', start, this.#numbersOfPixel * this.#size.shape[1]);
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

  readStored(start: number): Promise<RealArray> {
    const { object, shape } = this.#size;
    return this.#readRows('rephase_read_stored', start, 2 * (object === 'real' ? Math.ceil(shape[1] / 2) : shape[1]));
  }

  writeStored(start: number, stored: RealArray): void {
    this.#writeRows(stored, (row, count, staging) =>
      this.#call.rephase_write_stored(this.#session, start, row, count, staging),
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
    const bytes = this.#memory.bytesOf(spectrum.length);
    this.#memory.lend(bytes, (staging) => {
      this.#memory.put(staging, spectrum);
      this.#call.rephase_write_spectrum(this.#session, start, staging);
    });
    this.#memory.countUpload(bytes);
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  memory(): MemoryReport {
    return this.#memory.report();
  }

  dispose(): void {
    this.#memory.dispose((call) => call.rephase_destroy(this.#session));
    this.#session = 0;
  }

  /** Passes a rule to the core, where it is another than the last. */
  #use(rule: Rule): void {
    if (rule === this.#rule) return;
    if (rule.keepsIterate) this.#size.withIterate = true;
    const numbers = [...coefficients(rule), Number(rule.keepsIterate), ...complexCoefficients(rule)];
    this.#call.rephase_use_rule(this.#session, ...numbers);
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
    const room = this.#memory.bytesOf(Math.ceil(rows / 8) * 8 * columns * this.#numbersOfPixel) + 256;
    this.#memory.lend(room, (staged) => {
      if (support) this.#passSupport(staged, support);
      this.#memory.lend(mask ? pixels : 0, (stagedMask) => {
        this.#memory.put(staged, magnitudes);
        if (mask) this.#memory.putBytes(stagedMask, mask);
        this.#memory.countUpload(this.#memory.bytesOf(pixels) + (mask?.length ?? 0));
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
    if (support) this.#memory.putBytes(staged, support);
    this.#require(this.#call.rephase_set_support(this.#session, support ? staged : 0));
    if (support) this.#memory.countUpload(support.length);
  }

  #passObjectMagnitudes(magnitudes: RealArray): void {
    const bytes = this.#memory.bytesOf(magnitudes.length);
    this.#memory.lend(bytes, (staged) => {
      this.#memory.put(staged, magnitudes);
      this.#require(this.#call.rephase_set_object_magnitudes(this.#session, staged));
    });
    this.#memory.countUpload(bytes);
  }

  /** Stages an array some rows at a time, and has each piece written. */
  #writeRows(array: RealArray, write: (row: number, count: number, staging: Pointer) => void): void {
    const [rows] = this.#size.shape;
    const length = array.length / rows;
    const atOnce = this.#rowsAtOnce(length);
    this.#memory.lend(this.#memory.bytesOf(atOnce * length), (staging) => {
      for (let row = 0; row < rows; row += atOnce) {
        const count = Math.min(atOnce, rows - row);
        this.#memory.put(staging, array.subarray(row * length, (row + count) * length));
        write(row, count, staging);
      }
    });
    this.#memory.countUpload(this.#memory.bytesOf(array.length));
  }

  /** `length`: how many numbers a row has. */
  #readRows(
    read: 'rephase_read_object' | 'rephase_read_spectrum' | 'rephase_read_stored',
    start: number,
    length: number,
  ): Promise<RealArray> {
    return promised(() => {
      const { shape, precision } = this.#size;
      const [rows] = shape;
      const result = new (precision === 'single' ? Float32Array : Float64Array)(rows * length);
      const atOnce = this.#rowsAtOnce(length);
      this.#memory.lend(this.#memory.bytesOf(atOnce * length), (out) => {
        for (let row = 0; row < rows; row += atOnce) {
          const count = Math.min(atOnce, rows - row);
          this.#call[read](this.#session, start, row, count, out);
          result.set(this.#memory.view(out, count * length), row * length);
        }
      });
      this.#memory.countDownload(result.byteLength);
      return result;
    });
  }

  #rowsAtOnce(length: number): number {
    return Math.min(this.#size.shape[0], Math.max(1, Math.floor(STAGING_BYTES / this.#memory.bytesOf(length))));
  }

  /** The most that the session will occupy, with `staging` bytes staged beside it. */
  #bytesNeeded(staging: number): number {
    const session = this.#call.rephase_bytes_needed(...describe(this.#size));
    return session + Math.max(staging, RECORDS * 8 * this.#size.starts);
  }

  #require(succeeded: number, staging = 0): void {
    if (!succeeded) this.#memory.require(succeeded, this.#bytesNeeded(staging));
  }

  get #call() {
    return this.#memory.call;
  }

  get #numbersOfPixel(): number {
    return this.#size.object === 'complex' ? 2 : 1;
  }
}

/** The arguments that creating a session and estimating it share. */
function describe({ shape, starts, object, precision, withIterate, withWeights }: Size) {
  const kept = [Number(withIterate), Number(withWeights)] as const;
  return [BYTES_PER_NUMBER[precision], Number(object === 'complex'), ...shape, starts, ...kept] as const;
}

function nameOf({ shape, starts, object }: Size): string {
  const complex = object === 'complex' ? 'complex ' : '';
  return `${starts === 1 ? '' : `${starts} starts of `}${shape.join(' × ')} ${complex}pixels`;
}
