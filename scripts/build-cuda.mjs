/**
 * Builds the CUDA addon to prebuilds/linux-x64/rephase_cuda.node with cmake-js, and beside it in build/cuda the check of
 * its kernels, their benchmark and the benchmarks' own addon. Needs nvcc of CUDA 13, a C++ compiler and cmake; no GPU and
 * no network. `REPHASE_CUDA_ARCHITECTURES` (such as `90-real`) builds for fewer GPUs in less time. `--if-possible`, for
 * the tests: skips with a message where there is no such nvcc, and makes a first build for one kind of GPU only; where
 * there is no GPU, of kernels that are not optimised, as tests load them and run none, and that stay in build/cuda. It
 * keeps checks of kernels up to date where there are some, but builds none. Releases are built without it, for all GPUs.
 *
 * On a GPU machine without npm, plain cmake does it, with node-api-headers and node-addon-api copied along:
 *   cmake -S . -B build/cuda -DREPHASE_CUDA=ON -DREPHASE_CUDA_ARCHITECTURES=90-real \
 *     "-DCMAKE_JS_INC=$PWD/node_modules/node-api-headers/include;$PWD/node_modules/node-addon-api"
 *   cmake --build build/cuda --parallel
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { whyNoNvcc } from './nvcc.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const ADDON = 'prebuilds/linux-x64/rephase_cuda.node';

const missing = whyNoNvcc();
const ifPossible = process.argv.includes('--if-possible');
if (missing && ifPossible) {
  console.log(`build-cuda: skipped, because ${missing}; tests see the cuda backend as not built`);
  process.exit(0);
}
if (missing) fail(`${missing}: install NVIDIA's CUDA toolkit 13 and put its bin folder on the PATH`);

const cache = 'build/cuda/CMakeCache.txt';
const configured = existsSync(cache) ? readFileSync(cache, 'utf8') : '';
// A folder that plain cmake has configured may have another generator than cmake-js prefers, and takes no second one.
const generator = /^CMAKE_GENERATOR:INTERNAL=(.*)$/m.exec(configured)?.[1];
const isFirst = configured === '' || configured.includes('REPHASE_CUDA_NO_GPU:BOOL=ON');
const noGpu = ifPossible && isFirst && !existsSync('/dev/nvidiactl');
const first = noGpu ? '90-virtual' : '90-real';
// Without a value, those that were configured before are kept.
const architectures = process.env.REPHASE_CUDA_ARCHITECTURES ?? (ifPossible ? (isFirst ? first : undefined) : '');
cmake('configure', [
  ...(generator ? ['--generator', generator] : []),
  ...['--CDREPHASE_CUDA=ON', '--CDREPHASE_BUILD_TESTS=OFF', `--CDREPHASE_CUDA_NO_GPU=${noGpu ? 'ON' : 'OFF'}`],
  ...(architectures === undefined ? [] : [`--CDREPHASE_CUDA_ARCHITECTURES=${architectures}`]),
]);
const checks = ['cuda_check', 'cuda_scan_check'].filter((name) => existsSync(`build/cuda/${name}`));
const targets = ['rephase_cuda', 'rephase_cuda_fake', ...checks];
for (const target of ifPossible ? targets : ['all']) cmake('build', ['--target', target]);
if (noGpu) {
  console.log('build-cuda: for tests without a GPU; `npm run build:cuda` builds what a GPU runs');
} else {
  mkdirSync(dirname(ADDON), { recursive: true });
  copyFileSync('build/cuda/rephase_cuda.node', ADDON);
  console.log(`build-cuda: ${ADDON}, ${(statSync(ADDON).size / 2 ** 20).toFixed(1)} MiB`);
}

/**
 * @param {string} command
 * @param {string[]} options
 */
function cmake(command, options) {
  const script = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const args = [script, command, '--out', 'build/cuda', '--parallel', `${availableParallelism()}`, ...options];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) fail(`\`cmake-js ${command} ${options.join(' ')}\` failed`);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`build-cuda: ${message}`);
  process.exit(1);
}
