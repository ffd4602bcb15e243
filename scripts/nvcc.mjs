import { spawnSync } from 'node:child_process';

/** What keeps the CUDA addon from being built here, or `undefined`. */
export function whyNoNvcc() {
  const { status, stdout } = spawnSync('nvcc', ['--version'], { encoding: 'utf8' });
  if (status !== 0) return 'nvcc is not installed';
  const release = /\brelease (\d+)(?:\.\d+)?/.exec(stdout);
  if (!release) return 'nvcc does not say which release it is';
  return Number(release[1]) < 13 ? `nvcc is of CUDA ${release[0].slice(8)}, and CUDA 13 is needed` : undefined;
}
