// The k largest positive pixels of an image, without sorting: the threshold of the last image is corrected until it
// lets through as many as that.
#pragma once
#include <cstdint>
#include <limits>

#include "on_device.hpp"

namespace rephase {

// Returns a threshold that k ± tolerance pixels are above, or 0 where no more than k are above 0. Where pixels equal
// the largest one that is left out, all of them are left out, and fewer than k get through. `count(t)` counts the
// pixels above t. `guess` is above 0, and becomes a good one for a similar image.
template <class T, class Count>
REPHASE_ON_DEVICE_TOO T threshold_of_largest(uint32_t k, uint32_t tolerance, T& guess, Count&& count) {
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  // After so many corrections the distribution is an odd one, and halving the bracket is safer.
  constexpr int kCorrections = 8;
  const int64_t tenths = 10 * int64_t{k};
  const T tenth = 1 / static_cast<T>(tenths);
  T low = 0, high = kInfinity, t = guess;
  for (int i = 0;; i++) {
    const int64_t excess = static_cast<int64_t>(count(t)) - k;
    if (-int64_t{tolerance} <= excess && excess <= tolerance) return guess = t;
    (excess > 0 ? low : high) = t;
    // Twice too few: it may be that no threshold lets k through.
    if (i == 1 && low == 0 && count(T(0)) <= k) return 0;
    T next = 2 * t;
    // 1 + 0.7·excess/k, with the sum in integers: compilers may round a product and a sum as one.
    if (i < kCorrections) next = t * (tenth * static_cast<T>(tenths + 7 * excess));
    const bool halves = i >= kCorrections && high < kInfinity;
    if (halves || !(next > low && next < high)) next = low + (high - low) / 2;
    if (!(next > low && next < high)) return high;
    t = next;
  }
}

}  // namespace rephase
