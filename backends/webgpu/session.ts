/**
 * `BackendSession` in WGSL. Everything that an iteration touches stays in the device's memory; calls only record commands,
 * many of which are submitted at once. operations.ts lists the kernels of each operation.
 */
import type { BackendProblem, BackendSession, ShrinkSupport } from '../../src/backends/interface.js';
import { withoutPrevious, type Rule } from '../../src/rules.js';
import type { MemoryReport, RealArray } from '../../src/types.js';
import { DeviceBatch, type Shared } from './batch.js';
import type { Device } from './device/device.js';
import { SessionDevice, type BufferRange } from './device/session-device.js';
import { complexField } from './fields/complex/index.js';
import { imageBytes, packSupport, spectrumBytes, supportBytes, unpackSupport, type Field } from './fields/field.js';
import { realField } from './fields/real/index.js';
import { operationsFor, plansFor, shrinkSteps, type Operations } from './operations.js';
import { RuleSlots, type LoadedRule } from './rule-slots.js';
import { allocateShared, setupSteps, uploadProblem, uploadShrink, uploadSupport } from './setup.js';
import { RECORDS_KEPT, batchSizes } from './sizes.js';
import type { BatchBuffer, Step } from './step.js';
import { farEnd } from './wgsl/plan.js';

export class WebGpuSession implements BackendSession {
  readonly #device: SessionDevice;
  readonly #field: Field;
  readonly #scale: number;
  readonly #shared: Shared;
  /** All but the last have as many starts. */
  readonly #batches: readonly DeviceBatch[];
  readonly #operations: Operations;
  readonly #rules: RuleSlots;
  readonly #shrinkSteps: readonly Step[];
  /** The rule of the last iteration while its column pass is pending. */
  #pending: LoadedRule | undefined;
  /** `forward` transforms a next image that is not the object. */
  #nextApart = false;
  /** Records that the caller has taken. */
  #taken = 0;

  static async create(device: Device, problem: BackendProblem): Promise<WebGpuSession> {
    device.requireWorking();
    const session = new WebGpuSession(device, problem);
    try {
      await session.#initialise(problem);
      return session;
    } catch (error) {
      const explained = await session.#device.explain(error);
      session.dispose();
      throw explained;
    }
  }

  /** Allocates nothing. */
  private constructor(device: Device, { pattern, batch, support, object }: BackendProblem) {
    const field = (object === 'complex' ? complexField : realField)(pattern.shape);
    const plans = plansFor(field, device.gpu.limits);
    const masked = pattern.mask !== undefined;
    this.#device = new SessionDevice(device);
    this.#field = field;
    this.#scale = pattern.scale;
    this.#shared = { device: this.#device, field, plans, starts: batch.starts, buffers: {} };
    const sizes = batchSizes(device, field, plans, batch.starts);
    this.#batches = sizes.map((starts, i) => new DeviceBatch(this.#shared, i * sizes[0], starts));
    this.#operations = operationsFor(field, plans, masked);
    this.#rules = new RuleSlots(this.#shared, masked, support && 'shared');
    this.#shrinkSteps = shrinkSteps(field, plans);
  }

  inverse(): void {
    this.#nextApart = false;
    this.#run(this.#operations.inverse);
  }

  constrainObject(rule: Rule): void {
    const { operations, slot, form } = this.#rules.load(rule);
    this.#nextApart = form.reflects;
    this.#run(operations.constrainObject, slot);
  }

  forward(): void {
    this.#run(this.#nextApart ? this.#operations.forwardNext : this.#operations.forward);
  }

  constrainFourier(rule: Rule): void {
    const { operations, slot } = this.#rules.load(rule);
    this.#nextApart = false;
    this.#run(operations.constrainFourier, slot);
  }

