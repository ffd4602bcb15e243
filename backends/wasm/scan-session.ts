/** `BackendScanSession` over the WebAssembly module. Each session has an instance of its own, as `WasmSession` has. */
import type { BackendScan, BackendScanSession } from '../../src/backends/interface.js';
import { scanNumbers, type ScanRule } from '../../src/scan-rules.js';
import type { MemoryReport, Precision, RealArray } from '../../src/types.js';
import { BYTES_PER_NUMBER, type Pointer, type WasmInstance } from './instance.js';
import { FIXED_BYTES, MEMORY_LIMIT, outOfMemory, promised } from './session.js';

export class WasmScanSession implements BackendScanSession {
  readonly #precision: Precision;
  readonly #positions: number;
  /** How many numbers each has. */
  readonly #lengths: { object: number; probe: number };
  readonly #what: string;
  #instance: WasmInstance | undefined;
  #scan: Pointer;
  #rule: ScanRule | undefined;
  /** Of the order that the module has. */
  #order: Pointer;
  #orderGiven: Uint32Array | undefined;
  /** Positions in the batch under way. */
  #batch = 0;
  readonly #traffic = { uploads: 0, uploadedBytes: 0, downloads: 0, downloadedBytes: 0 };

  constructor(instance: WasmInstance, scan: BackendScan) {
    const { shape, objectShape, modes, batch, precision, rule, positions, patterns, mask } = scan;
    const [rows, columns] = shape;
    const pixels = rows * columns;
    this.#instance = instance;
    this.#precision = precision;
    this.#positions = positions.length / 2;
    this.#lengths = { object: 2 * objectShape[0] * objectShape[1], probe: 2 * modes * pixels };
    this.#what = `${this.#positions} positions of ${shape.join(' × ')} pixels over ${objectShape.join(' × ')} in ${precision} precision`;
    const described = [
      ...[this.#bytesPerNumber, this.#positions, rows, columns, ...objectShape],
      ...[modes, batch, Number(rule.keepsWaves)],
    ];
    const staging = Math.max(this.#lengths.object, this.#lengths.probe * batch) * this.#bytesPerNumber;
    const needed = FIXED_BYTES + this.#call.rephase_scan_bytes_needed(...described) + staging;
    if (needed > MEMORY_LIMIT) throw outOfMemory(this.#what, needed);
    this.#scan = this.#call.rephase_scan_create(...described);
    if (!this.#scan) throw outOfMemory(this.#what, needed);
    this.#order = this.#call.rephase_allocate(4 * this.#positions);
    this.writePositions(positions);
    this.#lend(pixels * this.#bytesPerNumber + pixels, (counts) => {
      const maskAt = mask ? counts + pixels * this.#bytesPerNumber : 0;
      if (mask) this.#live.bytes(maskAt, pixels).set(mask);
      for (let j = 0; j < this.#positions; j++) {
        this.#live.numbers(counts, pixels, precision).set(patterns.subarray(j * pixels, (j + 1) * pixels));
        this.#call.rephase_scan_set_pattern(this.#scan, j, counts, maskAt);
      }
    });
    this.#countUpload(patterns.length * this.#bytesPerNumber + (mask?.length ?? 0));
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
    const length = this.#call.rephase_scan_records(this.#scan);
    return promised(() =>
      this.#lend(8 * length, (out) => {
        this.#call.rephase_scan_take_residuals(this.#scan, out);
        return this.#download(out, length, 'double') as Float64Array;
      }),
    );
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
      return this.#download(at, 2 * this.#positions, 'double') as Float64Array;
    });
  }

  writePositions(positions: Float64Array): void {
    this.#lend(positions.byteLength, (at) => {
      this.#live.numbers(at, positions.length, 'double').set(positions);
      this.#call.rephase_scan_set_positions(this.#scan, at);
    });
    this.#countUpload(positions.byteLength);
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  memory(): MemoryReport {
    return { deviceBytes: this.#live.memoryBytes, hostBytes: 0, ...this.#traffic };
  }

  dispose(): void {
    this.#instance?.call.rephase_scan_destroy(this.#scan);
    this.#instance = undefined;
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
    this.#live.bytes(this.#order, bytes.length).set(bytes);
    this.#orderGiven = order;
    this.#countUpload(bytes.length);
  }

  #read(
    read: 'rephase_scan_read_object' | 'rephase_scan_read_probe' | 'rephase_scan_read_waves',
    length: number,
  ): Promise<RealArray> {
    return promised(() =>
      this.#lend(length * this.#bytesPerNumber, (out) => {
        this.#call[read](this.#scan, out);
        return this.#download(out, length, this.#precision);
      }),
    );
  }

  #write(
    write: 'rephase_scan_write_object' | 'rephase_scan_write_probe' | 'rephase_scan_write_waves',
    numbers: RealArray,
  ): void {
    this.#lend(numbers.length * this.#bytesPerNumber, (at) => {
      this.#live.numbers(at, numbers.length, this.#precision).set(numbers);
      this.#call[write](this.#scan, at);
    });
    this.#countUpload(numbers.length * this.#bytesPerNumber);
  }

  #download(at: Pointer, length: number, precision: Precision): RealArray {
    this.#traffic.downloads += 1;
    this.#traffic.downloadedBytes += length * BYTES_PER_NUMBER[precision];
    return this.#live.numbers(at, length, precision).slice();
  }

  #countUpload(bytes: number): void {
    this.#traffic.uploads += 1;
    this.#traffic.uploadedBytes += bytes;
  }

  /** Lends a buffer in the module's memory for one call. */
  #lend<Result>(bytes: number, use: (buffer: Pointer) => Result): Result {
    const buffer = this.#call.rephase_allocate(bytes);
    this.#require(buffer || bytes === 0 ? 1 : 0);
    try {
      return use(buffer);
    } finally {
      this.#call.rephase_free(buffer);
    }
  }

  #require(succeeded: number): void {
    if (!succeeded) throw outOfMemory(this.#what, this.#live.memoryBytes);
  }

  get #live(): WasmInstance {
    if (!this.#instance) throw new Error('a backend session was used after dispose(): a defect of rephase');
    return this.#instance;
  }

  get #call() {
    return this.#live.call;
  }

  get #bytesPerNumber(): number {
    return BYTES_PER_NUMBER[this.#precision];
  }
}
