/**
 * One instance of the WebAssembly module with a memory of its own: access to the functions of exports.cpp, and to the
 * memory, whose views go stale whenever it grows.
 */
import { OutOfMemoryError } from '../../src/errors.js';
import type { ExportName } from './generated/binary.js';
import type { Precision, RealArray } from '../../src/types.js';

/** An address in the module's memory; 0 is none. */
export type Pointer = number;

/** The functions of exports.cpp, by the names that the module exports. */
export type Exports = { memory: WebAssembly.Memory } & Record<ExportName, (...args: number[]) => number>;

export const BYTES_PER_NUMBER: Record<Precision, number> = { single: 4, double: 8 };

export class WasmInstance {
  readonly call: Exports;
  #bytes = new Uint8Array(0);

  static async create(module: WebAssembly.Module): Promise<WasmInstance> {
    const imports = importsOf(module);
    const { exports } = await WebAssembly.instantiate(module, imports).catch((error: unknown) => {
      throw lackOfMemory(error) ?? error;
    });
    return new WasmInstance(exports as unknown as Exports);
  }

  constructor(exports: Exports) {
    this.call = exports;
    exports._initialize();
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

  /** The memory as numbers of a precision, valid as long as `bytes`. */
  numbers(at: Pointer, length: number, precision: Precision): RealArray {
    const { buffer } = this.call.memory;
    return precision === 'single'
      ? new Float32Array(buffer, at >>> 0, length)
      : new Float64Array(buffer, at >>> 0, length);
  }
}

/**
 * Returns an `OutOfMemoryError` for what engines throw when they find no room. Each instance reserves several GiB of
 * addresses, although it uses few of them, because faults then replace checks of bounds.
 */
export function lackOfMemory(error: unknown): OutOfMemoryError | undefined {
  // Errors of another realm are no instance of this one's RangeError.
  const { name, message } = error as Partial<Error>;
  if (name !== 'RangeError') return undefined;
  const wayOut = 'end other sessions, raise the limit (ulimit -v), or start Node with --disable-wasm-trap-handler';
  return new OutOfMemoryError(`no address space for WebAssembly (${message}): ${wayOut}`, NaN, NaN, { cause: error });
}

/**
 * Provides the functions that the module imports. Emscripten's standalone modules announce the growth of their memory.
 * They may also import functions of the system interface (WASI) that the C library calls to print or to exit; the core
 * does neither.
 */
function importsOf(module: WebAssembly.Module): WebAssembly.Imports {
  const imports: Record<string, WebAssembly.ModuleImports> = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = () => {
      // Growth needs no answer: every access looks at the current buffer.
      if (name === 'emscripten_notify_memory_growth') return;
      throw new WebAssembly.RuntimeError(`the core called ${name}, which it never should`);
    };
  }
  return imports;
}
