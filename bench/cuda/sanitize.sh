#!/bin/sh
# Runs every kernel under compute-sanitizer's memcheck (with leaks), racecheck and initcheck. Needs a GPU, and cuda_check
# from `npm run build:cuda`. Writes cuda-memcheck.txt, cuda-racecheck.txt and cuda-initcheck.txt into $OUT, or into
# build/sanitize, each with the GPU, the driver and the tool's version; fails when any of them found something.
set -eu
cd "$(dirname "$0")/../.."
out=${OUT:-build/sanitize}
mkdir -p "$out"
PATH=$PATH:/usr/local/cuda/bin

status=0
for tool in memcheck racecheck initcheck; do
  log=$out/cuda-$tool.txt
  options=
  [ $tool = memcheck ] && options='--leak-check full'
  nvidia-smi --query-gpu=name,driver_version --format=csv,noheader > "$log"
  compute-sanitizer --version | grep -i '^version' >> "$log" || true
  # shellcheck disable=SC2086
  compute-sanitizer --tool $tool $options --error-exitcode 1 build/cuda/cuda_check every-kernel >> "$log" 2>&1 || status=1
  echo "$tool: $(grep 'SUMMARY' "$log" | tail -1)"
done
exit $status
