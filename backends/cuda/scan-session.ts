/**
 * `BackendScanSession` over the addon's scan: puts arguments in order, and turns the addon's failures into the library's
 * errors. Everything is enqueued; nothing here waits.
 */
import type { BackendScan, BackendScanSession } from '../../src/backends/interface.js';
import { InvalidArgumentError, gotTakes } from '../../src/errors.js';
import { scanNumbers, type ScanRule } from '../../src/scan-rules.js';
import type { PatternPlace } from '../../src/scan-types.js';
import type { MemoryReport, RealArray, Shape } from '../../src/types.js';
import type { Addon, NativeScan } from './addon.js';
import { translating, translatingLater } from './failures.js';
import { single } from './session.js';

/** Longer lines do not fit the shared memory of a multiprocessor. */
const MOST_PIXELS = 8192;

export class CudaScanSession implements BackendScanSession {
  readonly keepPatterns: PatternPlace;
  readonly #native: NativeScan;
  #rule: ScanRule;
  #order: Uint32Array | undefined;

  constructor(addon: Addon, scan: BackendScan, device: number) {
    const { shape, objectShape, modes, batch, patterns, mask, positions, rule, keepPatterns } = scan;
    requireShortLines(shape);
    const [rows, columns] = shape;
    const count = positions.length / 2;
    this.#native = translating(
      () =>
        new addon.Scan({
          ...{ device, positions: count, rows, columns, objectRows: objectShape[0], objectColumns: objectShape[1] },
          ...{ modes, batch, numbers: numbersOf(rule), patterns: single(patterns), places: positions },
          ...(mask && { mask }),
          ...(keepPatterns && { keepPatterns }),
        }),
      // What does not fit was tried without its patterns, unless they were to be there.
      `${count} positions of ${shape.join(' × ')} pixels over ${objectShape.join(' × ')}, with patterns on the ${keepPatterns ?? 'host'},`,
    );
    this.keepPatterns = this.#native.patternsOnHost() ? 'host' : 'device';
    this.#rule = rule;
  }

  forward(order: Uint32Array, begin: number, end: number, rule: ScanRule): void {
    this.#use(rule, order);
    translating(() => this.#native.forward(begin, end));
  }

  constrainFourier(rule: ScanRule): void {
    this.#use(rule);
    translating(() => this.#native.constrainFourier());
  }

  inverse(): void {
    translating(() => this.#native.inverse());
  }

  constrainObject(last: boolean, rule: ScanRule): void {
    this.#use(rule);
    translating(() => this.#native.constrainObject(last));
  }

  iterate(order: Uint32Array, begin: number, end: number, rule: ScanRule): void {
    this.#use(rule, order);
    translating(() => this.#native.iterate(begin, end));
  }

  correctPositions(most: number): void {
    translating(() => this.#native.correctPositions(most));
  }

  takeResiduals(): Promise<Float64Array> {
    return translatingLater(() => this.#native.takeResiduals());
  }

  counts(): Promise<{ model: number; measured: number }> {
    return translatingLater(() => this.#native.counts());
  }

  readObject(): Promise<RealArray> {
    return translatingLater(() => this.#native.readObject());
  }

  writeObject(object: RealArray): void {
    translating(() => this.#native.writeObject(single(object)));
  }

  readProbe(): Promise<RealArray> {
    return translatingLater(() => this.#native.readProbe());
  }

  writeProbe(probe: RealArray): void {
    translating(() => this.#native.writeProbe(single(probe)));
  }

  readPositions(): Promise<Float64Array> {
    return translatingLater(() => this.#native.readPositions());
  }

  writePositions(positions: Float64Array): void {
    translating(() => this.#native.writePositions(positions));
  }

  readWaves(): Promise<RealArray> {
    return translatingLater(() => this.#native.readWaves());
  }

  writeWaves(waves: RealArray): void {
    translating(() => this.#native.writeWaves(single(waves)));
  }

  finish(): Promise<void> {
    return translatingLater(() => this.#native.finish());
  }

  memory(): MemoryReport {
    return this.#native.memory();
  }

  deviceSeconds(): number {
    return translating(() => this.#native.deviceSeconds());
  }

  dispose(): void {
    this.#native.dispose();
  }

  /** Passes a rule and an order to the device, where they are others than before. */
  #use(rule: ScanRule, order = this.#order): void {
    if (rule !== this.#rule) translating(() => this.#native.setRule(numbersOf(rule)));
    this.#rule = rule;
    if (order && order !== this.#order) translating(() => this.#native.setOrder(order));
    this.#order = order;
  }
}

function numbersOf(rule: ScanRule): Float64Array {
  return Float64Array.from(scanNumbers(rule));
}

function requireShortLines(shape: Shape): void {
  if (Math.max(...shape) <= MOST_PIXELS) return;
  const takes = `at most ${MOST_PIXELS} rows and columns on the cuda backend; backend: 'wasm' takes more`;
  throw new InvalidArgumentError('shape', gotTakes('shape', shape, takes));
}
