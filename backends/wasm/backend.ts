/** The wasm backend of the main thread. */
import type { Backend } from '../../src/backends/interface.js';
import { WORKER_SOURCE } from './generated/worker-source.js';
import { makeWasmBackend } from './make-backend.js';
import { wasmModule } from './module.js';

export const wasmBackend: Backend = {
  ...makeWasmBackend(wasmModule),
  workerScript: async () => ({ source: WORKER_SOURCE, data: await wasmModule() }),
};
