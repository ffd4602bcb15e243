/**
 * Some of a session's starts, in buffers of their own: as many as one buffer holds. Encodes operations over them and
 * records their residuals; a session of few starts has one part.
 */
import { largestBuffer, type Buffers } from './buffers.js';
import type { Commands } from './commands.js';
import type { Device } from './device.js';
import type { Kernel } from './kernel.js';
import type { Layout } from './layout.js';
import type { PartBuffer, Step } from './operations.js';
import type { CompiledKernel } from './pipelines.js';
import { roundUp } from './plan.js';
import { sumsKernel } from './prepare.js';
import type { Stretch } from './readback.js';

/** What all parts of a session share. */
export interface Shared {
  device: Device;
  /** Gets what goes wrong on the device. */
  onError: (error: Error) => void;
  layout: Layout;
  /** Prefix of the keys of kernels: what they are written for. */
  shapeKey: string;
  buffers: Buffers;
  commands: Commands;
  magnitudes: GPUBuffer;
  support: GPUBuffer | undefined;
  columnTable: GPUBuffer;
  rowTable: GPUBuffer;
  /** What each start takes of each buffer. */
  bytesOfStart: Readonly<Record<PartBuffer, number>>;
  parameters: { later: GPUBuffer; first: GPUBuffer; settling: GPUBuffer };
}

/** Residuals that are kept, and places for as many that are not summed up yet. */
export const RECORDS_KEPT = 1024;
const RECORDS = 2 * RECORDS_KEPT;
/** Misfits of so many iterations wait to be summed up in one dispatch, if they fit. */
const MOST_SLOTS = 64;
const FEWEST_SLOTS = 8;
const MISFIT_BYTES = 2 ** 24;
/** Bindings begin at multiples of this on every device. */
const SLOT_ALIGNMENT = 256;

/** Records whose misfits wait at once. */
function slotsFor(device: Device, starts: number, { stored }: Layout): number {
  const most = Math.min(MISFIT_BYTES, largestBuffer(device).bytes);
  let slots = MOST_SLOTS;
  while (slots > FEWEST_SLOTS && slots * slotBytes(starts, stored) > most) slots /= 2;
  return slots;
}

/** Bytes of the larger of the two buffers with records, at least. */
export function leastRecordBytes({ stored }: Layout, starts: number): number {
  return Math.max(4 * RECORDS * starts, FEWEST_SLOTS * slotBytes(starts, stored));
}

/** Bytes of the two buffers with records. */
export function recordBytes(device: Device, layout: Layout, starts: number): { misfits: number; sums: number } {
  const misfits = slotsFor(device, starts, layout) * slotBytes(starts, layout.stored);
  return { misfits, sums: 4 * RECORDS * starts };
}

/** The most starts whose records fit buffers of so many bytes. */
export function startsRecorded({ stored }: Layout, bytes: number): number {
  const slot = Math.floor(bytes / FEWEST_SLOTS / SLOT_ALIGNMENT) * SLOT_ALIGNMENT;
  return Math.min(Math.floor(bytes / 4 / RECORDS), Math.floor(slot / 4 / stored));
}

function slotBytes(starts: number, stored: number): number {
  return roundUp(4 * starts * stored, SLOT_ALIGNMENT);
}

/** The kernel that sums up the misfits of a part of so many starts; its key, without the shape. */
export function sumUp(device: Device, layout: Layout, starts: number) {
  const slots = slotsFor(device, starts, layout);
  const stride = slotBytes(starts, layout.stored) / 4;
  return { key: `sums ${starts}`, write: () => sumsKernel(layout, starts, slots, stride) };
}

export class Part {
  readonly starts: number;
  readonly #shared: Shared;
  readonly #buffers: Partial<Record<PartBuffer, GPUBuffer>> = {};
  readonly #misfits: GPUBuffer;
  readonly #sums: GPUBuffer;
  readonly #slots: number;
  readonly #sumUp: CompiledKernel;
  readonly #kernels = new Map<Step, { kernel: CompiledKernel; bindGroups: GPUBindGroup[] }>();
  readonly #cycleGroups: GPUBindGroup[] = [];
  /** Records so far, and how many of them are summed up. */
  #recorded = 0;
  #summed = 0;

