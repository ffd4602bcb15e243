#!/bin/sh
# Builds cuda_bench for this machine's GPU and times the cuda backend beside cuFFT and CuPy. Writes cuda.json,
# cuda-large.json, cufft.json (the ways of using cuFFT) and cuda-cupy.txt into $OUT, or into bench/results; bench/quote.mjs
# puts figures of them into the documents. Needs a GPU, nvcc 13, cuFFT and cmake, and no npm packages; CuPy where python3 has it. About four minutes.
# REPHASE_COMMIT says which commit is measured where there is no repository.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/local/cuda/bin
out=${OUT:-bench/results}
: "${REPHASE_COMMIT:=$(git rev-parse --short HEAD 2> /dev/null || echo unknown)}"
export REPHASE_COMMIT
sizes='128 256 512 1024 2048 4096 8192 128x256 256x64 512x64 600 1000 1536 3000 1021 16384'

mkdir -p build
nvcc -std=c++17 -O3 -arch=native -o build/gs_cufft bench/peers/gs_cufft.cu bench/peers/gs_cufft_main.cpp -ldl
# shellcheck disable=SC2086
build/gs_cufft $sizes > "$out/cufft.json"

cmake -S . -B build/cuda-bench -DCMAKE_BUILD_TYPE=Release -DREPHASE_CUDA=ON -DREPHASE_BUILD_TESTS=OFF \
  -DREPHASE_CUDA_ARCHITECTURES=native > /dev/null
cmake --build build/cuda-bench --parallel --target cuda_bench > /dev/null
build/cuda-bench/cuda_bench "$out/cuda.json"
build/cuda-bench/cuda_bench "$out/cuda-large.json" large
if python3 -c 'import cupy' 2> /dev/null; then
  # shellcheck disable=SC2086
  python3 bench/peers/gs_cupy.py $sizes | tee "$out/cuda-cupy.txt"
fi
