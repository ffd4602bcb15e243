/**
 * One instance of the WebAssembly module with a memory of its own: typed access to what exports.h declares, and to the
 * memory, whose views go stale whenever it grows.
 */
import type { Precision, RealArray } from '../../src/types.js';

/** A position in the module's memory; 0 is none. */
export type Pointer = number;

/** The functions of exports.h. */
export interface Exports {
  memory: WebAssembly.Memory;
  _initialize?(): void;
  rephase_allocate(bytes: number): Pointer;
  rephase_free(memory: Pointer): void;
  rephase_session_create(
    precision: number,
    rows: number,
    columns: number,
    starts: number,
    algorithm: number,
    beta: number,
  ): Pointer;
  rephase_session_destroy(session: Pointer): void;
  rephase_session_bytes_needed(
    precision: number,
    rows: number,
    columns: number,
    starts: number,
    algorithm: number,
  ): number;
  rephase_session_set_magnitudes(session: Pointer, magnitudes: Pointer, mask: Pointer, scale: number): void;
  rephase_session_set_support(session: Pointer, support: Pointer): number;
  rephase_session_start_from_seed(
    session: Pointer,
    magnitudes: Pointer,
    mask: Pointer,
    seedLow: number,
    seedHigh: number,
    firstStart: number,
  ): void;
  rephase_session_inverse(session: Pointer): number;
  rephase_session_constrain_object(session: Pointer, first: number): number;
  rephase_session_forward(session: Pointer): void;
  rephase_session_constrain_fourier(session: Pointer): void;
  rephase_session_iterate(session: Pointer, count: number, first: number): void;
  rephase_session_settle(session: Pointer): number;
  rephase_session_take_residuals(session: Pointer, out: Pointer): number;
  rephase_session_read_object(session: Pointer, start: number, row: number, rows: number, out: Pointer): void;
  rephase_session_write_object(
    session: Pointer,
    start: number,
    row: number,
    rows: number,
    from: Pointer,
    asIterate: number,
  ): number;
  rephase_session_keep_object(session: Pointer, start: number): void;
  rephase_session_read_spectrum(session: Pointer, start: number, row: number, rows: number, out: Pointer): void;
  rephase_session_write_spectrum(session: Pointer, start: number, from: Pointer): void;
  rephase_plan_create(precision: number, length: number): Pointer;
  rephase_plan_destroy(plan: Pointer): void;
  rephase_plan_transform(plan: Pointer, data: Pointer, lines: number, inverse: number): void;
}

export const BYTES_PER_NUMBER: Record<Precision, number> = { single: 4, double: 8 };

export class WasmInstance {
  readonly call: Exports;
  #bytes = new Uint8Array(0);

  static async create(module: WebAssembly.Module): Promise<WasmInstance> {
    const { exports } = await WebAssembly.instantiate(module, importsOf(module));
    return new WasmInstance(exports as unknown as Exports);
  }

  constructor(exports: Exports) {
    this.call = exports;
    exports._initialize?.();
  }

  get memoryBytes(): number {
    return this.call.memory.buffer.byteLength;
  }

  /** Valid until the memory grows, that is until the next call into the module that may allocate. */
  bytes(at: Pointer, length: number): Uint8Array {
    const { buffer } = this.call.memory;
    if (this.#bytes.buffer !== buffer) this.#bytes = new Uint8Array(buffer);
    // Pointers from 2 GiB on come out of the module as negative numbers.
    return this.#bytes.subarray(at >>> 0, (at >>> 0) + length);
  }

  /** The same as numbers of a precision. */
  numbers(at: Pointer, length: number, precision: Precision): RealArray {
    const { buffer } = this.call.memory;
    return precision === 'single'
      ? new Float32Array(buffer, at >>> 0, length)
      : new Float64Array(buffer, at >>> 0, length);
  }
}

/**
 * What the module wants to import, and nothing else: Emscripten's standalone modules announce the growth of their
 * memory, and may name functions of the system interface (WASI) that their C library could call, were it to print or to
 * exit, which the core does not.
 */
function importsOf(module: WebAssembly.Module): WebAssembly.Imports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== 'function')
      throw new WebAssembly.LinkError(`the module imports an unexpected ${kind} ${from}.${name}`);
    (imports[from] ??= {})[name] = name === 'emscripten_notify_memory_growth' ? ignoreGrowth : refuse(name);
  }
  return imports;
}

/** Every access looks at the current buffer anyway. */
function ignoreGrowth(): void {}

function refuse(name: string) {
  return () => {
    throw new WebAssembly.RuntimeError(`the core called ${name}, which it never should`);
  };
}
