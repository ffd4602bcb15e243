/**
 * Builds the CUDA addon to prebuilds/linux-x64/rephase_cuda.node, and beside it in build/cuda the check of its kernels
 * and their benchmark. Needs nvcc of CUDA 13, a C++ compiler and cmake; no GPU. `REPHASE_CUDA_ARCHITECTURES` (such as
 * `90-real`) builds for fewer GPUs in less time. `--if-possible`, for the tests: does nothing where there is no such
 * nvcc, and says so; builds for one kind of GPU only where there is no addon yet; keeps the check up to date where there
 * is one, but builds none. `npm publish` builds for all GPUs.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
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

const require = createRequire(import.meta.url);
const headers = ['node-api-headers', 'node-addon-api'].map((name) => dirname(require.resolve(`${name}/package.json`)));
const include = [join(headers[0], 'include'), headers[1]].join(';');
const configured = existsSync('build/cuda/CMakeCache.txt');
const architectures = process.env.REPHASE_CUDA_ARCHITECTURES ?? (ifPossible && !configured ? '90-real' : undefined);
run('cmake', [
  ...['-S', '.', '-B', 'build/cuda', '-DCMAKE_BUILD_TYPE=Release', '-DREPHASE_CUDA=ON', '-DREPHASE_BUILD_TESTS=OFF'],
  `-DREPHASE_NODE_API_INCLUDE=${include}`,
  ...(architectures
    ? [`-DREPHASE_CUDA_ARCHITECTURES=${architectures}`]
    : ifPossible
      ? []
      : ['-UREPHASE_CUDA_ARCHITECTURES']),
]);
const targets = ['rephase_cuda', 'rephase_cuda_fake', ...(existsSync('build/cuda/cuda_check') ? ['cuda_check'] : [])];
run('cmake', ['--build', 'build/cuda', '--parallel', ...(ifPossible ? ['--target', ...targets] : [])]);
mkdirSync(dirname(ADDON), { recursive: true });
copyFileSync('build/cuda/rephase_cuda.node', ADDON);
console.log(`build-cuda: ${ADDON}, ${(statSync(ADDON).size / 2 ** 20).toFixed(1)} MiB`);

/**
 * @param {string} program
 * @param {string[]} args
 */
function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) fail(`\`${program} ${args.join(' ')}\` failed${error ? `: ${error.message}` : ''}`);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`build-cuda: ${message}`);
  process.exit(1);
}
