#!/bin/sh
# Runs every kernel under compute-sanitizer's memcheck (with leaks), racecheck and initcheck. Needs a GPU, and cuda_check
# and cuda_scan_check from `npm run build:cuda`. Writes cuda-memcheck.txt, cuda-racecheck.txt and cuda-initcheck.txt into
# $OUT, or into build/sanitize, each with the GPU, the driver and the tool's version; fails when any of them found
# something.
set -eu
cd "$(dirname "$0")/../.."
out=${OUT:-build/sanitize}
mkdir -p "$out"
PATH=$PATH:/usr/local/cuda/bin

run() {
  log=$out/cuda-$1.txt
  nvidia-smi --query-gpu=name,driver_version --format=csv,noheader > "$log"
  compute-sanitizer --version | grep -i '^version' >> "$log" || true
  status=0
  for check in cuda_check cuda_scan_check; do
    compute-sanitizer --tool "$@" --error-exitcode 1 build/cuda/$check every-kernel >> "$log" 2>&1 || status=$?
  done
  echo "$1: $(grep 'SUMMARY' "$log" | tr '\n' ' ')"
  return $status
}
# At the same time: they wait for their own work most of the time.
run memcheck --leak-check full & first=$!
run racecheck & second=$!
run initcheck & third=$!
status=0
for job in $first $second $third; do wait $job || status=1; done
exit $status
