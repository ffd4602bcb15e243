/**
 * `BackendSession` over the addon's session: puts arguments in order, and turns the addon's failures into the library's
 * errors. Everything is enqueued; nothing here waits.
 */
import type { BackendProblem, BackendSession, ShrinkSupport } from '../../src/backends/interface.js';
import { allCoefficients, type Rule } from '../../src/rules.js';
import type { CountArray } from '../../src/scan-types.js';
import type { MemoryReport, RealArray } from '../../src/types.js';
import type { Addon, NativeSession } from './addon.js';
import { translating, translatingLater } from './failures.js';

export class CudaSession implements BackendSession {
  readonly #native: NativeSession;
  #rule: Rule;

  constructor(addon: Addon, problem: BackendProblem, device: number) {
    const { pattern, batch, object, objectMagnitudes, support, rule } = problem;
    const { shape, magnitudes, mask, scale } = pattern;
    const [rows, columns] = shape;
    this.#native = translating(
      () =>
        new addon.Session({
          ...{ device, rows, columns, starts: batch.starts, complex: object === 'complex', scale },
          ...{ coefficients: Float64Array.from(allCoefficients(rule)), keepsIterate: rule.keepsIterate },
          magnitudes: single(magnitudes),
          ...(mask && { mask }),
          ...(support && { support }),
          ...(objectMagnitudes && { sizes: single(objectMagnitudes) }),
          ...batch.seeded,
        }),
      `${batch.starts === 1 ? '' : `${batch.starts} starts of `}${shape.join(' × ')} ${object === 'complex' ? 'complex ' : ''}pixels`,
    );
    this.#rule = rule;
  }

  inverse(): void {
    translating(() => this.#native.inverse());
  }

  constrainObject(rule: Rule): void {
    this.#use(rule);
    translating(() => this.#native.constrainObject());
  }

  forward(): void {
    translating(() => this.#native.forward());
  }

  constrainFourier(rule: Rule): void {
    this.#use(rule);
    translating(() => this.#native.constrainFourier());
  }

  iterate(count: number, rule: Rule): void {
    this.#use(rule);
    translating(() => this.#native.iterate(count));
  }

  completeIteration(): void {
    translating(() => this.#native.completeIteration());
  }

  setSupport(support: Uint8Array | undefined): void {
    translating(() => this.#native.setSupport(support));
  }

  shrinkSupport({ sigma, threshold, least, most }: ShrinkSupport): void {
    translating(() => this.#native.shrinkSupport(sigma, threshold, least, most));
  }

  readSupport(start: number): Promise<Uint8Array> {
    return translatingLater(() => this.#native.readSupport(start));
  }

  writeSupport(start: number, support: Uint8Array): void {
    translating(() => this.#native.writeSupport(start, support));
  }

  measureObject(projection: Rule): void {
    this.#use(projection);
    translating(() => this.#native.measureObject());
  }

  takeResiduals(): Promise<Float64Array> {
    return translatingLater(() => this.#native.takeResiduals());
  }

  readObject(start: number): Promise<RealArray> {
    return translatingLater(() => this.#native.readObject(start));
  }

  writeObject(start: number, object: RealArray, asIterate: boolean): void {
    translating(() => this.#native.writeObject(start, single(object), asIterate));
  }

  keepObject(start: number): void {
    translating(() => this.#native.keepObject(start));
  }

  readSpectrum(start: number): Promise<RealArray> {
    return translatingLater(() => this.#native.readSpectrum(start));
  }

  writeSpectrum(start: number, spectrum: RealArray): void {
    translating(() => this.#native.writeSpectrum(start, single(spectrum)));
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

  #use(rule: Rule): void {
    if (rule === this.#rule) return;
    translating(() => this.#native.setRule(Float64Array.from(allCoefficients(rule)), rule.keepsIterate));
    this.#rule = rule;
  }
}

export function single(array: CountArray): Float32Array {
  return array instanceof Float32Array ? array : Float32Array.from(array);
}
