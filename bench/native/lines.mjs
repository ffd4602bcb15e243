/** Single transforms by the core's plans, in a WebAssembly module of their own: the shipped one has no use for them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** @typedef {'single' | 'double'} Precision */
const BYTES = { single: 4, double: 8 };

/** Builds the module where it is out of date, and starts an instance. */
export async function loadLines() {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url)), '--lines']);
  const binary = readFileSync(new URL('../../build/wasm/lines.wasm', import.meta.url));
  const imports = { env: { emscripten_notify_memory_growth() {} }, wasi_snapshot_preview1: { proc_exit() {} } };
  const { instance } = await WebAssembly.instantiate(binary, imports);
  /** @type {any} */
  const call = instance.exports;
  call._initialize();
  return new Lines(call);
}

class Lines {
  #call;

  /** @param {any} call */
  constructor(call) {
    this.#call = call;
  }

  /**
   * A plan for lines of one length, and room for `count` of them, one behind the other.
   * @param {Precision} precision
   * @param {number} length
   * @param {number} count
   */
  plan(precision, length, count) {
    const call = this.#call;
    const plan = call.plan_create(BYTES[precision], length);
    const data = call.allocate(2 * length * count * BYTES[precision]);
    return {
      /** The lines, interleaved; valid until another plan is made. */
      numbers: () =>
        precision === 'single'
          ? new Float32Array(call.memory.buffer, data >>> 0, 2 * length * count)
          : new Float64Array(call.memory.buffer, data >>> 0, 2 * length * count),
      /**
       * In place, of the first `lines` of them. The inverse divides by the length.
       * @param {boolean} inverse
       * @param {number} [lines]
       */
      transform: (inverse, lines = count) => call.plan_transform(BYTES[precision], plan, data, lines, Number(inverse)),
      free: () => {
        call.plan_destroy(BYTES[precision], plan);
        call.release(data);
      },
    };
  }
}
