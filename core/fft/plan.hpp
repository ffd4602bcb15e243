// One-dimensional complex transforms of any length. A plan is immutable and may be shared; scratch belongs to the call,
// and nothing is allocated while transforming.
//
// Transforms are in place and unordered: decimation in frequency forward, in time backward, so that no pass reorders
// anything. `forward` leaves frequency k at index order()[k]; `inverse` expects it there and returns natural order. An
// iteration never needs more, because what stands between the two transforms works number by number: it is handed to
// `through_frequency` or `through_space` and stands inside the innermost or the outermost butterflies where their radix
// is 4 or 8, which saves a pass over the line.
//
// Lengths with factors 2, 3, 5, 7, 11 and 13 are split by Cooley and Tukey's rule (Math. Comp. 19, 297, 1965); all
// others become a convolution of a longer such length (Bluestein, IEEE Trans. Audio Electroacoustics 18, 451, 1970).
#pragma once
#include <memory>

#include "buffer.hpp"
#include "fft/butterfly.hpp"

namespace rephase {

// exp(-2πi·k/n), k taken modulo n, from an angle reduced to an eighth of a turn by exact integer arithmetic.
Complex<double> twiddle(uint64_t k, uint64_t n);

template <class T>
class Plan {
 public:
  explicit Plan(size_t length);

  // False when memory ran out: the plan must not be used.
  bool valid() const { return valid_; }
  size_t length() const { return length_; }
  size_t bytes() const;
  // Where the forward transform leaves frequency k.
  const uint32_t* order() const { return order_.data(); }
  // How many Complex<V> of scratch each call needs.
  size_t scratch() const { return convolution_ ? convolution_->length() : 0; }

  // Natural order to order(), unnormalised.
  template <class V>
  void forward(Complex<V>* x, Complex<V>* scratch) const {
    if (convolution_) return chirp<Direction::forward>(x, scratch);
    split<Direction::forward>(x, 0);
  }

  // order() to natural order, unnormalised.
  template <class V>
  void inverse(Complex<V>* x, Complex<V>* scratch) const {
    if (convolution_) return chirp<Direction::inverse>(x, scratch);
    split<Direction::inverse>(x, 0);
  }

  // Forward, then z = op(index, z) for every number in order() order, then inverse.
  template <class V, class Op>
  void through_frequency(Complex<V>* x, Complex<V>* scratch, Op&& op) const {
    if (!fuses_at(depth_ - 1)) {
      forward(x, scratch);
      for (size_t i = 0; i < length_; i++) x[i] = op(i, x[i]);
      return inverse(x, scratch);
    }
    fused_in_frequency(x, 0, 0, op);
  }

  // Inverse, then z = op(index, z) for every number in natural order, then forward.
  template <class V, class Op>
  void through_space(Complex<V>* x, Complex<V>* scratch, Op&& op) const {
    if (!fuses_at(0)) {
      inverse(x, scratch);
      for (size_t i = 0; i < length_; i++) x[i] = op(i, x[i]);
      return forward(x, scratch);
    }
    const Stage& top = stages_[0];
    if (depth_ > 1)
      for (size_t q = 0; q < top.radix; q++) split<Direction::inverse>(x + q * top.span, 1);
    if (top.radix == 4)
      fused_in_space<4>(x, top, op);
    else
      fused_in_space<8>(x, top, op);
    if (depth_ > 1)
      for (size_t q = 0; q < top.radix; q++) split<Direction::forward>(x + q * top.span, 1);
  }

 private:
  // One butterfly pass: `radix` numbers, `span` apart, of a block of radix × span.
  struct Stage {
    size_t radix, span;
    const T* twiddles;  // for each position in the span, radix - 1 complex factors
  };
  static constexpr int kMaxDepth = 40;
  // Blocks up to this many vectors stay in the first-level cache through all their passes.
  static constexpr size_t kCached = 512;