  iterate(count: number, rule: Rule): void {
    this.#nextApart = false;
    for (let i = 0; i < count; i++) {
      if (this.#pending) this.#run(this.#pending.operations.columnsPass, this.#pending.slot);
      else this.#run(this.#operations.columnsInverse);
      // Not before: it may take the slot of the rule whose column pass was pending.
      const loaded = this.#rules.load(rule);
      this.#run(loaded.operations.rowsPass, loaded.slot);
      this.#pending = loaded;
    }
  }

  completeIteration(): void {
    const { form, operations, slot } = this.#pending!;
    if (form.keepsIterate) {
      for (const batch of this.#batches) {
        const bytes = batch.starts * imageBytes(this.#field);
        this.#device.copy(batch.buffer('iterate'), 0, batch.buffer('object'), 0, bytes);
      }
    }
    this.#run(operations.completeObject, slot);
    this.#run(operations.completeSpectrum, slot);
    this.#pending = undefined;
  }

  setSupport(support: Uint8Array | undefined): void {
    if (support) uploadSupport(this.#shared, support);
    this.#rules.support = support && 'shared';
  }

  shrinkSupport(shrink: ShrinkSupport): void {
    if (this.#rules.support !== 'own') this.#giveEachItsSupport();
    uploadShrink(this.#shared, shrink);
    this.#run(this.#shrinkSteps);
  }

  async readSupport(start: number): Promise<Uint8Array> {
    const { count } = farEnd(this.#shared.plans.rows);
    const bytes = supportBytes(this.#field, count);
    const { support } = this.#rules;
    if (!support) return new Uint8Array(this.#field.rows * this.#field.columns).fill(1);
    const shared = { buffer: this.#shared.buffers.support!, offset: 0, bytes };
    const words = await this.#device.download(support === 'own' ? this.#range(start, 'ownSupport', bytes) : shared);
    return unpackSupport(new Uint32Array(words.buffer), this.#field, count);
  }

  writeSupport(start: number, support: Uint8Array): void {
    if (this.#rules.support !== 'own') this.#giveEachItsSupport();
    const words = packSupport(support, this.#field, farEnd(this.#shared.plans.rows).count);
    const { buffer, offset } = this.#range(start, 'ownSupport', words.byteLength);
    this.#device.upload(buffer, offset, words);
  }

  measureObject(projection: Rule): void {
    const { operations, slot } = this.#rules.load(projection);
    this.#nextApart = false;
    this.#run(operations.measureRows, slot);
    this.#run(this.#operations.measureSpectrum);
  }

  keepObject(start: number): void {
    this.#copyImage(start, 'iterate');
  }

  async takeResiduals(): Promise<Float64Array> {
    const { recorded } = this.#batches[0];
    const first = Math.max(this.#taken, recorded - RECORDS_KEPT);
    this.#taken = recorded;
    const residuals = new Float64Array((recorded - first) * this.#shared.starts);
    await Promise.all(this.#batches.map((batch) => batch.readResiduals(first, residuals)));
    return residuals;
  }

  async readObject(start: number): Promise<RealArray> {
    const object = await this.#device.download(this.#range(start, 'object', imageBytes(this.#field)));
    // A loop, here and below: a function for each number takes four times as long in map, and seventy times in from.
    for (let i = 0; i < object.length; i++) object[i] /= this.#scale;
    return object;
  }

  async readSpectrum(start: number): Promise<RealArray> {
    const stored = await this.#device.download(this.#range(start, 'spectrum', spectrumBytes(this.#field)));
    return this.#field.kind.fromStored(stored, this.#field, this.#scale);
  }

  writeObject(start: number, object: RealArray, asIterate: boolean): void {
    const { buffer, offset } = this.#range(start, 'object', imageBytes(this.#field));
    const scaled = new Float32Array(object.length);
    for (let i = 0; i < scaled.length; i++) scaled[i] = object[i] * this.#scale;
    this.#device.upload(buffer, offset, scaled);
    if (asIterate) this.keepObject(start);
    if (this.#nextApart) this.#copyImage(start, 'work');
  }

  writeSpectrum(start: number, spectrum: RealArray): void {
    const { buffer, offset } = this.#range(start, 'spectrum', spectrumBytes(this.#field));
    this.#device.upload(buffer, offset, this.#field.kind.toStored(spectrum, this.#field, this.#scale));
  }

  finish(): Promise<void> {
    const finished = this.#device.finish();
    // Callers may fail before they await it, for the same reason.
    finished.catch(() => undefined);
    return finished;
  }

  memory(): MemoryReport {
    // Tables that other sessions may share count too.
    const { columnTable, rowTable } = this.#shared.buffers;
    const tables = new Set([columnTable!, rowTable!]);
    const tableBytes = [...tables].reduce((sum, { size }) => sum + size, 0);
    return { deviceBytes: this.#device.bytes + tableBytes, hostBytes: 0, ...this.#device.counts };
  }

  dispose(): void {
    this.#device.dispose();
  }

  async #initialise(problem: BackendProblem): Promise<void> {
    const { support, rule } = problem;
    const setup = setupSteps(this.#field, rule.fourier.weights !== undefined);
    const steps = this.#iterationSteps(rule);
    const { magnitudes, start, weights } = setup;
    const begun = [magnitudes, start, ...(weights ? [weights] : [])];
    const compiled = [...begun, ...steps, ...this.#batches.map(({ sumUp }) => sumUp)];
    // Other kernels are compiled, and other buffers allocated, by the first call that needs them.
    await this.#device.compile(compiled.map(({ key, write }) => ({ key: `${this.#field.key} ${key}`, write })));
    allocateShared(this.#shared, problem);
    this.setSupport(support);
    for (const used of rulesOf(rule)) this.#rules.load(used);
    for (const batch of this.#batches) {
      batch.buffer('object');
      for (const step of [...steps, batch.sumUp]) batch.prepare(step);
    }
    // Too little memory is known before anything large is copied.
    await this.#device.reported();
    await uploadProblem(this.#shared, this.#batches, problem, setup);
  }

  /** The steps of `iterate` and `completeIteration`. */
  #iterationSteps(rule: Rule): Step[] {
    const operations = rulesOf(rule).map((used) => this.#rules.operations(used));
    return [
      ...this.#operations.columnsInverse,
      ...operations.flatMap(({ rowsPass, columnsPass, completeObject, completeSpectrum }) => {
        return [...rowsPass, ...columnsPass, ...completeObject, ...completeSpectrum];
      }),
    ];
  }

  /** The supports of all starts ← the one that they shared. */
  #giveEachItsSupport(): void {
    const { rows, columns } = this.#field;
    if (!this.#rules.support) uploadSupport(this.#shared, new Uint8Array(rows * columns).fill(1));
    const { support } = this.#shared.buffers;
    for (const batch of this.#batches) {
      const own = batch.buffer('ownSupport');
      for (let i = 0; i < batch.starts; i++) this.#device.copy(support!, 0, own, i * support!.size, support!.size);
    }
    this.#rules.support = 'own';
  }

  #run(steps: readonly Step[], slot = 0): void {
    for (const batch of this.#batches) for (const step of steps) batch.run(step, slot);
  }

  /** Copies the object of one start to the same start of another buffer. */
  #copyImage(start: number, to: BatchBuffer): void {
    const { buffer, offset, bytes } = this.#range(start, 'object', imageBytes(this.#field));
    const target = this.#range(start, to, bytes);
    this.#device.copy(buffer, offset, target.buffer, target.offset, bytes);
  }

  /** What one start has in a buffer. */
  #range(start: number, name: BatchBuffer, bytes: number): BufferRange {
    const batch = this.#batches[Math.floor(start / this.#batches[0].starts)];
    return { buffer: batch.buffer(name), offset: (start - batch.firstStart) * bytes, bytes };
  }
}

/** The rules that iterations use: this one, and what stands for it in the first. */
function rulesOf(rule: Rule): Rule[] {
  return [withoutPrevious(rule), rule];
}
