/**
 * The compiled WebAssembly module, once per process. It is part of the JavaScript as base64, so that Node, bundlers and
 * browsers load it alike, without paths or settings.
 */
import { BackendUnavailableError } from '../../src/errors.js';
import { WASM_BASE64 } from './generated/binary.js';

let module: Promise<WebAssembly.Module> | undefined;

/** Rejects with a `BackendUnavailableError` where WebAssembly or its 128-bit vectors are missing or forbidden. */
export function wasmModule(): Promise<WebAssembly.Module> {
  return (module ??= compile());
}

async function compile(): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(Uint8Array.from(atob(WASM_BASE64), (character) => character.charCodeAt(0)));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `WebAssembly with SIMD cannot be compiled here: ${why}`;
    throw new BackendUnavailableError(message, 'wasm', { cause: error });
  }
}
