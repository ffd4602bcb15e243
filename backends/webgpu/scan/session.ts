/**
 * `BackendScanSession` in WGSL. Everything that an iteration touches stays in the device's memory; calls only record commands.
 * operations.ts lists the kernels of each operation.
 */
import type { BackendScan, BackendScanSession } from '../../../src/backends/interface.js';
import { OutOfMemoryError } from '../../../src/errors.js';
import type { ScanRule } from '../../../src/scan-rules.js';
import type { PatternPlace } from '../../../src/scan-types.js';
import type { MemoryReport, RealArray } from '../../../src/types.js';
import type { Device } from '../device/device.js';
import { SessionDevice, UNIFORM } from '../device/session-device.js';
import type { CompiledKernel } from '../device/pipelines.js';
import type { Resource } from '../wgsl/kernel.js';
import {
  RECORDS,
  Spans,
  requireFits,
  scanBytes,
  scanField,
  type ScanBuffer,
  type ScanField,
  type Span,
} from './field.js';
import { Magnitudes, magnitudesOf, measuredCounts } from './patterns.js';
import { formOf, scanOperations, type ScanOperations, type ScanStep, type SpanSteps } from './operations.js';

/** Counts are converted and uploaded in pieces of this many numbers. */
const UPLOAD_NUMBERS = 2 ** 22;
/** `batch` is bound to one span of it. */
const SPAN_BYTES = 8;

export class WebGpuScanSession implements BackendScanSession {
  readonly #device: SessionDevice;
  readonly #field: ScanField;
  readonly #masked: boolean;
  readonly #spans: Spans;
  readonly #bytes: Record<ScanBuffer, number>;
  readonly #buffers: Partial<Record<ScanBuffer, GPUBuffer>> = {};
  readonly #tables: { rowTable: GPUBuffer; columnTable: GPUBuffer };
  readonly #operations = new Map<string, ScanOperations>();
  readonly #bound = new Map<ScanStep, { kernel: CompiledKernel; group: GPUBindGroup }>();
  /** The positions by number. */
  readonly #numbers: Uint32Array<ArrayBuffer>;
  /** Counts of all measured pixels. */
  #measured = 0;
  /** Patterns that stay on the host, and the span whose patterns the device has. */
  #streamed: Magnitudes | undefined;
  #held: Span | undefined;
  /** Some position lies between pixels. */
  #placed = false;
  /** What the device has. */
  #rule: ScanRule | undefined;
  #mostMoved = 0;
  #order: Uint32Array | undefined;
  /** `spectrum` is the probe's. */
  #hasSpectrum = false;
  /** `kept` holds kept waves. */
  #hasKept = false;
  /** The batch under way, and whether its waves are transformed. */
  #batch: Span | undefined;
  #transformed = false;
  /** Iterations that were recorded, and of these, that the caller has taken. */
  #recorded = 0;
  #taken = 0;

  static async create(device: Device, scan: BackendScan): Promise<WebGpuScanSession> {
    device.requireWorking();
    const field = scanField(scan, device);
    requireFits(device, field, scan.rule);
    const session = new WebGpuScanSession(device, field, scan.mask !== undefined);
    try {
      await session.#initialise(scan);
      return session;
    } catch (error) {
      const explained = await session.#device.explain(error);
      session.dispose();
      // WebGPU does not say how much memory there is: what fails is tried again without the patterns.
      const canStream = scan.keepPatterns === undefined && !field.streamed;
      if (!(canStream && explained instanceof OutOfMemoryError)) throw explained;
      return WebGpuScanSession.create(device, { ...scan, keepPatterns: 'host' }).catch((again: unknown) => {
        throw again instanceof OutOfMemoryError ? explained : again;
      });
    }
  }

  get keepPatterns(): PatternPlace {
    return this.#field.streamed ? 'host' : 'device';
  }

  private constructor(device: Device, field: ScanField, masked: boolean) {
    this.#device = new SessionDevice(device);
    this.#field = field;
    this.#masked = masked;
    this.#spans = new Spans(field);
    this.#bytes = scanBytes(field);
    this.#numbers = Uint32Array.from({ length: field.positions }, (_, j) => j);
    const { rowLine, columnLine } = field;
    this.#tables = { rowTable: this.#device.table(rowLine, -1), columnTable: this.#device.table(columnLine, -1) };
  }

  forward(order: Uint32Array, begin: number, _end: number, rule: ScanRule): void {
    const operations = this.#begin(order, begin, rule);
    const span = this.#spans.batch(begin);
    this.#startWaves(operations, span);
    this.#run(operations.columnsForward, span);
    this.#batch = span;
    this.#transformed = true;
  }

