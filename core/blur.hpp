// A Gaussian blur of an image in rows, periodic at the edges, cut off at the third standard deviation.
#pragma once
#include <cmath>
#include <cstddef>

namespace rephase {

// Blurs along lines of `length` numbers, `step` apart, of which there are `lines`, `line_step` apart.
template <class T>
[[gnu::noinline]] void blur_lines(const T* in, T* out, size_t length, size_t step, size_t lines, size_t line_step,
                                  double sigma) {
  const ptrdiff_t reach = static_cast<ptrdiff_t>(std::ceil(3 * sigma)), n = static_cast<ptrdiff_t>(length);
  double total = 0;
  for (ptrdiff_t d = -reach; d <= reach; d++) total += std::exp(-0.5 * (d / sigma) * (d / sigma));
  for (size_t i = 0; i < lines * length; i++) out[i] = 0;
  for (ptrdiff_t d = -reach; d <= reach; d++) {
    const T weight = static_cast<T>(std::exp(-0.5 * (d / sigma) * (d / sigma)) / total);
    for (size_t to = 0; to < length; to++) {
      const size_t from = static_cast<size_t>(((static_cast<ptrdiff_t>(to) + d) % n + n) % n);
      for (size_t line = 0; line < lines; line++)
        out[to * step + line * line_step] += weight * in[from * step + line * line_step];
    }
  }
}

}  // namespace rephase
