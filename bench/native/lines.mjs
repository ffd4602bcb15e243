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
  return {
    /**
     * A plan for lines of one length, and room for `count` of them, one behind the other.
     * @param {Precision} precision
     * @param {number} length
     * @param {number} count
     */
    plan: (precision, length, count) => {
      const bytes = BYTES[precision];
      const plan = call.plan_create(bytes, length);
      const data = call.allocate(2 * length * count * bytes);
      const Numbers = precision === 'single' ? Float32Array : Float64Array;
      return {
        /** The lines, interleaved; valid until another plan is made. */
        numbers: () => new Numbers(call.memory.buffer, data >>> 0, 2 * length * count),
        /**
         * In place, of the first `lines` of them. The inverse divides by the length.
         * @param {boolean} inverse
         * @param {number} [lines]
         */
        transform: (inverse, lines = count) => call.plan_transform(bytes, plan, data, lines, Number(inverse)),
        free: () => {
          call.plan_destroy(bytes, plan);
          call.release(data);
        },
      };
    },
  };
}
