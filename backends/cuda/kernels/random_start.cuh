// The numbers that a seeded start begins with.
#pragma once
#include "../../../core/philox.hpp"

namespace rephase::cuda {

struct Wide {
  double x, y;
};

// m·exp(2πi·U) for U of core/philox.hpp.
__device__ inline Wide random_start(double m, size_t pixel, uint64_t seed, uint32_t start) {
  const uint64_t block = pixel / 4;
  const Philox drawn = philox(static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), start, 0,
                              static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
  const double u = (drawn.word[pixel % 4] >> 8) * 0x1p-24;
  double sine, cosine;
  sincospi(2 * u, &sine, &cosine);
  return {m * cosine, m * sine};
}

}  // namespace rephase::cuda
