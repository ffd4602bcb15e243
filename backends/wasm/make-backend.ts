/**
 * The wasm backend around a compiled module, wherever that comes from: the main thread compiles it from its own text, a
 * worker is sent it.
 */
import type { Backend } from '../../src/backends/interface.js';
import { WasmInstance } from './instance.js';
import { MEMORY_LIMIT } from './module-memory.js';
import { WasmScanSession } from './scan-session.js';
import { WasmSession } from './session.js';

const DEVICES = [{ name: 'CPU (WebAssembly SIMD)', memory: MEMORY_LIMIT, software: false }];

export function makeWasmBackend(module: () => Promise<WebAssembly.Module>): Backend {
  return {
    name: 'wasm',
    precisions: ['single', 'double'],
    onCallingThread: true,
    devices: async () => {
      await module();
      return DEVICES;
    },
    createSession: async (problem) => new WasmSession(await WasmInstance.create(await module()), problem),
    createScanSession: async (scan) => new WasmScanSession(await WasmInstance.create(await module()), scan),
  };
}
