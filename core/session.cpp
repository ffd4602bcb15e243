#include "session.hpp"

#include "blur.hpp"

namespace rephase {

template <class Field>
Session<Field>::Session(size_t rows, size_t columns, size_t starts, const Rule& rule)
    : starts_(starts), rule_(rule), field_(rows, columns) {
  valid_ = field_.valid() && spectrum_.allocate(starts * field_.spectrum_size()) && have_what(rule) &&
           line_.allocate(field_.line_size()) && scratch_.allocate(field_.scratch()) &&
           records_.allocate(kRecords * starts) && everywhere_.allocate(columns) && thresholds_.allocate(starts);
  if constexpr (Field::kHasWeights) {
    if (rule.fourier.has_weights())
      valid_ = valid_ && imposed_.allocate(starts * field_.weights_size()) && gains_.allocate(starts);
  }
  if (!valid_) return;
  std::memset(everywhere_.data(), 0xff, columns);
  // The order of a pixel's size, since the largest magnitude is near 1.
  std::fill_n(thresholds_.data(), starts, static_cast<T>(1 / static_cast<double>(rows * columns)));
}

template <class Field>
size_t Session<Field>::bytes() const {
  return sizeof(*this) + field_.bytes() + spectrum_.bytes() + iterate_.bytes() + work_.bytes() + support_.bytes() +
         own_supports_.bytes() + everywhere_.bytes() + thresholds_.bytes() + line_.bytes() + scratch_.bytes() +
         records_.bytes() + imposed_.bytes() + gains_.bytes();
}

template <class Field>
double Session<Field>::bytes_needed(double rows, double columns, double starts, bool with_iterate, bool with_weights) {
  double weights = 0;
  if constexpr (Field::kHasWeights) weights = with_weights ? Field::weights_bytes(rows, columns) : 0;
  const double image = Field::image_bytes(rows, columns), support = image / sizeof(Complex<V>);
  const double fixed = kRecords * sizeof(double) + sizeof(T);
  return starts * (Field::spectrum_bytes(rows, columns) + image * (with_iterate ? 2 : 1) + weights + fixed) + support +
         Field::bytes_needed(rows, columns) + columns + (columns + lanes<V>)*sizeof(Complex<V>);
}

template <class Field>
void Session<Field>::set_magnitudes(const T* magnitudes, const uint8_t* mask, double scale) {
  field_.set_magnitudes(magnitudes, mask, scale);
  if constexpr (Field::kHasWeights) {
    if (!imposed_) return;
    for (size_t s = 0; s < starts_; s++) field_.begin_weights(weights(s));
  }
}

template <class Field>
void Session<Field>::start_from_seed(const T* magnitudes, const uint8_t* mask, uint64_t seed, uint32_t first_start) {
  for (size_t s = 0; s < starts_; s++)
    field_.seed(spectrum(s), magnitudes, mask, UniformStart(seed, first_start + static_cast<uint32_t>(s)));
  holds_ = Holds::spectrum;
}

template <class Field>
bool Session<Field>::set_support(const uint8_t* support) {
  own_supports_.release();
  if (!support) {
    support_.release();
    return true;
  }
  if (!support_ && !support_.allocate(field_.groups() * field_.columns())) return false;
  std::memset(support_.data(), 0, support_.bytes());
  pack_support(support, support_.data());
  return true;
}

template <class Field>
void Session<Field>::pack_support(const uint8_t* support, uint8_t* packed) const {
  for (size_t r = 0; r < field_.rows(); r++)
    for (size_t c = 0; c < field_.columns(); c++)
      if (*support++)
        packed[r / Field::kGroupRows * field_.columns() + c] |= static_cast<uint8_t>(1u << r % Field::kGroupRows);
}

template <class Field>
bool Session<Field>::give_each_its_support() {
  if (own_supports_) return true;
  const size_t columns = field_.columns();
  if (!own_supports_.allocate(starts_ * field_.groups() * columns)) return false;
  for (size_t s = 0; s < starts_; s++)
    for (size_t g = 0; g < field_.groups(); g++)
      std::copy_n(shared_support(g), columns, &own_supports_[(s * field_.groups() + g) * columns]);
  return true;
}

template <class Field>
bool Session<Field>::shrink_support(double sigma, double threshold, double least, double most) {
  const size_t rows = field_.rows(), columns = field_.columns(), size = field_.groups() * columns;
  Buffer<T> image(rows * columns), blurred(rows * columns);
  Buffer<uint8_t> next(size);
  if (!image || !blurred || !next || !give_each_its_support()) return false;
  const auto is_inside = [](const uint8_t* group, size_t r, size_t c) { return group[c] >> r % Field::kGroupRows & 1; };
  for (size_t s = 0; s < starts_; s++) {
    field_.read_brightness(group(*object_, s, 0), image.data());
    blur_lines(image.data(), blurred.data(), rows, columns, columns, 1, sigma);
    blur_lines(blurred.data(), image.data(), columns, 1, rows, columns, sigma);
    double power = 0, inside = 0;
    for (size_t r = 0; r < rows; r++) {
      for (size_t c = 0; c < columns; c++) {
        if (!is_inside(support(s, r / Field::kGroupRows), r, c)) continue;
        power += static_cast<double>(image[r * columns + c]) * image[r * columns + c];
        inside++;
      }
    }
    const double level = threshold * std::sqrt(power / inside);
    double pixels = 0;
    std::memset(next.data(), 0, size);
    for (size_t r = 0; r < rows; r++) {
      const size_t g = r / Field::kGroupRows;
      for (size_t c = 0; c < columns; c++) {
        if (!(image[r * columns + c] > level) || !is_inside(shared_support(g), r, c)) continue;
        next[g * columns + c] |= static_cast<uint8_t>(1u << r % Field::kGroupRows);
        pixels++;
      }
    }
    if (pixels >= least && pixels <= most) std::copy_n(next.data(), size, &own_supports_[s * size]);
  }
  return true;
}

template <class Field>
void Session<Field>::read_support(size_t start, uint8_t* out) const {
  for (size_t r = 0; r < field_.rows(); r++)
    for (size_t c = 0; c < field_.columns(); c++)
      *out++ = support(start, r / Field::kGroupRows)[c] >> r % Field::kGroupRows & 1;
}

template <class Field>
bool Session<Field>::write_support(size_t start, const uint8_t* support) {
  if (!give_each_its_support()) return false;
  const size_t size = field_.groups() * field_.columns();
  std::memset(&own_supports_[start * size], 0, size);
  pack_support(support, &own_supports_[start * size]);
  return true;
}

// ---- rows ----

template <class Field>
template <class F>
void Session<Field>::each_group(F&& f) {
  for (size_t s = 0; s < starts_; s++)
    for (size_t g = 0; g < field_.groups(); g++) f(s, g);
}

// Any rule on a group of rows. y is the new image divided by `normal`; `next` may be the same array.
template <class Field>
void Session<Field>::constrain_group(const Rule& rule, size_t start, size_t g, const Complex<V>* y, T normal,
                                     Complex<V>* next) {
  if (rule.reflects_iterate) {
    constrain_group(rule.without_reflection(), start, g, y, normal, next);
    return constrain_group(rule.reflection(), start, g, group(iterate_, start, g), 1, next);
  }
  const Mixture<V> tested = rule.tested, satisfied[] = {rule.satisfied.iterate, rule.satisfied.next},
                   violated[] = {rule.violated.iterate, rule.violated.next};
  const Terms t = tested.terms(), s[] = {satisfied[0].terms(), satisfied[1].terms()},
              w[] = {violated[0].terms(), violated[1].terms()};
  const bool adds_projected = (rule.projected.iterate != 0 || rule.projected.next != 0) && !rule.projects_to_zero();
  const bool has_floor = rule.has_floor();
  if (rule.one_image() && rule.projects_to_zero() && !has_floor) {
    // The two steps of a rule that reflects.
    const auto has = [&](Terms a, Terms b, Terms c) { return t == a && s[0] == b && w[0] == c; };
    if (has(Terms::x, Terms::both, Terms::x_plus_scaled_y))
      return constrain_group_fast<Terms::x, Terms::both, Terms::x_plus_scaled_y>(rule, start, g, y, normal, next);
    if (has(Terms::y, Terms::y, Terms::scaled_y))
      return constrain_group_fast<Terms::y, Terms::y, Terms::scaled_y>(rule, start, g, y, normal, next);
  }
  const Mixture<V> at_least = rule.at_least;
  const Terms f = at_least.terms();
  const auto constraint = field_.constraint(rule, g);
  const V shares[] = {splat<V>(static_cast<T>(rule.projected.iterate)), splat<V>(static_cast<T>(rule.projected.next))};
  Complex<V>* iterate = rule.needs_iterate() ? group(iterate_, start, g) : nullptr;
  const uint8_t* const inside = support(start, g);
  for (size_t c = 0; c < field_.columns(); c++) {
    const Complex<V> x = iterate ? iterate[c] : Complex<V>{}, z = y[c] * splat<V>(normal), test = tested.of(t, x, z);
    const auto violates = constraint.violated(test, inside[c], c);
    const auto updated = [&](int image) {
      Complex<V> kept = satisfied[image].of(s[image], x, z), changed = violated[image].of(w[image], x, z);
      if constexpr (Field::kIsOrdered) {
        if (has_floor) kept = Field::greater(kept, at_least.of(f, x, z));
      }
      if (adds_projected) changed = changed + constraint.projected(test, inside[c], c) * shares[image];
      return select<V>(violates, changed, kept);
    };
    const Complex<V> u = updated(0);
    if (rule.keeps_iterate) iterate[c] = u;
    next[c] = updated(1);
  }
}

// The same for a rule that transforms what it keeps, combines these terms, and makes 0 of what it projects.
template <class Field>
template <Terms Tested, Terms Satisfied, Terms Violated>
void Session<Field>::constrain_group_fast(const Rule& rule, size_t start, size_t g, const Complex<V>* y, T normal,
                                          Complex<V>* next) {
  const Mixture<V> tested = rule.tested, satisfied = rule.satisfied.next, violated = rule.violated.next;
  const V low = splat<V>(static_cast<T>(rule.low)), norm = splat<V>(normal);
  constexpr bool kReads = Tested == Terms::x;
  Complex<V>* const iterate = kReads || rule.keeps_iterate ? group(iterate_, start, g) : nullptr;
  const uint8_t* const inside = support(start, g);
  for (size_t c = 0; c < field_.columns(); c++) {
    const Complex<V> z = y[c] * norm, x = kReads ? iterate[c] : Complex<V>{};
    const auto violates = Field::violated(tested.of(Tested, x, z), inside[c], low);
    next[c] = select<V>(violates, violated.of(Violated, x, z), satisfied.of(Satisfied, x, z));
    if (rule.keeps_iterate) iterate[c] = next[c];
  }
}

template <class Field>
void Session<Field>::clear_padding(Buffer<Complex<V>>& image) {
  for (size_t s = 0; s < starts_; s++) field_.clear_padding(group(image, s, 0));
}

// The row pass: inverse, pixel rule, forward, one group of rows after the other.
template <class Field>
void Session<Field>::pass_rows(size_t start, const Rule& rule) {
  for (size_t g = 0; g < field_.groups(); g++) {
    field_.load_rows(spectrum(start), g, line_.data());
    field_.row_plan().inverse(line_.data(), scratch_.data());
    constrain_group(rule, start, g, line_.data(), normal(), line_.data());
    field_.row_plan().forward(line_.data(), scratch_.data());
    field_.store_rows(spectrum(start), g, line_.data());
  }
}

// The same for a rule that tests for a sign, transforms what it keeps, and combines these terms. The rule stands inside
// the butterflies, which saves a pass over the line.
template <class Field>
template <Terms Tested, Terms Satisfied, Terms Violated, bool Keeps>
void Session<Field>::pass_rows_fused(size_t start, const Rule& rule) {
  const Mixture<V> tested = rule.tested, satisfied = rule.satisfied.next, violated = rule.violated.next;
  const V normal = splat<V>(this->normal());
  for (size_t g = 0; g < field_.groups(); g++) {
    field_.load_rows(spectrum(start), g, line_.data());
    Complex<V>* iterate = Keeps ? group(iterate_, start, g) : nullptr;
    const uint8_t* const inside = support(start, g);
    field_.row_plan().through_space(line_.data(), scratch_.data(), [=](size_t c, Complex<V> z) -> Complex<V> {
      const Complex<V> y = z * normal, x = Keeps ? iterate[c] : Complex<V>{};
      const auto violates = Field::violated(tested.of(Tested, x, y), inside[c]);
      const Complex<V> next = select<V>(violates, violated.of(Violated, x, y), satisfied.of(Satisfied, x, y));
      if constexpr (Keeps) iterate[c] = next;
      return next;
    });
    field_.store_rows(spectrum(start), g, line_.data());
  }
}

// The same for error reduction of pixels whose sizes are known, so that they need not be normalised first.
template <class Field>
void Session<Field>::pass_rows_in_two_planes(size_t start, const Rule&) {
  if constexpr (Field::kHasWeights) {
    for (size_t g = 0; g < field_.groups(); g++) {
      field_.load_rows(spectrum(start), g, line_.data());
      const uint8_t* const inside = support(start, g);
      field_.row_plan().inverse(line_.data(), scratch_.data());
      Impose<V, false> impose = {field_.object_magnitudes(g)};
      for (size_t c = 0; c < field_.columns(); c++) {
        const Mask<V> is_outside = outside<V>(inside[c]);
        line_[c] = select<V>({is_outside, is_outside}, {V{}, V{}}, impose(c, line_[c]));
      }
      field_.row_plan().forward(line_.data(), scratch_.data());
      field_.store_rows(spectrum(start), g, line_.data());
    }
  }
}

// Work image of a start ← its spectrum, of which columns are inverted, transformed back along rows.
template <class Field>
void Session<Field>::invert_rows(size_t start) {
  const V normal = splat<V>(this->normal());
  for (size_t g = 0; g < field_.groups(); g++) {
    field_.load_rows(spectrum(start), g, line_.data());
    field_.row_plan().inverse(line_.data(), scratch_.data());
    Complex<V>* y = group(work_, start, g);
    for (size_t c = 0; c < field_.columns(); c++) y[c] = line_[c] * normal;
  }
}

// Any rule on a whole image: the next image goes into the work image.
template <class Field>
void Session<Field>::constrain(const Rule& rule, size_t start, const Buffer<Complex<V>>& image) {
  const auto apply = [&](const Rule& r, const Buffer<Complex<V>>& y) {
    for (size_t g = 0; g < field_.groups(); g++)
      constrain_group(r, start, g, group(y, start, g), 1, group(work_, start, g));
  };
  const bool in_two = rule.support_size > 0 && rule.reflects_iterate;
  apply(sized(in_two ? rule.without_reflection() : rule, start, image, false), image);
  if (in_two) apply(sized(rule.reflection(), start, iterate_, false), iterate_);
}

// The rule for an image, with the support size as a lower bound: the value of the least pixel that is in.
template <class Field>
Rule Session<Field>::sized(const Rule& rule, size_t start, const Buffer<Complex<V>>& image, bool exactly) {
  if (rule.support_size == 0) return rule;
  const uint32_t k = rule.support_size;
  T guess = thresholds_[start];
  const T threshold = threshold_of_largest(k, exactly ? 0 : k / 200, guess,
                                           [&](T t) { return count_above(rule.tested, start, image, t); });
  if (!exactly) thresholds_[start] = guess;
  Rule result = rule;
  result.low = std::max<double>(rule.low, std::nextafter(threshold, std::numeric_limits<T>::infinity()));
  return result;
}

// How many pixels inside the support have a tested value above the threshold.
template <class Field>
size_t Session<Field>::count_above(const Combination& tested, size_t start, const Buffer<Complex<V>>& image,
                                   T threshold) {
  const Mixture<V> mixture = tested;
  const Terms terms = mixture.terms();
  size_t count = 0;
  for (size_t g = 0; g < field_.groups(); g++) {
    const Complex<V>* z = group(terms == Terms::x ? iterate_ : image, start, g);
    if (terms != Terms::x && terms != Terms::y) {
      const Complex<V>* const x = group(tested.x == 0 ? image : iterate_, start, g);
      for (size_t c = 0; c < field_.columns(); c++) line_[c] = mixture.of(terms, x[c], z[c]);
      z = line_.data();
    }
    count += field_.count_above(z, g, support_ || own_supports_ ? support(start, g) : nullptr, threshold);
  }
  return count;
}

// The row pass of a rule with a support size, which needs whole images.
template <class Field>
void Session<Field>::pass_rows_in_parts(size_t start, const Rule& rule) {
  const auto each_row = [&](auto&& f) {
    for (size_t g = 0; g < field_.groups(); g++) f(g);
  };
  const auto invert = [&](size_t g) {
    field_.load_rows(spectrum(start), g, line_.data());
    field_.row_plan().inverse(line_.data(), scratch_.data());
  };
  const auto forward = [&](size_t g) {
    field_.row_plan().forward(line_.data(), scratch_.data());
    field_.store_rows(spectrum(start), g, line_.data());
  };
  if (rule.reflects_iterate && rule.tested.y == 0) {
    // What is tested is there before the new image, which need not be kept.
    const Rule update = sized(rule.without_reflection(), start, iterate_, false);
    each_row([&](size_t g) {
      invert(g);
      constrain_group(update, start, g, line_.data(), normal(), line_.data());
    });
    const Rule reflection = sized(rule.reflection(), start, iterate_, false);
    each_row([&](size_t g) {
      constrain_group(reflection, start, g, group(iterate_, start, g), 1, line_.data());
      forward(g);
    });
    return;
  }
  invert_rows(start);
  constrain(rule, start, work_);
  each_row([&](size_t g) {
    std::copy_n(group(work_, start, g), field_.columns(), line_.data());
    forward(g);
  });
}

// A fused pass takes six kilobytes for each precision and field, so only the forms listed here have one, each in a
// function of its own.
template <class Field>
typename Session<Field>::RowPass Session<Field>::row_pass(const Rule& rule) {
  using enum Terms;
  if (rule.support_size > 0) return &Session::pass_rows_in_parts;
  if constexpr (Field::kHasWeights && sizeof(T) == sizeof(float)) {
    const bool imposes_sizes = rule.in_two_planes && rule.phases.are_any() && rule.projected.next == 1;
    if (imposes_sizes && rule.is_projection() && !rule.keeps_iterate) return &Session::pass_rows_in_two_planes;
  }
  if (!rule.one_image() || !rule.is_plain() || rule.has_floor() || rule.reflects_iterate) return &Session::pass_rows;
  const Terms tested = Mixture<V>(rule.tested).terms(), satisfied = Mixture<V>(rule.satisfied.next).terms(),
              violated = Mixture<V>(rule.violated.next).terms();
  const auto has = [&](Terms t, Terms s, Terms v) { return tested == t && satisfied == s && violated == v; };
  if constexpr (Field::kFusesAll || sizeof(T) == sizeof(float)) {
    if (!rule.keeps_iterate && has(y, y, none)) return &Session::pass_rows_fused<y, y, none, false>;
    if (rule.keeps_iterate && has(y, y, x_plus_scaled_y)) return &Session::pass_rows_fused<y, y, x_plus_scaled_y, true>;
    // Reflections. A coefficient of 1 may be multiplied by.
    if (rule.keeps_iterate && (has(both, y, both) || has(both, y, x_plus_scaled_y)))
      return &Session::pass_rows_fused<both, y, both, true>;
  }
  if constexpr (Field::kFusesAll) {
    if (rule.keeps_iterate && has(y, x, x_plus_scaled_y)) return &Session::pass_rows_fused<y, x, x_plus_scaled_y, true>;
    if (!rule.keeps_iterate && has(y, y, scaled_y)) return &Session::pass_rows_fused<y, y, scaled_y, false>;
  }
  return &Session::pass_rows;
}

// ---- the three granularities ----

template <class Field>
void Session<Field>::invert_columns() {
  if (holds_ != Holds::spectrum) return;
  for (size_t s = 0; s < starts_; s++) field_.inverse_columns(spectrum(s), scratch_.data());
  holds_ = Holds::inverted;
}

template <class Field>
void Session<Field>::restore_spectrum() {
  if (holds_ != Holds::inverted) return;
  for (size_t s = 0; s < starts_; s++) field_.undo_inverse_columns(spectrum(s), scratch_.data());
  holds_ = Holds::spectrum;
}

template <class Field>
double Session<Field>::pass_columns(size_t start, const FourierRule& rule) {
  if constexpr (Field::kHasWeights) {
    if (rule.has_weights()) return field_.pass_columns(spectrum(start), scratch_.data(), rule, weights(start));
  }
  return field_.pass_columns(spectrum(start), scratch_.data(), rule);
}

template <class Field>
bool Session<Field>::iterate(uint32_t count, const Rule& rule) {
  if (!have_what(rule) || (rule.support_size > 0 && !have(work_))) return false;
  const bool pending = holds_ == Holds::rows;
  invert_columns();
  const RowPass pass = row_pass(rule);
  // A start's iterations follow one another while it is in the cache.
  for (size_t s = 0; s < starts_; s++) {
    uint64_t at = recorded_;
    for (uint32_t i = 0; i < count; i++) {
      if (i > 0 || pending) record(at++)[s] = pass_columns(s, (i > 0 ? rule : rule_).fourier);
      if (rule.needs_iterate()) field_.clear_padding(group(iterate_, s, 0));
      (this->*pass)(s, rule);
    }
  }
  recorded_ += count - (pending ? 0 : 1);
  holds_ = Holds::rows;
  rule_ = rule;
  return true;
}

template <class Field>
bool Session<Field>::complete_iteration() {
  if (holds_ != Holds::rows) return true;
  // A row pass in parts leaves the object there.
  if (!rule_.keeps_iterate && rule_.support_size == 0) {
    if (!have(work_)) return false;
    // The object is left as its transform along rows. Where it was exactly zero it comes back with rounding noise; a
    // projection may be applied again.
    const T normal(1 / Field::kStored / static_cast<double>(field_.columns()));
    each_group([&](size_t s, size_t g) {
      field_.load_rows(spectrum(s), g, line_.data());
      field_.row_plan().inverse(line_.data(), scratch_.data());
      Complex<V>* x = group(work_, s, g);
      if (rule_.is_projection()) return constrain_group(rule_, s, g, line_.data(), normal, x);
      for (size_t c = 0; c < field_.columns(); c++) x[c] = line_[c] * splat<V>(normal);
    });
  }
  object_ = next_ = rule_.keeps_iterate ? &iterate_ : &work_;
  for (size_t s = 0; s < starts_; s++) field_.forward_columns(spectrum(s), scratch_.data());
  holds_ = Holds::spectrum;
  constrain_fourier(rule_);
  return true;
}

template <class Field>
bool Session<Field>::inverse() {
  if (!have(work_)) return false;
  invert_columns();
  for (size_t s = 0; s < starts_; s++) invert_rows(s);
  object_ = next_ = &work_;
  return true;
}

template <class Field>
bool Session<Field>::constrain_object(const Rule& rule) {
  if (!have(work_) || !have_what(rule)) return false;
  if (rule.needs_iterate()) clear_padding(iterate_);
  for (size_t s = 0; s < starts_; s++) constrain(rule, s, *object_);
  next_ = &work_;
  object_ = rule.keeps_iterate ? &iterate_ : &work_;
  return true;
}

// Spectra of objects, of which `load(s, g)` puts groups of rows into the line.
template <class Field>
template <class F>
void Session<Field>::transform_forward(F&& load) {
  each_group([&](size_t s, size_t g) {
    load(s, g);
    field_.row_plan().forward(line_.data(), scratch_.data());
    field_.store_rows(spectrum(s), g, line_.data());
  });
  for (size_t s = 0; s < starts_; s++) field_.forward_columns(spectrum(s), scratch_.data());
  holds_ = Holds::spectrum;
  next_ = object_;
}

template <class Field>
void Session<Field>::forward() {
  transform_forward([&](size_t s, size_t g) { std::copy_n(group(*next_, s, g), field_.columns(), line_.data()); });
}

template <class Field>
double Session<Field>::constrain_spectrum(size_t start, const FourierRule& rule) {
  if constexpr (Field::kHasWeights) {
    if (rule.has_weights()) return field_.constrain(spectrum(start), rule, weights(start));
  }
  return field_.constrain(spectrum(start), true, rule);
}

template <class Field>
void Session<Field>::constrain_fourier(const Rule& rule) {
  restore_spectrum();
  for (size_t s = 0; s < starts_; s++) record(recorded_)[s] = constrain_spectrum(s, rule.fourier);
  recorded_++;
}

template <class Field>
void Session<Field>::measure_object(const Rule& projection) {
  clear_padding(*object_);
  Rule rule;
  transform_forward([&](size_t s, size_t g) {
    if (g == 0) rule = sized(projection, s, *object_, true);
    constrain_group(rule, s, g, group(*object_, s, g), 1, line_.data());
  });
  for (size_t s = 0; s < starts_; s++) record(recorded_)[s] = field_.constrain(spectrum(s), false, {});
  recorded_++;
}

// ---- reading and writing ----

template <class Field>
uint32_t Session<Field>::take_residuals(double* out) {
  const uint32_t count = records();
  for (uint64_t i = recorded_ - count; i < recorded_; i++) out = std::copy_n(record(i), starts_, out);
  taken_ = recorded_;
  return count;
}

template <class Field>
void Session<Field>::read_object(size_t start, size_t row, size_t rows, T* out) const {
  field_.read_image(group(*object_, start, 0), row, rows, out);
}

template <class Field>
bool Session<Field>::write_object(size_t start, size_t row, size_t rows, const T* in, bool as_iterate) {
  if (object_ == &iterate_ && !as_iterate) {
    if (!have(work_)) return false;
    std::copy_n(iterate_.data(), iterate_.size(), work_.data());
    object_ = next_ = &work_;
  }
  if (!have(*object_) || (as_iterate && !have(iterate_))) return false;
  for (const Buffer<Complex<V>>* image : {&iterate_, &work_})
    if (image == object_ || image == next_ || (as_iterate && image == &iterate_))
      field_.write_image(group(*image, start, 0), row, rows, in);
  return true;
}

template <class Field>
bool Session<Field>::keep_object(size_t start) {
  if (!have(iterate_)) return false;
  std::copy_n(group(*object_, start, 0), field_.image_size(), group(iterate_, start, 0));
  return true;
}

template <class Field>
void Session<Field>::read_spectrum(size_t start, size_t row, size_t rows, T* out) {
  restore_spectrum();
  field_.read_spectrum(spectrum(start), row, rows, out);
}

template <class Field>
void Session<Field>::write_spectrum(size_t start, const T* in) {
  restore_spectrum();  // for the other starts
  field_.write_spectrum(spectrum(start), in);
}

template <class Field>
void Session<Field>::read_stored(size_t start, size_t row, size_t rows, T* out) {
  restore_spectrum();
  field_.read_stored(spectrum(start), row, rows, out);
}

template <class Field>
void Session<Field>::write_stored(size_t start, size_t row, size_t rows, const T* in) {
  restore_spectrum();
  field_.write_stored(spectrum(start), row, rows, in);
}

template class Session<RealField<float>>;
template class Session<RealField<double>>;
template class Session<ComplexField<float>>;
template class Session<ComplexField<double>>;

}  // namespace rephase
