#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "axis.hpp"

namespace rephase::cuda {

namespace {

using Wide = std::complex<double>;

// exp(-2πi·k/n), from an angle that is reduced exactly.
Wide unit_root(uint64_t k, uint64_t n) {
  const double angle = -6.283185307179586477 * static_cast<double>(k % n) / static_cast<double>(n);
  return {std::cos(angle), std::sin(angle)};
}

// The largest first, so that the last stage's butterflies are small; empty where another prime is left.
std::vector<int> find_radices(int n) {
  std::vector<int> radices;
  for (const int R : {16, 15, 12, 10, 8, 6, 13, 11, 7, 5, 4, 3, 2})
    while (n % R == 0 && n > 1) {
      radices.push_back(R);
      n /= R;
    }
  if (n > 1) radices.clear();
  return radices;
}

// The smallest size from `n` on that is quick: a power of two times 1, 3, 5, 9 or 15.
int convolution_size(int n) {
  int best = 1 << 30;
  for (const int odd : {1, 3, 5, 9, 15}) {
    int64_t size = odd;
    while (size < n) size *= 2;
    if (size < best) best = static_cast<int>(size);
  }
  return best;
}

// index[k]: where decimation in frequency leaves frequency k.
std::vector<int> frequency_indices(int n, const std::vector<int>& radices) {
  std::vector<int> index(n);
  for (int k = 0; k < n; k++) {
    int rest = k, span = n, p = 0;
    for (const int R : radices) {
      span /= R;
      p += rest % R * span;
      rest /= R;
    }
    index[k] = p;
  }
  return index;
}

// The transform itself in double precision, in the order of `radices`: the way to a convolution's table.
void transform(std::vector<Wide>& x, const std::vector<int>& radices) {
  const int n = static_cast<int>(x.size());
  int span = n;
  for (const int R : radices) {
    const int m = span / R;
    std::vector<Wide> y(R);
    for (int block = 0; block < n; block += span)
      for (int offset = 0; offset < m; offset++) {
        for (int q = 0; q < R; q++) {
          y[q] = 0;
          for (int j = 0; j < R; j++) y[q] += x[block + offset + j * m] * unit_root(uint64_t(j) * q, R);
          y[q] *= unit_root(uint64_t(offset) * q, span);
        }
        for (int q = 0; q < R; q++) x[block + offset + q * m] = y[q];
      }
    span = m;
  }
}

Complex narrow(Wide z) {
  return {static_cast<float>(z.real()), static_cast<float>(z.imag())};
}

}  // namespace

void append_twiddles(std::vector<float4>& table, int R, int count, int (*entry)(int e)) {
  const size_t at = table.size();
  table.resize(at + size_t(twiddle_quads(R)) * count);
  const auto set = [&](int e, int index, float x, float y) {
    float4& f = table[at + size_t(index / 2) * count + entry(e)];
    (index % 2 == 0 ? f.x : f.z) = x;
    (index % 2 == 0 ? f.y : f.w) = y;
  };
  for (int e = 0; e < count; e++) {
    if (!is_power_of_two(R)) {
      const Complex w = narrow(unit_root(e, uint64_t(count) * R));
      set(e, 0, w.x, w.y);
      continue;
    }
    for (int S = 2; S <= R; S *= 2)
      for (int q = 0; q < std::max(1, S / 4); q++) {
        const Wide w = unit_root(e + uint64_t(q) * count, uint64_t(count) * S);
        set(e, twiddle_index(S, q), static_cast<float>(w.real()), static_cast<float>(-w.imag() / w.real()));
      }
  }
}

Axis::Axis(int length, const FastLine* fast, DeviceMemory& memory) : fast(fast) {
  std::vector<int> radices = find_radices(length);
  const bool smooth = length == 1 || !radices.empty();
  const int size = smooth ? length : convolution_size(2 * length - 1);
  // A convolution leaves its frequencies in natural order, as one stage would.
  const std::vector<int> index = frequency_indices(length, smooth ? radices : std::vector<int>{length});
  if (!smooth) radices = find_radices(size);
  any.length = length;
  any.size = size;
  any.stages = static_cast<int>(radices.size());
  std::copy(radices.begin(), radices.end(), any.radix);

  std::vector<Complex> table;
  int span = size;
  for (const int R : radices) {
    for (int offset = 0; offset < span / R; offset++) table.push_back(narrow(unit_root(offset, span)));
    span /= R;
  }
  const size_t chirp_at = table.size();
  if (!smooth) {
    std::vector<Wide> convolution(size);
    for (int k = 0; k < length; k++) {
      const Wide chirp = unit_root(uint64_t(k) * k, 2 * uint64_t(length));
      table.push_back(narrow(chirp));
      convolution[k] = std::conj(chirp) / double(size);
      if (k > 0) convolution[size - k] = convolution[k];
    }
    transform(convolution, radices);
    for (const Wide z : convolution) table.push_back(narrow(z));
  }

  std::vector<int> order(4 * length);
  for (int k = 0; k < length; k++) {
    const int p = index[k];
    order[k] = p;
    order[length + p] = index[(length - k) % length];
    order[2 * length + p] = fast && fast->magnitude_index ? fast->magnitude_index(k) : p;
    order[3 * length + p] = fast && fast->storage_index ? fast->storage_index(k) : p;
  }
  if (fast) {
    std::vector<float4> twiddle_table;
    fast->append_twiddles(twiddle_table);
    twiddles = memory.allocate_copy(twiddle_table);
  }

  any.twiddles = memory.allocate_copy(table);
  any.chirp = smooth ? nullptr : any.twiddles + chirp_at;
  any.convolution = smooth ? nullptr : any.chirp + length;
  any.frequency_index = memory.allocate_copy(order);
  any.mirror = any.frequency_index + length;
  any.magnitude_index = any.mirror + length;
  any.storage_index = any.magnitude_index + length;
}

}  // namespace rephase::cuda