  // Whether an operation can stand inside the butterflies of a level, the outermost or the innermost. Any more radices
  // would cost code for each operation, and gain little.
  bool fuses_at(int level) const { return depth_ > 0 && (stages_[level].radix == 4 || stages_[level].radix == 8); }
  template <class V>
  static Complex<V> factor(const T* w) {
    return {splat<V>(w[0]), splat<V>(w[1])};
  }

  // Where a butterfly's numbers come from and go to: numbers `span` apart, or these with their twiddles.
  template <class V>
  static auto untwisted(const Complex<V>* x, size_t span, const T* w) {
    return [=](int q) __attribute__((always_inline)) {
      return q > 0 ? x[q * span] * conjugate(factor<V>(w + 2 * (q - 1))) : x[0];
    };
  }
  template <class V>
  static auto twisted(Complex<V>* x, size_t span, const T* w) {
    return [=](int q, Complex<V> z) __attribute__((always_inline)) {
      x[q * span] = q > 0 ? z * factor<V>(w + 2 * (q - 1)) : z;
    };
  }
  template <class V>
  static auto from(const Complex<V>* x, size_t span) {
    return [=](int t) __attribute__((always_inline)) {
      return x[t * span];
    };
  }
  template <class V>
  static auto into(Complex<V>* x, size_t span) {
    return [=](int q, Complex<V> z) __attribute__((always_inline)) {
      x[q * span] = z;
    };
  }

  // Forward: a butterfly, then its twiddles. Inverse: the conjugate twiddles, then the butterfly. The innermost pass
  // has no twiddles; for odd radices a shorter program is worth more than their multiplications.
  template <int R, Direction D, class V>
  static void run(Complex<V>* x, const Stage& stage, size_t blocks) {
    const size_t span = stage.span;
    if (R % 2 == 0 && span == 1) {
      for (; blocks > 0; blocks--, x += R) butterfly<R, D>(from(x, 1), into(x, 1));
      return;
    }
    for (; blocks > 0; blocks--, x += R * span) {
      const T* w = stage.twiddles;
      for (size_t j = 0; j < span; j++, w += 2 * (R - 1)) {
        if constexpr (D == Direction::forward)
          butterfly<R, D>(from(x + j, span), twisted(x + j, span, w));
        else
          butterfly<R, D>(untwisted(x + j, span, w), into(x + j, span));
      }
    }
  }

  template <Direction D, class V>
  static void pass(Complex<V>* x, const Stage& stage, size_t blocks) {
    switch (stage.radix) {
      case 2:
        return run<2, D>(x, stage, blocks);
      case 3:
        return run<3, D>(x, stage, blocks);
      case 4:
        return run<4, D>(x, stage, blocks);
      case 5:
        return run<5, D>(x, stage, blocks);
      case 7:
        return run<7, D>(x, stage, blocks);
      case 8:
        return run<8, D>(x, stage, blocks);
      case 11:
        return run<11, D>(x, stage, blocks);
      case 13:
        return run<13, D>(x, stage, blocks);
    }
  }

  // The passes from `level` to before `end` over one block, level by level.
  template <Direction D, class V>
  void passes(Complex<V>* x, int level, int end, size_t block) const {
    for (int i = level; i < end; i++) {
      const Stage& stage = stages_[D == Direction::forward ? i : level + end - 1 - i];
      pass<D>(x, stage, block / (stage.radix * stage.span));
    }
  }

  // The passes from `level` on over one block: depth first while the block is larger than the cache, then level by
  // level. Inverse, the innermost come first.
  template <Direction D, class V>
  void split(Complex<V>* x, int level) const {
    const size_t block = level < depth_ ? stages_[level].radix * stages_[level].span : 1;
    if (block <= kCached) return passes<D>(x, level, depth_, block);
    const Stage& stage = stages_[level];
    if (D == Direction::forward) pass<D>(x, stage, 1);
    for (size_t q = 0; q < stage.radix; q++) split<D>(x + q * stage.span, level + 1);
    if (D == Direction::inverse) pass<D>(x, stage, 1);
  }

