// Factorisation and tables of a plan: everything that is computed once, in double precision.
#include "fft/plan.hpp"

#include <new>

namespace rephase {

Complex<double> twiddle(uint64_t k, uint64_t n) {
  k %= n;
  // The angle is 2π·k/n = (π/4)·(8k/n): the octant is the integer part, and what is left is small and exact.
  const unsigned __int128 eighths = static_cast<unsigned __int128>(k) * 8;
  const unsigned octant = static_cast<unsigned>(eighths / n);
  uint64_t rest = static_cast<uint64_t>(eighths % n);
  if (octant % 2 == 1) rest = n - rest;
  const double angle = 0.78539816339744830962 * (static_cast<double>(rest) / static_cast<double>(n));
  const double c = std::cos(angle), s = std::sin(angle);
  switch (octant) {
    case 0:
      return {c, -s};
    case 1:
      return {s, -c};
    case 2:
      return {-s, -c};
    case 3:
      return {-c, -s};
    case 4:
      return {-c, s};
    case 5:
      return {-s, c};
    case 6:
      return {s, c};
    default:
      return {c, s};
  }
}

namespace {

// The radices of a length without other prime factors, outermost first. Powers of two stand at both ends where there
// are enough of them, since the outermost and innermost passes are the ones that operations fuse into.
int factorise(size_t n, size_t (&radices)[40]) {
  size_t twos = 0;
  while (n % 2 == 0) n /= 2, twos++;
  size_t odd[40];
  int odds = 0;
  for (size_t p : {3, 5, 7, 11, 13})
    while (n % p == 0) n /= p, odd[odds++] = p;
  size_t even[40];
  int evens = 0;
  for (; twos >= 3 && twos != 4; twos -= 3) even[evens++] = 8;
  for (; twos >= 2; twos -= 2) even[evens++] = 4;
  if (twos == 1) even[evens++] = 2;
  int depth = 0;
  const int outer = (evens + 1) / 2;
  for (int i = 0; i < outer; i++) radices[depth++] = even[i];
  for (int i = odds; i-- > 0;) radices[depth++] = odd[i];
  for (int i = outer; i < evens; i++) radices[depth++] = even[i];
  return depth;
}

bool has_small_factors(size_t n) {
  for (size_t p : {2, 3, 5, 7, 11, 13})
    while (n % p == 0) n /= p;
  return n == 1;
}

// The shortest length ≥ `least` that is a power of two times 1, 3, 5, 9 or 15.
size_t convolution_length(size_t least) {
  size_t best = 0;
  for (size_t odd : {1, 3, 5, 9, 15}) {
    size_t n = odd;
    while (n < least) n *= 2;
    if (best == 0 || n < best) best = n;
  }
  return best;
}

}  // namespace

template <class T>
Plan<T>::Plan(size_t length) : length_(length) {
  valid_ = order_.allocate(length) && (has_small_factors(length) ? plan_stages() : plan_convolution());
}

template <class T>
bool Plan<T>::plan_stages() {
  size_t radices[40];
  depth_ = factorise(length_, radices);  // none for length 1, whose transform is the identity
  size_t count = 0, span = length_;
  for (int s = 0; s < depth_; s++) {
    span /= radices[s];
    count += 2 * (radices[s] - 1) * span;
  }
  if (!twiddles_.allocate(count)) return false;
  T* w = twiddles_.data();
  span = length_;
  for (int s = 0; s < depth_; s++) {
    const size_t radix = radices[s], block = span;
    span /= radix;
    stages_[s] = {radix, span, w};
    for (size_t j = 0; j < span; j++)
      for (size_t q = 1; q < radix; q++, w += 2) {
        const Complex<double> z = twiddle(j * q, block);
        w[0] = static_cast<T>(z.re);
        w[1] = static_cast<T>(z.im);
      }
  }
  for (size_t k = 0; k < length_; k++) {
    size_t rest = k, position = 0;
    for (int s = 0; s < depth_; s++) {
      position += rest % stages_[s].radix * stages_[s].span;
      rest /= stages_[s].radix;
    }
    order_[k] = static_cast<uint32_t>(position);
  }
  return true;
}

template <class T>
bool Plan<T>::plan_convolution() {
  const size_t n = length_;
  for (size_t k = 0; k < n; k++) order_[k] = static_cast<uint32_t>(k);
  convolution_.reset(new (std::nothrow) Plan(convolution_length(2 * n - 1)));
  if (!convolution_ || !convolution_->valid()) return false;
  const size_t padded = convolution_->length();
  // Transformed in double whatever T is: the table is made once and its error would enter every transform.
  Buffer<Complex<double2>> wrapped(padded);
  std::unique_ptr<Plan<double>> precise;
  const Plan<double>* plan = nullptr;
  if constexpr (sizeof(T) == sizeof(double)) {
    plan = convolution_.get();
  } else {
    precise.reset(new (std::nothrow) Plan<double>(padded));
    plan = precise.get();
  }
  if (!wrapped || !plan || !plan->valid() || !chirp_.allocate(2 * n) || !chirp_spectrum_.allocate(2 * padded))
    return false;
  for (size_t j = 0; j < n; j++) {
    const Complex<double> c = twiddle(static_cast<uint64_t>(j) * j % (2 * n), 2 * n);
    chirp_[2 * j] = static_cast<T>(c.re);
    chirp_[2 * j + 1] = static_cast<T>(c.im);
    wrapped[j] = {splat<double2>(c.re), splat<double2>(-c.im)};
    if (j > 0) wrapped[padded - j] = wrapped[j];
  }
  plan->forward(wrapped.data(), static_cast<Complex<double2>*>(nullptr));
  // Both plans have the same stages, hence the same order.
  for (size_t i = 0; i < padded; i++) {
    chirp_spectrum_[2 * i] = static_cast<T>(wrapped[i].re[0] / static_cast<double>(padded));
    chirp_spectrum_[2 * i + 1] = static_cast<T>(wrapped[i].im[0] / static_cast<double>(padded));
  }
  return true;
}

template <class T>
size_t Plan<T>::bytes() const {
  return twiddles_.bytes() + order_.bytes() + chirp_.bytes() + chirp_spectrum_.bytes() +
         (convolution_ ? convolution_->bytes() : 0);
}

template class Plan<float>;
template class Plan<double>;

}  // namespace rephase
