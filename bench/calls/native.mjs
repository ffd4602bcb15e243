/** What calls into Node-API and CUDA cost, by the addon of bench/native/probe.cu. Loading it needs no GPU; CUDA does. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { callCost, repeated } from '../measure.mjs';
import { callCosts } from './calls.mjs';

/** The same number as in probe.cu. */
const GRAPH_KERNELS = 32;
/** Launches of a turn: few enough that their queue is never full. */
const [MOST_LAUNCHES, MOST_GRAPHS] = [512, 32];

/** @param {'probe' | 'cupti'} name of an addon that `npm run build:cuda` makes */
export function loadAddon(name) {
  const path = fileURLToPath(new URL(`../../build/cuda/rephase_${name}.node`, import.meta.url));
  if (!existsSync(path)) throw new Error(`rephase_${name} is not built (npm run build:cuda)`);
  return createRequire(import.meta.url)(path);
}

/** @param {import('../measure.mjs').Effort} effort */
export function nativeCalls(effort) {
  const { empty, withArray } = loadAddon('probe');
  const numbers = new Float32Array(1024);
  return callCosts('Node-API', effort, [
    ['an empty native call', repeated(() => empty())],
    ['a native call with a typed array and two numbers', repeated((i) => withArray(numbers, 1, i))],
  ]);
}

/** @param {import('../measure.mjs').Effort} effort */
export function cudaCalls(effort) {
  const { launch, launchGraph, synchronize: after } = loadAddon('probe');
  const launches = { most: MOST_LAUNCHES, after };
  const blocking = repeated(() => {
    launch(1);
    after();
  });
  return callCosts('CUDA', effort, [
    ['launching an empty kernel, in a native loop', launch, launches],
    ['launching an empty kernel, one native call each', repeated(() => launch(1)), launches],
    [
      `launching a graph of ${GRAPH_KERNELS} empty kernels`,
      repeated(() => launchGraph()),
      { most: MOST_GRAPHS, after },
    ],
    ['a kernel, launched and waited for by blocking', blocking],
  ]);
}

/**
 * Times copies by the driver from and to pageable and page-locked memory, and page-locking. Microseconds.
 * @param {import('../measure.mjs').Effort} effort
 */
export async function transfers(effort) {
  const { copy, pageLock } = loadAddon('probe');
  const rows = [];
  for (let bytes = 2 ** 16; bytes <= 2 ** 28; bytes *= 8) {
    const array = new Float32Array(bytes / 4).fill(1);
    const time = async (work) => (await callCost('CUDA', 'a copy', repeated(work), effort)).us;
    rows.push({
      bytes,
      upPageableUs: await time(() => copy(array, true, false)),
      upPageLockedUs: await time(() => copy(array, true, true)),
      downPageableUs: await time(() => copy(array, false, false)),
      downPageLockedUs: await time(() => copy(array, false, true)),
      pageLockUs: await time(() => pageLock(bytes)),
    });
  }
  return rows;
}