  constrainFourier(rule: ScanRule): void {
    const { measure, constrain } = this.#use(rule);
    this.#run([...measure, ...constrain], this.#batch);
  }

  inverse(): void {
    const { columnsInverse, rowsInverse } = this.#use(this.#rule!);
    this.#run([...columnsInverse, ...rowsInverse], this.#batch);
    this.#transformed = false;
  }

  constrainObject(last: boolean, rule: ScanRule): void {
    const operations = this.#use(rule);
    this.#run(operations.finishWaves, this.#batch);
    this.#finishBatch(operations, this.#batch!, last, rule);
  }

  iterate(order: Uint32Array, begin: number, end: number, rule: ScanRule): void {
    const operations = this.#begin(order, begin, rule);
    const { measure, columnsPass, rowsPass } = operations;
    for (const span of this.#spans.between(begin, end, rule.keepsWaves)) {
      this.#startWaves(operations, span);
      this.#run([...measure, ...columnsPass, ...rowsPass], span);
      this.#finishBatch(operations, span, span.begin + span.count === this.#field.positions, rule);
    }
  }

  correctPositions(most: number): void {
    if (most !== this.#mostMoved) this.#upload(this.#rule!, most);
    const operations = this.#use(this.#rule!);
    this.#everywhere(operations, operations.slopes);
    this.#run(operations.move);
    this.#placed = true;
  }

  async takeResiduals(): Promise<Float64Array> {
    const first = Math.max(this.#taken, this.#recorded - RECORDS);
    const length = this.#recorded - first;
    this.#taken = this.#recorded;
    if (length === 0) return new Float64Array();
    const { rows, columns } = this.#field;
    const sums = await this.#download('residuals');
    return Float64Array.from({ length }, (_, i) => {
      return Math.sqrt(sums[1 + ((first + i) % RECORDS)] / rows / columns / this.#measured);
    });
  }

  async counts(): Promise<{ model: number; measured: number }> {
    const operations = this.#use(this.#rule!);
    this.#everywhere(operations, operations.count);
    const { rows, columns } = this.#field;
    const partials = await this.#download('partials');
    const model = partials.reduce((sum, part) => sum + part, 0) / rows / columns;
    return { model, measured: this.#measured };
  }

  readObject(): Promise<RealArray> {
    return this.#download('object');
  }

  writeObject(object: RealArray): void {
    this.#device.upload(this.#buffer('object'), 0, Float32Array.from(object));
    this.#hasKept = false;
  }

  readProbe(): Promise<RealArray> {
    return this.#download('probe');
  }

  writeProbe(probe: RealArray): void {
    this.#device.upload(this.#buffer('probe'), 0, Float32Array.from(probe));
    this.#hasKept = false;
    this.#hasSpectrum = false;
  }

  async readPositions(): Promise<Float64Array> {
    const numbers = await this.#download('positions');
    const wholes = new Uint32Array(numbers.buffer);
    return Float64Array.from({ length: numbers.length / 2 }, (_, i) => {
      const at = 4 * (i >> 1) + (i % 2);
      return wholes[at] + numbers[at + 2];
    });
  }

  writePositions(positions: Float64Array): void {
    const numbers = new Float32Array(2 * positions.length);
    const wholes = new Uint32Array(numbers.buffer);
    positions.forEach((position, i) => {
      const at = 4 * (i >> 1) + (i % 2);
      wholes[at] = Math.floor(position + 0.5);
      numbers[at + 2] = position - wholes[at];
    });
    this.#placed = numbers.some((fraction, i) => i % 4 > 1 && fraction !== 0);
    this.#device.upload(this.#buffer('positions'), 0, numbers);
  }

  async readWaves(): Promise<RealArray> {
    const factor = this.#waveFactor();
    const waves = await this.#device.download({ buffer: this.#buffer('waves'), offset: 0, bytes: this.#waveBytes() });
    for (let i = 0; i < waves.length; i++) waves[i] /= factor;
    return waves;
  }

  writeWaves(waves: RealArray): void {
    const factor = this.#waveFactor();
    const scaled = new Float32Array(waves.length);
    for (let i = 0; i < scaled.length; i++) scaled[i] = waves[i] * factor;
    this.#device.upload(this.#buffer('waves'), 0, scaled);
  }

  finish(): Promise<void> {
    const finished = this.#device.finish();
    // Callers may fail before they await it.
    finished.catch(() => undefined);
    return finished;
  }

  memory(): MemoryReport {
    // Tables that other sessions may share count too.
    const tables = [...new Set(Object.values(this.#tables))].reduce((sum, { size }) => sum + size, 0);
    return { deviceBytes: this.#device.bytes + tables, hostBytes: this.#streamed?.bytes ?? 0, ...this.#device.counts };
  }

  dispose(): void {
    this.#device.dispose();
  }

  async #initialise(scan: BackendScan): Promise<void> {
    this.writePositions(scan.positions);
    this.#device.upload(this.#buffer('batch'), 0, this.#spans.words());
    this.#device.upload(this.#buffer('order'), this.#numbers.byteLength, this.#numbers);
    const operations = this.#use(scan.rule);
    const steps = this.#iterationSteps(operations, scan.rule);
    // Other kernels are compiled, and other buffers allocated, by the first call that needs them.
    await this.#device.compile(steps.map(({ key, write }) => ({ key: `${this.#field.key} ${key}`, write })));
    for (const step of steps) this.#bind(step);
    // Too little memory is known before anything large is copied.
    await this.#device.reported();
    this.#measured = measuredCounts(scan);
    if (this.#field.streamed) this.#streamed = new Magnitudes(scan);
    else this.#uploadPatterns(scan);
    await this.#device.finish();
  }

  /** The steps of `counts` and `iterate`. */
  #iterationSteps(
    operations: ScanOperations,
    { leastSquares, keepsWaves, updatesProbe }: ScanRule,
  ): readonly ScanStep[] {
    const { place, probeSpectrum, count, illuminate, largest, keep, fitObject, updateObject } = operations;
    const { rowsForward, measure, columnsPass, rowsPass, update, record, fitProbe, updateProbe } = operations;
    const all = ({ first, more }: SpanSteps) => (this.#spans.everywhere.length > 1 ? [...first, ...more] : first);
    return [
      ...(place.length > 0 ? [...probeSpectrum, ...place] : []),
      ...(leastSquares ? [...all(illuminate), ...largest] : []),
      ...(keepsWaves ? [...keep, ...all(fitObject), ...updateObject] : []),
      ...(keepsWaves && updatesProbe ? [...all(fitProbe), ...updateProbe] : []),
      ...[count, rowsForward, measure, columnsPass, rowsPass, update, record].flat(),
    ];
  }

  #uploadPatterns(scan: BackendScan): void {
    const { positions, rows, columns } = this.#field;
    const each = Math.ceil(UPLOAD_NUMBERS / rows / columns);
    for (let first = 0; first < positions; first += each) {
      const magnitudes = magnitudesOf(scan, first, Math.min(positions, first + each));
      this.#device.upload(this.#buffer('magnitudes'), 4 * first * rows * columns, magnitudes);
    }
  }

  /** Brings the patterns of a span to the device, where they are not all there. */
  #requirePatterns(span: Span): void {
    if (!this.#streamed || span === this.#held) return;
    const { begin, count } = span;
    const { positions } = this.#field;
    const first = begin % positions;
    const numbers = (begin < positions ? this.#order! : this.#numbers).subarray(first, first + count);
    this.#device.upload(this.#buffer('magnitudes'), 0, this.#streamed.of(numbers));
    this.#held = span;
  }

  #begin(order: Uint32Array, begin: number, rule: ScanRule): ScanOperations {
    const operations = this.#use(rule);
    if (order !== this.#order) {
      this.#device.upload(this.#buffer('order'), 0, Uint32Array.from(order));
      this.#order = order;
      this.#held = undefined;
    }
    if (begin === 0) this.#beginIteration(operations, rule);
    return operations;
  }

  #beginIteration(operations: ScanOperations, { leastSquares, keepsWaves }: ScanRule): void {
    if (leastSquares) {
      this.#everywhere(operations, operations.illuminate.first, operations.illuminate.more);
      this.#run(operations.largest);
    } else if (keepsWaves && !this.#hasKept) {
      this.#everywhere(operations, operations.keep);
      this.#hasKept = true;
    }
  }

  /** The probe as it lies at each slot. */
  #place(operations: ScanOperations, span: Span): void {
    if (operations.place.length === 0) return;
    if (!this.#hasSpectrum) this.#run(operations.probeSpectrum);
    this.#hasSpectrum = true;
    this.#run(operations.place, span);
  }

  #startWaves(operations: ScanOperations, span: Span): void {
    this.#place(operations, span);
    this.#run(operations.rowsForward, span);
  }

  #finishBatch(operations: ScanOperations, span: Span, last: boolean, rule: ScanRule): void {
    this.#run(operations.update, span);
    if (last && rule.keepsWaves) this.#fitWaves(operations, rule);
    if (rule.updatesProbe && (last || !rule.keepsWaves)) this.#hasSpectrum = false;
    if (!last) return;
    this.#run(operations.record);
    this.#recorded += 1;
  }

  /**
   * The object, then the probe with the new object, from all kept waves (Thibault et al., Ultramicroscopy 109, 338, 2009,
   * eqs. 6 and 7), as corrections.
   */
  #fitWaves(operations: ScanOperations, { updatesProbe }: ScanRule): void {
    const { fitObject, updateObject, fitProbe, updateProbe } = operations;
    this.#everywhere(operations, fitObject.first, fitObject.more);
    this.#run(updateObject);
    if (!updatesProbe) return;
    this.#everywhere(operations, fitProbe.first, fitProbe.more);
    this.#run(updateProbe);
  }

  /** Runs steps for all positions, `more` for the spans after the first. */
  #everywhere(operations: ScanOperations, first: readonly ScanStep[], more = first): void {
    this.#spans.everywhere.forEach((span, i) => {
      this.#place(operations, span);
      this.#run(i === 0 ? first : more, span);
    });
  }

