/**
 * Some of a session's starts, in buffers of their own: as many as one buffer holds. Encodes operations over them and
 * records their residuals. A session of few starts has one batch.
 */
import type { CompiledKernel } from './device/pipelines.js';
import type { SessionDevice } from './device/session-device.js';
import type { Field } from './fields/field.js';
import type { Plans } from './operations.js';
import { BINDING_ALIGNMENT, RECORDS, batchLayout, type BatchLayout } from './sizes.js';
import type { BatchBuffer, SharedBuffer, Step } from './step.js';
import type { Resource } from './wgsl/kernel.js';
import { residualsKernel } from './wgsl/residuals.js';

/** What all batches of a session share. */
export interface Shared {
  device: SessionDevice;
  field: Field;
  plans: Plans;
  /** Those of all batches. */
  starts: number;
  /** The support's is allocated with the first support, and stays. */
  buffers: Partial<Record<SharedBuffer, GPUBuffer>>;
}

interface BoundStep {
  kernel: CompiledKernel;
  /** [slot of coefficients][waiting record or round of records], each 0 where the kernel takes none. */
  bindGroups: GPUBindGroup[][];
}

export class DeviceBatch {
  readonly firstStart: number;
  readonly starts: number;
  /** Sums up the partial residuals of the records that wait. */
  readonly sumUp: Step;
  readonly #shared: Shared;
  readonly #layout: BatchLayout;
  readonly #buffers: Partial<Record<BatchBuffer, GPUBuffer>> = {};
  readonly #bound = new Map<Step, BoundStep>();
  /** Records so far, and how many of them are summed up. */
  #recorded = 0;
  #summed = 0;

  /** Allocates nothing. */
  constructor(shared: Shared, firstStart: number, starts: number) {
    const { device, field, plans } = shared;
    this.#shared = shared;
    this.firstStart = firstStart;
    this.starts = starts;
    this.#layout = batchLayout(device.device, field, plans, starts);
    const { waiting, partialBytes, residualBytes } = this.#layout;
    const write = () => residualsKernel(field.stored, waiting, partialBytes / 4, residualBytes / 4);
    this.sumUp = { key: `residuals ${starts}`, write, use: { records: 'partials' } };
  }

  get recorded(): number {
    return this.#recorded;
  }

  /** Compiles the kernel where it is new, and allocates the buffers that it binds. */
  prepare(step: Step): BoundStep {
    let bound = this.#bound.get(step);
    if (!bound) {
      const { device, field } = this.#shared;
      const kernel = device.compileNow(`${field.key} ${step.key}`, step.write);
      bound = { kernel, bindGroups: [] };
      this.#bound.set(step, bound);
      kernel.bindings.forEach((resource) => this.#bufferOf(step, resource));
    }
    return bound;
  }

  /** Encodes one kernel, with the coefficients in this slot where it takes any. */
  run(step: Step, slot = 0, starts = this.starts): void {
    const { bindings } = this.prepare(step).kernel;
    const records = bindings.includes('partials');
    const waiting = this.#recorded % this.#layout.waiting;
    if (records && waiting === 0) this.#sum();
    this.#dispatch(step, bindings.includes('coefficients') ? slot : 0, records ? waiting : 0, starts);
    if (records) this.#recorded += 1;
  }

  /** Reads the residuals from record `first` on, which is one of the newest, into those of all batches, [record][start]. */
  async readResiduals(first: number, residuals: Float64Array): Promise<void> {
    this.#sum();
    const { residualBytes } = this.#layout;
    const read = async (record: number, end: number) => {
      const [offset, bytes] = [(record % RECORDS) * residualBytes, (end - record) * residualBytes];
      const numbers = await this.#shared.device.download({ buffer: this.buffer('residuals'), offset, bytes });
      for (let at = 0; record < end; record++, at += residualBytes / 4) {
        const to = (record - first) * this.#shared.starts + this.firstStart;
        residuals.set(numbers.subarray(at, at + this.starts), to);
      }
    };
    const reads: Promise<void>[] = [];
    // The buffer is a ring.
    for (let record = first; record < this.#recorded;) {
      const end = Math.min(this.#recorded, record + RECORDS - (record % RECORDS));
      reads.push(read(record, end));
      record = end;
    }
    await Promise.all(reads);
  }

  /** Allocated where it is first needed. */
  buffer(name: BatchBuffer): GPUBuffer {
    return (this.#buffers[name] ??= this.#shared.device.allocate(name, this.#layout.bytes[name]));
  }

  /** Sums up the round of records under way. Those of it that are yet to come are summed up again later. */
  #sum(): void {
    if (this.#summed === this.#recorded) return;
    const { waiting } = this.#layout;
    const round = Math.floor((this.#recorded - 1) / waiting) % (RECORDS / waiting);
    this.#dispatch(this.sumUp, 0, round, this.starts);
    this.#summed = this.#recorded;
  }

  #dispatch(step: Step, slot: number, record: number, starts: number): void {
    const { device, field } = this.#shared;
    const { kernel, bindGroups } = this.prepare(step);
    const groups = (bindGroups[slot] ??= []);
    let group = groups[record];
    if (!group) {
      const resources = kernel.bindings.map((resource) => this.#bindingOf(step, resource, slot, record));
      group = groups[record] = device.bindGroup(kernel, resources);
    }
    device.dispatch(kernel, group, starts, starts * field.rows * field.columns);
  }

  #bufferOf(step: Step, resource: Resource): GPUBuffer {
    const name = step.use[resource] ?? resource;
    return this.#shared.buffers[name as SharedBuffer] ?? this.buffer(name as BatchBuffer);
  }

  /** All of a buffer, or the part of it for one record, one round of records or one rule. */
  #bindingOf(step: Step, resource: Resource, slot: number, record: number): GPUBufferBinding {
    const { waiting, partialBytes, residualBytes } = this.#layout;
    const parts: Partial<Record<Resource, [size: number, number: number]>> = {
      partials: [partialBytes, record],
      residuals: [waiting * residualBytes, record],
      coefficients: [BINDING_ALIGNMENT, slot],
    };
    const buffer = this.#bufferOf(step, resource);
    const part = parts[resource];
    if (!part) return { buffer };
    const [size, number] = part;
    return { buffer, offset: number * size, size };
  }
}
