/** `BackendScanSession` over the WebAssembly module. Each session has an instance of its own, as `WasmSession` has. */
import type { BackendScan, BackendScanSession } from '../../src/backends/interface.js';
import { scanNumbers, type ScanRule } from '../../src/scan-rules.js';
import type { MemoryReport, RealArray } from '../../src/types.js';
import { BYTES_PER_NUMBER, type Pointer, type WasmInstance } from './instance.js';
import { ModuleMemory, promised } from './module-memory.js';

export class WasmScanSession implements BackendScanSession {
  /** In the memory that computes, which is the host's. */
  readonly keepPatterns = 'device';
  readonly #positions: number;
  /** How many numbers each has. */
  readonly #lengths: { object: number; probe: number };
  readonly #memory: ModuleMemory;
  /** Bytes that the scan needs. */
  readonly #needed: number;
  readonly #scan: Pointer;
  #rule: ScanRule | undefined;
  /** Of the order that the module has. */
  readonly #order: Pointer;
  #orderGiven: Uint32Array | undefined;
  /** Positions in the batch under way. */
  #batch = 0;

  constructor(instance: WasmInstance, scan: BackendScan) {
    const { shape, objectShape, modes, batch, precision, rule, positions, patterns, mask } = scan;
    const [rows, columns] = shape;
    const pixels = rows * columns;
    this.#positions = positions.length / 2;
    this.#lengths = { object: 2 * objectShape[0] * objectShape[1], probe: 2 * modes * pixels };
    const what = `${this.#positions} positions of ${shape.join(' × ')} pixels over ${objectShape.join(' × ')}`;
    const memory = (this.#memory = new ModuleMemory(instance, precision, what));
    const described = [
      ...[BYTES_PER_NUMBER[precision], this.#positions, rows, columns, ...objectShape],
      ...[modes, batch, Number(rule.keepsWaves)],
    ];
    const staging = memory.bytesOf(Math.max(this.#lengths.object, this.#lengths.probe * batch));
    this.#needed = this.#call.rephase_scan_bytes_needed(...described) + staging;
    memory.requireRoom(this.#needed);
    this.#scan = this.#call.rephase_scan_create(...described);
    this.#require(this.#scan);
    this.#order = memory.allocate(4 * this.#positions);
    this.writePositions(positions);
    memory.lend(memory.bytesOf(pixels) + pixels, (counts) => {
      const maskAt = mask ? counts + memory.bytesOf(pixels) : 0;
      if (mask) memory.putBytes(maskAt, mask);
      for (let j = 0; j < this.#positions; j++) {
        memory.view(counts, pixels).set(patterns.subarray(j * pixels, (j + 1) * pixels));
        this.#call.rephase_scan_set_pattern(this.#scan, j, counts, maskAt);
      }
    });
    memory.countUpload(memory.bytesOf(patterns.length) + (mask?.length ?? 0));
  }

  forward(order: Uint32Array, begin: number, end: number, rule: ScanRule): void {
    this.#use(rule);
    this.#take(order);
    this.#batch = end - begin;
    this.#require(
      this.#call.rephase_scan_forward(this.#scan, this.#order + 4 * begin, this.#batch, Number(begin === 0)),
    );
  }

  constrainFourier(rule: ScanRule): void {
    this.#use(rule);
    this.#call.rephase_scan_constrain_fourier(this.#scan);
  }

  inverse(): void {
    this.#call.rephase_scan_inverse(this.#scan);
  }

  constrainObject(last: boolean, rule: ScanRule): void {
    this.#use(rule);
    this.#call.rephase_scan_constrain_object(this.#scan, Number(last));
  }

  iterate(order: Uint32Array, begin: number, end: number, rule: ScanRule): void {
    this.#use(rule);
    this.#take(order);
    this.#require(this.#call.rephase_scan_iterate(this.#scan, this.#order, begin, end));
  }

  correctPositions(most: number): void {
    this.#require(this.#call.rephase_scan_correct_positions(this.#scan, most));
  }

  takeResiduals(): Promise<Float64Array> {
    return promised(() => {
      const length = this.#call.rephase_scan_records(this.#scan);
      return this.#memory.lend(8 * length, (out) => {
        this.#call.rephase_scan_take_residuals(this.#scan, out);
        return this.#memory.take(out, length, 'double') as Float64Array;
      });
    });
  }

  counts(): Promise<{ model: number; measured: number }> {
    return promised(() => ({
      model: this.#call.rephase_scan_model_counts(this.#scan),
      measured: this.#call.rephase_scan_measured_counts(this.#scan),
    }));
  }

  readObject(): Promise<RealArray> {
    return this.#read('rephase_scan_read_object', this.#lengths.object);
  }

  writeObject(object: RealArray): void {
    this.#write('rephase_scan_write_object', object);
  }

  readProbe(): Promise<RealArray> {
    return this.#read('rephase_scan_read_probe', this.#lengths.probe);
  }

  writeProbe(probe: RealArray): void {
    this.#write('rephase_scan_write_probe', probe);
  }

  readWaves(): Promise<RealArray> {
    return this.#read('rephase_scan_read_waves', this.#batch * this.#lengths.probe);
  }

  writeWaves(waves: RealArray): void {
    this.#write('rephase_scan_write_waves', waves);
  }

  readPositions(): Promise<Float64Array> {
    return promised(() => {
      const at = this.#call.rephase_scan_positions(this.#scan);
      return this.#memory.take(at, 2 * this.#positions, 'double') as Float64Array;
    });
  }

  writePositions(positions: Float64Array): void {
    this.#memory.lend(positions.byteLength, (at) => {
      this.#memory.put(at, positions, 'double');
      this.#call.rephase_scan_set_positions(this.#scan, at);
    });
    this.#memory.countUpload(positions.byteLength);
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  memory(): MemoryReport {
    return this.#memory.report();
  }

  dispose(): void {
    this.#memory.dispose((call) => call.rephase_scan_destroy(this.#scan));
  }

  #use(rule: ScanRule): void {
    if (rule === this.#rule) return;
    this.#call.rephase_scan_use_rule(this.#scan, ...scanNumbers(rule));
    this.#rule = rule;
  }

  /** Passes the order of an iteration to the module, where it is another than the last. */
  #take(order: Uint32Array): void {
    if (order === this.#orderGiven) return;
    const bytes = new Uint8Array(order.buffer, order.byteOffset, order.byteLength);
    this.#memory.putBytes(this.#order, bytes);
    this.#orderGiven = order;
    this.#memory.countUpload(bytes.length);
  }

  #read(
    read: 'rephase_scan_read_object' | 'rephase_scan_read_probe' | 'rephase_scan_read_waves',
    length: number,
  ): Promise<RealArray> {
    return promised(() =>
      this.#memory.lend(this.#memory.bytesOf(length), (out) => {
        this.#call[read](this.#scan, out);
        return this.#memory.take(out, length);
      }),
    );
  }

  #write(
    write: 'rephase_scan_write_object' | 'rephase_scan_write_probe' | 'rephase_scan_write_waves',
    numbers: RealArray,
  ): void {
    const bytes = this.#memory.bytesOf(numbers.length);
    this.#memory.lend(bytes, (at) => {
      this.#memory.put(at, numbers);
      this.#call[write](this.#scan, at);
    });
    this.#memory.countUpload(bytes);
  }

  #require(succeeded: number): void {
    this.#memory.require(succeeded, this.#needed);
  }

  get #call() {
    return this.#memory.call;
  }
}
