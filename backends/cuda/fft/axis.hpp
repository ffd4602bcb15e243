// The plan of one axis: its radices, found once, and its tables, made in double precision and kept on the device.
#pragma once
#include "../kernels/fast_lines.hpp"
#include "../runtime/memory.hpp"
#include "any_line.hpp"

namespace rephase::cuda {

struct Axis {
  // `fast`: the length's own plan, null where it has none. The tables are arrays of `memory`.
  Axis(int length, const FastLine* fast, DeviceMemory& memory);
  // An upper bound of the bytes of its tables.
  static double bytes_needed(double length) { return 84 * length + 1024; }

  const FastLine* fast;
  const float4* twiddles = nullptr;  // of `fast`
  AnyLine any = {};
};

}  // namespace rephase::cuda