  /** The operations of a rule, whose numbers the device has from now on. */
  #use(rule: ScanRule): ScanOperations {
    if (rule !== this.#rule) this.#upload(rule, this.#mostMoved);
    const form = formOf(rule, this.#masked, this.#placed);
    const key = JSON.stringify(form);
    let operations = this.#operations.get(key);
    if (!operations) this.#operations.set(key, (operations = scanOperations(this.#field, form)));
    return operations;
  }

  #upload(rule: ScanRule, mostMoved: number): void {
    const { a, b, c, alpha, step, ridge } = rule;
    this.#device.upload(this.#buffer('rule'), 0, Float32Array.of(a, b, c, alpha, step, ridge, mostMoved, 0));
    this.#rule = rule;
    this.#mostMoved = mostMoved;
  }

  /** Steps that go over slots need their span. */
  #run(steps: readonly ScanStep[], span?: Span): void {
    const { rows, columns, modes } = this.#field;
    for (const step of steps) {
      const { kernel, group } = this.#bind(step);
      const count = span?.count ?? 0;
      const third = { waves: count * modes, slots: count, modes, once: 1 }[step.over];
      if (kernel.bindings.includes('magnitudes')) this.#requirePatterns(span!);
      const offsets = kernel.bindings.includes('batch') ? [span!.offset] : [];
      this.#device.dispatch(kernel, group, third, Math.max(1, count) * modes * rows * columns, offsets);
    }
  }

  #bind(step: ScanStep): { kernel: CompiledKernel; group: GPUBindGroup } {
    let bound = this.#bound.get(step);
    if (!bound) {
      const kernel = this.#device.compileNow(`${this.#field.key} ${step.key}`, step.write);
      const group = this.#device.bindGroup(
        kernel,
        kernel.bindings.map((resource) => this.#bindingOf(step, resource)),
      );
      this.#bound.set(step, (bound = { kernel, group }));
    }
    return bound;
  }

  #bindingOf(step: ScanStep, resource: Resource): GPUBufferBinding {
    const name = step.use[resource] ?? (resource as ScanBuffer);
    if (name === 'rowTable' || name === 'columnTable') return { buffer: this.#tables[name] };
    const buffer = this.#buffer(name);
    return name === 'batch' ? { buffer, size: SPAN_BYTES } : { buffer };
  }

  /** Allocated where it is first needed. */
  #buffer(name: ScanBuffer): GPUBuffer {
    const isUniform = name === 'batch' || name === 'rule';
    return (this.#buffers[name] ??= this.#device.allocate(name, this.#bytes[name], isUniform ? UNIFORM : undefined));
  }

  #download(name: ScanBuffer): Promise<Float32Array> {
    return this.#device.download({ buffer: this.#buffer(name), offset: 0, bytes: this.#bytes[name] });
  }

  #waveBytes(): number {
    const { rows, columns, modes } = this.#field;
    return 8 * this.#batch!.count * modes * rows * columns;
  }

  /** Between the waves here and the caller's, whose transforms are unitary. */
  #waveFactor(): number {
    const { rows, columns } = this.#field;
    return this.#transformed ? Math.sqrt(rows * columns) : rows * columns;
  }
}
