#include "session.hpp"

#include <algorithm>

#include "philox.hpp"

namespace rephase {

namespace {

size_t round_up(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// Rows of a power of two apart would share cache sets, and the row pass touches one place in every block.
size_t block_stride(size_t padded_rows) {
  return padded_rows % 32 == 0 ? padded_rows + 8 : padded_rows;
}

bool has_memory(Algorithm algorithm) {
  return with_rule(algorithm, [](auto rule) { return decltype(rule)::has_memory; });
}

// All ones in the lanes whose bit is clear.
template <class V>
Mask<V> outside(uint32_t bits) {
  if constexpr (lanes<V> == 4) {
    const int32_t b = static_cast<int32_t>(bits);
    return (int4{b, b, b, b} & int4{1, 2, 4, 8}) == int4{};
  } else {
    const int64_t b = bits;
    return (long2{b, b} & long2{1, 2}) == long2{};
  }
}

}  // namespace

template <class T>
Session<T>::Session(size_t rows, size_t columns, size_t starts, Algorithm algorithm, double beta)
    : rows_(rows),
      columns_(columns),
      starts_(starts),
      stored_columns_((columns + 1) / 2),
      blocks_((stored_columns_ + L - 1) / L),
      groups_((rows + kGroup - 1) / kGroup),
      stride_(block_stride(round_up(rows, kGroup))),
      algorithm_(algorithm),
      beta_(static_cast<T>(beta)),
      row_plan_(columns),
      column_plan_(rows) {
  const size_t scratch = std::max(row_plan_.scratch(), column_plan_.scratch());
  valid_ = row_plan_.valid() && column_plan_.valid() && spectrum_.allocate(starts * blocks_ * stride_) &&
           magnitudes_.allocate(blocks_ * rows) && nyquist_magnitudes_.allocate(rows) &&
           (!has_memory(algorithm) || iterate_.allocate(starts * groups_ * columns * 2)) && line_.allocate(columns) &&
           scratch_.allocate(scratch) && staging_.allocate(2 * columns) && records_.allocate(kRecords * starts);
}

template <class T>
size_t Session<T>::bytes() const {
  return sizeof(*this) + row_plan_.bytes() + column_plan_.bytes() + spectrum_.bytes() + magnitudes_.bytes() +
         nyquist_magnitudes_.bytes() + iterate_.bytes() + work_.bytes() + support_.bytes() + line_.bytes() +
         scratch_.bytes() + staging_.bytes() + records_.bytes();
}

template <class T>
double Session<T>::bytes_needed(double rows, double columns, double starts, Algorithm algorithm) {
  const double padded_rows = std::ceil(rows / kGroup) * kGroup, blocks = std::ceil(std::floor((columns + 1) / 2) / L);
  const double image = padded_rows * columns * sizeof(T);
  const double spectrum = blocks * (padded_rows + 8) * sizeof(Complex<V>);
  const double magnitudes = blocks * rows * sizeof(V) + image / sizeof(T) / 8;
  // Twiddles and order, or Bluestein's tables and scratch at up to 8/3 of the length.
  const double plans = (rows + columns) * (4 + 20 * sizeof(T)) + std::max(rows, columns) * 3 * sizeof(Complex<V>);
  const double lines = columns * (sizeof(Complex<V>) + 2 * sizeof(Complex<double>));
  return starts * (spectrum + image * (has_memory(algorithm) ? 2 : 1) + kRecords * sizeof(double)) + magnitudes +
         plans + lines;
}

// ---- the problem ----

template <class T>
void Session<T>::set_magnitudes(const T* magnitudes, const uint8_t* mask, double scale) {
  scale_ = scale;
  masked_ = mask != nullptr;
  const T doubled = static_cast<T>(2 * scale);
  const auto coded = [&](size_t r, size_t c) {
    const size_t i = r * columns_ + c, mirror = mirror_row(r) * columns_ + mirror_column(c);
    const bool measured = !mask || mask[i], mirror_measured = !mask || mask[mirror];
    return encode_magnitude<T>(measured, mirror_measured, measured ? magnitudes[i] * doubled : T(0),
                               mirror_measured ? magnitudes[mirror] * doubled : T(0));
  };
  for (size_t r = 0; r < rows_; r++) {
    const size_t position = column_plan_.order()[r];
    for (size_t c = 0; c < stored_columns_; c++)
      reinterpret_cast<T*>(&magnitudes_[c / L * rows_ + position])[c % L] = coded(r, c);
    if (nyquist_packed()) nyquist_magnitudes_[r] = coded(r, columns_ / 2);
  }
}

template <class T>
bool Session<T>::set_support(const uint8_t* support) {
  if (!support_.allocate(groups_ * columns_)) return false;
  for (size_t r = 0; r < rows_; r++)
    for (size_t c = 0; c < columns_; c++)
      if (support[r * columns_ + c]) support_[r / kGroup * columns_ + c] |= static_cast<uint8_t>(1u << (r % kGroup));
  return true;
}

// Writes the Hermitian part (A(k) + conj A(-k)) / 2 of a full spectrum A. `row(r, buffer)` returns row r of it, which
// it may build in `buffer`. Under a mask, a frequency measured on one side takes that side, one measured on neither is
// 0.
template <class T>
template <class Row>
void Session<T>::fill_spectrum(size_t start, const uint8_t* mask, Row&& row) {
  for (size_t r = 0; r <= rows_ / 2; r++) {
    const size_t sides[2] = {r, mirror_row(r)};
    const Complex<double>* const full[2] = {row(sides[0], &staging_[0]), row(sides[1], &staging_[columns_])};
    for (int side = 0; side < 2; side++) {
      const size_t at = sides[side], opposite = sides[1 - side];
      const auto doubled = [&](size_t c) -> Complex<double> {
        const size_t m = mirror_column(c);
        const Complex<double> here = full[side][c], there = conjugate(full[1 - side][m]);
        const bool measured = !mask || mask[at * columns_ + c], mirrored = !mask || mask[opposite * columns_ + m];
        if (measured && mirrored) return here + there;
        if (measured) return here + here;
        if (mirrored) return there + there;
        return {0, 0};
      };
      const size_t position = column_plan_.order()[at];
      for (size_t c = 0; c < stored_columns_; c++) {
        Complex<double> z = doubled(c);
        if (c == 0 && nyquist_packed()) {
          const Complex<double> nyquist = doubled(columns_ / 2);
          z = {z.re - nyquist.im, z.im + nyquist.re};
        }
        Complex<V>& stored = block(start, c / L)[position];
        stored.re[c % L] = static_cast<T>(z.re);
        stored.im[c % L] = static_cast<T>(z.im);
      }
    }
  }
}

template <class T>
void Session<T>::start_from_seed(const T* magnitudes, const uint8_t* mask, uint64_t seed, uint32_t first_start) {
  for (size_t s = 0; s < starts_; s++) {
    UniformStart uniform(seed, first_start + static_cast<uint32_t>(s));
    fill_spectrum(s, mask, [&](size_t r, Complex<double>* buffer) {
      for (size_t c = 0; c < columns_; c++) {
        const size_t i = r * columns_ + c;
        if (mask && !mask[i]) continue;  // whatever stands there is not used
        const double m = magnitudes[i] * scale_, angle = 6.283185307179586477 * uniform(i);
        buffer[c] = {m * std::cos(angle), m * std::sin(angle)};
      }
      return buffer;
    });
  }
  holds_ = Holds::spectrum;
}

// ---- columns ----

template <class T>
template <class F>
void Session<T>::each_block(F&& f) {
  for (size_t i = 0; i < starts_ * blocks_; i++) f(spectrum_.data() + i * stride_);
}

template <class T>
void Session<T>::columns_inverse() {
  each_block([&](Complex<V>* x) { column_plan_.inverse(x, scratch_.data()); });
}

template <class T>
void Session<T>::columns_forward() {
  each_block([&](Complex<V>* x) { column_plan_.forward(x, scratch_.data()); });
}

template <class T>
void Session<T>::restore_spectrum() {
  if (holds_ != Holds::inverted) return;
  columns_forward();
  const V normal = splat<V>(T(1) / static_cast<T>(rows_));
  each_block([&](Complex<V>* x) {
    for (size_t r = 0; r < rows_; r++) x[r] = {x[r].re * normal, x[r].im * normal};
  });
  holds_ = Holds::spectrum;
}

// The part of the residual that a block adds. All columns but the zero frequency's stand for their mirror image too.
template <class T>
double Session<T>::weighted(size_t b, V misfit) const {
  if (b == 0) misfit[0] = nyquist_packed() ? T(0) : misfit[0] / 2;
  return 2 * sum_of_lanes(misfit);
}

// Imposes magnitudes on the two real columns that share the first lane of the first block, whose spectra are the
// Hermitian and the anti-Hermitian part of what is there.
template <class T>
template <bool Masked>
double Session<T>::impose_packed(Complex<V>* x) {
  double misfit = 0;
  for (size_t k = 0; k <= rows_ / 2; k++) {
    const size_t mirror = mirror_row(k);
    Complex<V>&at = x[column_plan_.order()[k]], &opposite = x[column_plan_.order()[mirror]];
    const T ar = at.re[0], ai = at.im[0], br = opposite.re[0], bi = opposite.im[0], half = T(0.5);
    // Lane 0 is the zero frequency, lane 1 the Nyquist frequency.
    Complex<V> c = {V{}, V{}};
    c.re[0] = (ar + br) * half;
    c.im[0] = (ai - bi) * half;
    c.re[1] = (ai + bi) * half;
    c.im[1] = (br - ar) * half;
    V m = V{};
    m[0] = magnitudes_[column_plan_.order()[k]][0];
    m[1] = nyquist_magnitudes_[k];
    Impose<V, Masked> impose{&m};
    c = impose(0, c);
    misfit += (k == mirror ? 1 : 2) * sum_of_lanes(impose.misfit);
    at.re[0] = c.re[0] - c.im[1];
    at.im[0] = c.im[0] + c.re[1];
    opposite.re[0] = c.re[0] + c.im[1];
    opposite.im[0] = c.re[1] - c.im[0];
  }
  return misfit;
}

// Fourier constraint on a settled spectrum; returns the residual's sum.
template <class T>
template <bool Masked>
double Session<T>::impose(size_t start) {
  double sum = 0;
  for (size_t b = 0; b < blocks_; b++) {
    Complex<V>* x = block(start, b);
    Impose<V, Masked> op{&magnitudes_[b * rows_]};
    const bool packed = b == 0 && nyquist_packed();
    for (size_t r = 0; r < rows_; r++) {
      Complex<V> z = op(r, x[r]);
      if (packed) z.re[0] = x[r].re[0], z.im[0] = x[r].im[0];
      x[r] = z;
    }
    if (packed) sum += impose_packed<Masked>(x);
    sum += weighted(b, op.misfit);
  }
  return sum / 4;  // the spectrum is stored doubled
}

// The column pass: forward, Fourier constraint, inverse, one block after the other.
template <class T>
template <bool Masked>
double Session<T>::columns_turn(size_t start) {
  double sum = 0;
  for (size_t b = 0; b < blocks_; b++) {
    Complex<V>* x = block(start, b);
    Impose<V, Masked> op{&magnitudes_[b * rows_]};
    if (b == 0 && nyquist_packed()) {
      column_plan_.forward(x, scratch_.data());
      for (size_t r = 0; r < rows_; r++) {
        Complex<V> z = op(r, x[r]);
        z.re[0] = x[r].re[0], z.im[0] = x[r].im[0];
        x[r] = z;
      }
      sum += impose_packed<Masked>(x);
      column_plan_.inverse(x, scratch_.data());
    } else {
      column_plan_.through_frequency(x, scratch_.data(), op);
    }
    sum += weighted(b, op.misfit);
  }
  return sum / 4;
}

// ---- rows ----

// Gathers a group of rows as lines of the complex transform that carries two real rows, in the order that its inverse
// expects: Z(k) = X(k) + i·Y(k) and Z(-k) = conj X(k) + i·conj Y(k).
template <class T>
void Session<T>::load_rows(size_t start, size_t group, Complex<V>* line) const {
  const uint32_t* order = row_plan_.order();
  for (size_t b = 0; b < blocks_; b++) {
    const Complex<V>*x = block(start, b) + group * kGroup, *y = x + L;
    V re[L], im[L], mirror_re[L], mirror_im[L];
    for (size_t i = 0; i < L; i++) {
      re[i] = x[i].re - y[i].im;
      im[i] = x[i].im + y[i].re;
      mirror_re[i] = x[i].re + y[i].im;
      mirror_im[i] = y[i].re - x[i].im;
    }
    transpose(re);
    transpose(im);
    transpose(mirror_re);
    transpose(mirror_im);
    const size_t end = std::min(L, stored_columns_ - b * L);
    for (size_t i = b == 0 ? 1 : 0; i < end; i++) {
      line[order[b * L + i]] = {re[i], im[i]};
      line[order[columns_ - b * L - i]] = {mirror_re[i], mirror_im[i]};
    }
    if (b > 0) continue;
    Complex<V> zero, nyquist;
    for (size_t i = 0; i < L; i++) {
      zero.re[i] = x[i].re[0];
      zero.im[i] = y[i].re[0];
      nyquist.re[i] = x[i].im[0];
      nyquist.im[i] = y[i].im[0];
    }
    line[order[0]] = zero;
    if (nyquist_packed()) line[order[columns_ / 2]] = nyquist;
  }
}

// The reverse of load_rows.
template <class T>
void Session<T>::store_rows(size_t start, size_t group, const Complex<V>* line) {
  const uint32_t* order = row_plan_.order();
  const size_t rows = group_rows(group);
  for (size_t b = 0; b < blocks_; b++) {
    V xr[L] = {}, xi[L] = {}, yr[L] = {}, yi[L] = {};
    const size_t end = std::min(L, stored_columns_ - b * L);
    for (size_t i = b == 0 ? 1 : 0; i < end; i++) {
      const Complex<V> z = line[order[b * L + i]], mirror = line[order[columns_ - b * L - i]];
      xr[i] = z.re + mirror.re;
      xi[i] = z.im - mirror.im;
      yr[i] = z.im + mirror.im;
      yi[i] = mirror.re - z.re;
    }
    if (b == 0) {
      const Complex<V> zero = line[order[0]];
      xr[0] = zero.re + zero.re;
      yr[0] = zero.im + zero.im;
      if (nyquist_packed()) {
        const Complex<V> nyquist = line[order[columns_ / 2]];
        xi[0] = nyquist.re + nyquist.re;
        yi[0] = nyquist.im + nyquist.im;
      }
    }
    transpose(xr);
    transpose(xi);
    transpose(yr);
    transpose(yi);
    Complex<V>* x = block(start, b) + group * kGroup;
    if (rows == kGroup) {
      for (size_t i = 0; i < L; i++) {
        x[i] = {xr[i], xi[i]};
        x[i + L] = {yr[i], yi[i]};
      }
    } else {  // rows beyond the last stay zero
      for (size_t i = 0; i < rows; i++) x[i] = i < L ? Complex<V>{xr[i], xi[i]} : Complex<V>{yr[i - L], yi[i - L]};
    }
  }
}

// A vector of pixels through the rule. Rules with memory find the previous iterate at iterate[i] and leave the new one.
template <class T>
template <class Rule>
inline Update<Vector<T>> Session<T>::update(V y, V* iterate, size_t i, uint32_t inside, bool first) const {
  Previous<V> x{y, V{}};
  if (Rule::has_memory && !first) x = {iterate[i], iterate[i]};
  const Update<V> updated = Rule::apply(y, x, outside<V>(inside), splat<V>(beta_));
  if constexpr (Rule::has_memory) iterate[i] = updated.iterate;
  return updated;
}

// The row pass: inverse, pixel rule, forward, one group of rows after the other.
template <class T>
template <class Rule>
void Session<T>::rows_turn(size_t start, bool first) {
  const V normal = splat<V>(T(0.5 / static_cast<double>(rows_) / static_cast<double>(columns_)));
  for (size_t g = 0; g < groups_; g++) {
    load_rows(start, g, line_.data());
    V* iterate = Rule::has_memory ? image_group(iterate_, start, g) : nullptr;
    row_plan_.through_space(line_.data(), scratch_.data(), [=, this](size_t c, Complex<V> z) -> Complex<V> {
      const uint32_t inside = inside_bits(g, c);
      return {update<Rule>(z.re * normal, iterate, 2 * c, inside, first).next,
              update<Rule>(z.im * normal, iterate, 2 * c + 1, inside >> L, first).next};
    });
    store_rows(start, g, line_.data());
  }
}

// ---- the three granularities ----

template <class T>
void Session<T>::iterate(uint32_t count, bool first) {
  if (count == 0) return;
  const bool unsettled = holds_ == Holds::rows;
  if (holds_ == Holds::spectrum) columns_inverse();
  // A start's iterations follow one another while it is in the cache.
  for (size_t s = 0; s < starts_; s++) {
    uint64_t at = recorded_;
    for (uint32_t i = 0; i < count; i++) {
      if (i > 0 || unsettled) record(at++)[s] = masked_ ? columns_turn<true>(s) : columns_turn<false>(s);
      with_rule(algorithm_, [&](auto rule) { rows_turn<decltype(rule)>(s, first && i == 0); });
    }
  }
  recorded_ += count - (unsettled ? 0 : 1);
  holds_ = Holds::rows;
}

template <class T>
bool Session<T>::settle() {
  if (holds_ != Holds::rows) return true;
  if (!iterate_ && !need_work()) return false;
  object_ = next_ = iterate_ ? &iterate_ : &work_;
  with_rule(algorithm_, [&](auto rule) {
    using Rule = decltype(rule);
    if constexpr (!Rule::has_memory) {
      // What the iteration has kept is the object's transform along rows. Where that was exactly zero it has come back
      // with rounding noise; a projection may be applied again.
      inverse_rows(T(0.5 / static_cast<double>(columns_)), [&](V y, uint32_t inside) {
        return Rule::is_projection ? update<Rule>(y, nullptr, 0, inside, true).iterate : y;
      });
    }
  });
  columns_forward();
  holds_ = Holds::spectrum;
  constrain_fourier();
  return true;
}

// Transforms rows back into the work array, pixel by pixel times `normal` and through f.
template <class T>
template <class F>
void Session<T>::inverse_rows(T normal, F&& f) {
  for (size_t s = 0; s < starts_; s++)
    for (size_t g = 0; g < groups_; g++) {
      load_rows(s, g, line_.data());
      row_plan_.inverse(line_.data(), scratch_.data());
      V* x = image_group(work_, s, g);
      for (size_t c = 0; c < columns_; c++) {
        const uint32_t inside = inside_bits(g, c);
        x[2 * c] = f(line_[c].re * splat<V>(normal), inside);
        x[2 * c + 1] = f(line_[c].im * splat<V>(normal), inside >> L);
      }
    }
}

template <class T>
bool Session<T>::inverse() {
  if (!need_work()) return false;
  if (holds_ == Holds::spectrum) columns_inverse();
  holds_ = Holds::inverted;
  const double pixels = static_cast<double>(rows_) * static_cast<double>(columns_);
  inverse_rows(static_cast<T>(0.5 / pixels), [](V y, uint32_t) { return y; });
  object_ = next_ = &work_;
  return true;
}

template <class T>
bool Session<T>::constrain_object(bool first) {
  if (!need_work()) return false;
  with_rule(algorithm_, [&](auto rule) {
    using Rule = decltype(rule);
    for (size_t s = 0; s < starts_; s++)
      for (size_t g = 0; g < groups_; g++) {
        const V* y = image_group(*object_, s, g);
        V *next = image_group(work_, s, g), *iterate = Rule::has_memory ? image_group(iterate_, s, g) : nullptr;
        for (size_t c = 0; c < columns_; c++) {
          const uint32_t inside = inside_bits(g, c);
          next[2 * c] = update<Rule>(y[2 * c], iterate, 2 * c, inside, first).next;
          next[2 * c + 1] = update<Rule>(y[2 * c + 1], iterate, 2 * c + 1, inside >> L, first).next;
        }
      }
  });
  next_ = &work_;
  object_ = iterate_ ? &iterate_ : &work_;
  return true;
}

template <class T>
void Session<T>::forward() {
  for (size_t s = 0; s < starts_; s++)
    for (size_t g = 0; g < groups_; g++) {
      const V* x = image_group(*next_, s, g);
      for (size_t c = 0; c < columns_; c++) line_[c] = {x[2 * c], x[2 * c + 1]};
      row_plan_.forward(line_.data(), scratch_.data());
      store_rows(s, g, line_.data());
    }
  columns_forward();
  holds_ = Holds::spectrum;
}

template <class T>
void Session<T>::constrain_fourier() {
  restore_spectrum();
  for (size_t s = 0; s < starts_; s++) record(recorded_)[s] = masked_ ? impose<true>(s) : impose<false>(s);
  recorded_++;
}

// ---- reading and writing ----

template <class T>
uint32_t Session<T>::take_residuals(double* out) {
  const uint64_t count = std::min<uint64_t>(recorded_ - taken_, kRecords);
  for (uint64_t i = 0; i < count; i++) std::copy_n(record(recorded_ - count + i), starts_, out + i * starts_);
  taken_ = recorded_;
  return static_cast<uint32_t>(count);
}

template <class T>
void Session<T>::read_object(size_t start, size_t row, size_t rows, T* out) const {
  const T scale = static_cast<T>(1 / scale_);
  for (size_t r = row; r < row + rows; r++)
    for (size_t c = 0; c < columns_; c++)
      *out++ = element(image_group(*object_, start, r / kGroup), c, r % kGroup) * scale;
}

template <class T>
bool Session<T>::write_object(size_t start, size_t row, size_t rows, const T* in, bool as_iterate) {
  if (!need_work()) return false;
  // The other starts keep theirs.
  if (object_ != &work_) std::copy_n(object_->data(), object_->size(), work_.data());
  object_ = next_ = &work_;
  const T scale = static_cast<T>(scale_);
  for (size_t r = row; r < row + rows; r++)
    for (size_t c = 0; c < columns_; c++) {
      const T x = *in++ * scale;
      element(image_group(work_, start, r / kGroup), c, r % kGroup) = x;
      if (as_iterate && iterate_) element(image_group(iterate_, start, r / kGroup), c, r % kGroup) = x;
    }
  return true;
}

template <class T>
void Session<T>::keep_object(size_t start) {
  if (iterate_) std::copy_n(image_group(*object_, start, 0), groups_ * columns_ * 2, image_group(iterate_, start, 0));
}

// One frequency of the stored half, c ≤ columns/2, at its true size.
template <class T>
Complex<double> Session<T>::half_spectrum(size_t start, size_t r, size_t c) const {
  const bool nyquist = nyquist_packed() && c == columns_ / 2;
  const auto stored = [&](size_t row) -> Complex<double> {
    const Complex<V> z = block(start, nyquist ? 0 : c / L)[column_plan_.order()[row]];
    const size_t i = nyquist ? 0 : c % L;
    return {z.re[i] * 0.5 / scale_, z.im[i] * 0.5 / scale_};
  };
  const Complex<double> a = stored(r);
  if (!nyquist_packed() || (c != 0 && !nyquist)) return a;
  const Complex<double> b = stored(mirror_row(r));
  if (nyquist) return {(a.im + b.im) / 2, (b.re - a.re) / 2};
  return {(a.re + b.re) / 2, (a.im - b.im) / 2};
}

template <class T>
void Session<T>::read_spectrum(size_t start, size_t row, size_t rows, T* out) {
  restore_spectrum();
  for (size_t r = row; r < row + rows; r++)
    for (size_t c = 0; c < columns_; c++) {
      const Complex<double> z =
          c <= columns_ / 2 ? half_spectrum(start, r, c) : conjugate(half_spectrum(start, mirror_row(r), columns_ - c));
      *out++ = static_cast<T>(z.re);
      *out++ = static_cast<T>(z.im);
    }
}

template <class T>
void Session<T>::write_spectrum(size_t start, const T* in) {
  restore_spectrum();  // for the other starts
  fill_spectrum(start, nullptr, [&](size_t r, Complex<double>* buffer) {
    const T* full = in + 2 * r * columns_;
    for (size_t c = 0; c < columns_; c++) buffer[c] = {full[2 * c] * scale_, full[2 * c + 1] * scale_};
    return buffer;
  });
}

template class Session<float>;
template class Session<double>;

}  // namespace rephase
