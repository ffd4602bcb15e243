/**
 * The compiled WebAssembly module, once per process. It is part of the JavaScript as base64, so that Node, bundlers and
 * browsers load it alike, without paths or settings. It is deflated first, because base64 hides from a server's compression
 * what repeats: a browser loads 60 kB less.
 */
import { inflateSync } from 'fflate';
import { BackendUnavailableError, messageOf } from '../../src/errors.js';
import { lackOfMemory } from './instance.js';
import { WASM_BASE64 } from './generated/binary.js';

let module: Promise<WebAssembly.Module> | undefined;

/** Rejects with a `BackendUnavailableError` where WebAssembly or its 128-bit vectors are missing or forbidden. */
export function wasmModule(): Promise<WebAssembly.Module> {
  module ??= compile().catch((error: unknown) => {
    // A lack of memory may pass.
    module = undefined;
    throw error;
  });
  return module;
}

async function compile(): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(inflateSync(decodeBase64(WASM_BASE64)));
  } catch (error) {
    const message = `WebAssembly with SIMD cannot be compiled here: ${messageOf(error)}`;
    throw lackOfMemory(error) ?? new BackendUnavailableError(message, 'wasm', { cause: error });
  }
}

function decodeBase64(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
