/** What a call costs at Node-API and in CUDA, by the addon rephase_probe. Loading it needs no GPU; the CUDA part does. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { callCost, repeated } from '../measure.mjs';

const ADDON = fileURLToPath(new URL('../../build/cuda/rephase_probe.node', import.meta.url));
/** The same as Probe::kGraphKernels. */
const GRAPH_KERNELS = 32;
/** Few enough that the queue of launches is never full. */
const [MOST_LAUNCHES, MOST_GRAPHS] = [512, 32];

export function loadProbe() {
  if (!existsSync(ADDON)) throw new Error('rephase_probe is not built (npm run build:cuda)');
  return createRequire(import.meta.url)(ADDON);
}

/** @param {import('../measure.mjs').Effort} effort */
export async function nativeCalls(effort) {
  const { empty, withArray } = loadProbe();
  const numbers = new Float32Array(1024);
  const three = repeated((i) => withArray(numbers, 1, i));
  return [
    await callCost(
      'Node-API',
      'an empty native call',
      repeated(() => empty()),
      effort,
    ),
    await callCost('Node-API', 'a native call with a typed array and two numbers', three, effort),
  ];
}

/** @param {import('../measure.mjs').Effort} effort */
export async function cudaCalls(effort) {
  const probe = new (loadProbe().Probe)(0);
  const after = () => probe.synchronize();
  const submitting = async (
    /** @type {string} */ what,
    /** @type {(n: number) => void} */ work,
    /** @type {number} */ most,
  ) => {
    after();
    const cost = await callCost('CUDA', what, work, effort, { most, after });
    const before = probe.deviceSeconds();
    work(most);
    after();
    return { ...cost, deviceUs: (1e6 * (probe.deviceSeconds() - before)) / most };
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
    await callCost('CUDA', 'a kernel, launched and waited for by blocking', blocking, effort),
  ];
}

/**
 * Copies by the driver from and to pageable and page-locked memory, and the cost of page-locking. The least of several:
 * a disturbance can only slow a copy down.
 * @param {import('../measure.mjs').Effort} effort
 */
export function transfers({ rounds }) {
  const probe = new (loadProbe().Probe)(0);
  const rows = [];
  for (let bytes = 2 ** 16; bytes <= 2 ** 28; bytes *= 8) {
    const array = new Float32Array(bytes / 4).fill(1);
    const best = (/** @type {() => number} */ seconds) => {
      seconds();
      return 1e6 * Math.min(...Array.from({ length: 2 * rounds }, seconds));
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
