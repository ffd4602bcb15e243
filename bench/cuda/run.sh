#!/bin/sh
# Times the cuda backend beside cuFFT and CuPy on this machine's GPU, in about five minutes. Writes cuda.json,
# cuda-complex.json, cuda-holograms.json, cuda-large.json, cuda-cupy.txt and cuda-holograms-cupy.json into $OUT, or into
# bench/results, and the time of each way of using cuFFT to stderr.
# Needs nvcc 13, cuFFT and cmake, and no npm packages; CuPy is measured where python3 has it. REPHASE_COMMIT names the
# measured commit where there is no repository.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/local/cuda/bin
out=${OUT:-bench/results}
: "${REPHASE_COMMIT:=$(git rev-parse --short HEAD 2> /dev/null || echo unknown)}"
export REPHASE_COMMIT
sizes='128 256 512 1024 2048 4096 8192 128x256 256x64 512x64 600 1000 1536 3000 1021 16384'
complex='256complex 512complex 1024complex 2048complex 4096complex 8192complex 256x64complex 512x64complex'

cmake -S . -B build/cuda-bench -DCMAKE_BUILD_TYPE=Release -DREPHASE_CUDA=ON -DREPHASE_BUILD_TESTS=OFF \
  -DREPHASE_CUDA_ARCHITECTURES=native > /dev/null
cmake --build build/cuda-bench --parallel --target cuda_bench > /dev/null

# shellcheck disable=SC2086
build/cuda-bench/cuda_bench $sizes 4096hio > "$out/cuda.json"
# shellcheck disable=SC2086
build/cuda-bench/cuda_bench $complex > "$out/cuda-complex.json"
build/cuda-bench/cuda_bench 512spots 512image 1024spots 1024image > "$out/cuda-holograms.json"
build/cuda-bench/cuda_bench 32768 65536 > "$out/cuda-large.json"
if python3 -c 'import cupy' 2> /dev/null; then
  # shellcheck disable=SC2086
  python3 bench/peers/gs_cupy.py $sizes > "$out/cuda-cupy.txt"
  python3 bench/peers/hologram_cupy.py 512 1024 > "$out/cuda-holograms-cupy.json"
fi
