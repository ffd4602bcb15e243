/**
 * A scan in a session's buffers: their layout, their sizes, and which positions a dispatch works on.
 *
 *     magnitudes [position][row][column]        u32, bits of √(rows·columns·counts), infinite where not measured; of patterns
 *                                               that stay on the host, [slot][row][column]
 *     object     [row][column]                  vec2f
 *     probe      [mode][row][column]            vec2f
 *     waves      [slot][mode][row][column]      vec2f, of the positions that are worked on together
 *     kept       [position][mode][row][column]  vec2f
 *     order      the positions in the order of the iteration, then in that of their numbers
 *
 * A *slot* is a position's place among those that are worked on together, a *wave* one mode of a slot. Transforms carry no
 * factor, and numbers stay in natural order.
 *
 * Where positions lie between pixels, `placed` holds the probe as it lies at each slot, and stands for the probe.
 */
import type { BackendScan } from '../../../src/backends/interface.js';
import type { ScanRule } from '../../../src/scan-rules.js';
import { InvalidArgumentError, OutOfMemoryError, gotTakes } from '../../../src/errors.js';
import type { Device } from '../device/device.js';
import { BINDING_ALIGNMENT } from '../sizes.js';
import { factorsOf, planLine, type LinePlan } from '../wgsl/plan.js';

export interface ScanField {
  /** Tells the kernels from those of every other scan. */
  key: string;
  positions: number;
  rows: number;
  columns: number;
  objectRows: number;
  objectColumns: number;
  modes: number;
  /** The most positions that are updated together. */
  batch: number;
  /** The most that are worked on together, a multiple of `batch`. */
  slots: number;
  /** Patterns stay on the host, and come to the device with each span. */
  streamed: boolean;
  rowLine: LinePlan;
  columnLine: LinePlan;
}

/** Waves of this many bytes are worked on together at least: enough for a GPU, and few enough for its cache. */
const GROUP_BYTES = 2 ** 23;
/** maxComputeWorkgroupsPerDimension of every device. Waves are the third dimension of a dispatch. */
const MOST_WAVES = 65_535;
/** Side by side in memory, this many columns fill a sector of it twice. */
const COLUMN_LINES = 8;

/** Throws an `OutOfMemoryError` where lines do not fit a workgroup. */
export function scanField(scan: BackendScan, device: Device): ScanField {
  const { shape, objectShape, positions, modes, batch, keepPatterns } = scan;
  const [rows, columns] = shape;
  const [objectRows, objectColumns] = objectShape;
  const waveBytes = 8 * rows * columns * modes;
  const most = Math.floor(MOST_WAVES / modes / batch);
  const largest = device.largestBuffer.bytes;
  const batches = Math.min(
    most,
    Math.floor(Math.min(GROUP_BYTES, largest) / waveBytes / batch),
    Math.ceil(positions.length / 2 / batch),
  );
  if (modes * batch > MOST_WAVES) {
    const takes = `at most ${Math.floor(MOST_WAVES / modes)} with so many modes on the webgpu backend`;
    throw new InvalidArgumentError('batch', gotTakes('batch', batch, takes));
  }
  const plan = (length: number, lines: number, count: number) => {
    const line = planLine(factorsOf(length), device.gpu.limits, lines, count);
    if (line) return line;
    const available = device.gpu.limits.maxComputeWorkgroupStorageSize;
    const needed = 4 * factorsOf(length).padded;
    const message = `lines of ${length} pixels take ${needed} bytes of a workgroup's memory; this WebGPU device has ${available}`;
    throw new OutOfMemoryError(message, needed, available);
  };
  const fits = 2 * positions.length * rows * columns <= largest;
  const streamed = keepPatterns === 'host' || (keepPatterns !== 'device' && !fits);
  return {
    key: `scan ${[positions.length / 2, rows, columns, ...objectShape, modes].join('×')} ${streamed}`,
    ...{ positions: positions.length / 2, rows, columns, objectRows, objectColumns, modes, batch },
    slots: batch * Math.max(1, batches),
    streamed,
    rowLine: plan(columns, 1, rows),
    columnLine: plan(rows, COLUMN_LINES, columns),
  };
}

/** Object pixels of a workgroup. */
export const TILE = { rows: 8, columns: 32 };
/** Probe pixels of a workgroup, and parts of their sums that run side by side. */
export const PROBE_PIXELS = 64;
export const PARTS = 4;
/** Pixels of a workgroup in kernels that go over waves. */
export const WAVE_THREADS = 256;

export function tilesOf({ objectRows, objectColumns }: ScanField): { across: number; count: number } {
  const across = Math.ceil(objectColumns / TILE.columns);
  return { across, count: across * Math.ceil(objectRows / TILE.rows) };
}

export function probeGroups({ rows, columns }: ScanField): number {
  return Math.ceil((rows * columns) / PROBE_PIXELS);
}

/** Workgroups that share the constraint of a position. */
export function partialsOf({ modes, rows, columns, columnLine }: ScanField): number {
  return modes === 1 ? Math.ceil(columns / columnLine.lines) : Math.ceil((rows * columns) / WAVE_THREADS);
}

