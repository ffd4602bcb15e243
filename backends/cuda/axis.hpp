// The plan of one axis: its radices, found once, and its tables, made in double precision and kept on the device.
#pragma once
#include "any_line.hpp"
#include "fast_lines.hpp"
#include "memory.hpp"

namespace rephase::cuda {

class Axis {
 public:
  // For `lines` lines at once.
  Axis(int length, double lines);

  const AnyLine& any() const { return line_; }
  // Null where the length has no plan of its own.
  const FastLine* fast() const { return fast_; }
  size_t bytes() const { return complex_.bytes() + order_.bytes(); }
  // An upper bound of it.
  static double bytes_needed(double length) { return 72 * length + 1024; }

 private:
  AnyLine line_ = {};
  const FastLine* fast_;
  DeviceBuffer<Complex> complex_;
  DeviceBuffer<int> order_;
};

}  // namespace rephase::cuda
