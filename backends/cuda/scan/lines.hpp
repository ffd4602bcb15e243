// The passes over waves for each length, as kernels to launch.
#pragma once
#include "../kernels/fast_lines.hpp"

namespace rephase::cuda {

struct ScanPasses {
  Kernel forward_rows, inverse_rows;  // of lines along rows
  Kernel columns;
  FastLine plan;  // its own, without kernels
};

// Returns null for a length without a plan of its own; those share `any_scan_passes`.
const ScanPasses* find_scan_passes(int length);

// Lines of any length that fit shared memory. `size`: see AnyLine.
ScanPasses any_scan_passes(int size);

// Square waves that stay on chip: for each a cluster of `kernel.cluster` blocks.
struct ScanOnChip {
  int size;
  bool pays_once;  // faster than passes also where a wave goes to frequency only once
  Kernel kernel;
};

// All that there are for a size, the fewest blocks first.
std::vector<ScanOnChip> find_scan_on_chip(int rows, int columns);

}  // namespace rephase::cuda