/** Workgroups that share the sums over a position's wave in least-squares problems, and the pixels of each. */
export function sharesOf({ rows, columns }: ScanField): { count: number; pixels: number } {
  const pixels = rows * columns;
  const share = WAVE_THREADS * Math.ceil(pixels / Math.min(64, Math.ceil(pixels / 1024)) / WAVE_THREADS);
  return { count: Math.ceil(pixels / share), pixels: share };
}
/** Sums of a least-squares problem. */
export const FIT_SUMS = 6;

/** Residuals that are kept. */
export const RECORDS = 1024;

/** The numbers of the uniform `rule`, in WGSL: those of a `ScanRule`, and the most that a correction moves a position. */
export const RULE = {
  ...{ a: 'rule[0].x', b: 'rule[0].y', c: 'rule[0].z', alpha: 'rule[0].w' },
  ...{ step: 'rule[1].x', ridge: 'rule[1].y', most: 'rule[1].z' },
};
const RULE_BYTES = 32;

export type ScanBuffer =
  | 'magnitudes'
  | 'object'
  | 'probe'
  | 'waves'
  | 'measured'
  | 'placed'
  | 'back'
  | 'kept'
  | 'spectrum'
  | 'objectSum'
  | 'probeSum'
  | 'objectWeight'
  | 'probeWeight'
  | 'maxima'
  | 'largest'
  | 'partials'
  | 'residuals'
  | 'fits'
  | 'steps'
  | 'positions'
  | 'moves'
  | 'order'
  | 'batch'
  | 'rule';

/** Bytes of each buffer. Those that the rule does not need are not allocated. */
export function scanBytes(field: ScanField): Record<ScanBuffer, number> {
  const { positions, rows, columns, objectRows, objectColumns, modes, slots, streamed } = field;
  const [pixels, objectPixels] = [rows * columns, objectRows * objectColumns];
  const [probe, waves] = [8 * modes * pixels, 8 * slots * modes * pixels];
  return {
    ...{
      magnitudes: 4 * (streamed ? Math.min(slots, positions) : positions) * pixels,
      object: 8 * objectPixels,
      probe,
      kept: positions * probe,
    },
    ...{ waves, measured: waves, placed: waves, back: waves, spectrum: probe, objectSum: 8 * objectPixels },
    ...{ probeSum: probe, objectWeight: 4 * objectPixels, probeWeight: 4 * pixels },
    ...{ maxima: 4 * (tilesOf(field).count + probeGroups(field)), largest: 8, steps: 8 },
    ...{ partials: 4 * positions * partialsOf(field), residuals: 4 * (RECORDS + 1) },
    fits: 4 * FIT_SUMS * Math.max(slots, positions) * sharesOf(field).count,
    ...{ positions: 16 * positions, moves: 8 * positions, order: 8 * positions },
    ...{ batch: BINDING_ALIGNMENT * spansOf(field).length, rule: RULE_BYTES },
  };
}

/** Throws an `OutOfMemoryError` that names the first buffer that no device's buffer holds. */
export function requireFits(device: Device, field: ScanField, rule: ScanRule): void {
  const bytes = scanBytes(field);
  const needed = ['magnitudes', 'object', 'waves', 'partials', 'fits', 'batch'] as const;
  for (const name of rule.keepsWaves ? [...needed, 'kept' as const] : needed) device.requireFits(name, bytes[name]);
}

/** Positions that are worked on together: where they begin in `order`, how many they are, and where `batch` says so. */
export interface Span {
  begin: number;
  count: number;
  /** Bytes into `batch`. */
  offset: number;
}

/** All spans that there are: the batches of an iteration, its groups of as many as there are slots, and such groups by number. */
function spansOf({ positions, batch, slots }: ScanField): Span[] {
  const runs = (each: number, first: number) =>
    Array.from({ length: Math.ceil(positions / each) }, (_, i) => {
      return { begin: first + i * each, count: Math.min(each, positions - i * each) };
    });
  const all = [...runs(batch, 0), ...runs(slots, 0), ...runs(slots, positions)];
  return all.map((span, i) => ({ ...span, offset: BINDING_ALIGNMENT * i }));
}

export class Spans {
  /** All positions, by number. */
  readonly everywhere: readonly Span[];
  readonly #field: ScanField;
  readonly #all: readonly Span[];

  constructor(field: ScanField) {
    this.#field = field;
    this.#all = spansOf(field);
    this.everywhere = this.#all.filter(({ begin }) => begin >= field.positions);
  }

  /** What `batch` holds. */
  words(): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array((this.#all.length * BINDING_ALIGNMENT) / 4);
    for (const { begin, count, offset } of this.#all) words.set([begin, count], offset / 4);
    return words;
  }

  /** The batch that begins here. */
  batch(begin: number): Span {
    return this.#all[begin / this.#field.batch];
  }

  /** The batches from `begin` to `end`; `grouped` joins as many as there are slots for. */
  *between(begin: number, end: number, grouped: boolean): Iterable<Span> {
    const { positions, batch, slots } = this.#field;
    while (begin < end) {
      const fits = grouped && begin % slots === 0 && Math.min(begin + slots, positions) <= end;
      const span = fits ? this.#all[Math.ceil(positions / batch) + begin / slots] : this.batch(begin);
      yield span;
      begin += span.count;
    }
  }
}
