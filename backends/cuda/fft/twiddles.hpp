// The twiddles of fast lines as their kernels read them: for each stage a table over the angles w =
// exp(-2πi·e/(count·R)), e < count, of what a butterfly of radix R needs to multiply its number j by w^j.
//
// For a power of two these are the angles of its network (butterfly.cuh), level by level: w^(R/S) times the S-th roots
// of the first quarter, for S = 2, 4, …, R; each as its cosine and its tangent, two of them a float4. For other radices
// w itself, cosine and -sine. Neighbouring threads read neighbouring entries, [float4][entry].
#pragma once
#include <vector_types.h>

#include <vector>

namespace rephase::cuda {

constexpr bool is_power_of_two(int n) {
  return (n & (n - 1)) == 0;
}

// float4s an angle.
constexpr int twiddle_quads(int R) {
  return is_power_of_two(R) ? (R + 3) / 4 : 1;
}

// The index among the network's angles of that for blocks of S and their root q.
constexpr int twiddle_index(int S, int q) {
  return S == 2 ? 0 : S / 4 + q;
}

// Appends the table of `count` angles, with angle e in entry(e).
void append_twiddles(std::vector<float4>& table, int R, int count, int (*entry)(int e));

}  // namespace rephase::cuda