  // Forward, op and inverse on one block. `offset` is the block's place in the line.
  template <class V, class Op>
  void fused_in_frequency(Complex<V>* x, int level, size_t offset, Op& op) const {
    const Stage& stage = stages_[level];
    const size_t block = stage.radix * stage.span;
    if (block > kCached && level < depth_ - 1) {
      pass<Direction::forward>(x, stage, 1);
      for (size_t q = 0; q < stage.radix; q++)
        fused_in_frequency(x + q * stage.span, level + 1, offset + q * stage.span, op);
      return pass<Direction::inverse>(x, stage, 1);
    }
    passes<Direction::forward>(x, level, depth_ - 1, block);
    if (stages_[depth_ - 1].radix == 4)
      innermost<4>(x, block, offset, op);
    else
      innermost<8>(x, block, offset, op);
    passes<Direction::inverse>(x, level, depth_ - 1, block);
  }

  // The last forward pass, op, and the first inverse pass, in registers; none of them has twiddles.
  template <int R, class V, class Op>
  static void innermost(Complex<V>* x, size_t block, size_t offset, Op& op) {
    for (size_t i = 0; i < block; i += R) {
      Complex<V> z[R];
      butterfly<R, Direction::forward>(from(x + i, 1), into(z, 1));
      for (int t = 0; t < R; t++) z[t] = op(offset + i + t, z[t]);
      butterfly<R, Direction::inverse>(from(z, 1), into(x + i, 1));
    }
  }

  // The last inverse pass, op, and the first forward pass, in registers.
  template <int R, class V, class Op>
  static void fused_in_space(Complex<V>* x, const Stage& stage, Op& op) {
    const size_t span = stage.span;
    const T* w = stage.twiddles;
    for (size_t j = 0; j < span; j++, w += 2 * (R - 1)) {
      Complex<V> z[R];
      butterfly<R, Direction::inverse>(untwisted(x + j, span, w), into(z, 1));
      for (int t = 0; t < R; t++) z[t] = op(j + t * span, z[t]);
      butterfly<R, Direction::forward>(from(z, 1), twisted(x + j, span, w));
    }
  }

  struct Multiply {
    const T* spectrum;
    template <class V>
    Complex<V> operator()(size_t i, Complex<V> z) const {
      return z * factor<V>(spectrum + 2 * i);
    }
  };

  // Bluestein: X[k] = c[k]·Σ (x[j]·c[j])·conj c[k-j] with the chirp c[j] = exp(-πi·j²/n). The inverse transform is the
  // forward one of the number with its parts swapped, swapped back.
  template <Direction D, class V>
  void chirp(Complex<V>* x, Complex<V>* scratch) const {
    const size_t n = length_, padded = convolution_->length();
    for (size_t j = 0; j < n; j++)
      scratch[j] = (D == Direction::forward ? x[j] : swapped(x[j])) * factor<V>(&chirp_[2 * j]);
    for (size_t j = n; j < padded; j++) scratch[j] = {V{}, V{}};
    convolution_->through_frequency(scratch, static_cast<Complex<V>*>(nullptr), Multiply{chirp_spectrum_.data()});
    for (size_t k = 0; k < n; k++) {
      const Complex<V> z = scratch[k] * factor<V>(&chirp_[2 * k]);
      x[k] = D == Direction::forward ? z : swapped(z);
    }
  }

  bool plan_stages();
  bool plan_convolution();

  size_t length_;
  bool valid_ = false;
  int depth_ = 0;
  Stage stages_[kMaxDepth];
  Buffer<T> twiddles_;
  Buffer<uint32_t> order_;
  std::unique_ptr<Plan> convolution_;  // of Bluestein's padded length, which has small factors
  Buffer<T> chirp_, chirp_spectrum_;   // the second divided by the padded length, in that plan's order
};

extern template class Plan<float>;
extern template class Plan<double>;

}  // namespace rephase
