#!/bin/sh
# Times the cuda backend beside cuFFT and CuPy, and writes what bench/cuda/report.mjs makes bench/results/cuda.md of into
# $OUT, or into bench/results. Needs a GPU and cuda_bench from `npm run build:cuda`; CuPy where python3 has it. A minute or
# two.
set -eu
cd "$(dirname "$0")/../.."
out=${OUT:-bench/results}
build/cuda/cuda_bench "$out/cuda.json"
build/cuda/cuda_bench "$out/cuda-large.json" large
if python3 -c 'import cupy' 2> /dev/null; then
  python3 bench/peers/gs_cupy.py 128 256 512 1024 2048 4096 8192 128x256 256x64 512x64 600 1000 1536 3000 1021 16384 \
    | tee "$out/cuda-cupy.txt"
fi
