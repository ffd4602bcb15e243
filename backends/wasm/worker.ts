/**
 * The program of a worker that runs one job on the wasm backend. scripts/build.mjs bundles it into a string; it must
 * not import the module's base64, because it is sent the compiled module.
 */
import { serveJob, type ToWorker, type WorkerPort } from '../../src/retrieve/workers/protocol.js';
import { nodeModule } from '../../src/retrieve/workers/thread.js';
import { makeWasmBackend } from './make-backend.js';

serveJob(openPort(), (data) => makeWasmBackend(() => Promise.resolve(data as WebAssembly.Module)));

function openPort(): WorkerPort {
  const parent = nodeModule('node:worker_threads')?.parentPort;
  if (parent) {
    return {
      post: (message, transfer) => parent.postMessage(message, transfer),
      listen: (listener) => void parent.on('message', listener),
    };
  }
  return {
    post: (message, transfer) => self.postMessage(message, { transfer }),
    listen: (listener) => {
      self.onmessage = (event: MessageEvent<ToWorker>) => listener(event.data);
    },
  };
}
