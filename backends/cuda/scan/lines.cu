#include "lines.hpp"

#include <algorithm>

#include "on_chip.cuh"

namespace rephase::cuda {

namespace {

template <class L, int I>
int run_in_memory(int frequency) {
  return L::reversed_run(I, frequency);
}
int itself(int e) {
  return e;
}

// Tables of the forward transform are by run, as runs lie in memory; of the inverse, by offset.
template <class L, int I = 1>
void append_line_twiddles(std::vector<float4>& table) {
  if constexpr (I < L::stages) {
    append_twiddles(table, L::radix(I), L::runs(I), run_in_memory<L, I>);
    append_line_twiddles<L, I + 1>(table);
  } else {
    for (int i = 0; i < L::last; i++) append_twiddles(table, L::radix(i), L::offsets(i), itself);
  }
}

template <class L>
int storage_index_of_frequency(int k) {
  constexpr int butterflies = L::length / L::radix(L::last);
  return L::reversed_run(L::last, k % butterflies) + k / butterflies * butterflies;
}

// Rows are read four or eight at a time, columns in the half of a cache line where shared memory allows.
template <class L, int Columns, int Rows = 4>
ScanPasses passes() {
  using RowLines = FastLines<L, Rows>;
  using ColumnLines = FastLines<L, Columns>;
  return {{forward_rows<RowLines>, RowLines::lines, RowLines::threads, RowLines::shared},
          {inverse_rows<RowLines>, RowLines::lines, RowLines::threads, RowLines::shared},
          {scan_columns<ColumnLines>, ColumnLines::lines, ColumnLines::threads, ColumnLines::shared},
          {L::length, {}, {}, {}, append_line_twiddles<L>, nullptr, storage_index_of_frequency<L>}};
}

template <class L, int Blocks, int Resident = 1>
ScanOnChip on_chip(bool pays_once = true) {
  using Wave = OnChipWave<L, Blocks>;
  Kernel kernel = {waves_on_chip<L, Blocks, Resident>, 1, Wave::threads, Wave::shared};
  kernel.cluster = Blocks;
  return {L::length, pays_once, kernel};
}

using Line128 = ColumnLine<128, 8, 16, 8>;
using Line256 = ColumnLine<256, 16, 16, 16>;

const ScanOnChip kOnChip[] = {
    on_chip<Line128, 1>(), on_chip<Line128, 2>(),         on_chip<Line128, 4>(),
    on_chip<Line128, 8>(), on_chip<Line256, 8, 2>(false),
};

// Length, threads a line, radices.
const ScanPasses kPasses[] = {
    passes<ColumnLine<32, 4, 4, 8>, 8, 8>(),
    passes<ColumnLine<64, 8, 8, 8>, 8>(),
    passes<Line128, 8, 8>(),
    passes<Line256, 8>(),
    passes<ColumnLine<512, 32, 8, 8, 8>, 8>(),
    passes<ColumnLine<1024, 128, 8, 16, 8>, 4>(),
    passes<ColumnLine<2048, 128, 16, 8, 16>, 4>(),
    passes<ColumnLine<4096, 128, 16, 16, 16>, 4>(),
};

}  // namespace

const ScanPasses* find_scan_passes(int length) {
  for (const ScanPasses& passes : kPasses)
    if (passes.plan.length == length) return &passes;
  return nullptr;
}

std::vector<ScanOnChip> find_scan_on_chip(int rows, int columns) {
  std::vector<ScanOnChip> found;
  for (const ScanOnChip& each : kOnChip)
    if (each.size == rows && each.size == columns) found.push_back(each);
  return found;
}

ScanPasses any_scan_passes(int size) {
  const size_t bytes = (spread(size) + 1) * sizeof(Complex);
  const int threads = std::clamp(size / 16 / 32 * 32, 32, AnyLines::threads);
  return {{forward_rows<AnyLines>, 1, threads, bytes},
          {inverse_rows<AnyLines>, 1, threads, bytes},
          {scan_columns<AnyLines>, 1, threads, bytes},
          {}};
}

}  // namespace rephase::cuda
