/**
 * Some of a session's starts, in buffers of their own: as many as one buffer holds. Encodes operations over them and
 * records their residuals. A session of few starts has one batch.
 */
import { largestBuffer, type Buffers } from './device/buffers.js';
import type { Commands } from './device/commands.js';
import type { Device } from './device/device.js';
import type { CompiledKernel } from './device/pipelines.js';
import type { BufferRange } from './device/transfers.js';
import type { RealField } from './fields/real/layout.js';
import type { BatchBuffer, SharedBuffer, Step } from './step.js';
import type { Kernel, Resource } from './wgsl/kernel.js';
import { roundUp } from './wgsl/plan.js';
import { residualsKernel } from './wgsl/residuals.js';

/** What all batches of a session share. */
export interface Shared {
  device: Device;
  /** Gets what goes wrong on the device. */
  onError: (error: Error) => void;
  field: RealField;
  /** Prefix of the keys of kernels: the shape that they are written for. */
  shapeKey: string;
  buffers: Buffers;
  commands: Commands;
  /** The support's is allocated with the first support, and stays. */
  named: Partial<Record<SharedBuffer, GPUBuffer>>;
  /** Bytes of one start in each buffer. */
  bytesOfStart: Readonly<Record<BatchBuffer, number>>;
}

/** Residuals that are kept. There is room for as many that are not summed up yet. */
export const RECORDS_KEPT = 1024;
const RECORDS = 2 * RECORDS_KEPT;
/** This many records wait for one dispatch that sums up their partial residuals, if they fit. */
const MOST_WAITING = 64;
const FEWEST_WAITING = 8;
const WAITING_BYTES = 2 ** 24;
/** Offsets of bindings are multiples of this on every device. */
export const BINDING_ALIGNMENT = 256;

/** Records that wait at once. */
function waitingRecords(device: Device, starts: number, { stored }: RealField): number {
  const most = Math.min(WAITING_BYTES, largestBuffer(device).bytes);
  let waiting = MOST_WAITING;
  while (waiting > FEWEST_WAITING && waiting * partialBytes(starts, stored) > most) waiting /= 2;
  return waiting;
}

/** Bytes of the larger of the two buffers with records, at least. */
export function leastRecordBytes({ stored }: RealField, starts: number): number {
  return Math.max(4 * RECORDS * starts, FEWEST_WAITING * partialBytes(starts, stored));
}

/** Bytes of the two buffers with records. */
export function recordBytes(device: Device, field: RealField, starts: number): { partials: number; residuals: number } {
  const partials = waitingRecords(device, starts, field) * partialBytes(starts, field.stored);
  return { partials, residuals: 4 * RECORDS * starts };
}

