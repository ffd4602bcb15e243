#!/bin/sh
# Profiles both passes with Nsight Compute for the named cases, or for those of cuda-notes.md: how busy issue slots, the
# shared-memory pipe, the L2 cache and device memory are, and what warps wait for. Needs ncu, a GPU whose counters may be
# read, and cuda_bench as run.sh builds it. Writes cuda-ncu.txt into $OUT, or into bench/results.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/local/cuda/bin
out=${OUT:-bench/results}/cuda-ncu.txt
metrics=gpu__time_duration.sum,smsp__inst_executed.sum,smsp__issue_active.avg.pct_of_peak_sustained_active
metrics=$metrics,l1tex__data_pipe_lsu_wavefronts.avg.pct_of_peak_sustained_elapsed
metrics=$metrics,dram__throughput.avg.pct_of_peak_sustained_elapsed,lts__t_sectors.sum,dram__bytes.sum
metrics=$metrics,lts__throughput.avg.pct_of_peak_sustained_elapsed
metrics=$metrics,sm__warps_active.avg.pct_of_peak_sustained_active
for reason in long_scoreboard short_scoreboard barrier mio_throttle lg_throttle no_instruction not_selected selected; do
  metrics=$metrics,smsp__average_warps_issue_stalled_${reason}_per_issue_active.ratio
done
{
  nvidia-smi --query-gpu=name,driver_version --format=csv,noheader
  ncu --version | grep -i version
} > "$out"
[ $# -gt 0 ] || set -- 1024 2048 4096 4096hio 8192
for case in "$@"; do
  echo "$case" >> "$out"
  for pass in column_pass row_pass; do
    ncu --clock-control none --graph-profiling node --metrics "$metrics" -k "regex:$pass" \
      --launch-skip 40 --launch-count 1 --kill yes build/cuda-bench/cuda_bench "$case" 2>&1 \
      | grep -E '^  void|^    [a-z][a-z0-9]*_' >> "$out"
  done
done
cat "$out"
