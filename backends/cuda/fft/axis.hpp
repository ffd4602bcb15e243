// The plan of one axis: its radices, found once, and its tables, made in double precision and kept on the device.
#pragma once
#include "../kernels/fast_lines.hpp"
#include "../runtime/memory.hpp"
#include "any_line.hpp"

namespace rephase::cuda {

class Axis {
 public:
  // `fast`: the length's own plan, null where it has none.
  Axis(int length, const FastLine* fast);

  const AnyLine& any() const { return line_; }
  const FastLine* fast() const { return fast_; }
  const float4* twiddles() const { return twiddles_.data(); }
  size_t bytes() const { return complex_.bytes() + twiddles_.bytes() + order_.bytes(); }
  // An upper bound of it.
  static double bytes_needed(double length) { return 84 * length + 1024; }

 private:
  AnyLine line_ = {};
  const FastLine* fast_;
  DeviceBuffer<Complex> complex_;
  DeviceBuffer<float4> twiddles_;
  DeviceBuffer<int> order_;
};

}  // namespace rephase::cuda