  constructor(shared: Shared, starts: number) {
    this.#shared = shared;
    this.starts = starts;
    this.#slots = slotsFor(shared.device, starts, shared.layout);
    const { misfits, sums } = recordBytes(shared.device, shared.layout, starts);
    this.#misfits = shared.buffers.allocate('misfits', misfits);
    this.#sums = shared.buffers.allocate('residuals', sums);
    const { key, write } = sumUp(shared.device, shared.layout, starts);
    this.#sumUp = this.#compileNow(key, write);
  }

  get recorded(): number {
    return this.#recorded;
  }

  /** Encodes one kernel. `first`: there is no previous iterate yet. */
  run(step: Step, first = false): void {
    const { commands, layout } = this.#shared;
    let entry = this.#kernels.get(step);
    if (!entry) {
      entry = { kernel: this.#compileNow(step.key, step.write), bindGroups: [] };
      this.#kernels.set(step, entry);
    }
    const { kernel, bindGroups } = entry;
    const records = kernel.bindings.includes('misfits');
    if (records) this.#makeRoom();
    const variant = records ? this.#recorded % this.#slots : Number(first);
    const group = (bindGroups[variant] ??= this.#bind(step, kernel, variant));
    commands.dispatch(kernel, group, this.starts, this.starts * layout.rows * layout.columns);
    if (records) this.#recorded += 1;
  }

  /** Sums up what waits; the sums from record `first` on, which is one of the newest, [record][start]. */
  sums(first: number): Stretch[] {
    if (this.#summed < this.#recorded) this.#sum();
    const stretches: Stretch[] = [];
    for (let record = first; record < this.#recorded;) {
      const place = record % RECORDS;
      const records = Math.min(this.#recorded - record, RECORDS - place);
      const bytes = 4 * this.starts;
      stretches.push({ buffer: this.#sums, offset: place * bytes, bytes: records * bytes });
      record += records;
    }
    return stretches;
  }

  buffer(name: PartBuffer): GPUBuffer {
    return (this.#buffers[name] ??= this.#allocate(name));
  }

  #allocate(name: PartBuffer): GPUBuffer {
    const { buffers, bytesOfStart } = this.#shared;
    return buffers.allocate(name, this.starts * bytesOfStart[name]);
  }

  #makeRoom(): void {
    if (this.#recorded % this.#slots === 0 && this.#summed < this.#recorded) this.#sum();
  }

  /** Sums up the cycle of records under way; places of it that are not recorded yet are written again later. */
  #sum(): void {
    const { commands, device, layout } = this.#shared;
    const cycle = Math.floor((this.#recorded - 1) / this.#slots) % (RECORDS / this.#slots);
    const group = (this.#cycleGroups[cycle] ??= this.#group(this.#sumUp, [
      { binding: 0, resource: device.number(cycle * this.#slots) },
      { binding: 1, resource: { buffer: this.#misfits } },
      { binding: 2, resource: { buffer: this.#sums } },
    ]));
    commands.dispatch(this.#sumUp, group, this.starts, this.starts * layout.stored * this.#slots);
    this.#summed = this.#recorded;
  }

  #bind(step: Step, kernel: CompiledKernel, variant: number): GPUBindGroup {
    const { parameters, layout } = this.#shared;
    const entries = kernel.bindings.map((resource, binding) => {
      if (resource === 'misfits') {
        const size = slotBytes(this.starts, layout.stored);
        return { binding, resource: { buffer: this.#misfits, offset: variant * size, size } };
      }
      if (resource === 'parameters') {
        const buffer = step.settling ? parameters.settling : variant === 1 ? parameters.first : parameters.later;
        return { binding, resource: { buffer } };
      }
      const name = step.use[resource] ?? resource;
      return { binding, resource: { buffer: this.#named(name) } };
    });
    return this.#group(kernel, entries);
  }

  #group({ layout }: CompiledKernel, entries: GPUBindGroupEntry[]): GPUBindGroup {
    const { device, onError } = this.#shared;
    return device.watch(() => device.gpu.createBindGroup({ layout, entries }), onError);
  }

  #compileNow(key: string, write: () => Kernel): CompiledKernel {
    const { device, shapeKey, onError } = this.#shared;
    return device.compileNow(`${shapeKey} ${key}`, write, onError);
  }

  #named(name: string): GPUBuffer {
    const { magnitudes, support, columnTable, rowTable } = this.#shared;
    switch (name) {
      case 'magnitudes':
        return magnitudes;
      case 'support':
        return support!;
      case 'columnTable':
        return columnTable;
      case 'rowTable':
        return rowTable;
      default:
        return this.buffer(name as PartBuffer);
    }
  }
}