/** The most starts whose records fit buffers of so many bytes. */
export function startsRecorded({ stored }: RealField, bytes: number): number {
  const record = Math.floor(bytes / FEWEST_WAITING / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
  return Math.min(Math.floor(bytes / 4 / RECORDS), Math.floor(record / 4 / stored));
}

/** Bytes of the partial residuals of one record. */
function partialBytes(starts: number, stored: number): number {
  return roundUp(4 * starts * stored, BINDING_ALIGNMENT);
}

/** The kernel that sums up the partial residuals of a batch of so many starts; its key, without the shape. */
export function sumUp(device: Device, field: RealField, starts: number) {
  const waiting = waitingRecords(device, starts, field);
  const stride = partialBytes(starts, field.stored) / 4;
  return { key: `residuals ${starts}`, write: () => residualsKernel(field.stored, starts, waiting, stride) };
}

interface BoundStep {
  kernel: CompiledKernel;
  /** Has a bind group for each waiting record, or for each set of coefficients. */
  records: boolean;
  ruled: boolean;
  bindGroups: GPUBindGroup[];
}

export class DeviceBatch {
  readonly starts: number;
  readonly #shared: Shared;
  readonly #buffers: Partial<Record<BatchBuffer, GPUBuffer>> = {};
  readonly #partials: GPUBuffer;
  readonly #residuals: GPUBuffer;
  readonly #waiting: number;
  readonly #sumUp: CompiledKernel;
  readonly #steps = new Map<Step, BoundStep>();
  readonly #sumGroups: GPUBindGroup[] = [];
  /** Records so far, and how many of them are summed up. */
  #recorded = 0;
  #summed = 0;

  constructor(shared: Shared, starts: number) {
    this.#shared = shared;
    this.starts = starts;
    this.#waiting = waitingRecords(shared.device, starts, shared.field);
    const { partials, residuals } = recordBytes(shared.device, shared.field, starts);
    this.#partials = shared.buffers.allocate('partial residuals', partials);
    this.#residuals = shared.buffers.allocate('residuals', residuals);
    const { key, write } = sumUp(shared.device, shared.field, starts);
    this.#sumUp = this.#compileNow(key, write);
  }

  get recorded(): number {
    return this.#recorded;
  }

  /** Encodes one kernel, with the coefficients in this slot where it takes any. */
  run(step: Step, slot: number): void {
    const { commands, field } = this.#shared;
    let bound = this.#steps.get(step);
    if (!bound) this.#steps.set(step, (bound = this.#prepare(step)));
    const { kernel, records, ruled, bindGroups } = bound;
    if (records && this.#recorded % this.#waiting === 0 && this.#summed < this.#recorded) this.#sum();
    const variant = records ? this.#recorded % this.#waiting : ruled ? slot : 0;
    const group = (bindGroups[variant] ??= this.#bind(step, kernel, variant));
    commands.dispatch(kernel, group, this.starts, this.starts * field.rows * field.columns);
    if (records) this.#recorded += 1;
  }

  /** Sums up what waits. The residuals from record `first` on, which is one of the newest, [record][start]. */
  residuals(first: number): BufferRange[] {
    if (this.#summed < this.#recorded) this.#sum();
    const ranges: BufferRange[] = [];
    for (let record = first; record < this.#recorded;) {
      const index = record % RECORDS;
      const records = Math.min(this.#recorded - record, RECORDS - index);
      const bytes = 4 * this.starts;
      ranges.push({ buffer: this.#residuals, offset: index * bytes, bytes: records * bytes });
      record += records;
    }
    return ranges;
  }

  /** Allocated where it is first needed. */
  buffer(name: BatchBuffer): GPUBuffer {
    const { buffers, bytesOfStart } = this.#shared;
    return (this.#buffers[name] ??= buffers.allocate(name, this.starts * bytesOfStart[name]));
  }

  /** Sums up the round of records under way. Those of it that are yet to come are summed up again later. */
  #sum(): void {
    const { commands, device, field, onError } = this.#shared;
    const round = Math.floor((this.#recorded - 1) / this.#waiting) % (RECORDS / this.#waiting);
    const resources = [device.number(round * this.#waiting), { buffer: this.#partials }, { buffer: this.#residuals }];
    const group = (this.#sumGroups[round] ??= device.bindGroup(this.#sumUp, resources, onError));
    commands.dispatch(this.#sumUp, group, this.starts, this.starts * field.stored * this.#waiting);
    this.#summed = this.#recorded;
  }

  #prepare({ key, write }: Step): BoundStep {
    const kernel = this.#compileNow(key, write);
    const binds = (resource: Resource) => kernel.bindings.includes(resource);
    return { kernel, records: binds('partials'), ruled: binds('coefficients'), bindGroups: [] };
  }

  #bind(step: Step, kernel: CompiledKernel, variant: number): GPUBindGroup {
    const { device, field, named, onError } = this.#shared;
    const resources = kernel.bindings.map((resource) => {
      if (resource === 'partials') {
        const size = partialBytes(this.starts, field.stored);
        return { buffer: this.#partials, offset: variant * size, size };
      }
      const name = step.use[resource] ?? resource;
      const buffer = named[name as SharedBuffer] ?? this.buffer(name as BatchBuffer);
      if (resource !== 'coefficients') return { buffer };
      return { buffer, offset: variant * BINDING_ALIGNMENT, size: BINDING_ALIGNMENT };
    });
    return device.bindGroup(kernel, resources, onError);
  }

  #compileNow(key: string, write: () => Kernel): CompiledKernel {
    const { device, shapeKey, onError } = this.#shared;
    return device.compileNow(`${shapeKey} ${key}`, write, onError);
  }
}
