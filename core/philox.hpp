// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1,
// 2, 3", SC'11. Number i needs none before it, so every backend draws the same start in whatever order suits it.
#pragma once
#include <cstdint>

#include "on_device.hpp"

namespace rephase {

struct Philox {
  uint32_t word[4];
};

REPHASE_ON_DEVICE_TOO inline Philox philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0,
                                           uint32_t k1) {
  for (int round = 0; round < 10; round++) {
    const uint64_t a = uint64_t{0xD2511F53} * c0, b = uint64_t{0xCD9E8D57} * c2;
    const uint32_t n0 = static_cast<uint32_t>(b >> 32) ^ c1 ^ k0, n2 = static_cast<uint32_t>(a >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(b);
    c3 = static_cast<uint32_t>(a);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {{c0, c1, c2, c3}};
}

// U in [0, 1) of a pixel of a start, by the pixel's row-major index: 24 bits, so that float holds it exactly.
class UniformStart {
 public:
  UniformStart(uint64_t seed, uint32_t start) : seed_(seed), start_(start) {}

  double operator()(uint64_t pixel) {
    if (const uint64_t block = pixel / 4; block != block_) {
      block_ = block;
      drawn_ = philox(static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), start_, 0,
                      static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32));
    }
    return (drawn_.word[pixel % 4] >> 8) * 0x1p-24;
  }

 private:
  uint64_t seed_;
  uint32_t start_;
  uint64_t block_ = ~uint64_t{0};
  Philox drawn_{};
};

}  // namespace rephase
