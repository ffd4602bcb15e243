/** Compiles and loads cupti.cpp, where there is a CUDA toolkit with CUPTI. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('cupti.cpp', import.meta.url));
const ADDON = fileURLToPath(new URL('../../build/bench/cupti.node', import.meta.url));

/** Throws with the reason where it cannot. */
export function buildCupti() {
  const require = createRequire(import.meta.url);
  if (!existsSync(ADDON) || statSync(ADDON).mtimeMs < statSync(SOURCE).mtimeMs) compile(require);
  const { counts, resetPeak } = require(ADDON);
  return {
    /** @returns {import('./counter.mjs').Counts} */
    counts: () => {
      const { kernelSeconds, dropped, ...rest } = counts();
      if (dropped) throw new Error(`CUPTI lost ${dropped} records`);
      return { ...rest, deviceSeconds: kernelSeconds };
    },
    resetPeak,
  };
}

/** @param {NodeRequire} require */
function compile(require) {
  const toolkit = findToolkit();
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const folders = [toolkit, join(toolkit, 'extras/CUPTI')];
  const libraries = folders.flatMap((folder) => [join(folder, 'lib64'), join(folder, 'lib')]).filter(existsSync);
  mkdirSync(dirname(ADDON), { recursive: true });
  const args = [
    ...['-std=c++17', '-O2', '-shared', '-fPIC', '-o', ADDON, SOURCE, `-I${headers}`],
    ...folders.map((folder) => `-I${folder}/include`),
    ...libraries.flatMap((folder) => [`-L${folder}`, `-Wl,-rpath,${folder}`]),
    '-lcupti',
  ];
  execFileSync(process.env.CXX ?? 'g++', args, { stdio: 'pipe' });
}

function findToolkit() {
  const given = process.env.CUDA_HOME ?? process.env.CUDA_PATH;
  const nvcc = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'nvcc'))
    .find(existsSync);
  const candidates = [given, nvcc && dirname(dirname(realpathSync(nvcc))), '/usr/local/cuda'];
  const header = (/** @type {string} */ root) =>
    ['include/cupti.h', 'extras/CUPTI/include/cupti.h'].some((path) => existsSync(join(root, path)));
  const found = candidates.find((root) => root && header(root));
  if (!found) throw new Error('there is no CUDA toolkit with CUPTI');
  return found;
}
