#include "scan.hpp"

#include <cmath>
#include <cstring>
#include <limits>

namespace rephase {

namespace {

template <class V>
V power(Complex<V> z) {
  return z.re * z.re + z.im * z.im;
}

// re of conj(a)·b.
template <class V>
V inner(Complex<V> a, Complex<V> b) {
  return a.re * b.re + a.im * b.im;
}

template <class V>
double largest_lane(V v) {
  double most = 0;
  for (int i = 0; i < lanes<V>; i++) most = std::max<double>(most, v[i]);
  return most;
}

// n / d where d is above 0, else 0.
template <class V>
V ratio(V n, V d) {
  const Mask<V> positive = d > V{};
  return select<V>(positive, n / select<V>(positive, d, splat<V>(1)), V{});
}

double ratio(double n, double d) {
  return d > 0 ? n / d : 0;
}

}  // namespace

template <class T>
Scan<T>::Scan(const ScanShape& shape, bool keeps_waves)
    : shape_(shape),
      blocks_((shape.columns + L - 1) / L),
      stride_(block_stride(round_up(shape.rows, L))),
      wave_size_(blocks_ * stride_),
      pattern_size_(round_up(shape.rows, L) / L * shape.columns),
      pitch_(round_up(shape.object_columns, L) + L),
      row_plan_(shape.columns),
      column_plan_(shape.rows) {
  const size_t object = shape.object_rows * pitch_, waves = shape.modes * wave_size_;
  valid_ = row_plan_.valid() && column_plan_.valid() && line_.allocate(shape.modes * blocks_ * L) &&
           scratch_.allocate(std::max(row_plan_.scratch(), column_plan_.scratch())) &&
           magnitudes_.allocate(shape.positions * pattern_size_) && positions_.allocate(2 * shape.positions) &&
           fractions_.allocate(2 * shape.positions) && corners_.allocate(2 * shape.positions) &&
           object_.allocate(object) && object_sum_.allocate(object) && illumination_.allocate(object) &&
           probe_.allocate(waves) && probe_sum_.allocate(waves) && probe_weight_.allocate(wave_size_) &&
           shifted_.allocate(waves) && moved_.allocate(waves) && measured_.allocate(waves) &&
           placed_.allocate(shape.modes) && row_ramp_.allocate(shape.rows) && column_ramp_.allocate(blocks_) &&
           batch_.allocate(shape.batch) && everywhere_.allocate(shape.positions) && records_.allocate(kRecords) &&
           (!keeps_waves || kept_.allocate(shape.positions * waves));
  if (!valid_) return;
  for (size_t j = 0; j < shape.positions; j++) everywhere_[j] = static_cast<uint32_t>(j);
  for (size_t lane = 0; lane < L; lane++) tail_[lane] = (blocks_ - 1) * L + lane < shape.columns ? 1 : 0;
}

template <class T>
size_t Scan<T>::bytes() const {
  return sizeof(*this) + row_plan_.bytes() + column_plan_.bytes() + line_.bytes() + scratch_.bytes() +
         magnitudes_.bytes() + positions_.bytes() + fractions_.bytes() + corners_.bytes() + object_.bytes() +
         object_sum_.bytes() + gradient_[0].bytes() + gradient_[1].bytes() + illumination_.bytes() +
         whole_illumination_.bytes() + probe_.bytes() + probe_sum_.bytes() + probe_weight_.bytes() + waves_.bytes() +
         kept_.bytes() + shifted_.bytes() + moved_.bytes() + row_ramp_.bytes() + column_ramp_.bytes() + batch_.bytes() +
         records_.bytes();
}

template <class T>
double Scan<T>::bytes_needed(const ScanShape& s, bool keeps_waves) {
  const double wave = static_cast<double>((s.columns + L - 1) / L) * (round_up(s.rows, L) + 8) * sizeof(Wave);
  const double object = static_cast<double>(s.object_rows) * (round_up(s.object_columns, L) + L) * sizeof(T);
  const double modes = static_cast<double>(s.modes), positions = static_cast<double>(s.positions);
  const double waves = (4 + s.batch + (keeps_waves ? positions : 0)) * modes + 3;
  const double plans =
      static_cast<double>(s.rows + s.columns) * (4 + 24 * sizeof(T)) + std::max(s.rows, s.columns) * 4.0 * sizeof(Wave);
  return waves * wave + positions * (wave / 2 + 40) + 10 * object + plans + kRecords * sizeof(double);
}

// ---- what is given and read ----

template <class T>
void Scan<T>::set_pattern(size_t position, const T* counts, const uint8_t* mask) {
  const double scale = static_cast<double>(shape_.rows) * static_cast<double>(shape_.columns);
  const uint32_t *rows = column_plan_.order(), *columns = row_plan_.order();
  V* const magnitudes = &magnitudes_[position * pattern_size_];
  masked_ = masked_ || mask;
  for (size_t r = 0; r < shape_.rows; r++) {
    for (size_t c = 0; c < shape_.columns; c++) {
      const size_t i = r * shape_.columns + c;
      const bool measured = !mask || mask[i];
      if (measured) energy_ += counts[i];
      magnitudes[rows[r] / L * shape_.columns + columns[c]][rows[r] % L] =
          measured ? static_cast<T>(std::sqrt(counts[i] * scale)) : std::numeric_limits<T>::infinity();
    }
  }
}

template <class T>
void Scan<T>::set_positions(const double* positions) {
  std::copy_n(positions, 2 * shape_.positions, positions_.data());
  for (size_t i = 0; i < 2 * shape_.positions; i++) {
    const double whole = std::floor(positions_[i] + 0.5);
    corners_[i] = static_cast<uint32_t>(whole);
    fractions_[i] = positions_[i] - whole;
  }
}

template <class T>
void Scan<T>::write_object(const T* in) {
  for (size_t r = 0; r < shape_.object_rows; r++) {
    for (size_t c = 0; c < shape_.object_columns; c++, in += 2) {
      object_.re[r * pitch_ + c] = in[0];
      object_.im[r * pitch_ + c] = in[1];
    }
  }
  has_kept_ = false;
}

template <class T>
void Scan<T>::read_object(T* out) const {
  for (size_t r = 0; r < shape_.object_rows; r++) {
    for (size_t c = 0; c < shape_.object_columns; c++) {
      *out++ = object_.re[r * pitch_ + c];
      *out++ = object_.im[r * pitch_ + c];
    }
  }
}

template <class T>
template <class F>
void Scan<T>::each_number(F&& f) const {
  for (size_t r = 0; r < shape_.rows; r++)
    for (size_t c = 0; c < shape_.columns; c++) f(c / L * stride_ + r, c % L, r, c);
}

template <class T>
void Scan<T>::write_probe(const T* in) {
  for (size_t mode = 0; mode < shape_.modes; mode++) {
    each_number([&](size_t i, size_t lane, size_t, size_t) {
      Wave& z = probe_[mode * wave_size_ + i];
      z.re[lane] = *in++;
      z.im[lane] = *in++;
    });
  }
  has_kept_ = false;
}

template <class T>
void Scan<T>::read_probe(T* out) const {
  for (size_t mode = 0; mode < shape_.modes; mode++) {
    each_number([&](size_t i, size_t lane, size_t, size_t) {
      const Wave& z = probe_[mode * wave_size_ + i];
      *out++ = z.re[lane];
      *out++ = z.im[lane];
    });
  }
}

// Visits the numbers of the batch's waves in the caller's order, with the factor between these and the caller's.
template <class T>
template <class F>
void Scan<T>::each_wave_number(F&& f) {
  const double pixels = static_cast<double>(shape_.rows) * static_cast<double>(shape_.columns);
  const T factor = static_cast<T>(transformed_ ? std::sqrt(pixels) : pixels);
  const uint32_t *rows = column_plan_.order(), *columns = row_plan_.order();
  for (size_t n = 0; n < batch_size_ * shape_.modes; n++) {
    each_number([&](size_t i, size_t lane, size_t r, size_t c) {
      if (transformed_) {
        i = columns[c] / L * stride_ + rows[r];
        lane = columns[c] % L;
      }
      f(waves_[n * wave_size_ + i], lane, factor);
    });
  }
}

template <class T>
void Scan<T>::read_waves(T* out) {
  each_wave_number([&](Wave& z, size_t lane, T factor) {
    *out++ = z.re[lane] / factor;
    *out++ = z.im[lane] / factor;
  });
}

template <class T>
void Scan<T>::write_waves(const T* in) {
  each_wave_number([&](Wave& z, size_t lane, T factor) {
    z.re[lane] = *in++ * factor;
    z.im[lane] = *in++ * factor;
  });
}

template <class T>
uint32_t Scan<T>::take_residuals(double* out) {
  const uint32_t count = records();
  for (uint64_t i = recorded_ - count; i < recorded_; i++) *out++ = records_[i % kRecords];
  taken_ = recorded_;
  return count;
}

// ---- waves ----

template <class T>
template <class F>
void Scan<T>::each_span(F&& f) const {
  for (size_t b = 0; b < blocks_; b += kSpan) f(Span{b, std::min(b + kSpan, blocks_)});
}

template <class T>
template <class F>
void Scan<T>::each_pixel(Span span, F&& f) const {
  // Compilers cannot know that `f` leaves these as they are.
  const size_t rows = shape_.rows, stride = stride_, pitch = pitch_;
  for (size_t r = 0; r < rows; r++)
    for (size_t b = span.begin; b < span.end; b++) f(b * stride + r, r * pitch + b * L);
}

template <class T>
template <class F>
void Scan<T>::each_pixel(F&& f) const {
  each_span([&](Span span) { each_pixel(span, f); });
}

template <class T>
template <Direction D>
void Scan<T>::transform_columns(Wave* x, Span span) {
  for (size_t b = span.begin; b < span.end; b++) {
    if constexpr (D == Direction::forward)
      column_plan_.forward(x + b * stride_, scratch_.data());
    else
      column_plan_.inverse(x + b * stride_, scratch_.data());
  }
}

template <class T>
template <class F>
void Scan<T>::each_row_group(Wave* first, size_t modes, bool stores, F&& f) {
  for (size_t r = 0; r < shape_.rows; r += L) {
    for (size_t k = 0; k < modes; k++) gather_lines(first + k * wave_size_ + r, blocks_, stride_, line(k));
    f(r / L);
    if (!stores) continue;
    for (size_t k = 0; k < modes; k++) scatter_lines(first + k * wave_size_ + r, blocks_, stride_, line(k));
  }
}

template <class T>
template <Direction D>
void Scan<T>::transform_rows(Wave* x) {
  each_row_group(x, 1, true, [&](size_t) {
    if constexpr (D == Direction::forward)
      row_plan_.forward(line(0), scratch_.data());
    else
      row_plan_.inverse(line(0), scratch_.data());
  });
}

template <class T>
void Scan<T>::transform(Wave* x) {
  transform_columns<Direction::forward>(x, {0, blocks_});
  transform_rows<Direction::forward>(x);
}

template <class T>
void Scan<T>::transform_back(Wave* x) {
  transform_rows<Direction::inverse>(x);
  transform_columns<Direction::inverse>(x, {0, blocks_});
}

// Gives the modes of the lines their measured size together, and returns the residual's sum.
template <class T>
double Scan<T>::impose_lines(const V* magnitudes, bool imposes) const {
  V residual = V{};
  for (size_t c = 0; c < shape_.columns; c++) {
    V total = V{};
    for (size_t k = 0; k < shape_.modes; k++) total += power(line(k)[c]);
    const V m = magnitudes[c], size = square_root(total);
    const Mask<V> zero = size == V{}, unmeasured = m == splat<V>(std::numeric_limits<T>::infinity());
    const V gain = m / select<V>(zero, splat<V>(1), size), d = size - m;
    residual += select<V>(unmeasured, V{}, d * d);
    if (!imposes) continue;
    for (size_t k = 0; k < shape_.modes; k++) {
      Wave& z = line(k)[c];
      const V dark = k == 0 ? m : V{};
      z = {select<V>(unmeasured, z.re, select<V>(zero, dark, z.re * gain)), select<V>(unmeasured, z.im, z.im * gain)};
    }
  }
  return sum_of_lanes(residual);
}

// Imposes a position's pattern on its transformed wave, of all modes, and returns the residual's sum.
template <class T>
double Scan<T>::impose(Wave* first, size_t position, bool imposes) {
  double residual = 0;
  each_row_group(first, shape_.modes, imposes,
                 [&](size_t group) { residual += impose_lines(magnitudes(position, group), imposes); });
  return residual;
}

// The rows of a wave, of which columns are transformed: forward, impose, back, one group after the other. With one mode
// the constraint stands inside the butterflies.
template <class T>
double Scan<T>::pass_rows(Wave* first, size_t position) {
  double residual = 0;
  const auto through = [&](auto impose) {
    row_plan_.through_frequency(line(0), scratch_.data(), impose);
    residual += sum_of_lanes(impose.residual);
  };
  each_row_group(first, shape_.modes, true, [&](size_t group) {
    const V* const measured = magnitudes(position, group);
    if (shape_.modes == 1) return masked_ ? through(Impose<V, true>{measured}) : through(Impose<V, false>{measured});
    for (size_t k = 0; k < shape_.modes; k++) row_plan_.forward(line(k), scratch_.data());
    residual += impose_lines(measured, true);
    for (size_t k = 0; k < shape_.modes; k++) row_plan_.inverse(line(k), scratch_.data());
  });
  return residual;
}

// Moves a wave by the fraction of a position, around the edges; `adjoint` is the adjoint of that.
template <class T>
void Scan<T>::shift(Wave* x, size_t position, bool adjoint) {
  constexpr double pi = 3.14159265358979323846;
  const auto factor = [&](size_t k, size_t n, double f) -> Complex<double> {
    // Of both signs of the Nyquist frequency the mean, which keeps real waves real.
    if (2 * k == n) return {std::cos(pi * f), 0};
    const double frequency = 2 * k < n ? static_cast<double>(k) : static_cast<double>(k) - static_cast<double>(n);
    const double angle = (adjoint ? 2 : -2) * pi * frequency * f / static_cast<double>(n);
    return {std::cos(angle), std::sin(angle)};
  };
  const double normal = 1 / static_cast<double>(shape_.rows) / static_cast<double>(shape_.columns);
  for (size_t k = 0; k < shape_.rows; k++) {
    const Complex<double> z = factor(k, shape_.rows, fractions_[2 * position]);
    row_ramp_[column_plan_.order()[k]] = {splat<V>(static_cast<T>(z.re * normal)),
                                          splat<V>(static_cast<T>(z.im * normal))};
  }
  for (size_t k = 0; k < shape_.columns; k++) {
    const Complex<double> z = factor(k, shape_.columns, fractions_[2 * position + 1]);
    const size_t at = row_plan_.order()[k];
    column_ramp_[at / L].re[at % L] = static_cast<T>(z.re);
    column_ramp_[at / L].im[at % L] = static_cast<T>(z.im);
  }
  transform(x);
  for (size_t b = 0; b < blocks_; b++)
    for (size_t r = 0; r < shape_.rows; r++) x[b * stride_ + r] = x[b * stride_ + r] * (row_ramp_[r] * column_ramp_[b]);
  transform_back(x);
}

// The probe's modes as they lie at a position.
template <class T>
void Scan<T>::place_probe(size_t position) {
  for (size_t k = 0; k < shape_.modes; k++) {
    const Wave* const mode = &probe_[k * wave_size_];
    placed_[k] = mode;
    if (!is_shifted(position)) continue;
    Wave* const moved = &shifted_[k * wave_size_];
    std::copy_n(mode, wave_size_, moved);
    shift(moved, position, false);
    placed_[k] = moved;
  }
}

// Modes' blocks of columns of out ← c·PO + d·wave. Null: no wave.
template <class T>
void Scan<T>::mix(Wave* out, size_t position, Span span, double c, double d, const Wave* wave) const {
  const V c_lanes = splat<V>(static_cast<T>(c)), d_lanes = splat<V>(static_cast<T>(d));
  const typename Planes::Patch object = object_.patch(corner(position));
  for (size_t k = 0; k < shape_.modes; k++) {
    const Wave *const probe = placed_[k], *const other = wave + k * wave_size_;
    Wave* const x = out + k * wave_size_;
    if (wave)
      each_pixel(span,
                 [=](size_t i, size_t pixel) { x[i] = probe[i] * object.load(pixel) * c_lanes + other[i] * d_lanes; });
    else
      each_pixel(span, [=](size_t i, size_t pixel) { x[i] = probe[i] * object.load(pixel); });
  }
}

// ---- an iteration ----

template <class T>
void Scan<T>::begin_iteration(const ScanRule& rule) {
  residual_ = 0;
  if (rule.least_squares) {
    illuminate();
  } else if (rule.keeps_waves && !has_kept_) {
    for (size_t j = 0; j < shape_.positions; j++) {
      place_probe(j);
      mix(kept_wave(j), j, {0, blocks_}, 1, 0, nullptr);
    }
    has_kept_ = true;
  }
}

// Σ|P|² of the whole scan, by the probe as it is now.
template <class T>
void Scan<T>::illuminate() {
  std::memset(whole_illumination_.data(), 0, whole_illumination_.bytes());
  for (size_t j = 0; j < shape_.positions; j++) {
    place_probe(j);
    T* const image = whole_illumination_.data() + corner(j);
    for (size_t k = 0; k < shape_.modes; k++) {
      const Wave* const probe = placed_[k];
      each_pixel([&](size_t i, size_t pixel) { store<V>(image + pixel, load<V>(image + pixel) + power(probe[i])); });
    }
  }
}

// Clears the sums of the part of the object that these positions reach.
template <class T>
void Scan<T>::clear_sums(const uint32_t* positions, size_t count) {
  region_ = {shape_.object_rows, 0, pitch_, 0};
  for (size_t n = 0; n < count; n++) {
    const size_t row = corners_[2 * positions[n]], column = corners_[2 * positions[n] + 1];
    region_.top = std::min(region_.top, row);
    region_.bottom = std::max(region_.bottom, row + shape_.rows);
    region_.left = std::min(region_.left, column / L * L);
    region_.right = std::max(region_.right, round_up(column + blocks_ * L, L));
  }
  region_.right = std::min(region_.right, pitch_);
  each_in_region([&](size_t i) {
    store<V>(&object_sum_.re[i], V{});
    store<V>(&object_sum_.im[i], V{});
    store<V>(&illumination_[i], V{});
  });
  std::memset(static_cast<void*>(probe_sum_.data()), 0, probe_sum_.bytes());
  std::memset(static_cast<void*>(probe_weight_.data()), 0, probe_weight_.bytes());
}

template <class T>
template <class F>
void Scan<T>::each_in_region(F&& f) const {
  for (size_t r = region_.top; r < region_.bottom; r++)
    for (size_t c = region_.left; c < region_.right; c += L) f(r * pitch_ + c);
}

// The wave to transform of a position whose probe is placed, and its transform along columns while it is in the cache.
template <class T>
void Scan<T>::start_wave(size_t number, const ScanRule& rule) {
  const size_t j = batch_[number];
  Wave* const waves = slot(number);
  each_span([&](Span span) {
    mix(waves, j, span, rule.c, 1 - rule.c, rule.c == 1 ? nullptr : kept_wave(j));
    for (size_t k = 0; k < shape_.modes; k++) transform_columns<Direction::forward>(waves + k * wave_size_, span);
  });
}

// The residual of P·O, where the wave is another.
template <class T>
void Scan<T>::measure(size_t j) {
  mix(measured_wave(), j, {0, blocks_}, 1, 0, nullptr);
  for (size_t k = 0; k < shape_.modes; k++) transform(measured_wave() + k * wave_size_);
  residual_ += impose(measured_wave(), j, false);
}

// The wave's difference from P·O takes its place; or the kept wave takes its step. Columns may have to be transformed
// back first.
template <class T>
void Scan<T>::finish_wave(size_t number, const ScanRule& rule, bool inverts_columns) {
  const size_t j = batch_[number];
  const double normal = 1 / static_cast<double>(shape_.rows) / static_cast<double>(shape_.columns);
  Wave* const waves = slot(number);
  const auto invert = [&](Span span) {
    if (!inverts_columns) return;
    for (size_t k = 0; k < shape_.modes; k++) transform_columns<Direction::inverse>(waves + k * wave_size_, span);
  };
  if (!rule.keeps_waves)
    return add_sums(j, waves, waves, normal, {true, !rule.least_squares, rule.updates_probe}, invert);
  Wave* const kept = kept_wave(j);
  const V b = splat<V>(static_cast<T>(rule.b * normal));
  each_span([&](Span span) {
    invert(span);
    mix(kept, j, span, rule.a, 1 - rule.a - rule.b, kept);
    for (size_t k = 0; k < shape_.modes; k++) {
      Wave *const to = kept + k * wave_size_, *const from = waves + k * wave_size_;
      each_pixel(span, [&](size_t i, size_t) { to[i] = to[i] + from[i] * b; });
    }
  });
}

// Differences ← normal·waves − P·O, and a position's part of the sums that the updates of object and probe are made of.
// `before` is called for each span.
template <class T>
template <class F>
void Scan<T>::add_sums(size_t j, Wave* differences, const Wave* waves, double normal, Sums sums, F&& before) {
  const bool all = sums.object && sums.illumination && sums.probe && !is_shifted(j);
  each_span([&](Span span) {
    before(span);
    for (size_t k = 0; k < shape_.modes; k++)
      (this->*(all ? &Scan::add_span<true> : &Scan::add_span<false>))(j, k, span, differences, waves, normal, sums);
  });
  if (!sums.probe || !is_shifted(j)) return;
  for (size_t k = 0; k < shape_.modes; k++) {
    Wave *const sum = &probe_sum_[k * wave_size_], *const moved = &moved_[k * wave_size_];
    shift(moved, j, true);
    each_pixel([&](size_t i, size_t) { sum[i] = sum[i] + moved[i]; });
  }
}

// The part of some blocks. `All` of the sums, of a position on whole pixels, or those asked for.
template <class T>
template <bool All>
void Scan<T>::add_span(size_t j, size_t mode, Span span, Wave* differences, const Wave* waves, double normal,
                       Sums sums) {
  const size_t first = mode * wave_size_;
  const bool is_shifted = !All && this->is_shifted(j);
  const typename Planes::Patch object = object_.patch(corner(j)), to_object = object_sum_.patch(corner(j));
  T* const illumination = &illumination_[corner(j)];
  const Wave *const probe = placed_[mode], *const x = waves + first;
  Wave *const d = differences + first, *const to_probe = is_shifted ? &moved_[first] : &probe_sum_[first];
  V* const weight = mode == 0 ? probe_weight_.data() : nullptr;
  const V n = splat<V>(static_cast<T>(normal));
  each_pixel(span, [=](size_t i, size_t pixel) {
    const Wave p = probe[i], o = object.load(pixel), difference = x[i] * n - p * o;
    d[i] = difference;
    if (All || sums.object) to_object.add(pixel, conjugate(p) * difference);
    if (All || sums.illumination) store<V>(illumination + pixel, load<V>(illumination + pixel) + power(p));
    if (!All && !sums.probe) return;
    const Wave back = conjugate(o) * difference;
    to_probe[i] = is_shifted ? back : to_probe[i] + back;
    if (weight) weight[i] += power(o);
  });
}

// N / ((1−α)D + α max D) in place of N.
template <class T>
void Scan<T>::weight_object(const T* weight, double alpha) {
  V most = V{};
  if (weight == illumination_.data()) {
    each_in_region([&](size_t i) { most = select<V>(load<V>(weight + i) > most, load<V>(weight + i), most); });
  } else {
    for (size_t i = 0; i < whole_illumination_.size(); i += L)
      most = select<V>(load<V>(weight + i) > most, load<V>(weight + i), most);
  }
  const V floor = splat<V>(static_cast<T>(alpha * largest_lane(most))), share = splat<V>(static_cast<T>(1 - alpha));
  each_in_region([&](size_t i) {
    const V d = load<V>(weight + i) * share + floor;
    store<V>(&object_sum_.re[i], ratio(load<V>(&object_sum_.re[i]), d));
    store<V>(&object_sum_.im[i], ratio(load<V>(&object_sum_.im[i]), d));
  });
}

template <class T>
void Scan<T>::weight_probe(double alpha) {
  // Lanes beyond the last column have seen pixels of the object that the probe does not reach.
  for (size_t r = 0; r < shape_.rows; r++) probe_weight_[(blocks_ - 1) * stride_ + r] *= tail_;
  V most = V{};
  for (size_t i = 0; i < wave_size_; i++) most = select<V>(probe_weight_[i] > most, probe_weight_[i], most);
  const V floor = splat<V>(static_cast<T>(alpha * largest_lane(most))), share = splat<V>(static_cast<T>(1 - alpha));
  for (size_t k = 0; k < shape_.modes; k++) {
    Wave* const sum = &probe_sum_[k * wave_size_];
    each_pixel([&](size_t i, size_t) {
      const V d = probe_weight_[i] * share + floor;
      sum[i] = {ratio(sum[i].re, d), ratio(sum[i].im, d)};
    });
  }
}

template <class T>
void Scan<T>::move_object(double step) {
  const V s = splat<V>(static_cast<T>(step));
  each_in_region([&](size_t i) { object_.add(i, object_sum_.load(i) * s); });
}

template <class T>
void Scan<T>::move_probe(double step) {
  const V s = splat<V>(static_cast<T>(step));
  for (size_t i = 0; i < probe_.size(); i++) probe_[i] = probe_[i] + probe_sum_[i] * s;
}

// The steps along the directions of object and probe that fit each position's difference best (Odstrčil, Menzel &
// Guizar-Sicairos, Optics Express 26, 3108, 2018, eqs. 19-25), and their means over the batch.
template <class T>
void Scan<T>::take_steps(const ScanRule& rule) {
  weight_object(whole_illumination_.data(), rule.alpha);
  const V share = splat<V>(static_cast<T>(1 / static_cast<double>(batch_size_)));
  for (size_t i = 0; i < probe_sum_.size(); i++) probe_sum_[i] = probe_sum_[i] * share;
  double mean11 = 0, mean22 = 0;
  for (size_t n = 0; n < batch_size_; n++) {
    Normal& s = normals_[n] = {};
    const size_t j = batch_[n], corner = this->corner(j);
    place_probe(j);
    for (size_t k = 0; k < shape_.modes; k++) {
      const Wave *const probe = placed_[k], *const chi = slot(n) + k * wave_size_;
      Wave* const moved = moved_.data();
      std::copy_n(&probe_sum_[k * wave_size_], wave_size_, moved);
      if (rule.updates_probe && is_shifted(j)) shift(moved, j, false);
      V a11 = V{}, a22 = V{}, a12_re = V{}, a12_im = V{}, b1 = V{}, b2 = V{};
      each_pixel([&](size_t i, size_t pixel) {
        const Wave u = object_sum_.load(corner + pixel) * probe[i], v = moved[i] * object_.load(corner + pixel);
        a11 += power(u);
        a22 += power(v);
        a12_re += inner(v, u);
        a12_im += u.im * v.re - u.re * v.im;
        b1 += inner(u, chi[i]);
        b2 += inner(v, chi[i]);
      });
      s.a11 += sum_of_lanes(a11);
      s.a22 += sum_of_lanes(a22);
      s.a12_re += sum_of_lanes(a12_re);
      s.a12_im += sum_of_lanes(a12_im);
      s.b1 += sum_of_lanes(b1);
      s.b2 += sum_of_lanes(b2);
    }
    mean11 += s.a11 / static_cast<double>(batch_size_);
    mean22 += s.a22 / static_cast<double>(batch_size_);
  }
  double object = 0, probe = 0;
  for (size_t n = 0; n < batch_size_; n++) {
    const Normal& s = normals_[n];
    if (!rule.updates_probe) {
      object += std::max(0.0, ratio(s.b1, s.a11));
      continue;
    }
    const double a11 = s.a11 + rule.ridge * mean11, a22 = s.a22 + rule.ridge * mean22;
    const double determinant = a11 * a22 - s.a12_re * s.a12_re - s.a12_im * s.a12_im;
    object += std::max(0.0, ratio(a22 * s.b1 - s.a12_re * s.b2, determinant));
    probe += std::max(0.0, ratio(a11 * s.b2 - s.a12_re * s.b1, determinant));
  }
  move_object(rule.step * object / static_cast<double>(batch_size_));
  if (rule.updates_probe) move_probe(rule.step * probe / static_cast<double>(batch_size_));
}

template <class T>
void Scan<T>::finish_batch(bool last, const ScanRule& rule) {
  if (rule.least_squares) {
    take_steps(rule);
  } else if (!rule.keeps_waves) {
    weight_object(illumination_.data(), rule.alpha);
    if (rule.updates_probe) weight_probe(rule.alpha);
    move_object(rule.step);
    if (rule.updates_probe) move_probe(rule.step);
  } else if (last) {
    fit_waves(rule);
  }
  if (!last) return;
  records_[recorded_++ % kRecords] =
      std::sqrt(residual_ / static_cast<double>(shape_.rows) / static_cast<double>(shape_.columns) / energy_);
}

// The object, then the probe with the new object, from all kept waves (Thibault et al., Ultramicroscopy 109, 338, 2009,
// eqs. 6 and 7), as corrections.
template <class T>
void Scan<T>::fit_waves(const ScanRule& rule) {
  clear_sums(everywhere_.data(), shape_.positions);
  const auto add = [&](Sums sums) {
    for (size_t j = 0; j < shape_.positions; j++) {
      place_probe(j);
      add_sums(j, waves_.data(), kept_wave(j), 1, sums, [](Span) {});
    }
  };
  add({true, true, false});
  weight_object(illumination_.data(), rule.alpha);
  move_object(1);
  if (!rule.updates_probe) return;
  add({false, false, true});
  weight_probe(rule.alpha);
  move_probe(1);
}

template <class T>
bool Scan<T>::begin_batch(const uint32_t* batch, size_t count, size_t slots, bool first, const ScanRule& rule) {
  slots_ = slots;
  const size_t size = slots * shape_.modes * wave_size_;
  if (waves_.size() < size && !waves_.allocate(size)) return false;
  if (rule.least_squares && ((!whole_illumination_ && !whole_illumination_.allocate(shape_.object_rows * pitch_)) ||
                             (normals_.size() < count && !normals_.allocate(count))))
    return false;
  if (first) begin_iteration(rule);
  batch_size_ = count;
  std::copy_n(batch, count, batch_.data());
  clear_sums(batch, count);
  return true;
}

template <class T>
bool Scan<T>::iterate(const uint32_t* order, size_t begin, size_t end, const ScanRule& rule) {
  for (size_t at = begin; at < end; at += shape_.batch) {
    const size_t count = std::min(shape_.batch, end - at);
    if (!begin_batch(order + at, count, rule.least_squares ? shape_.batch : 1, at == 0, rule)) return false;
    for (size_t n = 0; n < count; n++) {
      place_probe(batch_[n]);
      start_wave(n, rule);
      if (rule.c != 1) measure(batch_[n]);
      const double residual = pass_rows(slot(n), batch_[n]);
      if (rule.c == 1) residual_ += residual;
      finish_wave(n, rule, true);
    }
    finish_batch(at + count == shape_.positions, rule);
  }
  return true;
}

template <class T>
bool Scan<T>::forward(const uint32_t* batch, size_t count, bool first, const ScanRule& rule) {
  if (!begin_batch(batch, count, shape_.batch, first, rule)) return false;
  for (size_t n = 0; n < count; n++) {
    place_probe(batch[n]);
    start_wave(n, rule);
    for (size_t k = 0; k < shape_.modes; k++) transform_rows<Direction::forward>(slot(n) + k * wave_size_);
  }
  transformed_ = true;
  return true;
}

template <class T>
void Scan<T>::constrain_fourier(const ScanRule& rule) {
  for (size_t n = 0; n < batch_size_; n++) {
    if (rule.c != 1) {
      place_probe(batch_[n]);
      measure(batch_[n]);
    }
    const double residual = impose(slot(n), batch_[n], true);
    if (rule.c == 1) residual_ += residual;
  }
}

template <class T>
void Scan<T>::inverse() {
  for (size_t n = 0; n < batch_size_ * shape_.modes; n++) transform_back(&waves_[n * wave_size_]);
  transformed_ = false;
}

template <class T>
void Scan<T>::constrain_object(bool last, const ScanRule& rule) {
  for (size_t n = 0; n < batch_size_; n++) {
    place_probe(batch_[n]);
    finish_wave(n, rule, false);
  }
  finish_batch(last, rule);
}

// ---- beside the iteration ----

// To first order (Odstrčil et al., 2018, eq. 31): along each axis, the derivative of a wave by the position is P times
// the object's central difference.
template <class T>
bool Scan<T>::correct_positions(double most) {
  const size_t rows = shape_.object_rows, columns = shape_.object_columns;
  for (Planes& axis : gradient_)
    if (!axis.re && !axis.allocate(rows * pitch_)) return false;
  if (waves_.size() < shape_.modes * wave_size_ && !waves_.allocate(shape_.modes * wave_size_)) return false;
  if (!moves_ && !moves_.allocate(2 * shape_.positions)) return false;
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < columns; c++) {
      const size_t i = r * pitch_ + c;
      const bool inside[] = {r > 0 && r + 1 < rows, c > 0 && c + 1 < columns};
      const size_t apart[] = {pitch_, 1};
      for (int axis = 0; axis < 2; axis++) {
        const size_t d = apart[axis];
        gradient_[axis].re[i] = inside[axis] ? (object_.re[i + d] - object_.re[i - d]) / 2 : 0;
        gradient_[axis].im[i] = inside[axis] ? (object_.im[i + d] - object_.im[i - d]) / 2 : 0;
      }
    }
  }
  double mean[2] = {0, 0};
  for (size_t j = 0; j < shape_.positions; j++) {
    const size_t corner = this->corner(j);
    const double normal = 1 / static_cast<double>(shape_.rows) / static_cast<double>(shape_.columns);
    const Span all = {0, blocks_};
    place_probe(j);
    mix(waves_.data(), j, all, 1, 0, nullptr);
    for (size_t k = 0; k < shape_.modes; k++) transform_columns<Direction::forward>(&waves_[k * wave_size_], all);
    pass_rows(waves_.data(), j);
    for (size_t k = 0; k < shape_.modes; k++) transform_columns<Direction::inverse>(&waves_[k * wave_size_], all);
    mix(waves_.data(), j, all, -1, normal, waves_.data());
    for (int axis = 0; axis < 2; axis++) {
      double above = 0, below = 0;
      for (size_t k = 0; k < shape_.modes; k++) {
        const Wave *const probe = placed_[k], *const chi = &waves_[k * wave_size_];
        V n = V{}, d = V{};
        each_pixel([&](size_t i, size_t pixel) {
          const Wave v = probe[i] * gradient_[axis].load(corner + pixel);
          n += inner(v, chi[i]);
          d += power(v);
        });
        above += sum_of_lanes(n);
        below += sum_of_lanes(d);
      }
      moves_[2 * j + axis] = ratio(above, below);
      mean[axis] += moves_[2 * j + axis] / static_cast<double>(shape_.positions);
    }
  }
  const double furthest[] = {static_cast<double>(rows - shape_.rows), static_cast<double>(columns - shape_.columns)};
  for (size_t i = 0; i < 2 * shape_.positions; i++) {
    const double move = std::clamp(moves_[i] - mean[i % 2], -most, most);
    moves_[i] = std::clamp(positions_[i] + move, 0.0, furthest[i % 2]);
  }
  set_positions(moves_.data());
  return true;
}

template <class T>
double Scan<T>::model_counts() {
  double total = 0;
  for (size_t j = 0; j < shape_.positions; j++) {
    place_probe(j);
    mix(measured_wave(), j, {0, blocks_}, 1, 0, nullptr);
    for (size_t k = 0; k < shape_.modes; k++) {
      Wave* const x = measured_wave() + k * wave_size_;
      transform(x);
      each_row_group(x, 1, false, [&](size_t group) {
        const V* const measured = magnitudes(j, group);
        V sum = V{};
        for (size_t c = 0; c < shape_.columns; c++) {
          const Mask<V> unmeasured = measured[c] == splat<V>(std::numeric_limits<T>::infinity());
          sum += select<V>(unmeasured, V{}, power(line(0)[c]));
        }
        total += sum_of_lanes(sum);
      });
    }
  }
  return total / static_cast<double>(shape_.rows) / static_cast<double>(shape_.columns);
}

template class Scan<float>;
template class Scan<double>;

}  // namespace rephase
