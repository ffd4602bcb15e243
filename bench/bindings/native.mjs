/** What a call costs at Node-API and in CUDA, by the addon's export `benchmark`. Loading it needs no GPU; CUDA does. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { price, repeated } from './price.mjs';

const ADDON = fileURLToPath(new URL('../../prebuilds/linux-x64/rephase_cuda.node', import.meta.url));
/** As Probe::kGraphKernels. */
const GRAPH_KERNELS = 32;
/** So few that no queue of launches is full. */
const [MOST_LAUNCHES, MOST_GRAPHS] = [512, 32];

export function loadProbe() {
  if (!existsSync(ADDON)) throw new Error('the addon is not built (npm run build:cuda)');
  const { benchmark } = createRequire(import.meta.url)(ADDON);
  if (!benchmark) throw new Error('the addon is older than its export `benchmark` (npm run build:cuda)');
  return benchmark;
}

/** @param {import('./price.mjs').Effort} effort */
export async function nativeCalls(effort) {
  const { empty, withArray } = loadProbe();
  const numbers = new Float32Array(1024);
  const three = repeated((i) => withArray(numbers, 1, i));
  return [
    await price(
      'Node-API',
      'an empty native call',
      repeated(() => empty()),
      effort,
    ),
    await price('Node-API', 'a native call with a typed array and two numbers', three, effort),
  ];
}

/** @param {import('./price.mjs').Effort} effort */
export async function cudaCalls(effort) {
  const probe = new (loadProbe().Probe)(0);
  const after = () => probe.synchronize();
  const submitting = async (
    /** @type {string} */ what,
    /** @type {(n: number) => void} */ work,
    /** @type {number} */ most,
  ) => {
    after();
    const priced = await price('CUDA', what, work, effort, { most, after });
    const before = probe.deviceSeconds();
    work(most);
    after();
    return { ...priced, deviceUs: (1e6 * (probe.deviceSeconds() - before)) / most };
  };
  const blocking = repeated(() => {
    probe.launch(1);
    probe.synchronize();
  });
  return [
    await submitting('launching an empty kernel, in a native loop', (calls) => probe.launch(calls), MOST_LAUNCHES),
    await submitting(
      'launching an empty kernel, one native call each',
      repeated(() => probe.launch(1)),
      MOST_LAUNCHES,
    ),
    await submitting(
      `launching a graph of ${GRAPH_KERNELS} empty kernels`,
      repeated(() => probe.launchGraph(1)),
      MOST_GRAPHS,
    ),
    await price('CUDA', 'a kernel, launched and waited for by blocking', blocking, effort),
  ];
}

/**
 * Copies by the driver from and to pageable and page-locked memory, and what it costs to page-lock. GB/s, best of
 * several: a copy is only ever slowed down.
 * @param {import('./price.mjs').Effort} effort
 */
export function transfers({ turns }) {
  const probe = new (loadProbe().Probe)(0);
  const rows = [];
  for (let bytes = 2 ** 16; bytes <= 2 ** 28; bytes *= 8) {
    const array = new Float32Array(bytes / 4).fill(1);
    const best = (/** @type {() => number} */ seconds) => {
      seconds();
      return 1e6 * Math.min(...Array.from({ length: 2 * turns }, seconds));
    };
    const copy = (/** @type {boolean} */ up, /** @type {boolean} */ locked) =>
      best(() => probe.copySeconds(array, up, locked));
    rows.push({
      bytes,
      ...{ upPageableUs: copy(true, false), upPageLockedUs: copy(true, true) },
      ...{ downPageableUs: copy(false, false), downPageLockedUs: copy(false, true) },
      pageLockUs: best(() => probe.pageLockSeconds(bytes)),
    });
  }
  return rows;
}
