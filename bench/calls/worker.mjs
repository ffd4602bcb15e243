/**
 * Measures one part of the study, and prints the result as JSON: `node worker.mjs PART BACKEND OPTIONS`, with OPTIONS as
 * JSON. Each part has a process of its own, so that one that fails, or whose driver crashes, takes no other with it.
 */
import process from 'node:process';
import * as rephase from '../../dist/index.js';
import { callOverhead, engineCalls, sessionCalls, webgpuCalls } from './calls.mjs';
import { copies, naiveLoop } from './copies.mjs';
import { watch } from './counter.mjs';
import { abandoned, bytesPerPixel, lifeCycles } from './memory.mjs';
import { cudaCalls, nativeCalls, transfers } from './native.mjs';
import { overhead } from './shared.mjs';

const [part, name, options] = process.argv.slice(2);
const backend = /** @type {import('../../dist/index.js').BackendName} */ (name);
/** `most` is the length of the largest images. @type {{ effort: import('../measure.mjs').Effort, most: number }} */
const { effort, most } = JSON.parse(options);
const sizes = [64, 128, 256, 512, 1024, 2048, 4096, 8192].filter((n) => n <= most);
const mediumSizes = sizes.filter((n) => n >= 256 && n <= 2048);
const small = most <= 512;

/** @type {Record<string, () => unknown>} */
const parts = {
  'engine-calls': () => engineCalls(effort),
  'native-calls': () => nativeCalls(effort),
  calls: async () => [
    ...(backend === 'cuda' ? await cudaCalls(effort) : []),
    ...(backend === 'webgpu' ? await webgpuCalls(effort) : []),
    ...(await sessionCalls(rephase, backend, effort)),
  ],
  granularity: () => callOverhead(rephase, overhead, backend, sizes, effort),
  copies: async () => copies(backend, await watch(backend)),
  naive: () => naiveLoop(backend, mediumSizes, effort),
  transfers: () => transfers(effort),
  memory: async () => bytesPerPixel(rephase, backend, small ? 256 : 1024, await watch(backend)),
  cycles: () => lifeCycles(backend, small ? 100 : 1000),
  abandoned: async () => abandoned(backend, small ? 40 : 200, await watch(backend)),
  // Only this part needs a browser, and the package that drives it.
  page: async () =>
    (await import('./page.mjs')).measureInPage(effort, { wasm: sizes, webgpu: small ? [64] : [64, 128, 256] }),
};

try {
  const result = await parts[part]();
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
