// The pixel rules: one struct an algorithm, in the order of ALGORITHMS in src/types.ts. Given the new image y, the
// previous iterate x, where the pixel is outside the support and β, a rule returns the new iterate and the image to
// transform next. The two differ only for reflecting rules, of which there is none yet.
//
// Where there is no previous iterate, `x` is y where the rule subtracts feedback from it and 0 where it keeps it, as
// the reference implementation (tuelwer/phase-retrieval) does: `Previous` carries both.
#pragma once
#include "simd.hpp"

namespace rephase {

enum class Algorithm { gerchberg_saxton, hybrid_input_output, input_output, output_output };

template <class V>
struct Previous {
  V fed_back, kept;
};
template <class V>
struct Update {
  V iterate, next;
};

// Where the object cannot be as y is: negative, or outside the support.
template <class V>
inline Mask<V> bad(V y, Mask<V> outside) {
  return (y < V{}) | outside;
}

// Gerchberg and Saxton, Optik 35, 237 (1972); with a support, error reduction (Fienup, Applied Optics 21, 2758, 1982).
struct GerchbergSaxton {
  static constexpr bool has_memory = false;
  static constexpr bool is_projection = true;
  template <class V>
  static Update<V> apply(V y, Previous<V>, Mask<V> outside, V) {
    const V x = (V)((Mask<V>)y & ~bad(y, outside));
    return {x, x};
  }
};

// Fienup (1982), hybrid input-output.
struct HybridInputOutput {
  static constexpr bool has_memory = true;
  static constexpr bool is_projection = false;
  template <class V>
  static Update<V> apply(V y, Previous<V> x, Mask<V> outside, V beta) {
    const V next = select<V>(bad(y, outside), x.fed_back - beta * y, y);
    return {next, next};
  }
};

// Fienup (1982), input-output.
struct InputOutput {
  static constexpr bool has_memory = true;
  static constexpr bool is_projection = false;
  template <class V>
  static Update<V> apply(V y, Previous<V> x, Mask<V> outside, V beta) {
    const V next = select<V>(bad(y, outside), x.fed_back - beta * y, x.kept);
    return {next, next};
  }
};

// Fienup (1982), output-output.
struct OutputOutput {
  static constexpr bool has_memory = false;
  static constexpr bool is_projection = false;
  template <class V>
  static Update<V> apply(V y, Previous<V>, Mask<V> outside, V beta) {
    const V next = select<V>(bad(y, outside), y - beta * y, y);
    return {next, next};
  }
};

// Calls f with the rule of an algorithm: the one place to add to.
template <class F>
auto with_rule(Algorithm algorithm, F&& f) {
  switch (algorithm) {
    case Algorithm::hybrid_input_output:
      return f(HybridInputOutput{});
    case Algorithm::input_output:
      return f(InputOutput{});
    case Algorithm::output_output:
      return f(OutputOutput{});
    default:
      return f(GerchbergSaxton{});
  }
}

}  // namespace rephase
