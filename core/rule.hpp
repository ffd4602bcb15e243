// A pixel rule as data: the numbers of src/rules.ts, which says what they mean, and how vectors of pixels take them.
#pragma once
#include <cstdint>
#include <limits>

#include "constraint.hpp"

namespace rephase {

// The image x·(previous iterate) + y·(new image).
struct Combination {
  double x, y;
  bool operator==(const Combination&) const = default;
};

struct Update {
  Combination iterate, next;
};

// Shares of P(tested value) that violating pixels get added.
struct Shares {
  double iterate = 0, next = 0;
};

// Those that a complex pixel may have, up to so far on either side of the middle, in radians. Half a turn: all.
struct Phases {
  double centre = 0, half_width = kHalfTurn;

  static constexpr double kHalfTurn = 3.14159265358979323846;
  bool are_any() const { return half_width >= kHalfTurn; }
};

struct Rule {
  Combination tested;
  Update satisfied, violated;
  bool keeps_iterate;
  Combination at_least = {0, 0};
  Shares projected = {};
  double low = 0, high = std::numeric_limits<double>::infinity();
  bool reflects_iterate = false;
  uint32_t support_size = 0;
  FourierRule fourier = {};
  // Of complex pixels, whose bounds are those of their sizes.
  Phases phases = {};
  bool in_two_planes = false;  // the size of each pixel is known

  bool needs_iterate() const {
    return keeps_iterate || tested.x != 0 || satisfied.iterate.x != 0 || satisfied.next.x != 0 ||
           violated.iterate.x != 0 || violated.next.x != 0 || at_least.x != 0;
  }

  // Whether a second application changes nothing: every pixel becomes y, y brought into bounds, or 0.
  bool is_projection() const {
    const auto keeps_or_clears = [](Combination c) { return c.x == 0 && (c.y == 0 || c.y == 1); };
    return tested.x == 0 && tested.y == 1 && keeps_or_clears(satisfied.iterate) && keeps_or_clears(satisfied.next) &&
           keeps_or_clears(violated.iterate) && keeps_or_clears(violated.next) && keeps_or_clears(at_least) &&
           (projected.iterate == 0 || projected.iterate == 1) && projected.next == projected.iterate &&
           !reflects_iterate;
  }

  // Whether only negative numbers violate the constraint, and pixels outside the support.
  bool is_plain() const { return low == 0 && !has_more_bounds(); }
  // Whether P makes 0 of every pixel that violates the constraint.
  bool projects_to_zero() const { return (low == 0 || support_size > 0) && !has_more_bounds(); }
  // Beside the low one.
  bool has_more_bounds() const {
    return high < std::numeric_limits<double>::infinity() || !phases.are_any() || in_two_planes;
  }
  // Whether the new iterate is the image to transform next, or the one to reflect.
  bool one_image() const { return satisfied.iterate == satisfied.next && violated.iterate == violated.next; }

  // The two steps of a rule that reflects: it makes the new iterate, and reflects that.
  Rule without_reflection() const {
    Rule rule = *this;
    rule.reflects_iterate = false;
    return rule;
  }
  Rule reflection() const {
    const Combination y = {0, 1}, minus_y = {0, -1};
    return {y,    {y, y}, {minus_y, minus_y}, false,   {0, 0}, {2, 2},       low,
            high, false,  support_size,       fourier, phases, in_two_planes};
  }

  bool has_floor() const { return at_least.x != 0 || at_least.y != 0; }
};

// The form of a combination. A coefficient of zero must take no part: 0 times infinity is not a number, and adding 0
// would make 0 of −0. One of 1 needs no multiplication.
enum class Terms { none, x, y, scaled_x, scaled_y, x_plus_scaled_y, both };

// A combination with its coefficients in every lane.
template <class V>
class Mixture {
 public:
  Mixture(Combination c) : x_(splat<V>(static_cast<Number<V>>(c.x))), y_(splat<V>(static_cast<Number<V>>(c.y))) {}

  Terms terms() const {
    if (x_[0] == 0) return y_[0] == 0 ? Terms::none : y_[0] == 1 ? Terms::y : Terms::scaled_y;
    if (y_[0] == 0) return x_[0] == 1 ? Terms::x : Terms::scaled_x;
    return x_[0] == 1 ? Terms::x_plus_scaled_y : Terms::both;
  }

  // `terms` is that of the combination, or known to be.
  Complex<V> of(Terms terms, Complex<V> x, Complex<V> y) const {
    switch (terms) {
      case Terms::none:
        return {V{}, V{}};
      case Terms::x:
        return x;
      case Terms::y:
        return y;
      case Terms::scaled_x:
        return x * x_;
      case Terms::scaled_y:
        return y * y_;
      case Terms::x_plus_scaled_y:
        return x + y * y_;
      default:
        return x * x_ + y * y_;
    }
  }

 private:
  V x_, y_;
};

}  // namespace rephase
